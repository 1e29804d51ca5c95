package download

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/smp"
)

// server answers each path in its own way.
func server(t *testing.T) (*httptest.Server, *Client) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a pack")) })
	mux.HandleFunc("/hop1", func(w http.ResponseWriter,
		r *http.Request,
	) {
		http.Redirect(w, r, "/hop2", http.StatusFound)
	})
	mux.HandleFunc("/hop2", func(w http.ResponseWriter,
		r *http.Request,
	) {
		http.Redirect(w, r, "/hop3", http.StatusFound)
	})
	mux.HandleFunc("/hop3", func(w http.ResponseWriter,
		r *http.Request,
	) {
		http.Redirect(w, r, "/file", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter,
		r *http.Request,
	) {
		http.Redirect(w, r, "/loop", http.StatusFound)
	})
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/file", http.StatusFound)
	})
	mux.HandleFunc("/inner", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://169.254.169.254/latest", http.StatusFound)
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	})
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, &Client{Guard: &smp.Guard{Local: true}, Roots: roots}
}

func TestGet(t *testing.T) {
	s, c := server(t)
	for _, path := range []string{"/file", "/hop1"} {
		if b, err := c.Get(t.Context(), s.URL+path, 1<<20); err != nil || !bytes.Equal(b, []byte("a pack")) {
			t.Errorf("%s: %q %v", path, b, err)
		}
	}
	for address, want := range map[string]string{
		s.URL + "/nothing": "404",
		s.URL + "/long":    "larger than 1 MiB",
		s.URL + "/endless": "larger than 1 MiB",
		s.URL + "/loop":    "more than 3 redirects (SEC-112)",
		s.URL + "/plain":   "away from https (SEC-112)",
		s.URL + "/inner":   "SEC-111",
		strings.Replace(s.URL, "https", "http", 1):          "only https",
		"https://user:secret@127.0.0.1/file":                "SEC-111",
		"https://example.com/file":                          "SEC-111", // local talks to this machine alone
		"file:///etc/passwd":                                "SEC-111",
		"https://127.0.0.1/file#" + strings.Repeat("x", 10): "SEC-111",
	} {
		b, err := c.Get(t.Context(), address, 1<<20)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || b != nil {
			t.Errorf("%s: %v, wanted %q", address, err, want)
		}
	}
}

// Outside of local nothing is fetched from an address of the own network, whatever a name resolves to.
func TestGetSEC111(t *testing.T) {
	s, c := server(t)
	c.Guard = &smp.Guard{Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.7")}, nil
	}}
	for _, address := range []string{s.URL + "/file", "https://rules.example.com/file", "https://localhost/file"} {
		if _, err := c.Get(t.Context(), address, 1<<20); err == nil || !strings.Contains(err.Error(), "SEC-111") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestGetEnds(t *testing.T) {
	s, c := server(t)
	c.Timeout = 50 * time.Millisecond
	if _, err := c.Get(t.Context(), s.URL+"/slow", 1<<20); err == nil ||
		!strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Error(err)
	}
	c.Timeout, c.Roots = 0, nil
	if _, err := c.Get(t.Context(), s.URL+"/file", 1<<20); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server with a certificate of nobody: %v", err)
	}
}

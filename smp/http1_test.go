package smp

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Access points are spoken to by HTTP/1.1 alone, although a server offers more; registers by what they offer.
func TestAccessPointsHTTP1(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	protocol := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request,
	) {
		protocol <- r.Proto
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{w.tls.Cert.Raw}, PrivateKey: w.tls.Key}}}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(w.pki.TLS.Cert)
	g := &Guard{Local: true}
	for want, client := range map[string]*http.Client{"HTTP/1.1": g.AccessPoints(roots), "HTTP/2.0": g.Client(roots)} {
		res, err := client.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close() // it is empty
		if got := <-protocol; got != want {
			t.Errorf("spoke %s, want %s", got, want)
		}
	}
	if _, err := g.AccessPoints(roots).Get("https://192.0.2.1/"); err == nil {
		t.Error("SEC-111: the guard is left out")
	}
}

package testbed

import (
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed/proxy"
)

// OPS-140, TB-242: two access points behind a proxy. Lookup and message go through it, and what it refuses is certainly
// not sent: never UNKNOWN, and sent as soon as the proxy allows it.
func TestOPS140NetworkBehindProxy(t *testing.T) {
	p := proxy.New(proxy.Options{Auth: "ravn:geheim"})
	defer p.Close()
	t.Setenv("RAVN_NETWORK_PROXY", "http://"+p.Addr())
	t.Setenv("RAVN_NETWORK_PROXY_USER", "ravn")
	t.Setenv("RAVN_NETWORK_PROXY_PASSWORD", "geheim")
	n, err := Start(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "net"), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	from, to := participant(t, Sender), participant(t, Receiver)
	docType, err := peppol.ParseDocType(DocType)
	if err != nil {
		t.Fatal(err)
	}
	forget := func() { // a new lookup and a new connection
		n.A.Outbound.Directory.Forget(to, docType)
		n.A.Outbound.Sender.HTTP.CloseIdleConnections()
	}
	submit := func() (store.Message, store.Job) {
		m, job, err := n.A.Submit(t.Context(), ap.Submission{From: from, To: to, Open: ap.Bytes(Invoice)})
		if err != nil {
			t.Fatal(err)
		}
		return m, job
	}
	state := func(m store.Message) store.State {
		now, err := n.A.Store.Get(t.Context(), db.DefaultTenant, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now.State
	}

	m, job := submit()
	if _, err := n.A.Attempt(t.Context(), m, job, as4.Peer{}); err != nil || state(m) != store.Sent {
		t.Fatalf("%s, %v", state(m), err)
	}
	if asked := p.Asked(); !slices.Equal(asked, []string{hostOf(t, n.SMP.URL()), hostOf(t, n.B.URL())}) {
		t.Errorf("the proxy was asked for %q; the SMP is %s, the access point %s", asked, n.SMP.URL(), n.B.URL())
	}

	for name, prepare := range map[string]func(){
		"at the lookup":       forget,
		"at the access point": n.A.Outbound.Sender.HTTP.CloseIdleConnections, // the metadata are cached
	} {
		for _, status := range []int{http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusBadGateway} {
			prepare()
			p.Deny(status)
			m, job := submit()
			_, err := n.A.Attempt(t.Context(), m, job, as4.Peer{})
			var coded *fault.Error
			if !errors.As(err, &coded) || coded.Code != fault.ProxyFailed {
				t.Errorf("%s, HTTP %d: got %v", name, status, err)
			}
			if s := state(m); s != store.RetryWait && s != store.Ready {
				t.Errorf("%s, HTTP %d: the message is %s, although nothing was sent", name, status, s)
			}
			p.Deny(0)
			if _, err := n.A.Send(t.Context(), m, as4.Peer{}); err != nil || state(m) != store.Sent {
				t.Errorf("%s, after HTTP %d: %s, %v", name, status, state(m), err)
			}
		}
	}
}

func participant(t *testing.T, id string) peppol.ParticipantID {
	t.Helper()
	p, err := peppol.ParseParticipant(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

package smp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/testbed/proxy"
)

// pair is a TLS certificate for a server.
func pair(id *certs.Identity) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{id.Cert.Raw}, PrivateKey: id.Key}
}

// behindProxy is a server that only a proxy can reach, as smp.example.org, and the guard of an access point of the test
// network in front of that proxy.
type behindProxy struct {
	proxy    *proxy.Server
	guard    *Guard
	roots    *x509.CertPool
	knows    []netip.Addr // what our resolver says about every name; none: it knows nothing
	protocol string       // of the last request that arrived
}

func newBehindProxy(t *testing.T, o proxy.Options) *behindProxy {
	t.Helper()
	w, b := newWorld(t), &behindProxy{roots: x509.NewCertPool()}
	b.roots.AddCert(w.pki.TLS.Cert)
	id := must[*certs.Identity](t)(w.pki.TLS.Issue(localca.Leaf{CN: "x", DNS: []string{"smp.example.org"}}, time.Now()))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request,
	) {
		b.protocol = r.Proto
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair(id)}}
	s.StartTLS()
	t.Cleanup(s.Close)
	o.Names = map[string]string{"smp.example.org:443": s.Listener.Addr().String()}
	b.proxy = proxy.New(o)
	t.Cleanup(b.proxy.Close)
	b.guard = &Guard{
		Proxy: &Proxy{Address: b.proxy.Addr(), TLS: o.TLS != nil, Roots: b.roots},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if len(b.knows) == 0 {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			return b.knows, nil
		},
	}
	return b
}

// get requests a URL and returns why that failed.
func (b *behindProxy) get(t *testing.T, url string) error {
	t.Helper()
	client := b.guard.Client(b.roots)
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err == nil {
		_ = resp.Body.Close() // only that it came
	}
	return err
}

const behindURL = "https://smp.example.org/x"

// OPS-140: connections are tunnels through the proxy, whether or not our resolver knows the name.
func TestOPS140Proxy(t *testing.T) {
	t.Parallel()
	tlsProxy := &tls.Config{Certificates: []tls.Certificate{pair(newWorld(t).tls)}}
	for _, tc := range []struct {
		name           string
		opts           proxy.Options
		user, password string
		knows          []netip.Addr
	}{
		{name: "our resolver knows nothing"},
		{name: "our resolver knows it", knows: []netip.Addr{netip.MustParseAddr("93.184.216.34")}},
		{name: "with credentials", opts: proxy.Options{Auth: "ravn:se:cret"}, user: "ravn", password: "se:cret"},
		{name: "a proxy that speaks TLS", opts: proxy.Options{TLS: tlsProxy}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBehindProxy(t, tc.opts)
			b.knows, b.guard.Proxy.User, b.guard.Proxy.Password = tc.knows, tc.user, tc.password
			if err := b.get(t, behindURL); err != nil {
				t.Fatal(err)
			}
			if asked := b.proxy.Asked(); !slices.Equal(asked, []string{"smp.example.org:443"}) || b.protocol == "" {
				t.Errorf("the proxy was asked for %q, and a request arrived by %q", asked, b.protocol)
			}
		})
	}
}

// SEC-111: the proxy never hears of what the guard refuses: by its URL, or by an address that our resolver knows.
func TestSEC111GuardBeforeProxy(t *testing.T) {
	t.Parallel()
	private, public := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("93.184.216.34")
	for _, tc := range []struct {
		url   string
		knows []netip.Addr
	}{
		{"http://smp.example.org/", nil},
		{"https://smp.example.org:8443/", nil},
		{"https://10.1.2.3/", nil},
		{"https://localhost/", nil},
		{"https://user@smp.example.org/", nil},
		{behindURL, []netip.Addr{private}},
		{behindURL, []netip.Addr{public, private}},
		{behindURL, []netip.Addr{netip.MustParseAddr("::ffff:169.254.169.254")}},
	} {
		b := newBehindProxy(t, proxy.Options{})
		b.knows = tc.knows
		if err := b.get(t, tc.url); !forbidden(err) {
			t.Errorf("%s with %v: got %v", tc.url, tc.knows, err)
		}
		if asked := b.proxy.Asked(); asked != nil {
			t.Errorf("%s with %v: the proxy was asked for %q", tc.url, tc.knows, asked)
		}
	}
}

// OPS-140: a proxy that refuses or cannot be reached is an error of its own, without credentials in its text.
func TestOPS140ProxyRefuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusBadGateway,
		http.StatusFound,
	} {
		b := newBehindProxy(t, proxy.Options{Deny: status})
		b.guard.Proxy.User, b.guard.Proxy.Password = "operator", "geheim"
		err := b.get(t, behindURL)
		var refused *ProxyError
		if !errors.As(err, &refused) || refused.Status != status || refused.Host != "smp.example.org:443" ||
			refused.Address != b.proxy.Addr() {
			t.Errorf("HTTP %d: got %v", status, err)
		}
		if text := err.Error(); strings.Contains(text, "geheim") || strings.Contains(text, "operator") {
			t.Errorf("credentials in %q", text)
		}
	}
	b := newBehindProxy(t, proxy.Options{})
	b.proxy.Close()
	var gone *ProxyError
	if err := b.get(t, behindURL); !errors.As(err, &gone) || gone.Status != 0 || gone.Err == nil {
		t.Errorf("a proxy that is not there: %v", err)
	}
	c := &Client{Guard: b.guard, Locator: &at{url: "https://smp.example.org"}, HTTP: b.guard.Client(b.roots)}
	_, err := c.Lookup(context.Background(), participant(t, receiver))
	if expect(t, "DISC-050 the proxy is not there", err, Unavailable); !errors.As(err, &gone) {
		t.Errorf("the lookup hides the proxy: %v", err)
	}
}

// A proxy that says nothing, or too much, holds nobody for ever.
func TestOPS140ProxyThatBabbles(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"too long":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"more":        "HTTP/1.1 200 OK\r\n\r\nand more",
		"not HTTP":    "220 mail.example ESMTP\r\n\r\n",
		"end at once": "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}()
		b := newBehindProxy(t, proxy.Options{})
		b.guard.Proxy.Address = l.Addr().String()
		var refused *ProxyError
		if err := b.get(t, behindURL); !errors.As(err, &refused) || refused.Err == nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Without the key no proxy is used, whatever the environment says: the host itself is connected to.
func TestOPS140EnvironmentIsNotAsked(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://proxy.example:3128")
	}
	var asked []string
	g := &Guard{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
		asked = append(asked, host)
		return nil, errors.New("nobody knows it")
	}}
	if _, err := g.Client(nil).Get(behindURL); err == nil || !slices.Equal(asked, []string{"smp.example.org"}) {
		t.Errorf("%v; names that were asked for: %q", err, asked)
	}
}

// network.no_proxy.
func TestOPS140Exceptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		exception, host string
		addrs           string
		want            bool
	}{
		{"example.org", "example.org", "", true},
		{"example.org", "Smp.Example.Org.", "", true},
		{"example.org", "badexample.org", "", false},
		{".example.org", "example.org", "", false},
		{".example.org", "a.b.example.org", "", true},
		{"*.example.org", "a.example.org", "", true},
		{"10.0.0.0/8", "a.example", "10.1.1.1", true},
		{"10.0.0.0/8", "a.example", "10.1.1.1 11.1.1.1", false},
		{"10.0.0.0/8", "a.example", "", false},
		{"127.0.0.1", "x", "::ffff:127.0.0.1", true},
		{"2001:db8::/32", "x", "2001:db8::1", true},
	} {
		e, err := ParseException(tc.exception)
		if err != nil {
			t.Fatal(err)
		}
		var addrs []netip.Addr
		for _, a := range strings.Fields(tc.addrs) {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		if e.covers(tc.host, addrs) != tc.want {
			t.Errorf("%s and %s (%s): want %t", tc.exception, tc.host, tc.addrs, tc.want)
		}
	}
	for _, text := range []string{"", ".", "a b", "http://a", "a:443", "10.0.0.0/99", "*"} {
		if _, err := ParseException(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	p := proxy.New(proxy.Options{})
	defer p.Close()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	g := &Guard{Local: true, Proxy: &Proxy{
		Address: p.Addr(),
		Except:  []Exception{{Network: netip.MustParsePrefix("127.0.0.0/8")}},
	}}
	resp, err := g.Client(nil).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if asked := p.Asked(); asked != nil {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

package smp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
)

func forbidden(err error) bool {
	var e *ForbiddenError
	return errors.As(err, &e)
}

func TestGuardURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://smp.example.org":             true,
		"https://SMP.Example.ORG/path":        true,
		"HTTPS://smp.example.org/":            true,
		"https://smp.example.org:443/a?b=c":   true,
		"https://xn--smp-0na.example.org/":    true,
		"https://a-b.c-1.example2.org/":       true,
		"https://smp.example.org/%2e%2e/a%23": true,

		"http://smp.example.org/":                              false,
		"ftp://smp.example.org/":                               false,
		"file:///etc/passwd":                                   false,
		"gopher://smp.example.org/":                            false,
		"unix:///run/docker.sock":                              false,
		"javascript:alert(1)":                                  false,
		"//smp.example.org/":                                   false,
		"smp.example.org":                                      false,
		"https:smp.example.org":                                false,
		"https://":                                             false,
		"https:///path":                                        false,
		"https://smp.example.org:80/":                          false,
		"https://smp.example.org:8443/":                        false,
		"https://smp.example.org:0443/":                        false,
		"https://smp.example.org:/":                            false,
		"https://smp.example.org:22/":                          false,
		"https://user@smp.example.org/":                        false,
		"https://user:pass@smp.example.org/":                   false,
		"https://smp.example.org@127.0.0.1/":                   false,
		"https://smp.example.org/#a":                           false,
		"https://smp.example.org/#":                            false,
		"https://localhost/":                                   false,
		"https://intranet/":                                    false,
		"https://127.0.0.1/":                                   false,
		"https://8.8.8.8/":                                     false,
		"https://127.1/":                                       false,
		"https://2130706433/":                                  false,
		"https://0x7f000001/":                                  false,
		"https://0x7f.0.0.1/":                                  false,
		"https://0177.0.0.1/":                                  false,
		"https://127.0.0.0x1/":                                 false,
		"https://[::1]/":                                       false,
		"https://[::ffff:127.0.0.1]/":                          false,
		"https://[fe80::1%25eth0]/":                            false,
		"https://[2001:4860:4860::8888]/":                      false,
		"https://smp.example.org./":                            false,
		"https://smp..example.org/":                            false,
		"https://.example.org/":                                false,
		"https://-smp.example.org/":                            false,
		"https://smp-.example.org/":                            false,
		"https://smp_1.example.org/":                           false,
		"https://smp%2eexample.org/":                           false,
		"https://127.0.0.1%23.example.org/":                    false,
		"https://smp.example.org%00.evil.org/":                 false,
		"https://smp.exämple.org/":                             false,
		"https://ｓｍｐ.example.org/":                             false,
		"https://smp.example.org\\@evil.org/":                  false,
		"https://smp.example.org/a b":                          false,
		"https://smp.example.org/\r\nX: y":                     false,
		" https://smp.example.org/":                            false,
		"https://" + strings.Repeat("a", 64) + ".example.org/": false,
		"https://" + strings.Repeat("abcdefg.", 40) + "org/":   false,
		"https://smp.example.org/" + strings.Repeat("a", 2048): false,
	} {
		u, err := (&Guard{}).Parse(text)
		if (err == nil) != want || err != nil && !forbidden(err) {
			t.Errorf("SEC-111 %q: got %v, %v", text, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "pass") && strings.Contains(text, "pass@") {
			t.Errorf("SEC-111: the error repeats a password: %v", err)
		}
	}
	for text, want := range map[string]bool{
		"http://127.0.0.1:8080/as4":  true,
		"https://127.0.0.1:8443/":    true,
		"http://[::1]:8080/":         true,
		"https://localhost:9443/as4": true,
		"http://127.9.9.9/":          true,

		"http://localhost.evil.example:80/": false,
		"https://smp.example.org/":          false,
		"http://10.0.0.1:8080/":             false,
		"http://0.0.0.0:8080/":              false,
		"http://169.254.169.254/":           false,
		"http://[::]:8080/":                 false,
		"http://[::1%25lo]:8080/":           false,
		"http://2130706433/":                false,
		"ftp://127.0.0.1/":                  false,
		"http://a@127.0.0.1/":               false,
		"http://127.0.0.1/#a":               false,
	} {
		if u, err := (&Guard{Local: true}).Parse(text); (err == nil) != want {
			t.Errorf("D-20 %q: got %v, %v", text, u, err)
		}
	}
}

func TestGuardAddress(t *testing.T) {
	t.Parallel()
	own := &Guard{Deny: []netip.Prefix{netip.MustParsePrefix("8.8.4.0/24")}}
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "193.161.32.1": true, "172.15.255.255": true, "172.32.0.0": true,
		"100.128.0.0": true, "223.255.255.255": true,
		"2001:4860:4860::8888": true, "2a00:1450:400f::1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,
		"2002:808:808::1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "10.255.255.255": false, "100.64.0.1": false,
		"100.127.255.255": false,
		"127.0.0.1":       false, "127.255.255.254": false, "169.254.169.254": false, "172.16.0.1": false,
		"172.31.255.255": false,
		"192.0.0.8":      false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false, "198.18.0.1": false,
		"198.19.255.255": false,
		"198.51.100.1":   false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false,
		"255.255.255.255": false,
		"::":              false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false,
		"fd12:3456::1": false,
		"fec0::1":      false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::808:808": false, "2002:7f00:1::1": false,
		"2002:a00:1::1": false,
		"2001:db8::1":   false, "3fff::1": false, "2001::1": false, "2001:10::1": false, "100::1": false,
		"5f00::1": false,
		"8.8.4.4": false, "::ffff:8.8.4.4": false, "64:ff9b::808:404": false, // our own
	} {
		a := netip.MustParseAddr(text)
		if err := own.CheckAddr(a); (err == nil) != want {
			t.Errorf("SEC-111 %s: got %v", text, err)
		}
		if err := own.Control("tcp", net.JoinHostPort(text, "443"), nil); (err == nil) != want {
			t.Errorf("SEC-111 connecting to %s: got %v", text, err)
		}
		if err := (&Guard{Local: true}).CheckAddr(a); (err == nil) != (a.Zone() == "" && a.Unmap().IsLoopback()) {
			t.Errorf("D-20 %s: got %v", text, err)
		}
	}
	if err := own.CheckAddr(netip.Addr{}); !forbidden(err) {
		t.Errorf("SEC-111 no address: got %v", err)
	}
	for _, address := range []string{"8.8.8.8:80", "8.8.8.8:8443", "smp.example.org:443", "8.8.8.8", ""} {
		if err := own.Control("tcp", address, nil); !forbidden(err) {
			t.Errorf("SEC-111 connecting to %q: got %v", address, err)
		}
	}
}

// TestRebinding asks a real DNS server that names a public address first and 127.0.0.1 from then on.
func TestRebinding(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	resolver := rebinding(t, &asked)
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return resolver.LookupNetIP(ctx, "ip4", host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	first, err := lookup(ctx, "smp.rebind.example.")
	if err != nil || (&Guard{}).CheckAddr(first[0]) != nil {
		t.Fatalf("the first answer must pass: %v, %v", first, err)
	}
	// A dialer that resolves by itself gets the second answer; Control sees the address that comes of it.
	d := net.Dialer{Resolver: resolver, Control: (&Guard{}).Control}
	if _, err := d.DialContext(ctx, "tcp", "smp.rebind.example:443"); !forbidden(err) {
		t.Errorf("SEC-111 at the socket: got %v", err)
	}
	g := &Guard{Resolve: lookup}
	before := asked.Load()
	if _, err := g.DialContext(ctx, "tcp", "smp.rebind.example:443"); !forbidden(err) {
		t.Errorf("SEC-111 second answer: got %v", err)
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("SEC-111: resolved %d times for one connection", n)
	}
	g.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	if _, err := g.DialContext(ctx, "tcp", "smp.rebind.example:443"); !forbidden(err) {
		t.Errorf("SEC-111 one bad address among good ones: got %v", err)
	}
	g.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	if _, err := g.DialContext(ctx, "tcp", "smp.rebind.example:443"); err == nil || forbidden(err) {
		t.Errorf("no address: got %v", err)
	}
}

// rebinding starts the DNS server and returns a resolver that asks nothing else.
func rebinding(t *testing.T, asked *atomic.Int32) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			ip := net.IPv4(127, 0, 0, 1)
			if asked.Add(1) == 1 {
				ip = net.IPv4(8, 8, 8, 8)
			}
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{
				Name: q.Question[0].Name, Rrtype: dns.TypeA,
				Class: dns.ClassINET,
			}, A: ip}}
		}
		_ = w.WriteMsg(m)
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { _ = s.Shutdown() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func TestGuardClient(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		arrived.Add(1)
		if req.Header.Get("Accept-Encoding") != "" {
			t.Errorf("SEC-113: it asks for %s", req.Header.Get("Accept-Encoding"))
		}
		http.Redirect(w, req, "/elsewhere", http.StatusFound)
	}))
	defer s.Close()
	local := (&Guard{Local: true}).Client(nil)
	resp, err := local.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusFound || arrived.Load() != 1 {
		t.Errorf("DISC-066: status %d after %d requests", resp.StatusCode, arrived.Load())
	}
	local.CloseIdleConnections()

	body := &closed{Reader: strings.NewReader("x")}
	if _, err := (&Guard{}).Client(nil).Post(s.URL, "text/plain", body); !forbidden(err) || !body.closed {
		t.Errorf("SEC-111 http: got %v, body closed: %t", err, body.closed)
	}
	g := &Guard{Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}
	if _, err := g.Client(nil).Get("https://smp.example.org/"); !forbidden(err) {
		t.Errorf("SEC-111 a name that means 127.0.0.1: got %v", err)
	}
	if arrived.Load() != 1 {
		t.Error("SEC-111: a forbidden request arrived")
	}
	c := &Client{Guard: g, Locator: &at{url: "https://smp.example.org"}}
	_, err = c.Lookup(context.Background(), participant(t, receiver))
	expect(t, "SEC-111", err, Forbidden)
}

// TestGuardTLS checks which servers the client talks to (DISC-091, SEC-122).
func TestGuardTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	issue := func(l localca.Leaf) *certs.Identity { return must[*certs.Identity](t)(w.pki.TLS.Issue(l, now)) }
	local := []string{"127.0.0.1"}
	for _, tc := range []struct {
		name string
		id   *certs.Identity
		max  uint16
		want bool
	}{
		{"SEC-122 good", w.tls, 0, true},
		{"SEC-122 TLS 1.2", w.tls, tls.VersionTLS12, true},
		{"SEC-122 TLS 1.1", w.tls, tls.VersionTLS11, false},
		{"SEC-122 other host", issue(localca.Leaf{CN: "x", DNS: []string{"ap.example.org"}}), 0, false},
		{"SEC-122 expired", issue(localca.Leaf{
			CN: "x", DNS: local, NotBefore: now.Add(-48 * time.Hour),
			Valid: time.Hour,
		}), 0, false},
		{"SEC-122 Peppol certificate", must[*certs.Identity](t)(w.pki.SMP.Issue(localca.Leaf{CN: "x", DNS: local},
			now)), 0, false},
	} {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{
			MinVersion: tls.VersionTLS10, MaxVersion: tc.max,
			Certificates: []tls.Certificate{{Certificate: [][]byte{tc.id.Cert.Raw}, PrivateKey: tc.id.Key}},
		}
		s.StartTLS()
		roots := x509.NewCertPool()
		roots.AddCert(w.pki.TLS.Cert)
		resp, err := (&Guard{Local: true}).Client(roots).Get(s.URL)
		if (err == nil) != tc.want {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		s.Close()
	}
}

type closed struct {
	io.Reader
	closed bool
}

func (c *closed) Close() error { c.closed = true; return nil }

// FuzzGuard checks that what passes is an https URL of a named host, also when it is read again.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{
		"https://smp.example.org/a?b", "https://127.0.0.1", "https://a@b.c:443",
		"https://[::1]/", "https://a.b%2ec/", "https://0x7f.1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := (&Guard{}).Parse(s)
		if err != nil {
			return
		}
		_, notName := netip.ParseAddr(u.Hostname())
		if u.Scheme != "https" || u.User != nil || notName == nil || u.Port() != "" && u.Port() != "443" {
			t.Errorf("%q passes as %s", s, u)
		}
		if again, err := url.Parse(u.String()); err != nil || (&Guard{}).Check(again) != nil {
			t.Errorf("%q does not pass when read again: %v", u, err)
		}
	})
}

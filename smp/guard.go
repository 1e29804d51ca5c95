package smp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Guard decides which URLs and addresses from DNS or metadata may be contacted, so that nobody can make the server
// connect to its own network (SEC-111, DISC-054). In test and production that is https on port 443 of a host name with
// public addresses; in local only loopback, on any port, also with http (D-20). The zero value is for test and
// production.
type Guard struct {
	Local bool           // environment local
	Deny  []netip.Prefix // further forbidden addresses, for example our own public ones
	Ports []string       // allowed beside 443

	// Resolve returns the addresses of a host; nil means the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	Proxy *Proxy // through which connections are made; nil means directly, whatever the process's environment says
}

// ForbiddenError is a refusal by a Guard.
type ForbiddenError struct {
	What string // URL, host or address
	Why  string
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("smp: guard: %s: %s (SEC-111)", e.What, e.Why)
}

// Timeouts of connections (DISC-068, SEC-122).
const (
	connectTimeout   = 5 * time.Second // for each address of a host
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 30 * time.Second
	idlePerPeer      = 8   // connections to an access point that are kept, of 64 in all
	tlsSessions      = 512 // of access points
)

// Parse parses and checks a URL.
func (g *Guard) Parse(text string) (*url.URL, error) {
	if len(text) > 2048 || strings.ContainsFunc(text,
		func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' || c == '#' }) {
		return nil, &ForbiddenError{"a URL", "it is too long, or has a fragment or characters that a URL cannot have"}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, &ForbiddenError{"a URL", "it is malformed"} // err would quote the URL, password included
	}
	_, rest, _ := strings.Cut(text, "//")
	if authority, _, _ := strings.Cut(rest, "/"); strings.Contains(authority, "%") { // url.Parse has decoded it away
		return nil, &ForbiddenError{"a URL", "its host is percent-encoded"}
	}
	return u, g.Check(u)
}

// Check returns an error if u may not be requested. The addresses of its host are checked when a connection is made.
func (g *Guard) Check(u *url.URL) error {
	no := func(why string) error { return &ForbiddenError{u.Redacted(), why} }
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !g.Local):
		return no("the scheme is not https")
	case u.Opaque != "" || u.Host == "":
		return no("it has no host")
	case u.User != nil:
		return no("it has user information")
	case u.Fragment != "" || u.RawFragment != "":
		return no("it has a fragment")
	case strings.HasSuffix(u.Host, ":") || !g.Local && !g.allows(u.Port()):
		return no("the port is not 443")
	}
	if why := g.badHost(u.Hostname()); why != "" {
		return no(why)
	}
	return nil
}

// allows reports whether a port of another machine may be connected to.
func (g *Guard) allows(port string) bool {
	return port == "" || port == "443" || slices.Contains(g.Ports, port)
}

// badHost says what is wrong with a host. IP addresses are refused in every notation: software disagrees about what the
// odd ones mean, and access points have certificates for names only.
func (g *Guard) badHost(host string) string {
	if g.Local {
		if a, err := netip.ParseAddr(host); host == "localhost" || err == nil && g.badAddr(a) == "" {
			return ""
		}
		return "the host is not this machine"
	}
	labels := strings.Split(host, ".")
	if len(host) > 253 || len(labels) < 2 {
		return "the host is not a full domain name"
	}
	for _, l := range labels {
		if !isLDH(l) {
			return "the host is not a name of letters, digits and hyphens"
		}
	}
	if top := labels[len(labels)-1]; top[0] < 'A' { // a digit: 127.0.0.1, 0x7f.1 and other notations of addresses
		return "the host is an address instead of a name"
	}
	return ""
}

func isLDH(label string) bool {
	return label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' &&
		!strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
		})
}

// CheckAddr returns an error if a may not be connected to.
func (g *Guard) CheckAddr(a netip.Addr) error {
	if why := g.badAddr(a); why != "" {
		return &ForbiddenError{a.String(), why}
	}
	return nil
}

func (g *Guard) badAddr(a netip.Addr) string {
	if a.Zone() != "" {
		return "the address has a zone"
	}
	a = a.Unmap() // an IPv4 address in IPv6 form is that IPv4 address
	leads := leadsTo(a)
	switch {
	case g.denied(a), g.denied(leads):
		return "the address is on the deny list"
	case g.Local && !a.IsLoopback():
		return "the address is not this machine"
	case !g.Local && !isPublic(leads):
		return "the address is not public"
	}
	return ""
}

func (g *Guard) denied(a netip.Addr) bool {
	return slices.ContainsFunc(g.Deny, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Control checks the very address that a socket is about to connect to, so that a name which has changed its meaning
// since it was checked (DNS rebinding) gains nothing. It is meant for net.Dialer.Control.
func (g *Guard) Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &ForbiddenError{address, "it is not an address"}
	}
	if !g.Local && !g.allows(strconv.Itoa(int(ap.Port()))) {
		return &ForbiddenError{address, "the port is not 443"}
	}
	return g.CheckAddr(ap.Addr())
}

// DialContext resolves the host once, checks all its addresses, and connects to one of them, or through the Proxy.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if g.Proxy != nil {
		return g.dialProxied(ctx, network, host, port)
	}
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if err := g.checkAll(host, addrs); err != nil {
		return nil, err
	}
	return g.dialAny(ctx, network, addrs, port)
}

// checkAll returns an error if one of the addresses of a host may not be connected to.
func (g *Guard) checkAll(host string, addrs []netip.Addr) error {
	for _, a := range addrs {
		if err := g.CheckAddr(a); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	return nil
}

// dialAny connects to the first address that answers.
func (g *Guard) dialAny(ctx context.Context, network string, addrs []netip.Addr, port string) (conn net.Conn,
	err error,
) {
	d := net.Dialer{Timeout: connectTimeout, Control: g.Control}
	for _, a := range addrs {
		if conn, err = d.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// resolve returns at least one address of host.
func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	lookup := g.Resolve
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			if !g.Local {
				host += "." // without a search list
			}
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err := lookup(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("smp: guard: " + host + " has no address")
	}
	return addrs, err
}

// Client returns an HTTP client that contacts only what g allows. It follows no redirects (DISC-066, AS4-010), uses no
// proxy but that of g, does not ask for compression (SEC-113), requires TLS 1.2 or later and trusts the given roots,
// nil meaning those of the system (DISC-091, SEC-122). It does not limit the time of a whole exchange; the context of
// the request does.
func (g *Guard) Client(roots *x509.CertPool) *http.Client {
	t := &http.Transport{ // without Proxy: DialContext sees to it
		DialContext:            g.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    handshakeTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 32 << 10, // SEC §5
		MaxIdleConns:           64,
		IdleConnTimeout:        idleTimeout,
		ForceAttemptHTTP2:      true,
	}
	return &http.Client{Transport: &guarded{g, t}, CheckRedirect: noRedirect}
}

// Inside returns a client for targets that an operator has named and that may be inside: no address is refused, and no
// proxy is used. roots are as for Client.
func Inside(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout: handshakeTimeout, DisableCompression: true, MaxResponseHeaderBytes: 32 << 10,
			IdleConnTimeout: idleTimeout, DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext,
		},
		CheckRedirect: noRedirect,
	}
}

// AccessPoints returns a client like Client for posting to access points: it speaks HTTP/1.1 only, the one version with
// which AS4 products are tested. Connections are kept for the next message, and TLS sessions for the next connection: a
// connection that was closed costs no key exchange with certificates when it is opened again.
func (g *Guard) AccessPoints(roots *x509.CertPool) *http.Client {
	c := g.Client(roots)
	t := c.Transport.(*guarded).next
	t.ForceAttemptHTTP2, t.Protocols = false, &http.Protocols{}
	t.Protocols.SetHTTP1(true)
	t.MaxIdleConnsPerHost = idlePerPeer
	t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(tlsSessions)
	return c
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// guarded checks the URL of each request before it gets a connection.
type guarded struct {
	guard *Guard
	next  *http.Transport
}

func (t *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.guard.Check(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // http.RoundTripper requires it
		}
		return nil, err
	}
	return t.next.RoundTrip(req)
}

// CloseIdleConnections is called by http.Client.CloseIdleConnections.
func (t *guarded) CloseIdleConnections() { t.next.CloseIdleConnections() }

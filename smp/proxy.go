package smp

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Proxy is an HTTP proxy through which a Guard's connections are made (OPS-140). The Guard has judged the URL before,
// and the addresses of its host if our resolver knows them; whatever else a name means is left to the proxy. All
// connections are tunnels (CONNECT), so that the proxy sees neither the messages nor the metadata.
type Proxy struct {
	Address  string         // host:port
	TLS      bool           // the connection to the proxy itself is encrypted
	Roots    *x509.CertPool // CAs that are trusted for it; nil means those of the system
	User     string         // for Basic authentication; "" means none is offered
	Password string
	Except   []Exception // hosts that are connected to directly
}

// Exception is a host, a domain with everything below it, or a network that needs no proxy.
type Exception struct {
	Host    string       // "erp.example", or ".example" for everything below it
	Network netip.Prefix // used if Host is ""
}

// ParseException reads an exception: a name, which stands for the names below it as well unless it is an address;
// .example or *.example for the names below only; an address; a network.
func ParseException(text string) (Exception, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return Exception{Network: p.Masked()}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return Exception{Network: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	host := strings.ToLower(strings.TrimPrefix(text, "*"))
	for label := range strings.SplitSeq(strings.TrimPrefix(host, "."), ".") {
		if !isLDH(label) {
			return Exception{}, errors.New("want a host name, a domain like .example.org, an address or a network")
		}
	}
	return Exception{Host: host}, nil
}

// covers reports whether a host, or all of its known addresses, need no proxy.
func (e Exception) covers(host string, addrs []netip.Addr) bool {
	if e.Host != "" {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		return host == e.Host || strings.HasSuffix(host, "."+strings.TrimPrefix(e.Host, "."))
	}
	for _, a := range addrs {
		if !e.Network.Contains(a.Unmap()) {
			return false
		}
	}
	return len(addrs) > 0
}

// ProxyError means that the proxy could not be reached or did not make the connection. Nothing was sent to the other
// side.
type ProxyError struct {
	Address string // of the proxy
	Host    string // that was to be reached
	Status  int    // what the proxy answered; 0 if no answer came
	Err     error
}

func (e *ProxyError) Error() string {
	what := "cannot be used"
	switch e.Status {
	case 0:
	case http.StatusProxyAuthRequired:
		what = "wants other credentials (HTTP 407)"
	case http.StatusForbidden:
		what = "does not allow it (HTTP 403)"
	default:
		what = fmt.Sprintf("did not make it (HTTP %d)", e.Status)
	}
	s := "smp: connection to " + e.Host + ": the proxy " + e.Address + " " + what
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// resolveWait is how long our resolver may take for a name that the proxy resolves anyway.
const resolveWait = 3 * time.Second

// dialProxied checks the addresses of a host if our resolver knows them, and connects through the proxy, or directly if
// an exception covers the host.
func (g *Guard) dialProxied(ctx context.Context, network, host, port string) (net.Conn, error) {
	look, cancel := context.WithTimeout(ctx, resolveWait)
	addrs, err := g.resolve(look, host)
	cancel()
	if err == nil {
		if err := g.checkAll(host, addrs); err != nil {
			return nil, err
		}
	} else {
		addrs = nil // behind many a proxy only the proxy resolves public names
	}
	for _, e := range g.Proxy.Except {
		if !e.covers(host, addrs) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return g.dialAny(ctx, network, addrs, port)
	}
	return g.Proxy.dial(ctx, net.JoinHostPort(host, port))
}

// dial connects to a host through the proxy.
func (p *Proxy) dial(ctx context.Context, target string) (net.Conn, error) {
	failed := func(err error) error { return &ProxyError{Address: p.Address, Host: target, Err: err} }
	d := net.Dialer{Timeout: connectTimeout}
	conn, err := d.DialContext(ctx, "tcp", p.Address)
	if err != nil {
		return nil, failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout+handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends what waits below
	tunnel, status, err := p.connect(ctx, conn, target)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || status/100 != 2 {
		_ = conn.Close() // it is of no more use
		return nil, &ProxyError{Address: p.Address, Host: target, Status: status, Err: err}
	}
	return tunnel, nil
}

// connect asks the proxy at the other end of a connection for a tunnel.
func (p *Proxy) connect(ctx context.Context, conn net.Conn, target string) (tunnel net.Conn, status int, err error) {
	if p.TLS {
		name, _, err := net.SplitHostPort(p.Address)
		if err != nil {
			return nil, 0, err
		}
		secure := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: p.Roots, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, 0, err
		}
		conn = secure
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	req.Header.Set("User-Agent", "ravn")
	if p.User != "" {
		pair := base64.StdEncoding.EncodeToString([]byte(p.User + ":" + p.Password))
		req.Header.Set("Proxy-Authorization", "Basic "+pair)
	}
	if err := req.Write(conn); err != nil {
		return nil, 0, err
	}
	r := bufio.NewReader(limitedHead{conn, new(int)})
	res, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, 0, err
	}
	if res.StatusCode/100 == 2 && r.Buffered() > 0 { // the other side speaks second, in TLS and in HTTP
		return nil, 0, errors.New("it sent something before it was asked")
	}
	return conn, res.StatusCode, nil
}

// maxProxyHead bounds the answer of a proxy.
const maxProxyHead = 64 << 10

// limitedHead ends the reading of an answer that is too long.
type limitedHead struct {
	conn net.Conn
	read *int
}

func (l limitedHead) Read(b []byte) (int, error) {
	if *l.read > maxProxyHead {
		return 0, errors.New("its answer is too long")
	}
	n, err := l.conn.Read(b)
	*l.read += n
	return n, err
}

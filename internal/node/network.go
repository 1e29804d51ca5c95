package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
)

// network makes the client for outgoing messages and the directory of receivers.
func (n *Node) network() (*http.Client, ap.Directory, error) {
	roots, err := n.tlsRoots()
	if err != nil {
		return nil, nil, err
	}
	client := outgoing(n.Config.Env(), roots)
	return client, nil, nil
}

// tlsRoots returns the CAs for outgoing TLS: of the file, else of the operating system.
func (n *Node) tlsRoots() (*x509.CertPool, error) {
	file := n.Config.Certs.TLSRoots
	if file == "" {
		return nil, nil //nolint:nilnil // nil is the pool of the operating system
	}
	text, err := os.ReadFile(n.Config.Path(file))
	if err != nil {
		return nil, fault.New(fault.AnchorsUnreadable, err, "%s", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.AnchorsUnreadable, nil, "%s has no certificate", file)
	}
	return pool, nil
}

// outgoing makes an HTTP client for other access points: no redirects, no proxy, no compression, TLS 1.2 at least, and no
// address that the environment forbids, checked when the connection is made (AS4-003, AS4-010, SEC-111, SEC-122, D-20).
func outgoing(env certs.Environment, roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error { return allowed(env, address) }}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"http/1.1"}},
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, DisableCompression: true,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
		},
	}
}

// allowed tells whether a socket may be opened to an address.
func allowed(env certs.Environment, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if env == certs.Local && !ap.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("node: %s is not a loopback address, and local talks to nothing else (D-20)", address)
	}
	return nil
}

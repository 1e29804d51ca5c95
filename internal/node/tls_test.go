package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
)

// TestSEC121Server scans our side of TLS with clients that can do one thing each.
func TestSEC121Server(t *testing.T) {
	p, _ := testPKI(t)
	issue := func() *certs.Identity {
		id, err := p.TLS.Issue(localca.Leaf{CN: "127.0.0.1", DNS: []string{"127.0.0.1"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	dir := t.TempDir()
	cert := &reloading{certFile: filepath.Join(dir, "tls.pem"), keyFile: filepath.Join(dir, "tls.key")}
	write := func(id *certs.Identity) {
		key, err := localca.EncodeKey(id.Key)
		if err = errors.Join(err, os.WriteFile(cert.certFile, localca.EncodeCerts(id.Cert), 0o600),
			os.WriteFile(cert.keyFile, key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	first := issue()
	write(first)
	roots := x509.NewCertPool()
	roots.AddCert(p.TLS.Cert)
	scan := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		client, server := net.Pipe()
		defer func() { _, _ = client.Close(), server.Close() }() // nothing more is read
		go func() { _ = tls.Server(server, serverTLS(cert)).Handshake() }()
		cfg := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"h2", "http/1.1"}}
		change(cfg)
		conn := tls.Client(client, cfg)
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		err := conn.Handshake()
		return conn.ConnectionState(), err
	}
	old := func(version uint16, suites ...uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, suites }
	}
	for _, tc := range []struct {
		name   string
		change func(*tls.Config)
		ok     bool
	}{
		{"TLS 1.0", old(tls.VersionTLS10), false},
		{"TLS 1.1", old(tls.VersionTLS11), false},
		{"CBC", old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), false},
		{"RSA key exchange", old(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_RSA_WITH_AES_256_GCM_SHA384), false},
		{"3DES", old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), false},
		{"P-521 alone", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }, false},
		{"TLS 1.2 with AES-128-GCM", old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), true},
		{"TLS 1.2 with ChaCha20", old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256), true},
		{"TLS 1.3", old(tls.VersionTLS13), true},
	} {
		asked := false
		st, err := scan(func(c *tls.Config) {
			tc.change(c)
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}
		})
		if (err == nil) != tc.ok || asked || tc.ok && st.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: %v, %q, asked for a certificate: %v", tc.name, err, st.NegotiatedProtocol, asked)
		}
	}

	second := issue()
	write(second)
	for _, f := range []string{cert.certFile, cert.keyFile} {
		if err := os.Chtimes(f, time.Time{}, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	cert.checked = time.Time{}
	st, err := scan(func(*tls.Config) {})
	if err != nil || !st.PeerCertificates[0].Equal(second.Cert) {
		t.Errorf("a renewed certificate is not used: %v", err)
	}
	if err := os.WriteFile(cert.keyFile, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert.checked = time.Time{}
	if st, err = scan(func(*tls.Config) {}); err != nil || !st.PeerCertificates[0].Equal(second.Cert) {
		t.Errorf("a key that cannot be read took the certificate away: %v", err)
	}
}

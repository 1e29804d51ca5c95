package node

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// reloading is a TLS certificate that is read again when its files change, without a restart (SEC-121).
type reloading struct {
	certFile, keyFile string

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   [2]time.Time
	checked time.Time
}

// reloadEvery is how often the files are looked at.
const reloadEvery = 10 * time.Second

// get returns the certificate for a handshake. A changed file that cannot be read leaves the old certificate in use.
func (r *reloading) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cert != nil && time.Since(r.checked) < reloadEvery {
		return r.cert, nil
	}
	r.checked = time.Now()
	stamp, err := r.stamps()
	if err == nil && (r.cert == nil || stamp != r.stamp) {
		var cert tls.Certificate
		if cert, err = tls.LoadX509KeyPair(r.certFile, r.keyFile); err == nil {
			r.cert, r.stamp = &cert, stamp
		}
	}
	if r.cert == nil {
		return nil, err
	}
	return r.cert, nil
}

// stamps returns the times of both files.
func (r *reloading) stamps() (s [2]time.Time, err error) {
	for i, name := range []string{r.certFile, r.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return s, err
		}
		s[i] = info.ModTime()
	}
	return s, nil
}

// serverTLS is the server side of SEC-121: TLS 1.2 with authenticated encryption and forward secrecy, or 1.3; no client
// certificate; HTTP/1.1 (SEC-014).
func serverTLS(cert *reloading) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
		NextProtos:       []string{"http/1.1"},
		GetCertificate:   cert.get,
	}
}

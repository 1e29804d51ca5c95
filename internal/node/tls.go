package node

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// reloading is a TLS certificate that is read again when its files change, without a restart (SEC-121).
type reloading struct {
	certFile, keyFile string
	reloaded          func(*tls.Certificate, error) // called once for each change after the first load; may be nil

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   [2]time.Time // modification times of the files of cert
	failed  string       // stamp and error of the last change if it could not be used, else ""
	checked time.Time
}

// reloadEvery is how often the files are checked.
const reloadEvery = 10 * time.Second

// use takes the certificate from other files. Where one cannot be read, the old certificate stays in use.
func (r *reloading) use(certFile, keyFile string, reloaded func(*tls.Certificate, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloaded, r.checked = reloaded, time.Time{}
	if r.certFile != certFile || r.keyFile != keyFile {
		r.certFile, r.keyFile, r.stamp = certFile, keyFile, [2]time.Time{}
	}
}

// get returns the certificate for a handshake. If a changed file cannot be read, the old certificate stays in use.
func (r *reloading) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cert != nil && time.Since(r.checked) < reloadEvery {
		return r.cert, nil
	}
	r.checked = time.Now()
	err := r.load()
	if r.cert == nil {
		return nil, err
	}
	return r.cert, nil
}

// load reads the files if they changed.
func (r *reloading) load() error {
	stamp, err := r.stamps()
	if err == nil && r.cert != nil && stamp == r.stamp {
		r.failed = ""
		return nil
	}
	var cert tls.Certificate
	if err == nil {
		cert, err = tls.LoadX509KeyPair(r.certFile, r.keyFile)
	}
	first := r.cert == nil
	if err == nil {
		r.cert, r.stamp, r.failed = &cert, stamp, ""
	}
	if first || r.reloaded == nil {
		return err
	}
	if err == nil {
		r.reloaded(r.cert, nil)
	} else if failed := fmt.Sprint(stamp, err); failed != r.failed {
		r.failed = failed
		r.reloaded(r.cert, err)
	}
	return err
}

// stamps returns the modification times of both files.
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

// logReload logs that the TLS certificate has changed.
func (n *Node) logReload(cert *tls.Certificate, err error) {
	if err != nil {
		n.opts.Log.Error().Str("error", clean(err.Error())).Time("valid_until", cert.Leaf.NotAfter).
			Msg("the changed TLS certificate cannot be used; the old one stays")
		return
	}
	n.opts.Log.Info().Str("subject", clean(cert.Leaf.Subject.String())).Time("valid_until", cert.Leaf.NotAfter).
		Msg("the TLS certificate was reloaded")
}

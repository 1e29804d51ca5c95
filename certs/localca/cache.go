package localca

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

var shared struct {
	once sync.Once
	pki  *PKI
	err  error
}

// Shared returns one hierarchy per process, for tests. RAVN_TEST_PKI names a folder in which several processes share
// it, so that the CA keys are made once per run.
func Shared() (*PKI, error) {
	shared.once.Do(func() { shared.pki, shared.err = cached(os.Getenv("RAVN_TEST_PKI")) })
	return shared.pki, shared.err
}

func cached(dir string) (*PKI, error) {
	if dir == "" {
		return New(time.Now())
	}
	if p, err := Load(dir); err == nil && time.Now().Before(p.Root.Cert.NotAfter) &&
		time.Now().After(p.Root.Cert.NotBefore) {
		return p, nil
	}
	p, err := New(time.Now())
	if err != nil {
		return nil, err
	}
	// Another process may be writing as well: write beside and rename, and use what lies there in the end.
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "pki-*")
	if err != nil {
		return nil, err
	}
	if err := p.Save(tmp); err != nil {
		return nil, err
	}
	if os.Rename(tmp, dir) == nil {
		return p, nil
	}
	if q, err := Load(dir); err == nil && q.Root.Cert.NotAfter.After(time.Now()) {
		return q, os.RemoveAll(tmp)
	}
	if err := os.RemoveAll(dir); err != nil { // half a hierarchy, or one of a test run of long ago
		return nil, err
	}
	return p, os.Rename(tmp, dir)
}

// Package localca makes a private certificate hierarchy in the shape of Peppol's: a root, a CA for access points, one
// for SMPs, and leafs with the profile of pki.md §2, good ones and bad ones. Its keys are worth nothing outside a test.
package localca

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/textfile"
)

// PKI is one hierarchy.
type PKI struct {
	Root, AP, SMP, TLS *CA
}

// CA is a certificate authority with its key.
type CA struct {
	Cert *x509.Certificate
	Key  *rsa.PrivateKey
}

// caBits is the key size of Peppol's CAs.
const caBits = 4096

// New makes a hierarchy that is valid from a day before now, for ten years. It takes seconds: four RSA keys of 4096
// bits.
func New(now time.Time) (*PKI, error) {
	keys, err := generate(4)
	if err != nil {
		return nil, err
	}
	p := &PKI{}
	if p.Root, err = newCA("RAVN TESTBED Root CA", nil, keys[0], -1, now); err != nil {
		return nil, err
	}
	if p.AP, err = newCA("RAVN TESTBED ACCESS POINT CA", p.Root, keys[1], 1, now); err != nil {
		return nil, err
	}
	if p.SMP, err = newCA("RAVN TESTBED SERVICE METADATA PUBLISHER CA", p.Root, keys[2], 1, now); err != nil {
		return nil, err
	}
	p.TLS, err = newCA("RAVN TESTBED TLS CA", nil, keys[3], 0, now)
	return p, err
}

// generate makes n CA keys, at the same time.
func generate(n int) ([]*rsa.PrivateKey, error) {
	keys, errs := make([]*rsa.PrivateKey, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { keys[i], errs[i] = rsa.GenerateKey(rand.Reader, caBits) })
	}
	wg.Wait()
	return keys, errors.Join(errs...)
}

func newCA(name string, parent *CA, key *rsa.PrivateKey, pathLen int, now time.Time) (*CA, error) {
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{
			CommonName: name, OrganizationalUnit: []string{"FOR TEST ONLY"},
			Organization: []string{"Ravn testbed"}, Country: []string{"NO"},
		},
		NotBefore: now.Add(-24 * time.Hour).Truncate(time.Second),
		NotAfter:  now.AddDate(10, 0, 0).Truncate(time.Second),
		IsCA:      true, BasicConstraintsValid: true, MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	signer := &CA{Cert: tmpl, Key: key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, signer.Cert, key.Public(), signer.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: make %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	return &CA{Cert: cert, Key: key}, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 158))
	if err != nil {
		panic(err) // there is no randomness: nothing can go on
	}
	return n
}

// Leaf describes an end-entity certificate; the zero value of a field means what Peppol does.
type Leaf struct {
	CN            string
	Unit          string        // OU, "PEPPOL TEST AP" by default
	NotBefore     time.Time     // the day before now
	Valid         time.Duration // 720 days
	Bits          int           // 2048
	Key           *rsa.PrivateKey
	Usage         x509.KeyUsage // digitalSignature, keyEncipherment, dataEncipherment
	ExtUsage      []x509.ExtKeyUsage
	NoConstraints bool // leave BasicConstraints out, as one production certificate does
	CA            bool
	DNS           []string // TLS server certificate for these names
}

// Issue makes a leaf.
func (ca *CA) Issue(l Leaf, now time.Time) (*certs.Identity, error) {
	cert, key, err := ca.issue(l, now)
	if err != nil {
		return nil, err
	}
	id := &certs.Identity{Cert: cert, Key: key}
	if seat, err := certs.Seat(cert); err == nil {
		id.Seat = seat
	}
	return id, nil
}

func (ca *CA) issue(l Leaf, now time.Time) (*x509.Certificate, *rsa.PrivateKey, error) {
	l.defaults(now)
	if l.Key == nil {
		var err error
		if l.Key, err = rsa.GenerateKey(rand.Reader, l.Bits); err != nil {
			return nil, nil, err
		}
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{
			CommonName: l.CN, OrganizationalUnit: []string{l.Unit},
			Organization: []string{"Ravn testbed"}, Country: []string{"NO"},
		},
		NotBefore: l.NotBefore.Truncate(time.Second), NotAfter: l.NotBefore.Add(l.Valid).Truncate(time.Second),
		KeyUsage: l.Usage, ExtKeyUsage: l.ExtUsage, BasicConstraintsValid: !l.NoConstraints, IsCA: l.CA,
		DNSNames: l.DNS,
	}
	for _, name := range l.DNS {
		if ip := net.ParseIP(name); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Cert, l.Key.Public(), ca.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: issue %s: %w", l.CN, err)
	}
	cert, err := x509.ParseCertificate(der)
	return cert, l.Key, err
}

func (l *Leaf) defaults(now time.Time) {
	if l.Unit == "" {
		l.Unit = "PEPPOL TEST AP"
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = now.Add(-24 * time.Hour)
	}
	if l.Valid == 0 {
		l.Valid = 720 * 24 * time.Hour
	}
	if l.Bits == 0 {
		l.Bits = 2048
	}
	if l.Usage == 0 {
		l.Usage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	}
	if l.ExtUsage == nil {
		l.ExtUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if len(l.DNS) > 0 {
			l.ExtUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}
	}
}

// Anchors returns the hierarchy as trust anchors.
func (p *PKI) Anchors() certs.Anchors {
	above := []*x509.Certificate{p.Root.Cert}
	return certs.Anchors{
		AP:  []certs.Issuer{{CA: p.AP.Cert, Above: above}},
		SMP: []certs.Issuer{{CA: p.SMP.Cert, Above: above}},
	}
}

// EncodeCerts returns certificates as PEM.
func EncodeCerts(list ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// EncodeKey returns a private key as PEM (PKCS#8).
func EncodeKey(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Save writes the CAs to a folder, keys included.
func (p *PKI) Save(dir string) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, ca := range p.byName() {
		key, err := EncodeKey((*ca).Key)
		if err != nil {
			return err
		}
		text := append(EncodeCerts((*ca).Cert), key...)
		if err := durable.WriteFile(filepath.Join(dir, name+".pem"), 0o600, durable.Bytes(text)); err != nil {
			return err
		}
	}
	return nil
}

func (p *PKI) byName() map[string]**CA {
	return map[string]**CA{"root": &p.Root, "ap": &p.AP, "smp": &p.SMP, "tls": &p.TLS}
}

// Load reads what Save wrote.
func Load(dir string) (*PKI, error) {
	p := &PKI{}
	for name, ca := range p.byName() {
		text, err := os.ReadFile(filepath.Join(dir, name+".pem"))
		if err != nil {
			return nil, err
		}
		list, err := certs.ParsePEM(text)
		if err != nil {
			return nil, err
		}
		for block, rest := pem.Decode(textfile.Clean(text)); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "PRIVATE KEY" {
				continue
			}
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			*ca = &CA{Cert: list[0], Key: key.(*rsa.PrivateKey)}
		}
		if *ca == nil {
			return nil, fmt.Errorf("pki: %s has no key", name)
		}
	}
	return p, nil
}

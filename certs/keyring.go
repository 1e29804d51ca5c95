package certs

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ravn-ap/ravn/internal/textfile"
	"github.com/ravn-ap/ravn/peppol"
)

// Identity is one key of ours with its certificate.
type Identity struct {
	Seat peppol.SeatID
	Cert *x509.Certificate
	Key  Key
}

// Key signs and decrypts; it may live in hardware.
type Key interface {
	crypto.Signer
	crypto.Decrypter
}

// Keyring holds our keys: those of several seats, each with a current and possibly previous ones (D-22, PKI-025,
// AS4-079). It never changes; a reload makes a new one.
type Keyring struct {
	ids []*Identity // newest first within a seat
}

// NewKeyring makes a Keyring. Of several keys of one seat, the one whose certificate became valid last signs.
func NewKeyring(ids ...*Identity) *Keyring {
	k := &Keyring{ids: slices.Clone(ids)}
	slices.SortStableFunc(k.ids, func(a, b *Identity) int { return b.Cert.NotBefore.Compare(a.Cert.NotBefore) })
	return k
}

// Identities returns all keys.
func (k *Keyring) Identities() []*Identity { return k.ids }

// Current returns the key that signs for the seat at the time now: the newest valid one.
func (k *Keyring) Current(seat peppol.SeatID, now time.Time) (*Identity, error) {
	var last *Identity
	for _, id := range k.ids {
		if id.Seat != seat {
			continue
		}
		if !now.Before(id.Cert.NotBefore) && !now.After(id.Cert.NotAfter) {
			return id, nil
		}
		last = id
	}
	if last == nil {
		return nil, fmt.Errorf("certs: there is no key of seat %s", seat)
	}
	return nil, fmt.Errorf("certs: the certificate of seat %s is not valid now: it is valid from %s to %s", seat,
		last.Cert.NotBefore.UTC().Format(time.RFC3339), last.Cert.NotAfter.UTC().Format(time.RFC3339))
}

// Has reports whether the seat is one of ours.
func (k *Keyring) Has(seat peppol.SeatID) bool {
	return slices.ContainsFunc(k.ids, func(id *Identity) bool { return id.Seat == seat })
}

// Find returns the private key of our first certificate that matches; it implements wssec.Keys.
func (k *Keyring) Find(match func(*x509.Certificate) bool) (crypto.Decrypter, bool) {
	for _, id := range k.ids {
		if match(id.Cert) {
			return id.Key, true
		}
	}
	return nil, false
}

// LoadPEM reads certificate and private key from PEM files, which may be the same file.
func LoadPEM(certFile, keyFile string) (*Identity, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	chain, err := ParsePEM(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	if text, err = os.ReadFile(keyFile); err != nil {
		return nil, err
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	return NewIdentity(chain, key)
}

// LoadTLS reads a TLS server certificate and its key; its subject may be anything.
func LoadTLS(certFile, keyFile string) (*Identity, error) {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(textfile.Clean(chain), textfile.Clean(secret))
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(Key)
	if !ok {
		return nil, errors.New("certs: the private key is not an RSA key")
	}
	return &Identity{Cert: pair.Leaf, Key: key}, nil
}

// parseKey returns the first private key of a PEM text.
func parseKey(text []byte) (any, error) {
	text = textfile.Clean(text)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil,
				errors.New("certs: there is no private key in the PEM text (an encrypted key must be given as PKCS#12)")
		}
		switch block.Type {
		case "PRIVATE KEY":
			return x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		}
	}
}

// ErrPassword means that the password of a PKCS#12 file is wrong.
var ErrPassword = errors.New("certs: the password does not open the PKCS#12 file")

// LoadP12 reads a PKCS#12 file.
func LoadP12(file, password string) (*Identity, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ParseP12(data, password)
}

// ParseP12 reads the bytes of a PKCS#12 file. A panic of the parser, caused by hostile input, becomes an error.
func ParseP12(data []byte, password string) (id *Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, fmt.Errorf("certs: the PKCS#12 file is malformed: %v", p)
		}
	}()
	key, cert, more, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, ErrPassword
	case err != nil:
		return nil, fmt.Errorf("certs: the PKCS#12 file cannot be read: %w", err)
	}
	return NewIdentity(append([]*x509.Certificate{cert}, more...), key)
}

// NewIdentity combines a key with the certificate in the chain that belongs to it (PKI-030).
func NewIdentity(chain []*x509.Certificate, key any) (*Identity, error) {
	k, ok := key.(Key)
	if !ok {
		return nil, errors.New("certs: the private key is not an RSA key")
	}
	pub, ok := k.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("certs: the private key is not an RSA key")
	}
	i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return pub.Equal(c.PublicKey) })
	if i < 0 {
		return nil, errors.New("certs: the private key does not belong to the certificate")
	}
	seat, err := Seat(chain[i])
	if err != nil {
		return nil, err
	}
	return &Identity{Seat: seat, Cert: chain[i], Key: k}, nil
}

// Package certs holds our own keys and decides which certificates of others are trusted: Peppol's trust anchors per
// environment and role, path validation with the peculiarities of the Peppol PKI, and revocation behind an interface.
package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/textfile"
	"github.com/ravn-ap/ravn/peppol"
)

// Environment is the network that a server belongs to. Trust anchors are bound to it (D-20, PKI-001, SEC-062).
type Environment string

// Environments.
const (
	Local      Environment = "local"
	Test       Environment = "test"
	Production Environment = "production"
)

// ParseEnvironment checks the name of an environment.
func ParseEnvironment(s string) (Environment, error) {
	switch e := Environment(s); e {
	case Local, Test, Production:
		return e, nil
	}
	return "", fmt.Errorf("certs: environment %q is none of local, test, production", s)
}

// Role is what a Peppol certificate is for; each has its own CA (PKI-002, SEC-063).
type Role uint8

// Roles.
const (
	AP Role = iota
	SMP
)

func (r Role) String() string {
	if r == SMP {
		return "SMP"
	}
	return "AP"
}

// Class is the result of a check (PKI-018).
type Class string

// Classes. Unsuitable means a certificate that no Peppol CA would issue: a weak key, wrong usage, malformed subject.
const (
	Valid             Class = "valid"
	NotYetValid       Class = "not-yet-valid"
	Expired           Class = "expired"
	UnsupportedIssuer Class = "unsupported-issuer"
	Revoked           Class = "revoked"
	RevocationUnknown Class = "revocation-unknown"
	Unsuitable        Class = "unsuitable"
)

// Error says why a certificate is not trusted. Its text is for our log, never for the other side (SEC-001).
type Error struct {
	Class Class
	Role  Role
	Rule  string
	Msg   string
	Err   error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("certs: %s certificate is %s: %s (%s)", e.Role, e.Class, e.Msg, e.Rule)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same certificate may be trusted later, which is so only if its revocation status could
// not be determined (PKI-019).
func (e *Error) Temporary() bool { return e.Class == RevocationUnknown }

// ClassOf returns the class of an error of this package, Valid for nil.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case err == nil:
		return Valid
	case errors.As(err, &e):
		return e.Class
	}
	return Unsuitable
}

// Fingerprint returns the SHA-256 of a certificate in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Seat returns the seat id of a certificate: its only subject CN (SEC-066, PKI-011).
func Seat(c *x509.Certificate) (peppol.SeatID, error) {
	cn := ""
	for _, n := range c.Subject.Names {
		if !n.Type.Equal(oidCN) {
			continue
		}
		v, ok := n.Value.(string)
		if cn != "" || !ok {
			return "", errors.New("certs: the subject does not have exactly one CN (SEC-066)")
		}
		cn = v
	}
	return peppol.ParseSeat(cn)
}

var oidCN = []int{2, 5, 4, 3}

// ParsePEM returns all certificates of a PEM text, in order. Other blocks are skipped.
func ParsePEM(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	text = textfile.Clean(text)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certs: a certificate in the PEM text is malformed: %w", err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("certs: there is no certificate in the PEM text")
	}
	return out, nil
}

// EncodePEM returns a certificate, given in DER, as PEM.
func EncodePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// DaysLeft returns for how many whole days the certificate is still valid; negative if it has expired.
func DaysLeft(c *x509.Certificate, now time.Time) int { return int(c.NotAfter.Sub(now).Hours() / 24) }

// Term says in words how long a certificate is still valid: "is valid for 12 days more", "expired 29 days ago".
func Term(c *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return "is valid only in " + days(c.NotBefore.Sub(now)) + ", from " + c.NotBefore.UTC().Format(time.RFC3339)
	case now.After(c.NotAfter):
		return "expired " + days(now.Sub(c.NotAfter)) + " ago"
	}
	return "is valid for " + days(c.NotAfter.Sub(now)) + " more"
}

// days is a time in whole days, or in hours if it is shorter.
func days(d time.Duration) string {
	n, unit := int(d.Hours()/24), "day"
	if n == 0 {
		n, unit = int(d.Hours()), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// Subject describes a certificate in one line for operators.
func Subject(c *x509.Certificate) string { return strings.ReplaceAll(c.Subject.String(), "\n", " ") }

package certs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"time"
)

// Anchors are the trust anchors of one environment, by role. Several generations may be valid side by side (PKI-004).
type Anchors struct {
	AP, SMP []Issuer
}

// Issuer is an issuing CA with the certificates above it, nearest first; none if it is a trust anchor itself.
type Issuer struct {
	CA    *x509.Certificate
	Above []*x509.Certificate
}

// CAs returns the certificates of the issuing CAs in a list, each once, for display.
func CAs(list []Issuer) (out []*x509.Certificate) {
	for _, i := range list {
		if !slices.ContainsFunc(out, i.CA.Equal) {
			out = append(out, i.CA)
		}
	}
	return out
}

// Renewed reports whether one of the others is the same CA, by name and key, with a certificate that is valid for
// longer.
func Renewed(ca *x509.Certificate, others []*x509.Certificate) bool {
	return slices.ContainsFunc(others, func(o *x509.Certificate) bool {
		return bytes.Equal(o.RawSubject, ca.RawSubject) &&
			bytes.Equal(o.RawSubjectPublicKeyInfo, ca.RawSubjectPublicKeyInfo) &&
			o.NotAfter.After(ca.NotAfter)
	})
}

// Builtin returns the G3 anchors of test or production; local has none of its own.
func Builtin(env Environment) Anchors {
	set := func(root, ca string) []Issuer {
		return []Issuer{{CA: mustParse(ca), Above: []*x509.Certificate{mustParse(root)}}}
	}
	switch env {
	case Production:
		return Anchors{AP: set(prodRoot, prodAP), SMP: set(prodRoot, prodSMP)}
	case Test:
		return Anchors{AP: set(testRoot, testAP), SMP: set(testRoot, testSMP)}
	}
	return Anchors{}
}

func mustParse(text string) *x509.Certificate {
	list, err := ParsePEM([]byte(text))
	if err != nil {
		panic(err) // a constant in this program is broken
	}
	return list[0]
}

// ParseAnchors reads the CA certificates of one role from a PEM text: issuing CAs and, if it contains them, the CAs
// above them. An issuing CA is one that has issued no other CA in the text. The text may contain several certificates
// of a CA that was renewed with its old key, in any order: each gives an Issuer of its own.
func ParseAnchors(text []byte) ([]Issuer, error) {
	list, err := ParsePEM(text)
	if err != nil {
		return nil, err
	}
	var out []Issuer
	for _, c := range list {
		if !c.IsCA {
			return nil, errors.New("certs: an anchor file holds a certificate that is not a CA: " + Subject(c))
		}
		if slices.ContainsFunc(list, func(o *x509.Certificate) bool { return isIssuer(c, o) }) {
			continue
		}
		for _, above := range chains(c, list, maxAbove) {
			out = append(out, Issuer{CA: c, Above: above})
		}
	}
	return out, nil
}

// isIssuer reports whether ca signed c. Two certificates with the same name and key belong to one CA, which is not its
// own issuer.
func isIssuer(ca, c *x509.Certificate) bool {
	same := bytes.Equal(ca.RawSubject, c.RawSubject) &&
		bytes.Equal(ca.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	return !same && bytes.Equal(ca.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(ca) == nil
}

// maxAbove is how many CAs may stand above an issuing one.
const maxAbove = 4

// chains returns all chains of certificates in list that lead up from c, each with at most the given number of them.
func chains(c *x509.Certificate, list []*x509.Certificate, most int) (out [][]*x509.Certificate) {
	for _, ca := range list {
		if most == 0 || !isIssuer(ca, c) {
			continue
		}
		for _, above := range chains(ca, list, most-1) {
			out = append(out, append([]*x509.Certificate{ca}, above...))
		}
	}
	if out == nil {
		out = [][]*x509.Certificate{nil}
	}
	return out
}

// Revocation determines the status of a certificate: Valid, Revoked or RevocationUnknown (PKI-014, PKI-018).
type Revocation interface {
	Check(ctx context.Context, c, issuer *x509.Certificate, now time.Time) Class
}

// Unchecked is the Revocation of a server that does not check: no certificate counts as revoked (design.md §3).
type Unchecked struct{}

// Check returns Valid.
func (Unchecked) Check(context.Context, *x509.Certificate, *x509.Certificate, time.Time) Class {
	return Valid
}

// Verifier decides whether certificates of others are trusted. It uses no system roots, no certificates from messages
// and no hints inside a certificate (SEC-060, PKI-003).
type Verifier struct {
	anchors    Anchors
	revocation Revocation

	mu    sync.Mutex
	known map[leaf][]Issuer // issuers of leaf certificates whose signature has been verified
}

// leaf is a leaf certificate in a role.
type leaf struct {
	sum  [sha256.Size]byte
	role Role
}

// maxKnown bounds the memory of known.
const maxKnown = 10_000

// NewVerifier makes a Verifier. The Revocation is required; it may be Unchecked.
func NewVerifier(a Anchors, r Revocation) *Verifier {
	return &Verifier{anchors: a, revocation: r, known: map[leaf][]Issuer{}}
}

// Anchors returns the anchors, for showing them.
func (v *Verifier) Anchors() Anchors { return v.anchors }

// VerifyAP checks at the time now a certificate that should be that of an access point. The error is an *Error.
func (v *Verifier) VerifyAP(ctx context.Context, c *x509.Certificate, now time.Time) error {
	if _, err := Seat(c); err != nil {
		return &Error{Class: Unsuitable, Role: AP, Rule: "SEC-066", Msg: "the subject CN is not a seat id", Err: err}
	}
	return v.verify(ctx, c, AP, v.anchors.AP, now)
}

// Belongs checks that an access point certificate was issued for this environment (PKI-008, PKI-031), whether or not it
// is valid now: an expired key of ours still opens messages that were sealed for it.
func (v *Verifier) Belongs(c *x509.Certificate) error {
	if err := suitable(c, AP); err != nil {
		return err
	}
	_, err := v.issuers(c, AP, v.anchors.AP)
	return err
}

// VerifySMP checks a certificate that should be that of an SMP.
func (v *Verifier) VerifySMP(ctx context.Context, c *x509.Certificate, now time.Time) error {
	return v.verify(ctx, c, SMP, v.anchors.SMP, now)
}

// verify applies PKI-007 to PKI-012 and stops at the first failure.
func (v *Verifier) verify(ctx context.Context, c *x509.Certificate, role Role, pinned []Issuer, now time.Time) error {
	if err := suitable(c, role); err != nil {
		return err
	}
	issuers, err := v.issuers(c, role, pinned)
	if err != nil {
		return err
	}
	if err := inTime(c, role, now); err != nil {
		return err
	}
	issuer, err := valid(issuers, role, now)
	if err != nil {
		return err
	}
	if class := v.revocation.Check(ctx, c, issuer.CA, now); class != Valid {
		return &Error{Class: class, Role: role, Rule: "PKI-012", Msg: "revocation check"}
	}
	return nil
}

// valid returns the first issuer that is valid now, with all CAs above it (PKI-009). Issuers may be several
// certificates of the same CA, of which some have expired. If none is valid, the error is that of the first.
func valid(issuers []Issuer, role Role, now time.Time) (Issuer, error) {
	var first error
	for _, i := range issuers {
		var err error
		for _, x := range append([]*x509.Certificate{i.CA}, i.Above...) {
			err = cmp.Or(err, inTime(x, role, now))
		}
		if err == nil {
			return i, nil
		}
		first = cmp.Or(first, err)
	}
	return Issuer{}, first
}

// notBeforeSkew is by how much the clock of a CA may be ahead of ours (SEC-064).
const notBeforeSkew = 5 * time.Minute

func inTime(c *x509.Certificate, role Role, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return &Error{
			Class: Expired, Role: role, Rule: "PKI-009",
			Msg: "valid until " + c.NotAfter.UTC().Format(time.RFC3339),
		}
	case now.Add(notBeforeSkew).Before(c.NotBefore):
		return &Error{
			Class: NotYetValid, Role: role, Rule: "PKI-009",
			Msg: "valid from " + c.NotBefore.UTC().Format(time.RFC3339),
		}
	}
	return nil
}

// suitable checks key, usage and extensions (PKI-007, PKI-010, SEC-064). BasicConstraints may be missing: they often
// are (pki.md §2).
func suitable(c *x509.Certificate, role Role) error {
	no := func(msg string) error {
		return &Error{Class: Unsuitable, Role: role, Rule: "SEC-064", Msg: msg}
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 4096 || key.E != 65537 {
		return no("the key is not RSA of 2048 to 4096 bits with exponent 65537")
	}
	switch c.SignatureAlgorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS,
		x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
	default:
		return no("the certificate is not signed with SHA-256 or better")
	}
	if c.IsCA {
		return no("it is a CA certificate")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return no("its key usage lacks digitalSignature")
	}
	if role == AP && c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment) == 0 {
		return no("its key usage lacks keyEncipherment")
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return no("its extended key usage lacks clientAuth")
	}
	if len(c.UnhandledCriticalExtensions) > 0 {
		return no("it has an unknown critical extension")
	}
	return nil
}

// issuers finds the pinned CA certificates that signed c, at least one (PKI-002, PKI-008, SEC-060, SEC-061). The
// signature of a leaf certificate that is known is not verified again, because that is slow.
func (v *Verifier) issuers(c *x509.Certificate, role Role, pinned []Issuer) ([]Issuer, error) {
	key := leaf{sha256.Sum256(c.Raw), role}
	v.mu.Lock()
	found := v.known[key]
	v.mu.Unlock()
	if found != nil {
		return found, nil
	}
	for _, i := range pinned {
		if signedBy(c, i) {
			found = append(found, i)
		}
	}
	if found == nil {
		return nil, &Error{
			Class: UnsupportedIssuer, Role: role, Rule: "PKI-008",
			Msg: "it was not issued by a CA that is trusted for this role and environment",
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[key] = found
	return found, nil
}

// signedBy verifies the signatures from c to the top of the pinned chain, using the pinned certificates only.
func signedBy(c *x509.Certificate, i Issuer) bool {
	if !bytes.Equal(c.RawIssuer, i.CA.RawSubject) || c.CheckSignatureFrom(i.CA) != nil {
		return false
	}
	below := i.CA
	for _, ca := range i.Above {
		if below.CheckSignatureFrom(ca) != nil {
			return false
		}
		below = ca
	}
	return true
}

package certs_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/golden"
)

func testPKI(t *testing.T) *localca.PKI {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// revocation answers with a class.
type revocation certs.Class

func (r revocation) Check(context.Context, *x509.Certificate, *x509.Certificate, time.Time) certs.Class {
	return certs.Class(r)
}

func TestVerify(t *testing.T) {
	p := testPKI(t)
	now := time.Now()
	twin := lookalike(t, p.AP) // same name, another key
	leaf, err := p.AP.Issue(localca.Leaf{CN: "POP900001", CA: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	sub := &localca.CA{Cert: leaf.Cert, Key: leaf.Key.(*rsa.PrivateKey)}
	for _, tc := range []struct {
		name string
		ca   *localca.CA
		leaf localca.Leaf
		rev  certs.Class
		want certs.Class
	}{
		{"PKI-010 a good one", p.AP, localca.Leaf{}, certs.Valid, certs.Valid},
		{
			"PKI-010 without extended usage", p.AP,
			localca.Leaf{ExtUsage: []x509.ExtKeyUsage{}},
			certs.Valid,
			certs.Valid,
		},
		{"pki.md §2 without BasicConstraints", p.AP, localca.Leaf{NoConstraints: true}, certs.Valid, certs.Valid},
		{"PKI-009 expired", p.AP, localca.Leaf{NotBefore: now.Add(-721 * 24 * time.Hour)}, certs.Valid, certs.Expired},
		{"PKI-009 not yet valid", p.AP, localca.Leaf{NotBefore: now.Add(time.Hour)}, certs.Valid, certs.NotYetValid},
		{
			"SEC-064 a clock four minutes ahead", p.AP,
			localca.Leaf{NotBefore: now.Add(4 * time.Minute)},
			certs.Valid,
			certs.Valid,
		},
		{"PKI-002 issued by the SMP CA", p.SMP, localca.Leaf{}, certs.Valid, certs.UnsupportedIssuer},
		{"SEC-061 a CA of the same name", twin, localca.Leaf{}, certs.Valid, certs.UnsupportedIssuer},
		{"PKI-008 a chain of four", sub, localca.Leaf{}, certs.Valid, certs.UnsupportedIssuer},
		{"PKI-007 RSA 1024", p.AP, localca.Leaf{Bits: 1024}, certs.Valid, certs.Unsuitable},
		{"SEC-064 a CA certificate", p.AP, localca.Leaf{CA: true}, certs.Valid, certs.Unsuitable},
		{
			"PKI-010 serverAuth only", p.AP,
			localca.Leaf{ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
			certs.Valid, certs.Unsuitable,
		},
		{
			"PKI-010 no digitalSignature", p.AP,
			localca.Leaf{Usage: x509.KeyUsageKeyEncipherment},
			certs.Valid,
			certs.Unsuitable,
		},
		{
			"PKI-010 no encipherment", p.AP,
			localca.Leaf{Usage: x509.KeyUsageDigitalSignature},
			certs.Valid,
			certs.Unsuitable,
		},
		{"PKI-011 CN is no seat id", p.AP, localca.Leaf{CN: "example.org"}, certs.Valid, certs.Unsuitable},
		{"PKI-012 PKI-018 revoked", p.AP, localca.Leaf{}, certs.Revoked, certs.Revoked},
		{"PKI-012 PKI-019 revocation unknown", p.AP, localca.Leaf{}, certs.RevocationUnknown, certs.RevocationUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.leaf.CN == "" {
				tc.leaf.CN = "POP900001"
			}
			if tc.leaf.Bits == 1024 {
				t.Setenv("GODEBUG", "rsa1024min=0")
			}
			id, err := tc.ca.Issue(tc.leaf, now)
			if err != nil {
				t.Fatal(err)
			}
			v := certs.NewVerifier(p.Anchors(), revocation(tc.rev))
			for range 2 { // the second time from memory
				err = v.VerifyAP(t.Context(), id.Cert, now)
				if got := certs.ClassOf(err); got != tc.want {
					t.Errorf("%s, want %s: %v", got, tc.want, err)
				}
			}
			var ce *certs.Error
			if errors.As(err, &ce) && ce.Temporary() != (tc.want == certs.RevocationUnknown) {
				t.Error("PKI-019: only an unknown state is temporary")
			}
		})
	}
}

// again is a certificate of the same CA for another time.
func again(t *testing.T, ca, by *localca.CA, from, to time.Time) *x509.Certificate {
	t.Helper()
	tmpl := *ca.Cert
	tmpl.NotBefore, tmpl.NotAfter = from, to
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, by.Cert, ca.Key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// PKI-009: every certificate up to the anchor must be valid now, not the leaf alone.
func TestPKI009ValidityOfCAs(t *testing.T) {
	p := testPKI(t)
	now := time.Now()
	past, future := now.Add(-1000*time.Hour), now.Add(1000*time.Hour)
	for _, tc := range []struct {
		name             string
		caFrom, caTo     time.Time
		rootFrom, rootTo time.Time
		want             certs.Class
	}{
		{"all valid", past, future, past, future, certs.Valid},
		{"issuing CA expired", past, now.Add(-time.Minute), past, future, certs.Expired},
		{"issuing CA not yet valid", now.Add(time.Hour), future, past, future, certs.NotYetValid},
		{"root expired", past, future, past, now.Add(-time.Minute), certs.Expired},
		{"root not yet valid", past, future, now.Add(time.Hour), future, certs.NotYetValid},
	} {
		root := again(t, p.Root, p.Root, tc.rootFrom, tc.rootTo)
		for role, ca := range map[certs.Role]*localca.CA{certs.AP: p.AP, certs.SMP: p.SMP} {
			issuers := []certs.Issuer{{CA: again(t, ca, p.Root, tc.caFrom, tc.caTo), Above: []*x509.Certificate{root}}}
			v := certs.NewVerifier(certs.Anchors{AP: issuers, SMP: issuers}, certs.Unchecked{})
			verify := v.VerifyAP
			if role == certs.SMP {
				verify = v.VerifySMP
			}
			id, err := ca.Issue(localca.Leaf{CN: "POP900001"}, now)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time from memory
				if err := verify(t.Context(), id.Cert, now); certs.ClassOf(err) != tc.want {
					t.Errorf("%s, %s: %v, want %s", tc.name, role, err, tc.want)
				}
			}
		}
	}
}

// PKI-004, PKI-009: a CA that was renewed with its old key stands beside its expired certificate; the valid one counts,
// whatever the order in the file, for issuing CAs, for roots, and for an issuing CA without a root.
func TestPKI009RenewedWithItsOldKey(t *testing.T) {
	p := testPKI(t)
	now := time.Now()
	past, ago, future := now.Add(-1000*time.Hour), now.Add(-time.Minute), now.Add(1000*time.Hour)
	for role, ca := range map[certs.Role]*localca.CA{certs.AP: p.AP, certs.SMP: p.SMP} {
		oldCA, newCA := again(t, ca, p.Root, past, ago), again(t, ca, p.Root, past, future)
		oldRoot, newRoot := again(t, p.Root, p.Root, past, ago), again(t, p.Root, p.Root, past, future)
		id, err := ca.Issue(localca.Leaf{CN: "POP900001"}, now)
		if err != nil {
			t.Fatal(err)
		}
		direct, err := p.Root.Issue(localca.Leaf{CN: "POP900001"}, now)
		if err != nil {
			t.Fatal(err)
		}
		for name, tc := range map[string]struct {
			file []*x509.Certificate
			leaf *x509.Certificate
			cas  int
			want certs.Class
		}{
			"the expired CA first":   {[]*x509.Certificate{oldCA, newCA, newRoot}, id.Cert, 2, certs.Valid},
			"the valid CA first":     {[]*x509.Certificate{newCA, oldCA, newRoot}, id.Cert, 2, certs.Valid},
			"the expired root first": {[]*x509.Certificate{oldRoot, newRoot, newCA}, id.Cert, 1, certs.Valid},
			"the valid root first":   {[]*x509.Certificate{newCA, newRoot, oldRoot}, id.Cert, 1, certs.Valid},
			"both renewed, old ones first": {
				[]*x509.Certificate{oldRoot, oldCA, newRoot, newCA},
				id.Cert, 2,
				certs.Valid,
			},
			"no root":                       {[]*x509.Certificate{oldCA, newCA}, id.Cert, 2, certs.Valid},
			"a root that issues, old first": {[]*x509.Certificate{oldRoot, newRoot}, direct.Cert, 2, certs.Valid},
			"a root that issues, new first": {[]*x509.Certificate{newRoot, oldRoot}, direct.Cert, 2, certs.Valid},
			"only the expired CA":           {[]*x509.Certificate{oldCA, newRoot}, id.Cert, 1, certs.Expired},
			"the CA valid, the root not":    {[]*x509.Certificate{oldCA, newCA, oldRoot}, id.Cert, 2, certs.Expired},
		} {
			issuers, err := certs.ParseAnchors(localca.EncodeCerts(tc.file...))
			if err != nil {
				t.Fatal(err)
			}
			for _, ca := range tc.file { // the valid one is newer, of a CA and of a root
				if old := ca.Equal(oldCA) && slices.ContainsFunc(tc.file, newCA.Equal) ||
					ca.Equal(oldRoot) && slices.ContainsFunc(tc.file, newRoot.Equal); certs.Renewed(ca,
					tc.file) != old {
					t.Errorf("%s, %s: %s is renewed: %t", name, role, certs.Subject(ca), !old)
				}
			}
			if got := len(certs.CAs(issuers)); got != tc.cas {
				t.Errorf("%s, %s: %d issuing CAs, want %d", name, role, got, tc.cas)
			}
			v := certs.NewVerifier(certs.Anchors{AP: issuers, SMP: issuers}, certs.Unchecked{})
			verify := v.VerifyAP
			if role == certs.SMP {
				verify = v.VerifySMP
			}
			for range 2 { // the second time from memory
				if err := verify(t.Context(), tc.leaf, now); certs.ClassOf(err) != tc.want {
					t.Errorf("%s, %s: %v, want %s", name, role, err, tc.want)
				}
			}
			if err := v.Belongs(tc.leaf); err != nil {
				t.Errorf("%s, %s: %v", name, role, err)
			}
		}
	}
}

// SEC-063: roles do not mix, whichever was seen first.
func TestSEC063Roles(t *testing.T) {
	p := testPKI(t)
	v := certs.NewVerifier(p.Anchors(), certs.Unchecked{})
	ap, err := p.AP.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	smp, err := p.SMP.Issue(localca.Leaf{CN: "POP900002"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for range 2 {
		if v.VerifyAP(t.Context(), ap.Cert, now) != nil || v.VerifySMP(t.Context(), smp.Cert, now) != nil {
			t.Error("a good certificate is refused")
		}
		if v.VerifySMP(t.Context(), ap.Cert, now) == nil || v.VerifyAP(t.Context(), smp.Cert, now) == nil {
			t.Error("a certificate passes in the other role")
		}
	}
}

// PKI-001, SEC-062: each environment knows its own G3 CAs, and none of G2.
func TestPKI001Environments(t *testing.T) {
	for env, prefix := range map[certs.Environment]string{certs.Production: "prod", certs.Test: "test"} {
		a := certs.Builtin(env)
		for file, issuer := range map[string]certs.Issuer{"ap": a.AP[0], "smp": a.SMP[0]} {
			want, err := certs.ParsePEM(golden.Read(t, "pki/"+prefix+"-g3-"+file+"-ca.pem"))
			if err != nil {
				t.Fatal(err)
			}
			root, err := certs.ParsePEM(golden.Read(t, "pki/"+prefix+"-g3-root-ca.pem"))
			if err != nil {
				t.Fatal(err)
			}
			if !issuer.CA.Equal(want[0]) || !issuer.Above[0].Equal(root[0]) {
				t.Errorf("%s %s: the built-in CA is another one", env, file)
			}
		}
	}
	if a := certs.Builtin(certs.Local); len(a.AP)+len(a.SMP) > 0 {
		t.Error("local has built-in anchors")
	}
}

// PKI-004: two generations side by side; an issuing CA is found whatever the order in the file.
func TestPKI004Anchors(t *testing.T) {
	p := testPKI(t)
	other, err := localca.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := localca.EncodeCerts(p.Root.Cert, other.AP.Cert, p.AP.Cert, other.Root.Cert)
	issuers, err := certs.ParseAnchors(text)
	if err != nil || len(issuers) != 2 || len(issuers[0].Above) != 1 || len(issuers[1].Above) != 1 {
		t.Fatalf("%d issuers, %v", len(issuers), err)
	}
	v := certs.NewVerifier(certs.Anchors{AP: issuers}, certs.Unchecked{})
	for _, ca := range []*localca.CA{p.AP, other.AP} {
		id, err := ca.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := v.VerifyAP(t.Context(), id.Cert, time.Now()); err != nil {
			t.Error(err)
		}
	}
	leaf, err := p.AP.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certs.ParseAnchors(localca.EncodeCerts(leaf.Cert)); err == nil {
		t.Error("a leaf is taken for an anchor")
	}
	if _, err := certs.ParseAnchors([]byte("nothing")); err == nil {
		t.Error("an empty file is taken for anchors")
	}
}

// AS4-079, D-22: current and previous keys of a seat.
func TestKeyring(t *testing.T) {
	p := testPKI(t)
	now := time.Now()
	issue := func(cn string, from time.Duration) *certs.Identity {
		id, err := p.AP.Issue(localca.Leaf{CN: cn, NotBefore: now.Add(from)}, now)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	old, cur, next, other := issue("POP900001", -100*24*time.Hour), issue("POP900001", -24*time.Hour),
		issue("POP900001", 24*time.Hour), issue("POP900002", -time.Hour)
	k := certs.NewKeyring(old, next, cur, other)
	if got, err := k.Current("POP900001", now); err != nil || got != cur {
		t.Errorf("PKI-028 the newest valid key signs: %v", err)
	}
	if got, err := k.Current("POP900001", now.Add(48*time.Hour)); err != nil || got != next {
		t.Errorf("the next key signs when it is valid: %v", err)
	}
	if _, err := k.Current("POP900003", now); err == nil {
		t.Error("a seat that is not ours has a key")
	}
	if _, err := k.Current("POP900002", now.AddDate(5, 0, 0)); err == nil {
		t.Error("an expired key signs")
	}
	for _, id := range []*certs.Identity{old, cur, next, other} {
		if key, ok := k.Find(func(c *x509.Certificate) bool { return c.Equal(id.Cert) }); !ok || key != id.Key {
			t.Error("PKI-025 a key is not found by its certificate")
		}
	}
}

// PKI-030: keys from files, and what is wrong with them.
func TestPKI030Files(t *testing.T) {
	p := testPKI(t)
	id, err := p.AP.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(id.Key, id.Cert, []*x509.Certificate{p.AP.Cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile, p12File := write("c.pem", localca.EncodeCerts(id.Cert)), write("k.pem", key), write("k.p12", p12)
	if got, err := certs.LoadPEM(cert, keyFile); err != nil || got.Seat != "POP900001" {
		t.Errorf("PEM: %v", err)
	}
	if got, err := certs.LoadP12(p12File, "secret"); err != nil || got.Seat != "POP900001" {
		t.Errorf("PKCS#12: %v", err)
	}
	if _, err := certs.LoadP12(p12File, "wrong"); !errors.Is(err, certs.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	other, err := localca.EncodeKey(freshKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certs.LoadPEM(cert, write("o.pem", other)); err == nil ||
		!strings.Contains(err.Error(), "does not belong") {
		t.Errorf("key of another certificate: %v", err)
	}
	if _, err := certs.LoadPEM(keyFile, keyFile); err == nil {
		t.Error("a file without certificate is accepted")
	}
}

// SEC-066: exactly one CN of a plain text type.
func TestSEC066Seat(t *testing.T) {
	p := testPKI(t)
	for name, names := range map[string][]pkix.AttributeTypeAndValue{
		"two CNs": {
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "POP900001"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "POP900002"},
		},
		"no CN": {{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "x"}},
		"a NUL": {{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "POP900001\x00"}},
	} {
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{ExtraNames: names},
			NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, p.AP.Cert, freshKey(t).Public(), p.AP.Key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue // the library refuses it already
		}
		if seat, err := certs.Seat(c); err == nil {
			t.Errorf("%s: seat %s", name, seat)
		}
	}
}

func freshKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// lookalike makes a self-signed CA with the name of another one.
func lookalike(t *testing.T, ca *localca.CA) *localca.CA {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: ca.Cert.SerialNumber, Subject: ca.Cert.Subject, NotBefore: ca.Cert.NotBefore,
		NotAfter: ca.Cert.NotAfter,
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := freshKey(t)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &localca.CA{Cert: c, Key: key}
}

// FuzzPKCS12: no panic leaves the wrapper.
func FuzzPKCS12(f *testing.F) {
	f.Add([]byte{0x30, 0x82})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = certs.ParseP12(b, "x") })
}

// Dates are told in words, with the number and the unit that fit.
func TestTerm(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for text, c := range map[string]*x509.Certificate{
		"is valid for 12 days more":  {NotAfter: now.Add(12*24*time.Hour + time.Minute)},
		"is valid for 1 day more":    {NotAfter: now.Add(47 * time.Hour)},
		"is valid for 23 hours more": {NotAfter: now.Add(23 * time.Hour)},
		"expired 29 days ago":        {NotAfter: now.Add(-29 * 24 * time.Hour)},
		"expired 1 hour ago":         {NotAfter: now.Add(-time.Hour)},
		"is valid only in 2 days, from 2026-12-02T12:00:00Z": {
			NotBefore: now.Add(48 * time.Hour),
			NotAfter:  now.Add(1000 * time.Hour),
		},
	} {
		if got := certs.Term(c, now); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

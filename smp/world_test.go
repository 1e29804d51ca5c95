package smp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/peppol"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

const (
	invoice = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:" +
		"en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	billing    = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	receiver   = "0192:991825827"
	apURL      = "https://localhost:8443/as4"
	otherURL   = "https://localhost:9443/as4"
	elsewhere  = "0192:810418052"
	creditNote = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2::CreditNote##urn:" +
		"cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)

// identities are made once for all tests.
type identities struct {
	pki                                        *localca.PKI
	signer, other, expired, future, ap, forged *certs.Identity
	tls                                        *certs.Identity
}

var shared = sync.OnceValues(func() (*identities, error) {
	p, err := localca.Shared()
	if err != nil {
		return nil, err
	}
	fake, err := impostor(p.SMP.Cert)
	if err != nil {
		return nil, err
	}
	now, ids := time.Now(), &identities{pki: p}
	smpLeaf := func(cn string) localca.Leaf { return localca.Leaf{CN: cn, Unit: "PEPPOL TEST SMP"} }
	old, young := smpLeaf("PNO000003"), smpLeaf("PNO000004")
	old.NotBefore, old.Valid = now.Add(-20*24*time.Hour), 24*time.Hour
	young.NotBefore = now.Add(24 * time.Hour)
	for _, x := range []struct {
		to   **certs.Identity
		ca   *localca.CA
		leaf localca.Leaf
	}{
		{&ids.signer, p.SMP, smpLeaf("PNO000001")},
		{&ids.other, p.SMP, smpLeaf("PNO000002")},
		{&ids.expired, p.SMP, old},
		{&ids.future, p.SMP, young},
		{&ids.ap, p.AP, localca.Leaf{CN: "PNO000005"}},
		{&ids.forged, fake, smpLeaf("PNO000001")},
		{&ids.tls, p.TLS, localca.Leaf{CN: "localhost", DNS: []string{"localhost", "127.0.0.1"}}},
	} {
		if *x.to, err = x.ca.Issue(x.leaf, now); err != nil {
			return nil, err
		}
	}
	return ids, nil
})

// impostor makes a CA with the name and the key identifier of another one.
func impostor(of *x509.Certificate) (*localca.CA, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	tmpl := *of
	tmpl.SignatureAlgorithm, tmpl.PublicKey = 0, nil
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, &tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &localca.CA{Cert: cert, Key: key}, err
}

// at is a Locator that knows one SMP, or returns an error.
type at struct {
	mu     sync.Mutex
	url    string
	next   string // the address after Forget
	err    error
	asked  int
	forgot int
}

func (l *at) Locate(context.Context, peppol.ParticipantID) (*url.URL, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked++; l.err != nil {
		return nil, l.err
	}
	return url.Parse(l.url)
}

func (l *at) Forget(peppol.ParticipantID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgot++; l.next != "" {
		l.url = l.next
	}
}

// world is an SMP with one registered invoice receiver, and a client that finds it.
type world struct {
	*identities
	smp     *smptest.Server
	client  *Client
	locator *at
	r       peppol.ParticipantID
	d       peppol.DocTypeID
	p       peppol.ProcessID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ids, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{identities: ids, r: participant(t, receiver), d: doctype(t, invoice), p: processID(t, billing)}
	w.smp = w.server(t, smptest.Options{Signer: ids.signer, Path: "/smp"})
	w.locator = &at{url: w.smp.URL()}
	w.client = &Client{
		Locator: w.locator, Guard: &Guard{Local: true},
		Trust: certs.NewVerifier(ids.pki.Anchors(), certs.Unchecked{}),
	}
	w.smp.Register(w.service())
	return w
}

func (w *world) server(t testing.TB, o smptest.Options) *smptest.Server {
	t.Helper()
	s, err := smptest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) service() smptest.Service {
	return smptest.Service{Participant: w.r, DocType: w.d, Process: w.p, URL: apURL, Cert: w.ap.Cert}
}

// find looks the world's own receiver up.
func (w *world) find() (*Endpoint, error) {
	return w.client.Endpoint(context.Background(), w.r, w.d, w.p)
}

func participant(t testing.TB, s string) peppol.ParticipantID {
	t.Helper()
	return must[peppol.ParticipantID](t)(peppol.ParseParticipant(s))
}

func doctype(t testing.TB, s string) peppol.DocTypeID {
	t.Helper()
	return must[peppol.DocTypeID](t)(peppol.ParseDocType(s))
}

func registered(t testing.TB, value string) peppol.DocTypeID {
	t.Helper()
	return must[peppol.DocTypeID](t)(peppol.ParseRegisteredDocType(peppol.SchemeWildcard, value))
}

func processID(t testing.TB, s string) peppol.ProcessID {
	t.Helper()
	return must[peppol.ProcessID](t)(peppol.ParseProcess(s))
}

// must ends the test if a step of its preparation fails.
func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// expect checks the reason of a failed lookup, "" for success, and that its kind fits.
func expect(t *testing.T, what string, err error, want Reason) {
	t.Helper()
	var e *Error
	switch {
	case err == nil && want == "":
	case err == nil:
		t.Errorf("%s: it succeeded, want %s", what, want)
	case !errors.As(err, &e):
		t.Errorf("%s: %v is not an *Error", what, err)
	case e.Reason != want:
		t.Errorf("%s: got %v, want %q", what, err, want)
	case e.Kind != want.Kind() || e.Rule == "" || e.Msg == "":
		t.Errorf("%s: incomplete: %+v", what, e)
	}
}

// edit changes the text of the one element with this name.
func edit(path, text string) func(*etree.Document) {
	return func(doc *etree.Document) { doc.FindElement("//" + path).SetText(text) }
}

// replace changes bytes on their way.
func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte {
		if !strings.Contains(string(b), old) {
			panic("the document does not contain " + old)
		}
		return []byte(strings.ReplaceAll(string(b), old, with))
	}
}

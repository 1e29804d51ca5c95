package smp

import (
	"crypto/x509"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/peppol"
)

// TestSignature lets goxmldsig verify what the server signs: the second opinion beside our own verifier.
func TestSignature(t *testing.T) {
	t.Parallel()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.SMP.Issue(localca.Leaf{CN: "PNO000001", Unit: "PEPPOL TEST SMP"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, service := start(t, id)
	for name, b := range map[string]Behaviour{
		"DISC-086": {}, "SEC-114": {Explicit: true},
		"DISC-086 exclusive": {Exclusive: true},
	} {
		s.Behave(b)
		body, status := get(t, s.ServiceURL(service.Participant, service.DocType))
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(body); err != nil || status != http.StatusOK {
			t.Fatalf("%s: status %d, %v", name, status, err)
		}
		ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{id.Cert}})
		if _, err := ctx.Validate(doc.Root()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Unregister(service.Participant)
	for _, u := range []string{
		s.GroupURL(service.Participant), s.ServiceURL(service.Participant, service.DocType),
		s.URL() + "/a/b/c/d", s.URL() + "/%zz",
	} {
		if _, status := get(t, u); status != http.StatusNotFound && status != http.StatusBadRequest && status != 0 {
			t.Errorf("DISC-065 %s: status %d", u, status)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	id := &certs.Identity{}
	for _, o := range []Options{
		{},
		{Signer: id, Addr: "0.0.0.0:0"},
		{Signer: id, Addr: "192.0.2.1:80"},
		{Signer: id, Addr: "localhost"},
	} {
		if s, err := New(o); err == nil {
			t.Errorf("D-20 %+v: it started", o)
			_ = s.Close()
		}
	}
}

func start(t *testing.T, id *certs.Identity) (*Server, Service) {
	t.Helper()
	s, err := New(Options{Signer: id})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r, err1 := peppol.ParseParticipant("0192:991825827")
	d, err2 := peppol.ParseDocType("urn:ns::Invoice##a::2.1")
	p, err3 := peppol.ParseProcess("urn:process")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	service := Service{Participant: r, DocType: d, Process: p, URL: "https://localhost/as4", Cert: id.Cert}
	s.Register(service)
	return s, service
}

// get returns body and status of a resource; status 0 if there is no answer.
func get(t *testing.T, url string) ([]byte, int) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return nil, 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body, resp.StatusCode
}

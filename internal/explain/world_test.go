package explain

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

func gunzip(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// world is a private PKI with two access points.
type world struct {
	pki  *localca.PKI
	a, b *certs.Identity
}

var private = sync.OnceValues(func() (*world, error) {
	p, err := localca.Shared()
	if err != nil {
		return nil, err
	}
	w := &world{pki: p}
	var errA, errB error
	w.a, errA = p.AP.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
	w.b, errB = p.AP.Issue(localca.Leaf{CN: "POP900002"}, time.Now())
	return w, errors.Join(errA, errB)
})

func newWorld(t testing.TB) (*world, Options) {
	t.Helper()
	w, err := private()
	if err != nil {
		t.Fatal(err)
	}
	return w, Options{Keys: certs.NewKeyring(w.b), Anchors: w.pki.Anchors().AP}
}

// envelope is the payload that belongs to goodMessage.
func envelope(t testing.TB) []byte {
	t.Helper()
	h := &sbdh.Header{CountryC1: "NO", InstanceID: "1", Created: "2026-11-21T12:00:00Z"}
	m := goodMessage()
	var errs [4]error
	h.Sender, errs[0] = peppol.ParseParticipant(m.Properties[0].Value)
	h.Receiver, errs[1] = peppol.ParseParticipant(m.Properties[1].Value)
	h.DocType, errs[2] = peppol.ParseDocType(m.Action)
	h.Process, errs[3] = peppol.NewProcess(m.Service.Type, m.Service.Value)
	var b bytes.Buffer
	err := sbdh.Wrap(&b, h, strings.NewReader(
		`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID>1</ID></Invoice>`))
	if err := errors.Join(append(errs[:], err)...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// goodMessage is a header that breaks no rule.
func goodMessage() *ebms.UserMessage {
	return &ebms.UserMessage{
		Timestamp: time.Now(), ID: "1@a.example", Agreement: peppol.AgreementRef, ConversationID: "1",
		From:    ebms.Party{ID: ebms.Typed{Type: peppol.PartyType, Value: "POP900001"}, Role: ebms.RoleInitiator},
		To:      ebms.Party{ID: ebms.Typed{Type: peppol.PartyType, Value: "POP900002"}, Role: ebms.RoleResponder},
		Service: ebms.Typed{Type: peppol.SchemeProcess, Value: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"},
		Action: "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:" +
			"en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1",
		Properties: []ebms.Property{
			{Name: "originalSender", Type: peppol.SchemeParticipant, Value: "0192:123456785"},
			{Name: "finalRecipient", Type: peppol.SchemeParticipant, Value: "0192:987654325"},
		},
		Parts: []ebms.Part{{Href: "cid:1@a", Properties: []ebms.Property{
			{Name: "MimeType", Value: "application/xml"},
			{Name: "CompressionType", Value: "application/gzip"},
		}}},
	}
}

// sealed is a multipart body under construction.
type sealed struct {
	msg    mime.Message
	cipher []byte
	plain  []byte // the octets that were signed
}

// seal makes a message of a to b with this payload.
func (w *world) seal(t testing.TB, m *ebms.UserMessage, payload []byte) *sealed {
	t.Helper()
	s, err := wssec.NewSealing(wssec.EDelivery1, w.b.Cert)
	if err != nil {
		t.Fatal(err)
	}
	var cipher bytes.Buffer
	enc, err := s.Attach("1@a", "application/gzip", &cipher)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	soap, _, err := s.Envelope(wssec.Identity{Key: w.a.Key, Cert: w.a.Cert},
		wssec.Element{ID: "m", Bytes: (&ebms.Messaging{User: m}).Bytes("m")})
	if err != nil {
		t.Fatal(err)
	}
	return &sealed{mime.Message{Boundary: "b", RootID: "soap@a", Root: soap}, cipher.Bytes(), payload}
}

// bytes writes the body with further parts behind the attachment.
func (s *sealed) bytes(t testing.TB, more ...mime.Content) []byte {
	t.Helper()
	var b bytes.Buffer
	m := s.msg
	m.Parts = append([]mime.Content{{ID: "1@a", Body: bytes.NewReader(s.cipher)}}, more...)
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s *sealed) replace(t testing.TB, old, with string) *sealed {
	t.Helper()
	if !bytes.Contains(s.msg.Root, []byte(old)) {
		t.Fatalf("%q is not in the envelope", old)
	}
	s.msg.Root = bytes.Replace(s.msg.Root, []byte(old), []byte(with), 1)
	return s
}

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// signed makes a signal signed by a certificate with these properties.
func (w *world) signed(t *testing.T, leaf localca.Leaf, s *ebms.Signal) []byte {
	t.Helper()
	id, err := w.pki.AP.Issue(leaf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	soap, err := wssec.SignSignal(wssec.EDelivery1, wssec.Identity{Key: id.Key, Cert: id.Cert},
		wssec.Element{ID: "m", Bytes: (&ebms.Messaging{Signal: s}).Bytes("m")})
	if err != nil {
		t.Fatal(err)
	}
	return soap
}

package as4

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

const swaTransform = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-Content-Signature-Transform"

var signatureValue = regexp.MustCompile(`<ds:SignatureValue>[^<]*`)

// resign changes SignedInfo and signs it again: what a sender who has a valid certificate may sign instead.
func resign(t testing.TB, soap []byte, by *certs.Identity, change func(info string) string) []byte {
	t.Helper()
	text := string(soap)
	i, j := strings.Index(text, "<ds:SignedInfo"), strings.Index(text, "</ds:SignedInfo>")
	if i < 0 || j < 0 {
		t.Fatal("no SignedInfo")
	}
	text = text[:i] + change(text[i:j]) + text[j:]
	doc, err := safe.Parse([]byte(text), safe.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	var canonical []byte
	for k := range doc.Len() {
		if n := doc.At(k); n.Is(dsig.NS, "SignedInfo") {
			if canonical, err = (dsig.Canon{Method: dsig.Exclusive}).Bytes(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	sum := sha256.Sum256(canonical)
	sig, err := by.Key.(crypto.Signer).Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(signatureValue.ReplaceAllString(text, "<ds:SignatureValue>"+base64.StdEncoding.EncodeToString(sig)))
}

// reference to an attachment, in SignedInfo.
func attachmentReference(url string) string {
	return fmt.Sprintf(
		`<ds:Reference URI="%s"><ds:Transforms><ds:Transform Algorithm="%s"></ds:Transform></ds:Transforms>`+
			`<ds:DigestMethod Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>`,
		url, swaTransform, dsig.SHA256, base64.StdEncoding.EncodeToString(make([]byte, 32)))
}

// referring adds a reference to an attachment.
func referring(t testing.TB, d *draft, url string) {
	d.soap = func(soap []byte) []byte {
		return resign(t, soap, d.by, func(info string) string { return info + attachmentReference(url) })
	}
}

// spelled is a content id in another spelling, in a URL.
func spelled(cid string) string {
	return strings.NewReplacer("@", "%40", "-", "%2d", ".", "%2E").Replace(cid)
}

// SEC-044, XSW-22: what a signature refers to must be there, once: a receipt never repeats a digest that nobody
// computed.
func TestHostileReferences(t *testing.T) {
	dangling := want{code: ebms.CodeFailedAuthentication, step: StepProfile}
	refer := func(url string) func(*testing.T, *draft) { // CID stands for the content id of the attachment
		return func(t *testing.T, d *draft) { referring(t, d, strings.ReplaceAll(url, "CID", d.cid)) }
	}
	changed := func(change func(cid string) string) func(*testing.T, *draft) {
		return func(t *testing.T, d *draft) { referring(t, d, "cid:"+change(d.cid)) }
	}
	twice := func(cid string) string { return strings.ReplaceAll(cid, "@", "%2540") }
	run(t, []hostile{
		{"SEC-044 XSW-22 an attachment that is not there", refer("cid:other@a.example"), dangling},
		{"SEC-044 XSW-22 the SOAP part", refer("cid:root@a.example"), dangling},
		{"SEC-044 XSW-22 a content id in angle brackets", refer("cid:%3CCID%3E"), dangling},
		{"SEC-044 XSW-22 no content id", refer("cid:"), dangling},
		{"SEC-044 XSW-22 a broken encoding", refer("cid:%zz"), dangling},
		{"SEC-024 XSW-22 encoded twice", changed(twice), dangling},
		{"SEC-024 XSW-22 another letter case", changed(strings.ToUpper), dangling},
		{"SEC-024 SEC-044 the same attachment in another spelling", changed(spelled), badVerify},
		{"SEC-044 the same attachment twice", refer("cid:CID"), badSender},
		{"SEC-042 an id that is not there", func(t *testing.T, d *draft) {
			d.soap = func(soap []byte) []byte {
				return resign(t, soap, d.by, func(info string) string {
					i := strings.Index(info, "<ds:Reference")
					j := strings.Index(info, "</ds:Reference>") + len("</ds:Reference>")
					return info + regexp.MustCompile(`URI="[^"]*"`).ReplaceAllString(info[i:j], `URI="#none"`)
				})
			}
		}, badVerify},
		{"SEC-044 a file", refer("file:///etc/passwd"), badVerify},
		{"SEC-044 XSW-22 a test message without attachment", func(t *testing.T, d *draft) {
			d.m.Service, d.m.Action, d.m.Properties, d.m.Parts = ebms.Typed{Value: ebms.TestService}, ebms.TestAction,
				nil, nil
			d.msg = func(m *mime.Message) { m.Parts = nil }
		}, dangling},
		{"AS4-052 SEC-044 a described part that is missing is told as that", setup(func(d *draft) {
			d.msg = func(m *mime.Message) { m.Parts = nil }
		}), want{code: ebms.CodeExternalPayloadError, step: StepProfile}},
		{"SEC-094 the ciphertext of an attachment that is not there", func(t *testing.T, d *draft) {
			d.soap = replace(t, `CipherReference URI="cid:`+d.cid, `CipherReference URI="cid:other@a.example`)
		}, noCipher},
	})
}

// AS4-019, SEC-024: one attachment may be spelled in three ways in the places that name it; the ids are compared
// decoded, and the receipt repeats the reference as it was signed.
func TestAS4019Spellings(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	cid := d.cid
	d.cid = spelled(cid)                                             // in the signature
	d.msg = func(m *mime.Message) { m.Parts[0].ID = cid }            // in the MIME header
	d.m.Parts[0].Href = "cid:" + strings.ReplaceAll(cid, "a", "%61") // in PartInfo
	d.soap = replace(t, `CipherReference URI="cid:`+d.cid,
		`CipherReference URI="cid:`+strings.ReplaceAll(cid, "@", "%40"))
	r := a.post(t, d)
	if r.signal == nil || r.signal.Receipt == nil {
		t.Fatal(r.x.Err)
	}
	found := false
	for _, ref := range r.signal.Receipt.References {
		found = found || ref.URI == "cid:"+d.cid
	}
	if !found {
		t.Errorf("the receipt has %+v, want a reference to cid:%s", r.signal.Receipt.References, d.cid)
	}
	for _, in := range a.mem.accepted {
		if !bytes.Contains(in.Digests, []byte("cid:"+d.cid+"\t")) {
			t.Errorf("digests: %s", in.Digests)
		}
	}
}

// AS4-108: a receipt that spells the reference to the attachment in another way fits; one to another attachment does
// not.
func TestAS4108Spellings(t *testing.T) {
	sent := []ebms.Reference{{URI: "#a"}, {URI: "cid:att-1@a.example", Value: []byte("x")}}
	for url, fits := range map[string]bool{
		"cid:att-1@a.example": true, "cid:att%2D1%40a.example": true,
		"cid:att-1%2540a.example": false, "cid:ATT-1@a.example": false, "att-1@a.example": false,
	} {
		err := MatchReceipt(&ebms.Receipt{References: []ebms.Reference{{URI: url, Value: []byte("x")}, {URI: "#a"}}},
			sent)
		if fits != (err == nil) {
			t.Errorf("%s: %v", url, err)
		}
	}
	twice := []ebms.Reference{
		{URI: "cid:att-1@a.example", Value: []byte("x")},
		{URI: "cid:att%2D1@a.example", Value: []byte("x")},
	}
	if err := MatchReceipt(&ebms.Receipt{References: twice}, sent); err == nil {
		t.Error("a receipt with one attachment twice, and without Messaging, fits")
	}
}

package wssec

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// party is one access point of this test run.
type party struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func (p *party) identity() Identity { return Identity{Key: p.key, Cert: p.cert} }

func (p *party) keys() *oneKey { return &oneKey{cert: p.cert, key: p.key} }

// write puts key and certificate into files for the tools.
func (p *party) write(t *testing.T, dir string) (key, cert string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	key, cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	writeFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	writeFile(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}))
	return key, cert
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

var parties = sync.OnceValues(func() ([]*party, error) {
	var out []*party
	for i, name := range []string{"PNO000001", "PNO000002", "PNO000003"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(int64(1000 + i)),
			Subject:      pkix.Name{CommonName: name, Organization: []string{"Ravn testbed"}, Country: []string{"NO"}},
			NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			SubjectKeyId: []byte{1, 2, 3, byte(i)},
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			return nil, err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		out = append(out, &party{key, cert})
	}
	return out, nil
})

// sender, receiver and stranger are the parties of every test.
func people(t testing.TB) (sender, receiver, stranger *party) {
	t.Helper()
	p, err := parties()
	if err != nil {
		t.Fatal(err)
	}
	return p[0], p[1], p[2]
}

const messagingText = `<eb:Messaging xmlns:eb="` + nsEB + `" xmlns:S12="` + nsSOAP + `" xmlns:wsu="` + nsWSU +
	`" S12:mustUnderstand="true" wsu:Id="msg-1"><eb:UserMessage><eb:MessageInfo>` +
	`<eb:Timestamp>2026-11-21T12:00:00.000Z</eb:Timestamp><eb:MessageId>one@ap.example</eb:MessageId>` +
	`</eb:MessageInfo><eb:PartyInfo><eb:From><eb:PartyId>PNO000001</eb:PartyId></eb:From></eb:PartyInfo>` +
	`<eb:PayloadInfo><eb:PartInfo href="cid:att-1@ap.example"></eb:PartInfo></eb:PayloadInfo></eb:UserMessage>` +
	`</eb:Messaging>`

const testCID = "att-1@ap.example"

func messagingElement(t testing.TB) Element {
	t.Helper()
	d, err := safe.Parse([]byte(messagingText), safe.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return Element{ID: "msg-1", Bytes: canonicalOf(t, d.Top())}
}

func canonicalOf(t testing.TB, n safe.Node) []byte {
	t.Helper()
	b, err := dsig.Canon{Method: dsig.Exclusive}.Bytes(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedMessage is a message that we wrote.
type sealedMessage struct {
	soap    []byte
	cid     string // content id
	data    []byte // ciphertext
	key     []byte // content key
	wrapped []byte
	payload []byte
}

func (m *sealedMessage) spool() Spool { return Spool{bytes.NewReader(m.data), int64(len(m.data))} }

func sealOne(t testing.TB, mimeType string, payload []byte) *sealedMessage {
	t.Helper()
	sender, receiver, _ := people(t)
	s, err := NewSealing(EDelivery1, receiver.cert)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	w, err := s.Attach(testCID, mimeType, &data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	soap, _, err := s.Envelope(sender.identity(), messagingElement(t))
	if err != nil {
		t.Fatal(err)
	}
	return &sealedMessage{soap, testCID, data.Bytes(), s.key, s.wrapped, payload}
}

// attached are the attachments of a message with these content ids. URLs are decoded, as package as4 does it.
func attached(ids ...string) Attachments {
	return func(raw string) (string, bool) {
		enc, ok := strings.CutPrefix(raw, "cid:")
		id, err := url.PathUnescape(enc)
		return id, ok && err == nil && slices.Contains(ids, id)
	}
}

// verified reads and verifies a request with the one attachment of sealOne.
func verified(soap []byte) (*Signed, error) {
	u, err := ReadMessage(soap, EDelivery1)
	if err != nil {
		return nil, err
	}
	s, err := u.Verify(attached(testCID))
	if err == nil {
		_, err = s.References()
	}
	return s, err
}

// mustOpen expects that the message opens and yields its payload.
func (m *sealedMessage) mustOpen(t *testing.T, keys Keys) {
	t.Helper()
	s, err := verified(m.soap)
	if err != nil {
		t.Fatalf("%v\n%s", err, m.soap)
	}
	o, err := s.Open(keys, m.cid, m.spool())
	if err != nil {
		t.Fatalf("%v\n%s", err, m.soap)
	}
	got, err := io.ReadAll(o.Payload())
	if err != nil || !bytes.Equal(got, m.payload) {
		t.Fatalf("the payload differs, %v", err)
	}
}

// openError verifies the message and returns why it does not open, and how many private operations that took.
func (m *sealedMessage) openError(t *testing.T) (uses int, err error) {
	t.Helper()
	_, receiver, _ := people(t)
	s, err := verified(m.soap)
	if err != nil {
		t.Fatalf("the message does not verify: %v\n%s", err, m.soap)
	}
	keys := receiver.keys()
	_, err = s.Open(keys, m.cid, m.spool())
	return keys.uses, err
}

// refusedAs checks that err is a refusal of a class.
func refusedAs(t *testing.T, err error, class Class) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Class != class {
		t.Errorf("got %v, want an *Error of class %d", err, class)
		return &Error{}
	}
	return e
}

// edit changes an envelope by its elements; the text of each is what stood in the document.
type edit struct {
	t    testing.TB
	text string
}

func (e *edit) doc() *safe.Doc {
	e.t.Helper()
	d, err := safe.Parse([]byte(e.text), safe.Document)
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.text)
	}
	return d
}

// find returns start, end and the text of the n-th element (from 0) with a local name.
func (e *edit) find(local string, n int) (from, to int, text string) {
	e.t.Helper()
	d := e.doc()
	for i := range d.Len() {
		if c := d.At(i); c.Kind() == safe.Element && c.Name().Local == local {
			if n == 0 {
				return c.Offset(), c.Offset() + len(c.Raw()), string(c.Raw())
			}
			n--
		}
	}
	e.t.Fatalf("no element %s", local)
	return 0, 0, ""
}

// take removes an element and returns its text.
func (e *edit) take(local string) string {
	from, to, text := e.find(local, 0)
	e.text = e.text[:from] + e.text[to:]
	return text
}

func (e *edit) before(local, text string) {
	from, _, _ := e.find(local, 0)
	e.text = e.text[:from] + text + e.text[from:]
}

func (e *edit) after(local, text string) {
	_, to, _ := e.find(local, 0)
	e.text = e.text[:to] + text + e.text[to:]
}

// inside puts text before the end tag of an element.
func (e *edit) inside(local, text string) {
	from, to, old := e.find(local, 0)
	if strings.HasSuffix(old, "/>") {
		tag := strings.Fields(old[1:])[0]
		e.text = e.text[:from] + strings.TrimSuffix(old, "/>") + ">" + text + "</" + strings.TrimSuffix(tag, "/>") +
			">" + e.text[to:]
		return
	}
	at := from + strings.LastIndex(old, "</")
	e.text = e.text[:at] + text + e.text[at:]
}

func (e *edit) replace(local, text string) {
	from, to, _ := e.find(local, 0)
	e.text = e.text[:from] + text + e.text[to:]
}

// swap replaces a piece of text that must be there.
func (e *edit) swap(old, text string) {
	e.t.Helper()
	if !strings.Contains(e.text, old) {
		e.t.Fatalf("no %q in the envelope", old)
	}
	e.text = strings.Replace(e.text, old, text, 1)
}

// resign computes the digests of all "#id" references anew, by the transforms that stand there, and signs.
func (e *edit) resign(by *party) {
	e.t.Helper()
	for n := 0; ; n++ {
		d := e.doc()
		sig := first(d, nsDS, "Signature")
		info, _ := sig.Child(nsDS, "SignedInfo")
		refs := info.Elements()[2:]
		if n == len(refs) {
			break
		}
		uri, _ := refs[n].Attr("", "URI")
		if !strings.HasPrefix(uri, "#") {
			continue
		}
		sum := sha256.Sum256(e.canonical(first(d, nsDS, "Transform", refs[n]), byID(d, uri[1:])))
		v, _ := refs[n].Child(nsDS, "DigestValue")
		e.fill(v, base64.StdEncoding.EncodeToString(sum[:]))
	}
	d := e.doc()
	sig := first(d, nsDS, "Signature")
	info, _ := sig.Child(nsDS, "SignedInfo")
	method, _ := info.Child(nsDS, "CanonicalizationMethod")
	value, err := dsig.Sign(rand.Reader, by.key, dsig.RSASHA256, e.canonical(method, info))
	if err != nil {
		e.t.Fatal(err)
	}
	v, _ := sig.Child(nsDS, "SignatureValue")
	e.fill(v, base64.StdEncoding.EncodeToString(value))
}

// canonical is the form of n by a Transform or CanonicalizationMethod element.
func (e *edit) canonical(how, n safe.Node) []byte {
	e.t.Helper()
	alg, _ := how.Attr("", "Algorithm")
	c := dsig.Canon{Method: alg}
	if list, ok := how.Child(dsig.ExcNS, "InclusiveNamespaces"); ok {
		s, _ := list.Attr("", "PrefixList")
		c.Prefixes = strings.Fields(s)
	}
	b, err := c.Bytes(n)
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// fill replaces the text of a leaf.
func (e *edit) fill(leaf safe.Node, text string) {
	from, raw := leaf.Offset(), string(leaf.Raw())
	open, end := strings.Index(raw, ">")+1, strings.LastIndex(raw, "</")
	e.text = e.text[:from] + raw[:open] + text + raw[end:] + e.text[from+len(raw):]
}

func first(d *safe.Doc, space, local string, in ...safe.Node) safe.Node {
	from, to := 0, d.Len()
	if len(in) > 0 {
		from, to = in[0].Index(), in[0].End()
	}
	for i := from; i < to; i++ {
		if n := d.At(i); n.Is(space, local) {
			return n
		}
	}
	return safe.Node{}
}

func byID(d *safe.Doc, id string) safe.Node {
	for i := range d.Len() {
		if v, ok := d.At(i).Attr(nsWSU, "Id"); ok && v == id {
			return d.At(i)
		}
	}
	return safe.Node{}
}

// never is a key store that must not be asked.
type never struct{ t *testing.T }

func (n never) Find(func(*x509.Certificate) bool) (crypto.Decrypter, bool) {
	n.t.Error("a key was looked for")
	return nil, false
}

package dsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

// testKey is a key of this test run, also as files for the tools.
type testKey struct {
	signer  crypto.Signer
	cert    *x509.Certificate
	private []byte // PEM
	public  []byte // certificate, PEM
}

var testKeys = sync.OnceValues(func() (map[string]*testKey, error) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keys := map[string]*testKey{}
	for name, signer := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey} {
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, signer.Public(), signer)
		if err != nil {
			return nil, err
		}
		k := &testKey{signer: signer, public: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
		if k.cert, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
		raw, err := x509.MarshalPKCS8PrivateKey(signer)
		if err != nil {
			return nil, err
		}
		k.private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
		keys[name] = k
	}
	return keys, nil
})

func keyOf(t testing.TB, name string) *testKey {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys[name]
}

// wide allows everything this package can compute.
func wide(enveloped bool) Policy {
	return Policy{
		Signature: []string{RSASHA256, RSASHA384, RSASHA512, ECDSASHA256}, Digest: []string{SHA256, SHA384, SHA512},
		Canon: []string{Exclusive, Inclusive}, Same: []string{Exclusive, Inclusive}, Enveloped: enveloped,
		References: 16,
	}
}

// signatureForm is one way to sign a document.
type signatureForm struct {
	enveloped bool
	method    string
	digest    string
	canon     string // of SignedInfo
	canonList string
	transform string // of the reference
	list      string
	bare      bool // enveloped-signature is the only transform: Canonical XML 1.0 follows by itself
}

func randomForm(r *mrand.Rand, methods []string) signatureForm {
	f := signatureForm{
		enveloped: r.IntN(2) == 0, method: pick(r, methods), digest: pick(r, []string{SHA256, SHA384, SHA512}),
		canon:     pick(r, []string{Exclusive, Exclusive, Inclusive}),
		transform: pick(r, []string{Exclusive, Exclusive, Inclusive}),
	}
	lists := []string{"", "", "a b", "#default", "s #default ds", "unknown"}
	if f.canon == Exclusive {
		f.canonList = pick(r, lists)
	}
	if f.transform == Exclusive {
		f.list = pick(r, lists)
	}
	f.bare = f.enveloped && f.transform == Inclusive && r.IntN(2) == 0
	return f
}

func (f signatureForm) key() string {
	if f.method == ECDSASHA256 {
		return "ec"
	}
	return "rsa"
}

func inclusiveNamespaces(list string) string {
	if list == "" {
		return ""
	}
	return `<ec:InclusiveNamespaces xmlns:ec="` + ExcNS + `" PrefixList="` + list + `"></ec:InclusiveNamespaces>`
}

// signedInfo writes SignedInfo without declarations of its own: the Signature element has them.
func (f signatureForm) signedInfo(uri, digest string) string {
	transforms := `<ds:Transform Algorithm="` + f.transform + `">` + inclusiveNamespaces(f.list) + `</ds:Transform>`
	if f.bare {
		transforms = ""
	}
	if f.enveloped {
		transforms = `<ds:Transform Algorithm="` + Enveloped + `"></ds:Transform>` + transforms
	}
	return fmt.Sprintf(`<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="%s">%s</ds:CanonicalizationMethod>`+"\n"+
		`<ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>`+
		`<ds:Reference URI="%s"><ds:Transforms>%s</ds:Transforms><ds:DigestMethod `+
		`Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`,
		f.canon, inclusiveNamespaces(f.canonList), f.method, uri, transforms, f.digest, digest)
}

// template is a document with an unsigned signature in it, and the element that "#it" points to.
func (f signatureForm) template(r *mrand.Rand, digest, value string) string {
	g := &generator{r: r, budget: 4, uris: genURIs}
	scope := map[string]string{"": "u:default", "s": "u:s", "a": "u:a", "b": "u:b", "xml": nsXML}
	for range 2 {
		g.element(scope, 9)
	}
	// xml:id would be an id for libxml2, CDATA and comments are part of the signed data or not, as the reader has it
	content := strings.ReplaceAll(g.b.String(), "xml:id", "xml1id")
	uri := "#it"
	if f.enveloped {
		uri = ""
	}
	return fmt.Sprintf(`<s:doc xmlns="u:default" xmlns:s="u:s" xmlns:a="u:a" xml:lang="no"><s:head `+
		`a:x="1"><ds:Signature xmlns:ds="%s">%s<ds:SignatureValue>%s</ds:SignatureValue></ds:Signature></s:head>`+
		`<s:part xmlns:b="u:b" Id="it" a:x="&#10;2">%s</s:part></s:doc>`,
		NS, f.signedInfo(uri, digest), value, content)
}

// our signs with this package: canonical form, digest, SignedInfo, value.
func (f signatureForm) sign(t *testing.T, seed uint64) string {
	t.Helper()
	doc := f.template(mrand.New(mrand.NewPCG(seed, 2)), "", "")
	d, sig := parseSigned(t, doc)
	c := Canon{Method: f.transform, Prefixes: strings.Fields(f.list)}
	target := d.Root()
	if f.enveloped {
		c.Without = sig
	} else {
		target, _ = d.Top().Child("u:s", "part")
	}
	b, err := c.Bytes(target)
	if err != nil {
		t.Fatal(err)
	}
	h := digests[f.digest].New()
	h.Write(b)
	digest := base64.StdEncoding.EncodeToString(h.Sum(nil))
	doc = f.template(mrand.New(mrand.NewPCG(seed, 2)), digest, "")
	_, sig = parseSigned(t, doc)
	info, _ := sig.Child(NS, "SignedInfo")
	b, err = Canon{Method: f.canon, Prefixes: strings.Fields(f.canonList)}.Bytes(info)
	if err != nil {
		t.Fatal(err)
	}
	value := signValue(t, f, b)
	return f.template(mrand.New(mrand.NewPCG(seed, 2)), digest, base64.StdEncoding.EncodeToString(value))
}

func signValue(t *testing.T, f signatureForm, info []byte) []byte {
	t.Helper()
	key := keyOf(t, f.key())
	if f.method != ECDSASHA256 {
		v, err := Sign(rand.Reader, key.signer, f.method, info)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	h := crypto.SHA256.New()
	h.Write(info)
	r, s, err := ecdsa.Sign(rand.Reader, key.signer.(*ecdsa.PrivateKey), h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	v := make([]byte, 64)
	r.FillBytes(v[:32])
	s.FillBytes(v[32:])
	return v
}

func parseSigned(t testing.TB, doc string) (*safe.Doc, safe.Node) {
	t.Helper()
	d, err := safe.Parse([]byte(doc), safe.Document)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	for i := range d.Len() {
		if n := d.At(i); n.Is(NS, "Signature") {
			return d, n
		}
	}
	t.Fatal("no signature in the document")
	return nil, safe.Node{}
}

// verify does all the steps of a caller.
func verify(doc string, pub crypto.PublicKey, enveloped bool) error {
	d, err := safe.Parse([]byte(doc), safe.Document)
	if err != nil {
		return err
	}
	var sig, target safe.Node
	for i := range d.Len() {
		n := d.At(i)
		if n.Is(NS, "Signature") && sig.IsZero() {
			sig = n
		}
		if id, _ := n.Attr("", "Id"); id == "it" && target.IsZero() {
			target = n
		}
	}
	if sig.IsZero() {
		return errors.New("no signature")
	}
	s, err := Parse(sig, wide(enveloped))
	if err != nil {
		return err
	}
	if err := s.VerifyValue(pub); err != nil {
		return err
	}
	if enveloped {
		_, err := s.VerifyEnveloped()
		return err
	}
	refs := s.References()
	if len(refs) != 1 || refs[0].URI != "#it" || target.IsZero() {
		return errors.New("not the reference that was asked for")
	}
	return refs[0].VerifyNode(target)
}

// xmlsec is the xmlsec1 tool with the keys of this run in files.
type xmlsec struct{ tool, dir string }

func newXmlsec(t *testing.T) *xmlsec {
	t.Helper()
	tool, err := exec.LookPath("xmlsec1")
	if err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", "xmlsec1")
	}
	x := &xmlsec{tool, t.TempDir()}
	for _, name := range []string{"rsa", "ec"} {
		x.write(t, name+".key", keyOf(t, name).private)
		x.write(t, name+".pem", keyOf(t, name).public)
	}
	return x
}

func (x *xmlsec) write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(x.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verifyAll checks many files in one process and returns how many are good.
func (x *xmlsec) verifyAll(key string, files []string) (good int, log string) {
	args := append([]string{
		"--verify", "--pubkey-cert-pem", filepath.Join(x.dir, key+".pem"), "--id-attr:Id",
		"u:s:part",
	}, files...)
	out, _ := exec.Command(x.tool, args...).CombinedOutput()
	return strings.Count("\n"+string(out), "\nOK\n"), string(out)
}

// TestDifferentialSignatures (SEC-044, SEC-046, SEC-047): signatures of ours are good for xmlsec1, signatures of
// xmlsec1 are good for us, and a change of one byte in what was signed is bad for us.
func TestDifferentialSignatures(t *testing.T) {
	r := golden.Random(t)
	const count = 200
	t.Run("ours", func(t *testing.T) {
		x := newXmlsec(t)
		files := map[string][]string{}
		tampered := 0
		for i := range count {
			f := randomForm(r, []string{RSASHA256, RSASHA384, RSASHA512, ECDSASHA256})
			doc := f.sign(t, r.Uint64())
			if err := verify(doc, keyOf(t, f.key()).signer.Public(), f.enveloped); err != nil {
				t.Fatalf("our own signature: %v\n%s", err, doc)
			}
			files[f.key()] = append(files[f.key()], x.write(t, fmt.Sprintf("ours-%d.xml", i), []byte(doc)))
			tampered += tamperAll(t, r, doc, f)
		}
		for key, list := range files {
			if good, log := x.verifyAll(key, list); good != len(list) {
				t.Errorf("%s: xmlsec1 accepts %d of %d\n%.3000s", key, good, len(list), log)
			}
		}
		t.Logf("xmlsec1 was given %d signatures; %d tampered ones refused by us", count, tampered)
	})
	t.Run("theirs", func(t *testing.T) {
		x := newXmlsec(t)
		var wg sync.WaitGroup
		type made struct {
			f   signatureForm
			doc []byte
			err error
		}
		results := make([]made, count)
		slots := make(chan struct{}, 4)
		for i := range count {
			f := randomForm(r, []string{RSASHA256, RSASHA384, RSASHA512, ECDSASHA256})
			in := x.write(t, fmt.Sprintf("theirs-%d.xml", i),
				[]byte(f.template(mrand.New(mrand.NewPCG(r.Uint64(), 2)), "", "")))
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				cmd := exec.Command(x.tool, "--sign", "--privkey-pem", filepath.Join(x.dir, f.key()+".key"),
					"--id-attr:Id", "u:s:part", in)
				out, err := cmd.Output()
				results[i] = made{f, out, err}
			})
		}
		wg.Wait()
		tampered := 0
		for i, m := range results {
			if m.err != nil {
				t.Fatalf("xmlsec1 --sign %d: %v", i, m.err)
			}
			if err := verify(string(m.doc), keyOf(t, m.f.key()).signer.Public(), m.f.enveloped); err != nil {
				t.Errorf("signature %d of xmlsec1: %v\n%+v\n%s", i, err, m.f, m.doc)
			}
			tampered += tamperAll(t, r, string(m.doc), m.f)
		}
		t.Logf("%d signatures of xmlsec1; %d tampered ones refused by us", count, tampered)
	})
}

// tamperAll makes variants of a signed document and checks that each is refused.
func tamperAll(t *testing.T, r *mrand.Rand, doc string, f signatureForm) (n int) {
	t.Helper()
	pub := keyOf(t, f.key()).signer.Public()
	variants := map[string]string{
		"attribute":  strings.Replace(doc, `a:x="&#`, `a:x="3&#`, 1),
		"element":    strings.Replace(doc, "</s:part>", "<x/></s:part>", 1),
		"text":       strings.Replace(doc, "</s:part>", "!</s:part>", 1),
		"namespace":  strings.ReplaceAll(doc, `xmlns:s="u:s"`, `xmlns:s="u:t"`),
		"SignedInfo": strings.Replace(doc, "<ds:SignatureMethod", " <ds:SignatureMethod", 1),
		"value":      flipIn(r, doc, "SignatureValue"),
		"digest":     flipIn(r, doc, "DigestValue"),
	}
	for name, v := range variants {
		if v == doc {
			t.Fatalf("variant %s changes nothing\n%s", name, doc)
		}
		if err := verify(v, pub, f.enveloped); err == nil {
			t.Errorf("variant %s is accepted\n%s", name, v)
		}
		n++
	}
	return n
}

// flipIn changes one base64 character inside an element.
func flipIn(r *mrand.Rand, doc, local string) string {
	from := strings.Index(doc, "<ds:"+local+">") + len("<ds:"+local+">")
	b := []byte(doc)
	for {
		at := from + r.IntN(20)
		if b[at] == '\n' || b[at] == '&' || b[at] == '<' {
			continue
		}
		old := b[at]
		b[at] = 'A'
		if old == 'A' {
			b[at] = 'B'
		}
		return string(bytes.Clone(b))
	}
}

package dsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/safe"
)

// strict is the policy of a Peppol AS4 message.
var strict = Policy{
	Signature: []string{RSASHA256}, Digest: []string{SHA256}, Canon: []string{Exclusive},
	Same: []string{Exclusive}, External: []string{"u:external"}, References: 16,
}

// piece builds a Signature by parts, each of which a test may replace.
type piece struct {
	canon, method, refs, value, tail, infoTail, keyInfo string
}

var okDigest = base64.StdEncoding.EncodeToString(make([]byte, 32))

func transform(alg, content string) string {
	return `<ds:Transform Algorithm="` + alg + `">` + content + `</ds:Transform>`
}

func reference(uri, transforms, digest, value string) string {
	return `<ds:Reference URI="` + uri + `"><ds:Transforms>` + transforms +
		`</ds:Transforms><ds:DigestMethod Algorithm="` + digest + `"/><ds:DigestValue>` + value +
		`</ds:DigestValue></ds:Reference>`
}

func goodPiece() piece {
	return piece{
		canon:  `<ds:CanonicalizationMethod Algorithm="` + Exclusive + `"/>`,
		method: `<ds:SignatureMethod Algorithm="` + RSASHA256 + `"/>`,
		refs:   reference("#a", transform(Exclusive, ""), SHA256, okDigest),
		value:  `<ds:SignatureValue>AAAA</ds:SignatureValue>`, keyInfo: `<ds:KeyInfo/>`,
	}
}

func (p piece) String() string {
	return `<ds:Signature xmlns:ds="` + NS + `"><ds:SignedInfo>` + p.canon + p.method + p.refs + p.infoTail +
		`</ds:SignedInfo>` + p.value + p.keyInfo + p.tail + `</ds:Signature>`
}

func parsePiece(p piece, policy Policy) error {
	d, err := safe.Parse([]byte(p.String()), safe.Envelope)
	if err != nil {
		return err
	}
	_, err = Parse(d.Top(), policy)
	return err
}

func TestPolicyAccepts(t *testing.T) {
	for name, change := range map[string]func(*piece){
		"as it is":   func(*piece) {},
		"no KeyInfo": func(p *piece) { p.keyInfo = "" },
		"external":   func(p *piece) { p.refs += reference("cid:x", transform("u:external", ""), SHA256, okDigest) },
		"PrefixList": func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, inclusiveNamespaces("a #default")), SHA256, okDigest)
		},
		"blanks":        func(p *piece) { p.value = "<ds:SignatureValue>\r\n AA\tAA\n</ds:SignatureValue>" },
		"16 references": func(p *piece) { p.refs = references(16) },
		"PrefixList c14n": func(p *piece) {
			p.canon = `<ds:CanonicalizationMethod Algorithm="` + Exclusive + `">` + inclusiveNamespaces("S12") +
				`</ds:CanonicalizationMethod>`
		},
	} {
		p := goodPiece()
		change(&p)
		if err := parsePiece(p, strict); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func references(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(reference(fmt.Sprintf("#r%d", i), transform(Exclusive, ""), SHA256, okDigest))
	}
	return b.String()
}

// badAlgorithms are refused wherever they stand.
var badAlgorithms = []string{
	"", "u:unknown", NS, NS + "sha1", NS + "rsa-sha1", NS + "dsa-sha1", NS + "hmac-sha1", NS + "base64",
	NS + "enveloped-signature",
	"http://www.w3.org/2009/xmldsig11#dsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#md5",
	"http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
	"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512",
	"http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
	"http://www.w3.org/2001/04/xmlenc#ripemd160", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", ECDSASHA256,
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
	"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
	"http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
	RSASHA384, RSASHA512, SHA384, SHA512, "http://www.w3.org/2001/04/xmldsig-more#sha224",
	"http://www.w3.org/2007/05/xmldsig-more#sha3-256",
	Inclusive, InclusiveWithComments, ExclusiveWithComments, "http://www.w3.org/2006/12/xml-c14n11",
	"http://www.w3.org/2006/12/xml-c14n11#WithComments", "http://www.w3.org/2010/xml-c14n2",
	"http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/2002/06/xmldsig-filter2",
	"http://www.w3.org/TR/1999/REC-xslt-19991116",
	"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
	"http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-Complete-Signature-Transform",
	"http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-Content-Signature-Transform",
	Exclusive + " ", " " + RSASHA256, strings.ToUpper(SHA256),
}

// SEC-045, SEC-046, SEC-047: every algorithm that is not the one of the policy is refused, at every place, before any
// cryptography.
func TestSEC047Algorithms(t *testing.T) {
	for _, alg := range badAlgorithms {
		for place, change := range map[string]func(*piece){
			"SignatureMethod": func(p *piece) { p.method = `<ds:SignatureMethod Algorithm="` + alg + `"/>` },
			"CanonicalizationMethod": func(p *piece) {
				p.canon = `<ds:CanonicalizationMethod Algorithm="` + alg +
					`"/>`
			},
			"DigestMethod": func(p *piece) {
				p.refs = reference("#a", transform(Exclusive, ""), alg,
					okDigest)
			},
			"Transform": func(p *piece) { p.refs = reference("#a", transform(alg, ""), SHA256, okDigest) },
			"external Transform": func(p *piece) {
				p.refs = reference("cid:x", transform(alg, ""), SHA256,
					okDigest)
			},
		} {
			p := goodPiece()
			change(&p)
			if err := parsePiece(p, strict); !errors.Is(err, ErrAlgorithm) {
				t.Errorf("%s %q: %v", place, alg, err)
			}
		}
	}
}

// SEC-043 to SEC-047: structures that are refused.
func TestSEC045Structure(t *testing.T) {
	value := func(s string) func(*piece) {
		return func(p *piece) { p.refs = reference("#a", transform(Exclusive, ""), SHA256, s) }
	}
	list := func(n int) string { return inclusiveNamespaces(strings.Repeat("p ", n)) }
	for _, tc := range []struct {
		name   string
		change func(*piece)
	}{
		{"SEC-043 ds:Object", func(p *piece) { p.tail = "<ds:Object/>" }},
		{"SEC-043 second KeyInfo", func(p *piece) { p.tail = "<ds:KeyInfo/>" }},
		{"SEC-043 second SignatureValue", func(p *piece) { p.value += p.value }},
		{"SEC-043 second SignedInfo", func(p *piece) { p.value = "<ds:SignedInfo/>" + p.value }},
		{"SEC-043 KeyInfo before the value", func(p *piece) { p.value, p.keyInfo = p.keyInfo, p.value }},
		{"SEC-043 something else in SignedInfo", func(p *piece) { p.infoTail = `<x xmlns="u:x"/>` }},
		{"SEC-044 zero references", func(p *piece) { p.refs = "" }},
		{"SEC-044 17 references", func(p *piece) { p.refs = references(17) }},
		{"SEC-044 the same reference twice", func(p *piece) { p.refs += p.refs }},
		{"SEC-044 no URI", func(p *piece) { p.refs = strings.Replace(p.refs, ` URI="#a"`, "", 1) }},
		{"SEC-044 empty URI", func(p *piece) { p.refs = reference("", transform(Exclusive, ""), SHA256, okDigest) }},
		{"SEC-044 fragment without name", func(p *piece) {
			p.refs = reference("#", transform(Exclusive, ""), SHA256,
				okDigest)
		}},
		{"SEC-044 external URI with c14n", func(p *piece) {
			p.refs = reference("http://x/", transform(Exclusive, ""),
				SHA256, okDigest)
		}},
		{"SEC-044 file URI", func(p *piece) {
			p.refs = reference("file:///etc/passwd", transform(Exclusive, ""), SHA256,
				okDigest)
		}},
		{"SEC-045 no Transforms", func(p *piece) {
			p.refs = strings.Replace(p.refs, "<ds:Transforms>"+transform(Exclusive, "")+"</ds:Transforms>", "", 1)
		}},
		{"SEC-045 empty Transforms", func(p *piece) { p.refs = reference("#a", "", SHA256, okDigest) }},
		{"SEC-045 two transforms", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, "")+transform(Exclusive, ""), SHA256, okDigest)
		}},
		{"SEC-045 enveloped and c14n", func(p *piece) {
			p.refs = reference("#a", transform(Enveloped, "")+transform(Exclusive, ""), SHA256, okDigest)
		}},
		{"SEC-045 c14n and enveloped", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, "")+transform(Enveloped, ""), SHA256, okDigest)
		}},
		{"SEC-045 not a Transform", func(p *piece) {
			p.refs = reference("#a", `<ds:Other Algorithm="`+Exclusive+`"/>`,
				SHA256, okDigest)
		}},
		{"SEC-045 text in a transform", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, "x"), SHA256,
				okDigest)
		}},
		{"SEC-045 XPath in a transform", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, "<ds:XPath>1</ds:XPath>"), SHA256, okDigest)
		}},
		{"SEC-045 two PrefixLists", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, list(1)+list(1)),
				SHA256, okDigest)
		}},
		{"SEC-045 17 prefixes", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, list(17)), SHA256,
				okDigest)
		}},
		{"SEC-045 no PrefixList", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, `<ec:InclusiveNamespaces xmlns:ec="`+ExcNS+`"/>`), SHA256,
				okDigest)
		}},
		{"SEC-045 PrefixList of another namespace", func(p *piece) {
			p.refs = reference("#a", transform(Exclusive, `<ec:InclusiveNamespaces xmlns:ec="u:x" PrefixList="a"/>`),
				SHA256, okDigest)
		}},
		{"SEC-046 no CanonicalizationMethod", func(p *piece) { p.canon = "" }},
		{"SEC-046 two CanonicalizationMethods", func(p *piece) { p.canon += p.canon }},
		{"SEC-046 CanonicalizationMethod second", func(p *piece) { p.canon, p.method = p.method, p.canon }},
		{"SEC-046 relative namespace in SignedInfo", func(p *piece) { p.infoTail = `<x xmlns="foo"/>` }},
		{"SEC-047 HMACOutputLength", func(p *piece) {
			p.method = `<ds:SignatureMethod Algorithm="` + RSASHA256 +
				`"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>`
		}},
		{"SEC-047 DigestMethod with content", func(p *piece) {
			p.refs = strings.Replace(p.refs, `#sha256"/>`, `#sha256"><ds:x/></ds:DigestMethod>`, 1)
		}},
		{"SEC-047 empty digest", value("")},
		{"SEC-047 31 bytes", value(base64.StdEncoding.EncodeToString(make([]byte, 31)))},
		{"SEC-047 33 bytes", value(base64.StdEncoding.EncodeToString(make([]byte, 33)))},
		{"SEC-047 truncated digest", value("AAAA")},
		{"SEC-047 trailing bits", value(okDigest[:42] + "B=")},
		{"SEC-047 no padding", value(okDigest[:43])},
		{"SEC-047 too much padding", value(okDigest + "=")},
		{"SEC-047 URL alphabet", value(strings.Repeat("-", 43) + "=")},
		{"SEC-047 data behind the padding", value(okDigest + "AAAA")},
		{"SEC-047 vertical tab as blank", value(okDigest[:10] + "\u00a0" + okDigest[10:])},
		{"SEC-047 element in DigestValue", value(okDigest + "<x/>")},
		{"SEC-047 comment in DigestValue", value(okDigest[:20] + "<!---->" + okDigest[20:])},
		{"SEC-047 CDATA in DigestValue", value("<![CDATA[" + okDigest + "]]>")},
		{"SEC-047 empty SignatureValue", func(p *piece) { p.value = "<ds:SignatureValue/>" }},
		{
			"SEC-047 trailing bits in SignatureValue",
			func(p *piece) { p.value = "<ds:SignatureValue>AB==</ds:SignatureValue>" },
		},
		{"SEC-033 comment in SignatureValue", func(p *piece) {
			p.value = "<ds:SignatureValue>AA<!---->AA</ds:SignatureValue>"
		}},
		{"SEC-033 comment in SignedInfo", func(p *piece) { p.infoTail = "<!---->" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := goodPiece()
			tc.change(&p)
			if p == goodPiece() {
				t.Fatal("the case changes nothing")
			}
			err := parsePiece(p, strict)
			var xe *safe.Error
			if !errors.Is(err, ErrStructure) && !errors.Is(err, ErrAlgorithm) && !errors.As(err, &xe) {
				t.Errorf("%v\n%s", err, p)
			}
		})
	}
}

// SEC-047: a key of another kind than the method says never fits.
func TestSEC047KeyKinds(t *testing.T) {
	rsaKey, ecKey := keyOf(t, "rsa"), keyOf(t, "ec")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{RSASHA256, RSASHA384, RSASHA512, ECDSASHA256} {
		f := signatureForm{method: method, digest: SHA256, canon: Exclusive, transform: Exclusive}
		doc := f.sign(t, 1)
		_, sig := parseSigned(t, doc)
		s, err := Parse(sig, wide(false))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyValue(keyOf(t, f.key()).signer.Public()); err != nil {
			t.Fatal(err)
		}
		keys := []crypto.PublicKey{
			nil, edPub, p384.Public(), other.Public(), []byte("a secret"),
			rsaKey.signer.(*rsa.PrivateKey).PublicKey,
		}
		if f.key() == "rsa" {
			keys = append(keys, ecKey.signer.Public())
		} else {
			keys = append(keys, rsaKey.signer.Public())
		}
		for _, k := range keys {
			if err := s.VerifyValue(k); !errors.Is(err, ErrValue) {
				t.Errorf("%s with %T: %v", method, k, err)
			}
		}
	}
	if _, err := Sign(rand.Reader, ecKey.signer, RSASHA256, []byte("x")); err == nil {
		t.Error("an RSA signature with an EC key")
	}
	if _, err := Sign(rand.Reader, rsaKey.signer, ECDSASHA256, []byte("x")); err == nil {
		t.Error("an ECDSA signature with an RSA key")
	}
	if _, err := Sign(rand.Reader, rsaKey.signer, NS+"rsa-sha1", []byte("x")); !errors.Is(err, ErrAlgorithm) {
		t.Error("a SHA-1 signature was made")
	}
}

// SEC-047: HMAC with the public key as secret, the classical confusion, has no way in.
func TestSEC047HMACWithPublicKey(t *testing.T) {
	p := goodPiece()
	p.method = `<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>`
	for _, policy := range []Policy{strict, wide(false)} {
		if err := parsePiece(p, policy); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("HMAC: %v", err)
		}
	}
}

// SEC-114, SEC-044: an enveloped signature covers the whole document; a moved, doubled or partial one is refused.
func TestSEC114EnvelopedWrapping(t *testing.T) {
	f := signatureForm{enveloped: true, method: RSASHA256, digest: SHA256, canon: Exclusive, transform: Inclusive}
	doc := f.sign(t, 114)
	key := keyOf(t, "rsa").signer.Public()
	from, to := strings.Index(doc, "<ds:Signature "), strings.Index(doc, "</ds:Signature>")+len("</ds:Signature>")
	sig, rest := doc[from:to], doc[:from]+doc[to:]
	if err := verify(doc, key, true); err != nil {
		t.Fatal(err)
	}
	_, node := parseSigned(t, doc)
	s, err := Parse(node, wide(true))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.VerifyEnveloped()
	if err != nil || strings.Contains(string(got), "SignatureValue") {
		t.Errorf("verified bytes hold the signature, or %v", err)
	}
	without, _ := Canon{Method: Inclusive}.Bytes(parseDoc(t, rest).Root())
	if string(without) != string(got) {
		t.Errorf("verified bytes\n%s\nwant\n%s", got, without)
	}

	// Moving the signature elsewhere leaves the covered bytes as they are: it verifies, and hands out the same bytes.
	moved := strings.Replace(rest, "</s:doc>", sig+"</s:doc>", 1)
	if err := verify(moved, key, true); err != nil {
		t.Errorf("a moved signature: %v", err)
	}
	for name, v := range map[string]string{
		"wrapped in another document":  `<x xmlns="u:x">` + doc + `</x>`,
		"forged sibling":               strings.Replace(doc, "</s:doc>", "<s:part>forged</s:part></s:doc>", 1),
		"forged content in SignedInfo": strings.Replace(doc, "</ds:SignedInfo>", "<x/></ds:SignedInfo>", 1),
		"content in Signature": strings.Replace(doc, "</ds:Signature>",
			"<ds:Object><s:part/></ds:Object></ds:Signature>", 1),
		"signed element inside Object": `<s:doc xmlns:s="u:s">` + strings.Replace(sig, "</ds:Signature>",
			"<ds:Object>"+rest+"</ds:Object></ds:Signature>", 1) + `</s:doc>`,
		"two signatures":                strings.Replace(doc, "</s:doc>", sig+"</s:doc>", 1),
		"two signatures, forged first":  strings.Replace(doc, "<ds:Signature ", flipped(sig)+"<ds:Signature ", 1),
		"signature of another document": strings.Replace(f.sign(t, 115), "<ds:Signature ", sig+"<ds:Signature ", 1),
		"signature put into a document": "<s:doc xmlns:s=\"u:s\">" + sig + "</s:doc>",
		"URI of a part":                 strings.Replace(doc, `URI=""`, `URI="#it"`, 1),
		"no enveloped transform": strings.Replace(doc, `<ds:Transform Algorithm="`+Enveloped+`"></ds:Transform>`,
			"", 1),
		"enveloped transform last": strings.Replace(strings.Replace(doc,
			`<ds:Transform Algorithm="`+Enveloped+`"></ds:Transform>`, "", 1), `</ds:Transforms>`,
			`<ds:Transform Algorithm="`+Enveloped+`"></ds:Transform></ds:Transforms>`, 1),
		"enveloped transform twice": strings.ReplaceAll(doc,
			`<ds:Transform Algorithm="`+Enveloped+`"></ds:Transform>`,
			strings.Repeat(`<ds:Transform Algorithm="`+Enveloped+`"></ds:Transform>`, 2)),
		"a processing instruction": doc + "<?p x?>",
		"a second reference": strings.Replace(doc, "</ds:SignedInfo>",
			reference("#it", transform(Exclusive, ""), SHA256, okDigest)+"</ds:SignedInfo>", 1),
	} {
		if v == doc {
			t.Fatalf("%s changes nothing", name)
		}
		if err := verify(v, key, true); err == nil {
			t.Errorf("%s is accepted\n%s", name, v)
		}
	}
	if err := verify(doc, key, false); err == nil {
		t.Error("an enveloped signature is accepted where a detached one is wanted")
	}
	detached := signatureForm{method: RSASHA256, digest: SHA256, canon: Exclusive, transform: Exclusive}.sign(t, 1)
	if err := verify(detached, key, true); err == nil {
		t.Error("a detached signature is accepted where an enveloped one is wanted")
	}
}

func flipped(sig string) string {
	return strings.Replace(sig, "<ds:SignatureValue>", "<ds:SignatureValue>AAAA", 1)
}

// AS4-102: the copy of a reference for the receipt is its exclusive canonical form.
func TestAS4102CanonicalReference(t *testing.T) {
	p := goodPiece()
	p.refs = reference("#a", transform(Exclusive, inclusiveNamespaces("b a")), SHA256, okDigest)
	d, err := safe.Parse([]byte(strings.Replace(p.String(), "<ds:Reference ", `<ds:Reference xmlns:unused="u:1" `, 1)),
		safe.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(d.Top(), strict)
	if err != nil {
		t.Fatal(err)
	}
	want := `<ds:Reference xmlns:ds="` + NS + `" URI="#a"><ds:Transforms><ds:Transform Algorithm="` + Exclusive + `">` +
		inclusiveNamespaces("b a") +
		`</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="` + SHA256 +
		`"></ds:DigestMethod><ds:DigestValue>` + okDigest + `</ds:DigestValue></ds:Reference>`
	if got := string(s.References()[0].Canonical); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

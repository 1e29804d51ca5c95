package wssec

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// changed returns the message with other encryption elements; the signature does not cover them.
func (m *sealedMessage) changed(t testing.TB, change func(*edit)) *sealedMessage {
	t.Helper()
	e := &edit{t, string(m.soap)}
	change(e)
	if e.text == string(m.soap) {
		t.Fatal("the case changes nothing")
	}
	c := *m
	c.soap = []byte(e.text)
	return &c
}

// SEC-090, AS4-076, AS4-085: an algorithm that is not the one of the profile is refused before a key is used.
func TestSEC090Algorithms(t *testing.T) {
	m := sealOne(t, "application/gzip", []byte("payload"))
	_, receiver, _ := people(t)
	m.mustOpen(t, receiver.keys())
	const xenc, more = nsXENC, "http://www.w3.org/2001/04/xmldsig-more#"
	bad := []string{
		"", "u:unknown", xenc + "rsa-1_5", xenc + "rsa-oaep-mgf1p", xenc + "aes128-cbc", xenc + "aes256-cbc",
		xenc + "tripledes-cbc", nsXENC11 + "aes192-gcm", nsXENC11 + "aes256-gcm",
		xenc + "kw-aes128", xenc + "kw-tripledes", nsXENC11 + "kw-aes-128-pad", xenc + "dh", nsXENC11 + "ECDH-ES",
		nsXENC11 + "dh-es", nsXENC11 + "ConcatKDF", nsXENC11 + "pbkdf2",
		dsig.NS + "sha1", more + "md5", more + "sha384", xenc + "sha512", xenc + "ripemd160", nsXENC11 + "mgf1sha1",
		nsXENC11 + "mgf1sha224", nsXENC11 + "mgf1sha384", nsXENC11 + "mgf1sha512",
	}
	for place, good := range map[string]string{
		"key transport":      EDelivery1.KeyTransport + `"><ds:Dig`,
		"digest of OAEP":     `DigestMethod xmlns:ds="` + nsDS + `" Algorithm="` + EDelivery1.KeyDigest + `"/>`,
		"mask of OAEP":       EDelivery1.KeyMask + `"`,
		"content encryption": EDelivery1.Data + `"`,
		"cipher transform":   swaCipher + `"`,
	} {
		alg := map[string]string{
			"key transport": EDelivery1.KeyTransport, "digest of OAEP": EDelivery1.KeyDigest,
			"mask of OAEP":       EDelivery1.KeyMask,
			"content encryption": EDelivery1.Data, "cipher transform": swaCipher,
		}[place]
		for _, b := range bad {
			c := m.changed(t, func(e *edit) { e.swap(good, strings.Replace(good, alg, b, 1)) })
			uses, err := c.openError(t)
			refusedAs(t, err, Decryption)
			if uses != 0 {
				t.Errorf("%s %s: %d private operations", place, b, uses)
			}
		}
	}
	for name, change := range map[string]func(*edit){
		"no MGF":              func(e *edit) { e.take("MGF") },
		"no DigestMethod":     func(e *edit) { e.take("DigestMethod") },
		"OAEPparams":          func(e *edit) { e.after("MGF", `<xenc:OAEPparams>AAAA</xenc:OAEPparams>`) },
		"KeySize":             func(e *edit) { e.after("MGF", `<xenc:KeySize>128</xenc:KeySize>`) },
		"no EncryptionMethod": func(e *edit) { e.take("EncryptionMethod") },
		"two MGF":             func(e *edit) { _, _, s := e.find("MGF", 0); e.after("MGF", s) },
		"KeySize of the data": func(e *edit) {
			e.swap(EDelivery1.Data+`"/>`, EDelivery1.Data+`"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>`)
		},
		"EncryptedKey as data": func(e *edit) { e.swap(`<xenc:EncryptedKey `, `<xenc:EncryptedKey MimeType="a/b" `) },
		"EncryptedKey of type": func(e *edit) { e.swap(`<xenc:EncryptedKey `, `<xenc:EncryptedKey Type="u:x" `) },
	} {
		uses, err := m.changed(t, change).openError(t)
		refusedAs(t, err, Decryption)
		if uses != 0 {
			t.Errorf("%s: %d private operations", name, uses)
		}
	}
}

func wrap(t *testing.T, pub any, key []byte) string {
	t.Helper()
	b, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub.(*rsa.PublicKey), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// SEC-091: whatever fails from the private operation on gives the same error, after exactly one such operation.
func TestSEC091UniformFailure(t *testing.T) {
	_, receiver, stranger := people(t)
	m := sealOne(t, "application/gzip", []byte("payload"))
	old := base64.StdEncoding.EncodeToString(m.wrapped)
	pub := receiver.cert.PublicKey
	wrapped := func(s string) *sealedMessage { return m.changed(t, func(e *edit) { e.swap(old, s) }) }
	data := func(b []byte) *sealedMessage { c := *m; c.data = b; return &c }
	flip := func(i int) *sealedMessage { b := bytes.Clone(m.data); b[i] ^= 1; return data(b) }
	//lint:ignore SA1019 a wrong one on purpose
	pkcs1, err := rsa.EncryptPKCS1v15(rand.Reader, pub.(*rsa.PublicKey), m.key)
	if err != nil {
		t.Fatal(err)
	}
	sha1OAEP, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, pub.(*rsa.PublicKey), m.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	labelled, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub.(*rsa.PublicKey), m.key, []byte("label"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]*sealedMessage{
		"another key":          wrapped(wrap(t, pub, make([]byte, 16))),
		"15 bytes":             wrapped(wrap(t, pub, m.key[:15])),
		"24 bytes":             wrapped(wrap(t, pub, make([]byte, 24))),
		"32 bytes":             wrapped(wrap(t, pub, make([]byte, 32))),
		"no key":               wrapped(wrap(t, pub, nil)),
		"wrapped for another":  wrapped(wrap(t, stranger.cert.PublicKey, m.key)),
		"PKCS #1 v1.5":         wrapped(base64.StdEncoding.EncodeToString(pkcs1)),
		"OAEP with SHA-1":      wrapped(base64.StdEncoding.EncodeToString(sha1OAEP)),
		"OAEP with a label":    wrapped(base64.StdEncoding.EncodeToString(labelled)),
		"zeros":                wrapped(base64.StdEncoding.EncodeToString(make([]byte, 256))),
		"larger than modulus":  wrapped(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xFF}, 256))),
		"255 bytes":            wrapped(base64.StdEncoding.EncodeToString(m.wrapped[:255])),
		"257 bytes":            wrapped(base64.StdEncoding.EncodeToString(append(bytes.Clone(m.wrapped), 0))),
		"one byte":             wrapped("AA=="),
		"IV":                   flip(0),
		"ciphertext":           flip(gcmIV),
		"tag":                  flip(len(m.data) - 1),
		"truncated":            data(m.data[:len(m.data)-1]),
		"only IV and tag":      data(m.data[:GCMOverhead]),
		"too short":            data(m.data[:GCMOverhead-1]),
		"empty":                data(nil),
		"longer":               data(append(bytes.Clone(m.data), 0)),
		"unencrypted":          data(m.payload),
		"the IV of all zeros":  data(append(make([]byte, gcmIV), m.data[gcmIV:]...)),
		"ciphertext reordered": data(append(bytes.Clone(m.data[len(m.data)-gcmTag:]), m.data[:len(m.data)-gcmTag]...)),
	}
	var texts []string
	for name, c := range cases {
		uses, err := c.openError(t)
		e := refusedAs(t, err, Decryption)
		if uses != 1 {
			t.Errorf("%s: %d private operations, want 1", name, uses)
		}
		texts = append(texts, e.Rule+" "+e.Msg)
	}
	for _, s := range texts {
		if s != texts[0] {
			t.Errorf("errors differ: %q, %q", s, texts[0])
		}
	}
}

// SEC-094, AS4-074, AS4-080, AS4-081: a description of the attachment that differs in any way is refused without a
// private operation.
func TestSEC094EncryptionHeader(t *testing.T) {
	m := sealOne(t, "application/gzip", []byte("payload"))
	for name, change := range map[string]func(*edit){
		"no EncryptedKey": func(e *edit) {
			e.take("EncryptedKey")
			e.take("BinarySecurityToken") // which nothing refers to then
		},
		"no EncryptedData": func(e *edit) { e.take("EncryptedData") },
		"two EncryptedData": func(e *edit) {
			_, _, s := e.find("EncryptedData", 0)
			e.after("EncryptedData", strings.Replace(s, `Id="ED-`, `Id="EE-`, 1))
		},
		"CipherValue in the data": func(e *edit) {
			e.replace("CipherReference",
				`<xenc:CipherValue>AAAA</xenc:CipherValue>`)
		},
		"http": func(e *edit) {
			e.swap(`CipherReference URI="cid:`+testCID,
				`CipherReference URI="http://x.example/`)
		},
		"file": func(e *edit) {
			e.swap(`CipherReference URI="cid:`+testCID,
				`CipherReference URI="file:///etc/passwd`)
		},
		"data URL": func(e *edit) {
			e.swap(`CipherReference URI="cid:`+testCID,
				`CipherReference URI="data:,x`)
		},
		"fragment": func(e *edit) {
			e.swap(`CipherReference URI="cid:`+testCID,
				`CipherReference URI="#msg-1`)
		},
		"another part": func(e *edit) {
			e.swap(`CipherReference URI="cid:`+testCID,
				`CipherReference URI="cid:root@ap.example`)
		},
		"no transform":                    func(e *edit) { e.take("Transforms") },
		"two transforms":                  func(e *edit) { _, _, s := e.find("Transform", 0); e.after("Transform", s) },
		"transform with content":          func(e *edit) { e.inside("Transform", "<x/>") },
		"EncryptedData of the whole part": func(e *edit) { e.swap(swaContent, swa+"Attachment-Complete") },
		"EncryptedData without type":      func(e *edit) { e.swap(` Type="`+swaContent+`"`, ``) },
		"DataReference to nothing": func(e *edit) {
			e.swap(`DataReference URI="#ED-`,
				`DataReference URI="#EX-`)
		},
		"no ReferenceList":    func(e *edit) { e.take("ReferenceList") },
		"empty ReferenceList": func(e *edit) { e.take("DataReference") },
		"two DataReferences": func(e *edit) {
			_, _,
				s := e.find("DataReference", 0)
			e.after("DataReference", s)
		},
		"KeyReference": func(e *edit) {
			_, _, s := e.find("DataReference", 0)
			e.replace("DataReference", strings.Replace(s, "Data", "Key", 1))
		},
		"EncryptedData without id": func(e *edit) { e.swap(` Id="ED-`, ` not="ED-`) },
		"EncryptedKey without id":  func(e *edit) { e.swap(` Id="EK-`, ` not="EK-`) },
		"data key is another":      func(e *edit) { e.swap(`<wsse:Reference URI="#EK-`, `<wsse:Reference URI="#EX-`) },
		"data key is a token":      func(e *edit) { e.swap(`<wsse:Reference URI="#EK-`, `<wsse:Reference URI="#X-`) },
		"nested EncryptedKey": func(e *edit) {
			_, _, s := e.find("EncryptedKey", 0)
			e.inside("EncryptedKey", strings.Replace(s, `Id="EK-`, `Id="EL-`, 1))
		},
		"CipherReference for the key": func(e *edit) {
			e.replace("CipherValue",
				`<xenc:CipherReference URI="cid:`+testCID+`"/>`)
		},
		"element in CipherValue": func(e *edit) { e.inside("CipherValue", "<x/>") },
		"malformed CipherValue":  func(e *edit) { e.inside("CipherValue", "!") },
		"very long CipherValue":  func(e *edit) { e.inside("CipherValue", strings.Repeat(" ", maxToken)) },
		"CarriedKeyName": func(e *edit) {
			e.inside("EncryptedKey",
				`<xenc:CarriedKeyName>x</xenc:CarriedKeyName>`)
		},
		"EncryptionProperties": func(e *edit) {
			e.inside("EncryptedData",
				`<xenc:EncryptionProperties/>`)
		},
		"no KeyInfo in the data": func(e *edit) {
			from, to,
				_ := e.find("KeyInfo", 1)
			e.text = e.text[:from] + e.text[to:]
		},
		"DataReference with another element": func(e *edit) { e.after("DataReference", "<x/>") },
	} {
		t.Run(name, func(t *testing.T) {
			c := m.changed(t, change)
			uses, err := c.openError(t)
			refusedAs(t, err, Decryption)
			if uses != 0 {
				t.Errorf("%d private operations", uses)
			}
		})
	}
	// These never get as far as Verify.
	for name, change := range map[string]func(*edit){
		"two EncryptedKeys": func(e *edit) {
			_, _, s := e.find("EncryptedKey", 0)
			e.after("EncryptedKey", strings.Replace(s, `Id="EK-`, `Id="EL-`, 1))
		},
		"EncryptedHeader": func(e *edit) { e.before("Messaging", `<w:EncryptedHeader xmlns:w="`+nsWSSE11+`"/>`) },
		"EncryptedData as header": func(e *edit) {
			_, _, s := e.find("EncryptedData", 0)
			e.before("Messaging", strings.Replace(s, `Id="ED-`, `Id="EE-`, 1))
		},
		"EncryptedData in Body":      func(e *edit) { s := e.take("EncryptedData"); e.inside("Body", s) },
		"EncryptedData in Messaging": func(e *edit) { s := e.take("EncryptedData"); e.inside("Messaging", s) },
		"a ReferenceList of its own": func(e *edit) {
			s := e.take("ReferenceList")
			e.before("Signature", strings.Replace(s, ">", ` xmlns:xenc="`+nsXENC+`">`, 1))
		},
		"DerivedKeyToken": func(e *edit) { e.before("Signature", `<c:DerivedKeyToken xmlns:c="u:wsc"/>`) },
	} {
		e := &edit{t, string(m.soap)}
		change(e)
		var we *Error
		if _, err := verified([]byte(e.text)); !errors.As(err, &we) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SEC-095: at most one private operation, and none for a key that is wrapped for somebody else.
func TestSEC095Recipient(t *testing.T) {
	_, _, stranger := people(t)
	m := sealOne(t, "application/gzip", []byte("payload"))
	s, err := verified(m.soap)
	if err != nil {
		t.Fatal(err)
	}
	keys := stranger.keys()
	_, err = s.Open(keys, m.cid, m.spool())
	refusedAs(t, err, Decryption)
	if keys.uses != 0 {
		t.Errorf("%d private operations with a key that was not named", keys.uses)
	}
	e := &edit{t, string(m.soap)}
	_, _, key := e.find("EncryptedKey", 0)
	for i := range 99 {
		e.after("EncryptedKey", strings.Replace(key, `Id="EK-`, fmt.Sprintf(`Id="E%d-`, i), 1))
	}
	_, err = verified([]byte(e.text))
	refusedAs(t, err, Authentication)
	for name, keyInfo := range map[string]string{
		"empty":   ``,
		"KeyName": `<ds:KeyName>x</ds:KeyName>`,
		"unknown identifier": str(`<wsse:KeyIdentifier ValueType="u:x" EncodingType="` + base64Binary +
			`">AAAA</wsse:KeyIdentifier>`),
		"empty identifier":   str(`<wsse:KeyIdentifier ValueType="` + x509SKI + `"></wsse:KeyIdentifier>`),
		"malformed":          str(`<wsse:KeyIdentifier ValueType="` + x509SKI + `">!</wsse:KeyIdentifier>`),
		"other thumbprint":   str(`<wsse:KeyIdentifier ValueType="` + thumbprint + `">AAAA</wsse:KeyIdentifier>`),
		"other SKI":          str(`<wsse:KeyIdentifier ValueType="` + x509SKI + `">AAAA</wsse:KeyIdentifier>`),
		"other serial":       str(issuerSerialOf("CN=x", "77")),
		"serial in hex":      str(issuerSerialOf("CN=x", "0x3e9")),
		"certificate inside": str(`<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>`),
		"token elsewhere":    str(`<wsse:Reference URI="http://x.example/" ValueType="` + x509v3 + `"/>`),
		"token missing":      str(`<wsse:Reference URI="#none" ValueType="` + x509v3 + `"/>`),
		"RetrievalMethod":    `<ds:RetrievalMethod URI="#x"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			uses, err := m.changed(t, recipient(keyInfo)).openError(t)
			refusedAs(t, err, Decryption)
			if uses != 0 {
				t.Errorf("%d private operations", uses)
			}
		})
	}
}

func str(content string) string {
	return `<wsse:SecurityTokenReference>` + content + `</wsse:SecurityTokenReference>`
}

func issuerSerialOf(issuer, serial string) string {
	return `<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>` + issuer +
		`</ds:X509IssuerName><ds:X509SerialNumber>` + serial +
		`</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>`
}

// recipient replaces the receiver's token by another reference.
func recipient(keyInfo string) func(*edit) {
	return func(e *edit) {
		e.take("BinarySecurityToken")
		from, to, _ := e.find("KeyInfo", 0)
		e.text = e.text[:from] + `<ds:KeyInfo xmlns:ds="` + nsDS + `">` + keyInfo + `</ds:KeyInfo>` + e.text[to:]
	}
}

// AS4-079: the key may be wrapped for a certificate named by issuer and serial number, key identifier or thumbprint.
func TestAS4079RecipientReferences(t *testing.T) {
	_, receiver, _ := people(t)
	m := sealOne(t, "application/gzip", []byte("payload"))
	sum := sha1.Sum(receiver.cert.Raw)
	for name, keyInfo := range map[string]string{
		"issuer and serial": str(issuerSerialOf("C=NO,O=Ravn testbed,CN=PNO000002",
			receiver.cert.SerialNumber.String())),
		"with blanks": "\n " + str("\n "+issuerSerialOf("CN=PNO000002, O=Ravn testbed, C=NO",
			" "+receiver.cert.SerialNumber.String()+"\n")) + "\n",
		"SKI": str(`<wsse:KeyIdentifier ValueType="` + x509SKI + `" EncodingType="` + base64Binary +
			`">` + base64.StdEncoding.EncodeToString(receiver.cert.SubjectKeyId) + `</wsse:KeyIdentifier>`),
		"thumbprint": str(`<wsse:KeyIdentifier ValueType="` + thumbprint + `" EncodingType="` + base64Binary +
			`">` + base64.StdEncoding.EncodeToString(sum[:]) + `</wsse:KeyIdentifier>`),
	} {
		t.Run(name, func(t *testing.T) {
			keys := receiver.keys()
			m.changed(t, recipient(keyInfo)).mustOpen(t, keys)
			if keys.uses != 1 {
				t.Errorf("%d private operations", keys.uses)
			}
		})
	}
}

// AS4-071 to AS4-073: what is digested depends on the MimeType of EncryptedData.
func TestAS4071AttachmentForms(t *testing.T) {
	sender, receiver, _ := people(t)
	xml := []byte("<?xml version=\"1.0\"?>\r\n<a  b='1'   a=\"2\"><!-- c --><b/>\r\n</a>\n")
	canonical := []byte("<a a=\"2\" b=\"1\"><b></b>\n</a>")
	text := []byte("a\nb\rc\r\nd")
	for _, tc := range []struct {
		mimeType        string
		payload, signed []byte
	}{
		{"application/gzip", xml, xml},
		{"application/octet-stream", xml, xml},
		{"", xml, xml},
		{"not a type", xml, xml},
		{"application/pdf", text, text},
		{"application/xml", xml, canonical},
		{"text/xml", xml, canonical},
		{"text/xml; charset=utf-8", xml, canonical},
		{"APPLICATION/XML", xml, canonical},
		{"application/vnd.x+xml", xml, canonical},
		{"image/svg+xml", xml, canonical},
		{"text/plain", text, []byte("a\r\nb\r\nc\r\nd")},
	} {
		t.Run(tc.mimeType, func(t *testing.T) {
			for _, good := range []bool{true, false} {
				m := sealOne(t, tc.mimeType, tc.payload)
				sum := sha256.Sum256(tc.signed)
				if !good {
					sum[0] ^= 1
				}
				el := messagingElement(t)
				digests := append(EDelivery1.digests(el),
					Digest{URI: "cid:" + m.cid, Transform: swaSignature, Method: dsig.SHA256, Value: sum[:]})
				e := &edit{t, string(m.soap)}
				from, _, _ := e.find("BinarySecurityToken", 0)
				_, to, _ := e.find("EncryptedData", 0)
				head := e.text[from:to]
				soap, err := EDelivery1.envelope(sender.identity(), el, digests, head)
				if err != nil {
					t.Fatal(err)
				}
				m.soap = soap
				if good {
					m.mustOpen(t, receiver.keys())
					continue
				}
				uses, err := m.openError(t)
				if refusedAs(t, err, Authentication); !IsDigest(err) || uses != 1 {
					t.Errorf("a wrong digest: %v, %d private operations", err, uses)
				}
			}
		})
	}
	m := sealOne(t, "application/xml", []byte("<a>"))
	_, err := m.openError(t)
	refusedAs(t, err, Authentication)
}

// FuzzEncHeader: at most one private operation, and none unless the algorithms are the allowed ones.
func FuzzEncHeader(f *testing.F) {
	m := sealOne(f, "application/gzip", []byte("payload"))
	e := &edit{f, string(m.soap)}
	_, _, token := e.find("BinarySecurityToken", 0)
	from := strings.Index(token, `wsu:Id="`) + len(`wsu:Id="`)
	id := token[from : from+strings.IndexByte(token[from:], '"')]
	m.soap = []byte(strings.ReplaceAll(e.text, id, "X-receiver")) // the same in each process of a fuzz run
	start := bytes.Index(m.soap, []byte("<xenc:EncryptedKey"))
	end := bytes.Index(m.soap, []byte("</xenc:EncryptedData>")) + len("</xenc:EncryptedData>")
	f.Add(m.soap[start:end])
	f.Add(bytes.Replace(m.soap[start:end], []byte("aes128-gcm"), []byte("aes128-cbc"), 1))
	f.Add(bytes.Replace(m.soap[start:end], []byte("rsa-oaep"), []byte("rsa-1_5"), 1))
	f.Add(bytes.Replace(m.soap[start:end], []byte("#ED-"), []byte("#EX-"), 1))
	f.Add(bytes.Replace(m.soap[start:end], []byte("</ds:KeyInfo>"), []byte("<x/></ds:KeyInfo>"), 1))
	f.Fuzz(func(t *testing.T, header []byte) {
		soap := append(append(bytes.Clone(m.soap[:start]), header...), m.soap[end:]...)
		s, err := verified(soap)
		if err != nil {
			return
		}
		keys := &anyKey{key: m.key}
		_, err = s.Open(keys, m.cid, m.spool())
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("not an *Error: %v", err)
		}
		if keys.uses > 1 {
			t.Fatalf("%d private operations\n%s", keys.uses, header)
		}
		for _, alg := range []string{
			EDelivery1.KeyTransport, EDelivery1.KeyDigest, EDelivery1.KeyMask, EDelivery1.Data,
			swaCipher,
		} {
			if keys.uses > 0 && !strings.Contains(html.UnescapeString(string(header)), alg) {
				t.Fatalf("a private operation without %s\n%s", alg, header)
			}
		}
	})
}

// anyKey is found by everybody, and unwraps everything to one content key.
type anyKey struct {
	key  []byte
	uses int
}

func (k *anyKey) Find(func(*x509.Certificate) bool) (crypto.Decrypter, bool) { return k, true }

func (k *anyKey) Public() crypto.PublicKey { return nil }

func (k *anyKey) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	k.uses++
	return k.key, nil
}

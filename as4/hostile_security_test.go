package as4

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
)

func soap(old, text string) func(*testing.T, *draft) {
	return func(t *testing.T, d *draft) { d.soap = replace(t, old, text) }
}

// rewrite changes the envelope by a regular expression that must match.
func rewrite(expr, text string) func(*testing.T, *draft) {
	return func(t *testing.T, d *draft) {
		d.soap = func(b []byte) []byte {
			re := regexp.MustCompile(expr)
			if !re.Match(b) {
				t.Fatalf("%s does not match", expr)
			}
			return re.ReplaceAll(b, []byte(text))
		}
	}
}

func extra(parts ...mime.Content) func(*draft) {
	return func(d *draft) { d.msg = func(m *mime.Message) { m.Parts = append(m.Parts, parts...) } }
}

var (
	badRequest = want{status: http.StatusBadRequest, step: StepMIME}
	badSOAP    = want{status: http.StatusBadRequest, step: StepSOAP}
	badSender  = want{code: ebms.CodeFailedAuthentication, step: StepSOAP}
	badTrust   = want{code: ebms.CodeFailedAuthentication, step: StepTrust}
	badVerify  = want{code: ebms.CodeFailedAuthentication, step: StepVerify}
	badCipher  = want{code: ebms.CodeFailedDecryption, step: StepDecrypt, decrypts: 1}
	noCipher   = want{code: ebms.CodeFailedDecryption, step: StepDecrypt}
	badPart    = want{code: ebms.CodeMimeInconsistency, step: StepVerify, detail: "*"}
	badGzip    = want{
		code: ebms.CodeDecompressionFailure, step: StepEnvelope, decrypts: 1,
		detail: "The payload cannot be decompressed",
	}
)

// SEC-020 to SEC-027.
func TestHostileMIME(t *testing.T) {
	body := func(old, text string) func(*testing.T, *draft) {
		return func(t *testing.T, d *draft) { d.body = replace(t, old, text) }
	}
	typ := func(f func(string) string) func(*testing.T, *draft) { return setup(func(d *draft) { d.typ = f }) }
	boundary := regexp.MustCompile(`boundary="[^"]*"`)
	run(t, []hostile{
		{"SEC-020 no boundary", typ(func(s string) string { return boundary.ReplaceAllString(s, "x=y") }), badRequest},
		{"SEC-020 an extended boundary", typ(func(s string) string {
			return strings.Replace(s, "boundary=",
				"boundary*=utf-8''", 1)
		}), badRequest},
		{
			"SEC-020 a boundary of 71 characters",
			typ(func(s string) string {
				return boundary.ReplaceAllString(s,
					`boundary="`+strings.Repeat("b", 71)+`"`)
			}), badRequest,
		},
		{"SEC-020 two boundaries", typ(func(s string) string { return s + `; boundary="x"` }), badRequest},
		{"SEC-020 another boundary", typ(func(s string) string {
			return boundary.ReplaceAllString(s,
				`boundary="other"`)
		}), badRequest},
		{"SEC-021 line feeds alone", setup(func(d *draft) {
			d.body = func(b []byte) []byte { return bytes.Replace(b, []byte("\r\n"), []byte("\n"), 1) }
		}), badRequest},
		{"SEC-021 no closing delimiter", setup(
			func(d *draft) { d.body = func(b []byte) []byte { return b[:len(b)-4] } }), badRequest},
		{"SEC-021 a long preamble", setup(func(d *draft) {
			d.body = func(b []byte) []byte {
				return append(bytes.Repeat([]byte("x"), 4000),
					append([]byte("\r\n"), b...)...)
			}
		}), badRequest},
		{"SEC-021 a long epilogue", setup(func(d *draft) {
			d.body = func(b []byte) []byte { return append(b, bytes.Repeat([]byte("x"), 4000)...) }
		}), badRequest},
		{
			"SEC-022 a part header of 5 KiB", body("Content-Transfer-Encoding: binary",
				"X-Y: "+strings.Repeat("x", 5000)),
			badRequest,
		},
		{"SEC-022 eleven headers", body("Content-Transfer-Encoding: binary",
			"A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\nH: 1\r\nI: 1"), badRequest},
		{"SEC-022 a folded header", body("Content-Transfer-Encoding: binary", "X: a\r\n b"), badRequest},
		{"SEC-022 eleven parts", setup(func(d *draft) {
			var more []mime.Content
			for i := range 9 {
				more = append(more, mime.Content{ID: fmt.Sprintf("p%d@x", i), Body: strings.NewReader("x")})
			}
			extra(more...)(d)
		}), badPart},
		{"SEC-023 start names the second part", setup(func(d *draft) {
			cid := d.cid
			d.typ = func(s string) string { return strings.Replace(s, "root@a.example", cid, 1) }
		}), badRequest},
		{"SEC-023 two SOAP parts", setup(func(d *draft) {
			d.body = func(b []byte) []byte {
				return bytes.Replace(b, []byte("application/octet-stream"), []byte("application/soap+xml"), 1)
			}
		}), badRequest},
		{"SEC-023 a text/xml root", body("application/soap+xml; charset=UTF-8", "text/xml; charset=UTF-8"), badRequest},
		{"SEC-023 a root in another charset", body("charset=UTF-8", "charset=ISO-8859-1"), badRequest},
		{"SEC-024 two parts with one id", setup(
			func(d *draft) { extra(mime.Content{ID: d.cid, Body: strings.NewReader("x")})(d) }), badPart},
		{
			"SEC-024 ids that differ by case", setup(
				func(d *draft) { extra(mime.Content{ID: strings.ToUpper(d.cid), Body: strings.NewReader("x")})(d) }),
			badPart,
		},
		{"SEC-024 a part without id", setup(func(d *draft) { cut(d, "\r\nContent-ID: <"+d.cid+">") }), badPart},
		{"SEC-024 an id without brackets", setup(func(d *draft) {
			cid := d.cid
			d.body = func(b []byte) []byte { return bytes.Replace(b, []byte("<"+cid+">"), []byte(cid), 1) }
		}), badPart},
		{"SEC-024 two ids", setup(func(d *draft) {
			line := "\r\nContent-ID: <" + d.cid + ">"
			d.body = func(b []byte) []byte { return bytes.Replace(b, []byte(line), []byte(line+line), 1) }
		}), badPart},
		{"SEC-025 base64", setup(func(d *draft) { encoding(d, "base64") }), badPart},
		{"SEC-025 quoted-printable", setup(func(d *draft) { encoding(d, "quoted-printable") }), badPart},
		{"SEC-025 an unknown encoding", setup(func(d *draft) { encoding(d, "x-none") }), badPart},
		{"SEC-022 SEC-001 a faulty part of a stranger is not told", func(t *testing.T, d *draft) {
			encoding(d, "base64")
			d.by = party(t, shared(t).SMP, localca.Leaf{CN: "POP900001"})
		}, badTrust},
		{
			"SEC-027 the PartInfo twice", setup(func(d *draft) { d.m.Parts = append(d.m.Parts, d.m.Parts[0]) }),
			want{code: ebms.CodeOther, step: StepProfile},
		},
	})
}

func cut(d *draft, text string) {
	d.body = func(b []byte) []byte { return bytes.Replace(b, []byte(text), nil, 1) }
}

// encoding sets the transfer encoding of the second part.
func encoding(d *draft, enc string) {
	d.body = func(b []byte) []byte {
		i := bytes.LastIndex(b, []byte("Content-Transfer-Encoding: binary"))
		return append(append(bytes.Clone(b[:i]), "Content-Transfer-Encoding: "+enc...),
			b[i+len("Content-Transfer-Encoding: binary"):]...)
	}
}

// SEC-021: no prefix of a message is accepted.
func TestHostileSEC021Truncated(t *testing.T) {
	a := newArena(t)
	contentType, body := newDraft(t).build(t)
	for n := len(body) - 200; n < len(body)-2; n++ { // the last two bytes are the line end after the closing delimiter
		r := a.send(t, request(contentType, body[:n]))
		if r.status != http.StatusBadRequest || r.x.Step != StepMIME {
			t.Fatalf("%d bytes less: HTTP %d at %s", len(body)-n, r.status, r.x.Step)
		}
	}
	a.clean(t, 0)
}

// SEC-026: headers of a part other than its Content-ID change nothing.
func TestHostileSEC026(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	d.body = replace(t, "application/octet-stream",
		"text/html\r\nContent-Disposition: attachment; filename=\"../../etc/passwd\"\r\nContent-Description: x")
	if r := a.post(t, d); r.signal == nil || r.signal.Receipt == nil {
		t.Errorf("no receipt: %v", r.x.Err)
	}
	a.clean(t, 1)
}

// SEC-030 to SEC-037.
func TestHostileXML(t *testing.T) {
	head := func(s string) func(*testing.T, *draft) {
		return setup(func(d *draft) { d.soap = func(b []byte) []byte { return append([]byte(s), b...) } })
	}
	run(t, []hostile{
		{
			"SEC-031 two roots",
			setup(func(d *draft) { d.soap = func(b []byte) []byte { return append(b, "<x/>"...) } }),
			badSOAP,
		},
		{
			"SEC-031 text after the root",
			setup(func(d *draft) { d.soap = func(b []byte) []byte { return append(b, "x"...) } }), badSOAP,
		},
		{"SEC-031 an attribute twice", soap("<eb:UserMessage>", `<eb:UserMessage mpc="a" mpc="b">`), badSOAP},
		{
			"SEC-031 an attribute by two prefixes",
			soap("<S12:Body ", `<S12:Body xmlns:w2="http:`+
				`//docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" w2:Id="x" `), badSOAP,
		},
		{"SEC-031 an undeclared prefix", soap("<eb:Action>", "<zz:Action>"), badSOAP},
		{"SEC-031 a processing instruction", soap("<S12:Header>", "<S12:Header><?x y?>"), badSOAP},
		{"SEC-032 a DTD", head(`<!DOCTYPE S12:Envelope>`), badSOAP},
		{
			"SEC-032 a billion laughs",
			head(`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>`), badSOAP,
		},
		{"SEC-032 an external entity", head(`<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:1/x">]>`), badSOAP},
		{"SEC-032 an unknown entity", soap("POP900001", "&a;"), badSOAP},
		{"SEC-033 a comment in PartyId", soap(">POP900001<", "><!--x-->POP900001<"), badSOAP},
		{"SEC-033 a comment in MessageId", soap("<eb:MessageId>", "<eb:MessageId><!--x-->"), badSOAP},
		{"SEC-033 a comment in DigestValue", soap("<ds:DigestValue>", "<ds:DigestValue><!--x-->"), badSOAP},
		{"SEC-033 CDATA in PartyId", soap(">POP900001<", "><![CDATA[POP900001]]><"), badSOAP},
		{"SEC-034 UTF-16", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				out := []byte{0xff, 0xfe}
				for _, c := range b {
					out = append(out, c, 0)
				}
				return out
			}
		}), badSOAP},
		{"SEC-034 another encoding declared", head(`<?xml version="1.0" encoding="ISO-8859-1"?>`), badSOAP},
		{"SEC-034 XML 1.1", head(`<?xml version="1.1"?>`), badSOAP},
		{"SEC-034 no UTF-8", soap("POP900001", "POP\xff00001"), badSOAP},
		{"SEC-034 a control character", soap("POP900001", "POP\x0100001"), badSOAP},
		{"SEC-035 33 attributes", soap("<eb:UserMessage>",
			"<eb:UserMessage"+many(33, func(i int) string { return fmt.Sprintf(` a%d="x"`, i) })+">"), badSOAP},
		{
			"SEC-035 10,001 elements", soap("<eb:UserMessage>", "<eb:UserMessage>"+strings.Repeat("<x/>", 10001)),
			badSOAP,
		},
		{
			"SEC-037 depth 10^6", soap("<eb:UserMessage>", "<eb:UserMessage>"+strings.Repeat("<a>", 1_000_000)),
			want{status: http.StatusRequestEntityTooLarge, step: StepMIME},
		},
		{
			"SEC-037 depth as deep as 2 MiB allow",
			soap("<eb:UserMessage>", "<eb:UserMessage>"+strings.Repeat("<a>", 600_000)), badSOAP,
		},
		{
			"SEC-035 a SOAP part over 2 MiB", soap("<eb:UserMessage>", "<eb:UserMessage>"+strings.Repeat(" ", 2<<20)),
			want{status: http.StatusRequestEntityTooLarge, step: StepMIME},
		},
		{"SEC-023 SOAP 1.1", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte("http://www.w3.org/2003/05/soap-envelope"),
					[]byte("http://schemas.xmlsoap.org/soap/envelope/"))
			}
		}), want{status: http.StatusInternalServerError, step: StepSOAP}},
		{
			"AS4-030 a header block that must be understood",
			soap("<S12:Header>", `<S12:Header><x:y xmlns:x="urn:x" S12:mustUnderstand="true"/>`),
			want{status: http.StatusInternalServerError, step: StepSOAP},
		},
		{"AS4-025 no Messaging EBMS:0009", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				return regexp.MustCompile(`(?s)<eb:Messaging.*</eb:Messaging>`).ReplaceAll(b, nil)
			}
		}), want{code: ebms.CodeInvalidHeader, step: StepSOAP, detail: "*"}},
		{"AS4-025 no Security", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				return regexp.MustCompile(`(?s)<wsse:Security .*</wsse:Security>`).ReplaceAll(b, nil)
			}
		}), badSender},
	})
}

func many(n int, f func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

const nsWSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"

// moved takes the signed eb:Messaging away from its place, puts a forged one there, and gives the signed one to put.
func moved(put func(envelope, signed string) string) func(*testing.T, *draft) {
	return setup(func(d *draft) {
		d.soap = func(b []byte) []byte {
			re := regexp.MustCompile(`(?s)<eb:Messaging.*</eb:Messaging>`)
			signed := string(re.Find(b))
			forged := strings.Replace(strings.Replace(signed, "0192:991825827", "0192:111111111", 1), `wsu:Id="msg-`,
				`wsu:Id="forged-`, 1)
			return []byte(put(strings.Replace(string(b), signed, forged, 1), signed))
		}
	})
}

// into puts the signed element before a piece of the envelope.
func into(place, before, after string) func(*testing.T, *draft) {
	return moved(func(envelope, signed string) string {
		return strings.Replace(envelope, place, before+signed+after+place, 1)
	})
}

// SEC-040 to SEC-051: wrapping.
func TestHostileWrapping(t *testing.T) {
	run(t, []hostile{
		{"SEC-051 1 the signed header under a wrapper", into("</S12:Header>", "<w>", "</w>"), badSender},
		{"SEC-051 2 the signed header under Security", into("</wsse:Security>", "", ""), badSender},
		{"SEC-051 3 the signed header in an Object", into("</ds:Signature>", "<ds:Object>", "</ds:Object>"), badSender},
		{"SEC-051 4 the signed header in the Body", into("</S12:Body>", "", ""), badSender},
		{"SEC-051 5 the forged header around the signed one", into("</eb:Messaging>", "", ""), badVerify},
		{"SEC-051 6 the signed header second", into("</S12:Header>", "", ""), badSender},
		{"SEC-051 6 the signed header first", into("<eb:Messaging", "", ""), badSender},
		{"SEC-051 7 two bodies", rewrite(`(<S12:Body.*</S12:Body>)`, `<S12:Body></S12:Body>$1`), badSOAP},
		{"SEC-051 7 a body in the header", rewrite(`</S12:Header>`, `<S12:Body></S12:Body></S12:Header>`), badSender},
		{"SEC-051 8 two headers", rewrite(`(<S12:Header>)`, `<S12:Header></S12:Header>$1`), badSOAP},
		{"SEC-051 8 two security headers", rewrite(`(?s)(<wsse:Security .*</wsse:Security>)`,
			`<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0`+
				`.xsd"></wsse:Security>$1`), badSender},
		{"SEC-051 9 one id twice", moved(func(envelope, signed string) string {
			id := regexp.MustCompile(`wsu:Id="msg-[^"]*"`).FindString(signed)
			return strings.Replace(strings.Replace(envelope, "</S12:Header>", signed+"</S12:Header>", 1),
				strings.Replace(id, "msg-", "forged-", 1), id, 1)
		}), badSOAP},
		{"SEC-051 9 one id by two attributes", rewrite(`<eb:UserMessage>`,
			`<eb:UserMessage Id="same"><x xmlns:wsu="`+nsWSU+`" wsu:Id="same"></x>`), badSOAP},
		{"SEC-051 14 a role", rewrite(`<wsse:Security `, `<wsse:Security S12:role="urn:x" `), badSender},
		{"SEC-041 another header block", rewrite(`</S12:Header>`, `<x xmlns="urn:x"></x></S12:Header>`), badSender},
		{"SEC-044 the header was changed", rewrite(`0192:991825827`, `0192:991825828`), badVerify},
		{"SEC-044 the body was changed", rewrite(`<S12:Body `, `<S12:Body x="y" `), badVerify},
		{"SEC-045 an XPath transform", rewrite(`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">`,
			`<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">`), badSender},
		{"SEC-046 inclusive canonical form", rewrite(`<ds:CanonicalizationMethod Algorithm="[^"]*"`,
			`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"`), badSender},
		{"SEC-047 rsa-sha1", rewrite(`http://www.w3.org/2001/04/xmldsig-more#rsa-sha256`,
			`http://www.w3.org/2000/09/xmldsig#rsa-sha1`), badSender},
		{"SEC-047 HMAC", rewrite(`http://www.w3.org/2001/04/xmldsig-more#rsa-sha256`,
			`http://www.w3.org/2001/04/xmldsig-more#hmac-sha256`), badSender},
		{
			"SEC-047 SHA-1 digests",
			rewrite(
				`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>`+
					`<ds:DigestValue>`,
				`<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"></ds:DigestMethod>`+
					"<ds:DigestValue>"),
			badSender,
		},
		{"SEC-047 another signature value", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				i := bytes.Index(b, []byte("<ds:SignatureValue>")) + 30
				b[i] ^= 1
				return b
			}
		}), want{code: ebms.CodeFailedAuthentication}},
		{"SEC-048 a third token", rewrite(`(<ds:Signature )`,
			`<wsse:BinarySecurityToken EncodingType="http:`+
				`//docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary" `+
				`ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3" `+
				`wsu:Id="third">`+base64.StdEncoding.EncodeToString(seat(t, "a2").Cert.Raw)+
				`</wsse:BinarySecurityToken>$1`), badSender},
		{
			"AS4-066 SEC-048 a key identifier EBMS:0103",
			rewrite(`(<ds:KeyInfo Id="[^"]*"><wsse:SecurityTokenReference>)<wsse:Reference [^>]*/>`,
				`$1<wsse:KeyIdentifier ValueType="x">eA==</wsse:KeyIdentifier>`),
			want{code: ebms.CodePolicyNoncompliance, step: StepSOAP},
		},
		{
			"AS4-067 SEC-048 a PKIPath token EBMS:0103", rewrite(`#X509v3`, `#X509PKIPathv1`),
			want{code: ebms.CodePolicyNoncompliance, step: StepSOAP},
		},
		{"SEC-049 the token of somebody else", func(t *testing.T, d *draft) {
			old, other := base64.StdEncoding.EncodeToString(d.by.Cert.Raw),
				base64.StdEncoding.EncodeToString(seat(t, "a2").Cert.Raw)
			d.soap = replace(t, old, other)
		}, badVerify},
		{"AS4-069 the payload is not signed EBMS:0103", setup(func(d *draft) {
			d.bare = true
			d.msg = func(m *mime.Message) { m.Parts = []mime.Content{{ID: d.cid, Body: bytes.NewReader(zip(d.sbd))}} }
		}), want{code: ebms.CodePolicyNoncompliance, step: StepProfile}},
		{"AS4-074 the payload is not encrypted EBMS:0102", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				i, j := bytes.Index(b, []byte("<wsse:BinarySecurityToken")),
					bytes.Index(b, []byte("</xenc:EncryptedData>"))+len("</xenc:EncryptedData>")
				return append(bytes.Clone(b[:i]), b[j:]...)
			}
			d.cipher = func([]byte) []byte { return zip(d.sbd) }
		}), noCipher},
		{"SEC-051 17 the user message twice", setup(func(d *draft) {
			d.messaging = func(b []byte) []byte {
				i, j := bytes.Index(b, []byte("<eb:PartInfo")), bytes.Index(b, []byte("</eb:PayloadInfo>"))
				return bytes.Join([][]byte{b[:j], b[i:j], b[j:]}, nil)
			}
		}), want{code: ebms.CodeOther, step: StepProfile}},
		{
			"SEC-051 16 the payload is the SOAP part",
			setup(func(d *draft) { d.m.Parts[0].Href = "cid:root@a.example" }),
			want{code: ebms.CodeExternalPayloadError, step: StepProfile},
		},
		{
			"SEC-051 15 the part has another case",
			setup(func(d *draft) { d.m.Parts[0].Href = "cid:" + strings.ToUpper(d.cid) }),
			want{code: ebms.CodeExternalPayloadError, step: StepProfile},
		},
	})
}

// SEC-051 18: the whole signed header of one message with the attachment of another one, encrypted again.
func TestHostileSEC051OldHeader(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	other := testSBD(t, testHeader(t))
	var swapped []byte
	d.soap = func(b []byte) []byte { // the encryption structures of a message with other content
		d2 := *d
		d2.soap, d2.payload = nil, zip(other)
		d2.cipher = func(c []byte) []byte { swapped = c; return c }
		var soap2 []byte
		d2.soap = func(b2 []byte) []byte { soap2 = bytes.Clone(b2); return b2 }
		d2.build(t)
		cutOut := func(s []byte) (int, int) {
			return bytes.Index(s, []byte("<wsse:BinarySecurityToken")), bytes.Index(s, []byte("</xenc:EncryptedData>"))
		}
		i, j := cutOut(b)
		k, l := cutOut(soap2)
		return bytes.Join([][]byte{b[:i], soap2[k:l], b[j:]}, nil)
	}
	d.cipher = func([]byte) []byte { return swapped }
	r := a.post(t, d)
	want{code: ebms.CodeFailedAuthentication, step: StepDecrypt}.verdict(t, r)
	uniform(t, r)
	if a.decrypts.Load() != 1 {
		t.Errorf("%d private operations", a.decrypts.Load())
	}
	a.clean(t, 0)
}

// SEC-060 to SEC-066: who may send.
func TestHostileSender(t *testing.T) {
	p := shared(t)
	now := time.Now()
	twin := func(t *testing.T) *localca.CA { // another CA of the same name
		t.Helper()
		id := party(t, p.Root, localca.Leaf{CN: "x", CA: true})
		tmpl := *p.AP.Cert
		tmpl.SerialNumber, tmpl.PublicKey = big.NewInt(7), nil
		der, err := x509.CreateCertificate(rand.Reader, &tmpl, &tmpl, id.Key.Public(), id.Key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return authority(t, c, id)
	}
	by := func(ca *localca.CA, l localca.Leaf) func(*testing.T, *draft) {
		return func(t *testing.T, d *draft) {
			if l.CN == "" {
				l.CN = "POP900001"
			}
			d.by = party(t, ca, l)
		}
	}
	run(t, []hostile{
		{
			"SEC-060 SEC-061 another CA of the same name",
			func(t *testing.T, d *draft) { d.by = party(t, twin(t), localca.Leaf{CN: "POP900001"}) }, badTrust,
		},
		{"SEC-062 another environment", by(p.TLS, localca.Leaf{}), badTrust},
		{"SEC-063 a certificate of the SMP CA", by(p.SMP, localca.Leaf{}), badTrust},
		{"SEC-060 issued by the root", by(p.Root, localca.Leaf{}), badTrust},
		{"SEC-060 a leaf issued by a leaf", func(t *testing.T, d *draft) {
			d.by = party(t, authority(t, seat(t, "a").Cert, seat(t, "a")), localca.Leaf{CN: "POP900001"})
		}, badTrust},
		{
			"SEC-064 expired", by(p.AP, localca.Leaf{NotBefore: now.Add(-100 * time.Hour), Valid: 50 * time.Hour}),
			badTrust,
		},
		{"SEC-064 not yet valid", by(p.AP, localca.Leaf{NotBefore: now.Add(10 * time.Minute)}), badTrust},
		{"SEC-064 1024 bit", by(p.AP, localca.Leaf{Bits: 1024}), badSender},
		{"SEC-064 a CA certificate", by(p.AP, localca.Leaf{
			CA:    true,
			Usage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		}), badTrust},
		{"SEC-064 no digitalSignature", by(p.AP, localca.Leaf{Usage: x509.KeyUsageKeyEncipherment}), badTrust},
		{
			"SEC-064 serverAuth", by(p.AP, localca.Leaf{ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
			badTrust,
		},
		{
			"SEC-066 the PartyId of another access point", by(p.AP, localca.Leaf{CN: "POP900003"}),
			want{code: ebms.CodeFailedAuthentication, step: StepProfile},
		},
		{"SEC-066 a CN that is no seat id", by(p.AP, localca.Leaf{CN: "Somebody"}), badTrust},
		{"SEC-066 two CNs", func(t *testing.T, d *draft) { d.by = twoNames(t, p.AP) }, badTrust},
		{"SEC-066 a homoglyph", by(p.AP, localca.Leaf{CN: "P\u041eP900001"}), badTrust},
		{
			"SEC-068 a message for another access point, encrypted again for us",
			setup(func(d *draft) { d.m.To.ID.Value = "POP900003" }),
			want{code: ebms.CodeOther, step: StepProfile},
		},
	})
}

// authority makes a CA of a certificate and a key that may not be one.
func authority(t testing.TB, c *x509.Certificate, id *certs.Identity) *localca.CA {
	t.Helper()
	key, ok := id.Key.(*rsa.PrivateKey)
	if !ok {
		t.Fatal("not an RSA key")
	}
	return &localca.CA{Cert: c, Key: key}
}

func twoNames(t testing.TB, ca *localca.CA) *certs.Identity {
	t.Helper()
	id := party(t, ca, localca.Leaf{CN: "POP900001"})
	cn := asn1.ObjectIdentifier{2, 5, 4, 3}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(99), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: cn, Value: "POP900001"},
			{Type: cn, Value: "POP900003"},
		}},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Cert, id.Key.Public(), ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	if id.Cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return id
}

// SEC-069: header and envelope say the same. Other fields stand in TestHostileProfile (AS4-042 to AS4-047).
func TestHostileSBDH(t *testing.T) {
	inSBD := func(old, text string) func(*testing.T, *draft) {
		return func(t *testing.T, d *draft) { d.sbd = replace(t, old, text)(d.sbd) }
	}
	sbdhError := func(keyword string) want {
		return want{code: ebms.CodeOther, step: StepEnvelope, decrypts: 1, detail: "SBDH: " + keyword}
	}
	other := want{code: ebms.CodeOther, step: StepEnvelope, decrypts: 1, detail: "*"}
	run(t, []hostile{
		{"SEC-069 another sender", inSBD("0192:991825827", "0192:991825828"), other},
		{"SEC-069 another receiver", inSBD("0192:810418052", "0192:810418053"), other},
		{"SEC-069 another process", inSBD("poacc:billing:01:1.0", "poacc:billing:02:1.0"), other},
		{"SEC-069 another document type", inSBD("<sh:InstanceIdentifier>"+
			"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017",
			"<sh:InstanceIdentifier>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:"+
				"en16931:2018"), other},
		{"SBDH-001 no envelope", setup(func(d *draft) { d.sbd = []byte("<Invoice/>") }), sbdhError("invalid-sbd-xml")},
		{"SBDH-001 an empty payload", setup(func(d *draft) { d.sbd = []byte{} }), other},
		{"SBDH-002 a DTD", setup(func(d *draft) {
			d.sbd = append([]byte("<!DOCTYPE x>"),
				bytes.TrimPrefix(d.sbd, []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))...)
		}), sbdhError("invalid-sbd-xml")},
		{
			"SBDH-004 another version", inSBD("<sh:HeaderVersion>1.0<", "<sh:HeaderVersion>1.1<"),
			sbdhError("invalid-header-version"),
		},
		{"SBDH-015 a country in small letters", inSBD(">NO<", ">no<"), sbdhError("invalid-country-c1")},
		{
			"SBDH-027 another TypeVersion", inSBD("<sh:TypeVersion>2.1<", "<sh:TypeVersion>2.2<"),
			sbdhError("invalid-type-version"),
		},
		{
			"SBDH-039 a truncated document", setup(func(d *draft) { d.sbd = d.sbd[:len(d.sbd)-10] }),
			sbdhError("invalid-sbd-xml"),
		},
	})
}

// SEC-073 with another clock.
func TestHostileSEC073(t *testing.T) {
	for _, tc := range []struct {
		name string
		age  time.Duration
		ok   bool
	}{
		{"SEC-073 9 minutes ahead", -9 * time.Minute, true},
		{"SEC-073 11 minutes ahead", -11 * time.Minute, true},
		{"SEC-073 24 hours and 59 minutes ahead", -25*time.Hour + time.Minute, true},
		{"SEC-073 25 hours and a minute ahead", -25*time.Hour - time.Minute, false},
		{"SEC-073 29 days old", 29 * 24 * time.Hour, true},
		{"SEC-073 31 days old", 31 * 24 * time.Hour, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			d := newDraft(t)
			d.m.Timestamp = time.Now().Add(-tc.age)
			r := a.post(t, d)
			if tc.ok {
				if r.signal == nil || r.signal.Receipt == nil {
					t.Errorf("refused: %v", r.x.Err)
				}
				return
			}
			want{code: ebms.CodeInvalidHeader, step: StepProfile, detail: "*"}.verdict(t, r)
			a.clean(t, 0)
		})
	}
}

// SEC-090 to SEC-095.
func TestHostileCipher(t *testing.T) {
	cipher := func(f func([]byte) []byte) func(*testing.T, *draft) { return setup(func(d *draft) { d.cipher = f }) }
	run(t, []hostile{
		{"SEC-090 rsa-1_5", rewrite(`http://www.w3.org/2009/xmlenc11#rsa-oaep`,
			`http://www.w3.org/2001/04/xmlenc#rsa-1_5`), noCipher},
		{"SEC-090 rsa-oaep-mgf1p", rewrite(`http://www.w3.org/2009/xmlenc11#rsa-oaep`,
			`http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p`), noCipher},
		{"SEC-090 MGF with SHA-1", rewrite(`#mgf1sha256`, `#mgf1sha1`), noCipher},
		{"SEC-090 no MGF", rewrite(`<xenc11:MGF [^>]*/>`, ``), noCipher},
		{"SEC-090 OAEPparams", rewrite(`(<xenc11:MGF [^>]*/>)`, `<xenc:OAEPparams>eA==</xenc:OAEPparams>$1`), noCipher},
		{"SEC-090 GCM labelled CBC", rewrite(`#aes128-gcm`, `#aes128-cbc`), noCipher},
		{"SEC-090 aes256-gcm", rewrite(`#aes128-gcm`, `#aes256-gcm`), noCipher},
		{"SEC-091 a wrapped key of rubbish", rewrite(`<xenc:CipherValue>[^<]*`,
			`<xenc:CipherValue>`+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 256))), badCipher},
		{
			"SEC-091 a wrapped key that is too short", rewrite(`<xenc:CipherValue>[^<]*`, `<xenc:CipherValue>eHg=`),
			badCipher,
		},
		{"SEC-093 another tag", cipher(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), badCipher},
		{"SEC-093 another IV", cipher(func(b []byte) []byte { b[0] ^= 1; return b }), badCipher},
		{"SEC-093 another octet", cipher(func(b []byte) []byte { b[20] ^= 1; return b }), badCipher},
		{"SEC-093 a tag of 12 bytes", cipher(func(b []byte) []byte { return b[:len(b)-4] }), badCipher},
		{"SEC-093 a tag of 4 bytes", cipher(func(b []byte) []byte { return b[:len(b)-12] }), badCipher},
		{"SEC-093 an empty part", cipher(func([]byte) []byte { return nil }), badCipher},
		{"SEC-093 one byte", cipher(func([]byte) []byte { return []byte{1} }), badCipher},
		{"SEC-093 27 bytes", cipher(func(b []byte) []byte { return b[:27] }), badCipher},
		{
			"SEC-093 an empty payload", setup(func(d *draft) { d.payload = []byte{} }),
			want{code: ebms.CodeDecompressionFailure, step: StepPayload, decrypts: 1},
		},
		{
			"SEC-093 a payload of one byte", setup(func(d *draft) { d.payload = []byte{1} }),
			want{code: ebms.CodeDecompressionFailure, step: StepPayload, decrypts: 1},
		},
		{"SEC-094 a value in the message", rewrite(`<xenc:CipherReference.*</xenc:CipherReference>`,
			`<xenc:CipherValue>eA==</xenc:CipherValue>`), noCipher},
		{"SEC-094 an http reference", rewrite(`<xenc:CipherReference URI="[^"]*"`,
			`<xenc:CipherReference URI="http://127.0.0.1/"`), noCipher},
		{
			"SEC-094 another transform", rewrite(`#Attachment-Ciphertext-Transform`, `#Attachment-Complete-Transform`),
			noCipher,
		},
		{"SEC-094 another type", rewrite(`#Attachment-Content-Only`, `#Attachment-Complete`), noCipher},
		{"SEC-094 no DataReference", rewrite(`<xenc:DataReference [^>]*/>`, ``), noCipher},
		{"SEC-094 a reference to nothing", rewrite(`<xenc:DataReference URI="[^"]*"/>`,
			`<xenc:DataReference URI="#x"/>`), noCipher},
		{"SEC-095 for another access point", func(t *testing.T, d *draft) { d.to = seat(t, "a2") }, noCipher},
		{"SEC-095 two EncryptedKeys", rewrite(`(<xenc:EncryptedKey .*)( Id=")(EK-)(.*</xenc:EncryptedKey>)`,
			`$1$2$3$4$1$2$3-2$4`), want{code: ebms.CodeFailedAuthentication}},
		{"AS4-083 SEC-091 a key wrapped for another access point but named as ours", func(t *testing.T, d *draft) {
			d.to = seat(t, "a2")
			d.soap = replace(t, base64.StdEncoding.EncodeToString(seat(t, "a2").Cert.Raw),
				base64.StdEncoding.EncodeToString(seat(t, "b").Cert.Raw))
		}, badCipher},
	})
}

// member makes a gzip member by hand.
func member(flags byte, fields, content []byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255})
	b.Write(fields)
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write(content)
	_ = w.Close()
	b.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(content)))
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(content))))
	return b.Bytes()
}

// SEC-100.
func TestHostileGzip(t *testing.T) {
	atHeader := badGzip
	atHeader.step = StepPayload
	payload := func(f func(d *draft) []byte) func(*testing.T, *draft) {
		return setup(func(d *draft) { d.payload = f(d) })
	}
	run(t, []hostile{
		{
			"SEC-100 two members", payload(func(d *draft) []byte {
				return append(zip(d.sbd[:50]),
					zip(d.sbd[50:])...)
			}),
			want{code: ebms.CodeDecompressionFailure, step: StepEnvelope, decrypts: 1},
		},
		{
			"SEC-100 an empty member after it", payload(func(d *draft) []byte {
				return append(zip(d.sbd),
					zip(nil)...)
			}),
			badGzip,
		},
		{"SEC-100 rubbish after it", payload(func(d *draft) []byte { return append(zip(d.sbd), 'x') }), badGzip},
		{
			"SEC-100 zeros after it", payload(func(d *draft) []byte {
				return append(zip(d.sbd),
					make([]byte, 100)...)
			}),
			badGzip,
		},
		{
			"SEC-100 another CRC", payload(func(d *draft) []byte { b := zip(d.sbd); b[len(b)-8] ^= 1; return b }),
			badGzip,
		},
		{
			"SEC-100 another size", payload(func(d *draft) []byte { b := zip(d.sbd); b[len(b)-1] ^= 1; return b }),
			badGzip,
		},
		{"SEC-100 truncated", payload(func(d *draft) []byte { b := zip(d.sbd); return b[:len(b)-9] }), badGzip},
		{"SEC-100 a name of 2 KiB", payload(func(d *draft) []byte {
			return member(8,
				append(bytes.Repeat([]byte("n"), 2048), 0), d.sbd)
		}), atHeader},
		{"SEC-100 declared but no gzip", payload(func(d *draft) []byte { return d.sbd }), atHeader},
		{"SEC-100 gzip but not declared", setup(
			func(d *draft) { d.m.Parts[0].Properties = without(d.m.Parts[0].Properties, propCompression) }), atHeader},
	})
}

// zeros reads n blanks.
type blanks struct{ n int64 }

func (z *blanks) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), z.n)]
	for i := range p {
		p[i] = ' '
	}
	z.n -= int64(len(p))
	return len(p), nil
}

// nowhere is a Place that counts.
type nowhere struct {
	memoryPlace
	n int64
}

func (p *nowhere) Write(b []byte) (int, error) { p.n += int64(len(b)); return len(b), nil }

// SEC-100: a bomb is refused early and in little memory.
func TestHostileSEC100Bomb(t *testing.T) {
	d := newDraft(t)
	i := bytes.Index(d.sbd, []byte("<ID>"))
	var bomb bytes.Buffer
	w, err := flate.NewWriter(&bomb, 9)
	if err != nil {
		t.Fatal(err)
	}
	bomb.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255})
	_, _ = w.Write(d.sbd[:i])
	_, _ = io.Copy(w, &blanks{n: 256 << 20})
	_, _ = w.Write(d.sbd[i:])
	_ = w.Close()
	d.payload = bomb.Bytes()
	a := newArena(t)
	a.rx.Handler = &uncounted{memory: a.mem}
	contentType, body := d.build(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := a.send(t, request(contentType, body))
	runtime.ReadMemStats(&after)
	badGzip.verdict(t, r)
	if used := after.TotalAlloc - before.TotalAlloc; used > 48<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	if n := a.rx.Handler.(*uncounted).place.n; n > 2*ratioFrom {
		t.Errorf("%d MiB were written", n>>20)
	}
	a.clean(t, 0)
}

// uncounted is a memory whose places keep nothing.
type uncounted struct {
	*memory
	place nowhere
}

func (u *uncounted) Place(ctx context.Context, id string) (Place, error) {
	if _, err := u.memory.Place(ctx, id); err != nil {
		return nil, err
	}
	u.place.m = u.memory
	return &u.place, nil
}

// SEC-001: an error of ours says nothing about the inside, and a stranger gets nothing signed for it. A sender who
// proved who it is is asked in a signed error to come again (design.md §3).
func TestSEC001InternalErrors(t *testing.T) {
	a := newArena(t)
	a.rx.once.Do(a.rx.defaults)
	for authenticated, status := range map[bool]int{false: http.StatusServiceUnavailable, true: http.StatusOK} {
		w := httptest.NewRecorder()
		x := &exchange{
			rx: a.rx, w: w, r: httptest.NewRequest(http.MethodPost, "/as4", nil), keys: a.rx.Keys(),
			ref: "1@a.example",
		}
		x.info.Authenticated = authenticated
		got := x.fail(errors.New("open /var/lib/ravn: permission denied"))
		if got.status != status || bytes.Contains(got.body, []byte("/var/lib")) {
			t.Errorf("authenticated %v: HTTP %d, %s", authenticated, got.status, got.body)
		}
		if authenticated {
			if x.info.Code != ebms.CodeDeliveryFailure || !bytes.Contains(got.body, []byte("SignatureValue")) ||
				!bytes.Contains(got.body, []byte("EBMS:0202")) {
				t.Errorf("the answer to a known sender: %s, %s", x.info.Code, got.body)
			}
			continue
		}
		if x.info.Cause != CauseInternal || string(got.body) != "try again later\n" ||
			w.Header().Get("Retry-After") == "" {
			t.Errorf("the answer to a stranger: cause %q, %s", x.info.Cause, got.body)
		}
	}
}

// SEC-001: after all hostile messages there was one body per code. run checks this as it goes; this test does so for
// representatives of each kind on one Receiver.
func TestHostileSEC001(t *testing.T) {
	a := newArena(t)
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *draft)
		code   ebms.Code
	}{
		{
			"untrusted", func(t *testing.T, d *draft) { d.by = party(t, shared(t).SMP, localca.Leaf{CN: "POP900001"}) },
			ebms.CodeFailedAuthentication,
		},
		{"changed", rewrite(`0192:991825827`, `0192:991825828`), ebms.CodeFailedAuthentication},
		{"algorithm", rewrite(`rsa-sha256`, `rsa-sha384`), ebms.CodeFailedAuthentication},
		{"party", setup(func(d *draft) { d.m.From.ID.Value = "POP900003" }), ebms.CodeFailedAuthentication},
		{"no id known", func(t *testing.T, d *draft) {
			d.m.ID = "x y"
			d.by = party(t, shared(t).SMP, localca.Leaf{CN: "POP900001"})
		}, ebms.CodeFailedAuthentication},
		{
			"tag", setup(func(d *draft) { d.cipher = func(b []byte) []byte { b[40] ^= 1; return b } }),
			ebms.CodeFailedDecryption,
		},
		{"algorithm of the cipher", rewrite(`#aes128-gcm`, `#aes128-cbc`), ebms.CodeFailedDecryption},
		{"recipient", func(t *testing.T, d *draft) { d.to = seat(t, "a2") }, ebms.CodeFailedDecryption},
		{"policy", rewrite(`#X509v3`, `#X509PKIPathv1`), ebms.CodePolicyNoncompliance},
	} {
		t.Run("SEC-001 "+tc.name, func(t *testing.T) {
			d := newDraft(t)
			tc.change(t, d)
			r := a.post(t, d)
			want{code: tc.code}.verdict(t, r)
			uniform(t, r)
		})
	}
	a.clean(t, 0)
}

package as4

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
)

// wrapping is a way in which an answer may come.
type wrapping struct {
	name, typ string // typ "" means no Content-Type
	wrap      func(soap string) string
}

const soap12Type = "Content-Type: application/soap+xml; charset=UTF-8"

// wrappings are those of access points and proxies in the field, and some that were not met yet.
func wrappings() []wrapping {
	as := func(s string) string { return s }
	part := func(head string) func(string) string {
		return func(s string) string { return "--BB\r\n" + head + "\r\n\r\n" + s + "\r\n--BB--\r\n" }
	}
	const related = `multipart/related; boundary="BB"; type="application/soap+xml"`
	return []wrapping{
		{"text/xml", "text/xml; charset=UTF-8", as},
		{"application/xml", "application/xml", as},
		{"text/plain", "text/plain", as},
		{"text/html", "text/html", as},
		{"no Content-Type", "", as},
		{"a malformed Content-Type", ";;", as},
		{"a SOAP action", `application/soap+xml;charset=UTF-8;action=""`, as},
		{"charset utf8", "application/soap+xml; charset=utf8", as},
		{"charset that is not true", "application/soap+xml; charset=iso-8859-1", as},
		{
			"a declaration", "application/soap+xml",
			func(s string) string { return `<?xml version="1.0" encoding="utf-8"?>` + s },
		},
		{"a declaration of ASCII", "text/xml", func(s string) string {
			return `<?xml version='1.0' encoding='US-ASCII'?>` + s
		}},
		{
			"a declaration of ISO-8859-1", "text/xml",
			func(s string) string { return `<?xml version="1.0" encoding="ISO-8859-1"?>` + s },
		},
		{"UTF-16", "text/xml; charset=utf-16", func(s string) string {
			b := []byte{0xff, 0xfe}
			for _, u := range utf16.Encode([]rune(s)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return string(b)
		}},
		{"a byte order mark", "application/soap+xml", func(s string) string { return "\ufeff" + s }},
		{"blank lines around", "application/soap+xml", func(s string) string { return "\r\n\r\n" + s + "\r\n\r\n" }},
		{
			"a blank line before a declaration", "application/soap+xml",
			func(s string) string { return "\n<?xml version=\"1.0\"?>\n" + s },
		},
		{"multipart without type", "multipart/related; boundary=BB", part(soap12Type)},
		{"multipart of another type", `multipart/related; boundary="BB"; type="text/xml"`, part(soap12Type)},
		{"multipart/mixed", `multipart/mixed; boundary="BB"`, part(soap12Type)},
		{"a start without brackets", related + `; start="root@x"`, part(soap12Type + "\r\nContent-ID: <root@x>")},
		{"a start that names nothing", related + `; start="<y@x>"`, part(soap12Type + "\r\nContent-ID: <root@x>")},
		{"base64 that is none", related, part(soap12Type + "\r\nContent-Transfer-Encoding: base64")},
		{"base64", related, func(s string) string {
			return part(soap12Type + "\r\nContent-Transfer-Encoding: base64")(
				base64.StdEncoding.EncodeToString([]byte(s)))
		}},
		{"LF line ends", related, func(s string) string { return "--BB\n" + soap12Type + "\n\n" + s + "\n--BB--\n" }},
		{"no closing delimiter", related, func(s string) string {
			return "--BB\r\n" + soap12Type + "\r\n\r\n" + s +
				"\r\n--BB\r\n"
		}},
		{
			"another boundary than that of the header", related,
			func(s string) string { return strings.ReplaceAll(part(soap12Type)(s), "--BB", "--CC") },
		},
		{"a multipart without Content-Type", "", part(soap12Type)},
		{"a part without header", related, func(s string) string { return "--BB\r\n\r\n" + s + "\r\n--BB--\r\n" }},
		{"an attachment before", related, func(s string) string {
			return "--BB\r\nContent-Type: text/plain\r\n\r\nhello\r\n" + part(soap12Type)(s)
		}},
		{"an attachment behind", related, func(s string) string {
			return strings.Replace(part(soap12Type)(s), "--BB--",
				"--BB\r\nContent-Type: image/png\r\n\r\n\x00\r\n--BB--", 1)
		}},
		{
			"nsoftware",
			`multipart/related; boundary="NSMIMEBoundary__57"; type="application/soap+xml"; start="<_57ef1b7e>"`,
			func(s string) string {
				return strings.ReplaceAll(part(soap12Type+"\r\nContent-ID: <_57ef1b7e>")(s), "--BB",
					"--NSMIMEBoundary__57")
			},
		},
		{
			"another header block", "application/soap+xml",
			before("</S12:Header>",
				`<wsa:RelatesTo xmlns:wsa="http://www.w3.org/2005/08/addressing">x</wsa:RelatesTo>`),
		},
		{
			"a header block that must be understood", "application/soap+xml",
			before("</S12:Header>", `<x:Y xmlns:x="urn:x" S12:mustUnderstand="true"/>`),
		},
		{
			"SignatureConfirmation", "application/soap+xml",
			before("</wsse:Security>", `<w:SignatureConfirmation `+
				`xmlns:w="http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd" Value="AA=="/>`),
		},
		{
			"a token of another kind beside", "application/soap+xml",
			before("</wsse:Security>", `<wsse:BinarySecurityToken ValueType="urn:x">AA==</wsse:BinarySecurityToken>`),
		},
	}
}

func before(mark, text string) func(string) string {
	return func(s string) string { return strings.Replace(s, mark, text+mark, 1) }
}

// postTo posts to a peer that answers so.
func postTo(t *testing.T, status, attempt int, typ, body string) (*Evidence, *SendError) {
	t.Helper()
	head := ""
	if typ != "" {
		head = "Content-Type: " + typ + "\r\n"
	}
	req := toPeer(t, peer(t, false, func(c net.Conn) { _, _ = io.WriteString(c, rawAnswer(status, head, body)) }))
	req.Attempt = attempt
	ev, err := hostileSender(t).Post(t.Context(), req)
	var se *SendError
	if err != nil && !errors.As(err, &se) {
		t.Fatalf("%T %v", err, err)
	}
	return ev, se
}

// signals of the addressed access point, and of others.
func signalBy(t *testing.T, by *certs.Identity, s *ebms.Signal) string {
	t.Helper()
	out, err := signWith(wssec.EDelivery1, by, "b.example", time.Now(), sentID, s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func unsignedForm(s string) string {
	i, j := strings.Index(s, "<wsse:Security"), strings.Index(s, "</wsse:Security>")
	return s[:i] + s[j+len("</wsse:Security>"):]
}

// AS4-107 in design.md §3. A receipt that proves itself counts in every wrapping, one that does not in none.
func TestAS4107Wrappings(t *testing.T) {
	b := seat(t, "b")
	receipt := &ebms.Signal{Receipt: &ebms.Receipt{References: sentRefs()}}
	good := signalBy(t, b, receipt)
	wrong := sentRefs()
	wrong[1].Value = bytes.Repeat([]byte{9}, 32)
	invalid := []struct {
		name, soap string
		outcome    Outcome
		code       ebms.Code
	}{
		{"AS4-110 unsigned", unsignedForm(good), Unknown, ebms.CodeMissingReceipt},
		{
			"REL-043 changed", strings.Replace(good, string(sentID), "sent@a.examplE", 1), Unknown,
			ebms.CodeMissingReceipt,
		},
		{"REL-043 of another access point", signalBy(t, seat(t, "a2"), receipt), Unknown, ebms.CodeMissingReceipt},
		{
			"AS4-109 other digests", signalBy(t, b, &ebms.Signal{Receipt: &ebms.Receipt{References: wrong}}),
			BadReceipt,
			ebms.CodeInvalidReceipt,
		},
		{"REL-043 SHA-1", strings.Replace(good, "rsa-sha256", "rsa-sha1", 1), Unknown, ebms.CodeMissingReceipt},
	}
	for _, w := range wrappings() {
		t.Run(w.name, func(t *testing.T) {
			body := w.wrap(good)
			ev, se := postTo(t, 200, 1, w.typ, body)
			if se != nil || ev.Signer == nil || !ev.Signer.Equal(b.Cert) || string(ev.Body) != body {
				t.Fatalf("not taken: %v", se)
			}
			for _, bad := range invalid {
				_, se := postTo(t, 200, 1, w.typ, w.wrap(bad.soap))
				if se == nil || se.Outcome != bad.outcome || se.Signal == nil || se.Signal.Code != bad.code {
					t.Errorf("%s: got %v", bad.name, se)
				}
			}
		})
	}
}

// AS4-107, SEC-075. Of several envelopes the receipt that proves itself counts; without one, what says most.
func TestAS4107SeveralEnvelopes(t *testing.T) {
	b := seat(t, "b")
	good := signalBy(t, b, &ebms.Signal{Receipt: &ebms.Receipt{References: sentRefs()}})
	failure := unsignedForm(signalBy(t, b, &ebms.Signal{Errors: []*ebms.Error{{Code: ebms.CodeOther}}}))
	join := func(soaps ...string) string {
		body := ""
		for _, s := range soaps {
			body += "--BB\r\n" + soap12Type + "\r\n\r\n" + s + "\r\n"
		}
		return body + "--BB--\r\n"
	}
	const typ = "multipart/related; boundary=BB"
	for name, body := range map[string]string{"first": join(good, failure), "last": join(failure, "<x/>", good)} {
		if ev, se := postTo(t, 500, 1, typ, body); se != nil || ev.Signer == nil {
			t.Errorf("%s: %v", name, se)
		}
	}
	if _, se := postTo(t, 200, 1, typ, join("<x/>", failure)); se == nil || se.Outcome != Refused ||
		se.Signal.Code != ebms.CodeOther {
		t.Errorf("without a receipt: %v", se)
	}
}

// oddError is an unsigned error of phase4 as it was met, with changes.
func oddError(changes ...string) string {
	const text = `<?xml version="1.0" encoding="UTF-8" standalone="no"?><Envelope ` +
		`xmlns="http://www.w3.org/2003/05/soap-envelope">` +
		`<Header><eb:Messaging xmlns:eb="http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/">` +
		`<eb:SignalMessage>` +
		`<eb:MessageInfo><eb:Timestamp>2023-06-09T15:04:34.029+02:00</eb:Timestamp><eb:MessageId>` +
		`3026e747@phase4</eb:MessageId>` +
		`<eb:RefToMessageId>%REF%</eb:RefToMessageId></eb:MessageInfo><eb:Error category="Content" ` +
		`errorCode="EBMS:0004"` +
		` refToMessageInError="%REF%" severity="failure" shortDescription="Other"><eb:Description ` +
		`xml:lang="en">Invoked AS4` +
		` message processor SPI x returned a failure: ` +
		`duplicate</eb:Description></eb:Error></eb:SignalMessage></eb:Messaging>` +
		`</Header><Body/></Envelope>`
	s := text
	for i := 0; i < len(changes); i += 2 {
		s = strings.ReplaceAll(s, changes[i], changes[i+1])
	}
	return strings.ReplaceAll(s, "%REF%", string(sentID))
}

// AS4-110, AS4-126. Error signals in odd shapes are errors, unsigned ones if their security header is odd.
func TestAS4110OddErrors(t *testing.T) {
	b := seat(t, "b")
	signed := signalBy(t, b, &ebms.Signal{Errors: []*ebms.Error{{Code: ebms.CodeOther, Detail: "Something"}}})
	const at = "2023-06-09T15:04:34.029+02:00"
	id := "<eb:MessageId>3026e747@phase4</eb:MessageId>"
	for _, tc := range []struct {
		name, body string
		attempt    int
		outcome    Outcome
		signer     bool
	}{
		{"signed", signed, 1, Refused, true},
		{"AS4-110 PKIPath token", strings.ReplaceAll(signed, "#X509v3", "#X509PKIPathv1"), 1, Refused, false},
		{"AS4-110 SHA-1", strings.ReplaceAll(signed, "rsa-sha256", "rsa-sha1"), 1, Refused, false},
		{"AS4-110 two security headers", strings.Replace(signed, "<eb:Messaging",
			`<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0`+
				`.xsd"/><eb:Messaging`, 1), 1, Refused, false},
		{"AS4-110 SignatureConfirmation", before("</wsse:Security>",
			`<w:SignatureConfirmation xmlns:w="urn:u"/>`)(signed), 1, Refused, true},
		{"AS4-110 WS-Addressing", before("</S12:Header>", `<w:To xmlns:w="urn:u">x</w:To>`)(signed), 1, Refused, true},
		{"AS4-110 unsigned", oddError(), 1, Refused, false},
		{"AS4-110 no Timestamp zone", oddError(at, "2017-06-13T13:36:35.320"), 1, Refused, false},
		{"AS4-110 no seconds", oddError(at, "2023-06-09T15:04Z"), 1, Refused, false},
		{"AS4-110 a Timestamp in words", oddError(at, "Fri Jun 09 15:04:34 CEST 2023"), 1, Refused, false},
		{"AS4-110 no Timestamp", oddError("<eb:Timestamp>"+at+"</eb:Timestamp>", ""), 1, Refused, false},
		{"AS4-110 an empty MessageId", oddError("3026e747@phase4", ""), 1, Refused, false},
		{"AS4-110 no MessageId", oddError(id, ""), 1, Refused, false},
		{"AS4-110 another order", oddError(id, "", "</eb:MessageInfo>", id+"</eb:MessageInfo>"), 1, Refused, false},
		{"AS4-097 severity Failure", oddError(`severity="failure"`, `severity="Failure"`), 1, Refused, false},
		{"AS4-097 severity Warning", oddError(`severity="failure"`, `severity="Warning"`), 1, Unknown, false},
		{"AS4-097 no severity", oddError(` severity="failure"`, ""), 1, Refused, false},
		{"AS4-115 a fault beside it", oddError("<Body/>", "<Body><Fault/></Body>"), 1, Refused, false},
		{"AS4-110 no body", oddError("<Body/>", ""), 1, Refused, false},
		{"AS4-110 SOAP 1.1", oddError("http://www.w3.org/2003/05/soap-envelope",
			"http://schemas.xmlsoap.org/soap/envelope/"), 1, Refused, false},
		{"AS4-126 a duplicate in the Description", oddError(), 2, DuplicateThere, false},
		{"AS4-126 two Descriptions", oddError("</eb:Description>",
			`</eb:Description><eb:Description xml:lang="de">doppelt</eb:Description>`), 2, DuplicateThere, false},
		{
			"AS4-126 a duplicate in the detail", oddError(": duplicate", "", "</eb:Description>",
				"</eb:Description><eb:ErrorDetail>already handled (this is a duplicate)</eb:ErrorDetail>"), 2,
			DuplicateThere, false,
		},
		{"AS4-126 nothing about a duplicate", oddError(": duplicate", ""), 2, Refused, false},
		{"REL-041 about another message", oddError("%REF%", "other@x"), 1, Unknown, false},
		{
			"REL-041 about another message by the attribute alone",
			oddError("<eb:RefToMessageId>%REF%</eb:RefToMessageId>", "", "%REF%", "other@x"), 1, Unknown, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, status := range []int{200, 404, 500, 503} {
				for _, typ := range []string{"application/soap+xml;charset=UTF-8", "text/xml", ""} {
					_, se := postTo(t, status, tc.attempt, typ, tc.body)
					if se == nil || se.Outcome != tc.outcome || se.Signal == nil || se.Signal.Code != ebms.CodeOther {
						t.Fatalf("HTTP %d as %q: got %v", status, typ, se)
					}
					if (se.Answer.Signer != nil) != tc.signer || se.HTTPStatus != status ||
						string(se.Answer.Body) != tc.body {
						t.Errorf("HTTP %d as %q: signer %v", status, typ, se.Answer.Signer)
					}
				}
			}
		})
	}
}

// SEC-051. What an answer may carry beside its signature moves nothing: a wrapped or doubled Messaging is no receipt.
func TestSEC051WrappedReceipts(t *testing.T) {
	good := signalBy(t, seat(t, "b"), &ebms.Signal{Receipt: &ebms.Receipt{References: sentRefs()}})
	i, j := strings.Index(good, "<eb:Messaging"), strings.Index(good, "</eb:Messaging>")+len("</eb:Messaging>")
	messaging := good[i:j]
	k := strings.Index(good, "wsu:Id=\"msg-")
	id := good[k : k+len(`wsu:Id="msg-`)+37]
	forged := strings.Replace(messaging, id, "", 1)
	for name, body := range map[string]string{
		"the signed one in another block": strings.Replace(good, messaging,
			forged+`<x:W xmlns:x="urn:u">`+messaging+`</x:W>`, 1),
		"the signed one beside": strings.Replace(good, messaging, forged+messaging, 1),
		"the signed one in the body": strings.Replace(strings.Replace(good, messaging, forged, 1), "</S12:Body>",
			messaging+"</S12:Body>", 1),
		"the signed one in the security": strings.Replace(strings.Replace(good, messaging, forged, 1),
			"</wsse:Security>", messaging+"</wsse:Security>", 1),
		"two headers": strings.Replace(good, "<S12:Header>",
			"<S12:Header>"+forged+"</S12:Header><S12:Header>", 1),
		"two bodies": strings.Replace(good, "</S12:Envelope>", "<S12:Body/></S12:Envelope>", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if body == good {
				t.Fatal("nothing was changed")
			}
			if _, se := postTo(t, 200, 1, "application/soap+xml", body); se == nil || se.Outcome != Unknown {
				t.Errorf("got %v", se)
			}
		})
	}
}

// AS4-118, AS4-120, REL-023. What answers without a signal is named as what it is.
func TestAS4118Named(t *testing.T) {
	const page = "<!DOCTYPE html><html><body>x</body></html>"
	for _, tc := range []struct {
		status  int
		body    string
		outcome Outcome
		says    string
	}{
		{404, page, TurnedAway, "there is no AS4 endpoint at this address"},
		{405, page, TurnedAway, "takes no POST"},
		{413, page, Refused, "larger than the other access point takes"},
		{503, page, Later, "the access point behind it does not run"},
		{502, page, Unknown, "an HTML page instead of an answer"},
		{200, page, Unknown, "an HTML page instead of an answer"},
		{200, "", Unknown, "the answer is empty"},
		{400, "no boundary\n", TurnedAway, `begins with "no boundary`},
		{403, "", TurnedAway, "does not let us in"},
		{302, "", TurnedAway, "follows no redirect"},
	} {
		t.Run(fmt.Sprint(tc.status), func(t *testing.T) {
			_, se := postTo(t, tc.status, 1, "text/html", tc.body)
			if se == nil || se.Outcome != tc.outcome || !strings.Contains(se.Error(), tc.says) {
				t.Errorf("got %v", se)
			}
		})
	}
}

// FuzzEnvelopes: no panic, and nothing grows.
func FuzzEnvelopes(f *testing.F) {
	for _, w := range wrappings() {
		f.Add(w.typ, []byte(w.wrap("<a/>")))
	}
	f.Fuzz(func(t *testing.T, typ string, body []byte) {
		total := 0
		for _, doc := range Envelopes([]string{typ}, body) {
			if total += len(doc); !bytes.HasPrefix(doc, []byte("<")) {
				t.Errorf("%q is no document", doc)
			}
		}
		if total > 12*len(body) { // ten parts, and UTF-16 becomes longer
			t.Errorf("%d octets of %d", total, len(body))
		}
	})
}

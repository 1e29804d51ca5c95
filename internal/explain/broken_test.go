package explain

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
)

// flip returns a copy with one bit of the byte at i changed.
func flip(b []byte, i int) []byte {
	out := bytes.Clone(b)
	out[i] ^= 1
	return out
}

// Every kind of damage to a captured request gets its verdict, and what lies before it is still shown.
func TestTampered(t *testing.T) {
	raw := capture(t, "oxalis-phase4", "request.http")
	whole := body(t, raw)
	at := func(s string) int { return bytes.Index(whole, []byte(s)) + len(s) }
	cipher := bytes.LastIndex(whole, []byte("\r\n\r\n")) + 4
	for _, tc := range []struct {
		name   string
		input  []byte
		code   fault.Code
		rule   string // the first one that is broken
		reason string // in signature.reason
		seen   bool   // the user message is shown
	}{
		{
			"a byte of Messaging", flip(whole, at("0192:12345678")), fault.SignatureInvalid, "SEC-044",
			"Messaging) does not: it was changed", true,
		},
		{
			"a byte of the signature value", flip(whole, at("SignatureValue>")+10), fault.SignatureInvalid, "SEC-050",
			"the signature does not fit", true,
		},
		{
			"a byte of a digest", flip(whole, at("DigestValue>")+1), fault.SignatureInvalid, "SEC-050",
			"the signature does not fit", true,
		},
		{
			"a byte of the ciphertext", flip(whole, cipher+200), fault.SignatureInvalid, "AS4-083", "the attachment",
			true,
		},
		{
			"a byte of the initialisation vector", flip(whole, cipher), fault.SignatureInvalid, "AS4-083",
			"the attachment", true,
		},
		{
			"cut inside the attachment", whole[:len(whole)-500], fault.CaptureUnreadable, "SEC-021",
			"the file ends inside the part", true,
		},
		{"cut inside the SOAP part", whole[:4000], fault.CaptureUnreadable, "SEC-021", "not reached", false},
		{
			"cut inside a chunk", raw[:len(raw)-600], fault.CaptureUnreadable, "SEC-021",
			"the file ends inside the part",
			true,
		},
		{"cut inside the headers", raw[:100], fault.CaptureUnreadable, "AS4-118", "not reached", false},
		{
			"without the attachment", cut(whole, "\r\n--uuid:", "--uuid:"), fault.SignatureInvalid, "AS4-052",
			"no such part", true,
		},
		{
			"line ends changed", bytes.ReplaceAll(whole, []byte("\r\n"), []byte("\n")), fault.CaptureUnreadable,
			"SEC-021",
			"not reached", false,
		},
		{"empty", nil, fault.CaptureUnreadable, "AS4-120", "not reached", false},
		{
			"an HTML page",
			[]byte("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html><body>502</body></html>"),
			fault.CaptureUnreadable, "AS4-120", "not reached", false,
		},
		{
			"HTML with the type of SOAP",
			[]byte("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n<!DOCTYPE html>\n<html/>"),
			fault.CaptureUnreadable, "AS4-120", "not reached", false,
		},
		{
			"an answer without body", []byte("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
			fault.CaptureUnreadable, "AS4-120", "not reached", false,
		},
		{"no HTTP at all", []byte{0, 1, 2, 3}, fault.CaptureUnreadable, "AS4-120", "not reached", false},
		{
			"a broken start line", []byte("HTTP/1.1 abc\r\n\r\n<a/>"), fault.CaptureUnreadable, "SEC-010",
			"not reached",
			false,
		},
		{"XML that is no SOAP", []byte("<Invoice/>"), fault.CaptureUnreadable, "SEC-041", "not reached", false},
		{"XML that is not well-formed", []byte("<Envelope"), fault.CaptureUnreadable, "AS4-031", "not reached", false},
		{"a document type", []byte("<!DOCTYPE x><x/>"), fault.CaptureUnreadable, "SEC-032", "not reached", false},
		{
			"SOAP 1.1", []byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>` +
				`<faultcode>x</faultcode></e:Fault></e:Body></e:Envelope>`), fault.CaptureUnreadable, "SEC-023",
			"not reached", false,
		},
		{
			"a SOAP fault", []byte(`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault>` +
				`<e:Code><e:Value>e:Sender</e:Value></e:Code></e:Fault></e:Body></e:Envelope>`),
			fault.CaptureUnreadable,
			"AS4-025", "not reached", false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := explain(t, tc.input, wireOptions(t, "b"))
			if r.Verdict.OK || r.Verdict.Code != tc.code || r.Verdict.Exit() != fault.Negative || r.Verdict.Next == "" {
				t.Errorf("verdict %+v", r.Verdict)
			}
			if len(r.Problems) == 0 || r.Problems[0].Rule != tc.rule || r.Problems[0].Next == "" ||
				r.Problems[0].Blame == "" {
				t.Errorf("problems %+v", r.Problems)
			}
			if r.Signature.Valid || !strings.Contains(r.Signature.Reason, tc.reason) {
				t.Errorf("signature %+v", r.Signature)
			}
			if (r.UserMessage != nil) != tc.seen || r.Payload != nil {
				t.Errorf("user message %+v, payload %+v", r.UserMessage, r.Payload)
			}
		})
	}
}

// cut removes what stands between the second last a and the last b.
func cut(s []byte, a, b string) []byte {
	end := bytes.LastIndex(s, []byte(b))
	start := bytes.LastIndex(s[:end-2], []byte(a))
	return append(bytes.Clone(s[:start+2]), s[end:]...)
}

// Each rule of the header that is broken is named, all at once, and the signature stays valid.
func TestHeaderRules(t *testing.T) {
	w, opt := newWorld(t)
	payload := zip(t, envelope(t))
	for _, tc := range []struct {
		name   string
		change func(*ebms.UserMessage)
		rules  []string
	}{
		{"nothing", func(*ebms.UserMessage) {}, nil},
		{"AS4-033", func(m *ebms.UserMessage) { m.MPC = "urn:other" }, []string{"AS4-033"}},
		{"AS4-035", func(m *ebms.UserMessage) { m.ID = "no-at-sign" }, []string{"AS4-035"}},
		{"AS4-037, AS4-039", func(m *ebms.UserMessage) {
			m.From.ID = ebms.Typed{
				Type:  "x",
				Value: "y",
			}
			m.From.Role = "z"
		}, []string{"AS4-037", "AS4-037", "AS4-039", "AS4-037"}},
		{"AS4-039", func(m *ebms.UserMessage) { m.From.ID.Value = "POP900009" }, []string{"AS4-039"}},
		{"AS4-040", func(m *ebms.UserMessage) { m.To.ID.Value = "POP900009" }, []string{"AS4-040"}},
		{"AS4-038", func(m *ebms.UserMessage) { m.To.Role = "z" }, []string{"AS4-038"}},
		{"AS4-041", func(m *ebms.UserMessage) { m.Agreement = "z" }, []string{"AS4-041"}},
		{"AS4-042", func(m *ebms.UserMessage) { m.Service.Type = "" }, []string{"AS4-042", "AS4-042"}},
		{"AS4-043", func(m *ebms.UserMessage) { m.Action = "z" }, []string{"AS4-043", "AS4-043"}},
		{
			"AS4-045, AS4-047", func(m *ebms.UserMessage) { m.Properties = m.Properties[:1] },
			[]string{"AS4-045", "AS4-047"},
		},
		{"AS4-047", func(m *ebms.UserMessage) { m.Properties[0].Value = "0192:991825827" }, []string{"AS4-047"}},
		{"AS4-046", func(m *ebms.UserMessage) {
			m.Properties = append(m.Properties, ebms.Property{Name: "trackingIdentifier", Value: "1"})
		}, []string{"AS4-046"}},
		{
			"AS4-049", func(m *ebms.UserMessage) { m.Parts[0].Properties = m.Parts[0].Properties[1:] },
			[]string{"AS4-049"},
		},
		{
			"AS4-050 missing", func(m *ebms.UserMessage) { m.Parts[0].Properties = m.Parts[0].Properties[:1] },
			[]string{"AS4-050"},
		},
		{"AS4-050 wrong", func(m *ebms.UserMessage) { m.Parts[0].Properties[1].Value = "zip" }, []string{"AS4-050"}},
		{"AS4-051", func(m *ebms.UserMessage) {
			m.Parts[0].Properties = append(m.Parts[0].Properties, ebms.Property{Name: "CharacterSet", Value: "klingon"})
		}, []string{"AS4-051"}},
		{"AS4-052", func(m *ebms.UserMessage) { m.Parts[0].Href = "http://a.example" }, []string{"AS4-052"}},
		{
			"AS4-016", func(m *ebms.UserMessage) { m.Parts = append(m.Parts, ebms.Part{Href: "cid:2@a"}) },
			[]string{"AS4-016", "AS4-052", "AS4-052", "AS4-049"},
		},
		{"AS4-048", func(m *ebms.UserMessage) { m.Parts = nil }, []string{"AS4-052", "AS4-048"}},
		{"AS4-134", func(m *ebms.UserMessage) {
			m.Service, m.Action, m.Properties = ebms.Typed{Value: ebms.TestService}, ebms.TestAction, nil
		}, nil},
		{"AS4-134 nothing is asked of the payload of a test message", func(m *ebms.UserMessage) {
			m.Service, m.Action, m.Properties = ebms.Typed{Value: ebms.TestService}, ebms.TestAction, nil
			m.Parts[0].Properties = nil
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := goodMessage()
			tc.change(m)
			r := explain(t, w.seal(t, m, payload).bytes(t), opt)
			if !r.Verdict.OK || !r.Signature.Valid || !r.UserMessage.Readable || !r.Payload.Complete || !r.SBDH.OK {
				t.Errorf("%+v %+v", r.Verdict, r.Signature)
			}
			wantRules(t, r, tc.rules...)
		})
	}
	t.Run("SEC-073 age is judged only when a time is given", func(t *testing.T) {
		m := goodMessage()
		m.Timestamp = time.Now().Add(-60 * 24 * time.Hour)
		input := w.seal(t, m, payload).bytes(t)
		wantRules(t, explain(t, input, opt), "AS4-068") // the certificate is younger than the message
		opt := opt
		opt.At = time.Now()
		wantRules(t, explain(t, input, opt), "AS4-068", "SEC-073")
		opt.At = m.Timestamp.Add(-time.Hour)
		wantRules(t, explain(t, input, opt), "AS4-068", "SEC-073")
	})
}

// Places in an envelope that wssec wrote.
var (
	keyInfo = regexp.MustCompile(`(<ds:KeyInfo Id="[^"]*">).*?(</ds:KeyInfo></ds:Signature>)`)
	sealing = regexp.MustCompile(
		`<wsse:BinarySecurityToken[^>]*>[^<]*</wsse:BinarySecurityToken><xenc:EncryptedKey.*</xenc:EncryptedData>`)
	signature = regexp.MustCompile(`<ds:Signature .*</ds:Signature>`)
	token     = regexp.MustCompile(`<wsse:BinarySecurityToken[^>]*>[^<]*</wsse:BinarySecurityToken>`)
)

var securityCases = []struct {
	name    string
	make    func(*testing.T, *sealed) []byte
	header  bool // the ebMS header is verified
	valid   bool // the whole signature is
	payload bool
	rules   []string
	code    fault.Code
}{
	{"AS4-074 not encrypted", func(t *testing.T, s *sealed) []byte {
		s.msg.Root, s.cipher = sealing.ReplaceAll(s.msg.Root, nil), s.plain
		return s.bytes(t)
	}, true, true, true, []string{"AS4-074"}, ""},
	{"AS4-074 not encrypted, and changed", func(t *testing.T, s *sealed) []byte {
		s.msg.Root, s.cipher = sealing.ReplaceAll(s.msg.Root, nil), flip(s.plain, 30)
		return s.bytes(t)
	}, true, false, false, []string{"AS4-074"}, fault.SignatureInvalid},
	{"AS4-074 not signed", func(t *testing.T, s *sealed) []byte {
		s.msg.Root = signature.ReplaceAll(s.msg.Root, nil)
		return s.bytes(t)
	}, false, false, false, []string{"AS4-074"}, fault.SignatureInvalid},
	{"AS4-069 a part that is not signed", func(t *testing.T, s *sealed) []byte {
		return s.bytes(t, mime.Content{ID: "2@a", Body: strings.NewReader("x")})
	}, true, false, true, []string{"AS4-069", "AS4-052"}, fault.SignatureInvalid},
	{"AS4-066 the key given in another way", func(t *testing.T, s *sealed) []byte {
		s.msg.Root = keyInfo.ReplaceAll(s.msg.Root, []byte(`$1<ds:KeyName>a</ds:KeyName>$2`))
		return s.bytes(t)
	}, false, false, false, []string{"AS4-066"}, fault.SignatureInvalid},
	{"SEC-048 a token that nothing refers to", func(t *testing.T, s *sealed) []byte {
		one := regexp.MustCompile(`wsu:Id="[^"]*"`).ReplaceAll(token.Find(s.msg.Root), []byte(`wsu:Id="more"`))
		return s.replace(t, "<xenc:EncryptedKey", string(one)+"<xenc:EncryptedKey").bytes(t)
	}, true, true, true, []string{"SEC-048"}, ""},
	{"SEC-041 another header block", func(t *testing.T, s *sealed) []byte {
		return s.replace(t, "</S12:Header>", `<x xmlns="urn:x"/></S12:Header>`).bytes(t)
	}, false, false, false, []string{"SEC-041"}, fault.SignatureInvalid},
	{"AS4-085 another content encryption", func(t *testing.T, s *sealed) []byte {
		return s.replace(t, "xmlenc11#aes128-gcm", "xmlenc11#aes256-gcm").bytes(t)
	}, true, true, false, []string{"AS4-085"}, ""},
	{"AS4-078 the receiver named in another way", func(t *testing.T, s *sealed) []byte {
		s.msg.Root = regexp.MustCompile(`(<ds:KeyInfo `+
			`xmlns:ds="[^"]*">)<wsse:SecurityTokenReference>.*?</wsse:SecurityTokenReference>(</ds:KeyInfo>`+
			`<xenc:CipherData>)`).
			ReplaceAll(s.msg.Root, []byte(`$1<wsse:SecurityTokenReference><wsse:KeyIdentifier `+
				`ValueType="urn:x">AA==</wsse:KeyIdentifier></wsse:SecurityTokenReference>$2`))
		return s.bytes(t)
	}, true, true, false, []string{"SEC-048", "AS4-078", "SEC-095"}, ""},
	{"SEC-044 a wrapped Messaging", func(t *testing.T, s *sealed) []byte {
		i, j := bytes.Index(s.msg.Root, []byte("<eb:Messaging")), bytes.Index(s.msg.Root, []byte("</S12:Header>"))
		signed := string(s.msg.Root[i:j])
		forged := strings.Replace(signed, `wsu:Id="m"`, `wsu:Id="f"`, 1)
		s.replace(t, signed, forged)
		return s.replace(t, `wsu:Id="body-m"></S12:Body>`, `wsu:Id="body-m">`+signed+`</S12:Body>`).bytes(t)
	}, false, false, false, []string{"AS4-026", "SEC-041"}, fault.SignatureInvalid},
}

// Messages that the server refuses in its security layer: what is wrong is named, what can be shown is shown.
func TestSecurityRules(t *testing.T) {
	w, opt := newWorld(t)
	sbd := envelope(t)
	for _, tc := range securityCases {
		t.Run(tc.name, func(t *testing.T) {
			r := explain(t, tc.make(t, w.seal(t, goodMessage(), zip(t, sbd))), opt)
			if r.Signature.Valid != tc.valid || r.Verdict.Code != tc.code || (r.Payload != nil) != tc.payload {
				t.Errorf("%+v %+v, payload %+v", r.Verdict, r.Signature, r.Payload)
			}
			if r.UserMessage == nil || r.UserMessage.MessageID != "1@a.example" || r.UserMessage.Verified != tc.header {
				t.Errorf("user message %+v", r.UserMessage)
			}
			wantRules(t, r, tc.rules...)
		})
	}
}

func TestPayloadRules(t *testing.T) {
	w, opt := newWorld(t)
	sbd := envelope(t)
	for _, tc := range []struct {
		name     string
		payload  []byte
		complete bool
		rules    []string
	}{
		{"AS4-050 not compressed", sbd, true, []string{"AS4-050"}},
		{"SBDH-001 no envelope", zip(t, []byte("<Invoice/>")), true, []string{"SBDH-001"}},
		{
			"SBDH-015 wrong country", zip(t, bytes.Replace(sbd, []byte(">NO<"), []byte(">no<"), 1)), true,
			[]string{"SBDH-015"},
		},
		{"SBDH-039 no XML", zip(t, []byte("hello")), true, []string{"SBDH-039"}},
		{"AS4-058 cut", zip(t, sbd)[:200], false, []string{"AS4-058"}},
		{"AS4-058 two members", append(zip(t, sbd), zip(t, sbd)...), true, []string{"AS4-058"}},
		{
			"SEC-100 compressed too much", zip(t, append(bytes.Clone(sbd), make([]byte, 32<<20)...)), false,
			[]string{"SBDH-039", "SEC-100"},
		},
		{"AS4-058 no gzip header", []byte{0x1f, 0x8b, 9}, false, []string{"AS4-058"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := explain(t, w.seal(t, goodMessage(), tc.payload).bytes(t), opt)
			if !r.Verdict.OK || !r.Signature.Valid || r.Payload == nil || r.Payload.Complete != tc.complete {
				t.Errorf("%+v, payload %+v", r.Verdict, r.Payload)
			}
			wantRules(t, r, tc.rules...)
		})
	}
}

// A header that is not built as the schema says: the message id is still shown.
func TestHeaderUnreadable(t *testing.T) {
	w, opt := newWorld(t)
	s := w.seal(t, goodMessage(), zip(t, []byte("<a/>"))).replace(t, "<eb:PartyInfo>", "<eb:Extra/><eb:PartyInfo>")
	r := explain(t, s.bytes(t), opt)
	if r.Verdict.Code != fault.CaptureUnreadable || r.UserMessage == nil || r.UserMessage.Readable ||
		r.UserMessage.MessageID != "1@a.example" {
		t.Errorf("%+v %+v", r.Verdict, r.UserMessage)
	}
	wantRules(t, r, "SEC-044", "AS4-032")
}

// Evidence outlives certificates: a receipt is verified although its certificate is expired, or its CA unknown.
func TestSignals(t *testing.T) {
	w, opt := newWorld(t)
	past := time.Now().Add(-10 * time.Hour).Truncate(time.Second) // the CA is a day old
	old := localca.Leaf{CN: "POP900002", NotBefore: past, Valid: 2 * time.Hour}
	receipt := &ebms.Signal{
		Timestamp: past.Add(time.Hour), ID: "2@b.example", RefTo: "1@a.example",
		Receipt: &ebms.Receipt{References: []ebms.Reference{{URI: "#m", Value: []byte{1}}}},
	}
	t.Run("expired, but valid when it was made", func(t *testing.T) {
		r := explain(t, w.signed(t, old, receipt), opt)
		if c := r.Certificate; !r.Verdict.OK || !r.Signature.Valid || c.Class != certs.Expired ||
			c.ClassAtMessage != certs.Valid || c.ValidNow || !*c.ValidAtMessage || c.Trust != TrustGiven {
			t.Errorf("%+v %+v", r.Verdict, r.Certificate)
		}
		wantRules(t, r)
	})
	t.Run("AS4-068 expired when it was made", func(t *testing.T) {
		late := *receipt
		late.Timestamp = time.Now()
		r := explain(t, w.signed(t, old, &late), opt)
		if !r.Verdict.OK || r.Certificate.ClassAtMessage != certs.Expired {
			t.Errorf("%+v %+v", r.Verdict, r.Certificate)
		}
		wantRules(t, r, "AS4-068")
	})
	t.Run("AS4-068 unknown CA", func(t *testing.T) {
		r := explain(t, w.signed(t, old, receipt), Options{})
		if !r.Verdict.OK || r.Certificate.Trust != TrustUnknown || r.Certificate.Class != certs.UnsupportedIssuer ||
			r.Problems[0].Blame != Reader {
			t.Errorf("%+v %+v", r.Verdict, r.Certificate)
		}
		wantRules(t, r, "AS4-068")
	})
	t.Run("AS4-101 a receipt that says nothing, AS4-116 with a wrong status", func(t *testing.T) {
		empty := &ebms.Signal{Timestamp: past.Add(time.Hour), ID: "2@b.example", Receipt: &ebms.Receipt{}}
		r := explain(t, append([]byte("HTTP/1.1 500 X\r\nContent-Type: application/soap+xml\r\n\r\n"),
			w.signed(t, old, empty)...), opt)
		wantRules(t, r, "AS4-101", "AS4-101", "AS4-116")
	})
	t.Run("AS4-110 an unsigned receipt proves nothing", func(t *testing.T) {
		soap := regexp.MustCompile(`<wsse:Security.*</wsse:Security>`).ReplaceAll(w.signed(t, old, receipt), nil)
		r := explain(t, soap, opt)
		if r.Verdict.Code != fault.SignatureInvalid || r.Signature.Signed || r.Receipt == nil {
			t.Errorf("%+v", r.Verdict)
		}
		wantRules(t, r, "AS4-110")
	})
	t.Run("a signed error that was changed", func(t *testing.T) {
		e := &ebms.Signal{
			Timestamp: past.Add(time.Hour), ID: "2@b.example",
			Errors: []*ebms.Error{{Code: ebms.CodeDeliveryFailure}},
		}
		soap := w.signed(t, old, e)
		if r := explain(t, soap, opt); !r.Verdict.OK || r.Errors[0].Next != again {
			t.Errorf("%+v", r.Verdict)
		}
		r := explain(t, bytes.Replace(soap, []byte("EBMS:0202"), []byte("EBMS:0004"), 1), opt)
		if r.Verdict.Code != fault.SignatureInvalid || len(r.Errors) != 1 {
			t.Errorf("%+v", r.Verdict)
		}
	})
}

func TestErrorMeanings(t *testing.T) {
	for code := range meanings {
		if info := errorInfo(&ebms.Error{Code: code}); info.Meaning == "" || info.Blame == "" || info.Next == "" ||
			info.Short == "" {
			t.Errorf("%+v", info)
		}
	}
	if info := errorInfo(&ebms.Error{Code: "EBMS:9999"}); !strings.Contains(info.Meaning, "AS4-098") {
		t.Errorf("%+v", info)
	}
	if info := errorInfo(&ebms.Error{Code: ebms.CodeOther, Severity: "warning"}); !strings.HasPrefix(info.Meaning,
		"Only a warning") {
		t.Errorf("%+v", info)
	}
}

// failing is a writer that fails.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestPayloadNotWritten(t *testing.T) {
	opt := wireOptions(t, "b")
	opt.Payload = failing{}
	r, err := Explain(capture(t, "oxalis-oxalis", "request.http"), opt)
	if !errors.Is(err, io.ErrShortWrite) || r.Payload.Complete || r.Payload.SHA256 == "" {
		t.Errorf("%v %+v", err, r.Payload)
	}
}

// A message changes nothing on a terminal, and nobody finds a certificate in what is none.
func TestTextIsHarmless(t *testing.T) {
	r := explain(t, []byte("HTTP/1.1 200 \x1b[2J\r\nContent-Type: a\r\nServer: \x1b[31mred\r\n\r\nhello"), Options{})
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(b.Bytes(), 0x1b) {
		t.Errorf("an escape sequence in %q", b.String())
	}
}

func FuzzExplain(f *testing.F) {
	for _, dir := range []string{"oxalis-phase4", "phase4-phase4", "err-otherca-oxalis-oxalis"} {
		f.Add(golden.Read(f, "wire/"+dir+"/request.http"))
		f.Add(golden.Read(f, "wire/"+dir+"/response.http"))
	}
	// no panic, and it can always be shown
	f.Fuzz(func(t *testing.T, b []byte) { explain(t, b, Options{At: recorded}) })
}

// What the HTTP header alone breaks is named, and reading goes on.
func TestHTTPRules(t *testing.T) {
	w, opt := newWorld(t)
	inner := w.seal(t, goodMessage(), zip(t, envelope(t))).bytes(t)
	const good = `multipart/related; type="application/soap+xml"; boundary="b"`
	for _, tc := range []struct {
		name, head string
		notes      int
		rules      []string
	}{
		{"AS4-007 another method", "PUT /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: " + good, 0, []string{"AS4-007"}},
		{
			"SEC-101 a content encoding", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Encoding: br\r\nContent-Type: " +
				good,
			0,
			[]string{"SEC-101"},
		},
		{
			"SEC-101 identity is no content encoding",
			"POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Encoding: identity\r\nContent-Type: " + good, 0, nil,
		},
		{
			"AS4-013 a charset", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: " + good + "; charset=utf-8", 0,
			[]string{"AS4-013"},
		},
		{
			"SEC-010 another media type", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: multipart/mixed; boundary=b",
			1,
			[]string{"SEC-010"},
		},
		{
			"SEC-020 no boundary",
			"POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: multipart/related; type=\"application/soap+xml\"", 1,
			[]string{"SEC-020"},
		},
		{"SEC-023 start names another part", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: " + good +
			`; start="<other@a>"`, 0, []string{"SEC-023"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := explain(t, append([]byte(tc.head+"\r\n\r\n"), inner...), opt)
			if stops := slices.Contains(tc.rules, "SEC-023"); r.Verdict.OK == stops || r.Signature.Valid == stops ||
				len(r.HTTP.Notes) != tc.notes {
				t.Errorf("%+v %+v", r.Verdict, r.HTTP)
			}
			wantRules(t, r, tc.rules...)
		})
	}
	t.Run("SEC-021 shorter than its Content-Length", func(t *testing.T) {
		soap := w.signed(t, localca.Leaf{CN: "POP900002"},
			&ebms.Signal{Timestamp: time.Now(), ID: "2@b", RefTo: "1@a", Receipt: &ebms.Receipt{}})
		r := explain(t,
			append([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 100000\r\n\r\n"),
				soap...), opt)
		if r.Verdict.Code != fault.CaptureUnreadable || r.MIME.Complete || r.MIME.Defect == nil || r.Receipt == nil {
			t.Errorf("%+v %+v", r.Verdict, r.MIME)
		}
	})
	t.Run("AS4-104 an answer with an attachment", func(t *testing.T) {
		s := w.seal(t, goodMessage(), zip(t, envelope(t)))
		s.msg.Root = w.signed(t, localca.Leaf{CN: "POP900002"}, &ebms.Signal{
			Timestamp: time.Now(), ID: "2@b.example", RefTo: "1@a.example",
			Errors: []*ebms.Error{{Code: ebms.CodeOther, Detail: "errorDetail=PEPPOL:NOT_SERVICED"}},
		})
		wantRules(t, explain(t, s.bytes(t), opt), "AS4-069", "AS4-104", "AS4-092")
	})
}

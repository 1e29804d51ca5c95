package as4

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/ebms"
)

func TestHostileGoodMessage(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	r := a.post(t, d)
	if r.signal == nil || r.signal.Receipt == nil || !r.signed || r.x.Step != StepAnswer || a.decrypts.Load() != 1 {
		t.Fatalf("no receipt: %+v, %v", r.x, r.x.Err)
	}
	a.clean(t, 1)
}

func messaging(old, text string) func(*testing.T, *draft) {
	return func(t *testing.T, d *draft) { d.messaging = replace(t, old, text) }
}

func setup(f func(*draft)) func(*testing.T, *draft) {
	return func(_ *testing.T, d *draft) { f(d) }
}

func property(list []ebms.Property, name string) *ebms.Property {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// AS4-026 to AS4-054: each message is validly signed and encrypted and has one wrong value.
func TestHostileProfile(t *testing.T) {
	header := want{code: ebms.CodeInvalidHeader, step: StepProfile}
	mode := want{code: ebms.CodeProcessingModeMismatch, step: StepProfile}
	other := want{code: ebms.CodeOther, step: StepProfile}
	differs := func(detail string) want {
		return want{code: ebms.CodeOther, step: StepEnvelope, decrypts: 1, detail: detail}
	}
	run(t, []hostile{
		{"AS4-026 a body that is not empty", setup(func(d *draft) {
			d.soap = func(b []byte) []byte {
				return bytes.Replace(b, []byte("</S12:Body>"), []byte("<x/></S12:Body>"),
					1)
			}
		}), want{code: ebms.CodeFailedAuthentication, step: StepSOAP}},
		{"AS4-029 two user messages", setup(func(d *draft) {
			d.messaging = func(b []byte) []byte {
				i, j := bytes.Index(b, []byte("<eb:UserMessage>")), bytes.Index(b, []byte("</eb:Messaging>"))
				return bytes.Join([][]byte{b[:j], b[i:j], b[j:]}, nil)
			}
		}), want{code: ebms.CodeValueInconsistent, step: StepProfile}},
		{"AS4-029 no user message", setup(func(d *draft) {
			d.messaging = func(b []byte) []byte {
				i, j := bytes.Index(b, []byte("<eb:UserMessage>")), bytes.Index(b, []byte("</eb:Messaging>"))
				return bytes.Join([][]byte{b[:i], b[j:]}, nil)
			}
		}), want{code: ebms.CodeValueInconsistent, step: StepProfile}},
		{
			"AS4-029 a signal as request", setup(func(d *draft) {
				signalInstead(d,
					"<eb:Error errorCode=\"EBMS:0004\" severity=\"failure\"></eb:Error>")
			}),
			want{code: ebms.CodeValueInconsistent, step: StepProfile},
		},
		{"AS4-001 a pull request EBMS:0008", setup(func(d *draft) {
			signalInstead(d,
				"<eb:PullRequest></eb:PullRequest>")
		}), want{code: ebms.CodeFeatureInconsistency, step: StepProfile}},
		{"AS4-032 children in another order", setup(func(d *draft) {
			d.messaging = func(b []byte) []byte {
				i, j := bytes.Index(b, []byte("<eb:From>")), bytes.Index(b, []byte("<eb:To>"))
				k := bytes.Index(b, []byte("</eb:PartyInfo>"))
				return bytes.Join([][]byte{b[:i], b[j:k], b[i:j], b[k:]}, nil)
			}
		}), header},
		{"AS4-032 an unknown element", messaging("<eb:PartyInfo>", "<eb:Extra></eb:Extra><eb:PartyInfo>"), header},
		{"AS4-033 another MPC", setup(func(d *draft) { d.m.MPC = ebms.DefaultMPC + "2" }), mode},
		{"AS4-034 no dateTime", messaging("<eb:Timestamp>20", "<eb:Timestamp>x0"), header},
		{"AS4-035 a MessageId without domain", setup(func(d *draft) { d.m.ID = "abc" }), header},
		{"AS4-035 a MessageId in brackets", setup(func(d *draft) { d.m.ID = "<a@b>" }), header},
		{"SEC-072 a MessageId with blanks around", setup(func(d *draft) { d.m.ID = " a@b " }), header},
		{"SEC-072 a MessageId of 256 bytes", setup(
			func(d *draft) { d.m.ID = ebms.MessageID("a@" + strings.Repeat("b", 254)) }), header},
		{"AS4-035 an element inside MessageId", messaging("<eb:MessageId>", "<eb:MessageId><eb:x></eb:x>"), header},
		{
			"AS4-037 two party ids", messaging("<eb:Role>",
				`<eb:PartyId type="urn:fdc:peppol.eu:2017:identifiers:ap">POP900001</eb:PartyId><eb:Role>`),
			want{code: ebms.CodeValueInconsistent, step: StepProfile},
		},
		{"AS4-037 another type of From", setup(func(d *draft) { d.m.From.ID.Type = "urn:x" }), other},
		{"AS4-037 From is no seat id", setup(func(d *draft) { d.m.From.ID.Value = "somebody" }), other},
		{"AS4-037 another role", setup(func(d *draft) { d.m.From.Role = ebms.RoleResponder }), mode},
		{"AS4-038 another role", setup(func(d *draft) { d.m.To.Role = ebms.RoleInitiator }), mode},
		{"AS4-038 another type of To", setup(func(d *draft) { d.m.To.ID.Type = "" }), other},
		{
			"AS4-039 From of another access point", setup(func(d *draft) { d.m.From.ID.Value = "POP900003" }),
			want{code: ebms.CodeFailedAuthentication, step: StepProfile},
		},
		{"AS4-040 To another access point", setup(func(d *draft) { d.m.To.ID.Value = "POP900003" }), other},
		{"AS4-041 another agreement", setup(func(d *draft) { d.m.Agreement += "x" }), mode},
		{
			"AS4-041 no agreement",
			messaging("<eb:AgreementRef>urn:fdc:peppol.eu:2017:agreements:tia:ap_provider</eb:AgreementRef>", ""),
			mode,
		},
		{"AS4-041 a type attribute", messaging("<eb:AgreementRef>", `<eb:AgreementRef type="x">`), mode},
		{"AS4-041 a pmode attribute", messaging("<eb:AgreementRef>", `<eb:AgreementRef pmode="x">`), mode},
		{
			"AS4-042 another process", setup(func(d *draft) { d.m.Service.Value += "x" }),
			differs("The Service differs from the process of the SBDH"),
		},
		{
			"AS4-042 another process scheme", setup(func(d *draft) { d.m.Service.Type = "" }),
			differs("The Service differs from the process of the SBDH"),
		},
		{
			"AS4-043 another document type", setup(func(d *draft) { d.m.Action += "x" }),
			differs("The Action differs from the document type of the SBDH"),
		},
		{"AS4-043 a percent-encoded Action", setup(func(d *draft) {
			d.m.Action = strings.ReplaceAll(d.m.Action, "#",
				"%23")
		}), differs("*")},
		{"AS4-044 no ConversationId", messaging("<eb:ConversationId>c@a.example</eb:ConversationId>", ""), header},
		{
			"AS4-045 no originalSender", setup(func(d *draft) { d.m.Properties = d.m.Properties[1:] }),
			differs("The message property originalSender or its type is missing"),
		},
		{
			"AS4-045 no finalRecipient", setup(func(d *draft) { d.m.Properties = d.m.Properties[:1] }),
			differs("The message property finalRecipient or its type is missing"),
		},
		{"AS4-045 no properties", setup(func(d *draft) { d.m.Properties = nil }), differs("*")},
		{"AS4-047 a property without type", setup(func(d *draft) { d.m.Properties[0].Type = "" }), differs("*")},
		{
			"AS4-047 another sender", setup(func(d *draft) { d.m.Properties[0].Value = "0192:991825828" }),
			differs("The message property originalSender differs from the SBDH"),
		},
		{
			"AS4-047 another recipient", setup(func(d *draft) { d.m.Properties[1].Value = "0192:991825828" }),
			differs("The message property finalRecipient differs from the SBDH"),
		},
		{"AS4-047 a property twice", setup(func(d *draft) {
			d.m.Properties = append(d.m.Properties,
				d.m.Properties[0])
		}), header},
		{
			"AS4-049 no MimeType", setup(func(d *draft) { d.m.Parts[0].Properties = d.m.Parts[0].Properties[1:] }),
			want{code: ebms.CodeInvalidHeader, step: StepKnown},
		},
		{"AS4-050 another CompressionType", setup(func(d *draft) {
			property(d.m.Parts[0].Properties,
				propCompression).Value = "application/zip"
		}), want{code: ebms.CodeValueInconsistent, step: StepKnown}},
		{"AS4-051 an unknown CharacterSet", setup(func(d *draft) {
			property(d.m.Parts[0].Properties,
				propCharset).Value = "klingon"
		}), want{code: ebms.CodeValueInconsistent, step: StepKnown}},
		{"AS4-016 two described parts", setup(func(d *draft) {
			d.m.Parts = append(d.m.Parts, ebms.Part{Href: "cid:two@a.example"})
			d.msg = func(m *mime.Message) {
				m.Parts = append(m.Parts, mime.Content{ID: "two@a.example", Body: strings.NewReader("x")})
			}
		}), other},
		{"AS4-052 a part that is not described", setup(func(d *draft) {
			d.msg = func(m *mime.Message) {
				m.Parts = append(m.Parts, mime.Content{ID: "two@a.example", Body: strings.NewReader("x")})
			}
		}), want{code: ebms.CodeExternalPayloadError, step: StepProfile}},
		{
			"AS4-052 a described part that is missing",
			setup(func(d *draft) { d.msg = func(m *mime.Message) { m.Parts = nil } }),
			want{code: ebms.CodeExternalPayloadError, step: StepProfile},
		},
		{
			"AS4-052 an http reference", setup(func(d *draft) { d.m.Parts[0].Href = "http://127.0.0.1/x" }),
			want{code: ebms.CodeExternalPayloadError, step: StepProfile},
		},
		{
			"AS4-052 another part is meant", setup(func(d *draft) { d.m.Parts[0].Href = "cid:other@a.example" }),
			want{code: ebms.CodeExternalPayloadError, step: StepProfile},
		},
		{"AS4-048 no PayloadInfo and no part", setup(func(d *draft) { d.m.Parts = nil; d.bare = true }), other},
	})
}

// signalInstead makes the request a signal.
func signalInstead(d *draft, content string) {
	d.messaging = func(b []byte) []byte {
		i, j := bytes.Index(b, []byte("<eb:UserMessage>")), bytes.Index(b, []byte("</eb:Messaging>"))
		info := `<eb:SignalMessage><eb:MessageInfo><eb:Timestamp>2026-01-01T00:00:00Z</eb:Timestamp><eb:MessageId>` +
			`s@a.example</eb:MessageId></eb:MessageInfo>`
		return bytes.Join([][]byte{b[:i], []byte(info + content + "</eb:SignalMessage>"), b[j:]}, nil)
	}
}

// What the profile tolerates.
func TestTolerated(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *draft)
	}{
		{"AS4-033 the default MPC written out", setup(func(d *draft) { d.m.MPC = ebms.DefaultMPC })},
		{"AS4-034 a timestamp with offset", setup(func(d *draft) {
			at := d.m.Timestamp.UTC()
			d.messaging = func(b []byte) []byte {
				return bytes.Replace(b, []byte(at.Format("2006-01-02T15:04:05.000Z")),
					[]byte(at.In(time.FixedZone("", 2*3600)).Format("2006-01-02T15:04:05.000-07:00")), 1)
			}
		})},
		{"AS4-036 RefToMessageId", messaging("</eb:MessageId>",
			"</eb:MessageId><eb:RefToMessageId>x@y</eb:RefToMessageId>")},
		{"AS4-046 another property", setup(func(d *draft) {
			d.m.Properties = append(d.m.Properties, ebms.Property{Name: "trackingIdentifier", Value: "1"})
		})},
		{
			"AS4-047 SBDH-007 letter case of a participant",
			setup(func(d *draft) { d.m.Properties[0].Value = strings.ToUpper(d.m.Properties[0].Value) }),
		},
		{"AS4-051 no CharacterSet", setup(func(d *draft) {
			d.m.Parts[0].Properties = d.m.Parts[0].Properties[:3]
			d.m.Parts[0].Properties = without(d.m.Parts[0].Properties, propCharset)
		})},
		{
			"AS4-054 blanks around Action and Service",
			setup(func(d *draft) { d.m.Action = " " + d.m.Action + "\n"; d.m.Service.Value += "\t" }),
		},
		{"AS4-057 a payload that is not compressed", setup(func(d *draft) {
			d.payload, d.mimeType = d.sbd, "application/octet-stream"
			d.m.Parts[0].Properties = without(d.m.Parts[0].Properties, propCompression)
		})},
		{"AS4-019 a percent-encoded reference", setup(func(d *draft) {
			enc := strings.ReplaceAll(d.cid, "@", "%40")
			d.m.Parts[0].Href = "cid:" + enc
			cid := d.cid
			d.cid = enc
			d.msg = func(m *mime.Message) { m.Parts[0].ID = cid }
		})},
		{"AS4-018 a file name", func(t *testing.T, d *draft) {
			d.body = replace(t, "application/octet-stream\r\n",
				"application/octet-stream\r\nContent-Disposition: attachment; filename=\"../../x\"\r\n")
		}},
		{"AS4-028 mustUnderstand is 1", func(t *testing.T, d *draft) {
			d.soap = replace(t, `S12:mustUnderstand="true"><wsse:Bin`, `S12:mustUnderstand="1"><wsse:Bin`)
		}},
		{"AS4-053 Schema and Description", messaging("<eb:PartProperties>",
			`<eb:Schema location="http://127.0.0.1/x"></eb:Schema><eb:Description `+
				`xml:lang="en">x</eb:Description><eb:PartProperties>`)},
		{"AS4-088 a Timestamp that expired", soap("<wsse:BinarySecurityToken",
			"<wsu:Timestamp><wsu:Created>2020-01-01T00:00:00Z</wsu:Created><wsu:Expires>"+
				"2020-01-01T00:05:00Z</wsu:Expires></wsu:Timestamp><wsse:BinarySecurityToken")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			d := newDraft(t)
			tc.change(t, d)
			if r := a.post(t, d); r.signal == nil || r.signal.Receipt == nil {
				t.Errorf("no receipt: %+v, %v", r.x, r.x.Err)
			}
			a.clean(t, 1)
		})
	}
}

func without(list []ebms.Property, name string) []ebms.Property {
	var out []ebms.Property
	for _, p := range list {
		if p.Name != name {
			out = append(out, p)
		}
	}
	return out
}

// The rows of as4.md §9.1 that the Handler decides.
func TestHostileHandlerErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want want
	}{
		{
			"AS4-092 not serviced", ebms.NotServiced("No such participant."),
			want{code: ebms.CodeOther, detail: ebms.NotServicedDetail},
		},
		{"EBMS:0202 the store is full", errors.New("disk full at /var/lib"), want{code: ebms.CodeDeliveryFailure}},
		{
			"EBMS:0004 another refusal", &ebms.Error{Code: ebms.CodeOther, Detail: "One line"},
			want{code: ebms.CodeOther, detail: "One line"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			a.mem.refuse = tc.err
			r := a.post(t, newDraft(t))
			tc.want.step = StepAccept
			tc.want.verdict(t, r)
			if bytes.Contains(r.body, []byte("/var/lib")) {
				t.Error("SEC-001: the answer tells about the inside")
			}
			a.clean(t, 0)
		})
	}
}

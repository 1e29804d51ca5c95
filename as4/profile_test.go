package as4

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
)

// foreign stands for whatever another access point may write.
const foreign = "klingon"

// worst is a message that breaks every rule but those that exclude each other.
func worst(t *testing.T) *Subject {
	h := testHeader(t)
	h.Ignored = []string{"Manifest", "MultipleType"}
	var err error
	if h.DocType, err = peppol.ParseDocType("busdox-docid-qns::urn:x::Order##::3.0.1"); err != nil {
		t.Fatal(err)
	}
	return &Subject{
		Message: &ebms.UserMessage{
			ID: foreign, Timestamp: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), RefTo: foreign, MPC: foreign,
			Agreement: foreign,
			From:      ebms.Party{ID: ebms.Typed{Type: foreign, Value: foreign}, Role: foreign},
			To:        ebms.Party{ID: ebms.Typed{Type: foreign, Value: foreign}, Role: foreign},
			Service:   ebms.Typed{Value: foreign},
			Action:    foreign,
			Properties: []ebms.Property{
				{Name: propSender, Type: foreign, Value: foreign},
				{Name: "trackingIdentifier"},
			},
			Parts: []ebms.Part{
				{Href: foreign, Properties: []ebms.Property{
					{Name: propMimeType}, {Name: propCompression, Value: foreign}, {Name: propCharset, Value: foreign},
				}},
				{Href: "cid:" + foreign},
			},
		},
		Signer: &x509.Certificate{},
		Ours:   func(peppol.SeatID) bool { return false }, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		ContentIDs: []string{}, Head: []byte("<a"), Header: h, Untyped: true, Base64: true,
	}
}

// listed are the broken rules with their codes and what the other side is told.
func listed(s *Subject) (out []string) {
	for r, f := range s.Broken {
		out = append(out, strings.TrimSpace(r.ID+" "+string(r.Code))+" "+f.Detail)
	}
	return out
}

// D-08. The order of the rules, which decides between two faults, and what the other side is told.
func TestProfile(t *testing.T) {
	want := []string{
		"AS4-037 EBMS:0004 The type of From/PartyId is not the one of Peppol",
		"AS4-037 EBMS:0004 From/PartyId is not a seat id",
		"AS4-039 EBMS:0101 From/PartyId is not the CN of the certificate",
		"AS4-038 EBMS:0004 The type of To/PartyId is not the one of Peppol",
		"AS4-038 EBMS:0004 To/PartyId is not a seat id of this access point",
		"AS4-040 EBMS:0004 To/PartyId is not a seat id of this access point",
		"AS4-037 EBMS:0010 The roles are not initiator and responder",
		"AS4-038 EBMS:0010 The roles are not initiator and responder",
		"AS4-041 EBMS:0010 The AgreementRef is not the one of Peppol",
		"AS4-033 EBMS:0010 The MPC is not the default one",
		"SEC-073 EBMS:0009 The Timestamp is older than 30 days",
		"AS4-035 ",
		"AS4-036 ",
		"AS4-011 ",
		"SEC-025 ",
		"AS4-016 EBMS:0004 Peppol allows exactly one payload part",
		"AS4-052 EBMS:0011 PartInfo and MIME parts do not agree",
		"AS4-052 EBMS:0011 The PartInfo does not refer to a MIME part",
		"AS4-049 EBMS:0009 The part property MimeType is missing",
		"AS4-050 EBMS:0003 The CompressionType is not application/gzip",
		"AS4-051 EBMS:0003 The CharacterSet is unknown",
		"AS4-050 EBMS:0303 The payload cannot be decompressed",
		"AS4-045 EBMS:0004 The message property originalSender differs from the SBDH",
		"AS4-047 EBMS:0004 The message property originalSender differs from the SBDH",
		"AS4-045 EBMS:0004 The message property finalRecipient or its type is missing",
		"AS4-047 EBMS:0004 The message property finalRecipient differs from the SBDH",
		"AS4-043 EBMS:0004 The Action differs from the document type of the SBDH",
		"AS4-043 EBMS:0004 The Action is not a document type",
		"AS4-042 EBMS:0004 The Service differs from the process of the SBDH",
		"AS4-042 EBMS:0004 The Service is not a process",
		"AS4-046 ",
		"SBDH-039 ",
		"DISC-103 ",
	}
	if got := listed(worst(t)); !slices.Equal(got, want) {
		t.Errorf("broken rules:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(want)+2 != len(profile) { // AS4-048 and AS4-016 exclude each other, and so do two of SEC-073
		t.Errorf("%d rules are tested here, there are %d", len(want)+2, len(profile))
	}
	early := worst(t)
	early.Message.Timestamp = early.Now.Add(11 * time.Minute)
	if got := listed(early); !slices.Contains(got, "SEC-073 ") {
		t.Errorf("SEC-073: %v", got)
	}
	none := worst(t)
	none.Message.Parts = nil
	if got := listed(none); !slices.Contains(got, "AS4-048 EBMS:0004 The payload part is missing") {
		t.Errorf("AS4-048: %v", got)
	}
}

// The other side is told nothing that it wrote itself, the operator is.
func TestProfileTexts(t *testing.T) {
	named := 0
	for r, f := range worst(t).Broken {
		if (r.Code == "") != (f.Tolerated != "") || f.Tolerated != "" && f.Detail != "" {
			t.Errorf("%s: what is tolerated has a name and no code, and nothing else has: %+v", r.ID, f)
		}
		if strings.Contains(f.Detail, foreign) || strings.ContainsAny(f.Detail, "\r\n%") {
			t.Errorf("%s: the detail is %q", r.ID, f.Detail)
		}
		if f.Text == "" || strings.Contains(f.Text, "%!") {
			t.Errorf("%s: the text is %q", r.ID, f.Text)
		}
		if strings.Contains(f.Text, fmt.Sprintf("%q", foreign)) {
			named++
		}
	}
	if named < 12 {
		t.Errorf("%d texts only name the value that is wrong", named)
	}
}

// A rule whose inputs are not known says nothing, and no rule panics without them.
func TestProfileUnknown(t *testing.T) {
	s := worst(t)
	all := listed(s)
	bare := listed(&Subject{Message: s.Message})
	for _, id := range []string{"AS4-039", "AS4-040", "SEC-073", "AS4-047"} {
		if slices.ContainsFunc(bare, func(b string) bool { return strings.HasPrefix(b, id) }) {
			t.Errorf("%s is judged without knowing what it needs", id)
		}
	}
	// Without a header of the envelope what Action and Service must be is judged all the same.
	for _, want := range []string{
		"AS4-043 EBMS:0004 The Action is not a document type", "AS4-042 EBMS:0004 The Service is not a process",
	} {
		if !slices.Contains(bare, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if len(bare) >= len(all) {
		t.Errorf("%d rules are broken without inputs, %d with them", len(bare), len(all))
	}
}

// AS4-040, SEC-068. Who does not know whose message it is goes by the certificate that the payload is encrypted for.
func TestProfileAddressee(t *testing.T) {
	s := &Subject{Message: &ebms.UserMessage{To: ebms.Party{ID: ebms.Typed{Value: "POP900002"}}}}
	p := newPair(t)
	for cert, want := range map[*x509.Certificate]bool{p.peer.Cert: false, p.own.Cert: true} {
		s.Addressee = cert
		if got := slices.ContainsFunc(listed(s),
			func(b string) bool { return strings.HasPrefix(b, "AS4-040") }); got != want {
			t.Errorf("encrypted for %s: AS4-040 broken %v, want %v", cert.Subject, got, want)
		}
	}
}

// AS4-134. Of a test message nothing but the header counts.
func TestProfileTestMessage(t *testing.T) {
	s := worst(t)
	s.Message.Service, s.Message.Action, s.Message.Parts = ebms.Typed{Value: ebms.TestService}, ebms.TestAction, nil
	if got := listed(s); len(got) != 15 || got[12] != "AS4-036 " {
		t.Errorf("broken rules of a test message: %v", got)
	}
}

// D-08. Of two faults the Receiver answers the one that comes first in the list.
func TestReceiverStopsAtTheFirstRule(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*ebms.UserMessage)
		code   ebms.Code
		detail string
	}{
		{"AS4-039 before the roles", func(m *ebms.UserMessage) {
			m.From.ID.Value, m.From.Role = "POP900003", foreign
		}, ebms.CodeFailedAuthentication, ""},
		{"AS4-040 before the agreement", func(m *ebms.UserMessage) {
			m.To.ID.Value, m.Agreement = "POP900003", foreign
		}, ebms.CodeOther, notOurs},
		{
			"AS4-052 before AS4-048", func(m *ebms.UserMessage) { m.Parts = nil }, ebms.CodeExternalPayloadError,
			disagree,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, d := newArena(t), newDraft(t)
			tc.change(d.m)
			want{code: tc.code, step: StepProfile, detail: tc.detail}.verdict(t, a.post(t, d))
		})
	}
}

package as4

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// Rule is one rule of the profile for user messages. The Receiver stops at the first one that is broken and has a code,
// and counts what it tolerates; who explains a message wants them all (Subject.Broken).
type Rule struct {
	ID    string                  // of the requirement
	Code  ebms.Code               // what the Receiver answers; "" for a remark: it is tolerated
	Step  Step                    // of the Receiver, in which it decides
	Check func(*Subject) *Finding // returns nil if the rule is kept, or if what it needs is not known
}

// Finding says how a rule is broken.
type Finding struct {
	Detail    string // one line for the other side, which repeats nothing of its input
	Text      string // for the operator, with the values
	Tolerated string // name of the tolerance, for the log and its counts; "" for a refusal
}

// Names of what the Receiver tolerates (design.md §3). A rebuilt header is no matter of one message, and has no rule.
const (
	ToleratedBase64          = "base64"
	ToleratedUntyped         = "multipart-without-type"
	ToleratedMessageID       = "message-id" // if as4.lenient_message_id is set
	ToleratedClock           = "clock-ahead"
	ToleratedRefTo           = "ref-to-message-id"
	ToleratedTracking        = "tracking-identifier"
	ToleratedEnvelope        = "optional-sbdh"
	ToleratedNoCustomization = "type-without-customization"
	ToleratedRebuilt         = "rebuilt-header"
)

func wrong(detail, text string, values ...any) *Finding {
	return &Finding{Detail: detail, Text: fmt.Sprintf(text, values...)}
}

func tolerated(name, text string, values ...any) *Finding {
	return &Finding{Tolerated: name, Text: fmt.Sprintf(text, values...)}
}

// Subject is a user message with what is known around it. All but Message may be unknown: then it is zero.
type Subject struct {
	Message    *ebms.UserMessage
	Signer     *x509.Certificate        // who signed it
	Ours       func(peppol.SeatID) bool // tells which seats are those of the receiver
	Addressee  *x509.Certificate        // whom the payload is encrypted for: the receiver, where Ours is not known
	Now        time.Time                // when it came
	ContentIDs []string                 // of the MIME parts beside the SOAP part; empty, not nil, when there are none
	Head       []byte                   // the first bytes of the decrypted payload, at least two if it has them
	Header     *sbdh.Header             // of the payload
	Untyped    bool                     // it is multipart/related without a type
	Base64     bool                     // the payload part came in base64
}

// Broken yields the rules that are broken, in the order in which the Receiver decides. Of a test message only the
// header counts (AS4-134).
func (s *Subject) Broken(yield func(Rule, Finding) bool) {
	for _, r := range profile {
		if s.Message.IsTest() && r.Step != StepProfile {
			continue
		}
		if f := r.Check(s); f != nil && !yield(r, *f) {
			return
		}
	}
}

// judge returns the answer to the first rule of a step that is broken, or nil, and what is tolerated before it.
func (s *Subject) judge(step Step) (remarks []*Finding, err error) {
	for _, r := range profile {
		if r.Step != step {
			continue
		}
		f := r.Check(s)
		switch {
		case f == nil:
		case r.Code == "":
			remarks = append(remarks, f)
		default:
			return remarks, &ebms.Error{Code: r.Code, Detail: f.Detail, Err: fmt.Errorf("as4: rule %s is broken", r.ID)}
		}
	}
	return remarks, nil
}

// profile is the list of all rules. Its order decides which of two faults is answered (D-08): the sender first
// (SEC-066), then whether the message is for us, then fixed values and parts; the envelope last.
var profile = [...]Rule{
	{"AS4-037", ebms.CodeOther, StepProfile, checkFromType},
	{"AS4-037", ebms.CodeOther, StepProfile, checkFromSeat},
	{"AS4-039", ebms.CodeFailedAuthentication, StepProfile, checkSender},
	{"AS4-038", ebms.CodeOther, StepProfile, checkToType},
	{"AS4-038", ebms.CodeOther, StepProfile, checkToSeat},
	{"AS4-040", ebms.CodeOther, StepProfile, checkAddressee},
	{"AS4-037", ebms.CodeProcessingModeMismatch, StepProfile, checkFromRole},
	{"AS4-038", ebms.CodeProcessingModeMismatch, StepProfile, checkToRole},
	{"AS4-041", ebms.CodeProcessingModeMismatch, StepProfile, checkAgreement},
	{"AS4-033", ebms.CodeProcessingModeMismatch, StepProfile, checkMPC},
	{"SEC-073", ebms.CodeInvalidHeader, StepProfile, checkTimestamp},
	{"SEC-073", "", StepProfile, checkClock},
	{"AS4-035", "", StepProfile, checkMessageID},
	{"AS4-036", "", StepProfile, checkRefTo},
	{"AS4-011", "", StepProfile, checkTyped},
	{"SEC-025", "", StepProfile, checkEncoding},
	{"AS4-016", ebms.CodeOther, StepProfile, checkOnePart},
	{"AS4-052", ebms.CodeExternalPayloadError, StepProfile, checkPartCount},
	{"AS4-048", ebms.CodeOther, StepProfile, checkPartThere},
	{"AS4-052", ebms.CodeExternalPayloadError, StepProfile, checkPartReferences},

	{"AS4-049", ebms.CodeInvalidHeader, StepKnown, checkMimeType},
	{"AS4-050", ebms.CodeValueInconsistent, StepKnown, checkCompressionType},
	{"AS4-051", ebms.CodeValueInconsistent, StepKnown, checkCharset},

	{"AS4-050", ebms.CodeDecompressionFailure, StepPayload, checkCompressed},

	{"AS4-045", ebms.CodeOther, StepEnvelope, participant(propSender)},
	{"AS4-047", ebms.CodeOther, StepEnvelope, sameParticipant(propSender, headerSender)},
	{"AS4-045", ebms.CodeOther, StepEnvelope, participant(propRecipient)},
	{"AS4-047", ebms.CodeOther, StepEnvelope, sameParticipant(propRecipient, headerReceiver)},
	{"AS4-043", ebms.CodeOther, StepEnvelope, checkAction},
	{"AS4-043", ebms.CodeOther, StepEnvelope, checkActionForm},
	{"AS4-042", ebms.CodeOther, StepEnvelope, checkService},
	{"AS4-042", ebms.CodeOther, StepEnvelope, checkServiceForm},
	{"AS4-046", "", StepEnvelope, checkTracking},
	{"SBDH-039", "", StepEnvelope, checkOptional},
	{"DISC-103", "", StepEnvelope, checkCustomization},
}

// AS4-037. The sender is named by a seat id of Peppol, once.
func checkFromType(s *Subject) *Finding {
	return partyType("From", s.Message.From.ID.Type)
}

func checkToType(s *Subject) *Finding {
	return partyType("To", s.Message.To.ID.Type)
}

func partyType(name, got string) *Finding {
	if got == peppol.PartyType {
		return nil
	}
	return wrong("The type of "+name+"/PartyId is not the one of Peppol",
		"the type of %s/PartyId is %q, not the one of Peppol", name, got)
}

func checkFromSeat(s *Subject) *Finding {
	if _, err := peppol.ParseSeat(s.Message.From.ID.Value); err != nil {
		return wrong("From/PartyId is not a seat id", "From/PartyId %q is not a seat id", s.Message.From.ID.Value)
	}
	return nil
}

// AS4-039, SEC-066. The sender is who signed: its party id is the CN of its certificate.
func checkSender(s *Subject) *Finding {
	if s.Signer == nil {
		return nil
	}
	from := s.Message.From.ID.Value
	if seat, err := certs.Seat(s.Signer); err != nil || string(seat) != from {
		return wrong("From/PartyId is not the CN of the certificate",
			"From/PartyId is %q, but the certificate belongs to %q", from, certs.Subject(s.Signer))
	}
	return nil
}

// notOurs is the detail of every To/PartyId that is none of our seats, whatever else it may be.
const notOurs = "To/PartyId is not a seat id of this access point"

func checkToSeat(s *Subject) *Finding {
	if _, err := peppol.ParseSeat(s.Message.To.ID.Value); err != nil {
		return wrong(notOurs, "To/PartyId %q is not a seat id", s.Message.To.ID.Value)
	}
	return nil
}

// AS4-040, SEC-068. The message is for us: a signed message of A to B that somebody encrypted again for us is not.
func checkAddressee(s *Subject) *Finding {
	to := s.Message.To.ID.Value
	switch {
	case s.Ours != nil:
		if seat, err := peppol.ParseSeat(to); err != nil || !s.Ours(seat) {
			return wrong(notOurs, "To/PartyId is %q, which is no seat of this access point", to)
		}
	case s.Addressee != nil:
		if seat, err := certs.Seat(s.Addressee); err != nil || string(seat) != to {
			return wrong(notOurs, "To/PartyId is %q, but the payload is encrypted for %q", to,
				certs.Subject(s.Addressee))
		}
	}
	return nil
}

// AS4-037, AS4-038. Roles are fixed.
func checkFromRole(s *Subject) *Finding {
	return role("From", s.Message.From.Role, ebms.RoleInitiator)
}

func checkToRole(s *Subject) *Finding {
	return role("To", s.Message.To.Role, ebms.RoleResponder)
}

func role(name, got, want string) *Finding {
	if got == want {
		return nil
	}
	return wrong("The roles are not initiator and responder", "the role of %s is %q", name, got)
}

// AS4-041. The agreement is fixed and has neither type nor pmode.
func checkAgreement(s *Subject) *Finding {
	if m := s.Message; m.Agreement != peppol.AgreementRef || m.AgreementType != "" || m.AgreementPMode != "" {
		return wrong("The AgreementRef is not the one of Peppol",
			"the AgreementRef is not exactly the one of Peppol, without type and pmode")
	}
	return nil
}

// AS4-033. The MPC is the default one, written or not.
func checkMPC(s *Subject) *Finding {
	if mpc := s.Message.MPC; mpc != "" && mpc != ebms.DefaultMPC {
		return wrong("The MPC is not the default one", "the MPC is %q, not the default one", mpc)
	}
	return nil
}

// SEC-073 and AS4-034 in design.md §3. Clocks go wrong by hours, and days in the wrong zone; a repeat is known for
// longer than the oldest message that is taken (REL-032).
const (
	maxFuture  = 25 * time.Hour
	goodFuture = 10 * time.Minute
	maxPast    = 30 * 24 * time.Hour
)

func checkTimestamp(s *Subject) *Finding {
	at := s.Message.Timestamp
	text := at.UTC().Format(time.RFC3339)
	switch {
	case s.Now.IsZero():
		return nil
	case at.After(s.Now.Add(maxFuture)):
		return wrong("The Timestamp lies more than 25 hours in the future",
			"the Timestamp %s lies more than 25 hours in the future", text)
	case at.Before(s.Now.Add(-maxPast)):
		return wrong("The Timestamp is older than 30 days", "the Timestamp %s is older than 30 days", text)
	}
	return nil
}

// SEC-073. A clock that is ahead, but not by more than is taken.
func checkClock(s *Subject) *Finding {
	ahead := s.Message.Timestamp.Sub(s.Now)
	if s.Now.IsZero() || ahead <= goodFuture || ahead > maxFuture {
		return nil
	}
	return tolerated(ToleratedClock, "the Timestamp lies %v in the future: the sender's clock is wrong, or ours",
		ahead.Round(time.Second))
}

// AS4-035. Who reads leniently says so.
func checkMessageID(s *Subject) *Finding {
	if _, err := ebms.ParseMessageID(string(s.Message.ID)); err == nil || s.Message.ID == "" {
		return nil
	}
	return tolerated(ToleratedMessageID, "the MessageId is not of the form local@domain")
}

// AS4-011. The type of the root part decides if multipart/related does not say it.
func checkTyped(s *Subject) *Finding {
	if !s.Untyped {
		return nil
	}
	return tolerated(ToleratedUntyped, "the Content-Type has no type parameter; the root part's type counts")
}

// SEC-025, AS4-023. Digests are over the octets that base64 stands for.
func checkEncoding(s *Subject) *Finding {
	if !s.Base64 {
		return nil
	}
	return tolerated(ToleratedBase64, "the payload part is in base64, which makes it a third longer")
}

// AS4-036. Messages are one-way.
func checkRefTo(s *Subject) *Finding {
	if s.Message.RefTo == "" {
		return nil
	}
	return tolerated(ToleratedRefTo, "a one-way message has a RefToMessageId; it is ignored")
}

// AS4-016. Exactly one payload part.
func checkOnePart(s *Subject) *Finding {
	if n := len(s.Message.Parts); n > 1 {
		return wrong("Peppol allows exactly one payload part",
			"%d payload parts are described, Peppol allows exactly one", n)
	}
	return nil
}

// disagree is the detail of a PartInfo and a MIME part that do not belong to each other.
const disagree = "PartInfo and MIME parts do not agree"

// AS4-052. As many PartInfo as MIME parts.
func checkPartCount(s *Subject) *Finding {
	if described, found := len(s.Message.Parts), len(s.ContentIDs); s.ContentIDs != nil && described != found {
		return wrong(disagree, "%d parts are described, the message has %d", described, found)
	}
	return nil
}

// AS4-048. The payload part may be missing in a test message only (AS4-134).
func checkPartThere(s *Subject) *Finding {
	if m := s.Message; len(m.Parts) > 0 || m.IsTest() {
		return nil
	}
	return wrong("The payload part is missing", "no payload part is described")
}

// AS4-052. Each PartInfo refers to a MIME part by a cid: URL.
func checkPartReferences(s *Subject) *Finding {
	for _, p := range s.Message.Parts {
		id, err := mime.ContentID(p.Href)
		switch {
		case !strings.HasPrefix(p.Href, "cid:"):
			return wrong("The PartInfo does not refer to a MIME part", "the href %q is not a cid: URL", p.Href)
		case err != nil:
			return wrong(disagree, "the href %q is not a cid: URL", p.Href)
		case s.ContentIDs != nil && !slices.Contains(s.ContentIDs, id):
			return wrong(disagree, "there is no part with the content id %q", id)
		}
	}
	return nil
}

// AS4-049 to AS4-051. What the part properties say; they alone count, not the MIME headers (SEC-026).
func checkMimeType(s *Subject) *Finding {
	for _, p := range s.Message.Parts {
		if v, _ := p.Property(propMimeType); v == "" {
			return wrong("The part property MimeType is missing", "the part property MimeType is missing")
		}
	}
	return nil
}

func checkCompressionType(s *Subject) *Finding {
	for _, p := range s.Message.Parts {
		if v, ok := p.Property(propCompression); ok && v != gzipType {
			return wrong("The CompressionType is not application/gzip",
				"the CompressionType is %q, not application/gzip", v)
		}
	}
	return nil
}

func checkCharset(s *Subject) *Finding {
	for _, p := range s.Message.Parts {
		if v, ok := p.Property(propCharset); ok && !knownCharset(v) {
			return wrong("The CharacterSet is unknown", "the CharacterSet %q is unknown", v)
		}
	}
	return nil
}

func knownCharset(s string) bool {
	switch strings.ToLower(s) {
	case "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15",
		"windows-1252":
		return true
	}
	return false
}

// AS4-050. CompressionType is there if and only if the payload is compressed.
func checkCompressed(s *Subject) *Finding {
	if s.Head == nil || len(s.Message.Parts) == 0 {
		return nil
	}
	compressed, declared := IsGzip(s.Head), declaresGzip(s.Message)
	switch {
	case compressed && !declared:
		return wrong(notInflated, "the payload is compressed, but the part property CompressionType is missing")
	case declared && !compressed:
		return wrong(notInflated, "the part property CompressionType is there, but the payload is not compressed")
	}
	return nil
}

// declaresGzip tells whether the header says that the payload is compressed.
func declaresGzip(m *ebms.UserMessage) bool {
	_, declared := m.Parts[0].Property(propCompression)
	return declared
}

// IsGzip tells whether a payload that begins so is compressed.
func IsGzip(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) }

func differsFromEnvelope(name string) string {
	return "The message property " + name + " differs from the SBDH"
}

// AS4-045. Original sender and final recipient are participants, with their scheme as type.
func participant(name string) func(*Subject) *Finding {
	return func(s *Subject) *Finding {
		const text = "the message property %s is missing, or its type is not %s"
		switch p, _ := s.Message.Property(name); {
		case p.Type == "" || p.Value == "":
			return wrong("The message property "+name+" or its type is missing", text, name, peppol.SchemeParticipant)
		case p.Type != peppol.SchemeParticipant:
			return wrong(differsFromEnvelope(name), text, name, peppol.SchemeParticipant)
		}
		return nil
	}
}

// AS4-047, SBDH-041, SEC-069. Original sender and final recipient are those of the envelope.
func sameParticipant(name string, of func(*sbdh.Header) peppol.ParticipantID) func(*Subject) *Finding {
	return func(s *Subject) *Finding {
		if s.Header == nil {
			return nil
		}
		want := of(s.Header)
		p, _ := s.Message.Property(name)
		if got, err := peppol.ParseParticipant(p.Value); err != nil || !got.Equal(want) {
			return wrong(differsFromEnvelope(name), "the property %s is %q, the envelope says %q", name, p.Value,
				want.Value())
		}
		return nil
	}
}

func headerSender(h *sbdh.Header) peppol.ParticipantID   { return h.Sender }
func headerReceiver(h *sbdh.Header) peppol.ParticipantID { return h.Receiver }

// AS4-043, SBDH-042, SEC-069. The document type is that of the envelope.
func checkAction(s *Subject) *Finding {
	if s.Header == nil || s.Message.Action == s.Header.DocType.String() {
		return nil
	}
	return wrong("The Action differs from the document type of the SBDH",
		"the Action differs from the document type of the envelope")
}

// AS4-043. What the Action must be, for those who do not know the envelope.
func checkActionForm(s *Subject) *Finding {
	if _, err := peppol.ParseDocType(s.Message.Action); err != nil {
		return wrong("The Action is not a document type", "the Action is not a document type identifier: %v", err)
	}
	return nil
}

// AS4-042, SBDH-042, SEC-069. The process is that of the envelope.
func checkService(s *Subject) *Finding {
	got := s.Message.Service
	if s.Header == nil || got.Value == s.Header.Process.Value() && got.Type == s.Header.Process.Scheme() {
		return nil
	}
	return wrong("The Service differs from the process of the SBDH",
		"the Service differs from the process of the envelope")
}

// AS4-042. What the Service must be, for those who do not know the envelope.
func checkServiceForm(s *Subject) *Finding {
	if _, err := peppol.NewProcess(s.Message.Service.Type, s.Message.Service.Value); err != nil {
		return wrong("The Service is not a process",
			"the Service is not a process identifier with its scheme as type: %v", err)
	}
	return nil
}

// AS4-046. Properties that Peppol does not use.
func checkTracking(s *Subject) *Finding {
	if _, ok := s.Message.Property("trackingIdentifier"); !ok {
		return nil
	}
	return tolerated(ToleratedTracking, "the property trackingIdentifier is not used in Peppol; it is ignored")
}

// SBDH-039. What the UN/CEFACT schema allows and Peppol does not use.
func checkOptional(s *Subject) *Finding {
	if s.Header == nil || len(s.Header.Ignored) == 0 {
		return nil
	}
	return tolerated(ToleratedEnvelope, "the envelope has what Peppol does not use: %s; it is ignored",
		strings.Join(s.Header.Ignored, ", "))
}

// DISC-103. A type without customization is taken if it is registered here, like any other.
func checkCustomization(s *Subject) *Finding {
	if s.Header == nil || s.Header.DocType.Customization() != "" {
		return nil
	}
	return tolerated(ToleratedNoCustomization, "the document type has no customization")
}

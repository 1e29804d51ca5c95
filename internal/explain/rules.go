package explain

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// Names of properties (AS4-045, AS4-049 to AS4-051).
const (
	propSender      = "originalSender"
	propRecipient   = "finalRecipient"
	propMimeType    = "MimeType"
	propCompression = "CompressionType"
	gzipType        = "application/gzip"
)

// rules checks the fixed values of the profile. The Receiver stops at the first one that is broken; here all are named.
func (x *explainer) rules() {
	if x.user != nil {
		x.partyRules(x.user)
		x.collaborationRules(x.user)
		x.timeRules(x.user)
		x.partRules(x.user)
	}
	if x.signal != nil {
		x.signalRules(x.signal)
	}
}

// header reports a broken rule of the user message.
func (x *explainer) headerRule(rule string, code ebms.Code, format string, args ...any) {
	x.broken(Problem{Layer: LayerUserMessage, Rule: rule, Text: fmt.Sprintf(format, args...), Code: code})
}

// AS4-037 to AS4-040. Who sends and who receives.
func (x *explainer) partyRules(m *ebms.UserMessage) {
	for _, p := range []struct {
		rule, name, role string
		party            ebms.Party
	}{{"AS4-037", "From", ebms.RoleInitiator, m.From}, {"AS4-038", "To", ebms.RoleResponder, m.To}} {
		if p.party.ID.Type != peppol.PartyType {
			x.headerRule(p.rule, ebms.CodeOther, "the type of %s/PartyId is %q, not the one of Peppol", p.name, p.party.ID.Type)
		}
		if _, err := peppol.ParseSeat(p.party.ID.Value); err != nil {
			x.headerRule(p.rule, ebms.CodeOther, "%s/PartyId %q is not a seat id", p.name, p.party.ID.Value)
		}
		if p.party.Role != p.role {
			x.headerRule(p.rule, ebms.CodeProcessingModeMismatch, "the role of %s is %q", p.name, p.party.Role)
		}
	}
	if s := x.rep.Signature.Signer; s != nil && s.Seat != m.From.ID.Value {
		x.headerRule("AS4-039", ebms.CodeFailedAuthentication, "From/PartyId is %q, but the certificate belongs to %q", m.From.ID.Value, s.Subject)
	}
	if e := x.rep.Encryption; e != nil && e.Recipient != nil && e.Recipient.Identity != nil && e.Recipient.Identity.Seat != m.To.ID.Value {
		x.headerRule("AS4-040", ebms.CodeOther, "To/PartyId is %q, but the payload is encrypted for %q", m.To.ID.Value, e.Recipient.Identity.Subject)
	}
}

// AS4-033, AS4-036, AS4-041 to AS4-046. Fixed values and identifiers.
func (x *explainer) collaborationRules(m *ebms.UserMessage) {
	if m.MPC != "" && m.MPC != ebms.DefaultMPC {
		x.headerRule("AS4-033", ebms.CodeProcessingModeMismatch, "the MPC is %q, not the default one", m.MPC)
	}
	if m.RefTo != "" {
		x.headerRule("AS4-036", "", "a one-way message has a RefToMessageId; receivers ignore it")
	}
	if m.Agreement != peppol.AgreementRef || m.AgreementType != "" || m.AgreementPMode != "" {
		x.headerRule("AS4-041", ebms.CodeProcessingModeMismatch, "the AgreementRef is not exactly the one of Peppol, without type and pmode")
	}
	if m.IsTest() {
		return // AS4-134: what follows is about documents
	}
	if _, err := peppol.NewProcess(m.Service.Type, m.Service.Value); err != nil {
		x.headerRule("AS4-042", ebms.CodeOther, "the Service is not a process identifier with its scheme as type: %v", err)
	}
	if _, err := peppol.ParseDocType(m.Action); err != nil {
		x.headerRule("AS4-043", ebms.CodeOther, "the Action is not a document type identifier: %v", err)
	}
	for _, name := range []string{propSender, propRecipient} {
		if p, ok := m.Property(name); !ok || p.Value == "" || p.Type != peppol.SchemeParticipant {
			x.headerRule("AS4-045", ebms.CodeOther, "the message property %s is missing, or its type is not %s", name, peppol.SchemeParticipant)
		}
	}
	if _, ok := m.Property("trackingIdentifier"); ok {
		x.headerRule("AS4-046", "", "the property trackingIdentifier is not used in Peppol; receivers ignore it")
	}
}

// SEC-073. The age of the message is judged only against a time that was asked for.
func (x *explainer) timeRules(m *ebms.UserMessage) {
	if x.opt.At.IsZero() {
		return
	}
	switch {
	case m.Timestamp.After(x.now.Add(10 * time.Minute)):
		x.headerRule("SEC-073", ebms.CodeInvalidHeader, "the Timestamp %s lies in the future", rfc3339(m.Timestamp))
	case m.Timestamp.Before(x.now.Add(-30 * 24 * time.Hour)):
		x.headerRule("SEC-073", ebms.CodeInvalidHeader, "the Timestamp %s is older than 30 days", rfc3339(m.Timestamp))
	}
}

// AS4-016, AS4-048 to AS4-052. One payload part, described by one PartInfo.
func (x *explainer) partRules(m *ebms.UserMessage) {
	switch {
	case len(m.Parts) > 1:
		x.headerRule("AS4-016", ebms.CodeOther, "%d payload parts are described, Peppol allows exactly one", len(m.Parts))
	case len(m.Parts) == 0 && !m.IsTest():
		x.headerRule("AS4-048", ebms.CodeOther, "no payload part is described")
	}
	if x.rep.MIME.Multipart && x.rep.MIME.Complete && len(m.Parts) != len(x.parts) {
		x.headerRule("AS4-052", ebms.CodeExternalPayloadError, "%d parts are described, the message has %d", len(m.Parts), len(x.parts))
	}
	for _, p := range m.Parts {
		id, err := mime.ContentID(p.Href)
		if err != nil {
			x.headerRule("AS4-052", ebms.CodeExternalPayloadError, "the href %q is not a cid: URL", p.Href)
		} else if x.rep.MIME.Multipart && x.rep.MIME.Complete && !slices.ContainsFunc(x.parts, func(q part) bool { return q.cid == id }) {
			x.headerRule("AS4-052", ebms.CodeExternalPayloadError, "there is no part with the content id %q", id)
		}
		if m.IsTest() {
			continue
		}
		if v, _ := p.Property(propMimeType); v == "" {
			x.headerRule("AS4-049", ebms.CodeInvalidHeader, "the part property MimeType is missing")
		}
		if v, ok := p.Property(propCompression); ok && v != gzipType {
			x.headerRule("AS4-050", ebms.CodeValueInconsistent, "the CompressionType is %q, not application/gzip", v)
		}
	}
}

// AS4-050. CompressionType is there if and only if the payload is compressed.
func (x *explainer) compressionRules(compressed bool) {
	if x.user == nil || len(x.user.Parts) == 0 {
		return
	}
	_, declared := x.user.Parts[0].Property(propCompression)
	switch {
	case compressed && !declared:
		x.headerRule("AS4-050", ebms.CodeDecompressionFailure, "the payload is compressed, but the part property CompressionType is missing")
	case declared && !compressed:
		x.headerRule("AS4-050", ebms.CodeDecompressionFailure, "the part property CompressionType is there, but the payload is not compressed")
	}
}

// AS4-042, AS4-043, AS4-047. The ebMS header says the same as the envelope.
func (x *explainer) envelopeRules(h *sbdh.Header) {
	m := x.user
	if m == nil || m.IsTest() {
		return
	}
	for _, want := range []struct {
		name string
		id   peppol.ParticipantID
	}{{propSender, h.Sender}, {propRecipient, h.Receiver}} {
		p, _ := m.Property(want.name)
		if got, err := peppol.ParseParticipant(p.Value); err != nil || !got.Equal(want.id) {
			x.headerRule("AS4-047", ebms.CodeOther, "the property %s is %q, the envelope says %q", want.name, p.Value, want.id.Value())
		}
	}
	if m.Action != h.DocType.String() {
		x.headerRule("AS4-043", ebms.CodeOther, "the Action differs from the document type of the envelope")
	}
	if m.Service.Value != h.Process.Value() || m.Service.Type != h.Process.Scheme() {
		x.headerRule("AS4-042", ebms.CodeOther, "the Service differs from the process of the envelope")
	}
}

// AS4-097, AS4-101, AS4-104, AS4-116. What an answer must be like.
func (x *explainer) signalRules(s *ebms.Signal) {
	signal := func(rule, format string, args ...any) {
		x.broken(Problem{Layer: LayerSignal, Rule: rule, Text: fmt.Sprintf(format, args...)})
	}
	if s.Receipt != nil {
		if s.RefTo == "" {
			signal("AS4-101", "the receipt names no message")
		}
		if len(s.Receipt.References) == 0 {
			signal("AS4-101", "the receipt repeats no digests: it proves nothing about the content")
		}
		if h := x.rep.HTTP; h.Kind == KindResponse && h.Status != http.StatusOK {
			signal("AS4-116", "a receipt comes with HTTP 200, this one with %d", h.Status)
		}
	}
	if len(x.parts) > 0 {
		signal("AS4-104", "an answer must not have attachments")
	}
	if s.Receipt != nil && len(s.Errors) > 0 {
		signal("AS4-029", "receipt and error in one answer contradict each other")
	}
	for _, e := range s.Errors {
		if e.Severity != "failure" && e.Severity != "warning" {
			signal("AS4-097", "the severity %q does not exist; it counts as failure (Oxalis writes it)", e.Severity)
		}
		if e.Code == ebms.CodeOther && e.Detail != ebms.NotServicedDetail && strings.Contains(e.Detail, ebms.NotServicedDetail) {
			signal("AS4-092", "the error detail must be exactly %s", ebms.NotServicedDetail)
		}
	}
}

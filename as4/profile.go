package as4

import (
	"crypto/x509"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// refuse makes an error for the other side; detail is one line that names the rule's subject, no input.
func refuse(code ebms.Code, detail string) *ebms.Error {
	return &ebms.Error{Code: code, Detail: detail}
}

// AS4-033. The MPC is the default one, written or not.
func checkMPC(m *ebms.UserMessage) error {
	if m.MPC != "" && m.MPC != ebms.DefaultMPC {
		return refuse(ebms.CodeProcessingModeMismatch, "The MPC is not the default one")
	}
	return nil
}

// SEC-073. A timestamp from the future, or older than the memory of duplicates is meant for, is refused.
const (
	maxFuture = 10 * time.Minute
	maxPast   = 30 * 24 * time.Hour
)

func checkTimestamp(m *ebms.UserMessage, now time.Time) error {
	if m.Timestamp.After(now.Add(maxFuture)) {
		return refuse(ebms.CodeInvalidHeader, "The Timestamp lies in the future")
	}
	if m.Timestamp.Before(now.Add(-maxPast)) {
		return refuse(ebms.CodeInvalidHeader, "The Timestamp is older than 30 days")
	}
	return nil
}

// AS4-037, AS4-039, SEC-066. The sender is who signed: its party id is the CN of its certificate.
func checkFrom(m *ebms.UserMessage, signer *x509.Certificate) error {
	if m.From.ID.Type != peppol.PartyType {
		return refuse(ebms.CodeOther, "The type of From/PartyId is not the one of Peppol")
	}
	if _, err := peppol.ParseSeat(m.From.ID.Value); err != nil {
		return refuse(ebms.CodeOther, "From/PartyId is not a seat id")
	}
	seat, err := certs.Seat(signer)
	if err != nil || string(seat) != m.From.ID.Value {
		return &ebms.Error{Code: ebms.CodeFailedAuthentication, Err: errPartyNotCN}
	}
	return nil
}

// AS4-038, AS4-040, SEC-068. The message is for us: a signed message of A to B that somebody encrypted again for us is not.
func checkTo(m *ebms.UserMessage, ours func(peppol.SeatID) bool) error {
	if m.To.ID.Type != peppol.PartyType {
		return refuse(ebms.CodeOther, "The type of To/PartyId is not the one of Peppol")
	}
	seat, err := peppol.ParseSeat(m.To.ID.Value)
	if err != nil || !ours(seat) {
		return refuse(ebms.CodeOther, "To/PartyId is not a seat id of this access point")
	}
	return nil
}

// AS4-037, AS4-038. Roles are fixed.
func checkRoles(m *ebms.UserMessage) error {
	if m.From.Role != ebms.RoleInitiator || m.To.Role != ebms.RoleResponder {
		return refuse(ebms.CodeProcessingModeMismatch, "The roles are not initiator and responder")
	}
	return nil
}

// AS4-041. The agreement is fixed and has neither type nor pmode.
func checkAgreement(m *ebms.UserMessage) error {
	if m.Agreement != peppol.AgreementRef || m.AgreementType != "" || m.AgreementPMode != "" {
		return refuse(ebms.CodeProcessingModeMismatch, "The AgreementRef is not the one of Peppol")
	}
	return nil
}

// AS4-016, AS4-048, AS4-052. Exactly one payload part, described by exactly one PartInfo with a cid: reference. found is
// the number of parts beside the SOAP part.
func checkPartCount(m *ebms.UserMessage, found int) error {
	switch {
	case len(m.Parts) > 1:
		return refuse(ebms.CodeOther, "Peppol allows exactly one payload part")
	case len(m.Parts) != found:
		return refuse(ebms.CodeExternalPayloadError, "PartInfo and MIME parts do not agree")
	case len(m.Parts) == 0:
		return refuse(ebms.CodeOther, "The payload part is missing")
	case !strings.HasPrefix(m.Parts[0].Href, "cid:"):
		return refuse(ebms.CodeExternalPayloadError, "The PartInfo does not refer to a MIME part")
	}
	return nil
}

// AS4-049, AS4-050, AS4-051. What the part properties say; they alone count, not the MIME headers (SEC-026).
func checkPartProperties(p ebms.Part) (compressed bool, err error) {
	if mimeType, ok := p.Property(propMimeType); !ok || mimeType == "" {
		return false, refuse(ebms.CodeInvalidHeader, "The part property MimeType is missing")
	}
	compression, compressed := p.Property(propCompression)
	if compressed && compression != gzipType {
		return false, refuse(ebms.CodeValueInconsistent, "The CompressionType is not application/gzip")
	}
	if charset, ok := p.Property(propCharset); ok && !knownCharset(charset) {
		return false, refuse(ebms.CodeValueInconsistent, "The CharacterSet is unknown")
	}
	return compressed, nil
}

func knownCharset(s string) bool {
	switch strings.ToLower(s) {
	case "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252":
		return true
	}
	return false
}

// AS4-045, AS4-047, SBDH-041, SEC-069. Original sender and final recipient are those of the envelope.
func checkProperties(m *ebms.UserMessage, h *sbdh.Header) error {
	for _, want := range [...]struct {
		name string
		id   peppol.ParticipantID
	}{{propSender, h.Sender}, {propRecipient, h.Receiver}} {
		p, ok := m.Property(want.name)
		if !ok || p.Type == "" || p.Value == "" {
			return refuse(ebms.CodeOther, "The message property "+want.name+" or its type is missing")
		}
		got, err := peppol.ParseParticipant(p.Value)
		if err != nil || p.Type != peppol.SchemeParticipant || !got.Equal(want.id) {
			return refuse(ebms.CodeOther, "The message property "+want.name+" differs from the SBDH")
		}
	}
	return nil
}

// AS4-042, AS4-043, SBDH-042, SEC-069. Document type and process are those of the envelope.
func checkServiceAction(m *ebms.UserMessage, h *sbdh.Header) error {
	if m.Action != h.DocType.String() {
		return refuse(ebms.CodeOther, "The Action differs from the document type of the SBDH")
	}
	if m.Service.Value != h.Process.Value() || m.Service.Type != h.Process.Scheme() {
		return refuse(ebms.CodeOther, "The Service differs from the process of the SBDH")
	}
	return nil
}

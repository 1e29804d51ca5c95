package explain

import (
	"strings"

	"github.com/ravn-ap/ravn/ebms"
)

// meaning is what an error of another access point means for who sent the message.
type meaning struct{ text, blame, next string }

// Whose fault an eb:Error is, from the view of who sent the refused message.
const (
	blameUs       = "sending access point"
	blameThem     = "receiving access point"
	blameRegister = "receiving access point, or its registration"
	blameBoth     = "unclear"
	again         = "Send the same bytes again, later."
	notAgain      = "Do not send the same bytes again; correct the cause and submit the document anew."
)

// meanings by code (as4.md §9.1, §11).
var meanings = map[ebms.Code]meaning{
	ebms.CodeValueNotRecognized:     {"A value of the ebMS header is not known there.", blameUs, notAgain},
	ebms.CodeFeatureNotSupported:    {"It was asked for something that is not supported there.", blameUs, notAgain},
	ebms.CodeValueInconsistent:      {"Values of the ebMS header contradict each other: two messages, two parties, an unknown compression, or a MessageId used before with other content.", blameUs, notAgain},
	ebms.CodeOther:                  {"It was refused for a reason that has no code of its own: an envelope (SBDH) with a fault, a header that differs from the envelope, or an internal failure there. The detail says more.", blameBoth, "Read the detail. If it names the envelope or a header value, correct the document; if it sounds temporary, ask the other provider before sending again."},
	ebms.CodeConnectionFailure:      {"The other side could not reach something it needs.", blameThem, again},
	ebms.CodeMimeInconsistency:      {"The multipart packaging could not be read there.", blameUs, notAgain},
	ebms.CodeFeatureInconsistency:   {"A feature was used that Peppol does not use, like pulling.", blameUs, notAgain},
	ebms.CodeInvalidHeader:          {"The ebMS header is not built as the schema says, or its MessageId, Timestamp or MimeType is not acceptable.", blameUs, notAgain},
	ebms.CodeProcessingModeMismatch: {"AgreementRef, roles, MPC or SOAP version are not those of Peppol.", blameUs, notAgain},
	ebms.CodeExternalPayloadError:   {"The parts that the header describes are not those of the message.", blameUs, notAgain},
	ebms.CodeFailedAuthentication:   {"The sender was not believed: the signature does not fit, or its certificate is expired, revoked, of another environment, or does not belong to From/PartyId.", blameUs, "Check the own certificate (ravn certs) and the environment; then ask the other provider which check failed."},
	ebms.CodeFailedDecryption:       {"The payload could not be decrypted there, most often because it was encrypted for a certificate that the receiver does not use any more. phase4 also answers so for signature and certificate failures.", blameRegister, "Look the receiver up again: its SMP entry may hold a new certificate. If it does not, tell the other provider that its registration is out of date."},
	ebms.CodePolicyNoncompliance:    {"The cryptography is right but not in the form that Peppol demands: a key given in another way, or a part that is not signed or not encrypted.", blameUs, notAgain},
	ebms.CodeDysfunctionalReliability: {
		"The other side's reliability layer failed.", blameThem, again,
	},
	ebms.CodeDeliveryFailure:      {"The message was in order, but could not be stored there. It was not taken.", blameThem, again},
	ebms.CodeMissingReceipt:       {"No receipt came.", blameThem, again},
	ebms.CodeInvalidReceipt:       {"The receipt does not fit what was sent.", blameThem, "Do not send again because of this alone; ask the other provider what it received."},
	ebms.CodeDecompressionFailure: {"The payload could not be decompressed there.", blameUs, notAgain},
	ebms.CodeDuplicateDetected:    {"The receiver has a message with this MessageId already (an extension of phase4). After a repeat it means that the first attempt arrived and its receipt was lost.", blameBoth, "Do not send again. Ask the other provider for the receipt of the first attempt."},
}

// AS4-092, as4.md §15.3 and §15.7.
var notServiced = meaning{
	"The receiver says that this participant is not served there for this document type and process. That is certain only for products " +
		"that use the code for nothing else: Oxalis also answers NOT_SERVICED when it does not trust the sender's certificate, and when " +
		"it cannot decrypt the payload; the HTTP status says nothing.",
	blameRegister,
	"Look the receiver up again, past the cache; if endpoint or certificate changed, send there as a new message. If they did not, tell the other " +
		"provider that its SMP entry names an access point that does not serve the receiver. If every Oxalis receiver answers so, check the own certificate. " +
		"Do not send the same bytes again.",
}

// untrustedThere is what Oxalis means by EBMS:0009 with a certificate path in its detail (as4.md §15.7).
var untrustedThere = meaning{
	"Oxalis reports in this way, as an invalid header, that it does not trust the certificate of the sender: its CA is not among the anchors there.",
	blameUs,
	"Check that the own certificate is of the same environment (test or production) as the receiver and is not expired or revoked; if it is in order, the other provider's trust store is out of date.",
}

// errorInfo shows an error and says what it means.
func errorInfo(e *ebms.Error) ErrorInfo {
	m, known := meanings[e.Code]
	detail := strings.ToLower(e.Detail)
	switch {
	case strings.Contains(e.Detail, ebms.NotServicedDetail):
		m = notServiced
	case e.Code == ebms.CodeInvalidHeader && strings.Contains(detail, "certificate") && strings.Contains(detail, "path"):
		m = untrustedThere
	case !known:
		m = meaning{"A code that no standard knows; it counts as a permanent refusal (AS4-098).", blameBoth, "Ask the other provider what it means."}
	}
	short := e.Short
	if d, ok := e.Code.Define(); ok && short == "" {
		short = d.Short
	}
	if !e.IsFailure() {
		m.text = "Only a warning: it does not refuse the message, but is no receipt either. " + m.text
	}
	return ErrorInfo{
		Code: e.Code, Severity: e.Severity, Short: short, Detail: e.Detail, Description: e.Description, RefTo: string(e.RefTo),
		NotServiced: e.IsNotServiced(), Meaning: m.text, Blame: m.blame, Next: m.next,
	}
}

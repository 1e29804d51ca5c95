package explain

import (
	"strings"

	"github.com/ravn-ap/ravn/ebms"
)

// meaning is what an error from another access point means for the sender of the message.
type meaning struct{ text, blame, next string }

// Who is to blame for an eb:Error, as seen by the sender of the refused message.
const (
	blameUs       = "sending access point"
	blameThem     = "receiving access point"
	blameRegister = "receiving access point, or its registration"
	blameBoth     = "unclear"
	again         = "Send the same bytes again, later."
	notAgain      = "Do not send the same bytes again; correct the cause and submit the document again " +
		"as a new message."
)

// meanings by code (as4.md §9.1, §11).
var meanings = map[ebms.Code]meaning{
	ebms.CodeValueNotRecognized: {"The other side does not know a value in the ebMS header.", blameUs, notAgain},
	ebms.CodeFeatureNotSupported: {
		"The message asks for something that the other side does not support.", blameUs,
		notAgain,
	},
	ebms.CodeValueInconsistent: {"Values of the ebMS header contradict each other: two messages, two parties, " +
		"an unknown compression, or a MessageId used before with other content.", blameUs, notAgain},
	ebms.CodeOther: {
		"It was refused for a reason that has no code of its own: a defective envelope " +
			"(SBDH), a header that differs from the envelope, or an internal failure there. The detail says more.",
		blameBoth, "Read the detail. If it names the envelope or a header value, correct the document; if it sounds " +
			"temporary, ask the other provider before sending again.",
	},
	ebms.CodeConnectionFailure:    {"The other side could not reach something that it needs.", blameThem, again},
	ebms.CodeMimeInconsistency:    {"The other side could not read the multipart packaging.", blameUs, notAgain},
	ebms.CodeFeatureInconsistency: {"A feature was used that Peppol does not use, like pulling.", blameUs, notAgain},
	ebms.CodeInvalidHeader: {
		"The ebMS header does not follow the schema, or its MessageId, Timestamp or MimeType is not acceptable.",
		blameUs, notAgain,
	},
	ebms.CodeProcessingModeMismatch: {
		"AgreementRef, roles, MPC or SOAP version are not those that Peppol requires.",
		blameUs, notAgain,
	},
	ebms.CodeExternalPayloadError: {
		"The parts described in the header are not those in the message.", blameUs,
		notAgain,
	},
	ebms.CodeFailedAuthentication: {
		"The sender could not be authenticated: the signature is wrong, or its " +
			"certificate is expired, revoked, from another environment, or does not belong to From/PartyId.", blameUs,
		"Check your certificate (ravn certs) and the environment; then ask the other provider which check failed.",
	},
	ebms.CodeFailedDecryption: {
		"The other side could not decrypt the payload, usually because it was " +
			"encrypted for a certificate that the receiver no longer uses. phase4 also sends this for signature and " +
			"certificate failures.", blameRegister,
		"Look the receiver up again: its SMP entry may have a new certificate. If it does not, tell the other " +
			"provider that its registration is out of date.",
	},
	ebms.CodePolicyNoncompliance: {"The cryptography is valid but not in the form that Peppol requires: a key is " +
		"given in another way, or a part is not signed or not encrypted.", blameUs, notAgain},
	ebms.CodeDysfunctionalReliability: {
		"The other side's reliability layer failed.", blameThem, again,
	},
	ebms.CodeDeliveryFailure: {
		"The message was in order, but the other side could not store it and did not accept it.", blameThem, again,
	},
	ebms.CodeMissingReceipt: {"No receipt was received.", blameThem, again},
	ebms.CodeInvalidReceipt: {
		"The receipt does not match what was sent.", blameThem,
		"Do not send again because of this alone; ask the other provider what it received.",
	},
	ebms.CodeDecompressionFailure: {"The other side could not decompress the payload.", blameUs, notAgain},
	ebms.CodeDuplicateDetected: {
		"The receiver already has a message with this MessageId (an extension of " +
			"phase4). After a repeat it means that the first attempt arrived and its receipt was lost.", blameBoth,
		"Do not send again. Ask the other provider for the receipt of the first attempt.",
	},
}

// AS4-092, as4.md §15.3 and §15.7.
var notServiced = meaning{
	"The other side says that it does not serve this participant for this document type and process. That is certain " +
		"only for products " +
		"that use the code for nothing else: Oxalis also answers NOT_SERVICED if it does not trust the sender's " +
		"certificate, and if " +
		"it cannot decrypt the payload; the HTTP status does not tell.",
	blameRegister,
	"Look the receiver up again, bypassing the cache; if endpoint or certificate changed, send there as a new " +
		"message. If they did not, tell the other " +
		"provider that its SMP entry names an access point that does not serve the receiver. If every Oxalis " +
		"receiver answers like this, check your certificate. " +
		"Do not send the same bytes again.",
}

// untrustedThere is what Oxalis means by EBMS:0009 with a certificate path in its detail (as4.md §15.7).
var untrustedThere = meaning{
	"This is how Oxalis reports, as an invalid header, that it does not trust the sender's certificate: its CA is " +
		"not among the trust anchors there.",
	blameUs,
	"Check that your certificate belongs to the same environment (test or production) as the receiver and is neither " +
		"expired nor revoked; if it is in order, the other provider's trust store is out of date.",
}

// errorInfo shows an error and says what it means.
func errorInfo(e *ebms.Error) ErrorInfo {
	m, known := meanings[e.Code]
	detail := strings.ToLower(e.Detail)
	switch {
	case strings.Contains(e.Detail, ebms.NotServicedDetail):
		m = notServiced
	case e.Code == ebms.CodeInvalidHeader && strings.Contains(detail, "certificate") &&
		strings.Contains(detail, "path"):
		m = untrustedThere
	case !known:
		m = meaning{
			"A code that is in no standard; it counts as a permanent refusal (AS4-098).", blameBoth,
			"Ask the other provider what it means.",
		}
	}
	short := e.Short
	if d, ok := e.Code.Define(); ok && short == "" {
		short = d.Short
	}
	if !e.IsFailure() {
		m.text = "Only a warning: it does not refuse the message, but it is not a receipt either. " + m.text
	}
	return ErrorInfo{
		Code: e.Code, Severity: e.Severity, Short: short, Detail: e.Detail, Description: e.Description,
		RefTo:       string(e.RefTo),
		NotServiced: e.IsNotServiced(), Meaning: m.text, Blame: m.blame, Next: m.next,
	}
}

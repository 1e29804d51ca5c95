package explain

import (
	"encoding/base64"
	"fmt"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
)

// header reads the eb:Messaging header, verified or not, and says which.
func (x *explainer) header() {
	node := x.message.Claimed()
	m, err := ebms.Read(node, ebms.Options{})
	if err != nil {
		if again, lenient := ebms.Read(node, ebms.Options{LenientMessageID: true}); lenient == nil {
			x.broken(Problem{
				Layer: LayerUserMessage, Rule: "AS4-035",
				Text: "the MessageId is not of the form local@domain", Code: ebms.CodeInvalidHeader,
			})
			m, err = again, nil
		}
	}
	if err != nil {
		layer := LayerSignal
		if x.rep.SOAP.Message == MessageUser {
			layer = LayerUserMessage
			x.rep.UserMessage = &UserMessage{
				Verified: x.signed != nil, MessageID: string(ebms.ClaimedID(node)), Properties: []Property{},
				Parts: []PartInfo{},
			}
		}
		x.refused(layer, err, true)
		return
	}
	x.user, x.signal = m.User, m.Signal
	if x.user != nil {
		x.rep.UserMessage = userMessage(x.user)
		x.rep.UserMessage.Verified = x.signed != nil
		return
	}
	if x.signal.Receipt != nil {
		x.receipt()
	}
	for _, e := range x.signal.Errors {
		x.rep.Errors = append(x.rep.Errors, errorInfo(e))
	}
}

func userMessage(m *ebms.UserMessage) *UserMessage {
	at := m.Timestamp
	u := &UserMessage{
		Readable: true, MessageID: string(m.ID), Timestamp: &at, RefToMessageID: m.RefTo, MPC: m.MPC,
		From: Party{Typed(m.From.ID), m.From.Role}, To: Party{Typed(m.To.ID), m.To.Role},
		Agreement: Typed{m.AgreementType, m.Agreement}, PMode: m.AgreementPMode, Service: Typed(m.Service),
		Action:         m.Action,
		ConversationID: m.ConversationID, Properties: properties(m.Properties), Parts: []PartInfo{}, Test: m.IsTest(),
	}
	for _, p := range m.Parts {
		u.Parts = append(u.Parts, PartInfo{p.Href, properties(p.Properties)})
	}
	return u
}

func properties(list []ebms.Property) []Property {
	out := []Property{}
	for _, p := range list {
		out = append(out, Property(p))
	}
	return out
}

// receipt shows the receipt and compares it with the request.
func (x *explainer) receipt() {
	r := &Receipt{
		MessageID: string(x.signal.ID), Timestamp: x.signal.Timestamp, RefTo: string(x.signal.RefTo),
		References: []ReceiptDigest{},
	}
	for _, ref := range x.signal.Receipt.References {
		transforms := ref.Transforms
		if transforms == nil {
			transforms = []string{}
		}
		r.References = append(r.References, ReceiptDigest{
			ref.URI, transforms, ref.Method,
			base64.StdEncoding.EncodeToString(ref.Value),
		})
	}
	r.Reason = "no request was given to compare with"
	x.rep.Receipt = r
	if x.opt.Request == nil {
		return
	}
	if err := x.match(); err != nil {
		r.Matches, r.Reason = no(), err.Error()
		x.broken(Problem{
			Layer: LayerSignal, Rule: "AS4-108", Text: r.Reason, Code: ebms.CodeInvalidReceipt,
			Next: "Do not send again because of this alone; ask the other provider what it received (AS4-109).",
		})
		return
	}
	r.Matches, r.Reason = yes(), "it names the message and repeats every signed digest of the request"
	if x.signed == nil {
		r.Reason += "; but its own signature is not valid, so it proves nothing"
	}
}

// match compares the receipt with the request that was given (AS4-107, AS4-108). The request is read like any capture.
func (x *explainer) match() error {
	req := &explainer{opt: Options{At: x.now}, now: x.now, rep: &Report{}}
	if src, ok := req.transport(x.opt.Request); ok {
		req.packaging(src)
	}
	if req.soap == nil || !req.envelope() {
		return fmt.Errorf("the request cannot be read: %s", req.stoppedAt())
	}
	req.header()
	if req.user == nil {
		return fmt.Errorf("the request given is not a user message")
	}
	if x.signal.RefTo != req.user.ID {
		return fmt.Errorf("the receipt is for %s, the request given is %s (AS4-107)", orUnknown(string(x.signal.RefTo)),
			req.user.ID)
	}
	signed, err := req.message.Verify(req.attached)
	var sent []ebms.Reference
	if err == nil {
		sent, err = as4.References(signed)
	}
	if err != nil {
		return fmt.Errorf("the signature of the request is not valid: %w", err)
	}
	if err := as4.MatchReceipt(x.signal.Receipt, sent); err != nil {
		return err
	}
	if signer := x.rep.Signature.Signer; signer != nil && signer.Seat != req.user.To.ID.Value {
		return fmt.Errorf("the receipt is signed by %s, the request was for %s (AS4-107)", signer.Seat,
			req.user.To.ID.Value)
	}
	return nil
}

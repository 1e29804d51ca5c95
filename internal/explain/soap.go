package explain

import (
	"errors"
	"strings"

	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces (as4.md §1).
const (
	nsSOAP   = "http://www.w3.org/2003/05/soap-envelope"
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsDS     = "http://www.w3.org/2000/09/xmldsig#"
	nsXENC   = "http://www.w3.org/2001/04/xmlenc#"
	nsXENC11 = "http://www.w3.org/2009/xmlenc11#"
)

// envelope reads the SOAP part, and says what stands in it. It returns false when nothing behind it can be read.
func (x *explainer) envelope() bool {
	s := &SOAP{Bytes: int64(len(x.soap)), Blocks: []Block{}}
	x.rep.SOAP = s
	doc, err := safe.Parse(x.soap, safe.Envelope)
	if err != nil {
		s.Defect = x.unreadable(err)
		return false
	}
	x.doc = doc
	s.describe(doc.Top())
	if s.Message == MessageReceipt || s.Message == MessageError {
		err = x.answer()
	} else {
		err = x.request()
	}
	if err == nil {
		s.OK = true
		return true
	}
	var we *wssec.Error
	if errors.As(err, &we) && (we.Class == wssec.Authentication || we.Class == wssec.Policy) {
		// The envelope is there; its security header, or a header block beside it, is not as it must be. The signature
		// counts as not valid, the ebMS header is shown as somebody wrote it.
		s.OK = true
		f := x.refused(LayerSignature, err, x.message.Claimed().IsZero())
		x.rep.Signature.Reason, x.insecure = f.Text+" ("+f.Rule+")", true
		return !x.message.Claimed().IsZero()
	}
	s.Defect = x.refused(LayerSOAP, err, true)
	return false
}

// request reads the envelope of a message. What is wrong beside a signature that can be verified is reported and does
// not hide the verdict on it.
func (x *explainer) request() (err error) {
	x.message, err = wssec.ReadMessage(x.soap, wssec.EDelivery1)
	if err != nil && x.message.HasSignature() {
		x.refused(LayerSignature, err, false)
		return nil
	}
	return err
}

// answer reads the envelope of an answer as the Sender does, and names what it tolerates.
func (x *explainer) answer() (err error) {
	if x.message, err = wssec.ReadSignal(x.soap, wssec.EDelivery1); err != nil {
		return err
	}
	if x.message.Ignored() != nil {
		return x.message.Ignored() // it counts as unsigned
	}
	strict, serr := wssec.ReadMessage(x.soap, wssec.EDelivery1)
	var we *wssec.Error
	if errors.As(serr, &we) && x.message.HasSignature() && !strict.HasSignature() {
		x.broken(Problem{Layer: LayerSignal, Rule: we.Rule, Text: we.Msg + "; an answer may have it", Remark: true})
	}
	return nil
}

// unreadable reports a SOAP part that is not acceptable XML.
func (x *explainer) unreadable(err error) *Defect {
	f := &Defect{Rule: "AS4-031", Text: err.Error()}
	var xe *safe.Error
	if errors.As(err, &xe) && xe.Rule != "" {
		f.Rule = xe.Rule
	}
	x.broken(Problem{
		Layer: LayerSOAP, Rule: f.Rule, Text: "the SOAP part is not acceptable XML: " + f.Text,
		Stops: true,
	})
	return f
}

// describe lists what is in the envelope; nothing of it is verified.
func (s *SOAP) describe(env safe.Node) {
	switch {
	case env.Is(nsSOAP, "Envelope"):
		s.Version = "1.2"
	case env.Is(nsSOAP11, "Envelope"):
		s.Version = "1.1"
	}
	if header, ok := env.Child(env.Name().Space, "Header"); ok {
		for _, b := range header.Elements() {
			v, _ := b.Attr(nsSOAP, "mustUnderstand")
			s.Blocks = append(s.Blocks, Block{
				Name: b.Name().Local, Namespace: b.Name().Space,
				MustUnderstand: v == "1" || v == "true",
			})
			if b.Is(ebms.NS, "Messaging") {
				s.Message = messageKind(b)
			}
		}
	}
	body, ok := env.Child(env.Name().Space, "Body")
	if !ok {
		return
	}
	s.BodyEmpty = len(body.Elements()) == 0 && strings.TrimSpace(body.Text()) == ""
	if fault, ok := body.Child(nsSOAP, "Fault"); ok {
		s.SOAPFault = &SOAPFault{
			Code:   path(fault, nsSOAP, "Code", "Value"),
			Reason: path(fault, nsSOAP, "Reason", "Text"),
		}
	} else if fault, ok := body.Child(nsSOAP11, "Fault"); ok {
		s.SOAPFault = &SOAPFault{Code: path(fault, "", "faultcode"), Reason: path(fault, "", "faultstring")}
	}
	if s.SOAPFault != nil && s.Message == "" {
		s.Message = MessageFault
	}
}

// messageKind tells what the one child of eb:Messaging is.
func messageKind(messaging safe.Node) string {
	if _, ok := messaging.Child(ebms.NS, "UserMessage"); ok {
		return MessageUser
	}
	signal, _ := messaging.Child(ebms.NS, "SignalMessage")
	for _, k := range signal.Elements() {
		switch {
		case k.Is(ebms.NS, "Receipt"):
			return MessageReceipt
		case k.Is(ebms.NS, "Error"):
			return MessageError
		}
	}
	return ""
}

// path returns the text of the element at the end of a path of only children.
func path(n safe.Node, space string, names ...string) string {
	for _, name := range names {
		var ok bool
		if n, ok = n.Child(space, name); !ok {
			return ""
		}
	}
	return strings.TrimSpace(n.Text())
}

func attr(n safe.Node, local string) string {
	v, _ := n.Attr("", local)
	return v
}

package ebms

import (
	"encoding/base64"
	"time"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Bytes returns the eb:Messaging element in exclusive canonical form, so that the digest of the bytes is the digest to
// sign. id is its wsu:Id. Elements are in the order of the schema (AS4-027, §4.1).
func (m *Messaging) Bytes(id string) []byte {
	w := &writer{b: make([]byte, 0, 4096)}
	w.open("eb:Messaging", "xmlns:S12", nsSOAP, "xmlns:eb", NS, "xmlns:wsu", nsWSU, "wsu:Id", id, "S12:mustUnderstand",
		"true")
	if m.User != nil {
		w.userMessage(m.User)
	}
	if m.Signal != nil {
		w.signal(m.Signal)
	}
	w.close("eb:Messaging")
	return w.b
}

// writer appends canonical XML. Attributes must be given in canonical order: declarations by prefix, then attributes by
// namespace and name.
type writer struct{ b []byte }

func (w *writer) open(name string, attrs ...string) {
	w.b = append(append(w.b, '<'), name...)
	for i := 0; i < len(attrs); i += 2 {
		w.b = append(append(append(w.b, ' '), attrs[i]...), `="`...)
		w.b = append(safe.AppendAttr(w.b, attrs[i+1]), '"')
	}
	w.b = append(w.b, '>')
}

func (w *writer) close(name string) { w.b = append(append(append(w.b, "</"...), name...), '>') }

func (w *writer) leaf(name, text string, attrs ...string) {
	w.open(name, attrs...)
	w.b = safe.AppendText(w.b, text)
	w.close(name)
}

// timeForm is the form in which times are sent (AS4-034).
const timeForm = "2006-01-02T15:04:05.000Z"

func (w *writer) info(at time.Time, id, ref MessageID) {
	w.open("eb:MessageInfo")
	w.leaf("eb:Timestamp", at.UTC().Format(timeForm))
	w.leaf("eb:MessageId", string(id))
	if ref != "" {
		w.leaf("eb:RefToMessageId", string(ref))
	}
	w.close("eb:MessageInfo")
}

func (w *writer) userMessage(m *UserMessage) {
	var mpc []string
	if m.MPC != "" {
		mpc = []string{"mpc", m.MPC}
	}
	w.open("eb:UserMessage", mpc...)
	w.info(m.Timestamp, m.ID, "")
	w.open("eb:PartyInfo")
	w.party("eb:From", m.From)
	w.party("eb:To", m.To)
	w.close("eb:PartyInfo")
	w.open("eb:CollaborationInfo")
	w.leaf("eb:AgreementRef", m.Agreement)
	w.typed("eb:Service", m.Service)
	w.leaf("eb:Action", m.Action)
	w.leaf("eb:ConversationId", m.ConversationID)
	w.close("eb:CollaborationInfo")
	w.properties("eb:MessageProperties", m.Properties)
	w.payload(m.Parts)
	w.close("eb:UserMessage")
}

// payload writes eb:PayloadInfo, which is never empty.
func (w *writer) payload(parts []Part) {
	if len(parts) == 0 {
		return
	}
	w.open("eb:PayloadInfo")
	for _, p := range parts {
		w.open("eb:PartInfo", "href", p.Href)
		w.properties("eb:PartProperties", p.Properties)
		w.close("eb:PartInfo")
	}
	w.close("eb:PayloadInfo")
}

func (w *writer) party(name string, p Party) {
	w.open(name)
	w.typed("eb:PartyId", p.ID)
	w.leaf("eb:Role", p.Role)
	w.close(name)
}

func (w *writer) typed(name string, t Typed) {
	if t.Type == "" {
		w.leaf(name, t.Value)
		return
	}
	w.leaf(name, t.Value, "type", t.Type)
}

func (w *writer) properties(name string, list []Property) {
	if len(list) == 0 {
		return
	}
	w.open(name)
	for _, p := range list {
		if p.Type == "" {
			w.leaf("eb:Property", p.Value, "name", p.Name)
		} else {
			w.leaf("eb:Property", p.Value, "name", p.Name, "type", p.Type)
		}
	}
	w.close(name)
}

func (w *writer) signal(s *Signal) {
	w.open("eb:SignalMessage")
	w.info(s.Timestamp, s.ID, s.RefTo)
	if s.Receipt != nil {
		w.receipt(s.Receipt)
	}
	for _, e := range s.Errors {
		w.error(e)
	}
	w.close("eb:SignalMessage")
}

// receipt writes one MessagePartNRInformation per reference, without MessagePartIdentifier (AS4-101, AS4-102).
func (w *writer) receipt(r *Receipt) {
	w.open("eb:Receipt")
	w.open("ebbp:NonRepudiationInformation", "xmlns:ebbp", nsBP)
	for _, ref := range r.References {
		w.open("ebbp:MessagePartNRInformation")
		if ref.Raw != nil {
			w.b = append(w.b, ref.Raw...)
		} else {
			w.reference(ref)
		}
		w.close("ebbp:MessagePartNRInformation")
	}
	w.close("ebbp:NonRepudiationInformation")
	w.close("eb:Receipt")
}

func (w *writer) reference(r Reference) {
	w.open("ds:Reference", "xmlns:ds", nsDS, "URI", r.URI)
	w.open("ds:Transforms")
	for _, t := range r.Transforms {
		w.leaf("ds:Transform", "", "Algorithm", t)
	}
	w.close("ds:Transforms")
	w.leaf("ds:DigestMethod", "", "Algorithm", r.Method)
	w.leaf("ds:DigestValue", base64.StdEncoding.EncodeToString(r.Value))
	w.close("ds:Reference")
}

// error writes eb:Error with all attributes of the table (AS4-112).
func (w *writer) error(e *Error) {
	d, ok := e.Code.Define()
	severity := d.Severity
	if !ok || severity == "" {
		severity = failure
	}
	attrs := []string{"category", d.Category, "errorCode", string(e.Code), "origin", d.Origin}
	if e.RefTo != "" {
		attrs = append(attrs, "refToMessageInError", string(e.RefTo))
	}
	w.open("eb:Error", append(attrs, "severity", severity, "shortDescription", d.Short)...)
	if e.Description != "" {
		w.leaf("eb:Description", e.Description, "xml:lang", "en")
	}
	if e.Detail != "" {
		w.leaf("eb:ErrorDetail", e.Detail)
	}
	w.close("eb:Error")
}

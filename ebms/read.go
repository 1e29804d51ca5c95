package ebms

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Options of Read.
type Options struct {
	LenientMessageID bool // accept message ids outside RFC 2822
}

// Read reads an eb:Messaging element. Its errors are *Error: EBMS:0003 for a wrong number of messages or parties,
// EBMS:0009 for any other deviation from the schema (AS4-029, AS4-032).
func Read(n safe.Node, opt Options) (*Messaging, error) {
	kids := n.Elements()
	if !n.Is(NS, "Messaging") {
		return nil, invalid(n, "want eb:Messaging")
	}
	if len(kids) != 1 {
		return nil, &Error{Code: CodeValueInconsistent, Detail: "Exactly one message is allowed"}
	}
	r := reader{opt: opt}
	m := &Messaging{}
	switch k := kids[0]; {
	case k.Is(NS, "UserMessage"):
		m.User = r.userMessage(k)
	case k.Is(NS, "SignalMessage"):
		m.Signal = r.signal(k)
	default:
		return nil, invalid(k, "want UserMessage or SignalMessage")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// reader walks the header; after the first error it does nothing more.
type reader struct {
	opt Options
	err error
}

func (r *reader) fail(n safe.Node, format string, args ...any) {
	if r.err == nil {
		r.err = invalid(n, format, args...)
	}
}

// seq steps through the children of an element in the order of the schema.
type seq struct {
	r    *reader
	n    safe.Node
	kids []safe.Node
}

func (r *reader) seq(n safe.Node) *seq {
	s := &seq{r: r, n: n}
	if r.err == nil && !n.IsZero() {
		s.kids = n.Elements()
	}
	return s
}

// opt takes the next child if it has this name.
func (s *seq) opt(local string) (safe.Node, bool) {
	if len(s.kids) == 0 || !s.kids[0].Is(NS, local) {
		return safe.Node{}, false
	}
	n := s.kids[0]
	s.kids = s.kids[1:]
	return n, true
}

// need takes the next child, which must have this name.
func (s *seq) need(local string) safe.Node {
	n, ok := s.opt(local)
	if !ok && s.r.err == nil {
		s.r.fail(s.n, "want %s inside %s", local, s.n.Name().Local)
	}
	return n
}

// refuseRest refuses children that are left.
func (s *seq) refuseRest() {
	if len(s.kids) > 0 && s.r.err == nil {
		s.r.fail(s.kids[0], "unexpected %s inside %s", shown(s.kids[0]), s.n.Name().Local)
	}
}

// leafText returns the trimmed text of a leaf (AS4-054).
func (r *reader) leafText(n safe.Node) string {
	if n.IsZero() || r.err != nil {
		return ""
	}
	s, ok := n.Leaf()
	if !ok {
		r.fail(n, "%s has elements inside", n.Name().Local)
	}
	return strings.Trim(s, " \t\r\n")
}

// token returns the text of a leaf of type xs:token.
func (r *reader) token(n safe.Node) string { return strings.Join(strings.Fields(r.leafText(n)), " ") }

func attr(n safe.Node, local string) string {
	if n.IsZero() {
		return ""
	}
	v, _ := n.Attr("", local)
	return v
}

func (r *reader) typed(n safe.Node) Typed { return Typed{Type: attr(n, "type"), Value: r.leafText(n)} }

func (r *reader) userMessage(n safe.Node) *UserMessage {
	m := &UserMessage{MPC: attr(n, "mpc")}
	s := r.seq(n)
	info := r.seq(s.need("MessageInfo"))
	m.Timestamp = r.time(info.need("Timestamp"))
	m.ID = r.messageID(info.need("MessageId"))
	if ref, ok := info.opt("RefToMessageId"); ok {
		m.RefTo = r.leafText(ref)
	}
	info.refuseRest()
	parties := r.seq(s.need("PartyInfo"))
	m.From = r.party(parties.need("From"))
	m.To = r.party(parties.need("To"))
	parties.refuseRest()
	r.collaboration(m, s.need("CollaborationInfo"))
	if props, ok := s.opt("MessageProperties"); ok {
		m.Properties = r.properties(props)
	}
	if payload, ok := s.opt("PayloadInfo"); ok {
		for ps := r.seq(payload); len(ps.kids) > 0 && r.err == nil; {
			m.Parts = append(m.Parts, r.part(ps.need("PartInfo")))
		}
	}
	s.refuseRest()
	return m
}

func (r *reader) collaboration(m *UserMessage, n safe.Node) {
	s := r.seq(n)
	if a, ok := s.opt("AgreementRef"); ok {
		m.Agreement, m.AgreementType, m.AgreementPMode = r.leafText(a), attr(a, "type"), attr(a, "pmode")
	}
	m.Service = r.typed(s.need("Service"))
	m.Action = r.token(s.need("Action"))
	m.ConversationID = r.token(s.need("ConversationId"))
	s.refuseRest()
}

// party reads From or To; two party ids are EBMS:0003 (AS4-037, AS4-038).
func (r *reader) party(n safe.Node) Party {
	s := r.seq(n)
	p := Party{ID: r.typed(s.need("PartyId"))}
	if _, second := s.opt("PartyId"); second && r.err == nil {
		r.err = &Error{Code: CodeValueInconsistent, Detail: "Exactly one PartyId is allowed"}
	}
	p.Role = r.leafText(s.need("Role"))
	s.refuseRest()
	return p
}

// properties reads Property elements; a name may stand once.
func (r *reader) properties(n safe.Node) []Property {
	var out []Property
	seen := map[string]bool{}
	for s := r.seq(n); len(s.kids) > 0 && r.err == nil; {
		p := s.need("Property")
		q := Property{Name: attr(p, "name"), Type: attr(p, "type"), Value: r.leafText(p)}
		if q.Name == "" || seen[q.Name] {
			r.fail(n, "%s has a Property without name, or twice", n.Name().Local)
		}
		seen[q.Name] = true
		out = append(out, q)
	}
	return out
}

// part reads PartInfo. Schema and Description are allowed and ignored (AS4-053).
func (r *reader) part(n safe.Node) Part {
	p := Part{Href: attr(n, "href")}
	s := r.seq(n)
	s.opt("Schema")
	s.opt("Description")
	if props, ok := s.opt("PartProperties"); ok {
		p.Properties = r.properties(props)
	}
	s.refuseRest()
	return p
}

func (r *reader) messageID(n safe.Node) MessageID {
	parse := ParseMessageID
	if r.opt.LenientMessageID {
		parse = LenientMessageID
	}
	if n.IsZero() || r.err != nil {
		return ""
	}
	text, _ := n.Leaf()
	id, err := parse(text) // not trimmed: ids that differ in white space must not become one duplicate key (SEC-072)
	if err != nil {
		r.fail(n, "%s", strings.TrimPrefix(err.Error(), "ebms: "))
	}
	return id
}

var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?$`)

// ParseTime reads an xs:dateTime; without zone it is UTC (AS4-034).
func ParseTime(s string) (time.Time, bool) {
	m := dateTime.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	if m[2] == "" {
		s += "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

func (r *reader) time(n safe.Node) time.Time {
	t, ok := ParseTime(r.leafText(n))
	if !ok {
		r.fail(n, "Timestamp is not an xs:dateTime")
	}
	return t
}

// signal reads SignalMessage. Its verdict and what it is about decide; what nobody uses, Timestamp and MessageId, is
// read if it can be and never voids the rest (AS4-107, AS4-110).
func (r *reader) signal(n safe.Node) *Signal {
	sig := &Signal{}
	s := r.seq(n)
	if info, ok := s.opt("MessageInfo"); ok {
		sig.Timestamp, _ = ParseTime(leaf(info, "Timestamp"))
		sig.ID, _ = LenientMessageID(leaf(info, "MessageId"))
		sig.RefTo = MessageID(leaf(info, "RefToMessageId"))
	}
	if _, pull := s.opt("PullRequest"); pull && r.err == nil {
		r.err = &Error{Code: CodeFeatureInconsistency, Detail: "Pull is not supported"}
	}
	if receipt, ok := s.opt("Receipt"); ok {
		sig.Receipt = r.receipt(receipt)
	}
	for {
		e, ok := s.opt("Error")
		if !ok {
			break
		}
		sig.Errors = append(sig.Errors, r.error(e))
	}
	for _, k := range s.kids { // other content is tolerated, but not a second receipt or error (AS4-107, REL-042)
		if k.Is(NS, "Receipt") || k.Is(NS, "Error") || k.Is(NS, "PullRequest") {
			r.fail(k, "unexpected %s in SignalMessage", k.Name().Local)
		}
	}
	if sig.Receipt == nil && len(sig.Errors) == 0 {
		r.fail(n, "want a receipt or errors")
	}
	return sig
}

// leaf returns the trimmed text of the only child with this name, "" if there is none.
func leaf(n safe.Node, local string) string {
	k, ok := n.Child(NS, local)
	if !ok {
		return ""
	}
	text, _ := k.Leaf()
	return strings.Trim(text, " \t\r\n")
}

// error reads eb:Error; unknown codes and severities are kept as they are (AS4-097, AS4-098).
func (r *reader) error(n safe.Node) *Error {
	e := &Error{
		Code: Code(attr(n, "errorCode")), Severity: attr(n, "severity"), Short: attr(n, "shortDescription"),
		RefTo: MessageID(attr(n, "refToMessageInError")),
	}
	if e.Code == "" {
		r.fail(n, "an Error without errorCode")
	}
	for _, k := range n.Elements() {
		switch {
		case k.Is(NS, "ErrorDetail"):
			e.Detail = r.token(k)
		case k.Is(NS, "Description"): // one for each language
			e.Description = strings.TrimSpace(e.Description + " " + r.token(k))
		}
	}
	return e
}

// receipt reads the non-repudiation information; a receipt without any has no references.
func (r *reader) receipt(n safe.Node) *Receipt {
	out := &Receipt{}
	nri, ok := n.Child(nsBP, "NonRepudiationInformation")
	if !ok {
		return out
	}
	for _, part := range nri.Elements() {
		ref, ok := part.Child(nsDS, "Reference")
		if !part.Is(nsBP, "MessagePartNRInformation") || !ok {
			r.fail(part, "want a Reference in each MessagePartNRInformation")
			return out
		}
		out.References = append(out.References, r.reference(ref))
	}
	return out
}

func (r *reader) reference(n safe.Node) Reference {
	ref := Reference{URI: attr(n, "URI")}
	for _, k := range n.Elements() {
		switch {
		case k.Is(nsDS, "Transforms"):
			for _, t := range k.Elements() {
				ref.Transforms = append(ref.Transforms, attr(t, "Algorithm"))
			}
		case k.Is(nsDS, "DigestMethod"):
			ref.Method = attr(k, "Algorithm")
		case k.Is(nsDS, "DigestValue"):
			v, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r.leafText(k)), ""))
			if err != nil {
				r.fail(k, "DigestValue is not base64")
			}
			ref.Value = v
		}
	}
	return ref
}

// ClaimedID returns the MessageId of an unverified header, or "", for the RefToMessageId of an error (AS4-090 step 4,
// AS4-114).
func ClaimedID(messaging safe.Node) MessageID {
	if messaging.IsZero() {
		return ""
	}
	user, _ := messaging.Child(NS, "UserMessage")
	if user.IsZero() {
		return ""
	}
	info, _ := user.Child(NS, "MessageInfo")
	if info.IsZero() {
		return ""
	}
	id, ok := info.Child(NS, "MessageId")
	if !ok {
		return ""
	}
	text, _ := id.Leaf()
	mid, err := LenientMessageID(text)
	if err != nil {
		return ""
	}
	return mid
}

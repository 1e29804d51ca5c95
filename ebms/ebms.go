// Package ebms reads and writes ebMS 3.0 message headers: UserMessage, Receipt and Error. It knows the structure that
// the standard prescribes and its table of error codes, but not Peppol's fixed values (see package as4), HTTP or
// cryptography.
package ebms

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces (as4.md §1).
const (
	NS     = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
	nsBP   = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
	nsDS   = "http://www.w3.org/2000/09/xmldsig#"
	nsSOAP = "http://www.w3.org/2003/05/soap-envelope"
	nsWSU  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
)

// Values that the standard fixes (as4.md §1).
const (
	RoleInitiator = NS + "initiator"
	RoleResponder = NS + "responder"
	DefaultMPC    = NS + "defaultMPC"
	TestService   = NS + "service"
	TestAction    = NS + "test"
)

// MessageID is an eb:MessageId, without angle brackets. ParseMessageID makes one.
type MessageID string

const maxMessageID = 255 // SEC-072

// ParseMessageID checks the form dot-atom@dot-atom of RFC 2822 (AS4-035, SEC-072).
func ParseMessageID(s string) (MessageID, error) {
	left, right, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxMessageID || !dotAtom(left) || !dotAtom(right) {
		return "", errors.New("ebms: a MessageId is not of the form local@domain (AS4-035)")
	}
	return MessageID(s), nil
}

// LenientMessageID accepts any short printable text without spaces. It is for partners that an operator has decided to
// tolerate (design.md §3, MessageId grammar).
func LenientMessageID(s string) (MessageID, error) {
	if s == "" || len(s) > maxMessageID || strings.IndexFunc(s,
		func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
		return "", errors.New("ebms: a MessageId is empty, too long or has blanks (AS4-035)")
	}
	return MessageID(s), nil
}

func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.IndexFunc(atom, func(r rune) bool { return !isAtext(r) }) >= 0 {
			return false
		}
	}
	return true
}

func isAtext(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// Messaging is the content of an eb:Messaging header: a user message, or a signal (AS4-029).
type Messaging struct {
	User   *UserMessage
	Signal *Signal
}

// UserMessage is an eb:UserMessage header that was read or will be written (ebMS 3.0 Core §5.2.2).
type UserMessage struct {
	MPC            string // "" when the attribute is absent
	Timestamp      time.Time
	ID             MessageID
	RefTo          string // eb:RefToMessageId; accepted and ignored (AS4-036)
	From, To       Party
	Agreement      string
	AgreementType  string // type and pmode attributes of AgreementRef; Peppol allows neither
	AgreementPMode string
	Service        Typed
	Action         string
	ConversationID string
	Properties     []Property
	Parts          []Part
}

// Party is eb:From or eb:To with exactly one eb:PartyId.
type Party struct {
	ID   Typed
	Role string
}

// Typed is a text with a type attribute.
type Typed struct{ Type, Value string }

// Property is an eb:Property.
type Property struct{ Name, Type, Value string }

// Part is an eb:PartInfo.
type Part struct {
	Href       string
	Properties []Property
}

// Property returns the value of a part property and whether it is there.
func (p Part) Property(name string) (string, bool) {
	for _, q := range p.Properties {
		if q.Name == name {
			return q.Value, true
		}
	}
	return "", false
}

// Property returns a message property and whether it is there.
func (m *UserMessage) Property(name string) (Property, bool) {
	for _, p := range m.Properties {
		if p.Name == name {
			return p, true
		}
	}
	return Property{}, false
}

// IsTest reports whether the message uses the test service (AS4-134).
func (m *UserMessage) IsTest() bool { return m.Service.Value == TestService && m.Action == TestAction }

// Signal is an eb:SignalMessage: a receipt or errors. One that was read may contain both; the caller decides (REL-042).
type Signal struct {
	Timestamp time.Time
	ID        MessageID
	RefTo     MessageID // "" when unknown
	Receipt   *Receipt
	Errors    []*Error
}

// Receipt is an eb:Receipt with non-repudiation information.
type Receipt struct{ References []Reference }

// Reference is one ds:Reference inside a receipt.
type Reference struct {
	URI        string
	Transforms []string // algorithms in order
	Method     string   // digest method
	Value      []byte   // digest value
	Raw        []byte   // when written: the element in exclusive canonical form, copied unchanged (AS4-102)
}

// invalid makes an EBMS:0009 for a header that is not built as the schema says (AS4-032). The other side learns which
// element it is about; the text repeats nothing of its input but the names of elements, and those only by shown.
func invalid(n safe.Node, format string, args ...any) error {
	line, col := n.Pos()
	text := fmt.Sprintf(format, args...)
	return &Error{
		Code: CodeInvalidHeader, Detail: "Invalid ebMS header: " + text,
		Err: fmt.Errorf("line %d column %d: %s", line, col, text),
	}
}

// shown makes the name of an element that somebody else chose fit for an answer.
func shown(n safe.Node) string {
	const most = 64
	name := n.Name().Local
	if len(name) > most || strings.IndexFunc(name, func(r rune) bool { return r < '-' || r > 'z' }) >= 0 {
		return "element"
	}
	return name
}

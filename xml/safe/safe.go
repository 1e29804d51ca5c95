// Package safe is the only place where XML is read that somebody else wrote (SEC-030). One strict tokenizer serves four
// profiles, each of which says what it accepts.
//
//   - Read and Parse build an immutable tree, a Doc, over one buffer. Its nodes are small values that can be compared.
//   - Scan and a Scanner give the events of a document of any size, in constant memory.
//   - AppendText and AppendAttr escape what is to be written.
//
// Whatever is not well-formed, exceeds a limit or is refused by the profile gives an *Error that says where. There
// are no external entities, none but the five predefined ones inside, and no access to files or the network. Time and
// memory grow linearly with the input (SEC-036), and nothing recurses.
package safe

import (
	"fmt"
	"math"
)

// A Profile says which documents are accepted (design.md §4).
type Profile uint8

const (
	// Envelope is for SOAP: UTF-8, no DTD, no processing instructions, no CDATA; comments are dropped, and refused
	// inside signature, encryption and ebMS values; ids are unique; at most 10,000 elements (SEC-030 to SEC-037,
	// SEC-042).
	Envelope Profile = iota
	// Metadata is for SMP answers: as Envelope, but comments are kept, and CDATA is text (DISC-087: SMPs write it,
	// and the canonical form that is signed does not know it).
	Metadata
	// Document is for business documents: UTF-8, UTF-16 or ISO-8859-1; comments, CDATA and processing instructions are
	// kept; no DTD; no id index.
	Document
	// Rules is for trusted schemas and rule packs: as Document, and an internal DTD subset is skipped.
	Rules
)

// limits of a profile. They are checked while reading, before anything is kept.
type limits struct {
	depth, elements, attrs, nsInScope, name int
	attrValue, tag, text, total             int64
}

func (p Profile) limits() limits {
	switch p {
	case Envelope, Metadata:
		l := limits{
			depth: 64, elements: 10_000, attrs: 32, nsInScope: 64, name: 256, // SEC-035
			attrValue: 64 << 10, tag: 512 << 10, text: 1 << 20, total: 2 << 20,
		}
		if p == Metadata {
			l.total = 1 << 20 // SEC-113
		}
		return l
	default:
		return limits{
			depth: 128, elements: 8_000_000, attrs: 256, nsInScope: 256, name: 1024,
			attrValue: 1 << 20, tag: 4 << 20, text: math.MaxInt64, total: math.MaxInt64,
		}
	}
}

// strict reports whether p is one of the two profiles for signed protocol messages.
func (p Profile) strict() bool { return p == Envelope || p == Metadata }

// Error says what is wrong with a document, and where. Its text quotes nothing from the document.
type Error struct {
	Rule   string // the requirement that refuses it, "" for plain XML 1.0 well-formedness
	Msg    string // one sentence in plain English
	Line   int    // from 1
	Col    int    // from 1, in bytes
	Offset int64  // in bytes of the UTF-8 form
	Limit  bool   // a limit was exceeded; the document may be well-formed
}

func (e *Error) Error() string {
	s := fmt.Sprintf("xml: line %d column %d: %s", e.Line, e.Col, e.Msg)
	if e.Rule != "" {
		s += " (" + e.Rule + ")"
	}
	return s
}

// Kind is the kind of a node or an event.
type Kind uint8

// Kinds of nodes and events. Root is the document itself, the parent of the top element; End occurs only as an event.
const (
	Root Kind = iota
	Element
	Text
	Comment
	PI
	End
)

// Name is an expanded name with the prefix it was written with.
type Name struct{ Space, Prefix, Local string }

// Is reports whether n has this namespace and local name; the prefix does not matter.
func (n Name) Is(space, local string) bool { return n.Local == local && n.Space == space }

func (n Name) String() string {
	if n.Prefix == "" {
		return n.Local
	}
	return n.Prefix + ":" + n.Local
}

// Namespaces that the tokenizer itself must know.
const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
	nsWSU   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsWSSE  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsDS    = "http://www.w3.org/2000/09/xmldsig#"
	nsXENC  = "http://www.w3.org/2001/04/xmlenc#"
	nsXENC1 = "http://www.w3.org/2009/xmlenc11#"
	nsEB    = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
)

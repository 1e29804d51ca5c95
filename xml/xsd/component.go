package xsd

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces that schemas and documents use for XML Schema itself.
const (
	nsXSD = "http://www.w3.org/2001/XMLSchema"
	nsXSI = "http://www.w3.org/2001/XMLSchema-instance"
	nsXML = "http://www.w3.org/XML/1998/namespace"
)

// qname is an expanded name.
type qname struct{ space, local string }

func (q qname) String() string {
	if q.space == "" {
		return q.local
	}
	return "{" + q.space + "}" + q.local
}

// place is where a component is declared.
type place struct {
	f *file
	n safe.Node
}

// method is a set of derivation methods, as block and final name them.
type method uint8

const (
	byExtension method = 1 << iota
	byRestriction
	bySubstitution
	byList
	byUnion
)

// element is an element declaration.
type element struct {
	name     qname
	id       int32 // of the name
	typ      *typ
	head     *element // substitution group affiliation
	abstract bool
	nillable bool
	block    method
	value    *constraint
}

// constraint is a default or fixed value.
type constraint struct {
	text  string // as written
	key   string // of its value, for comparison
	fixed bool
	code  string // of an attribute: the constraint that another value violates
}

// content is the kind of content of a type.
type content uint8

const (
	simpleType    content = iota // a simple type: text, and no attributes
	simpleContent                // text and attributes
	emptyContent
	elementOnly
	mixed
)

// typ is a type definition. A simple type has kind simpleType and only name, base, simple and final besides.
type typ struct {
	name     qname // zero for an anonymous type
	base     *typ  // nil for anyType only
	by       method
	kind     content
	abstract bool
	block    method
	simple   *simple // of simpleType and simpleContent
	attrs    []attrUse
	anyAttr  *wildcard
	particle *particle // of elementOnly and mixed; may be nil in mixed
	model    *model
	state    progress
	at       place
}

// progress of a definition while a schema is loaded.
type progress uint8

const (
	declared progress = iota
	underWay
	complete
)

// attribute is an attribute declaration.
type attribute struct {
	name  qname
	typ   *simple
	value *constraint
}

// attrUse is an attribute of a complex type.
type attrUse struct {
	*attribute
	required   bool
	prohibited bool // only while attributes are collected
	value      *constraint
}

// wildcard is any or anyAttribute.
type wildcard struct {
	not     bool     // matches all but the names in spaces, and never "" then
	any     bool     // matches every namespace
	spaces  []string // "" is no namespace
	process process
}

type process uint8

const (
	strict process = iota
	lax
	skip
)

func (w *wildcard) allows(space string) bool {
	switch {
	case w.any:
		return true
	case w.not:
		return space != "" && !slices.Contains(w.spaces, space)
	}
	return slices.Contains(w.spaces, space)
}

// derives reports whether t is derived from other by none of the methods in block (XML Schema Part 1, §3.4.6 and
// §3.14.6).
func (t *typ) derives(other *typ, block method) bool {
	if t == other {
		return true
	}
	for b := t; b.base != nil; b = b.base {
		if b.by&block != 0 {
			return false
		}
		if b.base == other {
			return true
		}
	}
	if other.kind == simpleType && other.simple.union != nil && t.kind == simpleType {
		for _, m := range other.simple.union {
			if t.simple.derives(m) {
				return block&byRestriction == 0
			}
		}
	}
	return false
}

func (s *simple) derives(other *simple) bool {
	for ; s != nil; s = s.base {
		if s == other {
			return true
		}
	}
	return false
}

// group is a named model group or attribute group, compiled when it is first referred to.
type group struct {
	at       place
	state    progress
	particle *particle
	attrs    []attrUse
	anyAttr  *wildcard
}

package xsd

import (
	"bytes"
	"iter"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// simple is a simple type: atomic (prim is set), a list (item) or a union. Its facets are all that are in effect, the
// inherited ones included, so that checking a value does not go up the derivation.
type simple struct {
	name  string // local name of the type, or of the nearest named one that it is derived from
	base  *simple
	space whitespace
	prim  *primitive
	lex   func([]byte) bool // narrows the lexical space of prim; may be nil
	ident identity
	item  *simple
	union []*simple
	facets
}

// whitespace is the facet of that name.
type whitespace uint8

const (
	preserve whitespace = iota
	replace
	collapse
)

// identity marks the types whose values are compared across a document.
type identity uint8

const (
	noIdentity identity = iota
	isID
	isIDREF
	isEntity
)

// violation says why a value is not valid.
type violation struct {
	code, msg string
	expected  []string
}

// scope is what the validity of a value depends on besides the value.
type scope struct {
	prefix  func(string) (string, bool) // namespaces in scope
	ids     *ids                        // nil outside of a document
	wantKey bool                        // the key of the value is wanted
}

// ids are the identifiers of a document.
type ids struct {
	seen map[string]struct{}
	refs map[string]struct{} // referred to, not yet seen
}

// maxShown bounds how much of a value is shown in a message.
const maxShown = 60

// quote writes a piece of a document or schema for a message.
func quote(s string) string {
	if len(s) > maxShown {
		cut := maxShown
		for cut > 0 && s[cut]&0xC0 == 0x80 {
			cut--
		}
		s = s[:cut] + "…"
	}
	return `"` + s + `"`
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// fieldsSeq cuts s at XML white space.
func fieldsSeq(s string) iter.Seq[string] {
	return strings.FieldsFuncSeq(s, func(r rune) bool { return r < 0x80 && isBlank(byte(r)) })
}

// normalize applies the whiteSpace facet; v is not changed.
func normalize(v []byte, w whitespace) []byte {
	if w == preserve || isNormal(v, w) {
		return v
	}
	v = appendNormal(make([]byte, 0, len(v)), v, w)
	if w == collapse {
		v = bytes.TrimSuffix(v, []byte{' '})
	}
	return v
}

// isNormal reports whether v has its normal form already: most values do, and are then not copied.
func isNormal(v []byte, w whitespace) bool {
	if bytes.IndexByte(v, '\t') >= 0 || bytes.IndexByte(v, '\n') >= 0 || bytes.IndexByte(v, '\r') >= 0 {
		return false
	}
	return w == replace || len(v) == 0 || v[0] != ' ' && v[len(v)-1] != ' ' && !bytes.Contains(v, []byte("  "))
}

// appendNormal appends v to dst with white space replaced or collapsed; one blank at the end may be too many.
func appendNormal(dst, v []byte, w whitespace) []byte {
	for _, c := range v {
		if isBlank(c) && w != preserve {
			if w == collapse && (len(dst) == 0 || dst[len(dst)-1] == ' ') {
				continue
			}
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// check validates a value and returns its key if that is wanted: equal values have equal keys. IDs and references are
// recorded last, so that those in a value which is not valid do not count.
func (s *simple) check(raw []byte, sc *scope) (key string, bad *violation) {
	if s.union != nil {
		return s.checkUnion(raw, sc)
	}
	v := normalize(raw, s.space)
	if bad := s.facets.checkPatterns(v); bad != nil {
		return "", bad
	}
	length := -1
	if s.item != nil {
		key, length, bad = s.checkList(v, sc)
	} else {
		key, bad = s.checkAtomic(v, sc)
	}
	if bad == nil {
		bad = s.facets.check(s, v, key, length)
	}
	if bad == nil {
		bad = s.identify(v, sc)
	}
	return key, bad
}

// typed returns the key of a value of s for comparison with values of other types, which xsi:type may bring: values of
// different primitive types are different. The key of a union's value is so already.
func (s *simple) typed(key string) string {
	if s.prim == nil {
		return key
	}
	return s.prim.name + " " + key
}

// identify records the IDs and references in a valid value.
func (s *simple) identify(v []byte, sc *scope) (bad *violation) {
	if s.item == nil {
		return sc.identify(s.ident, v)
	}
	if s.item.ident != noIdentity {
		for item := range bytes.FieldsSeq(v) {
			if bad == nil {
				bad = sc.identify(s.item.ident, item)
			}
		}
	}
	return bad
}

func (s *simple) checkAtomic(v []byte, sc *scope) (string, *violation) {
	if !s.prim.valid(v, sc) || s.lex != nil && !s.lex(v) {
		return "", &violation{
			code: "cvc-datatype-valid.1.2.1", msg: quote(string(v)) + " is not a value of the type " + s.name,
		}
	}
	if !sc.wantKey && s.enum == nil {
		return "", nil
	}
	if s.prim.key == nil {
		return string(v), nil
	}
	return s.prim.key(v, sc), nil
}

func (s *simple) checkList(v []byte, sc *scope) (string, int, *violation) {
	inner := scope{prefix: sc.prefix, wantKey: sc.wantKey || s.enum != nil} // without ids: see identify
	var keys []string
	n := 0
	for item := range bytes.FieldsFuncSeq(v, func(r rune) bool { return r == ' ' }) {
		key, bad := s.item.check(item, &inner)
		if bad != nil {
			return "", 0, bad
		}
		n++
		if inner.wantKey {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, " "), n, nil
}

// checkUnion takes the first member type that the value is valid against (XML Schema Part 2, §2.5.1.3).
func (s *simple) checkUnion(raw []byte, sc *scope) (string, *violation) {
	inner := *sc
	inner.wantKey = sc.wantKey || s.enum != nil
	for _, m := range s.union {
		key, bad := m.check(raw, &inner)
		if bad != nil {
			continue
		}
		v := normalize(raw, m.space)
		if bad := s.facets.checkPatterns(v); bad != nil {
			return "", bad
		}
		if inner.wantKey {
			key = m.typed(key)
		}
		return key, s.facets.check(s, v, key, -1)
	}
	if bad := s.facets.checkPatterns(normalize(raw, collapse)); bad != nil {
		return "", bad
	}
	return "", &violation{
		code: "cvc-datatype-valid.1.2.3",
		msg:  quote(string(raw)) + " is not a value of any type in the union " + s.name,
	}
}

// identify records an ID or IDREF. A reference may come before its ID, so that only the end of the document shows
// whether it has one.
func (sc *scope) identify(kind identity, v []byte) *violation {
	if sc.ids == nil || kind == noIdentity {
		return nil
	}
	_, seen := sc.ids.seen[string(v)]
	switch kind {
	case isID:
		if seen {
			return &violation{code: "cvc-id.2", msg: "the ID " + quote(string(v)) + " occurs twice"}
		}
		if sc.ids.seen == nil {
			sc.ids.seen = map[string]struct{}{}
		}
		sc.ids.seen[string(v)] = struct{}{}
		delete(sc.ids.refs, string(v))
	case isIDREF:
		if !seen {
			if sc.ids.refs == nil {
				sc.ids.refs = map[string]struct{}{}
			}
			sc.ids.refs[string(v)] = struct{}{}
		}
	case isEntity:
		return &violation{
			code: "cvc-datatype-valid.1.2.1",
			msg:  "the document has no unparsed entity " + quote(string(v)), // without a DTD there are none
		}
	}
	return nil
}

// simpleType reads a simple type definition (XML Schema Part 2, §4.1.2).
func (a *assembly) simpleType(t *typ, f *file, n safe.Node) error {
	kids := children(n)
	if len(kids) != 1 {
		return f.fail(n, "a simpleType needs one restriction, list or union")
	}
	if _, err := f.methods(n, "final", f.final, byRestriction|byList|byUnion); err != nil {
		return err
	}
	t.kind, t.base, t.by = simpleType, builtin["anySimpleType"], byRestriction
	var err error
	switch d := kids[0]; d.Name().Local {
	case "restriction":
		t.simple, err = a.restriction(t, f, d)
	case "list":
		t.simple, err = a.listType(f, d)
	case "union":
		t.simple, err = a.unionType(f, d)
	}
	if err == nil && t.name.local != "" {
		t.simple.name = t.name.local
	}
	return err
}

func (a *assembly) restriction(t *typ, f *file, n safe.Node) (*simple, error) {
	base, err := a.typeRef(f, n, "base")
	if err != nil {
		return nil, err
	}
	if base == nil {
		return a.restrict(f, n, nil)
	}
	if err := a.define(base); err != nil {
		return nil, err
	}
	if base.kind != simpleType || base.name == (qname{nsXSD, "anySimpleType"}) {
		return nil, f.fail(n, "the type "+base.name.String()+" cannot be restricted by facets")
	}
	t.base = base
	return a.restrict(f, n, base.simple)
}

// restrict derives a simple type by the facets in n from base, or from the simpleType within n.
func (a *assembly) restrict(f *file, n safe.Node, base *simple) (*simple, error) {
	for _, c := range children(n) {
		switch name := c.Name().Local; {
		case name == "simpleType":
			t, err := a.anonymous(f, c)
			if err != nil {
				return nil, err
			}
			base = t.simple
		case facetNames[name], name == "attribute", name == "attributeGroup", name == "anyAttribute":
		default:
			return nil, f.fail(c, "the element "+name+" is not allowed here")
		}
	}
	if base == nil {
		return nil, f.fail(n, "a restriction without base")
	}
	s := *base
	s.base = base
	return &s, s.restrict(f, n)
}

func (a *assembly) listType(f *file, n safe.Node) (*simple, error) {
	item, err := a.simpleRef(f, n, "itemType")
	if err != nil {
		return nil, err
	}
	members, err := a.inline(f, n)
	if err != nil {
		return nil, err
	}
	if item != nil {
		members = append(members, item)
	}
	if len(members) != 1 || members[0].isList() {
		return nil, f.fail(n, "a list needs one item type that is no list")
	}
	return &simple{
		name: "list", base: builtin["anySimpleType"].simple, space: collapse, item: members[0], facets: noFacets,
	}, nil
}

// isList reports whether s is a list or a union with one.
func (s *simple) isList() bool {
	return s.item != nil || slices.ContainsFunc(s.union, (*simple).isList)
}

func (a *assembly) unionType(f *file, n safe.Node) (*simple, error) {
	s := &simple{name: "union", base: builtin["anySimpleType"].simple, facets: noFacets}
	names, _ := n.Attr("", "memberTypes")
	for name := range fieldsSeq(names) {
		q, err := f.resolve(n, name)
		if err != nil {
			return nil, err
		}
		t := a.typ(q)
		if t == nil {
			return nil, f.fail(n, "the type "+q.String()+" is not declared")
		}
		if err := a.define(t); err != nil {
			return nil, err
		}
		if t.kind != simpleType {
			return nil, f.fail(n, "the type "+q.String()+" is not simple")
		}
		s.addMember(t.simple)
	}
	members, err := a.inline(f, n)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		s.addMember(m)
	}
	if len(s.union) == 0 {
		return nil, f.fail(n, "a union without member types")
	}
	return s, nil
}

// addMember adds a member type to a union. The members of a union stand for it, without its facets (XML Schema Part 1,
// §3.14.2).
func (s *simple) addMember(m *simple) {
	if m.union != nil {
		s.union = append(s.union, m.union...)
	} else {
		s.union = append(s.union, m)
	}
}

// inline reads the simple types that are defined within n.
func (a *assembly) inline(f *file, n safe.Node) ([]*simple, error) {
	var out []*simple
	for _, c := range children(n) {
		t, err := a.anonymous(f, c)
		if err != nil {
			return nil, err
		}
		out = append(out, t.simple)
	}
	return out, nil
}

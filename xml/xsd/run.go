package xsd

import (
	"bytes"
	"maps"
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Run validates one document, event by event. It keeps the open elements and, of the content, only what a value may
// need: memory does not grow with the document, except by its IDs.
type Run struct {
	parts  *assembly
	frames []frame     // the open elements; the closed ones behind them lend their memory to the next
	skip   int         // open elements within one that is not assessed
	ns     []safe.Decl // namespace declarations in scope
	ids    ids
	scope  scope
	value  value
	cache  [4]vocabulary // see id
	turn   int           // the entry of cache that is replaced next
	errs   []Error
}

// vocabulary is the ids of the names of one namespace, in the schema and in what it shares.
type vocabulary struct {
	space  string
	own    map[string]int32
	base   map[string]int32
	filled bool
}

// frame is an open element.
type frame struct {
	name    safe.Name
	nth     int // among its siblings of the same name
	offset  int64
	elem    *element // nil if there is no declaration
	typ     *typ
	cur     cursor
	kids    bool // it has child elements
	text    bool // it has character data
	chars   bool // its character data is not only white space; elementOnly content
	nilled  bool
	ns      int // declarations in scope before its own
	counted counter
}

// NewRun starts the validation of a document.
func (s *Schema) NewRun() *Run {
	r := &Run{parts: s.parts}
	r.scope = scope{prefix: r.prefix, ids: &r.ids}
	return r
}

// Event takes the next event of a scanner with the profile Document.
func (r *Run) Event(ev *safe.Event) {
	switch ev.Kind {
	case safe.Element:
		if r.skip > 0 {
			r.skip++
		} else {
			r.startElement(ev)
		}
	case safe.Text:
		if r.skip == 0 {
			r.characters(ev.Value)
		}
	case safe.End:
		if r.skip > 0 {
			r.skip--
		} else {
			r.endElement()
		}
	}
}

// Errors returns the errors of the document after its last event: the first hundred, in the order in which they were
// found.
func (r *Run) Errors() []Error { return r.errs }

// top returns the innermost open element.
func (r *Run) top() *frame { return &r.frames[len(r.frames)-1] }

// push opens an element. The frame's memory for counting children is used again.
func (r *Run) push() *frame {
	n := len(r.frames)
	if n < cap(r.frames) {
		r.frames = r.frames[:n+1]
	} else {
		r.frames = append(r.frames, frame{})
	}
	f := &r.frames[n]
	f.counted.reset()
	*f = frame{counted: f.counted, ns: len(r.ns)}
	return f
}

// startElement handles a start tag (XML Schema Part 1, §3.3.4 and §3.4.4). The frame is opened before an error is
// reported, since the error is about the new element, but what was expected is asked of the cursor as it stood
// before.
func (r *Run) startElement(ev *safe.Event) {
	var elem *element
	var wild *wildcard
	var missed *model
	var before cursor
	id, nth := r.id(ev.Name.Space, ev.Name.Local), 1
	if len(r.frames) > 0 {
		parent := r.top()
		parent.kids = true
		nth = parent.counted.next(ev.Name)
		if m := parent.typ.model; m != nil {
			before = parent.cur
			elem, wild = r.advance(m, &parent.cur, ev.Name, id)
			if parent.cur.bad && !before.bad {
				missed = m
			}
		}
	}
	if wild != nil && wild.process == skip && missed == nil {
		r.skip = 1
		return
	}
	f := r.push()
	f.name, f.nth, f.offset = ev.Name, nth, ev.Offset
	r.ns = append(r.ns, ev.Decls...)
	if missed != nil {
		r.unexpected(missed, &before)
	}
	if wild != nil && wild.process == skip {
		r.close()
		r.skip = 1
		return
	}
	if elem == nil && id != 0 {
		elem = r.parts.element(qname{ev.Name.Space, ev.Name.Local})
	}
	r.assess(f, ev, elem, wild)
}

// advance moves through the content model of the parent over a child and returns its declaration. Once a child was not
// expected, the place in the model is lost: then the model only serves to find the declarations of further children.
func (r *Run) advance(m *model, c *cursor, name safe.Name, id int32) (*element, *wildcard) {
	if !c.bad {
		if e, w := m.next(c, name, id, r.parts); e != nil || w != nil {
			return e, w
		}
		c.bad = true
	}
	return m.anywhere(name, id, r.parts)
}

// assess chooses the type of an element and checks what can be checked at its start.
func (r *Run) assess(f *frame, ev *safe.Event, elem *element, wild *wildcard) {
	f.elem = elem
	if elem != nil {
		f.typ = elem.typ
	}
	if v, ok := ev.Attr(nsXSI, "type"); ok {
		f.typ = r.instanceType(f, v)
	}
	if f.typ == nil {
		switch {
		case len(r.frames) == 1:
			r.report("cvc-elt.1", "the schema has no element "+f.name.String(), nil)
		case wild != nil && wild.process == strict:
			r.report("cvc-complex-type.2.4.c",
				"the schema has no element "+f.name.String()+", and its place demands one that is declared", nil)
		}
		f.typ = anyType
	}
	if elem != nil && elem.abstract {
		r.report("cvc-elt.2",
			"the element "+f.name.String()+" is abstract: another one of its substitution group must stand here", nil)
	}
	if f.typ.abstract {
		r.report("cvc-type.2", "the type "+f.typ.name.local+" is abstract: xsi:type must name another", nil)
	}
	if v, ok := ev.Attr(nsXSI, "nil"); ok && elem != nil {
		r.instanceNil(f, v)
	}
	r.checkAttributes(f, ev)
	r.value.begin(f)
}

// instanceType returns the type that xsi:type names. If there is none, it reports that and returns the declared type.
// A type that is not derived from the declared one is reported, and used all the same.
func (r *Run) instanceType(f *frame, v string) *typ {
	old := f.typ
	if old == nil {
		old = anyType
	}
	text := normalize([]byte(v), collapse)
	if !isQName(text, &r.scope) {
		r.report("cvc-elt.4.1", "the value "+quote(v)+" of xsi:type is not a qualified name", nil)
		return old
	}
	prefix, local := splitQName(text)
	uri, _ := r.prefix(string(prefix))
	t := r.parts.typ(qname{uri, string(local)})
	if t == nil {
		r.report("cvc-elt.4.2", "the type "+quote(v)+" of xsi:type is not declared", nil)
		return old
	}
	if f.typ != nil {
		block := f.typ.block
		if f.elem != nil {
			block |= f.elem.block
		}
		if !t.derives(f.typ, block) {
			r.report("cvc-elt.4.3",
				"the type "+quote(v)+" of xsi:type is not derived from the type of "+f.name.String(), nil)
		}
	}
	return t
}

// instanceNil handles xsi:nil.
func (r *Run) instanceNil(f *frame, v string) {
	if !f.elem.nillable {
		r.report("cvc-elt.3.1", "the element "+f.name.String()+" cannot be nil", nil)
		return
	}
	v = string(normalize([]byte(v), collapse))
	if f.nilled = v == "true" || v == "1"; f.nilled && f.elem.value != nil && f.elem.value.fixed {
		r.report("cvc-elt.3.2.2", "the element "+f.name.String()+" has a fixed value and cannot be nil", nil)
	}
}

// characters takes character data of the innermost element, which may come in several pieces.
func (r *Run) characters(v []byte) {
	if len(v) == 0 || len(r.frames) == 0 {
		return
	}
	f := r.top()
	f.text = true
	switch f.typ.kind {
	case elementOnly:
		f.chars = f.chars || len(bytes.Trim(v, " \t\r\n")) > 0
	case emptyContent:
	default:
		r.value.addText(v)
	}
}

// endElement checks what can be checked at the end of an element.
func (r *Run) endElement() {
	f := r.top()
	if f.nilled {
		if f.kids || f.text {
			r.report("cvc-elt.3.2.1", "the element "+f.name.String()+" is nil and has content", nil)
		}
	} else {
		r.checkContent(f)
	}
	if len(r.frames) == 1 { // the end of the document: every IDREF must have found its ID
		for _, ref := range slices.Sorted(maps.Keys(r.ids.refs)) {
			r.report("cvc-id.1", "no element has the ID "+quote(ref), nil)
		}
	}
	r.close()
}

// close forgets the innermost element.
func (r *Run) close() {
	r.ns = r.ns[:r.top().ns]
	r.frames = r.frames[:len(r.frames)-1]
	r.value.stop()
}

// checkContent checks the content of an element that ends (XML Schema Part 1, §3.3.4 clause 5 and §3.4.4 clause 2).
func (r *Run) checkContent(f *frame) {
	t, v := f.typ, f.constraint()
	if v != nil && !f.kids && !f.text {
		r.checkDefault(f, v)
	}
	switch t.kind {
	case simpleType, simpleContent:
		r.checkText(f)
		return
	case emptyContent:
		if f.kids || f.text {
			r.report("cvc-complex-type.2.1", "the element "+f.name.String()+" must be empty", nil)
		}
		return
	case elementOnly:
		if f.chars {
			r.report("cvc-complex-type.2.3", "text stands in "+f.name.String()+", where only elements are allowed", nil)
		}
	}
	if !f.cur.bad && !t.model.done(&f.cur) {
		names := r.names(t.model.expected(&f.cur))
		r.report("cvc-complex-type.2.4.b",
			"the content of "+f.name.String()+" is not complete: "+oneOf(names)+" is expected", names)
	}
	if v != nil && v.fixed {
		switch {
		case f.kids:
			r.report("cvc-elt.5.2.2.1",
				"the element "+f.name.String()+" has a fixed value and must have no child elements", nil)
		case t.kind == mixed && f.text && string(r.value.buf) != v.text:
			r.report("cvc-elt.5.2.2.2.1",
				"the content of "+f.name.String()+" is not the fixed one "+quote(v.text), []string{v.text})
		}
	}
}

// checkDefault checks the default or fixed value that an element without content takes (XML Schema Part 1, §3.3.4
// clause 5.1). It is valid against the declared type, but xsi:type may name another one, and a reference in it must
// find its ID. Mixed content that must have elements is found incomplete with the rest of the content. The value is
// taken as it is written in the schema, as XML Schema 1.1 does, not in the canonical form of 1.0: the two differ only
// for a type in xsi:type with a pattern of its own.
func (r *Run) checkDefault(f *frame, v *constraint) {
	why := "the type " + f.typ.name.local + " has no text"
	switch f.typ.kind {
	case mixed:
		return
	case simpleType, simpleContent:
		_, bad := f.typ.simple.check([]byte(v.text), &scope{prefix: r.prefix, ids: &r.ids})
		if bad == nil {
			return
		}
		why = bad.msg
	}
	if f.typ != f.elem.typ && f.typ.derives(f.elem.typ, 0) { // that it does not derive has been reported
		r.report("cvc-elt.5.1.1", "the value "+quote(v.text)+" that the schema gives the element "+f.name.String()+
			", which is empty, is not allowed in the type that xsi:type names: "+why, nil)
	}
}

// constraint returns the default or fixed value of an element.
func (f *frame) constraint() *constraint {
	if f.elem == nil {
		return nil
	}
	return f.elem.value
}

// checkText checks the text of an element with simple content.
func (r *Run) checkText(f *frame) {
	if f.kids {
		code := "cvc-complex-type.2.2"
		if f.typ.kind == simpleType {
			code = "cvc-type.3.1.2"
		}
		r.report(code, "child elements stand in "+f.name.String()+", where only text is allowed", nil)
		return
	}
	v := f.constraint()
	if v != nil && !f.text {
		return // checkDefault has looked at the value that it takes
	}
	key, bad := r.value.check(f, &r.scope)
	switch {
	case bad != nil:
		r.report(bad.code, "the value of "+f.name.String()+" is not allowed: "+bad.msg, bad.expected)
	case v != nil && v.fixed && f.typ.simple.typed(key) != v.key:
		r.report("cvc-elt.5.2.2.2.2",
			"the value of "+f.name.String()+" is not the fixed one "+quote(v.text), []string{v.text})
	}
}

// id returns the id of a name, 0 if the schema does not know it. The namespaces that came last are remembered, since a
// document has few: this saves looking the namespace up for each element.
func (r *Run) id(space, local string) int32 {
	var v *vocabulary
	for i := range r.cache {
		if c := &r.cache[i]; c.filled && c.space == space {
			v = c
			break
		}
	}
	if v == nil {
		v = &r.cache[r.turn%len(r.cache)]
		r.turn++
		*v = vocabulary{space: space, own: r.parts.names[space], filled: true}
		if r.parts.base != nil {
			v.base = r.parts.base.names[space]
		}
	}
	if id := v.base[local]; id != 0 {
		return id
	}
	return v.own[local]
}

// prefix returns the namespace that a prefix is bound to.
func (r *Run) prefix(p string) (string, bool) {
	for i := len(r.ns) - 1; i >= 0; i-- {
		if r.ns[i].Prefix == p {
			return r.ns[i].URI, true
		}
	}
	if p == "xml" {
		return nsXML, true
	}
	return "", p == ""
}

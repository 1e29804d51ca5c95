package xsd

import "github.com/ravn-ap/ravn/xml/safe"

// typeRef returns the type that the attribute name of n refers to.
func (a *assembly) typeRef(f *file, n safe.Node, name string) (*typ, error) {
	q, ok, err := f.ref(n, name)
	if err != nil || !ok {
		return nil, err
	}
	t := a.typ(q)
	if t == nil && q.space == nsXSD && unimplementedTypes[q.local] {
		return nil, f.unsupported(n, "the type "+q.local+" is not implemented")
	}
	if t == nil {
		return nil, f.fail(n, "the type "+q.String()+" is not declared")
	}
	return t, nil
}

// simpleRef is typeRef for a type that must be simple and is needed at once.
func (a *assembly) simpleRef(f *file, n safe.Node, name string) (*simple, error) {
	t, err := a.typeRef(f, n, name)
	if err != nil || t == nil {
		return nil, err
	}
	if err := a.define(t); err != nil {
		return nil, err
	}
	if t.kind != simpleType {
		return nil, f.fail(n, "the type "+t.name.String()+" is not simple")
	}
	return t.simple, nil
}

// define reads a global type, unless that was done. Types that refer to each other in a circle are legal only through
// the elements in them, whose types are not defined at that point (declare).
func (a *assembly) define(t *typ) error {
	if t.state == complete {
		return nil
	}
	if t.state == underWay {
		return t.at.f.unsupported(t.at.n, "the type "+t.name.String()+" is derived from itself, or within itself")
	}
	t.state = underWay
	if err := a.fill(t, t.at.f, t.at.n); err != nil {
		return err
	}
	t.state = complete
	return nil
}

// anonymous reads a type definition within another component.
func (a *assembly) anonymous(f *file, n safe.Node) (*typ, error) {
	t := &typ{at: place{f, n}, state: complete}
	a.nameless = append(a.nameless, t)
	return t, a.fill(t, f, n)
}

// fill reads a type definition into t.
func (a *assembly) fill(t *typ, f *file, n safe.Node) error {
	if n.Name().Local == "simpleType" {
		return a.simpleType(t, f, n)
	}
	return a.complexType(t, f, n)
}

// complexType reads a complex type definition (XML Schema Part 1, §3.4.2).
func (a *assembly) complexType(t *typ, f *file, n safe.Node) (err error) {
	if t.abstract, err = f.flag(n, "abstract"); err != nil {
		return err
	}
	if t.block, err = f.methods(n, "block", f.block, byExtension|byRestriction); err != nil {
		return err
	}
	isMixed, err := f.flag(n, "mixed")
	if err != nil {
		return err
	}
	for _, c := range children(n) {
		switch c.Name().Local {
		case "simpleContent":
			return a.simpleContent(t, f, c)
		case "complexContent":
			if _, says := c.Attr("", "mixed"); says {
				if isMixed, err = f.flag(c, "mixed"); err != nil {
					return err
				}
			}
			return a.complexContent(t, f, c, isMixed)
		}
	}
	t.base, t.by = anyType, byRestriction
	if err := a.contentOf(t, f, n, isMixed); err != nil {
		return err
	}
	a.models = append(a.models, t)
	return a.attributesOf(t, f, n)
}

// derivation returns the restriction or extension inside simpleContent or complexContent and the base type.
func (a *assembly) derivation(t *typ, f *file, n safe.Node) (safe.Node, error) {
	kids := children(n)
	if len(kids) != 1 {
		return n, f.fail(n, n.Name().Local+" needs one restriction or extension")
	}
	d := kids[0]
	base, err := a.typeRef(f, d, "base")
	if err != nil {
		return d, err
	}
	if base == nil {
		return d, f.fail(d, d.Name().Local+" without base")
	}
	t.base, t.by = base, byExtension
	if d.Name().Local == "restriction" {
		t.by = byRestriction
	}
	return d, a.define(base)
}

func (a *assembly) simpleContent(t *typ, f *file, n safe.Node) error {
	d, err := a.derivation(t, f, n)
	if err != nil {
		return err
	}
	t.kind = simpleContent
	base := t.base.simple
	switch {
	case t.by == byExtension && (t.base.kind == simpleType || t.base.kind == simpleContent):
		t.simple = base
	case t.by == byRestriction && t.base.kind == simpleContent:
		t.simple, err = a.restrict(f, d, base)
	case t.by == byRestriction && t.base.kind == mixed && t.base.particle.emptiable():
		t.simple, err = a.restrict(f, d, nil)
	default:
		return f.fail(d, "the type "+t.base.name.String()+" cannot be the base of simple content")
	}
	if err != nil {
		return err
	}
	return a.attributesOf(t, f, d)
}

func (a *assembly) complexContent(t *typ, f *file, n safe.Node, isMixed bool) error {
	d, err := a.derivation(t, f, n)
	if err != nil {
		return err
	}
	if k := t.base.kind; k == simpleType || k == simpleContent {
		return f.fail(d, "the type "+t.base.name.String()+" cannot be the base of complex content")
	}
	if err := a.contentOf(t, f, d, isMixed); err != nil {
		return err
	}
	if t.by == byExtension {
		if err := extend(t, f, d); err != nil {
			return err
		}
	}
	a.models = append(a.models, t)
	return a.attributesOf(t, f, d)
}

// contentOf reads the model group of a type.
func (a *assembly) contentOf(t *typ, f *file, n safe.Node, isMixed bool) error {
	for _, c := range children(n) {
		switch c.Name().Local {
		case "all", "choice", "sequence", "group":
			if t.particle != nil {
				return f.fail(c, "a second model group")
			}
			p, err := a.readParticle(f, c, 0)
			if err != nil {
				return err
			}
			t.particle = p
		case "simpleType":
			return f.fail(c, "a simpleType outside of simpleContent")
		}
		if facetNames[c.Name().Local] {
			return f.fail(c, "a facet outside of simpleContent")
		}
	}
	if t.particle.hollow() {
		t.particle = nil
	}
	switch {
	case isMixed:
		t.kind = mixed
	case t.particle == nil:
		t.kind = emptyContent
	default:
		t.kind = elementOnly
	}
	return nil
}

// extend puts the content of the base before that of the type (XML Schema Part 1, §3.4.2, effective content).
func extend(t *typ, f *file, n safe.Node) error {
	base := t.base
	switch {
	case base == anyType && t.particle == nil:
		return nil
	case t.particle == nil && t.kind != mixed:
		t.kind, t.particle, t.model = base.kind, base.particle, base.model
		return nil
	case base.kind == emptyContent:
		return nil
	case (base.kind == mixed) != (t.kind == mixed):
		return f.fail(n, "a mixed type extends one that is not mixed, or the other way round")
	}
	var both []*particle
	for _, p := range []*particle{base.particle, t.particle} {
		if p != nil {
			if p.kind == allOf && base.particle != nil && t.particle != nil {
				return f.fail(n, "an all-group cannot be extended or extend")
			}
			both = append(both, p)
		}
	}
	t.particle = &particle{kind: sequence, min: 1, max: 1, kids: both}
	return nil
}

// globalElement reads a global element declaration.
func (a *assembly) globalElement(e *element) error {
	at := a.pending[e]
	for _, name := range []string{"ref", "minOccurs", "maxOccurs", "form"} {
		if _, ok := at.n.Attr("", name); ok {
			return at.f.fail(at.n, "a global element with "+name)
		}
	}
	q, ok, err := at.f.ref(at.n, "substitutionGroup")
	if err != nil {
		return err
	}
	if ok {
		if e.head = a.element(q); e.head == nil {
			return at.f.fail(at.n, "the element "+q.String()+" is not declared")
		}
	}
	return a.declare(e, at.f, at.n)
}

// declare reads what global and local element declarations have in common. It only refers to the type: a type may
// contain elements of the same type. A default value is checked later for that reason, when all types are complete.
func (a *assembly) declare(e *element, f *file, n safe.Node) (err error) {
	if e.typ, err = a.typeRef(f, n, "type"); err != nil {
		return err
	}
	for _, c := range children(n) {
		if e.typ != nil {
			return f.fail(c, "an element with two types")
		}
		if e.typ, err = a.anonymous(f, c); err != nil {
			return err
		}
	}
	if e.typ == nil {
		e.typ, err = a.headType(e, f, n)
	}
	if err != nil {
		return err
	}
	if e.abstract, err = f.flag(n, "abstract"); err != nil {
		return err
	}
	if e.nillable, err = f.flag(n, "nillable"); err != nil {
		return err
	}
	if e.block, err = f.methods(n, "block", f.block, byExtension|byRestriction|bySubstitution); err != nil {
		return err
	}
	if _, err = f.methods(n, "final", f.final, byExtension|byRestriction); err != nil {
		return err
	}
	e.value, err = f.value(n)
	if err == nil && e.value != nil {
		a.values = append(a.values, func() error { return checkElementValue(e, f, n) })
	}
	return err
}

// headType is the type of an element that names none: that of the head of its substitution group, or anyType. The
// head may not have been read yet, so that its declaration is looked into.
func (a *assembly) headType(e *element, f *file, n safe.Node) (*typ, error) {
	seen := map[*element]bool{e: true}
	for h := e.head; h != nil; h = h.head {
		if seen[h] {
			return nil, f.fail(n, "a substitution group that contains itself")
		}
		seen[h] = true
		at, ok := a.pending[h]
		if !ok {
			return h.typ, nil
		}
		if t, err := a.typeRef(at.f, at.n, "type"); err != nil || t != nil {
			return t, err
		}
		if len(children(at.n)) > 0 {
			if h.typ == nil {
				if err := a.globalElement(h); err != nil {
					return nil, err
				}
			}
			return h.typ, nil
		}
		q, ok, err := at.f.ref(at.n, "substitutionGroup")
		if err != nil {
			return nil, err
		}
		if ok {
			h.head = a.element(q)
		}
	}
	return anyType, nil
}

// value reads a default or fixed value.
func (f *file) value(n safe.Node) (*constraint, error) {
	d, hasDefault := n.Attr("", "default")
	v, hasFixed := n.Attr("", "fixed")
	switch {
	case hasDefault && hasFixed:
		return nil, f.fail(n, "both default and fixed")
	case hasDefault:
		return &constraint{text: d}, nil
	case hasFixed:
		return &constraint{text: v, fixed: true}, nil
	}
	return nil, nil
}

func checkElementValue(e *element, f *file, n safe.Node) error {
	switch e.typ.kind {
	case simpleType, simpleContent:
		return f.keyOf(n, e.value, e.typ.simple)
	case mixed:
		e.value.key = builtin["string"].simple.typed(e.value.text)
		return nil
	}
	return f.fail(n, "a default or fixed value for content that has no text")
}

// keyOf computes the key of a default or fixed value, which must be valid.
func (f *file) keyOf(n safe.Node, v *constraint, t *simple) error {
	prefix := func(p string) (string, bool) { return f.lookup(n, p) }
	key, bad := t.check([]byte(v.text), &scope{prefix: prefix, wantKey: true})
	if bad != nil {
		return f.fail(n, "the default or fixed value "+quote(v.text)+" is not valid: "+bad.msg)
	}
	v.key = t.typed(key)
	return nil
}

// substitutions computes which elements may stand for which others (XML Schema Part 1, §3.3.6), along the chain of
// heads: an element may stand for the head of its head. A head that blocks is passed over; those above it may still
// take it.
func (a *assembly) substitutions() error {
	for _, e := range sorted(a.elements) {
		seen := map[*element]bool{e: true}
		for h := e.head; h != nil; h = h.head {
			if seen[h] {
				msg := "the substitution group of " + e.name.String() + " contains itself"
				return &SchemaError{File: a.pending[e].f.path, Msg: msg}
			}
			seen[h] = true
			if h.block&bySubstitution != 0 || !e.typ.derives(h.typ, (h.block|h.typ.block)&^bySubstitution) {
				continue
			}
			a.heads[e.id] = append(a.heads[e.id], &member{h, e})
		}
	}
	return nil
}

// headsOf returns the memberships of the element with this name.
func (a *assembly) headsOf(id int32) []*member {
	for ; a != nil; a = a.base {
		if m := a.heads[id]; m != nil {
			return m
		}
	}
	return nil
}

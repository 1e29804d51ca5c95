package xsd

import "github.com/ravn-ap/ravn/xml/safe"

// instanceAttributes are the attributes that every element may have (XML Schema Part 1, §2.6).
var instanceAttributes = map[string]*simple{
	"type": builtin["QName"].simple,
	"nil":  builtin["boolean"].simple,
	"schemaLocation": {
		name: "schemaLocation", space: collapse, item: builtin["anyURI"].simple, facets: noFacets,
	},
	"noNamespaceSchemaLocation": builtin["anyURI"].simple,
}

// checkAttributes checks the attributes of an element (XML Schema Part 1, §3.4.4 clauses 3 and 4).
func (r *Run) checkAttributes(f *frame, ev *safe.Event) {
	found := 0
	for i := range ev.Attrs {
		a := &ev.Attrs[i]
		if a.Name.Space == nsXSI {
			if t := instanceAttributes[a.Name.Local]; t != nil {
				r.attributeValue(a, t, nil)
				continue
			}
		}
		if f.typ.kind == simpleType {
			r.report("cvc-type.3.1.1",
				"the element "+f.name.String()+" cannot have attributes, "+a.Name.String()+" is one", nil)
			continue
		}
		if u := f.typ.use(a.Name); u != nil {
			if u.required {
				found++
			}
			r.attributeValue(a, u.typ, u.value)
			continue
		}
		r.wildAttribute(f, a)
	}
	r.missing(f, ev, found)
}

// use returns the attribute with this name.
func (t *typ) use(n safe.Name) *attrUse {
	for i := range t.attrs {
		if u := &t.attrs[i]; n.Is(u.name.space, u.name.local) {
			return u
		}
	}
	return nil
}

// missing reports the required attributes that are missing; found of them are there. Counting them first spares the
// search for each in the elements, nearly all, that have what they need.
func (r *Run) missing(f *frame, ev *safe.Event, found int) {
	for i := range f.typ.attrs {
		if f.typ.attrs[i].required {
			found--
		}
	}
	if found == 0 {
		return
	}
	for i := range f.typ.attrs {
		u := &f.typ.attrs[i]
		if _, ok := ev.Attr(u.name.space, u.name.local); u.required && !ok {
			name := r.show(u.name)
			r.report("cvc-complex-type.4",
				"the attribute "+name+" of "+f.name.String()+" is missing", []string{name})
		}
	}
}

// wildAttribute checks an attribute that the type does not name.
func (r *Run) wildAttribute(f *frame, a *safe.Attr) {
	w := f.typ.anyAttr
	if w == nil || !w.allows(a.Name.Space) {
		r.report("cvc-complex-type.3.2.2",
			"the attribute "+a.Name.String()+" is not allowed on "+f.name.String(), r.allowedAttributes(f))
		return
	}
	if w.process == skip {
		return
	}
	d := r.parts.attribute(qname{a.Name.Space, a.Name.Local})
	switch {
	case d != nil:
		r.attributeValue(a, d.typ, d.value)
	case w.process == strict:
		r.report("cvc-complex-type.3.2.2", "the attribute "+a.Name.String()+" is not declared", nil)
	}
}

// allowedAttributes lists the attributes that an element may have.
func (r *Run) allowedAttributes(f *frame) []string {
	var names []string
	for i := range f.typ.attrs {
		names = append(names, r.show(f.typ.attrs[i].name))
	}
	return names
}

// attributeValue checks a value against a type and a fixed value.
func (r *Run) attributeValue(a *safe.Attr, t *simple, v *constraint) {
	if t.takesAnyText() && v == nil {
		return
	}
	r.scope.wantKey = v != nil && v.fixed
	key, bad := t.check([]byte(a.Value), &r.scope)
	switch {
	case bad != nil:
		r.report(bad.code, "the value of the attribute "+a.Name.String()+" is not allowed: "+bad.msg, bad.expected)
	case r.scope.wantKey && t.typed(key) != v.key:
		r.report(v.code,
			"the value of the attribute "+a.Name.String()+" is not the fixed one "+quote(v.text), []string{v.text})
	}
}

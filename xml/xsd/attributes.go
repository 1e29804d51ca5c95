package xsd

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
)

// xmlAttributes are the attributes of the XML namespace; a schema may refer to them without a document that declares
// them.
var xmlAttributes = map[string]*attribute{
	"lang": {name: qname{nsXML, "lang"}, typ: &simple{
		name: "lang", union: []*simple{builtin["language"].simple, enumerated("string", "")}, facets: noFacets,
	}},
	"space": {name: qname{nsXML, "space"}, typ: enumerated("NCName", "default", "preserve")},
	"base":  {name: qname{nsXML, "base"}, typ: builtin["anyURI"].simple},
	"id":    {name: qname{nsXML, "id"}, typ: builtin["ID"].simple},
}

// globalAttribute reads a global attribute declaration, unless that was done or it is part of the base.
func (a *assembly) globalAttribute(d *attribute) error {
	at, ok := a.pending[d]
	if !ok || d.typ != nil {
		return nil
	}
	return a.declareAttribute(d, at.f, at.n)
}

func (a *assembly) declareAttribute(d *attribute, f *file, n safe.Node) (err error) {
	if d.typ, err = a.simpleRef(f, n, "type"); err != nil {
		return err
	}
	for _, c := range children(n) {
		if d.typ != nil {
			return f.fail(c, "an attribute with two types")
		}
		t, err := a.anonymous(f, c)
		if err != nil {
			return err
		}
		d.typ = t.simple
	}
	if d.typ == nil {
		d.typ = builtin["anySimpleType"].simple
	}
	d.value, err = f.attributeValue(n, d.typ, "cvc-attribute.4")
	return err
}

// attributeValue reads the default or fixed value of an attribute.
func (f *file) attributeValue(n safe.Node, t *simple, code string) (*constraint, error) {
	v, err := f.value(n)
	if err != nil || v == nil {
		return nil, err
	}
	v.code = code
	return v, f.keyOf(n, v, t)
}

// ofUse is the constraint on fixed values that a use of an attribute sets, as opposed to its global declaration.
const ofUse = "cvc-complex-type.3.1"

// attributeUse reads an attribute within a type or an attribute group.
func (a *assembly) attributeUse(f *file, n safe.Node) (u attrUse, err error) {
	q, isRef, err := f.ref(n, "ref")
	if err != nil {
		return u, err
	}
	if isRef {
		if u.attribute = a.attribute(q); u.attribute == nil && q.space == nsXML {
			u.attribute = xmlAttributes[q.local]
		}
		if u.attribute == nil {
			return u, f.fail(n, "the attribute "+q.String()+" is not declared")
		}
		if err := a.globalAttribute(u.attribute); err != nil {
			return u, err
		}
		u.value, err = f.attributeValue(n, u.typ, ofUse)
	} else {
		// A value stands on the use, not on the declaration (XML Schema Part 1, §3.2.2).
		if u.attribute, err = a.localAttribute(f, n); err == nil {
			if u.value = u.attribute.value; u.value != nil {
				u.value.code, u.attribute.value = ofUse, nil
			}
		}
	}
	if err != nil {
		return u, err
	}
	if u.value == nil {
		u.value = u.attribute.value
	}
	use, has := n.Attr("", "use")
	switch use {
	case "required":
		u.required = true
	case "prohibited":
		u.prohibited = true
	case "optional":
	default:
		if has {
			return u, f.fail(n, "the value of use is not known")
		}
	}
	return u, nil
}

func (a *assembly) localAttribute(f *file, n safe.Node) (*attribute, error) {
	local, ok := n.Attr("", "name")
	if !ok || !isNCName([]byte(local)) || local == "xmlns" {
		return nil, f.fail(n, "an attribute needs a name")
	}
	qualified, err := f.form(n, "form", f.qualAttrs)
	if err != nil {
		return nil, err
	}
	d := &attribute{name: qname{local: local}}
	if qualified {
		d.name.space = f.target
	}
	return d, a.declareAttribute(d, f, n)
}

// attributeGroup reads a named attribute group.
func (a *assembly) attributeGroup(g *group) error {
	switch g.state {
	case complete:
		return nil
	case underWay:
		return g.at.f.fail(g.at.n, "an attribute group that contains itself")
	}
	g.state = underWay
	var err error
	if g.attrs, g.anyAttr, err = a.attributeUses(g.at.f, g.at.n); err != nil {
		return err
	}
	g.state = complete
	return nil
}

// attributeUses reads the attributes, attribute groups and the wildcard that stand in n.
func (a *assembly) attributeUses(f *file, n safe.Node) (uses []attrUse, any *wildcard, err error) {
	for _, c := range children(n) {
		switch c.Name().Local {
		case "attribute":
			u, err := a.attributeUse(f, c)
			if err != nil {
				return nil, nil, err
			}
			if useOf(uses, u.name) >= 0 {
				return nil, nil, f.fail(c, "the attribute "+u.name.String()+" stands twice")
			}
			uses = append(uses, u)
		case "attributeGroup":
			g, err := a.attributeGroupRef(f, c)
			if err != nil {
				return nil, nil, err
			}
			for _, u := range g.attrs {
				if useOf(uses, u.name) >= 0 {
					return nil, nil, f.fail(c, "the attribute "+u.name.String()+" stands twice")
				}
				uses = append(uses, u)
			}
			if g.anyAttr != nil {
				if any, err = intersect(f, c, any, g.anyAttr); err != nil {
					return nil, nil, err
				}
			}
		case "anyAttribute":
			w, err := f.wildcard(c)
			if err == nil {
				any, err = intersect(f, c, w, any)
			}
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return uses, any, nil
}

func (a *assembly) attributeGroupRef(f *file, n safe.Node) (*group, error) {
	q, ok, err := f.ref(n, "ref")
	if err != nil {
		return nil, err
	}
	g := findGroup(a, attributeGroups, q)
	if !ok || g == nil {
		return nil, f.fail(n, "the attribute group "+q.String()+" is not declared")
	}
	return g, a.attributeGroup(g)
}

func useOf(uses []attrUse, q qname) int {
	return slices.IndexFunc(uses, func(u attrUse) bool { return u.name == q })
}

// attributesOf gives a type its attributes: its own and those of its base (XML Schema Part 1, §3.4.2). A restriction
// keeps what it does not mention, and takes away what it declares as prohibited; an extension may only add.
func (a *assembly) attributesOf(t *typ, f *file, n safe.Node) error {
	own, any, err := a.attributeUses(f, n)
	if err != nil {
		return err
	}
	t.anyAttr = any
	var inherited []attrUse
	if t.base != anyType {
		inherited = t.base.attrs
	}
	for _, u := range inherited {
		if useOf(own, u.name) < 0 {
			t.attrs = append(t.attrs, u)
		} else if t.by == byExtension {
			return f.fail(n, "the attribute "+u.name.String()+" stands in the base type too")
		}
	}
	for _, u := range own {
		if !u.prohibited {
			t.attrs = append(t.attrs, u)
		}
	}
	if t.by == byExtension && t.base.anyAttr != nil {
		t.anyAttr, err = unite(f, n, any, t.base.anyAttr)
	}
	return err
}

// wildcard reads any or anyAttribute.
func (f *file) wildcard(n safe.Node) (*wildcard, error) {
	w := &wildcard{}
	switch p, _ := n.Attr("", "processContents"); p {
	case "", "strict":
	case "lax":
		w.process = lax
	case "skip":
		w.process = skip
	default:
		return nil, f.fail(n, "the value of processContents is not known")
	}
	ns, has := n.Attr("", "namespace")
	words := slices.Collect(fieldsSeq(ns))
	switch {
	case !has || len(words) == 1 && words[0] == "##any":
		w.any = true
	case len(words) == 1 && words[0] == "##other":
		w.not, w.spaces = true, []string{f.target}
	default:
		for _, s := range words {
			switch s {
			case "##targetNamespace":
				s = f.target
			case "##local":
				s = ""
			case "##any", "##other":
				return nil, f.fail(n, "the value "+s+" must stand alone")
			}
			w.spaces = append(w.spaces, s)
		}
	}
	return w, nil
}

// intersect returns the wildcard for what both allow (XML Schema Part 1, §3.10.6); nil stands for a wildcard that is
// not there. How contents are processed comes from v.
func intersect(f *file, n safe.Node, v, w *wildcard) (*wildcard, error) {
	switch {
	case v == nil:
		return w, nil
	case w == nil || w.any:
		return v, nil
	}
	out := &wildcard{process: v.process}
	switch {
	case v.any:
		out.not, out.spaces = w.not, w.spaces
	case v.not && w.not:
		if !slices.Equal(v.spaces, w.spaces) {
			return nil, f.unsupported(n, "wildcards for different ##other are not implemented")
		}
		out.not, out.spaces = true, v.spaces
	default:
		list, other := v, w
		if v.not {
			list, other = w, v
		}
		for _, s := range list.spaces {
			if other.allows(s) {
				out.spaces = append(out.spaces, s)
			}
		}
	}
	return out, nil
}

// unite returns the wildcard for what either allows (XML Schema Part 1, §3.10.6). own may be nil.
func unite(f *file, n safe.Node, own, base *wildcard) (*wildcard, error) {
	if own == nil {
		return base, nil
	}
	out := &wildcard{process: own.process}
	switch {
	case own.any || base.any:
		out.any = true
	case !own.not && !base.not:
		out.spaces = slices.Concat(own.spaces, base.spaces)
	case own.not && base.not && slices.Equal(own.spaces, base.spaces):
		out.not, out.spaces = true, own.spaces
	default:
		return nil, f.unsupported(n, "this union of attribute wildcards is not implemented")
	}
	return out, nil
}

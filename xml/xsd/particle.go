package xsd

import (
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// particle is a term with how often it may occur.
type particle struct {
	kind     particleKind
	min, max int // max is unbounded or a number
	elem     *element
	wild     *wildcard
	kids     []*particle // of sequence, choice, allOf
}

type particleKind uint8

const (
	elementParticle particleKind = iota
	wildParticle
	sequence
	choice
	allOf
)

const unbounded = -1

// hollow reports whether p is no content at all, so that a type with it is empty (XML Schema Part 1, §3.4.2). A
// choice of nothing that must occur is not: it can never be satisfied.
func (p *particle) hollow() bool {
	return p == nil || p.max == 0 ||
		len(p.kids) == 0 && (p.kind == sequence || p.kind == allOf || p.kind == choice && p.min == 0)
}

// emptiable reports whether p is satisfied by no elements at all.
func (p *particle) emptiable() bool {
	if p == nil || p.min == 0 {
		return true
	}
	switch p.kind {
	case sequence, allOf:
		for _, k := range p.kids {
			if !k.emptiable() {
				return false
			}
		}
		return true
	case choice:
		for _, k := range p.kids {
			if k.emptiable() {
				return true
			}
		}
	}
	return false
}

// maxGroupDepth bounds how deep model groups may be nested, since reading them recurses.
const maxGroupDepth = 100

// readParticle reads an element, wildcard or model group within a type or group.
func (a *assembly) readParticle(f *file, n safe.Node, depth int) (*particle, error) {
	if depth > maxGroupDepth {
		return nil, f.unsupported(n, "model groups are nested too deep")
	}
	p := &particle{}
	var err error
	if p.min, p.max, err = f.occurs(n); err != nil {
		return nil, err
	}
	switch n.Name().Local {
	case "element":
		p.elem, err = a.localElement(f, n)
	case "any":
		p.kind = wildParticle
		p.wild, err = f.wildcard(n)
	case "group":
		return a.groupRef(f, n, p)
	case "sequence":
		p.kind = sequence
	case "choice":
		p.kind = choice
	case "all":
		p.kind = allOf
		if depth > 0 || p.max != 1 {
			return nil, f.fail(n, "an all-group must be the whole content, once")
		}
	}
	if err != nil {
		return nil, err
	}
	if p.kind < sequence { // an element or a wildcard
		return p, nil
	}
	for _, c := range children(n) {
		k, err := a.readParticle(f, c, depth+1)
		if err != nil {
			return nil, err
		}
		if p.kind == allOf && (k.max > 1 || k.max == unbounded) {
			return nil, f.fail(c, "an element of an all-group occurs once at most")
		}
		if k.max != 0 {
			p.kids = append(p.kids, k)
		}
	}
	return p, nil
}

// occurs reads minOccurs and maxOccurs.
func (f *file) occurs(n safe.Node) (least, most int, err error) {
	least, most = 1, 1
	if v, ok := n.Attr("", "minOccurs"); ok {
		if least, err = f.number(n, "minOccurs", v); err != nil {
			return 0, 0, err
		}
	}
	if v, ok := n.Attr("", "maxOccurs"); ok {
		if strings.Trim(v, " \t\r\n") == "unbounded" {
			return least, unbounded, nil
		}
		if most, err = f.number(n, "maxOccurs", v); err != nil {
			return 0, 0, err
		}
	}
	if least > most {
		return 0, 0, f.fail(n, "minOccurs is greater than maxOccurs")
	}
	return least, most, nil
}

// maxNumber bounds the numbers that are read from schemas; what is above it is not implemented.
const maxNumber = 1 << 30

func (f *file) number(n safe.Node, name, v string) (int, error) {
	v = strings.TrimPrefix(strings.Trim(v, " \t\r\n"), "+")
	if v == "" || strings.Trim(v, "0123456789") != "" {
		return 0, f.fail(n, "the value of "+name+" is not a number")
	}
	i, err := strconv.Atoi(v)
	if err != nil || i > maxNumber {
		return 0, f.unsupported(n, "the value of "+name+" is too large")
	}
	return i, nil
}

// localElement reads an element within a model group.
func (a *assembly) localElement(f *file, n safe.Node) (*element, error) {
	q, isRef, err := f.ref(n, "ref")
	if err != nil {
		return nil, err
	}
	if isRef {
		e := a.element(q)
		if e == nil {
			return nil, f.fail(n, "the element "+q.String()+" is not declared")
		}
		return e, nil
	}
	local, ok := n.Attr("", "name")
	if !ok || !isNCName([]byte(local)) {
		return nil, f.fail(n, "an element needs a name")
	}
	for _, name := range []string{"abstract", "substitutionGroup", "final"} {
		if _, ok := n.Attr("", name); ok {
			return nil, f.fail(n, "a local element with "+name)
		}
	}
	qualified, err := f.form(n, "form", f.qualElems)
	if err != nil {
		return nil, err
	}
	e := &element{name: qname{local: local}}
	if qualified {
		e.name.space = f.target
	}
	e.id = a.intern(e.name)
	return e, a.declare(e, f, n)
}

// groupRef reads a reference to a named group. The particle of the group is shared by all references to it; how often
// it may occur here is said by a sequence around it. Only an all-group, which must not stand in a sequence, is
// copied.
func (a *assembly) groupRef(f *file, n safe.Node, p *particle) (*particle, error) {
	q, ok, err := f.ref(n, "ref")
	if err != nil {
		return nil, err
	}
	g := findGroup(a, modelGroups, q)
	if !ok || g == nil {
		return nil, f.fail(n, "the group "+q.String()+" is not declared")
	}
	if err := a.modelGroup(g); err != nil {
		return nil, err
	}
	if g.particle == nil {
		return nil, f.fail(n, "the group "+q.String()+" has no content")
	}
	if g.particle.kind == allOf {
		all := *g.particle
		if all.min = p.min; n.Parent().Name().Local == "sequence" || n.Parent().Name().Local == "choice" || p.max != 1 {
			return nil, f.fail(n, "an all-group must be the whole content, once")
		}
		return &all, nil
	}
	p.kind, p.kids = sequence, []*particle{g.particle}
	return p, nil
}

// modelGroup reads a named model group.
func (a *assembly) modelGroup(g *group) error {
	switch g.state {
	case complete:
		return nil
	case underWay:
		return g.at.f.fail(g.at.n, "a group that contains itself")
	}
	g.state = underWay
	for _, c := range children(g.at.n) {
		if g.particle != nil {
			return g.at.f.fail(c, "a second model group")
		}
		p, err := a.readParticle(g.at.f, c, 0)
		if err != nil {
			return err
		}
		g.particle = p
	}
	g.state = complete
	return nil
}

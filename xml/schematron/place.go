package schematron

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// places writes the paths of nodes. Findings come in document order, so it remembers how far it has counted below each
// parent: a finding at each of n siblings then takes n steps in all, not n for each.
type places struct {
	t    *xdm.Tree
	last map[sibling]counted
}

type sibling struct {
	parent xdm.Node
	kind   xdm.Kind
	name   xdm.NameID // of an element
}

type counted struct {
	node xdm.Node
	pos  int
}

// path returns the path of a node: local names with their position among siblings of the same expanded name.
func (p *places) path(n xdm.Node) string {
	return p.join(n, func(n xdm.Node, name xdm.Name) string {
		switch p.t.Kind(n) {
		case xdm.Element:
			return name.Local + p.index(n)
		case xdm.Attr:
			return "@" + name.Local
		}
		return p.other(n)
	})
}

// skeleton returns the path of a node as the ISO skeleton writes it.
func (p *places) skeleton(n xdm.Node) string {
	return p.join(n, func(n xdm.Node, name xdm.Name) string {
		switch {
		case p.t.Kind(n) > xdm.Attr:
			return p.other(n)
		case p.t.Kind(n) == xdm.Attr && name.Space == "":
			return "@" + name.Local
		case p.t.Kind(n) == xdm.Attr:
			return "@*[local-name()='" + name.Local + "' and namespace-uri()='" + name.Space + "']"
		case name.Space == "":
			return name.Local + p.index(n)
		}
		return "*:" + name.Local + "[namespace-uri()='" + name.Space + "']" + p.index(n)
	})
}

// other returns the step to a text, a comment or an instruction.
func (p *places) other(n xdm.Node) string {
	switch p.t.Kind(n) {
	case xdm.Comment:
		return "comment()" + p.index(n)
	case xdm.PI:
		return "processing-instruction()" + p.index(n)
	}
	return "text()" + p.index(n)
}

// join writes the steps from the document node to n.
func (p *places) join(n xdm.Node, step func(xdm.Node, xdm.Name) string) string {
	if n == 0 {
		return "/"
	}
	var steps []string
	for ; n > 0; n = p.t.Parent(n) {
		steps = append(steps, "/"+step(n, p.t.Name(n)))
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// index returns the position of a node among its siblings of the same kind, and of an element of the same name, in
// brackets.
func (p *places) index(n xdm.Node) string {
	key := sibling{p.t.Parent(n), p.t.Kind(n), p.t.NameID(n)}
	if key.kind == xdm.Element && p.t.Wide(key.parent) {
		if i, found := slices.BinarySearch(p.t.Children(key.parent, key.name), n); found {
			return "[" + strconv.Itoa(i+1) + "]"
		}
	}
	at, ok := p.last[key]
	if !ok || at.node > n { // counting goes forwards only
		at = counted{p.t.FirstChild(key.parent), 1}
	}
	for ; at.node != n; at.node = p.t.NextSibling(at.node) {
		if p.t.Kind(at.node) == key.kind && p.t.NameID(at.node) == key.name {
			at.pos++
		}
	}
	if p.last == nil {
		p.last = map[sibling]counted{}
	}
	p.last[key] = at
	return "[" + strconv.Itoa(at.pos) + "]"
}

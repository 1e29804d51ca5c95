package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// axis appends the nodes of an axis that fit, in the order of the axis.
func (f *Evaluation) axis(a axis, t *test, n xdm.Node) {
	tree := f.t
	if t.kind == testName && !tree.Has(t.id) { // most names of a rule file do not occur in a document at all
		f.spend(1)
		return
	}
	switch a {
	case axisChild, axisAttribute:
		f.spend(1)
		var w walk
		w.begin(f, a, t, n)
		for c := w.next(f); c != xdm.None; c = w.next(f) {
			f.push(f.node(c))
		}
	case axisSelf:
		f.take(t, n)
	case axisParent:
		if p := tree.Parent(n); p != xdm.None {
			f.take(t, p)
		}
	case axisDescendant, axisDescendantOrSelf, axisDescendantAttribute:
		f.descendants(t, n, a)
	case axisAncestor, axisAncestorOrSelf:
		if a == axisAncestor {
			n = tree.Parent(n)
		}
		for ; n != xdm.None; n = tree.Parent(n) {
			f.take(t, n)
		}
	case axisFollowingSibling:
		f.siblings(t, n, n+1, xdm.Node(tree.Len()))
	case axisPrecedingSibling:
		from := len(f.st)
		f.siblings(t, n, 0, n)
		slices.Reverse(f.st[from:])
	case axisFollowing:
		f.nodesBetween(t, f.afterAll(n), xdm.Node(tree.Len()))
	case axisPreceding:
		f.preceding(t, n)
	}
}

// take appends a node if it fits.
func (f *Evaluation) take(t *test, n xdm.Node) {
	f.spend(1)
	if t.matches(f.t, n) {
		f.push(f.node(n))
	}
}

// afterAll returns the first node of the following axis; those that follow it in the document are on the axis too.
func (f *Evaluation) afterAll(n xdm.Node) xdm.Node {
	if f.t.Kind(n) == xdm.Attr { // its element's children follow an attribute
		n = f.t.Parent(n)
		if c := f.t.FirstChild(n); c != xdm.None {
			return c
		}
	}
	return f.t.Next(n)
}

// descendants relies on the numbers of nodes: those of the descendants of n, their attributes among them, are all
// numbers between n and Next(n).
func (f *Evaluation) descendants(t *test, n xdm.Node, a axis) {
	switch {
	case f.t.Kind(n) == xdm.Attr:
		if a == axisDescendantOrSelf {
			f.take(t, n)
		}
	case a == axisDescendantAttribute:
		f.attributesBetween(t, n, f.t.Next(n))
	default:
		if a == axisDescendantOrSelf {
			f.take(t, n)
		}
		f.nodesBetween(t, n+1, f.t.Next(n))
	}
}

// nodesBetween appends the nodes of a stretch of the document that fit, no attributes.
func (f *Evaluation) nodesBetween(t *test, from, until xdm.Node) {
	f.stretch(t, from, until, f.t.Elements, false)
}

// attributesBetween appends the attributes of a stretch of the document that fit.
func (f *Evaluation) attributesBetween(t *test, from, until xdm.Node) {
	f.stretch(t, from, until, f.t.Attributes, true)
}

// stretch appends elements by their name from an index of the tree (named), and all other nodes by going through them.
func (f *Evaluation) stretch(t *test, from, until xdm.Node, named func(xdm.NameID) []xdm.Node, attrs bool) {
	if t.kind == testName {
		f.pushAll(between(named(t.id), from, until))
		return
	}
	f.spend(int(until - from))
	for n := from; n < until; n++ {
		if (f.t.Kind(n) == xdm.Attr) == attrs && t.matches(f.t, n) {
			f.push(f.node(n))
		}
	}
}

// between returns the part of a sorted list from from to before until.
func between(list []xdm.Node, from, until xdm.Node) []xdm.Node {
	i, _ := slices.BinarySearch(list, from)
	j, _ := slices.BinarySearch(list[i:], until)
	return list[i : i+j]
}

// siblings appends the siblings of n from from on before until that fit, in document order.
func (f *Evaluation) siblings(t *test, n, from, until xdm.Node) {
	if f.t.Kind(n) == xdm.Attr || n == 0 {
		return
	}
	parent := f.t.Parent(n)
	if list, ok := f.children(t, parent); ok {
		f.pushAll(between(list, from, until))
		return
	}
	c := f.t.FirstChild(parent)
	if from > n {
		c = f.t.NextSibling(n)
	}
	for ; c != xdm.None && c < until; c = f.t.NextSibling(c) {
		f.take(t, c)
	}
}

// pushAll appends nodes.
func (f *Evaluation) pushAll(list []xdm.Node) {
	f.spend(1 + len(list))
	for _, n := range list {
		f.push(f.node(n))
	}
}

// preceding appends the nodes that end before n begins, the nearest first. Nodes that begin before n and do not end
// before it are its ancestors, which are not on the axis.
func (f *Evaluation) preceding(t *test, n xdm.Node) {
	if f.t.Kind(n) == xdm.Attr {
		n = f.t.Parent(n)
	}
	from := len(f.st)
	f.nodesBetween(t, 1, n)
	keep := f.st[:from]
	for _, i := range f.st[from:] {
		if f.t.Next(i.Node()) <= n {
			keep = append(keep, i)
		}
	}
	f.st = keep
	slices.Reverse(f.st[from:])
}

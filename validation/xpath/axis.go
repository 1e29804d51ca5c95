package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/validation/xdm"
)

// axis appends the nodes of an axis that fit, in the order of the axis.
func (f *Evaluation) axis(a axis, t *test, n xdm.Node) {
	tree, before := f.t, len(f.st)
	if t.kind == testName && !tree.Has(t.id) {
		f.spend(1)
		return
	}
	switch a {
	case axisChild:
		for c := tree.FirstChild(n); c != xdm.None; c = tree.NextSibling(c) {
			f.take(t, c)
		}
	case axisAttribute:
		for c := n + 1; c < tree.Next(n) && tree.Kind(c) == xdm.Attr; c++ {
			f.take(t, c)
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
		for c := tree.NextSibling(n); c != xdm.None; c = tree.NextSibling(c) {
			f.take(t, c)
		}
	case axisPrecedingSibling:
		f.precedingSiblings(t, n)
	case axisFollowing:
		f.nodesBetween(t, f.afterAll(n), xdm.Node(tree.Len()))
	case axisPreceding:
		f.preceding(t, n)
	}
	f.spend(1 + len(f.st) - before)
}

// take appends a node if it fits.
func (f *Evaluation) take(t *test, n xdm.Node) {
	if t.matches(f.t, n) {
		f.push(nodeItem(n))
	}
}

// afterAll returns the first node of the following axis.
func (f *Evaluation) afterAll(n xdm.Node) xdm.Node {
	if f.t.Kind(n) == xdm.Attr { // its element's children follow an attribute
		n = f.t.Parent(n)
		if c := f.t.FirstChild(n); c != xdm.None {
			return c
		}
	}
	return f.t.Next(n)
}

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

func (f *Evaluation) stretch(t *test, from, until xdm.Node, named func(xdm.NameID) []xdm.Node, attrs bool) {
	if t.kind == testName {
		for _, n := range between(named(t.id), from, until) {
			f.push(nodeItem(n))
		}
		return
	}
	f.spend(int(until - from))
	for n := from; n < until; n++ {
		if (f.t.Kind(n) == xdm.Attr) == attrs && t.matches(f.t, n) {
			f.push(nodeItem(n))
		}
	}
}

// between returns the part of a sorted list from from to before until.
func between(list []xdm.Node, from, until xdm.Node) []xdm.Node {
	i, _ := slices.BinarySearch(list, from)
	j, _ := slices.BinarySearch(list[i:], until)
	return list[i : i+j]
}

func (f *Evaluation) precedingSiblings(t *test, n xdm.Node) {
	if f.t.Kind(n) == xdm.Attr || n == 0 {
		return
	}
	from := len(f.st)
	for c := f.t.FirstChild(f.t.Parent(n)); c != n; c = f.t.NextSibling(c) {
		if t.matches(f.t, c) {
			f.push(nodeItem(c))
		}
	}
	slices.Reverse(f.st[from:])
}

// preceding appends what ends before n begins, the nearest first.
func (f *Evaluation) preceding(t *test, n xdm.Node) {
	if f.t.Kind(n) == xdm.Attr {
		n = f.t.Parent(n)
	}
	from := len(f.st)
	f.nodesBetween(t, 1, n)
	keep := f.st[:from]
	for _, i := range f.st[from:] {
		if f.t.Next(i.Node()) <= n { // else an ancestor
			keep = append(keep, i)
		}
	}
	f.st = keep
	slices.Reverse(f.st[from:])
}

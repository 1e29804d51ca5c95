package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// nodeSet is a pattern that cannot be matched step by step from its end, such as (a|b)[1], $var/a or key('k', 'v'). A
// node matches if it is in the value of the expression at one of its ancestors or at itself (XSLT 3.0 §5.5.3), which is
// kept for each of these.
type nodeSet struct {
	code     *code
	index    int  // into Evaluation.sets
	fixed    bool // the value is the same everywhere in a document
	volatile bool // the value depends on the node that is tried: it reads current()
	targets  []Target
}

// nodesAt is the value of such a pattern at a node, or why it has none.
type nodesAt struct {
	list []int64
	err  *Error
}

func (u *unit) nodeSet(n node) *nodeSet {
	s := &nodeSet{
		fixed: u.independent(n, nil), volatile: anyNode(n, callsCurrent),
		index: u.c.sets, targets: u.targets(n),
	}
	u.c.sets++
	s.code = u.compile(n)
	return s
}

// anything is the targets of a pattern of which nothing is known.
var anything = []Target{
	{Kind: xdm.Root},
	{Kind: xdm.Element},
	{Kind: xdm.Attr},
	{Kind: xdm.Text},
	{Kind: xdm.Comment},
	{Kind: xdm.PI},
}

// targets returns what the nodes must be that an expression gives.
func (u *unit) targets(n node) []Target {
	switch n := n.(type) {
	case root:
		return []Target{{Kind: xdm.Root}}
	case binary:
		if n.op == "|" {
			return append(slices.Clone(u.targets(n.l)), u.targets(n.r)...)
		}
	case sequence:
		if len(n.list) == 1 {
			return u.targets(n.list[0])
		}
	case filter:
		return u.targets(n.x)
	case path:
		last := n.steps[len(n.steps)-1]
		t := u.c.test(last.test, last.axis)
		switch {
		case last.expr != nil:
			return u.targets(last.expr)
		case last.axis == axisChild, last.axis == axisAttribute, last.axis == axisDescendant:
			return t.targets()
		case t.kind == testName:
			return []Target{{Kind: xdm.Element, Name: t.id}}
		case t.kind == testDocument:
			return []Target{{Kind: xdm.Root}}
		}
	}
	return anything
}

// inNodeSet reports whether the value of the pattern at n or one of its ancestors has n. One of them at which it cannot
// be evaluated has it not; the error is raised only if none has it.
func (f *Evaluation) inNodeSet(s *nodeSet, n xdm.Node) bool {
	first, found := f.wrong, false
	f.wrong = nil
	for at := n; at != xdm.None && !found; at = f.t.Parent(at) {
		if s.fixed {
			at = 0
		}
		f.spend(1)
		var list []int64
		eval := func() { list = f.nodeSet(s, f.node(at)) }
		if first == nil {
			eval()
		} else if failed := f.tried(eval); failed != nil && *first == nil {
			*first = failed
		}
		_, found = slices.BinarySearch(list, f.node(n).n)
	}
	f.wrong = first
	return found
}

// nodeSet returns the value of the pattern at a node, as Item.n has them and in document order.
func (f *Evaluation) nodeSet(s *nodeSet, at Item) []int64 {
	for len(f.sets) <= s.index {
		f.sets = append(f.sets, nil)
	}
	if v, known := f.sets[s.index][at.n]; known {
		if v.err != nil {
			panic(v.err)
		}
		return v.list
	}
	if s.volatile {
		return f.nodesFrom(s, at)
	}
	var v nodesAt
	v.err = f.tried(func() { v.list = f.nodesFrom(s, at) })
	f.keep(entryBytes + int64(len(v.list))*8)
	if f.sets[s.index] == nil {
		f.sets[s.index] = map[int64]nodesAt{}
	}
	f.sets[s.index][at.n] = v
	if v.err != nil {
		panic(v.err)
	}
	return v.list
}

// nodesFrom evaluates the pattern at a node.
func (f *Evaluation) nodesFrom(s *nodeSet, at Item) []int64 {
	was, mark := f.save(), len(f.st)
	f.setFocus(at, 1, 1)
	s.code.push(f)
	f.nodesOnly(mark)
	f.order(mark)
	n := len(f.st) - mark
	f.spend(n)
	f.alloc(int64(n) * 8)
	list := make([]int64, n)
	for i := range list {
		list[i] = f.st[mark+i].n
	}
	f.drop(mark)
	f.restore(was)
	return list
}

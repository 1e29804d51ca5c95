package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// chain is a path of child steps by name without predicates, the last of which may be another kind of test or an
// attribute: cac:Party/cac:PartyName/cbc:Name, the most frequent expression in rules. It is walked depth first, which
// gives document order without sorting and needs no intermediate sequences, and it stops as soon as the answer is
// known.
type chain struct {
	steps []compiledStep
	root  bool
	names []xdm.NameID // of all steps: where one does not occur in the document, the path is empty
}

// chainCode compiles a path as a chain, nil if it is none.
func chainCode(steps []compiledStep, fromRoot bool) *code {
	for i, s := range steps {
		last := i == len(steps)-1
		if s.expr != nil || len(s.preds) > 0 || s.axis != axisChild && !(last && s.axis == axisAttribute) {
			return nil
		}
		if !last && s.test.kind != testName && s.test.kind != testNames && s.test.kind != testAny {
			return nil
		}
	}
	ch := &chain{steps: steps, root: fromRoot}
	for _, s := range steps {
		if s.test.kind == testName {
			ch.names = append(ch.names, s.test.id)
		}
	}
	return &code{
		typ: NodeT,
		push: func(f *Evaluation) {
			if n := ch.start(f); n != xdm.None {
				ch.push(f, n, 0)
			}
		},
		test: func(f *Evaluation) bool {
			n := ch.start(f)
			return n != xdm.None && ch.exists(f, n, 0)
		},
		atom: func(f *Evaluation) (Item, bool) {
			start, n := ch.start(f), xdm.None
			if start != xdm.None {
				ch.only(f, start, 0, &n)
			}
			if n == xdm.None {
				return Item{}, false
			}
			return f.value(n), true
		},
	}
}

// start returns the node that the path begins at, None if it cannot lead anywhere in this document. A missing context
// is an error in either case, so that comes first.
func (ch *chain) start(f *Evaluation) xdm.Node {
	n := f.contextNode()
	for _, id := range ch.names {
		if !f.t.Has(id) {
			return xdm.None
		}
	}
	if ch.root {
		return 0
	}
	return n
}

func (ch *chain) push(f *Evaluation, n xdm.Node, depth int) {
	var it walk
	it.begin(f, ch.steps[depth].axis, &ch.steps[depth].test, n)
	for c := it.next(f); c != xdm.None; c = it.next(f) {
		if depth == len(ch.steps)-1 {
			f.push(f.node(c))
		} else {
			ch.push(f, c, depth+1)
		}
	}
}

func (ch *chain) exists(f *Evaluation, n xdm.Node, depth int) bool {
	var it walk
	it.begin(f, ch.steps[depth].axis, &ch.steps[depth].test, n)
	for c := it.next(f); c != xdm.None; c = it.next(f) {
		if depth == len(ch.steps)-1 || ch.exists(f, c, depth+1) {
			return true
		}
	}
	return false
}

// only finds the one node of the path; a second is XPTY0004.
func (ch *chain) only(f *Evaluation, n xdm.Node, depth int, found *xdm.Node) {
	var it walk
	it.begin(f, ch.steps[depth].axis, &ch.steps[depth].test, n)
	for c := it.next(f); c != xdm.None; c = it.next(f) {
		if depth < len(ch.steps)-1 {
			ch.only(f, c, depth+1, found)
			continue
		}
		if *found != xdm.None {
			fail(codeType, "several nodes where one is wanted")
		}
		*found = c
	}
}

// walk goes through the children or attributes of a node that fit a test, in document order.
type walk struct {
	test *test
	how  way
	at   xdm.Node // next to be looked at, unless found is used
	end  xdm.Node // where attributes end at the latest

	found []xdm.Node // what is left of the children that are found by name
}

type way uint8

const (
	children way = iota
	attributes
	byName
)

// begin begins a walk of a child or attribute step at n. Among many children, those of a name are found by an index.
func (w *walk) begin(f *Evaluation, a axis, t *test, n xdm.Node) {
	w.test = t
	if a == axisAttribute {
		w.how, w.at, w.end = attributes, n+1, f.t.Next(n)
		return
	}
	if f.t.Wide(n) {
		if list, ok := f.children(t, n); ok {
			w.how, w.found = byName, list
			return
		}
	}
	w.at = f.t.FirstChild(n)
}

// next returns the next node, None at the end. Each node that is touched is a step.
func (w *walk) next(f *Evaluation) xdm.Node {
	t, touched, n := w.test, 1, xdm.None
	switch w.how {
	case children:
		for n = w.at; n != xdm.None && !t.matches(f.t, n); touched++ {
			n = f.t.NextSibling(n)
		}
		if n != xdm.None {
			w.at = f.t.NextSibling(n)
		} else {
			w.at = n
		}
	case attributes:
		for ; w.at < w.end && f.t.Kind(w.at) == xdm.Attr && n == xdm.None; touched++ {
			if t.matches(f.t, w.at) {
				n = w.at
			}
			w.at++
		}
	case byName:
		if len(w.found) > 0 {
			n, w.found = w.found[0], w.found[1:]
		}
	}
	f.spend(touched)
	return n
}

// children returns the children of n that fit a test by name, if n has so many that the tree has an index of them.
func (f *Evaluation) children(t *test, n xdm.Node) (list []xdm.Node, ok bool) {
	switch {
	case t.kind != testName && t.kind != testNames || t.attr || !f.t.Wide(n):
		return nil, false
	case t.kind == testName:
		return f.t.Children(n, t.id), true
	}
	for _, id := range t.ids {
		if more := f.t.Children(n, id); len(list) == 0 {
			list = more
		} else if len(more) > 0 {
			f.spend(len(list) + len(more))
			list = slices.Concat(list, more)
			slices.Sort(list)
		}
	}
	return slices.Compact(list), true
}

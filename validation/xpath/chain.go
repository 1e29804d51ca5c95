package xpath

import "github.com/ravn-ap/ravn/validation/xdm"

// chain is a path of child steps by name without predicates, with at most one other plain step at its end: most of what rules
// ask for. It is walked without values under way and stops as soon as the answer is known.
type chain struct {
	steps []compiledStep
	root  bool
	names []xdm.NameID // of all steps: where one does not occur in the document, the path is empty
}

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

// start returns the node that the path begins at; None when it leads nowhere in this document.
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

// next returns the next node of a step behind c, or the first for None.
func (s *compiledStep) next(t *xdm.Tree, parent, c xdm.Node) xdm.Node {
	if s.axis == axisAttribute {
		if c == xdm.None {
			c = parent
		}
		for c++; c < t.Next(parent) && t.Kind(c) == xdm.Attr; c++ {
			if s.test.matches(t, c) {
				return c
			}
		}
		return xdm.None
	}
	if c == xdm.None {
		c = t.FirstChild(parent)
	} else {
		c = t.NextSibling(c)
	}
	for c != xdm.None && !s.test.matches(t, c) {
		c = t.NextSibling(c)
	}
	return c
}

func (ch *chain) push(f *Evaluation, n xdm.Node, depth int) {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
		if depth == len(ch.steps)-1 {
			f.push(nodeItem(c))
		} else {
			ch.push(f, c, depth+1)
		}
	}
}

func (ch *chain) exists(f *Evaluation, n xdm.Node, depth int) bool {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
		if depth == len(ch.steps)-1 || ch.exists(f, c, depth+1) {
			return true
		}
	}
	return false
}

// only finds the one node of the path; a second is XPTY0004.
func (ch *chain) only(f *Evaluation, n xdm.Node, depth int, found *xdm.Node) {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
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

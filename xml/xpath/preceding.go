package xpath

import "github.com/ravn-ap/ravn/xml/xdm"

// seenBefore compiles "preceding::name = ." and its mirror image: does an earlier element of this name have the same
// value? Rules count distinct values this way. Comparing each element with all before it would take quadratic time;
// here one pass notes for each value where the first element that has it ends, and each question is one look-up. That
// is enough, because an element is on the preceding axis of a node exactly if it ends at or before it.
//
// It returns nil for every other comparison.
func (u *unit) seenBefore(n compare) *code {
	if n.op != "=" {
		return nil
	}
	l, r := n.l, n.r
	if _, ok := l.(context_); ok {
		l, r = r, l
	}
	if _, ok := r.(context_); !ok {
		return nil
	}
	p, ok := l.(path)
	if !ok || p.from != nil || len(p.steps) > 2 {
		return nil
	}
	s := p.steps[0]
	if s.expr != nil || s.axis != axisPreceding || s.test.kind != testName || len(s.preds) > 0 {
		return nil
	}
	if len(p.steps) == 2 { // preceding::name/.
		if _, ok := p.steps[1].expr.(context_); !ok {
			return nil
		}
	}
	id := u.c.names.ID(s.test.name.space, s.test.name.local)
	return fromTest(func(f *Evaluation) bool {
		at := f.contextNode()
		end, ok := f.firstEnds(id)[f.read(f.t.Value(at))]
		if f.t.Kind(at) == xdm.Attr {
			at = f.t.Parent(at)
		}
		return ok && end <= at
	})
}

// firstEnds returns, for each value of the elements of this name, where the one that ends first ends. It is made once
// for a tree, when it is first asked for.
func (f *Evaluation) firstEnds(id xdm.NameID) map[string]xdm.Node {
	of := f.tree | int64(id)
	if m := f.ends[of]; m != nil {
		return m
	}
	list := f.t.Elements(id)
	f.spend(1 + len(list))
	f.keep(int64(len(list)) * entryBytes)
	m := make(map[string]xdm.Node, len(list))
	for _, n := range list {
		v := f.read(f.t.Value(n))
		if end, ok := m[v]; !ok || f.t.Next(n) < end {
			m[v] = f.t.Next(n)
		}
	}
	if f.ends == nil {
		f.ends = map[int64]map[string]xdm.Node{}
	}
	f.ends[of] = m
	return m
}

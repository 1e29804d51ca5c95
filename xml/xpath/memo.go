package xpath

import "slices"

// A part of an expression that begins at the document node and speaks of nothing around it has one value in a document:
// //cac:InvoiceLine, count(/a/b), or a lookup in such a sequence. It is evaluated once for each form in which it is asked for,
// and each form keeps its value or its error, so that a rule that asks for it at every line takes time for one look.

// memo is what an evaluation knows of such a part.
type memo struct {
	pushed, tested, atomed bool
	truth, one             bool
	failed                 [3]*Error // to be pushed, tested, atomized
	items                  []Item
	atom                   Item
	set                    map[string]struct{} // of items that are all strings; nil until somebody asks
	mixed                  bool                // there is no such set
}

// maxMemo is how many items a memo may have; longer sequences are made anew.
const maxMemo = 1 << 18

// once compiles a part that has one value in a document, nil for other expressions.
func (u *unit) once(n node) *code {
	if !u.rooted || u.inMemo || !u.fixed(n) {
		return nil
	}
	u.inMemo = true
	c := u.compile(n)
	u.inMemo = false
	if c.konst {
		return c
	}
	index := u.c.memos
	u.c.memos++
	out := *c
	out.memo = &memoRef{index: index, push: c.push}
	out.count = func(f *Evaluation) int { return len(f.memoItems(out.memo)) }
	out.push = func(f *Evaluation) { f.pushItems(f.memoItems(out.memo)) }
	out.test = func(f *Evaluation) bool {
		if !f.atNode() {
			return c.test(f)
		}
		f.spend(1)
		if !f.memo(index).tested {
			var truth bool
			f.first(index, 1, func() { truth = c.test(f) })
			m := f.memo(index)
			m.truth, m.tested = truth, true
		}
		return f.memo(index).truth
	}
	out.atom = func(f *Evaluation) (Item, bool) {
		if !f.atNode() {
			return c.atom(f)
		}
		f.spend(1)
		if !f.memo(index).atomed {
			var v Item
			var ok bool
			f.first(index, 2, func() { v, ok = c.atom(f) })
			m := f.memo(index)
			m.atom, m.one, m.atomed = v, ok, true
		}
		return f.memo(index).atom, f.memo(index).one
	}
	return &out
}

// memoRef names a memo and says how to make its items.
type memoRef struct {
	index int
	push  func(f *Evaluation)
	let   *let // set: it keeps the items itself
}

// repeated compiles a part of an expression that is evaluated many times, also when the whole is evaluated once.
func (u *unit) repeated(n node) *code {
	was := u.inMemo
	u.inMemo = false
	c := u.compile(n)
	u.inMemo = was
	return c
}

// first evaluates a form of a memo for the first time, or fails as it did then.
func (f *Evaluation) first(index, form int, do func()) {
	if err := f.memo(index).failed[form]; err != nil {
		panic(err)
	}
	if err := attempt(do); err != nil {
		f.memo(index).failed[form] = err
		panic(err)
	}
}

// atNode reports whether there is a document to speak of: without a context node a path from the root is an error.
func (f *Evaluation) atNode() bool { return f.focus && f.item.Type == NodeT }

func (f *Evaluation) memo(i int) *memo {
	for len(f.memos) <= i {
		f.memos = append(f.memos, memo{})
	}
	return &f.memos[i]
}

// memoItems returns the items of a part, from its memo if they are few enough to be kept. They are valid until the next call.
func (f *Evaluation) memoItems(r *memoRef) []Item {
	mark := len(f.st)
	if r.let != nil {
		return f.let(r.let)
	} else if !f.atNode() {
		r.push(f)
	} else if m := f.memo(r.index); m.pushed {
		return m.items
	} else {
		f.first(r.index, 0, func() { r.push(f) })
	}
	items := f.st[mark:]
	if f.atNode() && len(items) <= maxMemo {
		f.keep(int64(len(items)) * itemBytes)
		m := f.memo(r.index)
		m.items, m.pushed = slices.Clone(items), true
	}
	f.drop(mark)
	return items
}

// memoSet returns the strings of a part as a set, nil if it has other values or is not kept.
func (f *Evaluation) memoSet(r *memoRef) map[string]struct{} {
	items := f.memoItems(r)
	m := f.memo(r.index)
	if m.set != nil || m.mixed || r.let == nil && !m.pushed {
		return m.set
	}
	set := map[string]struct{}{}
	for _, i := range items {
		f.spend(1)
		if i.Type == NodeT {
			i = f.value(i.Node())
		}
		if !isText(&i) {
			m.mixed = true
			return nil
		}
		if _, there := set[i.s]; !there {
			f.keep(entryBytes)
			set[i.s] = struct{}{}
		}
	}
	m.set = set
	return set
}

// fixed reports whether an expression begins at the document node and depends on nothing but the document.
func (u *unit) fixed(n node) bool {
	switch n := n.(type) { // these are as fast as a memo
	case root:
		return false
	case path:
		if _, ok := n.from.(root); ok && len(n.steps) == 1 && isNamedChild(n.steps[0]) {
			return false
		}
	}
	return rooted(n) && u.independent(n, nil)
}

// isNamedChild reports whether a step goes to the children of a name, without a condition.
func isNamedChild(s step) bool {
	return s.expr == nil && s.axis == axisChild && s.test.kind == testName && len(s.preds) == 0
}

// rooted reports whether an expression speaks of the document node.
func rooted(n node) bool { return anyNode(n, func(x node) bool { _, ok := x.(root); return ok }) }

// independent reports whether an expression reads neither the focus around it nor a variable that is not bound in it or
// global.
func (u *unit) independent(n node, bound []qname) bool {
	all := func(list []node) bool {
		return !slices.ContainsFunc(list, func(x node) bool { return x != nil && !u.independent(x, bound) })
	}
	switch n := n.(type) {
	case context_:
		return false
	case variable:
		return slices.Contains(bound, n.name) || u.global(n.name)
	case path:
		if n.from == nil {
			return false
		}
		inner := func(list []node) bool {
			return !slices.ContainsFunc(list, func(x node) bool { return x != nil && !u.closed(x, bound) })
		}
		for _, s := range n.steps {
			if !inner(s.preds) || s.expr != nil && !u.closed(s.expr, bound) {
				return false
			}
		}
		return u.independent(n.from, bound)
	case filter:
		return u.independent(n.x, bound) && !slices.ContainsFunc(n.preds, func(x node) bool { return !u.closed(x, bound) })
	case call:
		if len(n.args) == 0 && readsFocus(n) {
			return false
		}
		return all(n.args)
	case forExpr:
		bound, ok := u.bound(n.binds, bound)
		return ok && u.independent(n.ret, bound)
	case quantified:
		bound, ok := u.bound(n.binds, bound)
		return ok && u.independent(n.cond, bound)
	}
	return all(parts(n))
}

// bound adds the variables of for, some or every to those that are bound.
func (u *unit) bound(binds []binding, bound []qname) ([]qname, bool) {
	bound = slices.Clone(bound)
	for _, b := range binds {
		if !u.independent(b.in, bound) {
			return nil, false
		}
		bound = append(bound, b.name)
	}
	return bound, true
}

// closed reports whether an expression with a focus of its own reads no variable of its surroundings but global ones.
func (u *unit) closed(n node, bound []qname) bool {
	switch n := n.(type) {
	case variable:
		return slices.Contains(bound, n.name) || u.global(n.name)
	case forExpr, quantified:
		return !anyNode(n, func(x node) bool { _, ok := x.(variable); return ok }) // rare: not looked into
	}
	return !slices.ContainsFunc(parts(n), func(x node) bool { return x != nil && !u.closed(x, bound) })
}

// global reports whether a variable has one value in a document.
func (u *unit) global(name qname) bool {
	if slices.ContainsFunc(u.vars, func(v local) bool { return v.name == name }) {
		return false
	}
	l := u.scope.find(name)
	return l != nil && !l.local
}

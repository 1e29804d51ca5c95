package xpath

import "slices"

// A part of an expression that begins at a document node and reads nothing of its surroundings has one value in a
// document: //cac:InvoiceLine, count(/a/b), or a look-up in such a sequence. It is evaluated once for each form in
// which it is asked for (push, test, atom), and each form keeps its value or its error. A rule that asks for it at
// every line then takes linear time instead of quadratic.

// memo is what an evaluation knows of such a part, by its index in Evaluation.memos.
type memo struct {
	pushed, tested, atomed bool
	truth, one             bool
	failed                 [3]*Error // when pushed, tested, atomized
	items                  []Item
	atom                   Item
	set                    map[string]struct{} // the items, if all are strings; nil until memoSet is called
	mixed                  bool                // there is no such set
}

// maxMemo is how many items a memo keeps at most: 2^18 items take 12 MiB. Longer sequences are made anew each time.
const maxMemo = 1 << 18

// memoized compiles a part that has one value in a document, nil for other expressions. While it does, u.inMemo is set:
// parts of such a part are evaluated once anyway and need no memo of their own.
func (u *unit) memoized(n node) *code {
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
			f.evaluateOnce(index, 1, func() { truth = c.test(f) })
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
			f.evaluateOnce(index, 2, func() { v, ok = c.atom(f) })
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

// repeated compiles a part that is evaluated many times even when the whole is evaluated once, such as a predicate:
// here memos pay off again.
func (u *unit) repeated(n node) *code {
	was := u.inMemo
	u.inMemo = false
	c := u.compile(n)
	u.inMemo = was
	return c
}

// evaluateOnce evaluates a form of a memo, or fails as it did the first time.
func (f *Evaluation) evaluateOnce(index, form int, eval func()) {
	if err := f.memo(index).failed[form]; err != nil {
		panic(err)
	}
	if err := attempt(eval); err != nil {
		f.memo(index).failed[form] = err
		panic(err)
	}
}

// atNode reports whether the context item is a node of the document. Without a node a path from the root is an error,
// which the memo must not hide; in a document of the rules it begins elsewhere.
func (f *Evaluation) atNode() bool { return f.focus && f.item.Type == NodeT && f.tree == 0 }

func (f *Evaluation) memo(i int) *memo {
	for len(f.memos) <= i {
		f.memos = append(f.memos, memo{})
	}
	return &f.memos[i]
}

// memoItems returns the items of a part, from its memo if they are few enough to be kept. They are valid until the next
// call: items that are not kept lie on the stack, above its new height.
func (f *Evaluation) memoItems(r *memoRef) []Item {
	mark := len(f.st)
	if r.let != nil {
		return f.let(r.let)
	} else if !f.atNode() {
		r.push(f)
	} else if m := f.memo(r.index); m.pushed {
		return m.items
	} else {
		f.evaluateOnce(r.index, 0, func() { r.push(f) })
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
	if r.let == nil && !f.atNode() {
		return nil
	}
	items := f.memoItems(r)
	m := f.memo(r.index)
	if m.set != nil || m.mixed || r.let == nil && !m.pushed {
		return m.set
	}
	set := map[string]struct{}{}
	for _, i := range items {
		f.spend(1)
		if i.Type == NodeT {
			i = f.valueOf(&i)
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

// fixed reports whether an expression depends on the document alone, and is worth a memo.
func (u *unit) fixed(n node) bool {
	switch n := n.(type) { // these take no longer than a look into a memo
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

// rooted reports whether the document node occurs in an expression, or a document of the rules.
func rooted(n node) bool {
	return anyNode(n, func(x node) bool {
		c, ok := x.(call)
		if !ok {
			_, ok = x.(root)
			return ok
		}
		return c.name.space == nsFn && isDocument(c.name.local)
	})
}

// independent reports whether an expression reads nothing of its surroundings: neither the focus nor a variable, except
// global ones and those that it binds itself (bound).
func (u *unit) independent(n node, bound []qname) bool {
	all := func(list []node) bool {
		return !slices.ContainsFunc(list, func(x node) bool { return x != nil && !u.independent(x, bound) })
	}
	inner := func(list []node) bool {
		return !slices.ContainsFunc(list, func(x node) bool { return x != nil && !u.closed(x, bound) })
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
		for _, s := range n.steps {
			if !inner(s.preds) || s.expr != nil && !u.closed(s.expr, bound) {
				return false
			}
		}
		return u.independent(n.from, bound)
	case filter:
		return u.independent(n.x, bound) && inner(n.preds)
	case call:
		if len(n.args) == 0 && readsFocus(n) {
			return false
		}
		return all(n.args)
	case forExpr:
		bound, ok := u.bound(n.binds, bound)
		return ok && u.independent(n.ret, bound)
	case letExpr:
		bound, ok := u.bound(n.binds, bound)
		return ok && u.independent(n.ret, bound)
	case mapped:
		return u.independent(n.l, bound) && u.closed(n.r, bound)
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

// closed is independent for an expression that has a focus of its own, such as a predicate: only its variables count.
func (u *unit) closed(n node, bound []qname) bool {
	switch n := n.(type) {
	case variable:
		return slices.Contains(bound, n.name) || u.global(n.name)
	case call:
		if callsCurrent(n) {
			return false
		}
	case forExpr, quantified, letExpr:
		isVariable := func(x node) bool { _, ok := x.(variable); return ok }
		return !anyNode(n, isVariable) && !anyNode(n, callsCurrent) // rare: not looked into
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

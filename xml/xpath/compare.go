package xpath

import "slices"

func (u *unit) compare(n compare) *code {
	if u.c.compatible {
		return oldCompare(n.op, u.compile(n.l), u.compile(n.r))
	}
	if c := u.seenBefore(n); c != nil {
		return c
	}
	l, r := u.compile(n.l), u.compile(n.r)
	switch n.op {
	case "is", "<<", ">>":
		return nodeCompare(n.op, l, r)
	case "=", "!=", "<", "<=", ">", ">=":
		return u.general(n.op, l, r)
	}
	accept := orderings[n.op]
	return folded(fromAtom(Boolean, func(f *Evaluation) (Item, bool) {
		a, ok := l.atom(f)
		if !ok {
			return a, false
		}
		b, ok := r.atom(f)
		if !ok {
			return b, false
		}
		return boolItem(compareItems(&a, &b, accept)), true
	}), l, r)
}

// nodeCompare compiles is, << and >>: the numbers of nodes are their order in the document.
func nodeCompare(op string, l, r *code) *code {
	one := func(f *Evaluation, c *code) (int64, bool) {
		mark := len(f.st)
		c.push(f)
		f.nodesOnly(mark)
		if len(f.st)-mark > 1 {
			fail(codeType, "several nodes where one is wanted")
		}
		if len(f.st) == mark {
			return 0, false
		}
		n := f.st[mark].n
		f.drop(mark)
		return n, true
	}
	return fromAtom(Boolean, func(f *Evaluation) (Item, bool) {
		a, ok := one(f, l)
		if !ok {
			return Item{}, false
		}
		b, ok := one(f, r)
		if !ok {
			return Item{}, false
		}
		return boolItem(op == "is" && a == b || op == "<<" && a < b || op == ">>" && a > b), true
	})
}

// setSize is the number of constant strings from which on a comparison looks them up in a set; comparing with fewer
// is as fast.
const setSize = 6

// general compiles a general comparison, which holds if it holds for one pair of items (XPath §3.5.2).
func (u *unit) general(op string, l, r *code) *code {
	accept := orderings[op]
	if op == "=" {
		if l.konst && !r.konst {
			l, r = r, l
		}
		if set := setOf(u.c.names, r); set != nil {
			return inSet(l, r, set)
		}
		if r.docs != nil {
			if c := inDocument(u.c.names, l, r); c != nil {
				return folded(c, l, r)
			}
		}
		if r.memo != nil && !r.opt {
			return inMemoSet(l, r)
		}
	}
	if l.opt && r.opt {
		return folded(fromTest(func(f *Evaluation) bool {
			a, ok := l.atom(f)
			if !ok {
				return false
			}
			b, ok := r.atom(f)
			return ok && compareGeneral(&a, &b, accept)
		}), l, r)
	}
	if r.opt && l.typ != NodeT {
		return folded(oneOnTheRight(l, r, accept), l, r)
	}
	return folded(fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		l.push(f)
		if len(f.st) == mark {
			return false
		}
		f.atomize(mark)
		mid := len(f.st)
		r.push(f)
		f.atomize(mid)
		found := f.anyPair(mark, mid, accept)
		f.drop(mark)
		return found
	}), l, r)
}

// oneOnTheRight compares each item of l with at most one of r. It evaluates r first, as Saxon does unless l is a
// path: where both sides fail, the order decides which error is reported, and our results are compared with Saxon's.
func oneOnTheRight(l, r *code, accept ordering) *code {
	return fromTest(func(f *Evaluation) bool {
		b, ok := r.atom(f)
		if !ok {
			return false
		}
		mark := len(f.st)
		l.push(f)
		f.atomize(mark)
		found := false
		for i := mark; i < len(f.st) && !found; i++ {
			found = compareGeneral(&f.st[i], &b, accept)
		}
		f.drop(mark)
		return found
	})
}

// inMemoSet compares with a sequence that is the same everywhere in the document (memo.go). Its strings become a set
// once, so that a rule that asks at every line whether an id exists takes linear time.
func inMemoSet(l, r *code) *code {
	return fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		l.push(f)
		if len(f.st) == mark {
			return false
		}
		f.atomize(mark)
		mid := len(f.st)
		found, known := false, false
		if !slices.ContainsFunc(f.st[mark:], func(i Item) bool { return !isText(&i) }) {
			set := f.memoSet(r.memo)
			known = set != nil
			for i := mark; i < mid && known && !found; i++ {
				f.spend(1)
				_, found = set[f.st[i].s]
			}
		}
		if !known {
			r.push(f)
			f.atomize(mid)
			found = f.anyPair(mark, mid, equal)
		}
		f.drop(mark)
		return found
	})
}

// anyPair reports whether a pair of the items from mark to mid and from mid on compares as accepted. From 64 pairs on
// it tries a set first.
func (f *Evaluation) anyPair(mark, mid int, accept ordering) bool {
	left, right := f.st[mark:mid], f.st[mid:]
	if len(left)*len(right) > 64 {
		if yes, known := hashPair(left, right, accept); known {
			f.spend(len(left) + len(right))
			f.alloc(int64(len(right)) * entryBytes)
			return yes
		}
	}
	for i := range left {
		f.spend(len(right))
		for j := range right {
			if compareGeneral(&left[i], &right[j], accept) {
				return true
			}
		}
	}
	return false
}

// hashPair answers "=" of strings in linear time; known is false for other operators and types.
func hashPair(left, right []Item, accept ordering) (yes, known bool) {
	text := func(list []Item) bool {
		return !slices.ContainsFunc(list, func(i Item) bool { return i.Type != Untyped && i.Type != String })
	}
	if accept != equal || !text(left) || !text(right) {
		return false, false
	}
	set := make(map[string]struct{}, len(right))
	for _, i := range right {
		set[i.s] = struct{}{}
	}
	for _, i := range left {
		if _, ok := set[i.s]; ok {
			return true, true
		}
	}
	return false, true
}

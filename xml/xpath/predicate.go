package xpath

// predicate is a compiled predicate.
type predicate struct {
	at    int64 // > 0: it is the constant number of a position, as in [1]
	code  *code
	cond  bool // the value is never a number, so that it is a condition, not a position (XPath §3.2.2)
	plain bool // cond, and it does not ask for positions
	fixed bool // the value does not depend on the item
}

// predicates compiles predicates and finds out what they depend on, for the shortcuts in filter and in path.
func (u *unit) predicates(list []node) []predicate {
	var out []predicate
	for _, n := range list {
		c := u.repeated(n)
		p := predicate{code: c, cond: c.typ == Boolean || c.typ == String || c.typ == NodeT || c.typ == Untyped}
		p.plain = p.cond && !speaksOfPosition(n)
		p.fixed = !readsFocus(n)
		if c.konst && c.one && c.typ.numeric() {
			if p.at = positionOf(c.items[0]); p.at == 0 {
				p = predicate{code: fromItems([]Item{boolItem(false)}), cond: true} // such as [0] or [1.5]
			}
		}
		out = append(out, p)
	}
	return out
}

// positionOf returns the position that a number asks for, 0 for a number that is no position.
func positionOf(v Item) int64 {
	if v.Type.floating() {
		if n := v.float(); n == float64(int64(n)) {
			return max(int64(n), 0)
		}
		return 0
	}
	if d := v.dec().trimmed(); d.scale == 0 && d.big == nil {
		return max(d.n, 0)
	}
	return 0
}

// filter keeps the items from mark on for which the predicate holds. It moves the kept ones down in place.
func (f *Evaluation) filter(p *predicate, mark int) {
	n := len(f.st) - mark
	if p.at > 0 {
		if int64(n) < p.at {
			f.drop(mark)
			return
		}
		f.st[mark] = f.st[mark+int(p.at)-1]
		f.drop(mark + 1)
		return
	}
	if n == 0 {
		return
	}
	if p.fixed {
		f.filterFixed(p.code, mark)
		return
	}
	was := f.save()
	kept := mark
	for i := mark; i < mark+n; i++ {
		f.spend(1)
		f.setFocus(f.st[i], i-mark+1, n)
		if f.holds(p, int64(i-mark+1)) {
			f.st[kept] = f.st[i]
			kept++
		}
	}
	f.drop(kept)
	f.restore(was)
}

// filterFixed is filter by a value that is the same for all items: a position, or a condition.
func (f *Evaluation) filterFixed(c *code, mark int) {
	top := len(f.st)
	c.push(f)
	if len(f.st)-top != 1 || !f.st[top].Type.numeric() {
		if !f.truth(top) {
			f.drop(mark)
		}
		return
	}
	at := positionOf(f.st[top])
	f.drop(top)
	if at == 0 || at > int64(top-mark) {
		f.drop(mark)
		return
	}
	f.st[mark] = f.st[mark+int(at)-1]
	f.drop(mark + 1)
}

// holds evaluates a predicate for the item in focus, which is at this position.
func (f *Evaluation) holds(p *predicate, pos int64) bool {
	if p.cond {
		return p.code.test(f)
	}
	mark := len(f.st)
	p.code.push(f)
	if len(f.st)-mark == 1 && f.st[mark].Type.numeric() {
		v := f.st[mark]
		f.drop(mark)
		return positionOf(v) == pos
	}
	return f.truth(mark)
}

func (u *unit) filter(n filter) *code {
	x := u.compile(n.x)
	if x.docs != nil {
		return u.filterDocument(x, n.preds)
	}
	return filtered(x, u.predicates(n.preds))
}

func filtered(x *code, preds []predicate) *code {
	return fromPush(x.typ, func(f *Evaluation) {
		mark := len(f.st)
		x.push(f)
		for i := range preds {
			f.filter(&preds[i], mark)
		}
	})
}

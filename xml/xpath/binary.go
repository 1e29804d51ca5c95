package xpath

func (u *unit) binary(n binary) *code {
	l, r := u.compile(n.l), u.compile(n.r)
	switch n.op {
	case "to":
		return u.rangeOf(l, r)
	case "|", "intersect", "except":
		return setOp(n.op, l, r)
	}
	if u.c.compatible {
		l, r = firstNumber(l), firstNumber(r)
	}
	op := n.op[0] // as arithmetic wants it
	switch n.op {
	case "div":
		op = '/'
	case "idiv":
		op = 'i'
	case "mod":
		op = 'm'
	}
	return folded(fromAtom(arithmeticType(op, l.typ, r.typ), func(f *Evaluation) (Item, bool) {
		a, ok := l.atom(f)
		if !ok {
			return a, false
		}
		a = operand(a) // may fail, and does so before the other operand is evaluated
		b, ok := r.atom(f)
		if !ok {
			return b, false
		}
		return arithmetic(op, a, b), true
	}), l, r)
}

// arithmeticType is the type of a result as far as it is known.
func arithmeticType(op byte, l, r Type) Type {
	l, r = numericOf(l), numericOf(r)
	switch {
	case l == NoType || r == NoType:
		return NoType
	case op == 'i':
		return Integer
	case l == Double || r == Double:
		return Double
	case l == Float || r == Float:
		return Float
	case l == Decimal || r == Decimal || op == '/':
		return Decimal
	}
	return Integer
}

// rangeOf compiles "a to b". Each number is a step: a range of thousands of millions ends at the budget.
func (u *unit) rangeOf(l, r *code) *code {
	bound := func(f *Evaluation, c *code) (int64, bool) {
		v, ok := c.atom(f)
		if !ok {
			return 0, false
		}
		if v.Type == Untyped {
			v = cast(v, Integer)
		}
		if v.Type != Integer {
			fail(codeType, "a range of %s", v.Type)
		}
		if v.big != nil {
			fail(codeOverflow, "a range of too large numbers")
		}
		return v.n, true
	}
	return folded(fromPush(Integer, func(f *Evaluation) {
		a, ok := bound(f, l)
		if !ok {
			return
		}
		b, ok := bound(f, r)
		if !ok {
			return
		}
		for ; a <= b; a++ {
			f.spend(1)
			f.push(intItem(a))
		}
	}), l, r)
}

// setOp compiles union, intersect and except in linear time, apart from sorting.
func setOp(op string, l, r *code) *code {
	return fromPush(NodeT, func(f *Evaluation) {
		mark := len(f.st)
		l.push(f)
		f.nodesOnly(mark)
		mid := len(f.st)
		r.push(f)
		f.nodesOnly(mid)
		if op == "|" {
			f.order(mark)
			return
		}
		f.spend(len(f.st) - mark)
		f.alloc(int64(len(f.st)-mid) * entryBytes)
		right := make(map[int64]bool, len(f.st)-mid)
		for _, i := range f.st[mid:] {
			right[i.n] = true
		}
		f.drop(mid)
		keep := f.st[:mark]
		for _, i := range f.st[mark:] {
			if right[i.n] == (op == "intersect") {
				keep = append(keep, i)
			}
		}
		f.st = keep
		f.order(mark)
	})
}

// nodesOnly fails unless all values from mark on are nodes.
func (f *Evaluation) nodesOnly(mark int) {
	for i := mark; i < len(f.st); i++ {
		if f.st[i].Type != NodeT {
			fail(codeType, "%s where nodes are wanted", f.st[i].Type)
		}
	}
}

package xpath

import "slices"

// unit is one expression being compiled, with its local variables.
type unit struct {
	scope *Scope
	c     *Compiler
	vars  []local
	slots int

	rooted bool // the document node occurs in it; if not, no part can have a memo, and none is looked for
	inMemo bool // what is being compiled is evaluated once anyway
}

type local struct {
	name qname
	slot int
	one  bool // its value is always exactly one item
	typ  Type
}

// bind declares a variable and returns its slot. Slots are not used again, even after the scope of a variable has
// ended.
func (u *unit) bind(name qname, one bool, typ Type) int {
	slot := u.slots
	u.slots++
	u.vars = append(u.vars, local{name, slot, one, typ})
	return slot
}

func (u *unit) compile(n node) *code {
	if u.c.compatible {
		onlyOld(n)
	}
	if c := u.memoized(n); c != nil {
		return c
	}
	switch n := n.(type) {
	case literal:
		return fromItems([]Item{n.item})
	case variable:
		return u.variable(n)
	case context_:
		return u.contextItem()
	case sequence:
		return u.sequence(n)
	case binary:
		return u.binary(n)
	case negate:
		x := u.compile(n.x)
		if u.c.compatible {
			x = firstNumber(x)
		}
		return folded(fromAtom(numericOf(x.typ), func(f *Evaluation) (Item, bool) {
			v, ok := x.atom(f)
			if !ok {
				return v, false
			}
			return negateItem(v), true
		}), x)
	case compare:
		return u.compare(n)
	case logic:
		return u.logic(n)
	case conditional:
		return u.conditional(n)
	case forExpr:
		return u.forExpr(n)
	case letExpr:
		return u.letExpr(n)
	case mapped:
		return u.mapped(n)
	case quantified:
		return u.quantified(n)
	case castExpr:
		return u.cast(n)
	case instance:
		return u.instance(n)
	case call:
		return u.call(n)
	case path:
		return u.path(n)
	case root:
		return fromPush(NodeT, func(f *Evaluation) {
			f.contextNode()
			f.push(f.node(0))
		})
	case filter:
		return u.filter(n)
	}
	panic("xpath: unknown expression")
}

// numericOf is the type that an operand of arithmetic has, as far as it is known: nodes and untyped values become
// doubles.
func numericOf(t Type) Type {
	switch t {
	case Untyped, NodeT:
		return Double
	case Integer, Decimal, Double, Float:
		return t
	}
	return NoType
}

// variable compiles a variable: of the expression itself, the innermost first, or a let of its scope.
func (u *unit) variable(n variable) *code {
	for _, v := range slices.Backward(u.vars) {
		if v.name != n.name {
			continue
		}
		slot := v.slot
		c := fromPush(v.typ, func(f *Evaluation) { f.pushItems(f.variable(slot)) })
		c.one, c.opt = v.one, v.one
		if v.one {
			c.atom = func(f *Evaluation) (Item, bool) {
				i := f.variable(slot)[0]
				if i.Type == NodeT {
					i = f.valueOf(&i)
				}
				return i, true
			}
		}
		return c
	}
	l := u.scope.find(n.name)
	if l == nil {
		fail(UndefinedVariable, "the variable $%s is not declared", n.name.local)
	}
	if l.code.konst {
		return l.code
	}
	c := fromPush(l.code.typ, func(f *Evaluation) { f.pushItems(f.let(l)) })
	c.one, c.opt = l.code.one, l.code.opt
	if !l.local {
		c.memo = l.memo
	}
	return c
}

func (u *unit) contextItem() *code {
	c := fromPush(NoType, func(f *Evaluation) {
		if !f.focus {
			fail(codeNoContext, "there is no context item")
		}
		f.push(f.item)
	})
	c.atom = func(f *Evaluation) (Item, bool) {
		if !f.focus {
			fail(codeNoContext, "there is no context item")
		}
		if f.item.Type == NodeT {
			return f.valueOf(&f.item), true
		}
		return f.item, true
	}
	c.one, c.opt = true, true
	return c
}

func (u *unit) compileAll(list []node) []*code {
	out := make([]*code, len(list))
	for i, n := range list {
		out[i] = u.compile(n)
	}
	return out
}

func (u *unit) sequence(n sequence) *code {
	list := u.compileAll(n.list)
	if len(list) == 1 {
		return list[0]
	}
	typ := NoType
	for i, c := range list {
		if i == 0 {
			typ = c.typ
		} else if typ != c.typ {
			typ = NoType
		}
	}
	return folded(fromPush(typ, func(f *Evaluation) {
		for _, c := range list {
			c.push(f)
		}
	}), list...)
}

func (u *unit) logic(n logic) *code {
	l, r := u.compile(n.l), u.compile(n.r)
	if n.and {
		return fromTest(func(f *Evaluation) bool { return l.test(f) && r.test(f) })
	}
	return fromTest(func(f *Evaluation) bool { return l.test(f) || r.test(f) })
}

// conditional compiles if: only the branch that is taken is evaluated, in whatever form is asked for.
func (u *unit) conditional(n conditional) *code {
	cond, then, els := u.compile(n.cond), u.compile(n.then), u.compile(n.els)
	typ := then.typ
	if typ != els.typ {
		typ = NoType
	}
	pick := func(f *Evaluation) *code {
		if cond.test(f) {
			return then
		}
		return els
	}
	return &code{
		typ: typ, one: then.one && els.one, opt: then.opt && els.opt,
		push: func(f *Evaluation) { pick(f).push(f) },
		test: func(f *Evaluation) bool { return pick(f).test(f) },
		atom: func(f *Evaluation) (Item, bool) { return pick(f).atom(f) },
	}
}

func (u *unit) forExpr(n forExpr) *code {
	before := len(u.vars)
	ins, slots := u.bindings(n.binds)
	ret := u.repeated(n.ret)
	u.vars = u.vars[:before]
	return fromPush(ret.typ, func(f *Evaluation) {
		loop(f, ins, slots, func() bool {
			ret.push(f)
			return true
		})
	})
}

// letExpr compiles let: each value is evaluated when it is first read.
func (u *unit) letExpr(n letExpr) *code {
	before := len(u.vars)
	var list []*code
	for _, b := range n.binds {
		list = append(list, u.later(b.name, b.in, u.compile(b.in)))
	}
	ret := u.compile(n.ret)
	u.vars = u.vars[:before]
	declare := func(f *Evaluation) {
		for _, c := range list {
			c.push(f)
		}
	}
	out := *ret
	out.konst, out.items, out.count, out.parts, out.memo = false, nil, nil, nil, nil
	out.push = func(f *Evaluation) { declare(f); ret.push(f) }
	out.test = func(f *Evaluation) bool { declare(f); return ret.test(f) }
	out.atom = func(f *Evaluation) (Item, bool) { declare(f); return ret.atom(f) }
	return &out
}

// later declares a variable whose value is evaluated when it is first read, and returns the code that puts it off. x is
// the expression of the value, nil for one that may read the context item.
func (u *unit) later(name qname, x node, value *code) *code {
	slot := u.bind(name, false, value.typ)
	if x != nil && !readsFocus(x) {
		return fromPush(NoType, func(f *Evaluation) { f.slots[f.base+slot].put(value, nil) })
	}
	return fromPush(NoType, func(f *Evaluation) {
		f.spend(1)
		f.slots[f.base+slot].put(value, &outside{f.save(), f.current, f.group})
	})
}

// mapped compiles l ! r: r with each item of l as context item.
func (u *unit) mapped(n mapped) *code {
	l, r := u.compile(n.l), u.repeated(n.r)
	return fromPush(r.typ, func(f *Evaluation) {
		mark := len(f.st)
		l.push(f)
		end := len(f.st)
		was := f.save()
		for i := mark; i < end; i++ {
			f.spend(1)
			f.setFocus(f.st[i], i-mark+1, end-mark)
			r.push(f)
		}
		f.restore(was)
		f.lift(mark, end)
	})
}

// bindings compiles the ranges of for, some and every. Each sees the variables before it.
func (u *unit) bindings(binds []binding) (ins []*code, slots []int) {
	for _, b := range binds {
		in := u.compile(b.in)
		ins = append(ins, in)
		slots = append(slots, u.bind(b.name, true, in.typ))
	}
	return ins, slots
}

// loop runs body for each combination of the variables until it returns false. The values of a variable stay on the
// stack below what body pushes, and are taken out from under it at the end.
func loop(f *Evaluation, ins []*code, slots []int, body func() bool) bool {
	if len(ins) == 0 {
		return body()
	}
	mark := len(f.st)
	ins[0].push(f)
	end := len(f.st)
	goOn := true
	for i := mark; i < end && goOn; i++ {
		f.spend(1)
		f.bindOne(slots[0], f.st[i])
		goOn = loop(f, ins[1:], slots[1:], body)
	}
	f.lift(mark, end)
	return goOn
}

func (u *unit) quantified(n quantified) *code {
	if c := u.listTest(n); c != nil {
		return c
	}
	before := len(u.vars)
	ins, slots := u.bindings(n.binds)
	cond := u.repeated(n.cond)
	u.vars = u.vars[:before]
	every := n.every
	return fromTest(func(f *Evaluation) bool {
		return loop(f, ins, slots, func() bool { return cond.test(f) == every }) == every
	})
}

// listTest compiles "some $x in LIST satisfies E = $x" as "E = LIST" if LIST is constant and E does not read $x:
// rules look values up in code lists in this form, and "=" with a list uses a set.
func (u *unit) listTest(n quantified) *code {
	cond, ok := n.cond.(compare)
	if n.every || len(n.binds) != 1 || !ok || cond.op != "=" {
		return nil
	}
	name := n.binds[0].name
	isVar := func(x node) bool { v, ok := x.(variable); return ok && v.name == name }
	other := cond.l
	switch {
	case isVar(cond.r):
	case isVar(cond.l):
		other = cond.r
	default:
		return nil
	}
	if mentions(other, name) {
		return nil
	}
	list := u.compile(n.binds[0].in)
	if !list.konst || len(list.items) == 0 {
		return nil
	}
	return u.general("=", u.compile(other), list)
}

// cast compiles cast as and castable as.
func (u *unit) cast(n castExpr) *code {
	x := u.compile(n.x)
	to, optional := n.to, n.optional
	if n.test {
		return folded(fromTest(func(f *Evaluation) bool {
			mark := len(f.st)
			x.push(f)
			count := len(f.st) - mark
			if count != 1 {
				f.drop(mark)
				return count == 0 && optional
			}
			v, _ := f.single(mark)
			_, code := tryCast(v, to)
			return code == ""
		}), x)
	}
	return folded(fromAtom(to.base(), func(f *Evaluation) (Item, bool) {
		v, ok := x.atom(f)
		if !ok {
			if !optional {
				fail(codeType, "an empty sequence cannot be cast to %s", to)
			}
			return v, false
		}
		return cast(v, to), true
	}), x)
}

func (u *unit) instance(n instance) *code {
	x, of := u.compile(n.x), u.c.seqType(n.of)
	if n.treat {
		return fromPush(x.typ, func(f *Evaluation) {
			mark := len(f.st)
			x.push(f)
			if !of.matches(f, f.st[mark:]) {
				fail("XPDY0050", "the value is not of the type that it is treated as")
			}
		})
	}
	return fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		x.push(f)
		ok := of.matches(f, f.st[mark:])
		f.drop(mark)
		return ok
	})
}

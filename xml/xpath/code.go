package xpath

import (
	"cmp"
	"context"
)

// code is a compiled expression. Its three functions give the same value in three forms, and each caller takes the
// one it needs: test may stop at the first node, and atom needs no place on the stack. The fields below them are what
// is known of the value without evaluating it; a caller chooses a faster way by them.
type code struct {
	push func(f *Evaluation)              // appends the items
	test func(f *Evaluation) bool         // effective boolean value
	atom func(f *Evaluation) (Item, bool) // at most one item, atomized; XPTY0004 if there are more

	typ   Type // of all items, NoType when it is not known
	konst bool // items is the value, the same in every document
	items []Item
	docs  *Documents              // set: it is constant, and some items are nodes of these documents
	one   bool                    // there is exactly one item
	opt   bool                    // there is at most one item
	count func(f *Evaluation) int // how many items there are, where that is known without them; nil for others
	parts []*code                 // the arguments of concat (see inList), nil for others
	memo  *memoRef                // the value is the same everywhere in a document; nil for others
}

// fromPush makes a code of the function that pushes its items; the from… functions below likewise, of another form.
func fromPush(typ Type, push func(f *Evaluation)) *code {
	return &code{
		typ: typ, push: push,
		test: func(f *Evaluation) bool {
			mark := len(f.st)
			push(f)
			return f.truth(mark)
		},
		atom: func(f *Evaluation) (Item, bool) {
			mark := len(f.st)
			push(f)
			return f.single(mark)
		},
	}
}

// fromAtom makes a code of at most one atomic item.
func fromAtom(typ Type, atom func(f *Evaluation) (Item, bool)) *code {
	return &code{
		typ: typ, opt: true, atom: atom,
		push: func(f *Evaluation) {
			if v, ok := atom(f); ok {
				f.push(v)
			}
		},
		test: func(f *Evaluation) bool {
			v, ok := atom(f)
			return ok && truthOf(&v)
		},
	}
}

// fromTest makes a code of a boolean.
func fromTest(test func(f *Evaluation) bool) *code {
	return &code{
		typ: Boolean, one: true, opt: true, test: test,
		push: func(f *Evaluation) { f.push(boolItem(test(f))) },
		atom: func(f *Evaluation) (Item, bool) { return boolItem(test(f)), true },
	}
}

// fromString makes a code of a string.
func fromString(get func(f *Evaluation) string) *code {
	c := fromAtom(String, func(f *Evaluation) (Item, bool) { return stringItem(get(f)), true })
	c.test = func(f *Evaluation) bool { return get(f) != "" }
	c.one = true
	return c
}

// fromItems makes the code of a constant.
func fromItems(items []Item) *code {
	c := fromPush(NoType, func(f *Evaluation) { f.pushItems(items) })
	c.konst, c.items, c.one, c.opt = true, items, len(items) == 1, len(items) <= 1
	for i, v := range items {
		if i == 0 {
			c.typ = v.Type
		} else if v.Type != c.typ {
			c.typ = NoType
		}
	}
	if c.one && c.typ != NodeT {
		v := items[0]
		c.atom = func(*Evaluation) (Item, bool) { return v, true }
	}
	return c
}

// folded evaluates c now if its operands are constant. If that fails, c stays as it is: the expression may stand in a
// branch that is never taken, and must then not fail at all.
func folded(c *code, operands ...*code) *code {
	var docs *Documents
	for _, o := range operands {
		if !o.konst {
			return c
		}
		docs = cmp.Or(o.docs, docs)
	}
	if docs != nil {
		return docs.folded(c)
	}
	items, err := constantEvaluation().collect(c)
	if err != nil {
		return c
	}
	return fromItems(items)
}

// constantEvaluation evaluates constants at compile time. Its budget is small, so that an expression such as
// 1 to 1000000000 does not hold up loading: it fails here and is left to the budget of the evaluation.
func constantEvaluation() *Evaluation {
	return &Evaluation{left: 1 << 20, bytes: 64 << 20, ctx: context.Background()}
}

// collect evaluates a code and returns its items in a slice of their own, not on the stack.
func (f *Evaluation) collect(c *code) (items []Item, err error) {
	defer rescue(&err)
	mark := len(f.st)
	c.push(f)
	items = append([]Item(nil), f.st[mark:]...)
	f.drop(mark)
	return items, nil
}

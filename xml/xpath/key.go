package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// key finds elements by a value. It is made of all xsl:key of a name (XSLT 2.0 §16.3.1).
type key struct {
	parts []keyPart
}

type keyPart struct {
	match *Pattern
	use   *Expr
}

// DeclareKey makes a key known that Scope.Key says more of: functions and lets may read a key that is declared behind
// them.
func (c *Compiler) DeclareKey(name string) {
	if c.keys[name] == nil {
		c.keys[name] = &key{}
	}
}

// Key declares a key, which key('name', value) reads.
func (s *Scope) Key(name, match, use string) error {
	m, err := s.Pattern(match)
	if err != nil {
		return err
	}
	e, err := s.Compile(use)
	if err != nil {
		return err
	}
	s.c.DeclareKey(name)
	k := s.c.keys[name]
	k.parts = append(k.parts, keyPart{m, e})
	return nil
}

// keyCall compiles key(). The name must be a constant, so that the key is known now.
func (u *unit) keyCall(name node, value *code) *code {
	lit, ok := name.(literal)
	if !ok || lit.item.Type != String {
		fail(codeFunction, "the name of a key must be a string")
	}
	k := u.c.keys[lit.item.s]
	if k == nil {
		fail("XTDE1260", "the key %s is not declared", lit.item.s)
	}
	values := func(f *Evaluation) (list []string) {
		atomizedArg(f, value, func(items []Item) {
			for i := range items {
				list = append(list, items[i].lexical())
			}
		})
		slices.Sort(list)
		return slices.Compact(list)
	}
	nodes := func(f *Evaluation) map[string][]xdm.Node {
		if !f.focus || f.item.Type != NodeT {
			fail("XTDE1270", "key() where the context item is not a node")
		}
		return f.keyed(k)
	}
	push := func(f *Evaluation, wanted []string) {
		mark := len(f.st)
		for _, w := range wanted {
			f.pushAll(nodes(f)[w])
		}
		f.order(mark)
	}
	c := fromPush(NodeT, func(f *Evaluation) { push(f, values(f)) })
	// Rules ask whether an id occurs exactly once. One that a hostile document repeats a million times is counted
	// without pushing its nodes.
	c.count = func(f *Evaluation) int {
		wanted := values(f)
		if len(wanted) == 1 {
			return len(nodes(f)[wanted[0]])
		}
		mark := len(f.st)
		push(f, wanted)
		n := len(f.st) - mark
		f.drop(mark)
		return n
	}
	c.test = func(f *Evaluation) bool { return c.count(f) > 0 }
	return c
}

// keyOf is a key with the number of the tree that it is of.
type keyOf struct {
	*key
	tree int64
}

// keyTable is what an evaluation knows of a key in a tree: the nodes by value.
type keyTable struct {
	nodes map[string][]xdm.Node
	err   *Error // or why there are none
}

// keyed returns the nodes of a key by value, in the tree of the context node. It goes through the tree when the key is
// first used there; an error is then that of the key wherever it is read.
func (f *Evaluation) keyed(k *key) map[string][]xdm.Node {
	of := keyOf{k, f.tree}
	table, known := f.keys[of]
	if !known {
		if f.keys == nil {
			f.keys = map[keyOf]keyTable{}
		}
		f.keys[of] = keyTable{err: &Error{Code: codeCircular, Msg: "the key reads itself"}} // until it is filled
		table.err = attempt(func() { table.nodes = f.keyNodes(k) })
		f.keys[of] = table
	}
	if table.err != nil {
		panic(table.err)
	}
	return table.nodes
}

// keyNodes goes through the tree in hand for keyed.
func (f *Evaluation) keyNodes(k *key) map[string][]xdm.Node {
	if f.tree != 0 { // what patterns remember is of the document
		clear(f.matchedSteps)
		defer func() { clear(f.matchedSteps) }()
	}
	nodes := map[string][]xdm.Node{}
	f.spend(f.t.Len())
	for n := xdm.Node(0); int(n) < f.t.Len(); n++ {
		was := outside{f.save(), f.current, f.group}
		f.current, f.group = f.node(n), nil
		for _, part := range k.parts {
			if f.keyMatches(part.match, n) {
				f.keyNode(nodes, part.use, n)
			}
		}
		f.goBack(&was)
	}
	return nodes
}

// keyMatches reports whether a node is one of a key. A match that cannot be evaluated is none, unless the key reads
// itself.
func (f *Evaluation) keyMatches(match *Pattern, n xdm.Node) (ok bool) {
	if failed := f.tried(func() { ok = f.matches(match, n) }); failed != nil && failed.Code == codeCircular {
		panic(failed)
	}
	return ok
}

// keyNode enters a node by the values that it has.
func (f *Evaluation) keyNode(nodes map[string][]xdm.Node, use *Expr, n xdm.Node) {
	base, mark := f.enter(use.slots), len(f.st)
	f.setFocus(f.current, 1, 1)
	use.code.push(f)
	f.atomize(mark)
	for i := mark; i < len(f.st); i++ {
		v := f.st[i].lexical()
		if list := nodes[v]; len(list) == 0 || list[len(list)-1] != n {
			f.keep(entryBytes + int64(len(v)))
			nodes[v] = append(list, n)
		}
	}
	f.drop(mark)
	f.leave(base)
}

package xpath

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Rules may read documents of their own, such as code lists: document('codes.xml')//code. A node is named by its
// number in its tree and by the number of the tree, in the upper half of Item.n: 0 is the document that the rules are
// evaluated on, and the others follow in the order in which the expressions name them. That order is the one of their
// nodes too, so that comparing the numbers of nodes is comparing their order.
//
// One tree is in hand at a time (Evaluation.t). It is that of the context node; a step that goes on from a node of
// another tree takes that one and gives it back. Only rules that read documents ever change it.

// treeBits is how far the number of a tree stands above that of a node.
const treeBits = 32

// treeMask has the bits of the number of a tree.
const treeMask = -1 << treeBits

// Documents are documents that belong to the rules. They are the same whatever document the rules are evaluated on, so
// that what an expression takes from them is a constant as far as nothing else occurs in it.
type Documents struct {
	open  func(name string) (*xdm.Tree, error)
	trees []*xdm.Tree
	named map[string]opened
	left  int64 // steps that constants may still take when they are compiled; 0 after Done
}

// opened is what open gave for a name.
type opened struct {
	root Item
	err  error
}

// maxConstantSteps bounds the work and, with itemSteps for each value that is kept, the memory of the constants of a
// rule file. Beyond it they are evaluated with each document. The largest published rules need a twentieth.
const (
	maxConstantSteps = 1 << 22
	itemSteps        = 8
)

// Documents lets the expressions that are compiled from now on read documents of the rules. open returns the one with a
// name, always the same tree, made by xdm.ParseKnown with the Compiler's table of names. Evaluations need what is
// returned (Evaluation.Documents).
func (c *Compiler) Documents(open func(name string) (*xdm.Tree, error)) *Documents {
	c.docs = &Documents{open: open, named: map[string]opened{}, left: maxConstantSteps}
	return c.docs
}

// Done ends the compilation: from now on goroutines may share what was compiled. An explanation (Scope.Explain) still
// compiles parts of expressions, but reads no other documents and makes no constants of them.
func (d *Documents) Done() { d.left = 0 }

// spent takes the cost of a constant off what constants may take.
func (d *Documents) spent(steps int64) {
	if d.left > 0 {
		d.left = max(0, d.left-steps)
	}
}

// Documents gives an evaluation the documents of the rules that it evaluates.
func (f *Evaluation) Documents(d *Documents) { f.docs = d }

// root returns the document node of the document with a name.
func (d *Documents) root(name string) (Item, error) {
	if d == nil {
		return Item{}, errors.New("there are no documents here")
	}
	o, ok := d.named[name]
	if !ok {
		o = d.read(name)
		d.named[name] = o
	}
	return o.root, o.err
}

func (d *Documents) read(name string) opened {
	t, err := d.open(name)
	if err != nil {
		return opened{err: err}
	}
	i := slices.Index(d.trees, t)
	if i < 0 {
		i = len(d.trees)
		d.trees = append(d.trees, t)
	}
	return opened{root: Item{Type: NodeT, n: int64(i+1) << treeBits}}
}

// documentNode returns the item of a node of the document.
func documentNode(n xdm.Node) Item { return Item{Type: NodeT, n: int64(n)} }

// node returns the item of a node of the tree in hand.
func (f *Evaluation) node(n xdm.Node) Item { return Item{Type: NodeT, n: f.tree | int64(n)} }

// hold takes the tree of a node in hand.
func (f *Evaluation) hold(n int64) {
	if (n^f.tree)>>treeBits != 0 {
		f.change(n)
	}
}

func (f *Evaluation) change(n int64) {
	f.tree, f.t = n&treeMask, f.doc
	if n >= 1<<treeBits {
		f.t = f.docs.trees[n>>treeBits-1]
	}
}

// treeOf returns the tree of a node.
func (f *Evaluation) treeOf(i *Item) *xdm.Tree {
	switch of := i.n >> treeBits; of {
	case f.tree >> treeBits:
		return f.t
	case 0:
		return f.doc
	default:
		return f.docs.trees[of-1]
	}
}

// isDocument reports whether a function of the library reads documents.
func isDocument(name string) bool {
	return name == "document" || name == "doc" || name == "doc-available"
}

// document compiles document(), doc() and doc-available(). The names are constant, so that the documents are known and
// read now.
func (u *unit) document(name string, args []*code) *code {
	if len(args) != 1 || !args[0].konst || args[0].docs != nil {
		fail(codeDocument, "%s() is supported with a constant name only", name)
	}
	names := args[0].items
	if name != "document" && len(names) > 1 {
		fail(codeType, "several names where one is wanted")
	}
	var roots []Item
	for _, v := range names {
		if !isText(&v) {
			fail(codeType, "%s where the name of a document is wanted", v.Type)
		}
		root, err := u.c.docs.root(v.s)
		switch {
		case err == nil:
			roots = append(roots, root)
		case name != "doc-available" || !errors.Is(err, fs.ErrNotExist):
			fail(codeDocument, "%s(): %v", name, err)
		}
	}
	if name == "doc-available" {
		return fromItems([]Item{boolItem(len(roots) > 0)})
	}
	slices.SortFunc(roots, func(a, b Item) int { return cmp.Compare(a.n, b.n) })
	return u.c.docs.constant(slices.Compact(roots))
}

// constant makes the code of a constant with nodes.
func (d *Documents) constant(items []Item) *code {
	c := fromItems(items)
	if !slices.ContainsFunc(items, func(i Item) bool { return i.Type == NodeT }) {
		return c
	}
	c.docs = d
	if c.one { // by d, as there may be an evaluation of constants only, which has no documents
		t, n := d.trees[items[0].n>>treeBits-1], items[0].Node()
		c.atom = func(f *Evaluation) (Item, bool) { return f.valueIn(t, n), true }
	}
	return c
}

// evaluation is a constantEvaluation for documents.
func (d *Documents) evaluation() *Evaluation {
	f := constantEvaluation()
	f.docs, f.left = d, min(f.left, d.left)
	return f
}

// folded evaluates c now; if that fails, or takes too long, c stays as it is.
func (d *Documents) folded(c *code) *code {
	f := d.evaluation()
	before := f.left
	items, err := f.collect(c)
	d.spent(before - f.left + int64(len(items))*itemSteps)
	if err != nil {
		return c
	}
	return d.constant(items)
}

// constant reports whether the value of an expression depends on nothing but the context node and its tree: what it
// gives for the nodes of a document of the rules is then constant.
func (u *unit) constant(n node) bool {
	return !anyNode(n, func(x node) bool {
		switch x := x.(type) {
		case variable:
			return !u.constantLet(x.name)
		case call:
			return !isPure(x)
		}
		return false
	})
}

// constantLet reports whether a variable is a let with a constant value.
func (u *unit) constantLet(name qname) bool {
	l := u.scope.find(name)
	return l != nil && l.code.konst && !slices.ContainsFunc(u.vars, func(v local) bool { return v.name == name })
}

func (u *unit) allConstant(list []node) bool {
	return !slices.ContainsFunc(list, func(n node) bool { return !u.constant(n) })
}

// isPure reports whether a function gives the same for the same arguments and context node.
func isPure(c call) bool {
	name := c.name.local
	switch {
	case c.name.space == nsXS:
		return true
	case c.name.space != nsFn || impure[name]:
		return false
	case isDocument(name), name == "concat", slices.Contains([]string{"true", "false", "position", "last"}, name):
		return true
	}
	for _, table := range libraryTables() {
		if table[name] != nil {
			return true
		}
	}
	return false
}

// fromDocument compiles a path from nodes of documents of the rules. Its steps are walked now as far as they are
// constant; if then one chooses nodes by a value, an index finds them.
func (u *unit) fromDocument(from *code, list []step) *code {
	n := 0
	for n < len(list) && (list[n].expr == nil || u.constant(list[n].expr)) && u.allConstant(list[n].preds) {
		n++
	}
	if n < len(list) {
		if c := u.lookUpStep(from, list[:n], list[n]); c != nil {
			from, n = c, n+1
			if n == len(list) {
				return c
			}
			return walkFrom(from, false, u.steps(list[n:]))
		}
	}
	if n > 0 {
		from = folded(walkFrom(from, false, u.steps(list[:n])), from)
	}
	if n < len(list) {
		from = walkFrom(from, false, u.steps(list[n:]))
	}
	return from
}

// lookUpStep compiles a path of constant steps and one whose last predicate chooses by a value; nil if there is none.
func (u *unit) lookUpStep(from *code, constant []step, s step) *code {
	last := len(s.preds) - 1
	if s.expr != nil || last < 0 || !u.allConstant(s.preds[:last]) {
		return nil
	}
	pred := s.preds[last]
	s.preds = s.preds[:last]
	nodes := folded(walkFrom(from, false, u.steps(append(slices.Clone(constant), s))), from)
	return u.lookUp(nodes, pred)
}

// filterDocument compiles predicates on nodes of documents of the rules in the same way.
func (u *unit) filterDocument(x *code, preds []node) *code {
	n := 0
	for n < len(preds) && u.constant(preds[n]) {
		n++
	}
	x = folded(filtered(x, u.predicates(preds[:n])), x)
	if n == len(preds) {
		return x
	}
	if n == len(preds)-1 {
		if c := u.lookUp(x, preds[n]); c != nil {
			return c
		}
	}
	return filtered(x, u.predicates(preds[n:]))
}

// lookUp compiles [KEY = VALUE] on constant nodes, where KEY depends on the node alone and VALUE not on it: rules look
// values up in their lists in this form. An index is made of the keys, so that a list of thousands of entries costs one
// look-up. lookUp returns nil for other predicates.
func (u *unit) lookUp(nodes *code, pred node) *code {
	n, ok := pred.(compare)
	if !ok || n.op != "=" || nodes.docs == nil {
		return nil
	}
	key, value := n.l, n.r
	if !readsFocus(key) || !u.constant(key) {
		key, value = value, key
	}
	reads := readsFocus(value) || anyNode(value, func(x node) bool { c, ok := x.(call); return ok && !isPure(c) })
	if reads || !readsFocus(key) || !u.constant(key) {
		return nil
	}
	index, err := nodes.docs.index(nodes.items, u.repeated(key))
	if err != nil {
		return nil
	}
	wanted, each := u.compile(value), u.predicates([]node{pred})
	l := &lookUp{nodes.items, index, wanted, filtered(nodes, each)}
	c := fromPush(NodeT, l.push)
	c.test = l.test
	return c
}

// index returns the numbers of the nodes for each value of their keys. It fails if a key is no text: numbers are not
// equal by their text.
func (d *Documents) index(nodes []Item, key *code) (index map[string][]int32, err error) {
	defer rescue(&err)
	f := d.evaluation()
	before := f.left
	defer func() { d.spent(before - f.left) }()
	index = map[string][]int32{}
	for i, n := range nodes {
		f.setFocus(n, 1, 1)
		key.push(f)
		f.atomize(0)
		for _, v := range f.st {
			if !isText(&v) {
				fail(codeType, "a key that is no text")
			}
			f.spend(itemSteps)
			if list := index[v.s]; len(list) == 0 || list[len(list)-1] != int32(i) {
				index[v.s] = append(list, int32(i))
			}
		}
		f.drop(0)
	}
	return index, nil
}

// lookUp finds constant nodes by a value.
type lookUp struct {
	nodes  []Item
	index  map[string][]int32
	wanted *code
	slow   *code // tries each node: for values that are no text
}

// values pushes the values that are wanted, and reports whether all are text.
func (l *lookUp) values(f *Evaluation) bool {
	mark := len(f.st)
	l.wanted.push(f)
	f.atomize(mark)
	f.spend(len(f.st) - mark)
	return !slices.ContainsFunc(f.st[mark:], func(i Item) bool { return !isText(&i) })
}

func (l *lookUp) push(f *Evaluation) {
	mark := len(f.st)
	if !l.values(f) {
		f.drop(mark)
		l.slow.push(f)
		return
	}
	end := len(f.st)
	for i := mark; i < end; i++ {
		for _, n := range l.index[f.st[i].s] {
			f.spend(1)
			f.push(l.nodes[n])
		}
	}
	f.lift(mark, end)
	f.order(mark)
}

func (l *lookUp) test(f *Evaluation) bool {
	mark := len(f.st)
	if !l.values(f) {
		f.drop(mark)
		return l.slow.test(f)
	}
	found := slices.ContainsFunc(f.st[mark:], func(i Item) bool { return len(l.index[i.s]) > 0 })
	f.drop(mark)
	return found
}

// inDocument compiles "=" with a constant list that has nodes of documents of the rules in it, as inSet does with
// strings; nil if some of it is no text.
func inDocument(names *xdm.Names, l, r *code) *code {
	list, err := r.docs.texts(r.items)
	if err != nil {
		return nil
	}
	set := names.Set(list)
	return fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		l.push(f)
		if len(f.st) == mark {
			return false
		}
		f.atomize(mark)
		mid, found := len(f.st), false
		if slices.ContainsFunc(f.st[mark:], func(i Item) bool { return !isText(&i) }) {
			r.push(f)
			f.atomize(mid)
			found = f.anyPair(mark, mid, equal)
		}
		for i := mark; i < mid && !found; i++ {
			f.spend(1)
			_, found = (*set)[f.st[i].s]
		}
		f.drop(mark)
		return found
	})
}

// texts returns the values of items. It fails if one is no text.
func (d *Documents) texts(items []Item) (list []string, err error) {
	defer rescue(&err)
	f := d.evaluation()
	before := f.left
	defer func() { d.spent(before - f.left) }()
	for _, v := range items {
		f.spend(itemSteps)
		if v.Type == NodeT {
			v = f.valueOf(&v)
		}
		if !isText(&v) {
			fail(codeType, "a value that is no text")
		}
		list = append(list, v.s)
	}
	return list, nil
}

package xpath

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/xml/regex"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Evaluation evaluates expressions on one document, in one goroutine. It keeps the values of lets, keys and parts that
// are the same everywhere in the document (memo.go), so that they are computed once.
//
// Compiled code works on a stack, st: what pushes items leaves them there, and its caller, which has noted the height
// of the stack as a mark, takes them off. Slices into st, slots, lets and memos are therefore only valid until more
// code runs, which may grow them: functions look such a slice up again after they have evaluated something.
type Evaluation struct {
	t    *xdm.Tree // the tree in hand: of the context node, or of the node that a step goes on from (document.go)
	tree int64     // its number, as in the items of its nodes
	doc  *xdm.Tree // the document
	docs *Documents

	ctx    context.Context
	left   int64 // steps until the budget is exhausted
	budget int64

	bytes   int64 // that values may take
	kept    int64 // of lets, memos and keys
	passing int64 // of texts that the running entry has made, and the like

	st []Item // the stack: values in progress

	item      Item // the focus
	focus     bool // there is one
	pos, size int
	group     *group // of xsl:for-each-group; nil outside
	current   Item   // current(): the node of the rule, or the item of xsl:for-each; NoType in a function

	slots []slot // variables of for, some, every, and of functions
	base  int    // of the running unit
	depth int    // calls of functions

	memos []memo

	matchedSteps []matched           // of patterns (predicatesHold)
	sets         []map[int64]nodesAt // of patterns (nodeSet), by the node that they begin at
	wrong        **Error             // not nil: a predicate of a pattern that fails does not hold; the first error

	lets []letValue
	gen  uint32   // the generation of the values of local lets; Home begins a new one
	home xdm.Node // where local lets are evaluated

	keys  map[keyOf]keyTable
	regex map[regexKey]*regex.Regexp
	ends  map[int64]map[string]xdm.Node // by firstEnds, of a name and a tree
	now   time.Time                     // of current-date()
}

// slot is a variable of an expression.
type slot struct {
	items []Item
	one   [1]Item
	later *code    // not evaluated yet
	at    *outside // where later is evaluated; nil if it does not matter
}

// outside is what an expression sees around it besides variables.
type outside struct {
	focus   saved
	current Item
	group   *group
}

func (f *Evaluation) goBack(to *outside) {
	f.restore(to.focus)
	f.current, f.group = to.current, to.group
}

// put gives a variable a value that is evaluated when it is first read.
func (s *slot) put(later *code, at *outside) { s.later, s.at = later, at }

// letValue is what is known of a let.
type letValue struct {
	gen   uint32 // the generation in which it was evaluated; 0 never
	items []Item // the value; its memory is used again by the next generation
	err   *Error // or why it has no value
}

// NewEvaluation begins an evaluation on t.
func NewEvaluation(ctx context.Context, t *xdm.Tree, b Budget) *Evaluation {
	b = b.orDefault()
	f := evaluations.Get().(*Evaluation)
	f.t, f.doc, f.ctx, f.left, f.budget, f.bytes, f.gen = t, t, ctx, b.Steps, b.Steps, b.Bytes, 1
	return f
}

// evaluations are pooled for the sake of their stacks, which would else grow anew for each document.
var evaluations = sync.Pool{New: func() any { return new(Evaluation) }}

// Release ends the use of an evaluation. Values that it returned stay valid. A stack that a large document has grown is
// left to the garbage collector; in the others nothing may keep a tree alive.
func (f *Evaluation) Release() {
	if cap(f.st) > 1<<14 {
		return
	}
	clear(f.st[:cap(f.st)])
	clear(f.slots[:cap(f.slots)])
	clear(f.lets)
	clear(f.memos)
	clear(f.matchedSteps)
	clear(f.sets)
	*f = Evaluation{
		st: f.st[:0], slots: f.slots[:0], lets: f.lets[:0], memos: f.memos[:0], matchedSteps: f.matchedSteps[:0],
		sets: f.sets[:0],
	}
	evaluations.Put(f)
}

// Spent returns the number of steps so far: a measure of work that does not depend on the machine.
func (f *Evaluation) Spent() int64 { return f.budget - f.left }

// Spend charges for work that the caller does on the same document. It returns the *Error of an exhausted budget.
func (f *Evaluation) Spend(n int) (err error) {
	defer rescue(&err)
	f.spend(n)
	return nil
}

// drop forgets the values from mark on.
func (f *Evaluation) drop(mark int) { f.st = f.st[:mark] }

// lift moves the values from end on down to mark.
func (f *Evaluation) lift(mark, end int) {
	n := copy(f.st[mark:], f.st[end:])
	f.st = f.st[:mark+n]
}

// saved is a focus that was put aside while another expression has its own.
type saved struct {
	item      Item
	focus     bool
	pos, size int
	tree      int64 // in hand
}

func (f *Evaluation) save() saved { return saved{f.item, f.focus, f.pos, f.size, f.tree} }

func (f *Evaluation) restore(s saved) {
	f.item, f.focus, f.pos, f.size = s.item, s.focus, s.pos, s.size
	f.hold(s.tree)
}

func (f *Evaluation) setFocus(i Item, pos, size int) {
	f.item, f.focus, f.pos, f.size = i, true, pos, size
	if i.Type == NodeT {
		f.hold(i.n)
	}
}

// contextNode returns the context item, which must be a node.
func (f *Evaluation) contextNode() xdm.Node {
	if !f.focus {
		fail(codeNoContext, "there is no context item")
	}
	if f.item.Type != NodeT {
		fail(codeContextNode, "the context item is not a node")
	}
	return f.item.Node()
}

// atomize replaces the nodes from mark on by their values.
func (f *Evaluation) atomize(mark int) {
	for i := mark; i < len(f.st); i++ {
		if f.st[i].Type == NodeT {
			f.st[i] = f.valueOf(&f.st[i])
		}
	}
}

// value returns the typed value of a node of the tree in hand.
func (f *Evaluation) value(n xdm.Node) Item { return f.valueIn(f.t, n) }

// valueOf returns the typed value of the node of an item.
func (f *Evaluation) valueOf(i *Item) Item { return f.valueIn(f.treeOf(i), i.Node()) }

func (f *Evaluation) valueIn(t *xdm.Tree, n xdm.Node) Item {
	s := f.read(t.Value(n))
	switch t.Kind(n) {
	case xdm.Comment, xdm.PI:
		return stringItem(s)
	}
	return untypedItem(s)
}

// single takes the values from mark on as at most one atomic item.
func (f *Evaluation) single(mark int) (Item, bool) {
	switch len(f.st) - mark {
	case 0:
		return Item{}, false
	case 1:
		v := f.st[mark]
		f.drop(mark)
		if v.Type == NodeT {
			v = f.valueOf(&v)
		}
		return v, true
	}
	fail(codeType, "a sequence of %d items where one is wanted", len(f.st)-mark)
	return Item{}, false
}

// truth takes the values from mark on as a condition (XPath §2.4.3).
func (f *Evaluation) truth(mark int) bool {
	n := len(f.st) - mark
	if n == 0 {
		return false
	}
	first := f.st[mark]
	f.drop(mark)
	if first.Type == NodeT {
		return true
	}
	if n > 1 {
		fail(codeEBV, "several items as a condition")
	}
	return truthOf(&first)
}

func truthOf(i *Item) bool {
	switch i.Type {
	case Boolean:
		return i.n != 0
	case String, Untyped:
		return i.s != ""
	case Integer, Decimal:
		return i.dec().sign() != 0
	case Double, Float:
		return i.float() != 0 && i.float() == i.float()
	}
	fail(codeEBV, "%s as a condition", i.Type)
	return false
}

// order sorts the nodes from mark on in document order and drops repeats. Most steps give them in order already, which
// one pass finds out.
func (f *Evaluation) order(mark int) {
	list := f.st[mark:]
	sorted := true
	for i := 1; i < len(list); i++ {
		if list[i].Type != NodeT || list[i-1].Type != NodeT {
			return // exprStep refuses nodes mixed with other items
		}
		if list[i].n <= list[i-1].n {
			sorted = false
			break
		}
	}
	if sorted {
		return
	}
	f.spend(len(list) * bits.Len(uint(len(list)))) // n log n
	slices.SortFunc(list, func(a, b Item) int { return cmp.Compare(a.n, b.n) })
	list = slices.CompactFunc(list, func(a, b Item) bool { return a.n == b.n })
	f.st = f.st[:mark+len(list)]
}

// enter makes room for the variables of an expression or function, and returns what leave needs.
func (f *Evaluation) enter(slots int) (base int) {
	base = f.base
	f.base = len(f.slots)
	for range slots {
		f.slots = append(f.slots, slot{})
	}
	return base
}

func (f *Evaluation) leave(base int) {
	f.slots = f.slots[:f.base]
	f.base = base
}

// bindOne gives a variable one item. The item lies in the slot itself: a loop over thousands of nodes allocates
// nothing.
func (f *Evaluation) bindOne(i int, v Item) {
	s := &f.slots[f.base+i]
	s.one[0], s.later = v, nil
	s.items = s.one[:1]
}

// variable returns the value of a variable of the running unit, evaluating it if that was put off. It is valid until
// the variable gets another value.
func (f *Evaluation) variable(i int) []Item {
	s := &f.slots[f.base+i]
	if s.later == nil {
		return s.items
	}
	c, at, mark := s.later, s.at, len(f.st)
	if at == nil {
		c.push(f)
	} else {
		was := outside{f.save(), f.current, f.group}
		f.goBack(at)
		c.push(f)
		f.goBack(&was)
	}
	items := f.copied(mark)
	f.drop(mark)
	s = &f.slots[f.base+i] // the slots may have grown
	s.items, s.later = items, nil
	return items
}

// copied returns a copy of the items from mark on; its memory counts until the running entry ends.
func (f *Evaluation) copied(mark int) []Item {
	n := len(f.st) - mark
	f.spend(n)
	f.alloc(int64(n) * itemBytes)
	return slices.Clone(f.st[mark:])
}

// reset begins an entry: it drops what an entry that failed has left behind.
func (f *Evaluation) reset() {
	f.st, f.slots = f.st[:0], f.slots[:0]
	f.base, f.depth, f.passing, f.wrong, f.group = 0, 0, 0, nil, nil
	f.hold(0)
}

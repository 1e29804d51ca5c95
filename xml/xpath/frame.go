package xpath

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Evaluation evaluates expressions on one document. It remembers lets and keys, and must be used by one goroutine.
type Evaluation struct {
	t      *xdm.Tree
	ctx    context.Context
	left   int64 // steps until the budget is exhausted
	budget int64

	bytes   int64 // that values may take
	kept    int64 // of lets, memos and keys
	passing int64 // of texts that the running entry has made, and the like

	st []Item // values in progress; who pushes leaves them for who called

	item      Item // the focus
	focus     bool // there is one
	pos, size int

	slots []slot // variables of for, some, every, and of functions
	base  int    // of the running unit
	depth int    // calls of functions

	memos []memo

	matchedSteps []matched // of patterns

	lets []letValue
	gen  uint32   // of the values of local lets
	home xdm.Node // where local lets are evaluated

	keys  map[*key]map[string][]xdm.Node
	regex map[regexKey]*compiledRegex
	ends  map[xdm.NameID]map[string]xdm.Node // firstEnds
	now   time.Time                          // of current-date()
}

// slot is a variable of an expression.
type slot struct {
	items []Item
	one   [1]Item
	later *code // not evaluated yet
}

// letValue is what is known of a let.
type letValue struct {
	gen   uint32 // when it was evaluated; 0 never
	items []Item // room for more may be left from before
	err   *Error // or why it has no value
}

// NewEvaluation begins an evaluation on t.
func NewEvaluation(ctx context.Context, t *xdm.Tree, b Budget) *Evaluation {
	b = b.orDefault()
	f := evaluations.Get().(*Evaluation)
	f.t, f.ctx, f.left, f.budget, f.bytes, f.gen = t, ctx, b.Steps, b.Steps, b.Bytes, 1
	return f
}

// evaluations are used again, for the sake of their stacks.
var evaluations = sync.Pool{New: func() any { return new(Evaluation) }}

// Release gives an evaluation back that is not needed any more. Values that it returned stay valid.
func (f *Evaluation) Release() {
	if cap(f.st) > 1<<14 {
		return
	}
	clear(f.st[:cap(f.st)])
	clear(f.slots[:cap(f.slots)])
	clear(f.lets)
	clear(f.memos)
	clear(f.matchedSteps)
	*f = Evaluation{st: f.st[:0], slots: f.slots[:0], lets: f.lets[:0], memos: f.memos[:0], matchedSteps: f.matchedSteps[:0]}
	evaluations.Put(f)
}

// Spent returns the number of steps so far, a measure of work that does not depend on the machine.
func (f *Evaluation) Spent() int64 { return f.budget - f.left }

// Spend counts work of a caller on the same document. It returns the *Error of a budget that is exhausted.
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

// saved is a focus put aside.
type saved struct {
	item      Item
	focus     bool
	pos, size int
}

func (f *Evaluation) save() saved { return saved{f.item, f.focus, f.pos, f.size} }

func (f *Evaluation) restore(s saved) {
	f.item, f.focus, f.pos, f.size = s.item, s.focus, s.pos, s.size
}

func (f *Evaluation) setFocus(i Item, pos, size int) {
	f.item, f.focus, f.pos, f.size = i, true, pos, size
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
			f.st[i] = f.value(f.st[i].Node())
		}
	}
}

// value returns the typed value of a node.
func (f *Evaluation) value(n xdm.Node) Item {
	s := f.read(f.t.Value(n))
	switch f.t.Kind(n) {
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
			v = f.value(v.Node())
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
	case Double:
		return i.float() != 0 && i.float() == i.float()
	}
	fail(codeEBV, "%s as a condition", i.Type)
	return false
}

// order sorts the nodes from mark on in document order and drops repeats.
func (f *Evaluation) order(mark int) {
	list := f.st[mark:]
	sorted := true
	for i := 1; i < len(list); i++ {
		if list[i].Type != NodeT || list[i-1].Type != NodeT {
			return // mixed sequences are checked by who made them
		}
		if list[i].n <= list[i-1].n {
			sorted = false
			break
		}
	}
	if sorted {
		return
	}
	f.spend(sorting(len(list)))
	slices.SortFunc(list, func(a, b Item) int { return int(a.n - b.n) })
	list = slices.CompactFunc(list, func(a, b Item) bool { return a.n == b.n })
	f.st = f.st[:mark+len(list)]
}

// enter begins a unit with its own variables and returns how to leave it.
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

func (f *Evaluation) bindOne(i int, v Item) {
	s := &f.slots[f.base+i]
	s.one[0], s.later = v, nil
	s.items = s.one[:1]
}

// variable returns the value of a variable of the running unit. It is valid until the variable gets another.
func (f *Evaluation) variable(i int) []Item {
	s := &f.slots[f.base+i]
	if s.later == nil {
		return s.items
	}
	c := s.later
	mark := len(f.st)
	c.push(f)
	items := f.copied(mark)
	f.drop(mark)
	s = &f.slots[f.base+i]
	s.items, s.later = items, nil
	return items
}

// copied returns a copy of the items from mark on, which counts until the running entry ends.
func (f *Evaluation) copied(mark int) []Item {
	n := len(f.st) - mark
	f.spend(n)
	f.alloc(int64(n) * itemBytes)
	return slices.Clone(f.st[mark:])
}

// reset makes the evaluation ready for another entry after a fail.
func (f *Evaluation) reset() {
	f.st, f.slots = f.st[:0], f.slots[:0]
	f.base, f.depth, f.passing = 0, 0, 0
}

package xpath

import (
	"math"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// sequenceFunctions are the functions on sequences, booleans and nodes (XPath Functions §2, §9, §14 and §15).
var sequenceFunctions = map[string]map[int]builder{
	"not":     {1: func(a []*code) *code { return fromTest(func(f *Evaluation) bool { return !a[0].test(f) }) }},
	"boolean": {1: func(a []*code) *code { return fromTest(a[0].test) }},
	"exists":  {1: func(a []*code) *code { return fromTest(exists(a[0])) }},
	"empty": {1: func(a []*code) *code {
		some := exists(a[0])
		return fromTest(func(f *Evaluation) bool { return !some(f) })
	}},
	"count": {1: func(a []*code) *code {
		c := fromAtom(Integer, func(f *Evaluation) (Item, bool) { return intItem(int64(count(f, a[0]))), true })
		c.one = true
		return c
	}},
	"data": {1: func(a []*code) *code {
		return fromPush(NoType, func(f *Evaluation) {
			mark := len(f.st)
			a[0].push(f)
			f.atomize(mark)
		})
	}},
	"reverse": {1: func(a []*code) *code {
		return fromPush(a[0].typ, func(f *Evaluation) {
			mark := len(f.st)
			a[0].push(f)
			slices.Reverse(f.st[mark:])
		})
	}},
	"distinct-values": {1: func(a []*code) *code {
		return fromPush(NoType, func(f *Evaluation) { distinct(f, a[0]) })
	}},
	"index-of": {2: indexOf},
	"subsequence": {
		2: func(a []*code) *code { return subsequence(a[0], a[1], nil) },
		3: func(a []*code) *code { return subsequence(a[0], a[1], a[2]) },
	},
	"zero-or-one": {1: func(a []*code) *code { return counted(a[0], 0, 1, codeZeroOrOne) }},
	"one-or-more": {1: func(a []*code) *code { return counted(a[0], 1, math.MaxInt, codeOneOrMore) }},
	"exactly-one": {1: func(a []*code) *code { return counted(a[0], 1, 1, codeExactlyOne) }},
	"name":        {1: ofNode((*xdm.Tree).Written)},
	"local-name":  {1: ofNode(func(t *xdm.Tree, n xdm.Node) string { return t.Name(n).Local })},
	"namespace-uri": {1: func(a []*code) *code {
		name := ofNode(func(t *xdm.Tree, n xdm.Node) string { return t.Name(n).Space })(a)
		c := fromAtom(String, func(f *Evaluation) (Item, bool) {
			v, ok := name.atom(f)
			v.sub = anyURI
			return v, ok
		})
		c.one = true
		return c
	}},
	"root": {1: func(a []*code) *code {
		return fromPush(NodeT, func(f *Evaluation) {
			mark := len(f.st)
			a[0].push(f)
			f.nodesOnly(mark)
			if len(f.st)-mark > 1 {
				fail(codeType, "several nodes where one is wanted")
			}
			for i := range f.st[mark:] {
				f.st[mark+i].n &= treeMask
			}
		})
	}},
}

// exists returns a test whether there is an item. For nodes that is their effective boolean value, which the first node
// decides.
func exists(c *code) func(f *Evaluation) bool {
	if c.typ == NodeT {
		return c.test
	}
	return func(f *Evaluation) bool { return count(f, c) > 0 }
}

func count(f *Evaluation, c *code) int {
	if c.count != nil {
		return c.count(f)
	}
	mark := len(f.st)
	c.push(f)
	n := len(f.st) - mark
	f.drop(mark)
	return n
}

// counted builds fn:zero-or-one and its relatives.
func counted(c *code, low, high int, code string) *code {
	return fromPush(c.typ, func(f *Evaluation) {
		mark := len(f.st)
		c.push(f)
		if n := len(f.st) - mark; n < low || n > high {
			fail(code, "a sequence of %d items", n)
		}
	})
}

// ofNode builds a function of at most one node that gives a string, "" for none.
func ofNode(get func(t *xdm.Tree, n xdm.Node) string) builder {
	return func(a []*code) *code {
		return fromString(func(f *Evaluation) string {
			i, ok := nodeArg(f, a[0])
			if !ok {
				return ""
			}
			return get(f.treeOf(&i), i.Node())
		})
	}
}

// distinct leaves the first of equal values. Strings are looked up in a map; other values, which are rare, are compared
// with all that are kept, and each of these comparisons is a step.
func distinct(f *Evaluation, c *code) {
	mark := len(f.st)
	c.push(f)
	f.atomize(mark)
	kept := mark
	seen := map[string]bool{}
	for i := mark; i < len(f.st); i++ {
		v := f.st[i]
		if v.Type == Untyped {
			v = stringItem(v.s)
		}
		f.spend(1)
		if v.Type == String {
			if seen[v.s] {
				continue
			}
			f.alloc(entryBytes)
			seen[v.s] = true
		} else {
			f.spend(kept - mark)
			if slices.ContainsFunc(f.st[mark:kept], func(w Item) bool { return same(&w, &v) }) {
				continue
			}
		}
		f.st[kept] = f.st[i]
		kept++
	}
	f.drop(kept)
}

// same reports whether two items are equal for fn:distinct-values: NaN equals itself, and types without order differ.
func same(a, b *Item) bool {
	if !canCompare(a, b) {
		return false
	}
	r := relation(a, b)
	return r == equal || r == unordered && a.double() != a.double() && b.double() != b.double()
}

// canCompare reports whether relation knows the types of two items.
func canCompare(a, b *Item) bool {
	return a.Type.numeric() && b.Type.numeric() || a.Type == b.Type || isText(a) && isText(b)
}

func isText(i *Item) bool { return i.Type == String || i.Type == Untyped }

func indexOf(a []*code) *code {
	return fromPush(Integer, func(f *Evaluation) {
		v, ok := a[1].atom(f)
		if !ok {
			fail(codeType, "nothing where a value is wanted")
		}
		mark := len(f.st)
		a[0].push(f)
		f.atomize(mark)
		end := len(f.st)
		for i := mark; i < end; i++ {
			w := f.st[i]
			if canCompare(&w, &v) && relation(&w, &v) == equal {
				f.push(intItem(int64(i - mark + 1)))
			}
		}
		f.lift(mark, end)
	})
}

// subsequence compares positions as doubles: that is the definition (XPath Functions §15.1.10), and makes NaN fit
// nothing.
func subsequence(x, start, length *code) *code {
	return fromPush(x.typ, func(f *Evaluation) {
		from, until := roundDouble(required(f, start)), math.Inf(1)
		if length != nil {
			until = from + roundDouble(required(f, length))
		}
		mark := len(f.st)
		x.push(f)
		kept := mark
		for i := mark; i < len(f.st); i++ {
			if pos := float64(i - mark + 1); pos >= from && pos < until {
				f.st[kept] = f.st[i]
				kept++
			}
		}
		f.drop(kept)
	})
}

// timeFunctions are the functions on dates and times (XPath Functions §5.2, §10.5 and §16).
var timeFunctions = map[string]map[int]builder{
	"dateTime":               {2: dateTime},
	"timezone-from-time":     {1: ofTime(Time, zonePart)},
	"timezone-from-date":     {1: ofTime(Date, zonePart)},
	"timezone-from-dateTime": {1: ofTime(DateTime, zonePart)},
	"year-from-date":         {1: ofTime(Date, intPart(func(w *temporal) int { return w.year }))},
	"month-from-date":        {1: ofTime(Date, intPart(func(w *temporal) int { return w.month }))},
	"day-from-date":          {1: ofTime(Date, intPart(func(w *temporal) int { return w.day }))},
	"current-date":           {0: now(Date)},
	"current-dateTime":       {0: now(DateTime)},
}

func zonePart(w *temporal) (Item, bool) {
	return timeItem(Duration, &temporal{sec: decimal{n: int64(w.zone) * 60}}), w.zoned
}

func intPart(get func(*temporal) int) func(*temporal) (Item, bool) {
	return func(w *temporal) (Item, bool) { return intItem(int64(get(w))), true }
}

// ofTime builds a function of a part of a date or time; without an argument there is no result.
func ofTime(t Type, get func(*temporal) (Item, bool)) builder {
	return func(a []*code) *code {
		return fromAtom(NoType, func(f *Evaluation) (Item, bool) {
			w := timeArg(f, a[0], t)
			if w == nil {
				return Item{}, false
			}
			return get(w)
		})
	}
}

func timeArg(f *Evaluation, c *code, t Type) *temporal {
	v, ok := c.atom(f)
	if !ok {
		return nil
	}
	if v.Type == Untyped {
		v = cast(v, t)
	}
	if v.Type != t {
		fail(codeType, "%s where %s is wanted", v.Type, t)
	}
	return v.when
}

func dateTime(a []*code) *code {
	return fromAtom(DateTime, func(f *Evaluation) (Item, bool) {
		d, t := timeArg(f, a[0], Date), timeArg(f, a[1], Time)
		if d == nil || t == nil {
			return Item{}, false
		}
		if d.zoned && t.zoned && d.zone != t.zone {
			fail("FORG0008", "date and time have different zones")
		}
		w := *t
		w.year, w.month, w.day = d.year, d.month, d.day
		if d.zoned {
			w.zoned, w.zone = true, d.zone
		}
		return timeItem(DateTime, &w), true
	})
}

// now is the time in UTC at which an expression first asked for it: one evaluation sees one time (XPath Functions
// §16.3).
func now(t Type) builder {
	return func([]*code) *code {
		return fromAtom(t, func(f *Evaluation) (Item, bool) {
			if f.now.IsZero() {
				f.now = time.Now().UTC()
			}
			n := f.now
			w := &temporal{zoned: true}
			if t != Time {
				w.year, w.month, w.day = n.Year(), int(n.Month()), n.Day()
			}
			if t != Date {
				w.hour, w.min, w.sec = n.Hour(), n.Minute(), decimal{n: int64(n.Second())}
			}
			return timeItem(t, w), true
		})
	}
}

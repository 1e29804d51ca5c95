package xsd

import (
	"fmt"
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
)

// model is a content model as a position automaton (Glushkov's construction): each position is one occurrence of an
// element or wildcard in the schema, the state is the position that was matched last (0 before the first child), and
// follow says which positions may come next. XML Schema demands that no two positions compete for a child (Unique
// Particle Attribution, Part 1 §3.8.6), so the automaton is deterministic and a child is matched in one step. An
// element or wildcard with bounds on how often it occurs is one position with a counter, not hundreds of copies.
// Where a wildcard competes with an element nevertheless, the element goes first.
type model struct {
	positions []position // positions[0] is the start
	follow    [][]int32  // by position: which may come next, in ascending order
	final     []bool     // by position: whether the content may end behind it
	wild      bool       // there are wildcards
	all       bool       // an all-group: the state is a set of positions, each may come once
	optional  bool       // the all-group as a whole may be missing
}

// position is a place in a content model.
type position struct {
	elem     *element // or wild
	wild     *wildcard
	min, max int32     // of the counter; 1, 1 without
	of       *particle // while the model is built, positions that are copies of one particle may compete
}

// Bounds on the size of a content model. Repeated groups are written out, which a schema can use to blow a model up;
// those of real documents stay far below. An all-group keeps its state in the bits of a word.
const (
	maxPositions = 5000
	maxFollow    = 1 << 20
	maxAll       = 64
)

// builder makes a model of a particle.
type builder struct {
	m      *model
	unroll bool // write repetitions of an element out instead of counting
	work   int  // entries made in follow; above maxFollow the model is given up
}

// fragment is a part of an automaton, with the positions at which it may begin and end.
type fragment struct {
	empty       bool // it matches no child
	first, last []int32
}

// build makes the content model of a type. Counters are tried first. If copies of one particle compete,
// as in (a{1,2})*, repetitions are written out and the automaton is made deterministic. What competes after that are
// different particles, which is an error of the schema.
func (a *assembly) build(t *typ) error {
	if t.model != nil || t.kind == emptyContent {
		return nil
	}
	if t.particle != nil && t.particle.kind == allOf {
		if t.model = allModel(t.particle); len(t.model.positions) > maxAll {
			return t.unsupported("an all-group of more than 64 elements")
		}
		return nil
	}
	m, ok := automaton(t.particle, false)
	if ok && m.ambiguous() {
		if m, ok = automaton(t.particle, true); ok {
			m, ok = m.determinize()
		}
	}
	if !ok {
		return t.unsupported("a content model of this size")
	}
	if name := m.conflict(); name != "" {
		return t.at.f.fail(t.at.n, "the content model does not tell which of two particles "+name+" belongs to")
	}
	t.model = m
	return nil
}

func (t *typ) unsupported(what string) error {
	return t.at.f.unsupported(t.at.n, what+" is not implemented")
}

// automaton builds the model of a particle; ok is false if it becomes too large.
func automaton(p *particle, unroll bool) (*model, bool) {
	b := builder{m: &model{positions: make([]position, 1), follow: make([][]int32, 1)}, unroll: unroll}
	f := fragment{empty: true}
	if p != nil {
		f = b.particle(p)
	}
	if b.work > maxFollow {
		return nil, false
	}
	m := b.m
	m.follow[0] = f.first
	m.final = make([]bool, len(m.positions))
	m.final[0] = f.empty
	for _, l := range f.last {
		m.final[l] = true
	}
	for i, list := range m.follow {
		slices.Sort(list)
		m.follow[i] = shared(slices.Compact(list))
	}
	return m, true
}

// numbers holds the numbers of all positions, one after the other.
var numbers = func() []int32 {
	r := make([]int32, maxPositions+2)
	for i := range r {
		r[i] = int32(i)
	}
	return r
}()

// shared returns a sorted list of positions as a piece of numbers if it has no gaps, as nearly all do: such a list
// takes no memory of its own.
func shared(list []int32) []int32 {
	if n := len(list); n > 0 && int(list[n-1]-list[0]) == n-1 {
		return numbers[list[0]:][:n:n]
	}
	return slices.Clone(list)
}

func allModel(p *particle) *model {
	m := &model{all: true, optional: p.min == 0, positions: make([]position, 1)}
	for _, k := range p.kids {
		m.positions = append(m.positions, position{elem: k.elem, min: int32(k.min), max: 1})
	}
	return m
}

// particle adds a particle with its occurrences: as one position with a counter, as one copy with or without a loop,
// or as several copies.
func (b *builder) particle(p *particle) fragment {
	if p.max == 0 || b.work > maxFollow {
		return fragment{empty: true}
	}
	simple := p.min <= 1 && (p.max == 1 || p.max == unbounded)
	if p.kind < sequence && !simple && p.max != unbounded && !b.unroll {
		f := b.leaf(p, max(p.min, 1), p.max)
		f.empty = p.min == 0
		return f
	}
	if simple {
		f := b.once(p)
		if p.max == unbounded {
			b.connect(f.last, f.first)
		}
		f.empty = f.empty || p.min == 0
		return f
	}
	return b.copies(p)
}

// copies writes a repetition out: the required ones in a row, then either a loop or the optional ones, each within the
// one before.
func (b *builder) copies(p *particle) fragment {
	f := fragment{empty: true}
	for i := 1; i <= p.min && b.work <= maxFollow; i++ {
		next := b.once(p)
		if i == p.min && p.max == unbounded {
			b.connect(next.last, next.first)
		}
		f = b.join(f, next)
	}
	if p.max == unbounded {
		return f
	}
	return b.join(f, b.options(p, p.max-p.min))
}

// options writes out n optional occurrences, nested: (p (p (p)?)?)?. In a row, p? p? p?, they would compete.
func (b *builder) options(p *particle, n int) fragment {
	out := fragment{empty: true}
	var chain []fragment
	for range n {
		if b.work > maxFollow {
			break
		}
		chain = append(chain, b.once(p))
	}
	for _, f := range slices.Backward(chain) {
		out = b.join(f, out)
		out.empty = true
	}
	return out
}

// once adds a particle as if it occurred once.
func (b *builder) once(p *particle) fragment {
	switch p.kind {
	case sequence:
		f := fragment{empty: true}
		for _, k := range p.kids {
			f = b.join(f, b.particle(k))
		}
		return f
	case choice:
		f := fragment{}
		for _, k := range p.kids {
			o := b.particle(k)
			f.empty = f.empty || o.empty
			f.first, f.last = slices.Concat(f.first, o.first), slices.Concat(f.last, o.last)
		}
		return f
	}
	return b.leaf(p, 1, 1)
}

// leaf adds one position. Beyond maxPositions it makes the model too large at once.
func (b *builder) leaf(p *particle, least, most int) fragment {
	i := int32(len(b.m.positions))
	b.m.positions = append(b.m.positions, position{p.elem, p.wild, int32(least), int32(most), p})
	b.m.follow = append(b.m.follow, nil)
	b.m.wild = b.m.wild || p.wild != nil
	if i > maxPositions {
		b.work = maxFollow + 1
	}
	return fragment{first: []int32{i}, last: []int32{i}}
}

// join puts g behind f: what ends f is followed by what begins g.
func (b *builder) join(f, g fragment) fragment {
	b.connect(f.last, g.first)
	out := fragment{empty: f.empty && g.empty, first: f.first, last: g.last}
	if f.empty {
		out.first = slices.Concat(f.first, g.first)
	}
	if g.empty {
		out.last = slices.Concat(f.last, g.last)
	}
	return out
}

func (b *builder) connect(from, to []int32) {
	if b.work += len(from)*len(to) + 1; b.work > maxFollow {
		return
	}
	for _, i := range from {
		b.m.follow[i] = append(b.m.follow[i], to...)
	}
}

// ambiguous reports whether positions of one particle compete: copies of it, or a counter that may be left and entered
// again.
func (m *model) ambiguous() bool {
	for i, list := range m.follow {
		for k, p := range list {
			of := m.positions[p].of
			if m.positions[i].max > 1 && m.positions[i].of == of {
				return true
			}
			for _, q := range list[:k] {
				if m.positions[q].of == of {
					return true
				}
			}
		}
	}
	return false
}

// determinize makes an automaton in which copies of a particle do not compete, by the subset construction: its
// positions are sets of positions of the same particle, which are found from the start on. There may be very many, so
// that the number is bounded; ok is then false.
func (m *model) determinize() (*model, bool) {
	d := &model{wild: m.wild}
	ids := map[string]int32{}
	var sets [][]int32
	add := func(set []int32) int32 {
		key := fmt.Sprint(set)
		if id, ok := ids[key]; ok {
			return id
		}
		id := int32(len(sets))
		ids[key] = id
		sets = append(sets, set)
		d.positions = append(d.positions, m.positions[set[0]])
		d.final = append(d.final, slices.ContainsFunc(set, func(p int32) bool { return m.final[p] }))
		return id
	}
	add([]int32{0})
	work := 0
	for i := 0; i < len(sets); i++ {
		var all []int32
		for _, p := range sets[i] {
			all = append(all, m.follow[p]...)
		}
		slices.Sort(all)
		all = slices.Compact(all)
		var follow []int32
		for len(all) > 0 {
			of := m.positions[all[0]].of
			var same, rest []int32
			for _, p := range all {
				if m.positions[p].of == of {
					same = append(same, p)
				} else {
					rest = append(rest, p)
				}
			}
			follow = append(follow, add(same))
			all = rest
			work += len(same)
		}
		d.follow = append(d.follow, follow)
		if work > maxFollow || len(sets) > maxPositions {
			return nil, false
		}
	}
	return d, true
}

// conflict returns the name of an element that two particles compete for, "" if there is none.
func (m *model) conflict() string {
	seen := make(map[int32]int, 16)
	for i, list := range m.follow {
		clear(seen)
		if m.positions[i].max > 1 && m.positions[i].elem != nil {
			seen[m.positions[i].elem.id]++
		}
		for _, p := range list {
			e := m.positions[p].elem
			if e == nil {
				continue
			}
			if seen[e.id]++; seen[e.id] > 1 {
				return e.name.String()
			}
		}
	}
	return ""
}

// cursor is a place in a content model.
type cursor struct {
	at    int32  // position that was matched last
	count int32  // how often
	seen  uint64 // of an all-group: bit i for position i+1
	bad   bool   // a child was not expected: the place is lost
}

// next moves the cursor over a child and returns the declaration or the wildcard that it matches; both are nil if the
// child is not expected here. A counter that may go on does so before it is left.
func (m *model) next(c *cursor, name safe.Name, id int32, a *assembly) (*element, *wildcard) {
	if m.all {
		return m.nextOfAll(c, id, a)
	}
	self := m.positions[c.at].max > 1 && c.count < m.positions[c.at].max
	leave := c.at == 0 || c.count >= m.positions[c.at].min
	if self {
		if e, w := m.positions[c.at].match(name, id, a); e != nil || w != nil {
			c.count++
			return e, w
		}
	}
	if !leave {
		return nil, nil
	}
	follow := m.follow[c.at]
	if id != 0 {
		for _, p := range follow {
			if e := m.positions[p].elem; e != nil && e.id == id {
				c.at, c.count = p, 1
				return e, nil
			}
		}
	}
	if heads := a.headsOf(id); m.wild || heads != nil {
		for _, p := range follow {
			if e, w := m.positions[p].match(name, id, a); e != nil || w != nil {
				c.at, c.count = p, 1
				return e, w
			}
		}
	}
	return nil, nil
}

func (m *model) nextOfAll(c *cursor, id int32, a *assembly) (*element, *wildcard) {
	for i := range m.positions[1:] {
		if c.seen&(1<<i) == 0 {
			if e, _ := m.positions[i+1].match(safe.Name{}, id, a); e != nil {
				c.seen |= 1 << i
				return e, nil
			}
		}
	}
	return nil, nil
}

// match compares a child with one position.
func (p *position) match(name safe.Name, id int32, a *assembly) (*element, *wildcard) {
	if p.wild != nil {
		if p.wild.allows(name.Space) {
			return nil, p.wild
		}
		return nil, nil
	}
	if p.elem == nil || id == 0 {
		return nil, nil
	}
	if p.elem.id == id {
		return p.elem, nil
	}
	for _, s := range a.headsOf(id) {
		if s.head == p.elem {
			return s.element, nil
		}
	}
	return nil, nil
}

// anywhere finds a declaration in the whole model for a child that is not expected here.
func (m *model) anywhere(name safe.Name, id int32, a *assembly) (*element, *wildcard) {
	for i := range m.positions {
		if e, w := m.positions[i].match(name, id, a); e != nil || w != nil {
			return e, w
		}
	}
	return nil, nil
}

// done reports whether the content may end here.
func (m *model) done(c *cursor) bool {
	if !m.all {
		return m.final[c.at] && (c.at == 0 || c.count >= m.positions[c.at].min)
	}
	if c.seen == 0 && m.optional {
		return true
	}
	for i, p := range m.positions[1:] {
		if p.min > 0 && c.seen&(1<<i) == 0 {
			return false
		}
	}
	return true
}

// expected returns the positions that may come next.
func (m *model) expected(c *cursor) []position {
	var out []position
	if m.all {
		for i, p := range m.positions[1:] {
			if c.seen&(1<<i) == 0 {
				out = append(out, p)
			}
		}
		return out
	}
	at := m.positions[c.at]
	if at.max > 1 && c.count < at.max {
		out = append(out, at)
	}
	if c.at == 0 || c.count >= at.min {
		for _, p := range m.follow[c.at] {
			out = append(out, m.positions[p])
		}
	}
	return out
}

package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Pattern is a compiled match pattern (XSLT 2.0 §5.5.2): the context of a rule. It is matched from its last step
// upwards: most nodes fail at the first test, that of their own name.
type Pattern struct {
	alts  []alternative
	slots int
}

// alternative is one path of a union, read from its end.
type alternative struct {
	steps []matchStep // the last step first
	root  bool        // the path begins at the document node
}

type matchStep struct {
	test  test
	attr  bool // it is a step to attributes
	preds []predicate
	plain bool // no predicate asks for positions
	last  bool // it is the last of the path: no node is tried twice, so that nothing need be remembered
	index int  // into Evaluation.matchedSteps
	deep  bool // // stands before it: the step before may match any ancestor
}

// Pattern compiles a match pattern.
func (s *Scope) Pattern(text string) (p *Pattern, err error) {
	defer rescue(&err)
	u := &unit{scope: s, c: s.c}
	p = &Pattern{}
	whole := parse(text, s.c.ns)
	u.rooted = rooted(whole)
	for _, n := range s.c.alternatives(whole) {
		p.alts = append(p.alts, u.alternative(n))
	}
	p.slots = u.slots
	return p, nil
}

// alternatives splits a pattern into the paths of its union.
func (c *Compiler) alternatives(n node) []node {
	switch b := n.(type) {
	case binary:
		if b.op == "|" {
			return append(c.alternatives(b.l), c.alternatives(b.r)...)
		}
	case sequence:
		if len(b.list) == 1 {
			return c.alternatives(b.list[0])
		}
	case filter: // (a | b)[p] is a[p] | b[p] unless p counts
		if slices.ContainsFunc(b.preds, c.mayCount) {
			fail("XTSE0340", "a predicate behind parentheses must not depend on positions")
		}
		var out []node
		for _, alt := range c.alternatives(b.x) {
			if p, ok := alt.(path); ok {
				last := len(p.steps) - 1
				p.steps = slices.Clone(p.steps)
				p.steps[last].preds = append(slices.Clone(p.steps[last].preds), b.preds...)
				alt = p
			}
			out = append(out, alt)
		}
		return out
	}
	return []node{n}
}

// alternative compiles one path of a pattern, and refuses what a pattern may not have (XTSE0340).
func (u *unit) alternative(n node) alternative {
	if _, ok := n.(root); ok {
		return alternative{root: true}
	}
	p, ok := n.(path)
	if !ok {
		fail("XTSE0340", "not a match pattern")
	}
	var a alternative
	if p.from != nil {
		if _, a.root = p.from.(root); !a.root {
			fail("XTSE0340", "a match pattern begins with a name or /")
		}
	}
	deep := false
	for _, s := range p.steps {
		if isAnywhere(s) {
			deep = true
			continue
		}
		if s.expr != nil || s.axis != axisChild && s.axis != axisAttribute {
			fail("XTSE0340", "a match pattern has child and attribute steps only")
		}
		m := matchStep{test: u.c.test(s.test, s.axis), attr: s.axis == axisAttribute, deep: deep}
		m.preds = u.predicates(s.preds)
		m.index = u.c.steps
		u.c.steps++
		m.plain = !slices.ContainsFunc(m.preds, func(p predicate) bool { return !p.plain })
		a.steps = append(a.steps, m)
		deep = false
	}
	if n := len(a.steps); n > 0 {
		a.steps[n-1].last = true
	}
	slices.Reverse(a.steps)
	return a
}

// Target is what a node must be for a pattern to match it.
type Target struct {
	Kind  xdm.Kind     // Root, Element or Attr
	Name  xdm.NameID   // 0: any
	Chain []xdm.NameID // names of parent, grandparent … as far as the pattern fixes them; 0 means any
}

// Targets returns what each alternative of a pattern demands, for an index of patterns by name: a node that fits no
// target is not matched. A node that fits one need not be.
func (p *Pattern) Targets() []Target {
	var out []Target
	for _, a := range p.alts {
		if len(a.steps) == 0 {
			out = append(out, Target{Kind: xdm.Root})
			continue
		}
		t := Target{Kind: xdm.Element, Name: a.steps[0].test.id}
		if a.steps[0].attr {
			t.Kind = xdm.Attr
		}
		for i := 1; i < len(a.steps) && !a.steps[i-1].deep; i++ {
			t.Chain = append(t.Chain, a.steps[i].test.id)
		}
		out = append(out, t)
	}
	return out
}

// matches reports whether the pattern matches a node.
func (f *Evaluation) matches(p *Pattern, n xdm.Node) bool {
	base := f.enter(p.slots)
	ok := slices.ContainsFunc(p.alts, func(a alternative) bool { return f.matchesFrom(&a, 0, n) })
	f.leave(base)
	return ok
}

// matchesFrom matches the steps from i on against n and its ancestors.
func (f *Evaluation) matchesFrom(a *alternative, i int, n xdm.Node) bool {
	if i == len(a.steps) {
		return n == 0 && len(a.steps) == 0
	}
	s := &a.steps[i]
	f.spend(1)
	if (f.t.Kind(n) == xdm.Attr) != s.attr || n == 0 || !s.test.matches(f.t, n) || !f.predicatesHold(s, n) {
		return false
	}
	up := f.t.Parent(n)
	if i == len(a.steps)-1 {
		return !a.root || s.deep || up == 0
	}
	if !s.deep {
		return f.matchesFrom(a, i+1, up)
	}
	for ; up != xdm.None; up = f.t.Parent(up) {
		if f.matchesFrom(a, i+1, up) {
			return true
		}
	}
	return false
}

// matched is what an evaluation remembers of a step of a pattern. Nodes are tried in document order, so that the next
// one often has the same parent, for which the predicates need not be evaluated again.
type matched struct {
	node  xdm.Node   // the last node that was tried; of a step whose predicates count, its parent
	known bool       // there was one
	holds bool       // the predicates hold for node
	nodes []xdm.Node // of a step whose predicates count: the children for which they hold, in document order
}

// predicatesHold evaluates the predicates of a step with n as context item. Positions count among the siblings that
// fit the test.
func (f *Evaluation) predicatesHold(s *matchStep, n xdm.Node) bool {
	if len(s.preds) == 0 {
		return true
	}
	if s.plain && s.last {
		return f.suits(s.preds, f.node(n))
	}
	for len(f.matchedSteps) <= s.index {
		f.matchedSteps = append(f.matchedSteps, matched{})
	}
	if !s.plain {
		return f.counted(s, n)
	}
	if m := &f.matchedSteps[s.index]; m.known && m.node == n {
		return m.holds
	}
	ok := f.suits(s.preds, f.node(n))
	m := &f.matchedSteps[s.index] // the slice may have grown
	m.node, m.known, m.holds = n, true, ok
	return ok
}

// counted is predicatesHold for predicates that ask for positions. It filters all children of the parent together,
// once for each parent: filtering them anew for each child would take quadratic time.
func (f *Evaluation) counted(s *matchStep, n xdm.Node) bool {
	parent := f.t.Parent(n)
	m := &f.matchedSteps[s.index]
	if !m.known || m.node != parent {
		mark := len(f.st)
		a := axisChild
		if s.attr {
			a = axisAttribute
		}
		f.axis(a, &s.test, parent)
		for i := range s.preds {
			f.filter(&s.preds[i], mark)
		}
		m = &f.matchedSteps[s.index] // the slice may have grown
		m.node, m.known, m.nodes = parent, true, m.nodes[:0]
		f.spend(len(f.st) - mark)
		f.alloc(int64(len(f.st)-mark) * 4)
		for _, i := range f.st[mark:] {
			m.nodes = append(m.nodes, i.Node())
		}
		f.drop(mark)
	}
	_, found := slices.BinarySearch(m.nodes, n)
	return found
}

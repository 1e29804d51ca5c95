package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Pattern is a compiled match pattern (XSLT 2.0 §5.5.2, XSLT 3.0 §5.5.3): the context of a rule. It is matched from its
// last step upwards: most nodes fail at the first test, that of their own name.
type Pattern struct {
	alts    []alternative
	slots   int
	careful bool // after an error something else of it may match yet
}

// alternative is one path of a union, read from its end.
type alternative struct {
	steps []matchStep // the last step first
	root  bool        // the path begins at the document node
	set   *nodeSet    // not nil: a form that has no such steps
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
	p.alts = u.alternatives(whole)
	p.slots = u.slots
	for _, a := range p.alts {
		p.careful = p.careful || len(p.alts) > 1 || a.set != nil
		for _, s := range a.steps {
			p.careful = p.careful || s.deep
		}
	}
	return p, nil
}

// alternatives compiles the paths of a union.
func (u *unit) alternatives(n node) []alternative {
	if b, ok := n.(binary); ok && b.op == "|" {
		return append(u.alternatives(b.l), u.alternatives(b.r)...)
	}
	if p, ok := n.(path); ok && p.from == nil && p.steps[0].test.kind == testDocument { // it begins at itself
		p.steps = slices.Clone(p.steps)
		p.steps[0].axis = axisSelf
		n = p
	}
	if !rootedForm(n) {
		patternForm(n)
	}
	list, ok := u.expand(n)
	if !ok || anyNode(n, callsCurrent) { // current() is the node that is tried, so that nothing can be remembered
		return []alternative{{set: u.nodeSet(n)}}
	}
	var out []alternative
	for _, p := range list {
		out = append(out, u.alternative(p))
	}
	return out
}

// maxAlternatives is how many paths one with parentheses may become: (a|b)/(c|d)/(e|f) has eight.
const maxAlternatives = 256

// expand writes a pattern with parentheses as a union of paths without: (a|b)/c is a/c | b/c. ok is false for one that
// has no such form, as (a|b)[1].
func (u *unit) expand(n node) (list []path, ok bool) {
	switch n := n.(type) {
	case root:
		return []path{{from: n}}, true
	case binary:
		l, ok := u.expand(n.l)
		if !ok || n.op != "|" {
			return nil, false
		}
		r, ok := u.expand(n.r)
		return append(l, r...), ok && len(l)+len(r) <= maxAlternatives
	case sequence:
		if len(n.list) == 1 {
			return u.expand(n.list[0])
		}
	case filter: // (a | b)[p] is a[p] | b[p] unless p counts
		list, ok = u.expand(n.x)
		counts := func(p predicate) bool { return !p.plain }
		if !ok || slices.ContainsFunc(u.predicates(n.preds), counts) {
			return nil, false
		}
		for i := range list {
			last := len(list[i].steps) - 1
			if last < 0 || list[i].steps[last].expr != nil {
				return nil, false
			}
			list[i].steps = slices.Clone(list[i].steps)
			s := &list[i].steps[last]
			s.preds = slices.Concat(s.preds, n.preds)
		}
		return list, true
	case path:
		list, ok = []path{{}}, true
		if n.from != nil {
			list, ok = u.expand(n.from)
		}
		for _, s := range n.steps {
			if !ok {
				return nil, false
			}
			list, ok = u.expandStep(list, s)
		}
		return list, ok
	}
	return nil, false
}

// expandStep puts a step behind each of the paths.
func (u *unit) expandStep(list []path, s step) (out []path, ok bool) {
	ends := []path{{steps: []step{s}}}
	switch {
	case s.expr != nil:
		if ends, ok = u.expand(s.expr); !ok {
			return nil, false
		}
	case s.test.kind == testDocument, s.axis != axisChild && s.axis != axisAttribute && !isAnywhere(s):
		return nil, false
	}
	for _, p := range list {
		for _, end := range ends {
			if end.from != nil {
				return nil, false
			}
			out = append(out, path{p.from, slices.Concat(p.steps, end.steps)})
		}
	}
	return out, len(out) <= maxAlternatives
}

// alternative compiles one path of a pattern.
func (u *unit) alternative(p path) alternative {
	a := alternative{root: p.from != nil}
	deep := false
	for _, s := range p.steps {
		if isAnywhere(s) {
			deep = true
			continue
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

// rootedForm reports whether a pattern is one of those that stand alone: a variable or . with predicates, and a call
// that gives nodes by their names (XSLT 3.0 §5.5.3, PredicatePattern and RootedPath).
func rootedForm(n node) bool {
	switch n := n.(type) {
	case context_, variable:
		return true
	case filter:
		return rootedForm(n.x)
	case call:
		return n.name.space == nsFn && (n.name.local == "key" || n.name.local == "id" || n.name.local == "root")
	}
	return false
}

// downwards are the axes of a pattern.
var downwards = []axis{axisChild, axisAttribute, axisSelf, axisDescendant, axisDescendantOrSelf}

// patternForm refuses what a pattern may not have (XTSE0340): it has steps downwards only.
func patternForm(n node) {
	refuse := func(why string) { fail("XTSE0340", "%s", why) }
	switch n := n.(type) {
	case root:
	case binary:
		if n.op != "|" {
			refuse(n.op + " is not supported in a match pattern")
		}
		patternForm(n.l)
		patternForm(n.r)
	case sequence:
		if len(n.list) != 1 {
			refuse("not a match pattern")
		}
		patternForm(n.list[0])
	case filter:
		patternForm(n.x)
	case path:
		if n.from != nil && (!rootedForm(n.from) || isContext(n.from)) {
			patternForm(n.from)
		}
		for _, s := range n.steps {
			switch {
			case s.expr != nil:
				patternForm(s.expr)
			case !slices.Contains(downwards, s.axis):
				refuse("a match pattern has steps downwards only")
			}
		}
	default:
		refuse("not a match pattern")
	}
}

// isContext reports whether an expression is . with any predicates.
func isContext(n node) bool {
	if f, ok := n.(filter); ok {
		return isContext(f.x)
	}
	_, ok := n.(context_)
	return ok
}

// Target is what a node must be for a pattern to match it.
type Target struct {
	Kind  xdm.Kind     // Root, Element, Attr, Text, Comment or PI
	Name  xdm.NameID   // 0: any
	Chain []xdm.NameID // names of parent, grandparent … as far as the pattern fixes them; 0 means any
}

// Targets returns what each alternative of a pattern demands, for an index of patterns by name: a node that fits no
// target is not matched. A node that fits one need not be.
func (p *Pattern) Targets() []Target {
	var out []Target
	for _, a := range p.alts {
		switch {
		case a.set != nil:
			out = append(out, a.set.targets...)
			continue
		case len(a.steps) == 0:
			out = append(out, Target{Kind: xdm.Root})
			continue
		}
		var chain []xdm.NameID
		for i := 1; i < len(a.steps) && !a.steps[i-1].deep; i++ {
			chain = append(chain, a.steps[i].test.id)
		}
		for _, t := range a.steps[0].test.targets() {
			t.Chain = chain
			out = append(out, t)
		}
	}
	return out
}

// targets returns what a node that fits the test must be; children and attributes only.
func (t *test) targets() []Target {
	switch t.kind {
	case testText:
		return []Target{{Kind: xdm.Text}}
	case testComment:
		return []Target{{Kind: xdm.Comment}}
	case testPI:
		return []Target{{Kind: xdm.PI}}
	case testElement:
		return []Target{{Kind: xdm.Element, Name: t.id}}
	case testAttribute:
		return []Target{{Kind: xdm.Attr, Name: t.id}}
	case testNode:
		if !t.attr {
			return []Target{{Kind: xdm.Element}, {Kind: xdm.Text}, {Kind: xdm.Comment}, {Kind: xdm.PI}}
		}
	case testNames:
		var out []Target
		for _, id := range t.ids {
			out = append(out, Target{Kind: t.principal, Name: id})
		}
		return out
	}
	return []Target{{Kind: t.principal, Name: t.id}}
}

// matches reports whether the pattern matches a node. A predicate that cannot be evaluated does not hold (XSLT 2.0
// §5.5.4); its error is raised only if nothing else of the pattern matches the node.
func (f *Evaluation) matches(p *Pattern, n xdm.Node) bool {
	if !p.careful {
		return f.matchesAny(p, n)
	}
	var ok bool
	if f.tried(func() { ok = f.matchesAny(p, n) }) == nil {
		return ok
	}
	return f.matchesCarefully(p, n)
}

// matchesCarefully is matches once something of the pattern could not be evaluated: the rest is tried all the same.
func (f *Evaluation) matchesCarefully(p *Pattern, n xdm.Node) bool {
	var failed *Error
	f.wrong = &failed
	ok := f.matchesAny(p, n)
	f.wrong = nil
	if !ok && failed != nil {
		panic(failed)
	}
	return ok
}

func (f *Evaluation) matchesAny(p *Pattern, n xdm.Node) bool {
	base := f.enter(p.slots)
	ok := slices.ContainsFunc(p.alts, func(a alternative) bool {
		if a.set != nil {
			return f.inNodeSet(a.set, n)
		}
		return f.matchesFrom(&a, 0, n)
	})
	f.leave(base)
	return ok
}

// tried runs eval, and returns the error that it fails with after putting everything as it was.
func (f *Evaluation) tried(eval func()) *Error {
	st, slots, base, depth := len(f.st), len(f.slots), f.base, f.depth
	was := outside{f.save(), f.current, f.group}
	failed := attempt(eval)
	if failed != nil {
		f.st, f.slots, f.base, f.depth = f.st[:st], f.slots[:slots], base, depth
		f.goBack(&was)
	}
	return failed
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
	switch {
	case len(s.preds) == 0:
		return true
	case f.wrong != nil:
		first, ok := f.wrong, false
		f.wrong = nil
		if failed := f.tried(func() { ok = f.predicatesHold(s, n) }); failed != nil && *first == nil {
			*first = failed
		}
		f.wrong = first
		return ok
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

package xpath

import (
	"slices"
	"sort"

	"github.com/ravn-ap/ravn/validation/xdm"
)

// compiledStep is a step of a path.
type compiledStep struct {
	axis  axis
	test  test
	preds []predicate
	expr  *code // set: axis, test and preds do not count
}

// test is a compiled node test.
type test struct {
	kind  testKind
	id    xdm.NameID   // testName, testElement and testAttribute with a name; 0 means any
	ids   []xdm.NameID // testNames
	space string
	local string
	pi    string
	any   bool
	attr  bool // the principal node kind is attribute
}

func (c *Compiler) test(n nodeTest, a axis) test {
	t := test{kind: n.kind, space: n.name.space, local: n.name.local, pi: n.pi, any: n.any}
	t.attr = a == axisAttribute || a == axisDescendantAttribute
	for _, q := range n.names {
		t.ids = append(t.ids, c.names.ID(q.space, q.local))
	}
	if n.kind == testName || (n.kind == testElement || n.kind == testAttribute) && !n.any {
		t.id = c.names.ID(n.name.space, n.name.local)
	}
	return t
}

// matches tells whether a node fits.
func (t *test) matches(tree *xdm.Tree, n xdm.Node) bool {
	kind := tree.Kind(n)
	principal := xdm.Element
	if t.attr {
		principal = xdm.Attr
	}
	switch t.kind {
	case testName:
		return tree.NameID(n) == t.id && kind == principal
	case testNames:
		return kind == principal && slices.Contains(t.ids, tree.NameID(n))
	case testAny:
		return kind == principal
	case testSpace:
		return kind == principal && tree.Name(n).Space == t.space
	case testLocal:
		return kind == principal && tree.Name(n).Local == t.local
	case testNode:
		return true
	case testText:
		return kind == xdm.Text
	case testComment:
		return kind == xdm.Comment
	case testPI:
		return kind == xdm.PI && (t.any || tree.Name(n).Local == t.pi)
	case testElement:
		return kind == xdm.Element && (t.any || tree.NameID(n) == t.id)
	case testAttribute:
		return kind == xdm.Attr && (t.any || tree.NameID(n) == t.id)
	}
	return kind == xdm.Root
}

func (u *unit) path(n path) *code {
	if s, ok := oneOf(n.from); ok {
		n = path{steps: append([]step{s}, n.steps...)}
	}
	steps := u.steps(simplified(n.steps))
	_, fromRoot := n.from.(root)
	var from *code
	if n.from != nil && !fromRoot {
		from = u.compile(n.from)
	}
	if from == nil {
		if c := chainCode(steps, fromRoot); c != nil {
			return c
		}
	}
	typ := NodeT
	if last := steps[len(steps)-1]; last.expr != nil {
		typ = last.expr.typ
	}
	start := func(f *Evaluation) {
		switch {
		case fromRoot:
			f.contextNode()
			f.push(nodeItem(0))
		case from == nil:
			if steps[0].expr == nil {
				f.push(nodeItem(f.contextNode()))
			} else if f.focus {
				f.push(f.item)
			} else {
				fail(codeNoContext, "there is no context item")
			}
		default:
			from.push(f)
		}
	}
	c := fromPush(typ, func(f *Evaluation) {
		mark := len(f.st)
		start(f)
		for i := range steps {
			f.step(&steps[i], mark, i == len(steps)-1)
		}
	})
	if walkable(steps) {
		c.test = func(f *Evaluation) bool {
			mark := len(f.st)
			start(f)
			return f.leads(steps, mark)
		}
	}
	return c
}

// walkable tells whether a path can be walked node by node without meeting a node twice, as happens behind a step that goes
// deeper than children.
func walkable(steps []compiledStep) bool {
	for i, s := range steps {
		between := i > 0 && i < len(steps)-1
		if s.expr != nil || between && s.axis != axisChild && s.axis != axisAttribute && s.axis != axisSelf {
			return false
		}
	}
	return true
}

// leads tells whether a node from mark on has what the steps ask for, and takes them off. It stops at the first that has.
func (f *Evaluation) leads(steps []compiledStep, mark int) bool {
	found := len(steps) == 0 && len(f.st) > mark
	for i, end := mark, len(f.st); i < end && !found; i++ {
		if f.st[i].Type != NodeT {
			fail(codeNotNodes, "a step from %s", f.st[i].Type)
		}
		found = f.leadsFrom(steps, f.st[i].Node())
	}
	f.drop(mark)
	return found
}

func (f *Evaluation) leadsFrom(steps []compiledStep, n xdm.Node) bool {
	s := &steps[0]
	from := len(f.st)
	f.axis(s.axis, &s.test, n)
	if slices.ContainsFunc(s.preds, func(p predicate) bool { return !p.plain }) {
		for p := range s.preds {
			f.filter(&s.preds[p], from)
		}
		return f.leads(steps[1:], from)
	}
	found := false
	for i, end := from, len(f.st); i < end && !found; i++ {
		c := f.st[i]
		found = f.suits(s.preds, c) && (len(steps) == 1 || f.leadsFrom(steps[1:], c.Node()))
	}
	f.drop(from)
	return found
}

// suits tells whether an item fits predicates that do not ask for positions.
func (f *Evaluation) suits(preds []predicate, i Item) bool {
	if len(preds) == 0 {
		return true
	}
	was := f.save()
	f.setFocus(i, 1, 1)
	ok := !slices.ContainsFunc(preds, func(p predicate) bool { return !p.code.test(f) })
	f.restore(was)
	f.spend(1)
	return ok
}

// simplified takes out the steps of // where what follows can look at all descendants itself: //x is /descendant::x unless a
// predicate counts positions.
func simplified(steps []step) []step {
	var out []step
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		if one, ok := oneOf(s.expr); ok {
			s = one
		}
		if last := len(out) - 1; last >= 0 && isAnywhere(out[last]) && s.expr == nil && !slices.ContainsFunc(s.preds, mayCount) {
			switch s.axis {
			case axisChild:
				s.axis = axisDescendant
				out[last] = s
				continue
			case axisAttribute:
				s.axis = axisDescendantAttribute
				out[last] = s
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

func isAnywhere(s step) bool {
	return s.expr == nil && s.axis == axisDescendantOrSelf && s.test.kind == testNode && len(s.preds) == 0
}

// oneOf makes one step of a union of child steps by name, such as (a|b).
func oneOf(n node) (step, bool) {
	var names []qname
	var collect func(n node) bool
	collect = func(n node) bool {
		switch x := n.(type) {
		case binary:
			return x.op == "|" && collect(x.l) && collect(x.r)
		case path:
			if x.from != nil || len(x.steps) != 1 {
				return false
			}
			s := x.steps[0]
			if s.expr != nil || s.axis != axisChild || s.test.kind != testName || len(s.preds) > 0 {
				return false
			}
			names = append(names, s.test.name)
			return true
		}
		return false
	}
	if b, ok := n.(binary); !ok || !collect(b) {
		return step{}, false
	}
	return step{axis: axisChild, test: nodeTest{kind: testNames, names: names}}, true
}

// mayCount tells whether a predicate may depend on positions.
func mayCount(n node) bool {
	switch n := n.(type) {
	case compare:
		return speaksOfPosition(n.l) || speaksOfPosition(n.r)
	case logic:
		return speaksOfPosition(n)
	case path:
		return speaksOfPosition(n) || len(n.steps) > 0 && n.steps[len(n.steps)-1].expr != nil
	case call:
		switch n.name.local {
		case "not", "exists", "empty", "contains", "starts-with", "ends-with", "boolean", "true", "false", "matches":
			return n.name.space != nsFn || speaksOfPosition(n)
		}
	}
	return true
}

// speaksOfPosition tells whether an expression calls position() or last() anywhere.
func speaksOfPosition(n node) bool {
	return calls(n, func(c call) bool {
		return c.name.space == nsFn && (c.name.local == "position" || c.name.local == "last")
	})
}

func (u *unit) steps(list []step) []compiledStep {
	out := make([]compiledStep, len(list))
	for i, s := range list {
		if s.expr != nil {
			out[i] = compiledStep{expr: u.compile(s.expr)}
			continue
		}
		out[i] = compiledStep{axis: s.axis, test: u.c.test(s.test, s.axis), preds: u.predicates(s.preds)}
	}
	return out
}

// step replaces the nodes from mark on by what the step gives for each of them, in document order.
func (f *Evaluation) step(s *compiledStep, mark int, last bool) {
	end := len(f.st)
	if s.expr != nil {
		f.exprStep(s.expr, mark, end, last)
		return
	}
	for i := mark; i < end; i++ {
		if f.st[i].Type != NodeT {
			fail(codeNotNodes, "a step from %s", f.st[i].Type)
		}
		from := len(f.st)
		f.axis(s.axis, &s.test, f.st[i].Node())
		for p := range s.preds {
			f.filter(&s.preds[p], from)
		}
		if s.axis.reverse() {
			slices.Reverse(f.st[from:])
		}
	}
	f.lift(mark, end)
	if end-mark > 1 {
		f.order(mark)
	}
}

// exprStep is a step that is an expression, evaluated with each item as context item.
func (f *Evaluation) exprStep(c *code, mark, end int, last bool) {
	was := f.save()
	for i := mark; i < end; i++ {
		if f.st[i].Type != NodeT {
			fail(codeNotNodes, "a step from %s", f.st[i].Type)
		}
		f.spend(1)
		f.setFocus(f.st[i], i-mark+1, end-mark)
		c.push(f)
	}
	f.restore(was)
	f.lift(mark, end)
	nodes := 0
	for _, i := range f.st[mark:] {
		if i.Type == NodeT {
			nodes++
		}
	}
	switch {
	case nodes == 0 && last:
	case nodes == len(f.st)-mark:
		f.order(mark)
	case nodes > 0:
		fail(codeMixed, "a path gives nodes and other items")
	default:
		fail(codeNotNodes, "a step from an atomic value")
	}
}

// axis appends the nodes of an axis that fit, in the order of the axis.
func (f *Evaluation) axis(a axis, t *test, n xdm.Node) {
	tree, before := f.t, len(f.st)
	if t.kind == testName && !tree.Has(t.id) {
		f.spend(1)
		return
	}
	switch a {
	case axisChild:
		for c := tree.FirstChild(n); c != xdm.None; c = tree.NextSibling(c) {
			f.take(t, c)
		}
	case axisAttribute:
		for c := n + 1; c < tree.Next(n) && tree.Kind(c) == xdm.Attr; c++ {
			f.take(t, c)
		}
	case axisSelf:
		f.take(t, n)
	case axisParent:
		if p := tree.Parent(n); p != xdm.None {
			f.take(t, p)
		}
	case axisDescendant, axisDescendantOrSelf, axisDescendantAttribute:
		f.descendants(t, n, a)
	case axisAncestor, axisAncestorOrSelf:
		if a == axisAncestor {
			n = tree.Parent(n)
		}
		for ; n != xdm.None; n = tree.Parent(n) {
			f.take(t, n)
		}
	case axisFollowingSibling:
		for c := tree.NextSibling(n); c != xdm.None; c = tree.NextSibling(c) {
			f.take(t, c)
		}
	case axisPrecedingSibling:
		f.precedingSiblings(t, n)
	case axisFollowing:
		f.nodesBetween(t, f.afterAll(n), xdm.Node(tree.Len()))
	case axisPreceding:
		f.preceding(t, n)
	}
	f.spend(1 + len(f.st) - before)
}

// take appends a node if it fits.
func (f *Evaluation) take(t *test, n xdm.Node) {
	if t.matches(f.t, n) {
		f.push(nodeItem(n))
	}
}

// afterAll returns the first node of the following axis.
func (f *Evaluation) afterAll(n xdm.Node) xdm.Node {
	if f.t.Kind(n) == xdm.Attr { // its element's children follow an attribute
		n = f.t.Parent(n)
		if c := f.t.FirstChild(n); c != xdm.None {
			return c
		}
	}
	return f.t.Next(n)
}

func (f *Evaluation) descendants(t *test, n xdm.Node, a axis) {
	switch {
	case f.t.Kind(n) == xdm.Attr:
		if a == axisDescendantOrSelf {
			f.take(t, n)
		}
	case a == axisDescendantAttribute:
		f.attributesBetween(t, n, f.t.Next(n))
	default:
		if a == axisDescendantOrSelf {
			f.take(t, n)
		}
		f.nodesBetween(t, n+1, f.t.Next(n))
	}
}

// nodesBetween appends the nodes of a stretch of the document that fit, no attributes.
func (f *Evaluation) nodesBetween(t *test, from, until xdm.Node) {
	f.stretch(t, from, until, f.t.Elements, false)
}

// attributesBetween appends the attributes of a stretch of the document that fit.
func (f *Evaluation) attributesBetween(t *test, from, until xdm.Node) {
	f.stretch(t, from, until, f.t.Attributes, true)
}

func (f *Evaluation) stretch(t *test, from, until xdm.Node, named func(xdm.NameID) []xdm.Node, attrs bool) {
	if t.kind == testName {
		for _, n := range between(named(t.id), from, until) {
			f.push(nodeItem(n))
		}
		return
	}
	f.spend(int(until - from))
	for n := from; n < until; n++ {
		if (f.t.Kind(n) == xdm.Attr) == attrs && t.matches(f.t, n) {
			f.push(nodeItem(n))
		}
	}
}

// between returns the part of a sorted list from from to before until.
func between(list []xdm.Node, from, until xdm.Node) []xdm.Node {
	i := sort.Search(len(list), func(i int) bool { return list[i] >= from })
	j := i + sort.Search(len(list)-i, func(j int) bool { return list[i+j] >= until })
	return list[i:j]
}

func (f *Evaluation) precedingSiblings(t *test, n xdm.Node) {
	if f.t.Kind(n) == xdm.Attr || n == 0 {
		return
	}
	from := len(f.st)
	for c := f.t.FirstChild(f.t.Parent(n)); c != n; c = f.t.NextSibling(c) {
		if t.matches(f.t, c) {
			f.push(nodeItem(c))
		}
	}
	slices.Reverse(f.st[from:])
}

// preceding appends what ends before n begins, the nearest first.
func (f *Evaluation) preceding(t *test, n xdm.Node) {
	if f.t.Kind(n) == xdm.Attr {
		n = f.t.Parent(n)
	}
	from := len(f.st)
	f.nodesBetween(t, 1, n)
	keep := f.st[:from]
	for _, i := range f.st[from:] {
		if f.t.Next(i.Node()) <= n { // else an ancestor
			keep = append(keep, i)
		}
	}
	f.st = keep
	slices.Reverse(f.st[from:])
}

// predicate is a compiled predicate.
type predicate struct {
	at    int64 // > 0: the position that is asked for
	code  *code
	cond  bool // the value is never a number
	plain bool // cond, and it does not ask for positions
	fixed bool // the value does not depend on the item
}

func (u *unit) predicates(list []node) []predicate {
	var out []predicate
	for _, n := range list {
		c := u.compile(n)
		p := predicate{code: c, cond: c.typ == Boolean || c.typ == String || c.typ == NodeT || c.typ == Untyped}
		p.plain = p.cond && !speaksOfPosition(n)
		p.fixed = !readsFocus(n)
		if c.konst && c.one && c.typ.numeric() {
			if p.at = positionOf(c.items[0]); p.at == 0 {
				p = predicate{code: fromItems([]Item{boolItem(false)}), cond: true}
			}
		}
		out = append(out, p)
	}
	return out
}

// positionOf returns the position that a number asks for, 0 if there is none such.
func positionOf(v Item) int64 {
	if v.Type == Double {
		if n := v.float(); n == float64(int64(n)) {
			return max(int64(n), 0)
		}
		return 0
	}
	if d := v.dec().trimmed(); d.scale == 0 && d.big == nil {
		return max(d.n, 0)
	}
	return 0
}

// filter keeps the items from mark on for which the predicate holds.
func (f *Evaluation) filter(p *predicate, mark int) {
	n := len(f.st) - mark
	if p.at > 0 {
		if int64(n) < p.at {
			f.drop(mark)
			return
		}
		f.st[mark] = f.st[mark+int(p.at)-1]
		f.drop(mark + 1)
		return
	}
	if n == 0 {
		return
	}
	if p.fixed {
		f.filterFixed(p.code, mark)
		return
	}
	was := f.save()
	kept := mark
	for i := mark; i < mark+n; i++ {
		f.spend(1)
		f.setFocus(f.st[i], i-mark+1, n)
		if f.holds(p, int64(i-mark+1)) {
			f.st[kept] = f.st[i]
			kept++
		}
	}
	f.drop(kept)
	f.restore(was)
}

// filterFixed is filter by a value that is the same for all items: a position, or a condition.
func (f *Evaluation) filterFixed(c *code, mark int) {
	top := len(f.st)
	c.push(f)
	if len(f.st)-top != 1 || !f.st[top].Type.numeric() {
		if !f.truth(top) {
			f.drop(mark)
		}
		return
	}
	at := positionOf(f.st[top])
	f.drop(top)
	if at == 0 || at > int64(top-mark) {
		f.drop(mark)
		return
	}
	f.st[mark] = f.st[mark+int(at)-1]
	f.drop(mark + 1)
}

func (f *Evaluation) holds(p *predicate, pos int64) bool {
	if p.cond {
		return p.code.test(f)
	}
	mark := len(f.st)
	p.code.push(f)
	if len(f.st)-mark == 1 && f.st[mark].Type.numeric() {
		v := f.st[mark]
		f.drop(mark)
		return positionOf(v) == pos
	}
	return f.truth(mark)
}

func (u *unit) filter(n filter) *code {
	x, preds := u.compile(n.x), u.predicates(n.preds)
	return fromPush(x.typ, func(f *Evaluation) {
		mark := len(f.st)
		x.push(f)
		for i := range preds {
			f.filter(&preds[i], mark)
		}
	})
}

// chain is a path of child steps by name without predicates, with at most one other plain step at its end: most of what rules
// ask for. It is walked without values under way and stops as soon as the answer is known.
type chain struct {
	steps []compiledStep
	root  bool
	names []xdm.NameID // of all steps: where one does not occur in the document, the path is empty
}

func chainCode(steps []compiledStep, fromRoot bool) *code {
	for i, s := range steps {
		last := i == len(steps)-1
		if s.expr != nil || len(s.preds) > 0 || s.axis != axisChild && !(last && s.axis == axisAttribute) {
			return nil
		}
		if !last && s.test.kind != testName && s.test.kind != testNames && s.test.kind != testAny {
			return nil
		}
	}
	ch := &chain{steps: steps, root: fromRoot}
	for _, s := range steps {
		if s.test.kind == testName {
			ch.names = append(ch.names, s.test.id)
		}
	}
	return &code{
		typ: NodeT,
		push: func(f *Evaluation) {
			if n := ch.start(f); n != xdm.None {
				ch.push(f, n, 0)
			}
		},
		test: func(f *Evaluation) bool {
			n := ch.start(f)
			return n != xdm.None && ch.exists(f, n, 0)
		},
		atom: func(f *Evaluation) (Item, bool) {
			start, n := ch.start(f), xdm.None
			if start != xdm.None {
				ch.only(f, start, 0, &n)
			}
			if n == xdm.None {
				return Item{}, false
			}
			return f.value(n), true
		},
	}
}

// start returns the node that the path begins at; None when it leads nowhere in this document.
func (ch *chain) start(f *Evaluation) xdm.Node {
	n := f.contextNode()
	for _, id := range ch.names {
		if !f.t.Has(id) {
			return xdm.None
		}
	}
	if ch.root {
		return 0
	}
	return n
}

// next returns the next node of a step behind c, or the first for None.
func (s *compiledStep) next(t *xdm.Tree, parent, c xdm.Node) xdm.Node {
	if s.axis == axisAttribute {
		if c == xdm.None {
			c = parent
		}
		for c++; c < t.Next(parent) && t.Kind(c) == xdm.Attr; c++ {
			if s.test.matches(t, c) {
				return c
			}
		}
		return xdm.None
	}
	if c == xdm.None {
		c = t.FirstChild(parent)
	} else {
		c = t.NextSibling(c)
	}
	for c != xdm.None && !s.test.matches(t, c) {
		c = t.NextSibling(c)
	}
	return c
}

func (ch *chain) push(f *Evaluation, n xdm.Node, depth int) {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
		if depth == len(ch.steps)-1 {
			f.push(nodeItem(c))
		} else {
			ch.push(f, c, depth+1)
		}
	}
}

func (ch *chain) exists(f *Evaluation, n xdm.Node, depth int) bool {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
		if depth == len(ch.steps)-1 || ch.exists(f, c, depth+1) {
			return true
		}
	}
	return false
}

// only finds the one node of the path; a second is XPTY0004.
func (ch *chain) only(f *Evaluation, n xdm.Node, depth int, found *xdm.Node) {
	s := &ch.steps[depth]
	for c := s.next(f.t, n, xdm.None); c != xdm.None; c = s.next(f.t, n, c) {
		f.spend(1)
		if depth < len(ch.steps)-1 {
			ch.only(f, c, depth+1, found)
			continue
		}
		if *found != xdm.None {
			fail(codeType, "several nodes where one is wanted")
		}
		*found = c
	}
}

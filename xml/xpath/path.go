package xpath

import (
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// compiledStep is a step of a path.
type compiledStep struct {
	axis  axis
	test  test
	preds []predicate
	expr  *code // if set, the step is this expression, and the fields above are not used
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

	principal xdm.Kind
}

func (c *Compiler) test(n nodeTest, a axis) test {
	t := test{kind: n.kind, space: n.name.space, local: n.name.local, pi: n.pi, any: n.any}
	t.principal = xdm.Element
	if t.attr = a == axisAttribute || a == axisDescendantAttribute; t.attr {
		t.principal = xdm.Attr
	}
	for _, q := range n.names {
		t.ids = append(t.ids, c.names.ID(q.space, q.local))
	}
	if n.kind == testName ||
		(n.kind == testElement || n.kind == testAttribute || n.kind == testDocument) && !n.any {
		t.id = c.names.ID(n.name.space, n.name.local)
	}
	return t
}

// matches reports whether a node fits.
func (t *test) matches(tree *xdm.Tree, n xdm.Node) bool {
	if t.kind == testName {
		return tree.Is(n, t.principal, t.id)
	}
	kind, principal := tree.Kind(n), t.principal
	switch t.kind {
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
	return kind == xdm.Root && (t.any || topElement(tree) == t.id)
}

// topElement returns the name of the top element of a document.
func topElement(tree *xdm.Tree) xdm.NameID {
	n := tree.FirstChild(0)
	for n != xdm.None && tree.Kind(n) != xdm.Element {
		n = tree.NextSibling(n)
	}
	if n == xdm.None {
		return 0
	}
	return tree.NameID(n)
}

// path compiles a path: as a chain if it can be one, else step by step (push). Whether it leads anywhere at all is
// found out by a walk that stops at the first node, where that is possible (walkable).
func (u *unit) path(n path) *code {
	if s, ok := oneOf(n.from); ok {
		n = path{steps: append([]step{s}, n.steps...)}
	}
	list := u.c.simplified(n.steps)
	_, fromRoot := n.from.(root)
	if n.from != nil && !fromRoot {
		from := u.compile(n.from)
		if from.docs != nil {
			return u.fromDocument(from, list)
		}
		return walkFrom(from, false, u.steps(list))
	}
	steps := u.steps(list)
	if c := chainCode(steps, fromRoot); c != nil {
		return c
	}
	return walkFrom(nil, fromRoot, steps)
}

// walkFrom makes the code of a path step by step; from is nil for one that begins at the context item or document node.
func walkFrom(from *code, fromRoot bool, steps []compiledStep) *code {
	typ := NodeT
	if last := steps[len(steps)-1]; last.expr != nil {
		typ = last.expr.typ
	}
	start := func(f *Evaluation) {
		switch {
		case fromRoot:
			f.contextNode()
			f.push(f.node(0))
		case from == nil:
			if steps[0].expr == nil {
				f.push(f.node(f.contextNode()))
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

// walkable reports whether a path may be walked depth first: every step between the first and the last stays at the
// node, or goes to its children or attributes. Behind a deeper step the same node would be met again and again.
func walkable(steps []compiledStep) bool {
	for i, s := range steps {
		between := i > 0 && i < len(steps)-1
		if s.expr != nil || between && s.axis != axisChild && s.axis != axisAttribute && s.axis != axisSelf {
			return false
		}
	}
	return true
}

// leads reports whether the steps lead from a node on the stack, from mark on, to any node. It takes the nodes off.
// With no steps left, a node that is there is the answer.
func (f *Evaluation) leads(steps []compiledStep, mark int) bool {
	was, found := f.tree, len(steps) == 0 && len(f.st) > mark
	for i, end := mark, len(f.st); i < end && !found; i++ {
		if f.st[i].Type != NodeT {
			fail(codeNotNodes, "a step from %s", f.st[i].Type)
		}
		f.hold(f.st[i].n)
		found = f.leadsFrom(steps, f.st[i].Node())
	}
	f.hold(was)
	f.drop(mark)
	return found
}

// leadsFrom is leads for one node. Predicates that count positions need the whole step; others are tried node by node.
func (f *Evaluation) leadsFrom(steps []compiledStep, n xdm.Node) bool {
	s := &steps[0]
	counts := slices.ContainsFunc(s.preds, func(p predicate) bool { return !p.plain })
	if !counts && (s.axis == axisChild || s.axis == axisAttribute) {
		return f.leadsDown(steps, n)
	}
	from := len(f.st)
	f.axis(s.axis, &s.test, n)
	if counts {
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

// leadsDown is leadsFrom for a step to children or attributes without counting: it does not list them first.
func (f *Evaluation) leadsDown(steps []compiledStep, n xdm.Node) bool {
	var w walk
	w.begin(f, steps[0].axis, &steps[0].test, n)
	for c := w.next(f); c != xdm.None; c = w.next(f) {
		if f.suits(steps[0].preds, f.node(c)) && (len(steps) == 1 || f.leadsFrom(steps[1:], c)) {
			return true
		}
	}
	return false
}

// suits reports whether an item fits predicates that do not ask for positions.
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

// simplified merges the step that // stands for with the one behind it: //x becomes /descendant::x, which an index
// answers, while as written it would list every node of the document first. If a predicate counts positions the two
// differ: //x[1] are the first x of each parent.
func (c *Compiler) simplified(steps []step) []step {
	var out []step
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		if one, ok := oneOf(s.expr); ok {
			s = one
		}
		last := len(out) - 1
		if last >= 0 && isAnywhere(out[last]) && s.expr == nil && !slices.ContainsFunc(s.preds, c.mayCount) {
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

// isAnywhere reports whether a step is the one that // stands for.
func isAnywhere(s step) bool {
	return s.expr == nil && s.axis == axisDescendantOrSelf && s.test.kind == testNode && len(s.preds) == 0
}

// oneOf makes one step of a union of child steps by name, such as (a|b), so that no two lists of nodes have to be
// merged.
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

// mayCount reports whether a predicate may depend on positions: because it calls position() or last(), or because its
// value may be a number. It errs on the side of yes.
func (c *Compiler) mayCount(n node) bool {
	switch n := n.(type) {
	case compare:
		return speaksOfPosition(n.l) || speaksOfPosition(n.r)
	case logic:
		return speaksOfPosition(n)
	case path:
		return speaksOfPosition(n) || len(n.steps) > 0 && n.steps[len(n.steps)-1].expr != nil
	case call:
		if fn := c.funcs[funcKey{n.name, len(n.args)}]; fn != nil {
			return fn.result.atomic != Boolean || speaksOfPosition(n)
		}
		switch n.name.local {
		case "not", "exists", "empty", "contains", "starts-with", "ends-with", "boolean", "true", "false", "matches":
			// these give a boolean
			return n.name.space != nsFn || speaksOfPosition(n)
		}
	}
	return true
}

// speaksOfPosition reports whether an expression calls position() or last() anywhere.
func speaksOfPosition(n node) bool {
	return anyNode(n, func(x node) bool {
		c, ok := x.(call)
		return ok && c.name.space == nsFn && (c.name.local == "position" || c.name.local == "last")
	})
}

func (u *unit) steps(list []step) []compiledStep {
	out := make([]compiledStep, len(list))
	for i, s := range list {
		if s.expr != nil {
			out[i] = compiledStep{expr: u.repeated(s.expr)}
			continue
		}
		out[i] = compiledStep{axis: s.axis, test: u.c.test(s.test, s.axis), preds: u.predicates(s.preds)}
	}
	return out
}

// step replaces the nodes from mark on by what the step leads to from each of them, in document order without repeats.
// Predicates count along the axis, so that nodes of a reverse axis are turned around after them.
func (f *Evaluation) step(s *compiledStep, mark int, last bool) {
	end := len(f.st)
	if s.expr != nil {
		f.exprStep(s.expr, mark, end, last)
		return
	}
	was := f.tree
	for i := mark; i < end; i++ {
		if f.st[i].Type != NodeT {
			fail(codeNotNodes, "a step from %s", f.st[i].Type)
		}
		f.hold(f.st[i].n)
		from := len(f.st)
		f.axis(s.axis, &s.test, f.st[i].Node())
		for p := range s.preds {
			f.filter(&s.preds[p], from)
		}
		if s.axis.reverse() {
			slices.Reverse(f.st[from:])
		}
	}
	f.hold(was)
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

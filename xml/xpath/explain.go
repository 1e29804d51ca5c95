package xpath

import (
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// FactKind says what decided a test.
type FactKind string

// Kinds of facts. Each is about Left; those with a Right compare the two.
const (
	Compared  FactKind = "compared"  // Left Op Right was wanted, or must not hold (Not)
	NotListed FactKind = "not-in"    // Left is none of the values of Right
	Missing   FactKind = "missing"   // there is no Left
	Present   FactKind = "present"   // there is a Left, which must not be there
	NoMatch   FactKind = "no-match"  // Left does not fit the pattern Right, or fits one that it must not (Not)
	NotWithin FactKind = "not-with"  // Left does not contain Right, or begin or end with it, as Op says
	NotOfType FactKind = "not-type"  // Left cannot be read as the type Op
	Condition FactKind = "condition" // the condition Left, which is not taken apart, does not hold (Not: does)
	Forbidden FactKind = "forbidden" // the test never holds: Left, the node itself, must not be as it is
)

// Fact is a part of a test that decided it, with the values that it had.
type Fact struct {
	Kind  FactKind `json:"kind"`
	Op    string   `json:"op,omitempty"` // = != < <= > >=, or near (to within Third), or the function of NotWithin
	Not   bool     `json:"not,omitempty"`
	Left  Operand  `json:"left"`
	Right *Operand `json:"right,omitempty"`
	Third *Operand `json:"third,omitempty"`
	Where []Part   `json:"where,omitempty"` // variables of every and some: the case that decided
}

// Form is what an Operand computes.
type Form string

// Forms of operands.
const (
	Value      Form = "value" // of a path, a variable, a function
	Constant   Form = "constant"
	SumOf      Form = "sum"
	CountOf    Form = "count"
	LengthOf   Form = "length"
	Calculated Form = "calculated" // arithmetic on the Parts
)

// Operand is an expression with its value. Values has the first items; what is long is cut.
type Operand struct {
	Text    string   `json:"text"` // the expression in short form
	Form    Form     `json:"form"`
	Rounded bool     `json:"rounded,omitempty"`
	Values  []string `json:"values"`
	Count   int      `json:"count"`           // of all items; of a sum, those that were added
	Parts   []Part   `json:"parts,omitempty"` // what the value was calculated from, without constants
}

// Part is an expression with one value.
type Part struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// What an explanation may hold.
const (
	maxFacts  = 3
	maxValues = 5
	maxPieces = 6   // parts of a calculation
	maxShown  = 80  // characters of a value
	maxShort  = 140 // of an expression
)

// Explain says which parts of a test on a node decided it, for a test that is not as it should be: wanted says how
// that is. It takes the test apart and evaluates its operands again, within at most so many steps of the budget;
// nothing is kept for it before, and the result is nil when there is nothing to say. It must not be called before the
// test itself was evaluated: an error then has been reported already.
func (s *Scope) Explain(f *Evaluation, test string, n xdm.Node, wanted bool, steps int64) (facts []Fact, err error) {
	f.reset()
	f.docs = s.c.docs
	defer rescue(&err)
	rest := max(0, f.left-steps)
	f.left -= rest
	defer func() { f.left += rest }()
	f.enter(0)
	f.setFocus(documentNode(n), 1, 1)
	// u.rooted stays unset: no part of the test gets a memo, so that nothing of the Compiler changes.
	x := &explainer{f: f, u: &unit{scope: s, c: s.c}, text: shortener{ns: s.c.ns, self: writtenAt(f.t, n)}}
	return x.explain(parse(test, s.c.ns), !wanted), nil
}

// writtenAt is the name of a node as it is written in the document.
func writtenAt(t *xdm.Tree, n xdm.Node) string {
	if t.Kind(n) == xdm.Attr {
		return "@" + t.Written(n)
	}
	return t.Written(n)
}

// explainer explains one test on one node. Its parts are compiled as it comes to them.
type explainer struct {
	f     *Evaluation
	u     *unit
	text  shortener
	where []Part
}

// compile compiles a part and makes room for its variables.
func (x *explainer) compile(n node) *code {
	c := x.u.compile(n)
	for len(x.f.slots) < x.f.base+x.u.slots {
		x.f.slots = append(x.f.slots, slot{})
	}
	return c
}

func (x *explainer) holds(n node) bool { return x.compile(n).test(x.f) }

// explain returns what made an expression have the truth value that it has, got.
func (x *explainer) explain(n node, got bool) []Fact {
	x.f.spend(1)
	switch n := n.(type) {
	case sequence:
		if len(n.list) == 1 {
			return x.explain(n.list[0], got)
		}
	case logic:
		return x.logic(n, got)
	case conditional:
		if x.holds(n.cond) {
			return x.explain(n.then, got)
		}
		return x.explain(n.els, got)
	case quantified:
		return x.quantified(n, got)
	case compare:
		return x.compare(n, got)
	case call:
		return x.call(n, got)
	case castExpr:
		if n.test && !got {
			return x.fact(Fact{Kind: NotOfType, Op: n.to.String(), Left: x.operand(n.x)})
		}
	case path, filter, context_:
		return x.presence(n, got)
	}
	return x.condition(n, got)
}

func (x *explainer) fact(f Fact) []Fact {
	f.Where = slices.Clone(x.where)
	return []Fact{f}
}

func (x *explainer) presence(n node, got bool) []Fact {
	kind := Missing
	if got {
		kind = Present
	}
	return x.fact(Fact{Kind: kind, Left: x.operand(n)})
}

func (x *explainer) condition(n node, got bool) []Fact {
	return x.fact(Fact{Kind: Condition, Not: got, Left: x.operand(n)})
}

// logic follows the operand that decided. Where both did, it prefers what tells most: a comparison of values to
// something that is missing, and that to something which is only in the way.
func (x *explainer) logic(n logic, got bool) []Fact {
	left := x.holds(n.l)
	if left != n.and { // true of or, false of and: the right one was not asked
		return x.explain(n.l, left)
	}
	if got != n.and {
		return x.explain(n.r, got)
	}
	l, r := x.explain(n.l, got), x.explain(n.r, got)
	switch a, b := rank(l), rank(r); {
	case a > b:
		return l
	case a < b:
		return r
	}
	for _, f := range r {
		same := func(o Fact) bool { return o.Kind == f.Kind && o.Left.Text == f.Left.Text && o.Op == f.Op }
		if len(l) < maxFacts && !slices.ContainsFunc(l, same) {
			l = append(l, f)
		}
	}
	return l
}

// rank says how much facts tell.
func rank(list []Fact) int {
	best := 0
	for i := range list {
		best = max(best, list[i].rank())
	}
	return best
}

func (f *Fact) rank() int {
	switch {
	case f.Kind == Condition || f.Kind == Forbidden:
		return 0
	case f.Kind == Present || f.Not: // most likely the condition under which a rule does not apply
		return 1
	case f.Left.Count == 0 || f.Kind == Compared && f.Right.Count == 0:
		return 2
	case f.Kind == Compared:
		return 4
	}
	return 3
}

// quantified explains the first case that decided. If none did alone, it is about all of them.
func (x *explainer) quantified(n quantified, got bool) []Fact {
	if list := x.lookUp(n); list != nil && !got {
		return list
	}
	before, where := len(x.u.vars), len(x.where)
	defer func() { x.u.vars, x.where = x.u.vars[:before], x.where[:where] }()
	var ins []*code
	var slots []int
	for _, b := range n.binds {
		in := x.compile(b.in)
		ins, slots = append(ins, in), append(slots, x.u.bind(b.name, true, in.typ))
	}
	cond := x.compile(n.cond)
	cases := 0
	decided := !loop(x.f, ins, slots, func() bool { cases++; return cond.test(x.f) == n.every })
	switch {
	case cases == 0:
		return x.presence(n.binds[0].in, false)
	case !decided && cases > 1: // some, of which none holds, or every, of which all do
		return x.condition(n, got)
	}
	for i, b := range n.binds {
		x.where = append(x.where, Part{"$" + b.name.local, x.shown(x.f.variable(slots[i])[0])})
	}
	return x.explain(n.cond, got)
}

// lookUp explains "some $x in LIST satisfies E = $x" as a look-up of E, nil for other forms.
func (x *explainer) lookUp(n quantified) []Fact {
	cond, ok := n.cond.(compare)
	if n.every || len(n.binds) != 1 || !ok || cond.op != "=" && cond.op != "eq" {
		return nil
	}
	name, other := n.binds[0].name, cond.l
	isVar := func(x node) bool { v, ok := x.(variable); return ok && v.name == name }
	if isVar(cond.l) {
		other = cond.r
	} else if !isVar(cond.r) {
		return nil
	}
	if mentions(other, name) {
		return nil
	}
	return x.notListed(other, n.binds[0].in)
}

func (x *explainer) notListed(value, list node) []Fact {
	right := x.operand(list)
	if right.Count == 0 {
		return x.presence(list, false)
	}
	return x.fact(Fact{Kind: NotListed, Left: x.operand(value), Right: &right})
}

// general are the general comparisons that value comparisons are shown as.
var general = map[string]string{"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

func (x *explainer) compare(n compare, got bool) []Fact {
	f := Fact{Kind: Compared, Op: n.op, Not: got, Left: x.operand(n.l)}
	if s, ok := general[n.op]; ok {
		f.Op = s
	}
	right := x.operand(n.r)
	f.Right = &right
	list := right.Form == Value || right.Form == Constant
	if n.op == "=" && !got && list && right.Count > 1 && f.Left.Count > 0 {
		f.Kind, f.Op = NotListed, ""
	}
	return x.fact(f)
}

// call explains the functions that conditions are made of.
func (x *explainer) call(n call, got bool) []Fact {
	if n.name.space != nsFn {
		return x.function(n, got)
	}
	switch name := n.name.local; {
	case name == "not" && len(n.args) == 1:
		return x.explain(n.args[0], !got)
	case name == "boolean" && len(n.args) == 1:
		return x.explain(n.args[0], got)
	case name == "exists" && len(n.args) == 1:
		return x.presence(n.args[0], got)
	case name == "empty" && len(n.args) == 1:
		return x.presence(n.args[0], !got)
	case (name == "false" || name == "true") && len(n.args) == 0:
		return x.fact(Fact{Kind: Forbidden, Left: x.operand(context_{})})
	case name == "matches" && len(n.args) >= 2:
		right := x.operand(n.args[1])
		return x.fact(Fact{Kind: NoMatch, Not: got, Left: x.operand(n.args[0]), Right: &right})
	case (name == "contains" || name == "starts-with" || name == "ends-with") && len(n.args) == 2:
		if list := x.wordList(n); list != nil && !got {
			return list
		}
		right := x.operand(n.args[1])
		return x.fact(Fact{Kind: NotWithin, Op: name, Not: got, Left: x.operand(n.args[0]), Right: &right})
	}
	return x.condition(n, got)
}

// wordList explains contains(' A B C ', concat(' ', E, ' ')) as a look-up, nil for other forms.
func (x *explainer) wordList(n call) []Fact {
	list, ok := n.args[0].(literal)
	between, is := n.args[1].(call)
	if !ok || !is || between.name != (qname{nsFn, "concat"}) || len(between.args) != 3 {
		return nil
	}
	words := strings.Fields(list.item.s)
	right := Operand{Form: Constant, Count: len(words), Values: words[:min(len(words), maxValues)]}
	return x.fact(Fact{Kind: NotListed, Left: x.operand(between.args[1]), Right: &right})
}

// function explains a function of the rule file by its arguments. One called slack, of rules by OpenPeppol, compares
// two numbers that may differ by a third.
func (x *explainer) function(n call, got bool) []Fact {
	if n.name.local == "slack" && len(n.args) == 3 && !got {
		right, third := x.operand(n.args[1]), x.operand(n.args[2])
		return x.fact(Fact{
			Kind: Compared, Op: "near", Left: x.operand(n.args[0]), Right: &right, Third: &third,
		})
	}
	f := Fact{Kind: Condition, Not: got, Left: Operand{Text: x.text.short(n), Form: Value}}
	for _, a := range n.args[:min(len(n.args), maxPieces)] {
		if o := x.operand(a); o.Form != Constant {
			f.Left.Parts = append(f.Left.Parts, Part{o.Text, strings.Join(o.Values, " ")})
		}
	}
	return x.fact(f)
}

// operand evaluates an expression. What only changes the form of its value is taken off for the text, and of
// alternatives it shows the one that is taken.
func (x *explainer) operand(n node) Operand {
	for c, ok := bare(n).(conditional); ok; c, ok = bare(n).(conditional) {
		if n = c.els; x.holds(c.cond) {
			n = c.then
		}
	}
	plain, rounded := unrounded(bare(n))
	o := Operand{Text: x.text.short(plain), Form: Value, Rounded: rounded}
	o.Values, o.Count = x.values(n)
	switch p := plain.(type) {
	case literal:
		o.Form = Constant
	case sequence:
		if !slices.ContainsFunc(p.list, func(x node) bool { _, ok := x.(literal); return !ok }) {
			o.Form = Constant
		}
	case binary, negate:
		if b, ok := p.(binary); !ok || strings.Contains("+ - * div idiv mod", b.op) {
			o.Form, o.Parts = Calculated, x.pieces(p, nil)
		}
	case call:
		switch {
		case p.name.space != nsFn || len(p.args) > 1:
		case len(p.args) == 0:
			if p.name.local == "true" || p.name.local == "false" {
				o.Form = Constant
			}
		case p.name.local == "sum":
			o.Form, o.Text = SumOf, x.text.short(bare(p.args[0]))
			_, o.Count = x.values(p.args[0])
		case p.name.local == "count":
			o.Form, o.Text = CountOf, x.text.short(bare(p.args[0]))
		case p.name.local == "string-length":
			o.Form, o.Text = LengthOf, x.text.short(bare(p.args[0]))
			list, _ := x.values(p.args[0])
			o.Parts = []Part{{o.Text, strings.Join(list, " ")}}
		}
	}
	return o
}

// pieces are the operands of a calculation, without constants, each once.
func (x *explainer) pieces(n node, list []Part) []Part {
	n, _ = unrounded(bare(n))
	switch n := n.(type) {
	case binary:
		return x.pieces(n.r, x.pieces(n.l, list))
	case negate:
		return x.pieces(n.x, list)
	case literal:
		return list
	}
	text := x.text.short(n)
	if len(list) == maxPieces || slices.ContainsFunc(list, func(p Part) bool { return p.Text == text }) {
		return list
	}
	values, _ := x.values(n)
	return append(list, Part{text, strings.Join(values, " ")})
}

// values returns the first values of an expression, and how many it has.
func (x *explainer) values(n node) (list []string, count int) {
	f := x.f
	c := x.compile(n)
	mark := len(f.st)
	c.push(f)
	count = len(f.st) - mark
	list = []string{}
	for _, v := range f.st[mark:][:min(count, maxValues)] {
		list = append(list, x.shown(v))
	}
	f.drop(mark)
	return list, count
}

// shown is the value of an item, cut to maxShown characters.
func (x *explainer) shown(v Item) string {
	s := x.f.Text(v)
	if v.Type == NodeT {
		s = x.f.read(s)
	}
	if len(s) > 4*maxShown {
		s = strings.ToValidUTF8(s[:4*maxShown], "") + "…"
	}
	return cut(strings.Join(strings.Fields(s), " "), maxShown)
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return strings.Clone(s) // else a value would hold the text of the document
	}
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return strings.Clone(s)
}

// forms are functions of one argument that only change the form of a value.
var forms = map[string]bool{"normalize-space": true, "string": true, "number": true, "data": true}

// bare takes off what only changes the form of a value: parentheses, casts, normalize-space and the like.
func bare(n node) node {
	switch x := n.(type) {
	case sequence:
		if len(x.list) == 1 {
			return bare(x.list[0])
		}
	case castExpr:
		if !x.test {
			return bare(x.x)
		}
	case call:
		switch {
		case x.name.space == nsFn && forms[x.name.local] && len(x.args) == 0:
			return context_{}
		case len(x.args) == 1 && (x.name.space == nsXS || x.name.space == nsFn && forms[x.name.local]):
			return bare(x.args[0])
		}
	}
	return n
}

// unrounded takes off "round(E * 100) div 100", in which form rules round to two places, and round itself.
func unrounded(n node) (node, bool) {
	x := n
	if b, ok := n.(binary); ok && b.op == "div" && isNumber(b.r, "100") {
		x = bare(b.l)
	}
	c, ok := x.(call)
	if !ok || c.name.space != nsFn || !strings.HasPrefix(c.name.local, "round") || len(c.args) == 0 {
		return n, false
	}
	arg := bare(c.args[0])
	for {
		b, ok := arg.(binary)
		if !ok || b.op != "*" || !isNumber(b.r, "10") && !isNumber(b.r, "100") {
			return arg, true
		}
		arg = bare(b.l)
	}
}

func isNumber(n node, text string) bool {
	l, ok := bare(n).(literal)
	return ok && l.item.Type == Integer && l.item.lexical() == text
}

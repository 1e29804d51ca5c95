package xpath

import (
	"strings"
	"sync"
)

// Namespaces known without declaration.
const (
	nsXS  = "http://www.w3.org/2001/XMLSchema"
	nsFn  = "http://www.w3.org/2005/xpath-functions"
	nsXML = "http://www.w3.org/XML/1998/namespace"
)

// maxDepth limits the nesting of an expression: parsing, compiling and evaluating recurse.
const maxDepth = 400

// parser reads an expression by recursive descent: one function for each level of the grammar (XPath §A.1), from the
// loosest binding, expr, to the tightest, primary.
type parser struct {
	toks  []token
	i     int
	ns    map[string]string
	depth int
}

// parse reads a whole expression.
func parse(text string, ns map[string]string) node {
	room := tokenRoom.Get().(*[]token)
	p := &parser{toks: lex((*room)[:0], text), ns: ns}
	n := p.expr()
	if t := p.peek(); t.kind != tokEnd {
		p.unexpected()
	}
	clear(p.toks)
	*room = p.toks
	tokenRoom.Put(room)
	return n
}

// tokenRoom pools the slices of tokens, to which nothing holds on after parsing: they were most of what loading rules
// allocated. After an error a slice is not put back, which does no harm.
var tokenRoom = sync.Pool{New: func() any { return new([]token) }}

func (p *parser) peek() *token { return &p.toks[p.i] }

// after returns the token k places on.
func (p *parser) after(k int) *token { return &p.toks[min(p.i+k, len(p.toks)-1)] }

func (p *parser) unexpected() {
	t := p.peek()
	if t.kind == tokEnd {
		panic(&Error{Code: codeSyntax, Msg: "the expression ends too early", Pos: t.pos})
	}
	panic(&Error{Code: codeSyntax, Msg: "unexpected " + strings.TrimSpace(t.text), Pos: t.pos})
}

// is reports whether the next token is this symbol.
func (p *parser) is(symbol string) bool {
	t := p.peek()
	return t.kind == tokSymbol && t.text == symbol
}

// word reports whether the next token is this name without a prefix.
func (p *parser) word(w string) bool {
	t := p.peek()
	return t.kind == tokName && !t.colon && t.text == w
}

func (p *parser) accept(symbol string) bool {
	if p.is(symbol) {
		p.i++
		return true
	}
	return false
}

func (p *parser) acceptWord(w string) bool {
	if p.word(w) {
		p.i++
		return true
	}
	return false
}

func (p *parser) want(symbol string) {
	if !p.accept(symbol) {
		p.unexpected()
	}
}

func (p *parser) wantWord(w string) {
	if !p.acceptWord(w) {
		p.unexpected()
	}
}

// resolve gives a name its namespace; one without prefix gets def. What a rule file declares goes before the prefixes
// that need no declaration.
func (p *parser) resolve(t *token, def string) qname {
	if !t.colon {
		return qname{def, t.text}
	}
	if t.braced {
		return qname{t.prefix, t.text}
	}
	uri, ok := p.ns[t.prefix]
	if !ok {
		switch t.prefix {
		case "xs", "xsd":
			uri = nsXS
		case "fn":
			uri = nsFn
		case "xml":
			uri = nsXML
		default:
			panic(&Error{Code: codePrefix, Msg: "the prefix " + t.prefix + " is not declared", Pos: t.pos})
		}
	}
	return qname{uri, t.text}
}

func (p *parser) expr() node {
	first := p.single()
	if !p.is(",") {
		return first
	}
	list := []node{first}
	for p.accept(",") {
		list = append(list, p.single())
	}
	return sequence{list}
}

func (p *parser) single() node {
	if p.depth++; p.depth > maxDepth {
		panic(&Error{Code: codeSyntax, Msg: "the expression is nested too deeply", Pos: p.peek().pos})
	}
	defer func() { p.depth-- }()
	dollar := p.after(1).kind == tokVar // else for, some, every and if are names of elements
	switch {
	case p.word("for") && dollar:
		p.i++
		binds := p.bindings()
		p.wantWord("return")
		return forExpr{binds, p.single()}
	case p.word("let") && dollar:
		p.i++
		binds := p.bindingsBy(":=")
		p.wantWord("return")
		return letExpr{binds, p.single()}
	case (p.word("some") || p.word("every")) && dollar:
		every := p.word("every")
		p.i++
		binds := p.bindings()
		p.wantWord("satisfies")
		return quantified{every, binds, p.single()}
	case p.word("if") && p.after(1).kind == tokSymbol && p.after(1).text == "(":
		return p.conditional()
	}
	return p.or()
}

func (p *parser) conditional() node {
	p.i++
	p.want("(")
	cond := p.expr()
	p.want(")")
	p.wantWord("then")
	then := p.single()
	p.wantWord("else")
	return conditional{cond, then, p.single()}
}

func (p *parser) bindings() []binding { return p.bindingsBy("in") }

// bindingsBy reads variables with their values, between which stands "in" or ":=".
func (p *parser) bindingsBy(sign string) []binding {
	var list []binding
	for {
		t := p.peek()
		if t.kind != tokVar {
			p.unexpected()
		}
		name := p.resolve(t, "")
		p.i++
		if !p.accept(sign) {
			p.wantWord(sign)
		}
		list = append(list, binding{name, p.single()})
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) or() node {
	l := p.and()
	for p.acceptWord("or") {
		l = logic{false, l, p.and()}
	}
	return l
}

func (p *parser) and() node {
	l := p.comparison()
	for p.acceptWord("and") {
		l = logic{true, l, p.comparison()}
	}
	return l
}

func (p *parser) comparison() node {
	l := p.joined()
	t := p.peek()
	switch {
	case t.kind == tokSymbol:
		switch t.text {
		case "=", "!=", "<", "<=", ">", ">=", "<<", ">>":
			p.i++
			return compare{t.text, l, p.joined()}
		}
	case t.kind == tokName && !t.colon:
		switch t.text {
		case "eq", "ne", "lt", "le", "gt", "ge", "is":
			p.i++
			return compare{t.text, l, p.joined()}
		}
	}
	return l
}

// joined reads a || b, which is concat(a, b) (XPath 3.0 §3.6).
func (p *parser) joined() node {
	l := p.rangeExpr()
	if !p.is("||") {
		return l
	}
	c := call{name: qname{nsFn, "concat"}, args: []node{l}, pos: p.peek().pos}
	for p.accept("||") {
		c.args = append(c.args, p.rangeExpr())
	}
	return c
}

func (p *parser) rangeExpr() node {
	l := p.additive()
	if p.acceptWord("to") {
		return binary{"to", l, p.additive()}
	}
	return l
}

func (p *parser) additive() node {
	l := p.multiplicative()
	for p.is("+") || p.is("-") {
		op := p.peek().text
		p.i++
		l = binary{op, l, p.multiplicative()}
	}
	return l
}

func (p *parser) multiplicative() node {
	l := p.union()
	for {
		op := p.peek().text
		if !p.is("*") && !p.word("div") && !p.word("idiv") && !p.word("mod") {
			return l
		}
		p.i++
		l = binary{op, l, p.union()}
	}
}

func (p *parser) union() node {
	l := p.intersect()
	for p.is("|") || p.word("union") {
		p.i++
		l = binary{"|", l, p.intersect()}
	}
	return l
}

func (p *parser) intersect() node {
	l := p.typed()
	for p.word("intersect") || p.word("except") {
		op := p.peek().text
		p.i++
		l = binary{op, l, p.typed()}
	}
	return l
}

// typed reads the operators on types. In the grammar they are levels of their own, instance of the loosest and cast the
// tightest; none can be repeated, so that one function reads them in the order in which they may stand.
func (p *parser) typed() node {
	x := p.unary()
	for p.accept("=>") { // x => f(y) is f(x, y) (XPath 3.1 §3.16)
		t := p.peek()
		if t.kind != tokName {
			panic(&Error{Code: codeSyntax, Msg: "functions as values are not supported", Pos: t.pos})
		}
		p.i++
		c := p.call(t).(call)
		c.args = append([]node{x}, c.args...)
		x = c
	}
	if p.word("cast") && p.after(1).text == "as" {
		p.i += 2
		x = p.castTarget(x, false)
	}
	if p.word("castable") && p.after(1).text == "as" {
		p.i += 2
		x = p.castTarget(x, true)
	}
	if p.word("treat") && p.after(1).text == "as" {
		p.i += 2
		x = instance{x, p.sequenceType(), true}
	}
	if p.word("instance") && p.after(1).text == "of" {
		p.i += 2
		x = instance{x, p.sequenceType(), false}
	}
	return x
}

// castTarget reads the type of a cast and whether it may be empty (SingleType).
func (p *parser) castTarget(x node, test bool) node {
	t := p.atomicType()
	return castExpr{x: x, to: t, test: test, optional: p.accept("?")}
}

func (p *parser) atomicType() Type {
	t := p.peek()
	if t.kind != tokName {
		p.unexpected()
	}
	name := p.resolve(t, "")
	typ, ok := typeByName(name)
	if !ok {
		panic(&Error{Code: codeTypeName, Msg: "unknown type " + t.text, Pos: t.pos})
	}
	p.i++
	return typ
}

func (p *parser) sequenceType() seqType {
	if p.word("empty-sequence") && p.after(1).text == "(" {
		p.i += 2
		p.want(")")
		return seqType{empty: true}
	}
	s := seqType{min: 1, max: 1}
	switch {
	case p.word("item") && p.after(1).text == "(":
		p.i += 2
		p.want(")")
		s.item = true
	case p.kindTestAhead():
		s.node, s.test = true, p.kindTest()
	default:
		s.atomic = p.atomicType()
	}
	switch {
	case p.accept("?"):
		s.min = 0
	case p.accept("*"):
		s.min, s.max = 0, -1
	case p.accept("+"):
		s.max = -1
	}
	return s
}

func (p *parser) unary() node {
	neg, signed := false, false
	for p.is("-") || p.is("+") {
		neg, signed = neg != p.is("-"), true
		p.i++
	}
	x := p.path()
	for p.accept("!") {
		x = mapped{x, p.path()}
	}
	if signed {
		if !neg {
			return binary{"+", literal{intItem(0)}, x} // 0 + x: the operand must be a number, as in -x
		}
		return negate{x}
	}
	return x
}

// path reads a path; one step that is an expression is that expression, not a path.
func (p *parser) path() node {
	switch {
	case p.accept("/"):
		if !p.stepAhead() {
			return root{}
		}
		return p.steps(path{from: root{}})
	case p.accept("//"):
		return p.steps(path{from: root{}, steps: []step{anywhere}})
	}
	x := p.step()
	if !p.is("/") && !p.is("//") {
		if x.expr != nil {
			return x.expr
		}
		return path{steps: []step{x}}
	}
	var out path
	if x.expr != nil {
		out.from = x.expr
	} else {
		out.steps = []step{x}
	}
	if p.accept("//") {
		out.steps = append(out.steps, anywhere)
	} else {
		p.want("/")
	}
	return p.steps(out)
}

// anywhere is the step that // stands for.
var anywhere = step{axis: axisDescendantOrSelf, test: nodeTest{kind: testNode}}

func (p *parser) steps(out path) node {
	for {
		out.steps = append(out.steps, p.step())
		switch {
		case p.accept("//"):
			out.steps = append(out.steps, anywhere)
		case !p.accept("/"):
			return out
		}
	}
}

// stepAhead reports whether a step may begin with the next token: if not, a "/" is the document node by itself.
func (p *parser) stepAhead() bool {
	t := p.peek()
	switch t.kind {
	case tokEnd:
		return false
	case tokSymbol:
		return t.text == "(" || t.text == "@" || t.text == "." || t.text == ".." || t.text == "*"
	}
	return true
}

func (p *parser) step() step {
	t := p.peek()
	switch {
	case p.accept(".."):
		return p.predicates(step{axis: axisParent, test: nodeTest{kind: testNode}})
	case p.accept("@"):
		return p.predicates(step{axis: axisAttribute, test: p.nodeTest(axisAttribute)})
	case t.kind == tokName && p.after(1).kind == tokSymbol && p.after(1).text == "::":
		a, ok := axes[t.text]
		if !ok || t.colon {
			panic(&Error{Code: codeSyntax, Msg: "unknown axis " + t.text, Pos: t.pos})
		}
		p.i += 2
		return p.predicates(step{axis: a, test: p.nodeTest(a)})
	case p.kindTestAhead():
		a := axisChild
		if p.word("attribute") {
			a = axisAttribute
		}
		return p.predicates(step{axis: a, test: p.kindTest()})
	case t.kind == tokName && p.after(1).kind == tokSymbol && p.after(1).text == "(" &&
		t.text != "*" && t.prefix != "*":
		// a call, which is a primary expression
	case t.kind == tokName, p.is("*"):
		return p.predicates(step{axis: axisChild, test: p.nodeTest(axisChild)})
	}
	return step{expr: p.filter()}
}

func (p *parser) predicates(s step) step {
	s.preds = p.brackets()
	return s
}

func (p *parser) brackets() []node {
	var list []node
	for p.accept("[") {
		list = append(list, p.expr())
		p.want("]")
	}
	return list
}

func (p *parser) nodeTest(a axis) nodeTest {
	t := p.peek()
	switch {
	case p.kindTestAhead():
		return p.kindTest()
	case p.accept("*"):
		return nodeTest{kind: testAny}
	case t.kind != tokName:
		p.unexpected()
	}
	p.i++
	switch {
	case t.prefix == "*":
		return nodeTest{kind: testLocal, name: qname{local: t.text}}
	case t.text == "*":
		return nodeTest{kind: testSpace, name: qname{space: p.resolve(t, "").space}}
	}
	return nodeTest{kind: testName, name: p.resolve(t, "")}
}

var kindTests = map[string]testKind{
	"node": testNode, "text": testText, "comment": testComment, "processing-instruction": testPI,
	"element": testElement, "attribute": testAttribute, "document-node": testDocument,
}

func (p *parser) kindTestAhead() bool {
	t := p.peek()
	_, ok := kindTests[t.text]
	return ok && t.kind == tokName && !t.colon && p.after(1).kind == tokSymbol && p.after(1).text == "("
}

func (p *parser) kindTest() nodeTest {
	n := nodeTest{kind: kindTests[p.peek().text], any: true}
	p.i += 2
	t := p.peek()
	switch n.kind {
	case testPI:
		if t.kind == tokString || t.kind == tokName {
			n.pi, n.any = t.text, false
			p.i++
		}
	case testElement, testAttribute:
		if p.is("*") {
			p.i++
		} else if t.kind == tokName {
			n.name, n.any = p.resolve(t, ""), false
			p.i++
		}
	case testDocument:
		if p.word("element") && p.kindTestAhead() {
			top := p.kindTest()
			n.name, n.any = top.name, top.any
		}
	}
	p.want(")")
	return n
}

func (p *parser) filter() node {
	x := p.primary()
	if preds := p.brackets(); preds != nil {
		return filter{x, preds}
	}
	return x
}

func (p *parser) primary() node {
	t := p.peek()
	p.i++
	switch t.kind {
	case tokString:
		return literal{stringItem(t.text)}
	case tokInteger, tokDecimal:
		d, _ := parseDecimal(t.text)
		if t.kind == tokInteger {
			return literal{numItem(Integer, d)}
		}
		return literal{numItem(Decimal, d)}
	case tokDouble:
		f, _ := parseDouble(t.text)
		return literal{doubleItem(f)}
	case tokVar:
		return variable{p.resolve(t, "")}
	case tokName:
		return p.call(t)
	}
	switch {
	case t.kind == tokSymbol && t.text == ".":
		return context_{}
	case t.kind == tokSymbol && t.text == "(":
		if p.accept(")") {
			return sequence{}
		}
		x := p.expr()
		p.want(")")
		if path, ok := x.(path); ok { // keeps the parentheses: (a/b)[1] is not a/b[1]
			return sequence{[]node{path}}
		}
		return x
	}
	p.i--
	p.unexpected()
	return nil
}

func (p *parser) call(t *token) node {
	c := call{name: p.resolve(t, nsFn), pos: t.pos}
	p.want("(")
	if p.accept(")") {
		return c
	}
	for {
		c.args = append(c.args, p.single())
		if p.accept(")") {
			return c
		}
		p.want(",")
	}
}

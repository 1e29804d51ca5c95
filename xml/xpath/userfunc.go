package xpath

import "slices"

// Function is an xsl:function as a rule file writes it.
type Function struct {
	Name   string // with its prefix
	Params []Param
	As     string // type of the result; "" means any
	Body   []Instruction
}

// Param is a parameter of a Function with its type; "" means any.
type Param struct{ Name, As string }

// InstructionKind is a kind of Instruction.
type InstructionKind uint8

// Kinds of instructions in the body of a function.
const (
	Sequence    InstructionKind = iota // xsl:sequence: the value of Select
	ValueOf                            // xsl:value-of: a text node with the value of Select
	LiteralText                        // text: a text node
	Variable                           // xsl:variable Name: Select, or Body
	Choose                             // xsl:choose: the first of Body whose Select holds
	When                               // within Choose; without Select it is xsl:otherwise
)

// Instruction is a piece of a function's body.
type Instruction struct {
	Kind   InstructionKind
	Name   string
	Select string
	As     string
	Text   string
	Body   []Instruction
}

// Functions declares the functions of a rule file. They may call each other; lets are not visible in them.
func (c *Compiler) Functions(list []Function) (err error) {
	defer rescue(&err)
	// First all signatures, then the bodies: a body may call a function that is declared later.
	made := make([]*userFunction, len(list))
	for i, fn := range list {
		name, err := c.name(fn.Name, "")
		if err != nil {
			return err
		}
		u := &userFunction{name: fn.Name, result: c.declared(fn.As)}
		for _, p := range fn.Params {
			u.params = append(u.params, c.declared(p.As))
		}
		made[i] = u
		c.funcs[funcKey{name, len(fn.Params)}] = u
	}
	for i, fn := range list {
		u := &unit{scope: c.Scope(), c: c} // without a document node: a function has no context item
		for _, p := range fn.Params {
			name, err := c.name(p.Name, "")
			if err != nil {
				return err
			}
			u.bind(name, false, NoType)
		}
		made[i].body = u.body(fn.Body)
		made[i].slots = u.slots
	}
	return nil
}

// declared reads a type; without one every sequence fits.
func (c *Compiler) declared(as string) seqType {
	if as == "" {
		return seqType{item: true, max: -1}
	}
	p := &parser{toks: lex(nil, as), ns: c.ns}
	t := p.sequenceType()
	if p.peek().kind != tokEnd {
		p.unexpected()
	}
	return t
}

// body compiles instructions in their order. Variables are seen by those behind them, up to the end of the body.
func (u *unit) body(list []Instruction) *code {
	var out []*code
	before := len(u.vars)
	for _, in := range list {
		switch in.Kind {
		case Sequence:
			out = append(out, u.compile(parse(in.Select, u.c.ns)))
		case ValueOf:
			out = append(out, joined(u.compile(parse(in.Select, u.c.ns))))
		case LiteralText:
			out = append(out, fromItems([]Item{untypedItem(in.Text)}))
		case Variable:
			out = append(out, u.declare(in))
		case Choose:
			out = append(out, u.choose(in.Body))
		default:
			fail(codeSyntax, "an instruction that is not supported here")
		}
	}
	u.vars = u.vars[:before]
	if len(out) == 1 {
		return out[0]
	}
	return fromPush(NoType, func(f *Evaluation) {
		for _, c := range out {
			c.push(f)
		}
	})
}

// declare compiles a variable. Without a select and a type its value is the text that its body gives (XSLT 2.0 §9.3).
// It is evaluated when it is first read, so that a variable which only one branch needs costs nothing in the others.
func (u *unit) declare(in Instruction) *code {
	var value *code
	switch {
	case in.Select != "":
		value = u.compile(parse(in.Select, u.c.ns))
	case in.As != "":
		value = u.body(in.Body)
	default:
		value = u.text(in.Body)
	}
	if in.As != "" {
		typ, plain := u.c.declared(in.As), value
		value = fromPush(typ.atomic, func(f *Evaluation) {
			mark := len(f.st)
			plain.push(f)
			typ.convert(f, mark, "variable")
		})
	}
	name, err := u.c.name(in.Name, "")
	if err != nil {
		panic(err)
	}
	slot := u.bind(name, false, NoType)
	return fromPush(NoType, func(f *Evaluation) { f.slots[f.base+slot].later = value })
}

// text compiles instructions to the text that they make. Text nodes are put together as they are; other items have a
// space between them (XSLT 2.0 §5.7.1).
func (u *unit) text(body []Instruction) *code {
	if !onlyTexts(body) {
		return joined(u.body(body))
	}
	return texts(u.body(body), "")
}

// onlyTexts reports whether instructions make nothing but text nodes.
func onlyTexts(body []Instruction) bool {
	return !slices.ContainsFunc(body, func(in Instruction) bool {
		switch in.Kind {
		case ValueOf, LiteralText, Variable:
			return false
		case Choose, When:
			return !onlyTexts(in.Body)
		}
		return true
	})
}

func (u *unit) choose(whens []Instruction) *code {
	type branch struct{ cond, body *code }
	var list []branch
	for _, w := range whens {
		b := branch{body: u.body(w.Body)}
		if w.Select != "" {
			b.cond = u.compile(parse(w.Select, u.c.ns))
		}
		list = append(list, b)
	}
	return fromPush(NoType, func(f *Evaluation) {
		for _, b := range list {
			if b.cond == nil || b.cond.test(f) {
				b.body.push(f)
				return
			}
		}
	})
}

// joined compiles the text node that xsl:value-of makes of a value: its items with spaces between them.
func joined(c *code) *code { return texts(c, " ") }

func texts(c *code, separator string) *code {
	return fromPush(Untyped, func(f *Evaluation) {
		var parts []string
		atomizedArg(f, c, func(items []Item) {
			for i := range items {
				parts = append(parts, items[i].lexical())
			}
		})
		f.push(untypedItem(f.joinedText(parts, separator)))
	})
}

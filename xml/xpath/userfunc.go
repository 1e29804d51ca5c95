package xpath

import "maps"

// Function is an xsl:function as a rule file writes it.
type Function struct {
	Name   string // with its prefix
	Params []Param
	As     string // type of the result; "" means any
	Body   []Instruction

	Prefixes map[string]string // in scope at its element; those of the Compiler apply to what is not in it
}

// Param is a parameter of a Function with its type; "" means any.
type Param struct{ Name, As string }

// InstructionKind is a kind of Instruction.
type InstructionKind uint8

// Kinds of instructions in the body of a function.
const (
	Sequence     InstructionKind = iota // xsl:sequence: the value of Select
	ValueOf                             // xsl:value-of: a text node with the value of Select, or of Body
	LiteralText                         // text: a text node
	Variable                            // xsl:variable Name: Select, or Body
	Choose                              // xsl:choose: the first of Body whose Select holds
	When                                // within Choose; without Select it is xsl:otherwise
	ForEach                             // xsl:for-each: Body for each item of Select
	ForEachGroup                        // xsl:for-each-group: Body for each group of Select, by Key
	Message                             // xsl:message: nothing, or an error if it Ends
)

// Instruction is a piece of a function's body.
type Instruction struct {
	Kind   InstructionKind
	Name   string
	Select string
	As     string
	Text   string
	Body   []Instruction

	Key       string            // ForEachGroup: group-by or group-adjacent
	Adjacent  bool              // ForEachGroup: Key is group-adjacent
	Separator *string           // ValueOf: between items; nil is a space for Select and nothing for Body
	Ends      bool              // Message: terminate="yes"
	Prefixes  map[string]string // in scope at the element, where they are not those around it
}

// Functions declares the functions of a rule file. They may call each other; lets are not visible in them.
func (c *Compiler) Functions(list []Function) (err error) {
	defer rescue(&err)
	// First all signatures, then the bodies: a body may call a function that is declared later.
	made := make([]*userFunction, len(list))
	for i, fn := range list {
		ns := c.prefixes(fn.Prefixes)
		name, err := nameIn(ns, fn.Name, "")
		if err != nil {
			return err
		}
		u := &userFunction{name: fn.Name, result: declared(fn.As, ns)}
		for _, p := range fn.Params {
			u.params = append(u.params, declared(p.As, ns))
		}
		made[i] = u
		c.funcs[funcKey{name, len(fn.Params)}] = u
	}
	for i, fn := range list {
		ns := c.prefixes(fn.Prefixes)
		u := &unit{scope: c.Scope(), c: c} // without a document node: a function has no context item
		for _, p := range fn.Params {
			name, err := nameIn(ns, p.Name, "")
			if err != nil {
				return err
			}
			u.bind(name, false, NoType)
		}
		made[i].body = u.body(fn.Body, ns)
		made[i].slots = u.slots
	}
	return nil
}

// prefixes returns the prefixes of the compiler with those of an element before them.
func (c *Compiler) prefixes(own map[string]string) map[string]string {
	if own == nil {
		return c.ns
	}
	ns := maps.Clone(c.ns)
	if ns == nil {
		ns = map[string]string{}
	}
	maps.Copy(ns, own)
	return ns
}

// declared reads a type; without one every sequence fits.
func declared(as string, ns map[string]string) seqType {
	if as == "" {
		return seqType{item: true, max: -1}
	}
	p := &parser{toks: lex(nil, as), ns: ns}
	t := p.sequenceType()
	if p.peek().kind != tokEnd {
		p.unexpected()
	}
	return t
}

// body compiles instructions in their order. Variables are seen by those behind them, up to the end of the body.
func (u *unit) body(list []Instruction, ns map[string]string) *code {
	var out []*code
	before := len(u.vars)
	for i := range list {
		if c := u.instruction(&list[i], ns); c != nil {
			out = append(out, c)
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

func (u *unit) instruction(in *Instruction, ns map[string]string) *code {
	if in.Prefixes != nil {
		ns = u.c.prefixes(in.Prefixes)
	}
	switch in.Kind {
	case Sequence:
		return u.compile(parse(in.Select, ns))
	case ValueOf:
		return u.valueOf(in, ns)
	case LiteralText:
		return fromItems([]Item{untypedItem(in.Text)})
	case Variable:
		return u.declare(in, ns)
	case Choose:
		return u.choose(in.Body, ns)
	case ForEach:
		return u.forEach(in, ns)
	case ForEachGroup:
		return u.forEachGroup(in, ns)
	case Message:
		if !in.Ends {
			return nil
		}
		return fromPush(NoType, func(*Evaluation) { fail("XTMM9000", "an xsl:message ends the evaluation") })
	}
	fail(codeSyntax, "an instruction that is not supported here")
	return nil
}

// valueOf compiles xsl:value-of: a text node (XSLT 2.0 §11.4.3).
func (u *unit) valueOf(in *Instruction, ns map[string]string) *code {
	separator := " "
	var value *code
	if in.Select == "" {
		separator = ""
		value = u.body(in.Body, ns)
	} else {
		value = u.compile(parse(in.Select, ns))
	}
	if in.Separator != nil {
		separator = *in.Separator
	}
	return joined(value, separator)
}

// declare compiles a variable. Without a select and a type its value is the text that its body gives (XSLT 2.0 §9.3).
// It is evaluated when it is first read, so that a variable which only one branch needs costs nothing in the others.
func (u *unit) declare(in *Instruction, ns map[string]string) *code {
	var value *code
	var x node // what is selected, nil for a body
	switch {
	case in.Select != "":
		x = parse(in.Select, ns)
		value = u.compile(x)
	case in.As != "":
		value = u.body(in.Body, ns)
	default:
		value = constructed(u.body(in.Body, ns))
	}
	if in.As != "" {
		typ, plain := declared(in.As, ns), value
		value = fromPush(typ.atomic.base(), func(f *Evaluation) {
			mark := len(f.st)
			plain.push(f)
			typ.convert(f, mark, "variable")
		})
	}
	name, err := nameIn(ns, in.Name, "")
	if err != nil {
		panic(err)
	}
	return u.later(name, x, value)
}

func (u *unit) choose(whens []Instruction, ns map[string]string) *code {
	type branch struct{ cond, body *code }
	var list []branch
	around := ns
	for _, w := range whens {
		ns := around
		if w.Prefixes != nil {
			ns = u.c.prefixes(w.Prefixes)
		}
		b := branch{body: u.body(w.Body, ns)}
		if w.Select != "" {
			b.cond = u.compile(parse(w.Select, ns))
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

// forEach compiles xsl:for-each (XSLT 2.0 §7).
func (u *unit) forEach(in *Instruction, ns map[string]string) *code {
	list := u.compile(parse(in.Select, ns))
	body := u.body(in.Body, ns)
	return fromPush(body.typ, func(f *Evaluation) {
		mark := len(f.st)
		list.push(f)
		end := len(f.st)
		was, current := f.save(), f.current
		for i := mark; i < end; i++ {
			f.spend(1)
			f.setFocus(f.st[i], i-mark+1, end-mark)
			f.current = f.st[i]
			body.push(f)
		}
		f.restore(was)
		f.current = current
		f.lift(mark, end)
	})
}

// group is what current-group() and current-grouping-key() give.
type group struct {
	items []Item
	key   Item
	last  int // where the last of items stands among all that are grouped
}

// forEachGroup compiles xsl:for-each-group with group-by or group-adjacent (XSLT 2.0 §14). Groups come in the order of
// their first items, and the first item of each is its context item.
func (u *unit) forEachGroup(in *Instruction, ns map[string]string) *code {
	list, key := u.compile(parse(in.Select, ns)), u.compile(parse(in.Key, ns))
	body := u.body(in.Body, ns)
	return fromPush(body.typ, func(f *Evaluation) {
		mark := len(f.st)
		list.push(f)
		groups := f.groups(mark, key, in.Adjacent)
		f.drop(mark)
		was, current, outer := f.save(), f.current, f.group
		for i, g := range groups {
			f.spend(1)
			f.setFocus(g.items[0], i+1, len(groups))
			f.current, f.group = g.items[0], g
			body.push(f)
		}
		f.restore(was)
		f.current, f.group = current, outer
	})
}

// groups groups the items from mark on by their keys. An item is in a group for each of its keys, or, if the keys of
// adjacent items are compared, has exactly one.
func (f *Evaluation) groups(mark int, key *code, adjacent bool) []*group {
	var out []*group
	known := map[groupKey]*group{}
	was, end := f.save(), len(f.st)
	for i := mark; i < end; i++ {
		f.spend(1)
		f.setFocus(f.st[i], i-mark+1, end-mark)
		key.push(f)
		f.atomize(end)
		if n := len(f.st) - end; adjacent && n != 1 {
			fail("XTTE1100", "%d values to group by", n)
		}
		for k := end; k < len(f.st); k++ {
			v := f.st[k]
			if v.Type == Untyped {
				v = stringItem(v.s)
			}
			id := groupKeyOf(&v)
			g := known[id]
			if g == nil || adjacent && out[len(out)-1] != g {
				f.alloc(entryBytes + itemBytes)
				g = &group{key: v}
				known[id] = g
				out = append(out, g)
			}
			if len(g.items) > 0 && g.last == i { // the same key twice
				continue
			}
			g.last = i
			f.alloc(itemBytes)
			g.items = append(g.items, f.st[i])
		}
		f.drop(end)
	}
	f.restore(was)
	return out
}

// groupKey is a value by which items are grouped: values that are equal have the same.
type groupKey struct {
	kind Type
	text string
}

func groupKeyOf(v *Item) groupKey {
	switch {
	case v.Type.floating():
		return groupKey{Double, formatDouble(v.float(), 64)}
	case v.Type.numeric():
		return groupKey{Double, formatDouble(v.double(), 64)}
	case v.when != nil:
		return groupKey{v.Type, v.when.instant(v.Type).trimmed().String()}
	}
	return groupKey{v.Type, v.lexical()}
}

// joined compiles the text node that xsl:value-of makes of a value: its items with a separator between them.
func joined(c *code, separator string) *code {
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

// constructed compiles the text of a document node that instructions make (XSLT 2.0 §5.7.1): there are spaces between
// atomic values, and none beside text nodes and the text of other nodes.
func constructed(c *code) *code {
	return fromPush(Untyped, func(f *Evaluation) {
		mark := len(f.st)
		c.push(f)
		var parts []string
		atomic := false // the item before was an atomic value
		for i := mark; i < len(f.st); i++ {
			v := f.st[i]
			isText := v.Type == NodeT || v.Type == Untyped
			if v.Type == NodeT {
				v = f.valueOf(&v)
			} else if !isText && atomic {
				parts = append(parts, " ")
			}
			atomic = !isText
			parts = append(parts, v.lexical())
		}
		f.drop(mark)
		f.push(untypedItem(f.joinedText(parts, "")))
	})
}

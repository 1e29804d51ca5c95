package xpath

import (
	"slices"
	"strconv"
	"strings"
)

// call compiles the call of a function: of the library, of a constructor, or of the rule file.
func (u *unit) call(n call) *code {
	args := u.compileAll(n.args)
	if u.c.compatible {
		oldArguments(n.name.local, args)
	}
	if fn, ok := u.c.funcs[funcKey{n.name, len(args)}]; ok {
		return fn.call(args)
	}
	switch n.name.space {
	case nsXS:
		if t, ok := typeByName(n.name); ok && len(args) == 1 && t != AnyAtomic {
			return constructor(t, args[0])
		}
	case nsFn:
		if c := u.library(n.name.local, n.args, args); c != nil {
			return c
		}
	}
	msg := "there is no function " + n.name.local + " with " + strconv.Itoa(len(args)) + " arguments"
	panic(&Error{Code: codeFunction, Msg: msg, Pos: n.pos})
}

// constructor is xs:type(x), a cast that lets an empty sequence pass.
func constructor(to Type, x *code) *code {
	return folded(fromAtom(to.base(), func(f *Evaluation) (Item, bool) {
		v, ok := x.atom(f)
		if !ok {
			return v, false
		}
		return cast(v, to), true
	}), x)
}

// focusNames are functions that take the context item when they are called without arguments.
var focusNames = []string{
	"string", "string-length", "normalize-space", "number", "name", "local-name", "namespace-uri", "root", "path",
	"generate-id", "base-uri", "document-uri", "has-children",
}

// library compiles a function of XPath Functions; nil if there is none.
func (u *unit) library(name string, nodes []node, args []*code) *code {
	if len(args) == 0 && slices.Contains(focusNames, name) {
		args = []*code{u.contextItem()}
	}
	if name == "contains" && len(args) == 2 {
		if c := inList(u.c.names, args[0], args[1]); c != nil {
			return folded(c, args...)
		}
	}
	for _, table := range libraryTables() {
		if b := table[name][len(args)]; b != nil {
			c := b(args)
			if impure[name] {
				return c
			}
			return folded(c, args...)
		}
	}
	if c := u.static(name, args); c != nil {
		return c
	}
	switch {
	case name == "concat" && len(args) >= 2:
		return folded(concat(args), args...)
	case name == "id" && len(args) == 1:
		return u.idCall(args[0])
	case name == "key" && len(args) == 2:
		return u.keyCall(nodes[0], args[1])
	case isDocument(name):
		return u.document(name, args)
	case len(args) == 0:
		return noArguments(name)
	}
	return nil
}

func libraryTables() []map[string]map[int]builder {
	return []map[string]map[int]builder{
		stringFunctions, numberFunctions, sequenceFunctions, timeFunctions, laterFunctions, laterTimes,
		nodeFunctions,
	}
}

// impure are the functions of the document or of the time, which must not be folded even if their arguments are
// constant.
var impure = map[string]bool{"current-date": true, "current-dateTime": true, "current-time": true, "root": true}

// builder compiles the call of a library function with its compiled arguments.
type builder func(args []*code) *code

// noArguments compiles the functions that are neither in a table nor take arguments.
func noArguments(name string) *code {
	switch name {
	case "true", "false":
		return fromItems([]Item{boolItem(name == "true")})
	case "position", "last":
		last := name == "last"
		c := fromAtom(Integer, func(f *Evaluation) (Item, bool) {
			if !f.focus {
				fail(codeNoContext, "there is no context item")
			}
			if last {
				return intItem(int64(f.size)), true
			}
			return intItem(int64(f.pos)), true
		})
		c.one = true
		return c
	case "current":
		c := fromPush(NoType, func(f *Evaluation) {
			if f.current.Type == NoType {
				fail("XTDE1360", "there is no current item in a function")
			}
			f.push(f.current)
		})
		c.one, c.opt = true, true
		return c
	case "current-group":
		return fromPush(NoType, func(f *Evaluation) {
			if f.group != nil {
				f.pushItems(f.group.items)
			}
		})
	case "current-grouping-key":
		return fromAtom(NoType, func(f *Evaluation) (Item, bool) {
			if f.group == nil {
				return Item{}, false
			}
			return f.group.key, true
		})
	}
	return nil
}

// stringArg takes an argument of type xs:string?, with "" for nothing.
func stringArg(f *Evaluation, c *code) string {
	v, ok := c.atom(f)
	if !ok {
		return ""
	}
	if v.Type != String && v.Type != Untyped {
		fail(codeType, "%s where a string is wanted", v.Type)
	}
	return f.read(v.s)
}

// numeric takes an argument of a numeric type.
func numeric(f *Evaluation, c *code) (Item, bool) {
	v, ok := c.atom(f)
	if !ok {
		return v, false
	}
	v = operand(v)
	if !v.Type.numeric() {
		fail(codeType, "%s where a number is wanted", v.Type)
	}
	return v, true
}

// required is numeric for an argument that must be there.
func required(f *Evaluation, c *code) float64 {
	v, ok := numeric(f, c)
	if !ok {
		fail(codeType, "nothing where a number is wanted")
	}
	return v.double()
}

// atomizedArg calls use with the atomized items of an argument. They lie on the stack and must not be kept.
func atomizedArg(f *Evaluation, c *code, use func(items []Item)) {
	mark := len(f.st)
	c.push(f)
	f.atomize(mark)
	use(f.st[mark:])
	f.drop(mark)
}

func concat(args []*code) *code {
	c := fromString(func(f *Evaluation) string {
		var b strings.Builder
		for _, a := range args {
			if v, ok := a.atom(f); ok {
				b.WriteString(f.made(v.lexical()))
			}
		}
		return b.String()
	})
	c.parts = args
	return c
}

// userFunction is an xsl:function of a rule file.
type userFunction struct {
	name   string
	params []seqType
	slots  int
	body   *code
	result seqType
}

// maxCalls limits the recursion of functions, which has no end in a wrong rule file and would overflow the Go stack.
const maxCalls = 2000

// call compiles a call. The arguments are evaluated in the focus and with the variables of the caller, before the
// function gets a frame of slots of its own; its body has no context item (XSLT 2.0 §10.3).
func (fn *userFunction) call(args []*code) *code {
	return fromPush(fn.result.atomic.base(), func(f *Evaluation) {
		mark := len(f.st)
		ends := make([]int, len(args))
		for i, a := range args {
			start := len(f.st)
			a.push(f)
			fn.params[i].convert(f, start, "parameter of "+fn.name)
			ends[i] = len(f.st)
		}
		if f.depth++; f.depth > maxCalls {
			fail(codeBudget, "too many calls within calls of %s", fn.name)
		}
		f.spend(1)
		base, was := f.enter(fn.slots), outside{f.save(), f.current, f.group}
		f.focus, f.current, f.group = false, Item{}, nil
		f.hold(0)
		start, arguments := mark, int64(len(f.st)-mark)*itemBytes
		for i, end := range ends {
			f.alloc(int64(end-start) * itemBytes)
			f.spend(end - start)
			f.slots[f.base+i].items = slices.Clone(f.st[start:end])
			start = end
		}
		f.drop(mark)
		fn.body.push(f)
		fn.result.convert(f, mark, "result of "+fn.name)
		f.goBack(&was)
		f.leave(base)
		f.depth--
		f.passing -= arguments // the copies are gone: a recursion that ends must not look like a leak
	})
}

// convert applies the function conversion rules to the values from mark on (XPath §3.1.5). what names them in an error.
func (s *seqType) convert(f *Evaluation, mark int, what string) {
	if s.atomic != NoType {
		f.atomize(mark)
		for i := mark; i < len(f.st); i++ {
			f.st[i] = s.convertItem(f.st[i], what)
		}
	}
	n := len(f.st) - mark
	if n < s.min || s.max >= 0 && n > s.max {
		fail(codeType, "%d items as %s", n, what)
	}
	for _, i := range f.st[mark:] {
		if s.node && i.Type != NodeT {
			fail(codeType, "%s as %s", i.Type, what)
		}
	}
}

func (s *seqType) convertItem(v Item, what string) Item {
	switch {
	case v.Type == s.atomic && v.sub != anyURI, v.is(s.atomic):
		return v
	case v.Type == Untyped:
		return cast(v, s.atomic)
	case s.atomic == Double && v.Type.numeric(), s.atomic == Float && v.Type.numeric() && v.Type != Double:
		return realItem(s.atomic, v.double())
	case s.atomic == String && v.sub == anyURI:
		return stringItem(v.s)
	}
	fail(codeType, "%s as %s", v.Type, what)
	return v
}

// seqType compiles the node test of a type, for "instance of".
func (c *Compiler) seqType(s seqType) *compiledType {
	t := &compiledType{seqType: s}
	if s.node {
		t.test = c.test(s.test, axisChild)
	}
	return t
}

type compiledType struct {
	seqType
	test test
}

// matches reports whether items are an instance of the type.
func (s *compiledType) matches(f *Evaluation, items []Item) bool {
	if s.empty {
		return len(items) == 0
	}
	if len(items) < s.min || s.max >= 0 && len(items) > s.max {
		return false
	}
	for _, i := range items {
		switch {
		case s.item:
		case s.node:
			if i.Type != NodeT || !s.test.matches(f.treeOf(&i), i.Node()) {
				return false
			}
		case i.Type == NodeT || !i.is(s.atomic):
			return false
		}
	}
	return true
}

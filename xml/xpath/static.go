package xpath

import (
	"slices"
	"strings"
)

// Functions that ask about the processor (XSLT 2.0 §16.6, §18). Their arguments must be constants: they are answered
// when a rule file is loaded.

// systemProperties are the properties that a rule may ask for; any other is the empty string (XSLT 2.0 §16.6.5).
var systemProperties = map[string]string{
	"version": "2.0", "vendor": "Ravn", "product-name": "Ravn", "is-schema-aware": "no",
	"supports-serialization": "no", "supports-backwards-compatibility": "no",
}

// elementNames are the instructions that functions may use.
var elementNames = []string{
	"choose", "for-each", "for-each-group", "function", "if", "key", "message", "otherwise", "param", "sequence",
	"text", "value-of", "variable", "when",
}

const nsXSL = "http://www.w3.org/1999/XSL/Transform"

// static compiles a call of such a function, nil for others.
func (u *unit) static(name string, args []*code) *code {
	switch name {
	case "system-property", "element-available", "function-available":
	case "static-base-uri":
		if len(args) == 0 {
			return fromItems(nil)
		}
		return nil
	case "default-collation":
		if len(args) == 0 {
			const codepoints = "http://www.w3.org/2005/xpath-functions/collation/codepoint"
			return fromItems([]Item{stringItem(codepoints)})
		}
		return nil
	default:
		return nil
	}
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && name != "function-available" {
		return nil
	}
	if !args[0].konst || !args[0].one || args[0].typ != String {
		fail(codeFunction, "the argument of %s must be a constant", name)
	}
	ns := u.c.prefixes(map[string]string{"xsl": nsXSL})
	def := nsFn
	if name == "element-available" {
		def = ""
	}
	q, err := nameIn(ns, strings.TrimSpace(args[0].items[0].s), def)
	if err != nil {
		panic(err)
	}
	switch name {
	case "system-property":
		value := ""
		if q.space == nsXSL {
			value = systemProperties[q.local]
		}
		return fromItems([]Item{stringItem(value)})
	case "element-available":
		return fromItems([]Item{boolItem(q.space == nsXSL && slices.Contains(elementNames, q.local))})
	}
	return fromItems([]Item{boolItem(u.available(q, args[1:]))})
}

// available reports whether there is a function of this name, with a number of arguments if one is given.
func (u *unit) available(name qname, arity []*code) bool {
	from, to := 0, 4
	if len(arity) == 1 {
		c := arity[0]
		if !c.konst || !c.one || c.typ != Integer || c.items[0].big != nil {
			fail(codeFunction, "the number of arguments must be a constant")
		}
		n := c.items[0].n
		if n < 0 || n > maxDepth {
			return false
		}
		from, to = int(n), int(n)
	}
	for n := from; n <= to; n++ {
		call := call{name: name}
		for range n {
			call.args = append(call.args, literal{stringItem("a")})
		}
		if failed := attempt(func() { u.compile(call) }); failed == nil || failed.Code != codeFunction {
			return true
		}
	}
	return false
}

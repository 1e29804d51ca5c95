package xsd

import "regexp"

// builtin are the types of the XML Schema namespace (XML Schema Part 2, §3), by local name.
var builtin = builtins()

// anyType is the type that all others are derived from.
var anyType = builtin["anyType"]

// unimplementedTypes are refused when a schema uses them.
var unimplementedTypes = map[string]bool{"NOTATION": true}

func builtins() map[string]*typ {
	t := map[string]*typ{}
	add := func(name string, base *typ, s *simple) *simple {
		s.name = name
		t[name] = &typ{
			name: qname{nsXSD, name}, base: base, by: byRestriction, kind: simpleType, simple: s, state: complete,
		}
		return s
	}
	t["anyType"] = newAnyType()
	anyText := &primitive{name: "string", valid: always, free: true}
	anySimple := add("anySimpleType", t["anyType"], &simple{prim: anyText, facets: noFacets})
	for name, p := range primitives {
		p.name = name
		add(name, t["anySimpleType"], &simple{base: anySimple, prim: p, space: collapse, facets: noFacets})
	}
	t["string"].simple.space = preserve

	derive := func(name, base string, change func(*simple)) {
		s := *t[base].simple
		s.base = t[base].simple
		if change != nil {
			change(&s)
		}
		add(name, t[base], &s)
	}
	lexical := func(lex func([]byte) bool) func(*simple) { return func(s *simple) { s.lex = lex } }
	marked := func(id identity) func(*simple) { return func(s *simple) { s.ident = id } }
	derive("normalizedString", "string", func(s *simple) { s.space = replace })
	derive("token", "normalizedString", func(s *simple) { s.space = collapse })
	derive("language", "token", func(s *simple) {
		tag := regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)
		s.patterns = []pattern{{"a language tag, for example nb-NO", tag}}
	})
	derive("NMTOKEN", "token", lexical(isNmtoken))
	derive("Name", "token", lexical(isName))
	derive("NCName", "Name", lexical(isNCName))
	derive("ID", "NCName", marked(isID))
	derive("IDREF", "NCName", marked(isIDREF))
	derive("ENTITY", "NCName", marked(isEntity))
	for name, item := range map[string]string{"NMTOKENS": "NMTOKEN", "IDREFS": "IDREF", "ENTITIES": "ENTITY"} {
		s := &simple{base: anySimple, space: collapse, item: t[item].simple, facets: noFacets}
		s.minLength = 1
		add(name, t["anySimpleType"], s)
	}
	derive("integer", "decimal", lexical(isInteger))
	for _, r := range integers {
		derive(r.name, r.base, func(s *simple) {
			if r.lo != "" {
				s.lo = &bound{text: r.lo, value: parseDecimal([]byte(r.lo))}
			}
			if r.hi != "" {
				s.hi = &bound{text: r.hi, value: parseDecimal([]byte(r.hi))}
			}
		})
	}
	return t
}

// integers are the types derived from integer, with their bounds.
var integers = []struct{ name, base, lo, hi string }{
	{"nonPositiveInteger", "integer", "", "0"},
	{"negativeInteger", "nonPositiveInteger", "", "-1"},
	{"nonNegativeInteger", "integer", "0", ""},
	{"positiveInteger", "nonNegativeInteger", "1", ""},
	{"long", "integer", "-9223372036854775808", "9223372036854775807"},
	{"int", "long", "-2147483648", "2147483647"},
	{"short", "int", "-32768", "32767"},
	{"byte", "short", "-128", "127"},
	{"unsignedLong", "nonNegativeInteger", "0", "18446744073709551615"},
	{"unsignedInt", "unsignedLong", "0", "4294967295"},
	{"unsignedShort", "unsignedInt", "0", "65535"},
	{"unsignedByte", "unsignedShort", "0", "255"},
}

// newAnyType makes the type that allows everything, and validates the elements and attributes that are declared (lax).
func newAnyType() *typ {
	any := &wildcard{any: true, process: lax}
	p := &particle{kind: wildParticle, max: unbounded, wild: any}
	m, _ := automaton(p, false)
	return &typ{
		name: qname{nsXSD, "anyType"}, by: byRestriction, kind: mixed,
		anyAttr: any, particle: p, model: m, state: complete,
	}
}

// enumerated returns a built-in type restricted to some values.
func enumerated(base string, values ...string) *simple {
	s := *builtin[base].simple
	s.base, s.enum, s.values = builtin[base].simple, map[string]struct{}{}, values
	for _, v := range values {
		s.enum[v] = struct{}{}
	}
	return &s
}

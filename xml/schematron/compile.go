package schematron

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Schema is a compiled rule file. It may be used by several goroutines.
type Schema struct {
	Source   *Source
	patterns []*pattern
	docs     *xpath.Documents // that expressions read
}

type pattern struct {
	src   *Pattern
	rules []rule
	index index
}

type rule struct {
	src     *Rule
	context *xpath.Pattern
	asserts []assertion
}

type assertion struct {
	src         *Assert
	test        *xpath.Expr
	text        []textPart
	diagnostics [][]textPart

	scope *xpath.Scope // what the test sees, for Explain
}

type textPart struct {
	text  string
	value *xpath.Expr
}

// Compile compiles the rules of a phase, "" for the default. Trees to validate must be built with the same names, after
// compiling. The error joins what was found wrong, each a *Problem.
func Compile(src *Source, names *xdm.Names, phase string) (*Schema, error) {
	s, wrong := compile(src, names, phase)
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return s, nil
}

func compile(src *Source, names *xdm.Names, phase string) (*Schema, problems) {
	c := &compilation{src: src, c: xpath.NewCompiler(names, src.Prefixes)}
	if src.Compatible {
		c.c.Compatible()
	}
	s := &Schema{Source: src}
	data := &dataFiles{src: src, names: names, trees: map[string]*xdm.Tree{}}
	s.docs = c.c.Documents(data.open)
	defer s.docs.Done()
	if phase == "" {
		phase = src.Default
	}
	active, known := src.Phases[phase]
	if phase != "" && phase != "#ALL" && !known {
		return nil, problems{problem(Place{src.Name, 1}, "there is no phase %s", phase)}
	}
	c.phase = phase
	var patterns []*Pattern
	for i := range src.Patterns {
		if p := &src.Patterns[i]; !known || slices.Contains(active, p.ID) {
			patterns = append(patterns, p)
		}
	}
	scope := c.globals(patterns)
	for _, p := range patterns {
		s.patterns = append(s.patterns, c.pattern(scope, p))
	}
	return s, c.problems
}

type compilation struct {
	src      *Source
	phase    string
	c        *xpath.Compiler
	shared   map[string]int // how many patterns have a let of this name
	problems problems
}

func (c *compilation) note(at Place, what string, err error) {
	if err != nil {
		c.problems.note(problem(at, "%s: %v", what, err))
	}
}

// globals compiles functions, lets and keys of the schema. A let of a pattern is seen in the whole schema, as the ISO
// skeleton makes a global variable of it, unless two patterns have one of the same name. Without a phase the lets of
// all phases are seen.
func (c *compilation) globals(patterns []*Pattern) *xpath.Scope {
	for _, k := range c.src.Keys {
		c.c.DeclareKey(k.Name)
	}
	c.note(Place{c.src.Name, 1}, "a function", c.c.Functions(c.src.Functions))
	c.shared = map[string]int{}
	all := slices.Clone(c.src.Lets)
	for _, id := range slices.Sorted(maps.Keys(c.src.PhaseLets)) {
		if _, chosen := c.src.Phases[c.phase]; !chosen || id == c.phase {
			all = append(all, c.src.PhaseLets[id]...)
		}
	}
	c.unique(all)
	for _, p := range patterns {
		c.unique(p.Lets, c.src.Lets...)
		for _, l := range p.Lets {
			c.shared[l.Name]++
		}
	}
	for _, p := range patterns {
		all = append(all, slices.DeleteFunc(slices.Clone(p.Lets), func(l Let) bool { return c.shared[l.Name] > 1 })...)
	}
	scope := c.lets(c.c.Scope(), all)
	for _, k := range c.src.Keys {
		c.note(k.At, "key "+k.Name, scope.Key(k.Name, k.Match, k.Use))
	}
	return scope
}

// unique notes lets that are there twice, in the same place or in one around it.
func (c *compilation) unique(list []Let, around ...Let) {
	seen := map[string]bool{}
	for _, l := range around {
		seen[l.Name] = true
	}
	for _, l := range list {
		if seen[l.Name] {
			c.problems.note(problem(l.At, "the let %s is there twice", l.Name))
		}
		seen[l.Name] = true
	}
}

// let compiles a let.
func let(scope *xpath.Scope, l *Let) (*xpath.Scope, error) {
	if len(l.Body) > 0 {
		return scope.LetText(l.Name, l.Body)
	}
	return scope.Let(l.Name, l.Value)
}

// lets compiles lets. One may refer to a later one, as global variables of XSLT may: those that fail for a missing
// variable are tried again after the others, as long as that gets on.
func (c *compilation) lets(scope *xpath.Scope, list []Let) *xpath.Scope {
	for len(list) > 0 {
		var later []Let
		for _, l := range list {
			next, err := let(scope, &l)
			var xe *xpath.Error
			switch {
			case err == nil:
				scope = next
			case errors.As(err, &xe) && xe.Code == xpath.UndefinedVariable:
				later = append(later, l)
			default:
				c.note(l.At, "let "+l.Name, err)
			}
		}
		if len(later) == len(list) { // no progress: report the first, and see whether the others can do without it
			_, err := let(scope, &later[0])
			c.note(later[0].At, "let "+later[0].Name, err)
			later = later[1:]
		}
		list = later
	}
	return scope
}

func (c *compilation) pattern(scope *xpath.Scope, src *Pattern) *pattern {
	p := &pattern{src: src}
	scope = c.lets(scope, slices.DeleteFunc(slices.Clone(src.Lets), func(l Let) bool { return c.shared[l.Name] == 1 }))
	for i := range src.Rules {
		p.rules = append(p.rules, c.rule(scope, &src.Rules[i], src.visits))
	}
	p.index.build(p.rules, cmp.Or(src.visits, kindsOf(xdm.Root, xdm.Element, xdm.Attr)))
	return p
}

func (c *compilation) rule(scope *xpath.Scope, src *Rule, visits kinds) rule {
	r := rule{src: src}
	var err error
	r.context, err = scope.Pattern(src.Context)
	c.note(src.At, "context", err)
	if err == nil && visits == 0 && !visited(r.context) {
		c.problems.note(problem(src.At, "context: texts, comments and instructions are not visited: %s", src.Context))
	}
	scope = scope.Local()
	for _, part := range src.Parts {
		if part.Let != nil {
			scope = c.lets(scope, []Let{*part.Let})
			continue
		}
		a := assertion{src: part.Assert, scope: scope}
		a.test, err = scope.Compile(part.Assert.Test)
		c.note(part.Assert.At, "test of "+part.Assert.id(), err)
		a.text = c.text(scope, a.src, a.src.Text)
		for _, d := range a.src.Diagnostics {
			a.diagnostics = append(a.diagnostics, c.text(scope, a.src, d.Text))
		}
		r.asserts = append(r.asserts, a)
	}
	return r
}

// visited reports whether a context of Schematron asks only for what is visited. The ISO skeleton visits elements,
// attributes and the document, SchXslt all kinds of nodes. Of node(), which matches all, the elements are taken, and
// what stands beside the top one.
func visited(p *xpath.Pattern) bool {
	others := kindsOf(xdm.Text, xdm.Comment, xdm.PI)
	var asked kinds
	for _, t := range p.Targets() {
		if t.Kind != xdm.Element || t.Name == 0 { // elements of any name, as in node()
			asked |= kindsOf(t.Kind)
		}
	}
	return asked&others == 0 || asked&others == others && asked.has(xdm.Element)
}

// text compiles the values in a text of an assert.
func (c *compilation) text(scope *xpath.Scope, a *Assert, list []TextPart) (out []textPart) {
	for _, t := range list {
		tp := textPart{text: t.Text}
		if t.Select != "" {
			var err error
			tp.value, err = scope.Compile(t.Select)
			c.note(a.At, "text of "+a.id(), err)
		}
		out = append(out, tp)
	}
	return out
}

// index finds the rules that may match a node without trying each of hundreds: by the name of the node, then by that
// of its parent. It may return rules that do not match, but leaves out none that does.
type index struct {
	byName map[xdm.NameID]*candidates
	any    *candidates // contexts without a name
	kinds  kinds       // that some context matches and that are visited
	top    kinds       // likewise, only beside the top element, unless a rule fires for the document
}

// candidates are the numbers of rules in ascending order.
type candidates struct {
	byParent map[xdm.NameID][]int32 // for the parents that some context names
	other    []int32                // for all other parents
}

// entry is a rule with what one alternative of its context asks for; 0 means any name.
type entry struct {
	rule         int32
	name, parent xdm.NameID
}

func (x *index) build(rules []rule, visits kinds) {
	var list []entry
	for i, r := range rules {
		if r.context == nil { // it did not compile
			continue
		}
		for _, t := range r.context.Targets() {
			switch {
			case visits.has(t.Kind):
				x.kinds |= kindsOf(t.Kind)
			case t.Kind == xdm.Comment || t.Kind == xdm.PI:
				x.top |= kindsOf(t.Kind)
			default:
				continue
			}
			e := entry{rule: int32(i), name: t.Name}
			if len(t.Chain) > 0 {
				e.parent = t.Chain[0]
			}
			list = append(list, e)
		}
	}
	x.byName, x.any = map[xdm.NameID]*candidates{}, &candidates{byParent: map[xdm.NameID][]int32{}}
	for _, e := range list {
		if e.name != 0 && x.byName[e.name] == nil {
			x.byName[e.name] = &candidates{byParent: map[xdm.NameID][]int32{}}
		}
	}
	// In the order of the rules, now that all names are known: a rule whose context has no name is in the list of each.
	for _, e := range list {
		if e.name != 0 {
			x.byName[e.name].add(e)
			continue
		}
		x.any.add(e)
		for _, c := range x.byName {
			c.add(e)
		}
	}
}

// add enters a rule, which comes after those that are there: lists stay in the order of the rules, which decides
// which one fires. The list of a parent that was not named before begins with the rules for any parent.
func (c *candidates) add(e entry) {
	if e.parent != 0 {
		list, ok := c.byParent[e.parent]
		if !ok { // until now this parent was like any other
			list = slices.Clone(c.other)
		}
		c.byParent[e.parent] = appended(list, e.rule)
		return
	}
	c.other = appended(c.other, e.rule)
	for parent := range c.byParent {
		c.byParent[parent] = appended(c.byParent[parent], e.rule)
	}
}

// appended appends a rule once: several alternatives of its context may ask for the same.
func appended(list []int32, rule int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == rule {
		return list
	}
	return append(list, rule)
}

// rules returns the numbers of the rules that may match a node with this name and parent.
func (x *index) rules(name, parent xdm.NameID) []int32 {
	c := x.byName[name]
	if c == nil {
		c = x.any
	}
	if list, ok := c.byParent[parent]; ok {
		return list
	}
	return c.other
}

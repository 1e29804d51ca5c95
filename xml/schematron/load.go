package schematron

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

const (
	nsSch  = "http://purl.oclc.org/dsdl/schematron"
	nsXSL  = "http://www.w3.org/1999/XSL/Transform"
	nsXI   = "http://www.w3.org/2001/XInclude"
	nsSVRL = "http://purl.oclc.org/dsdl/svrl"
)

// maxIncludes limits the files of one rule set.
const maxIncludes = 200

// Load reads a rule file: a Schematron schema with its includes, or rules compiled to XSLT by the ISO skeleton or by
// SchXslt. Includes are relative to the including file and stay within fsys. The error joins what is wrong with it,
// each a *Problem.
func Load(fsys fs.FS, name string) (*Source, error) {
	src, wrong := load(fsys, name)
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return src, nil
}

// load reads a rule file as far as it can be read, with everything that is wrong with it; nil means not at all.
func load(fsys fs.FS, name string) (*Source, problems) {
	l := &loader{fsys: fsys}
	e, err := l.file(name, nil)
	if err != nil {
		return nil, problems{err}
	}
	switch {
	case e.is(nsSch, "schema"):
		return l.schema(name, e), l.problems
	case !e.is(nsXSL, "stylesheet") && !e.is(nsXSL, "transform"):
		return nil, problems{problem(e.place(),
			"the root element is %s, not a Schematron schema or a compiled one", e.Name())}
	case bySchXslt(e):
		return schxsltRules(name, e)
	}
	return compiledRules(name, e)
}

type loader struct {
	problems
	fsys  fs.FS
	files int
}

// element is an element of a rule file with the file that it stands in.
type element struct {
	safe.Node
	file *file
}

// file is a file of rules.
type file struct {
	name  string
	chain []string // the files that include it, and it: a file that includes one of them would never end
	lines []int    // where each line begins
}

func (e element) is(space, local string) bool { return e.Node.Is(space, local) }

func (e element) place() Place {
	i, found := slices.BinarySearch(e.file.lines, e.Offset())
	if found {
		i++
	}
	return Place{e.file.name, i}
}

// in returns another element of the same file.
func (e element) in(n safe.Node) element { return element{n, e.file} }

// attr returns an attribute, "" when it is not there.
func (e element) attr(name string) string {
	v, _ := e.Attr("", name)
	return v
}

// file reads a file and returns its top element.
func (l *loader) file(name string, chain []string) (element, error) {
	if slices.Contains(chain, name) {
		return element{}, fmt.Errorf("schematron: %s includes itself", name)
	}
	if l.files++; l.files > maxIncludes {
		return element{}, fmt.Errorf("schematron: more than %d files in one rule set", maxIncludes)
	}
	f, err := l.fsys.Open(name)
	if err != nil {
		return element{}, fmt.Errorf("schematron: %w", err)
	}
	doc, err := safe.Read(f, safe.Rules)
	if err := errors.Join(err, f.Close()); err != nil {
		return element{}, fmt.Errorf("schematron: %s: %w", name, err)
	}
	in := &file{name: name, chain: append(slices.Clone(chain), name), lines: []int{0}}
	for i, c := range doc.Root().Raw() {
		if c == '\n' {
			in.lines = append(in.lines, i+1)
		}
	}
	return element{doc.Top(), in}, nil
}

// children returns the child elements with includes replaced by the top element of the file that they name.
func (l *loader) children(e element) []element {
	var out []element
	for _, n := range e.Elements() {
		c := e.in(n)
		if !c.is(nsSch, "include") && !c.is(nsXI, "include") {
			out = append(out, c)
			continue
		}
		href := c.attr("href")
		if href == "" || strings.Contains(href, ":") || strings.HasPrefix(href, "/") {
			l.note(problem(c.place(), "an include needs a relative file name"))
			continue
		}
		top, err := l.file(path.Join(path.Dir(e.file.name), href), e.file.chain)
		if err != nil {
			l.note(problem(c.place(), "%v", err))
			continue
		}
		out = append(out, top)
	}
	return out
}

func (l *loader) schema(name string, e element) *Source {
	s := &Source{
		Name: name, Prefixes: map[string]string{}, Phases: map[string][]string{}, Default: e.attr("defaultPhase"),
	}
	if q := e.attr("queryBinding"); q != "xslt2" && q != "xpath2" {
		l.note(problem(e.place(), "the query binding %q is not supported, only xslt2", q))
	}
	if s.Default == "#ALL" {
		s.Default = ""
	}
	list := l.children(e)
	abstract := map[string]element{}
	for _, c := range list {
		if c.is(nsSch, "pattern") && c.attr("abstract") == "true" {
			abstract[c.attr("id")] = c
		}
	}
	for _, c := range list {
		l.top(s, c, abstract)
	}
	return s
}

// top takes a child of the schema.
func (l *loader) top(s *Source, c element, abstract map[string]element) {
	switch {
	case c.is(nsXSL, "function"):
		fn, err := function(c)
		s.Functions = append(s.Functions, fn)
		l.note(err)
		return
	case c.is(nsXSL, "key"):
		s.Keys = append(s.Keys, Key{c.attr("name"), c.attr("match"), c.attr("use"), c.place()})
		return
	case c.Name().Space == nsXSL:
		l.note(problem(c.place(), "xsl:%s is not supported", c.Name().Local))
		return
	case c.Name().Space != nsSch:
		return // foreign elements mean nothing
	}
	switch c.Name().Local {
	case "title":
		s.Title = squeeze(c.Text())
	case "ns":
		s.Prefixes[c.attr("prefix")] = c.attr("uri")
	case "p":
	case "let":
		s.Lets = append(s.Lets, let(c, noParams))
	case "phase":
		l.phase(s, c)
	case "pattern":
		l.pattern(s, c, abstract)
	default:
		l.note(problem(c.place(), "the element %s is not supported in a schema", c.Name().Local))
	}
}

func (l *loader) phase(s *Source, c element) {
	active := []string{}
	for _, a := range l.children(c) {
		switch {
		case a.is(nsSch, "active"):
			active = append(active, a.attr("pattern"))
		case a.is(nsSch, "let"):
			l.note(problem(a.place(), "a let in a phase is not supported"))
		}
	}
	s.Phases[c.attr("id")] = active
}

// params replaces the parameters of an abstract pattern in a text; noParams is for patterns without.
type params func(string) string

func noParams(s string) string { return s }

func (l *loader) pattern(s *Source, c element, abstract map[string]element) {
	if c.attr("abstract") == "true" {
		return
	}
	p, body, with := Pattern{ID: c.attr("id")}, c, params(noParams)
	if isA := c.attr("is-a"); isA != "" {
		var ok bool
		if body, ok = abstract[isA]; !ok {
			l.note(problem(c.place(), "the abstract pattern %s is not there", isA))
			return
		}
		with = replacer(l.children(c))
	}
	for _, e := range l.children(body) {
		switch {
		case e.is(nsSch, "title"):
			p.Title = squeeze(e.Text())
		case e.is(nsSch, "let"):
			p.Lets = append(p.Lets, let(e, with))
		case e.is(nsSch, "rule"):
			if r, ok := l.rule(e, with); ok {
				p.Rules = append(p.Rules, r)
			}
		case e.is(nsXSL, "function"):
			fn, err := function(e)
			s.Functions = append(s.Functions, fn)
			l.note(err)
		case e.Name().Space == nsSch && e.Name().Local != "p":
			l.note(problem(e.place(), "the element %s is not supported in a pattern", e.Name().Local))
		}
	}
	s.Patterns = append(s.Patterns, p)
}

// replacer replaces $name by the value of each param, longer names first: one may be the beginning of another.
func replacer(list []element) params {
	type param struct{ name, value string }
	var all []param
	for _, e := range list {
		if e.is(nsSch, "param") {
			all = append(all, param{"$" + e.attr("name"), e.attr("value")})
		}
	}
	slices.SortStableFunc(all, func(a, b param) int { return len(b.name) - len(a.name) })
	var pairs []string
	for _, p := range all {
		pairs = append(pairs, p.name, p.value)
	}
	return strings.NewReplacer(pairs...).Replace
}

func let(e element, with params) Let {
	v := e.attr("value")
	if v == "" {
		v = e.Text()
	}
	return Let{e.attr("name"), with(v), e.place()}
}

func (l *loader) rule(e element, with params) (r Rule, ok bool) {
	r = Rule{ID: e.attr("id"), Context: with(e.attr("context")), At: e.place()}
	if r.Context == "" {
		l.note(problem(r.At, "a rule without a context"))
		return r, false
	}
	for _, c := range l.children(e) {
		switch {
		case c.is(nsSch, "let"):
			v := let(c, with)
			r.Parts = append(r.Parts, RulePart{Let: &v})
		case c.is(nsSch, "assert"), c.is(nsSch, "report"):
			if a := assert(c, with); a.Test == "" {
				l.note(problem(a.At, "an assert without a test"))
			} else {
				r.Parts = append(r.Parts, RulePart{Assert: a})
			}
		case c.Name().Space == nsSch && c.Name().Local != "p":
			l.note(problem(c.place(), "the element %s is not supported in a rule", c.Name().Local))
		}
	}
	return r, true
}

func assert(e element, with params) *Assert {
	a := &Assert{
		ID: e.attr("id"), Flag: e.attr("flag"), Test: with(e.attr("test")),
		Report: e.Name().Local == "report", Text: message(e, with), At: e.place(),
	}
	return a
}

// message reads the text of an assert with the values in it.
func message(e element, with params) []TextPart {
	var out []TextPart
	for n := range e.Children() {
		c := e.in(n)
		switch {
		case n.Kind() == safe.Text:
			out = append(out, TextPart{Text: with(string(n.Value()))})
		case c.is(nsSch, "value-of"), c.is(nsXSL, "value-of"):
			out = append(out, TextPart{Select: with(c.attr("select"))})
		case c.is(nsSch, "name"):
			path := c.attr("path")
			if path == "" {
				path = "."
			}
			out = append(out, TextPart{Select: "name(" + with(path) + ")"})
		case n.Kind() == safe.Element:
			out = append(out, message(c, with)...)
		}
	}
	return out
}

// squeeze joins the words of a text with single spaces.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

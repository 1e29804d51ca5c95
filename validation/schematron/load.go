package schematron

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/xmlsafe"
	"github.com/ravn-ap/ravn/validation/xpath"
)

const (
	nsSch  = "http://purl.oclc.org/dsdl/schematron"
	nsXSL  = "http://www.w3.org/1999/XSL/Transform"
	nsXI   = "http://www.w3.org/2001/XInclude"
	nsSVRL = "http://purl.oclc.org/dsdl/svrl"
)

// maxIncludes limits the files of one rule set.
const maxIncludes = 200

// Load reads a rule file: a Schematron schema with its includes, or rules compiled to XSLT. Includes are relative to the
// including file and stay within fsys.
func Load(fsys fs.FS, name string) (*Source, error) {
	l := &loader{fsys: fsys}
	e, err := l.file(name, nil)
	if err != nil {
		return nil, err
	}
	switch {
	case e.is(nsSch, "schema"):
		return l.schema(name, e)
	case e.is(nsXSL, "stylesheet"), e.is(nsXSL, "transform"):
		return compiledRules(name, e)
	}
	return nil, problem(e.place(), "the root element is %s, not a Schematron schema or a compiled one", e.Name())
}

type loader struct {
	fsys  fs.FS
	files int
}

// element is an element of a rule file with the file that it stands in.
type element struct {
	xmlsafe.Node
	file *file
}

// file is a file of rules.
type file struct {
	name  string
	chain []string // the file and those that include it, for loops
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
func (e element) in(n xmlsafe.Node) element { return element{n, e.file} }

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
	doc, err := xmlsafe.Read(f, xmlsafe.Rules)
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
func (l *loader) children(e element) ([]element, error) {
	var out []element
	for _, n := range e.Elements() {
		c := e.in(n)
		if !c.is(nsSch, "include") && !c.is(nsXI, "include") {
			out = append(out, c)
			continue
		}
		href := c.attr("href")
		if href == "" || strings.Contains(href, ":") || strings.HasPrefix(href, "/") {
			return nil, problem(c.place(), "an include needs a relative file name")
		}
		top, err := l.file(path.Join(path.Dir(e.file.name), href), e.file.chain)
		if err != nil {
			return nil, problem(c.place(), "%v", err)
		}
		out = append(out, top)
	}
	return out, nil
}

func (l *loader) schema(name string, e element) (*Source, error) {
	s := &Source{Name: name, Prefixes: map[string]string{}, Phases: map[string][]string{}, Default: e.attr("defaultPhase")}
	if q := e.attr("queryBinding"); q != "xslt2" && q != "xpath2" {
		return nil, problem(e.place(), "the query binding %q is not supported, only xslt2", q)
	}
	if s.Default == "#ALL" {
		s.Default = ""
	}
	list, err := l.children(e)
	if err != nil {
		return nil, err
	}
	abstract := map[string]element{}
	for _, c := range list {
		if c.is(nsSch, "pattern") && c.attr("abstract") == "true" {
			abstract[c.attr("id")] = c
		}
	}
	for _, c := range list {
		if err := l.top(s, c, abstract); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// top takes a child of the schema.
func (l *loader) top(s *Source, c element, abstract map[string]element) error {
	switch {
	case c.is(nsXSL, "function"):
		fn, err := function(c)
		s.Functions = append(s.Functions, fn)
		return err
	case c.is(nsXSL, "key"):
		s.Keys = append(s.Keys, Key{c.attr("name"), c.attr("match"), c.attr("use"), c.place()})
		return nil
	case c.Name().Space != nsSch:
		if c.Name().Space == nsXSL {
			return problem(c.place(), "xsl:%s is not supported", c.Name().Local)
		}
		return nil // foreign elements mean nothing
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
		return l.phase(s, c)
	case "pattern":
		return l.pattern(s, c, abstract)
	default:
		return problem(c.place(), "the element %s is not supported in a schema", c.Name().Local)
	}
	return nil
}

func (l *loader) phase(s *Source, c element) error {
	list, err := l.children(c)
	if err != nil {
		return err
	}
	active := []string{}
	for _, a := range list {
		switch {
		case a.is(nsSch, "active"):
			active = append(active, a.attr("pattern"))
		case a.is(nsSch, "let"):
			return problem(a.place(), "a let in a phase is not supported")
		}
	}
	s.Phases[c.attr("id")] = active
	return nil
}

// params replaces the parameters of an abstract pattern in a text.
type params func(string) string

func noParams(s string) string { return s }

func (l *loader) pattern(s *Source, c element, abstract map[string]element) error {
	if c.attr("abstract") == "true" {
		return nil
	}
	p, body, with := Pattern{ID: c.attr("id")}, c, params(noParams)
	if isA := c.attr("is-a"); isA != "" {
		var ok bool
		if body, ok = abstract[isA]; !ok {
			return problem(c.place(), "the abstract pattern %s is not there", isA)
		}
		list, err := l.children(c)
		if err != nil {
			return err
		}
		with = replacer(list)
	}
	list, err := l.children(body)
	if err != nil {
		return err
	}
	for _, e := range list {
		switch {
		case e.is(nsSch, "title"):
			p.Title = squeeze(e.Text())
		case e.is(nsSch, "let"):
			p.Lets = append(p.Lets, let(e, with))
		case e.is(nsSch, "rule"):
			r, err := l.rule(e, with)
			if err != nil {
				return err
			}
			p.Rules = append(p.Rules, r)
		case e.is(nsXSL, "function"):
			fn, err := function(e)
			if err != nil {
				return err
			}
			s.Functions = append(s.Functions, fn)
		case e.Name().Space == nsSch && e.Name().Local != "p":
			return problem(e.place(), "the element %s is not supported in a pattern", e.Name().Local)
		}
	}
	s.Patterns = append(s.Patterns, p)
	return nil
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

func (l *loader) rule(e element, with params) (Rule, error) {
	r := Rule{ID: e.attr("id"), Context: with(e.attr("context")), At: e.place()}
	if r.Context == "" {
		return r, problem(r.At, "a rule without a context")
	}
	list, err := l.children(e)
	if err != nil {
		return r, err
	}
	for _, c := range list {
		switch {
		case c.is(nsSch, "let"):
			v := let(c, with)
			r.Parts = append(r.Parts, RulePart{Let: &v})
		case c.is(nsSch, "assert"), c.is(nsSch, "report"):
			a, err := assert(c, with)
			if err != nil {
				return r, err
			}
			r.Parts = append(r.Parts, RulePart{Assert: a})
		case c.Name().Space == nsSch && c.Name().Local != "p":
			return r, problem(c.place(), "the element %s is not supported in a rule", c.Name().Local)
		}
	}
	return r, nil
}

func assert(e element, with params) (*Assert, error) {
	a := &Assert{
		ID: e.attr("id"), Flag: e.attr("flag"), Test: with(e.attr("test")), Report: e.Name().Local == "report", At: e.place(),
	}
	if a.Test == "" {
		return nil, problem(a.At, "an assert without a test")
	}
	var err error
	a.Text, err = message(e, with)
	if a.ID == "" { // "[ID]-text"
		a.ID = idOf(a.Text)
	}
	return a, err
}

// idOf takes the id of an assert without one from the beginning of its message.
func idOf(text []TextPart) string {
	if len(text) == 0 {
		return ""
	}
	s := strings.TrimSpace(text[0].Text)
	if id, _, ok := strings.Cut(strings.TrimPrefix(s, "["), "]"); ok && strings.HasPrefix(s, "[") {
		return id
	}
	return ""
}

// message reads the text of an assert with the values in it.
func message(e element, with params) ([]TextPart, error) {
	var out []TextPart
	for n := range e.Children() {
		c := e.in(n)
		switch {
		case n.Kind() == xmlsafe.Text:
			out = append(out, TextPart{Text: with(string(n.Value()))})
		case c.is(nsSch, "value-of"), c.is(nsXSL, "value-of"):
			out = append(out, TextPart{Select: with(c.attr("select"))})
		case c.is(nsSch, "name"):
			path := c.attr("path")
			if path == "" {
				path = "."
			}
			out = append(out, TextPart{Select: "name(" + with(path) + ")"})
		case n.Kind() == xmlsafe.Element:
			inner, err := message(c, with)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		}
	}
	return out, nil
}

// squeeze takes superfluous white space out of a text.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// function reads an xsl:function.
func function(e element) (xpath.Function, error) {
	fn := xpath.Function{Name: e.attr("name"), As: e.attr("as")}
	var body []element
	for _, n := range e.Elements() {
		c := e.in(n)
		if c.is(nsXSL, "param") {
			fn.Params = append(fn.Params, xpath.Param{Name: c.attr("name"), As: c.attr("as")})
		} else {
			body = append(body, c)
		}
	}
	var err error
	fn.Body, err = instructions(body)
	return fn, err
}

func instructions(list []element) ([]xpath.Instruction, error) {
	var out []xpath.Instruction
	for _, c := range list {
		if c.Name().Space != nsXSL {
			return nil, problem(c.place(), "%s is not supported in a function", c.Name())
		}
		in := xpath.Instruction{Name: c.attr("name"), Select: c.attr("select"), As: c.attr("as")}
		switch c.Name().Local {
		case "sequence":
			in.Kind = xpath.Sequence
		case "value-of":
			in.Kind = xpath.ValueOf
		case "variable":
			in.Kind = xpath.Variable
		case "choose":
			in.Kind = xpath.Choose
		case "when":
			in.Kind, in.Select = xpath.When, c.attr("test")
		case "otherwise":
			in.Kind = xpath.When
		case "text":
			in.Kind, in.Text = xpath.LiteralText, c.Text()
		default:
			return nil, problem(c.place(), "xsl:%s is not supported in a function", c.Name().Local)
		}
		if in.Kind != xpath.LiteralText && in.Select == "" || in.Kind == xpath.When {
			var inner []element
			for _, n := range c.Elements() {
				inner = append(inner, c.in(n))
			}
			if len(inner) == 0 && strings.TrimSpace(c.Text()) != "" {
				in.Body = []xpath.Instruction{{Kind: xpath.LiteralText, Text: c.Text()}}
			}
			body, err := instructions(inner)
			if err != nil {
				return nil, err
			}
			in.Body = append(in.Body, body...)
		}
		out = append(out, in)
	}
	return out, nil
}

package schematron

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// bindings are the query bindings that are known. All are read as XPath 2.0, as products do that run rules with the
// ISO skeleton on Saxon (docs/divergences.md); none is the one for XSLT 1.0.
var bindings = []string{"", "xslt", "xslt1", "xslt2", "xslt3", "xpath", "xpath2", "xpath3"}

// reading is a schema that is being read.
type reading struct {
	src         *Source
	patterns    []*instance
	rules       map[string][]abstractRule // of the whole schema, by id
	diagnostics map[string]element        // diagnostics and properties, by kind and id
	actives     []element
}

// instance is a pattern with the children of its abstract pattern.
type instance struct {
	Pattern
	at    element
	body  []element
	with  params
	rules map[string][]abstractRule
}

// abstractRule is a rule that others extend.
type abstractRule struct {
	element
	in *instance // nil outside of patterns
}

func (l *loader) schema(name string, e element) *Source {
	s := &Source{
		Name: name, Prefixes: map[string]string{}, Phases: map[string][]string{}, Default: e.attr("defaultPhase"),
		PhaseLets: map[string][]Let{},
	}
	l.reading = reading{src: s, rules: map[string][]abstractRule{}, diagnostics: map[string]element{}}
	if q := e.attr("queryBinding"); !slices.Contains(bindings, strings.ToLower(q)) {
		l.note(problem(e.place(), "the query binding %q is not supported, only those for XSLT and XPath", q))
	}
	if s.Default == "#ALL" {
		s.Default = ""
	}
	list := l.children(e)
	abstract := map[string]element{}
	for _, c := range list {
		if c.is(nsSch, "pattern") && c.attr("abstract") == "true" {
			l.abstract(abstract, c)
		}
	}
	for _, c := range list {
		l.top(c, abstract)
	}
	for _, p := range l.reading.patterns {
		l.pattern(p)
	}
	l.active()
	return s
}

func (l *loader) abstract(known map[string]element, c element) {
	id := c.attr("id")
	if _, twice := known[id]; twice {
		l.note(problem(c.place(), "the abstract pattern %s is there twice", id))
	}
	if c.attr("is-a") != "" {
		l.note(problem(c.place(), "an abstract pattern that is made from one, %s, is not supported", c.attr("is-a")))
	}
	known[id] = c
}

// top takes a child of the schema.
func (l *loader) top(c element, abstract map[string]element) {
	s := l.reading.src
	if c.Name().Space == nsXSL {
		if at, found := defaultNamespace(c); found {
			l.note(problem(at.place(), "the attribute xpath-default-namespace is not supported"))
		}
	}
	switch {
	case c.is(nsXSL, "key"):
		s.Keys = append(s.Keys, Key{c.attr("name"), c.attr("match"), c.attr("use"), c.place()})
		return
	case c.Name().Space == nsXSL:
		s.Lets = append(s.Lets, l.declared(c)...)
		return
	case c.Name().Space != nsSch:
		return // foreign elements mean nothing
	}
	switch c.Name().Local {
	case "title":
		s.Title = squeeze(c.Text())
	case "ns":
		l.prefix(c)
	case "p":
	case "let":
		s.Lets = append(s.Lets, l.let(c, noParams))
	case "phase":
		l.phase(c)
	case "pattern":
		l.instance(c, abstract)
	case "rules":
		for _, r := range l.children(c) {
			l.ruleOf(nil, r)
		}
	case "rule":
		if c.attr("abstract") == "true" {
			l.ruleOf(nil, c)
		} // another rule outside of patterns is never run
	case "diagnostics", "properties":
		l.explanations(c)
	default:
		l.note(problem(c.place(), "the element %s is not supported in a schema", c.Name().Local))
	}
}

// prefix declares a prefix. Expressions have no names in a namespace without one.
func (l *loader) prefix(c element) {
	known, prefix, uri := l.reading.src.Prefixes, c.attr("prefix"), c.attr("uri")
	switch old, twice := known[prefix]; {
	case twice && old != uri:
		l.note(problem(c.place(), "the prefix %s stands for %s and for %s", prefix, old, uri))
	case prefix != "":
		known[prefix] = uri
	}
}

// declared reads what XSLT declares in a schema or in a pattern: a function, or a variable, which it returns.
func (l *loader) declared(c element) []Let {
	switch c.Name().Local {
	case "function":
		fn, err := function(c)
		l.reading.src.Functions = append(l.reading.src.Functions, fn)
		l.note(err)
	case "variable", "param":
		v, err := variable(c)
		l.note(err)
		return []Let{v}
	default:
		l.note(problem(c.place(), "xsl:%s is not supported", c.Name().Local))
	}
	return nil
}

func (l *loader) phase(c element) {
	s, id := l.reading.src, c.attr("id")
	if _, twice := s.Phases[id]; twice {
		l.note(problem(c.place(), "the phase %s is there twice", id))
	}
	active := []string{}
	for _, a := range l.children(c) {
		switch {
		case a.is(nsSch, "active"):
			active = append(active, a.attr("pattern"))
			l.reading.actives = append(l.reading.actives, a)
		case a.is(nsSch, "let"):
			s.PhaseLets[id] = append(s.PhaseLets[id], l.let(a, noParams))
		case a.Name().Space == nsSch && a.Name().Local != "p" && a.Name().Local != "title":
			l.note(problem(a.place(), "the element %s is not supported in a phase", a.Name().Local))
		}
	}
	s.Phases[id] = active
}

// active checks that the patterns of phases are there.
func (l *loader) active() {
	for _, a := range l.reading.actives {
		if !slices.ContainsFunc(l.reading.src.Patterns, func(p Pattern) bool { return p.ID == a.attr("pattern") }) {
			l.note(problem(a.place(), "a phase names the pattern %q, which is not there", a.attr("pattern")))
		}
	}
}

// params replaces the parameters of an abstract pattern in a text; noParams is for patterns without.
type params func(string) string

func noParams(s string) string { return s }

// instance enters a pattern with its abstract rules, so that rules before them can extend them.
func (l *loader) instance(c element, abstract map[string]element) {
	if c.attr("abstract") == "true" {
		return
	}
	p := &instance{at: c, with: noParams, rules: map[string][]abstractRule{}}
	p.ID = c.attr("id")
	body := c
	if isA := c.attr("is-a"); isA != "" {
		var ok bool
		if body, ok = abstract[isA]; !ok {
			l.note(problem(c.place(), "the abstract pattern %s is not there", isA))
			return
		}
		p.with = l.params(c)
	}
	for _, e := range []element{c, body} {
		if e.attr("documents")+e.attr("document") != "" {
			l.note(problem(e.place(), "a pattern for other documents is not supported: the attribute documents"))
		}
	}
	p.body = l.children(body)
	for _, e := range p.body {
		if e.is(nsSch, "rule") && e.attr("abstract") == "true" {
			l.ruleOf(p, e)
		}
	}
	l.reading.patterns = append(l.reading.patterns, p)
}

// ruleOf enters an abstract rule.
func (l *loader) ruleOf(p *instance, e element) {
	id := e.attr("id")
	switch {
	case !e.is(nsSch, "rule") || e.attr("abstract") != "true":
		l.note(problem(e.place(), "only abstract rules are supported in rules, not %s", e.Name()))
	case id == "":
		l.note(problem(e.place(), "an abstract rule without an id"))
	default:
		r := abstractRule{e, p}
		l.reading.rules[id] = append(l.reading.rules[id], r)
		if p != nil {
			p.rules[id] = append(p.rules[id], r)
		}
	}
}

func (l *loader) pattern(p *instance) {
	for _, e := range p.body {
		switch {
		case e.is(nsSch, "title"):
			p.Title = squeeze(p.with(e.Text()))
		case e.is(nsSch, "let"):
			p.Lets = append(p.Lets, l.let(e, p.with))
		case e.is(nsSch, "rule"):
			if r, ok := l.rule(p, e); ok {
				p.Rules = append(p.Rules, r)
			}
		case e.Name().Space == nsXSL:
			p.Lets = append(p.Lets, l.declared(e)...)
		case e.Name().Space == nsSch && e.Name().Local != "p":
			l.note(problem(e.place(), "the element %s is not supported in a pattern", e.Name().Local))
		}
	}
	l.reading.src.Patterns = append(l.reading.src.Patterns, p.Pattern)
}

// params reads the parameters of a pattern that is made from an abstract one. A name is replaced where it stands behind
// "$", longer names first: one may be the beginning of another.
func (l *loader) params(e element) params {
	type param struct{ name, value string }
	var all []param
	for _, c := range l.children(e) {
		switch {
		case c.is(nsSch, "param"):
			all = append(all, param{"$" + c.attr("name"), c.attr("value")})
		case c.Name().Space != nsSch, c.is(nsSch, "title"), c.is(nsSch, "p"):
		default:
			l.note(problem(c.place(), "a pattern made from an abstract one has only parameters, no %s",
				c.Name().Local))
		}
	}
	slices.SortStableFunc(all, func(a, b param) int { return len(b.name) - len(a.name) })
	var pairs []string
	for _, p := range all {
		for _, q := range all {
			if strings.Contains(p.value, q.name) { // whether it is replaced in turn depends on the product
				l.note(problem(e.place(), "the parameter %s with another one in its value, %s", p.name[1:], q.name))
			}
		}
		pairs = append(pairs, p.name, p.value)
	}
	return strings.NewReplacer(pairs...).Replace
}

// let reads a let: an expression, or text. As with a variable of XSLT, text is all that is written, and nothing is "".
func (l *loader) let(e element, with params) Let {
	v := Let{Name: e.attr("name"), At: e.place()}
	value, ok := e.Attr("", "value")
	switch {
	case e.attr("as") != "":
		l.note(problem(v.At, "the let %s with a type is not supported", v.Name))
	case ok:
		v.Value = with(value)
	case len(e.Elements()) > 0:
		l.note(problem(v.At, "the let %s with elements as its value is not supported", v.Name))
	default:
		v.content(textOf(with(e.Text())))
	}
	return v
}

func (l *loader) rule(p *instance, e element) (r Rule, ok bool) {
	if e.attr("abstract") == "true" {
		return r, false
	}
	r = Rule{ID: e.attr("id"), Context: p.with(e.attr("context")), At: e.place()}
	if r.Context == "" {
		l.note(problem(r.At, "a rule without a context"))
		return r, false
	}
	l.parts(&r, p, p, e, nil)
	return r, true
}

// parts reads the parts of a rule of the pattern p, or of one that it extends, which stands in the pattern in. above
// are the rules on the way to it.
func (l *loader) parts(r *Rule, p, in *instance, e element, above []safe.Node) {
	with := noParams
	if in != nil {
		with = in.with
	}
	for _, c := range l.children(e) {
		if len(above) > 0 && !l.take(c) {
			return
		}
		switch {
		case c.is(nsSch, "let"):
			v := l.let(c, with)
			r.Parts = append(r.Parts, RulePart{Let: &v})
		case c.is(nsXSL, "variable"):
			v, err := variable(c)
			l.note(err)
			r.Parts = append(r.Parts, RulePart{Let: &v})
		case c.is(nsSch, "assert"), c.is(nsSch, "report"):
			if a := l.assert(c, with); a.Test == "" {
				l.note(problem(a.At, "an assert without a test"))
			} else {
				r.Parts = append(r.Parts, RulePart{Assert: a})
			}
		case c.is(nsSch, "extends"):
			l.extends(r, p, c, append(slices.Clone(above), e.Node))
		case c.Name().Space == nsXSL:
			l.note(problem(c.place(), "xsl:%s is not supported in a rule", c.Name().Local))
		case c.Name().Space == nsSch && c.Name().Local != "p" && c.Name().Local != "title":
			l.note(problem(c.place(), "the element %s is not supported in a rule", c.Name().Local))
		}
	}
}

const (
	maxTaken = 100_000 // parts that all rules of a file take by extends
	maxDepth = 100     // rules that extend each other
)

// extends takes the parts of the rule that an extends names: an abstract one of the same pattern, else one of the
// schema, or a rule in another file.
func (l *loader) extends(r *Rule, p *instance, c element, above []safe.Node) {
	base := abstractRule{in: p}
	if id, ok := c.Attr("", "rule"); ok {
		list := p.rules[id]
		if len(list) == 0 {
			list = l.reading.rules[id]
		}
		if len(list) != 1 {
			l.note(problem(c.place(), "extends of the abstract rule %s, which is there %d times", id, len(list)))
			return
		}
		base = list[0]
	} else {
		var err error
		if base.element, err = l.named(c); err != nil {
			l.note(problem(c.place(), "%v", err))
			return
		}
		if !base.is(nsSch, "rule") {
			l.note(problem(c.place(), "extends of %s, which is no rule", base.Name()))
			return
		}
	}
	switch {
	case slices.Contains(above, base.Node):
		l.note(problem(c.place(), "the rule %s extends itself", cmp.Or(c.attr("rule"), c.attr("href"))))
	case len(above) > maxDepth:
		l.note(problem(c.place(), "more than %d rules that extend each other", maxDepth))
	default:
		l.parts(r, p, base.in, base.element, above)
	}
}

// take counts a part that a rule takes from another, and reports whether it may be taken.
func (l *loader) take(c element) bool {
	if l.taken++; l.taken == maxTaken+1 {
		l.note(problem(c.place(), "the rules extend others too often: more than %d parts", maxTaken))
	}
	return l.taken <= maxTaken
}

func (l *loader) assert(e element, with params) *Assert {
	return &Assert{
		ID: e.attr("id"), Flag: e.attr("flag"), Role: e.attr("role"), Test: with(e.attr("test")),
		Report: e.Name().Local == "report", Text: l.message(e, with), At: e.place(),
		Diagnostics: append(l.explained(e, "diagnostic", "diagnostics", with),
			l.explained(e, "property", "properties", with)...),
	}
}

// explanations enters diagnostics or properties.
func (l *loader) explanations(c element) {
	for _, d := range l.children(c) {
		if !d.is(nsSch, "diagnostic") && !d.is(nsSch, "property") {
			if d.Name().Space == nsSch {
				l.note(problem(d.place(), "the element %s is not supported in %s", d.Name().Local, c.Name().Local))
			}
			continue
		}
		key := d.Name().Local + " " + d.attr("id")
		if _, twice := l.reading.diagnostics[key]; twice {
			l.note(problem(d.place(), "the %s is there twice", key))
		}
		l.reading.diagnostics[key] = d
	}
}

// explained reads the diagnostics or properties that an assert names.
func (l *loader) explained(e element, kind, attr string, with params) (list []Diagnostic) {
	for _, id := range strings.Fields(e.attr(attr)) {
		d, ok := l.reading.diagnostics[kind+" "+id]
		if !ok {
			l.note(problem(e.place(), "the %s %s is not there", kind, id))
			continue
		}
		list = append(list, Diagnostic{ID: id, Property: kind == "property", Text: l.message(d, with)})
	}
	return list
}

// message reads the text of an assert with the values in it.
func (l *loader) message(e element, with params) []TextPart {
	var out []TextPart
	for n := range e.Children() {
		c := e.in(n)
		switch {
		case n.Kind() == safe.Text:
			out = append(out, TextPart{Text: with(string(n.Value()))})
		case n.Kind() != safe.Element:
		case c.is(nsSch, "value-of"), c.is(nsXSL, "value-of"):
			out = append(out, TextPart{Select: with(cmp.Or(c.attr("select"), "."))})
		case c.is(nsSch, "name"):
			out = append(out, TextPart{Select: "name(" + with(cmp.Or(c.attr("path"), ".")) + ")"})
		case c.Name().Space == nsXSL && c.Name().Local != "text":
			l.note(problem(c.place(), "xsl:%s is not supported in a message", c.Name().Local))
		default:
			out = append(out, l.message(c, with)...)
		}
	}
	return out
}

// squeeze joins the words of a text with single spaces.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

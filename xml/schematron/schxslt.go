package schematron

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// nsSchXslt is the namespace of SchXslt, which its stylesheets declare.
const nsSchXslt = "https://doi.org/10.5281/zenodo.1495494"

// bySchXslt reports whether SchXslt made a stylesheet.
func bySchXslt(e element) bool {
	for _, uri := range e.Decls() {
		if uri == nsSchXslt {
			return true
		}
	}
	return false
}

// schxsltRules recovers the rules from a stylesheet that SchXslt 1 made (schxslt: xslt/2.0/compile/compile-2.0.xsl):
// one mode for all patterns, one template for each rule with a priority that falls in the order of the text, in it
// the id of its pattern, which keeps a node from a second rule of the same pattern, and an if for each assert and
// report. Whatever does not fit that form is refused, so that no rule is lost silently.
func schxsltRules(name string, e element) (*Source, problems) {
	s := &schxsltForm{src: compiledSource(name, e), rules: map[string][]ranked{}}
	for _, n := range e.Elements() {
		s.note(s.top(e.in(n)))
	}
	if s.group == "" {
		s.note(problem(e.place(), "this is not a stylesheet of SchXslt: it has no template with the patterns"))
		return nil, s.problems
	}
	for i, id := range s.ids {
		s.src.Patterns[i].Rules = inOrder(s.rules[id])
		delete(s.rules, id)
	}
	for id := range s.rules {
		s.note(problem(s.rules[id][0].rule.At, "the rules of %s belong to no pattern", id))
	}
	return s.src, s.problems
}

type schxsltForm struct {
	problems
	src   *Source
	ids   []string            // of the patterns, in their order
	rules map[string][]ranked // by pattern
	group string              // the template that names the patterns, and the mode of their rules
}

// top takes a child of the stylesheet.
func (s *schxsltForm) top(e element) error {
	if e.Name().Space != nsXSL {
		if e.Name().Local == "Description" {
			return nil // about the stylesheet
		}
		return problem(e.place(), "%s is not supported in rules compiled by SchXslt", e.Name())
	}
	name := e.attr("name")
	switch e.Name().Local {
	case "output", "mode": // a mode of XSLT 3.0 is for nodes that no template matches: here one matches all
	case "function":
		if name == "schxslt:location" {
			return nil
		}
		fn, err := function(e)
		s.src.Functions = append(s.src.Functions, fn)
		return err
	case "key":
		s.src.Keys = append(s.src.Keys, Key{name, e.attr("match"), e.attr("use"), e.place()})
	case "param", "variable":
		if name == "schxslt.validate.initial-document-uri" {
			return nil
		}
		v, err := variable(e)
		s.src.Lets = append(s.src.Lets, v)
		return err
	case "template":
		return s.template(e)
	default:
		return problem(e.place(), "xsl:%s is not supported in rules compiled by SchXslt", e.Name().Local)
	}
	return nil
}

func (s *schxsltForm) template(e element) error {
	name, match, mode := e.attr("name"), e.attr("match"), e.attr("mode")
	switch {
	case name == "schxslt.validate":
	case mode == "#all" && e.attr("priority") == "-10": // the walk through what no rule matches
	case match == "root()" && mode == "":
		s.title(e.Node)
	case name != "":
		return s.patterns(e, name)
	case mode != "":
		return s.rule(e)
	default:
		return problem(e.place(), "a template that SchXslt does not make: match %q", match)
	}
	return nil
}

// title finds the title of the schema in the template that writes the report.
func (s *schxsltForm) title(n safe.Node) {
	for _, c := range n.Elements() {
		if c.Is(nsSVRL, "schematron-output") {
			s.src.Title, _ = c.Attr("", "title")
		}
		s.title(c)
	}
}

// patterns reads the template that lists the patterns and applies their rules to the document.
func (s *schxsltForm) patterns(e element, name string) error {
	if s.group != "" {
		return problem(e.place(), "patterns for several documents are not supported")
	}
	s.group = name
	list := e.Elements()
	if len(list) != 1 || !list[0].Is(nsSchXslt, "document") {
		return problem(e.place(), "patterns with the attribute documents are not supported")
	}
	for _, n := range list[0].Elements() {
		c := e.in(n)
		switch {
		case c.is(nsSchXslt, "pattern"):
			p := Pattern{visits: kindsOf(xdm.Root, xdm.Element, xdm.Attr, xdm.Text, xdm.Comment, xdm.PI)}
			if active, ok := descendant(c, nsSVRL, "active-pattern"); ok {
				p.ID, p.Title = attributeOf(active, "id"), attributeOf(active, "name")
			}
			s.ids = append(s.ids, c.attr("id"))
			s.src.Patterns = append(s.src.Patterns, p)
		case c.is(nsXSL, "apply-templates") && c.attr("mode") == name && c.attr("select") == "root()":
		default:
			return problem(c.place(), "%s is not supported among the patterns", c.Name())
		}
	}
	return nil
}

// descendant finds the first element of a name below e.
func descendant(e element, space, local string) (element, bool) {
	for _, n := range e.Elements() {
		c := e.in(n)
		if c.is(space, local) {
			return c, true
		}
		if found, ok := descendant(c, space, local); ok {
			return found, true
		}
	}
	return element{}, false
}

// rule reads the template of a rule: its lets, and the choice between a node that a rule of the pattern has had and
// one that this rule is for.
func (s *schxsltForm) rule(e element) error {
	priority, err := strconv.ParseFloat(e.attr("priority"), 64)
	if err != nil || priority < 0 || e.attr("match") == "" || e.attr("mode") != s.group {
		return problem(e.place(), "a template that is no rule of SchXslt: match %q, mode %q, priority %q",
			e.attr("match"), e.attr("mode"), e.attr("priority"))
	}
	r := Rule{Context: e.attr("match"), At: e.place()}
	pattern := ""
	for _, n := range e.Elements() {
		c := e.in(n)
		switch {
		case c.is(nsXSL, "param") && c.attr("name") == "schxslt:patterns-matched":
		case c.is(nsXSL, "variable"):
			v, err := variable(c)
			s.note(err)
			r.Parts = append(r.Parts, RulePart{Let: &v})
		case c.is(nsXSL, "choose") && pattern == "":
			if pattern, err = s.choice(&r, c); err != nil {
				return err
			}
		default:
			s.note(problem(c.place(), "%s is not supported in a rule", c.Name()))
		}
	}
	if pattern == "" {
		return problem(e.place(), "a rule that names no pattern")
	}
	s.rules[pattern] = append(s.rules[pattern], ranked{priority: priority, rule: r})
	return nil
}

// choice reads what is done with a node, and returns the pattern of the rule.
func (s *schxsltForm) choice(r *Rule, e element) (pattern string, err error) {
	list := e.Elements()
	if len(list) != 2 || !list[0].Is(nsXSL, "when") || !list[1].Is(nsXSL, "otherwise") {
		return "", problem(e.place(), "a choose that is not between a node that had a rule and one that had none")
	}
	for _, n := range list[1].Elements() {
		c := e.in(n)
		switch {
		case c.is(nsXSL, "next-match"):
		case c.is(nsSchXslt, "rule"):
			pattern = c.attr("pattern")
			for _, part := range c.Elements() {
				s.note(s.rulePart(r, e.in(part)))
			}
		default:
			return "", problem(c.place(), "%s is not supported in a rule", c.Name())
		}
	}
	if test, _ := list[0].Attr("", "test"); test != "$schxslt:patterns-matched[. = '"+pattern+"']" {
		return "", problem(e.place(), "a rule of the pattern %q that another condition keeps back: %s", pattern, test)
	}
	return pattern, nil
}

func (s *schxsltForm) rulePart(r *Rule, e element) error {
	if e.is(nsSVRL, "fired-rule") {
		r.ID = attributeOf(e, "id")
		return nil
	}
	list := e.Elements()
	if !e.is(nsXSL, "if") || len(list) != 1 {
		return problem(e.place(), "%s is not supported in a rule", e.Name())
	}
	out := e.in(list[0])
	a := &Assert{Test: e.attr("test"), At: out.place()}
	switch {
	case out.is(nsSVRL, "successful-report"):
		a.Report = true
	case !out.is(nsSVRL, "failed-assert") || !strings.HasPrefix(a.Test, "not(") || !strings.HasSuffix(a.Test, ")"):
		return problem(e.place(), "a test without svrl:failed-assert or svrl:successful-report")
	default:
		a.Test = a.Test[len("not(") : len(a.Test)-1] // SchXslt writes not(test) for an assert
	}
	return s.outcome(r, a, out)
}

// outcome reads what is written when an assert fails or a report holds.
func (s *schxsltForm) outcome(r *Rule, a *Assert, out element) error {
	a.ID, a.Flag, a.Role = out.attr("id"), out.attr("flag"), out.attr("role")
	if strings.ContainsAny(a.ID+a.Flag+a.Role, "{}") {
		return problem(out.place(), "an id, flag or role that is computed is not supported")
	}
	if at := out.attr("location"); at != "{schxslt:location(.)}" && at != "{path(.)}" {
		return problem(out.place(), "the subject of an assert is not supported: %s", at)
	}
	for _, n := range out.Elements() {
		c := out.in(n)
		switch {
		case c.is(nsSVRL, "text"):
			a.Text = append(a.Text, s.messageParts(c)...)
		case c.is(nsSVRL, "diagnostic-reference"), c.is(nsSVRL, "property-reference"):
			property := c.Name().Local == "property-reference"
			a.Diagnostics = append(a.Diagnostics, Diagnostic{
				ID: cmp.Or(c.attr("diagnostic"), c.attr("property")), Property: property, Text: s.messageParts(c),
			})
		case c.is(nsSVRL, "message-code"), c.is(nsSVRL, "message-category"): // what the text says, too
		case c.is(nsXSL, "attribute") && c.attr("name") == "test":
		default:
			return problem(c.place(), "%s is not supported in an assert", c.Name())
		}
	}
	r.Parts = append(r.Parts, RulePart{Assert: a})
	return nil
}

// messageParts reads a message. Elements in it are made by xsl:element.
func (s *schxsltForm) messageParts(e element) []TextPart {
	var out []TextPart
	for n := range e.Children() {
		c := e.in(n)
		switch {
		case n.Kind() == safe.Text:
			out = append(out, TextPart{Text: string(n.Value())})
		case n.Kind() != safe.Element, c.is(nsXSL, "attribute"):
		case c.is(nsXSL, "value-of"):
			out = append(out, TextPart{Select: c.attr("select")})
		case c.is(nsXSL, "text"):
			out = append(out, TextPart{Text: c.Text()})
		case c.is(nsXSL, "element"), c.Name().Space == nsSVRL:
			out = append(out, s.messageParts(c)...)
		default:
			s.note(problem(c.place(), "%s is not supported in a message", c.Name()))
		}
	}
	return out
}

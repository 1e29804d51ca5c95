package schematron

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// compiledRules recovers the rules from a stylesheet that the ISO skeleton made: one mode for each pattern, one
// template for each rule with a priority that falls in the order of the text, a choose for each assert and an if for
// each report. Whatever does not fit that form is refused, so that no rule is lost silently.
func compiledRules(name string, e element) (*Source, problems) {
	c := &compiledForm{
		src: compiledSource(name, e), old: oldReport(e), rules: map[string][]ranked{}, walks: map[string]kinds{},
	}
	for _, n := range e.Elements() {
		c.note(c.top(e.in(n)))
	}
	if c.setup.Node.IsZero() {
		c.note(problem(e.place(),
			"this is not a stylesheet of the ISO skeleton or of SchXslt: it has no template for the document node"))
		return nil, c.problems
	}
	if c.patterns(c.setup); !c.writes {
		c.note(problem(c.setup.place(), "the stylesheet does not write its findings as SVRL"))
		return nil, c.problems
	}
	return c.src, c.problems
}

// compiledSource begins the source of a stylesheet: the prefixes of the rules are declared on its element.
func compiledSource(name string, e element) *Source {
	s := &Source{Name: name, Prefixes: map[string]string{}, Phases: map[string][]string{}}
	s.Compatible = e.attr("version") == "1.0"
	for prefix, uri := range e.Decls() {
		if prefix != "" {
			s.Prefixes[prefix] = uri
		}
	}
	return s
}

type compiledForm struct {
	problems
	walks  map[string]kinds // by mode: what is visited
	src    *Source
	rules  map[string][]ranked // by mode
	setup  element             // the template that begins the patterns
	old    bool                // oldReport
	writes bool                // it writes a report
}

type ranked struct {
	priority float64
	walk     kinds // what the rule goes on to
	rule     Rule
}

// inOrder returns rules in the order of the text: the first has the highest priority.
func inOrder(list []ranked) []Rule {
	slices.SortStableFunc(list, func(a, b ranked) int { return cmp.Compare(b.priority, a.priority) })
	var out []Rule
	for _, r := range list {
		out = append(out, r.rule)
	}
	return out
}

// helperModes are those of templates that every compiled file has.
var helperModes = []string{
	"schematron-select-full-path",
	"schematron-get-full-path", "schematron-get-full-path-2", "schematron-get-full-path-3",
	"generate-id-from-path", "generate-id-2",
}

// helperVariables are the parameters and variables that every compiled file has.
var helperVariables = []string{
	"archiveDirParameter", "archiveNameParameter", "fileNameParameter", "fileDirParameter", "document-uri",
}

// top takes a child of the stylesheet.
func (c *compiledForm) top(e element) error {
	if e.Name().Space != nsXSL {
		return nil // svrl:text: the title of the rules
	}
	switch e.Name().Local {
	case "function":
		fn, err := function(e)
		c.src.Functions = append(c.src.Functions, fn)
		return err
	case "key":
		c.src.Keys = append(c.src.Keys, Key{e.attr("name"), e.attr("match"), e.attr("use"), e.place()})
	case "param", "variable":
		if !slices.Contains(helperVariables, e.attr("name")) {
			v, err := variable(e)
			c.src.Lets = append(c.src.Lets, v)
			return err
		}
	case "output":
	case "template":
		return c.template(e)
	default:
		return problem(e.place(), "xsl:%s is not supported in compiled rules", e.Name().Local)
	}
	return nil
}

// template takes the template of a rule, and passes over those that every compiled file has.
func (c *compiledForm) template(e element) error {
	mode, match := e.attr("mode"), e.attr("match")
	switch {
	case mode == "" && match == "/":
		c.setup = e
		return nil
	case mode == "" && match == "text()", slices.Contains(helperModes, mode):
		return nil
	case match == "text()" && e.attr("priority") == "-1":
		return nil
	case match == "@*|node()" && e.attr("priority") == "-2": // the walk through what no rule matches
		c.walks[mode] = walked(e)
		return nil
	}
	priority, err := strconv.ParseFloat(e.attr("priority"), 64)
	if err != nil || priority < 1000 || mode == "" { // the rules of the skeleton have 1000 and more
		return problem(e.place(), "a template that is no rule of the ISO skeleton: match %q, mode %q", match, mode)
	}
	r := Rule{Context: match, At: e.place()}
	for _, n := range e.Elements() {
		c.note(c.rulePart(&r, e.in(n), mode))
	}
	c.rules[mode] = append(c.rules[mode], ranked{priority, walked(e), r})
	return nil
}

func (c *compiledForm) rulePart(r *Rule, e element, mode string) error {
	switch {
	case e.is(nsSVRL, "fired-rule"):
		r.ID = attributeOf(e, "id")
		return nil
	case e.is(nsXSL, "apply-templates") && e.attr("mode") == mode:
		return nil
	case e.is(nsXSL, "variable"):
		v, err := variable(e)
		r.Parts = append(r.Parts, RulePart{Let: &v})
		return err
	case aside(e) && !(c.old && writesError(e)):
		return nil
	case e.is(nsXSL, "choose"):
		list := e.Elements()
		if len(list) != 2 || !list[0].Is(nsXSL, "when") || !list[1].Is(nsXSL, "otherwise") ||
			len(list[0].Elements()) > 0 {
			return problem(e.place(), "a choose that is not an assert")
		}
		test, _ := list[0].Attr("", "test")
		return c.outcome(r, e.in(list[1]), "failed-assert", test)
	case e.is(nsXSL, "if"):
		return c.outcome(r, e, "successful-report", e.attr("test"))
	}
	return problem(e.place(), "%s is not supported in a rule", e.Name())
}

// walked returns the kinds of nodes that a template goes on to.
func walked(e element) kinds {
	k := kindsOf(xdm.Root)
	if e.is(nsXSL, "apply-templates") {
		for _, step := range strings.Split(e.attr("select"), "|") {
			switch strings.TrimSpace(step) {
			case "*":
				k |= kindsOf(xdm.Element)
			case "@*":
				k |= kindsOf(xdm.Attr)
			case "comment()":
				k |= kindsOf(xdm.Comment)
			case "processing-instruction()":
				k |= kindsOf(xdm.PI)
			case "node()":
				k |= kindsOf(xdm.Element, xdm.Text, xdm.Comment, xdm.PI)
			}
		}
	}
	for _, n := range e.Elements() {
		k |= walked(e.in(n))
	}
	return k
}

// aside reports whether an element of a rule writes something beside the report, which makes no finding: nothing in it
// is of SVRL, or leads out of it.
func aside(e element) bool {
	switch space := e.Name().Space; {
	case space == nsSVRL, space == nsXSL && !slices.Contains(asides, e.Name().Local):
		return false
	}
	return !slices.ContainsFunc(e.Elements(), func(n safe.Node) bool { return !aside(e.in(n)) })
}

// asides are the instructions that only write.
var asides = []string{
	"attribute", "choose", "comment", "copy-of", "element", "for-each", "for-each-group", "if", "otherwise", "sequence",
	"sort", "text", "value-of", "variable", "when",
}

// outcome reads what is written when an assert fails or a report holds.
func (c *compiledForm) outcome(r *Rule, e element, local, test string) error {
	list := e.Elements()
	if c.old && len(list) == 1 && list[0].Is("", "Error") {
		r.Parts = append(r.Parts, RulePart{Assert: oldOutcome(e.in(list[0]), test, local)})
		return nil
	}
	if len(list) != 1 || !list[0].Is(nsSVRL, local) {
		return problem(e.place(), "a test without svrl:%s", local)
	}
	out := e.in(list[0])
	a := &Assert{
		ID: attributeOf(out, "id"), Flag: attributeOf(out, "flag"), Role: attributeOf(out, "role"), Test: test,
		Report: local == "successful-report", At: out.place(),
	}
	for _, n := range out.Elements() {
		switch {
		case n.Is(nsSVRL, "text"):
			a.Text = append(a.Text, compiledText(n)...)
		case n.Is(nsSVRL, "diagnostic-reference"):
			id, _ := n.Attr("", "diagnostic")
			a.Diagnostics = append(a.Diagnostics, Diagnostic{ID: id, Text: compiledText(n)})
		case n.Is(nsSVRL, "property"):
			id, _ := n.Attr("", "id")
			a.Diagnostics = append(a.Diagnostics, Diagnostic{ID: id, Property: true, Text: compiledText(n)})
		}
	}
	r.Parts = append(r.Parts, RulePart{Assert: a})
	return nil
}

// writesError reports whether an element writes what stylesheets older than SVRL find.
func writesError(e element) bool {
	return e.is("", "Error") ||
		slices.ContainsFunc(e.Elements(), func(n safe.Node) bool { return writesError(e.in(n)) })
}

// oldReport reports whether a stylesheet is older than SVRL: it writes Schematron and, of what it finds, Error.
func oldReport(e element) bool {
	return slices.ContainsFunc(e.Elements(), func(n safe.Node) bool {
		match, _ := n.Attr("", "match")
		_, old := n.Child("", "Schematron")
		return match == "/" && old
	})
}

// oldOutcome reads what stylesheets write that are older than SVRL (OIOUBL 2.0.2): an Error with a Description.
func oldOutcome(out element, test, local string) *Assert {
	a := &Assert{Test: test, Report: local == "successful-report", At: out.place()}
	if text, ok := out.Child("", "Description"); ok {
		a.Text = compiledText(text)
	}
	return a
}

// attributeOf returns an attribute that is written directly or by xsl:attribute.
func attributeOf(e element, name string) string {
	if v := e.attr(name); v != "" {
		return v
	}
	for _, n := range e.Elements() {
		if v, _ := n.Attr("", "name"); n.Is(nsXSL, "attribute") && v == name {
			return strings.TrimSpace(n.Text())
		}
	}
	return ""
}

func compiledText(n safe.Node) []TextPart {
	var out []TextPart
	for c := range n.Children() {
		switch {
		case c.Kind() == safe.Text:
			out = append(out, TextPart{Text: string(c.Value())})
		case c.Is(nsXSL, "text"):
			out = append(out, TextPart{Text: c.Text()})
		case c.Is(nsXSL, "value-of"):
			sel, _ := c.Attr("", "select")
			out = append(out, TextPart{Select: sel})
		case c.Kind() == safe.Element:
			out = append(out, compiledText(c)...)
		}
	}
	return out
}

// patterns finds the order of the patterns in the template that applies their modes, and gives each its rules. Rules of
// a mode that it does not apply never run.
func (c *compiledForm) patterns(setup element) {
	var p Pattern
	var walk func(e element)
	walk = func(e element) {
		for _, n := range e.Elements() {
			switch child := e.in(n); {
			case child.is(nsSVRL, "schematron-output"):
				c.writes = true
				c.src.Title = child.attr("title")
				walk(child)
			case child.is("", "Schematron"):
				c.writes = c.old
				walk(child)
			case child.is(nsSVRL, "active-pattern"):
				p = Pattern{ID: attributeOf(child, "id"), Title: attributeOf(child, "name")}
			case child.is(nsXSL, "apply-templates") && child.attr("select") == "/":
				list := c.rules[child.attr("mode")]
				delete(c.rules, child.attr("mode"))
				p.Rules, p.visits = inOrder(list), c.walks[child.attr("mode")]
				for _, r := range list { // texts match the template that does nothing
					if r.walk|kindsOf(xdm.Text) != p.visits|kindsOf(xdm.Text) {
						c.note(problem(r.rule.At, "a rule that does not go on to the nodes that others go on to"))
					}
				}
				if len(list) > 0 && p.visits == 0 {
					c.note(problem(child.place(), "the mode %s has no template that goes through the document",
						child.attr("mode")))
				}
				c.src.Patterns = append(c.src.Patterns, p)
			case child.Name().Space == nsXSL && !aside(child):
				c.note(problem(child.place(), "%s is not supported among the patterns", child.Name()))
			}
		}
	}
	walk(setup)
}

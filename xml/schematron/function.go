package schematron

import (
	"errors"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// function reads an xsl:function, whose body may use a few instructions (instructionKinds).
func function(e element) (xpath.Function, error) {
	fn := xpath.Function{Name: e.attr("name"), As: e.attr("as"), Prefixes: inScope(e)}
	for _, n := range e.Elements() {
		if c := e.in(n); c.is(nsXSL, "param") {
			fn.Params = append(fn.Params, xpath.Param{Name: c.attr("name"), As: c.attr("as")})
		}
	}
	var err error
	fn.Body, err = instructions(e)
	return fn, err
}

// variable reads an xsl:variable or xsl:param as a let: an expression, or the text that instructions make.
func variable(e element) (Let, error) {
	v := Let{Name: e.attr("name"), At: e.place()}
	if e.attr("as") != "" {
		return v, problem(v.At, "the let %s with a type is not supported", v.Name)
	}
	if sel, ok := e.Attr("", "select"); ok {
		v.Value = sel
		return v, nil
	}
	body, err := instructions(e)
	v.content(body)
	return v, err
}

// inScope returns the prefixes that hold at an element of a stylesheet.
func inScope(e element) map[string]string {
	out := map[string]string{}
	for n := e.Node; n.Kind() == safe.Element; n = n.Parent() {
		for prefix, uri := range n.Decls() {
			if _, nearer := out[prefix]; !nearer && prefix != "" {
				out[prefix] = uri
			}
		}
	}
	return out
}

// instructions reads what stands in an element of XSLT: instructions, and text between them that is not only white
// space. The parameters of a function are none.
func instructions(e element) (out []xpath.Instruction, err error) {
	var wrong problems
	for n := range e.Children() {
		switch c := e.in(n); {
		case n.Kind() == safe.Text:
			out = append(out, textOf(string(n.Value()))...)
		case n.Kind() != safe.Element, e.is(nsXSL, "function") && c.is(nsXSL, "param"):
		default:
			in, err := instruction(c)
			wrong.note(err)
			out = append(out, in)
		}
	}
	return out, errors.Join(wrong...)
}

// textOf returns a text as XSLT reads it: only white space is nothing.
func textOf(s string) []xpath.Instruction {
	if strings.Trim(s, " \t\r\n") == "" {
		return nil
	}
	return []xpath.Instruction{{Kind: xpath.LiteralText, Text: s}}
}

// instructionKinds are the instructions of XSLT that functions and lets may use.
var instructionKinds = map[string]xpath.InstructionKind{
	"sequence": xpath.Sequence, "value-of": xpath.ValueOf, "variable": xpath.Variable,
	"choose": xpath.Choose, "when": xpath.When, "otherwise": xpath.When, "if": xpath.When, "text": xpath.LiteralText,
	"for-each": xpath.ForEach, "for-each-group": xpath.ForEachGroup, "message": xpath.Message,
}

func instruction(c element) (in xpath.Instruction, err error) {
	local := c.Name().Local
	kind, ok := instructionKinds[local]
	switch {
	case c.Name().Space != nsXSL:
		return in, problem(c.place(), "%s is not supported in a function or let", c.Name())
	case !ok:
		return in, problem(c.place(), "xsl:%s is not supported in a function or let", local)
	}
	in = xpath.Instruction{Kind: kind, Name: c.attr("name"), Select: c.attr("select"), As: c.attr("as")}
	for range c.Decls() {
		in.Prefixes = inScope(c)
	}
	switch local {
	case "when", "if":
		in.Select = c.attr("test")
	case "text":
		in.Text = c.Text()
		return in, nil
	case "message": // what it says is for nobody
		in.Select = ""
		return in, ends(c, &in)
	case "value-of":
		if s, ok := c.Attr("", "separator"); ok {
			if strings.ContainsAny(s, "{}") {
				return in, problem(c.place(), "a separator that is computed is not supported in a function or let")
			}
			in.Separator = &s
		}
	case "for-each-group":
		if err := groupedBy(c, &in); err != nil {
			return in, err
		}
	}
	if in.Select != "" && (kind == xpath.Sequence || kind == xpath.ValueOf || kind == xpath.Variable) {
		return in, nil
	}
	in.Body, err = instructions(c)
	if local == "if" {
		in = xpath.Instruction{Kind: xpath.Choose, Body: []xpath.Instruction{in}}
	}
	return in, err
}

// ends reads whether an xsl:message ends the evaluation.
func ends(c element, in *xpath.Instruction) error {
	switch v := strings.TrimSpace(c.attr("terminate")); v {
	case "", "no", "false", "0":
	case "yes", "true", "1":
		in.Ends = true
	default:
		return problem(c.place(), "the terminate %q is not supported in a function or let", v)
	}
	return nil
}

// groupedBy reads by what an xsl:for-each-group groups.
func groupedBy(c element, in *xpath.Instruction) error {
	for name := range c.Attrs() {
		switch name.Local {
		case "select":
		case "group-by", "group-adjacent":
			in.Key, in.Adjacent = c.attr(name.Local), name.Local == "group-adjacent"
		default:
			return problem(c.place(), "the %s of xsl:for-each-group is not supported in a function or let", name.Local)
		}
	}
	if in.Key == "" {
		return problem(c.place(), "xsl:for-each-group has neither group-by nor group-adjacent")
	}
	return nil
}

package schematron

import (
	"errors"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// function reads an xsl:function, whose body may use a few instructions (instructionKinds).
func function(e element) (xpath.Function, error) {
	fn := xpath.Function{Name: e.attr("name"), As: e.attr("as")}
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

// instructionKinds are the instructions of XSLT that functions may use.
var instructionKinds = map[string]xpath.InstructionKind{
	"sequence": xpath.Sequence, "value-of": xpath.ValueOf, "variable": xpath.Variable,
	"choose": xpath.Choose, "when": xpath.When, "otherwise": xpath.When, "text": xpath.LiteralText,
}

func instruction(c element) (in xpath.Instruction, err error) {
	kind, ok := instructionKinds[c.Name().Local]
	switch {
	case c.Name().Space != nsXSL:
		return in, problem(c.place(), "%s is not supported in a function or let", c.Name())
	case !ok:
		return in, problem(c.place(), "xsl:%s is not supported in a function or let", c.Name().Local)
	case c.attr("separator") != "":
		return in, problem(c.place(), "the separator of an xsl:%s is not supported", c.Name().Local)
	}
	in = xpath.Instruction{Kind: kind, Name: c.attr("name"), Select: c.attr("select"), As: c.attr("as")}
	switch c.Name().Local {
	case "when":
		in.Select = c.attr("test")
	case "text":
		in.Text = c.Text()
		return in, nil
	}
	if in.Select != "" && in.Kind != xpath.When {
		return in, nil
	}
	in.Body, err = instructions(c)
	return in, err
}

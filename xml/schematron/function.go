package schematron

import (
	"errors"
	"strings"

	"github.com/ravn-ap/ravn/xml/xpath"
)

// function reads an xsl:function, whose body may use a few instructions (instructionKinds).
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
	var wrong problems
	for _, c := range list {
		in, err := instruction(c)
		if err != nil {
			wrong.note(err)
			continue
		}
		out = append(out, in)
	}
	return out, errors.Join(wrong...)
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
		return in, problem(c.place(), "%s is not supported in a function", c.Name())
	case !ok:
		return in, problem(c.place(), "xsl:%s is not supported in a function", c.Name().Local)
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
	var inner []element
	for _, n := range c.Elements() {
		inner = append(inner, c.in(n))
	}
	if len(inner) == 0 && strings.TrimSpace(c.Text()) != "" {
		in.Body = []xpath.Instruction{{Kind: xpath.LiteralText, Text: c.Text()}}
	}
	body, err := instructions(inner)
	in.Body = append(in.Body, body...)
	return in, err
}

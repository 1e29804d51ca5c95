package schematron

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/ravn-ap/ravn/internal/xmlsafe"
	"github.com/ravn-ap/ravn/validation/xdm"
)

// WriteSVRL writes a result, made with Options.Trace, as Schematron Validation Report Language (ISO/IEC 19757-3 Annex D).
// Locations have the form of the ISO skeleton. document names the document; it may be empty.
func (s *Schema) WriteSVRL(w io.Writer, t *xdm.Tree, res *Result, document string) error {
	out := &svrl{Writer: bufio.NewWriter(w), t: t}
	out.text(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<svrl:schematron-output xmlns:svrl=\"" + nsSVRL + `"`)
	out.attr("title", s.Source.Title)
	out.text(` schemaVersion="iso">` + "\n")
	for _, prefix := range slices.Sorted(maps.Keys(s.Source.Prefixes)) {
		out.text("  <svrl:ns-prefix-in-attribute-values")
		out.attr("prefix", prefix)
		out.attr("uri", s.Source.Prefixes[prefix])
		out.text("/>\n")
	}
	for _, step := range res.Steps {
		out.step(&step, res, document)
	}
	out.text("</svrl:schematron-output>\n")
	return out.Flush()
}

// svrl keeps the error of the first write that fails until Flush.
type svrl struct {
	*bufio.Writer
	t   *xdm.Tree
	buf []byte
}

func (o *svrl) text(s string) { _, _ = o.WriteString(s) }

// attr writes an attribute that has a value.
func (o *svrl) attr(name, value string) {
	if value == "" {
		return
	}
	o.buf = xmlsafe.AppendAttr(o.buf[:0], value)
	o.text(" " + name + `="` + string(o.buf) + `"`)
}

func (o *svrl) step(s *Step, res *Result, document string) {
	switch {
	case s.Pattern != nil:
		o.text("  <svrl:active-pattern")
		o.attr("document", document)
		o.attr("id", s.Pattern.ID)
		o.attr("name", s.Pattern.Title)
		o.text("/>\n")
	case s.Rule != nil:
		o.text("  <svrl:fired-rule")
		o.attr("id", s.Rule.ID)
		o.attr("context", s.Rule.Context)
		o.text("/>\n")
	default:
		o.finding(&res.Findings[s.Finding])
	}
}

func (o *svrl) finding(f *Finding) {
	name := "svrl:failed-assert"
	if f.Assert != nil && f.Assert.Report && f.Code == "" {
		name = "svrl:successful-report"
	}
	o.text("  <" + name)
	if f.Assert != nil {
		o.attr("test", f.Assert.Test)
	} else {
		o.attr("test", f.Rule.Context)
	}
	o.attr("id", f.ID())
	o.attr("flag", f.Flag())
	o.attr("location", o.location(f.Node))
	o.buf = xmlsafe.AppendText(o.buf[:0], f.Text)
	o.text(">\n    <svrl:text>" + string(o.buf) + "</svrl:text>\n  </" + name + ">\n")
}

// location is the path of a node as the ISO skeleton writes it.
func (o *svrl) location(n xdm.Node) string {
	path := ""
	for ; n > 0; n = o.t.Parent(n) {
		name := o.t.Name(n)
		switch {
		case o.t.Kind(n) == xdm.Attr && name.Space == "":
			path = "/@" + name.Local + path
		case o.t.Kind(n) == xdm.Attr:
			path = "/@*[local-name()='" + name.Local + "' and namespace-uri()='" + name.Space + "']" + path
		case name.Space == "":
			path = "/" + name.Local + "[" + strconv.Itoa(position(o.t, n)) + "]" + path
		default:
			path = "/*:" + name.Local + "[namespace-uri()='" + name.Space + "'][" + strconv.Itoa(position(o.t, n)) + "]" + path
		}
	}
	if path == "" {
		return "/"
	}
	return path
}

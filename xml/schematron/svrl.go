package schematron

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Run is a result, made with Options.Trace, with the rules and the document that it is of.
type Run struct {
	Schema *Schema
	Tree   *xdm.Tree
	Result *Result
}

// WriteSVRL writes the runs of a document as one Schematron Validation Report (ISO/IEC 19757-3 Annex D). Locations
// have the form of the ISO skeleton. document names the document; it may be empty.
func WriteSVRL(w io.Writer, document string, runs ...Run) error {
	out := &svrl{Writer: bufio.NewWriter(w)}
	var titles []string
	prefixes := map[string]string{}
	for _, r := range runs {
		titles = append(titles, r.Schema.Source.Title)
		maps.Copy(prefixes, r.Schema.Source.Prefixes)
	}
	out.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<svrl:schematron-output xmlns:svrl=\"" + nsSVRL + `"`)
	out.attr("title", strings.Join(titles, "; "))
	out.raw(` schemaVersion="iso">` + "\n")
	for _, prefix := range slices.Sorted(maps.Keys(prefixes)) {
		out.raw("  <svrl:ns-prefix-in-attribute-values")
		out.attr("prefix", prefix)
		out.attr("uri", prefixes[prefix])
		out.raw("/>\n")
	}
	for _, r := range runs {
		out.places = places{t: r.Tree}
		for _, step := range r.Result.Steps {
			out.step(&step, r.Result, document)
		}
	}
	out.raw("</svrl:schematron-output>\n")
	return out.Flush()
}

// svrl keeps the error of the first write that fails until Flush.
type svrl struct {
	*bufio.Writer
	places places
	buf    []byte
}

func (o *svrl) raw(s string) { _, _ = o.WriteString(s) }

// attr writes an attribute that has a value.
func (o *svrl) attr(name, value string) {
	if value == "" {
		return
	}
	o.buf = safe.AppendAttr(o.buf[:0], value)
	o.raw(" " + name + `="` + string(o.buf) + `"`)
}

func (o *svrl) step(s *Step, res *Result, document string) {
	switch {
	case s.Pattern != nil:
		o.raw("  <svrl:active-pattern")
		o.attr("document", document)
		o.attr("id", s.Pattern.ID)
		o.attr("name", s.Pattern.Title)
		o.raw("/>\n")
	case s.Rule != nil:
		o.raw("  <svrl:fired-rule")
		o.attr("id", s.Rule.ID)
		o.attr("context", s.Rule.Context)
		o.raw("/>\n")
	default:
		o.finding(&res.Findings[s.Finding])
	}
}

func (o *svrl) finding(f *Finding) {
	name := "svrl:failed-assert"
	if f.Assert.Report && f.Code == "" {
		name = "svrl:successful-report"
	}
	o.raw("  <" + name)
	o.attr("test", f.Assert.Test)
	o.attr("id", f.Assert.ID)
	o.attr("flag", f.flag())
	o.attr("role", f.Assert.Role)
	o.attr("location", o.places.skeleton(f.Node))
	o.raw(">\n")
	o.text("    ", f.Text)
	for i, text := range f.Diagnostics {
		d, kind := &f.Assert.Diagnostics[i], "diagnostic"
		if d.Property {
			kind = "property"
		}
		o.raw("    <svrl:" + kind + "-reference")
		o.attr(kind, d.ID)
		o.raw(">\n")
		o.text("      ", text)
		o.raw("    </svrl:" + kind + "-reference>\n")
	}
	o.raw("  </" + name + ">\n")
}

func (o *svrl) text(indent, text string) {
	o.buf = safe.AppendText(o.buf[:0], text)
	o.raw(indent + "<svrl:text>" + string(o.buf) + "</svrl:text>\n")
}

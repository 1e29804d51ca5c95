package validation

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/xml/schematron"
)

// maxLine is how much of a line of the document is shown.
const maxLine = 160

// WriteText writes a report for a terminal: each rule with its text and the place in the document.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s", r.File, r.Summary())
	if r.Reason != "" {
		fmt.Fprintf(&b, ": %s", r.Reason)
	}
	b.WriteByte('\n')
	for _, e := range r.XSD {
		fmt.Fprintf(&b, "  %d:%d  schema %s\n      %s\n", e.Line, e.Column, e.Rule, e.Text)
		r.quote(&b, e.Line, e.Location)
	}
	for _, f := range r.ordered() {
		fmt.Fprintf(&b, "  %d:%d  %s %s\n      %s\n", f.Line, f.Column, f.Flag, f.Rule, f.Text)
		r.quote(&b, f.Line, f.Location)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", r.More)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Summary is the verdict in one line.
func (r *Report) Summary() string {
	s := string(r.Verdict)
	if r.Pack != "" {
		s += fmt.Sprintf(" (%s %s, %.1f ms)", r.Pack, r.Version, r.MS)
	}
	if r.Basic {
		s += ", basic rules only"
	}
	return s
}

// quote writes a line of the document and the place of a finding in it.
func (r *Report) quote(b *bytes.Buffer, line int, location string) {
	if text := r.Line(line); text != "" {
		fmt.Fprintf(b, "      | %s\n", text)
	}
	fmt.Fprintf(b, "      %s\n", location)
}

// ordered returns the findings, the fatal ones first, otherwise in the order in which they were found.
func (r *Report) ordered() []Finding {
	list := slices.Clone(r.Findings)
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(rank(a.Flag), rank(b.Flag)) })
	return list
}

func rank(flag string) int {
	if flag == "warning" {
		return 1
	}
	return 0
}

// Line returns a line of the document, counted from 1 and cut to maxLine; "" if there is none.
func (r *Report) Line(n int) string {
	if n < 1 {
		return ""
	}
	rest := r.body
	for ; n > 1; n-- {
		_, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return ""
		}
		rest = after
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	s := strings.ToValidUTF8(strings.TrimSpace(string(line[:min(len(line), 4*maxLine)])), "?")
	if utf8.RuneCountInString(s) > maxLine {
		s = string([]rune(s)[:maxLine]) + " …"
	}
	return s
}

// WriteSVRL writes the findings of the rules in the Schematron Validation Report Language. The request must have had
// Trace.
func (r *Report) WriteSVRL(w io.Writer) error { return schematron.WriteSVRL(w, r.File, r.runs...) }

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// WriteHTML writes reports as one self-contained page.
func WriteHTML(w io.Writer, reports []*Report) error {
	type row struct {
		Flag, Rule, Text, Place, Quote, Location string
	}
	type doc struct {
		File, Verdict, Summary, Reason, DocType, Process string
		Rows                                             []row
	}
	var docs []doc
	for _, r := range reports {
		d := doc{
			File: r.File, Verdict: string(r.Verdict), Summary: r.Summary(), Reason: r.Reason,
			DocType: r.DocType, Process: r.Process,
		}
		add := func(flag, rule, text string, line, column int, location string) {
			d.Rows = append(d.Rows, row{flag, rule, text, fmt.Sprintf("%d:%d", line, column), r.Line(line), location})
		}
		for _, e := range r.XSD {
			add("schema", e.Rule, e.Text, e.Line, e.Column, e.Location)
		}
		for _, f := range r.ordered() {
			add(f.Flag, f.Rule, f.Text, f.Line, f.Column, f.Location)
		}
		docs = append(docs, d)
	}
	return pageTemplate.Execute(w, docs)
}

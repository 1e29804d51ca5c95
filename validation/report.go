package validation

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xsd"
)

// Verdict is the outcome of a check.
type Verdict string

// Verdicts.
const (
	Valid      Verdict = "valid"
	Invalid    Verdict = "invalid"     // the document breaks a rule, or cannot be read
	NotChecked Verdict = "not-checked" // it would take too much time or memory; nothing is known about the document
	Error      Verdict = "error"       // there are no rules for it, or they cannot be used
)

// Report is the result of a check.
type Report struct {
	File     string        `json:"file"`
	Index    int           `json:"index"`
	DocType  string        `json:"doctype"`
	Process  string        `json:"process"`
	Pack     string        `json:"pack"`
	Version  string        `json:"version"`
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason,omitempty"` // a sentence, if the verdict does not follow from schema or rules
	Basic    bool          `json:"basic_rules_only,omitempty"`
	XSD      []SchemaError `json:"xsd"`
	Findings []Finding     `json:"findings"`
	More     int           `json:"more_findings,omitempty"` // beyond those that are listed
	MS       float64       `json:"ms"`

	body []byte
	bad  bool // a finding that is not listed was not a warning
	runs []schematron.Run
}

// SchemaError is what the schema finds.
type SchemaError struct {
	Rule     string   `json:"rule"` // the constraint of XML Schema
	Location string   `json:"location"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Text     string   `json:"text"`
	Expected []string `json:"expected,omitempty"`
}

// Finding is a rule that the document breaks.
type Finding struct {
	Rule     string `json:"rule"`
	Flag     string `json:"flag"` // as published: fatal or warning
	Location string `json:"location"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Text     string `json:"text"`
	Test     string `json:"test,omitempty"`
	Source   string `json:"source"`         // file and line of the rule
	Code     string `json:"code,omitempty"` // of the XPath error, if the rule could not be evaluated
}

func newReport(r Request) *Report {
	return &Report{
		File: r.Name, DocType: r.DocType, Process: r.Process,
		XSD: []SchemaError{}, Findings: []Finding{}, body: r.Body,
	}
}

func (r *Report) conclude(v Verdict, reason string) *Report {
	r.Verdict, r.Reason = v, reason
	return r
}

// unreadable ends a report about a document that is not acceptable XML. One that exceeds a limit of the reader may be
// correct: it is not checked rather than invalid.
func (r *Report) unreadable(err error) *Report {
	var xe *safe.Error
	if errors.As(err, &xe) {
		if xe.Limit {
			return r.conclude(NotChecked, "the document is more than is read: "+xe.Msg)
		}
		r.XSD = append(r.XSD, SchemaError{
			Rule: "well-formed", Location: "/", Line: xe.Line, Column: xe.Col, Text: xe.Msg,
		})
	}
	return r.conclude(Invalid, "the document cannot be read: "+err.Error())
}

func (r *Report) addSchemaErrors(list []xsd.Error) error {
	if len(list) == 0 {
		return nil
	}
	if err := xsd.Locate(bytes.NewReader(r.body), list); err != nil {
		return err
	}
	for _, e := range list {
		r.XSD = append(r.XSD, SchemaError{e.Code, e.Path, e.Line, e.Col, e.Message, e.Expected})
	}
	return nil
}

// addResult adds the findings of a rule file. The tree is kept only if SVRL is to be written.
func (r *Report) addResult(s *schematron.Schema, t *xdm.Tree, res *schematron.Result, trace bool) {
	if trace {
		r.runs = append(r.runs, schematron.Run{Schema: s, Tree: t, Result: res})
	}
	first := len(r.Findings)
	var offsets []int64
	for i := range res.Findings {
		f := &res.Findings[i]
		r.Findings = append(r.Findings, Finding{
			Rule: f.ID(), Flag: f.Flag(), Location: f.Location, Text: f.Text, Test: f.Assert.Test,
			Source: f.Assert.At.String(), Code: f.Code,
		})
		offsets = append(offsets, t.Offset(f.Node))
	}
	r.locate(r.Findings[first:], offsets)
	r.More += res.More
	r.bad = r.bad || res.MoreBad
}

// locate finds the lines and columns of findings in one pass through the document, in the order of their offsets. These
// count in its UTF-8 form, also if it came in another encoding.
func (r *Report) locate(list []Finding, offsets []int64) {
	if len(list) == 0 {
		return
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(offsets[a], offsets[b]) })
	in, err := safe.UTF8(bytes.NewReader(r.body)) // without byte order mark, as offsets count
	if err != nil {
		return // impossible: it was read before
	}
	text := bufio.NewReader(in)
	line, start, pos := 1, int64(0), int64(0)
	for _, i := range order {
		for ; pos < offsets[i]; pos++ {
			c, err := text.ReadByte()
			if err != nil {
				break
			}
			if c == '\n' {
				line, start = line+1, pos+1
			}
		}
		list[i].Line, list[i].Column = line, int(pos-start)+1
	}
}

// judge sets the verdict according to the findings: warnings never make a document invalid (schematron.md §8).
func (r *Report) judge() *Report {
	if len(r.XSD) > 0 || r.bad || slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Flag != "warning" }) {
		return r.conclude(Invalid, "")
	}
	return r.conclude(Valid, "")
}

package validation

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
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

	Checked   time.Time `json:"checked"`
	SHA256    string    `json:"sha256,omitempty"` // of the file, in hex
	Size      int       `json:"size,omitempty"`   // of the file, in bytes
	Program   string    `json:"program,omitempty"`
	ValidFrom string    `json:"valid_from,omitempty"` // days of the pack
	ValidTo   string    `json:"valid_to,omitempty"`
	Title     string    `json:"title,omitempty"` // of the document type, in the pack
	Head      *Head     `json:"document,omitempty"`
	Steps     []Step    `json:"steps,omitempty"`
	Fatal     int       `json:"fatal"` // errors of the schema, and findings that are no warnings
	Warnings  int       `json:"warnings"`
	Broken    []Broken  `json:"broken_rules,omitempty"`
	Remarks   []Remark  `json:"remarks,omitempty"`

	why  phrase // Reason in all languages, if it was said here
	body []byte
	view *view // with Request.View
	bad  bool  // a finding that is not listed was not a warning
	runs []schematron.Run
	done []explained
}

// Step is a part of a check, done or left out.
type Step struct {
	Kind    StepKind `json:"kind"`
	File    string   `json:"file,omitempty"` // of the pack
	Done    bool     `json:"done"`
	Skipped string   `json:"skipped,omitempty"` // why it was not done
	Found   int      `json:"found,omitempty"`   // errors and findings

	why label
}

// StepKind is a kind of steps.
type StepKind string

// Kinds of steps, in their order.
const (
	StepSchema   StepKind = "schema"
	StepRules    StepKind = "rules"
	StepEnvelope StepKind = "envelope"
)

// Broken is a rule that a document breaks, with the number of its findings among those that are listed.
type Broken struct {
	Rule  string `json:"rule"`
	Flag  string `json:"flag"`
	Text  string `json:"text"`
	Times int    `json:"times"`
}

// Remark is a context of a rule that could not be evaluated on some nodes: the rule does not hold for them (XSLT 2.0
// §5.5.4). It is no finding.
type Remark struct {
	Rule     string `json:"rule"`
	Location string `json:"location"` // of the first node
	Times    int    `json:"times"`
	Code     string `json:"code"` // of the XPath error
	Text     string `json:"text"`
	Source   string `json:"source"`
}

// explained is a result whose findings are still to be explained: those in Findings from first on.
type explained struct {
	tree  *xdm.Tree
	res   *schematron.Result
	first int
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

	Why     []xpath.Fact `json:"why,omitempty"`     // what decided the test, with the values of the document
	Because string       `json:"because,omitempty"` // the same as an English sentence
}

func newReport(r Request) *Report {
	return &Report{
		File: r.Name, DocType: r.DocType, Process: r.Process,
		XSD: []SchemaError{}, Findings: []Finding{}, body: r.Body,
		Checked: cmp.Or(r.Now, time.Now()).UTC().Truncate(time.Second), Program: r.Program, Size: len(r.Body),
	}
}

func (r *Report) conclude(v Verdict, why phrase) *Report {
	r.Verdict, r.Reason, r.why = v, why.in(fault.English), why
	return r
}

// ReasonIn is Reason in a language, as far as it was said here.
func (r *Report) ReasonIn(lang fault.Lang) string {
	if r.why.args == nil && r.why.text == (label{}) {
		return r.Reason
	}
	return r.why.in(lang)
}

// step notes a step of the check that is to come; until it is done the reason holds why it was not.
func (r *Report) step(kind StepKind, file string, why label) {
	r.Steps = append(r.Steps, Step{Kind: kind, File: file, Skipped: why.In(fault.English), why: why})
}

// did notes that the step of a file was done.
func (r *Report) did(kind StepKind, file string, found int) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Kind == kind && s.File == file {
			s.Done, s.Skipped, s.Found = true, "", found
		}
	}
}

// skip gives the steps of a kind that were not done another reason.
func (r *Report) skip(kind StepKind, why label) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Kind == kind && !s.Done {
			s.Skipped, s.why = why.In(fault.English), why
		}
	}
}

// unreadable ends a report about a document that is not acceptable XML. One that exceeds a limit of the reader may be
// correct: it is not checked rather than invalid.
func (r *Report) unreadable(err error) *Report {
	var xe *safe.Error
	if errors.As(err, &xe) {
		if xe.Limit {
			return r.conclude(NotChecked, say(whyMore, xe.Msg))
		}
		r.XSD = append(r.XSD, SchemaError{
			Rule: "well-formed", Location: "/", Line: xe.Line, Column: xe.Col, Text: xe.Msg,
		})
	}
	return r.conclude(Invalid, say(whyUnreadable, err.Error()))
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
	for i := range res.Remarks {
		m := &res.Remarks[i]
		r.Remarks = append(r.Remarks, Remark{
			Rule: cmp.Or(m.Rule.ID, m.Pattern.ID, m.Rule.At.String()), Location: m.Location, Times: m.Times,
			Code: m.Code, Text: m.Text, Source: m.Rule.At.String(),
		})
	}
	r.More += res.More
	r.bad = r.bad || res.MoreBad
	if len(res.Findings) > 0 {
		r.done = append(r.done, explained{t, res, first})
	}
}

// explain has the findings of the rules that were evaluated since the last time explained, with no more steps than
// they left.
func (r *Report) explain(ctx context.Context, b xpath.Budget) {
	for _, d := range r.done {
		b.Steps -= schematron.Explain(ctx, d.tree, d.res, b)
		for i := range d.res.Findings {
			f := &r.Findings[d.first+i]
			f.Why = d.res.Findings[i].Why
			f.Because = f.Explained(fault.English)
		}
	}
	r.done = nil
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
		return r.conclude(Invalid, phrase{})
	}
	return r.conclude(Valid, phrase{})
}

// count groups the findings by rule, the fatal ones first, otherwise in the order in which they were found.
func (r *Report) count() {
	at := map[[2]string]int{}
	r.Fatal = len(r.XSD)
	for _, f := range r.ordered() {
		if f.Flag == "warning" {
			r.Warnings++
		} else {
			r.Fatal++
		}
		key := [2]string{f.Rule, f.Flag}
		i, ok := at[key]
		if !ok {
			i = len(r.Broken)
			at[key] = i
			r.Broken = append(r.Broken, Broken{Rule: f.Rule, Flag: f.Flag, Text: f.Text})
		}
		r.Broken[i].Times++
	}
}

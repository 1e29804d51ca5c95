package validation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/schematron"
)

// TestResult says whether rules gave the result that a test expects.
type TestResult struct {
	File          string   `json:"file"`
	Index         int      `json:"index"`
	Configuration string   `json:"configuration,omitempty"`
	TestSet       string   `json:"testset"` // pass, fail, or error
	Problems      []string `json:"problems"`
}

// RunTests runs the tests of a test set, or the expectation in the first comment of a plain document, on the rules
// alone. An error means that ctx ended.
func (v *Validator) RunTests(ctx context.Context, name string, doc []byte, on time.Time) ([]TestResult, error) {
	failed := func(why string) []TestResult {
		return []TestResult{{File: name, TestSet: "error", Problems: []string{why}}}
	}
	head, err := testset.Configurations(doc)
	if err != nil {
		return failed(err.Error()), nil
	}
	rules := map[string][]*schematron.Schema{}
	for _, c := range head { // compiled first, because trees and rules must share the same names
		list, why := v.testRules(c, doc, on)
		if why != "" {
			return failed(why), nil
		}
		rules[c] = list
	}
	f, err := testset.Read(doc, v.names)
	if err != nil {
		return failed(err.Error()), nil
	}
	var out []TestResult
	for i := range f.Tests {
		t := &f.Tests[i]
		r := TestResult{
			File: name, Index: i, Configuration: cmp.Or(t.Configuration, f.Configuration),
			TestSet: "pass", Problems: []string{},
		}
		if err := v.runTest(ctx, t, rules[r.Configuration], &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// testRules finds the rules of a configuration; "" means those of the document itself.
func (v *Validator) testRules(configuration string, doc []byte, on time.Time) (list []*schematron.Schema, why string) {
	if configuration == "" {
		about, err := doctype.Identify(bytes.NewReader(doc))
		if err != nil {
			return nil, err.Error()
		}
		chosen, why := v.choose(about, Request{On: on})
		if chosen == nil {
			return nil, why.in(fault.English)
		}
		if _, list, err = v.load(chosen.pack, chosen.doc); err != nil {
			return nil, err.Error()
		}
		return list, ""
	}
	for i := range v.packs {
		p := &v.packs[i]
		files := p.Configurations[pack.Configuration(configuration)]
		if len(files) == 0 || !p.On(on) {
			continue
		}
		_, list, err := v.load(p, &pack.Document{Rules: files})
		if err != nil {
			return nil, err.Error()
		}
		return list, ""
	}
	return nil, fmt.Sprintf("no pack has rules for the configuration %q", configuration)
}

func (v *Validator) runTest(ctx context.Context, t *testset.Test, rules []*schematron.Schema, r *TestResult) error {
	if t.Doc == nil {
		r.TestSet, r.Problems = "error", []string{"the test has no document"}
		return nil
	}
	var found []testset.Finding
	for _, s := range rules {
		res, err := s.Validate(ctx, t.Doc, schematron.Options{})
		if errors.Is(err, schematron.ErrBudget) {
			r.TestSet, r.Problems = "error", []string{err.Error()}
			return nil
		}
		if err != nil {
			return err
		}
		for i := range res.Findings {
			found = append(found, testset.Finding{ID: res.Findings[i].ID(), Flag: res.Findings[i].Flag()})
		}
	}
	if wrong := t.Judge(found); len(wrong) > 0 {
		r.TestSet, r.Problems = "fail", wrong
	}
	return nil
}

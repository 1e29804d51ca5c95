// Package validation checks business documents against the official rules, XML Schema and Schematron, in process. The
// engines are the packages below xml; the rules are packs (package pack).
//
// New makes a Validator of packs, and Validator.Validate a Report of a document: valid, invalid, not checked because
// that would take too much, or not checkable because there are no rules for it. A Room shares the memory of a server
// among the checks that run at a time. RuleFile and SchemaFile are for people who work with a single file.
package validation

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// RuleFile is a single rule file, for people who write rules and for comparing engines.
type RuleFile struct {
	Name   string // as it was named
	names  *xdm.Names
	schema *schematron.Schema
}

// LoadRuleFile reads and compiles a .sch file with its includes, or rules compiled to XSLT. phase "" is the file's
// default. The error names each problem with file and line.
func LoadRuleFile(path, phase string) (*RuleFile, error) {
	src, err := schematron.Load(disk{}, filepath.ToSlash(path))
	if err != nil {
		return nil, err
	}
	f := &RuleFile{Name: path, names: xdm.NewNames()}
	f.schema, err = schematron.Compile(src, f.names, phase)
	return f, err
}

// disk opens files by the path that the user gave, so that errors show it. The includes of such a rule file may be
// anywhere.
type disk struct{}

func (disk) Open(name string) (fs.File, error) { return os.Open(filepath.FromSlash(name)) }

// RuleRun is the result of a rule file for a document, in the form in which such results are exchanged.
type RuleRun struct {
	File       string  `json:"file"`
	Index      int     `json:"index"` // number of the test in a test set, from 0; 0 for a plain document
	Sch        string  `json:"sch"`
	Fired      []Fired `json:"fired"` // asserts that failed, in the order of SVRL
	FiredRules int     `json:"firedRules"`
	Error      string  `json:"error,omitempty"` // code of the first XPath error, or why the document was not read
}

// Fired is an assert that failed.
type Fired struct {
	ID       string `json:"id"`
	Flag     string `json:"flag"`
	Location string `json:"location"`
}

// Fatal reports whether a fatal assert failed or something could not be evaluated.
func (r *RuleRun) Fatal() bool {
	for _, f := range r.Fired {
		if f.Flag != "warning" {
			return true
		}
	}
	return r.Error != ""
}

// Run evaluates the rules on a document, or on each document of a test set. A document that cannot be read gives one
// run with an error; an error is returned only when ctx ends.
func (f *RuleFile) Run(ctx context.Context, name string, doc []byte) ([]RuleRun, error) {
	set, err := testset.Read(doc, f.names)
	if err != nil {
		return []RuleRun{{File: name, Sch: f.Name, Fired: []Fired{}, Error: err.Error()}}, nil
	}
	var out []RuleRun
	for i := range set.Tests {
		r := RuleRun{File: name, Index: i, Sch: f.Name, Fired: []Fired{}}
		if tree := set.Tests[i].Doc; tree == nil {
			r.Error = "the test has no document"
		} else if err := f.evaluate(ctx, tree, &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (f *RuleFile) evaluate(ctx context.Context, tree *xdm.Tree, r *RuleRun) error {
	res, err := f.schema.Validate(ctx, tree, schematron.Options{})
	switch {
	case errors.Is(err, schematron.ErrBudget):
		r.Error = err.Error()
		return nil
	case err != nil:
		return err
	}
	r.FiredRules = res.Fired
	for i := range res.Findings {
		switch x := &res.Findings[i]; {
		case x.Code == "":
			r.Fired = append(r.Fired, Fired{x.ID(), x.Flag(), x.Location})
		case r.Error == "":
			r.Error = x.Code
		}
	}
	return nil
}

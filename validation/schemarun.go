package validation

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ravn-ap/ravn/xml/xsd"
)

// SchemaFile is a single schema.
type SchemaFile struct {
	Name   string // as it was named
	schema *xsd.Schema
}

// LoadSchemaFile reads a schema and what it imports from its folder and those above and below it.
func LoadSchemaFile(path string) (*SchemaFile, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s, err := xsd.Load(os.DirFS(filepath.VolumeName(abs)+"/"), filepath.ToSlash(abs[len(filepath.VolumeName(abs))+1:]))
	return &SchemaFile{path, s}, err
}

// SchemaRun is the result of a schema for a document, in the form in which such results are exchanged.
type SchemaRun struct {
	File   string   `json:"file"`
	XSD    string   `json:"xsd"`
	Valid  bool     `json:"valid"`
	Errors []string `json:"errors"` // "line: constraint: sentence"
}

// Run checks a file. One that cannot be read is invalid.
func (s *SchemaFile) Run(name string) SchemaRun {
	run := SchemaRun{File: name, XSD: s.Name, Errors: []string{}}
	doc, err := os.ReadFile(name)
	if err != nil {
		run.Errors = append(run.Errors, err.Error())
		return run
	}
	list, err := s.schema.Validate(bytes.NewReader(doc))
	for _, e := range list {
		run.Errors = append(run.Errors, fmt.Sprintf("%d: %s: %s", e.Line, e.Code, e.Message))
	}
	if err != nil {
		run.Errors = append(run.Errors, err.Error())
	}
	run.Valid = len(run.Errors) == 0
	return run
}

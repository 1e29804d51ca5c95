// Package xsd validates documents against schemas of XML Schema 1.0 (Second Edition): structures and datatypes, in one
// pass over the events of a scanner and in constant memory.
//
// Load reads a schema and what it includes and imports; a Set does so for many schemas that share files.
// Schema.Validate then checks a document and returns its Errors. A caller that reads the document for other purposes
// as well feeds the events of its own scan to a Run (NewRun, Event, Errors) and finds the lines with Locate.
//
//   - A Set loads schemas from a file system and never looks outside of it. Schemas of one Set share what they import.
//   - Everything in a schema document is either implemented or refused when it is loaded, with its name and line. Not
//     implemented are redefine, notations, identity constraints and all-groups of more than 64 elements.
//   - Schemas are trusted to be valid themselves: constraints on schemas are checked where the outcome of a validation
//     depends on them, not for their own sake.
//   - Errors name the constraint of the Recommendation, for example cvc-complex-type.2.4.a. After an error validation
//     goes on as in Xerces: the parent of a misplaced element is not judged any further, its descendants are.
//   - Known differences from Xerces: lengths count characters, not UTF-16 units; names are those of the fifth edition
//     of XML 1.0; a value that must be held to be checked (not text, not base64) is refused above 16 MB; a wildcard
//     with a count does not make optional content necessary.
//   - Locations that a document names for its schemas (xsi:schemaLocation) are not followed.
package xsd

import (
	"fmt"
	"io"
	"slices"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Schema is a loaded schema with all it imports. It does not change and is safe for concurrent use.
type Schema struct{ parts *assembly }

// SchemaError says why a schema is not loaded.
type SchemaError struct {
	File        string // path within the file system
	Line, Col   int    // from 1, 0 when the whole file is meant
	Msg         string
	Unsupported bool // XML Schema allows the construct, this package does not implement it
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("xsd: %s line %d: %s", e.File, e.Line, e.Msg)
}

// Error is one violation in a document.
type Error struct {
	Code     string   // the constraint that is violated, in the names of XML Schema Part 1 and 2
	Path     string   // of the element: /Invoice[1]/ID[2], local names with positions among siblings of the same name
	Message  string   // one sentence in plain English
	Expected []string // what could stand there: elements, or values of an enumeration; nil when nothing can be listed
	Offset   int64    // of the event, in bytes of the document's UTF-8 form
	Line     int      // from 1; 0 until Locate was called
	Col      int      // from 1, in bytes
}

// maxErrors bounds the errors that are kept of one document.
const maxErrors = 100

// Validate validates the document in r, from its start. A valid one has no Errors; of another the first hundred are
// returned in the order in which they were found. An error means that the document could not be read to its end: a
// *safe.Error if it is not well-formed, else what r returned.
func (s *Schema) Validate(r io.ReadSeeker) ([]Error, error) {
	run := s.NewRun()
	err := safe.Scan(r, safe.Document, func(ev *safe.Event) error {
		run.Event(ev)
		return nil
	})
	if err != nil {
		return nil, err
	}
	errs := run.Errors()
	if len(errs) == 0 {
		return nil, nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return errs, Locate(r, errs)
}

// Locate reads a document up to the last of the errors and sets their lines and columns. It is a second pass, so that
// the first one need not count lines in the documents that have no errors, which are most.
func Locate(r io.Reader, errs []Error) error {
	src, err := safe.UTF8(r)
	if err != nil {
		return err
	}
	order := make([]*Error, len(errs))
	for i := range errs {
		order[i] = &errs[i]
	}
	slices.SortStableFunc(order, func(a, b *Error) int { return int(a.Offset - b.Offset) })
	line, start, at := 1, int64(0), int64(0)
	buf := make([]byte, 32<<10)
	for len(order) > 0 {
		n, err := src.Read(buf)
		for i := 0; i < n && len(order) > 0; i++ {
			for len(order) > 0 && order[0].Offset <= at {
				order[0].Line, order[0].Col = line, int(at-start)+1
				order = order[1:]
			}
			at++
			if buf[i] == '\n' {
				line, start = line+1, at
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, e := range order {
		e.Line, e.Col = line, int(at-start)+1
	}
	return nil
}

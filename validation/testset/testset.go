// Package testset reads documents together with the result that rules should give: the official test sets (namespace
// http://difi.no/xsd/vefa/validator/1.0), and plain documents that state it in their first comment (schematron.md §9).
package testset

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Namespace of test sets.
const Namespace = "http://difi.no/xsd/vefa/validator/1.0"

// File is a test set, or a plain document, which is one test.
type File struct {
	Configuration string // names the rule set of a test set
	Set           bool   // it is a test set
	Tests         []Test
}

// Test is a document with its expectation.
type Test struct {
	Configuration string // of this test alone
	Doc           *xdm.Tree
	Stated        bool // there is an expectation
	expect        expectation
}

// expectation is the content of an assert block.
type expectation struct {
	scope   map[string]bool           // ids that are judged; empty means all
	success map[string]bool           // ids that must not fire
	counts  map[string]map[string]int // level to id to number; the level is "error" or "warning"
}

func newExpectation() expectation {
	return expectation{
		scope: map[string]bool{}, success: map[string]bool{},
		counts: map[string]map[string]int{"error": {}, "warning": {}, "fatal": {}},
	}
}

// expect adds one entry of a block.
func (e *expectation) expect(kind, id string, number int) {
	switch kind {
	case "scope":
		e.scope[id] = true
	case "success":
		e.success[id] = true
	default:
		e.counts[kind][id] += number
	}
}

// join adds another block.
func (e *expectation) join(o expectation) {
	maps.Copy(e.scope, o.scope)
	maps.Copy(e.success, o.success)
	for level, ids := range o.counts {
		for id, n := range ids {
			e.counts[level][id] += n
		}
	}
}

// Read reads a file. Rules must be compiled before, with the same names.
func Read(b []byte, names *xdm.Names) (*File, error) {
	r := &reader{names: names, size: len(b), f: &File{}, whole: newExpectation()}
	if err := safe.Scan(bytes.NewReader(b), safe.Document, r.event); err != nil {
		return nil, err
	}
	if !r.f.Set {
		t := Test{Doc: r.doc.Tree(), expect: newExpectation()}
		t.Stated = t.expect.fromComment(b)
		r.f.Tests = []Test{t}
		return r.f, nil
	}
	for i := range r.f.Tests {
		r.f.Tests[i].expect.join(r.whole)
	}
	return r.f, nil
}

// reader follows a scan: the elements of the test set are read here, those of a document go to a builder.
type reader struct {
	names *xdm.Names
	size  int
	f     *File
	whole expectation // of the set's own assert block
	doc   *xdm.Builder
	top   int // depth of the top element of the current document
	leaf  string
	text  strings.Builder
	num   int
}

func (r *reader) event(e *safe.Event) error {
	if e.Kind == safe.Element && e.Depth == 0 {
		r.f.Set = e.Name.Is(Namespace, "testSet") || e.Name.Is(Namespace, "test")
		r.doc = nil
	}
	switch {
	case !r.f.Set:
		if r.doc == nil {
			r.doc = xdm.NewBuilder(r.names, r.size)
		}
		return r.doc.Event(e)
	case r.doc != nil:
		return r.inside(e)
	case e.Kind == safe.Element && e.Name.Space == Namespace:
		return r.element(e)
	case e.Kind == safe.Element:
		if len(r.f.Tests) == 0 {
			return fmt.Errorf("testset: the document %s stands outside of a test", e.Name.Local)
		}
		r.doc, r.top = xdm.NewBuilder(r.names, r.size), e.Depth
		return r.doc.Event(e)
	case e.Kind == safe.Text:
		r.text.Write(e.Value)
	case e.Kind == safe.End:
		r.endElement(e)
	}
	return nil
}

// inside feeds the current document.
func (r *reader) inside(e *safe.Event) error {
	err := r.doc.Event(e)
	if e.Kind == safe.End && e.Depth == r.top {
		r.f.Tests[len(r.f.Tests)-1].Doc = r.doc.Tree()
		r.doc = nil
	}
	return err
}

func (r *reader) element(e *safe.Event) error {
	configuration, _ := e.Attr("", "configuration")
	switch e.Name.Local {
	case "testSet":
		r.f.Configuration = configuration
	case "test":
		r.f.Tests = append(r.f.Tests, Test{Configuration: configuration, Stated: true, expect: newExpectation()})
	case "scope", "success", "warning", "error", "fatal":
		r.leaf, r.num = e.Name.Local, 1
		r.text.Reset()
		if v, ok := e.Attr("", "number"); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return fmt.Errorf("testset: number=%q is not a number", v)
			}
			r.num = n
		}
	}
	return nil
}

func (r *reader) endElement(e *safe.Event) {
	if r.leaf == "" || e.Name.Local != r.leaf {
		return
	}
	to := &r.whole
	if n := len(r.f.Tests); n > 0 {
		to = &r.f.Tests[n-1].expect
	}
	to.expect(r.leaf, strings.TrimSpace(r.text.String()), r.num)
	r.leaf = ""
}

// commentWindow is how far a plain document is searched for its expectation.
const commentWindow = 10 << 10

// fromComment reads the expectation in the first comment of a plain document, and tells whether there is one.
func (e *expectation) fromComment(b []byte) bool {
	b = b[:min(len(b), commentWindow)]
	_, rest, ok := bytes.Cut(b, []byte("<!--"))
	text, _, closed := strings.Cut(string(rest), "-->")
	if !ok || !closed {
		return false
	}
	found, kind := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if k, ok := blocks[strings.ToLower(line)]; ok {
			kind, found = k, true
			continue
		}
		f := strings.Fields(line)
		if len(f) == 0 {
			kind = ""
		}
		if kind == "" {
			continue
		}
		n := 1
		if len(f) > 1 {
			if v, err := strconv.Atoi(strings.Trim(f[1], "x()")); err == nil {
				n = v
			}
		}
		e.expect(kind, f[0], n)
	}
	return found
}

var blocks = map[string]string{"scope:": "scope", "errors:": "error", "warnings:": "warning", "success:": "success"}

// Finding is what the rules say: the id and the flag as published.
type Finding struct{ ID, Flag string }

// Judge compares findings with the expectation and returns what is wrong, nil if the test passes.
func (t *Test) Judge(list []Finding) []string {
	left := map[string]map[string]int{}
	for level, ids := range t.expect.counts {
		left[level] = maps.Clone(ids)
	}
	var wrong []string
	for _, f := range list {
		level := levelOf(f.Flag)
		switch {
		case len(t.expect.scope) > 0 && !t.expect.scope[f.ID]:
		case t.expect.success[f.ID]:
			wrong = append(wrong, f.ID+" fired and should not")
		case left[level][f.ID] > 0:
			left[level][f.ID]--
		default:
			wrong = append(wrong, f.ID+" ("+level+") is not expected")
		}
	}
	for _, level := range slices.Sorted(maps.Keys(left)) {
		for _, id := range slices.Sorted(maps.Keys(left[level])) {
			if left[level][id] > 0 {
				wrong = append(wrong, id+" ("+level+") did not fire")
			}
		}
	}
	return wrong
}

// levelOf maps a flag to the level of an expectation; "fatal" as a level is never reached.
func levelOf(flag string) string {
	switch flag {
	case "fatal":
		return "error"
	case "warning":
		return "warning"
	}
	return "unknown"
}

// Configurations returns the names of the rule sets that a file needs, each once; a plain document needs "".
func Configurations(b []byte) ([]string, error) {
	var names []string
	whole, set := "", false
	err := safe.Scan(bytes.NewReader(b), safe.Document, func(e *safe.Event) error {
		if e.Kind != safe.Element || e.Depth > 1 {
			return nil
		}
		name, _ := e.Attr("", "configuration")
		switch {
		case e.Depth == 0 && e.Name.Is(Namespace, "testSet"):
			whole, set = name, true
		case e.Name.Is(Namespace, "test"):
			set = true
			if name == "" {
				name = whole
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return nil
	})
	if err == nil && !set {
		names = []string{""}
	}
	return names, err
}

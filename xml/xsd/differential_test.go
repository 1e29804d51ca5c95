package xsd

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

// sample is an official document with its schema, both as paths below the shared folder.
type sample struct{ schema, doc string }

// samples returns the documents that mutations start from.
func samples(t testing.TB) []sample {
	t.Helper()
	list := []sample{
		{"rules/xsd/arkivmelding/arkivmelding.xsd", "data/norway/eformidling/examples/arkivmelding.xml"},
		{"rules/xsd/sbdh/StandardBusinessDocumentHeader.xsd", "data/norway/payment/package/sbd.xml"},
		{"rules/xsd/sbdh/StandardBusinessDocumentHeader.xsd", "data/norway/payment/package/sbdh.xml"},
	}
	for _, row := range expectedRows(t) {
		if row.Valid {
			list = append(list, sample{path.Join("rules", row.XSD), path.Join("rules", row.File)})
		}
	}
	for _, kind := range []string{"tsr", "eusr"} {
		docs, _ := fs.Glob(rules(t), "reporting/"+kind+"/example/*.xml")
		schemas, _ := fs.Glob(rules(t), "reporting/"+kind+"/xsd/*.xsd")
		if len(docs) == 0 || len(schemas) != 1 {
			t.Fatalf("%d examples and %d schemas of %s", len(docs), len(schemas), kind)
		}
		for _, d := range docs {
			list = append(list, sample{path.Join("rules", schemas[0]), path.Join("rules", d)})
		}
	}
	return list
}

// TestDifferentialDocuments: official documents with random changes, by this package and by Xerces: the same verdict,
// and the same errors at the same elements for the same reasons.
func TestDifferentialDocuments(t *testing.T) {
	j := startJudge(t)
	r, n := golden.Random(t), golden.Cases(t)
	list := samples(t)
	invalid := 0
	for i := range n {
		// Documents are taken in turn, in long runs, so that small numbers of cases do not load every schema.
		s := list[(i/10)%len(list)]
		if n < 1000 {
			s = list[(i/30*37)%len(list)]
		}
		doc := mutant(t, r, s)
		if compare(t, j, s.schema, doc) != nil {
			invalid++
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d documents, %d of them invalid", n, invalid)
	if invalid == 0 {
		t.Error("no document was invalid")
	}
}

func mutant(t testing.TB, r *rand.Rand, s sample) []byte {
	t.Helper()
	d, err := safe.Parse(golden.Read(t, s.doc), safe.Document)
	if err != nil {
		t.Fatal(err)
	}
	root := treeOf(d.Top(), nil)
	for _, p := range poolPrefixes {
		root.setAttr(p)
	}
	var names []string
	for _, e := range root.all() {
		if !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	for range 1 + r.IntN(3) {
		mutate(r, root, names)
	}
	var b strings.Builder
	root.write(&b)
	return []byte(b.String())
}

// compare judges one document twice and returns our errors.
func compare(t *testing.T, j *judge, schema string, doc []byte) []Error {
	t.Helper()
	return compareWith(t, j, schemaOf(t, strings.TrimPrefix(schema, "rules/")), golden.Shared(t, schema), doc)
}

// compareWith is compare for a schema in the file at name.
func compareWith(t *testing.T, j *judge, s *Schema, name string, doc []byte) []Error {
	t.Helper()
	errs, err := s.Validate(bytes.NewReader(doc))
	v := j.ask(t, name, doc)
	switch {
	case v.refused != "":
		t.Fatalf("%s: Xerces refuses the schema: %s", name, v.refused)
	case (err != nil) != (v.malformed != ""):
		t.Errorf("%s: we read it with %v, Xerces with %q\n%s", name, err, v.malformed, doc)
	case !sameErrors(errs, v.errs):
		t.Errorf("%s:\n%s\n%.3000s", name, difference(errs, v.errs), doc)
	}
	return errs
}

// sameErrors compares the verdict, the elements at which errors are found, in their order, and the constraint that each
// error names. Xerces may name several constraints for one error: that of the value and that of the element. Where
// elements stand in a text, Xerces still takes the IDs and references in the piece of it behind the last one, and we
// none: then the elements at which one of us says something of them are not compared.
func sameErrors(errs []Error, xerces []string) bool {
	if slices.ContainsFunc(errs, func(e Error) bool {
		return e.Code == "cvc-type.3.1.2" || e.Code == "cvc-complex-type.2.2"
	}) {
		errs, xerces = withoutIDs(errs, xerces)
	}
	var places []string
	for _, e := range errs {
		if !found(xerces, e) {
			return false
		}
		places = append(places, e.Path)
	}
	var others []string
	for _, x := range xerces[:min(len(xerces), maxErrors)] {
		where, _, _ := strings.Cut(x, " ")
		others = append(others, where)
	}
	return len(errs) == maxErrors || slices.Equal(slices.Compact(places), slices.Compact(others))
}

// withoutIDs leaves the elements out at which an error about IDs is found.
func withoutIDs(errs []Error, xerces []string) ([]Error, []string) {
	about := map[string]bool{}
	for _, e := range errs {
		if strings.HasPrefix(e.Code, "cvc-id.") {
			about[e.Path] = true
		}
	}
	for _, x := range xerces {
		if where, code, _ := strings.Cut(x, " "); strings.HasPrefix(code, "cvc-id.") {
			about[where] = true
		}
	}
	errs = slices.DeleteFunc(slices.Clone(errs), func(e Error) bool { return about[e.Path] })
	return errs, slices.DeleteFunc(slices.Clone(xerces), func(x string) bool {
		where, _, _ := strings.Cut(x, " ")
		return about[where]
	})
}

// found reports whether Xerces has an error at the same element for the same reason. For content models with counters
// it has names that the Recommendation does not have.
func found(xerces []string, e Error) bool {
	names := []string{e.Code}
	switch e.Code {
	case "cvc-elt.1":
		names = []string{"cvc-elt.1.a"}
	case "cvc-complex-type.2.4.a", "cvc-complex-type.2.4.d":
		names = append(names, "cvc-complex-type.2.4.e", "cvc-complex-type.2.4.f", "cvc-complex-type.2.4.g",
			"cvc-complex-type.2.4.h")
	case "cvc-complex-type.2.4.b":
		names = append(names, "cvc-complex-type.2.4.i", "cvc-complex-type.2.4.j")
	}
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(xerces, e.Path+" "+n) })
}

// difference shows what only one of the two finds.
func difference(errs []Error, xerces []string) string {
	var b strings.Builder
	var places []string
	for _, e := range errs {
		places = append(places, e.Path)
		if !found(xerces, e) {
			b.WriteString("only we:     " + e.Path + " " + e.Code + " " + e.Message + "\n")
		}
	}
	for _, x := range xerces {
		if where, _, _ := strings.Cut(x, " "); !slices.Contains(places, where) {
			b.WriteString("only Xerces: " + x + "\n")
		}
	}
	return b.String()
}

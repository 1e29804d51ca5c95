package schematron

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// documentRules compiles the rules of testdata/document.
func documentRules(t *testing.T) (*Schema, *xdm.Names) {
	t.Helper()
	src, err := Load(os.DirFS("testdata/document"), "rules.sch")
	if err != nil {
		t.Fatal(err)
	}
	names := xdm.NewNames()
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, names
}

// validated validates a file of testdata/document.
func validated(t *testing.T, s *Schema, names *xdm.Names, file string) (*Result, *xdm.Tree) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata/document", file))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := xdm.Parse(doc, names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return res, tree
}

// TestRulesWithDocuments: rules that read lists of their own, in tests, contexts, lets, messages, keys and functions.
// The findings are those of the ISO skeleton on Saxon-HE 9.9.
func TestRulesWithDocuments(t *testing.T) {
	s, names := documentRules(t)
	for file, want := range map[string][]string{
		"good.xml": {"BOTH warning /order[1] All nodes are 6"},
		"bad.xml": {
			"NAMED warning /order[1]/line[1] Short: one",
			"OLD warning /order[1]/line[2] The unit LBR is old, use KGM.",
			"UNIT fatal /order[1]/line[3] Not a unit: XX",
			"NAMED warning /order[1]/line[3] Short:",
			"UNIT fatal /order[1]/line[4] Not a unit: ZZ",
			"NAMED warning /order[1]/line[4] Short:",
			"LISTED fatal /order[1]/line[4] Not in the list of units",
			"COUNTRY fatal /order[1] No country: DK",
			"COUNTRY-2 fatal /order[1] No country of the list",
			"BOTH warning /order[1] All nodes are 9",
		},
	} {
		res, _ := validated(t, s, names, file)
		var got []string
		for _, f := range res.Findings {
			got = append(got, strings.Join([]string{f.ID(), f.Flag(), f.Location, f.Text}, " "))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nnot\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestDocumentsAreShared: goroutines share the documents of a rule file, also when they explain findings.
func TestDocumentsAreShared(t *testing.T) {
	s, names := documentRules(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				res, tree := validated(t, s, names, "bad.xml")
				Explain(t.Context(), tree, res, xpath.Budget{})
				if len(res.Findings) != 10 || res.Findings[2].Why == nil {
					t.Errorf("%d findings", len(res.Findings))
				}
			}
		})
	}
	all.Wait()
}

// withTest is a rule file with one test.
func withTest(test string) string {
	return `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
		<let name="n" value="'codes.xml'"/>
		<pattern><rule context="/*">
		<assert id="A" test="` + test + `">x</assert></rule></pattern></schema>`
}

// TestDocumentsOfThePack: what is no file of the pack is refused by name with file and line when the rules are loaded.
func TestDocumentsOfThePack(t *testing.T) {
	files := fstest.MapFS{
		"rules/codes.xml":   {Data: []byte("<a/>")},
		"lists/codes.xml":   {Data: []byte("<a/>")},
		"rules/dtd.xml":     {Data: []byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`)},
		"rules/broken.xml":  {Data: []byte("<a>")},
		"rules/folder/x":    {},
		"rules/large.xml":   {Data: []byte("<a>" + strings.Repeat(" ", maxDocumentBytes) + "</a>")},
		"rules/many.xml":    {Data: []byte("<a>" + strings.Repeat("<b/>", 3<<20) + "</a>")},
		"rules/names.xml":   {Data: manyNames()},
		"rules/deep.xml":    {Data: []byte(strings.Repeat("<b>", 200) + strings.Repeat("</b>", 200))},
		"rules/another.xml": {Data: []byte("<a/>")},
	}
	for i := range maxDocuments {
		files[fmt.Sprintf("rules/%d.xml", i)] = &fstest.MapFile{Data: []byte("<a/>")}
	}
	for _, c := range []struct{ test, want string }{
		{"document('codes.xml')/a", ""},
		{"document($n)/a", ""},
		{"doc('./codes.xml')/a and doc('../lists/codes.xml')/a and doc('../rules/codes.xml')/a", ""},
		{"not(doc-available('none.xml'))", ""},
		{"document('none.xml')", "none.xml: file does not exist"},
		{"document('')", "the rule file itself is not supported as a document"},
		{"doc('../../codes.xml')", `"../../codes.xml" leads out of the pack`},
		{"doc-available('../../codes.xml')", `"../../codes.xml" leads out of the pack`},
		{"doc('/etc/codes.xml')", `"/etc/codes.xml" is not the relative name of a file`},
		{"doc('file:codes.xml')", `"file:codes.xml" is not the relative name of a file`},
		{"doc('https://example.com/codes.xml')", `"https://example.com/codes.xml" is not the relative name of a file`},
		{"doc('codes.xml#a')", `"codes.xml#a" is not the relative name of a file`},
		{"doc('codes%2Exml')", `"codes%2Exml" is not the relative name of a file`},
		{"document(@href)", "document() is supported with a constant name only"},
		{"document('codes.xml', /)", "document() is supported with a constant name only"},
		{"doc(concat(@a, '.xml'))", "doc() is supported with a constant name only"},
		{"unparsed-text('codes.xml')", "there is no function unparsed-text with 1 arguments"},
		{"doc('dtd.xml')", "rules/dtd.xml: xml: line 1"},
		{"doc('broken.xml')", "rules/broken.xml: xml: line 1"},
		{"doc('folder')", "folder"},
		{"doc('large.xml')", "rules/large.xml: the documents that the rules read have more than 32 MiB"},
		{"doc('many.xml')", "rules/many.xml: the documents that the rules read take more than 64 MiB of memory"},
		{"doc('names.xml')", "the document has too many different names"},
		{"doc('deep.xml')", "rules/deep.xml: xml: line 1"},
		{"document(for $i in 0 to 31 return concat($i, '.xml')) and doc('another.xml')", "constant name only"},
		{allDocuments() + " and doc('another.xml')", "the rules read more than 32 documents"},
	} {
		files["rules/x.sch"] = &fstest.MapFile{Data: []byte(withTest(c.test))}
		wrong := Check(files, "rules/x.sch")
		switch {
		case c.want == "" && len(wrong) > 0:
			t.Errorf("%s: %v", c.test, wrong)
		case c.want == "":
		case len(wrong) != 1 || !strings.HasPrefix(wrong[0].Error(), "rules/x.sch:4: test of A: ") ||
			!strings.Contains(wrong[0].Error(), c.want):
			t.Errorf("%s: %v, not %s", c.test, wrong, c.want)
		}
	}
	files["rules/x.sch"] = &fstest.MapFile{Data: []byte(strings.Replace(withTest("doc('codes.xml')"), "<rule",
		`<rule xml:base="../lists/"`, 1))}
	if wrong := Check(files, "rules/x.sch"); len(wrong) != 1 ||
		!strings.Contains(wrong[0].Error(), "xml:base is not supported in rules that read documents") {
		t.Errorf("xml:base: %v", wrong)
	}
}

// allDocuments is a test that reads as many documents as a rule file may.
func allDocuments() string {
	var all []string
	for i := range maxDocuments {
		all = append(all, fmt.Sprintf("doc('%d.xml')", i))
	}
	return strings.Join(all, " and ")
}

func manyNames() []byte {
	var b strings.Builder
	b.WriteString("<a>")
	for i := range 1 << 15 {
		fmt.Fprintf(&b, "<n%d/>", i)
	}
	b.WriteString("</a>")
	return []byte(b.String())
}

// endless is a file without end.
type endless struct{ fstest.MapFS }

func (e endless) Open(name string) (fs.File, error) {
	f, err := e.MapFS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".xml") {
		return f, err
	}
	return zeros{f}, nil
}

type zeros struct{ fs.File }

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestEndlessDocument: a document of any size is given up at the bound.
func TestEndlessDocument(t *testing.T) {
	files := endless{fstest.MapFS{"x.sch": {Data: []byte(withTest("doc('codes.xml')"))}, "codes.xml": {}}}
	begin := time.Now()
	if wrong := Check(files, "x.sch"); len(wrong) != 1 || !strings.Contains(wrong[0].Error(), "more than 32 MiB") {
		t.Errorf("%v", wrong)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

package schematron

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// feature is a rule file in testdata/features: NAME.sch with a document, NAME.xml, and what is found in it, NAME.txt.
// That begins with the judges that find the same.
type feature struct {
	name, doc string
	judges    []string
	want      []string
}

const featureDir = "testdata/features"

func features(t *testing.T) (list []feature) {
	t.Helper()
	names, err := filepath.Glob(featureDir + "/*.sch")
	if err != nil || len(names) == 0 {
		t.Fatal("no features: ", err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, ".sch")
		doc, err := os.ReadFile(base + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		txt, err := os.ReadFile(base + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(txt)), "\n")
		judges, ok := strings.CutPrefix(lines[0], "judges:")
		if !ok {
			t.Fatalf("%s.txt does not say which judges agree", base)
		}
		list = append(list, feature{filepath.Base(name), string(doc), strings.Fields(judges), lines[1:]})
	}
	return list
}

// said writes a result in the form of the expectations.
func said(res *Result) (list []string) {
	for _, f := range res.Findings {
		line := published(&f) + f.Location + " | " + f.Text + f.Code
		for i, text := range f.Diagnostics {
			line += fmt.Sprintf(" | %s: %s", f.Assert.Diagnostics[i].ID, text)
		}
		list = append(list, line)
	}
	for _, r := range res.Remarks {
		list = append(list, fmt.Sprintf("remark %s %s %s %d", r.Code, r.Location, r.Rule.Context, r.Times))
	}
	return list
}

// TestFeatures: each feature of ISO Schematron, with what is found in a document and said of it.
func TestFeatures(t *testing.T) {
	for _, f := range features(t) {
		res, err := checked(t, os.DirFS(featureDir), f.name, f.doc, Options{})
		if err != nil {
			t.Fatal(f.name, err)
		}
		if got := said(res); !slices.Equal(got, f.want) {
			t.Errorf("%s:\n%s\nwant\n%s", f.name, strings.Join(got, "\n"), strings.Join(f.want, "\n"))
		}
	}
}

// The report has the diagnostics and properties of a finding, and its role beside the flag.
func TestSVRLOfFeatures(t *testing.T) {
	for name, want := range map[string]string{
		"abstract": `<svrl:active-pattern id="html" name="Rows of table"/>`,
		"role":     `<svrl:failed-assert test="false()" id="A" role="warning" location="/r[1]/a[1]">`,
		"diagnostics": `
    <svrl:text>not empty</svrl:text>
    <svrl:diagnostic-reference diagnostic="is">
      <svrl:text>It has 1 children</svrl:text>
    </svrl:diagnostic-reference>
    <svrl:diagnostic-reference diagnostic="what">
      <svrl:text>The first is b</svrl:text>
    </svrl:diagnostic-reference>
    <svrl:property-reference property="p">
      <svrl:text>static</svrl:text>
    </svrl:property-reference>
  </svrl:failed-assert>
`,
	} {
		src, err := Load(os.DirFS(featureDir), name+".sch")
		if err != nil {
			t.Fatal(err)
		}
		names := xdm.NewNames()
		s, err := Compile(src, names, "")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := os.ReadFile(featureDir + "/" + name + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := xdm.Parse(doc, names)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Validate(t.Context(), tree, Options{Trace: true})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := WriteSVRL(&b, "", Run{s, tree, res}); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
	}
}

// withoutPlaces leaves the id and the flag of findings: to the skeleton the place of an attribute is its value, that of
// the document its top element.
func withoutPlaces(list []string) {
	for i, s := range list {
		list[i] = strings.Join(strings.Fields(s)[:2], " ")
	}
}

// unnumbered are steps of a location without a position: for the query binding of XSLT 1.0 the skeleton leaves out that
// of an only child.
var unnumbered = regexp.MustCompile(`(/\w+)(/|$)`)

// TestDifferentialFeatures: the same files by the ISO skeleton and by SchXslt on Saxon, as far as they have the
// feature; and the stylesheet that SchXslt makes, run by us.
func TestDifferentialFeatures(t *testing.T) {
	judge := saxon.Start(t)
	dir, err := filepath.Abs(featureDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features(t) {
		for _, by := range f.judges {
			t.Run(f.name+" "+by, func(t *testing.T) { f.judged(t, judge, filepath.Join(dir, f.name), by) })
		}
	}
}

func (f *feature) judged(t *testing.T, judge *saxon.Judge, file, by string) {
	if by == "schxslt" {
		compiled := filepath.Join(t.TempDir(), "r.xslt")
		judge.SchXslt(t, file, compiled)
		file = compiled
	}
	w := saxon.Ask[verdict](t, judge, "schematron", []any{mutatedCase{Sch: file, Doc: f.doc}}, 1)[0]
	want := slices.DeleteFunc(slices.Clone(f.want), func(s string) bool { return strings.HasPrefix(s, "remark ") })
	for i := range want {
		want[i], _, _ = strings.Cut(want[i], " | ")
	}
	if by == "iso:rules" {
		withoutPlaces(want)
		withoutPlaces(w.Found)
	}
	for i := range w.Found {
		w.Found[i] = unnumbered.ReplaceAllString(w.Found[i], "$1[1]$2")
	}
	if !slices.Equal(w.Found, want) || w.Error != "" {
		t.Errorf("%q %s %s, want %q", w.Found, w.Error, w.Message, want)
	}
	if by != "schxslt" {
		return
	}
	res, err := checked(t, os.DirFS(filepath.Dir(file)), filepath.Base(file), f.doc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(res); !slices.Equal(got, f.want) {
		t.Errorf("compiled:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
	}
}

// TestDifferentialSchXsltKinds: a stylesheet of SchXslt visits nodes of all kinds.
func TestDifferentialSchXsltKinds(t *testing.T) {
	judge := saxon.Start(t)
	dir := t.TempDir()
	sch, compiled := filepath.Join(dir, "r.sch"), filepath.Join(dir, "r.xslt")
	const doc = `<r x="1"><!--c--><?p i?>text<b y="1">text<!--d--></b><!--e-->text</r>`
	for i, context := range []string{
		"comment()", "text()", "processing-instruction()", "processing-instruction('q')", "node()", "b/node()",
		"* | comment()", "/", "@* | b/text()",
	} {
		text := schemaOpen + `<pattern><rule context="` + context + `"><report test="true()" id="A"/></rule>` +
			`</pattern></schema>`
		if err := os.WriteFile(sch, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		judge.SchXslt(t, sch, compiled)
		name := fmt.Sprintf("%d.xslt", i)
		if err := os.Rename(compiled, filepath.Join(dir, name)); err != nil { // the judge keeps what it has compiled
			t.Fatal(err)
		}
		question := mutatedCase{Sch: filepath.Join(dir, name), Doc: doc}
		w := saxon.Ask[verdict](t, judge, "schematron", []any{question}, 1)[0]
		res, err := checked(t, os.DirFS(dir), name, doc, Options{})
		if err != nil {
			t.Fatal(context, err)
		}
		var got []string
		for _, f := range res.Findings {
			got = append(got, published(&f)+f.Location)
		}
		for i := range w.Found {
			w.Found[i] = strings.Replace(w.Found[i], `("p")`, "()", 1)
		}
		if !slices.Equal(got, w.Found) {
			t.Errorf("%s: %q, want %q", context, got, w.Found)
		}
	}
}

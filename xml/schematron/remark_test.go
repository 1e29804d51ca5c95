package schematron

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// checked is the result of a rule file for a document.
func checked(t *testing.T, fsys fs.FS, name, doc string, o Options) (*Result, error) {
	t.Helper()
	src, err := Load(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	names := xdm.NewNames()
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(t.Context(), tree, o)
}

const remarkRules = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<pattern id="p">
<rule context="a[xs:integer(.) = 1]"><assert id="one" test="false()">one</assert></rule>
<rule context="a[xs:integer(.) = 2] | a[@x]"><assert id="two" test="false()">two</assert></rule>
<rule context="a[max((., 1)) = 'y']"><assert id="y" test="false()">y</assert></rule>
<rule context="a"><assert id="any" test="false()">any</assert></rule>
</pattern></schema>`

// SCHEMATRON-7.2, XSLT 2.0 §5.5.4: a rule whose context cannot be evaluated does not match, and the next one is tried.
// There is one remark for each such rule and code; no finding.
func TestRemarks(t *testing.T) {
	res, err := checked(t, fstest.MapFS{"r.sch": {Data: []byte(remarkRules)}}, "r.sch",
		`<r><a>1</a><a>z</a><a>2</a><a x="">z</a><a>z</a></r>`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var found, remarks []string
	for _, f := range res.Findings {
		found = append(found, f.ID()+" "+f.Location+f.Code)
	}
	for _, r := range res.Remarks {
		remarks = append(remarks, fmt.Sprintf("%s %s %s %d", r.Rule.Context, r.Code, r.Location, r.Times))
		if !strings.Contains(r.Text, "does not apply: "+r.Code) {
			t.Error(r.Text)
		}
	}
	if want := []string{
		"one /r[1]/a[1]", "any /r[1]/a[2]", "two /r[1]/a[3]", "two /r[1]/a[4]", "any /r[1]/a[5]",
	}; !slices.Equal(found, want) {
		t.Errorf("found %q", found)
	}
	if want := []string{
		"a[xs:integer(.) = 1] FORG0001 /r[1]/a[2] 3",
		"a[xs:integer(.) = 2] | a[@x] FORG0001 /r[1]/a[2] 2",
		"a[max((., 1)) = 'y'] FORG0001 /r[1]/a[2] 2",
	}; !slices.Equal(remarks, want) {
		t.Errorf("remarks %q", remarks)
	}
	_, err = checked(t, fstest.MapFS{"r.sch": {Data: []byte(remarkRules)}}, "r.sch",
		"<r>"+strings.Repeat("<a>z</a>", 1000)+"</r>", Options{Budget: xpath.Budget{Steps: 5000}})
	if err != ErrBudget {
		t.Errorf("out of budget: %v", err)
	}
}

// TestFindingIDs: each finding has an id: of the assert, of its message, of its rule, of its pattern, or its line.
func TestFindingIDs(t *testing.T) {
	res, err := checked(t, fstest.MapFS{"d/r.sch": {Data: []byte(
		`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<pattern id="p">
<rule id="r" context="r">
<assert id="A" test="false()">[B]-text</assert><assert test="false()"> [B]-text</assert>
<assert test="false()">[not an id] text</assert></rule>
<rule context="a"><assert test="false()"/></rule></pattern>
<pattern><rule context="a">
<assert test="false()"/></rule></pattern></schema>`)}}, "d/r.sch", `<r><a/></r>`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.ID())
	}
	if want := []string{"A", "B", "r", "p", "r.sch:8"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestRemarksOfJars: a valid invoice with a PaymentMeansCode of letters, which the rules of OpenPeppol before 2026 and
// PINT for the EU compare as numbers in contexts.
func TestRemarksOfJars(t *testing.T) {
	jar, err := zip.OpenReader(saxon.Jar(t, "phive-rules-peppol-4.3.7.jar"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = jar.Close() }()
	doc := golden.Read(t, "rules/peppol-billing/examples/base-example.xml")
	odd := bytes.Replace(doc, []byte(">30</cbc:PaymentMeansCode>"), []byte(">ZZZ</cbc:PaymentMeansCode>"), 1)
	if bytes.Equal(doc, odd) {
		t.Fatal("the example has another PaymentMeansCode")
	}
	base := "external/schematron/"
	for _, name := range []string{
		"openpeppol/2024.11/xslt/PEPPOL-EN16931-UBL.xslt", "openpeppol/2025.5/xslt/PEPPOL-EN16931-UBL.xslt",
		"openpeppol/2025.11/xslt/PEPPOL-EN16931-UBL.xslt", "pint-eu/1.0.1/xslt/PINT-jurisdiction-aligned-rules.xslt",
	} {
		plain, err := checked(t, jar, base+name, string(doc), Options{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := checked(t, jar, base+name, string(odd), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(plain.Remarks) > 0 || !slices.Equal(ids(res), ids(plain)) {
			t.Errorf("%s: %q and %v, of the plain invoice %q", name, ids(res), res.Remarks, ids(plain))
		}
		if len(res.Remarks) != 3 {
			t.Errorf("%s: %d remarks", name, len(res.Remarks))
		}
		for _, r := range res.Remarks {
			if r.Code != "FORG0001" || r.Location != "/Invoice[1]/PaymentMeans[1]" || r.Times != 1 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// ids are the findings of a result with their codes.
func ids(res *Result) (list []string) {
	for _, f := range res.Findings {
		list = append(list, f.ID()+f.Code)
	}
	return list
}

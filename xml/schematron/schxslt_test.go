package schematron

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// notForSchXslt are rule files that SchXslt does not compile: a function stands between their patterns.
var notForSchXslt = []string{
	"ehf/postaward-g3/sch-2023-02/reminder-3.0/REMINDER-PEPPOL-EN16931-UBL.sch",
	"ehf/postaward-g3/sch-2023-02/forward-billing-3.0/FORWARD-BILLING-PEPPOL-EN16931-UBL.sch",
}

// compiledBySchXslt compiles a shared rule file with SchXslt and loads what comes out.
func compiledBySchXslt(t *testing.T, judge *saxon.Judge, names *xdm.Names, sch string) *Schema {
	t.Helper()
	dir := t.TempDir()
	judge.SchXslt(t, filepath.Join(golden.Shared(t, "rules"), sch), filepath.Join(dir, "rules.xslt"))
	src, err := Load(os.DirFS(dir), "rules.xslt")
	if err != nil {
		t.Fatalf("%s: %v", sch, err)
	}
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatalf("%s: %v", sch, err)
	}
	return s
}

// TestSchXsltInterop compiles the shared rule files with SchXslt and compares all recorded runs of their source form:
// ids, flags, locations, and the number of rules that fired.
func TestSchXsltInterop(t *testing.T) {
	judge := saxon.Start(t)
	names := xdm.NewNames()
	schemas := map[string]*Schema{} // trees are built with the names of all
	var list []expectation
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "ehf", "mls"} {
		for _, e := range expectations(t, name+".jsonl") {
			if slices.Contains(notForSchXslt, e.Sch) {
				continue
			}
			list = append(list, e)
			if schemas[e.Sch] == nil {
				schemas[e.Sch] = compiledBySchXslt(t, judge, names, e.Sch)
			}
		}
	}
	files := map[string]*testset.File{}
	bad := 0
	for _, e := range list {
		if files[e.File] == nil {
			var err error
			if files[e.File], err = testset.Read(golden.Read(t, "rules/"+e.File), names); err != nil {
				t.Fatal(err)
			}
		}
		if diff := compare(t, schemas[e.Sch], &files[e.File].Tests[e.Index], e); diff != "" {
			if bad++; bad <= 10 {
				t.Errorf("%s %d with %s: %s", e.File, e.Index, e.Sch, diff)
			}
		}
	}
	t.Logf("%d rule files, %d runs, %d differ", len(schemas), len(list), bad)
}

// TestSchXsltReportingInterop does the same with the rules of the statistics reports, which use keys and functions.
func TestSchXsltReportingInterop(t *testing.T) {
	judge := saxon.Start(t)
	names := xdm.NewNames()
	rules := map[string]*Schema{
		"tsr": compiledBySchXslt(t, judge, names,
			"reporting/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch"),
		"eusr": compiledBySchXslt(t, judge, names,
			"reporting/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch"),
	}
	lines := strings.Split(strings.TrimSpace(string(golden.Read(t, "rules/reporting/expected.tsv"))), "\n")
	for _, line := range lines[1:] {
		col := strings.Split(line, "\t")
		kind, _, _ := strings.Cut(col[0], "/")
		if got := failed(t, rules[kind], report(t, col[0], names)); got != col[3] {
			t.Errorf("%s: %s, want %s", col[0], got, col[3])
		}
	}
	t.Logf("%d reports", len(lines)-1)
}

// schxsltSample is a stylesheet as SchXslt makes it, without what is only for the report.
const schxsltSample = `<xsl:transform xmlns:xsl="http://www.w3.org/1999/XSL/Transform" ` +
	`xmlns:schxslt="https://doi.org/10.5281/zenodo.1495494"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:svrl="http://purl.oclc.org/dsdl/svrl" xmlns:n="urn:n" version="2.0">
<rdf:Description/>
<xsl:output indent="yes"/>
<xsl:param name="limit" select="2"/>
<xsl:param name="schxslt.validate.initial-document-uri"/>
<xsl:template name="schxslt.validate"/>
<xsl:template match="root()"><svrl:schematron-output title="Sample"/></xsl:template>
<xsl:template match="*" mode="#all" priority="-10"/>
<xsl:template name="d1"><schxslt:document>
  <schxslt:pattern id="p1"><xsl:for-each select="root()"><svrl:active-pattern id="one" name="One"/></xsl:for-each></schxslt:pattern>
  <schxslt:pattern id="p2"/>
  <xsl:apply-templates mode="d1" select="root()"/></schxslt:document></xsl:template>
<xsl:template match="b" priority="0" mode="d1">
  <xsl:param name="schxslt:patterns-matched"/>
  <xsl:choose><xsl:when test="$schxslt:patterns-matched[. = 'p2']"/><xsl:otherwise>
    <schxslt:rule pattern="p2"><svrl:fired-rule/>
      <xsl:if test="@y"><svrl:successful-report location="{schxslt:location(.)}" id="R2" flag="warning" role="hint"><xsl:attribute name="test">@y</xsl:attribute><svrl:text>has y</svrl:text></svrl:successful-report></xsl:if>
    </schxslt:rule><xsl:next-match/></xsl:otherwise></xsl:choose></xsl:template>
<xsl:template match="*" priority="1" mode="d1">
  <xsl:choose><xsl:when test="$schxslt:patterns-matched[. = 'p1']"/><xsl:otherwise>
    <schxslt:rule pattern="p1"><svrl:fired-rule/></schxslt:rule><xsl:next-match/></xsl:otherwise></xsl:choose></xsl:template>
<xsl:template match="b[@x]" priority="2" mode="d1">
  <xsl:variable name="x" select="xs:integer(@x)"/>
  <xsl:choose><xsl:when test="$schxslt:patterns-matched[. = 'p1']"/><xsl:otherwise>
    <schxslt:rule pattern="p1"><svrl:fired-rule id="small"/>
      <xsl:if test="not($x &lt; $limit)"><svrl:failed-assert location="{schxslt:location(.)}" flag="fatal"><xsl:attribute name="test">$x &lt; $limit</xsl:attribute><svrl:text>[X-1]-The <xsl:element namespace="" name="emph"><xsl:attribute name="class">a</xsl:attribute>value</xsl:element> is <xsl:value-of select="$x"/></svrl:text></svrl:failed-assert></xsl:if>
    </schxslt:rule><xsl:next-match/></xsl:otherwise></xsl:choose></xsl:template>
</xsl:transform>`

// All that a stylesheet of SchXslt has is read: lets, the order of rules, at most one rule of a pattern for a node,
// reports, and messages with values and elements in them.
func TestSchXslt(t *testing.T) {
	src,
		err := Load(fstest.MapFS{"r.xslt": {Data: []byte(strings.ReplaceAll(schxsltSample, "xmlns:n=",
		`xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:n=`))}}, "r.xslt")
	if err != nil {
		t.Fatal(err)
	}
	names := xdm.NewNames()
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	if src.Title != "Sample" || len(src.Patterns) != 2 || src.Patterns[0].ID != "one" ||
		src.Patterns[0].Rules[0].ID != "small" {
		t.Errorf("%+v", src)
	}
	tree, err := xdm.Parse([]byte(`<a><b x="1"/><b x="2" y="z"/><b/></a>`), names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.ID()+" "+f.Flag()+" "+f.Location+" "+f.Text)
	}
	want := []string{"X-1 fatal /a[1]/b[2] [X-1]-The value is 2", "R2 warning /a[1]/b[2] has y"}
	if !slices.Equal(got, want) || res.Fired != 7 {
		t.Errorf("%d rules fired, %q", res.Fired, got)
	}
}

// What SchXslt can write and we do not read is refused by name and line, all of it at once.
func TestSchXsltRefused(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`<xsl:output indent="yes"/>`, `<xsl:import href="x"/>`, "r.xslt:4: xsl:import is not supported"},
		{`<rdf:Description/>`, `<n:other/>`, "r.xslt:3: n:other is not supported"},
		{
			`name="limit" select="2"`, `name="limit" as="xs:integer" select="2"`,
			"r.xslt:5: the let limit with a type is not supported",
		},
		{
			`<xsl:param name="limit" select="2"/>`, `<xsl:param name="limit"><n:x/></xsl:param>`,
			"r.xslt:5: n:x is not supported in a function or let",
		},
		{
			`<schxslt:document>`, `<xsl:for-each select="//@href"/><schxslt:document>`,
			"r.xslt:10: patterns with the attribute documents",
		},
		{
			`mode="d1" select="root()"`, `mode="d1" select="$document"`,
			"r.xslt:13: xsl:apply-templates is not supported among the patterns",
		},
		{`priority="1" mode="d1"`, `priority="1" mode="d2"`, "r.xslt:20: a template that is no rule of SchXslt"},
		{`priority="1" mode="d1"`, `mode="d1"`, "r.xslt:20: a template that is no rule of SchXslt"},
		{
			`<schxslt:rule pattern="p1"><svrl:fired-rule/>`, `<schxslt:rule pattern="p3"><svrl:fired-rule/>`,
			`r.xslt:21: a rule of the pattern "p3" that another condition keeps back`,
		},
		{
			`<xsl:variable name="x" select="xs:integer(@x)"/>`, `<xsl:variable name="x"><n:x/></xsl:variable>`,
			"r.xslt:24: n:x is not supported in a function or let",
		},
		{`not($x &lt; $limit)`, `$x`, "r.xslt:27: a test without svrl:failed-assert"},
		{`flag="fatal"`, `flag="{$x}"`, "r.xslt:27: an id, flag or role that is computed"},
		{
			`location="{schxslt:location(.)}" flag`, `location="{schxslt:location(..)}" flag`,
			"r.xslt:27: the subject of an assert is not supported: {schxslt:location(..)}",
		},
		{
			`<svrl:text>has y`, `<svrl:other/><svrl:text>has y`,
			"r.xslt:18: svrl:other is not supported in an assert",
		},
		{
			`<xsl:value-of select="$x"/>`, `<xsl:copy-of select="$x"/>`,
			"r.xslt:27: xsl:copy-of is not supported in a message",
		},
		{
			`<svrl:fired-rule/></schxslt:rule>`, `<svrl:fired-rule/><xsl:message/></schxslt:rule>`,
			"r.xslt:22: xsl:message is not supported in a rule",
		},
		{`<xsl:template name="d1">`, `<xsl:template match="d1">`, "r.xslt:1: this is not a stylesheet of SchXslt"},
	} {
		if !strings.Contains(schxsltSample, c.old) {
			t.Fatalf("%s is not in the sample", c.old)
		}
		text := strings.Replace(schxsltSample, c.old, c.new, 1)
		_, err := Load(fstest.MapFS{"r.xslt": {Data: []byte(text)}}, "r.xslt")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.new, err, c.want)
		}
	}
	all := schxsltSample
	for _, r := range []struct{ old, new string }{
		{`<xsl:output indent="yes"/>`, `<xsl:import href="x"/>`},
		{`<rdf:Description/>`, `<n:other/>`},
		{`flag="fatal"`, `flag="{$x}"`},
		{`xs:integer(@x)`, `no:such(@x)`},
	} {
		all = strings.Replace(all, r.old, r.new, 1)
	}
	wrong := Check(fstest.MapFS{"r.xslt": {Data: []byte(all)}}, "r.xslt")
	lines := regexp.MustCompile(`r\.xslt:(\d+): `)
	var got []string
	for _, err := range wrong {
		got = append(got, lines.FindStringSubmatch(err.Error())[1])
	}
	if !slices.Equal(got, []string{"3", "4", "27", "24"}) { // the expression last
		t.Errorf("%q", wrong)
	}
}

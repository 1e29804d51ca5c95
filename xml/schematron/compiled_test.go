package schematron

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// TestCompiled runs the compiled form of some rule files over all documents that Saxon has seen with the source form.
func TestCompiled(t *testing.T) {
	forms := map[string]string{
		"en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch": "compiled/EN16931-UBL-valida" +
			"tion-1.3.16.upstream.xslt",
		"peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch": "compiled/PEPPOL-EN16931-UBL-2" +
			"026.5.xslt",
		"peppol-postaward/sch/2026.5/PEPPOLBIS-T76.sch": "compiled/PEPPOLBIS-T76-2026" +
			".5.xslt",
		"mls/sch/peppol-mls-1.0.1.sch": "compiled/peppol-mls-1.0.1.xslt",
	}
	names := xdm.NewNames()
	schemas := map[string]*Schema{}
	for sch, xslt := range forms {
		schemas[sch] = rulesOf(t, names, xslt)[0]
	}
	runs := map[string]int{}
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "mls"} {
		for _, e := range expectations(t, name+".jsonl") {
			s := schemas[e.Sch]
			if s == nil {
				continue
			}
			f, err := testset.Read(golden.Read(t, "rules/"+e.File), names)
			if err != nil {
				t.Fatal(err)
			}
			if diff := compare(t, s, &f.Tests[e.Index], e); diff != "" {
				t.Errorf("%s %d with %s: %s", e.File, e.Index, s.Source.Name, diff)
			}
			runs[e.Sch]++
		}
	}
	for sch := range forms {
		if runs[sch] == 0 {
			t.Errorf("%s: no recorded run", sch)
		}
	}
	t.Log(runs)
}

// Every compiled sample loads.
func TestCompiledSamples(t *testing.T) {
	rulesOf(t, xdm.NewNames(), "compiled/CEN-EN16931-UBL-2026.5.xslt", "compiled/EHF-P06-3.0-REMINDER-2023-02.xslt")
}

// compiledSample is a stylesheet as the ISO skeleton makes it, with what rules may have beside their asserts.
const compiledSample = `<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" ` +
	`xmlns:svrl="http://purl.oclc.org/dsdl/svrl" version="2.0">
<xsl:param name="archiveDirParameter"/>
<xsl:variable name="document-uri"><xsl:value-of select="document-uri(/)"/></xsl:variable>
<xsl:variable name="word">big</xsl:variable>
<xsl:template match="/"><svrl:schematron-output title="Sample"><xsl:comment/>
  <svrl:active-pattern><xsl:attribute name="id">one</xsl:attribute><xsl:apply-templates/></svrl:active-pattern>
  <xsl:apply-templates mode="M5" select="/"/></svrl:schematron-output></xsl:template>
<xsl:template match="text()" mode="M5" priority="-1"/>
<xsl:template match="@*|node()" mode="M5" priority="-2"><xsl:apply-templates mode="M5" select="*"/></xsl:template>
<xsl:template match="a" mode="M5" priority="1001">
  <svrl:fired-rule context="a"/>
  <xsl:for-each-group group-by="@x" select="b"><xsl:if test="current-group()[2]"><Error/></xsl:if></xsl:for-each-group>
  <xsl:if test="b[normalize-space(.) = '']"><Error><xsl:value-of select="name()"/></Error></xsl:if>
  <xsl:variable name="size"><xsl:choose><xsl:when test="@n &gt; 1"><xsl:value-of select="$word"/></xsl:when>` +
	`<xsl:otherwise>small</xsl:otherwise></xsl:choose></xsl:variable>
  <xsl:choose><xsl:when test="$size = 'small'"/><xsl:otherwise><svrl:failed-assert test="$size = 'small'">` +
	`<xsl:attribute name="id">A</xsl:attribute><xsl:attribute name="role">warning</xsl:attribute>` +
	`<svrl:text>it is <xsl:value-of select="$size"/></svrl:text>
    <svrl:diagnostic-reference diagnostic="d">for <xsl:value-of select="@n"/></svrl:diagnostic-reference>` +
	`</svrl:failed-assert></xsl:otherwise></xsl:choose>
  <xsl:apply-templates mode="M5" select="*"/>
</xsl:template>
<xsl:template match="a" mode="M0" priority="1000"><xsl:choose><xsl:when test="0"/><xsl:otherwise>` +
	`<svrl:failed-assert/></xsl:otherwise></xsl:choose></xsl:template>
</xsl:stylesheet>`

// What a rule writes beside the report makes no finding, rules of a mode that nothing applies never run, and a variable
// may have content.
func TestCompiledBeside(t *testing.T) {
	res, err := checked(t, fstest.MapFS{"r.xslt": {Data: []byte(compiledSample)}}, "r.xslt",
		`<r><a n="2"><b/></a><a n="1"><b x="1"/><b x="1"/></a></r>`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(res); !slices.Equal(got, []string{"A null /r[1]/a[1] | it is big | d: for 2"}) || res.Fired != 2 {
		t.Errorf("%d rules fired, %q", res.Fired, got)
	}
	if len(res.Findings) == 1 && res.Findings[0].Flag() != "warning" {
		t.Error(res.Findings[0].Flag())
	}
}

// A stylesheet of the skeleton says which kinds of nodes are visited.
func TestCompiledKinds(t *testing.T) {
	for walk, want := range map[string]string{
		"*":           "/r[1] /r[1]/a[1]",
		"@*|*":        "/r[1] /r[1]/@x /r[1]/a[1]",
		"*|comment()": "/r[1] /r[1]/comment()[1] /r[1]/a[1] /r[1]/comment()[2]",
		"@*|*|comment()|processing-instruction()": "/r[1] /r[1]/@x /r[1]/comment()[1] " +
			"/r[1]/processing-instruction()[1] /r[1]/a[1] /r[1]/comment()[2]",
		"@*|node()": "/r[1] /r[1]/@x /r[1]/comment()[1] /r[1]/processing-instruction()[1] /r[1]/a[1] " +
			"/r[1]/a[1]/text()[1] /r[1]/comment()[2]",
	} {
		text := strings.ReplaceAll(compiledSample, `mode="M5" select="*"`, `mode="M5" select="`+walk+`"`)
		text = strings.Replace(text, `match="a" mode="M5"`, `match="node() | @*" mode="M5"`, 1)
		text = strings.Replace(text, `test="$size = 'small'"`, `test="0"`, 1)
		res, err := checked(t, fstest.MapFS{"r.xslt": {Data: []byte(text)}}, "r.xslt",
			`<r x="1"><!--c--><?p i?><a>t</a><!--d--></r>`, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range res.Findings {
			got = append(got, f.Location)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", walk, got)
		}
	}
	text := strings.Replace(compiledSample, `match="@*|node()" mode="M5" priority="-2"`,
		`match="@*|node()" mode="M6" priority="-2"`, 1)
	_, err := Load(fstest.MapFS{"r.xslt": {Data: []byte(text)}}, "r.xslt")
	if err == nil || !strings.Contains(err.Error(), "r.xslt:7: the mode M5 has no template") {
		t.Error(err)
	}
}

// What a stylesheet does otherwise than the skeleton is refused by name and line.
func TestCompiledRefused(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`version="2.0"`, `version="1.1"`, "r.xslt:1: a stylesheet of XSLT 1.1"},
		{`version="2.0"`, `version="2.0" xpath-default-namespace="u"`, "r.xslt:1: the attribute xpath-default"},
		{`<Error/>`, `<Error xsl:xpath-default-namespace="u"/>`, "r.xslt:12: the attribute xpath-default-namespace"},
		{
			`<svrl:schematron-output title="Sample">`, `<report>`,
			"r.xslt:5: the stylesheet does not write its findings as SVRL",
		},
		{`mode="M5" select="/"`, `mode="M5" select="document('x')"`, "r.xslt:7: xsl:apply-templates is not"},
		{`<xsl:comment/>`, `<xsl:call-template name="x"/>`, "r.xslt:5: xsl:call-template is not supported among"},
		{`<Error/>`, `<xsl:message terminate="yes"/>`, "r.xslt:12: xsl:for-each-group is not supported in a rule"},
		{`<Error/>`, `<svrl:failed-assert/>`, "r.xslt:12: xsl:for-each-group is not supported in a rule"},
		{`mode="M5" select="*"/>
</xsl:template>
<xsl:template match="a" mode="M0"`, `mode="M0" select="*"/>
</xsl:template>
<xsl:template match="a" mode="M0"`, "r.xslt:17: xsl:apply-templates is not supported in a rule"},
		{`<xsl:variable name="word">big`, `<xsl:variable name="word"><big/>`, "r.xslt:4: big is not supported in a"},
	} {
		text := strings.Replace(compiledSample, c.old, c.new, 1)
		if c.new == `<report>` {
			text = strings.Replace(text, `</svrl:schematron-output>`, `</report>`, 1)
		}
		wrong := fmt.Sprint(Check(fstest.MapFS{"r.xslt": {Data: []byte(text)}}, "r.xslt"))
		if text == compiledSample || !strings.Contains(wrong, c.want) {
			t.Errorf("%s: %s\nwant %s", c.new, wrong, c.want)
		}
	}
}

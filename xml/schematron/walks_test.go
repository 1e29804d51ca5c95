package schematron

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// oldSheet is a stylesheet as the skeleton made it for OIOUBL 2.0.2: of XSLT 1.0 and older than SVRL.
const oldSheet = `<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">
<xsl:template match="/"><Schematron><Information>Old rules</Information>
<xsl:apply-templates select="/" mode="M1"/><xsl:apply-templates select="/" mode="M2"/></Schematron></xsl:template>
<xsl:template match="b" priority="4000" mode="M1">
<xsl:if test="@n &lt; '9'"><Error><Description>[F-1] <xsl:value-of select="../b/@n"/></Description>
<Xpath><xsl:for-each select="ancestor::*">/<xsl:value-of select="name()"/></xsl:for-each></Xpath></Error></xsl:if>
<xsl:apply-templates select="*|comment()" mode="M1"/></xsl:template>
<xsl:template match="@n" priority="3999" mode="M1">
<xsl:if test="true()"><Error><Description>[F-2] never visited</Description></Error></xsl:if>
<xsl:apply-templates select="*|comment()" mode="M1"/></xsl:template>
<xsl:template match="text()" priority="-1" mode="M1"/>
<xsl:template match="@*|node()" priority="-2" mode="M1">
<xsl:apply-templates select="*|comment()" mode="M1"/></xsl:template>
<xsl:template match="@*|node()" priority="-2" mode="M2">
<xsl:choose><xsl:when test="not(@*)"><xsl:apply-templates select="node()" mode="M2"/></xsl:when>
<xsl:otherwise><xsl:apply-templates select="@*|node()" mode="M2"/></xsl:otherwise></xsl:choose></xsl:template>
<xsl:template match="@n" priority="4000" mode="M2">
<xsl:choose><xsl:when test=". > '8'"/>
<xsl:otherwise><Error><Description>[F-3] small</Description></Error></xsl:otherwise></xsl:choose><xsl:apply-templates select="@*|*|comment()|processing-instruction()" mode="M2"/></xsl:template>
</xsl:stylesheet>`

// A stylesheet of version 1.0 compares numbers where XPath 2.0 compares strings, its findings are read though they are
// no SVRL, and attributes are visited in the patterns that go on with them only.
func TestOldStylesheet(t *testing.T) {
	src, err := Load(fstest.MapFS{"r.xsl": {Data: []byte(oldSheet)}}, "r.xsl")
	if err != nil {
		t.Fatal(err)
	}
	names := xdm.NewNames()
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := xdm.Parse([]byte(`<a><b n="10"/><b n="8"/></a>`), names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.ID()+" "+f.Location+" "+f.Text)
	}
	want := []string{"F-1 /a[1]/b[2] [F-1] 10", "F-3 /a[1]/b[2]/@n [F-3] small"}
	if !slices.Equal(got, want) || res.Fired != 4 || len(src.Patterns) != 2 || len(src.Patterns[1].Rules) != 1 {
		t.Errorf("%d rules fired, %q, want %q", res.Fired, got, want)
	}
}

// A stylesheet whose walk is not the same everywhere is refused, and so is what no skeleton made.
func TestWalksRefused(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{
			`<xsl:apply-templates select="*|comment()" mode="M1"/></xsl:template>`, `</xsl:template>`,
			"r.xsl:4: a rule that does not go on to the nodes",
		},
		{
			`<xsl:apply-templates select="*|comment()" mode="M1"/></xsl:template>`,
			`<xsl:apply-templates select="@*|*" mode="M1"/></xsl:template>`,
			"r.xsl:4: a rule that does not go on to the nodes",
		},
		{`version="1.0"`, `version="1.1"`, "r.xsl:1: a stylesheet of XSLT 1.1"},
		{`@n &lt; '9'`, `some $x in b satisfies $x`, "an expression of XPath 2.0 is not supported in XPath 1.0"},
		{`<Schematron>`, `<Other>`, "the stylesheet does not write its findings as SVRL"},
	} {
		text := strings.Replace(oldSheet, c.old, c.new, 1)
		if c.new == "<Other>" {
			text = strings.Replace(text, "</Schematron>", "</Other>", 1)
		}
		var got []string
		for _, err := range Check(fstest.MapFS{"r.xsl": {Data: []byte(text)}}, "r.xsl") {
			got = append(got, err.Error())
		}
		if text == oldSheet || len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: %q\nwant %s", c.new, got, c.want)
		}
	}
}

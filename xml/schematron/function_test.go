package schematron

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
)

// findings are the ids and places of what a rule file finds.
func findings(t *testing.T, fsys fs.FS, doc string) string {
	t.Helper()
	res, err := checked(t, fsys, "r.sch", doc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range res.Findings {
		out = append(out, strings.TrimSpace(f.ID()+" "+f.Location+" "+f.Code))
	}
	return strings.Join(out, ", ")
}

const functionRules = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"
	xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:u="urn:u" xmlns:i="urn:i">
<ns prefix="u" uri="urn:u"/>
<xsl:function name="u:twice" as="xs:boolean" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:deep="urn:i">
	<xsl:param name="list" as="element()*"/>
	<xsl:variable name="seen" as="xs:string*">
		<xsl:for-each-group select="$list" group-by="deep:id">
			<xsl:if test="count(current-group()) gt 1">
				<xsl:message>twice: <b xmlns="urn:b"/><xsl:value-of select="."/></xsl:message>
				<xsl:sequence select="current-grouping-key()"/>
			</xsl:if>
		</xsl:for-each-group>
	</xsl:variable>
	<xsl:sequence select="exists($seen)"/>
</xsl:function>
<xsl:function name="u:numbered">
	<xsl:param name="list"/>
	<xsl:variable name="all">
		<xsl:for-each select="$list">
			<xsl:value-of select="position(), ." separator="-" xmlns:v="urn:v"/>
			<xsl:if test="position() ne last()">, </xsl:if>
		</xsl:for-each>
	</xsl:variable>
	<xsl:value-of select="$all"/>
</xsl:function>
<pattern>
<rule context="(order|invoice)/line[@u:checked]"><assert id="none" test="false()">none</assert></rule>
<rule context="(order | invoice)">
<assert id="twice" test="not(u:twice(line))">twice</assert>
<assert id="format" test="format-number(sum(line/n), '0.00') = string(total)">format</assert>
</rule>
<rule context="line">
<let name="same" value="../line[n = current()/n]"/>
<assert id="current" test="count($same) = 1">current</assert>
</rule>
<rule context="root"><assert id="numbered" test="u:numbered(order/line/n) = '1-0.5, 2-0.5'">numbered</assert></rule>
</pattern></schema>`

// SCHEMATRON-5, SCHEMATRON-7.2: instructions in functions, whose prefixes are those of their elements, contexts with
// parentheses, and current() at a rule.
func TestSCHEMATRON5_FunctionsOfARuleFile(t *testing.T) {
	fsys := fstest.MapFS{"r.sch": {Data: []byte(functionRules)}}
	line := func(id, n string) string { return `<line><id xmlns="urn:i">` + id + `</id><n>` + n + `</n></line>` }
	for _, c := range []struct{ doc, want string }{
		{
			"<root><order>" + line("a", "0.5") + line("b", "0.5") + "<total>1.00</total></order></root>",
			"current /root[1]/order[1]/line[1], current /root[1]/order[1]/line[2]",
		},
		{
			"<order>" + line("a", "1") + line("a", "2") + "<total>3</total></order>",
			"twice /order[1], format /order[1]",
		},
		{"<root><invoice>" + line("a", "1") + "<total>1.00</total></invoice></root>", "numbered /root[1]"},
	} {
		if got := findings(t, fsys, c.doc); got != c.want {
			t.Errorf("%s: %q, want %q", c.doc, got, c.want)
		}
	}
}

// What functions may not use is refused by name, with its line.
func TestSCHEMATRON5_InstructionsRefused(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`<xsl:number/>`, "xsl:number is not supported"},
		{`<xsl:for-each select="1"><xsl:sort select="."/></xsl:for-each>`, "xsl:sort is not supported"},
		{`<xsl:for-each-group select="1" group-starting-with="a"/>`, "group-starting-with of xsl:for-each-group"},
		{`<xsl:for-each-group select="1"/>`, "neither group-by nor group-adjacent"},
		{`<xsl:message terminate="{1}"/>`, `the terminate "{1}"`},
		{`<xsl:value-of select="1" separator="{1}"/>`, "a separator that is computed"},
		{`<xsl:copy-of select="1"/>`, "xsl:copy-of is not supported"},
		{`<b/>`, "b is not supported"},
		{`<xsl:sequence select="p:x"/>`, "the prefix p is not declared"},
		{`<xsl:sequence select="$let"/>`, "the variable $let is not declared"},
	} {
		text := `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2" xmlns:u="urn:u"` +
			` xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><let name="let" value="1"/>` + "\n" +
			`<xsl:function name="u:f">` + c.body + `</xsl:function></schema>`
		errs := Check(fstest.MapFS{"r.sch": {Data: []byte(text)}}, "r.sch")
		if len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), "r.sch:") ||
			!strings.Contains(errs[0].Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.body, errs, c.want)
		}
	}
}

// The rule files that stood refused for their contexts, current(), functions of XPath 3 and instructions are refused
// for nothing of that any more. What is still wrong with one of them is named beside it.
func TestSCHEMATRON2_RefusedFiles(t *testing.T) {
	dir := golden.Shared(t, "cases/rules/refused")
	left := map[string]string{
		"25": "the variable $Credit_Payment_instructions is not declared", // a parameter that is nowhere given
		"26": "the variable $Credit_Payment_instructions is not declared",
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	about := []string{"XTSE0340", "XPST0017", "XPST0008", "not supported in a function", "is not declared"}
	for _, number := range []string{"05", "06", "07", "08", "09", "10", "13", "14", "25", "26"} {
		i := slices.IndexFunc(files, func(f string) bool { return strings.HasPrefix(filepath.Base(f), number+"-") })
		if i < 0 {
			t.Fatalf("there is no file %s", number)
		}
		for _, err := range Check(os.DirFS(dir), filepath.Base(files[i])) {
			text := err.Error()
			known := left[number] != "" && strings.Contains(text, left[number])
			known = known || strings.Contains(text, "no function document")
			if slices.ContainsFunc(about, func(s string) bool { return strings.Contains(text, s) }) && !known {
				t.Errorf("%.300s", text)
			}
		}
	}
}

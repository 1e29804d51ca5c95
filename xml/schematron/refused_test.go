package schematron

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ravn-ap/ravn/xml/xpath"
)

const schemaOpen = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2" ` +
	`xmlns:xsl="http://www.w3.org/1999/XSL/Transform">`

// What cannot be done right is refused by name, with its file and line.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{
			"rule of itself", `
<pattern><rule abstract="true" id="a"><extends rule="a"/></rule><rule context="x"><extends rule="a"/></rule></pattern>`,
			"r.sch:2: the rule a extends itself",
		},
		{"rules of each other", `
<pattern><rule abstract="true" id="a"><extends rule="b"/></rule><rule context="x"><extends rule="a"/></rule>
<rule abstract="true" id="b"><extends rule="a"/></rule></pattern>`, "r.sch:3: the rule a extends itself"},
		{"rule of another file that takes itself", `<pattern><rule context="x">
<extends href="a.xml#a"/></rule></pattern>`, "a.xml:1: schematron: a.xml#a includes itself"},
		{
			"rule that is not there", `<pattern><rule context="x"><extends rule="a"/></rule></pattern>`,
			"extends of the abstract rule a, which is there 0 times",
		},
		{"rule that is there twice", `<pattern><rule abstract="true" id="a"/><rule abstract="true" id="a"/>
<rule context="x"><extends rule="a"/></rule></pattern>`, "r.sch:2: extends of the abstract rule a, which is there 2"},
		{
			"rule that is not abstract", `<pattern><rule context="x" id="a"/><rule context="y">` +
				`<extends rule="a"/></rule></pattern>`,
			"extends of the abstract rule a, which is there 0 times",
		},
		{"what is no rule", `<pattern><rule context="x"><extends href="p.xml"/></rule></pattern>`, "which is no rule"},
		{"abstract rule without id", `<pattern><rule abstract="true"/></pattern>`, "an abstract rule without an id"},
		{
			"abstract pattern of itself", `<pattern abstract="true" id="p" is-a="p"/><pattern is-a="p"/>`,
			"an abstract pattern that is made from one, p,",
		},
		{
			"abstract pattern twice", `<pattern abstract="true" id="p"/><pattern abstract="true" id="p"/>`,
			"the abstract pattern p is there twice",
		},
		{"pattern of what is not there", `<pattern is-a="p"/>`, "the abstract pattern p is not there"},
		{"rules beside parameters", `<pattern abstract="true" id="p"/>
<pattern is-a="p"><rule context="x"/></pattern>`, "r.sch:2: a pattern made from an abstract one has only"},
		{
			"parameter in a parameter", `<pattern abstract="true" id="p"/>
<pattern is-a="p"><param name="a" value="$b"/><param name="b" value="1"/></pattern>`,
			"r.sch:2: the parameter a with another one in its value, $b",
		},
		{"include of itself", `
<include href="r.sch"/>`, "r.sch:2: schematron: r.sch includes itself"},
		{"cycle of includes", `<include href="c1.xml"/>`, "c2.xml:1: schematron: c1.xml includes itself"},
		{"include of what is not there", `<include href="p.xml#no"/>`, "p.xml has no element with the id no"},
		{"include of a schema", `<include href="s.xml"/>`, "an include of a whole schema, s.xml"},
		{"include of something else", `<include href="o.xml"/>`, "an include of other, which is no element"},
		{
			"include of a text", `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="p.xml" parse="text"/>`,
			"an include of a text or a pointer is not supported",
		},
		{"let with elements", `<let name="v"><a/></let>`, "the let v with elements as its value is not supported"},
		{"let with a type", `<let name="v" value="1" as="xs:integer"/>`, "the let v with a type is not supported"},
		{"let with an empty value", `<let name="v" value=""/>`, "let v: XPST0003"},
		{"let twice in a schema", `<let name="v" value="1"/>
<let name="v" value="2"/>`, "r.sch:2: the let v is there twice"},
		{
			"let twice in a pattern", `<pattern><let name="v" value="1"/><let name="v" value="2"/></pattern>`,
			"the let v is there twice",
		},
		{
			"let of the schema in a pattern", `<let name="v" value="1"/><pattern><let name="v" value="2"/></pattern>`,
			"the let v is there twice",
		},
		{"lets of each other", `<let name="v" value="$w"/><let name="w" value="$v"/>`, "let v: XPST0008"},
		{
			"phase without its pattern", `<phase id="f"><active pattern="p"/></phase>`,
			`a phase names the pattern "p", which is not there`,
		},
		{"phase twice", `<phase id="f"/><phase id="f"/>`, "the phase f is there twice"},
		{
			"diagnostic that is not there", `<pattern><rule context="x">` +
				`<assert test="1" diagnostics="d"/></rule></pattern>`,
			"the diagnostic d is not there",
		},
		{
			"property that is not there", `<pattern><rule context="x">` +
				`<assert test="1" properties="d"/></rule></pattern>`,
			"the property d is not there",
		},
		{
			"diagnostic twice", `<diagnostics><diagnostic id="d"/><diagnostic id="d"/></diagnostics>`,
			"the diagnostic d is there twice",
		},
		{"diagnostic with an error", `<diagnostics><diagnostic id="d">` +
			`<value-of select="1 +"/></diagnostic></diagnostics>
<pattern><rule context="x"><assert id="A" test="1" diagnostics="d"/></rule></pattern>`, "r.sch:2: text of A: XPST0003"},
		{
			"instruction in a rule", `<pattern><rule context="x"><xsl:if test="1"/></rule></pattern>`,
			"xsl:if is not supported in a rule",
		},
		{
			"instruction in a message", `<pattern><rule context="x"><assert test="1">` +
				`<xsl:copy-of select="."/></assert></rule></pattern>`,
			"xsl:copy-of is not supported in a message",
		},
		{"prefix of two namespaces", `<ns prefix="a" uri="u"/>
<ns prefix="a" uri="v"/>`, "r.sch:2: the prefix a stands for u and for v"},
		{"template", `<xsl:template match="x"/>`, "xsl:template is not supported"},
		{"import", `<xsl:import href="x"/>`, "xsl:import is not supported"},
		{"default namespace", `<xsl:function name="f:f" xmlns:f="f"><xsl:sequence xpath-default-namespace="u" ` +
			`select="1"/></xsl:function>`, "r.sch:1: the attribute xpath-default-namespace"},
		{"key in a pattern", `<pattern><xsl:key name="k" match="x" use="."/></pattern>`, "xsl:key is not supported"},
		{"text where XSLT has none", `<xsl:variable name="v">` +
			`<o/></xsl:variable>`, "o is not supported in a function or let"},
		{"context of comments", `<pattern><rule context="a | comment()"/></pattern>`, "context: "},
		{"context of texts", `<pattern><rule context="a/text()"/></pattern>`, "context: "},
		{"context of instructions", `<pattern><rule context="processing-instruction('x')"/></pattern>`, "context: "},
	} {
		fsys := fstest.MapFS{
			"r.sch": {Data: []byte(schemaOpen + c.body + `</schema>`)},
			"a.xml": {Data: []byte(`<rule xmlns="http://purl.oclc.org/dsdl/schematron" id="a">` +
				`<extends href="#a"/></rule>`)},
			"c1.xml": {Data: []byte(`<pattern xmlns="http://purl.oclc.org/dsdl/schematron">` +
				`<include href="c2.xml"/></pattern>`)},
			"c2.xml": {Data: []byte(`<rule xmlns="http://purl.oclc.org/dsdl/schematron" context="x">` +
				`<include href="c1.xml"/></rule>`)},
			"p.xml": {Data: []byte(`<pattern xmlns="http://purl.oclc.org/dsdl/schematron"/>`)},
			"s.xml": {Data: []byte(schemaOpen + `</schema>`)},
			"o.xml": {Data: []byte(`<other/>`)},
		}
		wrong := Check(fsys, "r.sch")
		if !strings.Contains(fmt.Sprint(wrong), c.want) {
			t.Errorf("%s: %v, want %s", c.name, wrong, c.want)
		}
	}
	for _, q := range []string{"exslt", "xquery", "stx", "xslt2 "} {
		_, err := Load(fstest.MapFS{"r.sch": {Data: []byte(
			`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="` + q + `"/>`)}}, "r.sch")
		if want := fmt.Sprintf("r.sch:1: the query binding %q is not supported", q); err == nil ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// Rules that grow when they are read, or never end when they are run, are refused by name, in time.
func TestHostileRules(t *testing.T) {
	start := time.Now()
	var deep, bomb, wide strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&deep, `<rule abstract="true" id="a%d"><extends rule="a%d"/></rule>`, i, i+1)
	}
	for i := range 90 {
		fmt.Fprintf(&bomb, `<rule abstract="true" id="a%d"><extends rule="a%d"/>`+
			`<extends rule="a%d"/></rule>`, i, i+1, i+1)
	}
	bomb.WriteString(`<rule abstract="true" id="a90"/>`)
	wide.WriteString(`<rule abstract="true" id="a1">` + strings.Repeat(`<assert test="1"/>`, 1000) + `</rule>`)
	wide.WriteString(`<rule abstract="true" id="a0">` + strings.Repeat(`<extends rule="a1"/>`, 1000) + `</rule>`)
	for _, c := range []struct{ name, rules, want string }{
		{"10,000 levels", deep.String(), "more than 100 rules that extend each other"},
		{"each extends two", bomb.String(), "the rules extend others too often: more than 100000 parts"},
		{"a thousand by a thousand", wide.String(), "the rules extend others too often: more than 100000 parts"},
	} {
		text := schemaOpen + `<pattern>` + c.rules + `<rule context="x"><extends rule="a0"/></rule></pattern></schema>`
		_, err := Load(fstest.MapFS{"r.sch": {Data: []byte(text)}}, "r.sch")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.300v", c.name, err)
		}
	}
	many := fstest.MapFS{
		"r.sch": {Data: []byte(schemaOpen + strings.Repeat(`<include href="f.xml"/>`, 201) + `</schema>`)},
		"f.xml": {Data: []byte(`<p xmlns="http://purl.oclc.org/dsdl/schematron"/>`)},
	}
	if _, err := Load(many, "r.sch"); err == nil || !strings.Contains(err.Error(), "more than 200 files") {
		t.Errorf("includes: %.300v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
	for _, value := range []string{
		"for $a in 1 to 1000000, $b in 1 to 1000000 return $a", "count((1 to 1000000)[(1 to 1000000) = -1])", "f:f(1)",
	} {
		text := schemaOpen + `<ns prefix="f" uri="f"/><xsl:function name="f:f" xmlns:f="f"><xsl:param name="n"/>` +
			`<xsl:sequence select="f:f($n) + f:f($n)"/></xsl:function><let name="v" value="` + value + `"/>` +
			`<pattern><rule context="x"><assert id="A" test="empty($v)"/></rule></pattern></schema>`
		res, err := checked(t, fstest.MapFS{"r.sch": {Data: []byte(text)}}, "r.sch", "<x/>",
			Options{Budget: xpath.Budget{Steps: 1_000_000, Bytes: 1 << 20}})
		bounded := errors.Is(err, ErrBudget)
		if err == nil {
			bounded = len(res.Findings) == 1 && res.Findings[0].Code != ""
		}
		if !bounded {
			t.Errorf("%s: %v, %v", value, res, err)
		}
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unusable are the files of packs with features that are not supported, and one whose manifest is broken.
var unusable = map[string]string{
	"a/1/pack.json": `{"name":"a","version":"1","documents":[{"doctype":"::a##c::1","rules":["r.sch","s.sch",` +
		`"t.xslt"]}]}`,
	"a/1/r.sch": `<schema xmlns="http://purl.oclc.org/dsdl/schematron" ` +
		`xmlns:xsl="http://www.w3.org/1999/XSL/Transform"` +
		` queryBinding="xslt2">
<xsl:template name="v"/>
<xsl:function name="f"><xsl:number/><xsl:message terminate="perhaps"/></xsl:function>
<pattern><rule context="a"><extends rule="x"/><assert id="A" flag="fatal">no test</assert>
<assert test="no-such-function(.)" id="B" flag="fatal">x</assert>
<let name="y" value="1 +"/></rule></pattern></schema>`,
	"a/1/s.sch": `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="exslt"><pattern/></schema>`,
	"a/1/t.xslt": "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"2.0\">\n" +
		"<xsl:template match=\"/\"/>\n<xsl:import href=\"x\"/>\n<xsl:strip-space elements=\"*\"/></xsl:stylesheet>",
	"b/1/pack.json": `{"name":"b","version":"1","documents":[{"doctype":"::a##c::1","rules":["r.sch"]}]}`,
	"b/1/r.sch": `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule ` +
		`context="a"><assert test="b" id="A" flag="fatal">no b</assert></rule></pattern></schema>`,
	"c/1/pack.json": `{`,
	"d/1/pack.json": `{"name":"d","version":"1","documents":[{"doctype":"::a##c::1","xsd":"none.xsd","rules":` +
		`["r.sch"]}]}`,
	"d/1/r.sch": `<!DOCTYPE schema [<!ENTITY e SYSTEM "file:///etc/passwd">]><schema ` +
		`xmlns="http://purl.oclc.org/dsdl/schematron">&e;</schema>`,
}

// rules check names every feature that is not supported, in all packs, with file and line.
func TestRulesCheckNamesAll(t *testing.T) {
	dir := t.TempDir()
	for name, text := range unusable {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := call(t, "rules", "check", "--rules", dir, "--json")
	if code != 2 {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	got := map[string]string{}
	for line := range strings.Lines(out) {
		var r packCheck
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.OK != (len(r.Problems) == 0) {
			t.Errorf("%+v", r)
		}
		got[r.Name] = strings.Join(r.Problems, "\n")
	}
	want := map[string][]string{
		"a": {
			"r.sch:2: xsl:template is not supported", "r.sch:3: xsl:number is not supported in a function",
			`r.sch:3: the terminate "perhaps" is not supported in a function`,
			"r.sch:4: extends of the abstract rule x, which is there 0 times", "r.sch:4: an assert without a test",
			"r.sch:5: test of B: ", "no-such-function", "r.sch:6: let y: ",
			`s.sch:1: the query binding "exslt" is not supported`, "t.xslt:3: xsl:import is not supported",
			"t.xslt:4: xsl:strip-space is not supported",
		},
		"b": {}, "ravn-core": {}, "": {"c", "pack.json"}, "d": {"none.xsd", "r.sch: "},
	}
	for name, parts := range want {
		problems, ok := got[name]
		if !ok || len(parts) == 0 && problems != "" {
			t.Errorf("%s: %q", name, problems)
		}
		for _, part := range parts {
			if !strings.Contains(problems, part) {
				t.Errorf("%s: %q is not in\n%s", name, part, problems)
			}
		}
	}
	if out, _, _ := call(t, "rules", "check", "--rules", dir); !strings.Contains(out, "b 1: ok") ||
		!strings.Contains(out, "a 1: cannot be used\n") {
		t.Error(out)
	}
}

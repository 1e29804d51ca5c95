package schematron

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestSCHEMATRON4_ConstantPatterns: a pattern that cannot be used is refused when the rules are loaded, with its line:
// in a test, in a context, in a let, and where it is read from a let.
func TestSCHEMATRON4_ConstantPatterns(t *testing.T) {
	const file = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<let name="fine" value="'^(?:a|b)(c)\1.{1,6826666}$'"/>
<let name="wrong" value="'^(a$'"/>
<pattern>
<rule context="r[matches(., '^(\1)')]">
<assert id="A" test="matches(., $fine)">a</assert>
</rule>
<rule context="s">
<assert id="B" test="if (@x) then matches(., $wrong) else true()">b</assert>
<assert id="C" test="replace(., 'x*', '')">c</assert>
<let name="parts" value="tokenize(., ',', 'g')"/>
</rule>
</pattern>
</schema>`
	want := []string{
		"a.sch:5: context: FORX0002: ", "a.sch:9: test of B: FORX0002: ", "a.sch:10: test of C: FORX0003: ",
		"a.sch:11: let parts: FORX0001: ",
	}
	errs := Check(fstest.MapFS{"a.sch": {Data: []byte(file)}}, "a.sch")
	if len(errs) != len(want) {
		t.Fatalf("%v", errs)
	}
	for i, err := range errs {
		if !strings.HasPrefix(err.Error(), want[i]) {
			t.Errorf("%v, want %s…", err, want[i])
		}
	}
}

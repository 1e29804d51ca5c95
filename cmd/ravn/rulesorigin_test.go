package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rules install and list say which release a pack is, on which days it holds, from where both are known, and for how
// many of its document types it is the one that applies today.
func TestRulesOrigin(t *testing.T) {
	t.Chdir(t.TempDir())
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []struct{ version, day string }{{"3.0.15", ""}, {"3.0.99", "2999-08-24"}} {
		dir := "poacc-" + v.version
		put(dir+"/target/schematron/PEPPOLBIS-T71.sch",
			`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule context="a">`+
				`<assert test="b" id="B" flag="fatal">b</assert></rule></pattern></schema>`)
		put(dir+"/guides/release-notes/main.adoc", "= Release notes\n\ninclude::v"+v.version+".adoc[]\n")
		put(dir+"/guides/release-notes/v"+v.version+".adoc", "= Version "+v.version+"\n[horizontal]\n"+
			"* Mandatory to use from: "+v.day+"\n")
	}
	for _, c := range []struct{ dir, want string }{
		{
			"poacc-3.0.15", "installed peppol-postaward 3.0.15: 1 document type, 1 of them without an XML Schema\n" +
				"  release 3.0.15: guides/release-notes/main.adoc\n" +
				"  days: 2025-08-25 –, by the known releases of OpenPeppol\n",
		},
		{
			"poacc-3.0.99", "installed peppol-postaward 3.0.99: 1 document type, 1 of them without an XML Schema\n" +
				"  release 3.0.99: guides/release-notes/main.adoc\n" +
				"  days: 2999-08-24 –, by guides/release-notes/v3.0.99.adoc\n",
		},
	} {
		if out, errs, code := call(t, "rules", "install", "--rules", "rules", c.dir); code != 0 || out != c.want {
			t.Errorf("exit %d: %s%s\nwant %s", code, out, errs, c.want)
		}
	}
	out, errs, code := call(t, "rules", "list", "--rules", "rules")
	for _, want := range []string{
		"peppol-postaward         3.0.99           2999-08-24 –             1 document type, none today, " +
			"from poacc-3.0.99\n",
		"peppol-postaward         3.0.15           2025-08-25 –             1 document type, applies to 1 today, " +
			"from poacc-3.0.15\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d: %s%s\nwant %s", code, out, errs, want)
		}
	}
	out, errs, code = call(t, "rules", "list", "--rules", "rules", "--json")
	first, _, _ := strings.Cut(out, "\n")
	var got struct {
		Version     string
		ValidFrom   string `json:"valid_from"`
		ReleaseFrom string `json:"release_from"`
		DaysFrom    string `json:"days_from"`
		Source      string
		Today       *int
	}
	if err := json.Unmarshal([]byte(first), &got); err != nil || code != 0 || got.Version != "3.0.99" ||
		got.ValidFrom != "2999-08-24" || got.ReleaseFrom != "guides/release-notes/main.adoc" ||
		got.DaysFrom != "guides/release-notes/v3.0.99.adoc" || got.Source != "poacc-3.0.99" || got.Today == nil ||
		*got.Today != 0 {
		t.Errorf("exit %d: %+v %v %s", code, got, err, errs)
	}
}

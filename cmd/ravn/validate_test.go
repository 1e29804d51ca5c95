package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/core"
)

// Without configuration and installed rules validate uses the built-in pack, and the verdict says so.
func TestValidateBasic(t *testing.T) {
	base := golden.Invoice(t)
	dir := t.TempDir()
	t.Chdir(dir)
	good, bad := filepath.Join(dir, "good.xml"), filepath.Join(dir, "bad.xml")
	for name, text := range map[string]string{
		good: string(base),
		bad:  strings.Replace(string(base), "<cbc:IssueDate>", "<cbc:IssueDate>x", 1),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, code := call(t, "validate", good); code != 0 || !strings.Contains(out, ": valid (ravn-core ") ||
		!strings.Contains(out, "basic rules only") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if out, _, code := call(t, "validate", "--json", bad); code != 1 ||
		!strings.Contains(out, `"basic_rules_only":true`) || !strings.Contains(out, "PEPPOL-EN16931-F001") {
		t.Errorf("exit %d: %s", code, out)
	}
	envelope := `<StandardBusinessDocument xmlns="http:` +
		`//www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"><StandardBusinessDocumentHeader>` +
		`<HeaderVersion>2.0</HeaderVersion></StandardBusinessDocumentHeader>` +
		string(base[strings.Index(string(base), "<Invoice"):]) + `</StandardBusinessDocument>`
	wrapped := filepath.Join(dir, "wrapped.xml")
	if err := os.WriteFile(wrapped, []byte(envelope), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, code := call(t, "validate", wrapped); code != 1 || !strings.Contains(out, "SBDH-004") ||
		!strings.Contains(out, "/StandardBusinessDocument[1]/") || strings.Contains(out, "/Invoice[1]") {
		t.Errorf("in a bad envelope: exit %d: %s", code, out)
	}
	if _, errs, code := call(t, "--config", "other.yaml", "validate", good); code != 2 ||
		!strings.Contains(errs, "other.yaml") {
		t.Errorf("with a configuration that is not there: exit %d: %s", code, errs)
	}
	if _, errs, code := call(t, "validate", "--rules", filepath.Join(dir, "none"), good); code != 2 ||
		!strings.Contains(errs, "none") {
		t.Errorf("with a folder that is not there: exit %d: %s", code, errs)
	}
}

// With installed rules the verdict is theirs.
func TestValidateOfficial(t *testing.T) {
	official, invoice := golden.Shared(t, "rules"), filepath.Join(golden.Root(t), "testbed", "invoice.xml")
	t.Chdir(t.TempDir())
	if out, _, code := call(t, "validate", "--rules", official, invoice); code != 0 ||
		strings.Contains(out, "basic rules only") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// rules list shows the built-in pack with the number of its rules, and rules core the rules.
func TestRulesCore(t *testing.T) {
	t.Chdir(t.TempDir())
	out, errs, code := call(t, "rules", "list", "--json")
	var m struct {
		Name  string
		Basic bool
		Rules int
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil || code != 0 || m.Name != core.Name || !m.Basic ||
		m.Rules < 80 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if out, _, code := call(t, "rules", "core"); code != 0 || !strings.Contains(out, "\nNO-R-001 ") {
		t.Errorf("exit %d: %s", code, out)
	}
	out, _, code = call(t, "rules", "core", "--json")
	var r core.Rule
	if err := json.Unmarshal([]byte(out[:strings.Index(out, "\n")]), &r); err != nil || code != 0 || r.ID == "" ||
		r.Sentence == "" {
		t.Errorf("exit %d: %.200s", code, out)
	}
	if out, _, code := call(t, "rules", "check"); code != 0 || !strings.Contains(out, "ok") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// Rules are installed where the server of the same configuration looks for them, wherever the command is called.
func TestRulesOfAConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	if _, errs, code := call(t, "quickstart", "--environment", "local", "--dir", dir); code != 0 {
		t.Fatal(errs)
	}
	src := t.TempDir()
	for name, text := range map[string]string{
		"pack.json": `{"name":"p","version":"1","documents":[{"doctype":"::a##c::1","rules":["r.sch"]}]}`,
		"r.sch": `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule ` +
			`context="a"><assert test="b" id="A" flag="fatal">no b</assert></rule></pattern></schema>`,
	} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "ravn.yaml")
	if _, errs, code := call(t, "--config", file, "rules", "install", src); code != 0 {
		t.Fatal(errs)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.RulesDir(), "p", "1", "pack.json")); err != nil ||
		!strings.HasPrefix(cfg.RulesDir(), dir) {
		t.Errorf("installed in another place than %s: %v", cfg.RulesDir(), err)
	}
	doc := filepath.Join(src, "a.xml")
	if err := os.WriteFile(doc, []byte("<a/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, code := call(t, "--config", file, "validate", "--doctype", "::a##c::1", doc); code != 1 ||
		!strings.Contains(out, "no b") {
		t.Errorf("exit %d: %s", code, out)
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/reporting"
)

// TestReportExport: the files of a month without traffic, in a node as quickstart makes it, and what is refused.
func TestReportExport(t *testing.T) {
	cfg := quickNode(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "made", "here")
	export := func(more ...string) []string {
		return append([]string{"--config", cfg, "report", "export", "--month", "2026-03", "--out", out}, more...)
	}
	text, errs, code := call(t, export("--sp-name", "Ravn AS", "--lang", "en")...)
	if code != 0 || !strings.Contains(text, "2026-03: 0 sent, 0 received\npreview: ") ||
		!strings.Contains(text, "missing in the files: --org, --contact, --to\n") {
		t.Fatalf("exit %d: %s%s", code, text, errs)
	}
	mail, err := os.ReadFile(filepath.Join(out, "mail-preview.txt"))
	if err != nil || !strings.HasPrefix(string(mail), "Subject: Reporting - 2026-03 Ravn AS\nTo: (missing)\n") {
		t.Errorf("%v\n%s", err, mail)
	}
	text, errs, code = call(t, export("--json", "--sp-name", "Ravn AS", "--org", "999888777", "--contact", "Kari",
		"--to", "dfo@example.com")...)
	var x struct {
		Month          string
		Preview        bool
		Sent, Received *int
		Missing        []string
		Files          []reporting.File
	}
	if err := json.Unmarshal([]byte(text), &x); err != nil || code != 0 || x.Month != "2026-03" || !x.Preview ||
		x.Sent == nil || x.Received == nil || len(x.Missing) != 0 || len(x.Files) != 5 {
		t.Errorf("exit %d, %v: %s%s", code, err, text, errs)
	}
	template := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(template, []byte("dfo:\n  - period\n  - colour\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no month":       {[]string{"--config", cfg, "report", "export", "--out", out}, "RAVN-1012"},
		"no folder":      {[]string{"--config", cfg, "report", "export", "--month", "2026-03"}, "--out is needed"},
		"bad month":      {export("--month", "2026-3"), "--month"},
		"language":       {export("--lang", "sv"), `--lang: want nb, nn or en, have "sv"`},
		"name":           {export("--sp-name", "a\nb"), "--sp-name: "},
		"template":       {export("--template", template), `line 3: there is no column "colour"; there are period, `},
		"no template":    {export("--template", filepath.Join(dir, "nothing")), "--template"},
		"folder is file": {export("--out", taken), "RAVN-1006"},
	} {
		if _, errs, code := call(t, tc.args...); code != 2 || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

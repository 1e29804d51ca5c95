package pack

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// The table of known document types says what the shared table says of each: processes, and the names of the rule
// files.
func TestKnownDocuments(t *testing.T) {
	files := os.DirFS(golden.Shared(t, "rules"))
	text, err := fs.ReadFile(files, "mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := fromMapping(files, text)
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]*knownDocument{} // by document type and rule files
	for i := range knownDocuments {
		k := &knownDocuments[i]
		ours[k.docType()+" "+k.rules] = k
	}
	if len(ours) != len(knownDocuments) {
		t.Errorf("%d rows, %d of them different", len(knownDocuments), len(ours))
	}
	for _, d := range shared.Documents {
		var names []string
		for _, file := range d.Rules {
			names = append(names, nameIn(d.DocType, file))
		}
		k := ours[d.DocType+" "+strings.Join(names, " ")]
		if k == nil {
			t.Errorf("%s with %q is not in the table", d.DocType, names)
			continue
		}
		if a, b := slices.Sorted(slices.Values(k.processes)),
			slices.Sorted(slices.Values(d.Processes)); !slices.Equal(a, b) {
			t.Errorf("%s: processes %q, want %q", d.DocType, a, b)
		}
		delete(ours, d.DocType+" "+strings.Join(names, " "))
	}
	for _, k := range ours { // what is in no code list
		if !slices.Contains([]string{
			ofEN16931, ofEHFPayment, ofXRechnung, ofZUGFeRD, ofNLCIUS, ofItaly,
		}, k.pack) {
			t.Errorf("%s is in the table and not in the shared one", k.docType())
		}
	}
}

// nameIn is the name in the table of a shared rule file.
func nameIn(docType, file string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".sch"), "-preprocessed")
	if rest, ok := strings.CutPrefix(name, "EN16931-"); ok && strings.Contains(docType, "peppol") {
		return "CEN-EN16931-" + strings.TrimSuffix(rest, "-validation")
	}
	if i := strings.LastIndex(name, "-"); strings.HasPrefix(name, "peppol-") && versionForm.MatchString(name[i+1:]) {
		return name[:i+1]
	}
	return name
}

func TestCompareVersions(t *testing.T) {
	order := []string{
		"1.3.6", "1.3.6a", "1.3.9", "1.3.14.1", "1.3.14.2", "1.3.15", "2022-06-15", "2023-02", "2025.5",
		"2025.11",
	}
	for i, a := range order {
		for j, b := range order {
			if got := compareVersions(a, b); got != min(max(i-j, -1), 1) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

func TestVersionNamed(t *testing.T) {
	for name, want := range map[string]string{
		"peppol-bis-invoice-3": "", "peppol-bis-invoice-3-master": "", "peppol-bis-invoice-3-3.0.19": "3.0.19",
		"poacc-upgrade-3-v3.0.15": "3.0.15", "poacc-upgrade-3-2025.5": "2025.5",
		"eInvoicing-EN16931-validation-1.3.16": "1.3.16", "ehf-postaward-g3-2026-08-13": "2026-08-13",
		"no.anskaffelser.ehf.postaward.g3-20260813": "2026-08-13", "x-20261399": "20261399",
		"2026.5": "2026.5", "ehf-postaward-g3": "",
		"xrechnung-3.0.2-schematron-2.5.0":                   "3.0.2-2.5.0",
		"xrechnung-3.0.2-validator-configuration-2026-01-31": "3.0.2-2026-01-31",
		"validator-configuration-xrechnung_3.0.2_2025-07-10": "3.0.2-2025-07-10",
		"xrechnung-schematron-2.5.0":                         "2.5.0",
		"validator-configuration-xrechnung-v2026-01-31":      "2026-01-31",
		"xrechnung-3.0.2-schematron-2.4.1-SNAPSHOT":          "3.0.2-2.4.1-SNAPSHOT",
	} {
		if got := withDashes(versionNamed(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

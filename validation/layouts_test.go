package validation

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/pack"
)

// layout is an official repository or archive, made of the shared files under the paths that they have there.
type layout struct {
	name    string            // of the archive; without .zip it is a folder
	lead    string            // the folder that everything in an archive lies in
	files   map[string]string // path to the shared file or folder
	made    map[string]string // path to text that is made up
	release string            // --release
	packs   string            // what comes out of it: "name version from" each
}

const (
	cenUBL   = "en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch"
	cenCII   = "en16931/cii/schematron/preprocessed/EN16931-CII-validation-preprocessed.sch"
	ciiFiles = "cii/schema/D16B SCRDM (Subset)/uncoupled clm/CII/uncefact"
)

var layouts = []layout{
	{
		name: "peppol-bis-invoice-3", packs: "peppol-billing 3.0.21 2026-08-17",
		files: map[string]string{
			"rules/sch/CEN-EN16931-UBL.sch": cenUBL, "rules/sch/CEN-EN16931-CII.sch": cenCII,
			"rules/sch/PEPPOL-EN16931-UBL.sch":       "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch",
			"rules/sch/PEPPOL-EN16931-CII.sch":       "peppol-billing/sch/3.0.19/PEPPOL-EN16931-CII.sch",
			"rules/sch/PeppolBIS-Envelope-Rules.sch": "peppol-billing/sch/2026.5/PeppolBIS-Envelope-Rules.sch",
			"rules/buildconfig.xml":                  "peppol-billing/buildconfig.xml",
			"rules/examples":                         "peppol-billing/examples",
		},
	},
	{
		name: "v3.0.19.zip", lead: "peppol-bis-invoice-3-3.0.19", packs: "peppol-billing 3.0.19 2025-08-25",
		files: map[string]string{
			"rules/sch/CEN-EN16931-UBL.sch":    cenUBL,
			"rules/sch/PEPPOL-EN16931-UBL.sch": "peppol-billing/sch/3.0.19/PEPPOL-EN16931-UBL.sch",
		},
		made: map[string]string{"README.md": "Peppol BIS Billing"},
	},
	{
		name: "poacc-upgrade-3-3.0.17.zip", lead: "poacc-upgrade-3-3.0.17", packs: "peppol-postaward 3.0.17 2026-08-17",
		files: map[string]string{
			"target/schematron":     "peppol-postaward/sch/2026.5",
			"rules/buildconfig.xml": "peppol-postaward/buildconfig.xml",
		},
		made: map[string]string{"rules/sch/PEPPOLBIS-T16.sch": "the sources of the same file, which need not be read"},
	},
	{
		name: "poacc-upgrade-3", packs: "peppol-postaward 3.0.17 2026-08-17", // a repository that was built
		files: map[string]string{
			"target/schematron":     "peppol-postaward/sch/2026.5",
			"rules/buildconfig.xml": "peppol-postaward/buildconfig.xml",
		},
		made: map[string]string{
			"guides/release-notes/main.adoc": "= Release notes for Peppol BIS 3 documents, other than Peppol BIS " +
				"Billing 3.0\nopenPeppol AISBL <http://www.peppol.eu/>\n:icons: font\n\n:leveloffset: +1\n\n" +
				"include::v3.0.17.adoc[]\n\ninclude::v3.0.16.adoc[]\n\n:leveloffset: -1\n",
			"guides/release-notes/v3.0.17.adoc": "= Version 3.0.17\n[horizontal]\nRelease date:: May 2026\n" +
				"* Date of publication: 2026-05-18\n* Mandatory to use from: 2026-08-17\n",
			"project.xml": "<Project/>", "rules/sch/PEPPOLBIS-T16.sch": "the sources of the same file",
		},
	},
	{
		name: "2026.5.zip", packs: "peppol 2026.5 2026-08-17", // the validation artefacts, flat
		files: map[string]string{
			".": "peppol-postaward/sch/2026.5", "CEN-EN16931-UBL.sch": cenUBL,
			"PEPPOL-EN16931-UBL.sch":    "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch",
			"PEPPOL-EN16931-UBL-SB.sch": "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL-SB.sch",
		},
	},
	{
		name: "logistics-bis", release: "2026-02-11", packs: "peppol-logistics 2026-02-11 ",
		files: map[string]string{
			"target/schematron":     "peppol-postaward/logistics/sch",
			"rules/buildconfig.xml": "peppol-postaward/logistics/buildconfig.xml",
		},
	},
	{
		name: "main.zip", lead: "logistics-bis-main", packs: "peppol-logistics 1.2 ", // what GitHub makes of a branch
		files: map[string]string{"target/schematron": "peppol-postaward/logistics/sch"},
		made: map[string]string{
			"guides/release-notes/main.adoc": "= Release notes for Peppol BIS 3 logistics documents\n\n" +
				":leveloffset: +1\n\ninclude::v1.2.adoc[]\n\ninclude::v1.1.1.adoc[]\n\n:leveloffset: -1\n",
			"guides/release-notes/v1.2.adoc": "= Version 1.2\n[horizontal]\nRelease date:: 2025-11-01\n",
		},
	},
	{
		name: "eInvoicing-EN16931", packs: "en16931 1.3.16 ",
		files: map[string]string{
			"ubl/schematron": "en16931/ubl/schematron", "cii/schematron": "en16931/cii/schematron",
			ciiFiles:                               "xsd/cii-d16b-uncoupled",
			"ubl/xslt/EN16931-UBL-validation.xslt": "compiled/EN16931-UBL-validation-1.3.16.upstream.xslt",
		},
	},
	{
		name: "modular.zip", lead: "eInvoicing-EN16931-validation-1.3.16", packs: "en16931 1.3.16 ",
		files: map[string]string{
			"ubl/schematron/EN16931-UBL-validation.sch": "en16931/ubl/schematron/EN16931-UBL-validation.sch",
			"ubl/schematron/abstract":                   "en16931/ubl/schematron/abstract",
			"ubl/schematron/UBL":                        "en16931/ubl/schematron/UBL",
			"ubl/schematron/codelist":                   "en16931/ubl/schematron/codelist",
		},
		made: map[string]string{"LICENSE.txt": "European Union Public Licence"},
	},
	{
		name: "en16931-ubl-1.3.16.zip", packs: "en16931 1.3.16 ",
		files: map[string]string{"xslt/EN16931-UBL-validation.xslt": "compiled/EN16931-UBL-validation-1.3.16.upstre" +
			"am.xslt"},
		made: map[string]string{"LICENSE.txt": "European Union Public Licence"},
	},
	{
		name: "ehf-postaward-g3-schematron.zip", packs: "ehf-postaward 2022-06-15 ",
		files: map[string]string{".": "ehf/postaward-g3/sch-2023-02"},
		made:  map[string]string{"README": "This archive contains Schematron files"},
	},
	{
		name: "ehf-postaward-g3", packs: "ehf-postaward 2022-06-15 ", // a repository that was built
		files: map[string]string{"target/schematron": "ehf/postaward-g3/sch-2023-02"},
		made:  map[string]string{"src/catalogue-3.0/rules/sch/EHF-CATALOGUE-3.0.sch": "the sources of the same file"},
	},
	{
		name: "2026-08-13.zip", lead: "ehf-postaward-g3-2026-08-13", packs: "ehf-postaward 2026-08-13 ", // of a tag
		files: map[string]string{"target/schematron": "ehf/postaward-g3/sch-2023-02"},
		made: map[string]string{
			"Makefile": "#!make\n\nIDENTIFIER = ehf-postaward-g3\nTITLE = EHF Post-Award G3\nRELEASE = 2022-06-15\n",
		},
	},
	{
		// what the EHF validator takes
		name: "ehf-postaward-g3-20260813.asice", packs: "ehf-postaward 2026-08-13 ",
		files: map[string]string{
			"sch/EHF-FORWARD-BILLING-3.0-CEN.sch": "ehf/postaward-g3/sch-2026-08/forward-billing-3.0" +
				"/FORWARD-BILLING-CEN-EN16931-UBL.sch",
			"sch/EHF-FORWARD-BILLING-3.0-PEPPOL.sch": "ehf/postaward-g3/sch-2026-08/forward-billing-3.0" +
				"/FORWARD-BILLING-PEPPOL-EN16931-UBL.sch",
			// compiled, as its build does
			"sch/EHF-REMINDER-3.0-EHF.sch": "compiled/EHF-P06-3.0-REMINDER-2023-02.xslt",
			"sch/EHF-REMINDER-3.0-CEN.sch": "ehf/postaward-g3/sch-2026-08/reminder-3.0/REMINDER-CEN-EN16931" +
				"-UBL.sch",
			"sch/EHF-REMINDER-3.0-PEPPOL.sch": "ehf/postaward-g3/sch-2026-08/reminder-3.0/REMINDER-PEPPOL-EN16" +
				"931-UBL.sch",
		},
		made: map[string]string{
			"META-INF/asicmanifest.xml": "<x/>", "config-rules-20260813.xml": "<x/>",
			"mimetype": "application/vnd.etsi.asic-e+zip",
		},
	},
	{
		name: "ehf-egovernment-g1", release: "2020-06", packs: "ehf-egovernment 2020-06 ",
		files: map[string]string{
			"rules/sch":             "ehf/egovernment-g1/sch",
			"rules/buildconfig.xml": "ehf/egovernment-g1/buildconfig.xml",
		},
	},
	{
		name: "master.zip", lead: "ehf-egovernment-g1-master", packs: "ehf-egovernment 2018-08-30 ",
		files: map[string]string{"rules/get-evidence-1.0/sch": "ehf/egovernment-g1/sch"},
		made: map[string]string{
			"docs/get-evidence-1.0/settings.adoc": "\ninclude::../shared/links.adoc[]\n\n//\n:revision: 1.0.0\n" +
				":release: 2018.08.30\n",
			"project.xml": "<Project/>",
		},
	},
	{
		name: "payment-g1-extras", release: "1.0", packs: "ehf-payment 1.0 ",
		files: map[string]string{
			"sch": "ehf/payment-g1/sch", "xsd/payment": "xsd/payment-extras",
			"xsd/sbdh": "xsd/sbdh",
		},
	},
	{
		name: "peppol-mls.zip", packs: "peppol-mls 1.0.1 ",
		files: map[string]string{"schematron": "mls/sch"}, made: map[string]string{"README.md": "MLS"},
	},
	{
		name: "edec-reporting", packs: "peppol-eusr 1.1.5 , peppol-tsr 1.0.5 ",
		files: map[string]string{
			"src/eusr/trn-end_user_statistics/schematron":        "reporting/eusr/schematron",
			"src/eusr/trn-end_user_statistics/resources/xsd":     "reporting/eusr/xsd",
			"src/tsr/trn-transaction_statistics/schematron":      "reporting/tsr/schematron",
			"src/tsr/trn-transaction_statistics/resources/xsd":   "reporting/tsr/xsd",
			"src/tsr/trn-transaction_statistics/resources/other": "reporting/tsr/example",
		},
	},
}

// sameRules are shared files that are another form of a file whose runs are recorded.
var sameRules = map[string]string{
	"en16931/ubl/schematron/EN16931-UBL-validation.sch":    cenUBL,
	"compiled/EN16931-UBL-validation-1.3.16.upstream.xslt": cenUBL,
	"compiled/EHF-P06-3.0-REMINDER-2023-02.xslt": "ehf/postaward-g3/sch-2023-02/reminder-3.0/EHF-P06-3.0" +
		"-REMINDER.sch",
}

// original names the shared rule file that a file was made of.
func (l *layout) original(file string) string {
	if from := l.files[file]; from != "" {
		return cmp.Or(sameRules[from], from)
	}
	for to, from := range l.files {
		if rest, ok := strings.CutPrefix(file, strings.TrimPrefix(to+"/", "./")); ok {
			return path.Join(from, rest)
		}
	}
	return ""
}

// source returns where the layout was built.
func (l *layout) source(t *testing.T) string {
	t.Helper()
	all := map[string][]byte{}
	for to, from := range l.files {
		root := golden.Shared(t, "rules/"+from)
		err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			all[path.Join(l.lead, to, filepath.ToSlash(rel))], err = os.ReadFile(file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for to, text := range l.made {
		all[path.Join(l.lead, to)] = []byte(text)
	}
	where := filepath.Join(t.TempDir(), l.name)
	if filepath.Ext(l.name) == "" {
		folder(t, where, all)
	} else {
		archive(t, where, all)
	}
	return where
}

func folder(t *testing.T, root string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func archive(t *testing.T, file string, files map[string][]byte) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLayouts installs each known layout and compares what its packs find in the shared documents with the recorded
// runs of Saxon: the findings of each rule file, and those of a document with the rules that are chosen for it.
func TestLayouts(t *testing.T) {
	recorded := recordedRuns(t)
	for i := range layouts {
		l := &layouts[i]
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			dir := pack.Dir(t.TempDir())
			in, err := dir.Install(l.source(t), pack.Options{Version: l.release, Check: CheckPack})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range in.Packs {
				got = append(got, m.Name+" "+m.Version+" "+m.ValidFrom)
			}
			if packs := strings.Join(got, ", "); packs != l.packs {
				t.Errorf("installed %q, want %q", packs, l.packs)
			}
			packs, err := dir.List()
			if err != nil {
				t.Fatal(err)
			}
			if n := asRecorded(t, packs, recorded,
				func(_ *pack.Pack, file string) string { return l.original(file) }); n == 0 &&
				l.name != "edec-reporting" {
				t.Error("nothing was compared")
			}
			reports(t, packs)
		})
	}
}

// A layout of which only the sources are there, without the parts that its build makes, is refused by name and line,
// and says what to install instead.
func TestLayoutSourcesOnly(t *testing.T) {
	flat := string(golden.Read(t, "rules/peppol-postaward/sch/2026.5/PEPPOLBIS-T71.sch"))
	cut, last := strings.Index(flat, "<pattern>"), strings.LastIndex(flat, "</pattern>")+len("</pattern>")
	var parts []string
	rest := flat[cut:last]
	for rest != "" {
		at := strings.Index(rest, "</pattern>") + len("</pattern>")
		parts, rest = append(parts, strings.TrimSpace(rest[:at])), strings.TrimSpace(rest[at:])
	}
	made := map[string]string{}
	var includes strings.Builder
	for i, p := range parts {
		name := fmt.Sprintf("T71-%d.sch", i)
		made["target/generated/"+name] = strings.Replace(p, "<pattern",
			`<pattern xmlns="http://purl.oclc.org/dsdl/schematron"`, 1)
		fmt.Fprintf(&includes, "\n<include href=\"../../target/generated/%s\"/>", name)
	}
	made["rules/sch/PEPPOLBIS-T71.sch"] = flat[:cut] + includes.String() + flat[last:]
	l := layout{name: "poacc-upgrade-3", made: made}
	dir := pack.Dir(t.TempDir())
	if _, err := dir.Install(l.source(t), pack.Options{Version: "3.0.17", Check: CheckPack}); err != nil {
		t.Fatalf("%d includes: %v", len(parts), err)
	}
	packs, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	asRecorded(t, packs, recordedRuns(t), func(*pack.Pack,
		string,
	) string {
		return "peppol-postaward/sch/2026.5/PEPPOLBIS-T71.sch"
	})

	delete(made, "target/generated/T71-1.sch")
	other := t.TempDir()
	_, err = pack.Dir(other).Install(l.source(t), pack.Options{Version: "3.0.17", Check: CheckPack})
	for _, want := range []string{
		"rules/sch/PEPPOLBIS-T71.sch:", "target/generated/T71-1.sch",
		"install what it publishes",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if left, err := os.ReadDir(other); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// recordedRuns are the runs of Saxon by rule file.
func recordedRuns(t *testing.T) map[string][]RuleRun {
	t.Helper()
	out := map[string][]RuleRun{}
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "ehf", "mls"} {
		in := bufio.NewScanner(bytes.NewReader(golden.Read(t, "rules/expected/"+name+".jsonl")))
		in.Buffer(nil, 10<<20)
		for in.Scan() {
			var r RuleRun
			if err := json.Unmarshal(in.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			out[r.Sch] = append(out[r.Sch], r)
		}
	}
	return out
}

// reports checks official reports: the examples are valid, the bad examples are not.
func reports(t *testing.T, packs []pack.Pack) {
	t.Helper()
	v := New(packs)
	for _, p := range packs {
		kind, ok := strings.CutPrefix(p.Name, "peppol-")
		if !ok || len(kind) > 4 || !strings.HasSuffix(kind, "sr") {
			continue
		}
		for folder, want := range map[string]Verdict{"example": Valid, "bad-examples": Invalid} {
			files, err := filepath.Glob(filepath.Join(golden.Shared(t, "rules/reporting"), kind, folder, "*.xml"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%d files in %s, %v", len(files), folder, err)
			}
			for _, file := range files {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				rep, err := v.Validate(t.Context(), Request{
					Name: file, DocType: p.Documents[0].DocType,
					Process: p.Documents[0].Processes[0], On: day, Body: body,
				})
				if err != nil || rep.Verdict != want || rep.Pack != p.Name || len(rep.XSD) > 0 {
					t.Errorf("%s: %+v %v, want %s", file, rep, err, want)
				}
			}
		}
	}
}

// asRecorded compares packs with the recorded runs and returns how many. original names the shared rule file that a
// file of a pack was made of, "" for none.
func asRecorded(t *testing.T, packs []pack.Pack, recorded map[string][]RuleRun,
	original func(p *pack.Pack, file string) string,
) int {
	t.Helper()
	runs, documents := 0, 0
	for i := range packs {
		p := &packs[i]
		done := map[string]bool{}
		for j := range p.Documents {
			for _, file := range p.Documents[j].Rules {
				if sch := original(p, file); sch != "" && !done[file] {
					runs += ruleRuns(t, p, file, recorded[sch])
				}
				done[file] = true
			}
			documents += documentRuns(t, p, &p.Documents[j], recorded, original)
		}
	}
	t.Logf("%d packs, %d runs of a rule file, %d documents with the rules chosen for them", len(packs), runs, documents)
	return runs
}

// ruleRuns compares the runs of one rule file.
func ruleRuns(t *testing.T, p *pack.Pack, file string, want []RuleRun) int {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, p.Files); err != nil {
		t.Fatal(err)
	}
	rules, err := LoadRuleFile(filepath.Join(dir, filepath.FromSlash(file)), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]RuleRun{}
	bad := 0
	for _, w := range want {
		if got[w.File] == nil {
			if got[w.File], err = rules.Run(t.Context(), w.File, golden.Read(t, "rules/"+w.File)); err != nil {
				t.Fatal(err)
			}
		}
		g := got[w.File][w.Index]
		if !slices.Equal(g.Fired, w.Fired) || g.FiredRules != w.FiredRules || g.Error != w.Error {
			if bad++; bad <= 5 {
				t.Errorf("%s %d with %s of %s %s: %d rules fired and %v, want %d and %v", w.File, w.Index, file, p.Name,
					p.Version, g.FiredRules, g.Fired, w.FiredRules, w.Fired)
			}
		}
	}
	return len(want)
}

// documentRuns checks the documents of a type of which the runs of all its rule files are recorded, by what they say of
// themselves, and compares all findings.
func documentRuns(t *testing.T, p *pack.Pack, d *pack.Document, recorded map[string][]RuleRun,
	original func(p *pack.Pack, file string) string,
) int {
	t.Helper()
	v := New([]pack.Pack{*p})
	all := map[string][]Fired{}
	seen := map[string]int{}
	for _, file := range d.Rules {
		for _, r := range recorded[original(p, file)] {
			all[r.File] = append(all[r.File], r.Fired...)
			seen[r.File]++
		}
	}
	n := 0
	for file, times := range seen {
		if times != len(d.Rules) {
			continue
		}
		rep, err := v.Validate(t.Context(), Request{
			Name: file, On: day, All: true,
			Body: golden.Read(t, "rules/"+file),
		})
		if err != nil {
			t.Fatal(err)
		}
		if rep.DocType != d.DocType { // a test set, or a document of another type that shares the rules
			continue
		}
		var got []Fired
		for _, f := range rep.Findings {
			got = append(got, Fired{f.Rule, f.Flag, f.Location})
		}
		if !slices.Equal(got, all[file]) {
			t.Errorf("%s with %s %s: %v, want %v", file, p.Name, p.Version, got, all[file])
		}
		n++
	}
	return n
}

// A known layout whose rule files are made to do harm is refused with the reason, and nothing is installed.
func TestLayoutHostile(t *testing.T) {
	const schema = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">`
	laughs := `<!DOCTYPE schema [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` + schema + `&b;</schema>`
	for _, c := range []struct{ name, file, text, want string }{
		{
			"entities in a jar", "external/schematron/openpeppol/2026.5/xslt/PEPPOLBIS-T71.xslt", laughs,
			"PEPPOLBIS-T71.xslt",
		},
		{
			"external entity", "target/schematron/PEPPOLBIS-T71.sch",
			`<!DOCTYPE schema [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + schema + `&e;</schema>`,
			"PEPPOLBIS-T71.sch",
		},
		{
			"include out of the archive", "rules/sch/PEPPOLBIS-T71.sch",
			schema + `<include href="../../../../../etc/passwd"/></schema>`, "PEPPOLBIS-T71.sch:1: ",
		},
		{
			"include of an address", "rules/sch/PEPPOLBIS-T71.sch",
			schema + `<include href="http://example.org/x.sch"/></schema>`, "an include needs a relative file name",
		},
		{
			"include of itself", "rules/sch/PEPPOLBIS-T71.sch", schema + `<include href="PEPPOLBIS-T71.sch"/></schema>`,
			"includes itself",
		},
		{
			"stylesheet that reads files", "sch/PEPPOLBIS-T71.xslt",
			`<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="2.0"><xsl:template ` +
				`match="/"><xsl:copy-of select="document('/etc/passwd')"/></xsl:template><xsl:template match="a" ` +
				`mode="x"><xsl:result-document href="/tmp/x"/></xsl:template></xsl:stylesheet>`,
			"a template that is no rule of the ISO skeleton",
		},
		{
			"rule that reads files", "sch/PEPPOLBIS-T71.sch",
			schema + `<pattern><rule context="a"><assert test="doc('/etc/passwd')" id="A" ` +
				`flag="fatal">x</assert></rule></pattern></schema>`, "test of A",
		},
		{"jar in place of a rule file", "sch/PEPPOLBIS-T71.sch", "PK\x03\x04", "PEPPOLBIS-T71.sch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := layout{name: "x.zip", made: map[string]string{c.file: c.text, "META-INF/MANIFEST.MF": "x"}}
			dir := t.TempDir()
			_, err := pack.Dir(dir).Install(l.source(t), pack.Options{Version: "2026.5", Check: CheckPack})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

const itemsHeader = "time,direction,c2,c3,doctype_scheme,doctype,process_scheme,process,transport,c1_country," +
	"c4_country,end_user,message_id\n"

const itemsRows = "2026-03-02T07:10:00+01:00,outgoing,PNO000777,PNO000888,busdox-docid-qns,x::y##z::1," +
	"cenbii-procid-ubl,p,peppol-transport-as4-v2_0,NO,,A,m1\n" +
	"2026-03-03T07:10:00Z,incoming,PNO000888,PNO000777,busdox-docid-qns,x::y##z::1,cenbii-procid-ubl,p," +
	"peppol-transport-as4-v2_0,SE,NO,B,m2\n" +
	"2026-03-03T07:10:00Z,incoming,PNO000888,PNO000777,busdox-docid-qns,x::y##z::1,cenbii-procid-ubl,p," +
	"peppol-transport-as4-v2_0,SE,NO,B,m2\n" +
	"2026-04-01T00:30:00Z,incoming,PNO000888,PNO000777,busdox-docid-qns,x::y##z::1,cenbii-procid-ubl,p," +
	"peppol-transport-as4-v2_0,SE,NO,B,m3\n"

// buildArgs writes a file of items and returns the arguments that build from it, and the folder that is built.
func buildArgs(t *testing.T, items string) (args []string, out string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("items.csv", []byte(items), 0o600); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join("made", "here")
	return []string{
		"report", "build", "--items", "items.csv", "--month", "2026-03", "--seat", "PNO000777", "--out",
		out,
	}, out
}

func TestReportBuild(t *testing.T) {
	args, out := buildArgs(t, itemsHeader+itemsRows)
	text, errs, code := call(t, args...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"4 rows: 2 counted, 1 duplicate,", "of other months: 1 of 2026-04",
		"1 incoming, 1 outgoing", "by ravn-core ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	first := map[string][]byte{}
	for _, name := range []string{reporting.FileTSR, reporting.FileEUSR} {
		b, err := os.ReadFile(filepath.Join(out, name))
		sum := sha256.Sum256(b)
		if err != nil || !strings.Contains(text, hex.EncodeToString(sum[:])) {
			t.Errorf("%s: %v: its hash is not in\n%s", name, err, text)
		}
		first[name] = b
	}
	if _, err := reporting.ReadTSR(first[reporting.FileTSR]); err != nil {
		t.Error(err)
	}
	text, _, code = call(t, append(args, "--json")...)
	var b struct {
		Month, Seat               string
		Rows, Counted, Duplicates int
		Incoming, Outgoing        int
		Sending                   int                      `json:"sending_end_users"`
		Other                     []struct{ Month string } `json:"other_months"`
		Files                     []reporting.File
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil || code != 0 || b.Month != "2026-03" || b.Counted != 2 ||
		b.Sending != 1 || len(b.Other) != 1 || b.Other[0].Month != "2026-04" || len(b.Files) != 2 {
		t.Errorf("exit %d, %v: %s", code, err, text)
	}
	entries, _ := os.ReadDir(out)
	if len(entries) != 2 {
		t.Errorf("the folder holds %v", entries)
	}
	for name, want := range first {
		if got, _ := os.ReadFile(filepath.Join(out, name)); string(got) != string(want) {
			t.Errorf("%s differs when it is built again", name)
		}
	}
}

// A bad row: each is named on a line, the exit code is 1, nothing is written.
func TestReportBuildRefused(t *testing.T) {
	args, out := buildArgs(t, itemsHeader+itemsRows+strings.Replace(itemsRows, "NO,,A", "XX,,A", 1))
	_, errs, code := call(t, args...)
	if code != 1 || !strings.HasPrefix(errs, `line 6, c1_country: "XX" is not a country`) ||
		!strings.Contains(errs, "RAVN-4004: ") || !strings.Contains(errs, "items.csv: 1 bad row.") {
		t.Errorf("exit %d: %s", code, errs)
	}
	text, errs, code := call(t, append(args, "--json")...)
	var b struct {
		Code string
		Bad  int `json:"bad_rows"`
		Rows []reporting.RowError
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil || code != 1 || errs != "" || b.Code != "RAVN-4004" ||
		b.Bad != 1 || b.Rows[0].Line != 6 || b.Rows[0].Column != "c1_country" {
		t.Errorf("exit %d, %v: %s%s", code, err, text, errs)
	}
	if _, err := os.Stat(filepath.Dir(out)); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
	// Identifiers that the rules cannot tell apart.
	collide := strings.Replace(itemsRows, "x::y##z::1,cenbii-procid-ubl,p", "x::y::a::b,c,d", 1)
	collide += "2026-03-02T07:10:00Z,outgoing,PNO000777,PNO000888,busdox-docid-qns,x::y,a,b::c::d," +
		"peppol-transport-as4-v2_0,NO,,A,m9\n"
	args, out = buildArgs(t, itemsHeader+collide)
	if _, errs, code := call(t, args...); code != 1 || !strings.Contains(errs, "RAVN-4005") ||
		!strings.Contains(errs, "SCH-TSR-10") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Dir(out)); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

func TestReportBuildWrongUse(t *testing.T) {
	args, _ := buildArgs(t, itemsHeader)
	with := func(flag, value string) []string {
		out := append([]string(nil), args...)
		for i := range out {
			if out[i] == flag {
				out[i+1] = value
			}
		}
		return out
	}
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", args[:2], "--month is needed"},
		{
			"a seat without items", append(slices.Clone(args[:2]), "--month", "2026-10", "--seat", "PNO000001"),
			"--items",
		},
		{"items not there", with("--items", "nowhere.csv"), "nowhere.csv"},
		{"items are a folder", with("--items", "."), ".: it is a folder"},
		{"month", with("--month", "2026-3"), "2026-10"},
		{"month 13", with("--month", "2026-13"), "2026-13"},
		{"month not over", with("--month", "2999-01"), "--month 2999-01 is not over"},
		{"seat", with("--seat", "PNO77"), "PNO77"},
		{"folder is a file", with("--out", "items.csv"), "RAVN-1006"},
		{"rules not there", append(args, "--rules", "nowhere"), "nowhere"},
	} {
		if _, errs, code := call(t, tc.args...); code != 2 || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit %d: %s", tc.name, code, errs)
		}
	}
}

// Installed rules are used: the official schema and Schematron files pass what is built; a rule that says no stops it.
func TestReportBuildInstalledRules(t *testing.T) {
	shared := golden.Shared(t, "rules/reporting")
	args, out := buildArgs(t, itemsHeader+itemsRows)
	type document struct {
		DocType string   `json:"doctype"`
		XSD     string   `json:"xsd,omitempty"`
		Rules   []string `json:"rules"`
	}
	install := func(version, more string) {
		m := map[string]any{
			"name": "openpeppol-reporting", "version": version, "valid_from": "2024-02-29",
			"documents": []document{
				{peppol.TypeTSR, "tsr.xsd", []string{"tsr.sch"}}, {peppol.TypeEUSR, "eusr.xsd", []string{"eusr.sch"}},
			},
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write := func(name string, b []byte, err error) {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		write("pack.json", b, nil)
		for to, from := range map[string]string{
			"tsr.xsd":  "tsr/xsd/peppol-transaction-statistics-reporting-1.0.xsd",
			"tsr.sch":  "tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch",
			"eusr.xsd": "eusr/xsd/peppol-end-user-statistics-reporting-1.1.xsd",
			"eusr.sch": "eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch",
		} {
			b, err := os.ReadFile(filepath.Join(shared, from))
			write(to, []byte(strings.Replace(string(b), "every $st in (eusr:Subset) satisfies",
				"every $st in (eusr:Subset) satisfies "+more, 1)), err)
		}
		if _, errs, code := call(t, "rules", "install", "--rules", "rules", dir); code != 0 {
			t.Fatal(errs)
		}
	}
	args = append(args, "--rules", "rules")
	install("1", "")
	text, errs, code := call(t, args...)
	if code != 0 || !strings.Contains(text, "tsr.xml by openpeppol-reporting 1; eusr.xml by openpeppol-reporting 1") {
		t.Errorf("exit %d: %s%s", code, text, errs)
	}
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := call(t, "rules", "remove", "--rules", "rules", "openpeppol-reporting", "1"); code != 0 {
		t.Fatal(errs)
	}
	install("2", "false() and ")
	if _, errs, code := call(t, args...); code != 1 || !strings.Contains(errs, "RAVN-4005") ||
		!strings.Contains(errs, "SCH-EUSR-33") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

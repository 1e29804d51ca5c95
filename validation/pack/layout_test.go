package pack

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jar is a jar of phive-rules with releases of OpenPeppol.
func jar(versions ...string) []entry {
	out := []entry{{name: "META-INF/MANIFEST.MF", text: "x"}, {name: "LICENSE", text: "Apache"}}
	for _, v := range versions {
		for _, t := range []string{"PEPPOLBIS-T71", "PEPPOLBIS-T16", "PEPPOLBIS-T999"} {
			out = append(out, entry{name: "external/schematron/openpeppol/" + v + "/xslt/" + t + ".xslt", text: v + t})
		}
	}
	return out
}

// found writes what an installation brought and left.
func found(in *Installation) string {
	var out []string
	for _, m := range in.Packs {
		out = append(out, strings.TrimSpace(m.Name+" "+m.Version+" "+m.ValidFrom))
	}
	for _, l := range in.LeftOut {
		out = append(out, fmt.Sprintf("not %s %v: %.10s", l.Name, l.Versions, l.Why))
	}
	return strings.Join(out, "; ")
}

// A jar has many releases: those are installed for which the day decides. The options choose among them.
func TestInstallJar(t *testing.T) {
	all := jar("2025.11", "2024.11", "2026.3", "2025.5", "2026.5", "2023.11", "2026.11")
	for _, c := range []struct {
		name, want string
		o          Options
	}{
		{"all", "peppol 2024.11 2025-02-17; peppol 2025.5 2025-08-25; peppol 2025.11 2026-02-23; peppol 2026.3; " +
			"peppol 2026.5 2026-08-17; " +
			"not peppol [2026.11]: the day fr; not peppol [2023.11]: an older r", Options{}},
		{"one of them", "peppol 2025.11 2026-02-23", Options{Version: "2025.11"}},
		{
			"one without a known day", "peppol 2026.11 2027-02-15",
			Options{Name: "peppol", Version: "2026.11", ValidFrom: "2027-02-15"},
		},
		{
			"one that is not there", "there is no peppol 7 in it, only peppol 2023.11, peppol 2024.11",
			Options{Name: "peppol", Version: "7"},
		},
		{"a day for several", "there are several packs in it", Options{ValidFrom: "2026-01-01"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Check = reads
			in, err := Dir(t.TempDir()).Install(archive(t, all...), c.o)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if got := found(in); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	dir := Dir(t.TempDir())
	in, err := dir.Install(archive(t, jar("2026.3", "2026.5")...), Options{Check: reads})
	if err != nil || found(in) != "peppol 2026.3; peppol 2026.5 2026-08-17" {
		t.Fatalf("a release without a day before one with: %v %v", in, err)
	}
	list, err := dir.List()
	if err != nil || list[0].Version != "2026.5" || len(list[0].Documents) != 2 || list[0].Licence != "see LICENSE" {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := fs.ReadFile(list[0].Files, "LICENSE"); err != nil {
		t.Errorf("the licence is not installed: %v", err)
	}
	if _,
		err := fs.ReadFile(list[0].Files, "external/schematron/openpeppol/2026.3/xslt/PEPPOLBIS-T71.xslt"); err == nil {
		t.Error("a pack has files of another release")
	}
	if in, err = dir.Install(archive(t, jar("2025.11", "2026.5")...), Options{Check: reads}); err != nil ||
		found(in) != "peppol 2025.11 2026-02-23; not peppol [2026.5]: installed " {
		t.Errorf("a jar with one release more: %v %v", in, err)
	}
	if _, err := dir.Install(archive(t, jar("2025.11", "2026.5")...), Options{Check: reads}); err == nil ||
		!strings.Contains(err.Error(), "installed already") {
		t.Errorf("a jar that brings nothing: %v", err)
	}
}

// A pack of many that cannot be used, or cannot be written, leaves nothing of the others.
func TestInstallJarAllOrNone(t *testing.T) {
	src := archive(t, jar("2025.5", "2025.11", "2026.5")...)
	dir := t.TempDir()
	bad := func(p *Pack) error {
		if p.Version == "2026.5" {
			return errors.New("no")
		}
		return reads(p)
	}
	if _, err := Dir(dir).Install(src, Options{Check: bad}); err == nil ||
		!strings.Contains(err.Error(), "peppol 2026.5 cannot be used: no") {
		t.Errorf("%v", err)
	}
	late := func(p *Pack) error { // what is in the way comes after the choice
		if p.Version == "2026.5" {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "peppol", "2026.5", "x"), 0o750), reads(p))
		}
		return reads(p)
	}
	if _, err := Dir(dir).Install(src, Options{Check: late}); err == nil {
		t.Error("installed over what was there")
	}
	if list, err := Dir(dir).List(); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

// A layout whose release is written nowhere asks for it and is not given one.
func TestInstallWithoutRelease(t *testing.T) {
	src := archive(t, entry{name: "sch/PEPPOLBIS-T71.sch", text: "x"}, entry{name: "README", text: "x"})
	if _, err := Dir(t.TempDir()).Install(src, Options{Check: reads}); err == nil ||
		!strings.Contains(err.Error(), "peppol-postaward do not say which release they are: say it with --release") {
		t.Errorf("%v", err)
	}
	if _, err := Dir(t.TempDir()).Install(src, Options{Check: reads, Version: "3.0.17"}); err != nil {
		t.Error(err)
	}
}

// Jars and archives of known layouts that are made to do harm are refused like others, and nothing that lies packed
// in them is opened.
func TestHostileLayouts(t *testing.T) {
	good := jar("2026.5")
	var many []entry
	for i := range 2 * maxEntries {
		many = append(many, entry{name: fmt.Sprintf("external/schematron/openpeppol/2026.5/xslt/%d.xslt", i)})
	}
	var inner bytes.Buffer
	z := zip.NewWriter(&inner)
	w, err := z.Create("external/schematron/openpeppol/2026.5/xslt/PEPPOLBIS-T71.xslt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("rules")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, why string
		entries   []entry
	}{
		{"100,000 entries", "more than 50000 entries", append(many, good...)},
		{"path out of a jar", "leads out", append([]entry{{name: "external/schematron/openpeppol/2026.5" +
			"/xslt/../../../../../../evil.xslt", text: "x"}}, good...)},
		{
			"release that leads out", "leads out",
			[]entry{{name: "external/schematron/openpeppol/../xslt/PEPPOLBIS-T71.xslt", text: "x"}},
		},
		{
			"release that is no folder name", "not a version",
			append([]entry{{name: "external/schematron/openpeppol/2026.5 ;rm/xslt/PEPPOLBIS-T71.xslt", text: "x"}},
				good[0]),
		},
		{"link as rule file", "link", []entry{{
			name: "target/schematron/PEPPOLBIS-T71.sch", text: "/etc/passwd",
			mode: fs.ModeSymlink | 0o777,
		}}},
		{"two of one name", "two entries", append([]entry{{name: "External/schematron/openpeppol/2026.5" +
			"/xslt/PEPPOLBIS-T71.xslt", text: "x"}}, good...)},
		{"bomb", "larger than", append([]entry{{
			name: "rules/sch/PEPPOLBIS-T71.sch",
			text: strings.Repeat(" ", maxFile+1),
		}}, good[:2]...)},
		{
			"jar in a jar", "nothing is recognised",
			[]entry{{name: "lib/phive-rules-peppol.jar", text: inner.String()}, {name: "README", text: "x"}},
		},
		{
			"rule file that is a folder", "cannot be used",
			[]entry{
				{name: "peppol-3.0.17/sch/PEPPOLBIS-T71.sch/x", text: "x"},
				{name: "peppol-3.0.17/README", text: "x"},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Dir(dir).Install(archive(t, c.entries...), Options{Check: reads})
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want %q", err, c.why)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// A folder of installed packs is not taken for a release, also when a pack in it has the layout of one.
func TestLoadInstalled(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dir(dir).Install(archive(t, jar("2026.5")...), Options{Check: reads}); err != nil {
		t.Fatal(err)
	}
	src := archive(t, entry{name: "target/schematron/PEPPOLBIS-T71.sch", text: "x"}, entry{name: "README", text: "x"})
	if _, err := Dir(dir).Install(src, Options{Check: reads, Version: "3.0.17"}); err != nil {
		t.Fatal(err)
	}
	list, err := Load(dir)
	if err != nil || len(list) != 2 || list[0].Name != "peppol" || list[1].Name != "peppol-postaward" {
		t.Errorf("%v %v", list, err)
	}
	bare := t.TempDir()
	if err := os.WriteFile(filepath.Join(bare, "PEPPOLBIS-T71.sch"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err = Load(bare); err != nil || len(list) != 1 || list[0].Version != asItLies {
		t.Errorf("a folder with a rule file: %v %v", list, err)
	}
}

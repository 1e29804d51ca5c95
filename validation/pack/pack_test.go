package pack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const manifest = `{"name":"p","version":"1","documents":[{"doctype":"a::b##c::1","rules":["r.sch"]}]}`

// entry is a file of an archive.
type entry struct {
	name, text string
	mode       fs.FileMode
}

func archive(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "p.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reads is a check that reads the rule files, as compiling them does.
func reads(p *Pack) error {
	for _, d := range p.Documents {
		for _, name := range d.Rules {
			if _, err := fs.ReadFile(p.Files, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestInstall(t *testing.T) {
	dir := Dir(t.TempDir())
	src := archive(t, entry{name: "release/pack.json", text: manifest}, entry{name: "release/r.sch", text: "rules"},
		entry{name: "release/unused.txt", text: "x"})
	in, err := dir.Install(src, Options{Check: reads, ValidFrom: "2026-05-01"})
	if err != nil {
		t.Fatal(err)
	}
	m := in.Packs[0]
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); m.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA-256 %s", m.SHA256)
	}
	if _, err := os.Stat(filepath.Join(string(dir), "p", "1", "unused.txt")); err == nil {
		t.Error("a file that no rule needs was installed")
	}
	if _, err := dir.Install(src, Options{Check: reads}); err == nil ||
		!strings.Contains(err.Error(), "installed already") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := dir.Install(src, Options{Check: reads, Version: "2", ValidFrom: "2026-11-01"}); err != nil {
		t.Fatal(err)
	}
	list, err := dir.List()
	if err != nil || len(list) != 2 || list[0].Version != "2" {
		t.Fatalf("%v %v", list, err)
	}
	on := func(p *Pack, day string) bool {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return p.On(d)
	}
	if on(&list[0], "2026-10-31") || !on(&list[0], "2026-11-01") || !on(&list[1], "2026-10-31") ||
		on(&list[1], "2026-04-30") {
		t.Error("the days on which a pack holds are wrong")
	}
	if err := dir.Remove("p", "1"); err != nil {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"p", "1"}, {"..", "p"}, {"p", "../p"}} {
		if err := dir.Remove(bad[0], bad[1]); err == nil {
			t.Errorf("removed %v", bad)
		}
	}
	if list, err = dir.List(); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
}

// A pack that is broken or made to do harm is refused with the reason, and the folder stays as it was.
func TestInstallRefused(t *testing.T) {
	good := entry{name: "r.sch", text: "rules"}
	for _, c := range []struct {
		name, why string
		entries   []entry
		o         Options
	}{
		{
			"path out of the archive", "leads out",
			[]entry{{name: "pack.json", text: manifest}, good, {name: "../evil", text: "x"}},
			Options{},
		},
		{"absolute path", "leads out", []entry{
			{name: "pack.json", text: manifest},
			good,
			{name: "/etc/evil", text: "x"},
		}, Options{}},
		{
			"backslash", "leads out",
			[]entry{{name: "pack.json", text: manifest}, good, {name: `..\evil`, text: "x"}},
			Options{},
		},
		{"link", "link", []entry{
			{name: "pack.json", text: manifest},
			{name: "r.sch", text: "/etc/passwd", mode: fs.ModeSymlink | 0o777},
		}, Options{}},
		{"two of one name", "two entries", []entry{
			{name: "pack.json", text: manifest},
			good,
			{name: "R.SCH", text: "other"},
		}, Options{}},
		{"bomb", "larger than", []entry{
			{name: "pack.json", text: manifest},
			{name: "r.sch", text: strings.Repeat(" ", maxFile+1)},
		}, Options{}},
		{"no manifest", "nothing is recognised", []entry{good, {name: "x/y", text: ""}}, Options{}},
		{"manifest not JSON", "pack.json", []entry{{name: "pack.json", text: "{"}, good}, Options{}},
		{"manifest leads out", "leads out", []entry{{
			name: "pack.json",
			text: strings.ReplaceAll(manifest, "r.sch", "../r.sch"),
		}, good}, Options{}},
		{"name leads out", "not a name", []entry{{name: "pack.json", text: manifest}, good}, Options{Name: "../x"}},
		{
			"file missing", "cannot be used",
			[]entry{{name: "pack.json", text: manifest}, {name: "other", text: ""}},
			Options{},
		},
		{
			"rules refused", "cannot be used: the rules are wrong",
			[]entry{{name: "pack.json", text: manifest}, good},
			Options{Check: func(*Pack) error { return errors.New("the rules are wrong") }},
		},
		{
			"wrong hash", "SHA-256",
			[]entry{{name: "pack.json", text: manifest}, good},
			Options{SHA256: strings.Repeat("0", 64)},
		},
		{
			"ends before it begins", "ends before",
			[]entry{{name: "pack.json", text: manifest}, good},
			Options{ValidFrom: "2026-02-01", ValidTo: "2026-01-01"},
		},
		{
			"not a date", "not a date",
			[]entry{{name: "pack.json", text: manifest}, good},
			Options{ValidFrom: "1.2.2026"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.o.Check == nil {
				c.o.Check = reads
			}
			_, err := Dir(dir).Install(archive(t, c.entries...), c.o)
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want %q", err, c.why)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, ManifestName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(broken); err == nil || !strings.Contains(err.Error(), ManifestName) {
		t.Errorf("a folder with a broken manifest: %v", err)
	}
	if _, err := Dir(t.TempDir()).Install(filepath.Join(t.TempDir(), "none"), Options{Check: reads}); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

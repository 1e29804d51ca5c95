package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// files are of each kind that a folder of published rules has.
var files = map[string]string{
	"good.sch":    sch("schema", `<include href="p.sch"/>`),
	"p.sch":       sch("pattern", `<rule context="a"><assert test="b"/></rule>`),
	"lost.sch":    sch("schema", `<include href="in.sch"/>`),
	"in.sch":      sch("pattern", `<include href="gone.sch#r1"/>`),
	"bad.sch":     sch("schema", `<pattern><rule context="a">`+unknown("R1")+unknown("R2")+`</rule></pattern>`),
	"broken.sch":  `<schema`,
	"other.XSL":   xsl("stylesheet", `<x:import href="gone"/>`),
	"readme.txt":  `no rules`,
	"old/of.xslt": xsl("transform", `<x:template mode="schematron-full"/>`),
}

func sch(top, body string) string {
	return "<" + top + ` xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">` + body + "</" + top + ">"
}

func xsl(top, body string) string {
	return "<x:" + top + ` xmlns:x="http://www.w3.org/1999/XSL/Transform">` + body + "</x:" + top + ">"
}

// unknown is an assert that cannot be compiled.
func unknown(id string) string { return "\n" + `<assert id="` + id + `" test="nothing()"/>` }

// Each file has a line with what became of it, only whole rule files count, and each reason is counted once a file.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), []byte(text))
	}
	write(t, filepath.Join(dir, "more/in.jar"), packed(t, "x/good.sch", "x/p.sch"))
	var out bytes.Buffer
	s := &sweep{out: &out}
	if err := s.path(dir); err != nil {
		t.Fatal(err)
	}
	s.summary()
	golden.Equal(t, "folder.txt", bytes.ReplaceAll(out.Bytes(), []byte(filepath.ToSlash(dir)+"/"), nil))
	if s.unread != 0 {
		t.Errorf("%d files not read", s.unread)
	}
	for name, want := range map[string]string{
		"good.sch":    "1 of 1 whole rule files load (100.0 %)\n",
		"more/in.jar": "1 of 1 whole rule files load (100.0 %)\n",
		"p.sch":       "0 of 0 whole rule files load (none)\n",
	} {
		out.Reset()
		s := &sweep{out: &out}
		if err := s.path(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.summary(); !strings.HasSuffix(out.String(), "\n"+want) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// A file that is not there, an archive that is none and one with a damaged entry are "not read", and the rest goes on.
func TestSweepUnread(t *testing.T) {
	dir := t.TempDir()
	jar := packed(t, "a.sch", "good.sch", "p.sch")
	i := bytes.Index(jar, []byte("<schema"))
	jar[i+1]++
	write(t, filepath.Join(dir, "damaged.zip"), jar)
	write(t, filepath.Join(dir, "none.jar"), []byte("no archive"))
	var out bytes.Buffer
	s := &sweep{out: &out}
	for _, name := range []string{"missing", "none.jar", "damaged.zip"} {
		if err := s.path(filepath.Join(dir, name)); err != nil {
			s.failed(err)
		}
	}
	if s.unread != 3 || len(s.results) != 2 {
		t.Errorf("%d not read, %d results:\n%s", s.unread, len(s.results), out.String())
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// packed is an archive of files by the last part of their names; one that is not there is a copy of good.sch.
func packed(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		text, ok := files[filepath.Base(name)]
		if !ok {
			text = files["good.sch"]
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

package core

import (
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// The pack is whole: each document type names files that are there and compile, each file is used, and each rule has
// an id, a flag and a sentence.
func TestPack(t *testing.T) {
	p := Pack()
	if err := p.Check(); err != nil || !p.Basic {
		t.Fatalf("basic %t, %v", p.Basic, err)
	}
	names := xdm.NewNames()
	used := map[string]bool{}
	for _, d := range append(slices.Clone(p.Documents), pack.Document{Rules: p.Envelope}) {
		for _, name := range d.Rules {
			used[name] = true
		}
	}
	for name := range used {
		src, err := schematron.Load(p.Files, name)
		compile(t, names, src, err)
	}
	list, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if !used[r.File] {
			t.Errorf("%s is used for no document type", r.File)
		}
		if r.ID == "" || r.Flag != "fatal" && r.Flag != "warning" || !strings.HasSuffix(r.Sentence, ".") {
			t.Errorf("%+v", r)
		}
	}
	n := Count(list)
	if t.Logf("%d rules", n); n < 80 {
		t.Error("want at least 80")
	}
	for _, id := range []string{
		"BR-CO-10", "BR-CO-15", "BR-S-08", "NO-R-001", "PEPPOL-EN16931-R120", "SCH-MLS-19",
		"SCH-TSR-04", "SCH-EUSR-13", "SBDH-011",
	} {
		if !slices.ContainsFunc(list, func(r Rule) bool { return r.ID == id }) {
			t.Errorf("%s is not there", id)
		}
	}
}

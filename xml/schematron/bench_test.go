package schematron

import (
	"os"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// rulesOf compiles rule files of the shared rules for one table of names.
func rulesOf(t testing.TB, names *xdm.Names, files ...string) []*Schema {
	t.Helper()
	fsys := os.DirFS(golden.Shared(t, "rules"))
	var out []*Schema
	for _, name := range files {
		src, err := Load(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(src, names, "")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

const (
	enRules     = "en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch"
	peppolRules = "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch"
)

// BenchmarkInvoice validates the base example with the rules of EN 16931 and Peppol, reading it included.
func BenchmarkInvoice(b *testing.B) {
	benchmark(b, golden.Read(b, "rules/peppol-billing/examples/base-example.xml"))
}

// BenchmarkLines does the same with 1,000 lines.
func BenchmarkLines(b *testing.B) { benchmark(b, invoice(b, 1000)) }

func benchmark(b *testing.B, doc []byte) {
	names := xdm.NewNames()
	rules := rulesOf(b, names, enRules, peppolRules)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		t, err := xdm.Parse(doc, names)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range rules {
			if _, err := s.Validate(b.Context(), t, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLoad loads and compiles both rule files.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		rulesOf(b, xdm.NewNames(), enRules, peppolRules)
	}
}

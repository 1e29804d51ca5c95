package validation

import (
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// BenchmarkLoadAll loads and compiles all shared rules.
func BenchmarkLoadAll(b *testing.B) {
	packs := sharedPacks(b)
	b.ReportAllocs()
	for b.Loop() {
		for i := range packs {
			if err := CheckPack(&packs[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkValidate validates the base example as a message's document is: detection, schema, rules, report.
func BenchmarkValidate(b *testing.B) {
	v, doc := New(sharedPacks(b)), golden.Read(b, baseExample)
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		checked(b, v, doc)
	}
}

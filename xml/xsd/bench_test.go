package xsd

import (
	"bytes"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

const baseExample = "rules/peppol-billing/examples/base-example.xml"

// BenchmarkInvoice validates the base example of Peppol BIS Billing; scan is the reading of it alone.
func BenchmarkInvoice(b *testing.B) {
	doc := golden.Read(b, baseExample)
	s := schemaOf(b, "xsd/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd")
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			if err := safe.Scan(bytes.NewReader(doc), safe.Document,
				func(*safe.Event) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			if errs, err := s.Validate(bytes.NewReader(doc)); err != nil || errs != nil {
				b.Fatal(err, errs)
			}
		}
	})
}

// BenchmarkLoad loads the UBL 2.1 invoice alone, and every schema of the shared rules into one Set.
func BenchmarkLoad(b *testing.B) {
	b.Run("invoice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Load(rules(b), "xsd/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		files := schemaFiles(b)
		for b.Loop() {
			set := NewSet(rules(b))
			for _, name := range files {
				if _, err := set.Load(name); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

package schematron

import (
	"bytes"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// invoice returns the base example with n lines and n payment means.
func invoice(t testing.TB, n int) []byte {
	t.Helper()
	doc := golden.Read(t, "rules/peppol-billing/examples/base-example.xml")
	doc = repeated(t, doc, "<cac:PaymentMeans>", "</cac:PaymentMeans>", n)
	return repeated(t, doc, "<cac:InvoiceLine>", "</cac:InvoiceLine>", n)
}

// repeated puts n copies of the first element in its place, each with its own id.
func repeated(t testing.TB, doc []byte, start, end string, n int) []byte {
	t.Helper()
	i, j := bytes.Index(doc, []byte(start)), bytes.Index(doc, []byte(end))
	if i < 0 || j < 0 {
		t.Fatalf("no %s", start)
	}
	one := doc[i : j+len(end)]
	out := append([]byte(nil), doc[:i]...)
	for k := range n {
		c := bytes.Replace(one, []byte("<cbc:ID>1</cbc:ID>"), fmt.Appendf(nil, "<cbc:ID>%d</cbc:ID>", k), 1)
		out = append(out, bytes.Replace(c, []byte("</cbc:PaymentID>"), fmt.Appendf(nil, "-%d</cbc:PaymentID>", k),
			1)...)
	}
	return append(out, doc[j+len(end):]...)
}

// TestLinearWork counts steps, not time: ten times the lines must be about ten times the work, also for the rules
// that compare each payment with all before it and those that look values up in code lists.
func TestLinearWork(t *testing.T) {
	names := xdm.NewNames()
	rules := rulesOf(t, names, enRules, peppolRules)
	work := func(n int) (total int64) {
		tree, err := xdm.Parse(invoice(t, n), names)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rules {
			res, err := s.Validate(t.Context(), tree, Options{})
			if err != nil {
				t.Fatal(err)
			}
			total += res.Work
		}
		return total
	}
	small, large, huge := work(100), work(1000), work(10_000)
	t.Logf("100 lines: %d steps, 1,000 lines: %d steps, 10,000 lines: %d steps", small, large, huge)
	if large > 12*small || huge > 12*large {
		t.Errorf("1,000 lines take %.1f times the work of 100, and 10,000 %.1f times that",
			float64(large)/float64(small), float64(huge)/float64(large))
	}
}

// FuzzLoad loads and compiles anything as rules, and runs what compiles.
func FuzzLoad(f *testing.F) {
	const head = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">`
	for _, s := range []string{
		head + `<ns prefix="c" uri="u"/><let name="x" value="1"/><pattern id="p"><rule context="a | c:b[1]"><let ` +
			`name="y" value="$x + 1"/><assert test="$y = 2" id="A" flag="fatal">[A]-<value-of ` +
			`select="."/></assert></rule></pattern></schema>`,
		head + `<pattern abstract="true" id="q"><rule context="$c"><report ` +
			`test="$t">x</report></rule></pattern><pattern is-a="q"><param name="c" value="a"/><param name="t" ` +
			`value="true()"/></pattern></schema>`,
		head + `<xsl:function xmlns:xsl="http://www.w3.org/1999/XSL/Transform" name="u:f" as="xs:integer"><xsl:param ` +
			`name="p"/><xsl:sequence select="$p * 2"/></xsl:function><ns prefix="u" uri="u"/><pattern><rule ` +
			`context="/"><assert test="u:f(1) = 2"/></rule></pattern></schema>`,
		head + `<include href="r.sch"/></schema>`,
		`<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="2.0"><xsl:template ` +
			`match="/"/></xsl:stylesheet>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src, err := Load(fstest.MapFS{"r.sch": {Data: b}}, "r.sch")
		if err != nil {
			return
		}
		names := xdm.NewNames()
		s, err := Compile(src, names, "")
		if err != nil {
			return
		}
		tree, err := xdm.Parse([]byte(`<a x="1"><b xmlns="u">2</b><a/></a>`), names)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Validate(t.Context(), tree, Options{Budget: xpath.Budget{Steps: 20_000}, Trace: true})
		if err == nil {
			if err := WriteSVRL(new(bytes.Buffer), "d", Run{s, tree, res}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

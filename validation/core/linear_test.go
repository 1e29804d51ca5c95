package core

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// invoiceOf returns the invoice of the test network with n lines, each with its own number and period.
func invoiceOf(t *testing.T, n int) []byte {
	t.Helper()
	doc, err := os.ReadFile("../../testbed/invoice.xml")
	if err != nil {
		t.Fatal(err)
	}
	period := []byte("<cac:InvoicePeriod><cbc:StartDate>2026-01-01</cbc:StartDate></cac:InvoicePeriod>")
	// of the document and of each line, which are compared
	for _, before := range []string{"<cac:AccountingSupplierParty>", "<cac:Item>"} {
		doc = bytes.Replace(doc, []byte(before), slices.Concat(period, []byte(before)), 1)
	}
	i := bytes.Index(doc, []byte("<cac:InvoiceLine>"))
	j := bytes.Index(doc, []byte("</cac:InvoiceLine>")) + len("</cac:InvoiceLine>")
	out := append([]byte(nil), doc[:i]...)
	for k := range n {
		out = append(out, bytes.Replace(doc[i:j], []byte("<cbc:ID>1</cbc:ID>"),
			fmt.Appendf(nil, "<cbc:ID>%d</cbc:ID>", k+1), 1)...)
	}
	return append(out, doc[j:]...)
}

// TestLinearCore counts the steps of the built-in rules on an invoice of 60,000 lines: not more than thirty times,
// and a little, those of 2,000.
func TestLinearCore(t *testing.T) {
	if golden.Race {
		t.Skip("counts work: the run without the race detector does it")
	}
	names := xdm.NewNames()
	for _, file := range []string{"en16931.sch", "peppol-billing.sch", "peppol-common.sch"} {
		src, err := schematron.Load(Pack().Files, file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := schematron.Compile(src, names, "")
		if err != nil {
			t.Fatal(err)
		}
		work := func(n int) int64 {
			tree, err := xdm.Parse(invoiceOf(t, n), names)
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Validate(t.Context(), tree, schematron.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return res.Work
		}
		few, many := work(2000), work(60_000)
		t.Logf("%s: %d steps for 2,000 lines, %d for 60,000", file, few, many)
		if many > 31*few {
			t.Errorf("%s: %d steps for 2,000 lines, %d for 60,000: %.1f times", file, few, many,
				float64(many)/float64(few))
		}
	}
}

// spent is the processor time of the process, which does not depend on what else runs on the machine.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLinearTime compares times, which also show work that is not counted: eight times the lines may take twenty-five
// times as long, where quadratic rules take sixty-four.
func TestLinearTime(t *testing.T) {
	if golden.Race {
		t.Skip("compares times: the run without the race detector does it")
	}
	v := validation.New([]pack.Pack{Pack()})
	took := func(n int) time.Duration {
		doc, best := invoiceOf(t, n), time.Duration(1<<62)
		for range 3 {
			start := spent(t)
			rep, err := v.Validate(t.Context(), validation.Request{Body: doc, On: time.Now()})
			if err != nil || rep.Verdict == validation.NotChecked {
				t.Fatal(rep, err)
			}
			best = min(best, spent(t)-start)
		}
		return best
	}
	took(10)
	few, many := took(1000), took(8000)
	t.Logf("1,000 lines: %v, 8,000 lines: %v", few, many)
	if many > 25*few {
		t.Errorf("1,000 lines take %v and 8,000 lines %v: %.0f times as long", few, many, float64(many)/float64(few))
	}
}

package schematron

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// part is an element of a document that can be there many times.
type part struct {
	from, to int
	path     string
}

// partsOf returns the elements down to a depth, the first of each path.
func partsOf(t *testing.T, doc []byte, depth int) (list []part) {
	t.Helper()
	d, err := safe.Read(bytes.NewReader(doc), safe.Document)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n safe.Node, at string, depth int)
	walk = func(n safe.Node, at string, depth int) {
		for _, k := range n.Elements() {
			p := part{k.Offset(), k.Offset() + len(k.Raw()), path.Join(at, k.Name().Local)}
			if !slices.ContainsFunc(list, func(q part) bool { return q.path == p.path }) {
				list = append(list, p)
			}
			if depth > 1 {
				walk(k, p.path, depth-1)
			}
		}
	}
	walk(d.Top(), "", depth)
	return list
}

var firstID = regexp.MustCompile(`<(\w+:)?(ID|LineID)( [^>]*)?>[^<]*<`)

// times returns a document with a part many times, each with an id of its own if distinct.
func (p part) times(doc []byte, n int, distinct bool) []byte {
	out := append([]byte(nil), doc[:p.from]...)
	one := doc[p.from:p.to]
	at := firstID.FindIndex(one)
	for i := range n {
		if distinct && at != nil {
			open := bytes.IndexByte(one[at[0]:], '>') + at[0] + 1
			out = append(append(out, one[:open]...), fmt.Sprint(i+1)...)
			out = append(out, one[at[1]-1:]...)
		} else {
			out = append(out, one...)
		}
	}
	return append(out, doc[p.to:]...)
}

// grownParts are, for each of the shared rule files, the parts of documents that repeat in practice.
var grownParts = regexp.MustCompile(`(^|/)(\w*Line|\w*LineItem|IncludedSupplyChainTradeLineItem|PaymentMeans|Allowanc` +
	`eCharge|TaxSubtotal|AdditionalDocumentReference|DocumentReference|` +
	`PartyTaxScheme|PartyIdentification|AccountingSupplierParty|Party|ID|CommodityClassification|AdditionalItemPrope` +
	`rty|TenderingCriterion|\w*TradeTax|\w*PaymentMeans|Note|Subset|Subtotal)$`)

// largest returns for each rule file of the recorded runs the largest plain document that it was run on.
func largest(t *testing.T) map[string]string {
	t.Helper()
	best, size := map[string]string{}, map[string]int{}
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "ehf", "mls"} {
		for _, e := range expectations(t, name+".jsonl") {
			doc := golden.Read(t, "rules/"+e.File)
			if n := len(doc); n > size[e.Sch] && n < 60_000 && !bytes.Contains(doc, []byte("testSet")) {
				best[e.Sch], size[e.Sch] = e.File, n
			}
		}
	}
	for kind, sch := range map[string]string{
		"tsr":  "peppol-transaction-statistics-reporting-1.0.5.sch",
		"eusr": "peppol-end-user-statistics-reporting-1.1.5.sch",
	} {
		list, err := fs.Glob(os.DirFS(golden.Shared(t, "rules")), "reporting/"+kind+"/example/*.xml")
		if err != nil || len(list) == 0 {
			t.Fatal(kind, list, err)
		}
		best["reporting/"+kind+"/schematron/"+sch] = list[0]
	}
	return best
}

// TestLinearPacks grows each document of each shared rule file in each part that repeats in practice, with equal ids
// and with an id of its own for each, and counts the steps: twice the growth must cost twice the steps. As every node
// that is touched is a step, what is linear here is linear at 60,000 lines as well.
func TestLinearPacks(t *testing.T) {
	if golden.Race {
		t.Skip("counts work: the run without the race detector does it")
	}
	files := largest(t)
	if len(files) < 50 {
		t.Fatalf("documents for %d rule files only", len(files))
	}
	fsys, grown := os.DirFS(golden.Shared(t, "rules")), 0
	for sch, file := range files {
		names := xdm.NewNames()
		src, err := Load(fsys, sch)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(src, names, "")
		if err != nil {
			t.Fatal(err)
		}
		doc := golden.Read(t, "rules/"+file)
		for _, p := range partsOf(t, doc, 3) {
			if !grownParts.MatchString(p.path) {
				continue
			}
			for _, distinct := range []bool{false, true} {
				grown++
				grow := func(n int) int64 { return work(t, s, names, p.times(doc, n, distinct)) }
				few, some, many := grow(40), grow(80), grow(160)
				if bend := float64((many-some)-2*(some-few)) / (80 * 80); bend > 0.3 {
					t.Errorf("%s on %s, %s, distinct %v: %d steps for 40, %d for 80, %d for 160: %.1f n²", sch, file,
						p.path, distinct, few, some, many, bend)
				}
			}
		}
	}
	t.Logf("%d rule files, %d parts grown", len(files), grown)
}

// work returns the steps that rules take for a document.
func work(t *testing.T, s *Schema, names *xdm.Names, doc []byte) int64 {
	t.Helper()
	tree, err := xdm.Parse(doc, names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return res.Work
}

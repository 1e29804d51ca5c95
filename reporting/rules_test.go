package reporting

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/xmlsafe"
	"github.com/ravn-ap/ravn/validation"
)

const shared = "rules/reporting/"

// judged is a report of the official set with the asserts that the official rules find to fail in it.
type judged struct {
	file string
	doc  []byte
	want string // "SCH-TSR-03:1 SCH-TSR-04:1", or "-"
}

var xmlDecl = regexp.MustCompile(`<\?xml[^>]*\?>`)

// official reads expected.tsv with its reports, which in unit tests stand inside another document.
func official(t testing.TB) []judged {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(golden.Read(t, shared+"expected.tsv"))), "\n")
	if len(lines) < 100 {
		t.Fatalf("expected.tsv has %d lines only", len(lines))
	}
	var out []judged
	for _, line := range lines[1:] {
		col := strings.Split(line, "\t")
		out = append(out, judged{col[0], embedded(t, golden.Read(t, shared+col[0])), col[3]})
	}
	return out
}

// embedded returns the report in a document. A misplaced XML declaration is removed, as the README of the set says.
func embedded(t testing.TB, b []byte) []byte {
	t.Helper()
	doc, err := xmlsafe.Parse(bytes.TrimSpace(xmlDecl.ReplaceAll(b, nil)), xmlsafe.Document)
	if err != nil {
		t.Fatal(err)
	}
	for i := range doc.Len() {
		if n := doc.At(i); n.Is(nsTSR, "TransactionStatisticsReport") || n.Is(nsEUSR, "EndUserStatisticsReport") {
			return n.Raw()
		}
	}
	t.Fatal("there is no report in the document")
	return nil
}

// check reads a report of either kind and checks it.
func check(doc []byte) ([]Finding, error) {
	if bytes.Contains(doc, []byte(nsEUSR)) {
		e, err := ReadEUSR(doc)
		if err != nil {
			return nil, err
		}
		return e.Check(), nil
	}
	r, err := ReadTSR(doc)
	if err != nil {
		return nil, err
	}
	return r.Check(), nil
}

// summary writes findings as the table of expectations does.
func summary(list []Finding) string {
	n := map[string]int{}
	for _, f := range list {
		n[f.Rule]++
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s:%d", id, n[id]))
	}
	if out == nil {
		return "-"
	}
	return strings.Join(out, " ")
}

// RPT-7.1, RPT-7.2: every official example, bad example and unit test gives exactly the asserts that the official rules give.
func TestRulesOfficialSet(t *testing.T) {
	fired := map[string]bool{}
	for _, j := range official(t) {
		list, err := check(j.doc)
		if err != nil {
			t.Errorf("%s: %v", j.file, err)
			continue
		}
		if got := summary(list); got != j.want {
			t.Errorf("%s: got %s, want %s", j.file, got, j.want)
		}
		for _, f := range list {
			fired[f.Rule] = true
			if f.Text == "" || !strings.HasPrefix(f.Location, "/") {
				t.Errorf("%s: %+v", j.file, f)
			}
		}
	}
	if len(fired) < 60 {
		t.Errorf("%d rules only were ever broken", len(fired))
	}
}

// The official Schematron files, and our rule files for it, find the same as the native rules, at the same elements.
func TestRulesOfTheEngine(t *testing.T) {
	dir := golden.Shared(t, shared)
	ours := filepath.Join(golden.Root(t), "validation", "core", "rules")
	engines := map[string][2]string{
		"official": {dir + "/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch", dir + "/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch"},
		"core":     {ours + "/tsr.sch", ours + "/eusr.sch"},
	}
	docs := official(t)
	for name, files := range engines {
		t.Run(name, func(t *testing.T) {
			var rules [2]*validation.RuleFile
			for i, file := range files {
				var err error
				if rules[i], err = validation.LoadRuleFile(file, ""); err != nil {
					t.Fatal(err)
				}
			}
			for _, j := range docs {
				list, err := check(j.doc)
				if err != nil {
					t.Fatal(err)
				}
				var native, engine []string
				for _, f := range list {
					native = append(native, f.Rule+" "+f.Location)
				}
				r := rules[0]
				if bytes.Contains(j.doc, []byte(nsEUSR)) {
					r = rules[1]
				}
				runs, err := r.Run(t.Context(), j.file, j.doc)
				if err != nil || len(runs) != 1 || runs[0].Error != "" {
					t.Fatalf("%s: %v %+v", j.file, err, runs)
				}
				for _, f := range runs[0].Fired {
					engine = append(engine, f.ID+" "+f.Location)
				}
				slices.Sort(native)
				slices.Sort(engine)
				if !slices.Equal(native, engine) {
					t.Errorf("%s:\nnative %q\nengine %q", j.file, native, engine)
				}
			}
		})
	}
}

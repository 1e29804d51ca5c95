package schematron

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// turns is how often everybody is measured; the median of a turn is what counts of it.
const turns = 3

// TestBenchSaxon times Saxon and us on the same documents in one run (make bench-validation): reading and all rules,
// warm. The last line has the ratio of the first row.
func TestBenchSaxon(t *testing.T) {
	if os.Getenv("RAVN_BENCH_VALIDATION") == "" {
		t.Skip("a measurement: make bench-validation runs it")
	}
	judges := []*saxon.Judge{saxon.Start12(t), saxon.Start(t)}
	rules := golden.Shared(t, "rules")
	dir := t.TempDir()
	lines := filepath.Join(dir, "lines.xml")
	if err := os.WriteFile(lines, invoice(t, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	var first float64
	for _, row := range []struct {
		name, doc    string
		warm, rounds int
		sch          []string
	}{
		{
			"base-example.xml", filepath.Join(rules, "peppol-billing/examples/base-example.xml"), 2000, 1000,
			[]string{enRules, peppolRules},
		},
		{"1,000 lines", lines, 20, 15, []string{enRules, peppolRules}},
		{
			"EHF catalogue", filepath.Join(rules, "ehf/postaward-g3/usecase/catalogue-3.0/usecase4.xml"), 500, 500,
			[]string{"ehf/postaward-g3/sch-2026-08/catalogue-3.0/EHF-CATALOGUE-3.0.sch"},
		},
	} {
		if _, err := os.Stat(row.doc); err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		sch := make([]string, len(row.sch))
		for i, name := range row.sch {
			sch[i] = filepath.Join(rules, name)
		}
		theirs, ours := [2]float64{math.Inf(1), math.Inf(1)}, math.Inf(1)
		for turn := range turns { // the best of several turns each, as other work on the machine comes and goes
			for i, judge := range judges {
				theirs[i] = min(theirs[i], judge.Time(t, row.doc, row.warm/(1+9*turn), row.rounds, sch...))
			}
			ours = min(ours, timed(t, row.doc, row.rounds, row.sch...))
		}
		ratio := min(theirs[0], theirs[1]) / ours
		if first == 0 {
			first = ratio
		}
		t.Logf("%-18s Saxon 12.9 %8.3f ms   Saxon 9.9 %8.3f ms   Ravn %8.3f ms   ratio to the faster %.1f", row.name,
			theirs[0], theirs[1], ours, ratio)
	}
	t.Logf("saxon_ratio=%.1f", first)
}

// timed is Judge.Time for our engine.
func timed(t *testing.T, file string, rounds int, sch ...string) float64 {
	names := xdm.NewNames()
	rules := rulesOf(t, names, sch...)
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ms []float64
	for range rounds {
		start := time.Now()
		tree, err := xdm.Parse(doc, names)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rules {
			if _, err := s.Validate(t.Context(), tree, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		ms = append(ms, float64(time.Since(start).Microseconds())/1e3)
	}
	slices.Sort(ms)
	return ms[len(ms)/2]
}

package reporting

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/xml/safe"
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
	doc, err := safe.Parse(bytes.TrimSpace(xmlDecl.ReplaceAll(b, nil)), safe.Document)
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

// RPT-7.1, RPT-7.2: every official example, bad example and unit test gives exactly the asserts that the official
// rules give.
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
		"official": {
			dir + "/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch",
			dir + "/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch",
		},
		"core": {ours + "/tsr.sch", ours + "/eusr.sch"},
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

// spoil changes one thing about a report at random, so that rules are broken in ways that nobody thought of.
func spoil(r *rand.Rand, rep *Report) {
	text := func(s *string) {
		values := []string{
			"", " ", "PerTP", "PerSP-DT-PR", "PerSP-DT-PR-CC", "PerDT-PR", "PerDT-EUC", "PerEUC", "SP",
			"DT", "PR", "CC", "TP", "Peppol", "CertSubjectCN", "SenderCountry", "ReceiverCountry", "EndUserCountry",
			"NO", "ZZ", "EL", "XX", "PNO000888", "x::y", "2026-10-05", "2026-10-05Z", " " + *s + "\n", *s + "x",
		}
		*s = values[r.IntN(len(values))]
	}
	number := func(n *uint64) { *n = uint64(r.IntN(4)) }
	key := func(k *Key) { text([]*string{&k.Meta, &k.Scheme, &k.Value}[r.IntN(3)]) }
	keys := func(list *[]Key, other []Key) {
		i := r.IntN(len(*list))
		switch r.IntN(4) {
		case 0:
			*list = append(slices.Clone(*list), other[r.IntN(len(other))])
		case 1:
			if len(*list) > 1 {
				*list = slices.Delete(slices.Clone(*list), i, i+1)
			}
		default:
			*list = slices.Clone(*list)
			key(&(*list)[i])
		}
	}
	t, e := rep.TSR, rep.EUSR
	s, u := &t.Subtotals[r.IntN(len(t.Subtotals))], &e.Subsets[r.IntN(len(e.Subsets))]
	switch r.IntN(12) {
	case 0:
		top := []*Top{&t.Top, &e.Top}[r.IntN(2)]
		text([]*string{&top.Customization, &top.Profile, &top.ReporterScheme, &top.Reporter}[r.IntN(4)])
	case 1:
		number([]*uint64{
			&t.Total.Incoming, &t.Total.Outgoing, &e.FullSet.Sending, &e.FullSet.Receiving,
			&e.FullSet.Either,
		}[r.IntN(5)])
	case 2, 3:
		number([]*uint64{&s.Incoming, &s.Outgoing, &u.Sending, &u.Receiving, &u.Either}[r.IntN(5)])
	case 4:
		text(&s.Type)
	case 5:
		text(&u.Type)
	case 6:
		t.Subtotals = append(t.Subtotals, *s)
	case 7:
		e.Subsets = append(e.Subsets, *u)
	case 8, 9:
		keys(&s.Keys, t.Subtotals[r.IntN(len(t.Subtotals))].Keys)
	default:
		keys(&u.Keys, e.Subsets[r.IntN(len(e.Subsets))].Keys)
	}
}

// Reports that are spoiled at random break the same rules at the same elements for the official files and for us.
func TestRulesSpoiledReports(t *testing.T) {
	r := golden.Random(t)
	rules := loadOfficial(t)
	broken := 0
	for range golden.Cases(t) {
		rep := mustBuild(t, october, counted())
		for range 1 + r.IntN(5) {
			spoil(r, rep)
		}
		for i, doc := range [][]byte{rep.TSR.XML(), rep.EUSR.XML()} {
			list, err := check(doc)
			if err != nil {
				t.Fatal(err)
			}
			runs, err := rules.sch[i].Run(t.Context(), "spoiled", doc)
			if err != nil || runs[0].Error != "" {
				t.Fatalf("%v %+v", err, runs)
			}
			var native, engine []string
			for _, f := range list {
				native = append(native, f.Rule+" "+f.Location)
			}
			for _, f := range runs[0].Fired {
				engine = append(engine, f.ID+" "+f.Location)
			}
			slices.Sort(native)
			slices.Sort(engine)
			if !slices.Equal(native, engine) {
				t.Fatalf("native %q\nengine %q\n%s", native, engine, doc)
			}
			broken += len(native)
		}
	}
	if broken < golden.Cases(t) {
		t.Errorf("%d findings only", broken)
	}
}

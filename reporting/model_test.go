package reporting

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
)

// The slow model: sets and sums of plain texts, written from RPT-3, RPT-5.1 and RPT-5.2 alone.
type model struct {
	tsr   map[string][2]uint64          // key texts to incoming and outgoing
	users map[string][2]map[string]bool // key texts to the sets of senders and receivers
}

func modelOf(t testing.TB, rows []row) model {
	m := model{map[string][2]uint64{}, map[string][2]map[string]bool{}}
	seen := map[string]bool{}
	for _, r := range rows {
		at, err := time.Parse(time.RFC3339Nano, r.time)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(r.values(), "\x00")
		if at.UTC().Format("2006-01") != "2026-10" || seen[said] ||
			r.DocType.Scheme == "busdox-docid-qns" && r.DocType.Value == peppol.TypeTSR {
			continue
		}
		seen[said] = true
		m.count(r)
	}
	return m
}

var modelCountries = strings.Fields("NO SE DE XK 1A XI GR")

func (m model) count(r row) {
	country := func(c string) string {
		if c == "EL" {
			return "GR"
		}
		if slices.Contains(modelCountries, c) {
			return c
		}
		return "ZZ"
	}
	dt, pr := fmt.Sprint("DT ", r.DocType, " "), fmt.Sprint("PR ", r.Process, " ")
	sp, user, in := "SP "+string(r.C3)+" ", country(r.C1Country), 1
	keys := []string{"total", "PerTP TP " + r.Transport + " "}
	if r.Direction == "incoming" {
		sp, user, in = "SP "+string(r.C2)+" ", country(r.C4Country), 0
		keys = append(keys, "PerSP-DT-PR-CC "+sp+dt+pr+"SenderCountry "+country(r.C1Country)+" ReceiverCountry "+
			country(r.C4Country)+" ")
	}
	for _, k := range append(keys, "PerSP-DT-PR "+sp+dt+pr) {
		n := m.tsr[k]
		n[in]++
		m.tsr[k] = n
	}
	if r.DocType.Scheme == "busdox-docid-qns" && r.DocType.Value == peppol.TypeMLS {
		return
	}
	cc := "EndUserCountry " + user + " "
	for _, k := range []string{
		"full", "PerDT-PR " + dt + pr, "PerDT-PR-EUC " + dt + pr + cc, "PerDT-EUC " + dt + cc,
		"PerEUC " + cc,
	} {
		sets, ok := m.users[k]
		if !ok {
			sets = [2]map[string]bool{{}, {}}
			m.users[k] = sets
		}
		sets[1-in][r.EndUser] = true
	}
}

// lines writes the model one line for each number; of the report below likewise.
func (m model) lines() (out []string) {
	for k, n := range m.tsr {
		out = append(out, fmt.Sprint(k, n))
	}
	for k, sets := range m.users {
		both := maps.Clone(sets[0])
		maps.Copy(both, sets[1])
		out = append(out, fmt.Sprint(k, []int{len(sets[0]), len(sets[1]), len(both)}))
	}
	slices.Sort(out)
	return out
}

func reportLines(r *Report) (out []string) {
	keys := func(typ string, list []Key) string {
		b := typ + " "
		for _, k := range list {
			switch k.Meta {
			case "DT", "PR":
				b += k.Meta + " {" + k.Scheme + " " + k.Value + "} "
			case "CC":
				b += k.Scheme + " " + k.Value + " "
			default:
				b += k.Meta + " " + k.Value + " "
			}
		}
		return b
	}
	if r.TSR.Total != (Counts{}) {
		out = append(out, fmt.Sprint("total", []uint64{r.TSR.Total.Incoming, r.TSR.Total.Outgoing}))
	}
	for _, s := range r.TSR.Subtotals {
		out = append(out, fmt.Sprint(keys(s.Type, s.Keys), []uint64{s.Incoming, s.Outgoing}))
	}
	if r.EUSR.FullSet != (Users{}) {
		u := r.EUSR.FullSet
		out = append(out, fmt.Sprint("full", []uint64{u.Sending, u.Receiving, u.Either}))
	}
	for _, s := range r.EUSR.Subsets {
		out = append(out, fmt.Sprint(keys(s.Type, s.Keys), []uint64{s.Sending, s.Receiving, s.Either}))
	}
	slices.Sort(out)
	return out
}

// randomMonth makes exchanges of a month and some beside it, without repeats.
func randomMonth(r *rand.Rand) []row {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	types := []Identifier{
		inv, cn, ord, rem, mls, tsr,
		{"SenderCountryish", mls.Value},
		{peppol.SchemeWildcard, peppol.TypeTSR},
		{"s,\"q\"", "a, b \"c\" <d>&"},
	}
	rows := make([]row, r.IntN(120))
	for i := range rows {
		doc := types[r.IntN(len(types))]
		row := exchange(i, "10", Direction(pick("incoming", "outgoing")),
			peppol.SeatID(pick("PNO000777", "PNO000888", "POP000555", "PZZ999999")), doc,
			pick("A", "B", "C", "a", "A ", "D,\"\"E", "F\r\nG", "\u00e6"), pick("NO", "SE", "EL", "XI", "1A"), "")
		if doc == mls && r.IntN(2) == 0 {
			row.EndUser = ""
		}
		if row.Process.Scheme == "" || r.IntN(4) == 0 {
			row.Process = Identifier{pick("cenbii-procid-ubl", "other"), pick("p1", "p2,\"x\"", "p 3")}
		}
		if r.IntN(5) == 0 {
			row.Transport = pick("peppol-transport-as4-v2_0", "busdox-transport-as2-ver1p0")
		}
		if row.Direction == Incoming {
			row.C4Country = pick("NO", "SE", "EL", "XK")
			row.C1Country = pick("NO", "DE", "EL", "ZZ", "", "xx", "XX", "no such, \"country\"")
		}
		row.message = fmt.Sprintf("%s%d@%s", pick("m", "M", "n\n", "\""), i, pick("x", "y"))
		at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(31*24*3600)) * time.Second)
		switch r.IntN(8) {
		case 0:
			at = at.AddDate(0, r.IntN(5)-2, 0)
		case 1:
			at = time.Date(2026, 10+time.Month(r.IntN(2)), 1, 0, 0, r.IntN(7200)-3600, 0, time.UTC)
		}
		row.time = at.In(time.FixedZone("", 3600*(r.IntN(25)-12))).Format(time.RFC3339Nano)
		rows[i] = row
	}
	return rows
}

// randomFile writes rows in some form that is allowed.
func randomFile(r *rand.Rand, rows []row) string {
	var b strings.Builder
	if r.IntN(2) == 0 {
		b.WriteString("\ufeff")
	}
	line := func(values []string, last bool) {
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			if strings.ContainsAny(v, ",\"\r\n") || r.IntN(6) == 0 {
				v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
			}
			b.WriteString(v)
		}
		if !last || r.IntN(2) == 0 {
			b.WriteString([]string{"\n", "\r\n"}[r.IntN(2)])
		}
	}
	line(columns[:], len(rows) == 0)
	for i, row := range rows {
		line(row.values(), i == len(rows)-1)
	}
	return b.String()
}

// officialRules are the schemas and rules of both reports.
type officialRules struct {
	xsd [2]*validation.SchemaFile
	sch [2]*validation.RuleFile
	dir string
}

func loadOfficial(t testing.TB) *officialRules {
	t.Helper()
	o := &officialRules{dir: t.TempDir()}
	for i, names := range [2][2]string{
		{
			"tsr/xsd/peppol-transaction-statistics-reporting-1.0.xsd",
			"tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch",
		},
		{
			"eusr/xsd/peppol-end-user-statistics-reporting-1.1.xsd",
			"eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch",
		},
	} {
		var err error
		if o.xsd[i], err = validation.LoadSchemaFile(golden.Shared(t, shared+names[0])); err != nil {
			t.Fatal(err)
		}
		if o.sch[i], err = validation.LoadRuleFile(golden.Shared(t, shared+names[1]), ""); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *officialRules) check(t testing.TB, r *Report) {
	t.Helper()
	files, err := r.Save(o.dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, doc := range [][]byte{r.TSR.XML(), r.EUSR.XML()} {
		name := filepath.Join(o.dir, files[i].Name)
		if run := o.xsd[i].Run(name); !run.Valid {
			t.Errorf("schema: %v", run.Errors)
		}
		runs, err := o.sch[i].Run(t.Context(), name, doc)
		if err != nil || len(runs) != 1 || runs[0].Fatal() {
			t.Errorf("rules: %v %+v", err, runs)
		}
	}
}

// RPT-3.2: random months give what the slow model gives, the invariants hold, the official schema and rules find
// nothing; and any order, any repeats, any form of the file and little memory give the same bytes.
func TestRandomMonths(t *testing.T) {
	r := golden.Random(t)
	rules := loadOfficial(t)
	for range golden.Cases(t) / 3 {
		rows := randomMonth(r)
		want := modelOf(t, rows)
		rep, sum, err := buildCSV(t, CSV{}, randomFile(r, rows))
		if err != nil {
			t.Fatalf("%v\n%s", err, file(rows...))
		}
		if got := reportLines(rep); !slices.Equal(got, want.lines()) {
			t.Fatalf("got\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want.lines(), "\n"),
				file(rows...))
		}
		if uint64(sum.Counted) != rep.TSR.Total.Incoming+rep.TSR.Total.Outgoing {
			t.Errorf("%+v, total %+v", sum, rep.TSR.Total)
		}
		checkInvariants(t, rep)
		rules.check(t, rep)
		again := slices.Clone(rows)
		for range r.IntN(len(rows) + 1) {
			again = append(again, rows[r.IntN(len(rows))])
		}
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		small, more, err := buildCSV(t, CSV{Memory: 1}, randomFile(r, again))
		if err != nil || !bytes.Equal(small.TSR.XML(), rep.TSR.XML()) ||
			!bytes.Equal(small.EUSR.XML(), rep.EUSR.XML()) {
			t.Fatalf("other bytes from the same rows, shuffled and repeated: %v", err)
		}
		if int(more.Duplicates) != len(again)-len(rows) || more.Counted != sum.Counted || more.Reports != sum.Reports ||
			!slices.Equal(more.Other, sum.Other) {
			t.Errorf("%+v, without repeats %+v", more, sum)
		}
	}
}

// checkInvariants checks what RPT-3.2 says of every report.
func checkInvariants(t *testing.T, r *Report) {
	t.Helper()
	sums := map[string]Counts{}
	for _, s := range r.TSR.Subtotals {
		c := sums[s.Type]
		sums[s.Type] = Counts{c.Incoming + s.Incoming, c.Outgoing + s.Outgoing}
		if s.Counts == (Counts{}) {
			t.Errorf("an empty subtotal: %+v", s)
		}
	}
	total := r.TSR.Total
	if sums[perTP] != total || sums[perSPDTPR] != total || sums[perSPDTPRCC] != (Counts{Incoming: total.Incoming}) {
		t.Errorf("total %+v, subtotals %+v", total, sums)
	}
	full := r.EUSR.FullSet
	for _, s := range append(r.EUSR.Subsets, Subset{Users: full}) {
		u := s.Users
		if u.Either < max(u.Sending, u.Receiving) || u.Either > u.Sending+u.Receiving || u.Sending > full.Sending ||
			u.Receiving > full.Receiving || u.Either > full.Either {
			t.Errorf("%+v in %+v", u, full)
		}
	}
}

// Any split into batches that are added up before, in any order, gives the bytes of single items; so does doing it
// again after an end at any point.
func TestBuildOfBatches(t *testing.T) {
	r := golden.Random(t)
	for range golden.Cases(t) {
		rows := slices.DeleteFunc(randomMonth(r),
			func(x row) bool { return x.Direction == Outgoing && x.C4Country != "" })
		want := mustBuild(t, october, rows)
		added := map[Item]uint64{}
		var list []Item
		flush := func() {
			for it, n := range added {
				it.N = n
				list = append(list, it)
			}
			clear(added)
		}
		for _, x := range rows {
			added[x.Item]++
			if r.IntN(10) == 0 {
				flush()
			}
		}
		flush()
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got, err := Build(october, func(yield func(Item, error) bool) {
			for _, it := range list {
				if !yield(it, nil) {
					return
				}
			}
		})
		if err != nil || !bytes.Equal(got.TSR.XML(), want.TSR.XML()) || !bytes.Equal(got.EUSR.XML(), want.EUSR.XML()) {
			t.Fatalf("batches give other bytes: %v", err)
		}
	}
}

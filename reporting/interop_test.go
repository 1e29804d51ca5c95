package reporting

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// parts writes a report as the peer does, one line for each number.
func parts(top *Top, first string, numbers ...uint64) *[]string {
	list := []string{strings.Join([]string{"header", top.Start, top.End, top.ReporterScheme, top.Reporter}, "\t")}
	addPart(&list, first, nil, numbers...)
	return &list
}

func addPart(list *[]string, typ string, keys []Key, numbers ...uint64) {
	line := []string{typ}
	for _, k := range keys {
		line = append(line, k.Meta, k.Scheme, k.Value)
	}
	for _, n := range numbers {
		line = append(line, fmt.Sprint(n))
	}
	*list = append(*list, strings.Join(line, "\t"))
}

func tsrParts(t *TSR) []string {
	list := parts(&t.Top, "total", t.Total.Incoming, t.Total.Outgoing)
	for _, s := range t.Subtotals {
		addPart(list, s.Type, s.Keys, s.Incoming, s.Outgoing)
	}
	return *list
}

func eusrParts(e *EUSR) []string {
	list := parts(&e.Top, "full", e.FullSet.Sending, e.FullSet.Receiving, e.FullSet.Either)
	for _, s := range e.Subsets {
		addPart(list, s.Type, s.Keys, s.Sending, s.Receiving, s.Either)
	}
	return *list
}

// same compares two lists without their order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s:\npeppol-reporting\n%s\nRavn\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// peerItems writes exchanges for the peer: with the countries that are reported, which it leaves to its caller, and
// without the reports themselves, which it would count.
func peerItems(t *testing.T, rows []row, mls bool) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rows {
		at, _ := time.Parse(time.RFC3339Nano, r.time)
		kind, err := r.normalize(october)
		if err != nil {
			t.Fatal(err)
		}
		if kind == report || kind == status && !mls || peppol.MonthOf(at) != october.Month {
			continue
		}
		if r.EndUser == "" {
			r.EndUser = "nobody" // it wants one of every item
		}
		line := map[string]string{}
		for i, v := range r.values() {
			line[columns[i]] = v
		}
		out, merr := json.Marshal(line)
		if merr != nil {
			t.Fatal(merr)
		}
		b.Write(append(out, '\n'))
	}
	name := filepath.Join(t.TempDir(), "items.jsonl")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// peppol-reporting reads the numbers in our reports that stand in them, and builds from the same items reports with the
// same numbers, which we read and find right. The EUSR is built without Message Level Statuses: 4.1.0 counts them, the
// rules since do not.
func TestReportsInterop(t *testing.T) {
	peer := interop.Start(t)
	r := golden.Random(t)
	months := [][]row{counted(), {}}
	for range 20 {
		months = append(months, randomMonth(r))
	}
	for _, rows := range months {
		rep, _, err := buildCSV(t, CSV{}, randomFile(r, rows))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := rep.Save(dir); err != nil {
			t.Fatal(err)
		}
		ours := interop.Fields{"tsr": filepath.Join(dir, FileTSR), "eusr": filepath.Join(dir, FileEUSR)}
		ans := peer.Call(t, "report.read", ours)
		same(t, "TSR of Ravn", texts(ans["tsr"]), tsrParts(rep.TSR))
		same(t, "EUSR of Ravn", texts(ans["eusr"]), eusrParts(rep.EUSR))

		theirs := interop.Fields{
			"month": october.Month.String(), "seat": string(own), "tsr": filepath.Join(dir, "a"),
			"eusr": filepath.Join(dir, "b"),
		}
		theirs["items"] = peerItems(t, rows, false)
		peer.Call(t, "report.build", theirs)
		e, err := ReadEUSR(readFile(t, theirs["eusr"]))
		if err != nil || len(e.Check()) > 0 {
			t.Fatalf("EUSR of peppol-reporting: %v %v", err, e.Check())
		}
		same(t, "EUSR of peppol-reporting", eusrParts(e), eusrParts(rep.EUSR))
		theirs["items"] = peerItems(t, rows, true)
		peer.Call(t, "report.build", theirs)
		s, err := ReadTSR(readFile(t, theirs["tsr"]))
		if err != nil || len(s.Check()) > 0 {
			t.Fatalf("TSR of peppol-reporting: %v %v", err, s.Check())
		}
		same(t, "TSR of peppol-reporting", tsrParts(s), tsrParts(rep.TSR))
	}
}

func readFile(t *testing.T, name any) []byte {
	t.Helper()
	b, err := os.ReadFile(name.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

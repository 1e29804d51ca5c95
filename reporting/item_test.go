package reporting

import (
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
)

// A bad item is found the day it arrives, with the field and the reason.
func TestItemCheck(t *testing.T) {
	in, out := counted()[7].Item, counted()[0].Item
	change := func(it Item, f func(*Item)) Item { f(&it); return it }
	for _, tc := range []struct {
		name string
		item Item
		want string // "" is a good item
	}{
		{"good, in", in, ""},
		{"good, out", out, ""},
		{"direction", change(in, func(it *Item) { it.Direction = "" }), "reporting: direction: "},
		{"other seat", change(in, func(it *Item) { it.C2 = "X" }), "reporting: c2: "},
		{"not ours", change(in, func(it *Item) { it.C3 = "PNO000778" }), "reporting: c3: "},
		{"process", change(in, func(it *Item) { it.Process.Value = "a " }), "reporting: process: "},
		{"not UTF-8", change(in, func(it *Item) { it.Transport = "\xff" }), "reporting: transport: "},
		{
			"no country of our receiver", change(in, func(it *Item) { it.C4Country = "" }),
			"reporting: c4_country: is empty",
		},
		{"no country of a foreign sender", change(in, func(it *Item) { it.C1Country = "" }), ""},
		{
			"no country of our sender", change(out, func(it *Item) { it.C1Country = "QQ" }),
			`reporting: c1_country: "QQ"`,
		},
		{"no end user", change(out, func(it *Item) { it.EndUser = "" }), "reporting: end_user: "},
		{"no end user of a status", change(in, func(it *Item) { it.EndUser, it.DocType = "", mls }), ""},
		{
			"no end user of another scheme's status",
			change(in, func(it *Item) { it.EndUser, it.DocType = "", Identifier{"x", peppol.TypeMLS} }),
			"reporting: end_user: ",
		},
		{"none", change(in, func(it *Item) { it.N = 0 }), "reporting: n: is 0"},
	} {
		err := tc.item.Check(own)
		var bad *ItemError
		if (err == nil) != (tc.want == "") || err != nil &&
			(!errors.As(err, &bad) || !strings.HasPrefix(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if _, berr := Build(october, one(tc.item, nil)); (berr == nil) != (err == nil) {
			t.Errorf("%s: Build says %v", tc.name, berr)
		}
	}
}

func one(it Item, err error) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) { yield(it, err) }
}

// RPT-3.4: end users without a country are the worklist before a month is closed; a preview shows them as ZZ, and says
// which rule that breaks.
func TestBuildUnknownCountries(t *testing.T) {
	rows := counted()
	for _, i := range []int{5, 8} { // both of D
		rows[i].C4Country = ""
	}
	rows[9].C4Country = "XX" // of C
	rows[0].C1Country = "ZZ" // of A
	_, err := Build(october, items(rows))
	var missing *CountryError
	if !errors.As(err, &missing) || !reflect.DeepEqual(missing.EndUsers, []string{"A", "C", "D"}) ||
		!strings.HasSuffix(err.Error(), "the country is not known of: A, C, D") {
		t.Fatalf("%v", err)
	}
	preview := october
	preview.Preview = true
	rep := mustBuild(t, preview, rows)
	all := strings.Join(lines(rep), "\n")
	for _, want := range []string{
		"PerSP-DT-PR-CC PNO000777 INV NO ZZ [1 0]", "PerEUC ZZ [1 2 3]",
		"PerSP-DT-PR-CC POP000555 INV ZZ ZZ [1 0]",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing in\n%s", want, all)
		}
	}
	if got := summary(rep.Check()); got != "SCH-EUSR-30:3" {
		t.Errorf("the preview breaks %s", got)
	}
	missing.EndUsers = strings.Split(strings.Repeat("x", 30), "")
	if s := missing.Error(); !strings.HasSuffix(s, "x, …") || strings.Count(s, "x") != 10 {
		t.Error(s)
	}
}

// An error of the items ends the building.
func TestBuildErrorOfItems(t *testing.T) {
	broken := errors.New("database gone")
	if rep, err := Build(october, one(Item{}, broken)); rep != nil || !errors.Is(err, broken) {
		t.Errorf("%v %v", rep, err)
	}
}

// RPT-4: an empty month gives both reports, without subtotals and subsets.
func TestBuildEmptyMonth(t *testing.T) {
	for _, rows := range [][]row{nil, {notCounted()[0]}} {
		rep := mustBuild(t, october, rows)
		if got := lines(rep); !reflect.DeepEqual(got, []string{"total [0 0]", "full [0 0 0]"}) {
			t.Errorf("%v", got)
		}
	}
	rep := mustBuild(t, october, counted()[10:11]) // status alone: no end users
	if len(rep.TSR.Subtotals) != 3 || len(rep.EUSR.Subsets) != 0 || rep.EUSR.FullSet != (Users{}) {
		t.Errorf("%v", lines(rep))
	}
}

func TestDaysOfAMonth(t *testing.T) {
	if first, last := days(202802); first != "2028-02-01" || last != "2028-02-29" {
		t.Error(first, last)
	}
}

// Countries are those of the official code lists, in both directions.
func TestCountryList(t *testing.T) {
	tsr, eusr := listOf(t, "tsr", "1.0.5"), listOf(t, "eusr", "1.1.5")
	if len(tsr) != 254 || len(eusr) != 253 {
		t.Fatalf("%d and %d codes", len(tsr), len(eusr))
	}
	for a := '0'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			c := string(a) + string(b)
			if inList(c) != eusr[c] || inList(c, unknown) != tsr[c] {
				t.Errorf("%s", c)
			}
			if code, ok := Country(c); ok != eusr[c] || ok && !eusr[code] || ok && code == "EL" {
				t.Errorf("Country(%s) = %s, %t", c, code, ok)
			}
		}
	}
}

func listOf(t *testing.T, kind, version string) map[string]bool {
	t.Helper()
	name := map[string]string{"tsr": "transaction", "eusr": "end-user"}[kind]
	b := string(golden.Read(t, shared+kind+"/schematron/peppol-"+name+"-statistics-reporting-"+version+".sch"))
	_, b, _ = strings.Cut(b, `name="cl_iso3166" value="'`)
	b, _, _ = strings.Cut(b, "'")
	out := map[string]bool{}
	for _, c := range strings.Fields(b) {
		out[c] = true
	}
	return out
}

// What has not the structure of a report is refused with the line.
func TestReadRefuses(t *testing.T) {
	good := string(mustBuild(t, october, counted()).TSR.XML())
	users := string(mustBuild(t, october, counted()).EUSR.XML())
	if _, err := ReadTSR([]byte(users)); err == nil ||
		!strings.Contains(err.Error(), "root element is EndUserStatisticsReport") {
		t.Errorf("%v", err)
	}
	for _, tc := range []struct{ old, new, want string }{
		{"<ProfileID>", "<Profile>", "column"},
		{"<Total>", "<Total/><Total>", "line 11: Total ends where Incoming is needed"},
		{"<Outgoing>6</Outgoing>\n  </Total>", "</Total>", "Total ends where Outgoing"},
		{"<Incoming>6", "<Incoming>-6", "line 12: Incoming is not a number"},
		{"<Incoming>6", "<Incoming>++6", "line 12: Incoming is not a number"},
		{"<Incoming>6", "<Incoming>18446744073709551616", "line 12: Incoming is not a number"},
		{"<Incoming>6", "<Incoming>", "line 12: Incoming is not a number"},
		{"<StartDate>2026-10-01", "<StartDate><b/>", "StartDate must hold text alone"},
		{
			"</TransactionStatisticsReport>", "<More/></TransactionStatisticsReport>",
			"More stands where Subtotal is needed",
		},
		{"  <Total>", "  <Sum xmlns=''/><Total>", "line 11: Sum stands where Total is needed"},
		{"<Header>", "<!DOCTYPE a><Header>", "xml: "},
	} {
		if !strings.Contains(good, tc.old) {
			t.Fatalf("%s is not in the report", tc.old)
		}
		if r, err := ReadTSR([]byte(strings.Replace(good, tc.old, tc.new, 1))); r != nil && err == nil ||
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.new, err)
		}
	}
	if _, err := ReadEUSR([]byte(strings.Replace(users, "<SendingEndUsers>3", "<SendingEndUsers>x", 1))); err == nil {
		t.Error("a number that is none")
	}
	plus, err := ReadTSR([]byte(strings.Replace(good, "<Incoming>6", "<Incoming> +6\n", 1)))
	if err != nil || plus.Total.Incoming != 6 {
		t.Errorf("+6: %v", err)
	}
}

// A folder that cannot be written, or a name that is taken by a folder, leaves nothing half-written.
func TestSave(t *testing.T) {
	rep := mustBuild(t, october, counted())
	dir := filepath.Join(t.TempDir(), "a", "b")
	files, err := rep.Save(dir)
	if err != nil || len(files) != 2 || files[0].Name != FileTSR || files[0].Bytes != int64(len(rep.TSR.XML())) {
		t.Fatalf("%v %v", files, err)
	}
	if _, err := rep.Save(filepath.Join(dir, FileTSR)); err == nil {
		t.Error("a file for a folder")
	}
	taken := t.TempDir()
	if err := os.MkdirAll(filepath.Join(taken, FileTSR, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := rep.Save(taken); err == nil {
		t.Error("the name is taken by a folder")
	}
	if left, _ := os.ReadDir(taken); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// What cannot be written leaves nothing, not even the documents before it.
func TestSaveAllOrNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	broken := errors.New("broken")
	whole := Document{"a.txt", 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, "whole")
		return err
	}}
	half := Document{"b.txt", 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, broken)
	}}
	if _, err := Save(dir, whole, half); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
	files, err := Save(dir, whole)
	if err != nil || len(files) != 1 || files[0].Name != "a.txt" || files[0].Bytes != 5 {
		t.Errorf("%+v, %v", files, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "a.txt")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

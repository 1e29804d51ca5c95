package accounts

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// RPT-4: months end in UTC, whatever the zone of the machine. A month is over when it is over there.
func TestRPT4MonthsEndInUTC(t *testing.T) {
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "r.db"),
		db.Options{Now: clock("2026-11-03T12:00:00Z")}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for text, want := range map[string]string{
		"2027-03-31T23:30:00Z": "2027-02", // in Oslo it is April
		"2027-04-01T00:00:00Z": "2027-03", // in New York it is March
		"2027-01-01T05:00:00Z": "2026-12",
		"2026-12-31T12:00:00Z": "2026-11",
		"2028-03-01T00:30:00Z": "2028-02",
		"2028-02-29T23:59:59Z": "2028-01",
		"2027-03-28T01:30:00Z": "2027-02", // the clocks in Oslo are put forward
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		for hours := -12; hours <= 14; hours++ {
			zone := time.FixedZone("", hours*3600)
			a := &Accounts{
				Ledger: s.Ledger, Tenant: db.DefaultTenant, Seats: []peppol.SeatID{"POP000001"},
				Now: func() time.Time { return at.In(zone) },
			}
			list, err := a.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if list[0].Month != want {
				t.Errorf("%s: the last month that is over is called %s, not %s", at.In(zone).Format(time.RFC3339),
					list[0].Month, want)
			}
		}
	}
}

// clock is a clock that stands still.
func clock(text string) func() time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a constant of the tests is wrong
	}
	return func() time.Time { return at }
}

// RPT-4: no month before the record began is due; that in which it began is, and each one since, also if nothing was
// exchanged in it.
func TestRPT4StatusSinceTheRecordBegan(t *testing.T) {
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "r.db"),
		db.Options{Now: clock("2026-11-20T12:00:00Z")}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	a := &Accounts{Ledger: s.Ledger, Tenant: db.DefaultTenant, Seats: []peppol.SeatID{"POP000001"}}
	status := func(now string) string {
		t.Helper()
		a.Now = clock(now)
		list, err := a.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, d := range list {
			all = append(all, d.Month+" "+d.What+" "+d.State)
		}
		return strings.Join(all, ", ")
	}
	month := func(text string) peppol.Month {
		m, err := peppol.ParseMonth(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if got := status("2026-11-30T12:00:00Z"); got != "" {
		t.Errorf("in the month in which it began: %s", got)
	}
	if err := a.Ledger.CloseMonth(t.Context(), a.Tenant, month("2026-10"), "nobody"); err != nil {
		t.Fatal(err)
	}
	if got := status("2026-11-30T12:00:00Z"); got != "" {
		t.Errorf("a month before, although it is closed: %s", got)
	}
	if err := a.Done(t.Context(), month("2026-10"), "", ledger.MarkDFO, 0, "x", "by hand"); err != nil {
		t.Fatal(err)
	}
	if got := status("2026-11-30T12:00:00Z"); got != "2026-10 dfo done" {
		t.Errorf("a month before, whose report was delivered: %s", got)
	}
	if got := status("2026-12-01T12:00:00Z"); got != "2026-11 dfo open, 2026-11 tsr open, 2026-11 eusr open" {
		t.Errorf("a month later: %s", got)
	}
	const want = "2027-01 dfo overdue, 2027-01 tsr near, 2027-01 eusr near, 2026-12 dfo overdue, 2026-12 tsr " +
		"overdue, 2026-12 eusr overdue, " +
		"2026-11 dfo overdue, 2026-11 tsr overdue, 2026-11 eusr overdue"
	if got := status("2027-02-12T12:00:00Z"); got != want {
		t.Errorf("three months later:\n%s\nwant\n%s", got, want)
	}
}

package accounts

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// RPT-4: months end in UTC, whatever the zone of the machine. A month is over when it is over there.
func TestRPT4MonthsEndInUTC(t *testing.T) {
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "r.db"), db.Options{}))
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

package reporting

import (
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
)

func TestUTCMonth(t *testing.T) {
	for s, want := range map[string]string{
		"2026-10-31T23:30:00Z": "2026-10", "2026-11-01T00:30:00+01:00": "2026-10",
		"2026-10-31T23:30:00-01:00": "2026-11",
		"2026-01-01T00:00:00+00:01": "2025-12", "2025-12-31T23:59:59.999999999999-00:01": "2026-01",
		"2028-02-29T00:00:00Z": "2028-02",
		"2026-12-31t23:59:60z": "2026-12", "2026-12-31T16:59:60-07:00": "2026-12",
		"2027-01-01T00:59:60+01:00": "2026-12",
		"2026-10-01T00:00:00-00:00": "2026-10", "2026-10-01T00:00:00+23:59": "2026-09",
		"2026-09-30T12:00:00-23:59": "2026-10",
		"0000-01-01T00:00:00Z":      "0000-01", "9999-12-31T23:59:59Z": "9999-12",
	} {
		m, why := utcMonth([]byte(s))
		if got := peppol.Month(m/12*100 + m%12 + 1).String(); why != "" || got != want {
			t.Errorf("%s: %s %s, want %s", s, got, why, want)
		}
	}
	for _, s := range []string{
		"", "2026-10", "2026-10-31", "2026-10-31T23:30:00", "2026-10-31T23:30:00.Z", "2026-10-31T23:30:00,5Z",
		"2026-10-31 23:30:00Z",
		"2026-10-31T23:30Z", "2026-10-31T24:00:00Z", "2026-10-31T23:60:00Z", "2026-10-31T23:30:61Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-10-00T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-10-31T23:30:00+1:00", "2026-10-31T23:30:00+0100", "2026-10-31T23:30:00+24:00",
		"2026-10-31T23:30:00+01:60", "2026-10-31T23:30:00Z ",
		"+026-10-31T23:30:00Z", "2026-10-31T-1:30:00Z", "2026-10-31T23:59:60+01:00", "2026-10-30T23:59:60Z",
		"2026-12-31T23:58:60Z", "2026-10-31T23:30:00ZZ",
	} {
		if m, why := utcMonth([]byte(s)); why == "" {
			t.Errorf("%q is taken for month %d", s, m)
		}
	}
}

// Random times agree with package time.
func TestUTCMonthAgreesWithTime(t *testing.T) {
	r := golden.Random(t)
	for range 20_000 {
		at := time.Unix(r.Int64N(250_000_000_000)-60_000_000_000, r.Int64N(1e9))
		at = at.In(time.FixedZone("", 60*(r.IntN(2*24*60-1)-(24*60-1))))
		if r.IntN(2) == 0 { // near the end of a month
			at = time.Date(at.Year(), at.Month()+1, 1, 0, 0, r.IntN(180_000)-90_000, 0, at.Location())
		}
		s := at.Format(time.RFC3339Nano)
		m, why := utcMonth([]byte(s))
		if want := 12*at.UTC().Year() + int(at.UTC().Month()) - 1; why != "" || m != want {
			t.Fatalf("%s: %d %s, want %d", s, m, why, want)
		}
	}
}

package peppol

import (
	"fmt"
	"time"
)

// Month is a calendar month in UTC, the reporting period (RPT-4), as year × 100 + month: 202610. Months compare like
// numbers; the zero value is no month and comes before all others.
type Month int64

// ParseMonth reads "2026-10".
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || len(s) != len("2006-01") {
		return 0, fmt.Errorf("peppol: month %q is not of the form 2026-10", s)
	}
	return MonthOf(t), nil
}

// MonthOf returns the month in which t lies.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month(t.Year()*100 + int(t.Month()))
}

// String returns "2026-10".
func (m Month) String() string {
	year, month := m.split()
	return fmt.Sprintf("%04d-%02d", year, month)
}

// split returns year and month. A time of the year 0 can lie in the year before once it is in UTC, so the division
// has to round down.
func (m Month) split() (year, month int) {
	year, month = int(m/100), int(m%100)
	if month < 0 {
		return year - 1, month + 100
	}
	return year, month
}

// MarshalText writes a Month in JSON as String does.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Bounds returns the first moment of the month and that of the next one.
func (m Month) Bounds() (from, to time.Time) {
	year, month := m.split()
	from = time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 1, 0)
}

// Next returns the month after m.
func (m Month) Next() Month {
	_, to := m.Bounds()
	return MonthOf(to)
}

// Ended reports whether the month is over.
func (m Month) Ended(now time.Time) bool {
	_, to := m.Bounds()
	return !now.Before(to)
}

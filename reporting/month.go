package reporting

import (
	"fmt"
	"time"
)

// Month is a calendar month in UTC, the reporting period (RPT-4).
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads "2026-10".
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || len(s) != len("2006-01") {
		return Month{}, fmt.Errorf("reporting: month %q is not of the form 2026-10", s)
	}
	return MonthOf(t), nil
}

// MonthOf returns the month in which t lies.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month{t.Year(), t.Month()}
}

// String returns "2026-10".
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, m.Month) }

// MarshalText is String, for JSON.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Bounds returns the first moment of the month and that of the next one.
func (m Month) Bounds() (from, to time.Time) {
	from = time.Date(m.Year, m.Month, 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 1, 0)
}

// Ended tells whether the month is over.
func (m Month) Ended(now time.Time) bool {
	_, to := m.Bounds()
	return !now.Before(to)
}

// days returns the first and the last day as they stand in a report, without zone (SCH-TSR-40, SCH-TSR-41).
func (m Month) days() (first, last string) {
	from, to := m.Bounds()
	return from.Format(time.DateOnly), to.AddDate(0, 0, -1).Format(time.DateOnly)
}

package peppol

import (
	"testing"
	"time"
)

func TestMonth(t *testing.T) {
	m, err := ParseMonth("2028-02")
	if err != nil || m.String() != "2028-02" {
		t.Fatal(m, err)
	}
	from, to := m.Bounds()
	if from.Format(time.RFC3339) != "2028-02-01T00:00:00Z" || to.Format(time.RFC3339) != "2028-03-01T00:00:00Z" {
		t.Error(from, to)
	}
	if m.Ended(to.Add(-1)) || !m.Ended(to) {
		t.Error("a month ends with the last moment of its last day in UTC")
	}
	if got := MonthOf(time.Date(2026, 11, 1, 0, 30, 0, 0, time.FixedZone("", 3600))).String(); got != "2026-10" {
		t.Error(got)
	}
	for _, s := range []string{"", "2026", "2026-13", "2026-00", "2026-1", "2026-10-01", " 2026-10", "02026-10"} {
		if m, err := ParseMonth(s); err == nil {
			t.Errorf("%q is taken for %s", s, m)
		}
	}
}

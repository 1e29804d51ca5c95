package smp

import (
	"time"

	"github.com/ravn-ap/ravn/internal/datetime"
)

// dateTime reads an optional xs:dateTime; without a time zone it is in UTC (DISC-075). Only "" gives the zero time.
func dateTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, _, err := datetime.Parse(s)
	if err != nil {
		return time.Time{}, err
	}
	if t.IsZero() { // 0001-01-01T00:00:00, which .NET writes, is a date in the past and does not mean "no date"
		t = t.Add(time.Nanosecond)
	}
	return t, nil
}

package smp

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// dateTimeForm is the lexical form of xs:dateTime (XML Schema 1.0 part 2 §3.2.7.1).
var dateTimeForm = regexp.MustCompile(
	`^(-?)(\d{4}|[1-9]\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?$`)

var errDateTime = errors.New("it is not an xs:dateTime")

// maxYear stands for all later years.
const maxYear = 999_999_999

// dateTime reads an optional xs:dateTime; without a time zone it is in UTC (DISC-075). Only "" gives the zero time.
func dateTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	part := dateTimeForm.FindStringSubmatch(s)
	if part == nil {
		return time.Time{}, errDateTime
	}
	n := func(i int) int { v, _ := strconv.Atoi(part[i]); return v } // digits, or nothing: 0
	year := maxYear
	if len(part[2]) <= 9 {
		year = n(2)
	}
	if year == 0 { // XML Schema 1.0 has no such year
		return time.Time{}, errDateTime
	}
	if part[1] != "" {
		year = 1 - year // 1 BC is the year 0 of package time
	}
	month, day, hour, minute, second := n(3), n(4), n(5), n(6), n(7)
	nanos, _ := strconv.Atoi((part[8] + "000000000")[:9])
	zone := time.Duration(n(10))*time.Hour + time.Duration(n(11))*time.Minute
	midnight := hour == 24 && minute == 0 && second == 0 && n(8) == 0 // of the next day
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Day() != day || int(date.Month()) != month || hour > 23 && !midnight || minute > 59 || second > 59 ||
		n(11) > 59 || zone > 14*time.Hour {
		return time.Time{}, errDateTime
	}
	if part[9] == "-" {
		zone = -zone
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-zone)
	if t.IsZero() { // 0001-01-01T00:00:00, which .NET writes, is a date in the past and does not mean "no date"
		t = t.Add(time.Nanosecond)
	}
	return t, nil
}

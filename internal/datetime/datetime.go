// Package datetime reads xs:dateTime in full (XML Schema 1.0 part 2, §3.2.7): years of more than four digits and before
// the first, the hour 24, fractions, offsets up to 14 hours.
package datetime

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// form is the lexical form (§3.2.7.1).
var form = regexp.MustCompile(
	`^(-?)(\d{4}|[1-9]\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|([+-])(\d\d):(\d\d))?$`)

// Err is the error of everything else.
var Err = errors.New("it is not an xs:dateTime")

// maxYear stands for all later years.
const maxYear = 999_999_999

// Parse reads a value without white space around it; one without a time zone is in UTC, and zoned is false.
func Parse(s string) (t time.Time, zoned bool, err error) {
	part := form.FindStringSubmatch(s)
	if part == nil {
		return time.Time{}, false, Err
	}
	n := func(i int) int { v, _ := strconv.Atoi(part[i]); return v } // digits, or nothing: 0
	year := maxYear
	if len(part[2]) <= 9 {
		year = n(2)
	}
	if year == 0 { // XML Schema 1.0 has no such year
		return time.Time{}, false, Err
	}
	if part[1] != "" {
		year = 1 - year // 1 BC is the year 0 of package time
	}
	month, day, hour, minute, second := n(3), n(4), n(5), n(6), n(7)
	nanos, _ := strconv.Atoi((part[8] + "000000000")[:9])
	zone := time.Duration(n(11))*time.Hour + time.Duration(n(12))*time.Minute
	midnight := hour == 24 && minute == 0 && second == 0 && n(8) == 0 // of the next day
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Day() != day || int(date.Month()) != month || hour > 23 && !midnight || minute > 59 || second > 59 ||
		n(12) > 59 || zone > 14*time.Hour {
		return time.Time{}, false, Err
	}
	if part[10] == "-" {
		zone = -zone
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-zone)
	return t, part[9] != "", nil
}

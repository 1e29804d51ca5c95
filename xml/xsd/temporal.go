package xsd

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// moment is a value of the date and time types, on the time line of UTC: seconds from the start of the year 0, and a
// fraction. Types without year or day have fixed ones.
type moment struct {
	sec   int64
	frac  string // digits of the fraction, without trailing zeros
	zoned bool
}

// temporal makes one of the date and time types. The form lists its parts: Y, M, D and T, with "-" for what is left out
// before them.
func temporal(form string) *primitive {
	return &primitive{
		valid: plain(func(v []byte) bool { _, ok := parseMoment(form, v); return ok }),
		key: func(v []byte, _ *scope) string {
			m, _ := parseMoment(form, v)
			return fmt.Sprint(m.sec, ".", m.frac, m.zoned)
		},
		value:   func(v []byte) any { m, _ := parseMoment(form, v); return m },
		compare: compareMoments,
	}
}

// fields are the parts of a date and time as written.
type fields struct {
	year                     int64
	month, day, hour, minute int
	second                   int
	frac                     string
}

// parseMoment reads a value of the type with this form.
func parseMoment(form string, v []byte) (m moment, ok bool) {
	f := fields{year: 2000, month: 1, day: 1}
	first := true
	sep := func(s string) bool {
		if first {
			first = false
			return true
		}
		rest, ok := bytes.CutPrefix(v, []byte(s))
		v = rest
		return ok
	}
	for _, part := range form {
		switch part {
		case '-':
			// "--" stands for the parts that are left out; before a day, for year and month, it has one more.
			first = false
			if v, ok = bytes.CutPrefix(v, []byte("-")); !ok {
				return m, false
			}
		case 'Y':
			first = false
			v, ok = f.readYear(v)
		case 'M':
			if ok = sep("-"); ok {
				f.month, v, ok = two(v)
			}
		case 'D':
			if ok = form != "-D" || bytes.HasPrefix(v, []byte("--")); ok && form == "-D" {
				v = v[1:]
			}
			if ok = ok && sep("-"); ok {
				f.day, v, ok = two(v)
			}
		case 'T':
			if ok = sep("T"); ok {
				v, ok = f.readTime(v)
			}
		}
		if !ok {
			return m, false
		}
	}
	offset, zoned, ok := zone(v)
	if !ok || !f.inRange() {
		return m, false
	}
	m.sec = days(f.year, f.month, f.day)*86400 + int64(f.hour*3600+f.minute*60+f.second) - int64(offset)*60
	m.frac, m.zoned = f.frac, zoned
	return m, true
}

// maxYear bounds the years that are values, as Xerces does.
const maxYear = math.MaxInt32

func (f *fields) readYear(v []byte) ([]byte, bool) {
	neg := len(v) > 0 && v[0] == '-'
	if neg {
		v = v[1:]
	}
	n := digits(v)
	if n < 4 || n > 4 && v[0] == '0' {
		return nil, false
	}
	y, err := strconv.ParseInt(string(v[:n]), 10, 64)
	if neg {
		y = -y
	}
	f.year = y
	return v[n:], err == nil && y != 0 && y <= maxYear && y >= -maxYear-1
}

// two reads two digits.
func two(v []byte) (int, []byte, bool) {
	if len(v) < 2 || digits(v[:2]) != 2 {
		return 0, nil, false
	}
	return int(v[0]-'0')*10 + int(v[1]-'0'), v[2:], true
}

func (f *fields) readTime(v []byte) (rest []byte, ok bool) {
	for i, p := range []*int{&f.hour, &f.minute, &f.second} {
		if i > 0 {
			if v, ok = bytes.CutPrefix(v, []byte{':'}); !ok {
				return nil, false
			}
		}
		if *p, v, ok = two(v); !ok {
			return nil, false
		}
	}
	if len(v) > 0 && v[0] == '.' {
		n := digits(v[1:])
		if n == 0 {
			return nil, false
		}
		f.frac = strings.TrimRight(string(v[1:1+n]), "0")
		v = v[1+n:]
	}
	return v, true
}

// inRange checks the parts against the calendar. Hour 24 is the end of the day.
func (f *fields) inRange() bool {
	if f.hour == 24 && (f.minute != 0 || f.second != 0 || f.frac != "") {
		return false
	}
	return f.month >= 1 && f.month <= 12 && f.day >= 1 && f.day <= monthDays(f.year, f.month) &&
		f.hour <= 24 && f.minute < 60 && f.second < 60
}

func monthDays(year int64, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// zone reads a time zone, in minutes east.
func zone(v []byte) (offset int, zoned, ok bool) {
	switch {
	case len(v) == 0:
		return 0, false, true
	case string(v) == "Z":
		return 0, true, true
	case len(v) != 6 || v[0] != '+' && v[0] != '-' || v[3] != ':' || digits(v[1:3]) != 2 || digits(v[4:]) != 2:
		return 0, false, false
	}
	h, _, _ := two(v[1:])
	m, _, _ := two(v[4:])
	if h > 14 || m > 59 || h == 14 && m != 0 {
		return 0, false, false
	}
	if offset = h*60 + m; v[0] == '-' {
		offset = -offset
	}
	return offset, true, true
}

// days counts days in the Gregorian calendar, extended into the past. Years begin in March here, so that the leap day
// is the last of its year and (153*(m-3)+2)/5 is how many days lie before month m.
func days(year int64, month, day int) int64 {
	y, m := year, int64(month)
	if m <= 2 {
		y, m = y-1, m+12
	}
	floor := func(a, b int64) int64 {
		if q := a / b; a%b >= 0 {
			return q
		} else {
			return q - 1
		}
	}
	return 365*y + floor(y, 4) - floor(y, 100) + floor(y, 400) + (153*(m-3)+2)/5 + int64(day)
}

// compareMoments compares two moments; one with and one without a time zone are ordered only if they are more than 14
// hours apart (XML Schema Part 2, §3.2.7.4).
func compareMoments(a, b any) (int, bool) {
	x, y := a.(moment), b.(moment)
	c := cmp.Or(cmp.Compare(x.sec, y.sec), strings.Compare(x.frac, y.frac))
	if x.zoned == y.zoned {
		return c, true
	}
	const most = 14 * 3600
	if d := x.sec - y.sec; d > most || d < -most {
		return c, true
	}
	return 0, false
}

// duration is a value of that type: months and seconds, which cannot be compared in general.
type duration struct {
	months, sec int64
	frac        string
	neg         bool
}

func isDuration(v []byte) bool { _, ok := parseDuration(v); return ok }

// parseDuration reads -PnYnMnDTnHnMnS.
func parseDuration(v []byte) (d duration, ok bool) {
	if len(v) > 0 && v[0] == '-' {
		d.neg, v = true, v[1:]
	}
	if v, ok = bytes.CutPrefix(v, []byte{'P'}); !ok || len(v) == 0 {
		return d, false
	}
	date, clock, timed := bytes.Cut(v, []byte{'T'})
	if timed && len(clock) == 0 {
		return d, false
	}
	if !d.parts(date, "YMD", []int64{12, 1, 86400}, 2) || !d.parts(clock, "HMS", []int64{3600, 60, 1}, 0) {
		return d, false
	}
	return d, true
}

// maxAmount bounds the parts of a duration that are told apart, so that sums fit 64 bits; greater ones are all the
// same.
const maxAmount = 1e10

// parts reads numbers with these designators, in this order; units from index seconds on count seconds, others months.
func (d *duration) parts(v []byte, designators string, units []int64, seconds int) bool {
	for i := range designators {
		n := digits(v)
		frac, at := "", n
		if designators[i] == 'S' && at < len(v) && v[at] == '.' {
			m := digits(v[at+1:])
			if m == 0 {
				return false
			}
			frac, at = string(v[at+1:at+1+m]), at+1+m
		}
		if at == 0 || at >= len(v) || v[at] != designators[i] {
			continue
		}
		x, err := strconv.ParseInt("0"+string(v[:n]), 10, 64)
		if err != nil || x > maxAmount {
			x = maxAmount
		}
		if d.frac = strings.TrimRight(frac, "0"); i >= seconds {
			d.sec += x * units[i]
		} else {
			d.months += x * units[i]
		}
		v = v[at+1:]
	}
	return len(v) == 0
}

func durationValue(v []byte) any { d, _ := parseDuration(v); return d }

func durationKey(v []byte, _ *scope) string {
	d, _ := parseDuration(v)
	if d.months == 0 && d.sec == 0 && d.frac == "" {
		d.neg = false
	}
	return fmt.Sprint(d.neg, d.months, " ", d.sec, ".", d.frac)
}

// compareDurations adds both to the four moments that XML Schema Part 2 §3.2.6.2 names. Only if all four agree is
// there an order: a month is longer than 30 days from one of them and shorter from another.
func compareDurations(a, b any) (int, bool) {
	x, y := a.(duration), b.(duration)
	order := 0
	for i, start := range []struct {
		year  int64
		month int
	}{{1696, 9}, {1697, 2}, {1903, 3}, {1903, 7}} {
		c := compareMomentSums(x.after(start.year, start.month), y.after(start.year, start.month))
		if i > 0 && c != order {
			return 0, false
		}
		order = c
	}
	return order, true
}

// sum is a number of seconds; a fraction is added to it, or taken away if neg.
type sum struct {
	sec  int64
	frac string
	neg  bool
}

// after returns the moment at this duration from the first of a month.
func (d duration) after(year int64, month int) sum {
	months, sec := d.months, d.sec
	if d.neg {
		months, sec = -months, -sec
	}
	m := int64(month) - 1 + months
	y := year + m/12
	if m %= 12; m < 0 {
		m, y = m+12, y-1
	}
	return sum{days(y, int(m)+1, 1)*86400 + sec, d.frac, d.neg && d.frac != ""}
}

func compareMomentSums(x, y sum) int {
	if x.neg == y.neg {
		c := strings.Compare(x.frac, y.frac)
		if x.neg {
			c = -c
		}
		return cmp.Or(cmp.Compare(x.sec, y.sec), c)
	}
	// One lies before its second and the other at or behind it: equal seconds decide by that, and so do neighbours.
	if c := cmp.Compare(x.sec, y.sec); c != 0 {
		if x.neg && x.sec == y.sec+1 || y.neg && y.sec == x.sec+1 {
			return compareComplement(x, y)
		}
		return c
	}
	if x.neg {
		return -1
	}
	return 1
}

// compareComplement compares the fractions of neighbours, of which one counts back from the later second.
func compareComplement(x, y sum) int {
	f := func(s sum) float64 {
		v, _ := strconv.ParseFloat("0."+s.frac+"0", 64)
		if s.neg {
			v = 1 - v
		}
		return v
	}
	return cmp.Compare(f(x), f(y))
}

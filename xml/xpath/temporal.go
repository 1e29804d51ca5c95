package xpath

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// temporal is a date, a time, a dateTime, or a dayTimeDuration, which has only sec. What its type does not have is 0.
type temporal struct {
	year, month, day int
	hour, min        int
	sec              decimal
	zoned            bool
	zone             int // minutes east of UTC
}

// zoneOf reads the time zone at the end of a lexical form and returns what stands before it.
func zoneOf(s string) (rest string, zoned bool, zone int, ok bool) {
	if rest, found := strings.CutSuffix(s, "Z"); found {
		return rest, true, 0, true
	}
	if len(s) < 6 || s[len(s)-3] != ':' || s[len(s)-6] != '+' && s[len(s)-6] != '-' {
		return s, false, 0, true
	}
	z := s[len(s)-6:]
	h, ok1 := number(z[1:3], 2)
	m, ok2 := number(z[4:6], 2)
	if !ok1 || !ok2 || h > 14 || m > 59 || h == 14 && m > 0 {
		return "", false, 0, false
	}
	zone = h*60 + m
	if z[0] == '-' {
		zone = -zone
	}
	return s[:len(s)-6], true, zone, true
}

// number reads a number of exactly n digits; n 0 means any.
func number(s string, n int) (int, bool) {
	if s == "" || n > 0 && len(s) != n || len(s) > 9 {
		return 0, false
	}
	v := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, true
}

func parseDate(s string) (*temporal, bool) {
	s, zoned, zone, ok := zoneOf(s)
	if !ok {
		return nil, false
	}
	t := &temporal{zoned: zoned, zone: zone}
	return t, t.date(s)
}

// date reads year, month and day. There is a year 0, as XML Schema 1.1 has it.
func (t *temporal) date(s string) bool {
	neg := strings.HasPrefix(s, "-")
	if neg {
		s = s[1:]
	}
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[0]) < 4 || len(parts[0]) > 4 && parts[0][0] == '0' {
		return false
	}
	var ok [3]bool
	t.year, ok[0] = number(parts[0], 0)
	t.month, ok[1] = number(parts[1], 2)
	t.day, ok[2] = number(parts[2], 2)
	if neg {
		t.year = -t.year
	}
	return ok[0] && ok[1] && ok[2] && t.month >= 1 && t.month <= 12 &&
		t.day >= 1 && t.day <= daysIn(t.year, t.month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func parseTime(s string) (*temporal, bool) {
	s, zoned, zone, ok := zoneOf(s)
	if !ok {
		return nil, false
	}
	t := &temporal{zoned: zoned, zone: zone}
	ok = t.time(s)
	if t.hour == 24 {
		t.hour = 0
	}
	return t, ok
}

// time reads hours, minutes and seconds. 24:00:00, the end of the day, stays as it is: what it becomes depends on
// whether there is a day.
func (t *temporal) time(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || len(parts[2]) < 2 || strings.HasSuffix(parts[2], ".") {
		return false
	}
	var ok [3]bool
	t.hour, ok[0] = number(parts[0], 2)
	t.min, ok[1] = number(parts[1], 2)
	whole, _, _ := strings.Cut(parts[2], ".")
	_, ok[2] = number(whole, 2)
	if !ok[0] || !ok[1] || !ok[2] {
		return false
	}
	if t.sec, ok[2] = parseDecimal(parts[2]); !ok[2] || t.sec.cmp(decimal{n: 60}) >= 0 {
		return false
	}
	return t.min < 60 && (t.hour < 24 || t.hour == 24 && t.min == 0 && t.sec.sign() == 0)
}

func parseDateTime(s string) (*temporal, bool) {
	s, zoned, zone, ok := zoneOf(s)
	date, clock, found := strings.Cut(s, "T")
	if !ok || !found {
		return nil, false
	}
	t := &temporal{zoned: zoned, zone: zone}
	if !t.date(date) || !t.time(clock) {
		return nil, false
	}
	if t.hour == 24 {
		t.hour = 0
		t.day++
		if t.day > daysIn(t.year, t.month) {
			t.day, t.month = 1, t.month+1
			if t.month > 12 {
				t.month, t.year = 1, t.year+1
			}
		}
	}
	return t, true
}

// parseDuration reads xs:dayTimeDuration.
func parseDuration(s string) (*temporal, bool) {
	neg := strings.HasPrefix(s, "-")
	if neg {
		s = s[1:]
	}
	if !strings.HasPrefix(s, "P") {
		return nil, false
	}
	day, clock, timed := strings.Cut(s[1:], "T")
	if timed && clock == "" || day == "" && !timed {
		return nil, false
	}
	var total decimal
	units := func(s, letters string, seconds ...int64) bool {
		for i := range len(letters) {
			num, rest, found := strings.Cut(s, letters[i:i+1])
			if !found {
				continue
			}
			if letters[i] != 'S' && strings.Contains(num, ".") {
				return false
			}
			d, ok := parseDecimal(num)
			if !ok || num[0] == '+' || num[0] == '-' || strings.HasPrefix(num, ".") || strings.HasSuffix(num, ".") {
				return false
			}
			total, s = total.add(d.mul(decimal{n: seconds[i]})), rest
		}
		return s == ""
	}
	if !units(day, "D", 86400) || !units(clock, "HMS", 3600, 60, 1) {
		return nil, false
	}
	if neg {
		total = total.neg()
	}
	return &temporal{sec: total}, true
}

// parseMonths reads xs:yearMonthDuration. The number of months is in month.
func parseMonths(s string) (*temporal, bool) {
	s, neg := strings.CutPrefix(s, "-")
	s, ok := strings.CutPrefix(s, "P")
	years, rest, found := strings.Cut(s, "Y")
	if !found {
		years, rest = "0", s
	}
	months, rest, monthly := strings.Cut(rest, "M")
	if !monthly {
		months, rest = "0", months
	}
	y, ok1 := number(years, 0)
	m, ok2 := number(months, 0)
	if !ok || !ok1 || !ok2 || rest != "" || !found && !monthly {
		return nil, false
	}
	total := y*12 + m
	if neg {
		total = -total
	}
	return &temporal{month: total}, true
}

// days returns the number of a day in the proleptic Gregorian calendar. Years begin in March here, so that the leap
// day is the last of its year and (153*(m-3)+2)/5 is how many days lie before month m.
func days(year, month, day int) int64 {
	y, m := int64(year), int64(month)
	if m <= 2 {
		y--
		m += 12
	}
	floor := func(a, b int64) int64 {
		q := a / b
		if a%b < 0 {
			q--
		}
		return q
	}
	return 365*y + floor(y, 4) - floor(y, 100) + floor(y, 400) + (153*(m-3)+2)/5 + int64(day)
}

// instant returns a value as seconds on one time line. What has no zone counts as UTC (the standard leaves the implicit
// time zone to us), so that results do not depend on the machine.
func (t *temporal) instant(typ Type) decimal {
	switch typ {
	case Duration:
		return t.sec
	case Months:
		return decimal{n: int64(t.month)}
	case Time:
		return decimal{n: int64(t.hour*3600 + t.min*60 - t.zone*60)}.add(t.sec)
	case Date:
		return decimal{n: days(t.year, t.month, t.day)*86400 - int64(t.zone*60)}
	}
	return decimal{n: days(t.year, t.month, t.day)*86400 + int64(t.hour*3600+t.min*60-t.zone*60)}.add(t.sec)
}

// lexical returns the string value as a type (XPath Functions §17.1.2 and §17.1.5).
func (t *temporal) lexical(typ Type) string {
	var b strings.Builder
	switch typ {
	case Duration:
		return t.duration()
	case Months:
		return t.months()
	case Date, DateTime:
		year := fmt.Sprintf("%04d", abs64(int64(t.year)))
		if t.year < 0 {
			year = "-" + year
		}
		fmt.Fprintf(&b, "%s-%02d-%02d", year, t.month, t.day)
	}
	if typ == DateTime {
		b.WriteByte('T')
	}
	if typ != Date {
		sec := t.sec.String()
		if whole, _, _ := strings.Cut(sec, "."); len(whole) < 2 {
			sec = "0" + sec
		}
		fmt.Fprintf(&b, "%02d:%02d:%s", t.hour, t.min, sec)
	}
	switch {
	case !t.zoned:
	case t.zone == 0:
		b.WriteByte('Z')
	case t.zone < 0:
		fmt.Fprintf(&b, "-%02d:%02d", -t.zone/60, -t.zone%60)
	default:
		fmt.Fprintf(&b, "+%02d:%02d", t.zone/60, t.zone%60)
	}
	return b.String()
}

// duration returns the canonical form: with days, hours and minutes as large as they can be.
func (t *temporal) duration() string {
	s, sign := t.sec, ""
	if s.sign() == 0 {
		return "PT0S"
	}
	if s.sign() < 0 {
		s, sign = s.neg(), "-"
	}
	whole := s.trunc()
	frac := s.sub(whole)
	part := func(n int64) int64 {
		m := new(big.Int).Rem(new(big.Int).Quo(whole.value(), big.NewInt(n)), big.NewInt(60))
		return m.Int64()
	}
	day := new(big.Int).Quo(whole.value(), big.NewInt(86400))
	hour := new(big.Int).Rem(new(big.Int).Quo(whole.value(), big.NewInt(3600)), big.NewInt(24)).Int64()
	minute, sec := part(60), decimal{n: part(1)}.add(frac)
	out := sign + "P"
	if day.Sign() > 0 {
		out += day.String() + "D"
	}
	if hour == 0 && minute == 0 && sec.sign() == 0 {
		return out
	}
	out += "T"
	if hour > 0 {
		out += strconv.FormatInt(hour, 10) + "H"
	}
	if minute > 0 {
		out += strconv.FormatInt(minute, 10) + "M"
	}
	if sec.sign() != 0 {
		out += sec.String() + "S"
	}
	return out
}

// months returns the canonical form of xs:yearMonthDuration.
func (t *temporal) months() string {
	n, out := t.month, "P"
	if n < 0 {
		n, out = -n, "-P"
	}
	if n >= 12 {
		out += strconv.Itoa(n/12) + "Y"
	}
	if n%12 > 0 || n == 0 {
		out += strconv.Itoa(n%12) + "M"
	}
	return out
}

// plusMonths returns the day so many months later. A day that its month does not have becomes the last of the month
// (XML Schema Part 2 §E.1).
func (t *temporal) plusMonths(months int) *temporal {
	out := *t
	n := t.year*12 + t.month - 1 + months
	out.month = (n%12+12)%12 + 1
	out.year = (n - (out.month - 1)) / 12
	out.day = min(t.day, daysIn(out.year, out.month))
	return &out
}

// plus returns the point in time some seconds later, in the same zone. What the type does not have is cut off: a date
// loses the time of day, a time wraps around at midnight.
func (t *temporal) plus(typ Type, sec decimal) *temporal {
	out := *t
	day := int64(0)
	if typ != Time {
		day = days(t.year, t.month, t.day)
	}
	clock := decimal{n: int64(t.hour*3600 + t.min*60)}.add(t.sec).add(sec)
	if typ == Date {
		clock = sec
	}
	over := clock.div(decimal{n: 86400}).floor()
	rest := clock.sub(over.mul(decimal{n: 86400}))
	whole := rest.floor()
	out.hour, out.min = int(whole.n/3600), int(whole.n/60%60)
	out.sec = rest.sub(decimal{n: whole.n / 60 * 60})
	if typ == Date {
		out.hour, out.min, out.sec = 0, 0, decimal{}
	}
	if typ != Time {
		out.year, out.month, out.day = civil(day + over.n)
	}
	return &out
}

// civil is the inverse of days. It guesses the year from the mean length of one and corrects the guess.
func civil(n int64) (year, month, day int) {
	y := int64(float64(n) / 365.2425)
	for days(int(y)+1, 1, 1) <= n {
		y++
	}
	for days(int(y), 1, 1) > n {
		y--
	}
	month = 1
	for month < 12 && days(int(y), month+1, 1) <= n {
		month++
	}
	return int(y), month, int(n-days(int(y), month, 1)) + 1
}

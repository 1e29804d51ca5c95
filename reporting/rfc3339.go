package reporting

// utcMonth reads an RFC 3339 time with its offset and returns its month in UTC, as twelve times the year plus the month
// counted from 0. Fractions of a second are ignored. why says what is wrong, "" for nothing. time.Parse would
// refuse leap seconds.
func utcMonth(s []byte) (month int, why string) {
	const form = "is not a time like 2026-10-31T23:30:00Z or 2026-11-01T00:30:00.5+01:00"
	if len(s) < len("2026-10-31T23:30:00") {
		return 0, form
	}
	year, mon, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, sec := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if year|mon|day|hour|minute|sec < 0 || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' ||
		s[16] != ':' {
		return 0, form
	}
	rest := s[19:]
	if len(rest) > 0 && rest[0] == '.' {
		n := 1
		for n < len(rest) && rest[n]-'0' <= 9 {
			n++
		}
		if n == 1 {
			return 0, form
		}
		rest = rest[n:]
	}
	if len(rest) == 0 {
		return 0, "has no time zone; it must end with Z or an offset like +01:00"
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, form
	}
	if mon < 1 || mon > 12 || day < 1 || day > daysIn(year, mon) || hour > 23 || minute > 59 || sec > 60 {
		return 0, "is no date or time of day that exists"
	}
	month = 12*year + mon - 1
	utc := 60*hour + minute - offset // minute of the day; may be in the day before or after
	last := day == daysIn(year, mon)
	switch {
	case utc < 0:
		if last = day == 1; last {
			month--
		}
		utc += 24 * 60
	case utc >= 24*60 && last:
		month++
	}
	if sec == 60 && (utc != 23*60+59 || !last) {
		return 0, "has a leap second where none can be" // RFC 3339 §5.7: in the last minute of a month in UTC
	}
	return month, ""
}

// zone reads an offset, in minutes.
func zone(s []byte) (minutes int, ok bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) != len("+01:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, m := digits(s[1:3]), digits(s[4:6])
	if h|m < 0 || h > 23 || m > 59 {
		return 0, false
	}
	if s[0] == '-' {
		return -60*h - m, true
	}
	return 60*h + m, true
}

// digits returns a decimal number, or -1.
func digits(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

func daysIn(year, month int) int {
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

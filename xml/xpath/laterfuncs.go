package xpath

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// laterFunctions are functions on strings, numbers and sequences that XPath 3.0 and 3.1 added or gave another number of
// arguments, and the less frequent ones of 2.0. They are there for every query binding.
var laterFunctions = map[string]map[int]builder{
	"string-join": {1: func(a []*code) *code {
		return stringFunctions["string-join"][2]([]*code{a[0], fromItems([]Item{stringItem("")})})
	}},
	"tokenize":       {1: words},
	"contains-token": {2: containsToken},
	"codepoint-equal": {2: func(a []*code) *code {
		return fromAtom(Boolean, func(f *Evaluation) (Item, bool) {
			x, ok := a[0].atom(f)
			y, ok2 := a[1].atom(f)
			return boolItem(x.lexicalText() == y.lexicalText()), ok && ok2
		})
	}},
	"encode-for-uri": {1: ofString(encodeForURI)},
	"round":          {2: func(a []*code) *code { return roundTo(a[0], a[1]) }},
	"format-number":  {2: formatNumber},
	"head": {1: func(a []*code) *code {
		c := fromPush(a[0].typ, func(f *Evaluation) {
			mark := len(f.st)
			a[0].push(f)
			f.drop(min(len(f.st), mark+1))
		})
		c.opt = true
		return c
	}},
	"tail": {1: func(a []*code) *code {
		return fromPush(a[0].typ, func(f *Evaluation) {
			mark := len(f.st)
			a[0].push(f)
			if len(f.st) > mark {
				f.lift(mark, mark+1)
			}
		})
	}},
	"insert-before": {3: insertBefore},
	"remove":        {2: removeAt},
	"unordered":     {1: func(a []*code) *code { return a[0] }},
	"trace":         {1: func(a []*code) *code { return a[0] }, 2: trace},
	"sort":          {1: sorted},
	"error":         {0: raise, 1: raise, 2: raise},
}

// words builds fn:tokenize of one argument: the words between white space.
func words(a []*code) *code {
	return fromPush(String, func(f *Evaluation) {
		for _, w := range strings.FieldsFunc(stringArg(f, a[0]), isXMLSpace) {
			f.spend(1)
			f.push(stringItem(w))
		}
	})
}

func isXMLSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func containsToken(a []*code) *code {
	return fromTest(func(f *Evaluation) (found bool) {
		var list []Item
		mark := len(f.st)
		a[0].push(f)
		f.atomize(mark)
		end := len(f.st)
		t, ok := a[1].atom(f)
		if !ok {
			fail(codeType, "nothing where a string is wanted")
		}
		token := normalizeSpace(f.read(t.lexicalText()))
		list = f.st[mark:end]
		for i := range list {
			for _, w := range strings.FieldsFunc(f.read(list[i].lexicalText()), isXMLSpace) {
				found = found || w == token
			}
		}
		f.drop(mark)
		return found
	})
}

// encodeForURI escapes all but the unreserved characters of RFC 3986 §2.3.
func encodeForURI(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// maxPlaces bounds how many decimal places are asked for: rounding to more changes nothing that can be written.
const maxPlaces = 1 << 12

func placesArg(f *Evaluation, c *code) int32 {
	return int32(max(-maxPlaces, min(maxPlaces, required(f, c))))
}

// roundTo is fn:round with places: half upwards.
func roundTo(x, precision *code) *code {
	return fromAtom(numericOf(x.typ), func(f *Evaluation) (Item, bool) {
		v, ok := numeric(f, x)
		if !ok {
			return v, false
		}
		places := placesArg(f, precision)
		if !v.Type.floating() {
			return numItem(v.Type, v.dec().roundUp(places)), true
		}
		d := v.float()
		if math.IsNaN(d) || math.IsInf(d, 0) || d == 0 {
			return v, true
		}
		r := decimalOf(d).roundUp(places).float()
		return realItem(v.Type, math.Copysign(r, d)), true
	})
}

// roundUp rounds to so many decimal places, a half upwards.
func (d decimal) roundUp(places int32) decimal {
	if d.scale <= places {
		return d
	}
	unit := bigPow10(d.scale - places)
	n := new(big.Int).Add(new(big.Int).Lsh(d.value(), 1), unit)
	n.Div(n, new(big.Int).Lsh(unit, 1)) // downwards, as the divisor is positive
	if places < 0 {
		return small(n.Mul(n, bigPow10(-places)), 0)
	}
	return small(n, places)
}

func insertBefore(a []*code) *code {
	return fromPush(NoType, func(f *Evaluation) {
		at := f.position(a[1])
		mark := len(f.st)
		a[0].push(f)
		mid := len(f.st)
		a[2].push(f)
		at = max(mark, min(mid, mark+at-1))
		f.spend(len(f.st) - at)
		slices.Reverse(f.st[at:mid])
		slices.Reverse(f.st[mid:])
		slices.Reverse(f.st[at:])
	})
}

func removeAt(a []*code) *code {
	return fromPush(a[0].typ, func(f *Evaluation) {
		at := f.position(a[1])
		mark := len(f.st)
		a[0].push(f)
		if at >= 1 && at <= len(f.st)-mark {
			f.lift(mark+at-1, mark+at)
		}
	})
}

// position takes an argument of type xs:integer that counts items.
func (f *Evaluation) position(c *code) int {
	v, ok := c.atom(f)
	if !ok {
		fail(codeType, "nothing where an integer is wanted")
	}
	if v.Type == Untyped {
		v = cast(v, Integer)
	}
	if v.Type != Integer {
		fail(codeType, "%s where an integer is wanted", v.Type)
	}
	if v.big != nil {
		return int(max(-1, min(1, int64(v.big.Sign())))) * math.MaxInt32
	}
	return int(max(math.MinInt32, min(math.MaxInt32, v.n)))
}

// trace is fn:trace with a label, which is evaluated and told to nobody.
func trace(a []*code) *code {
	c := fromPush(a[0].typ, func(f *Evaluation) {
		a[0].push(f)
		stringArg(f, a[1])
	})
	return c
}

// sorted is fn:sort by the values of the items; strings are compared by codepoint.
func sorted(a []*code) *code {
	return fromPush(a[0].typ, func(f *Evaluation) {
		type entry struct{ key, item Item }
		mark := len(f.st)
		a[0].push(f)
		n := len(f.st) - mark
		f.spend(n * 16)
		f.alloc(int64(n) * 2 * itemBytes)
		list := make([]entry, n)
		for i := range list {
			v := f.st[mark+i]
			list[i] = entry{v, v}
			if v.Type == NodeT {
				list[i].key = f.valueOf(&v)
			}
		}
		slices.SortStableFunc(list, func(x, y entry) int {
			f.spend(1)
			switch r := relation(&x.key, &y.key); {
			case r == less, r == unordered && math.IsNaN(x.key.double()) && !math.IsNaN(y.key.double()):
				return -1
			case r == equal, r == unordered && math.IsNaN(x.key.double()) && math.IsNaN(y.key.double()):
				return 0
			}
			return 1
		})
		for i := range list {
			f.st[mark+i] = list[i].item
		}
	})
}

// raise is fn:error. Its code is a QName, of which there are none: the error is that of a call without one.
func raise(a []*code) *code {
	return fromPush(NoType, func(f *Evaluation) {
		text := "the rule raises an error"
		if len(a) == 2 {
			text = stringArg(f, a[1])
		}
		fail("FOER0000", "%s", text)
	})
}

// laterTimes are the functions on dates, times and durations beyond timeFunctions.
var laterTimes = map[string]map[int]builder{
	"adjust-dateTime-to-timezone": {1: adjusted(DateTime), 2: adjusted(DateTime)},
	"adjust-date-to-timezone":     {1: adjusted(Date), 2: adjusted(Date)},
	"adjust-time-to-timezone":     {1: adjusted(Time), 2: adjusted(Time)},
	"current-time":                {0: now(Time)},
	"implicit-timezone": {0: func([]*code) *code {
		return fromItems([]Item{timeItem(Duration, &temporal{})})
	}},
	"year-from-dateTime":    {1: ofTime(DateTime, yearPart)},
	"month-from-dateTime":   {1: ofTime(DateTime, intPart(func(w *temporal) int { return w.month }))},
	"day-from-dateTime":     {1: ofTime(DateTime, intPart(func(w *temporal) int { return w.day }))},
	"hours-from-dateTime":   {1: ofTime(DateTime, hourPart)},
	"minutes-from-dateTime": {1: ofTime(DateTime, minutePart)},
	"seconds-from-dateTime": {1: ofTime(DateTime, secondPart)},
	"hours-from-time":       {1: ofTime(Time, hourPart)},
	"minutes-from-time":     {1: ofTime(Time, minutePart)},
	"seconds-from-time":     {1: ofTime(Time, secondPart)},
	"days-from-duration":    {1: ofDuration(86400, 0)},
	"hours-from-duration":   {1: ofDuration(3600, 24)},
	"minutes-from-duration": {1: ofDuration(60, 60)},
	"seconds-from-duration": {1: ofDuration(0, 60)},
	"years-from-duration":   {1: ofMonths(func(months int) int { return months / 12 })},
	"months-from-duration":  {1: ofMonths(func(months int) int { return months % 12 })},
}

var (
	yearPart   = intPart(func(w *temporal) int { return w.year })
	hourPart   = intPart(func(w *temporal) int { return w.hour })
	minutePart = intPart(func(w *temporal) int { return w.min })
)

func secondPart(w *temporal) (Item, bool) { return numItem(Decimal, w.sec), true }

// durationArg takes an argument that is a duration of either kind.
func durationArg(f *Evaluation, c *code) (Item, bool) {
	v, ok := c.atom(f)
	if !ok {
		return v, false
	}
	if v.Type == Untyped {
		if d, code := tryCast(v, Duration); code == "" {
			return d, true
		}
		v = cast(v, Months)
	}
	if !v.Type.duration() {
		fail(codeType, "%s where a duration is wanted", v.Type)
	}
	return v, true
}

// ofDuration builds a function of a part of a duration: how many units of so many seconds it has, less what makes a
// whole of the next larger unit. With unit 0 it is seconds with their fraction.
func ofDuration(unit, next int64) builder {
	return func(a []*code) *code {
		typ := Integer
		if unit == 0 {
			typ = Decimal
		}
		return fromAtom(typ, func(f *Evaluation) (Item, bool) {
			v, ok := durationArg(f, a[0])
			if !ok {
				return v, false
			}
			n := v.when.sec
			if unit > 0 {
				n = n.idiv(decimal{n: unit})
			}
			if next > 0 {
				n = n.mod(decimal{n: next})
			}
			return numItem(typ, n), true
		})
	}
}

func ofMonths(get func(months int) int) builder {
	return func(a []*code) *code {
		return fromAtom(Integer, func(f *Evaluation) (Item, bool) {
			v, ok := durationArg(f, a[0])
			return intItem(int64(get(v.months()))), ok
		})
	}
}

func (i *Item) months() int {
	if i.Type != Months {
		return 0
	}
	return i.when.month
}

// adjusted builds fn:adjust-dateTime-to-timezone and its siblings (XPath Functions §10.7): the same moment in another
// zone, or what has no zone in that zone. Without a second argument the zone is UTC, the implicit one.
func adjusted(t Type) builder {
	return func(a []*code) *code {
		return fromAtom(t, func(f *Evaluation) (Item, bool) {
			w := timeArg(f, a[0], t)
			if w == nil {
				return Item{}, false
			}
			zone, zoned := 0, true
			if len(a) == 2 {
				zone, zoned = zoneArg(f, a[1])
			}
			out := *w
			if zoned && w.zoned {
				shift := decimal{n: int64(zone-w.zone) * 60}
				if t == Date { // midnight of the day in its own zone, then its day in the other
					out = *w.plus(DateTime, shift)
					out.hour, out.min, out.sec = 0, 0, decimal{}
				} else {
					out = *w.plus(t, shift)
				}
			}
			out.zone, out.zoned = zone, zoned
			return timeItem(t, &out), true
		})
	}
}

// zoneArg takes a time zone, which is a duration of whole minutes up to 14 hours; nothing means no zone.
func zoneArg(f *Evaluation, c *code) (minutes int, zoned bool) {
	w := timeArg(f, c, Duration)
	if w == nil {
		return 0, false
	}
	m := w.sec.idiv(decimal{n: 60})
	if w.sec.mod(decimal{n: 60}).sign() != 0 || m.big != nil || m.n > 14*60 || m.n < -14*60 {
		fail("FODT0003", "a time zone that there is not")
	}
	return int(m.n), true
}

package xpath

import (
	"math"
	"strings"
)

// cast converts an atomic item (XPath Functions §17); it fails with FORG0001, or XPTY0004 between types that do not
// convert.
func cast(v Item, to Type) Item {
	out, code := tryCast(v, to)
	if code != "" {
		if code == codeCast {
			fail(code, "the value is not an %s", to)
		}
		fail(code, "%s cannot be cast to %s", v.Type, to)
	}
	return out
}

// tryCast is cast for "castable as" and for fn:number, which must not fail: it returns the code of the error, or "".
func tryCast(v Item, to Type) (Item, string) {
	switch {
	case to > AnyAtomic:
		return castDerived(v, to)
	case to == AnyAtomic:
		return v, ""
	case v.Type == to:
		v.sub = NoType
		return v, ""
	case v.sub == anyURI && to != Untyped: // it converts to strings only (XPath Functions §17.1)
		return v, codeType
	}
	switch to {
	case String:
		return stringItem(v.lexical()), ""
	case Untyped:
		return untypedItem(v.lexical()), ""
	}
	if v.Type == String || v.Type == Untyped {
		return parseItem(v.s, to)
	}
	switch to {
	case Boolean:
		return castBoolean(v)
	case Integer, Decimal, Double, Float:
		return castNumber(v, to)
	}
	return castTemporal(v, to)
}

// parseItem reads the lexical form of a type, as XML Schema Part 2 has it.
func parseItem(s string, to Type) (Item, string) {
	s = strings.Trim(s, " \t\r\n") // the white space of XML, and no other
	var w *temporal
	var ok bool
	switch to {
	case Boolean:
		return boolItem(s == "true" || s == "1"), when(s == "true" || s == "1" || s == "false" || s == "0")
	case Integer:
		d, ok := parseDecimal(s)
		return numItem(Integer, d), when(ok && !strings.Contains(s, "."))
	case Decimal:
		d, ok := parseDecimal(s)
		return numItem(Decimal, d), when(ok)
	case Double:
		f, ok := parseDouble(s)
		return doubleItem(f), when(ok)
	case Float:
		f, ok := parseReal(s, 32)
		return floatItem(f), when(ok)
	case Date:
		w, ok = parseDate(s)
	case Time:
		w, ok = parseTime(s)
	case DateTime:
		w, ok = parseDateTime(s)
	case Duration:
		w, ok = parseDuration(s)
	case Months:
		w, ok = parseMonths(s)
	}
	return timeItem(to, w), when(ok)
}

// when returns no error code if ok.
func when(ok bool) string {
	if ok {
		return ""
	}
	return codeCast
}

func castBoolean(v Item) (Item, string) {
	switch v.Type {
	case Integer, Decimal:
		return boolItem(v.dec().sign() != 0), ""
	case Double, Float:
		return boolItem(v.float() != 0 && !math.IsNaN(v.float())), ""
	}
	return v, codeType
}

func castNumber(v Item, to Type) (Item, string) {
	switch v.Type {
	case Boolean:
		v = intItem(v.n)
	case Integer, Decimal, Double, Float:
	default:
		return v, codeType
	}
	switch {
	case to.floating():
		return realItem(to, v.double()), ""
	case v.Type.floating():
		f := v.float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return v, "FOCA0002"
		}
		d := decimalOf(f)
		if to == Integer {
			d = d.trunc()
		}
		return numItem(to, d), ""
	case to == Integer:
		return numItem(Integer, v.dec().trunc()), ""
	}
	return numItem(to, v.dec()), ""
}

func castTemporal(v Item, to Type) (Item, string) {
	switch { // a duration keeps the part that the other type has too, and they have none in common
	case v.Type == Months && to == Duration:
		return timeItem(to, &temporal{}), ""
	case v.Type == Duration && to == Months:
		return timeItem(to, &temporal{}), ""
	}
	if v.Type == DateTime && (to == Date || to == Time) {
		w := *v.when
		if to == Date {
			w.hour, w.min, w.sec = 0, 0, decimal{}
		} else {
			w.year, w.month, w.day = 0, 0, 0
		}
		return timeItem(to, &w), ""
	}
	if v.Type == Date && to == DateTime {
		return timeItem(to, v.when), ""
	}
	return v, codeType
}

package xpath

import (
	"strings"
	"unicode/utf8"
)

// Types derived from xs:integer and xs:string (XML Schema Part 2 §3.3), and xs:anyURI, which is like them: it may stand
// where a string is wanted, but is none. A value has its base as Item.Type, which is all that most code looks at, and
// the derived type as Item.sub.
const (
	nonPositiveInteger Type = AnyAtomic + 1 + iota
	negativeInteger
	long
	int32Type
	short
	byteType
	nonNegativeInteger
	unsignedLong
	unsignedInt
	unsignedShort
	unsignedByte
	positiveInteger
	normalizedString
	tokenType
	languageType
	nmtoken
	nameType
	ncName
	idType
	idref
	entity
	anyURI
)

// parents are the types that types are derived from.
var parents = [...]Type{
	Integer: Decimal,

	nonPositiveInteger: Integer, negativeInteger: nonPositiveInteger,
	long: Integer, int32Type: long, short: int32Type, byteType: short,
	nonNegativeInteger: Integer, positiveInteger: nonNegativeInteger,
	unsignedLong: nonNegativeInteger, unsignedInt: unsignedLong, unsignedShort: unsignedInt,
	unsignedByte:     unsignedShort,
	normalizedString: String, tokenType: normalizedString, languageType: tokenType, nmtoken: tokenType,
	nameType: tokenType, ncName: nameType, idType: ncName, idref: ncName, entity: ncName, anyURI: NoType,
}

// base returns the type that items of a type have as Item.Type.
func (t Type) base() Type {
	switch {
	case t <= AnyAtomic:
		return t
	case t < normalizedString:
		return Integer
	}
	return String
}

// is reports whether an atomic item is an instance of a type.
func (i *Item) is(t Type) bool {
	own := i.Type
	if i.sub != NoType {
		own = i.sub
	}
	for ; own != t && own != NoType; own = parents[own] {
	}
	return own == t || t == AnyAtomic
}

// bounds are the least and the greatest value of a type, "" for none.
var bounds = map[Type][2]string{
	nonPositiveInteger: {"", "0"},
	negativeInteger:    {"", "-1"},
	long:               {"-9223372036854775808", "9223372036854775807"},
	int32Type:          {"-2147483648", "2147483647"},
	short:              {"-32768", "32767"},
	byteType:           {"-128", "127"},
	nonNegativeInteger: {"0", ""},
	positiveInteger:    {"1", ""},
	unsignedLong:       {"0", "18446744073709551615"},
	unsignedInt:        {"0", "4294967295"},
	unsignedShort:      {"0", "65535"},
	unsignedByte:       {"0", "255"},
}

// castDerived converts to a derived type: to its base, within its bounds or of its form.
func castDerived(v Item, to Type) (Item, string) {
	out, code := tryCast(v, to.base())
	if code != "" {
		return out, code
	}
	ok := true
	if limits, found := bounds[to]; found {
		low, lower := parseDecimal(limits[0])
		high, upper := parseDecimal(limits[1])
		ok = (!lower || out.dec().cmp(low) >= 0) && (!upper || out.dec().cmp(high) <= 0)
	} else {
		out.s, ok = derivedString(out.s, to)
	}
	out.sub = to
	return out, when(ok)
}

// derivedString takes white space off a string as a type demands, and reports whether the rest is of its form.
func derivedString(s string, to Type) (string, bool) {
	if to == normalizedString {
		return strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, s), true
	}
	s = normalizeSpace(s)
	switch to {
	case tokenType, anyURI:
		return s, true
	case languageType:
		return s, isLanguage(s)
	case nmtoken:
		return s, s != "" && ncNameLen("a"+strings.ReplaceAll(s, ":", "")) == 1+len(s)-strings.Count(s, ":")
	case nameType: // a name with colons anywhere
		first, _ := utf8.DecodeRuneInString(s)
		return s, s != "" && (first == ':' || ncNameLen(string(first)) > 0) &&
			ncNameLen("a"+strings.ReplaceAll(s, ":", "")) == 1+len(s)-strings.Count(s, ":")
	}
	return s, s != "" && ncNameLen(s) == len(s)
}

// isLanguage reports whether a string is of the form [a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*.
func isLanguage(s string) bool {
	for i, part := range strings.Split(s, "-") {
		if part == "" || len(part) > 8 {
			return false
		}
		for _, r := range part {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
				return false
			}
		}
	}
	return true
}

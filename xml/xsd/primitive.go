package xsd

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// primitive is a primitive datatype (XML Schema Part 2, §3.2). Values are compared by their keys, which are made only
// where an enumeration, a fixed value or a bound asks for them.
type primitive struct {
	name    string
	valid   func(v []byte, sc *scope) bool           // whether v, with white space normalized, is in the lexical space
	key     func(v []byte, sc *scope) string         // the same for equal values; nil: v itself
	value   func(v []byte) any                       // of an ordered type
	compare func(a, b any) (order int, ordered bool) // of an ordered type
	length  func(v []byte) int                       // nil when length facets do not apply
	digits  bool                                     // totalDigits and fractionDigits apply
	free    bool                                     // every text is a value
}

var primitives = map[string]*primitive{
	"string":  {valid: always, free: true, length: utf8.RuneCount},
	"boolean": {valid: plain(isBoolean), key: booleanKey},
	"decimal": {
		valid: plain(isDecimal), digits: true,
		key:   func(v []byte, _ *scope) string { return parseDecimal(v).String() },
		value: func(v []byte) any { return parseDecimal(v) }, compare: compareDecimals,
	},
	"float":      floating(32),
	"double":     floating(64),
	"duration":   {valid: plain(isDuration), key: durationKey, value: durationValue, compare: compareDurations},
	"dateTime":   temporal("YMDT"),
	"time":       temporal("T"),
	"date":       temporal("YMD"),
	"gYearMonth": temporal("YM"),
	"gYear":      temporal("Y"),
	"gMonthDay":  temporal("-MD"),
	"gDay":       temporal("-D"),
	"gMonth":     temporal("-M"),
	"hexBinary": {
		valid:  plain(isHex),
		key:    func(v []byte, _ *scope) string { return strings.ToUpper(string(v)) },
		length: func(v []byte) int { return hex.DecodedLen(len(v)) },
	},
	"base64Binary": {
		valid:  plain(isBase64),
		key:    func(v []byte, _ *scope) string { return strings.ReplaceAll(string(v), " ", "") },
		length: base64Length,
	},
	"anyURI": {valid: plain(isURI), length: utf8.RuneCount},
	"QName":  {valid: isQName, key: qnameKey, length: utf8.RuneCount},
}

func always([]byte, *scope) bool { return true }

// plain makes a test of the text alone into one for primitive.valid.
func plain(f func([]byte) bool) func([]byte, *scope) bool {
	return func(v []byte, _ *scope) bool { return f(v) }
}

func isBoolean(v []byte) bool {
	switch string(v) {
	case "true", "false", "1", "0":
		return true
	}
	return false
}

func booleanKey(v []byte, _ *scope) string {
	if s := string(v); s == "true" || s == "1" {
		return "true"
	}
	return "false"
}

// digits returns the number of ASCII digits that v begins with.
func digits(v []byte) int {
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	return i
}

func unsigned(v []byte) []byte {
	if len(v) > 0 && (v[0] == '+' || v[0] == '-') {
		return v[1:]
	}
	return v
}

func isInteger(v []byte) bool {
	v = unsigned(v)
	return len(v) > 0 && digits(v) == len(v)
}

func isDecimal(v []byte) bool {
	v = unsigned(v)
	n := digits(v)
	if n == len(v) {
		return n > 0
	}
	if v[n] != '.' {
		return false
	}
	m := digits(v[n+1:])
	return n+m > 0 && n+1+m == len(v)
}

// decimal is a number of any size in a normal form: the digits before the point without leading zeros, and those
// behind it without trailing ones. Texts do for comparing, which is all that facets need.
type decimal struct {
	neg         bool
	whole, frac string
}

// parseDecimal reads what isDecimal accepts.
func parseDecimal(v []byte) decimal {
	d := decimal{neg: len(v) > 0 && v[0] == '-'}
	whole, frac, _ := bytes.Cut(unsigned(v), []byte{'.'})
	d.whole, d.frac = strings.TrimLeft(string(whole), "0"), strings.TrimRight(string(frac), "0")
	if d.whole == "" && d.frac == "" {
		d.neg = false
	}
	return d
}

func (d decimal) String() string {
	s := d.whole + "." + d.frac
	if d.neg {
		s = "-" + s
	}
	return s
}

func compareDecimals(a, b any) (int, bool) {
	x, y := a.(decimal), b.(decimal)
	if x.neg != y.neg {
		if x.neg {
			return -1, true
		}
		return 1, true
	}
	c := cmp.Or(
		cmp.Compare(len(x.whole), len(y.whole)), // without leading zeros more digits are a larger number
		strings.Compare(x.whole, y.whole), strings.Compare(x.frac, y.frac))
	if x.neg {
		c = -c
	}
	return c, true
}

// floating makes float or double. NaN equals itself (XML Schema Part 2, §3.2.4); keys add 0, which turns -0 into 0.
func floating(bits int) *primitive {
	value := func(v []byte) any {
		switch s := string(v); s {
		case "INF":
			return math.Inf(1)
		case "-INF":
			return math.Inf(-1)
		case "NaN":
			return math.NaN()
		default:
			f, _ := strconv.ParseFloat(s, bits) // out of range is infinite or zero
			return f
		}
	}
	return &primitive{
		valid: plain(isFloat),
		value: value,
		key:   func(v []byte, _ *scope) string { return strconv.FormatFloat(value(v).(float64)+0, 'g', -1, 64) },
		compare: func(a, b any) (int, bool) {
			x, y := a.(float64), b.(float64)
			if x != x || y != y {
				return 0, x != x && y != y
			}
			return cmp.Compare(x, y), true
		},
	}
}

func isFloat(v []byte) bool {
	switch string(v) {
	case "INF", "-INF", "NaN":
		return true
	}
	if i := bytes.IndexAny(v, "eE"); i >= 0 {
		return isDecimal(v[:i]) && isInteger(v[i+1:])
	}
	return isDecimal(v)
}

func isHex(v []byte) bool {
	for _, c := range v {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return len(v)%2 == 0
}

func base64Length(v []byte) int {
	n := 0
	for _, c := range v {
		if c != ' ' && c != '=' {
			n++
		}
	}
	return base64.RawStdEncoding.DecodedLen(n)
}

func isBase64(v []byte) bool {
	var s base64State
	s.write(v)
	return s.valid()
}

// base64State checks a base64Binary value piece by piece: groups of four characters, padding at the end only and no
// bits lost in it. White space may stand anywhere.
type base64State struct {
	n    int // characters so far, modulo 4
	pads int
	last byte // value of the last character before the padding
	bad  bool
}

func (s *base64State) write(v []byte) {
	for _, c := range v {
		d := base64Digit[c]
		switch {
		case d == base64Space:
			continue
		case d < 64 && s.pads == 0:
			s.last = d
		case c == '=' && s.n >= 2 && s.pads < 2:
			s.pads++
		default:
			s.bad = true
			return
		}
		s.n = (s.n + 1) % 4
	}
}

func (s *base64State) valid() bool {
	return !s.bad && s.n == 0 && (s.pads != 1 || s.last&3 == 0) && (s.pads != 2 || s.last&15 == 0)
}

const (
	base64Space = 64 + iota
	base64Other
)

var base64Digit = func() (t [256]byte) {
	for i := range t {
		t[i] = base64Other
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	for _, c := range " \t\r\n" {
		t[c] = base64Space
	}
	return t
}()

// nameRune reports whether r may begin a Name, and whether it may stand in one: XML 1.0 §2.3, in the fifth edition, but
// only characters of the basic plane, as in the second edition, which XML Schema 1.0 refers to.
func nameRune(r rune) (start, inner bool) {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == ':':
		return true, true
	case r >= '0' && r <= '9', r == '-', r == '.', r == 0xB7, r >= 0x300 && r <= 0x36F, r == 0x203F, r == 0x2040:
		return false, true
	case r < 0xC0, r == 0xD7, r == 0xF7, r == 0x37E, r == utf8.RuneError:
		return false, false
	}
	start = r <= 0x1FFF || r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD
	return start, start
}

func isNmtoken(v []byte) bool {
	for _, r := range string(v) {
		if _, inner := nameRune(r); !inner {
			return false
		}
	}
	return len(v) > 0
}

func isName(v []byte) bool {
	r, _ := utf8.DecodeRune(v)
	start, _ := nameRune(r)
	return start && isNmtoken(v)
}

func isNCName(v []byte) bool { return isName(v) && bytes.IndexByte(v, ':') < 0 }

func splitQName(v []byte) (prefix, local []byte) {
	if p, l, ok := bytes.Cut(v, []byte{':'}); ok {
		return p, l
	}
	return nil, v
}

func isQName(v []byte, sc *scope) bool {
	prefix, local := splitQName(v)
	if !isNCName(local) || prefix != nil && !isNCName(prefix) {
		return false
	}
	if prefix == nil || sc.prefix == nil {
		return true
	}
	_, ok := sc.prefix(string(prefix))
	return ok
}

func qnameKey(v []byte, sc *scope) string {
	prefix, local := splitQName(v)
	uri := ""
	if sc.prefix != nil {
		uri, _ = sc.prefix(string(prefix))
	}
	return qname{uri, string(local)}.String()
}

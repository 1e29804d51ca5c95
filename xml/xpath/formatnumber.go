package xpath

import (
	"math"
	"slices"
	"strings"
)

// fn:format-number with the default decimal format (XSLT 2.0 §16.4, Functions 3.1 §4.7).

// codePicture is the error of a picture that is wrong.
const codePicture = "FODF1310"

// picture is a picture string: what is written of a number, and how.
type picture struct {
	plus, minus subPicture
	negative    bool // the picture says how negative numbers are written
}

type subPicture struct {
	prefix, suffix string
	scale          int32 // places by which the number is moved: 2 for a percent sign, 3 for per mille

	minInteger, minFraction, maxFraction int
	minExponent                          int // 0: no exponent
	optionalInteger                      bool
	scaling                              int // digits before the point of a number with an exponent

	groups   []int // how many digits stand behind each separator of the integer part
	size     int   // > 0: the separators of the integer part go on at this distance
	fraction []int // how many digits of the fraction stand before each separator
}

// formatNumber builds fn:format-number of two arguments.
func formatNumber(a []*code) *code {
	get := pictureOf(a[1])
	return fromString(func(f *Evaluation) string {
		v, ok := numeric(f, a[0])
		if !ok {
			v = doubleItem(math.NaN())
		}
		p := get(f)
		out := p.format(v)
		f.spend(len(out) >> textStep)
		return f.made(out)
	})
}

// pictureOf returns what reads the picture of a call. A constant one is read once; if it is wrong, the call fails when
// it is evaluated.
func pictureOf(c *code) func(f *Evaluation) *picture {
	if c.konst && c.one && c.typ == String {
		var p *picture
		if failed := attempt(func() { p = readPicture(c.items[0].s) }); failed == nil {
			return func(*Evaluation) *picture { return p }
		}
	}
	return func(f *Evaluation) *picture {
		s := stringArg(f, c)
		f.spend(len(s))
		f.alloc(int64(len(s)) * 8) // of separators, at most
		return readPicture(s)
	}
}

func readPicture(s string) *picture {
	plus, minus, negative := strings.Cut(s, ";")
	if strings.Contains(minus, ";") {
		fail(codePicture, "the picture has more than two parts")
	}
	p := &picture{plus: readSubPicture(plus), negative: negative}
	if negative {
		p.minus = readSubPicture(minus)
	} else {
		p.minus = p.plus
		p.minus.prefix = "-" + p.plus.prefix
	}
	return p
}

// isActive reports whether a character of a picture stands for something other than itself.
func isActive(c byte) bool { return c >= '0' && c <= '9' || c == '#' || c == '.' || c == ',' }

// readSubPicture takes a part of a picture apart. The characters with a meaning stand together, between a prefix and a
// suffix.
func readSubPicture(s string) subPicture {
	wrong := func(what string) { fail(codePicture, "the picture %.40q is wrong: %s", s, what) }
	var p subPicture
	first, last := -1, -1
	for i := range len(s) {
		if isActive(s[i]) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || !strings.ContainsAny(s, "0123456789#") {
		wrong("it has no digit")
	}
	p.prefix, p.suffix = s[:first], s[last+1:]
	mantissa, exponent, found := strings.Cut(s[first:last+1], "e")
	if found {
		p.minExponent = len(exponent)
		if exponent == "" || strings.Trim(exponent, "0123456789") != "" {
			wrong("its exponent has other characters than digits")
		}
	}
	for i := range len(mantissa) {
		if !isActive(mantissa[i]) {
			wrong("a character stands between the digits")
		}
	}
	p.signs(wrong, found)
	p.digits(mantissa, wrong)
	return p
}

// signs reads percent and per mille signs, which stand before or behind the digits.
func (p *subPicture) signs(wrong func(string), exponent bool) {
	around := p.prefix + p.suffix
	percent, permille := strings.Count(around, "%"), strings.Count(around, "‰")
	switch {
	case percent+permille > 1:
		wrong("it has several percent signs")
	case percent+permille > 0 && exponent:
		wrong("it has a percent sign and an exponent")
	case percent > 0:
		p.scale = 2
	case permille > 0:
		p.scale = 3
	}
}

// digits reads the integer part and the fraction.
func (p *subPicture) digits(s string, wrong func(string)) {
	integer, fraction, pointed := strings.Cut(s, ".")
	switch {
	case strings.Contains(fraction, "."):
		wrong("it has two points")
	case strings.Contains(s, ",,"), strings.Contains(s, ",.") || strings.Contains(s, ".,"),
		!pointed && strings.HasSuffix(integer, ","):
		wrong("no digit stands behind a separator, or before it")
	}
	mandatory := false
	digits := 0
	for i := len(integer) - 1; i >= 0; i-- {
		switch c := integer[i]; {
		case c == ',':
			p.groups = append(p.groups, digits)
			continue
		case c == '#':
			p.optionalInteger, mandatory = true, true
		case mandatory:
			wrong("a # stands behind a 0")
		default:
			p.minInteger++
		}
		digits++
	}
	p.size = regular(p.groups, digits)
	p.scaling = p.minInteger
	optional := false
	for i := range len(fraction) {
		switch c := fraction[i]; {
		case c == ',':
			p.fraction = append(p.fraction, p.maxFraction)
			continue
		case c == '#':
			optional = true
		case optional:
			wrong("a 0 stands behind a #")
		default:
			p.minFraction++
		}
		p.maxFraction++
	}
	switch {
	case p.minInteger == 0 && p.maxFraction == 0 && p.minExponent > 0:
		p.minFraction, p.maxFraction = 1, 1
	case p.minInteger == 0 && p.maxFraction == 0:
		p.minInteger = 1
	}
	if p.minExponent > 0 && p.minInteger == 0 && p.optionalInteger {
		p.minInteger = 1
	}
	if p.minInteger == 0 && p.minFraction == 0 {
		p.minFraction = 1
	}
}

// regular returns the distance of separators that are all equally far from each other, up to the first of so many
// digits; 0 for others.
func regular(groups []int, digits int) int {
	if len(groups) == 0 {
		return 0
	}
	size := groups[0]
	for i, at := range groups {
		if size == 0 || at != size*(i+1) {
			return 0
		}
	}
	if size*(len(groups)+1) < digits {
		return 0
	}
	return size
}

// format writes a number.
func (p *picture) format(v Item) string {
	sub, negative := &p.plus, false
	if v.Type.floating() {
		d := v.float()
		if math.IsNaN(d) {
			return "NaN"
		}
		negative = math.Signbit(d)
	} else {
		negative = v.dec().sign() < 0
	}
	if negative {
		sub = &p.minus
	}
	if sub.scale > 0 {
		v = arithmetic('*', v, intItem(pow10[sub.scale]))
	}
	if v.Type.floating() && math.IsInf(v.float(), 0) {
		return sub.prefix + "Infinity" + sub.suffix
	}
	return sub.prefix + sub.number(exactly(v)) + sub.suffix
}

// exactly returns the absolute value of a number with its digits: of a double, those that it is written with.
func exactly(v Item) decimal {
	if !v.Type.floating() {
		return absDecimal(v.dec())
	}
	bits := 64
	if v.Type == Float {
		bits = 32
	}
	d, _ := parseDecimal(plainDigits(math.Abs(v.float()), bits))
	return d
}

// number writes a number that is not negative.
func (p *subPicture) number(d decimal) string {
	exponent := 0
	if p.minExponent > 0 && d.sign() != 0 {
		whole, fraction, _ := strings.Cut(d.String(), ".")
		exponent = len(whole) - p.scaling
		if whole == "0" {
			exponent = -p.scaling - (len(fraction) - len(strings.TrimLeft(fraction, "0")))
		}
		d = d.moved(-exponent)
	}
	whole, fraction, _ := strings.Cut(d.roundHalfEven(int32(p.maxFraction)).String(), ".")
	whole = strings.TrimLeft(whole, "0")
	if n := p.minInteger - len(whole); n > 0 {
		whole = strings.Repeat("0", n) + whole
	}
	if n := p.minFraction - len(fraction); n > 0 {
		fraction += strings.Repeat("0", n)
	}
	out := p.grouped(whole)
	if fraction != "" {
		out += "." + separated(fraction, p.fraction)
	}
	if p.minExponent > 0 {
		digits, sign := decimal{n: int64(exponent)}, ""
		if exponent < 0 {
			digits, sign = digits.neg(), "-"
		}
		s := digits.String()
		out += "e" + sign + strings.Repeat("0", max(0, p.minExponent-len(s))) + s
	}
	return out
}

// grouped puts separators into an integer part.
func (p *subPicture) grouped(s string) string {
	var at []int // from the left
	n := len(s)
	if p.size > 0 {
		for i := n - p.size; i > 0; i -= p.size {
			at = append(at, i)
		}
	} else {
		for _, g := range p.groups {
			if n > g {
				at = append(at, n-g)
			}
		}
	}
	slices.Reverse(at)
	return separated(s, at)
}

// separated puts a separator before each of the digits with these numbers, which ascend.
func separated(s string, at []int) string {
	var b strings.Builder
	from := 0
	for _, i := range at {
		if i >= len(s) {
			break
		}
		b.WriteString(s[from:i])
		b.WriteByte(',')
		from = i
	}
	b.WriteString(s[from:])
	return b.String()
}

package xpath

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// decimal is an exact decimal number: n, or big where that is not nil, divided by 10 to the power of scale. Amounts
// in documents nearly always fit n, and arithmetic on those allocates nothing; each operation falls back to big when
// 64 bits are not enough, and small comes back from it.
type decimal struct {
	n     int64
	big   *big.Int
	scale int32
}

// pow10 has the powers of ten that fit 64 bits.
var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

var ten = big.NewInt(10)

func bigPow10(n int32) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

func (d decimal) value() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.n)
}

// small makes a decimal of a big number, in the short form if it fits. The smallest int64 is left out, so that a short
// number can always be negated.
func small(v *big.Int, scale int32) decimal {
	if v.IsInt64() && v.Int64() != math.MinInt64 {
		return decimal{n: v.Int64(), scale: scale}
	}
	return decimal{big: v, scale: scale}
}

// maxDigits is how many digits a number may have; what has more counts as no number. Reading digits takes quadratic
// time, and no budget stops it on the way.
const maxDigits = 10_000

// parseDecimal reads the lexical form of xs:decimal without white space around it.
func parseDecimal(s string) (decimal, bool) {
	digits, neg := s, false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits, neg = s[1:], s[0] == '-'
	}
	whole, frac, _ := strings.Cut(digits, ".")
	if whole == "" && frac == "" || len(digits) > maxDigits {
		return decimal{}, false
	}
	var n int64
	for _, part := range []string{whole, frac} {
		for i := range len(part) {
			c := part[i]
			if c < '0' || c > '9' {
				return decimal{}, false
			}
			if len(whole)+len(frac) <= 18 { // 18 digits always fit 64 bits
				n = n*10 + int64(c-'0')
			}
		}
	}
	if neg {
		n = -n
	}
	d := decimal{n: n, scale: int32(len(frac))}
	if len(whole)+len(frac) > 18 {
		v, _ := new(big.Int).SetString(whole+frac, 10)
		if neg {
			v.Neg(v)
		}
		d = small(v, d.scale)
	}
	return d, true
}

// rescaled returns the unscaled numbers of both at the larger of the two scales.
func rescaled(a, b decimal) (x, y decimal, scale int32) {
	scale = max(a.scale, b.scale)
	return a.at(scale), b.at(scale), scale
}

// at returns d with another scale, which must not be smaller than its own.
func (d decimal) at(scale int32) decimal {
	by := scale - d.scale
	if by == 0 {
		return d
	}
	if d.big == nil && by < int32(len(pow10)) {
		if n, ok := mul64(d.n, pow10[by]); ok {
			return decimal{n: n, scale: scale}
		}
	}
	return small(new(big.Int).Mul(d.value(), bigPow10(by)), scale)
}

// mul64 multiplies; ok is false if the product does not fit 64 bits.
func mul64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(abs64(a)), uint64(abs64(b)))
	if hi != 0 || lo > math.MaxInt64 || a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func (d decimal) neg() decimal {
	if d.big != nil {
		return small(new(big.Int).Neg(d.big), d.scale)
	}
	return decimal{n: -d.n, scale: d.scale}
}

func (d decimal) add(e decimal) decimal {
	x, y, scale := rescaled(d, e)
	if x.big == nil && y.big == nil {
		if sum := x.n + y.n; (sum > x.n) == (y.n > 0) && sum != math.MinInt64 {
			return decimal{n: sum, scale: scale}
		}
	}
	return small(new(big.Int).Add(x.value(), y.value()), scale)
}

func (d decimal) sub(e decimal) decimal { return d.add(e.neg()) }

func (d decimal) mul(e decimal) decimal {
	if d.big == nil && e.big == nil {
		if n, ok := mul64(d.n, e.n); ok {
			return decimal{n: n, scale: d.scale + e.scale}
		}
	}
	return small(new(big.Int).Mul(d.value(), e.value()), d.scale+e.scale)
}

func (d decimal) sign() int {
	switch {
	case d.big != nil:
		return d.big.Sign()
	case d.n > 0:
		return 1
	case d.n < 0:
		return -1
	}
	return 0
}

func (d decimal) cmp(e decimal) int {
	x, y, _ := rescaled(d, e)
	if x.big == nil && y.big == nil {
		switch {
		case x.n < y.n:
			return -1
		case x.n > y.n:
			return 1
		}
		return 0
	}
	return x.value().Cmp(y.value())
}

// Decimal places of a quotient of numbers, at least, and of durations. The standard leaves the precision open
// (XPath Functions §6.2); these are Saxon's, with which rules are tried.
const (
	divScale      = 18
	durationScale = 20
)

// div divides with divScale places, or as many more as d has than e, zeros at the end not counted; a half goes
// towards zero.
func (d decimal) div(e decimal) decimal {
	if q, ok := d.divSmall(e); ok {
		return q
	}
	d, e = d.trimmed(), e.trimmed()
	return d.quotient(e, divScale+max(0, d.scale-e.scale), false)
}

// quotient divides with a number of places. A half goes to the even neighbour, or else towards zero.
func (d decimal) quotient(e decimal, places int32, even bool) decimal {
	places = max(places, d.scale-e.scale)
	num := new(big.Int).Mul(d.value(), bigPow10(places-d.scale+e.scale))
	den := e.value()
	q, r := new(big.Int).QuoRem(num, den, new(big.Int))
	twice := new(big.Int).Abs(r)
	if c := twice.Lsh(twice, 1).CmpAbs(den); c > 0 || c == 0 && even && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(num.Sign()*den.Sign())))
	}
	return small(q, places).trimmed()
}

// divSmall is long division, digit by digit, as long as everything fits 64 bits and the quotient ends: ok is false
// for 1/3.
func (d decimal) divSmall(e decimal) (decimal, bool) {
	x, y, _ := rescaled(d, e)
	if x.big != nil || y.big != nil || abs64(y.n) > math.MaxInt64/10 {
		return decimal{}, false
	}
	q, r := x.n/y.n, x.n%y.n
	for scale := int32(0); scale < divScale; scale++ {
		if r == 0 {
			return decimal{n: q, scale: scale}, true
		}
		r *= 10
		if abs64(q) > math.MaxInt64/10-10 {
			break
		}
		q, r = q*10+r/y.n, r%y.n
	}
	return decimal{}, false
}

// trimmed drops zeros at the end.
func (d decimal) trimmed() decimal {
	for d.scale > 0 {
		if d.big == nil {
			if d.n%10 != 0 {
				return d
			}
			d.n /= 10
		} else {
			q, r := new(big.Int).QuoRem(d.big, ten, new(big.Int))
			if r.Sign() != 0 {
				return d
			}
			d = small(q, d.scale)
		}
		d.scale--
	}
	return d
}

// idiv returns the quotient, rounded towards zero to an integer.
func (d decimal) idiv(e decimal) decimal {
	x, y, _ := rescaled(d, e)
	if x.big == nil && y.big == nil {
		return decimal{n: x.n / y.n}
	}
	return small(new(big.Int).Quo(x.value(), y.value()), 0)
}

// mod returns the remainder with the sign of d.
func (d decimal) mod(e decimal) decimal {
	x, y, scale := rescaled(d, e)
	if x.big == nil && y.big == nil {
		return decimal{n: x.n % y.n, scale: scale}
	}
	return small(new(big.Int).Rem(x.value(), y.value()), scale)
}

// floor returns the largest integer that is not larger.
func (d decimal) floor() decimal {
	if d.scale <= 0 {
		return d
	}
	if d.big == nil && d.scale < int32(len(pow10)) {
		q := d.n / pow10[d.scale]
		if d.n < 0 && d.n%pow10[d.scale] != 0 {
			q--
		}
		return decimal{n: q}
	}
	q, m := new(big.Int).DivMod(d.value(), bigPow10(d.scale), new(big.Int))
	_ = m // DivMod rounds down for a positive divisor
	return small(q, 0)
}

// trunc returns the integer part.
func (d decimal) trunc() decimal {
	if d.scale <= 0 {
		return d
	}
	if d.big == nil && d.scale < int32(len(pow10)) {
		return decimal{n: d.n / pow10[d.scale]}
	}
	return small(new(big.Int).Quo(d.value(), bigPow10(d.scale)), 0)
}

// round rounds to an integer, a half upwards.
func (d decimal) round() decimal {
	if d.scale <= 0 {
		return d
	}
	return d.add(decimal{n: 5, scale: 1}).floor()
}

// roundHalfEven rounds to a number of places, a half to the even neighbour.
func (d decimal) roundHalfEven(places int32) decimal {
	if d.scale <= places {
		return d
	}
	unit := bigPow10(d.scale - places)
	q, r := new(big.Int).QuoRem(d.value(), unit, new(big.Int))
	twice := new(big.Int).Abs(r)
	switch twice.Lsh(twice, 1).Cmp(unit) {
	case 1:
		q.Add(q, big.NewInt(int64(d.sign())))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(int64(d.sign())))
		}
	}
	if places < 0 {
		return small(q.Mul(q, bigPow10(-places)), 0)
	}
	return small(q, places)
}

// String returns the canonical form: no zeros at the end, and no point without places.
func (d decimal) String() string {
	d = d.trimmed()
	if d.big == nil && d.scale == 0 {
		return strconv.FormatInt(d.n, 10)
	}
	s, sign := new(big.Int).Abs(d.value()).String(), ""
	if d.sign() < 0 {
		sign = "-"
	}
	if d.scale == 0 {
		return sign + s
	}
	if pad := int(d.scale) + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	point := len(s) - int(d.scale)
	return sign + s[:point] + "." + s[point:]
}

// float returns the nearest double.
func (d decimal) float() float64 {
	const exact = 1 << 53
	if d.big == nil && d.n > -exact && d.n < exact && d.scale < int32(len(pow10)) {
		return float64(d.n) / float64(pow10[d.scale]) // both exact, so the quotient is the nearest
	}
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}

// decimalOf returns the exact value of a finite double.
func decimalOf(f float64) decimal {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return decimal{n: int64(f)}
	}
	frac, exp := math.Frexp(f)
	m := big.NewInt(int64(frac * (1 << 53)))
	exp -= 53
	if exp >= 0 {
		return small(m.Lsh(m, uint(exp)), 0)
	}
	// m / 2^k = m * 5^k / 10^k
	k := int64(-exp)
	m.Mul(m, new(big.Int).Exp(big.NewInt(5), big.NewInt(k), nil))
	return small(m, int32(k)).trimmed()
}

// parseDouble reads the lexical form of xs:double without white space around it.
func parseDouble(s string) (float64, bool) { return parseReal(s, 64) }

// parseReal reads the lexical form of xs:double, or of xs:float, which has 32 bits.
func parseReal(s string, bits int) (float64, bool) {
	// ParseFloat takes more than XML Schema does: hexadecimal, underscores and other spellings of infinity.
	switch s {
	case "INF":
		return math.Inf(1), true
	case "-INF":
		return math.Inf(-1), true
	case "NaN":
		return math.NaN(), true
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) && f != 0 {
		return 0, false
	}
	if err != nil && err.(*strconv.NumError).Err == strconv.ErrSyntax {
		return 0, false
	}
	return f, true
}

// plainDigits returns a finite double without an exponent, in as few digits as tell it from all others.
func plainDigits(f float64, bits int) string { return strconv.FormatFloat(f, 'f', -1, bits) }

// moved returns d times ten to the power of places.
func (d decimal) moved(places int) decimal {
	if places <= int(d.scale) {
		return decimal{n: d.n, big: d.big, scale: d.scale - int32(places)}.trimmed()
	}
	return small(new(big.Int).Mul(d.value(), bigPow10(int32(places)-d.scale)), 0)
}

// formatDouble returns the string value of a double, or of a float, which has 32 bits: from 0.000001 up to a million as
// a decimal, else with an exponent (XPath Functions §17.1.2).
func formatDouble(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "INF"
	case math.IsInf(f, -1):
		return "-INF"
	case f == 0 && math.Signbit(f):
		return "-0"
	case f == 0:
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e6 {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	s := strconv.FormatFloat(f, 'E', -1, bits)
	mant, exp, _ := strings.Cut(s, "E")
	if !strings.Contains(mant, ".") {
		mant += ".0"
	}
	e, _ := strconv.Atoi(exp)
	return mant + "E" + strconv.Itoa(e)
}

package xpath

import "math"

// numberFunctions are the functions on numbers and the sums (XPath Functions §6 and §15.4).
var numberFunctions = map[string]map[int]builder{
	"number": {1: func(a []*code) *code {
		c := fromAtom(Double, func(f *Evaluation) (Item, bool) {
			v, ok := a[0].atom(f)
			if ok {
				if d, code := tryCast(v, Double); code == "" {
					return d, true
				}
			}
			return doubleItem(math.NaN()), true
		})
		c.one = true
		return c
	}},
	"abs":     {1: ofNumber(absDecimal, math.Abs)},
	"floor":   {1: ofNumber(decimal.floor, math.Floor)},
	"ceiling": {1: ofNumber(func(d decimal) decimal { return d.neg().floor().neg() }, math.Ceil)},
	"round":   {1: ofNumber(decimal.round, roundDouble)},
	"round-half-to-even": {
		1: func(a []*code) *code { return roundHalfToEven(a[0], nil) },
		2: func(a []*code) *code { return roundHalfToEven(a[0], a[1]) },
	},
	"sum": {
		1: func(a []*code) *code { return sum(a[0], nil) },
		2: func(a []*code) *code { return sum(a[0], a[1]) },
	},
	"avg": {1: func(a []*code) *code {
		return fromAtom(NoType, func(f *Evaluation) (v Item, ok bool) {
			atomizedArg(f, a[0], func(items []Item) {
				if ok = len(items) > 0; ok {
					v = arithmetic('/', total(items), intItem(int64(len(items))))
				}
			})
			return v, ok
		})
	}},
	"min": {1: func(a []*code) *code { return extreme(a[0], less) }},
	"max": {1: func(a []*code) *code { return extreme(a[0], greater) }},
}

func absDecimal(d decimal) decimal {
	if d.sign() < 0 {
		return d.neg()
	}
	return d
}

// roundDouble rounds to an integer, a half upwards; the sign of zero is kept. From 2^52 on a double has no fraction.
func roundDouble(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 || math.Abs(f) >= 1<<52 {
		return f
	}
	if f < 0 && f >= -0.5 {
		return math.Copysign(0, -1)
	}
	r := math.Floor(f)
	if f-r >= 0.5 {
		r++
	}
	return r
}

// ofNumber builds a function that keeps the type of its number.
func ofNumber(exact func(decimal) decimal, double func(float64) float64) builder {
	return func(a []*code) *code {
		return fromAtom(numericOf(a[0].typ), func(f *Evaluation) (Item, bool) {
			v, ok := numeric(f, a[0])
			if !ok {
				return v, false
			}
			if v.Type.floating() {
				return realItem(v.Type, double(v.float())), true
			}
			return numItem(v.Type, exact(v.dec())), true
		})
	}
}

func roundHalfToEven(x, precision *code) *code {
	return fromAtom(numericOf(x.typ), func(f *Evaluation) (Item, bool) {
		v, ok := numeric(f, x)
		if !ok {
			return v, false
		}
		places := int32(0)
		if precision != nil {
			places = placesArg(f, precision)
		}
		if !v.Type.floating() {
			return numItem(v.Type, v.dec().roundHalfEven(places)), true
		}
		d := v.float()
		if math.IsNaN(d) || math.IsInf(d, 0) || d == 0 {
			return v, true
		}
		r := decimalOf(d).roundHalfEven(places).float()
		return realItem(v.Type, math.Copysign(r, d)), true
	})
}

func sum(x, zero *code) *code {
	typ := numericOf(x.typ)
	if zero != nil {
		typ = NoType
	}
	return fromAtom(typ, func(f *Evaluation) (v Item, ok bool) {
		empty := false
		atomizedArg(f, x, func(items []Item) {
			if empty = len(items) == 0; !empty {
				v = total(items)
			}
		})
		switch {
		case !empty:
			return v, true
		case zero != nil:
			return zero.atom(f)
		}
		return intItem(0), true
	})
}

// total adds up one or more items. Even a single one must be a number or a duration.
func total(items []Item) Item {
	acc := operand(items[0])
	if !acc.Type.numeric() && !acc.Type.duration() {
		fail("FORG0006", "a sum of %s", acc.Type)
	}
	for _, v := range items[1:] {
		v = operand(v)
		if v.Type.numeric() != acc.Type.numeric() || !v.Type.numeric() && v.Type != acc.Type {
			fail("FORG0006", "a sum of %s and %s", acc.Type, v.Type)
		}
		acc = arithmetic('+', acc, v)
	}
	return acc
}

// extreme is fn:min or fn:max: NaN wins, and if one number is a double the result is one (XPath Functions §15.4.3).
func extreme(x *code, better ordering) *code {
	return fromAtom(NoType, func(f *Evaluation) (best Item, ok bool) {
		atomizedArg(f, x, func(items []Item) {
			floating := NoType // the type of the result, if one of the numbers is of it
			for i, v := range items {
				v = operand(v)
				if v.Type == Double || v.Type == Float && floating == NoType {
					floating = v.Type
				}
				nan := v.Type.floating() && math.IsNaN(v.float())
				switch {
				case i == 0:
					best, ok = v, true
				case v.Type.numeric() != best.Type.numeric() || !v.Type.numeric() && v.Type != best.Type:
					fail("FORG0006", "%s and %s have no common order", v.Type, best.Type)
				case nan || relation(&v, &best) == better:
					best = v
				}
			}
			if floating != NoType && best.Type != floating {
				best = realItem(floating, best.double())
			}
		})
		return best, ok
	})
}

package validation

import (
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Explained says in a sentence what decided the test of a finding, with the values of the document; "" if that is not
// known.
func (f *Finding) Explained(lang fault.Lang) string {
	var out []string
	for i := range f.Why {
		lead, rest := sentence(&f.Why[i], lang)
		if rest != "" {
			lead += ": " + rest
		}
		out = append(out, lead)
	}
	return strings.Join(out, "; ")
}

// sentence says what is wrong, and where the values come from that are compared.
func sentence(f *xpath.Fact, lang fault.Lang) (lead, rest string) {
	if f.Kind == xpath.Compared {
		wrong, from := comparison(f)
		lead, rest = wrong.in(lang), from.in(lang)
	} else {
		lead = fact(f).in(lang)
	}
	if lead == "" {
		lead, rest = rest, ""
	}
	if len(f.Where) > 0 {
		end := &lead
		if rest != "" {
			end = &rest
		}
		*end = say(inCase, *end, parts(f.Where, " = ")).in(lang)
	}
	return lead, rest
}

// fact says what decided where no values are compared.
func fact(f *xpath.Fact) phrase {
	l := &f.Left
	if l.Count == 0 && l.Form == xpath.Value && f.Kind != xpath.Condition {
		return say(isMissing, l.Text)
	}
	switch f.Kind {
	case xpath.NotListed:
		known := strings.Join(f.Right.Values, ", ")
		if f.Right.Count > len(f.Right.Values) {
			return say(notOneOfN, value(l), l.Text, f.Right.Count, known)
		}
		return say(notOneOf, value(l), l.Text, known)
	case xpath.Present:
		return say(mustNotBe, l.Text, value(l))
	case xpath.NoMatch:
		if f.Not {
			return say(badMatch, value(l), l.Text, value(f.Right))
		}
		return say(noMatch, value(l), l.Text, value(f.Right))
	case xpath.NotWithin:
		if f.Not {
			return say(notWith[f.Op][1], value(l), l.Text, value(f.Right))
		}
		return say(notWith[f.Op][0], value(l), l.Text, value(f.Right))
	case xpath.NotOfType:
		if word, ok := typeWords[f.Op]; ok {
			return say(notType, value(l), l.Text, word)
		}
		return say(notType, value(l), l.Text, f.Op)
	case xpath.Forbidden:
		if strings.Join(l.Values, "") == "" {
			return say(mustNotEmpty, l.Text)
		}
		return say(mustNotBeAs, l.Text, value(l))
	}
	condition := say(notHolds, l.Text)
	if f.Not {
		condition = say(badHolds, l.Text)
	}
	if len(l.Parts) > 0 {
		return say(same("%s (%s)"), condition, parts(l.Parts, ": "))
	}
	return condition
}

// opposite is what a comparison that must not hold demands.
var opposite = map[string]string{"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}

// comparison says how the values are not as they should be, if both are there, and where they come from: "5 is not 6",
// "a is 5, the sum of b is 6".
func comparison(f *xpath.Fact) (wrong, from phrase) {
	op := f.Op
	if o, ok := opposite[op]; ok && f.Not {
		op = o
	}
	var clauses []any
	missing := false
	for _, o := range []*xpath.Operand{&f.Left, f.Right} {
		missing = missing || o.Count == 0 && o.Form == xpath.Value
		if o.Form != xpath.Constant || o.Count != 1 {
			clauses = append(clauses, clause(o))
		}
	}
	from = list(clauses)
	if op == "!=" && len(clauses) == 1 && f.Left.Count == 1 && f.Left.Values[0] == "" {
		return wrong, from // "a is empty" says it
	}
	if text, ok := notSo[op]; ok && !missing {
		wrong = say(text, value(&f.Left), value(f.Right))
		if f.Third != nil {
			wrong.args = append(wrong.args, value(f.Third))
		}
	}
	return wrong, from
}

// clause says what an operand is and comes to.
func clause(o *xpath.Operand) phrase {
	v := value(o)
	if o.Rounded {
		v = say(andRounded, v)
	}
	switch {
	case o.Form == xpath.SumOf && o.Count == 1:
		return say(isSumOfOne, o.Text, v)
	case o.Form == xpath.SumOf:
		return say(isSum, o.Text, v, o.Count)
	case o.Form == xpath.CountOf:
		return say(isCount, o.Text, v)
	case o.Form == xpath.LengthOf:
		return say(isLength, o.Text, quoted(o.Parts[0].Value), v)
	case o.Count == 0:
		return say(isMissing, o.Text)
	case o.Form == xpath.Calculated && len(o.Parts) > 0:
		return say(isComputed, o.Text, v, parts(o.Parts, ": "))
	case o.Count == 1 && o.Values[0] == "":
		return say(isEmpty, o.Text)
	}
	return say(isValue, o.Text, v)
}

// value is the value of an operand, or its first values.
func value(o *xpath.Operand) phrase {
	var values []any
	for _, v := range o.Values {
		values = append(values, quoted(v))
	}
	if more := o.Count - len(o.Values); more > 0 && o.Form != xpath.SumOf {
		return say(andMore, list(values), more)
	}
	return list(values)
}

// quoted is a value as a sentence has it: a number as it is, a text in quotes.
func quoted(v string) phrase {
	if _, err := strconv.ParseFloat(v, 64); err == nil || v == "true" || v == "false" {
		return plain(v)
	}
	return say(inQuotes, v)
}

// parts lists expressions with their values.
func parts(of []xpath.Part, is string) phrase {
	var out []any
	for _, p := range of {
		out = append(out, say(same("%s"+is+"%s"), p.Text, quoted(p.Value)))
	}
	return list(out)
}

// list puts commas between phrases.
func list(of []any) phrase {
	return phrase{same(strings.TrimPrefix(strings.Repeat(", %s", len(of)), ", ")), of}
}

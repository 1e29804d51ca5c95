package regex

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// set is a set of characters as ranges; in any order, and overlapping, until normal was called.
type set []span

type span struct{ lo, hi rune }

// normal returns a copy with the ranges sorted, and joined where they touch.
func (s set) normal() set {
	if len(s) == 0 {
		return s
	}
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	out := s[:1]
	for _, r := range s[1:] {
		if last := &out[len(out)-1]; r.lo <= last.hi+1 {
			last.hi = max(last.hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (s set) negate() set {
	out := make(set, 0, len(s)+1)
	next := rune(0)
	for _, r := range s.normal() {
		if r.lo > next {
			out = append(out, span{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// complementIf returns s, or its complement.
func (s set) complementIf(negated bool) set {
	if negated {
		return s.negate()
	}
	return s
}

// minus is set difference by De Morgan: what is neither outside of s nor in t.
func (s set) minus(t set) set { return append(s.negate(), t...).negate() }

// folded adds the other cases of each character. It takes time for the characters in s, up to the last that has a case.
func (s set) folded() set {
	out := slices.Clone(s)
	for _, r := range s.normal() {
		for c := r.lo; c <= min(r.hi, lastCased); c++ {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				out = append(out, span{f, f})
			}
		}
	}
	return out.normal()
}

// lastCased lies behind every character that has another case: the rest of a range need not be looked at.
const lastCased = 0x1FFFF

// String writes s as a class of package regexp.
func (s set) String() string {
	s = s.normal()
	if len(s) == 0 {
		return `[^\x{0}-\x{10FFFF}]` // package regexp has no empty class
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range s {
		b.WriteString(char(r.lo))
		if r.hi > r.lo {
			b.WriteString("-" + char(r.hi))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// char writes a character for a class; all but letters and digits by their number, so that none has a meaning.
func char(r rune) string {
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return string(r)
	}
	return fmt.Sprintf(`\x{%X}`, r)
}

// multi are the escapes for many characters (XML Schema 1.0 Part 2, Appendix F.1.1).
var multi = map[rune]func() set{
	's': func() set { return blanks },
	'S': func() set { return blanks.negate() },
	'd': func() set { return category("Nd") },
	'D': func() set { return category("Nd").negate() },
	'w': func() set { return nonWord().negate() },
	'W': nonWord,
	'i': func() set { return nameStart },
	'I': func() set { return nameStart.negate() },
	'c': nameChars,
	'C': func() set { return nameChars().negate() },
}

var blanks = set{{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}}

// nonWord is punctuation, separators and "other".
func nonWord() set { return slices.Concat(category("P"), category("Z"), category("C")) }

// nameStart is NameStartChar of XML 1.0 §2.3 (fifth edition).
var nameStart = set{
	{':', ':'},
	{'A', 'Z'},
	{'_', '_'},
	{'a', 'z'},
	{0xC0, 0xD6},
	{0xD8, 0xF6},
	{0xF8, 0x2FF},
	{0x370, 0x37D},
	{0x37F, 0x1FFF},
	{0x200C, 0x200D},
	{0x2070, 0x218F},
	{0x2C00, 0x2FEF},
	{0x3001, 0xD7FF},
	{0xF900, 0xFDCF},
	{0xFDF0, 0xFFFD},
	{0x10000, 0xEFFFF},
}

func nameChars() set {
	return append(set{{'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}, nameStart...)
}

// categories that \p{…} names.
const categories = " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po " +
	"Z Zs Zl Zp S Sm Sc Sk So C Cc Cf Co Cn "

// category returns the characters of a general category. "C" is everything that is in no other, surrogates included.
func category(name string) set {
	switch name {
	case "C":
		var others set
		for _, name := range []string{"L", "M", "N", "P", "Z", "S"} {
			others = append(others, category(name)...)
		}
		return others.negate()
	case "Cn":
		assigned := slices.Concat(table(unicode.Cc), table(unicode.Cf), table(unicode.Co), table(unicode.Cs))
		return category("C").minus(assigned)
	}
	return table(unicode.Categories[name])
}

// table returns the characters of a table of package unicode.
func table(t *unicode.RangeTable) set {
	var s set
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			s = append(s, span{lo, hi})
			return
		}
		for c := lo; c <= hi; c += stride {
			s = append(s, span{c, c})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return s
}

// named returns the characters of a category, or of a block with "Is" before its name.
func named(name string) (set, bool) {
	if block, ok := strings.CutPrefix(name, "Is"); ok {
		s, ok := blocks[block]
		return s, ok
	}
	if name == "" || strings.Contains(name, " ") || !strings.Contains(categories, " "+name+" ") {
		return nil, false
	}
	return category(name), true
}

package xpath

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/ravn-ap/ravn/xml/regex"
)

// stringFunctions are the functions on strings (XPath Functions §7), by name and number of arguments.
var stringFunctions = map[string]map[int]builder{
	"string": {1: func(a []*code) *code {
		return fromString(func(f *Evaluation) string { return stringOf(f, a[0]) })
	}},
	"string-length":   {1: ofText(Integer, func(s string) Item { return intItem(int64(utf8.RuneCountInString(s))) })},
	"normalize-space": {1: ofString(normalizeSpace)},
	"upper-case":      {1: ofString(func(s string) string { return changeCase(s, strings.ToUpper, cases.Upper) })},
	"lower-case":      {1: ofString(func(s string) string { return changeCase(s, strings.ToLower, cases.Lower) })},
	"string-to-codepoints": {1: func(a []*code) *code {
		return fromPush(Integer, func(f *Evaluation) {
			for _, r := range stringArg(f, a[0]) {
				f.push(intItem(int64(r)))
			}
		})
	}},
	"codepoints-to-string": {1: func(a []*code) *code {
		return fromString(func(f *Evaluation) string { return fromCodepoints(f, a[0]) })
	}},
	"contains":    {2: ofTwo(strings.Contains)},
	"starts-with": {2: ofTwo(strings.HasPrefix)},
	"ends-with":   {2: ofTwo(strings.HasSuffix)},
	"substring-before": {2: ofTwoStrings(func(s, sep string) string {
		before, _, found := strings.Cut(s, sep)
		if !found {
			return ""
		}
		return before
	})},
	"substring-after": {2: ofTwoStrings(func(s, sep string) string {
		_, after, _ := strings.Cut(s, sep)
		return after
	})},
	"substring": {
		2: func(a []*code) *code {
			return fromString(func(f *Evaluation) string {
				return substring(stringArg(f, a[0]), required(f, a[1]), math.Inf(1))
			})
		},
		3: func(a []*code) *code {
			return fromString(func(f *Evaluation) string {
				return substring(stringArg(f, a[0]), required(f, a[1]), required(f, a[2]))
			})
		},
	},
	"translate": {3: func(a []*code) *code {
		return fromString(func(f *Evaluation) string {
			s, from, to := stringArg(f, a[0]), stringArg(f, a[1]), stringArg(f, a[2])
			f.spend(len(s) * len(from) >> textStep) // each character of s is looked for in from
			return f.made(translate(s, from, to))
		})
	}},
	"string-join": {2: func(a []*code) *code {
		return fromString(func(f *Evaluation) (s string) {
			sep := stringArg(f, a[1])
			atomizedArg(f, a[0], func(items []Item) {
				list := make([]string, len(items))
				for i := range items {
					list[i] = items[i].lexical()
				}
				s = f.joinedText(list, sep)
			})
			return s
		})
	}},
	"compare": {2: func(a []*code) *code {
		return fromAtom(Integer, func(f *Evaluation) (Item, bool) {
			x, ok := a[0].atom(f)
			y, ok2 := a[1].atom(f)
			return intItem(int64(strings.Compare(x.lexicalText(), y.lexicalText()))), ok && ok2
		})
	}},
	"matches": {
		2: func(a []*code) *code { return matches(a[0], a[1], nil) },
		3: func(a []*code) *code { return matches(a[0], a[1], a[2]) },
	},
	"replace": {
		3: func(a []*code) *code { return replace(a[0], a[1], a[2], nil) },
		4: func(a []*code) *code { return replace(a[0], a[1], a[2], a[3]) },
	},
	"tokenize": {
		2: func(a []*code) *code { return tokenize(a[0], a[1], nil) },
		3: func(a []*code) *code { return tokenize(a[0], a[1], a[2]) },
	},
}

// lexicalText returns the text of a string, "" for the zero Item, and fails for other types.
func (i *Item) lexicalText() string {
	if i.Type != String && i.Type != Untyped && i.Type != NoType {
		fail(codeType, "%s where a string is wanted", i.Type)
	}
	return i.s
}

// ofText, ofString, ofTwo and ofTwoStrings build functions of one or two strings by the type of their result.
// Arguments are evaluated from left to right: the order decides which of two errors is reported.
func ofText(t Type, get func(string) Item) builder {
	return func(a []*code) *code {
		c := fromAtom(t, func(f *Evaluation) (Item, bool) { return get(stringArg(f, a[0])), true })
		c.one = true
		return c
	}
}

func ofString(get func(string) string) builder {
	return func(a []*code) *code {
		return fromString(func(f *Evaluation) string { return f.made(get(stringArg(f, a[0]))) })
	}
}

func ofTwo(test func(a, b string) bool) builder {
	return func(a []*code) *code {
		return fromTest(func(f *Evaluation) bool {
			x := stringArg(f, a[0])
			return test(x, stringArg(f, a[1]))
		})
	}
}

func ofTwoStrings(get func(a, b string) string) builder {
	return func(a []*code) *code {
		return fromString(func(f *Evaluation) string {
			x := stringArg(f, a[0])
			return get(x, stringArg(f, a[1]))
		})
	}
}

// stringOf is fn:string of at most one item.
func stringOf(f *Evaluation, c *code) string {
	v, ok := c.atom(f)
	if !ok {
		return ""
	}
	return v.lexical()
}

// normalizeSpace takes off and joins the white space of XML, and no other. Most texts are normal already; they are
// returned as they are, without an allocation.
func normalizeSpace(s string) string {
	clean, space := true, true // space: at the start, or the character before was a space
	for i := range len(s) {
		switch s[i] {
		case ' ':
			if space {
				clean = false
			}
			space = true
		case '\t', '\n', '\r':
			clean = false
		default:
			space = false
		}
		if !clean {
			break
		}
	}
	if clean && (!space || s == "") {
		return s
	}
	isSpace := func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }
	return strings.Join(strings.FieldsFunc(s, isSpace), " ")
}

// changeCase maps by the full rules of Unicode, where one character may become several, as "ß" becomes "SS"; package
// strings maps characters one by one, which is right, and faster, for ASCII only.
func changeCase(s string, ascii func(string) string,
	full func(language.Tag, ...cases.Option) cases.Caser,
) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return full(language.Und).String(s)
		}
	}
	return ascii(s)
}

func fromCodepoints(f *Evaluation, c *code) string {
	var b strings.Builder
	atomizedArg(f, c, func(items []Item) {
		for _, v := range items {
			if v.Type == Untyped {
				v = cast(v, Integer)
			}
			if v.Type != Integer {
				fail(codeType, "%s where an integer is wanted", v.Type)
			}
			if v.big != nil || v.n > utf8.MaxRune || v.n < 0x20 && v.n != 9 && v.n != 10 && v.n != 13 ||
				v.n >= 0xD800 && v.n < 0xE000 || v.n == 0xFFFE || v.n == 0xFFFF {
				fail(codeCodepoint, "not a character of XML")
			}
			b.WriteRune(rune(v.n))
		}
	})
	return b.String()
}

// substring counts characters from 1; both numbers are rounded.
func substring(s string, start, length float64) string {
	from := roundDouble(start)
	until := from + roundDouble(length)
	if math.IsNaN(from) || math.IsNaN(until) {
		return ""
	}
	pos, begin := 1.0, -1
	for i := range s {
		if begin < 0 && pos >= from {
			begin = i
		}
		if pos >= until {
			if begin < 0 || begin > i {
				return ""
			}
			return s[begin:i]
		}
		pos++
	}
	if begin < 0 {
		return ""
	}
	return s[begin:]
}

func translate(s, from, to string) string {
	src, dst := []rune(from), []rune(to)
	return strings.Map(func(r rune) rune {
		switch i := slices.Index(src, r); {
		case i < 0:
			return r
		case i < len(dst):
			return dst[i]
		}
		return -1
	}, s)
}

// matchBytes is how much memory the place of one match takes: a slice of two numbers. patternStep is what a character
// of a pattern takes while it is compiled, as a shift.
const (
	matchBytes  = 48
	patternStep = 7
)

type regexKey struct{ pattern, flags string }

// meter charges an Evaluation for the work of regular expressions.
type meter Evaluation

func (m *meter) Charge(steps int, bytes int64) {
	f := (*Evaluation)(m)
	if steps > 0 {
		f.spend(steps)
	}
	if f.passing += bytes; bytes > 0 {
		f.checkBytes(0)
	}
}

// compileRegex compiles a pattern, and fails with FORX0001 for wrong flags or FORX0002 for a wrong pattern.
func compileRegex(k regexKey) *regex.Regexp {
	re, err := regex.XPath(k.pattern, k.flags)
	var e *regex.Error
	switch {
	case err == nil:
		return re
	case !errors.As(err, &e):
		fail("FORX0002", "%v", err)
	case e.Code == regex.InvalidFlags:
		fail(e.Code, "the flags %.20q: %s", k.flags, e.Msg)
	}
	fail(e.Code, "the pattern %.80q, position %d: %s", k.pattern, e.Pos, e.Msg)
	return nil
}

// pattern returns a function that returns the regular expression of a call: one that was compiled beforehand, which it
// returns, too, if pattern and flags are constant, else one from the cache of the evaluation. What is wrong in a
// constant is an error now, wherever the call stands: else a rule file could be loaded that fails on the first document
// that reaches it.
func pattern(p, flags *code) (get func(f *Evaluation) *regex.Regexp, constant *regex.Regexp) {
	flagText, known := constantFlags(flags)
	if known {
		text, ok := constantText(p)
		re := compileRegex(regexKey{text, flagText})
		if ok {
			return func(*Evaluation) *regex.Regexp { return re }, re
		}
	}
	return func(f *Evaluation) *regex.Regexp {
		k := regexKey{pattern: stringArg(f, p)}
		if flags != nil {
			k.flags = stringArg(f, flags)
		}
		if re := f.regex[k]; re != nil {
			return re
		}
		return f.newRegex(k)
	}, nil
}

func constantFlags(c *code) (string, bool) {
	if c == nil {
		return "", true
	}
	return constantText(c)
}

// constantText returns the value of a constant argument; false if it is not constant, or not a string, which is an
// error when the call is evaluated, if ever.
func constantText(c *code) (s string, ok bool) {
	if !c.konst {
		return "", false
	}
	failed := attempt(func() { s = stringArg(constantEvaluation(), c) })
	return s, failed == nil
}

// newRegex compiles a regular expression that is made up in the document, and charges for it.
func (f *Evaluation) newRegex(k regexKey) *regex.Regexp {
	if f.regex == nil || len(f.regex) > 1000 { // a document could make up patterns without end
		f.regex = map[regexKey]*regex.Regexp{}
	}
	room := int64(len(k.pattern)) << patternStep
	f.spend(len(k.pattern))
	f.checkBytes(room)
	re := compileRegex(k)
	f.keep(re.Size())
	f.regex[k] = re
	return re
}

// notEmpty fails if a regular expression of fn:replace or fn:tokenize matches the empty string.
func notEmpty(f *Evaluation, re *regex.Regexp) {
	if re.MatchesEmpty((*meter)(f)) {
		fail("FORX0003", "the regular expression matches the empty string")
	}
}

func matches(x, p, flags *code) *code {
	re, _ := pattern(p, flags)
	return fromTest(func(f *Evaluation) bool {
		s := stringArg(f, x)
		return re(f).Match(s, (*meter)(f))
	})
}

func tokenize(x, p, flags *code) *code {
	re, constant := pattern(p, flags)
	if constant != nil && !x.konst { // nothing is no error
		notEmpty(constantEvaluation(), constant)
	}
	return fromPush(String, func(f *Evaluation) {
		s, r := stringArg(f, x), re(f)
		if s == "" {
			return
		}
		notEmpty(f, r)
		// One match more than the memory of the budget allows is enough for alloc to fail.
		from, most := 0, int64(f.bytes/matchBytes)
		all := r.FindAll(s, int(most)+1, (*meter)(f))
		f.alloc(int64(len(all)) * matchBytes)
		for _, at := range all {
			f.push(stringItem(s[from:at[0]]))
			from = at[1]
		}
		f.push(stringItem(s[from:]))
	})
}

func replace(x, p, with, flags *code) *code {
	re, constant := pattern(p, flags)
	if constant != nil {
		notEmpty(constantEvaluation(), constant)
	}
	text, ok := constantText(with)
	if flagText, known := constantFlags(flags); ok && known && !strings.Contains(flagText, "q") {
		replacement(text, 0) // which fails if it is wrong
	}
	return fromString(func(f *Evaluation) string {
		s, r := stringArg(f, x), re(f)
		notEmpty(f, r)
		to := stringArg(f, with)
		if r.Quoted() {
			to = strings.ReplaceAll(to, "$", "$$")
		} else {
			to = replacement(to, r.Groups())
		}
		f.alloc(int64(len(s)) * int64(1+len(to))) // the most it can be: each character is a match
		return r.Replace(s, to, (*meter)(f))
	})
}

// replacement translates the replacement of fn:replace, where $n, \$ and \\ mean something, to that of package
// regexp. A $ takes as many digits as still name a group: with 9 groups $12 is group 1 and the digit 2 (XPath
// Functions §7.6.3).
func replacement(s string, groups int) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '$'):
			i++
			if s[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(s[i])
		case c == '\\', c == '$' && (i+1 == len(s) || s[i+1] < '0' || s[i+1] > '9'):
			fail("FORX0004", "the replacement is wrong")
		case c == '$':
			end := i + 2
			for end < len(s) && s[end] >= '0' && s[end] <= '9' {
				if n, _ := strconv.Atoi(s[i+1 : end+1]); n > groups {
					break
				}
				end++
			}
			if n, _ := strconv.Atoi(s[i+1 : end]); n <= groups {
				b.WriteString("${" + s[i+1:end] + "}")
			}
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

package regex

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

type match struct {
	pattern string
	yes, no []string
}

// free charges nothing.
type free struct{}

func (free) Charge(int, int64) {}

func one(in ...string) []string { return in }

var xsdCases = []match{
	{`[0-9]{11}`, one("12345678901"), one("1234567890", "123456789012", "1234567890a", "")},
	{`https?://.+`, one("http://a", "https://a b"), one("ftp://a", "http://", "http://a\n")},
	{`^a$`, one("^a$"), one("a", "^a")},
	{`a|b`, one("a", "b"), one("ab", "ba", "", "|")},
	{`a|`, one("a", ""), one("b")},
	{``, one(""), one("a")},
	{`(a|b)*c`, one("c", "abac"), one("abca", "a")},
	{`.`, one("a", "é", "😀"), one("\n", "\r", "", "ab")},
	{`\d+`, one("12", "٣"), one("", "x", "½")},
	{`\D`, one("x", "½"), one("1", "٣")},
	{`\w+`, one("aZ9", "é", "+", "$", "٣"), one("-", " ", "a.b", "\u00A0", "\u0085", "\u200D", "\U000E0080", "\uE000",
		"\u0378")},
	{`\W`, one("-", " ", "."), one("a", "+")},
	{`\s`, one(" ", "\t", "\n", "\r"), one("\f", "\v", "\u00A0")},
	{`\S`, one("\f", "a", "\u00A0"), one(" ", "\n")},
	{`\i\c*`, one("a", ":", "_x-1.b", "é·"), one("-a", "1", "a b", "a+")},
	{`\I\C`, one("1+"), one("a+", "1a")},
	{`[a-z-[aeiou]]+`, one("xyz"), one("a", "xa", "-", "X")},
	{`[^a-c-[x]]`, one("d", "A"), one("a", "x", "b")},
	{`[a-z-[b-y-[m]]]`, one("a", "z", "m"), one("b", "n")},
	{`[\d-[5]]`, one("4", "٣"), one("5", "a")},
	{`[-a]`, one("-", "a"), one("b")},
	{`[a-]`, one("-", "a"), one("b")},
	{`[^-a]`, one("b", "^"), one("-", "a")},
	{`[a^]`, one("^", "a"), one("b")},
	{`[+-9]`, one("+", "-", "5"), one("a", "*")},
	{`[a--[b]]`, one("a", "-"), one("b")},
	{`[\]\[\\\-\^]`, one("]", "[", `\`, "-", "^"), one("a")},
	{`[\s\S]`, one("a", "\n"), one("", "ab")},
	{`[\n\r\t]`, one("\n", "\r", "\t"), one("n", "r", "t", " ")},
	{`[.*+?(){}|$]`, one(".", "*", "$", "|", "{"), one("a", "\\")},
	{`[^\s]`, one("a"), one(" ")},
	{`\.\\\?\*\+\{\}\(\)\[\]\|\-\^\n\r\t`, one(".\\?*+{}()[]|-^\n\r\t"), one("a")},
	{`\p{Lu}\p{L}+`, one("Ab", "Éa"), one("ab", "A1")},
	{`\P{Lu}`, one("a", "1"), one("A")},
	{`[\P{L}]`, one("1"), one("a")},
	{`\p{Cn}`, one("\u0378"), one("a", "\uE000", "\u0001")},
	{`\p{C}`, one("\u0378", "\uE000", "\u0001", "\u00AD"), one("a", " ")},
	{`\p{IsBasicLatin}+`, one("abc~"), one("é")},
	{`\P{IsBasicLatin}`, one("é"), one("a")},
	{`\p{IsLatin-1Supplement}`, one("é", "\u0080"), one("a", "ā")},
	{`\p{IsGreek}`, one("α"), one("a")},
	{`a?b*c+`, one("abbc", "c", "acc"), one("ab", "aac")},
	{`a{2}`, one("aa"), one("a", "aaa")},
	{`a{2,}`, one("aa", "aaaaa"), one("a")},
	{`a{0,1}`, one("", "a"), one("aa")},
	{`a{0}b`, one("b"), one("ab")},
	{`a{0,0}`, one(""), one("a")},
	{`(ab){2,3}`, one("abab", "ababab"), one("ab", "abababab", "abb")},
	{`a{1,2500}`, one("a", strings.Repeat("a", 2500)), one("", strings.Repeat("a", 2501))},
	{`a{2500,}`, one(strings.Repeat("a", 2500), strings.Repeat("a", 3000)), one(strings.Repeat("a", 2499))},
	{`(a{100}){20}`, one(strings.Repeat("a", 2000)), one(strings.Repeat("a", 1999), strings.Repeat("a", 2100))},
	{`(a*)*b`, one("b", "aab"), one("a")},
	{`(\{[0-9a-f]{2}\})|([0-9a-f]{2})`, one("{0f}", "0f"), one("{0f", "0f}")},
	{`Z|[+-][01]\d(:{0,1}[0-5]\d)?`, one("Z", "+01", "-1159", "+01:30"), one("+21", "z")},
	{`é"'<>&#;,:=!@%/~`, one(`é"'<>&#;,:=!@%/~`), one("e")},
	{`[é-ü]`, one("ê"), one("e")},
	{`(?`, nil, nil},
}

func TestXSD(t *testing.T) {
	for _, tc := range xsdCases {
		out, err := XSD(tc.pattern)
		if tc.yes == nil {
			if err == nil {
				t.Errorf("%s is not refused", tc.pattern)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		re, err := regexp.Compile(out)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		check(t, tc, re.MatchString)
	}
}

func check(t *testing.T, tc match, matches func(string) bool) {
	t.Helper()
	for _, s := range tc.yes {
		if !matches(s) {
			t.Errorf("%s does not match %.40q", tc.pattern, s)
		}
	}
	for _, s := range tc.no {
		if matches(s) {
			t.Errorf("%s matches %.40q", tc.pattern, s)
		}
	}
}

func TestXSDRefused(t *testing.T) {
	for _, p := range []string{
		`(`, `)`, `a)`, `(a`, `[`, `[]`, `[^]`, `[a`, `]`, `a]`, `{`, `}`, `a{`, `a{}`, `a{1`, `a{,2}`, `a{2,1}`,
		`a{x}`, `a{1,2,3}`,
		`*`, `+a`, `?`, `a**`, `a+?`, `a|*`, `\`, `\a`, `\b`, `\A`, `\z`, `\1`, `\$`, `\e`, `\p`, `\pL`, `\p{`, `\p{L`,
		`\p{}`, `\p{X}`,
		`\p{Cs}`, `\p{L Lu}`, `\p{IsNothing}`, `\p{Latin}`, `[b-a]`, `[a-\d]`, `[\d-z]`, `[a-c-e]`, `[a[b]]`,
		`[a-[b]c]`, `[-[a]`, `[a--b]`,
		`(?:a)`, `(?=a)`, `(?i)a`, `a{99999999999}`, strings.Repeat("(", 300) + strings.Repeat(")", 300),
		strings.Repeat("[a-", 300) + strings.Repeat("]", 300), `((a{1000}){1000}){1000}`,
	} {
		out, err := XSD(p)
		var e *Error
		if !errors.As(err, &e) || e.Code != "" {
			t.Errorf("%.40s: %.80q, %v", p, out, err)
		}
	}
}

func TestXPath(t *testing.T) {
	for _, tc := range []struct {
		flags string
		match
	}{
		{"", match{`b`, one("abc"), one("ac")}},
		{"", match{`^b`, one("bc"), one("abc", "a\nb")}},
		{"", match{`b$`, one("ab"), one("bc", "b\n", "b\nc")}},
		{"m", match{`^b`, one("bc", "a\nb"), one("abc")}},
		{"m", match{`b$`, one("ab", "b\n", "b\nc"), one("bc", "b\r\n")}},
		{"", match{`a.b`, one("axb"), one("a\nb", "a\rb", "ab")}},
		{"s", match{`a.b`, one("axb", "a\nb"), one("ab")}},
		{"i", match{`aß`, one("Aß", "aẞ", "Aẞ"), one("ass", "b")}},
		{"i", match{`^[a-c]+$`, one("aBC"), one("d", "D")}},
		{"i", match{`^[^q]$`, one("a", "A"), one("q", "Q")}},
		{"i", match{`^[A-Z-[OI]]$`, one("a", "B", "z"), one("o", "O", "i", "I", "1")}},
		{"i", match{`^\p{Lu}$`, one("A"), one("a")}},
		{"i", match{`^[\p{Lu}x]$`, one("A", "x", "X"), one("a")}},
		{"i", match{
			`^[0-9]{6}(-[0-9A-Z_]{3,12}(\.[0-9A-Z\-._~]{3,24})?)?$`,
			one("123456", "123456-abc", "123456-ABC.a-~"), one("12345", "123456-ab"),
		}},
		{"x", match{"^ a b\n$", one("ab"), one("a b")}},
		{"x", match{`^[a ]b c$`, one("abc", " bc"), one("ab c")}},
		{"x", match{`a\ b`, one("a\bb"), one()}},
		{"six", match{`A . b`, one("a\nB"), one("ab")}},
		{"", match{`^a{2,3}?`, one("aaa"), one("a")}},
		{"", match{`\$\^\-`, one("1$^-"), one("")}},
		{"", match{`[$^]`, one("$", "^"), one("a")}},
		{"", match{`^\d+$`, one("٣", "12"), one("a")}},
		{"", match{`\s`, one(" ", "a\n"), one("\f", "\u00A0")}},
		{"", match{`^\s*\n`, one("  \n x"), one("a\n")}},
		{"", match{`^([a-zA-Z])([a-zA-Z0-9+.-])+:.*`, one("ab+:x"), one("a:", "1b:")}},
		{"", match{`^[^@\s]+@([^@.\s]+\.)+[^@.\s]+$`, one("a@b.c"), one("a@b", "a b@c.d", "a@b..c")}},
		{"", match{
			`^(0?[1-9]|[12][0-9]|3[01])[-\\/ ]?(0?[1-9]|1[0-2])[-\\/ ]?(19|20)[0-9]{2}`,
			one("01-02-2020", "1/2/1999", `1\22020`), one("32-13-2020"),
		}},
		{"", match{
			`(^|\r?\n)#(SKONTO)#TAGE=([0-9]+#PROZENT=[0-9]+\.[0-9]{2})(#BASISBETRAG=-?[0-9]+\.[0-9]{2})?#$`,
			one("#SKONTO#TAGE=1#PROZENT=2.00#"), one("x#SKONTO#TAGE=1#PROZENT=2.00#"),
		}},
		{"", match{`^\s*(\d{4})(1[0-2]|0[1-9]){1}(3[01]|[12][0-9]|0[1-9]){1}\s*$`, one(" 20240131 "), one("20241301")}},
		{"", match{`.*([0-9].*){3,}.*`, one("a1b2c3"), one("12")}},
		{"", match{`#.+#`, one("a#b#"), one("##")}},
		{"", match{``, one("", "a"), nil}},
		{"", match{`a|b|`, one("", "c"), nil}},
	} {
		re, err := XPath(tc.pattern, tc.flags)
		if tc.pattern == `a\ b` {
			// Flag x takes the blank away, and "\b" does not exist.
			if err == nil {
				t.Errorf("%q is not refused", tc.pattern)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q %s: %v", tc.pattern, tc.flags, err)
			continue
		}
		check(t, tc.match, func(s string) bool { return re.Match(s, free{}) })
	}
}

func TestXPathRefused(t *testing.T) {
	for _, tc := range []struct {
		pattern, flags, code string
		unsupported          bool
	}{
		{`a`, "I", InvalidFlags, false},
		{`a`, " ", InvalidFlags, false},
		{`\1`, "", InvalidPattern, false},
		{`(a)\2`, "", InvalidPattern, false},
		{`(a\1)`, "", InvalidPattern, false},
		{`(a(b)\1)`, "", InvalidPattern, false},
		{`(?:a)\1`, "", InvalidPattern, false},
		{`\((a\))\2`, "", InvalidPattern, false},
		{`(a)[\1]`, "", InvalidPattern, false},
		{`(a)\0`, "", InvalidPattern, false},
		{`a{2147483648}`, "", InvalidPattern, true},
		{`\0`, "", InvalidPattern, false},
		{`a\b`, "", InvalidPattern, false},
		{`\Aa`, "", InvalidPattern, false},
		{`a\z`, "", InvalidPattern, false},
		{`a\Z`, "", InvalidPattern, false},
		{`(?=a)`, "", InvalidPattern, false},
		{`(?!a)`, "", InvalidPattern, false},
		{`(?<=a)b`, "", InvalidPattern, false},
		{`(?:a`, "", InvalidPattern, false},
		{`(?)`, "", InvalidPattern, false},
		{`(?i)a`, "", InvalidPattern, false},
		{`a{`, "", InvalidPattern, false},
		{`[`, "", InvalidPattern, false},
		{`]`, "", InvalidPattern, false},
		{`a++`, "", InvalidPattern, false},
		{`a???`, "", InvalidPattern, false},
		{`\p{Foo}`, "", InvalidPattern, false},
		{`\x41`, "", InvalidPattern, false},
		{`\u0041`, "", InvalidPattern, false},
		{`\Qa\E`, "", InvalidPattern, false},
		{strings.Repeat("(", 300) + strings.Repeat(")", 300), "", InvalidPattern, true},
		{strings.Repeat("a", maxSize+1), "q", InvalidPattern, true},
	} {
		_, err := XPath(tc.pattern, tc.flags)
		var e *Error
		if !errors.As(err, &e) || e.Code != tc.code || e.Unsupported != tc.unsupported || e.Msg == "" {
			t.Errorf("%q %q: %#v", tc.pattern, tc.flags, err)
		}
	}
}

// TestXPathGroups: groups keep their numbers and reluctant quantifiers their meaning, as fn:replace needs it.
func TestXPathGroups(t *testing.T) {
	for _, tc := range []struct{ pattern, flags, in, with, want string }{
		{`(a+)([b-d]+)`, "", "xaabcdy", "$2-$1", "xbcd-aay"},
		{`(a{2})(b)`, "", "aab", "[$1|$2]", "[aa|b]"},
		{`a+?`, "", "aaa", "x", "xxx"},
		{`<.*?>`, "", "<a><b>", "x", "xx"},
		{`<.*>`, "", "<a><b>", "x", "x"},
		{`((a)|b)c`, "i", "AcBc", "($1,$2)", "(A,A)(B,)"},
		{`([ \n\r\t\s])`, "", "a b\tc", "", "abc"},
	} {
		re, err := XPath(tc.pattern, tc.flags)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		with := regexp.MustCompile(`\$(\d)`).ReplaceAllString(tc.with, `$${$1}`)
		if got := re.Replace(tc.in, with, free{}); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.pattern, got, tc.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := XPath(`ab(`, "")
	if want := "regex: position 3: a ( without ) (FORX0002)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzTranslate: whatever the pattern is, the translation is refused or compiles.
func FuzzTranslate(f *testing.F) {
	for _, tc := range xsdCases {
		f.Add(tc.pattern, "i")
	}
	f.Add(`(a{30}){30}{2}`, "smix")
	f.Fuzz(func(t *testing.T, pattern, flags string) {
		if len(pattern) > 200 {
			return
		}
		if out, err := XSD(pattern); err == nil {
			if _, err := regexp.Compile(out); err != nil {
				t.Errorf("XSD(%q): %v", pattern, err)
			}
		}
		if re, err := XPath(pattern, flags); err == nil && re.re == nil && re.prog == nil {
			t.Errorf("XPath(%q, %q): nothing matches", pattern, flags)
		}
	})
}

// TestGroupNumbers: a repetition has one group in the result as in the pattern, or the numbers behind it would shift.
func TestGroupNumbers(t *testing.T) {
	for _, pattern := range []string{
		`(a){1,2}(b)`, `(a){2,}(b)`, `(a){2}(b)`, `(a){0,3}?(b)`, `(a)?(b)`, `(a){0}(b)`,
	} {
		re, err := XPath(pattern, "")
		if err != nil {
			t.Fatal(err)
		}
		if n := re.re.NumSubexp(); n != 2 || re.Groups() != 2 {
			t.Errorf("%s becomes %s with %d groups", pattern, re.re, n)
		}
	}
}

package regex

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/golden"
)

// exhausted is what a limit panics with.
type exhausted struct{ what string }

// limit is a Meter with so many steps and bytes.
type limit struct {
	steps int
	bytes int64
	spent int
	most  int64
	now   int64
}

func (l *limit) Charge(steps int, bytes int64) {
	l.spent += steps
	l.now += bytes
	l.most = max(l.most, l.now)
	if l.spent > l.steps {
		panic(exhausted{"steps"})
	}
	if l.now > l.bytes {
		panic(exhausted{"bytes"})
	}
}

// match matches within a limit; what is what ran out.
func (l *limit) match(re *Regexp, s string) (ok bool, what string) {
	defer func() {
		if p := recover(); p != nil {
			what = p.(exhausted).what
		}
	}()
	return re.Match(s, l), ""
}

// first returns the places of the first match and of its groups, within a limit.
func (l *limit) first(p *program, s string, groups int) (at []int, what string) {
	defer func() {
		if p := recover(); p != nil {
			what = p.(exhausted).what
		}
	}()
	search := p.search(s, true, l)
	if search.find(0) {
		at = search.regs[:2+2*groups]
	}
	return at, ""
}

func long(s string, n int) string { return strings.Repeat(s, n) }

// TestBackReferences: XPath and XQuery Functions 2.0 §7.6.1, and its examples.
func TestBackReferences(t *testing.T) {
	ten := `(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)`
	for _, tc := range []struct {
		flags string
		match
	}{
		{"", match{`('|").*\1`, one(`say "it's"`, `'a'`), one(`"a'`, `'`)}},
		{"i", match{`([md])[aeiou]\1`, one("Mum", "mom", "Dad", "DUD"), one("Mud", "dim")}},
		{"", match{`([md])[aeiou]\1`, one("mum"), one("Mum", "DUd")}},
		{"i", match{`^(ſ|K|é)\1$`, one("sſ", "KK", "kK", "éÉ"), one("sk", "ee")}},
		{"", match{`^(a)?b\1$`, one("b", "aba"), one("ab", "ba")}},
		{"", match{`^((a)|b)\2c$`, one("aac", "bc"), one("ac", "bac")}},
		{"", match{`^(a)\10$`, one("aa0"), one("aa", "a0")}},
		{"", match{`^` + ten + `\10$`, one("abcdefghijj"), one("abcdefghija0")}},
		{"", match{`^` + ten + `\11$`, one("abcdefghija1"), one("abcdefghijj")}},
		{"", match{`^` + ten + `\100$`, one("abcdefghijj0"), one("abcdefghija00")}},
		{"", match{`^(?:x)(a)\1$`, one("xaa"), one("xax")}},
		{"", match{`^(a|ab)(c|bcd)\1$`, one("abcda", "acaca"[:3], "abcab"), one("abcdab")}},
		{"", match{`^(a*)b\1$`, one("b", "aba", "aabaa"), one("aaba", "abaa")}},
		{"", match{`^(a+?)\1*$`, one("a", "aaa"), one("", "ab")}},
		{"", match{`^(?:(a)|b)*\1$`, one("aba", "aa", "b", "aaba"), one("aab")}},
		{"", match{`(\d\d)-\1`, one("1212-12", "x31-31x"), one("12-21")}},
		{"x", match{`^ (a) \1 0 $`, one("aa0"), one("aa 0")}},
		{"m", match{`^(.)\1$`, one("aa", "b\naa\nc", "aa\n"), one("aba")}},
		{"s", match{`^(.)\1$`, one("\n\n"), one("\n")}},
	} {
		re, err := XPath(tc.pattern, tc.flags)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		check(t, tc.match, func(s string) bool { return re.Match(s, free{}) })
	}
}

// TestCounts: repetitions beyond those of package regexp.
func TestCounts(t *testing.T) {
	for _, tc := range []match{
		{`^(.{1,6826666})$`, one("a", long("aé", 100_000)), one("", "a\nb")},
		{`^.{1,2000}$`, one(long("é", 2000)), one(long("é", 2001), "")},
		{`^a{2000,}$`, one(long("a", 2000), long("a", 9000)), one(long("a", 1999), long("a", 2500)+"b")},
		{`^a{2000}$`, one(long("a", 2000)), one(long("a", 1999), long("a", 2001))},
		{`^[a-z]{0,10000000}x$`, one("x", "abcx", "xx"), one("abc", "")},
		{`^(ab){1,1500}$`, one("ab", long("ab", 1500)), one("", "aba", long("ab", 1501))},
		{`^(ab){1200,}c`, one(long("ab", 1200)+"c", long("ab", 1300)+"c"), one(long("ab", 1199) + "c")},
		{
			`^(?:[0-9]{3};){1,100000}$`,
			one("123;456;", long("123;", 99_999)), one("123;45;", long("123;", 100_001)),
		},
		{`^((a{30}){30}){30}$`, one(long("a", 27_000)), one(long("a", 26_999), long("a", 27_001))},
		{`^((a{1,1000}){1,1000}){1,1000}$`, one("a", long("a", 100_000)), one("")},
		{`^(a|bc){2000}$`, one(long("a", 1000) + long("bc", 1000)), one(long("a", 1999), long("a", 1999)+"b")},
		{`^(|a){2000}b`, one("b", "aaab", long("a", 2000)+"b"), one(long("a", 2001) + "b")},
		{`^(a?){1500,2000}?b`, one("b", "aaab", long("a", 2000)+"b"), one(long("a", 2001) + "b")},
		{`a{1,5000}b`, one("xaab", "ab"), one("ba", long("a", 3000))},
		{`^a{0,5000}?b`, one("b", "aab"), one("c", "aac")},
	} {
		re, err := XPath(tc.pattern, "")
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		if re.prog == nil {
			t.Errorf("%s is left to package regexp", tc.pattern)
		}
		check(t, tc, func(s string) bool { return re.Match(s, free{}) })
	}
}

// TestLineBegin: with flag m, "^" does not match behind a line end that ends the text (XPath and XQuery Functions 2.0
// §7.6.1.1).
func TestLineBegin(t *testing.T) {
	for _, tc := range []match{
		{`a.^$`, one("a\n\n"), one("a\n", "a\nb")},
		{`.^`, one("a\nb", "\na"), one("a\n", "\n", "")},
		{`^b$`, one("a\nb\n", "b"), one("a\nab\n")},
		{`(a)\1.^`, one("aa\nb"), one("aa\n")},
	} {
		re, err := XPath(tc.pattern, "ms")
		if err != nil {
			t.Fatal(err)
		}
		check(t, tc, func(s string) bool { return re.Match(s, free{}) })
	}
	re, _ := XPath("^", "m")
	if got := re.Replace("a\nb\n", "-", free{}); got != "-a\n-b\n" {
		t.Errorf("%q", got)
	}
}

// TestPlainText: flag q of XPath 3.0.
func TestPlainText(t *testing.T) {
	for _, tc := range []struct {
		flags string
		match
	}{
		{"q", match{`a.b`, one("xa.by"), one("axb", "A.b")}},
		{"qi", match{`a.B\`, one(`A.b\`), one("axb")}},
		{"xqsm", match{`a ^$ (`, one("a ^$ ("), one("a^$(")}},
		{"q", match{``, one("", "a"), nil}},
	} {
		re, err := XPath(tc.pattern, tc.flags)
		if err != nil || !re.Quoted() || re.Groups() != 0 {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		check(t, tc.match, func(s string) bool { return re.Match(s, free{}) })
	}
}

// TestReplaceOwn: matches that the program finds are replaced and found as those of package regexp.
func TestReplaceOwn(t *testing.T) {
	for _, tc := range []struct{ pattern, in, with, want string }{
		{`(.)\1`, "hello aab", "<${1}${0}>", "he<lll>o <aaa>b"},
		{`(?:(a)|(b))\1X`, "aaXbX", "[${1}|${2}]", "[a|][|b]"},
		{`(é)\1`, "aééé", "-", "a-é"},
		{`a{2,5000}?`, "aaaaa", "x", "xxa"},
		{`(a{1,5000})(b*)`, "aabba", "${2}${1}", "bbaaa"},
	} {
		re, err := XPath(tc.pattern, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := re.Replace(tc.in, tc.with, free{}); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.pattern, got, tc.want)
		}
	}
	re, _ := XPath(`(.)\1`, "")
	if got := re.FindAll("aabbcdd", -1, free{}); !reflect.DeepEqual(got, [][]int{{0, 2}, {2, 4}, {5, 7}}) {
		t.Error(got)
	}
	if got := re.FindAll("aabbcdd", 2, free{}); !reflect.DeepEqual(got, [][]int{{0, 2}, {2, 4}}) {
		t.Error(got)
	}
}

// TestExplosion: a pattern that can take exponential time takes its steps and no more; what needs no back-reference
// takes steps in proportion to the text.
func TestExplosion(t *testing.T) {
	for _, tc := range []struct {
		pattern, flags, in string
		steps              int
		what               string // runs out; "" for a match that is found to be none
	}{
		{`^(a|a)*\1b`, "", long("a", 60), 1 << 22, "steps"},
		{`^(a*)*\1b`, "", long("a", 60), 1 << 22, "steps"},
		{`^((a{1,1000}){1,1000}){1,1000}$`, "", long("a", 60) + "b", 1 << 22, "steps"},
		{`(x+x+)+\1y`, "", long("x", 200), 1 << 22, "steps"},
		{`^(a|b|ab)*\1c`, "", long("ab", 100), 1 << 22, "steps"},
		{`^(?:()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()){1,5000}\1b`, "", "", 1 << 22, ""},
		{`(a*)*b`, "", long("a", 100_000), 1 << 20, ""}, // package regexp
		{`^(a|a)*$`, "m", long("a", 50_000) + "b\n", 64 * 50_000, ""},
		{`^(a|aa)*(a|aa)*$`, "m", long("a", 50_000) + "b\n", 128 * 50_000, ""},
		{`^((a*)*)*b{1,2000}$`, "", long("a", 1000), 1 << 22, ""},
		{`^.{1,6826666}$`, "", long("a", 1<<20) + "\n", 1 << 22, ""},
		{`^(.{1,6826666})$`, "", long("é", 1<<20), 1 << 19, "match"},
		{`^((a){1,5000}){1,5000}$`, "", long("a", 500_000), 1 << 23, "bytes"},
	} {
		re, err := XPath(tc.pattern, tc.flags)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		l := &limit{steps: tc.steps, bytes: 1 << 23}
		ok, what := l.match(re, tc.in)
		if ok {
			what = "match"
		}
		if what != tc.what || l.spent > tc.steps+chunk+len(tc.in) {
			t.Errorf("%s: %q after %d steps and %d bytes, want %q",
				tc.pattern, what, l.spent, l.most, tc.what)
		}
		if what == "" && l.now != 0 {
			t.Errorf("%s: %d bytes are not given back", tc.pattern, l.now)
		}
	}
}

// contrary reports whether a loop may match nothing and would rather: then package regexp may take another way, and
// only whether there is a match is the same. The standard leaves it open.
func (n *node) contrary() bool {
	if n.kind == repeat && n.most < 0 && n.parts[0].empty() && n.parts[0].wantsNothing() {
		return true
	}
	return slices.ContainsFunc(n.parts, (*node).contrary)
}

func (n *node) wantsNothing() bool {
	if n.kind == repeat && n.lazy ||
		n.kind == choice && slices.ContainsFunc(n.parts[:len(n.parts)-1], (*node).empty) {
		return true
	}
	return slices.ContainsFunc(n.parts, (*node).wantsNothing)
}

// TestDifferentialProgram: random patterns without back-references by the program and by package regexp, on random
// texts: the same matches with the same groups.
func TestDifferentialProgram(t *testing.T) {
	r := golden.Random(t)
	for range 20 * golden.Cases(t) {
		pattern, flags := randomPattern(r, 3), pickOne(r, "", "", "m", "s", "i")
		re, err := XPath(pattern, flags)
		if err != nil || re.re == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		p := &parser{src: []rune(pattern), xpath: true, dot: notLineEnd()}
		if err := p.flags(flags); err != nil {
			t.Fatal(err)
		}
		n, err := p.parse()
		if err != nil {
			t.Fatal(err)
		}
		prog := newProgram(n, re.groups, p.fold)
		for range 5 {
			in := randomText(r, flags)
			want := re.re.FindAllStringSubmatchIndex(in, -1)
			if n.contrary() {
				if got := prog.search(in, false, free{}).find(0); got != (want != nil) {
					t.Errorf("%q %q on %q: %t", pattern, flags, in, got)
				}
				continue
			}
			own := &Regexp{prog: prog, groups: re.groups}
			var got [][]int
			var what string
			func() {
				defer func() {
					if recover() != nil {
						what = "steps"
					}
				}()
				own.each(in, true, &limit{steps: 1 << 20, bytes: 1 << 24}, func(at []int) bool {
					got = append(got, append([]int(nil), at...))
					return true
				})
			}()
			if what != "" || !reflect.DeepEqual(got, want) {
				t.Errorf("%q %q on %q: %v %s, package regexp has %v",
					pattern, flags, in, got, what, want)
			}
			memo := prog.search(in, false, &limit{steps: 1 << 20, bytes: 1 << 24})

			memo.visited = make([]uint64, prog.marks*(len(in)+1)>>6+1)
			memo.total = 0
			if !prog.counted && memo.from(0) != (want != nil) {
				t.Errorf("%q %q on %q: other with noted places", pattern, flags, in)
			}
		}
	}
}

// TestDifferentialNaive: random patterns with back-references by the program and by the few lines of naive: the same
// match with the same groups.
func TestDifferentialNaive(t *testing.T) {
	r := golden.Random(t)
	tried, texts, skipped := 0, 0, 0
	for range 20 * golden.Cases(t) {
		pattern := randomPattern(r, 2) + pickOne(r, `\1`, `\1\2`, "") +
			randomPattern(r, 2) + pickOne(r, `\1`, `\2`, "")
		flags := pickOne(r, "", "", "m", "s", "i")
		p := &parser{src: []rune(pattern), xpath: true, dot: notLineEnd()}
		if err := p.flags(flags); err != nil {
			t.Fatal(err)
		}
		n, err := p.parse()
		if err != nil || !n.has(backReference) || n.loose() {
			continue
		}
		tried++
		prog := build(n, len(p.closed), p.fold, pickOne(r, 1, maxWritten))
		for range 5 {
			in := randomText(r, flags)
			got, what := (&limit{steps: 1 << 20, bytes: 1 << 24}).first(prog, in, len(p.closed))
			texts++
			if what != "" {
				skipped++
				continue
			}
			if want := (&naive{in, p.fold, nil}).find(n, len(p.closed)); !reflect.DeepEqual(got, want) {
				t.Errorf("%q %q on %q: %v, want %v", pattern, flags, in, got, want)
			}
		}
	}
	if tried == 0 {
		t.Error("no pattern has a back-reference")
	}
	if skipped*100 > texts { // an ordinary pattern on a short text does not explode
		t.Errorf("%d of %d matches use up their steps", skipped, texts)
	}
}

// loose reports whether a part that may match nothing is repeated, of which the standard does not say how often.
func (n *node) loose() bool {
	return n.kind == repeat && max(n.least, n.most) != 1 && n.parts[0].empty() ||
		n.kind == repeat && n.most < 0 && n.parts[0].empty() || slices.ContainsFunc(n.parts, (*node).loose)
}

// naive matches a tree as it is defined, one function calling the next with what comes behind.
type naive struct {
	s     string
	fold  bool
	where []int
}

func (m *naive) find(n *node, groups int) []int {
	for start := 0; start <= len(m.s); start++ {
		if start < len(m.s) && !utf8.RuneStart(m.s[start]) {
			continue
		}
		m.where = slices.Repeat([]int{-1}, 2+2*groups)
		m.where[0] = start
		if m.match(n, start, func(end int) bool {
			m.where[1] = end
			return true
		}) {
			return m.where
		}
	}
	return nil
}

func (m *naive) match(n *node, pos int, then func(int) bool) bool {
	switch n.kind {
	case literal, oneOf:
		r, width := utf8.DecodeRuneInString(m.s[pos:])
		return width > 0 && slices.ContainsFunc(n.set, func(s span) bool { return s.lo <= r && r <= s.hi }) &&
			then(pos+width)
	case sequence:
		return m.all(n.parts, pos, then)
	case choice:
		return slices.ContainsFunc(n.parts, func(part *node) bool { return m.match(part, pos, then) })
	case group:
		return m.match(n.parts[0], pos, func(end int) bool {
			if n.group == 0 {
				return then(end)
			}
			at := m.where[2*n.group : 2*n.group+2]
			was := [2]int{at[0], at[1]}
			at[0], at[1] = pos, end
			if then(end) {
				return true
			}
			at[0], at[1] = was[0], was[1]
			return false
		})
	case repeat:
		return m.times(n, 0, pos, then)
	case backReference:
		text := ""
		if begin, end := m.where[2*n.group], m.where[2*n.group+1]; begin >= 0 {
			text = m.s[begin:end]
		}
		for end := pos; end <= len(m.s); end++ {
			if m.s[pos:end] == text || m.fold && strings.EqualFold(m.s[pos:end], text) {
				return then(end)
			}
		}
		return false
	}
	return map[kind]bool{
		textBegin: pos == 0, textEnd: pos == len(m.s),
		lineBegin: pos == 0 || m.s[pos-1] == '\n' && pos < len(m.s),
		lineEnd:   pos == len(m.s) || m.s[pos] == '\n',
	}[n.kind] && then(pos)
}

func (m *naive) all(parts []*node, pos int, then func(int) bool) bool {
	if len(parts) == 0 {
		return then(pos)
	}
	return m.match(parts[0], pos, func(end int) bool { return m.all(parts[1:], end, then) })
}

func (m *naive) times(n *node, done, pos int, then func(int) bool) bool {
	more := func() bool {
		return (n.most < 0 || done < n.most) &&
			m.match(n.parts[0], pos, func(end int) bool { return m.times(n, done+1, end, then) })
	}
	switch {
	case done < n.least:
		return more()
	case n.lazy:
		return then(pos) || more()
	}
	return more() || then(pos)
}

func pickOne[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func randomPattern(r *rand.Rand, d int) string {
	if d > 0 && r.IntN(4) == 0 {
		return randomPattern(r, d-1) + "|" + randomPattern(r, d-1)
	}
	var b strings.Builder
	for range r.IntN(4) {
		if d > 0 && r.IntN(2) == 0 {
			b.WriteString(pickOne(r, "(", "(?:") + randomPattern(r, d-1) + ")")
		} else {
			b.WriteString(pickOne(r, "a", "b", "é", ".", "[ab]", "[^a]", `\n`, "^", "$", `\d`, "A"))
		}
		times := pickOne(r, "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "{0}", "{1,}")
		b.WriteString(times)
		if times != "" && r.IntN(3) == 0 {
			b.WriteString("?")
		}
	}
	return b.String()
}

// randomText ends without line end with flag m, where package regexp has another line behind it.
func randomText(r *rand.Rand, flags string) string {
	var b strings.Builder
	for range r.IntN(9) {
		b.WriteString(pickOne(r, "a", "a", "b", "é", "\n", "1", "A"))
	}
	if flags == "m" {
		return strings.TrimRight(b.String(), "\n")
	}
	return b.String()
}

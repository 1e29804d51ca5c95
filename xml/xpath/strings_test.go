package xpath

import (
	"context"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// TestRegularExpressions: what XPath Functions 2.0 §7.6 has beyond package regexp, and the two things that rules use of
// 3.0; by Saxon, too.
func TestRegularExpressions(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`matches('+47 1', '^(?:\+|00).*$')`, "true"},
		{`replace('abab', '(?:a)(b)', '[$1]')`, "[b][b]"},
		{`matches('Mum', '([md])[aeiou]\1', 'i')`, "true"},
		{`matches('aa1', '(a)\11')`, "true"},
		{`replace('hello', '(l)\1', '<$1$1>')`, "he<ll>o"},
		{`tokenize('a1b11c22d', '(\d)\1')`, "a1b|c|d"},
		{`matches(string-join(for $i in 1 to 3000 return 'a', ''), '^a{1,3000}$')`, "true"},
		{`matches(string-join(for $i in 1 to 3000 return 'a', ''), '^a{1,2999}$')`, "false"},
		{`matches(., '^(.{1,6826666})$', 's')`, "true"},
		{`count(tokenize(string-join(for $i in 1 to 30 return 'ab', ''), '(ab){2,2000}?'))`, "16"},
		{`matches('a.b', 'a.b', 'q')`, "true"},
		{`matches('axb', 'a.b', 'q')`, "false"},
		{`replace('a.b', '.', '$1\', 'q')`, `a$1\b`},
		{`tokenize('a||b', '||', 'q')`, "a|b"},
		{"matches('a\n', 'a.^$', 'ms')", "false"},
		{"matches('a\nb\n', '^b$', 'm')", "true"},
	} {
		if got := eval(t, c.expr); got != c.want {
			t.Errorf("%s: %q, want %q", c.expr, got, c.want)
		}
	}
}

// TestConstantPatterns: what is wrong in a constant pattern, in its flags or in a replacement, is an error when the
// expression is compiled, wherever it stands, and names itself.
func TestConstantPatterns(t *testing.T) {
	for _, c := range []struct{ expr, code, text string }{
		{`matches(n, '(')`, "FORX0002", `the pattern "(", position 1: a ( without )`},
		{`if (false()) then matches(n, '(?=a)') else 1`, "FORX0002", "look-around"},
		{`//nothing[replace(., '(a)\2', 'x')]`, "FORX0002", "there is no group 2 before the back-reference"},
		{`tokenize(n, '(a\1)')`, "FORX0002", "group 1 ends behind the back-reference"},
		{`matches(n, 'a{1,9999999999}')`, "FORX0002", "a quantity is too large"},
		{`matches(n, concat('a', '**'))`, "FORX0002", "nothing stands before the quantifier"},
		{`matches(n, $wrong)`, "FORX0002", `the pattern "["`},
		{`matches(n, 'a', 'z')`, "FORX0001", "the flag 'z' does not exist"},
		{`matches(n, string(q), 'z')`, "FORX0001", "the flag 'z' does not exist"},
		{`replace(n, string(q), '$')`, "FORX0004", ""},
		{`replace(n, 'a', 'a\b', 'i')`, "FORX0004", ""},
		{`replace(n, 'a*', 'b')`, "FORX0003", "matches the empty string"},
		{`tokenize(n, '(a?)\1')`, "FORX0003", "matches the empty string"},
		{`replace(n, '` + strings.Repeat("(|)", 40) + `\1x', 'b')`, codeBudget, ""},
	} {
		scope, err := NewCompiler(xdm.NewNames(), nil).Scope().Let("wrong", "'['")
		if err != nil {
			t.Fatal(err)
		}
		_, err = scope.Compile(c.expr)
		if e, ok := err.(*Error); !ok || e.Code != c.code || !strings.Contains(e.Msg, c.text) {
			t.Errorf("%s: %v", c.expr, err)
		}
	}
	for _, expr := range []string{
		`matches(n, string(q))`, `tokenize('', 'x*')`, `replace(n, string(q), '$', string(q))`, `matches(n, 1)`,
		`replace(n, 'a', '$', 'q')`,
	} {
		if _, err := NewCompiler(xdm.NewNames(), nil).Scope().Compile(expr); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

// TestPatternBudget: a pattern that explodes spends its steps or its memory, and the document is then neither valid nor
// invalid.
func TestPatternBudget(t *testing.T) {
	text := strings.Repeat("a", 60)
	large := strings.Repeat("a", 1_000_000)
	for _, c := range []struct {
		expr, text string
		bytes      int64
		code       string
	}{
		{`matches(., '^(a|a)*\1b')`, text, 1 << 20, codeBudget},
		{`replace(., '^(a*)*\1b', 'x')`, text, 1 << 20, codeBudget},
		{`tokenize(., '^((a{1,1000}){1,1000}){1,1000}b')`, text, 1 << 20, codeBudget},
		{`matches(., '^((a){1,5000}){1,5000}$')`, strings.Repeat("a", 50_000), 1 << 20, codeMemory},
		{`matches(., concat('^((a{1,9}){1,9}){1,9}b|', substring(., 1, 3)))`, large, 32 << 20, codeBudget},
		{`for $i in 1 to 100000 return matches('x', concat(., '\p{L}', $i))`, text, 1 << 20, codeMemory},
	} {
		names := xdm.NewNames()
		e, err := NewCompiler(names, nil).Scope().Compile(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		tree, err := xdm.Parse([]byte("<r>"+c.text+"</r>"), names)
		if err != nil {
			t.Fatal(err)
		}
		f := NewEvaluation(context.Background(), tree, Budget{Steps: 500_000, Bytes: c.bytes})
		_, err = f.Items(e, 0)
		if !IsBudget(err) || err.(*Error).Code != c.code {
			t.Errorf("%s: %v after %d steps", c.expr, err, f.Spent())
		}
	}
}

package xpath

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

const bill = `<c:bill xmlns:c="urn:c"><c:no>A 1</c:no><c:code>XY</c:code><c:day>2024-13-01</c:day>` +
	`<c:line><c:amount>10.50</c:amount><c:kind>S</c:kind></c:line>` +
	`<c:line><c:amount>5.25</c:amount><c:kind>Z</c:kind></c:line>` +
	`<c:total>15.80</c:total><c:due>20</c:due></c:bill>`

// world has a scope with a function and lets, of the document and of the node.
func world(t testing.TB) (*Scope, *xdm.Tree) {
	t.Helper()
	names := xdm.NewNames()
	c := NewCompiler(names, map[string]string{"c": "urn:c", "u": "urn:u"})
	err := c.Functions([]Function{
		{
			Name: "u:slack", Params: []Param{{"a", "xs:decimal"}, {"b", "xs:decimal"}, {"by", "xs:decimal"}},
			Body: []Instruction{{Select: "$a + $by >= $b and $a - $by <= $b"}},
		},
		{Name: "u:odd", Params: []Param{{"a", ""}}, Body: []Instruction{{Select: "number($a) mod 2 = 1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Scope()
	for _, l := range [][2]string{{"codes", "tokenize('AA BB CC DD EE FF', ' ')"}, {"lines", "/c:bill/c:line"}} {
		if s, err = s.Let(l[0], l[1]); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = s.Local().Let("here", "c:total"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bill", "no", "code", "day", "line", "amount", "kind", "total", "due"} {
		names.ID("urn:c", name) // as the test of the rule, compiled before, enters them
	}
	tree, err := xdm.Parse([]byte(bill), names)
	if err != nil {
		t.Fatal(err)
	}
	return s, tree
}

// String is a fact in one line: kind, Left, Op and Right, with the values and their number.
func (f Fact) String() string {
	s := string(f.Kind)
	if f.Not {
		s += " not"
	}
	s += " " + f.Left.String() + " " + f.Op
	for _, o := range []*Operand{f.Right, f.Third} {
		if o != nil {
			s += " " + o.String()
		}
	}
	for _, w := range f.Where {
		s += fmt.Sprintf(" where %s=%s", w.Text, w.Value)
	}
	return strings.Join(strings.Fields(s), " ")
}

func (o Operand) String() string {
	s := fmt.Sprintf("{%s %s: %s #%d", o.Form, o.Text, strings.Join(o.Values, ","), o.Count)
	for _, p := range o.Parts {
		s += fmt.Sprintf(" %s=%s", p.Text, p.Value)
	}
	if o.Rounded {
		s += " rounded"
	}
	return s + "}"
}

// Each form of a test is taken apart to what decided it, with the values of the document.
func TestExplain(t *testing.T) {
	scope, tree := world(t)
	for _, tc := range []struct{ test, want string }{
		{"c:total = sum(c:line/c:amount)", "compared {value c:total: 15.80 #1} = {sum c:line/c:amount: 15.75 #2}"},
		{
			"xs:decimal(c:total) = round(sum(c:line/xs:decimal(c:amount)) * 10 * 10) div 100",
			"compared {value c:total: 15.8 #1} = {sum c:line/c:amount: 15.75 #2 rounded}",
		},
		{
			"xs:decimal(c:total) = round(xs:decimal(sum(c:line/c:amount)) * xs:decimal(100)) div xs:decimal(100)",
			"compared {value c:total: 15.8 #1} = {sum c:line/c:amount: 15.75 #2 rounded}",
		},
		{"count(c:line) ge 3", "compared {count c:line: 2 #1} >= {constant 3: 3 #1}"},
		{
			"string-length(c:no) <= 2 and c:none",
			"compared {length c:no: 3 #1 c:no=A 1} <= {constant 2: 2 #1}",
		},
		{"c:no and c:none", "missing {value c:none: #0}"},
		{"exists(c:none) or c:other", "missing {value c:none: #0}; missing {value c:other: #0}"},
		{"not(c:code)", "present {value c:code: XY #1}"},
		{"empty(c:line)", "present {value c:line: 10.50S,5.25Z #2}"},
		{
			"(c:none and c:total = 1) or (not(c:none) and c:total = c:due - 1)", // the alternative that got furthest
			"compared {value c:total: 15.80 #1} = {calculated c:due - 1: 19 #1 c:due=20}",
		},
		{"not(c:total = 15.8) or c:due = 1", "compared {value c:due: 20 #1} = {constant 1: 1 #1}"},
		{"if (c:code = 'XY') then c:due < 20 else false()", "compared {value c:due: 20 #1} < {constant 20: 20 #1}"},
		{
			"every $l in c:line satisfies $l/c:kind = 'S'",
			"compared {value $l/c:kind: Z #1} = {constant 'S': S #1} where $l=5.25Z",
		},
		{
			"every $l in c:line, $k in $l/c:kind satisfies $k != 'Z'",
			"compared {value $k: Z #1} != {constant 'Z': Z #1} where $l=5.25Z where $k=Z",
		},
		{"some $l in c:none satisfies $l = 1", "missing {value c:none: #0}"},
		{
			"some $l in c:line satisfies $l/c:kind = 'E'",
			"condition {value some $l in c:line satisfies $l/c:kind = 'E': false #1}",
		},
		{
			"some $c in $codes satisfies $c = normalize-space(c:code)",
			"not-in {value c:code: XY #1} {value $codes: AA,BB,CC,DD,EE #6}",
		},
		{"c:code = ('A', 'B')", "not-in {value c:code: XY #1} {constant ('A', 'B'): A,B #2}"},
		{
			"not(contains(c:code, ' ')) and contains(' A B C ', concat(' ', c:code, ' '))",
			"not-in {value c:code: XY #1} {constant : A,B,C #3}",
		},
		{"contains(c:code, 'Q')", "not-with {value c:code: XY #1} contains {constant 'Q': Q #1}"},
		{"matches(c:code, '^[0-9]$')", "no-match {value c:code: XY #1} {constant '^[0-9]$': ^[0-9]$ #1}"},
		{"not(matches(c:code, 'X'))", "no-match not {value c:code: XY #1} {constant 'X': X #1}"},
		{"c:day castable as xs:date", "not-type {value c:day: 2024-13-01 #1} xs:date"},
		{"false()", "forbidden {value c:bill: A 1XY2024-13-0110.50S5.25Z15.8020 #1}"},
		{"u:odd(c:due)", "condition {value u:odd(c:due): #0 c:due=20}"},
		{
			"u:slack($here, c:due, 0.02)",
			"compared {value $here: 15.80 #1} near {value c:due: 20 #1} {constant 0.02: 0.02 #1}",
		},
		{"count($lines) = 3", "compared {count $lines: 2 #1} = {constant 3: 3 #1}"},
		{"//c:line[2]/c:amount > /c:bill/c:due", "compared {value //c:line[2]/c:amount: 5.25 #1} > " +
			"{value /c:bill/c:due: 20 #1}"},
		{
			"(if (c:none) then c:none else if (c:no) then xs:decimal(c:due) else 0) = 1",
			"compared {value c:due: 20 #1} = {constant 1: 1 #1}",
		},
		{
			"/c:bill" + strings.Repeat("/c:line[1]/..", 12) + "/c:total = 1",
			"compared {value …/../c:total: 15.80 #1} = {constant 1: 1 #1}",
		},
		{"c:none = 1", "compared {value c:none: #0} = {constant 1: 1 #1}"},
	} {
		f := NewEvaluation(context.Background(), tree, Budget{})
		n := tree.FirstChild(0)
		f.Home(n)
		facts, err := scope.Explain(f, tc.test, n, true, 1_000_000)
		var got []string
		for _, x := range facts {
			got = append(got, x.String())
		}
		if s := strings.Join(got, "; "); err != nil || s != tc.want {
			t.Errorf("%s:\n got %s %v\nwant %s", tc.test, s, err, tc.want)
		}
	}
}

// An explanation that takes too much ends, and the evaluation can go on with what is left.
func TestExplainBudget(t *testing.T) {
	scope, tree := world(t)
	f := NewEvaluation(context.Background(), tree, Budget{Steps: 10_000})
	n := tree.FirstChild(0)
	_, err := scope.Explain(f, "count(1 to 5000 + string-length(c:no)) = 1 or c:no = 'x'", n, true, 500)
	if !IsBudget(err) || f.Spent() > 600 || f.Spend(9_000) != nil {
		t.Errorf("%v after %d steps", err, f.Spent())
	}
	f = NewEvaluation(context.Background(), tree, Budget{})
	facts, err := scope.Explain(f, "string-join(for $i in 1 to 300 return 'abcdefgh', '-') = c:no", n, true, 50_000)
	if err != nil || len(facts) != 1 || len([]rune(facts[0].Left.Values[0])) > maxShown {
		t.Errorf("%v %v", facts, err)
	}
}

// A Scope may be used by several goroutines, for explanations as well, and stays as it was.
func TestExplainTogether(t *testing.T) {
	scope, tree := world(t)
	before := *scope.c
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				f := NewEvaluation(context.Background(), tree, Budget{})
				test := "every $l in //c:line[c:kind = $codes] satisfies //c:no = $l"
				facts, err := scope.Explain(f, test, 1, false, 1e6)
				if err != nil || len(facts) == 0 {
					t.Error(facts, err)
				}
				f.Release()
			}
		})
	}
	all.Wait()
	if c := scope.c; c.lets != before.lets || c.memos != before.memos || c.steps != before.steps {
		t.Errorf("the compiler has changed: %+v, before %+v", c, before)
	}
}

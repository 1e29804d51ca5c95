package xpath

import (
	"context"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// called declares functions and evaluates an expression that calls them, at the top element of doc.
func called(t *testing.T, list []Function, text string, b Budget) string {
	t.Helper()
	names := xdm.NewNames()
	c := NewCompiler(names, map[string]string{"f": "urn:f"})
	if err := c.Functions(list); err != nil {
		return err.(*Error).Code
	}
	e, err := c.Scope().Compile(text)
	if err != nil {
		return err.(*Error).Code
	}
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	f := NewEvaluation(context.Background(), tree, b)
	defer f.Release()
	s, err := f.String(e, tree.FirstChild(0))
	if err != nil {
		return err.(*Error).Code
	}
	return s
}

func one(name, as string, body ...Instruction) []Function {
	return []Function{{Name: name, As: as, Params: []Param{{Name: "x"}}, Body: body}}
}

// XSLT 2.0 §7, §10.3, §14 and §17: what instructions in functions give.
func TestSCHEMATRON5_InstructionsOfFunctions(t *testing.T) {
	comma := ","
	position := Instruction{Kind: Variable, Name: "p", Select: "position()"}
	for _, c := range []struct {
		what, call, want string
		list             []Function
	}{
		{
			"for-each has a focus", "f:f(n)", "1/2 10 | 2/2 9",
			one("f:f", "", Instruction{Kind: ForEach, Select: "$x", Body: []Instruction{
				{Kind: ValueOf, Select: "concat(position(), '/', last(), ' ', .)"},
				{Kind: Choose, Body: []Instruction{{Kind: When, Select: "position() ne last()", Body: []Instruction{
					{Kind: LiteralText, Text: "|"},
				}}}},
			}}),
		},
		{
			"a variable is of the item that it was declared at", "f:f((n, q))", "1:1.10 1:10 2:9",
			one("f:f", "xs:string*", Instruction{Kind: ForEach, Select: "$x/..", Body: []Instruction{
				position,
				{Kind: ForEach, Select: "*[self::n or self::q]", Body: []Instruction{
					{Kind: Variable, Name: "self", Select: "."},
					{Kind: ForEach, Select: "/r/g", Body: []Instruction{
						{Kind: ValueOf, Select: "concat(count($self/preceding-sibling::n[1]) + 1, ':', $self)"},
					}},
				}},
			}}),
		},
		{
			"a variable that nothing reads is not evaluated", "f:f(1)", "2",
			one("f:f", "", Instruction{Kind: ForEach, Select: "$x", Body: []Instruction{
				{Kind: Variable, Name: "bad", Select: ". div 0"}, {Kind: Sequence, Select: ". + 1"},
			}}),
		},
		{
			"current() is the item of for-each", "f:f(n)", "true true",
			one("f:f", "", Instruction{Kind: ForEach, Select: "$x", Body: []Instruction{
				{Kind: Sequence, Select: "exists(/r/n[. = current()]) and count((10, 9)[string(.) = current()]) = 1"},
			}}),
		},
		{
			"there is no current() in a function", "f:f(n)", "XTDE1360",
			one("f:f", "", Instruction{Kind: Sequence, Select: "current()"}),
		},
		{
			"group-by, in the order of the first", "f:f((1, 2, 3, 4, 5))", "1:1,3,5 0:2,4",
			one("f:f", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: ". mod 2", Body: []Instruction{
				{Kind: Sequence, Select: "current-grouping-key()||':'|| string-join(current-group()!string(.), ',')"},
			}}),
		},
		{
			"an item is in a group for each key", "f:f(('a', 'b'))", "k:2 a:1 b:1",
			one("f:f", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: "('k', ., 'k')", Body: []Instruction{
				{Kind: Sequence, Select: "concat(current-grouping-key(), ':', count(current-group()))"},
			}}),
		},
		{
			"items that are equal are two", "f:f((1, 1, 2))", "2 1",
			one("f:f", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: ".", Body: []Instruction{
				{Kind: Sequence, Select: "count(current-group())"},
			}}),
		},
		{
			"group-adjacent", "f:f((1, 3, 2, 5, 7))", "1:2 0:1 1:2",
			one("f:f", "", Instruction{
				Kind: ForEachGroup, Select: "$x", Key: ". mod 2", Adjacent: true, Body: []Instruction{
					{Kind: Sequence, Select: "concat(current-grouping-key(), ':', count(current-group()))"},
				},
			}),
		},
		{
			"group-adjacent wants one key", "f:f((1, 2))", "XTTE1100",
			one("f:f", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: "()", Adjacent: true}),
		},
		{"there is no group outside", "count(current-group())", "0", nil},
		{
			"a message says nothing", "f:f(1)", "1",
			one("f:f", "", Instruction{Kind: Message}, Instruction{Kind: Sequence, Select: "$x"}),
		},
		{
			"a message may end it, when it is reached", "(f:f(1), f:f(0))", "XTMM9000",
			one("f:f", "", Instruction{Kind: Choose, Body: []Instruction{
				{Kind: When, Select: "$x = 0", Body: []Instruction{{Kind: Message, Ends: true}}},
				{Kind: When, Body: []Instruction{{Kind: Sequence, Select: "$x"}}},
			}}),
		},
		{
			"value-of with a separator, and with content", "f:f((1, 2))", "1,2;ab1 2",
			one("f:f", "", Instruction{Kind: Variable, Name: "v", Body: []Instruction{
				{Kind: ValueOf, Select: "$x", Separator: &comma},
				{Kind: LiteralText, Text: ";"},
				{Kind: ValueOf, Body: []Instruction{{Kind: LiteralText, Text: "a"}, {Kind: LiteralText, Text: "b"}}},
				{Kind: Sequence, Select: "$x"},
			}}, Instruction{Kind: Sequence, Select: "$v"}),
		},
		{
			"prefixes of the function, and of an instruction", "f:f(.)", "true",
			[]Function{{
				Name: "own:f", Params: []Param{{Name: "x"}}, Prefixes: map[string]string{"own": "urn:f", "c": "urn:c"},
				Body: []Instruction{{
					Kind: Sequence, Select: "exists($x/other:i) and empty($x/c:i)",
					Prefixes: map[string]string{"other": "urn:c", "c": "urn:d"},
				}},
			}},
		},
		{
			"derived types of parameters", "f:f('7')", "XPTY0004",
			[]Function{{
				Name: "f:f", Params: []Param{{"x", "xs:int"}}, Body: []Instruction{{Kind: Sequence, Select: "$x + 1"}},
			}},
		},
		{
			"what is untyped becomes one", "f:f(n[1])", "11",
			[]Function{{
				Name: "f:f", Params: []Param{{"x", "xs:nonNegativeInteger"}},
				Body: []Instruction{{Kind: Sequence, Select: "$x + 1"}},
			}},
		},
	} {
		if got := called(t, c.list, c.call, Budget{Steps: 100_000}); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// Foreign input cannot make a function run without end: each ends with the error of the budget.
func TestSCHEMATRON5_FunctionsAreBounded(t *testing.T) {
	many := "(1 to 100000000)"
	for _, c := range []struct {
		what, call string
		list       []Function
	}{
		{"recursion", "f:f(1)", one("f:f", "", Instruction{Kind: Sequence, Select: "f:f($x + 1)"})},
		{"mutual recursion", "f:f(1)", append(one("f:f", "", Instruction{Kind: Sequence, Select: "f:g($x)"}),
			one("f:g", "", Instruction{Kind: Variable, Name: "y", Select: "f:f($x)"},
				Instruction{Kind: Sequence, Select: "$y"})...)},
		{"for-each", "f:f(1)", one("f:f", "", Instruction{Kind: ForEach, Select: many, Body: []Instruction{
			{Kind: Sequence, Select: "."},
		}})},
		{"for-each of nothing", "f:f(1 to 100000)", one("f:f", "", Instruction{
			Kind: ForEach, Select: "$x", Body: []Instruction{{Kind: ForEach, Select: "1 to 10000"}},
		})},
		{"grouping", "f:f(1 to 1000000)", one("f:f", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: "."})},
		{"!", "(1 to 100000) ! (1 to 100000) ! ()", nil},
		{"string-join", "string-join((1 to 100000) ! 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz')", nil},
		{"deep-equal", "every $i in 1 to 100000 satisfies deep-equal(/, /)", nil},
		{"path", "count((1 to 1000000) ! path(/r/g/n[2]))", nil},
		{"sort", "sort(reverse(1 to 1000000))[1]", nil},
		{"format-number", "string-length(format-number(1, string-join((1 to 1000000) ! '0')))", nil},
		{"format-number of a long picture", "(1 to 1000) ! format-number(1, string-join((1 to 10000) ! '0'))", nil},
		{"round", "round-half-to-even(xs:decimal(1.5), -2000000000) + count(1 to 10000000)", nil},
	} {
		got := called(t, c.list, c.call, Budget{Steps: 500_000, Bytes: 8 << 20})
		if !strings.HasPrefix(got, "RAVN000") {
			t.Errorf("%s: %.60q", c.what, got)
		}
	}
}

// A function may not read the lets of a rule file, so that no let can be in a circle with one; lets that name each
// other in a circle, or themselves, name something that is not declared.
func TestSCHEMATRON7_3_LetsInACircle(t *testing.T) {
	s := NewCompiler(xdm.NewNames(), nil).Scope()
	for _, text := range []string{"$a", "let $b := $a return $b", "for $x in 1 to 3 return $a + $x"} {
		if _, err := s.Let("a", text); err == nil || err.(*Error).Code != UndefinedVariable {
			t.Errorf("%s: %v", text, err)
		}
	}
	reads := one("f:f", "", Instruction{Kind: Sequence, Select: "$let"})
	if got := called(t, reads, "1", Budget{}); got != UndefinedVariable {
		t.Errorf("a function reads a let: %s", got)
	}
}

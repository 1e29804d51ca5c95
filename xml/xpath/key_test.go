package xpath

import (
	"context"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// keyed evaluates expressions one after the other, at the top element of doc, in a scope with keys and lets. Keys are
// known before lets.
func keyed(t *testing.T, keys [][3]string, lets [][2]string, exprs ...string) (out []string) {
	t.Helper()
	names := xdm.NewNames()
	c := NewCompiler(names, map[string]string{"f": "urn:f"})
	for _, k := range keys {
		c.DeclareKey(k[0])
	}
	if err := c.Functions(one("f:each", "", Instruction{Kind: ForEachGroup, Select: "$x", Key: ".", Body: []Instruction{
		{Kind: Sequence, Select: "$x[1]/count(key('k', '1.10'))"},
	}})); err != nil {
		t.Fatal(err)
	}
	scope := c.Scope()
	for _, l := range lets {
		var err error
		if scope, err = scope.Let(l[0], l[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range keys {
		if err := scope.Key(k[0], k[1], k[2]); err != nil {
			t.Fatal(err)
		}
	}
	var list []*Expr
	for _, text := range exprs {
		e, err := scope.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	f := NewEvaluation(context.Background(), tree, Budget{Steps: 1_000_000})
	defer f.Release()
	for _, e := range list {
		s, err := f.String(e, tree.FirstChild(0))
		if err != nil {
			s = err.(*Error).Code
		}
		out = append(out, s)
	}
	return out
}

// XSLT 2.0 §16.3: what a key finds, and its errors, which Saxon raises, too.
func TestSCHEMATRON2_Keys(t *testing.T) {
	for _, c := range []struct {
		what  string
		keys  [][3]string
		lets  [][2]string
		reads []string // an expression and its value, each
	}{
		{
			"all of a name are one key",
			[][3]string{{"k", "n", "."}, {"k", "q", "'9', ."}, {"other", "e", "'9'"}},
			nil,
			[]string{"key('k', '9')", "1.10 9", "count(key('k', ('9', '1.10')))", "2", "count(key('other', '9'))", "1"},
		},
		{
			"one that fails halfway fails wherever it is read",
			[][3]string{{"k", "n", "if (. = '9') then xs:integer('x') else ."}},
			nil,
			[]string{"key('k', '10')", "FORG0001", "key('k', '10')", "FORG0001", "exists(key('k', '9'))", "FORG0001"},
		},
		{
			"a match that fails is none",
			[][3]string{{"k", "q | n[xs:integer(.) = 10] | e[xs:integer(.) = 1]", "'k'"}},
			nil,
			[]string{"key('k', 'k')", "1.10 10"},
		},
		{
			"it sees nothing of the place where it is read",
			[][3]string{{"k", "n[. = current()]", "current(), current-grouping-key()"}},
			nil,
			[]string{"f:each(q | n)", "0 0 0", "key('k', '9')", "9"},
		},
		{
			"one that reads itself",
			[][3]string{{"k", "n", "$others"}, {"m", "n[$own]", "."}},
			[][2]string{{"others", "count(key('k', '9'))"}, {"own", "key('m', '9')"}},
			[]string{"key('k', '1')", "XTDE0640", "key('k', '1')", "XTDE0640", "key('m', '9')", "XTDE0640"},
		},
		{
			"a let reads one that is declared behind it",
			[][3]string{{"k", "n", "."}},
			[][2]string{{"nine", "key('k', '9')"}},
			[]string{"$nine", "9"},
		},
		{
			"there must be a context node",
			[][3]string{{"k", "n", "."}},
			nil,
			[]string{"('9', '8')[key('k', .)]", "XTDE1270", "('9', '8') ! count(key('k', .))", "XTDE1270"},
		},
	} {
		var exprs []string
		for i := 0; i < len(c.reads); i += 2 {
			exprs = append(exprs, c.reads[i])
		}
		for i, got := range keyed(t, c.keys, c.lets, exprs...) {
			if want := c.reads[2*i+1]; got != want {
				t.Errorf("%s: %s: %s, want %s", c.what, exprs[i], got, want)
			}
		}
	}
}

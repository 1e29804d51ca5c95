package xpath

import (
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Expressions of a stylesheet of version 1.0. The values were taken from Saxon-HE 9.9 (xsl:value-of).
func TestCompatible(t *testing.T) {
	names := xdm.NewNames()
	c := NewCompiler(names, nil)
	c.Compatible()
	cases := []struct{ expr, want string }{
		{`b < '10'`, `true`},
		{`b = 9`, `true`},
		{`c = '9.0'`, `true`},
		{`c > b`, `false`},
		{`b < c`, `false`},
		{`x`, ``},
		{`b + 1`, `10`},
		{`-b`, `-9`},
		{`x + 1`, `NaN`},
		{`concat(b, '-', x)`, `9-`},
		{`string-length(b)`, `1`},
		{`starts-with(b, '9')`, `true`},
		{`substring(b, 2, '1')`, ``},
		{`number(x)`, `NaN`},
		{`number(b)`, `9`},
		{`sum(b)`, `19`},
		{`'a' < 'b'`, `false`},
		{`'2' > '10'`, `false`},
		{`true() = x`, `false`},
		{`true() = b`, `true`},
		{`false() = x`, `true`},
		{`x = x`, `false`},
		{`b != b`, `true`},
		{`b = b`, `true`},
		{`b != 9`, `true`},
		{`count(b) = '2'`, `true`},
		{`round(c)`, `9`},
		{`floor(d)`, `9`},
		{`string(b)`, `9`},
		{`translate(b, '9', '8')`, `8`},
		{`contains(b, '0')`, `false`},
		{`local-name(b)`, `b`},
		{`b[1] div x`, `NaN`},
		{`normalize-space(b)`, `9`},
		{`(b | c) < 9`, `false`},
		{`d = 9`, `true`},
		{`d > '8'`, `true`},
		{`b * d`, `81`},
		{`substring-after(c, '.') = 0`, `true`},
		{`boolean(x) < boolean(b)`, `true`},
		{`not(x) = 'y'`, `true`},
		{`'' = 0`, `false`},
		{`'abc' != 0`, `true`},
		{`c - '0.5'`, `8.5`},
		{`5 mod '3'`, `2`},
		{`concat(1 div 3, '')`, `0.3333333333333333`},
	}
	var list []*Expr
	for _, tc := range cases {
		e, err := c.Scope().Compile(tc.expr)
		if err != nil {
			t.Fatalf("%s: %v", tc.expr, err)
		}
		list = append(list, e)
	}
	tree, err := xdm.Parse([]byte("<a><b>9</b><b>10</b><c>9.0</c><d> 9 </d></a>"), names)
	if err != nil {
		t.Fatal(err)
	}
	f := NewEvaluation(t.Context(), tree, Budget{})
	for i, tc := range cases {
		if got, err := f.String(list[i], tree.FirstChild(0)); err != nil || got != tc.want {
			t.Errorf("%s: %q, want %q; %v", tc.expr, got, tc.want, err)
		}
	}
}

// What XPath 1.0 does not have is refused by name: it may mean something else there.
func TestCompatibleRefused(t *testing.T) {
	for expr, want := range map[string]string{
		"some $x in b satisfies $x = 1": "an expression of XPath 2.0",
		"if (a) then b else c":          "an expression of XPath 2.0",
		"b castable as xs:date":         "an expression of XPath 2.0",
		"a eq b":                        "the operator eq",
		"a is b":                        "the operator is",
		"1 to 2":                        "the operator to",
		"5 idiv 2":                      "the operator idiv",
		"a except b":                    "the operator except",
		"a[matches(., 'x')]":            "the function matches",
		"xs:date(a)":                    "the function date",
	} {
		c := NewCompiler(xdm.NewNames(), map[string]string{"xs": nsXS})
		c.Compatible()
		_, err := c.Scope().Compile(expr)
		if err == nil || !strings.Contains(err.Error(), want+" is not supported in XPath 1.0 compatibility mode") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

package xpath

import (
	"context"
	"errors"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// FuzzXPath compiles any text and evaluates what compiles, with few steps: it ends, and every failure is an *Error.
func FuzzXPath(f *testing.F) {
	for _, s := range []string{
		"n[1] = 10 and not(//e)", "for $i in 1 to 3 return $i * 2",
		"some $x in tokenize('a b', '\\s') satisfies q = $x", "xs:decimal(q) div 3",
		"if (n castable as xs:date) then 'a' else (n | q)/../@*", "substring('abc', 1.5, 2e0)",
		"matches(q, '^[0-9]+$') (: c :)", "-1 idiv 2 to 5 mod 2",
		"(n, q)[last()]/preceding-sibling::*[position() < 3]", "c:i/normalize-space(.)", "//*[ends-with(name(), 'n')]",
		"key('k', 1)", "1 to 999999999",
	} {
		f.Add(s)
	}
	names := xdm.NewNames()
	scope := NewCompiler(names, map[string]string{"c": "urn:c"}).Scope()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 500 {
			return
		}
		var xe *Error
		e, err := scope.Compile(text)
		if err != nil {
			if !errors.As(err, &xe) || xe.Code == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		tree, err := xdm.Parse([]byte(doc), names)
		if err != nil {
			t.Fatal(err)
		}
		ev := NewEvaluation(context.Background(), tree, Budget{Steps: 20_000})
		defer ev.Release()
		for range 2 { // a failed evaluation must not harm the next one
			if _, err := ev.Items(e, tree.FirstChild(0)); err != nil && !errors.As(err, &xe) {
				t.Fatalf("%q: %v", text, err)
			}
			if _, err := ev.Test(e, 0); err != nil && !errors.As(err, &xe) {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if p, err := scope.Pattern(text); err == nil {
			if _, err := ev.Matches(p, tree.FirstChild(0)); err != nil && !errors.As(err, &xe) {
				t.Fatalf("%q as a pattern: %v", text, err)
			}
		}
	})
}

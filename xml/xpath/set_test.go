package xpath

import (
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// A list of constant strings is looked up in a set, which rules of the same names share; a short one is not worth it.
func TestSetsAreShared(t *testing.T) {
	list := func(texts ...string) *code {
		c := &code{konst: true, typ: String}
		for _, s := range texts {
			c.items = append(c.items, Item{Type: String, s: s})
		}
		return c
	}
	names := xdm.NewNames()
	one, two := setOf(names, list("a", "b", "c", "d", "e", "f")), setOf(names, list("a", "b", "c", "d", "e", "f"))
	if one == nil || one != two || len(*one) != 6 {
		t.Errorf("%p %p %v", one, two, one)
	}
	if setOf(names, list("a", "b")) != nil {
		t.Error("a set for two strings")
	}
}

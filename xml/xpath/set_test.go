package xpath

import (
	"runtime"
	"testing"
	"time"
	"weak"
)

// Equal lists of constant strings are one set in memory, as long as something uses it.
func TestSetsAreShared(t *testing.T) {
	list := func(texts ...string) *code {
		c := &code{konst: true, typ: String}
		for _, s := range texts {
			c.items = append(c.items, Item{Type: String, s: s})
		}
		return c
	}
	one, two := setOf(list("a", "b", "c", "d", "e", "f")), setOf(list("a", "b", "c", "d", "e", "f"))
	if one == nil || one != two || len(*one) != 6 {
		t.Errorf("%p %p %v", one, two, one)
	}
	if other := setOf(list("ab", "", "c", "d", "e", "f")); other == one {
		t.Error("another list has the same set")
	}
	if setOf(list("a", "b")) != nil {
		t.Error("a set for two strings")
	}
	var at any
	sets.Range(func(key, p any) bool {
		if p.(weak.Pointer[stringSet]).Value() == one {
			at = key
		}
		return true
	})
	runtime.KeepAlive(two)
	for range 500 { // the cleanup runs some time after a collection
		runtime.GC()
		if _, there := sets.Load(at); !there {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("sets that nobody uses stay")
}

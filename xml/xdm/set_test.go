package xdm

import (
	"runtime"
	"testing"
	"time"
	"weak"
)

// Equal lists of constant strings are one set in memory, as long as something uses it.
func TestSetsAreShared(t *testing.T) {
	names := NewNames()
	one, two := names.Set([]string{"a", "b", "c"}), names.Set([]string{"a", "b", "c"})
	if one == nil || one != two || len(*one) != 3 {
		t.Errorf("%p %p %v", one, two, one)
	}
	if other := names.Set([]string{"ab", "", "c"}); other == one {
		t.Error("another list has the same set")
	}
	if others := NewNames().Set([]string{"a", "b", "c"}); others == one {
		t.Error("rules that have nothing in common share a set")
	}
	var at any
	names.sets.Range(func(key, p any) bool {
		if p.(weak.Pointer[StringSet]).Value() == one {
			at = key
		}
		return true
	})
	runtime.KeepAlive(two)
	for range 500 { // the cleanup runs some time after a collection
		runtime.GC()
		if _, there := names.sets.Load(at); !there {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("sets that nobody uses stay")
}

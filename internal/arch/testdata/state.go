// Package testdata changes package-level variables in every way that TestNoGlobalState sees, and in some that are none.
package testdata

import (
	"slices"
	"sync"
	"sync/atomic"

	"example/other"
)

var (
	assigned, counted int
	element           = map[string]int{}
	field, address    struct{ n int }
	nested            = []struct{ m map[string]int }{}
	pointed           = new(int)
	deleted, cleared  = map[string]int{}, map[string]int{}
	copied, sorted    []int
	ranged            int
	closure           int

	syncMap     sync.Map
	locked      = struct{ mu sync.Mutex }{}
	atomicCount atomic.Int64

	inInit   = map[string]int{}
	onlyRead = map[string]int{"a": 1}
	shadowed int
	pool     = sync.Pool{New: func() any { return new(int) }}
	once     = sync.OnceValue(func() int { return 1 })
)

func init() { inInit["a"] = 1 }

func changes() {
	assigned = 1
	counted++
	element["a"] = 1
	field.n = 1
	p := &address
	nested[0].m["a"] = 1
	*pointed = 1
	delete(deleted, "a")
	clear(cleared)
	copy(copied, []int{1})
	slices.Sort(sorted)
	for ranged = range 3 {
	}
	func() { closure += 1 }()
	other.Exported = 1
	p.n = 1
}

func harmless(shadowed int) int {
	shadowed = onlyRead["a"]
	assigned := map[string]int{}
	assigned["a"] = shadowed
	x := pool.Get()
	pool.Put(x)
	return once()
}

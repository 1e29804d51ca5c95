package xpath

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"weak"
)

// stringSet is a constant list of strings.
type stringSet map[string]struct{}

// sets are the sets in use, by a hash of their strings: the code lists of one rule file stand in many others.
var sets sync.Map // [sha256.Size]byte to weak.Pointer[stringSet]

// setOf returns the set of a constant list of strings that is worth one.
func setOf(c *code) *stringSet {
	if !c.konst || len(c.items) < setSize || c.typ != String {
		return nil
	}
	h := sha256.New()
	for _, i := range c.items {
		fmt.Fprintf(h, "%d %s", len(i.s), i.s)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	if there, ok := sets.Load(key); ok {
		if set := there.(weak.Pointer[stringSet]).Value(); set != nil {
			return set
		}
	}
	set := make(stringSet, len(c.items))
	for _, i := range c.items {
		set[strings.Clone(i.s)] = struct{}{} // else the set would hold the text of the rules
	}
	p := weak.Make(&set)
	sets.Store(key, p)
	runtime.AddCleanup(&set, func(key [sha256.Size]byte) { sets.CompareAndDelete(key, p) }, key)
	return &set
}

// inSet compiles "=" with a constant list of strings.
func inSet(x, list *code, set *stringSet) *code {
	return folded(fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		x.push(f)
		f.atomize(mark)
		found := false
		for i := mark; i < len(f.st) && !found; i++ {
			v := &f.st[i]
			if v.Type != String && v.Type != Untyped {
				compareGeneral(v, &list.items[0], equal) // fails
			}
			_, found = (*set)[v.s]
		}
		f.drop(mark)
		return found
	}), x)
}

package xdm

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"weak"
)

// StringSet is a constant list of strings.
type StringSet map[string]struct{}

// Set returns the set of the strings in a list. Equal lists give the same set, as long as something uses it: the code
// lists of one rule file stand in many others. Weak pointers let go of a set when the last expression with it is
// gone; lists are told apart by a hash, so that the table does not hold the strings a second time.
func (n *Names) Set(list []string) *StringSet {
	h := sha256.New()
	for _, s := range list {
		fmt.Fprintf(h, "%d %s", len(s), s)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	if there, ok := n.sets.Load(key); ok {
		if set := there.(weak.Pointer[StringSet]).Value(); set != nil {
			return set
		}
	}
	set := make(StringSet, len(list))
	for _, s := range list {
		set[strings.Clone(s)] = struct{}{} // else the set would hold the text of the rules
	}
	p := weak.Make(&set)
	n.sets.Store(key, p)
	runtime.AddCleanup(&set, func(key [sha256.Size]byte) { n.sets.CompareAndDelete(key, p) }, key)
	return &set
}

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
	list := make([]string, len(c.items))
	for i := range list {
		list[i] = c.items[i].s
	}
	return shared(list)
}

// shared returns the set of the strings in a list.
func shared(list []string) *stringSet {
	h := sha256.New()
	for _, s := range list {
		fmt.Fprintf(h, "%d %s", len(s), s)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	if there, ok := sets.Load(key); ok {
		if set := there.(weak.Pointer[stringSet]).Value(); set != nil {
			return set
		}
	}
	set := make(stringSet, len(list))
	for _, s := range list {
		set[strings.Clone(s)] = struct{}{} // else the set would hold the text of the rules
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

// inList compiles the question whether a constant text contains something between two spaces, nil for another question. What
// has no space in it is one of the words between spaces, or it is not there.
func inList(list, between *code) *code {
	p := between.parts
	if !list.konst || len(list.items) != 1 || list.typ != String || len(p) != 3 || !isSpace(p[0]) || !isSpace(p[2]) {
		return nil
	}
	all := list.items[0].s
	words := strings.Split(all, " ")
	if len(words) < setSize+2 {
		return nil
	}
	set := shared(words[1 : len(words)-1]) // the first and the last are not between two spaces
	return folded(fromTest(func(f *Evaluation) bool {
		word := ""
		if v, ok := p[1].atom(f); ok {
			word = v.lexical()
		}
		if strings.Contains(word, " ") {
			f.spend(len(all) >> textStep)
			return strings.Contains(all, " "+word+" ")
		}
		_, found := (*set)[word]
		return found
	}), p[1])
}

// isSpace tells whether a code is one constant space.
func isSpace(c *code) bool {
	return c.konst && len(c.items) == 1 && c.typ == String && c.items[0].s == " "
}

package xpath

import (
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// setOf returns the set of a constant list of strings that is worth one.
func setOf(names *xdm.Names, c *code) *xdm.StringSet {
	if !c.konst || len(c.items) < setSize || c.typ != String {
		return nil
	}
	list := make([]string, len(c.items))
	for i := range list {
		list[i] = c.items[i].s
	}
	return names.Set(list)
}

// inSet compiles "=" with a constant list of strings.
func inSet(x, list *code, set *xdm.StringSet) *code {
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
func inList(names *xdm.Names, list, between *code) *code {
	p := between.parts
	if !list.konst || len(list.items) != 1 || list.typ != String || len(p) != 3 || !isSpace(p[0]) || !isSpace(p[2]) {
		return nil
	}
	all := list.items[0].s
	words := strings.Split(all, " ")
	if len(words) < setSize+2 {
		return nil
	}
	set := names.Set(words[1 : len(words)-1]) // the first and the last are not between two spaces
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

// isSpace reports whether a code is one constant space.
func isSpace(c *code) bool {
	return c.konst && len(c.items) == 1 && c.typ == String && c.items[0].s == " "
}

package xpath

import (
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// setOf returns the strings of a constant list as a set, or nil if the list is no list of strings or is shorter than
// setSize.
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

// inSet compiles "=" with a constant list of strings: a code list of hundreds of entries costs one look-up.
func inSet(x, list *code, set *xdm.StringSet) *code {
	return folded(fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		x.push(f)
		f.atomize(mark)
		found := false
		for i := mark; i < len(f.st) && !found; i++ {
			v := &f.st[i]
			if v.Type != String && v.Type != Untyped {
				compareGeneral(v, &list.items[0], equal) // fails, with the error that the standard demands
			}
			_, found = (*set)[v.s]
		}
		f.drop(mark)
		return found
	}), x)
}

// inList compiles contains(list, concat(' ', x, ' ')) for a constant list: the form in which rules look a value up in
// a code list that they inherit from XPath 1.0, which has no sequences of strings. A value without a space is in the
// text if it is one of the words between spaces, which are a set; a value with a space is searched for. It returns
// nil if the arguments do not have this form.
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

package xpath

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// nodeFunctions are the functions on nodes that XPath 3.0 added, and those on whole trees (Functions 3.1 §13 to §15.3).
var nodeFunctions = map[string]map[int]builder{
	"path":         {1: path_},
	"generate-id":  {1: generateID},
	"base-uri":     {1: noURI},
	"document-uri": {1: noURI},
	"has-children": {1: func(a []*code) *code {
		return fromTest(func(f *Evaluation) bool {
			i, ok := nodeArg(f, a[0])
			return ok && f.treeOf(&i).FirstChild(i.Node()) != xdm.None
		})
	}},
	"deep-equal": {2: func(a []*code) *code {
		return fromTest(func(f *Evaluation) bool { return deepEqual(f, a[0], a[1]) })
	}},
	"innermost": {1: func(a []*code) *code { return nested(a[0], false) }},
	"outermost": {1: func(a []*code) *code { return nested(a[0], true) }},
}

// nodeArg takes an argument of type node()?.
func nodeArg(f *Evaluation, c *code) (Item, bool) {
	mark := len(f.st)
	c.push(f)
	f.nodesOnly(mark)
	if len(f.st)-mark > 1 {
		fail(codeType, "several nodes where one is wanted")
	}
	if len(f.st) == mark {
		return Item{}, false
	}
	i := f.st[mark]
	f.drop(mark)
	return i, true
}

// noURI builds fn:base-uri and fn:document-uri: a document that is checked has no address.
func noURI(a []*code) *code {
	return fromAtom(String, func(f *Evaluation) (Item, bool) {
		nodeArg(f, a[0])
		return Item{}, false
	})
}

// generateID builds fn:generate-id. The number of a node and of its tree tell it from all others.
func generateID(a []*code) *code {
	return fromString(func(f *Evaluation) string {
		i, ok := nodeArg(f, a[0])
		if !ok {
			return ""
		}
		return "n" + strconv.FormatInt(i.n, 36)
	})
}

// path_ builds fn:path (Functions 3.1 §14.9): /Q{urn:x}a[1]/@b.
func path_(a []*code) *code {
	return fromAtom(String, func(f *Evaluation) (Item, bool) {
		i, ok := nodeArg(f, a[0])
		if !ok {
			return Item{}, false
		}
		t, n := f.treeOf(&i), i.Node()
		if n == 0 {
			return stringItem("/"), true
		}
		var steps []string
		for ; n > 0; n = t.Parent(n) {
			steps = append(steps, "/"+f.pathStep(t, n))
		}
		slices.Reverse(steps)
		return stringItem(f.joinedText(steps, "")), true
	})
}

func (f *Evaluation) pathStep(t *xdm.Tree, n xdm.Node) string {
	name := t.Name(n)
	switch t.Kind(n) {
	case xdm.Attr:
		if name.Space == "" {
			return "@" + name.Local
		}
		return "@Q{" + name.Space + "}" + name.Local
	case xdm.Element:
		return "Q{" + name.Space + "}" + name.Local + f.siblingNumber(t, n)
	case xdm.PI:
		return "processing-instruction(" + name.Local + ")" + f.siblingNumber(t, n)
	case xdm.Comment:
		return "comment()" + f.siblingNumber(t, n)
	}
	return "text()" + f.siblingNumber(t, n)
}

// siblingNumber returns the position of a node among its siblings of the same kind and name, in brackets.
func (f *Evaluation) siblingNumber(t *xdm.Tree, n xdm.Node) string {
	up, kind, name := t.Parent(n), t.Kind(n), t.Name(n)
	if kind == xdm.Element && t.Wide(up) {
		if i, found := slices.BinarySearch(t.Children(up, t.NameID(n)), n); found {
			return "[" + strconv.Itoa(i+1) + "]"
		}
	}
	pos := 1
	for c := t.FirstChild(up); c != n; c = t.NextSibling(c) {
		f.spend(1)
		if t.Kind(c) == kind && (kind == xdm.Text || kind == xdm.Comment || t.Name(c) == name) {
			pos++
		}
	}
	return "[" + strconv.Itoa(pos) + "]"
}

// nested builds fn:outermost and fn:innermost: the nodes of a sequence that no other of it contains, or that contain no
// other.
func nested(c *code, outer bool) *code {
	return fromPush(NodeT, func(f *Evaluation) {
		mark := len(f.st)
		c.push(f)
		f.nodesOnly(mark)
		f.order(mark)
		kept := mark
		end := int64(-1) // where the last node that was kept ends
		for i := mark; i < len(f.st); i++ {
			n := f.st[i]
			t := f.treeOf(&n)
			ends := n.n&treeMask | int64(t.Next(n.Node()))
			if t.Kind(n.Node()) == xdm.Attr {
				ends = n.n + 1
			}
			switch {
			case outer && n.n < end:
				continue
			case !outer && i+1 < len(f.st) && f.st[i+1].n < ends:
				continue
			}
			end = ends
			f.st[kept] = n
			kept++
		}
		f.drop(kept)
	})
}

// deepEqual is fn:deep-equal (Functions 3.1 §14.2.1).
func deepEqual(f *Evaluation, x, y *code) bool {
	mark := len(f.st)
	x.push(f)
	mid := len(f.st)
	y.push(f)
	ok := len(f.st)-mid == mid-mark
	for i := mark; i < mid && ok; i++ {
		f.spend(1)
		a, b := f.st[i], f.st[mid+i-mark]
		switch {
		case a.Type != NodeT && b.Type != NodeT:
			ok = same(&a, &b)
		case a.Type != b.Type:
			ok = false
		default:
			ok = f.sameTree(f.treeOf(&a), a.Node(), f.treeOf(&b), b.Node())
		}
	}
	f.drop(mark)
	return ok
}

// sameTree compares two nodes with all that is in them, apart from comments and instructions. Trees are at most so deep
// that this may recurse.
func (f *Evaluation) sameTree(t *xdm.Tree, n xdm.Node, u *xdm.Tree, m xdm.Node) bool {
	f.spend(1)
	if t.Kind(n) != u.Kind(m) || t.Name(n) != u.Name(m) {
		return false
	}
	switch t.Kind(n) {
	case xdm.Element:
		if !f.sameAttributes(t, n, u, m) {
			return false
		}
	case xdm.Root:
	default:
		return f.read(t.Value(n)) == f.read(u.Value(m))
	}
	skip := func(t *xdm.Tree, c xdm.Node) xdm.Node {
		for c != xdm.None && (t.Kind(c) == xdm.Comment || t.Kind(c) == xdm.PI) {
			f.spend(1)
			c = t.NextSibling(c)
		}
		return c
	}
	c, d := skip(t, t.FirstChild(n)), skip(u, u.FirstChild(m))
	for c != xdm.None && d != xdm.None {
		if !f.sameTree(t, c, u, d) {
			return false
		}
		c, d = skip(t, t.NextSibling(c)), skip(u, u.NextSibling(d))
	}
	return c == d
}

// sameAttributes compares attributes, whose order does not matter.
func (f *Evaluation) sameAttributes(t *xdm.Tree, n xdm.Node, u *xdm.Tree, m xdm.Node) bool {
	values := func(t *xdm.Tree, n xdm.Node) map[xdm.Name]string {
		out := map[xdm.Name]string{}
		for a := n + 1; a < t.Next(n) && t.Kind(a) == xdm.Attr; a++ {
			f.spend(1)
			out[t.Name(a)] = f.read(t.Value(a))
		}
		return out
	}
	list, other := values(t, n), values(u, m)
	for name, v := range list {
		if w, ok := other[name]; !ok || v != w {
			return false
		}
	}
	return len(list) == len(other)
}

// idCall compiles fn:id: the elements with an xml:id among the words of the strings. There is no other kind of id
// without a DTD or a schema.
func (u *unit) idCall(values *code) *code {
	name := u.c.names.ID(nsXML, "id")
	return fromPush(NodeT, func(f *Evaluation) {
		f.contextNode()
		wanted := map[string]bool{}
		atomizedArg(f, values, func(items []Item) {
			for i := range items {
				for _, w := range strings.Fields(items[i].lexicalText()) {
					f.alloc(entryBytes)
					wanted[w] = true
				}
			}
		})
		mark := len(f.st)
		for _, a := range f.t.Attributes(name) {
			f.spend(1)
			if v := normalizeSpace(f.t.Value(a)); wanted[v] {
				delete(wanted, v) // the first in the document
				f.push(f.node(f.t.Parent(a)))
			}
		}
		f.order(mark)
	})
}

package xdm

import (
	"cmp"
	"slices"
)

// Elements returns all elements with a name of the table, in document order. It must not be changed.
func (t *Tree) Elements(id NameID) []Node {
	t.once.Do(t.index)
	at := t.named[id]
	return t.sorted[at[0]:at[1]]
}

// Attributes returns all attributes with a name of the table, in document order. It must not be changed.
func (t *Tree) Attributes(id NameID) []Node {
	t.once.Do(t.index)
	at := t.attrs[id]
	return t.sorted[at[0]:at[1]]
}

// index is a counting sort by name, in linear time and one array: a first pass counts the nodes of each name, which
// gives each its piece of sorted, and a second one fills the pieces. The pairs in named and attrs are the start and,
// while they are filled, the end of a piece.
func (t *Tree) index() {
	t.named, t.attrs = map[NameID][2]int32{}, map[NameID][2]int32{}
	total := t.eachNamed(func(m map[NameID][2]int32, id NameID, _ Node) {
		at := m[id]
		at[1]++
		m[id] = at
	})
	pos := int32(0)
	for _, m := range []map[NameID][2]int32{t.named, t.attrs} {
		for id, at := range m {
			m[id] = [2]int32{pos, pos}
			pos += at[1]
		}
	}
	t.sorted = make([]Node, total)
	t.eachNamed(func(m map[NameID][2]int32, id NameID, n Node) {
		at := m[id]
		t.sorted[at[1]] = n
		at[1]++
		m[id] = at
	})
}

// eachNamed visits the elements and attributes whose names are in the table, and returns how many there are. m is the
// map for the kind of the node.
func (t *Tree) eachNamed(visit func(m map[NameID][2]int32, id NameID, n Node)) (total int) {
	for i := range t.nodes {
		m, w := t.named, t.nodes[i].label
		switch w.kind() {
		case Attr:
			m = t.attrs
		case Element:
		default:
			continue
		}
		if id := w.name(); id < own {
			visit(m, id, Node(i))
			total++
		}
	}
	return total
}

// Wide reports whether n has more than manyChildren children: then Children finds those of a name faster than a walk
// does.
func (t *Tree) Wide(n Node) bool { return t.nodes[n].label&wide != 0 }

// Children returns the child elements of a wide node with a name of the table, in document order, by binary search.
func (t *Tree) Children(n Node, id NameID) []Node {
	t.children.Do(t.indexChildren)
	i, _ := slices.BinarySearch(t.wide, n)
	kids := t.kids[t.starts[i]:t.starts[i+1]]
	from, _ := slices.BinarySearchFunc(kids, id, t.compareName)
	to, _ := slices.BinarySearchFunc(kids[from:], id+1, t.compareName)
	return kids[from : from+to]
}

func (t *Tree) compareName(n Node, id NameID) int { return cmp.Compare(t.nodes[n].label.name(), id) }

// indexChildren sorts the children of wide nodes by name.
func (t *Tree) indexChildren() {
	for _, n := range t.wide {
		from := len(t.kids)
		t.starts = append(t.starts, int32(from))
		for c := t.FirstChild(n); c != None; c = t.NextSibling(c) {
			if w := t.nodes[c].label; w.kind() == Element && w.name() < own {
				t.kids = append(t.kids, c)
			}
		}
		slices.SortFunc(t.kids[from:], func(a, b Node) int {
			return cmp.Or(t.compareName(a, t.nodes[b].label.name()), cmp.Compare(a, b))
		})
	}
	t.starts = append(t.starts, int32(len(t.kids)))
}

// places has where the elements of a document start. Offsets are kept by the rank of the element among the elements,
// not by node, which saves four bytes for every attribute and text; the rank of a node is found by counting from the
// last multiple of stretch before it.
type places struct {
	offsets []int32
	before  []int32 // how many elements stand before each stretch of nodes
	count   int32
}

// stretch is the number of nodes between two entries of before.
const stretch = 64

// addElement notes the place of the element with number n.
func (p *places) addElement(n int, offset int64) {
	for len(p.before) <= n/stretch {
		p.before = append(p.before, p.count)
	}
	p.offsets = append(p.offsets, int32(offset))
	p.count++
}

// of returns where an element starts, 0 for the document node.
func (p *places) of(t *Tree, n Node) int64 {
	if n == 0 {
		return 0
	}
	from := n / stretch * stretch
	rank := p.before[n/stretch]
	for c := from; c < n; c++ {
		if t.Kind(c) == Element {
			rank++
		}
	}
	return int64(p.offsets[rank])
}

func (p *places) bytes() int64 { return int64(cap(p.offsets)+cap(p.before)) * 4 }

package xdm

import (
	"bytes"
	"math"
	"strings"
	"sync"

	"github.com/ravn-ap/ravn/internal/xmlsafe"
)

// Kind is the kind of a node.
type Kind uint8

// Kinds of nodes. There are no namespace nodes: no rule looks at them.
const (
	Root Kind = iota
	Element
	Attr
	Text
	Comment
	PI
)

// Node is the number of a node in its Tree: 0 is the document node, and a larger number comes later in the document.
type Node int32

// None is no node.
const None Node = -1

// node has 32 bytes: a catalogue of 100 MB has seven million of them.
type node struct {
	kind     Kind
	name     NameID // Element and Attr
	written  int32  // Element, Attr and PI: number of the name as it is written
	parent   Node
	next     Node  // the first node behind this one, its attributes and its descendants
	from, to int32 // string value: in text for Root, Element and Text, else in other
	off      int32 // place in the document's UTF-8 form, in bytes
}

// Tree is an immutable document. It may be used by many at once.
type Tree struct {
	names   *Names
	local   []Name // names that no rule speaks of
	nodes   []node
	text    string   // the character data of the whole document
	other   string   // values of attributes, comments and instructions
	written []string // names as they are written, and targets of instructions
	present []uint64 // bit n: the name n occurs, of those that rules speak of

	once   sync.Once
	sorted []Node              // elements and attributes by name, each name in document order
	named  map[NameID][2]int32 // where the nodes of a name stand in sorted: elements
	attrs  map[NameID][2]int32 // and attributes
}

// Parse builds the tree of a document in memory. An error is an *xmlsafe.Error.
func Parse(b []byte, names *Names) (*Tree, error) {
	build := NewBuilderOf(names, b)
	if err := xmlsafe.Scan(bytes.NewReader(b), xmlsafe.Document, build.Event); err != nil {
		return nil, err
	}
	return build.Tree(), nil
}

// Builder makes a tree of the events of a scan, which may feed others as well.
type Builder struct {
	t           *Tree
	open        Node
	text, other strings.Builder
	ids         map[xmlsafe.Name]nameRef // names seen in this document
	own         map[Name]NameID
	targets     map[string]int32 // of instructions
}

type nameRef struct {
	id      NameID
	written int32
}

// NewBuilder returns a builder for a document of about size bytes.
func NewBuilder(names *Names, size int) *Builder {
	return newBuilder(names, size/32, size/3)
}

// NewBuilderOf returns a builder for a document in memory. There is room for its nodes from the beginning, so that nothing is
// copied while the tree grows.
func NewBuilderOf(names *Names, doc []byte) *Builder {
	tags := bytes.Count(doc, []byte{'<'}) // at most one text before each; half of them start an element
	nodes := tags + tags/2 + bytes.Count(doc, []byte(`="`))
	return newBuilder(names, min(nodes, len(doc)/dense), len(doc)/3)
}

// seen keeps the maps of builders that are done.
var seen = sync.Pool{New: func() any { return map[xmlsafe.Name]nameRef{} }}

// maxSeen is how many names a map that is kept may have held.
const maxSeen = 1024

// dense is how many bytes there are for a node in a document of almost nothing but markup. What only looks like it reserves no more.
const dense = 12

func newBuilder(names *Names, nodes, text int) *Builder {
	b := &Builder{
		t:    &Tree{names: names, nodes: make([]node, 1, 16+nodes), written: []string{""}},
		open: 0, ids: seen.Get().(map[xmlsafe.Name]nameRef),
	}
	b.text.Grow(text)
	return b
}

// MaxSize is the largest document that a tree is made of, in bytes.
const MaxSize = math.MaxInt32

// Event takes the next event of the scan. It fails when the document is too large.
func (b *Builder) Event(e *xmlsafe.Event) error {
	if e.Offset > MaxSize {
		return &xmlsafe.Error{Msg: "the document is larger than 2 GiB", Line: 1, Col: 1, Offset: MaxSize, Limit: true}
	}
	t := b.t
	switch e.Kind {
	case xmlsafe.Element:
		ref := b.ref(e.Name)
		el := b.add(node{kind: Element, name: ref.id, written: ref.written, from: int32(b.text.Len()), off: int32(e.Offset)})
		for i := range e.Attrs {
			a := &e.Attrs[i]
			ref := b.ref(a.Name)
			n := node{kind: Attr, name: ref.id, written: ref.written, off: int32(e.Offset)}
			b.value(&n, a.Value)
			t.nodes[b.add(n)].parent = el
		}
		b.open = el
	case xmlsafe.End:
		n := &t.nodes[b.open]
		n.next, n.to = Node(len(t.nodes)), int32(b.text.Len())
		b.open = n.parent
	case xmlsafe.Text:
		b.character(e)
	case xmlsafe.Comment:
		n := node{kind: Comment, off: int32(e.Offset)}
		b.value(&n, string(e.Value))
		b.add(n)
	case xmlsafe.PI:
		n := node{kind: PI, written: b.target(e.Target), off: int32(e.Offset)}
		b.value(&n, string(e.Value))
		b.add(n)
	}
	return nil
}

// character adds character data; what follows a text directly belongs to it.
func (b *Builder) character(e *xmlsafe.Event) {
	t := b.t
	if b.open == 0 || len(e.Value) == 0 {
		return // white space around the top element
	}
	last := &t.nodes[len(t.nodes)-1]
	from := int32(b.text.Len())
	b.text.Write(e.Value)
	if last.kind == Text && last.parent == b.open {
		last.to = int32(b.text.Len())
		return
	}
	b.add(node{kind: Text, from: from, to: int32(b.text.Len()), off: int32(e.Offset)})
}

func (b *Builder) add(n node) Node {
	id := Node(len(b.t.nodes))
	n.parent, n.next = b.open, id+1
	b.t.nodes = append(b.t.nodes, n)
	return id
}

func (b *Builder) value(n *node, s string) {
	n.from = int32(b.other.Len())
	b.other.WriteString(s)
	n.to = int32(b.other.Len())
}

func (b *Builder) ref(name xmlsafe.Name) nameRef {
	if r, ok := b.ids[name]; ok {
		return r
	}
	n := Name{name.Space, name.Local}
	id, ok := b.own[n] // first: rules that are compiled meanwhile may have entered the name, and it keeps one number
	if !ok {
		if id, ok = b.t.names.find(n); ok {
			b.t.mark(id)
		} else {
			id = b.unknown(n)
		}
	}
	text := name.Local
	if name.Prefix != "" {
		text = name.Prefix + ":" + text
	}
	r := nameRef{id, b.write(text)}
	b.ids[name] = r
	return r
}

// unknown numbers a name that no rule speaks of.
func (b *Builder) unknown(n Name) NameID {
	if b.own == nil {
		b.own = map[Name]NameID{}
	}
	id := own + NameID(len(b.t.local))
	b.own[n] = id
	b.t.local = append(b.t.local, n)
	return id
}

// mark notes that a name occurs.
func (t *Tree) mark(id NameID) {
	for int(id>>6) >= len(t.present) {
		t.present = append(t.present, 0)
	}
	t.present[id>>6] |= 1 << (id & 63)
}

// Has tells whether an element or attribute with a name that rules speak of occurs.
func (t *Tree) Has(id NameID) bool {
	return int(id>>6) < len(t.present) && t.present[id>>6]&(1<<(id&63)) != 0
}

// write numbers a name as it is written.
func (b *Builder) write(s string) int32 {
	b.t.written = append(b.t.written, s)
	return int32(len(b.t.written) - 1)
}

// target numbers the target of an instruction.
func (b *Builder) target(s string) int32 {
	id, ok := b.targets[s]
	if !ok {
		if b.targets == nil {
			b.targets = map[string]int32{}
		}
		id = b.write(s)
		b.targets[s] = id
	}
	return id
}

// Tree returns the tree after the last event. It ends the builder.
func (b *Builder) Tree() *Tree {
	t := b.t
	t.text, t.other = b.text.String(), b.other.String()
	if len(b.ids) <= maxSeen {
		clear(b.ids)
		seen.Put(b.ids)
	}
	b.ids = nil
	t.nodes[0].next, t.nodes[0].to = Node(len(t.nodes)), int32(len(t.text))
	return t
}

// Len returns the number of nodes.
func (t *Tree) Len() int { return len(t.nodes) }

// Kind returns the kind of n.
func (t *Tree) Kind(n Node) Kind { return t.nodes[n].kind }

// NameID returns the number of the name of an element or attribute, 0 for other nodes.
func (t *Tree) NameID(n Node) NameID { return t.nodes[n].name }

// Name returns the name of an element or attribute; the local name of an instruction is its target.
func (t *Tree) Name(n Node) Name {
	d := &t.nodes[n]
	switch {
	case d.kind == PI:
		return Name{Local: t.written[d.written]}
	case d.name == 0:
		return Name{}
	case d.name >= own:
		return t.local[d.name-own]
	}
	return t.names.name(d.name)
}

// Written returns the name of an element, attribute or instruction as it is written: prefix:local or local; "" for other nodes.
func (t *Tree) Written(n Node) string { return t.written[t.nodes[n].written] }

// Parent returns the parent; None for the document node.
func (t *Tree) Parent(n Node) Node {
	if n == 0 {
		return None
	}
	return t.nodes[n].parent
}

// Next returns the first node behind n, its attributes and its descendants: its next sibling if that has the same parent.
func (t *Tree) Next(n Node) Node { return t.nodes[n].next }

// FirstChild returns the first child of n, or None.
func (t *Tree) FirstChild(n Node) Node {
	d := &t.nodes[n]
	c := n + 1
	for c < d.next && t.nodes[c].kind == Attr {
		c++
	}
	if c < d.next && d.kind != Attr {
		return c
	}
	return None
}

// NextSibling returns the next sibling of n, or None. Attributes have no siblings.
func (t *Tree) NextSibling(n Node) Node {
	d := &t.nodes[n]
	if d.kind == Attr || n == 0 || d.next >= t.nodes[d.parent].next {
		return None
	}
	return d.next
}

// Value returns the string value of n.
func (t *Tree) Value(n Node) string {
	d := &t.nodes[n]
	switch d.kind {
	case Root, Element, Text:
		return t.text[d.from:d.to]
	}
	return t.other[d.from:d.to]
}

// Offset returns where n starts in the document's UTF-8 form, in bytes; for an attribute, where its element does.
func (t *Tree) Offset(n Node) int64 { return int64(t.nodes[n].off) }

// Elements returns all elements with a name, in document order.
func (t *Tree) Elements(id NameID) []Node {
	t.once.Do(t.index)
	at := t.named[id]
	return t.sorted[at[0]:at[1]]
}

// Attributes returns all attributes with a name, in document order.
func (t *Tree) Attributes(id NameID) []Node {
	t.once.Do(t.index)
	at := t.attrs[id]
	return t.sorted[at[0]:at[1]]
}

// index sorts the nodes with a name by counting.
func (t *Tree) index() {
	t.named, t.attrs = map[NameID][2]int32{}, map[NameID][2]int32{}
	of := func(n *node) map[NameID][2]int32 {
		if n.kind == Attr {
			return t.attrs
		}
		return t.named
	}
	total := int32(0)
	for i := range t.nodes {
		if n := &t.nodes[i]; n.name != 0 {
			at := of(n)[n.name]
			at[1]++
			of(n)[n.name] = at
			total++
		}
	}
	pos := int32(0)
	for _, m := range []map[NameID][2]int32{t.named, t.attrs} {
		for id, at := range m {
			m[id] = [2]int32{pos, pos}
			pos += at[1]
		}
	}
	t.sorted = make([]Node, total)
	for i := range t.nodes {
		if n := &t.nodes[i]; n.name != 0 {
			at := of(n)[n.name]
			t.sorted[at[1]] = Node(i)
			at[1]++
			of(n)[n.name] = at
		}
	}
}

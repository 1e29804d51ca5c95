package xdm

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/ravn-ap/ravn/xml/safe"
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

// node has 16 bytes, so that a document of nothing but markup becomes a tree of a few times its own size (see Size).
type node struct {
	label  label
	parent Node
	next   Node  // the first node behind this one and all in it; of an Attr the end of its value in other
	from   int32 // how much text stands before the node; of an Attr the start of its value in other
}

// label packs the kind of a node into three bits, two marks, and in the other 27 bits a number: of the name of an
// element or attribute, or of the note of a comment or an instruction. own+maxNames fits.
type label uint32

const (
	kindBits       = 7
	wide     label = 8  // an element with many children, which are found by name
	odd      label = 16 // its name is written with another prefix than in its first place
	markBits       = 5
)

func (l label) kind() Kind   { return Kind(l & kindBits) }
func (l label) name() NameID { return NameID(l >> markBits) }

func labelOf(k Kind, number int32) label { return label(number)<<markBits | label(k) }

// note has what a comment or an instruction says.
type note struct{ from, to, target int32 }

// Tree is a document. It does not change and may be used by several goroutines; its indexes are made when they are
// first asked for.
type Tree struct {
	names   *Names
	local   []Name // names that are not in names: their numbers begin at own
	nodes   []node
	text    string           // the character data of the whole document
	other   string           // values of attributes, comments and instructions
	notes   []note           // of comments and instructions
	written []string         // names as they are written, and targets of instructions
	first   map[NameID]int32 // how a name is written in its first place
	odd     []oddName        // nodes where it is written otherwise
	places  places
	indexed int32    // how many nodes the index of names will have
	present []uint64 // bit n: the name with number n occurs, for those in names

	once   sync.Once
	sorted []Node              // elements and attributes with names in names, by name, each in document order
	named  map[NameID][2]int32 // where the elements of a name stand in sorted
	attrs  map[NameID][2]int32 // where the attributes of a name do

	children sync.Once
	wide     []Node  // elements with many children
	starts   []int32 // where the children of each begin in kids
	kids     []Node  // by name, each name in document order
}

// oddName is a node whose name is written with another prefix than that of its first place.
type oddName struct {
	node    Node
	written int32
}

// Parse builds the tree of a document in memory. An error is an *safe.Error.
func Parse(b []byte, names *Names) (*Tree, error) { return NewBuilderOf(names, b).parse(b) }

// ParseKnown is Parse for a document that belongs to the rules: its names are entered in the table, so that expressions
// that are compiled afterwards see it, too.
func ParseKnown(b []byte, names *Names) (*Tree, error) {
	build := NewBuilderOf(names, b)
	build.enter = true
	return build.parse(b)
}

func (b *Builder) parse(doc []byte) (*Tree, error) {
	if err := safe.Scan(bytes.NewReader(doc), safe.Document, b.Event); err != nil {
		return nil, err
	}
	return b.Tree(), nil
}

// Builder makes a tree from the events of a scan. The same events may feed other readers, such as a schema, so that a
// document is read once.
type Builder struct {
	t           *Tree
	open        Node
	kids        []int32 // how many children each open element has
	text, other strings.Builder
	ids         map[safe.Name]nameRef // names seen in this document
	own         map[Name]NameID
	targets     map[string]int32 // of instructions
	enter       bool             // new names go into the table
}

type nameRef struct {
	id  NameID
	odd int32 // how it is written, if not as in its first place
}

// NewBuilder returns a builder for a document of about size bytes, of which nothing else is known: it guesses the
// rest from the proportions of an invoice.
func NewBuilder(names *Names, size int) *Builder {
	n := int64(size)
	return NewBuilderFor(names, Size{Bytes: n, Nodes: n / 32, Elements: n / 64, Text: n / 3})
}

// NewBuilderOf returns a builder for a document in memory.
func NewBuilderOf(names *Names, doc []byte) *Builder { return NewBuilderFor(names, SizeOf(doc)) }

// NewBuilderFor returns a builder with room for a document of this size, so that nothing is copied while the tree
// grows.
func NewBuilderFor(names *Names, size Size) *Builder {
	b := &Builder{
		t: &Tree{
			names: names, nodes: make([]node, 1, 16+size.Nodes), written: []string{""}, first: map[NameID]int32{},
			notes: make([]note, 0, size.Notes),
			places: places{
				offsets: make([]int32, 0, size.Elements), before: make([]int32, 0, size.Nodes/stretch+1),
			},
		},
		open: 0, ids: nameMaps.Get().(map[safe.Name]nameRef), kids: make([]int32, 1, 16),
	}
	b.text.Grow(int(size.Text))
	b.other.Grow(int(size.Other))
	return b
}

// nameMaps pools the maps of builders that are done: documents of one kind have the same names.
var nameMaps = sync.Pool{New: func() any { return map[safe.Name]nameRef{} }}

// maxSeen is how many names a map may have held that goes back to the pool. Clearing a map takes time for its largest
// size.
const maxSeen = 1024

// MaxSize is the largest document that a tree is made of, in bytes.
const MaxSize = math.MaxInt32

// maxNames is how many different names a document may have: each costs many times what a node does (nameBytes). The
// largest schemas have a third.
const maxNames = 1 << 14

// manyChildren is the number of children from which an index by name pays off.
const manyChildren = 32

// limit is the error of a document that exceeds a bound of the tree.
func limit(e *safe.Event, msg string) error {
	return &safe.Error{Msg: msg, Line: 1, Col: 1, Offset: e.Offset, Limit: true}
}

// Event takes the next event of the scan. It fails if the document is too large for a tree.
func (b *Builder) Event(e *safe.Event) error {
	if e.Offset > MaxSize {
		return limit(e, "the document is larger than 2 GiB")
	}
	t := b.t
	switch e.Kind {
	case safe.Element:
		el := b.named(Element, e.Name, int32(b.text.Len()))
		t.places.addElement(len(t.nodes)-1, e.Offset)
		for i := range e.Attrs {
			from := int32(b.other.Len())
			b.other.WriteString(e.Attrs[i].Value)
			a := &t.nodes[b.named(Attr, e.Attrs[i].Name, from)]
			a.parent, a.next = el, Node(b.other.Len())
		}
		b.open = el
		b.kids = append(b.kids, 0)
		if len(b.ids) > maxNames {
			return limit(e, "the document has too many different names")
		}
	case safe.End:
		n := &t.nodes[b.open]
		last := len(b.kids) - 1
		if b.kids[last] > manyChildren {
			n.label |= wide
			t.wide = append(t.wide, b.open)
		}
		b.kids = b.kids[:last]
		n.next = Node(len(t.nodes))
		b.open = n.parent
	case safe.Text:
		b.character(e)
	case safe.Comment:
		b.note(Comment, e.Value, 0)
	case safe.PI:
		b.note(PI, e.Value, b.target(e.Target))
	}
	return nil
}

// character adds character data. The data model has no adjacent text nodes, but a scan may give a text in several
// events.
func (b *Builder) character(e *safe.Event) {
	if b.open == 0 || len(e.Value) == 0 {
		return // white space around the top element
	}
	last := &b.t.nodes[len(b.t.nodes)-1]
	from := int32(b.text.Len())
	b.text.Write(e.Value)
	if last.label.kind() != Text || last.parent != b.open {
		b.addNode(labelOf(Text, 0), from)
	}
}

func (b *Builder) addNode(l label, from int32) Node {
	id := Node(len(b.t.nodes))
	b.t.nodes = append(b.t.nodes, node{label: l, parent: b.open, next: id + 1, from: from})
	if l.kind() != Attr {
		b.kids[len(b.kids)-1]++
	}
	return id
}

// named adds an element or attribute.
func (b *Builder) named(k Kind, name safe.Name, from int32) Node {
	ref := b.ref(name)
	n := b.addNode(labelOf(k, int32(ref.id)), from)
	if ref.id < own {
		b.t.indexed++
	}
	if ref.odd != 0 {
		b.t.nodes[n].label |= odd
		b.t.odd = append(b.t.odd, oddName{n, ref.odd})
	}
	return n
}

// note adds a comment or an instruction.
func (b *Builder) note(k Kind, value []byte, target int32) {
	from := int32(b.other.Len())
	b.other.Write(value)
	b.addNode(labelOf(k, int32(len(b.t.notes))), int32(b.text.Len()))
	b.t.notes = append(b.t.notes, note{from, int32(b.other.Len()), target})
}

// ref returns the number of a name, and how it is written if a node before has written it differently.
func (b *Builder) ref(name safe.Name) nameRef {
	if r, ok := b.ids[name]; ok {
		return r
	}
	n := Name{name.Space, name.Local}
	// The names of this document come first: rules that are compiled meanwhile may have entered the name in the
	// table, but within one tree it must keep one number.
	id, ok := b.own[n]
	if !ok {
		if id, ok = b.t.names.find(n); !ok && b.enter {
			id, ok = b.t.names.ID(strings.Clone(n.Space), strings.Clone(n.Local)), true
		}
		if ok {
			b.t.mark(id)
		} else {
			id = b.unknown(n)
		}
	}
	text := name.Local
	if name.Prefix != "" {
		text = name.Prefix + ":" + text
	}
	r := nameRef{id: id}
	if _, there := b.t.first[id]; there {
		r.odd = b.write(text)
	} else {
		b.t.first[id] = b.write(text)
	}
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

// mark records that a name of the table occurs, for Has.
func (t *Tree) mark(id NameID) {
	for int(id>>6) >= len(t.present) {
		t.present = append(t.present, 0)
	}
	t.present[id>>6] |= 1 << (id & 63)
}

// Has reports whether an element or attribute with this name of the table occurs: nearly all paths of a rule file can
// be given up at once by it.
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
		nameMaps.Put(b.ids)
	}
	b.ids = nil
	t.nodes[0].next = Node(len(t.nodes))
	if b.kids[0] > manyChildren { // by comments and instructions around the top element
		t.nodes[0].label |= wide
		t.wide = append(t.wide, 0)
	}
	slices.Sort(t.wide) // they were entered as they ended; Children searches them by number
	return t
}

// Len returns the number of nodes.
func (t *Tree) Len() int { return len(t.nodes) }

// Kind returns the kind of n.
func (t *Tree) Kind(n Node) Kind { return t.nodes[n].label.kind() }

// Is reports whether n is an element or attribute, as kind says, with a name.
func (t *Tree) Is(n Node, kind Kind, id NameID) bool {
	return t.nodes[n].label&^(wide|odd) == labelOf(kind, int32(id)) // one comparison: rules ask for little else
}

// NameID returns the number of the name of an element or attribute, 0 for other nodes.
func (t *Tree) NameID(n Node) NameID {
	if w := t.nodes[n].label; w.kind() == Element || w.kind() == Attr {
		return w.name()
	}
	return 0
}

// Name returns the name of an element or attribute; the local name of an instruction is its target.
func (t *Tree) Name(n Node) Name {
	id := t.NameID(n)
	switch {
	case t.Kind(n) == PI:
		return Name{Local: t.Written(n)}
	case id == 0:
		return Name{}
	case id >= own:
		return t.local[id-own]
	}
	return t.names.name(id)
}

// Written returns the name of an element, attribute or instruction as it is written, prefix:local or local; "" for
// other nodes.
func (t *Tree) Written(n Node) string {
	w := t.nodes[n].label
	switch {
	case w.kind() == PI:
		return t.written[t.notes[w.name()].target]
	case w.kind() != Element && w.kind() != Attr:
		return ""
	case w&odd != 0:
		i, _ := slices.BinarySearchFunc(t.odd, n, func(o oddName, n Node) int { return cmp.Compare(o.node, n) })
		return t.written[t.odd[i].written]
	}
	return t.written[t.first[w.name()]]
}

// Parent returns the parent; None for the document node.
func (t *Tree) Parent(n Node) Node {
	if n == 0 {
		return None
	}
	return t.nodes[n].parent
}

// Next returns the first node behind n and everything in it. That is its next sibling, unless n is the last child.
func (t *Tree) Next(n Node) Node {
	if d := &t.nodes[n]; d.label.kind() != Attr {
		return d.next
	}
	return n + 1
}

// FirstChild returns the first child of n, or None.
func (t *Tree) FirstChild(n Node) Node {
	d := &t.nodes[n]
	if d.label.kind() == Attr {
		return None
	}
	for c := n + 1; c < d.next; c++ {
		if t.nodes[c].label.kind() != Attr {
			return c
		}
	}
	return None
}

// NextSibling returns the next sibling of n, or None. Attributes have no siblings.
func (t *Tree) NextSibling(n Node) Node {
	d := &t.nodes[n]
	if d.label.kind() == Attr || n == 0 || d.next >= t.nodes[d.parent].next {
		return None
	}
	return d.next
}

// Value returns the string value of n, without a copy: all text of the document stands in one string in document
// order, so that the text within an element is one piece of it, from where n begins to where the node behind it does.
func (t *Tree) Value(n Node) string {
	d := &t.nodes[n]
	switch d.label.kind() {
	case Attr:
		return t.other[d.from:d.next]
	case Comment, PI:
		x := t.notes[d.label.name()]
		return t.other[x.from:x.to]
	}
	if int(d.next) == len(t.nodes) {
		return t.text[d.from:]
	}
	return t.text[d.from:t.nodes[d.next].from] // the node behind is no attribute, whose from means something else
}

// Offset returns where an element starts in the document's UTF-8 form, in bytes; for other nodes, where their parent
// does.
func (t *Tree) Offset(n Node) int64 {
	for n > 0 && t.Kind(n) != Element {
		n = t.nodes[n].parent
	}
	return t.places.of(t, n)
}

// Bytes returns how much memory the tree takes. The indexes count, whether they are made already or not.
func (t *Tree) Bytes() int64 {
	n := int64(cap(t.nodes))*nodeBytes + int64(len(t.text)+len(t.other)) + t.places.bytes()
	n += int64(cap(t.notes))*noteBytes + int64(cap(t.odd))*8
	return n + int64(len(t.written)+len(t.local))*nameBytes + int64(t.indexed)*2*indexBytes
}

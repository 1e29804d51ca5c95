package safe

import (
	"bytes"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
)

// Doc is an immutable document: nodes in document order in one array, their values as pieces of one buffer. A subtree
// is the range of indexes from a node to its next, which is how all of it is walked.
type Doc struct {
	buf   []byte // the document in UTF-8
	extra []byte // values that differ from their bytes in buf
	nodes []node
	attrs []attr
	decls []decl
	names []Name
	strs  []string
	ids   map[string]int32 // wsu:Id to element; strict profiles only
	work  int64
}

type node struct {
	kind       Kind
	name       int32 // Element: index into names
	parent     int32
	next       int32 // index behind the last descendant
	a0, d0     int32 // first attribute and declaration
	an, dn     int32
	value      span // Text, Comment, PI
	target     span // PI
	start, end int32
}

// Read builds the tree of the document in r, or returns an *Error.
func Read(r io.Reader, p Profile) (*Doc, error) {
	src, enc, err := decode(r, p)
	if err != nil {
		return nil, err
	}
	limit := min(p.limits().total, math.MaxInt32-1) // offsets in nodes have 32 bits
	b, err := io.ReadAll(io.LimitReader(src, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &Error{Rule: "SEC-035", Msg: "the document is too large", Line: 1, Col: 1, Limit: true}
	}
	return build(b, enc, p)
}

// Parse is Read for a document in memory. The Doc may keep b, which must not change.
func Parse(b []byte, p Profile) (*Doc, error) {
	if p.strict() && len(b) > 0 && b[0] == '<' && (len(b) < 2 || b[1] != 0) { // UTF-8 without byte order mark: no copy
		if int64(len(b)) > p.limits().total {
			return nil, &Error{Rule: "SEC-035", Msg: "the document is too large", Line: 1, Col: 1, Limit: true}
		}
		return build(b, encUTF8, p)
	}
	return Read(bytes.NewReader(b), p)
}

func build(b []byte, enc string, p Profile) (*Doc, error) {
	t := newTokenizer(p)
	defer func() { t.names.release() }()
	t.buf, t.enc, t.eof, t.tree = b, enc, true, true
	bd := builder{t: t, d: &Doc{buf: b, nodes: make([]node, 1, 64+len(b)/64)}}
	if p.strict() {
		bd.seen = map[string]int32{}
		bd.d.ids = map[string]int32{}
	}
	for {
		err := t.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = bd.addToken()
		}
		if err != nil {
			return nil, err
		}
	}
	d := bd.d
	d.nodes[0].next = int32(len(d.nodes))
	d.nodes[0].end = int32(len(b))
	d.extra, d.names, d.strs, d.work = t.extra, slices.Clip(t.names.list), slices.Clip(t.names.strs), t.work
	return d, nil
}

// builder makes nodes from tokens.
type builder struct {
	t    *tokenizer
	d    *Doc
	cur  int32            // the open element
	seen map[string]int32 // every id-like value, strict profiles (SEC-042)
}

func (b *builder) addToken() error {
	tok, d := &b.t.tok, b.d
	n := node{
		kind: tok.kind, parent: b.cur, value: tok.value, target: tok.target,
		start: int32(tok.start), end: int32(tok.end),
	}
	id := int32(len(d.nodes))
	switch tok.kind {
	case End:
		d.nodes[b.cur].next = id
		d.nodes[b.cur].end = int32(tok.end)
		b.cur = d.nodes[b.cur].parent
		return nil
	case Text:
		if last := id - 1; last > b.cur && d.nodes[last].kind == Text && d.nodes[last].parent == b.cur {
			b.join(&d.nodes[last], tok)
			return nil
		}
	case Element:
		n.name = tok.name
		n.a0, n.an = int32(len(d.attrs)), int32(len(tok.attrs))
		n.d0, n.dn = int32(len(d.decls)), int32(len(tok.decls))
		d.attrs = append(d.attrs, tok.attrs...)
		d.decls = append(d.decls, tok.decls...)
		if b.seen != nil {
			if err := b.index(id, tok); err != nil {
				return err
			}
		}
		b.cur = id
	}
	n.next = id + 1
	d.nodes = append(d.nodes, n)
	return nil
}

// join appends a text to the preceding text, because CDATA sections and dropped comments split one text into several
// tokens. A joined text lies at the end of extra and grows there, so that joining many costs no more than their length;
// copying the text before each time would take quadratic time.
func (b *builder) join(n *node, tok *token) {
	t := b.t
	v := t.bytes(tok.value)
	own := tok.value.off < 0 && int(^tok.value.off)+len(v) == len(t.extra) // v was decoded to the end of extra
	end := len(t.extra)                                                    // where the text before must end to grow
	if own {
		end -= len(v)
	}
	if n.value.off < 0 && int(^n.value.off)+int(n.value.n) == end {
		if !own {
			t.extra = append(t.extra, v...)
		}
		n.value.n += int32(len(v))
	} else {
		old, start := t.bytes(n.value), len(t.extra)
		t.extra = append(append(t.extra, old...), v...)
		n.value = span{^int32(start), int32(len(t.extra) - start)}
	}
	n.end = int32(tok.end)
}

// index records the ids of an element. All of wsu:Id, xml:id, Id, ID and id together must be unique, short ASCII names,
// and an element must not have two different ones, so that no two readers find different elements for an id (SEC-042).
// ByID finds only wsu:Id.
func (b *builder) index(id int32, tok *token) error {
	own := ""
	for _, a := range tok.attrs {
		n := b.t.names.list[a.name]
		wsu := n.Space == nsWSU && n.Local == "Id"
		plain := n.Space == "" && (n.Local == "Id" || n.Local == "ID" || n.Local == "id")
		if !wsu && !plain && !(n.Space == nsXML && n.Local == "id") {
			continue
		}
		v := string(b.t.bytes(a.value))
		ascii := strings.IndexFunc(v, func(r rune) bool { return r > '~' }) < 0
		if len(v) > 128 || nameLen([]byte(v)) != len(v) || v == "" || !ascii {
			return b.t.fail(0, "SEC-042", "an id is not a short ASCII name")
		}
		if own != "" && own != v {
			return b.t.fail(0, "SEC-042", "an element has two different ids")
		}
		if at, ok := b.seen[v]; ok && at != id {
			return b.t.fail(0, "SEC-042", "an id occurs twice")
		}
		own = v
		b.seen[v] = id
		if wsu {
			b.d.ids[v] = id
		}
	}
	return nil
}

func (d *Doc) bytes(s span) []byte {
	if s.off < 0 {
		return d.extra[^s.off:][:s.n:s.n]
	}
	return d.buf[s.off:][:s.n:s.n]
}

// Root returns the document node; its children are the top element and the comments and instructions around it.
func (d *Doc) Root() Node { return Node{d, 0} }

// Top returns the top element of the document.
func (d *Doc) Top() Node {
	for n := range d.Root().Children() {
		if n.Kind() == Element {
			return n
		}
	}
	return Node{}
}

// ByID returns the element with this wsu:Id, in the strict profiles (SEC-042).
func (d *Doc) ByID(id string) (Node, bool) {
	i, ok := d.ids[id]
	if !ok {
		return Node{}, false
	}
	return Node{d, i}, true
}

// Len returns the number of nodes.
func (d *Doc) Len() int { return len(d.nodes) }

// Work returns how many bytes were looked at, counting repeated looks. Tests prove SEC-036 with it.
func (d *Doc) Work() int64 { return d.work }

// Node is one node of a Doc. The zero Node is no node. Nodes are comparable: equal means the same place.
type Node struct {
	d *Doc
	i int32
}

func (n Node) n() *node { return &n.d.nodes[n.i] }

// IsZero reports whether n is no node.
func (n Node) IsZero() bool { return n.d == nil }

// Doc returns the document of n.
func (n Node) Doc() *Doc { return n.d }

// Index returns the position of n in document order; that of Root is 0.
func (n Node) Index() int { return int(n.i) }

// Kind returns the kind of n.
func (n Node) Kind() Kind { return n.n().kind }

// Name returns the name of an element, the zero Name for other nodes.
func (n Node) Name() Name {
	if n.d == nil || n.n().kind != Element {
		return Name{}
	}
	return n.d.names[n.n().name]
}

// Is reports whether n is an element with this namespace and local name.
func (n Node) Is(space, local string) bool { return n.d != nil && n.Name().Is(space, local) }

// Parent returns the parent, the zero Node for Root.
func (n Node) Parent() Node {
	if n.i == 0 {
		return Node{}
	}
	return Node{n.d, n.n().parent}
}

// Children yields all children in document order.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.d == nil {
			return
		}
		for i := n.i + 1; i < n.n().next; i = n.d.nodes[i].next {
			if !yield(Node{n.d, i}) {
				return
			}
		}
	}
}

// Elements returns the child elements.
func (n Node) Elements() []Node {
	var out []Node
	for c := range n.Children() {
		if c.Kind() == Element {
			out = append(out, c)
		}
	}
	return out
}

// Child returns the only child element with this name; ok is false if there is none or more than one.
func (n Node) Child(space, local string) (c Node, ok bool) {
	for e := range n.Children() {
		if e.Is(space, local) {
			if ok {
				return Node{}, false
			}
			c, ok = e, true
		}
	}
	return c, ok
}

// End returns the index behind the last descendant of n: n.Index()+1 to n.End()-1 are its descendants.
func (n Node) End() int { return int(n.n().next) }

// At returns the node with this index.
func (d *Doc) At(i int) Node { return Node{d, int32(i)} }

// Attr is an attribute with its normalised value.
type Attr struct {
	Name  Name
	Value string
}

// Attrs yields the attributes in the order they were written, without namespace declarations.
func (n Node) Attrs() iter.Seq2[Name, []byte] {
	return func(yield func(Name, []byte) bool) {
		if n.d == nil || n.n().kind != Element {
			return
		}
		nd := n.n()
		for _, a := range n.d.attrs[nd.a0:][:nd.an] {
			if !yield(n.d.names[a.name], n.d.bytes(a.value)) {
				return
			}
		}
	}
}

// Attr returns the value of an attribute; the namespace of unprefixed attributes is "".
func (n Node) Attr(space, local string) (string, bool) {
	for name, v := range n.Attrs() {
		if name.Is(space, local) {
			return string(v), true
		}
	}
	return "", false
}

// Decls yields the namespace declarations written on the element: prefix ("" for the default) and URI ("" for none).
func (n Node) Decls() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if n.d == nil || n.n().kind != Element {
			return
		}
		nd := n.n()
		for _, d := range n.d.decls[nd.d0:][:nd.dn] {
			if !yield(n.d.strs[d.prefix], n.d.strs[d.uri]) {
				return
			}
		}
	}
}

// Value returns the content of a text, comment or instruction, with references resolved; it must not be changed.
func (n Node) Value() []byte { return n.d.bytes(n.n().value) }

// Target returns the target of a processing instruction.
func (n Node) Target() []byte { return n.d.bytes(n.n().target) }

// Text returns the character data of all descendants, joined.
func (n Node) Text() string {
	if n.d == nil {
		return ""
	}
	if nd := n.n(); nd.kind == Text {
		return string(n.Value())
	}
	var b strings.Builder
	for i := n.i + 1; i < n.n().next; i++ {
		if nd := &n.d.nodes[i]; nd.kind == Text {
			b.Write(n.d.bytes(nd.value))
		}
	}
	return b.String()
}

// Leaf returns the character data of an element without child elements; ok is false if it has any. Values that decide
// something are read with it rather than with Text, which joins what two readers may take apart differently.
func (n Node) Leaf() (s string, ok bool) {
	for c := range n.Children() {
		if c.Kind() == Element {
			return "", false
		}
	}
	return n.Text(), n.d != nil
}

// Raw returns the bytes of n in the document (in UTF-8); they must not be changed.
func (n Node) Raw() []byte { return n.d.buf[n.n().start:n.n().end] }

// Offset returns where n starts in the document's UTF-8 form, in bytes.
func (n Node) Offset() int { return int(n.n().start) }

// Pos returns line and column of n, from 1, the column in bytes.
func (n Node) Pos() (line, col int) {
	before := n.d.buf[:n.n().start]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - bytes.LastIndexByte(before, '\n')
}

package dsig

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

const nsXML = "http://www.w3.org/XML/1998/namespace"

// A Canon says how to write a document or subtree in canonical form: Canonical XML 1.0 or Exclusive XML
// Canonicalization 1.0.
type Canon struct {
	Method   string    // Exclusive, Inclusive, or one of them with comments
	Prefixes []string  // PrefixList of exclusive form; "#default" is the default namespace (AS4-063)
	Without  safe.Node // a subtree to leave out: the signature, for the enveloped-signature transform
}

// Write writes the canonical form of apex, an element or the root of a document, and returns how many nodes it visited.
func (c Canon) Write(w io.Writer, apex safe.Node) (visits int, err error) {
	if apex.IsZero() {
		return 0, errors.New("dsig: nothing to canonicalize")
	}
	x, err := c.writer(w)
	if err != nil {
		return 0, err
	}
	x.walk(apex, c.Without)
	x.flush(0)
	return x.visits, x.err
}

// writer makes the state of one canonicalization.
func (c Canon) writer(w io.Writer) (*writer, error) {
	x := &writer{out: w, buf: make([]byte, 0, 4096), scope: map[string]string{}, rendered: map[string]string{}}
	switch c.Method {
	case ExclusiveWithComments, InclusiveWithComments:
		x.comments = true
	case Exclusive, Inclusive:
	default:
		return nil, fail(ErrAlgorithm, "SEC-046", "no such canonicalization")
	}
	if c.Method == Exclusive || c.Method == ExclusiveWithComments {
		x.exclusive = true
		for _, p := range c.Prefixes {
			if p == "#default" {
				p = ""
			}
			x.prefixes = append(x.prefixes, p)
		}
	}
	return x, nil
}

// Stream writes the exclusive canonical form, without comments, of the whole document in r, in constant memory. It is
// the form in which an uncompressed XML attachment is digested (AS4-071).
func Stream(w io.Writer, r io.Reader) error {
	x, err := Canon{Method: Exclusive}.writer(w)
	if err != nil {
		return err
	}
	err = safe.Scan(r, safe.Document, func(ev *safe.Event) error {
		switch ev.Kind {
		case safe.Element:
			x.openElement(ev.Name, 0)
			for _, d := range ev.Decls {
				x.set(x.scope, d.Prefix, d.URI)
			}
			for i := range ev.Attrs {
				x.addAttr(ev.Attrs[i].Name, []byte(ev.Attrs[i].Value))
			}
			x.visible(ev.Name)
			x.tag(ev.Name)
		case safe.End:
			x.endTag()
		case safe.Text:
			x.text(ev.Value)
		case safe.PI:
			x.outer(ev.Depth == 0, "<?", []byte(ev.Target), ev.Value, "?>")
		}
		x.flush(4096)
		return x.err
	})
	x.flush(0)
	if err != nil {
		return err
	}
	return x.err
}

// Bytes returns the canonical form of apex.
func (c Canon) Bytes(apex safe.Node) ([]byte, error) {
	var b buffer
	if _, err := c.Write(&b, apex); err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, fail(ErrStructure, "SEC-046", "the canonical form is empty")
	}
	return b, nil
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// writer is one canonicalization in progress.
type writer struct {
	out       io.Writer
	err       error
	buf       []byte
	exclusive bool
	comments  bool
	prefixes  []string          // exclusive form: treated as in inclusive form
	scope     map[string]string // namespaces in scope, by prefix
	rendered  map[string]string // namespaces as the output has them at this point
	undo      []undo
	open      []element
	ns        []nsDecl // of the element being written
	attrs     []attribute
	top       bool // the top element was begun: a comment or instruction outside of it now stands behind it
	visits    int
}

// undo restores one entry of scope or rendered when the element ends that changed it. Copying the maps for each element
// would take time for the depth of the document.
type undo struct {
	m      map[string]string
	prefix string
	old    string
	had    bool
}

type element struct {
	end  int // index behind its last descendant, when a tree is walked
	name safe.Name
	mark int // length of undo before it
}

type nsDecl struct{ prefix, uri string }

type attribute struct {
	name  safe.Name
	value []byte
}

// walk visits each node of the subtree once, in document order. It does not recurse: an element is closed when the walk
// reaches the index behind its last descendant.
func (x *writer) walk(apex, without safe.Node) {
	d := apex.Doc()
	x.inherit(apex)
	for i, end := apex.Index(), apex.End(); i < end; {
		x.closeUntil(i)
		n := d.At(i)
		x.visits++
		if n == without {
			i = n.End()
			continue
		}
		switch n.Kind() {
		case safe.Element:
			x.startTag(n, n == apex)
		case safe.Text:
			x.text(n.Value())
		case safe.Comment:
			if x.comments {
				x.outer(outside(n), "<!--", nil, n.Value(), "-->")
			}
		case safe.PI:
			x.outer(outside(n), "<?", n.Target(), n.Value(), "?>")
		}
		i++
		x.flush(4096)
	}
	x.closeUntil(apex.End())
}

// inherit collects the namespaces that are in scope at the apex from its ancestors, the outermost first, so that inner
// declarations replace outer ones. Nothing of it is ever undone.
func (x *writer) inherit(apex safe.Node) {
	var up []safe.Node
	for p := apex.Parent(); !p.IsZero(); p = p.Parent() {
		up = append(up, p)
	}
	for _, p := range slices.Backward(up) {
		for prefix, uri := range p.Decls() {
			x.scope[prefix] = uri
		}
	}
	x.undo = x.undo[:0]
}

// set changes an entry of scope or rendered until the current element ends.
func (x *writer) set(m map[string]string, prefix, uri string) {
	old, had := m[prefix]
	x.undo = append(x.undo, undo{m, prefix, old, had})
	m[prefix] = uri
}

// closeUntil writes the end tags of all elements that end before index i.
func (x *writer) closeUntil(i int) {
	for len(x.open) > 0 && x.open[len(x.open)-1].end <= i {
		x.endTag()
	}
}

// endTag writes the end tag of the innermost element.
func (x *writer) endTag() {
	e := x.open[len(x.open)-1]
	x.open = x.open[:len(x.open)-1]
	x.buf = append(appendName(append(x.buf, "</"...), e.name), '>')
	for j := len(x.undo) - 1; j >= e.mark; j-- {
		if u := x.undo[j]; u.had {
			u.m[u.prefix] = u.old
		} else {
			delete(u.m, u.prefix)
		}
	}
	x.undo = x.undo[:e.mark]
}

// startTag writes the start tag of n.
func (x *writer) startTag(n safe.Node, apex bool) {
	name := n.Name()
	x.openElement(name, n.End())
	for prefix, uri := range n.Decls() {
		x.set(x.scope, prefix, uri)
		if !x.exclusive && !apex {
			x.declare(prefix)
		}
	}
	for name, value := range n.Attrs() {
		x.addAttr(name, value)
	}
	switch {
	case x.exclusive:
		x.visible(name)
	case apex:
		for prefix := range x.scope {
			x.declare(prefix)
		}
		x.inheritXML(n)
	}
	x.tag(name)
}

// openElement opens an element, whose declarations and attributes are added before tag writes them.
func (x *writer) openElement(name safe.Name, end int) {
	x.top = true
	x.open = append(x.open, element{end: end, name: name, mark: len(x.undo)})
	x.ns, x.attrs = x.ns[:0], x.attrs[:0]
}

func (x *writer) addAttr(name safe.Name, value []byte) {
	x.attrs = append(x.attrs, attribute{name, value})
}

// visible declares the prefixes that an element uses visibly, and those of the PrefixList (Exclusive XML
// Canonicalization §3).
func (x *writer) visible(name safe.Name) {
	for _, a := range x.attrs {
		if a.name.Prefix != "" {
			x.declare(a.name.Prefix)
		}
	}
	x.declare(name.Prefix)
	for _, p := range x.prefixes {
		x.declare(p)
	}
}

// declare puts the declaration of prefix before the element's attributes, unless the output has the same one already.
func (x *writer) declare(prefix string) {
	if prefix == "xml" {
		return
	}
	uri, ok := x.scope[prefix]
	if !ok && prefix != "" || uri == x.rendered[prefix] {
		return
	}
	x.set(x.rendered, prefix, uri)
	x.ns = append(x.ns, nsDecl{prefix, uri})
}

// inheritXML gives the apex of an inclusive form the xml: attributes of its ancestors (Canonical XML 1.0 §2.4).
func (x *writer) inheritXML(n safe.Node) {
	for p := n.Parent(); !p.IsZero(); p = p.Parent() {
		for name, value := range p.Attrs() {
			if name.Space == nsXML && !slices.ContainsFunc(x.attrs, func(a attribute) bool { return a.name == name }) {
				x.attrs = append(x.attrs, attribute{name, value})
			}
		}
	}
}

// tag writes the start tag with declarations by prefix and attributes by namespace and local name.
func (x *writer) tag(name safe.Name) {
	slices.SortFunc(x.ns, func(a, b nsDecl) int { return strings.Compare(a.prefix, b.prefix) })
	slices.SortFunc(x.attrs, func(a, b attribute) int {
		return cmp.Or(strings.Compare(a.name.Space, b.name.Space), strings.Compare(a.name.Local, b.name.Local))
	})
	b := appendName(append(x.buf, '<'), name)
	for _, d := range x.ns {
		b = append(b, " xmlns"...)
		if d.prefix != "" {
			b = append(append(b, ':'), d.prefix...)
		}
		b = append(safe.AppendAttr(append(b, `="`...), d.uri), '"')
	}
	for _, a := range x.attrs {
		b = appendName(append(b, ' '), a.name)
		b = append(safe.AppendAttr(append(b, `="`...), a.value), '"')
	}
	x.buf = append(b, '>')
}

func (x *writer) text(v []byte) { x.buf = safe.AppendText(x.buf, v) }

func outside(n safe.Node) bool { return n.Parent().Kind() == safe.Root }

// outer writes a comment or instruction; outside the top element each stands on a line of its own, before or after it.
func (x *writer) outer(outside bool, before string, target, value []byte, after string) {
	if outside && x.top {
		x.buf = append(x.buf, '\n')
	}
	x.buf = append(append(x.buf, before...), target...)
	if len(target) > 0 && len(value) > 0 {
		x.buf = append(x.buf, ' ')
	}
	x.buf = append(append(x.buf, value...), after...)
	if outside && !x.top {
		x.buf = append(x.buf, '\n')
	}
}

// flush writes the buffer out if it holds more than n bytes. After an error it drops it: the error is returned at the
// end.
func (x *writer) flush(n int) {
	if len(x.buf) > n && x.err == nil {
		_, x.err = x.out.Write(x.buf)
	}
	if len(x.buf) > n {
		x.buf = x.buf[:0]
	}
}

func appendName(b []byte, n safe.Name) []byte {
	if n.Prefix != "" {
		b = append(append(b, n.Prefix...), ':')
	}
	return append(b, n.Local...)
}

package safe

import "sync"

// names interns strings and expanded names, so that nodes hold small numbers, and knows which prefix is bound to which
// namespace. Bindings that an element makes are undone from a list when it ends; no map is copied for an element.
type names struct {
	ids     map[string]int32
	strs    []string
	bound   []int32 // by prefix id: id of the namespace, 0 when unbound
	undo    []binding
	exp     map[qname]int32
	list    []Name
	bytes   int
	pending []qname // attribute names of the tag being read
}

type qname struct{ prefix, local, space int32 }

type binding struct{ prefix, old int32 }

// Limits on the names that a document may make us remember, far above any real vocabulary.
const (
	maxNames     = 200_000
	maxNameBytes = 16 << 20
)

func newNames() *names {
	n := &names{ids: map[string]int32{"": 0}, strs: []string{""}, bound: []int32{0}, exp: map[qname]int32{}}
	n.bind(n.id([]byte("xml")), n.id([]byte(nsXML)))
	n.undo = n.undo[:0]
	return n
}

// vocabularies are pooled, because most documents that a server reads use the same names. A Doc keeps the part of the
// lists that existed when it was made; later documents only append to them, so that the Doc never sees a change.
var vocabularies = sync.Pool{New: func() any { return newNames() }}

// Limits on a vocabulary that goes back to the pool, so that no hostile document leaves its names behind.
const (
	maxKept      = 4096
	maxKeptBytes = 256 << 10
)

// release makes the vocabulary available to other documents, with no prefix bound.
func (n *names) release() {
	if len(n.strs) > maxKept || len(n.list) > maxKept || n.bytes > maxKeptBytes {
		return
	}
	n.unbind(0)
	n.pending = n.pending[:0]
	vocabularies.Put(n)
}

// id interns b; id 0 is "".
func (n *names) id(b []byte) int32 {
	if id, ok := n.ids[string(b)]; ok {
		return id
	}
	id := int32(len(n.strs))
	s := string(b)
	n.ids[s] = id
	n.strs = append(n.strs, s)
	n.bound = append(n.bound, 0)
	n.bytes += len(s)
	return id
}

func (n *names) full() bool {
	return len(n.strs) > maxNames || len(n.list) > maxNames || n.bytes > maxNameBytes
}

func (n *names) bind(prefix, uri int32) {
	n.undo = append(n.undo, binding{prefix, n.bound[prefix]})
	n.bound[prefix] = uri
}

// unbind undoes the declarations made since undo had the length mark, the last one first.
func (n *names) unbind(mark int) {
	for i := len(n.undo) - 1; i >= mark; i-- {
		n.bound[n.undo[i].prefix] = n.undo[i].old
	}
	n.undo = n.undo[:mark]
}

// expand interns an expanded name.
func (n *names) expand(q qname) int32 {
	if id, ok := n.exp[q]; ok {
		return id
	}
	id := int32(len(n.list))
	n.exp[q] = id
	n.list = append(n.list, Name{Space: n.strs[q.space], Prefix: n.strs[q.prefix], Local: n.strs[q.local]})
	return id
}

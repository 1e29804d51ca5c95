// Package xdm is the tree that rules are evaluated on: the data model of XPath 2.0 for a document without a schema, in a few
// arrays. Nodes are numbered in document order, attributes right behind their element, and the string value of an element
// is a piece of one string, so that reading it costs nothing.
package xdm

import "sync"

// Name is an expanded name.
type Name struct{ Space, Local string }

// NameID is the number of an expanded name; 0 is no name. Equal names of one Names, and of the trees built with it, have
// equal numbers.
type NameID int32

// Names is what rule files have in common: numbers for the names that they speak of, and their lists of strings. It grows
// only when rules are loaded, never with a document: names that no rule knows get numbers of their tree's own. Rules that
// are to see a tree must be compiled before it is built.
type Names struct {
	mu   sync.RWMutex
	ids  map[Name]NameID
	list []Name
	sets sync.Map // [sha256.Size]byte to weak.Pointer[StringSet]
}

// own is the first number of names that only one tree knows.
const own NameID = 1 << 26

// NewNames returns an empty table.
func NewNames() *Names { return &Names{ids: map[Name]NameID{}, list: make([]Name, 1)} }

// ID returns the number of a name, entering it when it is new.
func (n *Names) ID(space, local string) NameID {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := Name{space, local}
	id, ok := n.ids[name]
	if !ok {
		id = NameID(len(n.list))
		n.ids[name] = id
		n.list = append(n.list, name)
	}
	return id
}

// find returns the number of a name that rules speak of.
func (n *Names) find(name Name) (NameID, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.ids[name]
	return id, ok
}

// name returns the name with a number of this table.
func (n *Names) name(id NameID) Name {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.list[id]
}

// Package xdm is a tree for evaluating XPath: the data model of XPath 2.0 for a document without a schema, in a few
// arrays and about 20 bytes for each node. Nodes are numbers in document order, attributes right behind their
// element, so that order is a comparison and a subtree is a range; the string value of an element is a piece of one
// string.
//
// Parse builds a tree of a document in memory; a Builder does so from the events of a scan. Both need the table of
// Names with which the expressions for the tree were compiled. SizeOf and ReadSize tell beforehand how large a tree
// can become.
package xdm

import "sync"

// Name is an expanded name.
type Name struct{ Space, Local string }

// NameID is the number of an expanded name; 0 is no name. Equal names of one Names, and of the trees built with it,
// have equal numbers.
type NameID int32

// Names is a table that compiled expressions share: numbers for the names that they use, and their lists of strings.
// It grows when expressions are compiled, never with a document to validate, which could fill it: a name that is not
// in the table gets a number that only its tree knows. Expressions must therefore be compiled before the trees that
// they are to see are built.
type Names struct {
	mu   sync.RWMutex
	ids  map[Name]NameID
	list []Name
	sets sync.Map // [sha256.Size]byte to weak.Pointer[StringSet]
}

// own is the first number of names that only one tree knows; smaller ones are of the table.
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

// find returns the number of a name if it is in the table.
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

package xpath

import (
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Rules may read documents of their own, such as code lists: document('codes.xml')//code. A node is named by its
// number in its tree and by the number of the tree, in the upper half of Item.n: 0 is the document that the rules are
// evaluated on, and the others follow in the order in which the expressions name them. That order is the one of their
// nodes too, so that comparing the numbers of nodes is comparing their order.
//
// One tree is in hand at a time (Evaluation.t). It is that of the context node; a step that goes on from a node of
// another tree takes that one and gives it back. Only rules that read documents ever change it.

// treeBits is how far the number of a tree stands above that of a node.
const treeBits = 32

// treeMask has the bits of the number of a tree.
const treeMask = -1 << treeBits

// Documents are documents that belong to the rules.
type Documents struct {
	open  func(name string) (*xdm.Tree, error)
	trees []*xdm.Tree
}

// documentNode returns the item of a node of the document.
func documentNode(n xdm.Node) Item { return Item{Type: NodeT, n: int64(n)} }

// node returns the item of a node of the tree in hand.
func (f *Evaluation) node(n xdm.Node) Item { return Item{Type: NodeT, n: f.tree | int64(n)} }

// hold takes the tree of a node in hand.
func (f *Evaluation) hold(n int64) {
	if (n^f.tree)>>treeBits != 0 {
		f.change(n)
	}
}

func (f *Evaluation) change(n int64) {
	f.tree, f.t = n&treeMask, f.doc
	if n >= 1<<treeBits {
		f.t = f.docs.trees[n>>treeBits-1]
	}
}

// treeOf returns the tree of a node.
func (f *Evaluation) treeOf(i *Item) *xdm.Tree {
	switch of := i.n >> treeBits; of {
	case f.tree >> treeBits:
		return f.t
	case 0:
		return f.doc
	default:
		return f.docs.trees[of-1]
	}
}

package xpath

// node is a node of the syntax tree of an expression: one of the types below. Some parse to forms that are compiled
// differently from how they are written: see simplified, oneOf and listTest.
type node interface{}

type (
	literal  struct{ item Item }
	variable struct{ name qname }
	context_ struct{}
	sequence struct{ list []node }
	binary   struct { // arithmetic, "to", and set operators
		op   string
		l, r node
	}
	negate  struct{ x node }
	compare struct {
		op   string // general: = != < <= > >=; value: eq ne lt le gt ge; nodes: is << >>
		l, r node
	}
	logic struct {
		and  bool
		l, r node
	}
	conditional struct{ cond, then, els node }
	binding     struct {
		name qname
		in   node
	}
	forExpr struct {
		binds []binding
		ret   node
	}
	quantified struct {
		every bool
		binds []binding
		cond  node
	}
	castExpr struct {
		x        node
		to       Type
		optional bool // an empty sequence is allowed
		test     bool // castable
	}
	instance struct {
		x     node
		of    seqType
		treat bool // treat as: the value itself, or an error
	}
	letExpr struct { // XPath 3.0 §3.11
		binds []binding
		ret   node
	}
	mapped struct{ l, r node } // l ! r, XPath 3.0 §3.14
	call   struct {
		name qname
		args []node
		pos  int
	}
	// path is a relative path when from is nil, else it begins at from.
	path struct {
		from  node // nil: the context item
		steps []step
	}
	root   struct{} // the document node
	filter struct {
		x     node
		preds []node
	}
)

// step is an axis step, or an expression used as a step.
type step struct {
	axis  axis
	test  nodeTest
	preds []node
	expr  node // if set, the step is this expression, and axis, test and preds are not used
}

type axis uint8

const (
	axisChild axis = iota
	axisAttribute
	axisSelf
	axisParent
	axisDescendant
	axisDescendantOrSelf
	axisAncestor
	axisAncestorOrSelf
	axisFollowing
	axisFollowingSibling
	axisPreceding
	axisPrecedingSibling
	axisDescendantAttribute // not of the standard: the attributes of a node and of its descendants, what //@x asks for
)

var axes = map[string]axis{
	"child": axisChild, "attribute": axisAttribute, "self": axisSelf, "parent": axisParent,
	"descendant": axisDescendant, "descendant-or-self": axisDescendantOrSelf,
	"ancestor": axisAncestor, "ancestor-or-self": axisAncestorOrSelf,
	"following": axisFollowing, "following-sibling": axisFollowingSibling, "preceding": axisPreceding,
	"preceding-sibling": axisPrecedingSibling,
}

// reverse reports whether positions on the axis count backwards.
func (a axis) reverse() bool {
	switch a {
	case axisParent, axisAncestor, axisAncestorOrSelf, axisPreceding, axisPrecedingSibling:
		return true
	}
	return false
}

type testKind uint8

const (
	testName  testKind = iota // an element, or an attribute on the attribute axis
	testNames                 // elements of one of several names: (a|b)
	testSpace                 // prefix:*
	testLocal                 // *:local
	testAny                   // *
	testNode                  // node()
	testText
	testComment
	testPI
	testElement   // element()
	testAttribute // attribute()
	testDocument  // document-node(), with the name of the top element when any is not set
)

type nodeTest struct {
	kind  testKind
	name  qname   // testName; testElement, testAttribute and testDocument when any is not set
	names []qname // testNames
	any   bool    // testElement, testAttribute: without a name
	pi    string
}

// qname is a name in an expression with its namespace resolved.
type qname struct{ space, local string }

// seqType is the type of a parameter, a result, or of instance of.
type seqType struct {
	empty    bool // empty-sequence()
	item     bool // item()
	node     bool
	test     nodeTest
	atomic   Type
	min, max int // number of items; max -1 means any number
}

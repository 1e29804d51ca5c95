package xpath

import "slices"

// mentions reports whether an expression may read a variable of this name. It also says yes when the name is bound
// again inside; a false yes only costs an optimisation.
func mentions(n node, name qname) bool {
	return anyNode(n, func(x node) bool {
		switch x := x.(type) {
		case variable:
			return x.name == name
		case forExpr:
			return slices.ContainsFunc(x.binds, func(b binding) bool { return b.name == name })
		case letExpr:
			return slices.ContainsFunc(x.binds, func(b binding) bool { return b.name == name })
		case quantified:
			return slices.ContainsFunc(x.binds, func(b binding) bool { return b.name == name })
		}
		return false
	})
}

// readsFocus reports whether an expression depends on the context item, its position or the number of items.
func readsFocus(n node) bool {
	return anyNode(n, func(x node) bool {
		switch x := x.(type) {
		case context_, root:
			return true
		case path:
			return x.from == nil
		case call:
			return len(x.args) == 0 && x.name.space == nsFn && x.name.local != "true" && x.name.local != "false"
		}
		return false
	})
}

// callsCurrent reports whether an expression is current() or its like, whose value is no part of the focus.
func callsCurrent(n node) bool {
	c, ok := n.(call)
	return ok && c.name.space == nsFn && outerFocus[c.name.local]
}

// outerFocus are the functions whose value a path or predicate does not change.
var outerFocus = map[string]bool{"current": true, "current-group": true, "current-grouping-key": true}

// anyNode reports whether an expression or a part of it fits.
func anyNode(n node, fits func(node) bool) bool {
	if n == nil {
		return false
	}
	return fits(n) || slices.ContainsFunc(parts(n), func(x node) bool { return anyNode(x, fits) })
}

// parts returns the operands of an expression.
func parts(n node) []node {
	var out []node
	binds := func(list []binding) {
		for _, b := range list {
			out = append(out, b.in)
		}
	}
	switch n := n.(type) {
	case sequence:
		return n.list
	case binary:
		return []node{n.l, n.r}
	case negate:
		return []node{n.x}
	case compare:
		return []node{n.l, n.r}
	case logic:
		return []node{n.l, n.r}
	case conditional:
		return []node{n.cond, n.then, n.els}
	case forExpr:
		binds(n.binds)
		return append(out, n.ret)
	case letExpr:
		binds(n.binds)
		return append(out, n.ret)
	case mapped:
		return []node{n.l, n.r}
	case quantified:
		binds(n.binds)
		return append(out, n.cond)
	case castExpr:
		return []node{n.x}
	case instance:
		return []node{n.x}
	case call:
		return n.args
	case filter:
		return append([]node{n.x}, n.preds...)
	case path:
		out = append(out, n.from)
		for _, s := range n.steps {
			out = append(append(out, s.expr), s.preds...)
		}
	}
	return out
}

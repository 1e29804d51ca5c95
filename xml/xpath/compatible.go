package xpath

import (
	"math"
	"slices"
)

// XPath 1.0 compatibility mode (XPath 2.0 §3.1.5, §3.4, §3.5.2): what XSLT 2.0 evaluates the expressions of a
// stylesheet of version 1.0 in. Such expressions are written in XPath 1.0, so nothing later is compiled.

// Compatible makes the compiler compile what comes in XPath 1.0 compatibility mode.
func (c *Compiler) Compatible() { c.compatible = true }

// firstKinds say what the arguments of the functions of XPath 1.0 become: i the first item, s a string, n a number, and
// - what they are. The last counts for further arguments.
var firstKinds = map[string]string{
	"last": "-", "position": "-", "count": "-", "id": "-", "sum": "-", "not": "-", "boolean": "-",
	"true": "-", "false": "-",
	"local-name": "i", "namespace-uri": "i", "name": "i", "string": "i", "number": "i",
	"concat": "s", "starts-with": "s", "contains": "s", "substring-before": "s", "substring-after": "s",
	"substring": "sn", "string-length": "s", "normalize-space": "s", "translate": "s", "floor": "n",
	"ceiling": "n", "round": "n",
	"current": "-", "format-number": "ns", "generate-id": "i", // of XSLT 1.0
}

// onlyOld fails for what XPath 1.0 does not have.
func onlyOld(n node) {
	what := ""
	switch n := n.(type) {
	case quantified, forExpr, conditional, castExpr, instance, letExpr, mapped:
		what = "an expression of XPath 2.0"
	case binary:
		if slices.Contains([]string{"to", "idiv", "intersect", "except"}, n.op) {
			what = "the operator " + n.op
		}
	case compare:
		if orderings[n.op] == 0 || n.op[0] >= 'a' {
			what = "the operator " + n.op
		}
	case call:
		if n.name.space != nsFn || firstKinds[n.name.local] == "" {
			what = "the function " + n.name.local
		}
	}
	if what != "" {
		fail(codeFunction, "%s is not supported in XPath 1.0 compatibility mode", what)
	}
}

// first is the first item of a value, not atomized.
func first(x *code) *code {
	c := fromPush(x.typ, func(f *Evaluation) {
		mark := len(f.st)
		x.push(f)
		f.drop(min(mark+1, len(f.st)))
	})
	c.opt = true
	return folded(c, x)
}

// firstString is the string of the first item, "" when there is none.
func firstString(x *code) *code {
	one := first(x)
	return folded(fromString(func(f *Evaluation) string {
		v, ok := one.atom(f)
		if !ok {
			return ""
		}
		return f.made(v.lexical())
	}), x)
}

// firstNumber is the number of the first item, NaN when there is none or it is no number.
func firstNumber(x *code) *code {
	return folded(numberFunctions["number"][1]([]*code{first(x)}), x)
}

// oldArguments makes the arguments of a function what it takes.
func oldArguments(name string, args []*code) {
	kinds := firstKinds[name]
	for i, a := range args {
		switch kinds[min(i, len(kinds)-1)] {
		case 'i':
			args[i] = first(a)
		case 's':
			args[i] = firstString(a)
		case 'n':
			args[i] = firstNumber(a)
		}
	}
}

// oldCompare compiles a comparison. One side that is a boolean makes a boolean of the other; else items are compared as
// numbers when the order is asked for or one of them is a number, and as strings otherwise.
func oldCompare(op string, l, r *code) *code {
	accept := orderings[op]
	return folded(fromTest(func(f *Evaluation) bool {
		mark := len(f.st)
		l.push(f)
		mid := len(f.st)
		r.push(f)
		left, right := f.st[mark:mid], f.st[mid:]
		if oneBoolean(left) || oneBoolean(right) {
			b := boolItem(f.truth(mid)) // takes what is on the stack from there on
			a := boolItem(f.truth(mark))
			return compareOld(&a, &b, accept)
		}
		f.atomize(mark)
		f.drop(mark)
		for i := range left {
			f.spend(len(right))
			for j := range right {
				if compareOld(&left[i], &right[j], accept) {
					return true
				}
			}
		}
		return false
	}), l, r)
}

func oneBoolean(list []Item) bool { return len(list) == 1 && list[0].Type == Boolean }

// compareOld compares two atomic items.
func compareOld(a, b *Item, accept ordering) bool {
	if accept == equal || accept == orderings["!="] {
		if a.Type == Boolean && b.Type == Boolean {
			return compareItems(a, b, accept)
		}
		if !a.Type.numeric() && !b.Type.numeric() {
			x, y := stringItem(a.lexical()), stringItem(b.lexical())
			return compareItems(&x, &y, accept)
		}
	}
	x, y := numberOf(*a), numberOf(*b)
	return compareItems(&x, &y, accept)
}

// numberOf is fn:number of an item.
func numberOf(v Item) Item {
	if d, code := tryCast(v, Double); code == "" {
		return d
	}
	return doubleItem(math.NaN())
}

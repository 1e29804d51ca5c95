package xpath

import (
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Home makes n the node that local lets are evaluated at, and forgets their values: those of an older generation do not
// count (see let).
func (f *Evaluation) Home(n xdm.Node) {
	f.gen++
	f.home = n
}

// Test returns the effective boolean value of an expression with n as context item. Errors are *Error.
func (f *Evaluation) Test(e *Expr, n xdm.Node) (ok bool, err error) {
	f.reset()
	defer rescue(&err)
	f.begin(e, n)
	return e.code.test(f), nil
}

// String returns the value of an expression as xsl:value-of writes it: its items, separated by spaces.
func (f *Evaluation) String(e *Expr, n xdm.Node) (s string, err error) {
	f.reset()
	defer rescue(&err)
	f.begin(e, n)
	mark := len(f.st)
	e.code.push(f)
	if e.first && len(f.st) > mark {
		f.drop(mark + 1)
	}
	f.atomize(mark)
	list := make([]string, len(f.st)-mark)
	for i := range list {
		list[i] = f.st[mark+i].lexical()
	}
	return f.joinedText(list, " "), nil
}

// Items returns the value of an expression with n as context item.
func (f *Evaluation) Items(e *Expr, n xdm.Node) (items []Item, err error) {
	f.reset()
	defer rescue(&err)
	f.begin(e, n)
	return f.collect(e.code)
}

// Matches reports whether a pattern matches a node. What of it cannot be evaluated does not match; there is an error if
// nothing else of it does.
func (f *Evaluation) Matches(p *Pattern, n xdm.Node) (ok bool, err error) {
	ok, err = f.matchesWith(p, n, (*Evaluation).matchesAny)
	if err == nil || !p.careful || IsBudget(err) {
		return ok, err
	}
	return f.matchesWith(p, n, (*Evaluation).matchesCarefully)
}

func (f *Evaluation) matchesWith(p *Pattern, n xdm.Node,
	matches func(*Evaluation, *Pattern, xdm.Node) bool,
) (ok bool, err error) {
	f.reset()
	defer rescue(&err)
	f.focus = false
	f.setCurrent(n)
	return matches(f, p, n), nil
}

// begin prepares for an expression with n as its context item.
func (f *Evaluation) begin(e *Expr, n xdm.Node) {
	f.enter(e.slots)
	f.setFocus(documentNode(n), 1, 1)
	f.setCurrent(n)
}

// setCurrent makes a node of the document the item of current(). The other fields of an item do not count for a node:
// to clear them would take longer.
func (f *Evaluation) setCurrent(n xdm.Node) { f.current.Type, f.current.n = NodeT, int64(n) }

// Text returns the string value of an item.
func (f *Evaluation) Text(i Item) string {
	if i.Type == NodeT {
		return f.treeOf(&i).Value(i.Node())
	}
	return i.lexical()
}

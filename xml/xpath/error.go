// Package xpath evaluates XPath 2.0 expressions on documents without a schema. It implements what published Schematron
// rules need (schematron.md §2 to §8) and refuses everything else by name when an expression is compiled.
//
// A Compiler turns expressions into closures, once. Its Scope holds the variables an expression sees; Scope.Compile
// and Scope.Pattern return an Expr or a match Pattern, which do not change and may be used by many goroutines at a
// time. The trees to evaluate them on (package xdm) are built with the Compiler's table of names, and after
// compiling, so that both mean the same by a number of a name.
//
// An Evaluation is the state of one goroutine on one tree. It charges each node it touches and each value it makes to a
// Budget: an expression that takes too long or too much memory ends with an error for which IsBudget holds, and the
// document is then neither valid nor invalid.
package xpath

import "fmt"

// Error is an error of XPath or XQuery Functions and Operators. Code is the name of the standard, such as FORG0001.
type Error struct {
	Code string
	Msg  string
	Pos  int // static errors: offset in the expression, in bytes
}

func (e *Error) Error() string { return e.Code + ": " + e.Msg }

// Error codes of XPath 2.0 §G and of XPath Functions §C that are raised here; the static ones begin with XPST.
const (
	codeSyntax      = "XPST0003" // not an expression
	codeFunction    = "XPST0017" // unknown function or number of arguments
	codeTypeName    = "XPST0051" // unknown type
	codePrefix      = "XPST0081" // unknown prefix
	codeNoContext   = "XPDY0002" // no context item
	codeType        = "XPTY0004" // a value of another type, or another number of items
	codeMixed       = "XPTY0018" // a path gives nodes and other items
	codeNotNodes    = "XPTY0019" // a step from something that is not a node
	codeContextNode = "XPTY0020" // an axis step where the context item is not a node
	codeDivZero     = "FOAR0001"
	codeOverflow    = "FOAR0002"
	codeCast        = "FORG0001"
	codeEBV         = "FORG0006"
	codeZeroOrOne   = "FORG0003"
	codeOneOrMore   = "FORG0004"
	codeExactlyOne  = "FORG0005"
	codeCodepoint   = "FOCH0001"
	codeDocument    = "FODC0002" // a document that cannot be read
	codeCircular    = "XTDE0640" // a key that reads itself (XSLT 2.0 §16.3)
	// Codes of our own, which no standard has.
	codeBudget    = "RAVN0001" // the step budget is exhausted
	codeCancelled = "RAVN0002" // the caller has cancelled
	codeMemory    = "RAVN0003" // values take too much memory
)

// UndefinedVariable is the code of an expression that reads an undeclared variable. It is exported because a rule
// file may use a let before it declares it: package schematron then tries again later.
const UndefinedVariable = "XPST0008"

// IsBudget reports whether an evaluation was given up because its budget ran out or its context ended. Such an error
// says nothing about the document.
func IsBudget(err error) bool {
	e, ok := err.(*Error)
	return ok && (e.Code == codeBudget || e.Code == codeCancelled || e.Code == codeMemory)
}

// IsMemory reports whether an evaluation was given up because its values took too much memory.
func IsMemory(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Code == codeMemory
}

// fail ends an evaluation or a compilation with a panic, which rescue turns into an error in every exported function.
// Closures call each other many levels deep; an error result at each level would cost more than the work itself.
func fail(code, format string, args ...any) {
	panic(&Error{Code: code, Msg: fmt.Sprintf(format, args...)})
}

// attempt runs eval and returns the error that it fails with. An error that ends the whole evaluation (IsBudget) is not
// caught: it must not be remembered as the value of an expression.
func attempt(eval func()) (failed *Error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *Error:
			if IsBudget(p) {
				panic(p)
			}
			failed = p
		default:
			panic(p)
		}
	}()
	eval()
	return nil
}

// rescue is deferred by the exported functions: it turns the panic of fail into an error and lets any other through.
func rescue(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

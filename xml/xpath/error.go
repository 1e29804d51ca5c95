// Package xpath is XPath 2.0 for documents without a schema: expressions are parsed and compiled once to closures, which
// may run many at a time. It has what official rules need (schematron.md §2 to §8) and refuses everything else by name
// when an expression is compiled.
package xpath

import "fmt"

// Error is an error of XPath or XQuery Functions and Operators. Code is the name of the standard, such as FORG0001.
type Error struct {
	Code string
	Msg  string
	Pos  int // static errors: offset in the expression, in bytes
}

func (e *Error) Error() string { return e.Code + ": " + e.Msg }

// Codes that are raised here. Static ones begin with XPST.
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
	codeBudget      = "RAVN0001" // the step budget is exhausted; not a code of the standard
	codeCancelled   = "RAVN0002" // the caller has cancelled
	codeMemory      = "RAVN0003" // values take too much memory
)

// UndefinedVariable is the code of an expression that reads a variable nobody has declared.
const UndefinedVariable = "XPST0008"

// IsBudget reports whether an evaluation was given up because of its budget or its context, and says nothing of the
// document.
func IsBudget(err error) bool {
	e, ok := err.(*Error)
	return ok && (e.Code == codeBudget || e.Code == codeCancelled || e.Code == codeMemory)
}

// IsMemory reports whether an evaluation was given up because of the memory of its values.
func IsMemory(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Code == codeMemory
}

// fail ends an evaluation or a compilation. It is recovered in the entry points.
func fail(code, format string, args ...any) {
	panic(&Error{Code: code, Msg: fmt.Sprintf(format, args...)})
}

// attempt runs what may fail. That the evaluation is given up goes through it.
func attempt(do func()) (failed *Error) {
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
	do()
	return nil
}

// rescue turns a fail into an error.
func rescue(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

// Package schematron reads ISO Schematron rules for the query language XSLT 2.0 and evaluates them (schematron.md
// §7). Rules come as .sch files, modular or flattened, or compiled to XSLT by the ISO skeleton or by SchXslt: the
// rules are recovered from such a stylesheet, and no XSLT is run.
//
// Load reads a rule file into a Source. Compile makes a Schema of it, with a table of names that the trees of
// documents are then built with (package xdm), and Schema.Validate returns the Findings for a tree. Check lists
// everything in a rule file that is not supported; nothing is passed over in silence, since a rule that is lost looks
// like one that passed.
package schematron

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Source is a rule file as it was written, with includes and abstract patterns resolved. It may come from a stylesheet.
type Source struct {
	Name      string // path of the file
	Title     string
	Prefixes  map[string]string
	Lets      []Let
	Functions []xpath.Function
	Keys      []Key
	Patterns  []Pattern
	Phases    map[string][]string // ids of the active patterns
	PhaseLets map[string][]Let    // by phase
	Default   string              // phase that applies when none is asked for; "" means all patterns

	Compatible bool // the expressions are of XPath 1.0 (xpath.Compiler.Compatible)

	files   fs.FS // where Compile reads the documents that expressions name
	xmlBase bool  // an attribute xml:base stands somewhere in the rules
}

// Let is a named value: that of an expression, or the text that Body makes.
type Let struct {
	Name, Value string
	Body        []xpath.Instruction
	At          Place
}

// content makes a let of what stands in it. Nothing is the empty string (XSLT 2.0 §9.3).
func (l *Let) content(body []xpath.Instruction) {
	if l.Body = body; len(body) == 0 {
		l.Value = "''"
	}
}

// Key is an xsl:key.
type Key struct {
	Name, Match, Use string
	At               Place
}

// Pattern is a list of rules of which at most one fires for a node.
type Pattern struct {
	ID, Title string
	Lets      []Let
	Rules     []Rule

	visits kinds // what a stylesheet walks through; none for Schematron
}

// kinds is a set of kinds of nodes.
type kinds uint8

func kindsOf(list ...xdm.Kind) (k kinds) {
	for _, kind := range list {
		k |= 1 << kind
	}
	return k
}

func (k kinds) has(kind xdm.Kind) bool { return k>>(kind&7)&1 != 0 }

// Rule is a context with its assertions. Lets and asserts stand in their order.
type Rule struct {
	ID, Context string
	Parts       []RulePart
	At          Place
}

// RulePart is a let or an assert of a rule; one of them is set.
type RulePart struct {
	Let    *Let
	Assert *Assert
}

// Assert is a test of a rule. A report fires when its test holds, an assert when it does not.
type Assert struct {
	ID, Flag, Role, Test string
	Report               bool
	Text                 []TextPart
	Diagnostics          []Diagnostic
	At                   Place
}

// Diagnostic is a text that is given with an assert: a diagnostic, or a property.
type Diagnostic struct {
	ID       string
	Property bool
	Text     []TextPart
}

// id returns the id of an assert, of one without that at the beginning of its message, where it stands by custom:
// [ID]-text.
func (a *Assert) id() string {
	if a.ID != "" || len(a.Text) == 0 {
		return a.ID
	}
	if s, ok := strings.CutPrefix(strings.TrimSpace(a.Text[0].Text), "["); ok {
		if id, _, ok := strings.Cut(s, "]"); ok && !strings.ContainsAny(id, " \t\n") {
			return id
		}
	}
	return ""
}

// TextPart is a piece of a message: text, or the value of an expression.
type TextPart struct{ Text, Select string }

// Place is a position in a rule file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Problem is one thing that makes a rule file unusable, with its place.
type Problem struct {
	At   Place
	What string
}

func (p *Problem) Error() string { return p.At.String() + ": " + p.What }

func problem(at Place, format string, args ...any) error {
	return &Problem{at, fmt.Sprintf(format, args...)}
}

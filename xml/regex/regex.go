// Package regex has the regular expressions of XML Schema 1.0 (XSD) and of XPath 2.0 (XPath). The dialects look like
// that of package regexp and differ in what they mean: "^" is an ordinary character of XML Schema, "." and \s stand for
// other sets of characters, and classes can be subtracted. So nothing is passed through: a pattern is parsed by its own
// grammar, and what is wrong or too large is refused with an *Error.
//
// Most patterns are written anew for package regexp, which takes linear time. It has no back-references and no counts
// above 1000: such a pattern of XPath becomes a program of this package (match.go), which tries one way after the other
// and may have to try many. It charges each step to a Meter, which can end it.
//
// Names (\i and \c) are those of XML 1.0, fifth edition; categories are those of the Unicode version of the Go release.
package regex

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error codes of XPath and XQuery Functions 2.0 §C that a pattern can be refused with.
const (
	InvalidFlags   = "FORX0001"
	InvalidPattern = "FORX0002"
)

// Error says why a pattern is refused.
type Error struct {
	Code        string // InvalidFlags or InvalidPattern; "" for a pattern of XML Schema
	Msg         string // in plain English
	Pos         int    // in characters from 0, in the pattern (with flag x: without its blanks) or in the flags
	Unsupported bool   // the dialect allows it, it is too large for us
}

func (e *Error) Error() string {
	s := fmt.Sprintf("regex: position %d: %s", e.Pos, e.Msg)
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	return s
}

// XSD translates a pattern facet (XML Schema 1.0 Part 2, Appendix F) for package regexp. The result matches whole
// values only; "^" and "$" are ordinary characters, "." is everything but LF and CR.
func XSD(pattern string) (string, error) {
	p := &parser{src: []rune(pattern), dot: notLineEnd()}
	n, err := p.parse()
	if err != nil {
		return "", err
	}
	text, _, err := translate(n)
	if err != nil {
		return "", p.unsupported(err.Error())
	}
	return `\A(?:` + text + `)\z`, nil
}

// translate writes a tree for package regexp, and compiles it.
func translate(n *node) (string, *regexp.Regexp, error) {
	var w writer
	if w.write(n); w.Len() > maxOutput {
		return "", nil, errors.New("the pattern is too large")
	}
	re, err := regexp.Compile(w.String())
	if err != nil {
		return "", nil, fmt.Errorf("the pattern is too large: %w", err)
	}
	return w.String(), re, nil
}

// notLineEnd is what "." matches: in XPath since 3.0 and in XML Schema.
func notLineEnd() set { return set{{'\n', '\n'}, {'\r', '\r'}}.negate() }

// XPath compiles a regular expression of fn:matches, fn:replace and fn:tokenize (XPath and XQuery Functions 2.0
// §7.6.1) with its flags, of which s, m, i and x exist. Of XPath 3.0 it has flag q, with which the pattern is plain
// text, "(?:", a group that captures nothing, and a "." that matches neither LF nor CR.
func XPath(pattern, flags string) (*Regexp, error) {
	p := &parser{src: []rune(pattern), xpath: true, dot: notLineEnd()}
	if err := p.flags(flags); err != nil {
		return nil, err
	}
	n, err := p.parse()
	if err != nil {
		return nil, err
	}
	return p.compile(n), nil
}

func (p *parser) flags(flags string) error {
	blanks := true
	for i, f := range []rune(flags) {
		switch f {
		case 's':
			p.dot = set(nil).negate()
		case 'm':
			p.lines = true
		case 'i':
			p.fold = true
		case 'x':
			blanks = false
		case 'q':
			p.quoted = true
		default:
			return &Error{Code: InvalidFlags, Msg: fmt.Sprintf("the flag %q does not exist", f), Pos: i}
		}
	}
	if !blanks && !p.quoted {
		p.src = withoutBlanks(p.src)
	}
	return nil
}

// withoutBlanks removes white space outside of character classes (flag x).
func withoutBlanks(src []rune) []rune {
	out := make([]rune, 0, len(src))
	depth := 0
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '\\' && i+1 < len(src) && !isBlank(src[i+1]):
			out = append(out, c)
			i++
		case c == '[':
			depth++
		case c == ']':
			depth--
		case isBlank(c) && depth <= 0:
			continue
		}
		out = append(out, src[i])
	}
	return out
}

func isBlank(r rune) bool { return strings.ContainsRune("\t\n\r ", r) }

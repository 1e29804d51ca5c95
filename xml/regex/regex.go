// Package regex translates the regular expressions of XML Schema 1.0 (XSD) and of XPath 2.0 (XPath) into those of
// package regexp. The dialects look alike and differ in what they mean: "^" is an ordinary character of XML Schema,
// "." and \s stand for other sets of characters, and classes can be subtracted. So nothing is passed through: a
// pattern is parsed by its own grammar and written anew, and what package regexp cannot express is refused with an
// *Error. The result runs in linear time, whatever the pattern.
//
// Names (\i and \c) are those of XML 1.0, fifth edition; categories are those of the Unicode version of the Go release.
package regex

import (
	"fmt"
	"strings"
)

// Error codes of XPath and XQuery Functions 2.0 §C that a translation can end in.
const (
	InvalidFlags   = "FORX0001"
	InvalidPattern = "FORX0002"
)

// Error says why a pattern is not translated.
type Error struct {
	Code        string // InvalidFlags or InvalidPattern; "" for a pattern of XML Schema
	Msg         string // in plain English
	Pos         int    // in characters from 0, in the pattern (with flag x: without its blanks) or in the flags
	Unsupported bool   // the dialect allows it, package regexp cannot do it
}

func (e *Error) Error() string {
	s := fmt.Sprintf("regex: position %d: %s", e.Pos, e.Msg)
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	return s
}

// XSD translates a pattern facet (XML Schema 1.0 Part 2, Appendix F). The result matches whole values only; "^" and "$"
// are ordinary characters, "." is everything but LF and CR.
func XSD(pattern string) (string, error) {
	p := &parser{src: []rune(pattern), group: "(?:", dot: set{{'\n', '\n'}, {'\r', '\r'}}.negate()}
	out, err := p.translate()
	if err != nil {
		return "", err
	}
	return `\A(?:` + out + `)\z`, nil
}

// XPath translates a regular expression of fn:matches, fn:replace and fn:tokenize (XPath and XQuery Functions 2.0
// §7.6.1) with its flags, of which s, m, i and x exist. The result is not anchored; its groups have the numbers of
// the pattern. Back-references are refused as Unsupported. With flag m, "^" matches also behind a line end that ends
// the text, where XPath does not.
func XPath(pattern, flags string) (string, error) {
	p := &parser{
		src: []rune(pattern), xpath: true, group: "(", dot: set{{'\n', '\n'}}.negate(), start: `\A`, end: `\z`,
	}
	for i, f := range []rune(flags) {
		switch f {
		case 's':
			p.dot = set(nil).negate()
		case 'm':
			p.start, p.end = "(?m:^)", "(?m:$)"
		case 'i':
			p.fold = true
		case 'x':
			p.src = withoutBlanks(p.src)
		default:
			return "", &Error{Code: InvalidFlags, Msg: fmt.Sprintf("the flag %q does not exist", f), Pos: i}
		}
	}
	return p.translate()
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

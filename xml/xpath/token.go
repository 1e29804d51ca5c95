package xpath

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd  tokenKind = iota
	tokName           // NCName, or prefix:local, or *:local, or prefix:*, in parts
	tokVar            // $name
	tokString
	tokInteger
	tokDecimal
	tokDouble
	tokSymbol
)

type token struct {
	kind   tokenKind
	text   string // of names the local part
	prefix string // or the namespace of Q{namespace}local
	colon  bool   // a name with a prefix
	braced bool   // Q{namespace}local
	pos    int
}

// lex cuts an expression into tokens, which it appends to toks. XPath has no reserved words: whether a name such as
// "div" is an operator depends on what stands before it, which the parser knows.
func lex(toks []token, s string) []token {
	for i := 0; ; {
		i = skipSpace(s, i)
		if i == len(s) {
			return append(toks, token{kind: tokEnd, pos: i})
		}
		t, end := lexOne(s, i)
		toks = append(toks, t)
		i = end
	}
}

// skipSpace passes over white space and comments, which nest.
func skipSpace(s string, i int) int {
	for i < len(s) {
		switch {
		case s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r':
			i++
		case strings.HasPrefix(s[i:], "(:"):
			i = skipComment(s, i)
		default:
			return i
		}
	}
	return i
}

func skipComment(s string, start int) int {
	depth := 0
	for i := start; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "(:"):
			depth++
			i += 2
		case strings.HasPrefix(s[i:], ":)"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	panic(&Error{Code: codeSyntax, Msg: "a comment does not end", Pos: start})
}

// symbols are tried in this order, so the longer ones come first.
var symbols = []string{
	"<<", ">>", "!=", "<=", ">=", "//", "::", "..", "||", "=>", ":=",
	"(", ")", "[", "]", ",", "+", "-", "*", "/", "|", "=", "<", ">", "@", ".", "?", "!",
}

func lexOne(s string, i int) (token, int) {
	c := s[i]
	switch {
	case c == '"' || c == '\'':
		return lexString(s, i)
	case c >= '0' && c <= '9' || c == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
		return lexNumber(s, i)
	case c == '$':
		j := skipSpace(s, i+1)
		t, end := lexName(s, j)
		t.kind, t.pos = tokVar, i
		return t, end
	case c == '*' && strings.HasPrefix(s[i:], "*:"):
		t, end := lexNCName(s, i+2)
		return token{kind: tokName, text: t, prefix: "*", colon: true, pos: i}, end
	case ncNameLen(s[i:]) > 0:
		return lexName(s, i)
	}
	for _, sym := range symbols {
		if strings.HasPrefix(s[i:], sym) {
			return token{kind: tokSymbol, text: sym, pos: i}, i + len(sym)
		}
	}
	if c == '{' || c == '}' || c == '#' {
		panic(&Error{Code: codeSyntax, Msg: "maps, arrays and functions as values are not supported", Pos: i})
	}
	panic(&Error{Code: codeSyntax, Msg: "unexpected character", Pos: i})
}

// lexBraced reads Q{namespace}local, the name of XPath 3.0 §2.2 that needs no prefix.
func lexBraced(s string, i int) (token, int) {
	uri, _, found := strings.Cut(s[i+2:], "}")
	if !found || strings.Contains(uri, "{") {
		panic(&Error{Code: codeSyntax, Msg: "a namespace does not end", Pos: i})
	}
	t := token{kind: tokName, prefix: normalizeSpace(uri), colon: true, braced: true, pos: i}
	end := i + 2 + len(uri) + 1
	if end < len(s) && s[end] == '*' {
		t.text = "*"
		return t, end + 1
	}
	t.text, end = lexNCName(s, end)
	return t, end
}

// lexName reads a name with or without prefix. A colon that no name follows does not belong to it, nor does "::".
func lexName(s string, i int) (token, int) {
	if strings.HasPrefix(s[i:], "Q{") {
		return lexBraced(s, i)
	}
	first, end := lexNCName(s, i)
	t := token{kind: tokName, text: first, pos: i}
	if end+1 >= len(s) || s[end] != ':' || s[end+1] == ':' {
		return t, end
	}
	if s[end+1] == '*' {
		return token{kind: tokName, text: "*", prefix: first, colon: true, pos: i}, end + 2
	}
	if ncNameLen(s[end+1:]) == 0 {
		return t, end
	}
	local, end := lexNCName(s, end+1)
	return token{kind: tokName, text: local, prefix: first, colon: true, pos: i}, end
}

func lexNCName(s string, i int) (string, int) {
	n := ncNameLen(s[i:])
	if n == 0 {
		panic(&Error{Code: codeSyntax, Msg: "a name is expected", Pos: i})
	}
	return s[i : i+n], i + n
}

// ncNameLen returns how many bytes at the start of s are an NCName.
func ncNameLen(s string) int {
	for i, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		case i > 0 && (r == '-' || r == '.' || r >= '0' && r <= '9'):
		case r < utf8.RuneSelf || !nameRune(r, i == 0):
			return i
		}
	}
	return len(s)
}

// nameRune reports whether a character beyond ASCII may stand in a name (XML Namespaces §3, XML 1.0 fifth edition).
func nameRune(r rune, first bool) bool {
	switch {
	case r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040:
		return !first
	case r >= 0xC0 && r <= 0x2FF:
		return r != 0xD7 && r != 0xF7
	case r >= 0x370 && r <= 0x1FFF:
		return r != 0x37E
	}
	return r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0xEFFFF
}

func lexString(s string, i int) (token, int) {
	quote := s[i]
	var b strings.Builder
	for j := i + 1; j < len(s); j++ {
		if s[j] != quote {
			b.WriteByte(s[j])
			continue
		}
		if j+1 < len(s) && s[j+1] == quote {
			b.WriteByte(quote)
			j++
			continue
		}
		return token{kind: tokString, text: b.String(), pos: i}, j + 1
	}
	panic(&Error{Code: codeSyntax, Msg: "a string does not end", Pos: i})
}

func lexNumber(s string, i int) (token, int) {
	j, kind := digits(s, i), tokInteger
	if j < len(s) && s[j] == '.' {
		j, kind = digits(s, j+1), tokDecimal
	}
	if j < len(s) && (s[j] == 'e' || s[j] == 'E') {
		k := j + 1
		if k < len(s) && (s[k] == '+' || s[k] == '-') {
			k++
		}
		if end := digits(s, k); end > k { // else the e begins a name, which is refused below
			j, kind = end, tokDouble
		}
	}
	if ncNameLen(s[j:]) > 0 {
		panic(&Error{Code: codeSyntax, Msg: "a name directly behind a number", Pos: j})
	}
	return token{kind: kind, text: s[i:j], pos: i}, j
}

func digits(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

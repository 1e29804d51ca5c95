package regex

import (
	"fmt"
	"strings"
)

// controls are the escapes for control characters; selfEscaped are the characters that stand for themselves after a
// backslash.
var controls = map[rune]rune{'n': '\n', 'r': '\r', 't': '\t'}

const selfEscaped = `\|.?*+(){}-[]^`

// escape reads an escape; single says that it stands for one character, not for a set.
func (p *parser) escape() (s set, single bool, err error) {
	p.pos++
	c := p.at(0)
	if c == 'p' || c == 'P' {
		s, err = p.property(c == 'P')
		return s, false, err
	}
	one := controls[c]
	if c >= 0 && (strings.ContainsRune(selfEscaped, c) || p.xpath && c == '$') {
		one = c
	}
	if one != 0 {
		p.pos++
		return set{{one, one}}, true, nil
	}
	if s, ok := multi[c]; ok {
		p.pos++
		return s(), false, nil
	}
	if c < 0 {
		return nil, false, p.fail(`a \ at the end`)
	}
	return nil, false, p.fail(fmt.Sprintf(`the escape \%c does not exist`, c))
}

// property reads the rest of \p{…} or \P{…}.
func (p *parser) property(negated bool) (set, error) {
	p.pos++
	if !p.take('{') {
		return nil, p.fail(`\p without {`)
	}
	from := p.pos
	for p.at(0) >= 0 && p.at(0) != '}' {
		p.pos++
	}
	name := string(p.src[from:p.pos])
	s, ok := named(name)
	if !ok {
		p.pos = from
		return nil, p.fail(fmt.Sprintf("the category or block %q does not exist", name))
	}
	if !p.take('}') {
		return nil, p.fail(`\p{ without }`)
	}
	if negated {
		s = s.negate()
	}
	return s, nil
}

// class reads a character class expression behind its "[".
func (p *parser) class() (set, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.unsupported("classes are nested too deep")
	}
	defer func() { p.depth-- }()
	negated := p.take('^')
	var s set
	for first := true; ; first = false {
		switch c := p.at(0); {
		case c < 0:
			return nil, p.fail("a [ without ]")
		case c == ']' && first:
			return nil, p.fail("a class without characters")
		case c == ']':
			p.pos++
			return s.complementIf(negated), nil
		case c == '[':
			return nil, p.fail(`the character [ must be written as \[ in a class`)
		case c == '-' && p.at(1) == '[' && !first:
			return p.subtraction(s.complementIf(negated))
		// A hyphen stands for itself only first or last, or before a subtraction.
		case c == '-' && !first && p.at(1) != ']' && !(p.at(1) == '-' && p.at(2) == '['):
			return nil, p.fail(`the character - must be written as \- in the middle of a class`)
		}
		part, err := p.member()
		if err != nil {
			return nil, err
		}
		s = append(s, part...)
	}
}

// subtraction reads "-[…]]" and takes it away from s.
func (p *parser) subtraction(s set) (set, error) {
	p.pos += 2
	less, err := p.class()
	if err != nil {
		return nil, err
	}
	if !p.take(']') {
		return nil, p.fail("a subtraction must be the last part of a class")
	}
	return s.minus(less), nil
}

// member reads a character, a range or an escape within a class.
func (p *parser) member() (set, error) {
	lo, escaped, err := p.classChar()
	if err != nil || lo == nil || escaped {
		return lo, err
	}
	if p.at(0) != '-' || p.at(1) == ']' || p.at(1) == '[' || p.at(1) == '-' && p.at(2) == '[' {
		return p.cased(lo), nil
	}
	p.pos++
	if p.at(0) == '-' {
		return nil, p.fail(`the character - must be written as \- at the end of a range`)
	}
	hi, escaped, err := p.classChar()
	switch {
	case err != nil:
		return nil, err
	case escaped:
		return nil, p.fail("a range ends in a class")
	case hi[0].lo < lo[0].lo:
		return nil, p.fail("a range ends before it begins")
	}
	return p.cased(set{{lo[0].lo, hi[0].lo}}), nil
}

// classChar reads one character; many says that it was an escape for a set of them, which cannot begin or end a range.
func (p *parser) classChar() (s set, many bool, err error) {
	c := p.at(0)
	switch {
	case c < 0:
		return nil, false, p.fail("a [ without ]")
	case c == '\\':
		s, single, err := p.escape()
		return s, !single, err
	case c == '[' || c == ']':
		return nil, false, p.fail("a range without end")
	}
	p.pos++
	return set{{c, c}}, false, nil
}

// cased adds the other cases with flag i; categories keep theirs (XPath and XQuery Functions 2.0 §7.6.1.1).
func (p *parser) cased(s set) set {
	if p.fold {
		return s.folded()
	}
	return s
}

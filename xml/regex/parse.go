package regex

import (
	"fmt"
	"regexp"
	"strings"
)

// Bounds: that of package regexp on repetition (nested counts multiplied), and ours on nesting and on the length of
// what is written, so that a short pattern does not become a long one.
const (
	maxRepeat = 1000
	maxDepth  = 200
	maxOutput = 1 << 20
)

// parser reads one pattern and writes its translation piece by piece.
type parser struct {
	src   []rune
	pos   int
	depth int

	xpath      bool
	fold       bool   // flag i
	group      string // how a group opens in the result
	dot        set    // what "." matches
	start, end string // what "^" and "$" become; "" when they are ordinary characters
}

// piece is a translated part. weight is the product of the counts of nested repetitions, which package regexp bounds by
// maxRepeat.
type piece struct {
	text   string
	weight int
}

// translate reads the whole pattern and returns its translation.
func (p *parser) translate() (string, error) {
	out, err := p.alternatives()
	if err != nil {
		return "", err
	}
	if p.pos < len(p.src) {
		return "", p.fail("a ) without (")
	}
	if _, err := regexp.Compile(out.text); err != nil {
		return "", p.unsupported("the pattern is too large: " + err.Error())
	}
	return out.text, nil
}

func (p *parser) fail(msg string) error {
	e := &Error{Msg: msg, Pos: p.pos}
	if p.xpath {
		e.Code = InvalidPattern
	}
	return e
}

func (p *parser) unsupported(msg string) error {
	err := p.fail(msg).(*Error)
	err.Unsupported = true
	return err
}

// at returns the character at distance i, -1 behind the end.
func (p *parser) at(i int) rune {
	if p.pos+i >= len(p.src) {
		return -1
	}
	return p.src[p.pos+i]
}

// take passes over c if it comes next.
func (p *parser) take(c rune) bool {
	if p.at(0) != c {
		return false
	}
	p.pos++
	return true
}

// alternatives reads branches up to the end or a ")".
func (p *parser) alternatives() (piece, error) {
	if p.depth++; p.depth > maxDepth {
		return piece{}, p.unsupported("groups are nested too deep")
	}
	defer func() { p.depth-- }()
	var b strings.Builder
	weight := 1
	for {
		part, err := p.repeated()
		if err != nil {
			return piece{}, err
		}
		b.WriteString(part.text)
		weight = max(weight, part.weight)
		if b.Len() > maxOutput {
			return piece{}, p.unsupported("the pattern is too large")
		}
		switch c := p.at(0); {
		case c == '|':
			p.pos++
			b.WriteByte('|')
		case c == ')' || c < 0:
			return piece{b.String(), weight}, nil
		}
	}
}

// repeated reads one atom with its quantifier; nothing before "|", ")" and the end.
func (p *parser) repeated() (piece, error) {
	if c := p.at(0); c < 0 || c == '|' || c == ')' {
		return piece{}, nil
	}
	a, err := p.atom()
	if err != nil {
		return piece{}, err
	}
	least, most := 1, 1
	switch p.at(0) {
	case '?':
		least = 0
	case '*':
		least, most = 0, -1
	case '+':
		most = -1
	case '{':
		least, most, err = p.counts()
		if err != nil {
			return piece{}, err
		}
	default:
		return a, nil
	}
	p.pos++
	lazy := ""
	if p.xpath && p.take('?') {
		lazy = "?"
	}
	return p.repeat(a, least, most, lazy)
}

// counts reads a quantity up to its "}".
func (p *parser) counts() (least, most int, err error) {
	p.pos++
	if least, err = p.number(); err != nil {
		return 0, 0, err
	}
	most = least
	if p.take(',') {
		most = -1
		if p.at(0) != '}' {
			if most, err = p.number(); err != nil {
				return 0, 0, err
			}
		}
	}
	if p.at(0) != '}' {
		return 0, 0, p.fail("a quantity is malformed")
	}
	if most >= 0 && most < least {
		return 0, 0, p.fail("a quantity ends before it begins")
	}
	return least, most, nil
}

func (p *parser) number() (int, error) {
	n, from := 0, p.pos
	for ; p.at(0) >= '0' && p.at(0) <= '9'; p.pos++ {
		if n = n*10 + int(p.at(0)-'0'); n > maxOutput {
			return 0, p.unsupported("a quantity is too large")
		}
	}
	if p.pos == from {
		return 0, p.fail("a quantity without number")
	}
	return n, nil
}

// repeat writes a repetition. Package regexp allows counts up to maxRepeat only: a longer one is written as several
// in a row, a{2500} as a{1000}a{1000}a{500}. That would give a group several numbers, so in XPath, where groups have
// numbers, it is refused.
func (p *parser) repeat(a piece, least, most int, lazy string) (piece, error) {
	switch {
	case most < 0 && least == 0:
		return piece{a.text + "*" + lazy, a.weight}, nil
	case most < 0 && least == 1:
		return piece{a.text + "+" + lazy, a.weight}, nil
	case least == 0 && most == 1:
		return piece{a.text + "?" + lazy, a.weight}, nil
	}
	row := maxRepeat / a.weight
	if max(least, most) > row && p.xpath && strings.Contains(a.text, "(") {
		return piece{}, p.unsupported("a group is repeated too often")
	}
	if most > least && most <= row {
		return piece{fmt.Sprintf("(?:%s{%d,%d}%s)", a.text, least, most, lazy), a.weight * most}, nil
	}
	if most < 0 && least <= row {
		return piece{fmt.Sprintf("(?:%s{%d,}%s)", a.text, least, lazy), a.weight * max(1, least)}, nil
	}
	var b strings.Builder
	rows := func(n int, form string) {
		for ; n > 0 && b.Len() <= maxOutput; n -= row {
			fmt.Fprintf(&b, form, a.text, min(n, row), lazy)
		}
	}
	rows(least, "%s{%d}%s")
	if most < 0 {
		b.WriteString(a.text + "*" + lazy)
	} else {
		rows(most-least, "%s{0,%d}%s")
	}
	if b.Len() > maxOutput {
		return piece{}, p.unsupported("the pattern is too large")
	}
	return piece{"(?:" + b.String() + ")", a.weight * max(1, min(row, max(least, most)))}, nil
}

// atom reads one character, class or group.
func (p *parser) atom() (piece, error) {
	switch c := p.at(0); c {
	case '(':
		return p.parenthesis()
	case '[':
		p.pos++
		s, err := p.class()
		return p.oneOf(s), err
	case '.':
		p.pos++
		return p.oneOf(p.dot), nil
	case '\\':
		return p.escaped()
	case '?', '*', '+':
		return piece{}, p.fail(fmt.Sprintf("nothing stands before the quantifier %c", c))
	case '{', '}', ']':
		return piece{}, p.fail(fmt.Sprintf("the character %c must be written as \\%c", c, c))
	case '^', '$':
		if p.start != "" {
			p.pos++
			return piece{"(?:" + map[rune]string{'^': p.start, '$': p.end}[c] + ")", 1}, nil
		}
	}
	c := p.at(0)
	p.pos++
	return p.literal(c), nil
}

func (p *parser) parenthesis() (piece, error) {
	p.pos++
	if p.at(0) == '?' {
		return piece{}, p.fail("a group that begins with ?, as look-around does, does not exist")
	}
	in, err := p.alternatives()
	if err != nil {
		return piece{}, err
	}
	if !p.take(')') {
		return piece{}, p.fail("a ( without )")
	}
	return piece{p.group + in.text + ")", in.weight}, nil
}

// escaped reads an escape outside of a class.
func (p *parser) escaped() (piece, error) {
	if c := p.at(1); p.xpath && c >= '1' && c <= '9' {
		return piece{}, p.unsupported("back-references are not supported")
	}
	s, single, err := p.escape()
	if err == nil && single {
		return p.literal(s[0].lo), nil
	}
	return p.oneOf(s), err
}

func (p *parser) literal(c rune) piece {
	if p.fold {
		return p.oneOf(set{{c, c}}.folded())
	}
	return piece{regexp.QuoteMeta(string(c)), 1}
}

// oneOf writes a piece that matches one character of s.
func (p *parser) oneOf(s set) piece { return piece{s.String(), 1} }

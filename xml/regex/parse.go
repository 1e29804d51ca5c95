package regex

import (
	"fmt"
	"math"
)

// Bounds: that of package regexp on repetition (nested counts multiplied), and ours on quantities, on nesting and on
// the length of what is written, so that a short pattern does not become a long one.
const (
	maxRepeat = 1000
	maxCount  = math.MaxInt32
	maxDepth  = 200
	maxSize   = 1 << 18 // of all sets of characters
	maxOutput = 1 << 20
)

// parser reads one pattern into a tree.
type parser struct {
	src   []rune
	pos   int
	depth int
	size  int // of the sets read so far: the tree has the bound of what is written

	xpath  bool
	fold   bool   // flag i
	lines  bool   // flag m
	quoted bool   // flag q
	dot    set    // what "." matches
	closed []bool // of each group of XPath: its ")" was read
}

// parse reads the whole pattern.
func (p *parser) parse() (*node, error) {
	if len(p.src) > maxSize {
		return nil, p.unsupported("the pattern is too large")
	}
	if p.quoted {
		return p.plain()
	}
	n, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.src) {
		return nil, p.fail("a ) without (")
	}
	return n, nil
}

// plain reads the whole pattern as text (flag q).
func (p *parser) plain() (*node, error) {
	var parts []*node
	for _, c := range p.src {
		n, err := p.literal(c)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
	}
	return several(sequence, parts), nil
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
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.unsupported("groups are nested too deep")
	}
	defer func() { p.depth-- }()
	var branches, branch []*node
	for {
		switch c := p.at(0); {
		case c == '|':
			p.pos++
			branches, branch = append(branches, several(sequence, branch)), nil
			continue
		case c == ')' || c < 0:
			return several(choice, append(branches, several(sequence, branch))), nil
		}
		n, err := p.repeated()
		if err != nil {
			return nil, err
		}
		branch = append(branch, n)
	}
}

// repeated reads one atom with its quantifier.
func (p *parser) repeated() (*node, error) {
	a, err := p.atom()
	if err != nil {
		return nil, err
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
			return nil, err
		}
	default:
		return a, nil
	}
	p.pos++
	return repeatOf(a, least, most, p.xpath && p.take('?')), nil
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
		if n = n*10 + int(p.at(0)-'0'); n > maxCount {
			return 0, p.unsupported("a quantity is too large")
		}
	}
	if p.pos == from {
		return 0, p.fail("a quantity without number")
	}
	return n, nil
}

// atom reads one character, class or group.
func (p *parser) atom() (*node, error) {
	switch c := p.at(0); c {
	case '(':
		return p.parenthesis()
	case '[':
		p.pos++
		s, err := p.class()
		if err != nil {
			return nil, err
		}
		return p.oneOf(s)
	case '.':
		p.pos++
		return p.oneOf(p.dot)
	case '\\':
		return p.escaped()
	case '?', '*', '+':
		return nil, p.fail(fmt.Sprintf("nothing stands before the quantifier %c", c))
	case '{', '}', ']':
		return nil, p.fail(fmt.Sprintf("the character %c must be written as \\%c", c, c))
	case '^', '$':
		if p.xpath {
			p.pos++
			return p.anchor(c), nil
		}
	}
	c := p.at(0)
	p.pos++
	return p.literal(c)
}

func (p *parser) anchor(c rune) *node {
	kinds := map[rune]kind{'^': textBegin, '$': textEnd}
	if p.lines {
		kinds = map[rune]kind{'^': lineBegin, '$': lineEnd}
	}
	return leaf(kinds[c])
}

// parenthesis reads a group. That of "(?:" captures nothing (XPath and XQuery Functions 3.0 §5.6.1).
func (p *parser) parenthesis() (*node, error) {
	p.pos++
	group := 0
	switch {
	case p.at(0) == '?' && !(p.xpath && p.at(1) == ':'):
		return nil, p.fail("a group that begins with ?, as look-around does, does not exist")
	case p.at(0) == '?':
		p.pos += 2
	case p.xpath:
		p.closed = append(p.closed, false)
		group = len(p.closed)
	}
	in, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(')') {
		return nil, p.fail("a ( without )")
	}
	if group > 0 {
		p.closed[group-1] = true
	}
	return groupOf(in, group), nil
}

// escaped reads an escape outside of a class.
func (p *parser) escaped() (*node, error) {
	if c := p.at(1); p.xpath && c >= '1' && c <= '9' {
		return p.reference()
	}
	s, single, err := p.escape()
	if err != nil {
		return nil, err
	}
	if single {
		return p.literal(s[0].lo)
	}
	return p.oneOf(s)
}

// reference reads a back-reference. A digit behind the first belongs to it if so many groups have been opened before;
// its own group must be closed (XPath and XQuery Functions 2.0 §7.6.1).
func (p *parser) reference() (*node, error) {
	n := int(p.at(1) - '0')
	end := 2
	for c := p.at(end); c >= '0' && c <= '9' && n*10+int(c-'0') <= len(p.closed); c = p.at(end) {
		n = n*10 + int(c-'0')
		end++
	}
	if n > len(p.closed) {
		return nil, p.fail(fmt.Sprintf("there is no group %d before the back-reference", n))
	}
	if !p.closed[n-1] {
		return nil, p.fail(fmt.Sprintf("group %d ends behind the back-reference", n))
	}
	p.pos += end
	ref := leaf(backReference)
	ref.group = n
	return ref, nil
}

func (p *parser) literal(c rune) (*node, error) {
	if p.fold {
		return p.oneOf(set{{c, c}}.folded())
	}
	n, err := p.oneOf(set{{c, c}})
	if err == nil {
		n.kind = literal
	}
	return n, err
}

// oneOf returns the node that matches one character of s. How much memory and text it takes depends on its ranges.
func (p *parser) oneOf(s set) (*node, error) {
	s = s.normal()
	if p.size += 1 + len(s); p.size > maxSize {
		return nil, p.unsupported("the pattern is too large")
	}
	n := leaf(oneOf)
	n.set = s
	return n, nil
}

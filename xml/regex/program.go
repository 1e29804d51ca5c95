package regex

import "slices"

// op is what an instruction does.
type op uint8

const (
	opChar      op = iota // one character of set
	opRun                 // characters of set, least to most
	opSplit               // goes on at x and, if that fails, at y
	opJump                // goes on at x
	opSave                // notes the place in register n
	opRef                 // what group n has matched
	opTextBegin           // "^" and so on
	opTextEnd
	opLineBegin
	opLineEnd
	opStart // begins a loop: register n is its count, register n+1 where its iteration began
	opLoop  // goes on with another iteration, or at x
	opEnter // begins an iteration
	opPass  // ends an iteration that may be empty; x is the beginning of another, register n is 0 in the first
	opMatch
)

type inst struct {
	op          op
	lazy        bool
	set         *chars
	x, y        int
	n           int
	least, most int // most is -1 without bound
	mark        int // of opRun, opSplit and opPass: number among them
}

// program is a pattern for search.
type program struct {
	code     []inst
	regs     int  // registers: begin and end of the match and of each group, then those of loops
	marks    int  // how many instructions have a mark
	refs     bool // it has back-references
	fold     bool // in them, case does not matter
	counted  bool // it has loops that count
	written  int
	anchored bool // it matches at the beginning of the text only
}

// A repetition of a group is written out up to so many instructions, as package regexp does; beyond, it is counted.
const (
	maxWritten = 1000
	maxCode    = 1 << 14
)

func newProgram(n *node, groups int, fold bool) *program {
	return build(n, groups, fold, maxWritten)
}

// build is newProgram with the number of instructions up to which a repetition is written out.
func build(n *node, groups int, fold bool, written int) *program {
	p := &program{written: written, fold: fold, regs: 2 + 2*groups, anchored: n.anchored()}
	p.emit(n)
	p.add(inst{op: opMatch})
	return p
}

// anchored reports whether n matches at the beginning of a text only.
func (n *node) anchored() bool {
	switch n.kind {
	case textBegin:
		return true
	case sequence:
		return len(n.parts) > 0 && n.parts[0].anchored()
	case choice:
		return !slices.ContainsFunc(n.parts, func(part *node) bool { return !part.anchored() })
	case group:
		return n.parts[0].anchored()
	}
	return false
}

func (p *program) add(i inst) int {
	switch i.op {
	case opRun, opSplit, opPass:
		i.mark = p.marks
		p.marks++
	}
	p.code = append(p.code, i)
	return len(p.code) - 1
}

var anchorOps = map[kind]op{
	textBegin: opTextBegin, textEnd: opTextEnd, lineBegin: opLineBegin, lineEnd: opLineEnd,
}

func (p *program) emit(n *node) {
	switch n.kind {
	case literal, oneOf:
		p.add(inst{op: opChar, set: charsOf(n.set)})
	case sequence:
		for _, part := range n.parts {
			p.emit(part)
		}
	case choice:
		p.choice(n.parts)
	case group:
		if n.group == 0 {
			p.emit(n.parts[0])
			return
		}
		p.add(inst{op: opSave, n: 2 * n.group})
		p.emit(n.parts[0])
		p.add(inst{op: opSave, n: 2*n.group + 1})
	case repeat:
		p.repeat(n)
	case backReference:
		p.refs = true
		p.add(inst{op: opRef, n: n.group})
	default:
		p.add(inst{op: anchorOps[n.kind]})
	}
}

func (p *program) choice(parts []*node) {
	var ends []int
	for _, part := range parts[:len(parts)-1] {
		split := p.split(false)
		p.emit(part)
		ends = append(ends, p.add(inst{op: opJump}))
		p.skip(split)
	}
	p.emit(parts[len(parts)-1])
	for _, end := range ends {
		p.code[end].x = len(p.code)
	}
}

// split adds a choice between what follows and what skip will name; lazy prefers the latter.
func (p *program) split(lazy bool) int {
	at := p.add(inst{op: opSplit, lazy: lazy})
	p.code[at].x = at + 1
	return at
}

// skip makes the other way of a split lead behind the last instruction.
func (p *program) skip(split int) {
	i := &p.code[split]
	if i.y = len(p.code); i.lazy {
		i.x, i.y = i.y, i.x
	}
}

func (p *program) repeat(n *node) {
	a := n.parts[0]
	times := max(n.least, n.most, 1)
	switch {
	case n.most == 0:
	case a.single():
		p.add(inst{op: opRun, set: charsOf(a.set), least: n.least, most: n.most, lazy: n.lazy})
	case times > 1 && (times > p.written || times*a.length() > p.written || len(p.code) > maxCode):
		p.loop(n)
	case n.most < 0 && n.least == 0:
		split := p.split(n.lazy)
		p.atLeastOnce(n)
		p.skip(split)
	case n.most < 0:
		for range n.least - 1 {
			p.emit(a)
		}
		p.atLeastOnce(n)
	default:
		for range n.least {
			p.emit(a)
		}
		var splits []int
		for range n.most - n.least {
			splits = append(splits, p.split(n.lazy))
			p.emit(a)
		}
		for _, split := range splits {
			p.skip(split)
		}
	}
}

// length is how many instructions n becomes, at most about maxWritten.
func (n *node) length() int {
	if n.kind == repeat && n.parts[0].single() {
		return 1
	}
	sum := 2
	for _, part := range n.parts {
		if sum += part.length(); sum > maxWritten {
			return sum
		}
	}
	if times := max(n.least, n.most); n.kind == repeat && times > 1 && times <= maxWritten {
		sum *= times
	}
	return sum
}

// atLeastOnce adds a repetition without bound. An iteration that may match nothing would go on for ever (opPass); as in
// package regexp it is given up, but for the first.
func (p *program) atLeastOnce(n *node) {
	a := n.parts[0]
	if !a.empty() {
		again := len(p.code)
		p.emit(a)
		on := len(p.code) + 1
		if n.lazy {
			again, on = on, again
		}
		p.add(inst{op: opSplit, x: again, y: on})
		return
	}
	reg := p.registers()
	p.add(inst{op: opStart, n: reg})
	begin := len(p.code)
	p.emit(a)
	p.add(inst{op: opPass, n: reg, x: begin, lazy: n.lazy})
}

// registers returns the first of two new registers.
func (p *program) registers() int {
	p.regs += 2
	return p.regs - 2
}

// loop adds a repetition that counts.
func (p *program) loop(n *node) {
	p.counted = true
	reg := p.registers()
	p.add(inst{op: opStart, n: reg})
	at := p.add(inst{op: opLoop, n: reg, least: n.least, most: n.most, lazy: n.lazy})
	p.add(inst{op: opEnter, n: reg})
	p.emit(n.parts[0])
	p.add(inst{op: opJump, x: at})
	p.code[at].x = len(p.code)
}

// chars is a set of characters to look one up in.
type chars struct {
	ascii [2]uint64
	set   set // normal
}

func charsOf(s set) *chars {
	c := &chars{set: s}
	for _, r := range s {
		for i := r.lo; i <= min(r.hi, 127); i++ {
			c.ascii[i>>6] |= 1 << (i & 63)
		}
	}
	return c
}

func (c *chars) has(r rune) bool {
	if r < 128 {
		return c.ascii[r>>6]>>(r&63)&1 != 0
	}
	_, found := slices.BinarySearchFunc(c.set, r, func(s span, r rune) int {
		switch {
		case s.hi < r:
			return -1
		case s.lo > r:
			return 1
		}
		return 0
	})
	return found
}

package regex

import (
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// search runs a program on a text. It tries one way after the other, in the order of preference of the standard: where
// a way parts, the other is put on a stack, and so is what a register held when it changes, so that going back restores
// it.
//
// A program without back-references and counting loops comes to the same end from the same place. When a search takes
// long, the places where it was are noted and not tried again: each instruction is then done once at each place of the
// text. The other programs may take any number of steps, until the Meter ends them.
type search struct {
	p     *program
	s     string
	meter Meter
	saves bool // the places of groups are needed

	regs  []int // -1 is none
	stack []choicePoint

	steps   int   // not charged yet
	total   int   // charged, of this search
	bytes   int64 // charged, and not given back
	visited []uint64
}

// choicePoint is another way, or what a register held.
type choicePoint struct {
	what kindOfPoint
	pc   int32 // where to go on, or the register
	pos  int   // likewise in the text, or the value of the register
	end  int   // of a run: the least place to go back to, or, if it is lazy, how many more characters it may take
}

type kindOfPoint int8

const (
	otherWay    kindOfPoint = iota
	otherLength             // of the run at pc
	oldValue
)

const (
	chunk      = 1 << 10 // steps that are charged together
	maxVisited = 1 << 28 // in bits
)

func (p *program) search(s string, groups bool, m Meter) *search {
	return &search{p: p, s: s, meter: m, saves: groups || p.refs, regs: make([]int, p.regs)}
}

// end charges for the last steps and gives the memory back.
func (m *search) end() {
	m.charge()
	m.meter.Charge(0, -m.bytes)
	m.bytes = 0
}

func (m *search) charge() {
	m.total += m.steps
	steps := m.steps
	m.steps = 0
	m.meter.Charge(steps, 0)
}

func (m *search) step(n int) {
	if m.steps += n; m.steps >= chunk {
		m.charge()
	}
}

func (m *search) alloc(n int64) {
	m.meter.Charge(0, n)
	m.bytes += n
}

// find looks for the first match from a place on, and leaves its place in the first two registers.
func (m *search) find(from int) bool {
	m.alloc(-int64(len(m.visited)) << 3)
	m.total, m.visited = 0, nil
	return m.from(from)
}

func (m *search) from(start int) bool {
	for {
		if m.at(start) {
			return true
		}
		if m.p.anchored || start >= len(m.s) {
			return false
		}
		_, width := utf8.DecodeRuneInString(m.s[start:])
		start += width
	}
}

// at looks for a match that begins at a place.
func (m *search) at(start int) bool {
	for i := range m.regs {
		m.regs[i] = -1
	}
	m.regs[0] = start
	m.stack = m.stack[:0]
	pc, pos := 0, start
	for ok := true; ; {
		m.step(1)
		i := &m.p.code[pc]
		if i.op == opMatch {
			m.regs[1] = pos
			return true
		}
		if pc, pos, ok = m.do(i, pc, pos); ok {
			continue
		}
		if pc, pos, ok = m.back(); !ok {
			return false
		}
	}
}

// do runs an instruction and returns the next one and its place; false if this way ends.
func (m *search) do(i *inst, pc, pos int) (int, int, bool) {
	switch i.op {
	case opChar:
		r, width := utf8.DecodeRuneInString(m.s[pos:])
		return pc + 1, pos + width, width > 0 && i.set.has(r)
	case opRun:
		if m.seen(i, pos) {
			return 0, 0, false
		}
		return m.run(i, pc, pos)
	case opSplit:
		if m.seen(i, pos) {
			return 0, 0, false
		}
		m.push(choicePoint{pc: int32(i.y), pos: pos})
		return i.x, pos, true
	case opJump:
		return i.x, pos, true
	case opSave:
		if m.saves {
			m.set(i.n, pos)
		}
		return pc + 1, pos, true
	case opRef:
		pos, ok := m.reference(i.n, pos)
		return pc + 1, pos, ok
	case opTextBegin:
		return pc + 1, pos, pos == 0
	case opTextEnd:
		return pc + 1, pos, pos == len(m.s)
	case opLineBegin:
		// A line end that ends the text begins no line (XPath and XQuery Functions 2.0 §7.6.1.1).
		return pc + 1, pos, pos == 0 || pos < len(m.s) && m.s[pos-1] == '\n'
	case opLineEnd:
		return pc + 1, pos, pos == len(m.s) || m.s[pos] == '\n'
	case opStart:
		m.set(i.n, 0)
		m.set(i.n+1, pos)
		return pc + 1, pos, true
	case opLoop:
		return m.loop(i, pc, pos)
	case opEnter:
		m.set(i.n, m.regs[i.n]+1)
		m.set(i.n+1, pos)
		return pc + 1, pos, true
	}
	return m.pass(i, pc, pos)
}

// loop goes on with an iteration, or behind the loop. Behind an iteration that matched nothing all others may match
// nothing, too.
func (m *search) loop(i *inst, pc, pos int) (int, int, bool) {
	switch n := m.regs[i.n]; {
	case n > 0 && m.regs[i.n+1] == pos:
		return i.x, pos, true
	case n < i.least:
		return pc + 1, pos, true
	case i.most >= 0 && n >= i.most:
		return i.x, pos, true
	}
	if i.lazy {
		m.push(choicePoint{pc: int32(pc + 1), pos: pos})
		return i.x, pos, true
	}
	m.push(choicePoint{pc: int32(i.x), pos: pos})
	return pc + 1, pos, true
}

// pass ends an iteration. One that matched nothing is the last if it was the first, and else is none.
func (m *search) pass(i *inst, pc, pos int) (int, int, bool) {
	if m.regs[i.n+1] == pos {
		return pc + 1, pos, m.regs[i.n] == 0
	}
	if m.seen(i, pos) {
		return 0, 0, false
	}
	m.set(i.n, 1)
	m.set(i.n+1, pos)
	if i.lazy {
		m.push(choicePoint{pc: int32(i.x), pos: pos})
		return pc + 1, pos, true
	}
	m.push(choicePoint{pc: int32(pc + 1), pos: pos})
	return i.x, pos, true
}

// run takes as many characters as it may, or as few. Where it may take another number, that is one entry of the stack,
// however many there are.
func (m *search) run(i *inst, pc, pos int) (int, int, bool) {
	n := 0
	take := func(most int) {
		for ; most < 0 || n < most; n++ {
			r, width := rune(0), 1
			if pos < len(m.s) && m.s[pos] < utf8.RuneSelf {
				r = rune(m.s[pos])
			} else if r, width = utf8.DecodeRuneInString(m.s[pos:]); width == 0 {
				return
			}
			if !i.set.has(r) {
				return
			}
			if n&1023 == 1023 {
				m.step(1024 >> textStep)
			}
			pos += width
		}
	}
	take(i.least)
	least := pos
	if n < i.least {
		return 0, 0, false
	}
	switch {
	case i.lazy && i.most != i.least:
		m.push(choicePoint{otherLength, int32(pc), pos, max(-1, i.most-n)})
	case !i.lazy:
		take(i.most)
		if pos > least {
			m.push(choicePoint{otherLength, int32(pc), pos, least})
		}
	}
	m.step(n & 1023 >> textStep)
	return pc + 1, pos, true
}

// back goes back to the last place where there was another way; false if there is none.
func (m *search) back() (pc, pos int, ok bool) {
	for len(m.stack) > 0 {
		last := len(m.stack) - 1
		c := &m.stack[last]
		if c.what == otherLength && m.again(&m.p.code[c.pc], c) {
			return int(c.pc) + 1, c.pos, true
		}
		m.stack = m.stack[:last]
		switch c.what {
		case otherWay:
			return int(c.pc), c.pos, true
		case oldValue:
			m.regs[c.pc] = c.pos
		}
	}
	return 0, 0, false
}

// again lets a run take one character less, or one more; false if there is no such way.
func (m *search) again(i *inst, c *choicePoint) bool {
	if !i.lazy {
		if c.pos <= c.end {
			return false
		}
		_, width := utf8.DecodeLastRuneInString(m.s[:c.pos])
		c.pos -= width
		return true
	}
	r, width := utf8.DecodeRuneInString(m.s[c.pos:])
	if c.end == 0 || width == 0 || !i.set.has(r) {
		return false
	}
	c.pos += width
	c.end = max(-1, c.end-1)
	return true
}

func (m *search) push(c choicePoint) {
	if len(m.stack) == cap(m.stack) {
		size := max(16, 2*cap(m.stack))
		m.alloc(int64(size) * int64(unsafe.Sizeof(c)))
		m.stack = append(make([]choicePoint, 0, size), m.stack...)
	}
	m.stack = append(m.stack, c)
}

// set changes a register.
func (m *search) set(reg, v int) {
	if len(m.stack) > 0 { // there is a way back
		m.push(choicePoint{oldValue, int32(reg), m.regs[reg], 0})
	}
	m.regs[reg] = v
}

// reference passes over what a group has matched; nothing if it has matched nothing (XPath and XQuery Functions 2.0
// §7.6.1). With flag i other cases are as good.
func (m *search) reference(group, pos int) (int, bool) {
	begin, end := m.regs[2*group], m.regs[2*group+1]
	if begin < 0 {
		return pos, true
	}
	text := m.s[begin:end]
	m.step(len(text) >> textStep)
	if strings.HasPrefix(m.s[pos:], text) {
		return pos + len(text), true
	}
	if !m.p.fold {
		return 0, false
	}
	for _, want := range text {
		r, width := utf8.DecodeRuneInString(m.s[pos:])
		if width == 0 || !sameLetter(r, want) {
			return 0, false
		}
		pos += width
	}
	return pos, true
}

func sameLetter(a, b rune) bool {
	for f := unicode.SimpleFold(a); f != a && a != b; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return a == b
}

// seen reports whether an instruction was at a place before, in a search that takes long.
func (m *search) seen(i *inst, pos int) bool {
	if m.visited == nil {
		bits := m.p.marks * (len(m.s) + 1)
		if m.p.refs || m.p.counted || m.total < 16*(len(m.s)+chunk) || bits > maxVisited {
			return false
		}
		m.alloc(int64(bits>>6+1) << 3)
		m.visited = make([]uint64, bits>>6+1)
	}
	at := i.mark*(len(m.s)+1) + pos
	bit := uint64(1) << (at & 63)
	was := m.visited[at>>6]&bit != 0
	m.visited[at>>6] |= bit
	return was
}

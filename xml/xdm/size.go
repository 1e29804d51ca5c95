package xdm

import (
	"bytes"
	"io"
)

// Size says how large the tree of a document can become at most. It is found in one pass over the bytes, in constant
// memory, so that a caller with a budget can ask before anything is built. The pass is no parser: a small automaton
// that only tells tags, values, comments, CDATA sections and instructions apart, at the speed of searching for a
// byte.
type Size struct {
	Bytes    int64 // of the document
	Nodes    int64 // elements, attributes, texts, comments and instructions
	Elements int64
	Notes    int64 // comments, CDATA sections and instructions
	Text     int64 // bytes of character data
	Other    int64 // bytes of attributes, comments and instructions
	wide     bool  // it is in UTF-16: nothing is known but its length

	in    state
	quote byte    // around the value
	last  [2]byte // the last two bytes, for the ends of comments, CDATA sections and instructions
}

// What parts of a tree take, in bytes. A document of nothing but markup has a node, a place and two entries of
// indexes, 28 bytes, in the four bytes of <a/>, and 45 in the six of <?a?>x: no tree has more than PerByte times the
// bytes of its document.
const (
	nodeBytes  = 16
	placeBytes = 4
	noteBytes  = 12
	indexBytes = 4   // of a name in the index of the document, and in that of many children
	nameBytes  = 256 // of a name that is new in the document, in all its tables

	PerByte = 8
)

type state uint8

const (
	start   state = iota
	behind        // directly behind a tag
	text          // between tags
	opening       // behind <
	bang          // behind <!
	tag
	value // in quotes
	comment
	cdata
	instruction
)

// SizeOf returns the Size of a document in memory.
func SizeOf(doc []byte) Size {
	var s Size
	s.count(doc)
	return s
}

// ReadSize reads a document to its end, or until limit bytes were read, and returns its size.
func ReadSize(r io.Reader, limit int64) (Size, error) {
	var s Size
	buf := make([]byte, 32<<10)
	for s.Bytes < limit {
		n, err := r.Read(buf[:min(int64(len(buf)), limit-s.Bytes)])
		s.count(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// count takes in the next bytes. A document that is not well-formed is counted correctly up to its first error, which
// is where its tree ends, too.
func (s *Size) count(b []byte) {
	s.Bytes += int64(len(b))
	for len(b) > 0 && !s.wide {
		n := s.run(b)
		s.pass(b[:n])
		if n < len(b) {
			s.turn(b[n])
			n++
		}
		b = b[n:]
	}
}

// run returns how many bytes at the start of b cannot change the state.
func (s *Size) run(b []byte) int {
	n := 0
	switch s.in {
	case text:
		n = bytes.IndexByte(b, '<')
	case value:
		n = bytes.IndexByte(b, s.quote)
	case comment, cdata, instruction:
		n = bytes.IndexByte(b, '>')
	case tag:
		if n = bytes.IndexByte(b, '>'); n >= 0 {
			b = b[:n]
		}
		for _, quote := range [2]byte{'"', '\''} {
			if q := bytes.IndexByte(b, quote); q >= 0 {
				n, b = q, b[:q]
			}
		}
	}
	if n < 0 {
		n = len(b)
	}
	return n
}

// pass counts bytes that do not change the state.
func (s *Size) pass(b []byte) {
	switch s.in {
	case text, cdata:
		s.Text += int64(len(b))
	case value, comment, instruction:
		s.Other += int64(len(b))
	}
	if s.in < comment {
		return
	}
	for _, c := range b[max(0, len(b)-len(s.last)):] {
		s.last = [2]byte{s.last[1], c}
	}
}

// turn takes one byte that may change the state.
func (s *Size) turn(c byte) {
	was := s.last
	s.last = [2]byte{was[1], c}
	switch s.in {
	case start:
		s.wide = c == 0 || c >= 0xFE // UTF-16: letters have two bytes, of which one may look like markup
		s.begin(c)
	case behind:
		s.begin(c)
	case text:
		s.in = opening
	case opening:
		s.open(c)
	case bang:
		s.last = [2]byte{} // <!--> is no comment
		if s.in = comment; c == '[' {
			s.in = cdata
		}
	case tag:
		if s.in = behind; c != '>' {
			s.in, s.quote = value, c
			s.Nodes++ // an attribute
		}
	case value:
		s.in = tag
	case comment:
		s.endMarkup(was == [2]byte{'-', '-'})
	case cdata:
		s.endMarkup(was == [2]byte{']', ']'})
	case instruction:
		s.endMarkup(was[1] == '?')
	}
}

// begin takes the first byte behind a tag.
func (s *Size) begin(c byte) {
	if s.in = opening; c != '<' {
		s.in = text
		s.Nodes++
		s.Text++
	}
}

// open takes the byte behind <.
func (s *Size) open(c byte) {
	s.in = tag
	switch c {
	case '/':
		return
	case '!':
		s.in = bang
		s.Notes++
	case '?':
		s.in, s.last = instruction, [2]byte{}
		s.Notes++
	default:
		s.Elements++
	}
	s.Nodes++
}

// endMarkup handles a > that may end a comment, a CDATA section or an instruction. If it does not, it belongs to its
// content, and counts as both kinds: which one it is does not matter for an upper bound.
func (s *Size) endMarkup(ends bool) {
	if ends {
		s.in = behind
		return
	}
	s.Text++
	s.Other++
}

// Tree returns how many bytes the tree takes at most, its indexes included.
func (s *Size) Tree() int64 {
	if s.wide {
		return s.Bytes*PerByte + fixed
	}
	n := s.Nodes*(nodeBytes+indexBytes) + s.Elements*(placeBytes+indexBytes) + s.Notes*noteBytes + s.Text + s.Other
	return min(n, s.Bytes*PerByte) + fixed
}

// fixed is what the smallest tree takes, in bytes.
const fixed = 4 << 10

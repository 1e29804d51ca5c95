package regex

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// kind is what a node of a pattern is.
type kind int

const (
	literal   kind = iota // one character, as it is written
	oneOf                 // one character of a set
	sequence              // parts one after the other; none of them matches nothing
	choice                // the first of the parts with which the rest matches, too
	group                 // a part in parentheses
	repeat                // a part, several times
	textBegin             // "^", and so on
	textEnd
	lineBegin
	lineEnd
	backReference
)

// node is a part of a pattern.
type node struct {
	kind  kind
	set   set
	parts []*node // those of a group and of a repetition are one
	group int     // number of a group that captures, or that is referred to; 0 for others

	least, most int // of a repetition; most is -1 without bound
	lazy        bool

	weight int // the product of the counts of nested repetitions, at most tooOften
	size   int // how many steps of a program it becomes when repetitions are written out, at most hugeSize
}

// tooOften is a weight beyond what package regexp does; hugeSize keeps sizes from running over.
const (
	tooOften = maxRepeat + 1
	hugeSize = 1 << 30
)

// leaf returns a node without parts.
func leaf(k kind) *node { return &node{kind: k, weight: 1, size: 1} }

// inner returns a node with parts.
func inner(k kind, parts []*node) *node {
	n := &node{kind: k, parts: parts, weight: 1, size: 1}
	for _, part := range parts {
		n.weight = max(n.weight, part.weight)
		n.size = min(hugeSize, n.size+part.size)
	}
	return n
}

// several returns a sequence or choice of parts, or the only part.
func several(k kind, parts []*node) *node {
	if len(parts) == 1 {
		return parts[0]
	}
	return inner(k, parts)
}

func groupOf(in *node, number int) *node {
	n := inner(group, []*node{in})
	n.group = number
	return n
}

func repeatOf(a *node, least, most int, lazy bool) *node {
	n := inner(repeat, []*node{a})
	n.least, n.most, n.lazy = least, most, lazy
	if times := max(least, most); times > 1 {
		n.weight = min(tooOften, times*a.weight)
		n.size = min(hugeSize, times*a.size)
	}
	return n
}

// single reports whether n matches one character, whatever it is.
func (n *node) single() bool { return n.kind == literal || n.kind == oneOf }

// empty reports whether n can match nothing.
func (n *node) empty() bool {
	switch n.kind {
	case literal, oneOf:
		return false
	case sequence:
		return !slices.ContainsFunc(n.parts, func(part *node) bool { return !part.empty() })
	case choice, group:
		return slices.ContainsFunc(n.parts, (*node).empty)
	case repeat:
		return n.least == 0 || n.parts[0].empty()
	}
	return true
}

// has reports whether a node of this kind is in n.
func (n *node) has(k kind) bool {
	if n.kind == k {
		return true
	}
	for _, part := range n.parts {
		if part.has(k) {
			return true
		}
	}
	return false
}

// writer writes a tree for package regexp.
type writer struct{ strings.Builder }

// write writes n, up to maxOutput and a little more.
func (w *writer) write(n *node) {
	if w.Len() > maxOutput {
		return
	}
	switch n.kind {
	case literal:
		w.WriteString(regexp.QuoteMeta(string(n.set[0].lo)))
	case oneOf:
		w.WriteString(n.set.String())
	case sequence:
		for _, part := range n.parts {
			w.write(part)
		}
	case choice:
		for i, part := range n.parts {
			if i > 0 {
				w.WriteByte('|')
			}
			w.write(part)
		}
	case group:
		w.WriteString("(")
		if n.group == 0 {
			w.WriteString("?:")
		}
		w.write(n.parts[0])
		w.WriteString(")")
	case repeat:
		w.repeat(n)
	default:
		w.WriteString(anchors[n.kind])
	}
}

// anchors are what "^" and "$" become, in groups that they may be repeated in.
var anchors = map[kind]string{
	textBegin: `(?:\A)`, textEnd: `(?:\z)`, lineBegin: "(?:(?m:^))", lineEnd: "(?:(?m:$))",
}

// repeat writes a repetition. Package regexp allows counts up to maxRepeat only: a longer one, in XML Schema where
// groups have no numbers, is written as several in a row, a{2500} as a{1000}a{1000}a{500}.
func (w *writer) repeat(n *node) {
	a, lazy := n.parts[0], ""
	if n.lazy {
		lazy = "?"
	}
	var part writer
	part.write(a)
	text := part.String()
	row := maxRepeat / min(a.weight, maxRepeat)
	switch {
	case n.most < 0 && n.least == 0:
		w.WriteString(text + "*" + lazy)
	case n.most < 0 && n.least == 1:
		w.WriteString(text + "+" + lazy)
	case n.least == 0 && n.most == 1:
		w.WriteString(text + "?" + lazy)
	case n.most == 0:
		w.WriteString("(?:" + text + "{0})")
	case n.most > n.least && n.most <= row:
		fmt.Fprintf(w, "(?:%s{%d,%d}%s)", text, n.least, n.most, lazy)
	case n.most < 0 && n.least <= row:
		fmt.Fprintf(w, "(?:%s{%d,}%s)", text, n.least, lazy)
	default:
		w.WriteString("(?:")
		w.inRows(text, "{%d}", n.least, row, lazy)
		if n.most < 0 {
			w.WriteString(text + "*" + lazy)
		} else {
			w.inRows(text, "{0,%d}", n.most-n.least, row, lazy)
		}
		w.WriteString(")")
	}
}

func (w *writer) inRows(text, times string, n, row int, lazy string) {
	for ; n > 0 && w.Len() <= maxOutput; n -= row {
		w.WriteString(text + fmt.Sprintf(times, min(n, row)) + lazy)
	}
}

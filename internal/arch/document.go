package arch

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// width is how long a line of the document may be.
const width = 118

const opening = `# Rooms and arrows

<!-- Written by make docs from internal/arch/table.go. -->

A room is a package; an arrow is an import outside of tests. Arrows point downwards only: a room stands one level above
the highest room that it imports, so rooms of one level never import each other. A test holds every import against the
table. [The path of a message](flow.md) goes through these rooms.

`

// Document is docs/architecture.md: the rooms in layers, then each with its first sentence and its arrows.
func Document(list []Package) []byte {
	var b bytes.Buffer
	b.WriteString(opening + "```\n")
	layers := layers(allowed)
	for n, rooms := range slices.Backward(layers) {
		fill(&b, fmt.Sprintf("%2d  ", n), "   ", rooms)
		if n > 0 {
			b.WriteString("    ↓\n")
		}
	}
	b.WriteString("```\n")
	sentences := map[string]string{}
	for _, p := range list {
		sentences[p.Room()] = p.Doc
	}
	for n, rooms := range slices.Backward(layers) {
		fmt.Fprintf(&b, "\n## Level %d\n\n", n)
		for _, room := range rooms {
			text := sentences[room]
			if text == "" {
				text = "has no comment."
			}
			fill(&b, "- ", " ", strings.Fields("**"+room+"** – "+text))
			if imports := strings.Fields(allowed[room]); len(imports) > 0 {
				slices.Sort(imports)
				fill(&b, "  → ", " ", imports)
			}
		}
	}
	return b.Bytes()
}

// fill writes words with gaps between them, in lines that are not too long; further lines are indented like the first.
func fill(b *bytes.Buffer, first, gap string, words []string) {
	indent := strings.Repeat(" ", len([]rune(first)))
	line := first
	for i, w := range words {
		switch {
		case i == 0:
		case len([]rune(line+gap+w)) > width:
			b.WriteString(line + "\n")
			line = indent
		default:
			line += gap
		}
		line += w
	}
	b.WriteString(line + "\n")
}

// layers sorts rooms by how high they stand: one above the highest room that they import.
func layers(table map[string]string) (out [][]string) {
	heights := map[string]int{}
	var height func(room string) int
	height = func(room string) int {
		if h, ok := heights[room]; ok {
			return h
		}
		heights[room] = 0 // a circle ends here; TestTable finds it
		h := 0
		for _, below := range strings.Fields(table[room]) {
			h = max(h, height(below)+1)
		}
		heights[room] = h
		return h
	}
	for _, room := range slices.Sorted(maps.Keys(table)) {
		for h := height(room); len(out) <= h; {
			out = append(out, nil)
		}
		out[heights[room]] = append(out[heights[room]], room)
	}
	return out
}

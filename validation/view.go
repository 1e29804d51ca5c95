package validation

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Bounds of what a page shows of a document.
const (
	maxRows   = 200 // lines, or elements of a document of another syntax
	maxMarked = 200 // further ones that have findings
)

// view is a document as a page shows it. It holds nothing of the document itself.
type view struct {
	Name    string
	Top     *spot // stands for the whole document
	Facts   []shown
	Parties []shownParty
	Tables  []shownTable
	Totals  []shown
	Tree    []shown // of a document of another syntax
	Left    int     // elements of it that are left out
	Others  []shown // places of findings that are not above
	placed  []*spot // of the notes of the report, in their order
}

// spot is a place in a page that findings are about.
type spot struct {
	node  xdm.Node
	ID    int
	Marks []int // numbers of notes, from 1
}

// shown is a value with its name: Label, or Name as the document has it.
type shown struct {
	At    *spot
	Label label
	Name  string
	Value string
	Depth int
}

type shownParty struct {
	shown
	Party
	Address []string
}

type shownTable struct {
	Title   label
	Columns []column
	Rows    []shownRow
	Left    int // rows that are left out
}

// column is the head of a column; numbers stand on the right.
type column struct {
	Label  label
	Number bool
}

type shownRow struct {
	At    *spot
	Cells []cell
}

// cell is a text of the document, or a word for it.
type cell struct {
	Text string
	Word label
}

// viewOf makes a view of a document with the places of what the report says about it.
func viewOf(t *xdm.Tree, r *Report) *view {
	b := &viewer{docReader: docReader{t}, view: &view{}}
	for _, n := range r.notes() {
		b.found = append(b.found, b.locate(n.Location))
	}
	b.sorted = slices.Clone(b.found)
	slices.Sort(b.sorted)
	top := t.FirstChild(0)
	for t.Kind(top) != xdm.Element {
		top = t.NextSibling(top)
	}
	b.view.Name = strings.Clone(t.Name(top).Local)
	b.view.Top = b.spot(top)
	if s, known := syntaxOf(t.Name(top)); known {
		b.document(&s, top)
	} else {
		b.tree(top)
	}
	b.place()
	return b.view
}

type viewer struct {
	docReader
	view   *view
	found  []xdm.Node // of the notes, xdm.None where it is not in the document
	sorted []xdm.Node
	spots  []*spot
}

func (b *viewer) spot(n xdm.Node) *spot {
	s := &spot{node: n, ID: len(b.spots)}
	b.spots = append(b.spots, s)
	return s
}

// marked reports whether something is said about a node or what is in it.
func (b *viewer) marked(n xdm.Node) bool {
	i, _ := slices.BinarySearch(b.sorted, n)
	return i < len(b.sorted) && b.sorted[i] < b.t.Next(n)
}

// locate returns the node at a location like /Invoice[1]/ID[2], or as much of it as is there; xdm.None when not even
// the root element is.
func (b *viewer) locate(location string) xdm.Node {
	at := xdm.Node(0)
	for step := range strings.SplitSeq(strings.TrimPrefix(location, "/"), "/") {
		name, index, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		nth, err := strconv.Atoi(index)
		if err != nil {
			break // an attribute: its element counts
		}
		next := b.nth(at, name, nth)
		if next == xdm.None {
			break
		}
		at = next
	}
	if at == 0 {
		return xdm.None
	}
	return at
}

// nth returns the nth child of a local name. Names of two namespaces that differ in nothing else are rare enough for a
// mark in a page.
func (b *viewer) nth(n xdm.Node, name string, nth int) xdm.Node {
	for c := b.t.FirstChild(n); c != xdm.None; c = b.t.NextSibling(c) {
		if b.is(c, name) {
			if nth--; nth == 0 {
				return c
			}
		}
	}
	return xdm.None
}

// all returns all elements at the paths, in the order of the document.
func (b *viewer) all(n xdm.Node, paths string) (list []xdm.Node) {
	for path := range strings.SplitSeq(paths, "|") {
		at := []xdm.Node{n}
		for name := range strings.SplitSeq(path, "/") {
			var next []xdm.Node
			for _, p := range at {
				for c := b.t.FirstChild(p); c != xdm.None; c = b.t.NextSibling(c) {
					if b.is(c, name) {
						next = append(next, c)
					}
				}
			}
			at = next
		}
		list = append(list, at...)
	}
	slices.Sort(list)
	return list
}

// document shows what people look for in a document of a known syntax.
func (b *viewer) document(s *syntax, top xdm.Node) {
	v := b.view
	for _, f := range s.facts {
		if n := b.find(top, f.path); n != xdm.None {
			v.Facts = append(v.Facts, shown{At: b.spot(n), Label: f.label, Value: b.value(n)})
		}
	}
	for _, f := range s.parties {
		if n := b.find(top, f.path); n != xdm.None {
			v.Parties = append(v.Parties, b.shownParty(s, f.label, n))
		}
	}
	for i := range s.tables {
		if t := b.table(&s.tables[i], top); len(t.Rows) > 0 {
			v.Tables = append(v.Tables, t)
		}
	}
	for _, f := range s.totals {
		if n := b.find(top, f.path); n != xdm.None {
			v.Totals = append(v.Totals, shown{At: b.spot(n), Label: f.label, Value: b.measured(n)})
		}
	}
}

func (b *viewer) shownParty(s *syntax, l label, n xdm.Node) shownParty {
	p := shownParty{shown: shown{At: b.spot(n), Label: l}}
	if one := b.party(&syntax{name: s.name, ids: s.ids}, b.t.Parent(n), b.t.Name(n).Local); one != nil {
		p.Party = *one
	}
	for _, line := range s.address {
		var words []string
		for path := range strings.FieldsSeq(line) {
			if w := b.text(n, path); w != "" {
				words = append(words, w)
			}
		}
		if len(words) > 0 {
			p.Address = append(p.Address, strings.Join(words, " "))
		}
	}
	return p
}

// measured is a value with its unit or currency.
func (b *viewer) measured(n xdm.Node) string {
	s := b.value(n)
	for _, unit := range []string{"unitCode", "currencyID"} {
		if u := b.attr(n, unit); u != "" {
			return s + " " + u
		}
	}
	return s
}

// table shows the rows of a table, without the columns that are empty in all of them.
func (b *viewer) table(t *table, top xdm.Node) shownTable {
	out := shownTable{Title: t.title}
	used := make([]bool, len(t.columns))
	marked := 0
	for i, n := range b.all(top, t.rows) {
		if i >= maxRows {
			if marked == maxMarked || !b.marked(n) {
				out.Left++
				continue
			}
			marked++
		}
		row := shownRow{At: b.spot(n)}
		for j, f := range t.columns {
			c := b.cell(&f, n)
			used[j] = used[j] || c != (cell{})
			row.Cells = append(row.Cells, c)
		}
		out.Rows = append(out.Rows, row)
	}
	for j := len(used) - 1; j >= 0; j-- {
		if used[j] {
			out.Columns = append([]column{{t.columns[j].label, isNumber[t.columns[j].label]}}, out.Columns...)
			continue
		}
		for i := range out.Rows {
			out.Rows[i].Cells = slices.Delete(out.Rows[i].Cells, j, j+1)
		}
	}
	return out
}

func (b *viewer) cell(f *field, row xdm.Node) cell {
	n := b.find(row, f.path)
	switch {
	case n == xdm.None:
		return cell{}
	case f.label == nameQuantity:
		return cell{Text: b.measured(n)}
	case f.label != nameWhat:
		return cell{Text: b.value(n)}
	case b.value(n) == "true":
		return cell{Word: nameCharge}
	}
	return cell{Word: nameAllowance}
}

// tree shows the elements of a document of which nothing else is known.
func (b *viewer) tree(top xdm.Node) {
	marked := 0
	for n := top; n < b.t.Next(top); n++ {
		if b.t.Kind(n) != xdm.Element {
			continue
		}
		if len(b.view.Tree) >= maxRows {
			if _, here := slices.BinarySearch(b.sorted, n); marked == maxMarked || !here {
				b.view.Left++
				continue
			}
			marked++
		}
		b.view.Tree = append(b.view.Tree, b.element(n, b.depth(n)-1))
	}
}

func (b *viewer) depth(n xdm.Node) (d int) {
	for ; n > 0; n = b.t.Parent(n) {
		d++
	}
	return d
}

// element shows an element with its attributes, and its value if it has no elements in it.
func (b *viewer) element(n xdm.Node, depth int) shown {
	e := shown{At: b.spot(n), Name: strings.Clone(b.t.Written(n)), Depth: min(depth, 12)}
	for a := n + 1; int(a) < b.t.Len() && b.t.Kind(a) == xdm.Attr; a++ {
		e.Name += " " + b.t.Written(a) + "=" + strconv.Quote(b.value(a))
	}
	for c := b.t.FirstChild(n); c != xdm.None; c = b.t.NextSibling(c) {
		if b.t.Kind(c) == xdm.Element {
			return e
		}
	}
	e.Value = b.value(n)
	return e
}

// place finds the spot of each note: the innermost that contains its node, else the first within it, else one of its
// own.
func (b *viewer) place() {
	for i, n := range b.found {
		var s *spot
		switch {
		case n == xdm.None:
			b.view.placed = append(b.view.placed, nil)
			continue
		case n == b.view.Top.node:
			s = b.view.Top
		default:
			s = b.around(n)
		}
		if s == nil {
			other := b.element(n, 0)
			for p := b.t.Parent(n); p > b.view.Top.node; p = b.t.Parent(p) {
				other.Name = strings.Clone(b.t.Written(p)) + "/" + other.Name
			}
			b.view.Others = append(b.view.Others, other)
			s = other.At
		}
		s.Marks = append(s.Marks, i+1)
		b.view.placed = append(b.view.placed, s)
	}
}

func (b *viewer) around(n xdm.Node) (best *spot) {
	for _, s := range b.spots {
		if s != b.view.Top && s.node <= n && n < b.t.Next(s.node) && (best == nil || s.node > best.node) {
			best = s
		}
	}
	if best != nil {
		return best
	}
	for _, s := range b.spots {
		if n < s.node && s.node < b.t.Next(n) && (best == nil || s.node < best.node) {
			best = s
		}
	}
	return best
}

package xsd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

// expr is a regular expression over element names: the second opinion about content models. Equal expressions are one.
type expr struct {
	op   byte // '0' nothing, 'e' no child, 's' one child, 'c' a then b, 'a' a or b, '*' any number of a
	id   int32
	a, b *expr
	n    int // in the order in which they were made
}

var (
	nothing = &expr{op: '0'}
	empty   = &expr{op: 'e'}
)

// exprs makes each expression once.
type exprs map[expr]*expr

func (x exprs) get(e expr) *expr {
	if x[e] == nil {
		made := e
		made.n = len(x) + 1
		x[e] = &made
	}
	return x[e]
}

func (x exprs) then(a, b *expr) *expr {
	switch {
	case a == nothing || b == nothing:
		return nothing
	case a == empty:
		return b
	case b == empty:
		return a
	case a.op == 'c':
		return x.then(a.a, x.then(a.b, b))
	}
	return x.get(expr{op: 'c', a: a, b: b})
}

// or keeps alternatives in order, each once, so that there are finitely many.
func (x exprs) or(a, b *expr) *expr {
	var list []*expr
	var add func(*expr)
	add = func(e *expr) {
		if e.op == 'a' {
			add(e.a)
			add(e.b)
		} else if e != nothing && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	add(a)
	add(b)
	if len(list) == 0 {
		return nothing
	}
	slices.SortFunc(list, func(a, b *expr) int { return a.n - b.n })
	out := list[0]
	for _, e := range list[1:] {
		out = x.get(expr{op: 'a', a: e, b: out})
	}
	return out
}

func (e *expr) nullable() bool {
	switch e.op {
	case 'e', '*':
		return true
	case 'c':
		return e.a.nullable() && e.b.nullable()
	case 'a':
		return e.a.nullable() || e.b.nullable()
	}
	return false
}

// after returns what may follow a child (the Brzozowski derivative).
func (x exprs) after(e *expr, id int32) *expr {
	switch e.op {
	case 's':
		if e.id == id {
			return empty
		}
	case 'c':
		d := x.then(x.after(e.a, id), e.b)
		if e.a.nullable() {
			d = x.or(d, x.after(e.b, id))
		}
		return d
	case 'a':
		return x.or(x.after(e.a, id), x.after(e.b, id))
	case '*':
		return x.then(x.after(e.a, id), e)
	}
	return nothing
}

func (x exprs) of(p *particle) *expr {
	var once *expr
	switch p.kind {
	case elementParticle:
		once = x.get(expr{op: 's', id: p.elem.id})
	case sequence:
		once = empty
		for _, k := range slices.Backward(p.kids) {
			once = x.then(x.of(k), once)
		}
	case choice:
		once = nothing
		for _, k := range p.kids {
			once = x.or(x.of(k), once)
		}
	}
	rest := empty
	if p.max == unbounded {
		rest = x.get(expr{op: '*', a: once})
	}
	for i := p.min; i < p.max; i++ {
		rest = x.or(empty, x.then(once, rest))
	}
	for range p.min {
		rest = x.then(once, rest)
	}
	return rest
}

func modelSchema(content string) string {
	return `<xs:schema xmlns:xs="` + nsXSD +
		`" xmlns:m="urn:m" targetNamespace="urn:m"><xs:element name="r"><xs:complexType>` + content +
		`</xs:complexType></xs:element></xs:schema>`
}

// TestModels: random content models with counts accept the same children as the regular expressions that they are, and
// find the first wrong one at the same place.
func TestModels(t *testing.T) {
	r, n := golden.Random(t), golden.Cases(t)
	ambiguous, large, valid, invalid := 0, 0, 0, 0
	for range n {
		text := modelSchema(randomModel(r, true))
		s, err := Load(fstest.MapFS{"m.xsd": {Data: []byte(text)}}, "m.xsd")
		if err != nil {
			switch msg := err.Error(); {
			case strings.Contains(msg, "does not tell"):
				ambiguous++
			case strings.Contains(msg, "of this size"): // counts within counts multiply
				large++
			default:
				t.Fatalf("%v\n%s", err, text)
			}
			continue
		}
		root := s.parts.element(qname{"urn:m", "r"})
		for range 20 {
			if judgeModel(t, r, s, root, text) {
				valid++
			} else {
				invalid++
			}
		}
	}
	t.Logf("%d models, %d of them ambiguous, %d too large; %d contents valid, %d not", n, ambiguous, large, valid,
		invalid)
	if valid == 0 || invalid == 0 || large > 1+n/20 {
		t.Error("one kind of content did not occur, or too many models are too large")
	}
}

// judgeModel makes children for an element and judges them twice.
func judgeModel(t *testing.T, r *rand.Rand, s *Schema, root *element, text string) bool {
	t.Helper()
	w := newWriter(r, s.parts)
	doc := w.document(root)
	var names []string
	for _, k := range doc.kids {
		names = append(names, k.(*tree).name)
	}
	for range r.IntN(3) {
		if i := r.IntN(len(names) + 1); i < len(names) && r.IntN(2) == 0 {
			names = slices.Delete(names, i, i+1)
		} else {
			names = slices.Insert(names, i, string('a'+rune(r.IntN(8))))
		}
	}
	var c cursor
	m := root.typ.model
	x, rest := exprs{}, empty
	if root.typ.particle != nil {
		rest = x.of(root.typ.particle)
	}
	for i, name := range names {
		id := s.parts.id("", name)
		rest = x.after(rest, id)
		e, _ := m.next(&c, safe.Name{Local: name}, id, s.parts)
		if (e != nil) != (rest != nothing) {
			t.Fatalf("%v, child %d: we %v, the expression %v\n%s", names, i, e, rest, text)
		}
		if e == nil {
			return false
		}
	}
	if m.done(&c) != rest.nullable() {
		t.Fatalf("%v: complete for us %v, for the expression %v\n%s", names, m.done(&c), rest.nullable(), text)
	}
	return rest.nullable()
}

// TestDifferentialModels: random content models and random children for them, by this package and by Xerces. There
// are no counts but 0, 1 and unbounded: with others, Xerces finds (d*, f{2}, g) complete after f, g, and wildcards in
// (any{3})? necessary.
func TestDifferentialModels(t *testing.T) {
	j := startJudge(t)
	r, n := golden.Random(t), golden.Cases(t)
	ambiguous, invalid := 0, 0
	name := filepath.Join(t.TempDir(), "m%d.xsd")
	for i := range n / 10 {
		text := modelSchema(randomModel(r, false))
		file := fmt.Sprintf(name, i)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(fstest.MapFS{"m.xsd": {Data: []byte(text)}}, "m.xsd")
		if v := j.ask(t, file, []byte("<r/>")); (v.refused != "") != (err != nil) {
			t.Fatalf("%v, Xerces refuses with %q\n%s", err, v.refused, text)
		}
		if err != nil {
			ambiguous++
			continue
		}
		w := newWriter(r, s.parts)
		for range 10 {
			root := w.document(s.parts.element(qname{"urn:m", "r"}))
			for range r.IntN(3) {
				mutate(r, root, strings.Split("abcdefgh", ""))
			}
			var b strings.Builder
			root.write(&b)
			if compareWith(t, j, s, file, []byte(b.String())) != nil {
				invalid++
			}
			if t.Failed() {
				t.Fatal(text)
			}
		}
	}
	t.Logf("%d models, %d of them ambiguous; %d documents invalid", n/10, ambiguous, invalid)
}

// randomModel writes a model group.
func randomModel(r *rand.Rand, counts bool) string {
	names := r.Perm(8)
	var group func(depth int) string
	group = func(depth int) string {
		tag := pick(r, []string{"sequence", "choice"})
		var b strings.Builder
		fmt.Fprintf(&b, "<xs:%s%s>", tag, randomOccurs(r, counts))
		for range 1 + r.IntN(3) {
			if depth < 3 && r.IntN(3) == 0 {
				b.WriteString(group(depth + 1))
				continue
			}
			if len(names) == 0 || r.IntN(8) == 0 {
				names = append(names, r.IntN(8))
			}
			fmt.Fprintf(&b, `<xs:element name="%c" type="xs:string"%s/>`, 'a'+names[0], randomOccurs(r, counts))
			names = names[1:]
		}
		fmt.Fprintf(&b, "</xs:%s>", tag)
		return b.String()
	}
	return group(0)
}

// randomOccurs writes minOccurs and maxOccurs.
func randomOccurs(r *rand.Rand, counts bool) string {
	least, most := r.IntN(2), pick(r, []string{"1", "1", "1", "unbounded"})
	if counts && r.IntN(3) == 0 {
		least = r.IntN(4)
		most = pick(r, []string{"unbounded", strconv.Itoa(max(1, least+r.IntN(3)))})
	}
	return fmt.Sprintf(` minOccurs="%d" maxOccurs="%s"`, least, most)
}

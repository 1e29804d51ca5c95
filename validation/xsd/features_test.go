package xsd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writer makes random documents of a schema.
type writer struct {
	r        *rand.Rand
	a        *assembly
	prefixes map[string]string
	elements []*element // global ones, for wildcards
	left     int        // elements that the document may still have beyond what it must have
}

func newWriter(r *rand.Rand, a *assembly) *writer {
	w := &writer{r: r, a: a, prefixes: map[string]string{"": "", nsXML: "xml", nsXSI: "xsi", nsXSD: "xs"}}
	for _, space := range slices.Sorted(maps.Keys(a.names)) {
		if w.prefixes[space] == "" && space != "" {
			w.prefixes[space] = fmt.Sprintf("n%d", len(w.prefixes))
		}
	}
	w.elements = sorted(a.elements)
	return w
}

func (w *writer) name(q qname) string {
	if p := w.prefixes[q.space]; p != "" {
		return p + ":" + q.local
	}
	return q.local
}

// document writes an element of the schema that is valid most of the time.
func (w *writer) document(e *element) *tree {
	w.left = 150
	root := w.element(e, nil)
	for _, space := range slices.Sorted(maps.Keys(w.prefixes)) {
		if p := w.prefixes[space]; p != "" && p != "xml" {
			root.setAttr([2]string{"xmlns:" + p, space})
		}
	}
	for _, p := range poolPrefixes {
		root.setAttr(p)
	}
	return root
}

func (w *writer) element(e *element, up *tree) *tree {
	w.left--
	if e.abstract {
		for _, o := range w.elements {
			for _, m := range w.a.headsOf(o.id) {
				if m.head == e && !o.abstract && w.r.IntN(3) == 0 {
					e = o
				}
			}
		}
	}
	t := &tree{name: w.name(e.name), up: up}
	kind := e.typ
	if kind.abstract || w.r.IntN(12) == 0 {
		list := slices.DeleteFunc(sorted(w.a.types), func(d *typ) bool { return d.abstract || !d.derives(e.typ, 0) })
		if len(list) > 0 {
			kind = pick(w.r, list)
			t.setAttr([2]string{"xsi:type", w.name(kind.name)})
		}
	}
	if e.nillable && w.r.IntN(2) == 0 {
		t.setAttr([2]string{"xsi:nil", "true"})
	}
	for _, u := range kind.attrs {
		if u.required || w.r.IntN(3) == 0 {
			t.setAttr([2]string{w.name(u.name), w.value(u.typ)})
		}
	}
	switch kind.kind {
	case simpleType, simpleContent:
		if v := w.value(kind.simple); v != "" {
			t.kids = append(t.kids, v)
		}
	case elementOnly, mixed:
		if kind.particle != nil {
			w.particle(kind.particle, t)
		}
	}
	return t
}

// value looks for a text that the type allows.
func (w *writer) value(s *simple) string {
	v := ""
	for range 40 {
		v = pick(w.r, valuePool)
		if len(s.values) > 0 && w.r.IntN(2) == 0 {
			v = pick(w.r, s.values)
		}
		if w.r.IntN(15) == 0 {
			break
		}
		if _, bad := s.check([]byte(v), &scope{}); bad == nil {
			break
		}
	}
	return v
}

func (w *writer) particle(p *particle, t *tree) {
	n := p.min
	if most := p.max; most < 0 || most > n {
		if most < 0 || most > n+3 {
			most = n + 3
		}
		if w.left > 0 {
			n += w.r.IntN(most - n + 1)
		}
	}
	for range n {
		switch p.kind {
		case elementParticle:
			t.kids = append(t.kids, w.element(p.elem, t))
		case wildParticle:
			if w.left > 0 && w.r.IntN(2) == 0 {
				t.kids = append(t.kids, w.element(pick(w.r, w.elements), t))
			} else {
				t.kids = append(t.kids, &tree{name: "zz:unknown", up: t})
			}
		case choice:
			if len(p.kids) > 0 {
				w.particle(pick(w.r, p.kids), t)
			}
		default:
			for _, k := range p.kids {
				w.particle(k, t)
			}
			if p.kind == allOf {
				w.r.Shuffle(len(t.kids), func(i, j int) { t.kids[i], t.kids[j] = t.kids[j], t.kids[i] })
			}
		}
	}
}

// names returns the names of all elements that may stand in a document.
func (w *writer) names() []string {
	var list []string
	for space, locals := range w.a.names {
		for local := range locals {
			list = append(list, w.name(qname{space, local}))
		}
	}
	slices.Sort(list)
	return list
}

// TestDifferentialFeatures: random documents of a schema that uses every feature, by this package and by Xerces.
func TestDifferentialFeatures(t *testing.T) {
	j := startJudge(t)
	r, n := differentialRand(t), differentialCases(t)
	s, err := Load(os.DirFS("testdata/features"), "features.xsd")
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("testdata/features/features.xsd")
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(r, s.parts)
	codes := map[string]int{}
	for range n {
		root := w.document(s.parts.element(qname{"urn:f", "root"}))
		for range r.IntN(4) {
			mutate(r, root, w.names())
		}
		var b strings.Builder
		root.write(&b)
		for _, e := range compareWith(t, j, s, file, []byte(b.String())) {
			codes[e.Code]++
		}
	}
	t.Logf("%d documents, errors: %v", n, codes)
}

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

	"github.com/ravn-ap/ravn/internal/golden"
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
	r, n := golden.Random(t), golden.Cases(t)
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

// TestDifferentialDefaults: every element with a default or fixed value, empty and with every type that xsi:type may
// name, by this package and by Xerces.
func TestDifferentialDefaults(t *testing.T) {
	j := startJudge(t)
	s, err := Load(os.DirFS("testdata/features"), "features.xsd")
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("testdata/features/features.xsd")
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(nil, s.parts)
	open := `<f:root xmlns:f="urn:f" xmlns:n3="urn:f" xmlns:n4="urn:f" xmlns:n5="urn:o" xmlns:n6="urn:x" ` +
		`xmlns:xs="` + nsXSD + `" xmlns:xsi="` + nsXSI + `"><f:fixed>`
	var found []string
	for _, p := range s.parts.types[qname{"urn:f", "fixed"}].particle.kids {
		for _, kind := range append(sorted(s.parts.types), nil) {
			for _, content := range []string{"", p.elem.value.text, " ", "<!-- empty -->", "<f:a/>"} {
				attr := ""
				if kind != nil {
					attr = ` xsi:type="` + w.name(kind.name) + `"`
				}
				name := "f:" + p.elem.name.local
				doc := open + "<" + name + attr + ">" + content + "</" + name + "></f:fixed></f:root>"
				for _, e := range compareWith(t, j, s, file, []byte(doc)) {
					found = append(found, e.Code)
				}
			}
		}
	}
	slices.Sort(found)
	t.Logf("errors found: %v", slices.Compact(found))
}

// TestFeatures: what each feature of the schema allows and what not, without a second opinion.
func TestFeatures(t *testing.T) {
	s, err := Load(os.DirFS("testdata/features"), "features.xsd")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ content, want string }{
		{`<all><c>2024-01-01</c><a>1</a></all>`, ""},
		{`<all><b/></all>`, "cvc-complex-type.2.4.b"},
		{`<all><a>1</a><a>1</a></all>`, "cvc-complex-type.2.4.a"},
		{`<counts><a/><a/><b/><c/><c/><c/><c/></counts>`, ""},
		{`<counts><a/><b/></counts>`, "cvc-complex-type.2.4.a"},
		{`<counts><a/><a/><c/><c/></counts>`, "cvc-complex-type.2.4.b"},
		{`<wild><a/><o:thing/><x:y/></wild>`, ""},
		{`<wild><a/><o:thing><in>x</in></o:thing></wild>`, "cvc-complex-type.2.4.a"},
		{`<listed><x:y/></listed>`, "cvc-complex-type.2.4.a"},
		{`<listed><o:none/></listed>`, "cvc-complex-type.2.4.c"},
		{`<shapes><circle><x>1</x><r>1</r></circle><o:square><x>1</x></o:square></shapes>`, ""},
		{`<shapes><shape><x>1</x></shape></shapes>`, "cvc-elt.2"},
		{`<shapes><closedMember><x>1</x></closedMember></shapes>`, "cvc-complex-type.2.4.a"},
		{`<shapes><extended><x>1</x><r>1</r></extended></shapes>`, "cvc-complex-type.2.4.a"},
		{`<shapes><same><x>1</x></same></shapes>`, ""},
		{`<base xsi:type="derived"><b>1</b></base>`, ""},
		{`<base xsi:type="restricted"/>`, "cvc-complex-type.2.4.b"},
		{`<base xsi:type="money" currency="EUR">1</base>`, "cvc-elt.4.3"},
		{`<base xsi:type="none"/>`, "cvc-elt.4.2"},
		{`<base xsi:type="1"/>`, "cvc-elt.4.1"},
		{`<blocked xsi:type="derived"><b>1</b></blocked>`, "cvc-elt.4.3"},
		{`<abstractType/>`, "cvc-type.2"},
		{`<abstractType xsi:type="concrete"><a/></abstractType>`, ""},
		{`<nilled xsi:nil="true"/>`, ""},
		{`<nilled xsi:nil="true">1</nilled>`, "cvc-elt.3.2.1"},
		{`<nilled xsi:nil="false"/>`, "cvc-datatype-valid.1.2.1"},
		{`<base xsi:nil="true"/>`, "cvc-elt.3.1"},
		{`<fixed><number>1.5</number><text/><given/><blend/></fixed>`, ""},
		{`<fixed><number>2</number></fixed>`, "cvc-elt.5.2.2.2.2"},
		{`<fixed><blend>other</blend></fixed>`, "cvc-elt.5.2.2.2.1"},
		{`<fixed><blend><a/></blend></fixed>`, "cvc-elt.5.2.2.1"},
		{`<fixed><number xsi:type="amount"/></fixed>`, ""},
		{`<fixed><text xsi:type="shorter"/></fixed>`, "cvc-elt.5.1.1"},
		{`<fixed><blendGiven xsi:type="textualTree"/></fixed>`, "cvc-elt.5.1.1"},
		{`<fixed><blendGiven xsi:type="textualNone"/></fixed>`, "cvc-elt.5.1.1"},
		{`<fixed><blendGiven xsi:type="textualMust"/></fixed>`, "cvc-complex-type.2.4.b"},
		{`<fixed><moneyGiven xsi:type="narrowMoney" currency="EUR"/></fixed>`, "cvc-elt.5.1.1"},
		{`<fixed><refsGiven/></fixed>`, "cvc-id.1"},
		{`<fixed><unionFixed xsi:type="xs:int">5</unionFixed></fixed>`, ""},
		{`<fixed><anySimpleFixed xsi:type="xs:float">5</anySimpleFixed></fixed>`, "cvc-elt.5.2.2.2.2"},
		{`<fixed number="6.0"/>`, ""},
		{`<fixed number="7"/>`, "cvc-complex-type.3.1"},
		{`<attrs one="1" o:mark="2024-01-01" any="x" f:global="1" xml:lang="nb"/>`, ""},
		{`<attrs one="1" o:mark="x"/>`, "cvc-datatype-valid.1.2.1"},
		{`<attrs/>`, "cvc-complex-type.4"},
		{`<attrs one="1" x:y=""/>`, "cvc-complex-type.3.2.2"},
		{`<narrow currency="EUR" note="x">6</narrow>`, "cvc-complex-type.3.2.2"},
		{`<narrow currency="EUR">7</narrow>`, "cvc-maxInclusive-valid"},
		{`<mixed>a<a/>b<b>1</b>c</mixed>`, ""},
		{`<grouped>a<d/></grouped>`, "cvc-complex-type.2.3"},
		{`<empty> </empty>`, "cvc-complex-type.2.1"},
		{`<money currency="EUR"><a/></money>`, "cvc-complex-type.2.2"},
		{`<local xmlns="">true</local>`, ""},
		{`<local xmlns="">x</local>`, "cvc-datatype-valid.1.2.1"},
		{`<nilled><a/></nilled>`, "cvc-type.3.1.2"},
		{`<nilled a="">1</nilled>`, "cvc-type.3.1.1"},
		{`<ids id="a"><id>b</id><refs>a b</refs></ids>`, ""},
		{`<ids id="a"><id>a</id></ids>`, "cvc-id.2"},
		{`<ids ref="a"/>`, "cvc-id.1"},
		{`<any><root/><x:y><any xsi:type="xs:int">1</any></x:y></any>`, "cvc-complex-type.2.4.b"},
		{`<values><code>x y</code><amount>209.99</amount><unionOfFew>1</unionOfFew><qnames>f:a</qnames><pairs>1.00 ` +
			`2</pairs></values>`, ""},
		{`<values><code>X</code></values>`, "cvc-enumeration-valid"},
		{`<values><amount>1.234</amount></values>`, "cvc-fractionDigits-valid"},
		{`<values><amount>1234.56</amount></values>`, "cvc-totalDigits-valid"},
		{`<values><amount>-1.5</amount></values>`, "cvc-minExclusive-valid"},
		{`<values><short>abcd</short></values>`, "cvc-maxLength-valid"},
		{`<values><short/></values>`, "cvc-minLength-valid"},
		{`<values><three>QQ==</three></values>`, "cvc-length-valid"},
		{`<values><patterned>ab1</patterned></values>`, "cvc-pattern-valid"},
		{`<values><union>x</union></values>`, "cvc-datatype-valid.1.2.3"},
		{`<values><span>2023-12-30</span></values>`, "cvc-minInclusive-valid"},
		{`<values><span>2024-02-29</span></values>`, "cvc-maxExclusive-valid"},
		{`<fromPart f:q="1"><in xmlns=""><f:a/></in></fromPart><fromNameless><l>0</l><r>1</r></fromNameless>`, ""},
	} {
		doc := `<root xmlns="urn:f" xmlns:f="urn:f" xmlns:o="urn:o" xmlns:x="urn:x" xmlns:xs="` + nsXSD +
			`" xmlns:xsi="` + nsXSI + `">` + tc.content + `</root>`
		errs, err := s.Validate(strings.NewReader(doc))
		got := ""
		if len(errs) > 0 {
			got = errs[0].Code
		}
		if err != nil || got != tc.want {
			t.Errorf("%s: %v %+v, want %s", tc.content, err, errs, tc.want)
		}
	}
}

package xsd

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// tree is an element of a document that can be changed and written again.
type tree struct {
	name  string // as written, with prefix
	attrs [][2]string
	kids  []any // *tree or string
	up    *tree
}

func treeOf(n safe.Node, up *tree) *tree {
	t := &tree{name: n.Name().String(), up: up}
	for p, uri := range n.Decls() {
		t.attrs = append(t.attrs, [2]string{strings.TrimSuffix("xmlns:"+p, ":"), uri})
	}
	for name, v := range n.Attrs() {
		t.attrs = append(t.attrs, [2]string{name.String(), string(v)})
	}
	for c := range n.Children() {
		switch c.Kind() {
		case safe.Element:
			t.kids = append(t.kids, treeOf(c, t))
		case safe.Text:
			t.kids = append(t.kids, string(c.Value()))
		}
	}
	return t
}

var (
	escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	escapeAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;", "\r",
		"&#13;")
)

func (t *tree) write(b *strings.Builder) {
	b.WriteString("<" + t.name)
	for _, a := range t.attrs {
		b.WriteString(" " + a[0] + `="` + escapeAttr.Replace(a[1]) + `"`)
	}
	b.WriteString(">")
	for _, k := range t.kids {
		switch k := k.(type) {
		case *tree:
			k.write(b)
		case string:
			b.WriteString(escapeText.Replace(k))
		}
	}
	b.WriteString("</" + t.name + ">")
}

// clone copies t below another parent.
func (t *tree) clone(up *tree) *tree {
	c := &tree{name: t.name, attrs: slices.Clone(t.attrs), up: up}
	for _, k := range t.kids {
		if e, ok := k.(*tree); ok {
			k = e.clone(c)
		}
		c.kids = append(c.kids, k)
	}
	return c
}

// all returns t and its descendants in document order.
func (t *tree) all() []*tree {
	list := []*tree{t}
	for _, k := range t.kids {
		if e, ok := k.(*tree); ok {
			list = append(list, e.all()...)
		}
	}
	return list
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// pools of what mutations put in.
var (
	valuePool = []string{
		"", " ", "0", "1", "-1", "1.5", "+1.", ".5", "abc", "true", "TRUE", "2024-02-29", "2023-02-29", "2024-01-01Z",
		"2024-01-01+02:00", "24:00:00",
		"12:00:00", "12:60:00", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "QUJD", "QUJ=", "QQ==", "QR==",
		"http://a b", "%zz", ":", "a:b", "no",
		"en-GB", "toolongsubtag", "1e3", "INF", "\n 1 \t", "é", "x y", "210", "6", "EUR", "0000-01-01", "-2024-01-01",
		"12345-01-01", "99999999999999999999",
		"a@b", "#FFFFFF", "00000000000", "http://x", "123456", "1.234", "209.99", "210.01", "-1.5", "6.00", "P1Y",
		"P13M", "1 2", "1 2 3", "f:a", "xs:int", "0A", "QUJDREVG", "{12345678-1234-1234-1234-123456789012}",
		"application/pdf",
	}
	attrPool = [][2]string{
		{"currencyID", "EUR"},
		{"unitCode", "C62"},
		{"schemeID", "0088"},
		{"mimeCode", "text/plain"},
		{"filename", "a"},
		{"xml:lang", "en"},
		{"xsi:nil", "true"},
		{"xsi:nil", "false"},
		{"xsi:nil", "maybe"},
		{"xsi:type", "xs:string"},
		{"xsi:type", "xs:anyType"},
		{"xsi:type", "no:such"},
		{"xsi:type", "TextType"},
		{"xsi:schemaLocation", "a b"},
		{"xsi:schemaLocation", "%"},
		{"xsi:other", "a"},
		{"Id", "a"},
		{"Id", "1"},
		{"languageID", "not a language"},
		{"unknown", ""},
		{"zz:any", "1"},
		{"inline", "a b"},
		{"format", "102"},
		{"listID", " a  b "},
		{"schemeURI", ":x"},
	}
	textPool = []string{"text", " ", "\n\t", "5"}
)

// prefixes of what the pools need.
var poolPrefixes = [][2]string{
	{"xmlns:xsi", nsXSI},
	{"xmlns:xs", nsXSD},
	{"xmlns:zz", "urn:x"},
}

// mutate changes one thing in a document; names are element names that a document may have.
func mutate(r *rand.Rand, root *tree, names []string) {
	all := root.all()
	t := pick(r, all)
	switch r.IntN(13) {
	case 0:
		t.drop()
	case 1:
		t.double(r)
	case 2:
		t.move(r, pick(r, all))
	case 3:
		if name := pick(r, names); r.IntN(4) > 0 {
			t.name = name
		} else {
			t.name = "zz:unknown"
		}
	case 4:
		t.swap(r)
	case 5, 6, 7:
		t.retext(r)
	case 8:
		if len(t.attrs) > 0 {
			if i := r.IntN(len(t.attrs)); !strings.HasPrefix(t.attrs[i][0], "xmlns") {
				t.attrs = slices.Delete(t.attrs, i, i+1)
			}
		}
	case 9:
		if i := slices.IndexFunc(t.attrs, func(a [2]string) bool { return !strings.HasPrefix(a[0], "xmlns") }); i >= 0 {
			t.attrs[i][1] = pick(r, valuePool)
		}
	case 10:
		t.setAttr(pick(r, attrPool))
	case 11:
		t.kids = slices.Insert(t.kids, r.IntN(len(t.kids)+1), any(pick(r, textPool)))
	case 12:
		t.kids = slices.Insert(t.kids, r.IntN(len(t.kids)+1),
			any(&tree{name: pick(r, names), kids: []any{pick(r, valuePool)}, up: t}))
	}
}

func (t *tree) index() int {
	return slices.IndexFunc(t.up.kids, func(k any) bool { e, ok := k.(*tree); return ok && e == t })
}

func (t *tree) drop() {
	if t.up != nil {
		i := t.index()
		t.up.kids = slices.Delete(t.up.kids, i, i+1)
	}
}

func (t *tree) double(r *rand.Rand) {
	if t.up != nil && len(t.all()) < 200 {
		t.up.kids = slices.Insert(t.up.kids, r.IntN(len(t.up.kids)+1), any(t.clone(t.up)))
	}
}

func (t *tree) move(r *rand.Rand, to *tree) {
	if t.up == nil || slices.Contains(t.all(), to) {
		return
	}
	t.drop()
	to.kids = slices.Insert(to.kids, r.IntN(len(to.kids)+1), any(t))
	t.up = to
}

// swap exchanges an element with the next one.
func (t *tree) swap(r *rand.Rand) {
	if t.up == nil {
		return
	}
	i := t.index()
	j := r.IntN(len(t.up.kids))
	t.up.kids[i], t.up.kids[j] = t.up.kids[j], t.up.kids[i]
}

func (t *tree) retext(r *rand.Rand) {
	for i, k := range t.kids {
		if s, ok := k.(string); ok {
			if strings.TrimSpace(s) != "" || r.IntN(20) == 0 {
				t.kids[i] = pick(r, valuePool)
			}
			return
		}
	}
	if len(t.kids) == 0 {
		t.kids = []any{pick(r, valuePool)}
	}
}

func (t *tree) setAttr(a [2]string) {
	if i := slices.IndexFunc(t.attrs, func(o [2]string) bool { return o[0] == a[0] }); i >= 0 {
		t.attrs[i] = a
	} else {
		t.attrs = append(t.attrs, a)
	}
}

package core

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

var mutants = flag.Int("mutants", 3, "changed copies of each document for TestMutants")

// elem is an element of a document that can be changed.
type elem struct {
	name  safe.Name
	attrs []safe.Attr
	kids  []*elem
	text  string // of an element without children
}

func elemOf(t *xdm.Tree, n xdm.Node) *elem {
	name := t.Name(n)
	e := &elem{name: safe.Name{Space: name.Space, Local: name.Local}}
	for a := n + 1; int(a) < t.Len() && t.Kind(a) == xdm.Attr && t.Parent(a) == n; a++ {
		name := t.Name(a)
		e.attrs = append(e.attrs, safe.Attr{Name: safe.Name{Space: name.Space, Local: name.Local}, Value: t.Value(a)})
	}
	for c := t.FirstChild(n); c != xdm.None; c = t.NextSibling(c) {
		if t.Kind(c) == xdm.Element {
			e.kids = append(e.kids, elemOf(t, c))
		}
	}
	if e.kids == nil {
		e.text = t.Value(n)
	}
	return e
}

// top is the top element of a tree.
func top(t *xdm.Tree) xdm.Node {
	n := t.FirstChild(0)
	for t.Kind(n) != xdm.Element {
		n = t.NextSibling(n)
	}
	return n
}

func (e *elem) clone() *elem {
	c := &elem{name: e.name, attrs: slices.Clone(e.attrs), text: e.text}
	for _, k := range e.kids {
		c.kids = append(c.kids, k.clone())
	}
	return c
}

// all returns e and what is below it, in document order.
func (e *elem) all() []*elem {
	list := []*elem{e}
	for _, k := range e.kids {
		list = append(list, k.all()...)
	}
	return list
}

func (e *elem) feed(t *testing.T, b *xdm.Builder, depth int) {
	t.Helper()
	events := []safe.Event{{Kind: safe.Element, Name: e.name, Attrs: e.attrs, Depth: depth}}
	if e.text != "" {
		events = append(events, safe.Event{Kind: safe.Text, Value: []byte(e.text), Depth: depth + 1})
	}
	for i := range events {
		if err := b.Event(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range e.kids {
		k.feed(t, b, depth+1)
	}
	if err := b.Event(&safe.Event{Kind: safe.End, Name: e.name, Depth: depth}); err != nil {
		t.Fatal(err)
	}
}

func (e *elem) tree(t *testing.T, names *xdm.Names) *xdm.Tree {
	b := xdm.NewBuilder(names, 1<<14)
	e.feed(t, b, 0)
	return b.Tree()
}

// pool is what changes are made of: the elements, texts and attributes of all documents by name.
type pool struct {
	parts map[string][]*elem
	texts map[string][]string
	attrs map[string][]safe.Attr
	under map[string][]*elem // children by the name of their parent
}

func newPool(docs []*elem) *pool {
	p := &pool{map[string][]*elem{}, map[string][]string{}, map[string][]safe.Attr{}, map[string][]*elem{}}
	for _, d := range docs {
		for _, e := range d.all()[1:] {
			p.parts[e.name.Local] = append(p.parts[e.name.Local], e)
			if e.kids == nil {
				p.texts[e.name.Local] = append(p.texts[e.name.Local], e.text)
			}
			p.attrs[e.name.Local] = append(p.attrs[e.name.Local], e.attrs...)
		}
		for _, e := range d.all() {
			p.under[e.name.Local] = append(p.under[e.name.Local], e.kids...)
		}
	}
	for name, list := range p.texts {
		slices.Sort(list)
		p.texts[name] = slices.Compact(list)
	}
	return p
}

var oddTexts = []string{
	"", " ", "0", "-1", "0.005", "100.001", "X", "NO", "SE", "AE", "S", "E", "O", "K", "G", "Z", "L", "M", "B", "AF",
	"VAT", "vat", "TAX", "true", "false", "2020-01-01", "2031-12-31",
	"NO987654325MVA", "NO987654321MVA", "NOK", "EUR", "30", "380", "381", "130", "50", "10", "a b", " S ", "25",
	"7300010000001", "5561234567",
	"610", "999", "261", "VATEX-EU-O", "VATEX-EU-D", "VATEX-EU-J", "VATEX-EU-I", "#AAI#text", "#ZZZ#text", "12345678",
	"DK12345678", "1234567890", "NL123456789B01", "NL1",
	"12.345", "7", "1A", "EL", "XK", "0", "1",
}

var oddAttrs = []string{
	"0002", "0007", "0088", "0096", "0106", "0151", "0184", "0190", "0192", "0198", "0201", "0208",
	"0217", "9944", "9999", "ABT", "ZZ", "C62", "XXX", "NOK", "SEPA",
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// change makes one change below e.
func (p *pool) change(r *rand.Rand, top *elem) {
	parents := slices.DeleteFunc(top.all(), func(e *elem) bool { return len(e.kids) == 0 })
	if len(parents) == 0 {
		return
	}
	parent := pick(r, parents)
	i := r.IntN(len(parent.kids))
	e := parent.kids[i]
	switch r.IntN(8) {
	case 0:
		parent.kids = slices.Delete(parent.kids, i, i+1)
	case 1:
		parent.kids = slices.Insert(parent.kids, i, e.clone())
	case 2:
		parent.kids[i] = pick(r, p.parts[e.name.Local]).clone()
	case 3:
		k := pick(r, p.under[parent.name.Local]).clone()
		parent.kids = slices.Insert(parent.kids, i, k)
	case 4:
		if len(e.attrs) > 0 {
			e.attrs = slices.Delete(e.attrs, 0, 1)
		}
	case 5:
		if list := p.attrs[e.name.Local]; len(list) > 0 {
			a := pick(r, list)
			if r.IntN(2) == 0 {
				a.Value = pick(r, oddAttrs)
			}
			e.attrs = []safe.Attr{a}
		}
	default:
		if len(e.kids) > 0 {
			return
		}
		if r.IntN(2) == 0 && p.texts[e.name.Local] != nil {
			e.text = pick(r, p.texts[e.name.Local])
			return
		}
		if n := len(e.text); n > 0 && e.text[n-1] >= '0' && e.text[n-1] <= '8' && r.IntN(2) == 0 {
			e.text = e.text[:n-1] + string(e.text[n-1]+1)
			return
		}
		e.text = pick(r, oddTexts)
	}
}

// TestMutants compares our rules with the official ones on copies of the shared documents that were changed at
// random, always in the same way. Where the official rule cannot be evaluated nothing is compared.
func TestMutants(t *testing.T) {
	names := xdm.NewNames()
	schemas := make([]loaded, len(pairs))
	for i, p := range pairs {
		schemas[i] = load(t, names, p.ours, p.official)
	}
	docs := documentsOf(t, names)
	for i, p := range pairs {
		t.Run(strings.TrimSuffix(p.ours, ".sch")+" with "+p.official[strings.LastIndex(p.official, "/")+1:],
			func(t *testing.T) {
				s := schemas[i]
				var seeds []*elem
				for _, d := range docs {
					if slices.Contains(strings.Fields(p.runs), d.root) {
						seeds = append(seeds, elemOf(d.tree, top(d.tree)))
					}
				}
				pool, r := newPool(seeds), rand.New(rand.NewPCG(1, uint64(i)))
				count := max(*mutants, 2000/len(seeds))
				runs, skipped, unequal, fired := 0, 0, map[string]int{}, map[string]bool{}
				for range count {
					for _, seed := range seeds {
						m := seed.clone()
						for range 1 + r.IntN(3) {
							pool.change(r, m)
						}
						tree := m.tree(t, names)
						want, got := findings(t, s.official, tree), findings(t, s.ours, tree)
						runs++
						for _, id := range s.ids {
							fired[id] = fired[id] || len(want[id]) > 0
							if slices.Equal(withoutCodes(want[id]), withoutCodes(got[id])) {
								continue
							}
							if failedToRun(want[id]) || len(want[""]) > 0 {
								skipped++
								continue
							}
							if unequal[id]++; unequal[id] == 1 {
								t.Errorf("%s: got %q, want %q", id, got[id], want[id])
								t.Log(write(m, 0))
							}
						}
					}
				}
				silent := slices.DeleteFunc(slices.Clone(s.ids), func(id string) bool { return fired[id] })
				t.Logf("%d documents, %d findings not compared, %d rules differ, without a finding: %v", runs, skipped,
					len(unequal), silent)
			})
	}
}

// failedToRun reports whether a finding has the code of an XPath error.
func failedToRun(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Count(s, " ") > 1 })
}

// withoutCodes leaves only flag and location.
func withoutCodes(list []string) []string {
	var out []string
	for _, s := range list {
		f := strings.Fields(s)
		out = append(out, f[0]+" "+f[1])
	}
	return out
}

func write(e *elem, depth int) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", depth) + e.name.Local)
	for _, a := range e.attrs {
		b.WriteString(" " + a.Name.Local + "=" + a.Value)
	}
	b.WriteString(": " + e.text + "\n")
	for _, k := range e.kids {
		b.WriteString(write(k, depth+1))
	}
	return b.String()
}

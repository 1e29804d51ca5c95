package xdm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/safe"
)

// check holds a tree against what must be true of every tree: parents before children, subtrees that nest, string
// values that are those of the parts.
func check(t *testing.T, tree *Tree) {
	t.Helper()
	for n := Node(0); int(n) < tree.Len(); n++ {
		p := tree.Parent(n)
		if n > 0 && (p < 0 || p >= n || tree.Next(n) > tree.Next(p) || tree.Next(n) <= n) {
			t.Fatalf("node %d: parent %d, subtree to %d", n, p, tree.Next(n))
		}
		if k := tree.Kind(n); k != Root && k != Element {
			continue
		}
		var text strings.Builder
		for m := n + 1; m < tree.Next(n); m++ {
			if tree.Kind(m) == Text {
				text.WriteString(tree.Value(m))
			}
		}
		if tree.Value(n) != text.String() {
			t.Fatalf("node %d: value %q, its texts are %q", n, tree.Value(n), text.String())
		}
		last := None
		for c := tree.FirstChild(n); c != None; c = tree.NextSibling(c) {
			if tree.Parent(c) != n || tree.Kind(c) == Attr || c <= last {
				t.Fatalf("node %d: child %d", n, c)
			}
			if last != None && tree.Kind(c) == Text && tree.Kind(last) == Text {
				t.Fatalf("two texts in a row at %d", c)
			}
			last = c
		}
	}
}

func TestTree(t *testing.T) {
	names := NewNames()
	x, y, a := names.ID("", "x"), names.ID("urn:y", "y"), names.ID("", "a")
	tree,
		err := Parse(
		[]byte("\ufeff<?p q?>\n<x a='1' b='2'>t<![CDATA[<]]>u<!--c--><n:y xmlns:n='urn:y' n:a='3'/>&amp;<x/></x>"),
		names)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tree)
	if tree.Value(0) != "t<u&" || len(tree.Elements(x)) != 2 || len(tree.Elements(y)) != 1 ||
		len(tree.Attributes(a)) != 1 || !tree.Has(a) || tree.Has(names.ID("", "new")) {
		t.Errorf("value %q, %d x, %d y, %d @a", tree.Value(0), len(tree.Elements(x)), len(tree.Elements(y)),
			len(tree.Attributes(a)))
	}
	if e := tree.Elements(y)[0]; tree.Written(e) != "n:y" || tree.Name(e) != (Name{"urn:y", "y"}) ||
		tree.NameID(e) != y {
		t.Errorf("%q %v", tree.Written(e), tree.Name(e))
	}
	if pi := tree.FirstChild(0); tree.Kind(pi) != PI || tree.Name(pi).Local != "p" || tree.Value(pi) != "q" {
		t.Errorf("instruction %v %q", tree.Name(pi), tree.Value(pi))
	}
}

// A name keeps its number within a tree, also when rules that know it are compiled while the tree is built.
func TestNameKeepsItsNumber(t *testing.T) {
	names := NewNames()
	b := NewBuilder(names, 0)
	err := safe.Scan(strings.NewReader("<r xmlns:p='u' xmlns:q='u'><p:x/><q:x/></r>"), safe.Document,
		func(e *safe.Event) error {
			if e.Kind == safe.Element && e.Name.Prefix == "q" {
				names.ID("u", "x")
			}
			return b.Event(e)
		})
	if err != nil {
		t.Fatal(err)
	}
	tree := b.Tree()
	first := tree.FirstChild(tree.FirstChild(0))
	if second := tree.NextSibling(first); tree.NameID(first) != tree.NameID(second) ||
		tree.Name(first) != tree.Name(second) {
		t.Errorf("one name has the numbers %d and %d", tree.NameID(first), tree.NameID(second))
	}
}

// FuzzTree builds a tree of anything that the reader accepts.
func FuzzTree(f *testing.F) {
	for _, s := range []string{
		"<a/>", "<a>b<c d='e'>f</c>g<!--h--></a>", "<a xmlns='u'><b/>t<![CDATA[x]]>y</a>",
		"<?p?><a><?q r?></a><!--z-->", "<a>\n <b>\n</b></a>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Parse(b, NewNames())
		if err != nil {
			return
		}
		check(t, tree)
		doc, err := safe.Read(bytes.NewReader(b), safe.Document)
		if err != nil {
			t.Fatalf("the scanner accepts what the reader does not: %v", err)
		}
		if tree.Value(tree.top()) != doc.Top().Text() {
			t.Fatalf("value %q, the reader has %q", tree.Value(tree.top()), doc.Top().Text())
		}
	})
}

// top returns the top element.
func (t *Tree) top() Node {
	n := t.FirstChild(0)
	for t.Kind(n) != Element {
		n = t.NextSibling(n)
	}
	return n
}

// A builder for a document in memory has room for its nodes; markup that is none does not reserve more than dense
// markup would.
func TestBuilderReserves(t *testing.T) {
	doc := []byte("<a xmlns:cbc=\"urn:cbc\">" +
		strings.Repeat("\n    <cbc:PaymentID schemeID=\"0160\">05790000436057</cbc:PaymentID>", 1000) + "\n</a>")
	b := NewBuilderOf(NewNames(), doc)
	room := cap(b.t.nodes)
	if err := safe.Scan(bytes.NewReader(doc), safe.Document, b.Event); err != nil {
		t.Fatal(err)
	}
	if n := b.Tree().Len(); cap(b.t.nodes) != room || room > n+n/4 {
		t.Errorf("room for %d nodes, then for %d; there are %d", room, cap(b.t.nodes), n)
	}
	if b := NewBuilderOf(NewNames(), bytes.Repeat([]byte{'<'}, 12_000)); cap(b.t.nodes) > 12_100 {
		t.Errorf("room for %d nodes in 12,000 bytes", cap(b.t.nodes))
	}
}

func TestBuilderTooLarge(t *testing.T) {
	b := NewBuilder(NewNames(), 0)
	if err := b.Event(&safe.Event{Kind: safe.Element, Offset: MaxSize + 1}); err == nil ||
		!strings.Contains(err.Error(), "2 GiB") {
		t.Error(err)
	}
}

package xdm

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ravn-ap/ravn/xml/safe"
)

// checkSize holds what was counted before a tree was built against the tree.
func checkSize(t *testing.T, doc []byte, tree *Tree) {
	t.Helper()
	s := SizeOf(doc)
	if s.wide {
		return
	}
	elements, nodes := int64(0), int64(tree.Len()-1)
	for n := Node(1); int(n) < tree.Len(); n++ {
		if k := tree.Kind(n); k == Element {
			elements++
		}
	}
	if s.Nodes < nodes || s.Elements < elements {
		t.Errorf("counted %d nodes and %d elements, there are %d and %d", s.Nodes, s.Elements, nodes, elements)
	}
}

// dense are documents of almost nothing but markup, each made of many of the same.
var dense = []string{
	"<a/>", "<a/>x", "<a></a>", "<a b=''/>", "<a b='' c=''/>", "<?a?>", "<?a?>x", "<!---->",
	"<!---->x", "<p:a/><q:a/>", "<a>x</a>", "<b/>x<a>x<b/>y</a>", "<![CDATA[<]]>",
}

// A tree has at most eight bytes for each byte of its document, and no more than was said before.
func TestTreeOfEightBytesPerByte(t *testing.T) {
	for _, part := range dense {
		doc := []byte("<r xmlns:p='u' xmlns:q='u'>" + strings.Repeat(part, 200_000) + "</r>")
		names := NewNames()
		names.ID("", "bb")
		size := SizeOf(doc)
		before := live()
		tree, err := Parse(doc, names)
		if err != nil {
			t.Fatal(part, err)
		}
		got := live() - before
		checkSize(t, doc, tree)
		if most := int64(len(doc))*PerByte + fixed; got > most || size.Tree() > most || tree.Bytes() > most {
			t.Errorf("%s: %.2f bytes in memory for each of the document; said before %.2f, after %.2f", part,
				ratio(got, doc), ratio(size.Tree(), doc), ratio(tree.Bytes(), doc))
		}
		if got > size.Tree()+size.Tree()/8+1<<16 {
			t.Errorf("%s: %.2f bytes in memory for each of the document, %.2f were said before", part, ratio(got, doc),
				ratio(size.Tree(), doc))
		}
		runtime.KeepAlive(tree)
	}
}

func ratio(n int64, doc []byte) float64 { return float64(n) / float64(len(doc)) }

func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What looks like markup where it is none does not make the count too small.
func TestSizeIsNotFooled(t *testing.T) {
	for _, head := range []string{
		"", "<!-- > <a \" -->", "<!--->'-->", "<![CDATA[ ]> <a ' ]]>", "<?p > <a ' ?>",
		"<a b='>' c=\"'\"/>", "x>y", "]]&gt;<b>></b>",
	} {
		doc := []byte("<r>" + head + strings.Repeat("<a b='1'>x<!--c--></a>>", 100) + "</r>")
		tree, err := Parse(doc, NewNames())
		if err != nil {
			t.Fatal(head, err)
		}
		checkSize(t, doc, tree)
		inBytes, err := ReadSize(iotest.OneByteReader(bytes.NewReader(doc)), 1<<20)
		if err != nil || inBytes != SizeOf(doc) {
			t.Errorf("%s: %+v in single bytes, %+v at once, %v", head, inBytes, SizeOf(doc), err)
		}
	}
	if s, _ := ReadSize(strings.NewReader("<a>123456</a>"), 5); s.Bytes != 5 {
		t.Errorf("%d bytes read of at most 5", s.Bytes)
	}
	if s := SizeOf([]byte("\xff\xfe<\x00a\x00/\x00>\x00")); s.Tree() != 10*PerByte+fixed {
		t.Errorf("UTF-16: %d bytes", s.Tree())
	}
}

// Names cost more than nodes: a document of names alone is given up.
func TestTooManyNames(t *testing.T) {
	var doc bytes.Buffer
	doc.WriteString("<r>")
	for i := range maxNames + 1 {
		fmt.Fprintf(&doc, "<n%d/>", i)
	}
	doc.WriteString("</r>")
	if _, err := Parse(doc.Bytes(), NewNames()); err == nil || !err.(*safe.Error).Limit {
		t.Errorf("error %v", err)
	}
}

// The children of an element that has many are found by name as a walk finds them.
func TestChildren(t *testing.T) {
	names := NewNames()
	a, b, none := names.ID("", "a"), names.ID("u", "b"), names.ID("", "none")
	tree, err := Parse([]byte("<r x='1'>"+strings.Repeat("<a/>t<b xmlns='u'><a/></b><!--c--><z/>", 40)+"</r>"), names)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tree)
	if tree.Wide(0) || !tree.Wide(1) || tree.Wide(tree.FirstChild(1)) {
		t.Fatal("only the top element has many children")
	}
	for _, id := range []NameID{a, b, none} {
		var want []Node
		for c := tree.FirstChild(1); c != None; c = tree.NextSibling(c) {
			if tree.Is(c, Element, id) {
				want = append(want, c)
			}
		}
		if got := tree.Children(1, id); fmt.Sprint(got) != fmt.Sprint(want) || (id == none) != (len(got) == 0) {
			t.Errorf("name %d: children %v, want %v", id, got, want)
		}
	}
	if tree.Written(tree.FirstChild(1)) != "a" ||
		tree.Offset(tree.Children(1, a)[1]) != int64(
			strings.Index(strings.Repeat("<a/>t<b xmlns='u'><a/></b><!--c--><z/>", 2), "<z/>")+len("<r x='1'><z/>")) {
		t.Errorf("the second a is at %d", tree.Offset(tree.Children(1, a)[1]))
	}
}

// An element that is written with several prefixes keeps each.
func TestWritten(t *testing.T) {
	tree, err := Parse([]byte("<r xmlns:p='u' xmlns:q='u'><p:a/><q:a q:b='1' p:c='2'/><p:a/></r>"), NewNames())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for n := Node(1); int(n) < tree.Len(); n++ {
		got = append(got, tree.Written(n))
	}
	if strings.Join(got, " ") != "r p:a q:a q:b p:c p:a" {
		t.Errorf("written %q", got)
	}
}

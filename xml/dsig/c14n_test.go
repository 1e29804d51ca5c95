package dsig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/safe"
)

func parseDoc(t testing.TB, text string) *safe.Doc {
	t.Helper()
	d, err := safe.Parse([]byte(text), safe.Document)
	if err != nil {
		t.Fatalf("%v\n%.500s", err, text)
	}
	return d
}

// find returns the first element with this local name; "" is the top element.
func find(t testing.TB, d *safe.Doc, local string) safe.Node {
	t.Helper()
	for i := range d.Len() {
		if n := d.At(i); n.Kind() == safe.Element && (local == "" || n.Name().Local == local) {
			return n
		}
	}
	t.Fatalf("no element %s", local)
	return safe.Node{}
}

// The rows of security.md §3.3, where goxmldsig and libxml2 differ: this package writes what the specification says.
func TestAS4063MeasuredDifferences(t *testing.T) {
	for _, tc := range []struct {
		row                  int
		in, apex, list, want string
	}{
		{
			1, `<e xmlns:a="u:1" xmlns:b="u:2" a:z="1" b:a="2"/>`, "", "",
			`<e xmlns:a="u:1" xmlns:b="u:2" a:z="1" b:a="2"></e>`,
		},
		{2, `<e xmlns:b="zzz:1" xml:lang="no" b:aa="1"/>`, "", "", `<e xmlns:b="zzz:1" xml:lang="no" b:aa="1"></e>`},
		{
			3, `<r xmlns:a="u:2" xmlns:b="u:1" a:q="" b:q=""><e a:k="1" b:k="2"/></r>`, "e", "",
			`<e xmlns:a="u:2" xmlns:b="u:1" b:k="2" a:k="1"></e>`,
		},
		{
			3, `<r xmlns:a="u:2" xmlns:b="u:1" a:q="" b:q=""><e a:k="1" b:k="2"/></r>`, "", "",
			`<r xmlns:a="u:2" xmlns:b="u:1" b:q="" a:q=""><e b:k="2" a:k="1"></e></r>`,
		},
		{4, `<a xmlns=""><b/></a>`, "", "", `<a><b></b></a>`},
		{5, `<p:a xmlns:p="u:p" xmlns="u:d"><b xmlns=""/></p:a>`, "", "", `<p:a xmlns:p="u:p"><b></b></p:a>`},
		{6, `<E xmlns="u:d"><B xmlns=""/></E>`, "B", "", `<B></B>`},
		{7, `<s:E xmlns:s="u:s" xmlns="u:d"><s:B/></s:E>`, "B", "#default", `<s:B xmlns="u:d" xmlns:s="u:s"></s:B>`},
		{8, `<E xmlns="u:d"><B/></E>`, "B", "", `<B xmlns="u:d"></B>`},
		{8, `<p:E xmlns:p="u:d"><p:B/></p:E>`, "B", "", `<p:B xmlns:p="u:d"></p:B>`},
		{9, "<a b='1\n2\t3\r\n4'/>", "", "", `<a b="1 2 3 4"></a>`},
		{10, "<a><?p x\r\ny\rz?></a>", "", "", "<a><?p x\ny\nz?></a>"},
	} {
		t.Run(fmt.Sprintf("row %d %s", tc.row, tc.apex), func(t *testing.T) {
			got, err := Canon{Method: Exclusive, Prefixes: strings.Fields(tc.list)}.Bytes(find(t, parseDoc(t, tc.in),
				tc.apex))
			if err != nil || string(got) != tc.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, tc.want)
			}
		})
	}
	for row, list := range map[int][]string{
		11: {`<a x="1" x="2"/>`},
		12: {
			`<a/><b/>`, `<a/>junk`, `<a b="1"c="2"/>`, `<a><!FOO bar></a>`, `<a><?xml version="1.0"?></a>`,
			`<a>&#xD800;</a>`,
		},
		13: {`<?xml version="1.0" encoding="UTF-16"?><a/>`},
		14: {`<!DOCTYPE a [<!ATTLIST a id CDATA "x">]><a/>`},
	} {
		for _, in := range list {
			if _, err := safe.Parse([]byte(in), safe.Document); err == nil {
				t.Errorf("row %d: %s is accepted", row, in)
			}
			if err := Stream(io.Discard, strings.NewReader(in)); err == nil {
				t.Errorf("row %d: %s is accepted by Stream", row, in)
			}
		}
	}
}

// The examples of Exclusive XML Canonicalization 1.0 §1.2 and §2.2, and of Canonical XML 1.0 §3.1 to §3.3 and §3.6.
func TestAS4061SpecificationExamples(t *testing.T) {
	const inner = `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en">` + "\n    " +
		`<n3:stuff xmlns:n3="ftp://example.org"/>` + "\n  " + `</n1:elem2>`
	const canonical = `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en">` + "\n    " +
		`<n3:stuff xmlns:n3="ftp://example.org"></n3:stuff>` + "\n  " + `</n1:elem2>`
	const context1 = `<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org">` + inner + `</n0:local>`
	const context2 = `<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" ` +
		`xmlns:n4="http://foo.example" xml:lang="fr" xml:space="retain">` + inner + `</n2:pdu>`
	for _, tc := range []struct{ name, in, apex, method, list, want string }{
		{"exclusive, first context", context1, "elem2", Exclusive, "", canonical},
		{"exclusive, second context", context2, "elem2", Exclusive, "", canonical},
		{
			"inclusive, first context", context1, "elem2", Inclusive, "",
			`<n1:elem2 xmlns:n0="foo:bar" xmlns:n1="http://example.net" xmlns:n3="ftp://example.org" xml:lang="en">` +
				"\n    " + `<n3:stuff></n3:stuff>` + "\n  " + `</n1:elem2>`,
		},
		{
			"inclusive, second context", context2, "elem2", Inclusive, "",
			`<n1:elem2 xmlns:n1="http://example.net" xmlns:n2="http://foo.example" xmlns:n4="http://foo.example" ` +
				`xml:lang="en" xml:space="retain">` + "\n    " +
				`<n3:stuff xmlns:n3="ftp://example.org"></n3:stuff>` + "\n  " + `</n1:elem2>`,
		},
		{
			"exclusive with PrefixList", context2, "elem2", Exclusive, "n2 n4 n9",
			`<n1:elem2 xmlns:n1="http://example.net" xmlns:n2="http://foo.example" xmlns:n4="http://foo.example" ` +
				`xml:lang="en">` + "\n    " +
				`<n3:stuff xmlns:n3="ftp://example.org"></n3:stuff>` + "\n  " + `</n1:elem2>`,
		},
		{
			"3.1 instructions and comments", "<?xml version=\"1.0\"?>\n\n<?xml-stylesheet   href=\"doc.xsl\"\n" +
				"   type=\"text/xsl\"   ?>\n\n<doc>Hello, world!<!-- Comment 1 --></doc>\n\n" +
				"<?pi-without-data     ?>\n\n<!-- Comment 2 -->\n\n<!-- Comment 3 -->",
			"#", Inclusive, "", "<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n" +
				"<doc>Hello, world!</doc>\n<?pi-without-data?>",
		},
		{
			"3.1 with comments", "<?xml version=\"1.0\"?>\n<?xml-stylesheet   href=\"doc.xsl\"?>\n" +
				"<doc>Hello, world!<!-- Comment 1 --></doc>\n<?pi-without-data     ?>\n<!-- Comment 2 -->\n" +
				"<!-- Comment 3 -->",
			"#", InclusiveWithComments, "", "<?xml-stylesheet href=\"doc.xsl\"?>\n" +
				"<doc>Hello, world!<!-- Comment 1 --></doc>\n<?pi-without-data?>\n<!-- Comment 2 -->\n" +
				"<!-- Comment 3 -->",
		},
		{
			"3.2 white space", "<doc>\n   <clean>   </clean>\n   <mixed>\n      A\n   </mixed>\n</doc>", "#", Inclusive,
			"", "<doc>\n   <clean>   </clean>\n   <mixed>\n      A\n   </mixed>\n</doc>",
		},
		{
			"3.3 start and end tags",
			`<doc><e1   /><e3   name = "elem3"   id="elem3"   /><e5 a:attr="out" b:attr="sorted" attr2="all" ` +
				`attr="I'm" xmlns:b="http://www.ietf.org" xmlns:a="http://www.w3.org" xmlns="http://example.org"/>` +
				`<e6 xmlns="" xmlns:a="http://www.w3.org"><e7 xmlns="http://www.ietf.org"><e8 xmlns="" ` +
				`xmlns:a="http://www.w3.org"><e9 xmlns="" xmlns:a="http://www.ietf.org"/></e8></e7></e6></doc>`,
			"#", Inclusive, "",
			`<doc><e1></e1><e3 id="elem3" name="elem3"></e3><e5 xmlns="http://example.org" ` +
				`xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" ` +
				`a:attr="out"></e5>` +
				`<e6 xmlns:a="http://www.w3.org"><e7 xmlns="http://www.ietf.org"><e8 xmlns=""><e9 ` +
				`xmlns:a="http://www.ietf.org"></e9></e8></e7></e6></doc>`,
		},
		{
			"3.4 character references", "<doc><text>First line&#x0d;&#10;Second " +
				"line</text><value>&#x32;</value><compute><![CDATA[value>\"0\" && value<\"10\" " +
				"?\"valid\":\"error\"]]></compute>" +
				"<compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid</compute><norm " +
				"attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/></doc>",
			"#", Inclusive, "", "<doc><text>First line&#xD;\n" +
				"Second line</text><value>2</value><compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" " +
				"?\"valid\":\"error\"</compute>" +
				"<compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; " +
				"?&quot;valid&quot;:&quot;error&quot;\">valid</compute><norm attr=\" '    &#xD;&#xA;&#x9;   ' " +
				"\"></norm></doc>",
		},
		{
			"3.6 UTF-8", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><doc>\xA9</doc>", "#", Inclusive, "",
			"<doc>©</doc>",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := parseDoc(t, tc.in)
			apex := d.Root()
			if tc.apex != "#" {
				apex = find(t, d, tc.apex)
			}
			got, err := Canon{Method: tc.method, Prefixes: strings.Fields(tc.list)}.Bytes(apex)
			if err != nil || string(got) != tc.want {
				t.Errorf("got  %q (%v)\nwant %q", got, err, tc.want)
			}
		})
	}
}

// SEC-038: a canonical form, read again, has itself as canonical form, and the same tree.
func TestSEC038Idempotence(t *testing.T) {
	r := rand.New(rand.NewPCG(38, 38))
	for range 1000 {
		text, _, _ := document(r)
		for _, m := range allMethods {
			idempotent(t, []byte(text), m)
		}
	}
}

func idempotent(t *testing.T, text []byte, method string) {
	t.Helper()
	d, err := safe.Parse(text, safe.Document)
	if err != nil {
		return
	}
	one, err := Canon{Method: method}.Bytes(d.Root())
	if err != nil {
		t.Fatal(err)
	}
	d2, err := safe.Parse(one, safe.Document)
	if err != nil {
		t.Fatalf("the canonical form is refused: %v\n%q\n%q", err, text, one)
	}
	two, err := Canon{Method: method}.Bytes(d2.Root())
	if err != nil || !bytes.Equal(one, two) {
		t.Fatalf("not idempotent (%v)\n%q\n%q\n%q", err, text, one, two)
	}
	if method == InclusiveWithComments {
		sameTree(t, d, d2)
	}
}

// sameTree compares the nodes of two documents, prefixes included.
func sameTree(t *testing.T, a, b *safe.Doc) {
	t.Helper()
	if a.Len() != b.Len() {
		t.Fatalf("%d nodes became %d", a.Len(), b.Len())
	}
	for i := 1; i < a.Len(); i++ {
		m, n := a.At(i), b.At(i)
		if m.Kind() != n.Kind() || m.Name() != n.Name() || m.Parent().Index() != n.Parent().Index() {
			t.Fatalf("node %d differs: %v, %v", i, m.Name(), n.Name())
		}
		if m.Kind() != safe.Element {
			if !bytes.Equal(m.Value(), n.Value()) || !bytes.Equal(m.Target(), n.Target()) {
				t.Fatalf("node %d differs: %q, %q", i, m.Value(), n.Value())
			}
			continue
		}
		for name, v := range m.Attrs() {
			if w, ok := n.Attr(name.Space, name.Local); !ok || w != string(v) {
				t.Fatalf("attribute %v of node %d differs: %q, %q", name, i, v, w)
			}
		}
	}
}

// hostile shapes of about n nodes: what made goxmldsig quadratic (security.md §3.4), and more.
var hostile = map[string]func(n int) string{
	"elements": func(n int) string { return "<r>" + strings.Repeat("<e/>", n) + "</r>" },
	"comments": func(n int) string { return "<r>" + strings.Repeat("<!--c-->", n) + "</r>" },
	"text and comments": func(n int) string {
		return "<r>" + strings.Repeat("t<!--c-->", n/2) + "</r>"
	},
	"outer comments": func(n int) string {
		return strings.Repeat("<!--c-->", n/2) + "<r/>" + strings.Repeat("<!--c-->", n/2)
	},
	"instructions": func(n int) string {
		return strings.Repeat("<?p?>", n/2) + "<r>" + strings.Repeat("<?p?>", n/2) + "</r>"
	},
	"deep": func(n int) string {
		return "<r>" + strings.Repeat(strings.Repeat("<a>", 100)+strings.Repeat("</a>", 100), n/100) + "</r>"
	},
	"namespaces on top": func(n int) string {
		return "<r" + declarations(200) + ">" + strings.Repeat("<p7:e/>", n) + "</r>"
	},
	"namespaces on each": func(n int) string {
		return "<r>" + strings.Repeat("<p7:e"+declarations(50)+"/>", n/50) + "</r>"
	},
	"new prefix at each level": func(n int) string {
		var b strings.Builder
		b.WriteString("<r>")
		for range n / 100 {
			for i := range 100 {
				fmt.Fprintf(&b, "<p%d:e xmlns:p%d='u:%d'>", i, i, i)
			}
			for i := 99; i >= 0; i-- {
				fmt.Fprintf(&b, "</p%d:e>", i)
			}
		}
		return b.String() + "</r>"
	},
	"attributes of one name": func(n int) string {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, " p%d:x=''", i)
		}
		return "<r" + declarations(100) + ">" + strings.Repeat("<e"+b.String()+"/>", n/100) + "</r>"
	},
}

func declarations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " xmlns:p%d='u:%d'", i, i)
	}
	return b.String()
}

// SEC-036: each node is visited once, and the output grows with the input only, in all four methods.
func TestSEC036LinearVisits(t *testing.T) {
	for name, shape := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1000, 4000, 16000} {
				in := shape(n)
				d := parseDoc(t, in)
				for _, m := range allMethods {
					var out counter
					visits, err := Canon{Method: m, Prefixes: []string{"p1", "p2", "#default"}}.Write(&out, d.Root())
					if err != nil {
						t.Fatal(err)
					}
					if visits != d.Len() {
						t.Errorf("%d nodes, %s: %d visits", d.Len(), m, visits)
					}
					if int(out) > 16*len(in) {
						t.Errorf("%d bytes in, %d out", len(in), out)
					}
				}
			}
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// BenchmarkCanon covers the families of security.md §3.4 (SEC-036).
func BenchmarkCanon(b *testing.B) {
	for name, shape := range hostile {
		for _, n := range []int{10_000, 40_000} {
			d := parseDoc(b, shape(n))
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := (Canon{Method: ExclusiveWithComments}).Write(io.Discard, d.Root()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// SEC-046: a canonicalizer that fails never leaves an empty form behind that has a digest.
func TestSEC046VoidCanonicalization(t *testing.T) {
	d := parseDoc(t, "<a><b/></a>")
	if b, err := (Canon{Method: "u:none"}).Bytes(d.Top()); !errors.Is(err, ErrAlgorithm) || b != nil {
		t.Errorf("an unknown method: %q, %v", b, err)
	}
	if b, err := (Canon{Method: Exclusive}).Bytes(safe.Node{}); err == nil || b != nil {
		t.Errorf("no node: %q, %v", b, err)
	}
	if b, err := (Canon{Method: Exclusive, Without: d.Top()}).Bytes(d.Root()); !errors.Is(err, ErrStructure) ||
		b != nil {
		t.Errorf("everything left out: %q, %v", b, err)
	}
	if err := (&Reference{
		Transform: "u:none", Digest: SHA256,
		Value: make([]byte, 32),
	}).VerifyNode(d.Top()); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("a reference with an unknown method: %v", err)
	}
	for _, in := range []string{"", "<a>", "<a/><b/>"} {
		if err := Stream(io.Discard, strings.NewReader(in)); err == nil {
			t.Errorf("Stream of %q", in)
		}
	}
	broken := errors.New("broken")
	if _, err := (Canon{Method: Exclusive}).Write(failing{broken}, d.Top()); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	if err := Stream(failing{broken}, strings.NewReader("<a/>")); !errors.Is(err, broken) {
		t.Errorf("Stream to a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzC14N(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		text, _, _ := document(r)
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range allMethods {
			idempotent(t, text, m)
		}
		d, err := safe.Parse(text, safe.Document)
		var out buffer
		serr := Stream(&out, bytes.NewReader(text))
		if (err == nil) != (serr == nil) {
			t.Fatalf("Parse: %v, Stream: %v", err, serr)
		}
		if err != nil {
			return
		}
		if want, _ := (Canon{Method: Exclusive}).Bytes(d.Root()); !bytes.Equal(out, want) {
			t.Fatalf("Stream differs\n%q\n%q", out, want)
		}
	})
}

package safe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// deep nests n elements.
func deep(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }

// attrs makes one element with n attributes.
func attrs(n int) string {
	var b strings.Builder
	b.WriteString("<a")
	for i := range n {
		fmt.Fprintf(&b, " a%d='1'", i)
	}
	return b.String() + "/>"
}

func TestRefuse(t *testing.T) {
	wsu := ` xmlns:wsu="` + nsWSU + `"`
	for _, tc := range []struct {
		name, in string
		p        Profile
	}{
		{"SEC-031 duplicate attribute", `<a x="1" x="2"/>`, Document},
		{"SEC-031 duplicate attribute by two prefixes", `<a xmlns:p="u:1" xmlns:q="u:1" p:x="1" q:x="2"/>`, Document},
		{"SEC-031 two default declarations", `<a xmlns="u:1" xmlns="u:2"/>`, Document},
		{"SEC-031 undeclared element prefix", `<p:a/>`, Document},
		{"SEC-031 undeclared attribute prefix", `<a p:x="1"/>`, Document},
		{"SEC-031 prefix out of scope", `<a><b xmlns:p="u:1"/><p:c/></a>`, Document},
		{"SEC-031 second root", `<a/><b/>`, Document},
		{"SEC-031 text after root", `<a/>junk`, Document},
		{"SEC-031 text before root", `junk<a/>`, Document},
		{"SEC-031 no blank between attributes", `<a b="1"c="2"/>`, Document},
		{"SEC-031 xml prefix bound elsewhere", `<a xmlns:xml="u:evil"/>`, Document},
		{
			"SEC-031 xml namespace bound to another prefix", `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`,
			Document,
		},
		{"SEC-031 xmlns prefix declared", `<a xmlns:xmlns="u:1"/>`, Document},
		{"SEC-031 xmlns as element prefix", `<xmlns:a/>`, Document},
		{"SEC-031 surrogate reference", `<a>&#xD800;</a>`, Document},
		{"SEC-031 null reference", `<a>&#0;</a>`, Document},
		{"SEC-031 XML declaration inside", `<a><?xml version="1.0"?></a>`, Document},
		{"SEC-031 XML declaration after blank", ` <?xml version="1.0"?><a/>`, Document},
		{"SEC-031 declaration inside", `<a><!FOO bar></a>`, Document},
		{"SEC-031 two colons", `<a xmlns:p="u:1"><p:b:c/></a>`, Document},
		{"SEC-031 empty prefix", `<:a/>`, Document},
		{"SEC-031 empty local part", `<a xmlns:p="u:1"><p:/></a>`, Document},
		{"SEC-031 prefix undeclared by empty value", `<a xmlns:p=""/>`, Document},
		{"SEC-031 relative namespace", `<a xmlns="foo"/>`, Envelope},
		{"SEC-031 instruction", `<a><?pi x?></a>`, Envelope},
		{"SEC-032 billion laughs", `<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a>&z;</a>`, Envelope},
		{"SEC-032 external id", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, Document},
		{"SEC-032 doctype after comment", `<!-- x --><!DOCTYPE a><a/>`, Document},
		{"SEC-032 unknown entity", `<a>&x;</a>`, Document},
		{"SEC-032 entity of a skipped subset", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, Rules},
		{"SEC-033 comment in signature", `<a xmlns="` + nsDS + `">x<!-- c -->y</a>`, Envelope},
		{"SEC-033 comment in ebMS leaf", `<a xmlns="` + nsEB + `">x<!-- c -->y</a>`, Envelope},
		{
			"SEC-033 comment in token", `<BinarySecurityToken xmlns="` + nsWSSE +
				`">x<!-- c -->y</BinarySecurityToken>`,
			Envelope,
		},
		{"SEC-033 CDATA", `<a><![CDATA[x]]></a>`, Envelope},
		{"SEC-034 UTF-16 with mark", "\xFF\xFE<\x00a\x00/\x00>\x00", Envelope},
		{"SEC-034 UTF-16 without mark", "<\x00a\x00/\x00>\x00", Envelope},
		{"SEC-034 ISO-8859-1 declared", `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, Envelope},
		{"SEC-034 UTF-7 declared", `<?xml version="1.0" encoding="UTF-7"?><a/>`, Envelope},
		{"SEC-034 declaration lies", `<?xml version="1.0" encoding="UTF-16"?><a/>`, Document},
		{"SEC-034 XML 1.1", `<?xml version="1.1"?><a/>`, Document},
		{"SEC-034 invalid UTF-8", "<a>\xC3(</a>", Document},
		{"SEC-034 overlong form", "<a>\xC0\xAF</a>", Document},
		{"SEC-034 encoded surrogate", "<a>\xED\xA0\x80</a>", Document},
		{"SEC-034 noncharacter", "<a>\uFFFE</a>", Document},
		{"SEC-034 control character", "<a>\x01</a>", Document},
		{"SEC-034 control character in attribute", "<a b='\x01'/>", Document},
		{"SEC-034 lone surrogate in UTF-16", "\xFE\xFF\x00<\x00a\x00>\xD8\x00\x00<\x00/\x00a\x00>", Document},
		{"SEC-035 depth", deep(65), Envelope},
		{"SEC-035 depth of a document", deep(129), Document},
		{"SEC-035 elements", "<a>" + strings.Repeat("<b/>", 10_000) + "</a>", Envelope},
		{"SEC-035 attributes", attrs(33), Envelope},
		{"SEC-035 attribute value", "<a b='" + strings.Repeat("x", 64<<10+1) + "'/>", Envelope},
		{"SEC-035 text", "<a>" + strings.Repeat("x", 1<<20+1) + "</a>", Envelope},
		{"SEC-035 name", "<" + strings.Repeat("x", 257) + "/>", Envelope},
		{"SEC-035 total", "<a>" + strings.Repeat("<b>"+strings.Repeat("x", 1<<10)+"</b>", 2<<10) + "</a>", Envelope},
		{"SEC-037 depth of a million", strings.Repeat("<a>", 1_000_000), Document},
		{"SEC-042 duplicate wsu:Id", `<a` + wsu + `><b wsu:Id="x"/><c wsu:Id="x"/></a>`, Envelope},
		{"SEC-042 wsu:Id and Id", `<a` + wsu + `><b wsu:Id="x"/><c Id="x"/></a>`, Envelope},
		{"SEC-042 xml:id", `<a` + wsu + `><b wsu:Id="x"/><c xml:id="x"/></a>`, Envelope},
		{"SEC-042 two ids", `<a` + wsu + ` wsu:Id="x" Id="y"/>`, Envelope},
		{"SEC-042 not a name", `<a` + wsu + ` wsu:Id="1x"/>`, Envelope},
		{"SEC-042 not ASCII", `<a` + wsu + ` wsu:Id="æ"/>`, Envelope},
		{"XML unclosed element", `<a><b></a>`, Document},
		{"XML unclosed document", `<a>`, Document},
		{"XML empty", ``, Document},
		{"XML only a comment", `<!-- x -->`, Document},
		{"XML less-than in attribute", `<a b="<"/>`, Document},
		{"XML bracket in text", `<a>]]></a>`, Document},
		{"XML hyphens in comment", `<a><!-- a -- b --></a>`, Document},
		{"XML attribute without quotes", `<a b=1/>`, Document},
		{"XML attribute without value", `<a b/>`, Document},
		{"XML blank before name", `< a/>`, Document},
		{"XML end tag of another prefix", `<a xmlns:p="u:1" xmlns:q="u:1"><p:b></q:b></a>`, Document},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.in), tc.p)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse: %v, want an *Error", err)
			}
			if e.Line < 1 || e.Col < 1 {
				t.Errorf("no place in %+v", e)
			}
			if strings.Contains(tc.name, "SEC-042") || strings.HasPrefix(tc.name, "SEC-035 total") {
				return // checked on the tree only
			}
			if err := scanAll(iotest.OneByteReader(strings.NewReader(tc.in)), tc.p, io.Discard); err == nil {
				t.Error("Scan accepts what Parse refuses")
			}
		})
	}
}

func TestAccept(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		p        Profile
		text     string
	}{
		{"limits met", deep(64), Envelope, ""},
		{"32 attributes", attrs(32), Envelope, ""},
		{"byte order mark", "\uFEFF<a>x</a>", Envelope, "x"},
		{"declaration", "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<a>x</a>\n", Envelope, "x"},
		{"references", "<a>&lt;&#65;&#x1F426;&amp;&apos;&quot;&gt;</a>", Envelope, "<A🐦&'\">"},
		{"line ends", "<a>1\r\n2\r3\n4</a>", Envelope, "1\n2\n3\n4"},
		{"CDATA joins", "<a>1<![CDATA[<&]]>2<![CDATA[]]]]>3</a>", Document, "1<&2]]3"},
		{"dropped comment joins", "<a>1<!-- x -->2</a>", Envelope, "12"},
		{"comment is kept", "<a>1<!-- x -->2</a>", Metadata, "12"},
		{"ISO-8859-1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xE6\xF8\xE5</a>", Document, "æøå"},
		{"UTF-16 little", "\xFF\xFE<\x00a\x00>\x00\xE6\x00\x3D\xD8\x26\xDC<\x00/\x00a\x00>\x00", Document, "æ🐦"},
		{"UTF-16 big", "\xFE\xFF\x00<\x00a\x00>\x00\xE6\x00<\x00/\x00a\x00>", Document, "æ"},
		{"doctype of rules", "<!DOCTYPE a [<!ENTITY x \"]>\"><!-- ]> --><?p ]>?>]><a>x</a>", Rules, "x"},
		{"instruction", "<?p q?><a>1<?p?>2</a><?p q?>", Document, "12"},
		{"undeclared default", "<a xmlns='u:1'><b xmlns=''>x</b></a>", Envelope, "x"},
		{"many attributes", attrs(250), Document, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Parse([]byte(tc.in), tc.p)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Top().Text(); got != tc.text {
				t.Errorf("text %q, want %q", got, tc.text)
			}
			var b bytes.Buffer
			if err := scanAll(iotest.OneByteReader(strings.NewReader(tc.in)), tc.p, &b); err != nil ||
				b.String() != tc.text {
				t.Errorf("Scan: text %q, error %v", b.String(), err)
			}
		})
	}
}

// scanAll walks a document and writes its text.
func scanAll(r io.Reader, p Profile, w io.Writer) error {
	return Scan(r, p, func(ev *Event) error {
		if ev.Kind == Text {
			if _, err := w.Write(ev.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestTree(t *testing.T) {
	d,
		err := Parse(
		[]byte(
			"<?xml version=\"1.0\"?>\n<a xmlns=\"u:1\" xmlns:p=\"u:2\">\n <p:b p:x=\"1\ty\" y=\"2\"/><c>t</c><c/></a>"),
		Document)
	if err != nil {
		t.Fatal(err)
	}
	a := d.Top()
	b, ok := a.Child("u:2", "b")
	if !ok || !b.Parent().Is("u:1", "a") {
		t.Fatal("child b not found")
	}
	if line, col := b.Pos(); line != 3 || col != 2 {
		t.Errorf("place of b: %d:%d", line, col)
	}
	if v, _ := b.Attr("u:2", "x"); v != "1 y" {
		t.Errorf("p:x = %q", v)
	}
	if _, ok := b.Attr("", "x"); ok {
		t.Error("p:x found without its namespace")
	}
	if _, ok := a.Child("u:1", "c"); ok {
		t.Error("Child found one of two")
	}
	if got := len(a.Elements()); got != 3 {
		t.Errorf("%d child elements", got)
	}
	if string(b.Raw()) != `<p:b p:x="1	y" y="2"/>` {
		t.Errorf("raw form %q", b.Raw())
	}
}

// hostile shapes of about n bytes.
var shapes = map[string]func(n int) string{
	"wide":     func(n int) string { return "<a>" + strings.Repeat("<b/>", n/4) + "</a>" },
	"text":     func(n int) string { return "<a>" + strings.Repeat("x", n) + "</a>" },
	"comments": func(n int) string { return "<a>" + strings.Repeat("x<!---->", n/8) + "</a>" },
	"cdata":    func(n int) string { return "<a>" + strings.Repeat("x<![CDATA[y]]>", n/14) + "</a>" },
	"refs":     func(n int) string { return "<a>" + strings.Repeat("&#65;", n/5) + "</a>" },
	"deep":     func(n int) string { return "<r>" + strings.Repeat(deep(100), n/700+1) + "</r>" },
	"attrs":    func(n int) string { return "<r>" + strings.Repeat(attrs(200), n/1700+1) + "</r>" },
	"names": func(n int) string {
		var b strings.Builder
		b.WriteString("<r>")
		for i := 0; b.Len() < n && i < 50_000; i++ {
			fmt.Fprintf(&b, "<e%d/>", i)
		}
		return b.String() + "</r>"
	},
	"namespaces": func(n int) string {
		var b strings.Builder
		b.WriteString("<r>")
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "<p%d:e xmlns:p%d='u:%d'/>", i%100, i%100, i%1000)
		}
		return b.String() + "</r>"
	},
}

// SEC-036: the bytes looked at, and the nodes built, grow with the size of the document and not faster.
func TestSEC036LinearWork(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			for n := 1 << 10; n <= 1<<20; n *= 8 {
				in := shape(n)
				d, err := Parse([]byte(in), Document)
				if err != nil {
					t.Fatal(err)
				}
				if max := int64(3*len(in) + 100); d.Work() > max {
					t.Errorf("%d bytes: looked at %d, want at most %d", len(in), d.Work(), max)
				}
				if d.Len() > len(in)/2+2 || len(d.extra) > 2*len(in) {
					t.Errorf("%d bytes: %d nodes, %d bytes of values", len(in), d.Len(), len(d.extra))
				}
			}
		})
	}
}

func TestScanConstantMemory(t *testing.T) {
	const size = 64 << 20
	head, tail := "<a><b>", "</b></a>"
	r := io.MultiReader(strings.NewReader(head), io.LimitReader(endless{}, size), strings.NewReader(tail))
	s, err := NewScanner(r, Document)
	if err != nil {
		t.Fatal(err)
	}
	var got int64
	for {
		ev, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == Text {
			got += int64(len(ev.Value))
		}
	}
	if got != size {
		t.Errorf("%d bytes of text, want %d", got, size)
	}
	if cap(s.t.buf) > 4*scanWindow || cap(s.t.extra) > 4*scanWindow {
		t.Errorf("window %d, values %d", cap(s.t.buf), cap(s.t.extra))
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func BenchmarkRead(b *testing.B) {
	for name, shape := range shapes {
		for _, n := range []int{1 << 10, 64 << 10, 8 << 20} {
			in := []byte(shape(n))
			b.Run(fmt.Sprintf("%s/%dKiB", name, n>>10), func(b *testing.B) {
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(in, Document); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

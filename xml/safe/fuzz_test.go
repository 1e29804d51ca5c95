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

// step is an event or a node, in a form that can be compared: texts are joined.
func appendStep(list []string, kind Kind, name Name, value, target string, attrs []Attr, decls []Decl) []string {
	if kind == Text {
		if n := len(list) - 1; n >= 0 && strings.HasPrefix(list[n], "text ") {
			list[n] += value
			return list
		}
		return append(list, "text "+value)
	}
	return append(list, fmt.Sprintf("%d %q %q %q %q %q", kind, name, value, target, attrs, decls))
}

// eventsOf scans a document in pieces as the reader gives them. Empty texts are left out: a tree has none.
func eventsOf(r io.Reader, p Profile) (list []string, work int64, err error) {
	s, err := NewScanner(r, p)
	if err != nil {
		return nil, 0, err
	}
	for {
		ev, err := s.Next()
		if err == io.EOF {
			return list, s.t.work, nil
		}
		if err != nil {
			return nil, s.t.work, err
		}
		if ev.Kind == Text && len(ev.Value) == 0 {
			continue
		}
		list = appendStep(list, ev.Kind, ev.Name, string(ev.Value), ev.Target, ev.Attrs, ev.Decls)
	}
}

// nodesOf lists the nodes of a tree as a scanner would.
func nodesOf(n Node, list []string) []string {
	for c := range n.Children() {
		var attrs []Attr
		var decls []Decl
		for name, v := range c.Attrs() {
			attrs = append(attrs, Attr{name, string(v)})
		}
		for p, u := range c.Decls() {
			decls = append(decls, Decl{p, u})
		}
		switch c.Kind() {
		case Element:
			list = appendStep(list, Element, c.Name(), "", "", attrs, decls)
			list = nodesOf(c, list)
			list = appendStep(list, End, c.Name(), "", "", nil, nil)
		case Text:
			if len(c.Value()) > 0 {
				list = appendStep(list, Text, Name{}, string(c.Value()), "", nil, nil)
			}
		default:
			list = appendStep(list, c.Kind(), Name{}, string(c.Value()), string(c.Target()), nil, nil)
		}
	}
	return list
}

// sameWalk checks that tree and scanner see the same document, or both refuse it (SEC-030), with linear work (SEC-036).
func sameWalk(t *testing.T, in []byte) {
	t.Helper()
	for p := range Rules + 1 {
		d, err := Parse(in, p)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("profile %d: not an *Error: %v", p, err)
		}
		most := int64(8*len(in) + 200)
		if err == nil && d.Work() > most {
			t.Fatalf("profile %d: looked at %d bytes of %d", p, d.Work(), len(in))
		}
		readers := map[string]io.Reader{"whole": bytes.NewReader(in), "halves": iotest.HalfReader(bytes.NewReader(in))}
		if len(in) < 4<<10 {
			readers["bytes"] = iotest.OneByteReader(bytes.NewReader(in))
		}
		for name, r := range readers {
			events, work, serr := eventsOf(r, p)
			if work > most {
				t.Fatalf("profile %d, %s: looked at %d bytes of %d", p, name, work, len(in))
			}
			if e != nil && e.Rule == "SEC-042" {
				continue // a scanner keeps no ids
			}
			if (err == nil) != (serr == nil) {
				t.Fatalf("profile %d, %s: Parse says %v, Scan says %v\n%.500q", p, name, err, serr, in)
			}
			if err != nil {
				continue
			}
			nodes := nodesOf(d.Root(), nil)
			for i := range max(len(nodes), len(events)) {
				if i >= len(nodes) || i >= len(events) || nodes[i] != events[i] {
					t.Fatalf("profile %d, %s: step %d differs\n%.300q\n%.300q", p, name, i,
						nodes[min(i, len(nodes)-1):], events[min(i, len(events)-1):])
				}
			}
		}
	}
}

var fuzzSeeds = []string{
	`<a/>`, "\uFEFF<?xml version='1.0' encoding='utf-8'?>\r\n<!-- c --><a xmlns='u:1' xmlns:p='u:2' p:x=\"1&#x9;\n" +
		"2\" y='>'>t<![CDATA[<&]]]]>\r\n<p:b/><?p d?>&lt;&#x1F426;🐦</a>\n<!--e--><?q?>",
	`<a x="1" x="2"/>`, `<a xmlns:p="u:1" xmlns:q="u:1" p:x="1" q:x="2"/>`, `<p:a/>`, `<a/><b/>`, `<a>]]></a>`,
	`<a>]]&gt;]</a>`, `<a>&#xD800;</a>`, `<a>&x;</a>`, `<a b="1"c="2"/>`,
	`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, `<!DOCTYPE a SYSTEM "x" [<!-- ]> --><?p ]>?>]><a/>`,
	"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xE6</a>", "\xFF\xFE<\x00a\x00/\x00>\x00",
	"\x00<\x00a\x00/\x00>",
	`<a><?xml version="1.0"?></a>`, `<a><!-- a -- b --></a>`, "<a>\r\r\n\n&#13;\r</a>",
	`<a xmlns="u:1"><b xmlns=""><c xmlns="u:1"/></b></a>`,
	`<a wsu:Id="x" xmlns:wsu="` + nsWSU + `"><b Id="x"/></a>`,
	`<a xmlns="` + nsDS + `">x<!-- c -->y</a>`, `<a xmlns="` + nsEB + `"><b>x<!-- c --></b></a>`, "<a></a \t\n>",
	"<a>&#x000000000041;</a>", "<a>&amp", "<a><![CDATA[]]]", "<a b='", "<a><!--", "<é:名 xmlns:é='u:1'/>",
}

func FuzzXMLScan(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s))
	}
	for _, shape := range shapes {
		f.Add([]byte(shape(300)))
	}
	f.Fuzz(func(t *testing.T, in []byte) { sameWalk(t, in) })
}

// SEC-035: each limit, met and exceeded by one, in the tree and in a window.
func TestSEC035Limits(t *testing.T) {
	chain := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	spaces := func(n int) string {
		var b strings.Builder
		b.WriteString("<a")
		for i := range n / 2 {
			fmt.Fprintf(&b, " xmlns:p%d='u:1'", i)
		}
		b.WriteString("><b")
		for i := n / 2; i < n; i++ {
			fmt.Fprintf(&b, " xmlns:p%d='u:1'", i)
		}
		return b.String() + "/></a>"
	}
	for _, tc := range []struct {
		name  string
		shape func(n int) string
		limit map[Profile]int
	}{
		{"depth", chain, map[Profile]int{Envelope: 64, Metadata: 64, Document: 128}},
		{
			"elements", func(n int) string { return "<a>" + strings.Repeat("<b/>", n-1) + "</a>" },
			map[Profile]int{Envelope: 10_000, Metadata: 10_000},
		},
		{"attributes", attrs, map[Profile]int{Envelope: 32, Metadata: 32, Document: 256}},
		{"attributes and declarations", func(n int) string {
			return strings.Replace(attrs(n-1), "<a", "<a xmlns='u:1'",
				1)
		}, map[Profile]int{Envelope: 32, Document: 256}},
		{"namespaces in scope", spaces, map[Profile]int{Envelope: 64, Document: 256}},
		{
			"name", func(n int) string { return "<" + strings.Repeat("x", n) + "/>" },
			map[Profile]int{Envelope: 256, Metadata: 256, Document: 1024},
		},
		{
			"attribute value", func(n int) string { return "<a b='" + strings.Repeat("x", n) + "'/>" },
			map[Profile]int{Envelope: 64 << 10, Document: 1 << 20},
		},
		{
			"text", func(n int) string { return "<a>" + strings.Repeat("x", n) + "</a>" },
			map[Profile]int{Envelope: 1 << 20},
		},
		{"text cut by comments", func(n int) string {
			return "<a>" + strings.Repeat("x", n/2) + "<!-- -->" + strings.Repeat("x", n-n/2) + "</a>"
		}, map[Profile]int{Envelope: 1 << 20}},
		{
			"comment", func(n int) string { return "<a><!--" + strings.Repeat("x", n-4) + "--></a>" },
			map[Profile]int{Envelope: 512 << 10, Metadata: 512 << 10, Document: 4 << 20},
		},
		{"instruction", func(n int) string {
			return "<a><?" + strings.Repeat("x", 10) + strings.Repeat(" ", n-12) +
				"?></a>"
		}, map[Profile]int{Document: 4 << 20}},
		{
			"tag", func(n int) string { return "<a" + strings.Repeat(" ", n-3) + "/></a>"[:2] },
			map[Profile]int{Envelope: 512 << 10, Document: 4 << 20},
		},
		{
			"end tag", func(n int) string { return "<a></a" + strings.Repeat(" ", n-3) + ">" },
			map[Profile]int{Envelope: 2*256 + 64, Document: 2*1024 + 64},
		},
		{"total", func(n int) string {
			head, piece := "<a>", "<b>"+strings.Repeat("x", 1000)+"</b>"
			s := head + strings.Repeat(piece, (n-7)/len(piece))
			return s + strings.Repeat("x", n-4-len(s)) + "</a>"
		}, map[Profile]int{Envelope: 2 << 20, Metadata: 1 << 20}},
	} {
		for p, limit := range tc.limit {
			t.Run(fmt.Sprintf("%s %d", tc.name, p), func(t *testing.T) {
				for n, ok := range map[int]bool{limit: true, limit + 1: false} {
					in := tc.shape(n)
					_, err := Parse([]byte(in), p)
					check := func(who string, err error) {
						var e *Error
						switch {
						case ok && err != nil:
							t.Errorf("%s, %d: %v", who, n, err)
						case !ok && (!errors.As(err, &e) || !e.Limit || e.Rule != "SEC-035"):
							t.Errorf("%s, %d: %v, want a limit", who, n, err)
						}
					}
					check("Parse", err)
					_, err = Read(strings.NewReader(in), p)
					check("Read", err)
					check("Scan", scanAll(strings.NewReader(in), p, io.Discard))
					check("Scan by halves", scanAll(iotest.HalfReader(strings.NewReader(in)), p, io.Discard))
				}
			})
		}
	}
}

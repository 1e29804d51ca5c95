package dsig

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/interop"
	"github.com/ravn-ap/ravn/xml/safe"
)

// methods by the names that the Java peer gives them.
var peerModes = map[string]string{
	Exclusive: "exc", ExclusiveWithComments: "exc-comments", Inclusive: "inc",
	InclusiveWithComments: "inc-comments",
}

var allMethods = []string{Exclusive, ExclusiveWithComments, Inclusive, InclusiveWithComments}

// canonCase is one canonicalization of one document.
type canonCase struct {
	doc   int
	canon Canon
	index int // of the element in document order, -1 for the whole document
	got   []byte
}

// TestDifferentialCanonicalForm (SEC-031, SEC-046, AS4-061, AS4-063): random documents in canonical form by this
// package, Apache Santuario and libxml2, byte for byte; and what the reader accepts, both others accept.
func TestDifferentialCanonicalForm(t *testing.T) {
	r, n := golden.Random(t), golden.Cases(t)
	docs := make([]string, n)
	plain := make([]bool, n) // libxml2 can write its namespaces
	var cases []canonCase
	for i := range docs {
		text, elements, odd := document(r)
		docs[i], plain[i] = text, !odd
		d, err := safe.Parse([]byte(text), safe.Document)
		if err != nil {
			t.Fatalf("document %d is refused: %v\n%s", i, err, text)
		}
		all := canonCasesOf(r, i, elements)
		for j := range all {
			node := d.Root()
			if all[j].index >= 0 {
				node = elementAt(d, all[j].index)
			}
			if all[j].got, err = all[j].canon.Bytes(node); err != nil {
				t.Fatalf("document %d: %v\n%s", i, err, text)
			}
		}
		cases = append(cases, all...)
	}
	t.Run("Santuario", func(t *testing.T) { againstSantuario(t, docs, cases) })
	t.Run("libxml2", func(t *testing.T) { againstLibxml2(t, docs, plain, cases) })
	t.Run("Stream", func(t *testing.T) {
		for _, c := range cases {
			if c.canon.Method != Exclusive || c.index >= 0 || len(c.canon.Prefixes) > 0 {
				continue
			}
			var b bytes.Buffer
			if err := Stream(&b, iotest.HalfReader(strings.NewReader(docs[c.doc]))); err != nil ||
				!bytes.Equal(b.Bytes(), c.got) {
				t.Errorf("document %d: Stream differs, %v\n%q\nstream %q\ntree   %q", c.doc, err, docs[c.doc],
					b.Bytes(), c.got)
			}
		}
	})
}

// canonCasesOf picks what to canonicalize: the whole document by all methods, and subtrees.
func canonCasesOf(r *rand.Rand, doc, elements int) []canonCase {
	var all []canonCase
	for _, m := range allMethods {
		all = append(all, canonCase{doc: doc, canon: Canon{Method: m}, index: -1})
	}
	all = append(all, canonCase{doc: doc, canon: Canon{Method: Exclusive, Prefixes: prefixList(r)}, index: -1})
	for range 4 {
		c := canonCase{doc: doc, canon: Canon{Method: pick(r, allMethods)}, index: r.IntN(elements)}
		if c.canon.Method == Exclusive || c.canon.Method == ExclusiveWithComments {
			c.canon.Prefixes = prefixList(r)
		}
		all = append(all, c)
	}
	return all
}

// elementAt returns the element with this index in document order, counting from 0.
func elementAt(d *safe.Doc, index int) safe.Node {
	for i := range d.Len() {
		if n := d.At(i); n.Kind() == safe.Element {
			if index == 0 {
				return n
			}
			index--
		}
	}
	return safe.Node{}
}

func (c *canonCase) report(t *testing.T, who string, docs []string, want []byte) {
	t.Helper()
	at := 0
	for at < min(len(want), len(c.got)) && want[at] == c.got[at] {
		at++
	}
	from := max(0, at-200)
	t.Errorf("document %d, %s %v, element %d: %s differs\ndocument %q\nours     …%q\ntheirs   …%q",
		c.doc, c.canon.Method, c.canon.Prefixes, c.index, who, docs[c.doc], c.got[from:min(len(c.got), at+200)],
		want[from:min(len(want), at+200)])
}

// santuario asks the Java peer for canonical forms; a nil answer is an error.
func santuario(t *testing.T, p *interop.Peer, docs []string, cases []canonCase) [][]byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	f, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for i, c := range cases {
		line := map[string]any{
			"n": i, "xml_b64": []byte(docs[c.doc]), "mode": peerModes[c.canon.Method],
			"prefixes": strings.Join(c.canon.Prefixes, " "),
		}
		if c.index >= 0 {
			line["xpath_index"] = c.index
		}
		if err := enc.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p.Call(t, "c14n", interop.Fields{"in": in, "out": out})
	f, err = os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got := make([][]byte, len(cases))
	for dec := json.NewDecoder(f); ; {
		var a struct {
			N     int
			C14n  []byte `json:"c14n_b64"`
			Error string
		}
		if err := dec.Decode(&a); err == io.EOF {
			return got
		} else if err != nil {
			t.Fatal(err)
		}
		if a.Error != "" {
			t.Errorf("Santuario cannot do case %d: %s\n%q", a.N, a.Error, docs[cases[a.N].doc])
			continue
		}
		got[a.N] = a.C14n
	}
}

func againstSantuario(t *testing.T, docs []string, cases []canonCase) {
	p := interop.Start(t)
	const batch = 20_000
	skipped := 0
	for from := 0; from < len(cases); from += batch {
		part := cases[from:min(len(cases), from+batch)]
		for i, want := range santuario(t, p, docs, part) {
			switch {
			case want == nil || bytes.Equal(part[i].got, want):
			case santuarioErrs(t, docs[part[i].doc], &part[i], want):
				skipped++
			default:
				part[i].report(t, "Santuario", docs, want)
			}
		}
	}
	t.Logf("%d canonical forms of %d documents; %d more where Santuario is known to be wrong", len(cases)-skipped,
		len(docs), skipped)
}

// santuarioErrs reports whether a case is one of the two that Santuario 3 gets wrong, and differs in nothing else;
// TestDifferentialKnownDisagreements shows both.
func santuarioErrs(t *testing.T, doc string, c *canonCase, theirs []byte) bool {
	t.Helper()
	d, err := safe.Parse([]byte(doc), safe.Document)
	if err != nil {
		t.Fatal(err)
	}
	if c.index < 0 { // what follows a top element without children is lost
		return d.Top().End() == d.Top().Index()+1 && bytes.HasPrefix(c.got, append(theirs, '\n'))
	}
	if c.canon.Method != Inclusive && c.canon.Method != InclusiveWithComments {
		return false
	}
	// of several xml: attributes of ancestors the outermost is taken, not the nearest
	seen := map[string]int{}
	for n := elementAt(d, c.index).Parent(); !n.IsZero(); n = n.Parent() {
		for name := range n.Attrs() {
			if name.Space == nsXML {
				seen[name.Local]++
			}
		}
	}
	for _, k := range seen {
		if k > 1 {
			return bytes.Equal(withoutXML(c.got), withoutXML(theirs))
		}
	}
	return false
}

var xmlAttribute = regexp.MustCompile(` xml:[a-z]+="[^"]*"`)

// withoutXML drops the xml: attributes of the first start tag of a canonical form.
func withoutXML(b []byte) []byte {
	at := 0
	for quoted := false; b[at] != '>' || quoted; at++ {
		quoted = quoted != (b[at] == '"')
	}
	return append(xmlAttribute.ReplaceAll(b[:at:at], nil), b[at:]...)
}

// xmllint canonicalizes whole documents, comments kept, many in one process. An answer is nil when libxml2 refuses the
// document.
func xmllint(t *testing.T, option string, docs []string) [][]byte {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", "xmllint")
	}
	dir := t.TempDir()
	const mark = "<ravn-next-document></ravn-next-document>"
	sep := filepath.Join(dir, "sep.xml")
	if err := os.WriteFile(sep, []byte(mark), 0o600); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for from := 0; from < len(docs); from += 500 {
		args := []string{option, "--nonet"}
		part := docs[from:min(len(docs), from+500)]
		for i, d := range part {
			name := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
			if err := os.WriteFile(name, []byte(d), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, name, sep)
		}
		b, _ := exec.Command(tool, args...).Output()
		pieces := bytes.Split(b, []byte(mark))
		if len(pieces) != len(part)+1 {
			t.Fatalf("xmllint: %d answers to %d documents", len(pieces)-1, len(part))
		}
		for _, p := range pieces[:len(part)] {
			if len(p) == 0 {
				p = nil
			}
			out = append(out, p)
		}
	}
	return out
}

func againstLibxml2(t *testing.T, docs []string, plain []bool, cases []canonCase) {
	count := 0
	for option, method := range map[string]string{
		"--exc-c14n": ExclusiveWithComments,
		"--c14n":     InclusiveWithComments,
	} {
		answers := xmllint(t, option, docs)
		for i := range cases {
			c := &cases[i]
			if c.canon.Method != method || c.index >= 0 || len(c.canon.Prefixes) > 0 || !plain[c.doc] {
				continue
			}
			count++
			if want := answers[c.doc]; want == nil {
				t.Errorf("libxml2 refuses document %d: %q", c.doc, docs[c.doc])
			} else if !bytes.Equal(c.got, want) {
				c.report(t, "libxml2", docs, want)
			}
		}
	}
	t.Logf("%d canonical forms of %d documents", count, len(docs))
}

// TestDifferentialKnownDisagreements (SEC-031) pins where Santuario or libxml2 differ from the specification, and from
// this package, so that the comparison above may leave these cases out. None of them occurs in a Peppol message.
func TestDifferentialKnownDisagreements(t *testing.T) {
	cases := []struct {
		name, doc string
		canon     Canon
		index     int
		want      string // by the specification
		santuario string // "" when it agrees
		libxml2   string // "" when it agrees; "-" when it refuses; "?" when not asked
	}{
		{
			name: "Canonical XML 1.0 §2.4: the apex inherits the nearest xml: attributes, " +
				"Santuario takes the outermost",
			doc: `<r xml:lang="a"><m xml:lang="b"><e/></m></r>`, canon: Canon{Method: InclusiveWithComments}, index: 2,
			want: `<e xml:lang="b"></e>`, santuario: `<e xml:lang="a"></e>`, libxml2: "?",
		},
		{
			name: "Canonical XML 1.0 §2.3: what follows the top element is written, Santuario loses it after an " +
				"empty one",
			doc: `<r/><?p x?><!--c-->`, canon: Canon{Method: ExclusiveWithComments}, index: -1,
			want: "<r></r>\n<?p x?>\n<!--c-->", santuario: `<r></r>`,
		},
		{
			name: "Canonical XML 1.0 §2.3: a namespace name is escaped like an attribute value, libxml2 writes & " +
				"as it is",
			doc: `<r xmlns="u:?a&amp;b"/>`, canon: Canon{Method: ExclusiveWithComments}, index: -1,
			want: `<r xmlns="u:?a&amp;b"></r>`, libxml2: `<r xmlns="u:?a&b"></r>`,
		},
		{
			name: "Namespaces in XML 1.0 §2.2: an IRI as namespace name is written like any other, libxml2 refuses it",
			doc:  `<r xmlns="urn:æ"/>`, canon: Canon{Method: ExclusiveWithComments}, index: -1,
			want: `<r xmlns="urn:æ"></r>`, libxml2: "-",
		},
		{
			name:  "Canonical XML 1.0 §2.2: attributes go by code point; Java compares UTF-16 units",
			doc:   "<r xmlns:a='u:\U00010000' xmlns:b='u:\uF900' a:x='' b:x=''/>",
			canon: Canon{Method: ExclusiveWithComments}, index: -1,
			want:      "<r xmlns:a=\"u:\U00010000\" xmlns:b=\"u:\uF900\" b:x=\"\" a:x=\"\"></r>",
			santuario: "<r xmlns:a=\"u:\U00010000\" xmlns:b=\"u:\uF900\" a:x=\"\" b:x=\"\"></r>", libxml2: "-",
		},
	}
	var docs []string
	var asked []canonCase
	for i, tc := range cases {
		docs, asked = append(docs, tc.doc), append(asked, canonCase{doc: i, canon: tc.canon, index: tc.index})
		t.Run(tc.name, func(t *testing.T) {
			d, err := safe.Parse([]byte(tc.doc), safe.Document)
			if err != nil {
				t.Fatal(err)
			}
			node := d.Root()
			if tc.index >= 0 {
				node = elementAt(d, tc.index)
			}
			got, err := tc.canon.Bytes(node)
			if err != nil || string(got) != tc.want {
				t.Errorf("ours %q, want %q (%v)", got, tc.want, err)
			}
			if tc.libxml2 != "?" {
				answer := string(xmllint(t, "--exc-c14n", []string{tc.doc})[0])
				if want := strings.TrimPrefix(cmp.Or(tc.libxml2, tc.want), "-"); answer != want {
					t.Errorf("libxml2 writes %q, it used to be %q", answer, want)
				}
			}
		})
	}
	t.Run("Santuario", func(t *testing.T) {
		for i, answer := range santuario(t, interop.Start(t), docs, asked) {
			if want := cmp.Or(cases[i].santuario, cases[i].want); string(answer) != want {
				t.Errorf("%s: it writes %q, it used to be %q", cases[i].name, answer, want)
			}
		}
	})
}

// mutate changes a document at a few places.
func mutate(r *rand.Rand, doc string) string {
	pieces := []string{
		"<", ">", "/", "&", ";", "\"", "'", "=", ":", " ", "]]>", "<!--", "-->", "<?", "?>", "xmlns",
		"xml", "\x00", "\x0B", "\xC3", "\uFFFE", "&#0;", "&#xD800;", "é", "<!", "-", "x", "1", "<a/>", "<![CDATA[",
	}
	b := []byte(doc)
	for range 1 + r.IntN(2) {
		at := r.IntN(len(b))
		switch r.IntN(4) {
		case 0:
			b = append(b[:at:at], b[at+1:]...)
		case 1:
			b[at] ^= 1 << r.IntN(7)
		case 2:
			b = append(append(b[:at:at], pick(r, pieces)...), b[at:]...)
		case 3:
			end := min(len(b), at+r.IntN(20))
			b = append(append(b[:end:end], b[at:end]...), b[end:]...) // a piece twice
		}
		if len(b) == 0 {
			return ""
		}
	}
	return string(b)
}

// TestDifferentialAcceptance (SEC-031): whatever the reader accepts of broken documents, libxml2 accepts too, and means
// the same.
func TestDifferentialAcceptance(t *testing.T) {
	r, n := golden.Random(t), golden.Cases(t)
	var docs []string
	var forms [][]byte
	refused := 0
	for len(docs)+refused < 10*n {
		text, _, odd := document(r)
		if text = mutate(r, text); odd {
			continue
		}
		d, err := safe.Parse([]byte(text), safe.Document)
		if err != nil || escapedNamespace(d) {
			refused++
			continue
		}
		b, err := Canon{Method: ExclusiveWithComments}.Bytes(d.Root())
		if err != nil {
			t.Fatal(err)
		}
		docs, forms = append(docs, text), append(forms, b)
	}
	other := 0
	for i, want := range xmllint(t, "--exc-c14n", docs) {
		switch {
		case bytes.Equal(want, forms[i]):
		case want == nil && readable(t, docs[i]):
			other++ // read, but not written
		default:
			t.Errorf("document %q\nours     %q\nlibxml2  %q", docs[i], forms[i], want)
		}
	}
	if other > len(docs)/5 {
		t.Errorf("libxml2 reads but does not write %d of %d", other, len(docs))
	}
	t.Logf("%d broken documents accepted, %d refused or left out; libxml2 reads all, and writes all but %d, whose "+
		"namespace names it does not like", len(docs), refused, other)
}

// escapedNamespace reports whether a namespace name needs escaping, which libxml2 forgets.
func escapedNamespace(d *safe.Doc) bool {
	for i := range d.Len() {
		for _, uri := range d.At(i).Decls() {
			if strings.ContainsAny(uri, "&<\"\t\r\n") {
				return true
			}
		}
	}
	return false
}

// readable reports whether libxml2 reads a document that it cannot canonicalize because of a namespace name.
func readable(t *testing.T, doc string) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "doc.xml")
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command("xmllint", "--nonet", "--noout", file).Run() == nil
}

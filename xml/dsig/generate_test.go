package dsig

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes namespace-well-formed documents that are hard to canonicalize.
type generator struct {
	r      *rand.Rand
	b      strings.Builder
	count  int // elements so far
	budget int // elements it may still open
	ids    int
	uris   []string
}

var (
	genPrefixes = []string{"", "", "a", "b", "c", "p-q", "x.y", "ns0", "_", "é"}
	genURIs     = []string{
		"u:1", "u:2", "u:10", "u:Z", "http://a.example/?x='2'", "http://a.example/",
		"http://a.example", "http://www.w3.org/2000/09/xmldsig#", "urn:%C3%A6",
	}
	genOddURIs = []string{"urn:æ", "http://a.example/?x=1&y='2'", "urn:a\"b"} // libxml2 cannot canonicalize with these
	genLocals  = []string{"e", "E", "a", "x", "xml1", "k-1", "名", "Ω", "_", "e.e"}
	genTexts   = []string{
		"plain", " ", "\n", "\r\n", "\r", "\t", "&amp;", "&lt;", "&gt;", ">", "\"", "'", "&quot;", "&apos;", "&#13;",
		"&#xD;&#xA;", "&#10;", "&#9;", "&#x20;", "]", "]]", "]]&gt;",
		"🐦", "&#x1F426;", "&#x10FFFD;", "\u0085", "\u2028", "\uFEFF", "\u00A0", "e\u0301", "æøå", "\uFFFD", "&#xE000;",
		"&#60;", "&#38;amp;", "\r\r\n\n", strings.Repeat("long text ", 40),
	}
	genComments = []string{"", " c ", "<a b='c'>&amp;", "\r\n", "- x", "ø🐦", "a\rb"}
	genPIs      = []string{
		"p", "p x", "p \t x y ", "p\r\nx\ry", "p  &amp;<>]]>", "xml-stylesheet href='u'", "p ø🐦",
		"p\t",
	}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// document returns a document, its number of elements, and whether it has namespace names that libxml2 cannot write.
func document(r *rand.Rand) (doc string, elements int, odd bool) {
	g := &generator{r: r, budget: 1 + r.IntN(40), uris: genURIs}
	if odd = r.IntN(6) == 0; odd {
		g.uris = append(g.uris[:len(g.uris):len(g.uris)], genOddURIs...)
	}
	if r.IntN(8) == 0 {
		g.b.WriteString("\uFEFF")
	}
	if r.IntN(3) == 0 {
		g.b.WriteString(pick(r, []string{
			`<?xml version="1.0"?>`, `<?xml version='1.0' encoding='utf-8'?>`,
			"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" ?>\r\n",
		}))
	}
	g.misc()
	scope := map[string]string{"": "", "xml": nsXML}
	if r.IntN(20) == 0 {
		g.chain(scope)
	} else {
		g.element(scope, 0)
	}
	g.misc()
	return g.b.String(), g.count, odd
}

// misc writes what may stand beside the top element.
func (g *generator) misc() {
	for range g.r.IntN(4) {
		switch g.r.IntN(4) {
		case 0:
			fmt.Fprintf(&g.b, "<!--%s-->", pick(g.r, genComments))
		case 1:
			fmt.Fprintf(&g.b, "<?%s?>", pick(g.r, genPIs))
		case 2:
			g.b.WriteString("\r\n \t")
		}
	}
}

// chain nests elements deep, each with declarations.
func (g *generator) chain(scope map[string]string) {
	var names []string
	for range 20 + g.r.IntN(90) {
		name, inner := g.tag(scope)
		g.b.WriteString(">")
		names = append(names, name)
		scope = inner
	}
	for i := len(names) - 1; i >= 0; i-- {
		fmt.Fprintf(&g.b, "</%s>", names[i])
	}
}

func (g *generator) element(scope map[string]string, depth int) {
	name, inner := g.tag(scope)
	kids := g.r.IntN(6)
	if kids == 0 {
		g.b.WriteString(pick(g.r, []string{"/>", " />", "></" + name + ">"}))
		return
	}
	g.b.WriteString(">")
	for range kids {
		switch g.r.IntN(10) {
		case 0:
			fmt.Fprintf(&g.b, "<!--%s-->", pick(g.r, genComments))
		case 1:
			fmt.Fprintf(&g.b, "<?%s?>", pick(g.r, genPIs))
		case 2:
			fmt.Fprintf(&g.b, "<![CDATA[%s]]>", pick(g.r, []string{"", "x", "<&>", "\r\n", "]]", "&lt;", "\t\r]", "🐦"}))
		case 3, 4, 5:
			g.text()
		default:
			if g.budget > 0 && depth < 12 {
				g.element(inner, depth+1)
			}
		}
	}
	fmt.Fprintf(&g.b, "</%s%s>", name, pick(g.r, []string{"", " ", "\n"}))
}

func (g *generator) text() {
	for range 1 + g.r.IntN(3) {
		s := pick(g.r, genTexts)
		if strings.HasSuffix(g.b.String(), "]") && strings.HasPrefix(s, ">") { // "]]>" must not come about
			continue
		}
		g.b.WriteString(s)
	}
}

// tag writes a start tag up to its end, and returns the name and what is in scope inside.
func (g *generator) tag(scope map[string]string) (string, map[string]string) {
	g.count++
	g.budget--
	inner, parts := map[string]string{}, []string{}
	for p, u := range scope {
		inner[p] = u
	}
	declared := map[string]bool{}
	for range g.r.IntN(4) {
		p := pick(g.r, genPrefixes)
		if declared[p] {
			continue
		}
		declared[p] = true
		u := pick(g.r, g.uris)
		switch {
		case p == "" && g.r.IntN(2) == 0:
			u = ""
		case g.r.IntN(3) == 0 && scope[p] != "":
			u = scope[p] // declared again with the same value
		}
		inner[p] = u
		key := "xmlns"
		if p != "" {
			key += ":" + p
		}
		parts = append(parts, key+g.equals()+quote(g.r, escapeURI(u)))
	}
	if g.r.IntN(40) == 0 {
		parts = append(parts, `xmlns:xml="`+nsXML+`"`)
	}
	parts = append(parts, g.attributes(inner)...)
	g.r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	name := g.qname(inner)
	g.b.WriteString("<" + name)
	for _, p := range parts {
		g.b.WriteString(pick(g.r, []string{" ", " ", "\n", "\r\n\t"}) + p)
	}
	return name, inner
}

func (g *generator) equals() string { return pick(g.r, []string{"=", "=", "=", " = ", "\n="}) }

// attributes writes attributes with different expanded names.
func (g *generator) attributes(scope map[string]string) []string {
	var parts []string
	seen := map[string]bool{}
	for range g.r.IntN(5) {
		name := g.qname(scope)
		prefix, local, ok := strings.Cut(name, ":")
		key := scope[prefix] + " " + local
		if !ok {
			key = " " + name
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		parts = append(parts, name+g.equals()+g.value())
	}
	for _, a := range [][]string{
		{"xml:lang", "no", "en", ""},
		{"xml:space", "preserve", "default"},
		{"xml:base", "http://b.example/", "x/y"},
	} {
		if g.r.IntN(12) == 0 {
			parts = append(parts, a[0]+"="+quote(g.r, pick(g.r, a[1:])))
		}
	}
	if g.r.IntN(15) == 0 {
		g.ids++
		parts = append(parts, fmt.Sprintf("xml:id='i%d'", g.ids))
	}
	return parts
}

// qname picks a name whose prefix is in scope.
func (g *generator) qname(scope map[string]string) string {
	p := pick(g.r, genPrefixes)
	if p == "" || scope[p] == "" {
		return pick(g.r, genLocals)
	}
	return p + ":" + pick(g.r, genLocals)
}

func (g *generator) value() string {
	var b strings.Builder
	for range g.r.IntN(3) {
		b.WriteString(pick(g.r, genTexts))
	}
	return quote(g.r, b.String())
}

// quote puts a value that holds no "<" between quotes of either kind.
func quote(r *rand.Rand, s string) string {
	if r.IntN(2) == 0 {
		return `"` + strings.ReplaceAll(s, `"`, "&#34;") + `"`
	}
	return `'` + strings.ReplaceAll(s, `'`, "&#x27;") + `'`
}

func escapeURI(u string) string { return strings.ReplaceAll(u, "&", "&amp;") }

// prefixList returns a PrefixList: names in use, unknown ones, and the default namespace.
func prefixList(r *rand.Rand) []string {
	var list []string
	for range r.IntN(4) {
		p := pick(r, genPrefixes)
		if p == "" {
			p = "#default"
		}
		if r.IntN(8) == 0 {
			p = pick(r, []string{"unknown", "xml"})
		}
		list = append(list, p)
	}
	return list
}

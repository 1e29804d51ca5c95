package xpath

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator writes random documents, and random expressions that speak of them.
type generator struct {
	r      *rand.Rand
	later  bool // what XPath 3.1 and XSLT 3.0 have beyond 2.0, too
	vars   []genVar
	atomic genKind // of the context item where it is not a node
	count  int     // nodes of the document
}

type genVar struct {
	name string
	kind genKind
}

// genKind is what an expression is meant to give.
type genKind int

const (
	genNode genKind = iota // at most one node
	genNumber
	genString
	genBool
	genTime
	genKinds
)

var (
	genNamespaces = map[string]string{"c": "urn:c", "xs": nsXS}
	genNames      = []string{"r", "a", "b", "n", "n", "q", "c:i", "c:a", "d"}
	genAttrs      = []string{"id", "u", "n", "c:t", "xml:lang"}
	genTexts      = []string{
		"1", "10", "9", "2", "3", "1.10", "1.1", "-3", "0", "007", "1e3", "NaN", " 12 ", "+5", ".5", "5.", "1,5", "0.1",
		"0.285", "2.5", "-2.5", "-0.5", "100.00",
		"99999999999999999999", "1.005", "a", "b", "abc", "ABC", "a b", "  a  b ", "true", "false", "Äbc", "straße",
		"😀x", "\u00a0", "\u00a012", "a\nb", "urn:x:y", "a-b-c", "10,20",
		"2024-01-01", "2024-02-29", "2024-02-30", "2024-01-01Z", "2023-12-31+02:00", " 2024-01-01 ",
		"2024-06-15T10:00:00", "2024-06-15T10:00:00.5Z", "10:00:00", "23:30:00-01:00", "P1D", "PT36H", "-PT0.5S",
		"", " ", "\n ", "987654325", "NO987654325MVA", "0192:987654325", "A1B2", "٣", "1 2 3", "\t", "x",
		"lines\nand\nlines\n",
	}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// one tells, once in n times.
func (g *generator) one(n int) bool { return g.r.IntN(n) == 0 }

// document returns a document with its number of nodes in g.count.
func (g *generator) document() string {
	var b strings.Builder
	g.count = 1
	if g.one(4) {
		b.WriteString("<!--before-->")
		g.count++
	}
	budget := 3 + g.r.IntN(25)
	g.element(&b, "r", ` xmlns:c="urn:c"`, &budget, 0)
	if g.one(6) {
		b.WriteString("<?after x?>")
		g.count++
	}
	return b.String()
}

var genEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;")

func (g *generator) element(b *strings.Builder, name, decl string, budget *int, depth int) {
	g.count++
	b.WriteString("<" + name + decl)
	for _, a := range genAttrs {
		if g.one(5) {
			fmt.Fprintf(b, ` %s="%s"`, a, genEscape.Replace(pick(g.r, genTexts)))
			g.count++
		}
	}
	b.WriteString(">")
	text := false // a text stands directly before
	for range g.r.IntN(6) {
		switch k := g.r.IntN(20); {
		case k < 10 && *budget > 0 && depth < 6:
			*budget--
			g.element(b, pick(g.r, genNames[1:]), "", budget, depth+1)
			text = false
		case k < 16:
			s := pick(g.r, genTexts)
			if !text && s != "" {
				g.count++
				text = true
			}
			if g.one(6) && !strings.Contains(s, "]]>") {
				b.WriteString("<![CDATA[" + s + "]]>")
			} else {
				b.WriteString(genEscape.Replace(s))
			}
		case k < 18:
			b.WriteString("<!--" + pick(g.r, []string{"c", "", "1"}) + "-->")
			g.count++
			text = false
		case k < 19:
			b.WriteString("<?" + pick(g.r, []string{"pi x", "p", "q 1"}) + "?>")
			g.count++
			text = false
		}
	}
	b.WriteString("</" + name + ">")
}

// lets returns variables of the whole document.
func (g *generator) lets() [][2]string {
	all := [][2]string{
		{"nodes", "//n"},
		{"list", "tokenize('1 2 3 a b abc', '\\s')"},
		{"num", "count(//*)"},
		{"none", "()"},
		{"text", "string(/*)"},
		{"codes", "('1','2','9','10','a','abc','true')"},
	}
	g.vars = []genVar{
		{"list", genString},
		{"num", genNumber},
		{"none", genString},
		{"text", genString},
		{"codes", genString},
		{"nodes", genNode},
	}
	g.atomic = genNode
	return all
}

// expression returns an expression of any kind.
func (g *generator) expression() string {
	if g.one(5) {
		return g.sequence(4)
	}
	return g.any(2 + g.r.IntN(4))
}

func (g *generator) any(d int) string { return g.of(genKind(g.r.IntN(int(genKinds))), d) }

// of returns an expression of a kind; now and then of another, which is an error most of the time.
func (g *generator) of(k genKind, d int) string {
	if g.one(250) {
		k = genKind(g.r.IntN(int(genKinds)))
	}
	if g.one(60) {
		return "()"
	}
	if d > 0 && g.one(12) {
		return g.wrapped(k, d-1)
	}
	if g.one(10) {
		for range 3 {
			if v := pick(g.r, g.vars); v.kind == k {
				if v.name == "nodes" || v.name == "list" || v.name == "codes" {
					return "$" + v.name + "[" + g.position(d-1) + "]"
				}
				return "$" + v.name
			}
		}
	}
	switch k {
	case genNode:
		return g.node(d)
	case genNumber:
		return g.number(d)
	case genString:
		return g.text(d)
	case genBool:
		return g.truth(d)
	}
	return g.time(d)
}

// truth returns a boolean that is used as a value. The judge takes some comparisons with nothing for nothing, not for
// false, which does no harm in a condition.
func (g *generator) truth(d int) string { return "not(" + g.boolean(d) + ")" }

// wrapped puts an expression of a kind into one that keeps the kind.
func (g *generator) wrapped(k genKind, d int) string {
	switch g.r.IntN(6) {
	case 0:
		return "(if (" + g.boolean(d) + ") then " + g.of(k, d) + " else " + g.of(k, d) + ")"
	case 1:
		return "(" + g.of(k, d) + ")"
	case 2:
		if k != genNode && g.one(2) {
			return "(" + g.many(k, d) + ")[" + g.predicateOn(k, d) + "]"
		}
		return "(" + g.many(k, d) + ")[" + g.position(d) + "]"
	case 3:
		return pick(g.r, []string{"zero-or-one", "exactly-one", "reverse"}) + "(" + g.of(k, d) + ")"
	case 4:
		return "subsequence((" + g.many(k, d) + "), " + g.offset(0) + ", 1)"
	}
	if g.once(d, 2) {
		return g.let(k, g.of(k, d), d)
	}
	return g.loop(k, g.of(k, d), d)
}

// loop binds a variable to one value and returns an expression of a kind.
func (g *generator) loop(k genKind, in string, d int) string {
	name := pick(g.r, []string{"x", "y", "z"})
	g.vars = append(g.vars, genVar{name, k})
	body := g.of(k, d)
	g.vars = g.vars[:len(g.vars)-1]
	return "(for $" + name + " in " + in + " return " + body + ")"
}

// many returns several items of a kind, without parentheses.
func (g *generator) many(k genKind, d int) string {
	if k == genNode {
		return g.path(d)
	}
	n := 1 + g.r.IntN(4)
	list := make([]string, n)
	for i := range list {
		list[i] = g.of(k, d-1)
	}
	return strings.Join(list, ", ")
}

// sequence returns an expression of any number of items.
func (g *generator) sequence(d int) string {
	if g.once(d, 4) {
		return g.laterSequence(d)
	}
	switch g.r.IntN(14) {
	case 0:
		return g.path(d)
	case 1:
		return "(" + g.many(genKind(1+g.r.IntN(int(genKinds)-1)), d) + ")"
	case 2:
		return g.atom(d) + " to " + g.atom(d)
	case 3:
		return "tokenize(" + g.text(d) + ", " + g.pattern() + g.flags() + ")"
	case 4:
		return "distinct-values(" + g.items(d) + ")"
	case 5:
		return "reverse(" + g.items(d) + ")"
	case 6:
		return "index-of(" + g.items(d) + ", " + g.any(d-1) + ")"
	case 7:
		return "subsequence(" + g.items(d) + ", " + g.offset(d-1) + pick(g.r, []string{"", ", " + g.offset(d-1)}) + ")"
	case 8:
		return "data(" + g.items(d) + ")"
	case 9:
		return "string-to-codepoints(" + g.text(d) + ")"
	case 10:
		return g.items(d) + "[" + g.predicateOn(genKinds, d-1) + "]"
	case 11:
		k := genKind(g.r.IntN(int(genKinds)))
		name := pick(g.r, []string{"x", "y"})
		in := g.items(d)
		g.vars = append(g.vars, genVar{name, k})
		body := g.any(d - 1)
		g.vars = g.vars[:len(g.vars)-1]
		return "for $" + name + " in " + in + " return " + body
	case 12:
		return "(" + g.path(d) + ")/" + g.step(d)
	}
	return "one-or-more(" + g.items(d) + ")"
}

// items returns an expression of any number of items that may stand as an argument.
func (g *generator) items(d int) string {
	if d <= 0 || g.one(3) {
		switch g.r.IntN(4) {
		case 0:
			return "(" + g.many(genKind(1+g.r.IntN(int(genKinds)-1)), 1) + ")"
		case 1:
			return pick(g.r, []string{"$list", "$codes", "$nodes", "(1 to 5)", "()"})
		}
		return "(" + g.path(d) + ")"
	}
	return "(" + g.sequence(d-1) + ")"
}

func (g *generator) atom(d int) string {
	if d > 1 && g.one(3) {
		return "(" + g.number(d-1) + ")"
	}
	return pick(g.r, []string{"1", "2", "0", "-1", "3", "count(*)", "5", "xs:integer(2)", "string-length(.)"})
}

// node returns an expression of at most one node.
func (g *generator) node(d int) string {
	if g.atomic != genNode && !g.one(30) {
		return pick(g.r, []string{"$nodes[1]", "$nodes[2]"})
	}
	switch g.r.IntN(8) {
	case 0:
		return "."
	case 1:
		return ".."
	case 2:
		return "@" + pick(g.r, genAttrs)
	case 3:
		return pick(g.r, genNames) + "[1]"
	}
	return "(" + g.path(d) + ")[" + g.position(d-1) + "]"
}

func (g *generator) position(d int) string {
	if d > 0 && g.one(4) {
		return g.number(d - 1)
	}
	return pick(g.r, []string{
		"1", "1", "1", "last()", "2", "position() = 1", "3", "last() - 1", "1.0", "2e0", "0",
		"1.5", "-1",
	})
}

// path returns a path of any number of nodes.
func (g *generator) path(d int) string {
	if d > 0 && g.one(7) {
		return g.path(d-1) + pick(g.r, []string{" | ", " union ", " intersect ", " except "}) + g.path(d-1)
	}
	var b strings.Builder
	switch k := g.r.IntN(12); {
	case g.atomic != genNode && !g.one(30):
		b.WriteString("$nodes/")
	case k == 0:
		b.WriteString("/")
		if g.one(8) {
			return "(/)"
		}
	case k < 5:
		b.WriteString("//")
	case k == 5 && d > 0:
		b.WriteString("(" + g.path(d-1) + ")/")
	case k == 6:
		b.WriteString("$nodes/")
	case k == 7:
		b.WriteString(".//")
	}
	was := g.atomic
	g.atomic = genNode
	for i := range 1 + g.r.IntN(3) {
		if i > 0 {
			b.WriteString(pick(g.r, []string{"/", "/", "/", "//"}))
		}
		b.WriteString(g.step(d - 1))
	}
	g.atomic = was
	return b.String()
}

var genAxes = []string{
	"child::", "attribute::", "self::", "parent::", "descendant::", "descendant-or-self::", "ancestor::",
	"ancestor-or-self::", "following::",
	"following-sibling::", "preceding::", "preceding-sibling::", "@", "", "", "", "",
}

func (g *generator) test() string {
	switch g.r.IntN(6) {
	case 0:
		return pick(g.r, []string{
			"node()", "text()", "comment()", "processing-instruction()",
			"processing-instruction('pi')", "processing-instruction(q)", "element()", "element(n)", "element(*)",
			"attribute()", "attribute(id)", "document-node()",
		})
	case 1:
		return pick(g.r, []string{"*", "*", "c:*", "*:i", "*:a", "*:id", "*:t"})
	}
	return pick(g.r, append(genNames, genAttrs...))
}

func (g *generator) step(d int) string {
	if d > 0 && g.one(10) {
		return pick(g.r, []string{
			"(" + g.path(d-1) + ")", "(" + g.step(d-1) + " | " + g.step(d-1) + ")", ".",
			"self::node()[" + g.boolean(d-1) + "]",
		})
	}
	axis := pick(g.r, genAxes)
	if axis == "" && g.one(12) {
		return ".."
	}
	test := g.test()
	if axis == "@" || axis == "attribute::" {
		test = pick(g.r, []string{"*", "id", "n", "u", "c:t", "*:t", "xml:lang", "node()", "c:*", "attribute()"})
	}
	s := axis + test
	for d > 0 && g.one(3) {
		s += "[" + g.predicate(d-1) + "]"
	}
	return s
}

// predicate returns the inside of a predicate on nodes.
func (g *generator) predicate(d int) string {
	if g.one(2) {
		return g.position(d)
	}
	return g.predicateOn(genNode, d)
}

func (g *generator) predicateOn(k genKind, d int) string {
	was := g.atomic
	g.atomic = k
	defer func() { g.atomic = was }()
	if g.one(3) {
		return g.position(d)
	}
	if d > 0 && g.one(8) {
		return g.condition(d)
	}
	return g.boolean(d)
}

// condition returns an expression that has an effective boolean value most of the time.
func (g *generator) condition(d int) string {
	if g.one(20) {
		return g.any(d)
	}
	return g.of(genKind(g.r.IntN(int(genTime))), d)
}

// untyped returns an operand for comparisons and arithmetic: a node or a value.
func (g *generator) untyped(d int) string {
	if g.atomic == genNumber || g.one(200) {
		return "."
	}
	return g.node(d)
}

var genNumbers = []string{
	"0", "1", "2", "3", "5", "10", "9", "1.1", "1.10", "2.5", "0.285", "0.1", "1e0", "1.5e3",
	"1e-7", "1.1e0", "100", "0.5", "123456789012", "1000000", "1e6", "123456.789e0", "97", ".5", "5.", "0.00001",
}

func (g *generator) number(d int) string {
	if d <= 0 {
		if g.one(6) {
			return "-" + pick(g.r, genNumbers)
		}
		return pick(g.r, genNumbers)
	}
	if g.once(d, 5) {
		return g.laterNumber(d)
	}
	switch g.r.IntN(22) {
	case 0, 1, 2:
		l, r := g.number(d-1), g.number(d-1)
		if g.one(3) {
			l = g.untyped(d - 1)
		}
		if g.one(4) {
			r = "number(" + g.untyped(d-1) + ")"
		}
		return "(" + l + " " + pick(g.r, []string{"+", "-", "*", "div", "idiv", "mod", "+", "-", "*"}) + " " + r + ")"
	case 3:
		return "-(" + g.number(d-1) + ")"
	case 4:
		return "number(" + pick(g.r, []string{g.untyped(d - 1), g.text(d - 1), g.truth(d - 1), g.number(d - 1)}) + ")"
	case 5:
		return "count(" + g.items(d-1) + ")"
	case 6:
		return "string-length(" + g.text(d-1) + ")"
	case 7, 8:
		return pick(g.r, []string{"round", "abs", "floor", "ceiling", "round", "round-half-to-even"}) + "(" + pick(g.r,
			[]string{g.number(d - 1), g.untyped(d - 1)}) + ")"
	case 9:
		return "round-half-to-even(xs:decimal(" + g.number(d-1) + "), " + pick(g.r, []string{"2", "1", "0", "3"}) + ")"
	case 10, 11:
		return pick(g.r, []string{"sum", "sum", "min", "max", "avg"}) + "((" + pick(g.r,
			[]string{g.many(genNumber, d-1), g.path(d - 1), g.many(genNumber, d-1)}) + "))"
	case 12:
		return "sum((" + g.path(d-1) + ")/" + pick(g.r,
			[]string{"xs:decimal(.)", "number(.)", "string-length(.)", "xs:double(.)", "count(*)", "xs:integer(1)"}) +
			")"
	case 13, 14:
		return pick(g.r, []string{"xs:decimal", "xs:integer", "xs:double"}) + "(" + pick(g.r,
			[]string{g.number(d - 1), "'" + pick(g.r, genTexts[:26]) + "'", g.untyped(d - 1), g.truth(d - 1)}) + ")"
	case 15:
		return "(" + g.number(d-1) + " cast as " + pick(g.r,
			[]string{"xs:decimal", "xs:integer", "xs:double", "xs:integer?"}) + ")"
	case 16:
		return pick(g.r, []string{"position()", "last()"})
	case 17:
		return pick(g.r, []string{"year-from-date", "month-from-date", "day-from-date"}) + "(" + g.date(d-1) + ")"
	case 18:
		return "compare(" + g.text(d-1) + ", " + g.text(d-1) + ")"
	case 19:
		return pick(g.r, []string{"abs", "floor"}) + "(" + g.number(d-1) + ")"
	case 20:
		return pick(g.r, []string{"number()", "number()", "number('INF')", "xs:double('-INF')"})
	}
	return g.number(0)
}

// offset returns a number for fn:substring. The judge is wrong about some others: those that round down, and those
// beyond 64 bits.
func (g *generator) offset(d int) string {
	if d > 0 && g.one(3) {
		return "string-length(" + g.text(d-1) + ")"
	}
	return pick(g.r, []string{
		"1", "2", "3", "0", "-1", "1.5", "2.5", "2.6", "1e0", "4e0", "number('x')", "10", "-0.5",
		"xs:decimal(1.5)", "100", "-1e0",
	})
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (g *generator) text(d int) string {
	if d <= 0 {
		return quote(pick(g.r, genTexts))
	}
	if g.once(d, 5) {
		return g.laterText(d)
	}
	switch g.r.IntN(20) {
	case 0:
		return "concat(" + g.any(d-1) + ", " + g.text(d-1) + ")"
	case 1:
		return "normalize-space(" + g.text(d-1) + ")"
	case 2, 3:
		return "string(" + g.any(d-1) + ")"
	case 4:
		return pick(g.r, []string{"upper-case", "lower-case"}) + "(" + g.text(d-1) + ")"
	case 5:
		return "translate(" + g.text(d-1) + ", " + pick(g.r,
			[]string{"'abc'", "'0123456789'", "' -.'", "'aa'", "'😀ß'"}) + ", " + pick(g.r,
			[]string{"''", "'x'", "'xyz'", "'ABC'", "'😀'"}) + ")"
	case 6, 7:
		return "substring(" + g.text(d-1) + ", " + g.offset(d-1) + pick(g.r,
			[]string{"", ", " + g.offset(d-1), ", 2"}) + ")"
	case 8:
		return pick(g.r, []string{"substring-before", "substring-after"}) + "(" + g.text(d-1) + ", " + pick(g.r,
			[]string{"'-'", "':'", "''", "'a'", "' '", g.text(0)}) + ")"
	case 9:
		return pick(g.r, []string{"name", "local-name", "namespace-uri"}) + "(" + g.node(d-1) + ")"
	case 10:
		return "string-join(" + pick(g.r, []string{
			"$list", "$codes",
			"for $s in " + g.items(d-1) + " return string($s)", "(" + g.path(d-1) + ")/string(.)",
			"(" + g.path(d-1) + ")/name()",
		}) + ", " + pick(g.r, []string{"'-'", "''", "','"}) + ")"
	case 11, 12:
		return "replace(" + g.text(d-1) + ", " + g.pattern() + ", " + pick(g.r,
			[]string{"''", "'x'", "'[$0]'", "'$1'", "'$1-$2'", "'\\$'", "'\\\\'", "'$12'", "'a$'"}) + g.flags() + ")"
	case 13:
		return "xs:string(" + g.any(d-1) + ")"
	case 14:
		return "codepoints-to-string(" + pick(g.r,
			[]string{
				"string-to-codepoints(" + g.text(d-1) + ")", "reverse(string-to-codepoints(" + g.text(d-1) + "))",
				"(65, 9, 128512)", pick(g.r, []string{"(0)", "1114111", "10", "9", "32"}), "65 to 70",
			}) + ")"
	case 15:
		return pick(g.r, []string{"string()", "normalize-space()", "name()", "local-name()", "namespace-uri()"})
	case 16, 17:
		return "string(" + g.untyped(d-1) + ")"
	case 18:
		return pick(g.r, []string{"min", "max"}) + "((" + g.many(genString, d-1) + "))"
	}
	return g.text(0)
}

var genPatterns = []string{
	`^[0-9]{9}$`, `^[0-9]+$`, `^\d+$`, `^[0-9]{9}MVA$`, `^[A-Z0-9]{11,16}$`, `^[1-9]([0-9]*)`, `20[0-9]{6}`,
	`([+-]\d{2}:\d{2}|Z)$`, `^\s*\n`, `\s`, `:`, `-`, `/`, `\|`, `(\r?\n)`,
	`#.+#`, `([ \n\r\t\s])`, `^(0?[1-9]|[12][0-9]|3[01])[-\\/ ]?(0?[1-9]|1[0-2])[-\\/ ]?(19|20)[0-9]{2}`,
	`^([a-zA-Z])([a-zA-Z0-9+.-])+:.*`, `.*([0-9].*){3,}.*`,
	`^[^@\s]+@([^@.\s]+\.)+[^@.\s]+$`, `^\s*(\d{4})(1[0-2]|0[1-9]){1}`, `[a-z-[aeiou]]`, `\i\c*`, `(a)(b)?`, `(a|b)+`,
	`\p{L}+`, `\P{Lu}`, `[^a-c]`, `a{2}`, `\w+`, `\W`, `\D`, `\S+`, `.`, `^`, `$`, `^a`, `a$`, `b*`, `a b`, `[\d-]`,
	`\.`, `(`, `[`, `a**`, `\b`, `\p{IsBasicLatin}`, `x?`, `a+?`, `.*?b`,
}

// pattern returns a regular expression as a literal.
func (g *generator) pattern() string {
	if g.one(2) {
		return quote(pick(g.r, genPatterns))
	}
	return quote(g.regex(3))
}

// regex returns a random one. Anchors stand at its ends and groups are not reluctant: the judge goes wrong with
// anchors that are repeated, and with groups whose repetition it has to try again because it matches nothing or less.
func (g *generator) regex(d int) string {
	s := g.branches(d)
	switch g.r.IntN(8) {
	case 0:
		return "^" + s
	case 1:
		return s + "$"
	case 2:
		return "^(" + s + ")$"
	}
	return s
}

func (g *generator) branches(d int) string {
	if d > 0 && g.one(5) {
		return g.branches(d-1) + "|" + g.branches(d-1)
	}
	var b strings.Builder
	for range 1 + g.r.IntN(3) {
		times := []string{"", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "+?", "*?"}
		if d > 0 && g.one(5) {
			b.WriteString("(" + g.branches(d-1) + ")")
			times = []string{"", "", "?"}
		} else {
			b.WriteString(pick(g.r, []string{
				"a", "b", "1", "-", ":", " ", ".", `\d`, `\s`, `\w`, `\S`, "[a-c]", "[^a]",
				"[0-9]", `\.`, "[ab1]", "ß", "A", "B", "0", `\i`, `\c`, `[\s,]`, "[a-z-[bc]]", `\n`,
			}))
		}
		b.WriteString(pick(g.r, times))
	}
	return b.String()
}

func (g *generator) flags() string {
	if !g.one(4) {
		return ""
	}
	return ", " + pick(g.r, []string{
		"''", "'i'", "'s'", "'m'", "'x'", "'im'", "'sx'",
		pick(g.r, []string{"'z'", "'i'", "'s'", "'m'", "'x'"}),
	})
}

var (
	genGeneral = []string{"=", "=", "!=", "<", "<=", ">", ">="}
	genValue   = []string{"eq", "ne", "lt", "le", "gt", "ge"}
)

func (g *generator) boolean(d int) string {
	if d <= 0 {
		if g.one(50) {
			return pick(g.r, []string{". = 1", ". = 'a'"})
		}
		if g.atomic == genNumber || g.atomic == genString {
			return pick(g.r, map[genKind][]string{
				genNumber: {". = 1", ". > 2"},
				genString: {". = 'a'", "matches(., 'a')", ". != ''"},
			}[g.atomic])
		}
		if g.atomic != genNode || g.one(3) {
			return pick(g.r, []string{"true()", "false()", "position() = 1", "position() = last()", "position() > 1"})
		}
		return pick(g.r, []string{
			"true()", "false()", "*", "@id", "n", "text()", ". = '1'", "n = 1", "@* = '1'",
			"n = n", ". = 10", "not(*)", "self::n", "position() = last()",
		})
	}
	if g.atomic == genNode && g.one(40) { // as rules look for values that they have seen before
		return pick(g.r, []string{
			"preceding::n = .", ". = preceding::n/.", "preceding::c:a = .",
			"not(. = preceding::q)", "@id = preceding::*/@id", ". = preceding-sibling::n",
		})
	}
	if g.once(d, 5) {
		return g.laterBoolean(d)
	}
	switch g.r.IntN(18) {
	case 0, 1, 2:
		return g.comparison(d, genGeneral)
	case 3:
		return g.comparison(d, genValue)
	case 4:
		return "(" + g.node(d-1) + " " + pick(g.r, []string{"is", "<<", ">>"}) + " " + g.node(d-1) + ")"
	case 5, 6:
		return "(" + g.boolean(d-1) + " " + pick(g.r, []string{"and", "or"}) + " " + g.boolean(d-1) + ")"
	case 7:
		return pick(g.r, []string{"not", "boolean"}) + "(" + pick(g.r,
			[]string{g.boolean(d - 1), g.condition(d - 1), g.path(d - 1)}) + ")"
	case 8:
		return pick(g.r, []string{"exists", "empty"}) + "(" + g.items(d-1) + ")"
	case 9:
		return pick(g.r, []string{"contains", "starts-with", "ends-with"}) + "(" + g.text(d-1) + ", " + g.text(d-1) +
			")"
	case 10, 11:
		return "matches(" + g.text(d-1) + ", " + g.pattern() + g.flags() + ")"
	case 12, 13:
		return g.quantified(d)
	case 14, 15:
		return "(" + g.any(d-1) + " castable as " + pick(g.r, genTypes) + pick(g.r, []string{"", "", "", "?"}) + ")"
	case 16:
		return "(" + pick(g.r, []string{g.items(d - 1), g.any(d - 1)}) + " instance of " + pick(g.r,
			append([]string{
				"node()", "element()", "element(n)", "text()", "item()", "attribute()", "xs:anyAtomicType",
				"document-node()",
			}, genTypes...)) + pick(g.r, []string{"", "*", "?", "+"}) + ")"
	}
	return pick(g.r, []string{
		"xs:boolean('" + pick(g.r,
			[]string{"true", "1", " false ", "true", "0", "1", "false", "TRUE"}) + "')",
		"xs:boolean(" + g.number(d-1) + ")", "('1' cast as xs:boolean)",
	})
}

var genTypes = []string{
	"xs:decimal", "xs:integer", "xs:date", "xs:string", "xs:double", "xs:boolean", "xs:time",
	"xs:dateTime", "xs:untypedAtomic", "xs:dayTimeDuration",
}

func (g *generator) comparison(d int, ops []string) string {
	op := " " + pick(g.r, ops) + " "
	k := genKind(1 + g.r.IntN(int(genKinds)-1))
	if k == genTime && !g.one(6) {
		return "(" + g.date(d-1) + op + g.date(d-1) + ")" // other types of time do not compare
	}
	l, r := g.of(k, d-1), g.of(k, d-1)
	if g.one(2) {
		l = g.untyped(d - 1)
	}
	if slices.Contains(ops, "=") {
		if g.one(3) {
			l = g.items(d - 1)
		}
		switch g.r.IntN(6) {
		case 0:
			r = "(" + g.many(k, d-1) + ")"
		case 1:
			r = g.items(d - 1)
		case 2, 3:
			if k != genString && !g.one(10) {
				break
			}
			r = pick(g.r, []string{
				"$list", "$codes", "('1', '9', 'a')",
				"('1','2','3','4','5','6','a','abc','true','10')",
			})
		}
	}
	if g.one(4) {
		r = g.untyped(d - 1)
	}
	return "(" + l + op + r + ")"
}

func (g *generator) quantified(d int) string {
	name := pick(g.r, []string{"x", "y", "code"})
	k := genKind(g.r.IntN(int(genKinds)))
	in := "(" + g.many(k, d-1) + ")"
	if g.one(3) {
		k, in = genString, pick(g.r, []string{"$codes", "$list"})
	}
	g.vars = append(g.vars, genVar{name, k})
	defer func() { g.vars = g.vars[:len(g.vars)-1] }()
	cond := g.boolean(d - 1)
	if g.one(2) {
		cond = pick(g.r, []string{g.untyped(d - 1), g.of(k, d-1)}) + " = $" + name
	}
	return "(" + pick(g.r, []string{"some", "every"}) + " $" + name + " in " + in + " satisfies " + cond + ")"
}

func (g *generator) date(d int) string {
	if d > 0 && g.one(3) {
		return "xs:date(" + pick(g.r, []string{
			g.untyped(d - 1), "normalize-space('2024-03-01')",
			"substring('2024-03-01T10:00:00', 1, 10)",
		}) + ")"
	}
	return "xs:date(" + quote(pick(g.r, []string{
		"2024-01-01", "2024-02-29", "2023-12-31Z", "2024-06-30+02:00",
		"1999-12-31", " 2024-01-01 ", "0001-01-01", "2024-12-31-05:00",
	})) + ")"
}

// time returns a date, a time, a dateTime or a duration.
func (g *generator) time(d int) string {
	if d <= 0 {
		return g.date(0)
	}
	if g.once(d, 3) {
		return g.laterTime(d)
	}
	switch g.r.IntN(9) {
	case 0, 1, 2:
		return g.date(d)
	case 3:
		return "xs:time(" + quote(pick(g.r, []string{
			"10:00:00", "23:59:59.5", "00:00:00Z", "24:00:00",
			"12:00:00+01:00",
		})) + ")"
	case 4:
		return "dateTime(" + g.date(d-1) + ", xs:time(" +
			quote(pick(g.r, []string{"10:00:00", "00:00:00Z", "24:00:00"})) + "))"
	case 5:
		return "xs:dateTime(" + quote(pick(g.r,
			[]string{"2024-06-15T10:00:00", "2024-06-15T24:00:00Z", "2023-12-31T23:59:59.999+14:00"})) + ")"
	case 6:
		return "xs:dayTimeDuration(" + quote(pick(g.r, []string{"P1D", "PT36H", "-PT0.5S", "P1DT2H3M4S", "PT0S"})) + ")"
	case 7:
		return "(" + g.date(d-1) + pick(g.r, []string{
			" - " + g.date(d-1), " + xs:dayTimeDuration('P1D')",
			" - xs:dayTimeDuration('PT25H')",
		}) + ")"
	}
	return pick(g.r, []string{
		"timezone-from-date(" + g.date(d-1) + ")", "xs:date(xs:dateTime('2024-06-15T10:00:00'))",
		"xs:dateTime(" + g.date(d-1) + ")", "xs:time(xs:dateTime('2024-06-15T10:00:00Z'))",
	})
}

// matchPattern returns a match pattern, as a rule has it for its context.
func (g *generator) matchPattern() string {
	if g.later && g.one(2) {
		return g.parenthesized(2)
	}
	return g.plainPattern()
}

// parenthesized returns a pattern with what only XSLT 3.0 has: parentheses, predicates behind them, variables.
func (g *generator) parenthesized(d int) string {
	var b strings.Builder
	switch {
	case g.one(8):
		b.WriteString("$nodes")
	case d > 0 && g.one(4):
		b.WriteString("(" + g.parenthesized(d-1) + ")")
	default:
		b.WriteString("(" + g.plainPattern() + ")")
	}
	if g.one(2) {
		b.WriteString("[" + g.predicate(1) + "]")
	}
	for range g.r.IntN(3) {
		b.WriteString(pick(g.r, []string{"/", "/", "//"}))
		b.WriteString(pick(g.r, append([]string{
			"*", "text()", "comment()", "@*", "node()", "processing-instruction()", "(n|c:a)", "(a/n|b)",
			"descendant::n",
			"self::n", "processing-instruction(p)", "@id", "*:a",
		}, genNames...)))
		if g.one(3) {
			b.WriteString("[" + g.predicate(1) + "]")
		}
	}
	return strings.ReplaceAll(b.String(), "[position()]", "[1]")
}

func (g *generator) plainPattern() string {
	var alts []string
	for range 1 + g.r.IntN(2) {
		var b strings.Builder
		b.WriteString(pick(g.r, []string{"", "", "/", "//", "/r/", "/*/"}))
		steps := 1 + g.r.IntN(3)
		for i := range steps {
			if i > 0 {
				b.WriteString(pick(g.r, []string{"/", "/", "//"}))
			}
			b.WriteString(pick(g.r, append([]string{"*", "c:*", "*:a", "*:i"}, genNames...)))
			if i == steps-1 && g.one(6) {
				b.WriteString("/@" + pick(g.r, genAttrs))
			}
			for g.one(3) {
				b.WriteString("[" + g.predicate(2) + "]")
			}
		}
		alts = append(alts, strings.ReplaceAll(b.String(), "[position()]", "[1]")) // which the judge takes for false
	}
	return strings.Join(alts, " | ")
}

package xpath

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// files are documents of rules.
var files = map[string]string{
	"codes.xml": `<codes><list id="1"><code value="A">x</code><code value="B">y</code></list><list id="2">` +
		`<code value="B">x</code><code value="10"/><code value="C" n="1.0">C</code></list><!--note--><other/></codes>`,
	"n.xml":     `<a><n>5</n><n>5</n></a>`,
	"names.xml": `<names><name code="B">Bee</name></names>`,
}

// opener opens files, each once.
func opener(names *xdm.Names) func(string) (*xdm.Tree, error) {
	trees := map[string]*xdm.Tree{}
	return func(name string) (t *xdm.Tree, err error) {
		name = filepath.Clean(name)
		text, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		if trees[name] == nil {
			trees[name], err = xdm.ParseKnown([]byte(text), names)
		}
		return trees[name], err
	}
}

// withDocuments evaluates an expression as eval does. With constants, what it takes from the documents is evaluated
// when it is compiled; without, each time.
func withDocuments(t *testing.T, text string, constants bool) (value string, work int64) {
	t.Helper()
	names := xdm.NewNames()
	c := NewCompiler(names, map[string]string{"c": "urn:c"})
	docs := c.Documents(opener(names))
	if !constants {
		docs.Done()
	}
	scope := c.Scope()
	if err := scope.Key("code", "code", "@value"); err != nil {
		t.Fatal(err)
	}
	if err := scope.Key("n", "n[1]", "."); err != nil {
		t.Fatal(err)
	}
	e, err := scope.Compile(text)
	if err != nil {
		return err.(*Error).Code, 0
	}
	docs.Done()
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	f := NewEvaluation(context.Background(), tree, Budget{Steps: 1_000_000})
	f.Documents(docs)
	items, err := f.Items(e, tree.FirstChild(0))
	if err != nil {
		return err.(*Error).Code, 0
	}
	var out []string
	for _, i := range items {
		if i.Type == NodeT {
			out = append(out, "node "+f.Text(i))
		} else {
			out = append(out, f.Text(i))
		}
	}
	return strings.Join(out, "|"), f.Spent()
}

// TestDocuments: expressions that read documents of the rules, D for doc('codes.xml'). The values are those of Saxon-HE
// 9.9.
func TestDocuments(t *testing.T) {
	for _, c := range documentCases {
		text := strings.NewReplacer("D/", "doc('codes.xml')/", "D ", "doc('codes.xml') ").Replace(c.expr)
		for _, constants := range []bool{true, false} {
			if got, _ := withDocuments(t, text, constants); got != c.want {
				t.Errorf("%s, constants %v: %s, not %s", text, constants, got, c.want)
			}
		}
	}
}

var documentCases = []struct{ expr, want string }{
	{"count(D//code)", "5"},
	{"D//code/@value", "node A|node B|node B|node 10|node C"},
	{"D/codes/list[@id=2]/code[@value='B']", "node x"},
	{"for $v in ('A','B','D') return count(D//code[@value=$v])", "1|2|0"},
	{"for $v in (10, 11) return D//code[@value=$v]", "FORG0001"},
	{"for $v in (2, 1) return D//list[@id=$v]/code", "node x|node |node C|node x|node y"},
	{"for $v in n return D//list[@id=2]/code[@value=$v]/@value", "node 10"},
	{"for $v in ('A','z') return exists(D//code[@value=$v])", "true|false"},
	{"for $v in ('B') return D//code[@value=$v][1]/../@id", "node 1|node 2"},
	{"for $v in ('B') return D//code[@value=$v][2]/../@id", ""},
	{"for $v in ('B') return (D//code)[@value=$v][2]/../@id", "node 2"},
	{"for $v in ('B') return (D//code)[@value=$v]/../@id", "node 1|node 2"},
	{"for $v in ('x') return D//code[. = $v]/@value", "node A|node B"},
	{"for $v in ('C') return D//code[$v = @value]/ancestor::*/name()", "codes|list"},
	{"for $v in ('C A') return D//code[@value = tokenize($v, ' ')]/@value", "node A|node C"},
	{"for $v in ('c') return D//code[lower-case(@value) = $v]/@value", "node C"},
	{"for $v in ('c') return D//list[code/lower-case(@value) = $v]/@id", "node 2"},
	{"for $v in ('B') return D//list[code/@value = $v]/code[1]/@value", "node A|node B"},
	{"for $v in (true()) return D//code[@value = $v]", "FORG0001"},
	{"for $v in (1) return D//code[@n = $v]/@value", "node C"},
	{"for $v in ('B') return doc('names.xml')//name[@code = D//code[@value = $v]/@value]", "node Bee"},
	{"doc('names.xml')//name[@code = D//code/@value]/string()", "Bee"},
	{"D//code[@value = doc('names.xml')//name/@code]/../@id", "node 1|node 2"},
	{"root(D//code[@value='C'])/codes/list/@id", "node 1|node 2"},
	{"D//code[/codes/other]/@value", "node A|node B|node B|node 10|node C"},
	{"count(D//code[/r])", "0"},
	{"D//list[count(//code) = 5]/@id", "node 1|node 2"},
	{"(D/codes/list[2]) is (D//list[@id=2])", "true"},
	{"D is doc('./codes.xml')", "true"},
	{"D/codes is /r", "false"},
	{"count((n | D//code) intersect n)", "2"},
	{"count((n | D//code) except n)", "5"},
	{"count((D//code, n, D//code)/.)", "7"},
	{"(D//code, D//list)/name()", "code|code|code|code|code|list|list"},
	{"n = D//code/@value", "true"},
	{"q = D//code/@value", "false"},
	{"'10' = D//code/@value", "true"},
	{"10 = D//list/@id", "false"},
	{"2 = D//list/@id", "true"},
	{"10 = D//code/@value", "FORG0001"},
	{"n != D//code[@value='10']/@value", "true"},
	{"() = D//code", "false"},
	{"n[. = D//code/@value]", "node 10"},
	{"n[D//code/@value = .]", "node 10"},
	{"n[. = D//code[1]/@value]", ""},
	{"string(D//list[1])", "xy"},
	{"D/codes/list[1]/code[2]/following::code[1]/../@id", "node 2"},
	{"D//code[@value='C']/preceding::code/@value", "node A|node B|node B|node 10"},
	{"D//code[@value='C']/preceding-sibling::*[1]/@value", "node 10"},
	{"D//code[@value='A']/following-sibling::*/@value", "node B"},
	{"D//code[preceding::code = .]/@value", "node B"},
	{"D//other/preceding::comment()", "node note"},
	{"name(D//code)", "XPTY0004"},
	{"name(D/*)", "codes"},
	{"local-name(D//code[@n]/@n)", "n"},
	{"doc-available('codes.xml')", "true"},
	{"doc-available('none.xml')", "false"},
	{"doc(())", ""},
	{"count(D//code[@value = ()])", "0"},
	{"D//code[@value = ('C','A')]/@value", "node A|node C"},
	{"D//code/@n + 1", "2"},
	{"string-join(distinct-values(D//code/@value), ',')", "A,B,10,C"},
	{"for $c in D//code return string($c/../@id)", "1|1|2|2|2"},
	{"every $c in D//code satisfies $c/@value", "true"},
	{"some $c in D//code satisfies $c/@value = '10'", "true"},
	{"some $c in D//code/@value satisfies $c = 'C'", "true"},
	{"some $c in D//code/@value satisfies $c = n", "true"},
	{"matches('A', D//list[1]/code[1]/@value)", "true"},
	{"matches('A', string-join(D//list[1]/code[1]/@value, ''))", "true"},
	{"D//code[last()]/@value", "node B|node C"},
	{"D//code[position()=2]/@value", "node B|node 10"},
	{"D//list[code/@n]/@id", "node 2"},
	{"D//list[code[@value][2]]/@id", "node 1|node 2"},
	{"D//list[code[@n]]/code[@value='B'] = 'x'", "true"},
	{"if (D//nothing) then 1 else 2", "2"},
	{"normalize-space(D/codes/list[1])", "xy"},
	{"n/D//code[@n]/@value", "node C"},
	{"n/(D//list[@id = 2])/code[1]/@value", "node B"},
	{"//n[. = 10]/name()", "n"},
	{"count(//n[count(D//list) = 2])", "4"},
	{"D/codes/list/(.. | code)/name()", "codes|code|code|code|code|code"},
	{"D//@*/name()", "id|value|value|id|value|value|value|n"},
	{"D//@n/../@value", "node C"},
	{"D//code[number(@value) = 10]/@value", "node 10"},
	{"sum(D//list/@id)", "3"},
	{"count(D/descendant-or-self::node())", "15"},
	{"D instance of document-node()", "true"},
	{"D//@n instance of attribute()", "true"},
	{"(D//code)[2] instance of element(code)", "true"},
	{"reverse(D//code)/@value", "node A|node B|node B|node 10|node C"},
	{"subsequence(D//code, 2, 2)/@value", "node B|node B"},
	{"index-of(D//code/@value, 'B')", "2|3"},
	{"for $v in n, $c in D//code[@value = $v] return name($c)", "code"},
	{"D//code[@value > 'B']/@value", "node C"},
	{"D//code[string-length(@value) = 2]", "node "},
	{"(//n, D//code)[3]/@value", ""},
	{"(//n, D//code)[. = ('7','y')]", "node 7|node y"},
	{"/r/n[2]/(D//code[1], .)/string()", "9|x|x"},
	{"D/codes/../codes/list[1]/@id", "node 1"},
	{"D//text()", "node x|node y|node x|node C"},
	{"D//list/@id/string()", "1|2"},
	{"D//code[../@id = '1'][@value = 'B']", "node y"},
	{"for $i in (1 to 2) return D//list[$i]/@id", "node 1|node 2"},
	{"for $i in (1 to 2) return D//code[@value='B'][$i]/../@id", "node 1|node 2"},
	{"exactly-one(D//other)/name()", "other"},
	{"D//code[not(@n)]/@value", "node A|node B|node B|node 10"},
	{"D//code[for $x in . return $x/@n]/@value", "node C"},
	{"for $v in ('B','A') return D//code[concat('', @value) = $v]/@value", "node B|node B|node A"},
	{"D/codes/list[code/@value = /codes/list[1]/code/@value]/@id", "node 1|node 2"},
	{"count(D//list[@id = 1]/code[@value = 'A'] | D//list[1]/code[1])", "1"},
	// key() belongs to XSLT: it looks into the tree of the context node (XSLT 2.0 §16.3).
	{
		"count(key('code', 'B')), D/codes/count(key('code', 'B')), " +
			"count(key('n', '10')), D/codes/count(key('n', '10'))",
		"0|2|1|0",
	},
	{"count(key('n', '10')), count(D//list[key('code', 'C')]), count(key('n', '9'))", "1|2|0"},
	{"document('codes.xml')//code[@n]/@value", "node C"},
	{"document(('names.xml', 'codes.xml', './names.xml'))/*/name()", "names|codes"},
	{"document(())", ""},
	{"doc('n.xml')/a/count(key('n', '5')), count(key('n', '10'))", "1|1"},
	// The same part of an expression in both trees.
	{"(D/codes, .)/count(//*)", "9|11"},
	{"(D/codes, .)/(if (//q) then 1 else 2)", "2|1"},
	{"(D/codes, .)/string(/*/name())", "codes|r"},
	{"(., D/codes)/(('10', 'z') = //n)", "true|false"},
	{"for $v in '10' return D//code[number(@value) = $v]", "XPTY0004"},
	{"count((//n, doc('n.xml')//n)[preceding::n = .])", "1"},
	{"for $v in 'C A' return D//code[@value = tokenize($v, ' ')]/string(@value)", "A|C"},
	{"for $v in 10 return D//code[number(@value) = $v]/@value", "node 10"},
	// What is not supported is refused when it is compiled.
	{"document(.)", "FODC0002"},
	{"document('codes.xml', .)", "FODC0002"},
	{"document(D //@id)", "FODC0002"},
	{"doc(string(q))", "FODC0002"},
	{"doc('none.xml')", "FODC0002"},
	{"if (false()) then doc('none.xml') else 1", "FODC0002"},
	{"doc(('codes.xml', 'names.xml'))", "XPTY0004"},
	{"doc-available(q)", "FODC0002"},
	{"doc(1)", "XPTY0004"},
	{"unparsed-text('codes.xml')", "XPST0017"},
}

// TestDocumentsAreLookedUp: a list of thousands of codes takes no more steps than a short one, where a value is looked
// up in it.
func TestDocumentsAreLookedUp(t *testing.T) {
	var b strings.Builder
	b.WriteString("<codes>")
	for i := range 5000 {
		fmt.Fprintf(&b, `<list id="%d"><code value="A%d"/></list>`, i%2, i)
	}
	b.WriteString("</codes>")
	files["large.xml"] = b.String()
	for _, c := range []struct{ expr, want string }{
		{"for $v in ('A3', 'B') return exists(doc('large.xml')//list[@id=1]/code[@value=$v])", "true|false"},
		{"for $v in ('A3', 'B') return count(doc('large.xml')/codes/list[@id=1]/code[@value=$v])", "1|0"},
		{"for $v in ('A3', 'B') return count(doc('large.xml')//code[@value=$v]/..)", "1|0"},
		{"for $v in ('A3', 'B') return count((doc('large.xml')//code)[$v=@value])", "1|0"},
		{"for $v in ('A3', 'B') return $v = doc('large.xml')//code/@value", "true|false"},
		{"count(doc('large.xml')//code[@value='A3'])", "1"},
	} {
		fast, work := withDocuments(t, c.expr, true)
		slow, each := withDocuments(t, c.expr, false)
		if fast != c.want || slow != c.want || work > 100 || each < 5000 {
			t.Errorf("%s: %s in %d steps, %s in %d", c.expr, fast, work, slow, each)
		}
	}
}

// TestDocumentsWithinBounds: constants that would take too much are evaluated with each document.
func TestDocumentsWithinBounds(t *testing.T) {
	names := xdm.NewNames()
	c := NewCompiler(names, nil)
	docs := c.Documents(opener(names))
	docs.left = 40
	scope := c.Scope()
	small, err := scope.Compile("doc('codes.xml')//code[@n]/@value")
	if err != nil || !small.code.konst {
		t.Fatalf("not constant: %v", err)
	}
	large, err := scope.Compile("doc('codes.xml')//code/@value")
	if err != nil || large.code.konst {
		t.Fatalf("constant although nothing is left: %v", err)
	}
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	f := NewEvaluation(context.Background(), tree, Budget{})
	f.Documents(docs)
	if items, err := f.Items(large, 0); err != nil || len(items) != 5 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

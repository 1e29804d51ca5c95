package schematron

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// verdict is what an engine finds.
type verdict struct {
	Found   []string `json:"found"` // "id flag location" in the order of the report
	Fired   int      `json:"fired"`
	Error   string   `json:"error"` // the run ended here
	Message string   `json:"message"`
	Context string   `json:"context"` // of the last rule that fired
	Broken  string   `json:"broken"`  // the rule file cannot be compiled
}

// mutatedCase is a mutated document with the rules it is tried on.
type mutatedCase struct {
	Sch string `json:"sch"`
	Doc string `json:"doc"`

	file, name string
	how        []string
}

// samples returns the plain documents of the recorded runs, by rule file.
func samples(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	plain := map[string]bool{}
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "ehf", "mls"} {
		for _, e := range expectations(t, name+".jsonl") {
			if _, seen := plain[e.File]; !seen {
				d := parsed(t, string(golden.Read(t, "rules/"+e.File)))
				plain[e.File] = d != nil && d.Top().Name().Space != testset.Namespace
			}
			if plain[e.File] {
				out[e.Sch] = append(out[e.Sch], e.File)
			}
		}
	}
	return out
}

func parsed(t *testing.T, doc string) *safe.Doc {
	t.Helper()
	d, err := safe.Parse([]byte(doc), safe.Document)
	if err != nil {
		return nil
	}
	return d
}

// casesPerRules is how many documents a rule file is tried with at least: compiling one takes the judge seconds.
const casesPerRules = 20

// TestDifferentialDocuments: official documents with random changes by this package and by the ISO skeleton on Saxon:
// the same findings in the same order, and the same number of rules that fire. Where the judge's run ends with an
// error, we have found the same until then, and have a finding with the same code at the same rule.
func TestDifferentialDocuments(t *testing.T) {
	judge := saxon.Start(t)
	r := golden.Random(t)
	n := max(golden.Cases(t)/10, 20)
	rules := golden.Shared(t, "rules")
	docs := samples(t)
	files := slices.Sorted(maps.Keys(docs))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	files = files[:min(len(files), max(1, n/casesPerRules))]
	var cases []mutatedCase
	var lines []any
	for i := range n {
		sch := files[i*len(files)/n] // ordered: the judge remembers the rule files of last time
		c := mutatedCase{Sch: filepath.Join(rules, sch), name: sch, file: pick(r, docs[sch])}
		c.Doc, c.how = mutated(t, r, string(golden.Read(t, "rules/"+c.file)))
		cases = append(cases, c)
		lines = append(lines, c)
	}
	want := saxon.Ask[verdict](t, judge, "schematron", lines, n)
	names := xdm.NewNames()
	schemas := map[string]*Schema{}
	for _, f := range files {
		src, err := Load(os.DirFS(rules), f)
		if err != nil {
			t.Fatal(err)
		}
		if schemas[f], err = Compile(src, names, ""); err != nil {
			t.Fatal(err)
		}
	}
	count := map[string]int{}
	bad := 0
	for i, c := range cases {
		kind, diff := judged(t, schemas[c.name], names, &c, &want[i])
		count[kind]++
		if diff != "" {
			if bad++; bad <= 10 {
				t.Errorf("%s with %s, %s: %s", c.file, c.name, strings.Join(c.how, ", "), diff)
			}
		}
	}
	t.Logf("%d documents, %d rule files, %d differ", n, len(files), bad)
	for _, k := range slices.SortedFunc(maps.Keys(count),
		func(a, b string) int { return cmp.Compare(count[b], count[a]) }) {
		t.Logf("%6d %s", count[k], k)
	}
	if count[oneSided]*100 > n && n >= 100 {
		t.Errorf("%d of %d documents have errors on our side only", count[oneSided], n)
	}
}

// judged compares one document; kind is what it counts as, diff the difference.
func judged(t *testing.T, s *Schema, names *xdm.Names, c *mutatedCase, w *verdict) (kind, diff string) {
	tree, err := xdm.Parse([]byte(c.Doc), names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	return compared(outcome(res, w), w)
}

// compared holds our result against the judge's.
func compared(got *trail, w *verdict) (kind, diff string) {
	switch kind = "compared to the end"; {
	case got.early > 0:
		kind = oneSided
	case w.Error != "":
		kind = "judge ends with " + w.Error
	case len(w.Found) == 0:
		kind = "compared to the end, nothing found"
	}
	switch {
	case got.Error != w.Error:
		diff = fmt.Sprintf("no %s (%s) at %s after %d rules", w.Error, w.Message, w.Context, w.Fired)
	case got.Error != "" && got.Context != w.Context:
		diff = fmt.Sprintf("%s at %s, want it at %s", got.Error, got.Context, w.Context)
	case got.Fired != w.Fired:
		diff = fmt.Sprintf("%d rules fired, want %d", got.Fired, w.Fired)
	default:
		if got.Error != "" { // the judge may compute a let before the tests that do not read it
			for len(got.Found) > max(got.last, len(w.Found)) {
				got.Found = got.Found[:len(got.Found)-1]
			}
		}
		diff = sameFindings(got.Found, w.Found)
	}
	return kind, diff
}

// oneSided counts documents with a test that we cannot evaluate and the judge needs not evaluate to the end, because
// it knows the value before (docs/divergences.md).
const oneSided = "ours only: an error that the judge does not reach"

// maybe stands before a finding of ours in place of which the judge may have found something or nothing.
const maybe = "? "

func sameFindings(got, want []string) string {
	j := 0
	for i, g := range got {
		open, ok := strings.CutPrefix(g, maybe)
		switch {
		case j < len(want) && open == want[j]:
			j++
		case !ok:
			return fmt.Sprintf("finding %q, want %q", rest(got, i), rest(want, j))
		}
	}
	if j < len(want) {
		return fmt.Sprintf("nothing, want %q", rest(want, j))
	}
	return ""
}

func rest(list []string, i int) []string { return list[min(i, len(list)):min(i+2, len(list))] }

// trail is our result as far as it can be compared.
type trail struct {
	verdict
	early int // tests that could not be evaluated before the judge's run ended
	last  int // findings before the rule that fired last
}

// outcome is our result up to the error that ends the judge's run.
func outcome(res *Result, w *verdict) *trail {
	v := &trail{}
	for _, s := range res.Steps {
		switch {
		case s.Pattern != nil:
			continue
		case s.Rule != nil:
			v.Fired++
			v.Context, v.last = s.Rule.Context, len(v.Found)
			continue
		}
		f := &res.Findings[s.Finding]
		switch {
		case f.Code == "":
			v.Found = append(v.Found, published(f)+f.Location)
		case f.Code == w.Error && v.Fired == w.Fired:
			v.Error = f.Code
			return v
		default:
			v.early++
			v.Found = append(v.Found, maybe+published(f)+f.Location)
		}
	}
	return v
}

// published is the id and the flag as the judge's report has them.
func published(f *Finding) string {
	return cmp.Or(f.Assert.ID, "null") + " " + cmp.Or(f.Assert.Flag, "null") + " "
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// oddValues are put in place of values.
var oddValues = []string{
	"", " ", "\n", "\u00a0", "0", "-1", "1", "1.00", "0.005", "1e3", "abc", "INF", " 12 ", "\u00a012",
	"12\u00a0", "1,5", "+5", ".5", "5.", "99999999999999999999999",
	"2024-01-01", "2024-02-30", "2024-01-01Z", " 2024-01-01", "2024-1-1", "20240101", "2024-01-01T10:00:00", "10:00:00",
	"true", "TRUE", "NO", "XX", "EUR", "ZZZ", "VAT",
	"S", "E", "O", "0192", "987654325", "NO987654325MVA", "a b", "a<!--c-->b", "<!--c-->", "1<!--c-->0",
	"<![CDATA[10]]>", "٣", "ß", "#SKONTO#", "urn:x", "380", "9999",
}

// mutated changes a document in a few places and says how.
func mutated(t *testing.T, r *rand.Rand, doc string) (string, []string) {
	d := parsed(t, doc)
	doc = string(d.Top().Raw())
	var how []string
	for range 1 + r.IntN(4) {
		for range 20 { // a change that cannot be read is tried again
			next, what := mutation(r, parsed(t, doc))
			if parsed(t, next) != nil {
				doc, how = next, append(how, what)
				break
			}
		}
	}
	return doc, how
}

// nextDigit makes another number of a number.
func nextDigit(c rune) rune {
	if c >= '0' && c < '9' {
		return c + 1
	}
	return c
}

// swapped exchanges an element with the one behind it.
func swapped(doc string, base int, n safe.Node) (string, string) {
	siblings := n.Parent().Elements()
	i := slices.IndexFunc(siblings, func(s safe.Node) bool { return s == n })
	if i+1 == len(siblings) {
		return "", ""
	}
	m := siblings[i+1]
	a, b := n.Offset()-base, m.Offset()-base
	first, second := string(n.Raw()), string(m.Raw())
	return doc[:a] + second + doc[a+len(first):b] + first + doc[b+len(second):],
		"swap " + n.Name().String() + " and " + m.Name().String()
}

// mutation makes one change.
func mutation(r *rand.Rand, d *safe.Doc) (doc, what string) {
	doc = string(d.Top().Raw())
	base := d.Top().Offset()
	var all []safe.Node
	var leaves []safe.Node
	for i := range d.Len() {
		n := d.At(i)
		if n.Kind() != safe.Element || n == d.Top() {
			continue
		}
		all = append(all, n)
		if _, leaf := n.Leaf(); leaf {
			leaves = append(leaves, n)
		}
	}
	if len(all) == 0 || len(leaves) == 0 {
		return "", ""
	}
	span := func(n safe.Node) (from, to int) { return n.Offset() - base, n.Offset() - base + len(n.Raw()) }
	n, m := pick(r, all), pick(r, all)
	from, to := span(n)
	other, _ := span(m)
	raw, name := doc[from:to], n.Name().String()
	switch r.IntN(14) {
	case 0:
		return doc[:from] + doc[to:], "drop " + name
	case 6:
		return doc[:from] + "<" + name + "/>" + doc[to:], "empty " + name
	case 7:
		return swapped(doc, base, n)
	case 8:
		if i := strings.Index(doc[from:to], "currencyID=\""); i >= 0 {
			i += from + len("currencyID=\"")
			j := i + strings.IndexByte(doc[i:], '"')
			return doc[:i] + pick(r, []string{"ZZZ", "EUR", "NOK", "eur", ""}) + doc[j:], "currency in " + name
		}
		return "", ""
	case 1:
		return doc[:to] + raw + doc[to:], "double " + name
	case 2:
		return doc[:other] + raw + doc[other:], "copy " + name + " before " + m.Name().String()
	case 3:
		switch {
		case other <= from:
			return doc[:other] + raw + doc[other:from] + doc[to:], "move " + name + " before " + m.Name().String()
		case other >= to:
			return doc[:from] + doc[to:other] + raw + doc[other:], "move " + name + " before " + m.Name().String()
		}
		return "", ""
	case 4:
		as := m.Name().String()
		if inner, ok := strings.CutSuffix(raw, "</"+name+">"); ok {
			return doc[:from] + "<" + as + inner[1+len(name):] + "</" + as + ">" + doc[to:], "call " + name + " " + as
		}
		return "", ""
	case 5:
		start := strings.IndexByte(raw, '>')
		if i := strings.IndexByte(raw[:start], '"'); i > 0 {
			j := i + 1 + strings.IndexByte(raw[i+1:start], '"')
			v := pick(r, oddValues)
			return doc[:from+i+1] + strings.ReplaceAll(v, "<", "&lt;") + doc[from+j:],
				fmt.Sprintf("first attribute of %s %q", name, v)
		}
		return "", ""
	}
	n = pick(r, leaves)
	from, to = span(n)
	raw, name = doc[from:to], n.Name().String()
	start := strings.IndexByte(raw, '>')
	inner, ok := strings.CutSuffix(raw, "</"+name+">")
	if !ok {
		return "", ""
	}
	v := pick(r, oddValues)
	if old := inner[start+1:]; old != "" && r.IntN(3) == 0 {
		v = pick(r, []string{
			" " + old, old + " ", old + "\n", "\u00a0" + old,
			old[:len(old)/2] + "<!--c-->" + old[len(old)/2:], "-" + old, old + "0", old + ".005", old + old,
			strings.ToLower(old), old + "Z", old + "+01:00", strings.Map(nextDigit, old),
		})
	}
	if strings.HasPrefix(v, "-") && strings.Trim(v, "-0.") == "" { // Saxon compares minus zero in its own way
		return "", ""
	}
	return doc[:from+start+1] + v + "</" + name + ">" + doc[to:], fmt.Sprintf("%s %q", name, v)
}

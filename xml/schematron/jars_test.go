package schematron

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// jarFile is a rule file of a jar of phive-rules.
type jarFile struct {
	jar, name string
	dir       string // where the jar is unpacked
}

func (f *jarFile) String() string {
	return strings.TrimPrefix(f.jar, "phive-rules-") + "/" + strings.TrimPrefix(f.name, "external/schematron/")
}

// jarFiles unpacks the rule files of all jars, with what lies beside them, and lists those that differ.
func jarFiles(t *testing.T) []jarFile {
	t.Helper()
	saxon.Jar(t, "phive-rules-zugferd-4.2.3.jar")
	jars, err := filepath.Glob(filepath.Join(golden.Root(t), "testbed", "saxon", "target", "rules", "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	var out []jarFile
	seen := map[[32]byte]bool{}
	for _, jar := range jars {
		z, err := zip.OpenReader(jar)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, f := range z.File {
			if !strings.HasPrefix(f.Name, "external/schematron/") || f.FileInfo().IsDir() {
				continue
			}
			b := unpacked(t, f, dir)
			sum := sha256.Sum256(b)
			if strings.HasPrefix(path.Ext(f.Name), ".xsl") && !seen[sum] {
				seen[sum] = true
				out = append(out, jarFile{strings.TrimSuffix(filepath.Base(jar), ".jar"), f.Name, dir})
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func unpacked(t *testing.T, f *zip.File, dir string) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// sharedByType are the plain shared documents by the name of their document element.
func sharedByType(t *testing.T) map[safe.Name][]string {
	t.Helper()
	root := golden.Shared(t, "rules")
	out := map[safe.Name][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".xml" {
			return err
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if d := parsed(t, string(b)); d != nil && d.Top().Name().Space != testset.Namespace && len(b) < 200_000 {
			n := d.Top().Name()
			n.Prefix = ""
			out[n] = append(out[n], string(b))
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatal("no shared documents", err)
	}
	return out
}

// fits are the shared documents of the type for which most rules fire.
func fits(t *testing.T, s *Schema, names *xdm.Names, docs map[safe.Name][]string) []string {
	var best []string
	most := 0
	for _, list := range docs {
		tree, err := xdm.Parse([]byte(list[0]), names)
		if err != nil {
			continue
		}
		res, err := s.Validate(t.Context(), tree, Options{Trace: true})
		if err != nil {
			t.Fatal(err)
		}
		fired := map[*Rule]bool{}
		for _, step := range res.Steps {
			if step.Rule != nil {
				fired[step.Rule] = true
			}
		}
		if len(fired) > most {
			most, best = len(fired), list
		}
	}
	return best
}

// jarSchema is a rule file that is compared.
type jarSchema struct {
	jarFile
	s     *Schema
	names *xdm.Names
	gen   *generator
	docs  []string
	old   bool // it writes no SVRL
	loose bool // it counts siblings of one local name together, whatever their namespaces
}

// contains reports whether a rule file has a text in it.
func (f *jarFile) contains(t *testing.T, text string) bool {
	b, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(f.name)))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, []byte(text))
}

// TestDifferentialJars: rule files that phive-rules publishes by this package and as they are by Saxon, on shared
// documents of their type, spoiled ones, and documents that are generated from the rules. With a text in
// RAVN_DIFFERENTIAL_RULES all rule files that have it in their name are tried, "/" means all; documents that differ are
// kept in the folder RAVN_DIFFERENTIAL_KEEP.
func TestDifferentialJars(t *testing.T) {
	files := jarFiles(t)
	shared := sharedByType(t)
	judge := saxon.Start(t)
	r := golden.Random(t)
	if only := os.Getenv("RAVN_DIFFERENTIAL_RULES"); only != "" {
		files = slices.DeleteFunc(files, func(f jarFile) bool { return !strings.Contains(f.String(), only) })
	} else {
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		files = files[:min(len(files), max(2, golden.Cases(t)/jarShare))]
	}
	count := map[string]int{}
	bad, docs, refused := 0, 0, 0
	seen := coverage{rules: map[*Rule]bool{}, asserts: map[*Assert]bool{}}
	for _, f := range files {
		s := jarSchema{jarFile: f, names: xdm.NewNames()}
		src, err := Load(os.DirFS(f.dir), f.name)
		if err == nil {
			s.s, err = Compile(src, s.names, "")
		}
		if err != nil {
			refused++
			none := mutatedCase{Sch: filepath.Join(f.dir, filepath.FromSlash(f.name)), Doc: "<none/>"}
			if saxon.Ask[verdict](t, judge, "schematron", []any{none}, 1)[0].Broken == "" {
				t.Errorf("%s is refused, and the judge runs it: %v", &f, err)
			}
			continue
		}
		s.gen, s.old, s.loose = newGenerator(src), src.Compatible, f.contains(t, "[local-name()=local-name(current())]")
		s.docs = fits(t, s.s, s.names, shared)
		seen.add(src)
		var cases []mutatedCase
		var lines []any
		for i := range casesPerRules {
			c := s.document(t, r, i)
			cases, lines = append(cases, c), append(lines, c)
		}
		want := saxon.Ask[verdict](t, judge, "schematron", lines, len(lines))
		for i := range want {
			for k, found := range want[i].Found {
				want[i].Found[k] = firsts(found)
			}
		}
		of := 0
		docs += len(lines)
		for i := range cases {
			kind, diff := s.judged(t, &cases[i], &want[i], &seen)
			count[kind]++
			if diff == "" {
				continue
			}
			bad++
			if of++; of <= 2 && bad <= 100 {
				t.Errorf("%s with %s, %s: %s%s", cases[i].file, &f, strings.Join(cases[i].how, ", "), diff,
					kept(t, &cases[i], bad))
			}
		}
	}
	t.Logf("%d documents, %d rule files, %d more refused, %d differ", docs, len(files)-refused, refused, bad)
	seen.log(t)
	for _, k := range slices.SortedFunc(maps.Keys(count),
		func(a, b string) int { return cmp.Compare(count[b], count[a]) }) {
		t.Logf("%6d %s", count[k], k)
	}
}

// jarShare is how many cases are asked for before one more rule file is tried.
const jarShare = 100

// coverage is what of the rules was tried.
type coverage struct {
	rules      map[*Rule]bool
	asserts    map[*Assert]bool
	allRules   int
	allAsserts int
}

func (c *coverage) add(src *Source) {
	for _, p := range src.Patterns {
		c.allRules += len(p.Rules)
		for _, rule := range p.Rules {
			for _, part := range rule.Parts {
				if part.Assert != nil {
					c.allAsserts++
				}
			}
		}
	}
}

func (c *coverage) log(t *testing.T) {
	t.Logf("%d of %d rules fired, %d of %d asserts found something", len(c.rules), c.allRules, len(c.asserts),
		c.allAsserts)
}

// document is a shared or a generated document, as it is or spoiled.
func (s *jarSchema) document(t *testing.T, r *rand.Rand, i int) mutatedCase {
	c := mutatedCase{Sch: filepath.Join(s.dir, filepath.FromSlash(s.name)), name: s.name}
	switch {
	case len(s.docs) > 0 && (i%2 == 0 || len(s.gen.roots) == 0 || len(s.gen.rules) == 0):
		n := r.IntN(len(s.docs))
		c.file, c.Doc = fmt.Sprintf("shared document %d", n), s.docs[n]
		if i > 0 {
			c.Doc, c.how = mutated(t, r, c.Doc)
		}
	case len(s.gen.roots) > 0 && len(s.gen.rules) > 0:
		c.file, c.Doc = "generated document", s.gen.document(r)
		if _, err := safe.Parse([]byte(c.Doc), safe.Document); err != nil {
			t.Fatalf("a generated document cannot be read: %v: %s", err, c.Doc)
		}
		if r.IntN(3) == 0 {
			c.Doc, c.how = mutated(t, r, c.Doc)
		}
	default:
		c.file, c.Doc = "no document", "<none/>"
	}
	return c
}

// kept writes a document that differs to the folder RAVN_DIFFERENTIAL_KEEP.
func kept(t *testing.T, c *mutatedCase, n int) string {
	dir := os.Getenv("RAVN_DIFFERENTIAL_KEEP")
	if dir == "" {
		return ""
	}
	name := filepath.Join(dir, fmt.Sprintf("%d-%s.xml", n, strings.TrimSuffix(path.Base(c.name), path.Ext(c.name))))
	if err := os.WriteFile(name, []byte(c.Doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return " (" + name + ")"
}

// judged compares one document; kind is what it counts as, diff the difference.
func (s *jarSchema) judged(t *testing.T, c *mutatedCase, w *verdict, seen *coverage) (kind, diff string) {
	tree, err := xdm.Parse([]byte(c.Doc), s.names)
	if err != nil {
		return "not read by us: " + err.Error(), ""
	}
	res, err := s.s.Validate(t.Context(), tree, Options{Trace: true})
	if err != nil {
		return "", err.Error()
	}
	for _, step := range res.Steps {
		if step.Rule != nil {
			seen.rules[step.Rule] = true
		}
	}
	for i := range res.Findings {
		if a := res.Findings[i].Assert; a != nil && res.Findings[i].Code == "" {
			seen.asserts[a] = true
		}
	}
	switch {
	case w.Broken != "":
		return "", "the judge cannot compile the rules: " + w.Broken
	case res.More > 0:
		return "more findings than are kept", ""
	}
	top := "/" + parsed(t, c.Doc).Top().Name().Local + "[1]"
	switch {
	case s.old:
		top = ""
	case slices.ContainsFunc(w.Found, func(s string) bool { return where(s) == "/" }): // SchXslt
		top = "/"
	}
	got := asWritten(res, tree, w, top)
	w = withoutMinusZero(got, w, c.Doc)
	if s.loose {
		withoutNumbers(got.found)
		withoutNumbers(w.Found)
	}
	if s.old {
		return likeOld(got, w)
	}
	if w.Error == "" {
		if len(got.rules) != w.Fired {
			return "", fmt.Sprintf("%d rules fired, want %d", len(got.rules), w.Fired)
		}
		return finished(got, w)
	}
	return brokenOff(got, w)
}

// withoutMinusZero leaves out what the judge finds because an untyped 0.00 is not equal to -0 for it, which is what
// round(sum(…) * 10 * 10) div 100 gives for lines that cancel each other out (docs/divergences.md).
func withoutMinusZero(got *written, w *verdict, doc string) *verdict {
	ours := slices.ContainsFunc(got.found, func(s string) bool { return strings.HasPrefix(s, "BR-CO-10 ") })
	if ours || !strings.Contains(doc, ">0.00</ram:LineTotalAmount>") {
		return w
	}
	out := *w
	out.Found = slices.DeleteFunc(slices.Clone(w.Found), func(s string) bool {
		return strings.HasPrefix(s, "BR-CO-10 ")
	})
	return &out
}

// written is our result with the findings as a compiled rule file writes them.
type written struct {
	found []string
	codes []string // of each finding: the error in its place, "" when there is none
	rules []*Rule  // that fired
	at    []int    // the findings before each of them
}

// asWritten takes our result in its order. Of a rule for the document node the skeleton writes the path of the document
// element, and some editions of it write the values of attributes and texts for their path.
func asWritten(res *Result, tree *xdm.Tree, judge *verdict, top string) *written {
	values := slices.ContainsFunc(judge.Found, func(s string) bool { return where(s) != "" && where(s)[0] != '/' })
	w := &written{}
	for _, s := range res.Steps {
		switch {
		case s.Pattern != nil:
			continue
		case s.Rule != nil:
			w.rules, w.at = append(w.rules, s.Rule), append(w.at, len(w.found))
			continue
		}
		f := &res.Findings[s.Finding]
		if f.Assert == nil {
			continue
		}
		at := f.Location
		switch {
		case at == "/":
			at = top
		case values && tree.Kind(f.Node) != xdm.Element:
			at = tree.Value(f.Node)
		}
		w.found = append(w.found, cmp.Or(f.Assert.ID, "null")+" "+cmp.Or(f.Assert.Flag, "null")+" "+firsts(at))
		w.codes = append(w.codes, f.Code)
	}
	return w
}

// where is the location of a finding of the judge.
func where(found string) string { return strings.SplitN(found, " ", 3)[2] }

var number = regexp.MustCompile(`\[\d+\]`)

// withoutNumbers takes the numbers of siblings out of locations.
func withoutNumbers(found []string) {
	for i, s := range found {
		found[i] = number.ReplaceAllString(s, "")
	}
}

// firsts takes "[1]" out of a location: some editions of the skeleton do not write it.
func firsts(s string) string { return strings.ReplaceAll(s, "[1]", "") }

// maybes marks the findings that stand for an error, and all from the given one on.
func (w *written) maybes(from int) []string {
	out := slices.Clone(w.found)
	for i := range out {
		if i >= from || w.codes[i] != "" {
			out[i] = maybe + out[i]
		}
	}
	return out
}

// likeOld compares with what a stylesheet older than SVRL writes: findings only, up to an error.
func likeOld(got *written, w *verdict) (kind, diff string) {
	if w.Error != "" {
		return "judge ends with " + w.Error, sameFindings(got.maybes(len(w.Found)), w.Found)
	}
	return "compared to the end, no rules", sameFindings(got.maybes(len(got.found)), w.Found)
}

// finished compares a run of the judge that came to its end.
func finished(got *written, w *verdict) (kind, diff string) {
	kind = "compared to the end"
	switch {
	case slices.ContainsFunc(got.codes, func(c string) bool { return c != "" }):
		kind = oneSided
	case len(w.Found) == 0:
		kind += ", nothing found"
	}
	return kind, sameFindings(got.maybes(len(got.found)), w.Found)
}

// judgeOnly counts documents with a test that the judge cannot evaluate and we need not, because one operand of a
// comparison is empty or the value is known before (docs/divergences.md).
const judgeOnly = "judge only: an error that we do not reach"

// brokenOff compares a run of the judge that ended with an error in the rule that fired last, or before any did.
func brokenOff(got *written, w *verdict) (kind, diff string) {
	kind = "judge ends with " + w.Error
	if w.Fired == 0 { // a let of the schema, or a report that is written at the end
		if len(w.Found) == 0 {
			return kind + " before anything", ""
		}
		return "", "findings before the first rule"
	}
	if len(got.rules) < w.Fired {
		return "", fmt.Sprintf("%s (%s) at %s after %d rules, we have %d", w.Error, w.Message, w.Context, w.Fired,
			len(got.rules))
	}
	rule, from, to := got.rules[w.Fired-1], got.at[w.Fired-1], len(got.found)
	if w.Fired < len(got.rules) {
		to = got.at[w.Fired]
	}
	if rule.Context != w.Context {
		return "", fmt.Sprintf("%s (%s) at %s, our rule there is %s", w.Error, w.Message, w.Context, rule.Context)
	}
	if !slices.Contains(got.codes[from:to], w.Error) {
		kind = judgeOnly
	}
	return kind, sameFindings(got.maybes(from)[:to], w.Found)
}

package manual

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
)

// ids are the forms of error codes, requirements and design decisions.
var ids = regexp.MustCompile(`\b(RAVN|AS4|SEC|DISC|PKI|SBDH|REL|RPT|MLS|OPS|API|TB|CP|D)-[A-Z]?\d+\b`)

// testRooms hold no text that an operator reads, although their files are no test files.
var testRooms = []string{
	"internal/store/storetest", "internal/backend/backendtest", "testbed/interop", "testbed/saxon", "internal/mutants",
}

// Every id that a text of the program can contain has a page: all string literals outside of tests are read.
func TestEveryIDHasAPage(t *testing.T) {
	root := golden.Root(t)
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		for _, room := range testRooms {
			if rel == filepath.FromSlash(room) {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			for _, id := range ids.FindAllString(lit.Value, -1) {
				seen++
				if _, ok := Find(id); !ok {
					t.Errorf("%s: a text names %s, which has no page in requirements.txt", set.Position(lit.Pos()), id)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 100 {
		t.Errorf("%d ids were found, %v", seen, err)
	}
}

// Each page is one of the table: sorted, once, a sentence that ends, with words and not only the id.
func TestPagesAreSentences(t *testing.T) {
	last := ""
	for line := range strings.Lines(requirements) {
		id, text, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if !ok || !ids.MatchString(id) || id <= last {
			t.Errorf("%q: want id, tab, sentence, sorted after %s", line, last)
		}
		if len(text) < 15 || !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "~") {
			t.Errorf("%s: %q is no sentence", id, text)
		}
		last = id
	}
}

func TestFind(t *testing.T) {
	p, ok := Find("ravn-2105")
	if e, _ := fault.Find(fault.EndpointForbidden); !ok || p.ID != "RAVN-2105" ||
		p.Text != e.Texts[fault.English].What || p.Next != e.Texts[fault.English].Next || p.Exit != 1 {
		t.Errorf("%+v", p)
	}
	if p, ok := Find("SEC-111"); !ok || !strings.Contains(p.Text, "private or local network") || p.Next != "" {
		t.Errorf("%+v", p)
	}
	if _, ok := Find("SEC-999"); ok {
		t.Error("SEC-999 has a page")
	}
}

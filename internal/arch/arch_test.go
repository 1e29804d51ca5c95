package arch

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// foreignXML are readers of XML that must not meet foreign bytes (SEC-030).
var foreignXML = map[string]string{"encoding/xml": ""}

func packages(t *testing.T) []Package {
	t.Helper()
	list, err := Packages(golden.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Fatalf("go list found %d packages only", len(list))
	}
	return list
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := p.Room()
		may, ok := allowed[name]
		if !ok && len(p.Imports) > 0 {
			t.Errorf("%s is not in the table: add it with what it may import", name)
			continue
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if !slices.Contains(strings.Fields(may), own) {
					t.Errorf("%s imports %s, which the table does not allow", name, own)
				}
				continue
			}
			checkHome(t, name, imp)
		}
		for room := range strings.FieldsSeq(may) {
			if !slices.Contains(p.Imports, module+room) {
				t.Errorf("the table lets %s import %s, which it does not", name, room)
			}
		}
	}
}

// Every arrow points downwards, from a room that is there to a room that is there.
func TestTable(t *testing.T) {
	there := map[string]bool{}
	for _, p := range packages(t) {
		there[p.Room()] = true
	}
	heights := map[string]int{}
	for n, rooms := range layers(allowed) {
		for _, room := range rooms {
			heights[room] = n
		}
	}
	for room, imports := range allowed {
		if !there[room] {
			t.Errorf("%s stands in the table and is no package", room)
		}
		for below := range strings.FieldsSeq(imports) {
			if _, ok := allowed[below]; !ok || heights[below] >= heights[room] {
				t.Errorf("the arrow from %s to %s does not point downwards", room, below)
			}
		}
	}
}

// docs/architecture.md is what make docs writes, and it can be read on a terminal.
func TestDocument(t *testing.T) {
	want := Document(packages(t))
	got, err := os.ReadFile(filepath.Join(golden.Root(t), "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/architecture.md is not what the table says: run make docs")
	}
	for line := range strings.Lines(string(want)) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 120 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

func checkHome(t *testing.T, name, imp string) {
	t.Helper()
	if rooms, ok := foreignXML[imp]; ok && !slices.Contains(strings.Fields(rooms), name) {
		t.Errorf("%s imports %s: foreign XML is read by xml/safe alone (SEC-030)", name, imp)
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return // standard library
	}
	for dep, rooms := range homes {
		if imp == dep || strings.HasPrefix(imp, dep+"/") ||
			dep == "modernc.org/sqlite" && strings.HasPrefix(imp, "modernc.org/") {
			if !slices.Contains(strings.Fields(rooms), name) {
				t.Errorf("%s imports %s, whose home is %s", name, imp, rooms)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which has no home in the table and no line in docs/dependencies.md", name, imp)
}

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/golden"
)

// maxColumns is how wide a line may be, with four columns for a tab.
const maxColumns = 120

// TestColumns holds every line of a Go file against maxColumns. Excepted are what cannot be broken without another
// meaning: struct tags, and the inner lines of strings that span several.
func TestColumns(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "*.go")
	cmd.Dir = golden.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("line lengths: git does not know the files: %v", err)
	}
	files := strings.Fields(string(out))
	if len(files) < 200 {
		t.Fatalf("%d files only", len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(cmd.Dir, name))
		if err != nil {
			continue // deleted, and not committed yet
		}
		for _, n := range wideLines(t, name, text) {
			t.Errorf("%s:%d: wider than %d columns", name, n, maxColumns)
		}
	}
}

func TestWideLinesAreSeen(t *testing.T) {
	wide := strings.Repeat("x", maxColumns)
	text := "package a\n\n// " + wide + "\ntype t struct {\n\ta int `json:\"" + wide + "\"`\n}\n\nconst s = `\n" +
		wide +
		"x\n`\n\nvar v = \"" + wide + "\"\n\t// " + wide[:maxColumns-7] + "\n\t// " + wide[:maxColumns-6] + "\n"
	if got := wideLines(t, "a.go", []byte(text)); len(got) != 3 || got[0] != 3 || got[1] != 12 || got[2] != 14 {
		t.Errorf("lines %v, want 3, 12 and 14", got)
	}
}

// wideLines returns the numbers of the lines that are too wide.
func wideLines(t *testing.T, name string, text []byte) (wide []int) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	excepted := map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if n.Tag != nil {
				excepted[set.Position(n.Tag.Pos()).Line] = true
			}
		case *ast.BasicLit:
			first, last := set.Position(n.Pos()).Line, set.Position(n.End()).Line
			for l := first + 1; l < last; l++ {
				excepted[l] = true
			}
		}
		return true
	})
	for i, line := range strings.Split(string(text), "\n") {
		if columns := utf8.RuneCountInString(line) + 3*strings.Count(line, "\t"); columns > maxColumns &&
			!excepted[i+1] {
			wide = append(wide, i+1)
		}
	}
	return wide
}

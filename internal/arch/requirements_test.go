package arch

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

var testFunc = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?((?:Test|Fuzz|Benchmark)\w+)\(`)

// testNames returns the names of all test functions, and the text of all test files for names of sub tests.
func testNames(t *testing.T) (funcs map[string]bool, text string) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-co", "--exclude-standard", "*_test.go", "internal/store/storetest/*.go")
	cmd.Dir = golden.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	funcs = map[string]bool{}
	var all strings.Builder
	for name := range strings.FieldsSeq(string(out)) {
		b, err := os.ReadFile(filepath.Join(cmd.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(b), -1) {
			funcs[m[1]] = true
		}
		all.Write(b)
	}
	return funcs, all.String()
}

// TestRequirementsTable reads docs/requirements.tsv: id, status, where, test. A "yes" or "partial" names a file that
// exists and a test that exists, "TestName" or "TestName/sub test"; a "no" has a reason in the last column.
func TestRequirementsTable(t *testing.T) {
	funcs, text := testNames(t)
	root := golden.Root(t)
	f, err := os.Open(filepath.Join(root, "docs", "requirements.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	seen := map[string]bool{}
	sc := bufio.NewScanner(f)
	for line := 1; sc.Scan(); line++ {
		if line == 1 || sc.Text() == "" {
			continue
		}
		col := strings.Split(sc.Text(), "\t")
		if len(col) != 4 {
			t.Errorf("line %d: %d columns, want 4", line, len(col))
			continue
		}
		id, status, where, test := col[0], col[1], col[2], col[3]
		if seen[id] {
			t.Errorf("line %d: %s stands twice", line, id)
		}
		seen[id] = true
		switch status {
		case "yes", "partial":
			if _, err := os.Stat(filepath.Join(root, where)); err != nil {
				t.Errorf("line %d: %s: file %s is not there", line, id, where)
			}
			name, sub, _ := strings.Cut(test, "/")
			if status == "yes" && !funcs[name] || sub != "" && !strings.Contains(text, sub) {
				t.Errorf("line %d: %s: there is no test %s", line, id, test)
			}
		case "no":
			if test == "" {
				t.Errorf("line %d: %s: a no needs a reason", line, id)
			}
		default:
			t.Errorf("line %d: %s: status %q", line, id, status)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d rows only", len(seen))
	}
}

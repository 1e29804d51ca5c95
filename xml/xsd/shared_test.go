package xsd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// rules returns the file system of the shared rules.
func rules(t testing.TB) fs.FS { return os.DirFS(golden.Shared(t, "rules")) }

// loaded are the schemas that tests have loaded.
var loaded = struct {
	sync.Mutex
	set     *Set
	schemas map[string]*Schema
}{schemas: map[string]*Schema{}}

// schemaOf returns a schema of the shared rules, loaded once.
func schemaOf(t testing.TB, name string) *Schema {
	t.Helper()
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.set == nil {
		loaded.set = NewSet(rules(t))
	}
	s := loaded.schemas[name]
	if s == nil {
		var err error
		if s, err = loaded.set.Load(name); err != nil {
			t.Fatal(err)
		}
		loaded.schemas[name] = s
	}
	return s
}

// schemaFiles lists every schema document of the shared rules.
func schemaFiles(t testing.TB) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(rules(t), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(p, ".xsd") {
			list = append(list, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d schemas", len(list))
	}
	return list
}

func TestSharedSchemasLoad(t *testing.T) {
	set := NewSet(rules(t))
	for _, name := range schemaFiles(t) {
		if _, err := set.Load(name); err != nil {
			t.Error(err)
		}
	}
}

// expectedRow is a line of expected/xsd.jsonl.
type expectedRow struct {
	File, XSD string
	Valid     bool
	Errors    []string
}

func expectedRows(t testing.TB) []expectedRow {
	t.Helper()
	var rows []expectedRow
	lines := bufio.NewScanner(bytes.NewReader(golden.Read(t, "rules/expected/xsd.jsonl")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r expectedRow
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) < 100 {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows
}

// firstError is how Xerces begins: the line where the tag ends, the constraint, the child that is not expected.
var firstError = regexp.MustCompile(`^(\d+): ([\w.-]+): .*?starting with element '\{"[^}]*":(\w+)\}'`)

// TestExpected: verdict and first error of each recorded document are those of Xerces.
func TestExpected(t *testing.T) {
	for _, row := range expectedRows(t) {
		doc := golden.Read(t, filepath.Join("rules", row.File))
		errs, err := schemaOf(t, row.XSD).Validate(bytes.NewReader(doc))
		if err != nil {
			t.Errorf("%s: %v", row.File, err)
			continue
		}
		if (len(errs) == 0) != row.Valid {
			t.Errorf("%s: valid %v, errors %v", row.File, row.Valid, errs)
			continue
		}
		if row.Valid {
			continue
		}
		m := firstError.FindStringSubmatch(row.Errors[0])
		if m == nil {
			t.Errorf("%s: cannot read %s", row.File, row.Errors[0])
			continue
		}
		e := errs[0]
		name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
		if strconv.Itoa(e.Line) != m[1] || e.Code != m[2] || name[:strings.IndexByte(name, '[')] != m[3] {
			t.Errorf("%s: %+v, want %s", row.File, e, row.Errors[0])
		}
	}
}

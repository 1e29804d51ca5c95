package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	all, err := parse("# list\n\n== REL-1 a b\nfile a/b.go\ntest ./a TestA|TestB\n- if x {\n- \treturn\n+ if y {\n" +
		"+ \treturn\n== c\nfile c.go\ntest ./c T\n- x\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []mutant{
		{"REL-1 a b", "a/b.go", "./a", "TestA|TestB", "if x {\n\treturn", "if y {\n\treturn", 0},
		{"c", "c.go", "./c", "T", "x", "", 0},
	}
	if len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Errorf("got %+v", all)
	}
	for _, bad := range []string{
		"file a.go\n", "== a\nfile a.go\n", "== a\nfile a.go\ntest ./a T\n- x\n+ x\n",
		"== a\nnonsense\n",
	} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Each text of the list is in its file once, so that a file that moves takes its mutants along. There are enough of
// them, and in all rooms: fewer would say less of the tests than the name "make mutants" promises.
func TestList(t *testing.T) {
	t.Chdir("../..")
	b, err := os.ReadFile("internal/mutants/list.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(b))
	if err != nil {
		t.Fatal(err)
	}
	names, rooms := map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if err := m.checkText(); err != nil {
			t.Error(err)
		}
		if names[m.name] || strings.TrimSpace(m.name) == "" {
			t.Errorf("the name %q is not its own", m.name)
		}
		names[m.name], rooms[filepath.Dir(m.file)] = true, true
	}
	if len(all) < 60 || len(rooms) < 20 {
		t.Errorf("%d mutants in %d rooms", len(all), len(rooms))
	}
}

// The bugs that the simulation must find are in the code, and enough of them (M10).
func TestM10ListOfBugs(t *testing.T) {
	t.Chdir("../..")
	b, err := os.ReadFile("internal/sim/bugs.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := m.checkText(); err != nil {
			t.Error(err)
		}
	}
	if len(all) < 20 {
		t.Errorf("%d bugs", len(all))
	}
}

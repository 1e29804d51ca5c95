package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
)

// TestSweepJarsInterop: of the rule files in the jars that Maven serves 98 % load. The others, with their reasons, are
// the lines of testdata/jars.txt: nothing is refused that was not, and nothing loads that did not, unseen.
func TestSweepJarsInterop(t *testing.T) {
	if golden.Race {
		t.Skip("counts work: the run without the race detector does it")
	}
	saxon.Jar(t, "phive-rules-zugferd-4.2.3.jar")
	dir := filepath.Join(golden.Root(t), "testbed", "saxon", "target", "rules")
	var out bytes.Buffer
	s := &sweep{out: &out}
	if err := s.path(dir); err != nil || s.unread > 0 {
		t.Fatal(err, out.String())
	}
	good, whole := s.count()
	t.Logf("%d of %d whole rule files load (%s)", good, whole, share(good, whole))
	if whole < 700 || good*100 < whole*98 {
		t.Errorf("%d of %d whole rule files load", good, whole)
	}
	golden.Equal(t, "jars.txt", lines(out.String(), dir, false))
}

var more = regexp.MustCompile(` \(and [0-9]+ more\)`)

// lines are those of the files, without the folder, with the first reason; those of files that load if asked for.
func lines(out, dir string, loaded bool) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(out) {
		if line == "\n" {
			break
		}
		if loaded || !strings.HasPrefix(line, string(loads)) {
			b.WriteString(more.ReplaceAllString(strings.Replace(line, filepath.ToSlash(dir)+"/", "", 1), ""))
		}
	}
	return b.Bytes()
}

// TestSweepRefusedShared: thirty published rule files of which none could be used once. What became of each is a line
// of testdata/cases.txt; those that stay refused or are parts say why.
func TestSweepRefusedShared(t *testing.T) {
	dir := golden.Shared(t, "cases/rules/refused")
	var out bytes.Buffer
	s := &sweep{out: &out}
	if err := s.path(dir); err != nil || s.unread > 0 || len(s.results) != 30 {
		t.Fatal(err, out.String())
	}
	golden.Equal(t, "cases.txt", lines(out.String(), dir, true))
}

// Package saxon drives the Java program in this folder from tests: Saxon-HE as a second opinion on XPath and
// Schematron.
package saxon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// Judge is a running JVM.
type Judge struct{ peer *interop.Peer }

// Start starts the judge, or skips the test if it was not built. It ends with the test. Times without a zone count as
// UTC, as they do in package xpath.
func Start(t testing.TB) *Judge {
	t.Helper()
	return start(t, interop.ClassPath)
}

// Start12 is Start with Saxon-HE 12.9, which runs rule files only.
func Start12(t testing.TB) *Judge {
	t.Helper()
	return start(t, "target/saxon12/*:"+interop.ClassPath)
}

func start(t testing.TB, classPath string) *Judge {
	t.Helper()
	options := []string{"-Xmx1g", "-Xss4m", "-Duser.timezone=UTC"}
	return &Judge{interop.Launch(t, "saxon", classPath, "no.ravn.saxon.Judge", options...)}
}

// Ask runs a command with lines of JSON as its input and returns its answers, of which there must be n. Both go through
// files: there may be tens of thousands.
func Ask[T any](t testing.TB, j *Judge, cmd string, lines []any, n int) []T {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	j.peer.Call(t, cmd, interop.Fields{"in": in, "out": out})
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	answers := make([]T, 0, n)
	for r := json.NewDecoder(bufio.NewReader(f)); r.More(); {
		var a T
		if err := r.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != n {
		t.Fatalf("%s: %d answers to %d questions", cmd, len(answers), n)
	}
	return answers
}

// Time runs rule files on a document and returns the median of rounds in ms, reading it included.
func (j *Judge) Time(t testing.TB, doc string, warm, rounds int, sch ...string) float64 {
	t.Helper()
	answer := j.peer.Call(t, "time", interop.Fields{"doc": doc, "sch": sch, "warm": warm, "rounds": rounds})
	ms, _ := answer["median_ms"].(float64)
	return ms
}

// SchXslt compiles a rule file to XSLT and writes it to out.
func (j *Judge) SchXslt(t testing.TB, sch, out string) {
	t.Helper()
	j.peer.Call(t, "schxslt", interop.Fields{"sch": sch, "out": out})
}

// Jar returns a jar of phive-rules, or skips the test when it was not fetched.
func Jar(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(golden.Root(t), "testbed", "saxon", "target", "rules", name)
	if _, err := os.Stat(path); err != nil {
		golden.Missing(t, interop.Require, "the Java peers are not there, make interop-build makes them", name)
	}
	return path
}

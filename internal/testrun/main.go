// Testrun runs go test and tells at the end what a green run did not try: each skipped test by name, under its reason
// (design.md §2). It prints what go test prints of packages, and of a package that failed everything.
//
//	go run ./internal/testrun [-counts FILE] [flags and packages of go test]
//
// The last line is "N passed, N failed, N skipped"; tests and their sub tests count alike. With -counts that line is
// written to a file as well. The exit code is that of go test.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

func main() {
	args := os.Args[1:]
	counts := ""
	if len(args) > 1 && args[0] == "-counts" {
		counts, args = args[1], args[2:]
	}
	code, err := run(args, counts, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
		os.Exit(2)
	}
	os.Exit(code)
}

func run(args []string, counts string, w io.Writer) (code int, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	s := newSummary(w)
	readErr := s.readEvents(out)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if readErr != nil {
		return 0, readErr
	}
	s.print()
	if counts != "" {
		if err := os.WriteFile(counts, []byte(s.totals()+"\n"), 0o600); err != nil {
			return 0, err
		}
	}
	return cmd.ProcessState.ExitCode(), nil
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// test names a test or, with an empty name, its package.
type test struct{ pkg, name string }

// summary gathers the events of a run.
type summary struct {
	w       io.Writer
	output  map[test][]string // of the tests that have not passed, or not ended
	outcome map[string]int    // passed, failed and skipped tests by their action
	failed  []test
	skipped map[string][]skip // by reason
}

// skip is a test that was not tried. What its reason said in brackets belongs to this test alone.
type skip struct {
	test
	detail string
}

func newSummary(w io.Writer) *summary {
	return &summary{w: w, output: map[test][]string{}, outcome: map[string]int{}, skipped: map[string][]skip{}}
}

func (s *summary) readEvents(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil { // what is no event is meant for people
				fmt.Fprintf(s.w, "%s", line)
			} else {
				s.addEvent(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) addEvent(e event) {
	t := test{cmp.Or(e.Package, e.ImportPath), e.Test}
	switch e.Action {
	case "output", "build-output":
		s.output[t] = append(s.output[t], e.Output)
	case "pass", "skip", "fail":
		if t.name == "" {
			s.endPackage(t, e.Action)
			return
		}
		s.outcome[e.Action]++
		if e.Action == "skip" {
			why, detail, _ := strings.Cut(reason(s.output[t]), " (")
			s.skipped[why] = append(s.skipped[why], skip{t, strings.TrimSuffix(detail, ")")})
		}
		if e.Action == "fail" {
			s.failed = append(s.failed, t)
			return
		}
		delete(s.output, t)
	}
}

// endPackage prints the line of a package, and of one that failed all that its unfinished and failed tests said.
func (s *summary) endPackage(t test, action string) {
	if action == "fail" {
		byName := func(a, b test) int { return cmp.Compare(a.name, b.name) }
		for _, u := range slices.SortedFunc(maps.Keys(s.output), byName) {
			if u.name != "" && u.pkg == t.pkg {
				s.flush(u)
			}
		}
		s.flush(t)
		return
	}
	lines := s.output[t]
	delete(s.output, t)
	for _, l := range lines {
		if strings.HasPrefix(l, "ok ") || strings.HasPrefix(l, "?  ") || strings.Contains(l, "coverage:") {
			fmt.Fprint(s.w, l)
		}
	}
}

func (s *summary) flush(t test) {
	for _, l := range s.output[t] {
		fmt.Fprint(s.w, l)
	}
	delete(s.output, t)
}

var skipLine = regexp.MustCompile(`^\s+[\w.-]+_?\w*\.go:\d+: (.*)`)

// reason is what a skipped test said last, without the file and line where it said so.
func reason(output []string) string {
	for _, l := range slices.Backward(output) {
		if m := skipLine.FindStringSubmatch(l); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return "no reason given"
}

func (s *summary) totals() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", s.outcome["pass"], s.outcome["fail"], s.outcome["skip"])
}

func (s *summary) print() {
	for t := range s.output { // such as a package that did not compile
		if t.name == "" {
			s.flush(t)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(s.skipped)) {
		fmt.Fprintf(s.w, "skipped, because %s:\n", why)
		for _, t := range s.skipped[why] {
			fmt.Fprintln(s.w, strings.TrimRight("    "+short(t.pkg)+" "+t.name+" "+t.detail, " "))
		}
	}
	for _, t := range s.failed {
		fmt.Fprintf(s.w, "failed: %s %s\n", short(t.pkg), t.name)
	}
	fmt.Fprintln(s.w, s.totals())
}

func short(pkg string) string { return strings.TrimPrefix(pkg, "github.com/ravn-ap/ravn/") }

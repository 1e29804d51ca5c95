// Mutants breaks the program in known places, one at a time, and checks that a test fails each time. A test that passes
// with the line broken proves nothing.
//
//	go run ./internal/mutants [-first N] [-run TEXT] [-workers N] [-why PATTERN] [-limit DURATION] [LIST]
//
// LIST (internal/mutants/list.txt) says of each mutant what it breaks, the file, the text and its replacement, and
// the tests that must notice:
//
//	== REL-001 SQLite commits without fsync
//	file internal/db/sqlite/sqlite.go
//	test ./cmd/ravn SeenByTheKernel
//	- "synchronous(FULL)"
//	+ "synchronous(OFF)"
//
// The text may have several lines, each with its mark; it must stand in the file exactly once. A mutant whose text is
// not found, that does not compile, or that survives fails the run, and so do tests that fail without one. With -why a
// mutant is killed only by tests that say something that matches PATTERN, which is shown.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	first := flag.Int("first", 0, "only the first N mutants of the list; 0 means all")
	text := flag.String("run", "", "only mutants whose name has this text")
	workers := flag.Int("workers", 2, "how many at the same time")
	why := flag.String("why", "", "what the tests must say when they fail, a regular expression")
	limit := flag.Duration("limit", 3*time.Minute, "ends tests that a mutant lets wait for ever")
	flag.Parse()
	list := "internal/mutants/list.txt"
	if flag.NArg() > 0 {
		list = flag.Arg(0)
	}
	if err := run(list, *first, *text, *workers, *why, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(list string, first int, text string, workers int, why string, limit time.Duration) error {
	reason, err := regexp.Compile(why)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	all, err := parse(string(b))
	if err != nil {
		return err
	}
	for i := range all { // also those that are not run today: a file that moved takes its mutants along
		if err := all[i].checkText(); err != nil {
			return err
		}
		all[i].limit = limit
	}
	if first > 0 {
		all = all[:min(first, len(all))]
	}
	if all = slices.DeleteFunc(all, func(m mutant) bool { return !strings.Contains(m.name, text) }); len(all) == 0 {
		return errors.New("no mutant has that name")
	}
	return hunt(all, workers, reason)
}

// mutant is one entry of the list.
type mutant struct {
	name, file string
	pkg, tests string // what must fail
	old, new   string
	limit      time.Duration // of its tests
}

func parse(text string) ([]mutant, error) {
	var all []mutant
	for n, line := range strings.Split(text, "\n") {
		bad := func(why string) error { return fmt.Errorf("line %d: %s: %q", n+1, why, line) }
		mark, rest, _ := strings.Cut(line, " ")
		if mark == "==" {
			all = append(all, mutant{name: rest})
			continue
		}
		if line == "" || mark == "#" {
			continue
		}
		if len(all) == 0 {
			return nil, bad("there is no mutant yet")
		}
		m := &all[len(all)-1]
		switch mark {
		case "file":
			m.file = rest
		case "test":
			m.pkg, m.tests, _ = strings.Cut(rest, " ")
		case "-":
			m.old += rest + "\n"
		case "+":
			m.new += rest + "\n"
		default:
			return nil, bad("want ==, file, test, - or +")
		}
	}
	for i := range all {
		m := &all[i]
		m.old, m.new = strings.TrimSuffix(m.old, "\n"), strings.TrimSuffix(m.new, "\n")
		if m.file == "" || m.pkg == "" || m.tests == "" || m.old == "" || m.old == m.new {
			return nil, fmt.Errorf("%s: file, test, and a text with another replacement are needed", m.name)
		}
	}
	return all, nil
}

// checkText returns an error unless the text stands in the file exactly once.
func (m *mutant) checkText() error {
	b, err := os.ReadFile(m.file)
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return fmt.Errorf("%s: its text stands %d times in %s", m.name, n, m.file)
	}
	return nil
}

// hunt runs the mutants in copies of the project, one for each worker.
func hunt(all []mutant, workers int, why *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // copies only
	shared, err := sharedFolder()
	if err != nil {
		return err
	}
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		problems []error
		sound    = map[string]func() error{} // tests without a mutant, by what is run; each runs once
		jobs     = make(chan mutant)
	)
	for n := range workers {
		copied := filepath.Join(dir, fmt.Sprint(n), "project")
		if err := copyProject(copied); err != nil {
			return err
		}
		wg.Go(func() {
			for m := range jobs {
				key := m.pkg + " " + m.tests
				mu.Lock()
				if sound[key] == nil {
					sound[key] = sync.OnceValue(func() error { return m.passes(copied, shared) })
				}
				base := sound[key]
				mu.Unlock()
				said, err := "", base()
				start := time.Now()
				if err == nil {
					said, err = m.try(copied, shared, why)
				}
				mu.Lock()
				if err != nil {
					problems = append(problems, err)
					fmt.Printf("SURVIVED %s: %v\n", m.name, err)
				} else {
					fmt.Printf("killed   %s (%.0f s)%s\n", m.name, time.Since(start).Seconds(), said)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		jobs <- m
	}
	close(jobs)
	wg.Wait()
	fmt.Printf("%d of %d mutants killed\n", len(all)-len(problems), len(all))
	if len(problems) > 0 {
		return fmt.Errorf("%d mutants survived or could not be tried", len(problems))
	}
	return nil
}

// passes returns an error unless the tests pass without the mutant.
func (m *mutant) passes(dir, shared string) error {
	if out, err := goTest(dir, shared, *m); err != nil {
		return fmt.Errorf("%s %s fails without a mutant: %w\n%s", m.pkg, m.tests, err, tail(out))
	}
	return nil
}

// try applies a mutant in a copy and takes it back. It returns no error if the tests fail with it, and which of their
// words match why.
func (m *mutant) try(dir, shared string, why *regexp.Regexp) (said string, err error) {
	file := filepath.Join(dir, m.file)
	good, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(good), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	defer func() { _ = os.WriteFile(file, good, 0o600) }() // a copy that nobody keeps
	build := exec.Command("go", "build", "-trimpath", "-o", os.DevNull, "./"+filepath.Dir(m.file))
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %s", tail(out))
	}
	out, err := goTest(dir, shared, *m)
	if err == nil {
		return "", errors.New("the tests pass with it")
	}
	words := why.Find(out)
	if words == nil {
		return "", fmt.Errorf("the tests do not say %q: %s", why, tail(out))
	}
	// go test fails as well if it cannot run at all, which proves nothing.
	failed := slices.ContainsFunc([]string{"--- FAIL", "panic: ", "FAIL\t"}, func(mark string) bool {
		return bytes.Contains(out, []byte(mark))
	})
	if !failed {
		return "", fmt.Errorf("no test failed: %w\n%s", err, tail(out))
	}
	if len(words) > 0 {
		said = ": " + string(words)
	}
	return said, nil
}

func goTest(dir, shared string, m mutant) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.limit+time.Minute)
	defer cancel()
	// Without vet: it may refuse a mutant that no test of ours notices.
	cmd := exec.CommandContext(ctx, "go", "test", "-trimpath", "-vet=off", "-count=1",
		"-timeout", m.limit.String(), "-run", m.tests, m.pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RAVN_SHARED="+shared)
	out, err := cmd.CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("[no tests to run]")) {
		err = errors.New("there are no such tests")
	}
	return out, err
}

func tail(out []byte) []byte { return out[max(0, len(out)-3000):] }

// sharedFolder is where the copies find what lies beside the project.
func sharedFolder() (string, error) {
	if dir := os.Getenv("RAVN_SHARED"); dir != "" {
		return filepath.Abs(dir)
	}
	return filepath.Abs("../shared")
}

// copyProject copies what git knows of the project, as it is in the working tree.
func copyProject(to string) error {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) { // removed, and not committed yet
			continue
		}
		if err != nil {
			return err
		}
		st, err := os.Stat(name)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(dest, b, st.Mode()); err != nil {
			return err
		}
	}
	return nil
}

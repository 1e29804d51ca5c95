package alive

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a process that enters a folder and waits to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ALIVE_TEST_DIR"); dir != "" {
		p, err := Enter(dir)
		if err != nil {
			panic(err)
		}
		name := p.Name
		runtime.GC() // nothing refers to the Process any more
		runtime.GC()
		os.Stdout.WriteString(name + "\n")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, dir string) (name string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ALIVE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), kill
}

// A process that was killed is buried once; one that runs never is, nor is the caller.
func TestBury(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	p, err := Enter(dir)
	if err != nil {
		t.Fatal(err)
	}
	buried := func(fail error) (names []string) {
		t.Helper()
		err := p.Bury(func(name string) error { names = append(names, name); return fail })
		if !errors.Is(err, fail) {
			t.Error(err)
		}
		return names
	}
	_, _ = start(t, dir)
	dead, kill := start(t, dir)
	if got := buried(nil); len(got) > 0 {
		t.Errorf("living processes were buried: %s", got)
	}
	kill()
	boom := errors.New("the database is away")
	for _, fail := range []error{boom, boom, nil} { // a name that could not be settled stays
		if got := buried(fail); !slices.Equal(got, []string{dead}) {
			t.Errorf("buried %s, want %s", got, dead)
		}
	}
	if got := buried(nil); len(got) > 0 {
		t.Errorf("buried again: %s", got)
	}
	if err := p.Leave(); err != nil {
		t.Error(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left over: %v", files)
	}
}

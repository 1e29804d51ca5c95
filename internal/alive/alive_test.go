package alive

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// folderEnv names the folder to a process that shall enter it and live until it is killed.
const folderEnv = "RAVN_TEST_ALIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderEnv); dir != "" {
		p, err := Enter(dir, Self(true, 7, time.Now()))
		if err != nil {
			panic(err)
		}
		name := p.Name
		runtime.GC() // nothing refers to the Process any more
		runtime.GC()
		fmt.Println(name)
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// start runs a process that lives in a folder.
func start(t *testing.T, dir string) (name string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), folderEnv+"="+dir)
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
	return line[:len(line)-1], kill
}

func names(list []Who, err error) (all []string) {
	if err != nil {
		return []string{err.Error()}
	}
	for _, w := range list {
		all = append(all, w.Name)
	}
	slices.Sort(all)
	return all
}

func TestLiving(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "processes")
	if got := names(Living(dir)); len(got) > 0 {
		t.Errorf("in a folder that is not there: %v", got)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	one, err := Enter(dir, Who{Name: "one", Process: 1, Host: "a", Schema: 3, Since: at, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Enter(dir, Who{Name: "two", Process: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(Living(dir)); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("both: %v", got)
	}
	others, err := two.Others()
	if err != nil || len(others) != 1 || others[0] != one.Who ||
		others[0].String() != "process 1 on a since 2026-11-30T12:00:00Z (schema 3)" {
		t.Errorf("others: %v, %v", others, err)
	}
	if err := errors.Join(one.Leave(), two.Leave()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// A process that was killed lives no more and is buried once; one that runs never is, nor is the caller.
func TestBury(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "processes")
	p, err := Enter(dir, Self(false, 7, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	buried := func(fail error) (list []string) {
		t.Helper()
		err := p.Bury(func(name string) error { list = append(list, name); return fail })
		if !errors.Is(err, fail) {
			t.Error(err)
		}
		return list
	}
	lives, _ := start(t, dir)
	dead, kill := start(t, dir)
	if got := buried(nil); len(got) > 0 {
		t.Errorf("living processes were buried: %s", got)
	}
	kill()
	if got := names(p.Others()); !slices.Equal(got, []string{lives}) {
		t.Errorf("living: %s, want %s", got, lives)
	}
	boom := errors.New("the database is away")
	for _, fail := range []error{boom, boom, nil} { // a name that could not be released stays
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

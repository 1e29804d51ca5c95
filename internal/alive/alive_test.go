package alive_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/alive"
)

// folderEnv names the folder to a process that shall leave a sign there and live until it is killed.
const folderEnv = "RAVN_TEST_ALIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderEnv); dir != "" {
		if _, err := alive.Leave(dir, alive.Self(7, time.Now())); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		select {}
	}
	os.Exit(m.Run())
}

func living(t *testing.T, dir string) (processes []int) {
	t.Helper()
	all, err := alive.Living(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		processes = append(processes, w.Process)
	}
	slices.Sort(processes)
	return processes
}

func TestSign(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "servers")
	if got := living(t, dir); len(got) != 0 {
		t.Errorf("in a folder that is not there: %v", got)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	one, err := alive.Leave(dir, alive.Who{Process: 1, Host: "a", Schema: 3, Since: at})
	if err != nil {
		t.Fatal(err)
	}
	two, err := alive.Leave(dir, alive.Who{Process: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := living(t, dir); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("both: %v", got)
	}
	others, err := two.Others()
	if err != nil || len(others) != 1 || others[0].String() != "process 1 on a since 2026-11-30T12:00:00Z (schema 3)" {
		t.Errorf("others: %v, %v", others, err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if got := living(t, dir); !slices.Equal(got, []int{2}) {
		t.Errorf("after one left: %v", got)
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// The kernel drops the sign of a process that is killed.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "servers")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), folderEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatal(line, err)
	}
	if got := living(t, dir); !slices.Equal(got, []int{cmd.Process.Pid}) {
		t.Errorf("while it lives: %v", got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if got := living(t, dir); len(got) != 0 {
		t.Errorf("after its death: %v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

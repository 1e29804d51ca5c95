package node

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/fault"
)

// The listener fails: Serve stops everything and comes back with the error. Nobody must take a server that nothing
// reaches for one that works.
func TestServeEndsWithItsListener(t *testing.T) {
	n, log := idleNode(t)
	if err := n.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.Serve(context.Background()) }()
	if err := n.listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if code(err) != fault.ListenFailed || !strings.Contains(err.Error(), "closed") {
			t.Errorf("got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Serve goes on without a listener")
	}
	if got := raised(t, log); !slices.Equal(got, []string{"listener_failed"}) {
		t.Errorf("alarms %q", got)
	}
	if n.runner.Reserve() != nil {
		t.Error("the workers go on")
	}
}

// A second server on a data folder is allowed, and said with who the first one is.
func TestSecondServer(t *testing.T) {
	first, log := idleNode(t)
	if log.Len() != 0 {
		t.Errorf("the only one: %s", log)
	}
	open := func(command bool) *Node {
		t.Helper()
		log.Reset()
		n, err := Open(t.Context(), first.Config, Options{Log: first.opts.Log, Command: command})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	second := open(false)
	if line := log.String(); !strings.Contains(line, "another server uses the data folder") ||
		!strings.Contains(line, alive.Self(true, 0, time.Time{}).Host) || !strings.Contains(line, `"level":"warn"`) {
		t.Errorf("the second one: %s", line)
	}
	third := open(true)
	if log.Len() != 0 {
		t.Errorf("a command: %s", log)
	}
	for _, n := range []*Node{third, second, first} {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(first.data.dir, sqlite.ProcessesDir)); err != nil || len(left) != 0 {
		t.Errorf("signs left: %v, %v", left, err)
	}
	first = open(false)
	if log.Len() != 0 {
		t.Errorf("alone again: %s", log)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

// A command of another version does not change the schema below a running server (REL-065).
func TestREL065CommandOfAnotherVersion(t *testing.T) {
	cfg := dataConfig(t)
	d := dataOf(t, cfg)
	if err := d.Store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "ravn.db"))
	if err == nil {
		_, err = db.Exec("DELETE FROM schema_migration WHERE version = (SELECT MAX(version) FROM schema_migration)")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	sign, err := alive.Enter(filepath.Join(d.dir, sqlite.ProcessesDir),
		alive.Who{Name: "other", Process: 4711, Host: "elsewhere", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(t.Context(), cfg); code(err) != fault.DatabaseVersion ||
		!strings.Contains(err.Error(), "process 4711 on elsewhere") {
		t.Errorf("got %v", err)
	}
	if err := sign.Leave(); err != nil {
		t.Error(err)
	}
	if _, err := OpenStore(t.Context(), cfg); code(err) == fault.DatabaseVersion {
		t.Errorf("after the server has ended: %v", err)
	}
}

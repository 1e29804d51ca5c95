package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// REL-007: a database that is not the folder's own is refused by every command, and what an operator does about it.
func TestREL007DataCommands(t *testing.T) {
	mine, other := quickNode(t), quickNode(t)
	for _, cfg := range []string{mine, other} {
		if _, errs, code := call(t, "--config", cfg, "send", "--resume", "nope"); code != 1 ||
			!strings.Contains(errs, "RAVN-2301") {
			t.Fatal(errs) // the first command that may put payloads into the folder
		}
	}
	data := filepath.Join(filepath.Dir(mine), "data")
	want := func(exit int, says string, args ...string) {
		t.Helper()
		out, errs, code := call(t, append([]string{"--config", mine}, args...)...)
		if code != exit || !strings.Contains(out+errs, says) {
			t.Errorf("%v: exit %d, want %d with %q\n%s%s", args, code, exit, says, out, errs)
		}
	}
	want(0, "data folders: 1", "data", "check")
	text, err := os.ReadFile(filepath.Join(filepath.Dir(other), "data", "ravn.db"))
	if err := errors.Join(err, os.WriteFile(filepath.Join(data, "ravn.db"), text, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve"},
		{"participants", "list"},
		{"report", "status"},
		{"data", "check"},
		{"data", "collect", "--yes"},
	} {
		want(2, "RAVN-1019", args...)
	}
	want(2, "nothing was done", "data", "adopt")
	want(2, "RAVN-1019", "participants", "list")
	want(0, "data folders: 1", "data", "adopt", "--yes", "--only")
	want(0, "", "participants", "list")

	old := time.Now().Add(-48 * time.Hour)
	for range 10 {
		key := store.BlobKey(db.NewID(), "sbd")
		sum := sha256.Sum256([]byte(key))
		file := filepath.Join(data, "blobs", fmt.Sprintf("%x", sum[:1]), key)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("x"), 0o600),
			os.Chtimes(file, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	want(1, "RAVN-3005", "data", "check")
	want(2, "nothing was done", "data", "collect")
	want(0, "10 payloads are in quarantine", "data", "collect", "--yes")
	out, errs, code := call(t, "--config", mine, "--json", "data", "check")
	var r struct {
		Blobs, Unknown, Quarantine, Missing int
		Identity                            struct{ Folder, Installation string }
		Database                            string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Blobs != 10 || r.Unknown != 0 ||
		r.Quarantine != 10 || r.Missing != 0 || r.Database == "" || r.Identity.Installation != r.Database {
		t.Errorf("exit %d, %v\n%s%s", code, err, out, errs)
	}
}

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// crashEnv names the crash point to the process that shall die there; crashDir its folder.
const (
	crashEnv = "RAVN_TEST_CRASH_POINT"
	crashDir = "RAVN_TEST_CRASH_DIR"
)

func TestMain(m *testing.M) {
	if point := os.Getenv(crashEnv); point != "" {
		dieAt(point, os.Getenv(crashDir))
		os.Exit(1) // it should not have come this far
	}
	os.Exit(m.Run())
}

// dieAt accepts a message and kills its own process at a crash point.
func dieAt(point, dir string) {
	hook := func(p string) {
		if p == point {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
	}
	if err := acceptOne(dir, hook); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// acceptOne takes in the message as the receiver does: blob first, record second. hook sees the crash points of both.
func acceptOne(dir string, hook func(string)) error {
	ctx := context.Background()
	s, d, err := openBoth(dir, hook)
	if err != nil {
		return err
	}
	defer s.Close()
	id := db.NewID()
	w, err := d.Create(ctx, store.BlobKey(id, "payload"))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write([]byte("<StandardBusinessDocument/>")); err != nil {
		return err
	}
	hook("spooled")
	ref, err := w.Commit()
	if err != nil {
		return err
	}
	_, err = s.Accept(ctx, db.DefaultTenant, store.Acceptance{
		Message:  store.Message{ID: id, C2: "PNO000111", MessageID: "m@x", Payload: ref, Digests: []byte("d")},
		Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("receipt of " + id)}},
		Count:    true,
	})
	hook("accepted")
	return err
}

func openBoth(dir string, hook func(string)) (*store.Store, *blob.Dir, error) {
	s, err := store.Open(sqlite.Open(context.Background(), filepath.Join(dir, "ravn.db"), db.Options{Hook: hook}))
	if err != nil {
		return nil, nil, err
	}
	d, err := blob.OpenDir(dir, blob.Options{Hook: hook})
	return s, d, err
}

// TestCrashPoints kills a process at each crash point of an accept, looks at what is left, and lets the sender retry.
func TestCrashPoints(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, point string
		accepted    bool // by the process that died
	}{
		{"CP-R3 before the payload is written", "spooled", false},
		{"CP-R4 payload written, not fsynced", "blob.written", false},
		{"CP-R5 payload fsynced, not renamed", "blob.synced", false},
		{"CP-R6 renamed, folder not fsynced", "blob.renamed", false},
		{"CP-R7 folder fsynced, not committed", "db.before_commit", false},
		{"CP-R8 committed, answer not read", "db.committed", true},
		{"CP-R9 committed, receipt not sent", "accepted", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), crashEnv+"="+tc.point, crashDir+"="+dir)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Exited() {
				t.Fatalf("the process was not killed: %v\n%s", err, out)
			}
			afterCrash(t, dir, tc.accepted)
		})
	}
}

// afterCrash checks what a restarted node finds, and that a retry of the sender leads to exactly one message.
func afterCrash(t *testing.T, dir string, accepted bool) {
	none := func(string) {}
	s, _, err := openBoth(dir, none)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Known(t.Context(), db.DefaultTenant, "PNO000111", "m@x")
	if got := err == nil; got != accepted {
		t.Fatalf("accepted %v (%v), want %v", got, err, accepted)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err = acceptOne(dir, none)
	var dup *store.Duplicate
	switch {
	case accepted && !errors.As(err, &dup):
		t.Fatalf("the retry: %v", err)
	case accepted && string(dup.Prior.Receipt) != string(before.Receipt):
		t.Fatalf("the retry got receipt %q instead of %q", dup.Prior.Receipt, before.Receipt)
	case !accepted && err != nil:
		t.Fatal(err)
	}
	s, d, err := openBoth(dir, none)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	jobs, err := s.Claim(t.Context(), store.Claim{Kind: store.Deliver, Lease: time.Minute, Limit: 10})
	if err != nil || len(jobs) != 1 {
		t.Fatalf("deliveries: %v, %v", jobs, err)
	}
	m, err := s.Get(t.Context(), db.DefaultTenant, jobs[0].MessageID)
	if err != nil {
		t.Fatal(err)
	}
	if err := blob.Verify(t.Context(), d, m.Payload); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key, err := range d.Keys(t.Context(), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	uses, err := s.BlobUses(t.Context(), keys)
	if err != nil || uses[m.Payload.Key] != store.BlobUsed {
		t.Fatalf("uses %v, %v", uses, err)
	}
	if orphans := len(keys) - 1; orphans > 1 {
		t.Errorf("%d orphans", orphans)
	}
}

package backend

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func deliver(t *testing.T, f *Folder, id, content, sum string) error {
	t.Helper()
	return f.Deliver(t.Context(), Delivery{ID: id, Payload: strings.NewReader(content), Metadata: Metadata{DeliveryID: id, SHA256: sum, Payload: PayloadName}})
}

func TestREL012Folder(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	if err := deliver(t, f, "a", "content", "1"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(f.Dir, "a", PayloadName))
	if err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	before, err := os.Stat(filepath.Join(f.Dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, f, "a", "content", "1"); err != nil {
		t.Errorf("a repeat: %v", err)
	}
	if after, err := os.Stat(filepath.Join(f.Dir, "a")); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Error("a repeat changed what was delivered")
	}
	var permanent *Permanent
	if err := deliver(t, f, "a", "other", "2"); !errors.As(err, &permanent) {
		t.Errorf("another content under the same id: %v", err)
	}
}

// CP-R12: what a crash left under way is taken away, and a half document is never seen.
func TestFolderAfterCrash(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(f.Dir, ".a.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, ".a.tmp", PayloadName), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, f, "a", "whole", "1"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(f.Dir, "a", PayloadName))
	if err != nil || !bytes.Equal(got, []byte("whole")) {
		t.Errorf("%q, %v", got, err)
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// failing stops in the middle.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("damaged") }

func TestREL003NothingAppearsOfADamagedPayload(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	if err := f.Deliver(t.Context(), Delivery{ID: "a", Payload: failing{}}); err == nil {
		t.Fatal("no error")
	}
	if entries, err := os.ReadDir(f.Dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestFolderUnwritable(t *testing.T) {
	f := &Folder{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := deliver(t, f, "a", "x", "1"); err == nil {
		t.Error("delivered into a folder that is not there")
	}
}

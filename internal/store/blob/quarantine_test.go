package blob

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/durable/faultfs"
	"github.com/ravn-ap/ravn/internal/store"
)

// keys returns the keys of blobs that were written before a time.
func keys(t *testing.T, d *Dir, before time.Time) (list []string) {
	t.Helper()
	for key, err := range d.Keys(t.Context(), before) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

func held(t *testing.T, d *Dir) (list []string) {
	t.Helper()
	all, err := d.Quarantined()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		list = append(list, h.Key+" "+h.Since.Format(time.DateOnly))
	}
	return list
}

func TestREL007Keys(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	now := time.Now()
	for _, key := range []string{"old.a", "old.b", "young.a"} {
		if _, err := put(d, key, content); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(key, "old") {
			if err := os.Chtimes(d.path(key), now, now.Add(-25*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(d.shard("old.a"), ".nfs0001"), nil,
		0o600); err != nil { // the file system's own
		t.Fatal(err)
	}
	if got := keys(t, d, now.Add(-24*time.Hour)); !slices.Equal(got, []string{"old.a", "old.b"}) {
		t.Errorf("%q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for key, err := range d.Keys(ctx, now) {
		if key != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("%q, %v", key, err)
		}
	}
}

// A blob in quarantine is found when it is needed, and is back in its place then.
func TestREL007QuarantineIsFound(t *testing.T) {
	root := t.TempDir()
	var rescued []string
	d := openDir(t, root, Options{Rescued: func(key string) { rescued = append(rescued, key) }})
	ref, err := put(d, "a.sbd", content)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)
	for range 2 { // the second time it has another day
		if err := d.Quarantine("a.sbd", day); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, d, time.Now().Add(time.Hour)); len(got) != 0 {
			t.Errorf("still in its place: %q", got)
		}
		if got := held(t, d); !slices.Equal(got, []string{"a.sbd " + day.Format(time.DateOnly)}) {
			t.Errorf("in quarantine: %q", got)
		}
		if err := Verify(t.Context(), d, ref); err != nil {
			t.Error(err)
		}
		if got := keys(t, d, time.Now().Add(time.Hour)); !slices.Equal(got, []string{"a.sbd"}) || len(held(t, d)) != 0 {
			t.Errorf("after it was read: %q, %q", got, held(t, d))
		}
		day = day.AddDate(0, 0, 1)
	}
	if !slices.Equal(rescued, []string{"a.sbd", "a.sbd"}) {
		t.Errorf("told of %q", rescued)
	}
	if err := d.Quarantine("a.sbd", day); err != nil {
		t.Fatal(err)
	}
	if ok, err := d.Has("a.sbd"); !ok || err != nil || len(rescued) != 3 {
		t.Errorf("has: %v, %v, %q", ok, err, rescued)
	}
	if ok, err := d.Has("b.sbd"); ok || err != nil {
		t.Errorf("has what is not there: %v, %v", ok, err)
	}
}

func TestREL007Expel(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	if _, err := put(d, "a.sbd", content); err != nil {
		t.Fatal(err)
	}
	if err := d.Quarantine("a.sbd", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := d.Quarantine("a.sbd", time.Now()); err == nil {
		t.Error("quarantined what is not in its place")
	}
	all, err := d.Quarantined()
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	for range 2 {
		if err := d.Expel(all[0]); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, root); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	if _, err := d.Open(t.Context(), store.BlobRef{Key: "a.sbd"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("open: %v", err)
	}
}

// A folder that is not there, such as a disk that is not mounted, is no proof that a payload is missing.
func TestAFolderThatHasGone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "blobs")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, root, Options{})
	ref, err := put(d, "a.sbd", content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	for _, empty := range []bool{false, true} {
		if empty { // the mount point
			if err := os.Mkdir(root, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Open(t.Context(), ref); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("open: %v", err)
		}
		if _, err := d.Has(ref.Key); err == nil {
			t.Error("has: no error")
		}
	}
}

// Whatever fails while a blob is moved: it is in one of both places at least.
func TestREL007NothingIsLostWhileItMoves(t *testing.T) {
	for _, flt := range faultfs.Faults {
		for n := 1; ; n++ {
			root := t.TempDir()
			ref, err := put(openDir(t, root, Options{}), "a.sbd", content)
			if err != nil {
				t.Fatal(err)
			}
			ffs := &faultfs.FS{Fault: flt}
			d := openDir(t, root, Options{FS: ffs})
			ffs.Restart(n)
			err = d.Quarantine("a.sbd", time.Now())
			if left := ffs.Unsynced(); err == nil && len(left) > 0 {
				t.Errorf("n = %d: it is out of its place, and a loss of power could take %q", n, left)
			}
			if err == nil {
				err = Verify(t.Context(), d, ref)
			}
			if ffs.Failed() == "" {
				if left := ffs.Unsynced(); err != nil || n < 8 || len(left) > 0 {
					t.Fatalf("n = %d: %v, a loss of power could take %q", n, err, left)
				}
				break
			}
			if err := Verify(t.Context(), openDir(t, root, Options{}), ref); err != nil {
				t.Errorf("%s, n = %d, %s failed: %v", flt.Name, n, ffs.Failed(), err)
			}
		}
	}
}

// CP-R1 to CP-R5: what a dead process was writing is removed; one that lives goes on.
func TestREL007Sweep(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	live, err := openDir(t, root, Options{}).Create(t.Context(), "slow") // in another process
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, tempDir, ".ravn-never-X.tmp"), content[:99], fileMode); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(time.Now().Add(48 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left := files(t, root); len(left) != 1 || !strings.HasPrefix(left[0], "/tmp/.ravn-slow-") {
		t.Errorf("left %q", left)
	}
	if _, err := live.Commit(); err != nil {
		t.Error(err)
	}
}

// What an operator has looked at is told from what came later.
func TestREL007Accept(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	day := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for i, key := range []string{"a.sbd", "b.sbd", "c.sbd"} {
		if _, err := put(d, key, content); err != nil {
			t.Fatal(err)
		}
		if err := d.Quarantine(key, day.AddDate(0, 0, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Accept(day.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	all, err := d.Quarantined()
	if err != nil || len(all) != 3 || !all[0].Accepted || !all[1].Accepted || all[2].Accepted {
		t.Errorf("%+v, %v", all, err)
	}
}

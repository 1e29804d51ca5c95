package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/durable/faultfs"
)

var content = bytes.Repeat([]byte("<Invoice/>"), 20_000)

// tree lists what is under root with its content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, b := strings.TrimPrefix(path, root+"/"), []byte(nil)
		if !e.IsDir() {
			b, err = os.ReadFile(path)
		} else {
			name += "/"
		}
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// publish is one way of publishing below root; it gives name the content.
type publish func(fsys durable.FS, root, name string) error

var ways = map[string]publish{
	"file": func(fsys durable.FS, root, name string) error {
		f, err := durable.Create(fsys, root, name, 0o600)
		if err != nil {
			return err
		}
		defer f.Discard()
		if _, err := f.Write(content); err != nil {
			return err
		}
		if err := f.Publish(filepath.Join(root, name)); err != nil {
			return err
		}
		return durable.SyncDir(fsys, root)
	},
	"folder": func(fsys durable.FS, root, name string) error {
		f, err := durable.CreateFolder(fsys, root, name, 0o700)
		if err != nil {
			return err
		}
		defer f.Discard()
		for _, part := range []string{"a", "sub/b"} {
			if err := f.Write(part, 0o600, durable.Bytes(content)); err != nil {
				return err
			}
		}
		if err := f.Publish(filepath.Join(root, name)); err != nil {
			return err
		}
		return durable.SyncDir(fsys, root)
	},
}

var whole = map[string]map[string]string{
	"file":   {"x": string(content)},
	"folder": {"x/": "", "x/a": string(content), "x/sub/": "", "x/sub/b": string(content)},
}

func TestREL012OrderOfOperations(t *testing.T) {
	for way, want := range map[string]string{
		"file": "create write write write write sync close rename open sync close",
		"folder": "mkdir open create write write write write sync close" +
			" mkdir create write write write write sync close open sync close open sync close rename open sync " +
			"close close",
	} {
		ffs := &faultfs.FS{}
		if err := ways[way](ffs, t.TempDir(), "x"); err != nil {
			t.Fatal(err)
		}
		got := slices.Compact(ffs.Ops())
		if w := slices.Compact(strings.Fields(want)); !slices.Equal(got, w) {
			t.Errorf("%s\n got %v\nwant %v", way, got, w)
		}
	}
}

// Whatever fails: the name has all of the content or is not there, a temporary name stays only when it could not be
// removed, and nothing is synced after a failed fsync but what is written anew.
func TestREL012FailAtEachOperation(t *testing.T) {
	for way := range ways {
		for _, flt := range faultfs.Faults {
			t.Run(way+", "+flt.Name, func(t *testing.T) {
				for n := 1; failAt(t, way, flt, n); n++ {
				}
			})
		}
	}
}

// failAt publishes once with a failing n-th operation and tells whether there was one.
func failAt(t *testing.T, way string, flt faultfs.Fault, n int) bool {
	t.Helper()
	root := t.TempDir()
	ffs := &faultfs.FS{Fault: flt, At: n}
	err := ways[way](ffs, root, "x")
	if ffs.Failed() == "" {
		if err != nil || n < 9 {
			t.Fatalf("n = %d: %v", n, err)
		}
		return false
	}
	silent := ffs.Failed() == "close" && way == "folder" // that of the lock, which nothing depends on
	if err == nil && !silent || err != nil && !errors.Is(err, flt.Err) {
		t.Fatalf("n = %d: %s failed, got %v", n, ffs.Failed(), err)
	}
	var s *durable.SyncError
	if ffs.Failed() == "sync" && (!errors.As(err, &s) || slices.Contains(ffs.Ops()[n:], "sync")) {
		t.Fatalf("n = %d: after a failed fsync: %v, %v", n, err, ffs.Ops()[n:])
	}
	if got := tree(t, root); len(got) != 0 && fmt.Sprint(got) != fmt.Sprint(whole[way]) {
		t.Fatalf("n = %d: %s failed, there is %q", n, ffs.Failed(), slices.Collect(maps.Keys(got)))
	}
	if err := ways[way](durable.OS{}, root, "x"); err != nil && !(way == "folder" && errors.Is(err, fs.ErrExist)) {
		t.Fatalf("n = %d: repeat: %v", n, err)
	}
	if got := tree(t, root); fmt.Sprint(got) != fmt.Sprint(whole[way]) {
		t.Fatalf("n = %d: after a repeat there is %q", n, slices.Collect(maps.Keys(got)))
	}
	return true
}

// Two attempts at once under one name: each is whole, and of folders the first stays.
func TestREL012TwoAttemptsAtOnce(t *testing.T) {
	root := t.TempDir()
	var folders [2]*durable.Folder
	for i := range folders {
		f, err := durable.CreateFolder(durable.OS{}, root, "x", 0o700)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Discard()
		folders[i] = f
	}
	for i, f := range folders {
		if err := f.Write("a", 0o600, durable.Bytes([]byte{'0' + byte(i)})); err != nil {
			t.Fatal(err)
		}
	}
	final := filepath.Join(root, "x")
	if err := folders[1].Publish(final); err != nil {
		t.Fatal(err)
	}
	if err := folders[0].Publish(final); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second one: %v", err)
	}
	folders[0].Discard()
	folders[1].Discard() // does nothing any more
	if got := tree(t, root); len(got) != 2 || got["x/a"] != "1" {
		t.Errorf("%q", got)
	}
}

func TestPublishNewReplacesNothing(t *testing.T) {
	root := t.TempDir()
	final := filepath.Join(root, "x")
	for i, want := range []error{nil, fs.ErrExist} {
		f, err := durable.Create(durable.OS{}, root, "x", 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte{'0' + byte(i)}); err != nil {
			t.Fatal(err)
		}
		if err := f.PublishNew(final); !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
		f.Discard()
	}
	if got := tree(t, root); len(got) != 1 || got["x"] != "0" {
		t.Errorf("%q", got)
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	for _, text := range []string{"one", "two"} {
		if err := durable.WriteFile(name, 0o600, durable.Bytes([]byte(text))); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, filepath.Dir(name)); len(got) != 1 || got["x"] != text {
			t.Errorf("%q", got)
		}
	}
	damaged := errors.New("damaged")
	if err := durable.WriteFile(name, 0o600, func(w io.Writer) error {
		_, err := w.Write(content)
		return errors.Join(err, damaged)
	}); !errors.Is(err, damaged) {
		t.Error(err)
	}
	if got := tree(t, filepath.Dir(name)); len(got) != 1 || got["x"] != "two" {
		t.Errorf("after a failure: %q", got)
	}
}

// A loss of power takes nothing of what was said to be written: bytes and names are synced, each after it came.
func TestREL001NothingIsLeftUnsynced(t *testing.T) {
	for what, write := range map[string]func(fsys durable.FS, root string) error{
		"published file":   func(fsys durable.FS, root string) error { return ways["file"](fsys, root, "x") },
		"published folder": func(fsys durable.FS, root string) error { return ways["folder"](fsys, root, "x") },
		"new file": func(fsys durable.FS, root string) error {
			return durable.WriteFileIn(fsys, filepath.Join(root, "x"), 0o600, durable.Bytes(content))
		},
		"replaced file": func(fsys durable.FS, root string) error {
			err := durable.WriteFile(filepath.Join(root, "x"), 0o600, durable.Bytes([]byte("old")))
			return errors.Join(err, durable.WriteFileIn(fsys, filepath.Join(root, "x"), 0o600, durable.Bytes(content)))
		},
		"folders": func(fsys durable.FS, root string) error {
			return durable.MkdirAllIn(fsys, filepath.Join(root, "a", "b", "c"), 0o700)
		},
	} {
		ffs, root := &faultfs.FS{}, t.TempDir()
		if err := write(ffs, root); err != nil {
			t.Fatal(what, err)
		}
		if left := ffs.Unsynced(); len(left) > 0 || len(tree(t, root)) == 0 {
			t.Errorf("%s: a loss of power could take %q of %q", what, left, slices.Collect(maps.Keys(tree(t, root))))
		}
	}
}

func TestFolderStaysInside(t *testing.T) {
	f, err := durable.CreateFolder(durable.OS{}, t.TempDir(), "x", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Write("../y", 0o600, durable.Bytes(nil)); err == nil {
		t.Error("written outside of the folder")
	}
}

// CP-R12: what dead attempts left is removed, and nothing that lives, is young, or is somebody else's.
func TestSweep(t *testing.T) {
	root := t.TempDir()
	live, err := durable.CreateFolder(durable.OS{}, root, "live", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	liveFile, err := durable.Create(durable.OS{}, root, "live", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer liveFile.Discard()
	for _, name := range []string{
		".ravn-dead-X.tmp/sub/b", ".ravn-dead-Y.tmp/a", "delivered/a", ".rsync.tmp/a",
		".ravn-notes/a",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, ".ravn-dead-Z.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	before := len(tree(t, root))
	if err := durable.Sweep(durable.OS{}, root, now.Add(50*time.Minute)); err != nil || len(tree(t, root)) != before {
		t.Errorf("young ones: %v, %q", err, tree(t, root))
	}
	if err := durable.Sweep(durable.OS{}, root, now.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range tree(t, root) {
		if strings.HasPrefix(name, ".ravn-live-") {
			name = "live"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		".ravn-notes/", ".ravn-notes/a", ".rsync.tmp/", ".rsync.tmp/a", "delivered/", "delivered/a", "live", "live",
	}
	if !slices.Equal(names, want) {
		t.Errorf("left %q", names)
	}
	if err := live.Write("a", 0o600, durable.Bytes(content)); err != nil {
		t.Errorf("the live one cannot go on: %v", err)
	}
	if err := live.Publish(filepath.Join(root, "done")); err != nil {
		t.Error(err)
	}
}

// noLocks is a file system like NFS before version 4.
type noLocks struct{ durable.OS }

func (noLocks) Open(name string) (durable.File, error) {
	f, err := durable.OS{}.Open(name)
	return noLock{f}, err
}

type noLock struct{ durable.File }

func (noLock) Lock() error { return errors.ErrUnsupported }

func TestSweepWithoutLocks(t *testing.T) {
	root := t.TempDir()
	f, err := durable.CreateFolder(noLocks{}, root, "x", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	for after, left := range map[time.Duration]int{2 * time.Hour: 1, 25 * time.Hour: 0} {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, ".ravn-x-X.tmp"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := durable.Sweep(noLocks{}, root, time.Now().Add(after)); err != nil || len(tree(t, root)) != left {
			t.Errorf("after %v: %v, %q", after, err, tree(t, root))
		}
	}
}

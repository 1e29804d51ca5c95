package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable/faultfs"
	"github.com/ravn-ap/ravn/internal/store"
)

func openDir(t testing.TB, root string, opts Options) *Dir {
	t.Helper()
	d, err := OpenDir(root, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put stores content in pieces of 1000 bytes.
func put(d *Dir, key string, content []byte) (store.BlobRef, error) {
	w, err := d.Create(context.Background(), key)
	if err != nil {
		return store.BlobRef{}, err
	}
	defer w.Abort()
	for piece := range slices.Chunk(content, 1000) {
		if _, err := w.Write(piece); err != nil {
			break // Commit tells
		}
	}
	return w.Commit()
}

func get(d *Dir, ref store.BlobRef) ([]byte, error) {
	r, err := d.Open(context.Background(), ref)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// files lists what is under root, shards and temporary files alike.
func files(t testing.TB, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var content = bytes.Repeat([]byte("<Invoice/>"), 20_000)

func TestRoundTrip(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	for _, n := range []int{0, 1, 999, 64 << 10, len(content)} {
		key := fmt.Sprintf("blob-%d.payload", n)
		ref, err := put(d, key, content[:n])
		if err != nil {
			t.Fatal(err)
		}
		if want := (store.BlobRef{Key: key, Length: int64(n), SHA256: sha256.Sum256(content[:n])}); ref != want {
			t.Fatalf("got %+v, want %+v", ref, want)
		}
		r, err := d.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, content[:n]); err != nil {
			t.Error(err)
		}
		r.Close()
	}
	if _, err := get(d, store.BlobRef{Key: "nobody"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestAbort(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	w, err := d.Create(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(content)
	w.Abort()
	w.Abort()
	if _, err := w.Commit(); err == nil {
		t.Error("commit after abort")
	}
	if left := files(t, root); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestBadKeys(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	for _, key := range []string{
		"", ".", "..", ".hidden", "a/b", `a\b`, "a b", "a\x00", "å",
		strings.Repeat("k", 201),
	} {
		if _, err := d.Create(t.Context(), key); err == nil {
			t.Errorf("create %q", key)
		}
		if _, err := d.Open(t.Context(), store.BlobRef{Key: key}); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("open %q: %v", key, err)
		}
		if d.Delete(t.Context(), key) == nil {
			t.Errorf("delete %q", key)
		}
	}
}

func TestConditionalCreate(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	first, err := put(d, "key", []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := put(d, "key", []byte("first")); err != nil || again != first {
		t.Errorf("same content: %v, %v", again, err)
	}
	for _, other := range []string{"other", "frist", ""} {
		if _, err := put(d, "key", []byte(other)); !errors.Is(err, ErrExists) {
			t.Errorf("other content %q: %v", other, err)
		}
	}
	if got, err := get(d, first); err != nil || string(got) != "first" {
		t.Errorf("got %q, %v", got, err)
	}
	if left := files(t, root); len(left) != 1 {
		t.Errorf("files: %q", left)
	}
}

func TestConcurrentTwins(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := put(d, "key", content); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestREL003DamagedBlob(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root, Options{})
	for name, damage := range map[string]func([]byte) []byte{
		"bit flip":       func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"early bit flip": func(b []byte) []byte { b[headerSize] ^= 1; return b },
		"truncated":      func(b []byte) []byte { return b[:len(b)-1] },
		"longer":         func(b []byte) []byte { return append(b, 0) },
		"other header":   func(b []byte) []byte { b[0]++; return b },
		"only a header":  func(b []byte) []byte { return b[:headerSize] },
		"empty":          func([]byte) []byte { return nil },
	} {
		key := strings.ReplaceAll(name, " ", "-")
		ref, err := put(d, key, content)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(d.path(key))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.path(key), damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Verify(t.Context(), d, ref); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// One who reads exactly as many bytes as the record tells must learn of the damage, too.
func TestREL003DamageIsToldWithTheLastByte(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	ref, err := put(d, "key", content)
	if err != nil {
		t.Fatal(err)
	}
	ref.SHA256[0]++
	r, err := d.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var n int64
	for n < ref.Length && err == nil {
		var m int
		m, err = r.Read(make([]byte, 7777))
		n += int64(m)
	}
	if n != ref.Length || !errors.Is(err, ErrCorrupt) {
		t.Errorf("after %d of %d bytes: %v", n, ref.Length, err)
	}
}

func TestD04HeaderOfAnotherFormat(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	ref, err := put(d, "key", content)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(d.path("key"))
	b[15] = 7
	if err := os.WriteFile(d.path("key"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(d, ref); err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "key 7") {
		t.Errorf("got %v", err)
	}
}

func TestREL001OrderOfOperations(t *testing.T) {
	ffs := &faultfs.FS{}
	var points []string
	d := openDir(t, t.TempDir(), Options{FS: ffs, Hook: func(p string) { points = append(points, p) }})
	if _, err := put(d, "key", []byte("x")); err != nil {
		t.Fatal(err)
	}
	want := "mkdir create write sync close mkdir open sync close link open sync close remove"
	if got := strings.Join(ffs.Ops(), " "); got != want {
		t.Errorf("operations\n got %s\nwant %s", got, want)
	}
	if left := ffs.Unsynced(); len(left) > 0 {
		t.Errorf("a loss of power could take %q", left)
	}
	if got := strings.Join(points, " "); got != "blob.written blob.synced blob.renamed blob.dirsynced" {
		t.Errorf("points %s", got)
	}
	ffs.Restart(0)
	if _, err := put(d, "key", []byte("x")); err != nil { // the shard is known by now, the blob is there
		t.Fatal(err)
	}
	want = "create write sync close link open close open sync close open sync close remove"
	if got := strings.Join(ffs.Ops(), " "); got != want {
		t.Errorf("operations of a repeat\n got %s\nwant %s", got, want)
	}
}

// TestREL002FailAtEachOperation lets the n-th operation of a Put fail, for all n, with each fault. Whatever fails: a
// Put that returned nil is readable, one that returned an error left nothing readable that is wrong, a failed fsync is
// fatal and never repeated, and a repeat on the healed disk works.
func TestREL002FailAtEachOperation(t *testing.T) {
	for _, flt := range faultfs.Faults {
		for _, repeat := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, repeat %v", flt.Name, repeat), func(t *testing.T) {
				for n := 1; ; n++ {
					if !failAt(t, flt, n, repeat) {
						if n < 10 {
							t.Fatalf("only %d operations", n)
						}
						return
					}
				}
			})
		}
	}
}

// failAt runs one Put whose n-th operation fails and tells whether there was one.
func failAt(t *testing.T, flt faultfs.Fault, n int, repeat bool) bool {
	t.Helper()
	root := t.TempDir()
	healthy := openDir(t, root, Options{})
	if repeat {
		if _, err := put(healthy, "key", content); err != nil {
			t.Fatal(err)
		}
	}
	ffs := &faultfs.FS{Fault: flt}
	d := openDir(t, root, Options{FS: ffs})
	ffs.Restart(n)
	ref, err := put(d, "key", content)
	if ffs.Failed() == "" {
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	want := store.BlobRef{Key: "key", Length: int64(len(content)), SHA256: sha256.Sum256(content)}
	switch {
	case err == nil && ffs.Failed() != "remove":
		t.Fatalf("n = %d: %s failed, Put did not", n, ffs.Failed())
	case err == nil && ref != want:
		t.Fatalf("n = %d: %+v", n, ref)
	case err != nil && !errors.Is(err, flt.Err):
		t.Fatalf("n = %d: the cause is lost: %v", n, err)
	}
	if ffs.Failed() == "sync" {
		if !db.IsFatal(err) {
			t.Fatalf("n = %d: fsync failed, got %v", n, err)
		}
		if slices.Contains(ffs.Ops()[n:], "sync") {
			t.Fatalf("n = %d: fsync after a failed one", n)
		}
	}
	if got, err := get(healthy, want); err == nil {
		if !bytes.Equal(got, content) {
			t.Fatalf("n = %d: wrong content", n)
		}
	} else if !errors.Is(err, ErrNotFound) || repeat {
		t.Fatalf("n = %d: %v", n, err)
	}
	if ffs.Failed() != "remove" {
		if left, _ := os.ReadDir(filepath.Join(root, tempDir)); len(left) > 0 {
			t.Fatalf("n = %d: %s failed, temporary file left", n, ffs.Failed())
		}
	}
	if _, err := put(healthy, "key", content); err != nil {
		t.Fatalf("n = %d: repeat: %v", n, err)
	}
	return true
}

func BenchmarkPut(b *testing.B) {
	d := openDir(b, b.TempDir(), Options{})
	b.SetBytes(20_000)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := put(d, db.NewID()+".payload", content[:20_000]); err != nil {
				b.Error(err)
			}
		}
	})
}

package backend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/durable/faultfs"
)

var whole = strings.Repeat("content ", 100_000)

// of describes a payload as the record does.
func of(id, content string) Metadata {
	sum := sha256.Sum256([]byte(content))
	return Metadata{
		DeliveryID: id, Length: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Payload: PayloadName,
	}
}

func deliver(t *testing.T, f *Folder, id, content string) Outcome {
	t.Helper()
	return f.Deliver(t.Context(), Delivery{ID: id, Payload: strings.NewReader(content), Metadata: of(id, content)})
}

// names lists a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// wantDelivered fails unless the folder of a delivery has this document with its metadata, and nothing else is there.
func wantDelivered(t *testing.T, f *Folder, id, content string) {
	t.Helper()
	if got := names(t, f.Dir); !slices.Equal(got, []string{id}) {
		t.Errorf("in the folder: %q", got)
	}
	got, err := os.ReadFile(filepath.Join(f.Dir, id, PayloadName))
	if err != nil || string(got) != content {
		t.Errorf("the document has %d of %d bytes, %v", len(got), len(content), err)
	}
	text, err := os.ReadFile(filepath.Join(f.Dir, id, metadataName))
	var m Metadata
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil || !reflect.DeepEqual(m, of(id, content)) {
		t.Errorf("metadata %+v, %v", m, err)
	}
}

func TestREL012Folder(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	if out := deliver(t, f, "a", whole); out.Class != Taken {
		t.Fatal(out)
	}
	wantDelivered(t, f, "a", whole)
	before, err := os.Stat(filepath.Join(f.Dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if out := deliver(t, f, "a", whole); out.Class != Already {
		t.Errorf("a repeat: %+v", out)
	}
	if after, err := os.Stat(filepath.Join(f.Dir, "a")); err != nil || !os.SameFile(before, after) ||
		!after.ModTime().Equal(before.ModTime()) {
		t.Error("a repeat changed what was delivered")
	}
	if out := deliver(t, f, "a", "other"); out.Class != Conflict {
		t.Errorf("another content under the same id: %+v", out)
	}
	wantDelivered(t, f, "a", whole)
}

// A lease ends while its worker is still writing: a machine that slept, a database that was away. Another worker has
// the delivery now. Nobody sees half a document, and whoever is first decides.
func TestREL012TwoWorkersOneDelivery(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	var write [2]*io.PipeWriter
	var done [2]chan Outcome
	for i := range write {
		r, w := io.Pipe()
		write[i], done[i] = w, make(chan Outcome, 1)
		go func() { done[i] <- f.Deliver(t.Context(), Delivery{ID: "a", Payload: r, Metadata: of("a", whole)}) }()
		if _, err := io.WriteString(w, whole[:1000]); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names(t, f.Dir) {
		if !strings.HasPrefix(name, ".") {
			t.Errorf("%q is there while both are writing", name)
		}
	}
	for i, w := range write {
		if _, err := io.WriteString(w, whole[1000:]); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), (<-done[i]).Err); err != nil {
			t.Errorf("worker %d: %v", i, err)
		}
		if _, err := os.Stat(filepath.Join(f.Dir, "a")); err != nil {
			t.Error(err)
		}
	}
	wantDelivered(t, f, "a", whole)
}

// What lies there counts by its bytes. An older program could publish half a document with metadata that claim the
// whole.
func TestREL012HalfADocumentIsNotDelivered(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"half":        func(dir string) error { return os.Truncate(filepath.Join(dir, PayloadName), 1000) },
		"no document": func(dir string) error { return os.Remove(filepath.Join(dir, PayloadName)) },
		"other bytes": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, PayloadName), []byte(strings.ToUpper(whole)), 0o600)
		},
		"not a folder": func(dir string) error {
			return errors.Join(os.RemoveAll(dir),
				os.WriteFile(dir, []byte(whole), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Folder{Dir: t.TempDir()}
			if out := deliver(t, f, "a", whole); out.Err != nil {
				t.Fatal(out.Err)
			}
			if err := spoil(filepath.Join(f.Dir, "a")); err != nil {
				t.Fatal(err)
			}
			if out := deliver(t, f, "a", whole); out.Class != Conflict {
				t.Errorf("got %+v", out)
			}
			if got := names(t, f.Dir); !slices.Equal(got, []string{"a"}) {
				t.Errorf("left %q", got)
			}
		})
	}
}

// C4 took the folder away: a repeat delivers again.
func TestREL012TakenAway(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	for range 2 {
		if out := deliver(t, f, "a", whole); out.Class != Taken {
			t.Fatal(out)
		}
		wantDelivered(t, f, "a", whole)
		if err := os.RemoveAll(filepath.Join(f.Dir, "a")); err != nil {
			t.Fatal(err)
		}
	}
}

// lateCancel ends a context when the document is written, before it has its name.
type lateCancel struct {
	durable.OS
	cancel func()
}

func (c lateCancel) Create(name string, mode fs.FileMode) (durable.File, error) {
	if filepath.Base(name) == metadataName {
		c.cancel()
	}
	return c.OS.Create(name, mode)
}

func TestREL013CancelledBeforeItHasItsName(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &Folder{Dir: t.TempDir(), FS: lateCancel{cancel: cancel}}
	err := f.Deliver(ctx, Delivery{ID: "a", Payload: strings.NewReader(whole), Metadata: of("a", whole)}).Err
	if got := names(t, f.Dir); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("%v, left %q", err, got)
	}
}

// Whatever fails on the disk: the document is there whole or not at all, and the next attempt delivers it.
func TestREL012FailAtEachOperation(t *testing.T) {
	for _, flt := range faultfs.Faults {
		t.Run(flt.Name, func(t *testing.T) {
			for n := 1; ; n++ {
				f := &Folder{Dir: t.TempDir()}
				ffs := &faultfs.FS{Fault: flt, At: n}
				f.FS = ffs
				err := deliver(t, f, "a", whole).Err
				if ffs.Failed() == "" {
					if err != nil || n < 15 {
						t.Fatalf("n = %d: %v", n, err)
					}
					return
				}
				if err != nil && !errors.Is(err, flt.Err) {
					t.Errorf("n = %d: %s failed, got %v", n, ffs.Failed(), err)
				}
				if err == nil && ffs.Failed() != "close" {
					t.Errorf("n = %d: %s failed, and it counts as delivered", n, ffs.Failed())
				}
				if _, serr := os.Stat(filepath.Join(f.Dir, "a")); (serr == nil) != (err == nil) &&
					ffs.Failed() != "close" {
					t.Errorf("n = %d: %s failed: it is there: %v, delivered: %v", n, ffs.Failed(), serr == nil, err)
				}
				f.FS = nil
				if out := deliver(t, f, "a", whole); !out.Delivered() {
					t.Errorf("n = %d: the next attempt: %v", n, out.Err)
				}
				wantDelivered(t, f, "a", whole)
			}
		})
	}
}

// A loss of power takes nothing of what counts as delivered: neither of a document that was just written, nor of one
// that an attempt left that died before its fsync and that a repeat finds.
func TestREL012NothingDeliveredIsUnsynced(t *testing.T) {
	ffs := &faultfs.FS{}
	f := &Folder{Dir: t.TempDir(), FS: ffs}
	if out := deliver(t, f, "a", whole); out.Err != nil {
		t.Fatal(out.Err)
	}
	if left := ffs.Unsynced(); len(left) > 0 {
		t.Errorf("delivered, and a loss of power could take %q", left)
	}
	final := filepath.Join(f.Dir, "b")
	tmp, err := durable.CreateFolder(ffs, f.Dir, "b", folderMode)
	if err != nil {
		t.Fatal(err)
	}
	defer tmp.Discard()
	if err := errors.Join(tmp.Write(PayloadName, fileMode, durable.Bytes([]byte(whole))),
		tmp.Publish(final)); err != nil {
		t.Fatal(err)
	}
	if left := ffs.Unsynced(); !slices.Equal(left, []string{final}) {
		t.Fatalf("the one that died left %q unsynced", left)
	}
	if out := deliver(t, f, "b", whole); out.Err != nil {
		t.Fatal(out.Err)
	}
	if left := ffs.Unsynced(); len(left) > 0 {
		t.Errorf("a repeat calls it delivered, and a loss of power could take %q", left)
	}
}

// CP-R12: what dead attempts left is removed later; one that lives goes on.
func TestSweepAfterCrash(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	dead := filepath.Join(f.Dir, ".ravn-dead-X.tmp")
	if err := errors.Join(os.Mkdir(dead, 0o700), os.WriteFile(filepath.Join(dead, PayloadName), []byte("ha"),
		0o600)); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan Outcome, 1)
	go func() { done <- f.Deliver(t.Context(), Delivery{ID: "a", Payload: r, Metadata: of("a", whole)}) }()
	if _, err := io.WriteString(w, whole[:1000]); err != nil {
		t.Fatal(err)
	}
	if err := f.Sweep(time.Now().Add(48 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead one: %v", err)
	}
	if _, err := io.WriteString(w, whole[1000:]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), (<-done).Err); err != nil {
		t.Error(err)
	}
	wantDelivered(t, f, "a", whole)
}

func TestFolderUnwritable(t *testing.T) {
	f := &Folder{Dir: filepath.Join(t.TempDir(), "gone")}
	if out := deliver(t, f, "a", "x"); out.Class != Retry || !errors.Is(out.Err, os.ErrNotExist) {
		t.Errorf("delivered into a folder that is not there: %+v", out)
	}
}

var _ Backend = (*Folder)(nil)

package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// recordOf reads small blobs from a map.
func recordOf(m map[string][]byte) func(context.Context, string, string) ([]byte, error) {
	return func(_ context.Context, id, name string) ([]byte, error) {
		b, ok := m[id+"/"+name]
		if !ok {
			return nil, db.ErrNotFound
		}
		return b, nil
	}
}

func TestMixed(t *testing.T) {
	dir, err := OpenDir(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	record := map[string][]byte{}
	m := &Mixed{Large: dir, Max: 100, Read: recordOf(record)}
	for _, size := range []int{0, 1, 99, 100, 101, 100_000} {
		content := bytes.Repeat([]byte{7}, size)
		w, err := m.Create(t.Context(), store.BlobKey("id", "sbd"))
		if err != nil {
			t.Fatal(err)
		}
		for part := range bytes.Lines(content) {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		ref, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		if inline := ref.Inline != ""; inline != (size <= 100) ||
			inline != strings.HasPrefix(ref.Key, store.InlineMark) {
			t.Errorf("%d bytes: inline %v, key %s", size, inline, ref.Key)
		}
		record["id/sbd"] = []byte(ref.Inline) // what the store does
		ref.Inline = ""
		r, err := m.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
		if err := m.Delete(t.Context(), ref.Key); err != nil {
			t.Error(err)
		}
	}
}

// REL-003: what the record keeps is checked like a file.
func TestREL003MixedDamage(t *testing.T) {
	record := map[string][]byte{}
	m := &Mixed{Max: 100, Read: recordOf(record)}
	w, err := m.Create(t.Context(), store.BlobKey("id", "sbd"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	ref, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	good := ref.Inline
	ref.Inline = ""
	for name, bad := range map[string]string{
		"shorter": good[:len(good)-1], "another byte": good[:len(good)-1] + "X",
		"another header": "X" + good[1:],
	} {
		record["id/sbd"] = []byte(bad)
		r, err := m.Open(t.Context(), ref)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

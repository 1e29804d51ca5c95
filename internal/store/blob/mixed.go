package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// Mixed keeps blobs of up to Max bytes in the record and larger ones in another Store. A small blob costs no file and
// no fsync of its own: it becomes durable with the row that refers to it (REL-001 allows that). Its stored form is the
// same.
type Mixed struct {
	Large Store
	Max   int // bytes

	// Read reads a small blob from the record; db.ErrNotFound if there is none.
	Read func(ctx context.Context, messageID, name string) ([]byte, error)
}

// Create begins a blob; which kind it is shows while it is written.
func (m *Mixed) Create(ctx context.Context, key string) (*Writer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	large := func() (*Writer, error) { return m.Large.Create(ctx, key) }
	return newWriter(key, &small{max: headerSize + m.Max, create: large}), nil
}

// small holds what is written until it is too much.
type small struct {
	max    int
	create func() (*Writer, error) // begins a large blob
	buf    []byte
	large  *Writer
}

func (s *small) Write(p []byte) (int, error) {
	if s.large != nil {
		return s.large.Write(p)
	}
	if len(s.buf)+len(p) <= s.max {
		s.buf = append(s.buf, p...)
		return len(p), nil
	}
	var err error
	if s.large, err = s.create(); err != nil {
		return 0, err
	}
	if _, err := s.large.Write(s.buf[headerSize:]); err != nil {
		return 0, err
	}
	s.buf = nil
	return s.large.Write(p)
}

func (s *small) commit(ref *store.BlobRef) error {
	if s.large != nil {
		_, err := s.large.Commit()
		return err
	}
	ref.Key, ref.Inline = store.InlineMark+ref.Key, string(s.buf)
	return nil
}

func (s *small) abort() {
	if s.large != nil {
		s.large.Abort()
	}
}

// Open reads a blob of either kind.
func (m *Mixed) Open(ctx context.Context, ref store.BlobRef) (io.ReadCloser, error) {
	key, inline := strings.CutPrefix(ref.Key, store.InlineMark)
	if !inline {
		return m.Large.Open(ctx, ref)
	}
	id, name, _ := strings.Cut(key, ".")
	b, err := m.Read(ctx, id, name)
	if errors.Is(err, db.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, ref.Key)
	}
	if err != nil {
		return nil, err
	}
	return stored(ref, b)
}

// Inline reads a small blob whose bytes are still in the reference: one that this process has just written.
func Inline(ref store.BlobRef) (io.ReadCloser, error) { return stored(ref, []byte(ref.Inline)) }

// stored reads the stored form of a small blob.
func stored(ref store.BlobRef, b []byte) (io.ReadCloser, error) {
	if int64(len(b)) != headerSize+ref.Length {
		return nil, &CorruptError{ref.Key, "its length is not the one on record"}
	}
	if err := checkHeader(ref.Key, b[:headerSize]); err != nil {
		return nil, err
	}
	return newReader(io.NopCloser(bytes.NewReader(b[headerSize:])), ref), nil
}

// Delete removes a blob; what the record keeps goes with its message.
func (m *Mixed) Delete(ctx context.Context, key string) error {
	if strings.HasPrefix(key, store.InlineMark) {
		return nil
	}
	return m.Large.Delete(ctx, key)
}

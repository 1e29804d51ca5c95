// Package blob keeps payload bytes outside the database (design.md D-04). A blob is written once, as a stream, and is
// durable when Commit returns; reading it checks length and hash.
package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/ravn-ap/ravn/internal/store"
)

// Store keeps blobs by key. [Dir] is one.
type Store interface {
	// Create begins a blob. Nothing can be read under key before Commit.
	Create(ctx context.Context, key string) (*Writer, error)

	// Open reads a blob from its start. The reader gives a *CorruptError instead of the last bytes if length or hash
	// are not those of ref (REL-003). ErrNotFound means that there is none.
	Open(ctx context.Context, ref store.BlobRef) (io.ReadCloser, error)

	// Delete removes a blob. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

var (
	// ErrNotFound means that there is no blob under the key.
	ErrNotFound = errors.New("blob: not found")

	// ErrExists means that another content is there under the key. It stays as it is.
	ErrExists = errors.New("blob: key holds another content")

	// ErrCorrupt is the class of *CorruptError.
	ErrCorrupt = errors.New("blob: damaged")
)

// CorruptError is a stored blob that is not what was stored (REL-003).
type CorruptError struct {
	Key    string
	Reason string
}

func (e *CorruptError) Error() string        { return "blob: " + e.Key + " is damaged: " + e.Reason }
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// header is what each stored blob begins with, so that a later form, such as an encrypted one, can stand beside this
// without a rewrite (D-04): "RAVNBLOB", format version, reserved, key id. Key id 0 means that the bytes are clear.
const (
	headerSize = 16
	magic      = "RAVNBLOB"
	version    = 1
)

var header = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte(magic),
	version), 0), 0)

func checkHeader(key string, h []byte) error {
	switch {
	case string(h[:8]) != magic:
		return &CorruptError{key, "it does not begin like a blob"}
	case !bytes.Equal(h, header):
		return fmt.Errorf("blob: %s has format %d with key %d, which this program does not know",
			key, binary.BigEndian.Uint16(h[8:]), binary.BigEndian.Uint32(h[12:]))
	}
	return nil
}

// sink is where a Writer's bytes go.
type sink interface {
	io.Writer
	commit(ref *store.BlobRef) error // makes what was written durable under the key
	abort()                          // forgets it
}

// Writer takes the bytes of one blob. One of Commit and Abort must be called; Abort after Commit does nothing, so it
// can be deferred.
type Writer struct {
	key    string
	sink   sink
	hash   hash.Hash
	length int64
	err    error // of the first failure; nothing is tried again after one (REL-002)
	over   bool
}

func newWriter(key string, s sink) *Writer {
	w := &Writer{key: key, sink: s, hash: sha256.New()}
	_, w.err = s.Write(header)
	return w
}

// Write appends to the blob.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.sink.Write(p)
	w.hash.Write(p[:n])
	w.length += int64(n)
	w.err = err
	return n, err
}

// Commit makes the blob durable under its key and says what it is (REL-001). After an error nothing is stored, and a
// db.IsFatal one means that the disk cannot be trusted (REL-002). If the key holds the same content already, that is
// as good; if it holds another one, ErrExists.
func (w *Writer) Commit() (store.BlobRef, error) {
	if w.over {
		return store.BlobRef{}, errors.New("blob: commit of a finished writer")
	}
	if w.err != nil {
		w.Abort()
		return store.BlobRef{}, w.err
	}
	w.over = true
	ref := store.BlobRef{Key: w.key, Length: w.length}
	w.hash.Sum(ref.SHA256[:0])
	if err := w.sink.commit(&ref); err != nil {
		return store.BlobRef{}, err
	}
	return ref, nil
}

// Abort forgets the blob.
func (w *Writer) Abort() {
	if !w.over {
		w.over = true
		w.sink.abort()
	}
}

// reader checks a blob while it is read.
type reader struct {
	io.Closer
	src  io.Reader
	ref  store.BlobRef
	hash hash.Hash
	left int64
	err  error
}

// newReader returns a reader of the bytes after the header.
func newReader(src io.ReadCloser, ref store.BlobRef) *reader {
	return &reader{Closer: src, src: src, ref: ref, hash: sha256.New(), left: ref.Length}
}

// Read gives an error together with the last bytes if the blob is damaged, so that nobody who reads ref.Length bytes
// and no more misses it.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.src.Read(p)
	r.hash.Write(p[:n])
	r.left -= int64(n)
	switch {
	case r.left == 0:
		r.err = io.EOF
		if [sha256.Size]byte(r.hash.Sum(nil)) != r.ref.SHA256 {
			r.err = &CorruptError{r.ref.Key, "its SHA-256 is not the one on record"}
			return n, r.err
		}
		return n, r.atEnd(n)
	case err == io.EOF:
		r.err = &CorruptError{r.ref.Key, fmt.Sprintf("%d bytes are missing", r.left)}
		return n, r.err
	}
	return n, err
}

// atEnd is the answer together with the last bytes, if there were any.
func (r *reader) atEnd(n int) error {
	if n == 0 {
		return io.EOF
	}
	return nil
}

// Verify reads a whole blob and returns nil if it is what ref says (REL-003).
func Verify(ctx context.Context, s Store, ref store.BlobRef) error {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

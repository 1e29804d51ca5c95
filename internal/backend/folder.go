package backend

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
)

// Folder delivers into a folder: one subfolder per document, named after the delivery id, with the envelope and
// metadata.json. The subfolder appears complete and synced by one rename, so that a reader never sees half of it. Each
// attempt writes under a name of its own, so that two at once, after an expired lease, cannot disturb each other before
// the rename. A repeat finds the subfolder, compares the document in it, and changes nothing (REL-012).
type Folder struct {
	Called string // its name; "" means folder
	Dir    string
	FS     durable.FS // nil means the operating system's

	turn  sync.Mutex // held while Dir is synced
	mu    sync.Mutex
	round *syncRound // the next fsync of Dir, not begun yet
}

// syncRound is one fsync of the folder, shared by all deliveries that asked for it before it began.
type syncRound struct {
	done chan struct{}
	err  error
}

// Names of the files in a delivered folder. The envelope is PayloadName.
const (
	PayloadName  = "document.xml"
	metadataName = "metadata.json"
)

// Permissions of what is delivered: the group of C4 may read it.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

// Name returns the name of the backend.
func (f *Folder) Name() string { return cmp.Or(f.Called, "folder") }

func (f *Folder) fs() durable.FS { return cmp.Or[durable.FS](f.FS, durable.OS{}) }

// Deliver writes the document. If ctx ends before the document has its name, nothing appears.
func (f *Folder) Deliver(ctx context.Context, d Delivery) Outcome {
	final := filepath.Join(f.Dir, d.ID)
	out := f.repeat(ctx, final, d)
	if !errors.Is(out.Err, fs.ErrNotExist) {
		return out
	}
	err := f.deliver(ctx, final, d)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster
		return f.repeat(ctx, final, d)
	}
	return Ended(err)
}

func (f *Folder) deliver(ctx context.Context, final string, d Delivery) error {
	meta, err := json.MarshalIndent(d.Metadata, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := durable.CreateFolder(f.fs(), f.Dir, d.ID, folderMode)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if err := tmp.Write(PayloadName, fileMode, func(w io.Writer) error { return copyWhole(ctx, w, d) }); err != nil {
		return err
	}
	if err := tmp.Write(metadataName, fileMode, durable.Bytes(append(meta, '\n'))); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the lease is lost or the server stops: another attempt will deliver it
		return err
	}
	if err := tmp.Publish(final); err != nil {
		return err
	}
	err = f.sync()
	if err != nil { // a second fsync could succeed in vain (REL-002): it is written anew
		err = errors.Join(err, tmp.Withdraw(final))
	}
	return err
}

// copyWhole copies the payload and checks it against the metadata.
func copyWhole(ctx context.Context, w io.Writer, d Delivery) error {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), &stoppable{ctx, d.Payload})
	if err == nil && !d.Metadata.is(n, sum.Sum(nil)) {
		err = fmt.Errorf("backend: the payload of %s is not what its metadata say: %d bytes, SHA-256 %x",
			d.ID, n, sum.Sum(nil))
	}
	return err
}

// is reports whether a payload is the one that the metadata describe.
func (m *Metadata) is(length int64, sum []byte) bool {
	return length == m.Length && hex.EncodeToString(sum) == m.SHA256
}

// stoppable reads until its context ends.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// sync makes the names in the folder durable. Deliveries that end together share one fsync.
func (f *Folder) sync() error {
	f.mu.Lock()
	r := f.round
	if r != nil { // not begun yet: it will cover our rename
		f.mu.Unlock()
		<-r.done
		return r.err
	}
	r = &syncRound{done: make(chan struct{})}
	f.round = r
	f.mu.Unlock()
	f.turn.Lock() // the round before is still under way
	f.mu.Lock()
	f.round = nil
	f.mu.Unlock()
	r.err = durable.SyncDir(f.fs(), f.Dir)
	f.turn.Unlock()
	close(r.done)
	return r.err
}

// repeat ends the delivery of a document that was delivered before. It compares the delivered bytes, not their
// metadata. Different content under the same id is a conflict. fs.ErrNotExist means that it was not delivered.
func (f *Folder) repeat(ctx context.Context, final string, d Delivery) Outcome {
	file, err := f.fs().Open(filepath.Join(final, PayloadName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		taken, terr := f.fs().Open(final)
		if terr != nil {
			return Ended(terr)
		}
		_ = taken.Close() // it was only to see what is there
		return conflict("there is no %s", PayloadName)
	}
	if err != nil {
		return Ended(err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &stoppable{ctx, file})
	if err = errors.Join(err, file.Close()); err != nil {
		return Ended(err)
	}
	if !d.Metadata.is(n, sum.Sum(nil)) {
		return conflict("there are %d bytes with SHA-256 %x, to be delivered are %d with %s",
			n, sum.Sum(nil), d.Metadata.Length, d.Metadata.SHA256)
	}
	if err := f.sync(); err != nil {
		return Ended(err)
	}
	return Outcome{Class: Already}
}

// conflict is the outcome for a delivery id that is taken by something else.
func conflict(format string, args ...any) Outcome {
	return Outcome{Class: Conflict, Err: fmt.Errorf(format, args...)}
}

// Sweep removes what attempts left that died before they published (CP-R12).
func (f *Folder) Sweep(now time.Time) error { return durable.Sweep(f.fs(), f.Dir, now) }

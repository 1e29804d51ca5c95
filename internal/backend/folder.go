package backend

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
)

// Folder delivers into a folder: each document into a subfolder of its own, or into two files, as its layout says. A
// subfolder appears complete and synced by one rename, and of two files the document comes last, so that a reader never
// sees half of it. Each attempt writes under a name of its own, so that two at once, after an expired lease, cannot
// disturb each other before they give it its name. A repeat finds the document, compares it, and changes nothing
// (REL-012). Nothing is read or written outside of the folder, whatever links are in it (SEC-136).
type Folder struct {
	Called  string // its name; "" means folder
	Dir     string
	Layout  Layout      // "" means LayoutRavn
	Pattern string      // of names, in LayoutFlat and LayoutPerTransaction; "" means DefaultPattern
	Mode    fs.FileMode // of files; 0 means 0640. Folders can be entered by whoever can read files
	Phoss   bool        // metadata have phoss-ap's members

	FS durable.FS // nil means the operating system's, within Dir

	turn  sync.Mutex // held while Dir is synced
	mu    sync.Mutex
	round *syncRound // the next fsync of Dir, not begun yet
}

// spot is the folder as one delivery sees it.
type spot struct {
	durable.FS
	dir string
}

// syncRound is one fsync of the folder, shared by all deliveries that asked for it before it began.
type syncRound struct {
	done chan struct{}
	err  error
}

// Names of the files in a delivered folder. The envelope is PayloadName in LayoutRavn.
const (
	PayloadName  = "document.xml"
	sbdName      = "sbd.xml"
	metadataName = "metadata.json"
)

// Permissions of what is delivered: the group of C4 may read it.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

// Name returns the name of the backend.
func (f *Folder) Name() string { return cmp.Or(f.Called, "folder") }

func (f *Folder) fileMode() fs.FileMode { return cmp.Or(f.Mode, fileMode) }

// folderMode lets those enter who may read.
func (f *Folder) folderMode() fs.FileMode { return f.fileMode() | f.fileMode()&0o444>>2 }

// open opens the folder for one delivery: a disk that is not mounted any more is noticed.
func (f *Folder) open() (at spot, done func(), err error) {
	if f.FS != nil {
		return spot{f.FS, f.Dir}, func() {}, nil
	}
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return at, nil, err
	}
	return spot{durable.Root{Root: root}, "."}, func() { _ = root.Close() }, nil // there is nothing to be written
}

// Deliver writes the document. If ctx ends before the document has its name, nothing appears.
func (f *Folder) Deliver(ctx context.Context, d Delivery) Outcome {
	at, done, err := f.open()
	if err != nil {
		return Ended(err)
	}
	defer done()
	switch f.Layout {
	case LayoutFlat:
		return f.flat(ctx, at, d)
	case LayoutOxalis:
		return f.oxalis(ctx, at, d)
	case LayoutPerTransaction:
		return f.subfolder(ctx, at, d, f.name(&d), sbdName)
	}
	return f.subfolder(ctx, at, d, d.ID, PayloadName)
}

// subfolder delivers into a folder of its own.
func (f *Folder) subfolder(ctx context.Context, at spot, d Delivery, name, file string) Outcome {
	final := filepath.Join(at.dir, name)
	out := f.repeat(ctx, at, final, file, d)
	if !errors.Is(out.Err, fs.ErrNotExist) {
		return out
	}
	err := f.deliver(ctx, at, final, file, d)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster
		return f.repeat(ctx, at, final, file, d)
	}
	return Ended(err)
}

func (f *Folder) deliver(ctx context.Context, at spot, final, file string, d Delivery) error {
	meta, err := f.describe(&d, file)
	if err != nil {
		return err
	}
	tmp, err := durable.CreateFolder(at.FS, at.dir, d.ID, f.folderMode())
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if err := tmp.Write(file, f.fileMode(), func(w io.Writer) error { return copyWhole(ctx, w, d) }); err != nil {
		return err
	}
	if err := tmp.Write(metadataName, f.fileMode(), durable.Bytes(meta)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the lease is lost or the server stops: another attempt will deliver it
		return err
	}
	if err := tmp.Publish(final); err != nil {
		return err
	}
	err = f.sync(at)
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
func (f *Folder) sync(at spot) error {
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
	r.err = durable.SyncDir(at.FS, at.dir)
	f.turn.Unlock()
	close(r.done)
	return r.err
}

// repeat ends the delivery of a document that was delivered before. It compares the delivered bytes, not their
// metadata. Different content under the same id is a conflict. fs.ErrNotExist means that it was not delivered.
func (f *Folder) repeat(ctx context.Context, at spot, final, name string, d Delivery) Outcome {
	file, err := at.Open(filepath.Join(final, name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		taken, terr := at.Open(final)
		if terr != nil {
			return Ended(terr)
		}
		_ = taken.Close() // it was only to see what is there
		return conflict("there is no %s", name)
	}
	if err != nil {
		return Ended(err)
	}
	if out := compare(ctx, file, d); out.Class != Already {
		return out
	}
	if err := f.sync(at); err != nil {
		return Ended(err)
	}
	return Outcome{Class: Already}
}

// compare says what a file that is there means for a delivery, and closes it.
func compare(ctx context.Context, file durable.File, d Delivery) Outcome {
	sum := sha256.New()
	n, err := io.Copy(sum, &stoppable{ctx, file})
	if err = errors.Join(err, file.Close()); errors.Is(err, syscall.EISDIR) {
		return conflict("there is a folder")
	}
	if err != nil {
		return Ended(err)
	}
	if !d.Metadata.is(n, sum.Sum(nil)) {
		return conflict("there are %d bytes with SHA-256 %x, to be delivered are %d with %s",
			n, sum.Sum(nil), d.Metadata.Length, d.Metadata.SHA256)
	}
	return Outcome{Class: Already}
}

// conflict is the outcome for a delivery id that is taken by something else.
func conflict(format string, args ...any) Outcome {
	return Outcome{Class: Conflict, Err: fmt.Errorf(format, args...)}
}

// Sweep removes what attempts left that died before they published (CP-R12).
func (f *Folder) Sweep(now time.Time) error {
	return durable.Sweep(cmp.Or[durable.FS](f.FS, durable.OS{}), f.Dir, now)
}

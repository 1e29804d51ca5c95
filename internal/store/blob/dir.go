package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/store"
)

// Dir keeps blobs in a local folder: root/ab/key, where ab are two hex digits of the key's hash, root/tmp for files
// that are being written, and root/quarantine for blobs that nobody seems to need. The file system must know hard
// links, which is how an existing blob is never replaced.
type Dir struct {
	root    string
	fs      durable.FS
	hook    func(string)
	rescued func(string)
	synced  func(string, time.Duration)
	shards  sync.Map // shard → struct{}, once its name is durable
}

// Options are the parts of a Dir that tests replace.
type Options struct {
	FS   durable.FS         // nil means the operating system's
	Hook func(point string) // called at "blob.written", "blob.synced", "blob.renamed" and "blob.dirsynced"

	Rescued func(key string) // told of each blob that was needed and found in quarantine; it is back in its place

	// Synced is told how long it took until a blob ("blob") or the names in a folder ("folder") were on disk; nil:
	// nobody asks.
	Synced func(what string, took time.Duration)
}

const tempDir = "tmp"

// Rights of files and folders: payloads are for us alone.
const (
	fileMode   = 0o600
	folderMode = 0o700
)

// OpenDir uses the folder root, which must exist.
func OpenDir(root string, opts Options) (*Dir, error) {
	if opts.FS == nil {
		opts.FS = durable.OS{}
	}
	if opts.Hook == nil {
		opts.Hook = func(string) {}
	}
	if opts.Rescued == nil {
		opts.Rescued = func(string) {}
	}
	if opts.Synced == nil {
		opts.Synced = func(string, time.Duration) {}
	}
	d := &Dir{root: root, fs: opts.FS, hook: opts.Hook, rescued: opts.Rescued, synced: opts.Synced}
	if err := d.fs.Mkdir(filepath.Join(root, tempDir), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return d, nil
}

// checkKey accepts what is a plain file name everywhere.
func checkKey(key string) error {
	ok := key != "" && len(key) <= 200 && key[0] != '.'
	for _, c := range []byte(key) {
		ok = ok && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' ||
			c == '.')
	}
	if !ok {
		return fmt.Errorf("blob: bad key %q", key)
	}
	return nil
}

func (d *Dir) shard(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(d.root, hex.EncodeToString(sum[:1]))
}

func (d *Dir) path(key string) string { return filepath.Join(d.shard(key), key) }

// Create begins a blob in a temporary file of the same file system.
func (d *Dir) Create(_ context.Context, key string) (*Writer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	t, err := durable.Create(d.fs, filepath.Join(d.root, tempDir), key, fileMode)
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return newWriter(key, &temp{t, d}), nil
}

// temp is the file that a Writer fills.
type temp struct {
	*durable.Temp
	dir *Dir
}

func (t *temp) abort() { t.Discard() }

// commit follows the order of REL-001: fsync of the file, its final name, fsync of the folder.
func (t *temp) commit(ref *store.BlobRef) error {
	defer t.Discard()
	d := t.dir
	if err := t.Flush(); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	d.hook("blob.written")
	began := time.Now()
	if err := t.Seal(); err != nil {
		return failed(err)
	}
	d.synced("blob", time.Since(began))
	d.hook("blob.synced")
	if err := d.makeShard(ref.Key); err != nil {
		return err
	}
	err := t.PublishNew(d.path(ref.Key)) // fails if the key is taken
	if errors.Is(err, fs.ErrExist) {
		return d.adopt(*ref)
	}
	if err != nil {
		return failed(err)
	}
	d.hook("blob.renamed")
	if err := d.sync(d.shard(ref.Key)); err != nil {
		_ = d.fs.Remove(d.path(ref.Key)) // nobody shall take it for durable
		return err
	}
	d.hook("blob.dirsynced")
	return nil
}

// failed names the room; after a failed fsync the disk below is not trusted any more (REL-002).
func failed(err error) error {
	var s *durable.SyncError
	if errors.As(err, &s) {
		return &db.FatalError{Op: s.Op + " " + s.Name, Err: s.Err}
	}
	return fmt.Errorf("blob: %w", err)
}

// adopt takes the blob that is there for the one to be written, if it is the same. It may stem from a process that died
// between link and fsync, so its durability is made sure here.
func (d *Dir) adopt(ref store.BlobRef) error {
	err := Verify(context.Background(), d, ref)
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %s", ErrExists, ref.Key)
	}
	if err != nil {
		return err
	}
	if err := d.sync(d.path(ref.Key)); err != nil {
		return err
	}
	return d.sync(d.shard(ref.Key))
}

// makeShard makes the shard folder of key and its name durable, once per process.
func (d *Dir) makeShard(key string) error {
	shard := d.shard(key)
	if _, ok := d.shards.Load(shard); ok {
		return nil
	}
	if err := d.fs.Mkdir(shard, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("blob: %w", err)
	}
	if err := d.sync(d.root); err != nil {
		return err
	}
	d.shards.Store(shard, struct{}{})
	return nil
}

// sync is an fsync of a folder, or of a file that is not open.
func (d *Dir) sync(name string) error {
	began := time.Now()
	defer func() { d.synced("folder", time.Since(began)) }()
	if err := durable.SyncDir(d.fs, name); err != nil {
		return failed(err)
	}
	return nil
}

// Open reads a blob, also one that is in quarantine, which then returns to its place.
func (d *Dir) Open(_ context.Context, ref store.BlobRef) (io.ReadCloser, error) {
	f, err := d.find(ref.Key)
	if err != nil {
		return nil, err
	}
	if err := check(f, ref); err != nil {
		_ = f.Close()
		return nil, err
	}
	return newReader(f, ref), nil
}

// Has reports whether there is a blob, and brings it back from quarantine.
func (d *Dir) Has(key string) (bool, error) {
	f, err := d.find(key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// find opens the file of a blob.
func (d *Dir) find(key string) (durable.File, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := d.fs.Open(d.path(key))
	if !errors.Is(err, fs.ErrNotExist) {
		return f, wrapped(err)
	}
	if err := d.rescue(key); err != nil {
		return nil, err
	}
	f, err = d.fs.Open(d.path(key))
	return f, wrapped(err)
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("blob: %w", err)
}

// check compares the size of an open blob with ref and reads its header.
func check(f durable.File, ref store.BlobRef) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	if have := info.Size() - headerSize; have != ref.Length {
		return &CorruptError{ref.Key, fmt.Sprintf("it has %d bytes, on record are %d", have, ref.Length)}
	}
	h := make([]byte, headerSize)
	if _, err := io.ReadFull(f, h); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	return checkHeader(ref.Key, h)
}

// Delete removes a blob. That a deletion survives a power loss is not needed: what comes back is an orphan.
func (d *Dir) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := d.fs.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob: %w", err)
	}
	return nil
}

// Package durable makes files and folders appear complete or not at all, and makes them survive a loss of power.
// Content is written under a temporary name that no other attempt uses, synced and then renamed, and the folder is
// synced (REL-001, REL-012). An attempt holds a lock on what it writes, so that Sweep can tell what dead attempts have
// left.
package durable

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// SyncError is a failure after which the system may have dropped what was written. A sync that failed is never
// repeated, because it could succeed without writing anything; the content must be written again (REL-002).
type SyncError struct {
	Op, Name string
	Err      error
}

func (e *SyncError) Error() string { return e.Op + " " + e.Name + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SyncError) Unwrap() error { return e.Err }

// Temporary names begin and end like this; in between are their purpose and what makes them unique.
const (
	prefix = ".ravn-"
	suffix = ".tmp"
)

// tempName returns a different name for each call.
func tempName(dir, base string) string {
	return filepath.Join(dir, prefix+base[:min(len(base), 100)]+"-"+rand.Text()+suffix)
}

// hold opens and locks what was just created. On a file system without locks only its age protects it from Sweep.
func hold(fsys FS, name string) (File, error) {
	f, err := fsys.Open(name)
	if err == nil {
		_ = f.Lock()
	}
	return f, err
}

// Temp is a file being written. Publish, PublishNew or Discard ends it; Discard after one of the others does nothing.
type Temp struct {
	*bufio.Writer
	fsys FS
	name string
	file File // nil once it is closed
	over bool
}

// Create begins a file in a folder. base becomes part of the temporary name, for people who find it after a crash.
func Create(fsys FS, dir, base string, mode fs.FileMode) (*Temp, error) {
	name := tempName(dir, base)
	f, err := fsys.Create(name, mode)
	if err != nil {
		return nil, err
	}
	_ = f.Lock() // as hold does
	return &Temp{Writer: bufio.NewWriterSize(f, 64<<10), fsys: fsys, name: name, file: f}, nil
}

// Seal syncs and closes the file: when it returns, the bytes are on disk.
func (t *Temp) Seal() error {
	if t.file == nil {
		return nil
	}
	err := t.Flush()
	if err == nil {
		err = syncError("fsync", t.name, t.file.Sync())
	}
	cerr := t.file.Close()
	t.file = nil
	if err != nil {
		return err
	}
	return syncError("close", t.name, cerr)
}

// Publish seals the file and gives it its name, replacing another file. SyncDir must follow.
func (t *Temp) Publish(final string) error {
	err := t.Seal()
	if err == nil {
		err = t.fsys.Rename(t.name, final)
		t.over = err == nil
	}
	return err
}

// PublishNew seals the file and gives it its name, or fails with fs.ErrExist if the name is taken. SyncDir must follow.
// It needs hard links, because rename would replace what is there.
func (t *Temp) PublishNew(final string) error {
	err := t.Seal()
	if err == nil {
		err = t.fsys.Link(t.name, final)
	}
	return err
}

// Discard removes the temporary file. If it cannot, Sweep will.
func (t *Temp) Discard() {
	if t.over {
		return
	}
	t.over = true
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
	_ = t.fsys.Remove(t.name)
}

func syncError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &SyncError{op, name, err}
}

// SyncDir makes the names in a folder durable. It also syncs a file that is not open.
func SyncDir(fsys FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	err = syncError("fsync", name, f.Sync())
	return errors.Join(err, f.Close())
}

// WriteFile replaces a file with what fill writes. If it fails, the file is unchanged, or complete but perhaps not
// durable.
func WriteFile(name string, mode fs.FileMode, fill func(io.Writer) error) error {
	return writeFile(OS{}, name, mode, fill)
}

func writeFile(fsys FS, name string, mode fs.FileMode, fill func(io.Writer) error) error {
	dir, base := filepath.Split(name)
	dir = filepath.Clean(dir)
	t, err := Create(fsys, dir, base, mode)
	if err != nil {
		return err
	}
	defer t.Discard()
	if err := fill(t); err != nil {
		return err
	}
	if err := t.Publish(name); err != nil {
		return err
	}
	return SyncDir(fsys, dir)
}

// MkdirAll creates a folder and its missing parents, and makes their names durable.
func MkdirAll(dir string, mode fs.FileMode) error { return mkdirAll(OS{}, filepath.Clean(dir), mode) }

func mkdirAll(fsys FS, dir string, mode fs.FileMode) error {
	around := filepath.Dir(dir)
	err := fsys.Mkdir(dir, mode)
	if errors.Is(err, fs.ErrNotExist) && around != dir {
		if err := mkdirAll(fsys, around, mode); err != nil {
			return err
		}
		err = fsys.Mkdir(dir, mode)
	}
	if errors.Is(err, fs.ErrExist) {
		f, err := fsys.Open(dir)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return errors.Join(err, f.Close())
	}
	if err != nil {
		return err
	}
	return SyncDir(fsys, around)
}

// Bytes returns a fill function that writes b.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

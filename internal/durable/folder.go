package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// Folder is a folder being written. Discard ends it; after Publish it only releases the lock.
type Folder struct {
	fsys      FS
	name      string
	mode      fs.FileMode
	lock      File
	subs      []string // folders in it that must be synced, the outer ones first
	published bool
}

// CreateFolder begins a folder in another one. base becomes part of the temporary name, for people who find it after a
// crash.
func CreateFolder(fsys FS, dir, base string, mode fs.FileMode) (*Folder, error) {
	name := tempName(dir, base)
	if err := fsys.Mkdir(name, mode); err != nil {
		return nil, err
	}
	lock, err := hold(fsys, name)
	if err != nil {
		return nil, errors.Join(err, fsys.Remove(name))
	}
	return &Folder{fsys: fsys, name: name, mode: mode, lock: lock, subs: []string{name}}, nil
}

// Path is the temporary name, under which written files can be read.
func (f *Folder) Path() string { return f.name }

// Write adds a file, which is on disk when it returns. name may have parent folders, which are created.
func (f *Folder) Write(name string, mode fs.FileMode, fill func(io.Writer) error) error {
	path := filepath.Join(f.name, filepath.FromSlash(name))
	if !filepath.IsLocal(name) {
		return fmt.Errorf("durable: %q leads out of its folder", name)
	}
	if err := f.makeParents(filepath.Dir(path)); err != nil {
		return err
	}
	out, err := f.fsys.Create(path, mode)
	if err != nil {
		return err
	}
	t := &Temp{Writer: bufio.NewWriterSize(out, 64<<10), fsys: f.fsys, name: path, file: out}
	if err := fill(t); err != nil {
		t.Discard()
		return err
	}
	return t.Seal()
}

// makeParents makes the folders down to dir.
func (f *Folder) makeParents(dir string) error {
	if dir == f.name {
		return nil
	}
	if err := f.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	err := f.fsys.Mkdir(dir, f.mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		f.subs = append(f.subs, dir)
	}
	return err
}

// Publish gives the folder its name. It fails with fs.ErrExist if the name is taken by anything but an empty folder.
// SyncDir of the parent folder must follow.
func (f *Folder) Publish(final string) error {
	for _, sub := range f.subs {
		if err := SyncDir(f.fsys, sub); err != nil {
			return err
		}
	}
	err := f.fsys.Rename(f.name, final)
	f.published = err == nil
	return err
}

// Withdraw takes back the name that Publish gave, for a caller that could not make it durable.
func (f *Folder) Withdraw(final string) error {
	err := f.fsys.Rename(final, f.name)
	f.published = err != nil
	return err
}

// Discard removes what was not published. What it cannot remove, Sweep will.
func (f *Folder) Discard() {
	if f.lock == nil {
		return
	}
	if !f.published {
		_ = removeAll(f.fsys, f.name)
	}
	_ = f.lock.Close() // it was only locked
	f.lock = nil
}

// removeAll removes a file, or a folder and what is in it.
func removeAll(fsys FS, name string) error {
	err := fsys.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, rerr := fsys.ReadDir(name)
	if rerr != nil {
		return err
	}
	for _, e := range entries {
		if err := removeAll(fsys, filepath.Join(name, e.Name())); err != nil {
			return err
		}
	}
	return fsys.Remove(name)
}

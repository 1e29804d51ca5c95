package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is the part of a file system that this package needs; tests use one that fails. Names are paths.
type FS interface {
	Create(name string, mode fs.FileMode) (File, error) // for writing; fails with fs.ErrExist if the name exists
	Open(name string) (File, error)                     // for reading, also of folders
	Link(old, name string) error                        // fails with fs.ErrExist if the name exists
	Rename(old, name string) error                      // replaces a file or an empty folder
	Remove(name string) error                           // a file or an empty folder
	Mkdir(name string, mode fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
}

// File is an open file or folder.
type File interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	Sync() error
	Lock() error // until Close or the end of the process; ErrLocked if another open file holds the lock
}

// ErrLocked means that another open file holds a lock.
const ErrLocked = syscall.EWOULDBLOCK

// OS is the file system of the operating system.
type OS struct{}

// Create creates a file.
func (OS) Create(name string, mode fs.FileMode) (File, error) {
	return file(os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, mode))
}

// Open opens a file for reading, or a folder.
func (OS) Open(name string) (File, error) { return file(os.Open(name)) }

// Link gives a file a second name.
func (OS) Link(old, name string) error { return os.Link(old, name) }

// Rename gives a file or folder another name.
func (OS) Rename(old, name string) error { return os.Rename(old, name) }

// Remove removes a name.
func (OS) Remove(name string) error { return os.Remove(name) }

// Mkdir creates a folder.
func (OS) Mkdir(name string, mode fs.FileMode) error { return os.Mkdir(name, mode) }

// ReadDir lists a folder.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Root is a file system whose names do not lead out of a folder, whatever links are in it. Names are relative to it.
type Root struct{ *os.Root }

// Create creates a file.
func (r Root) Create(name string, mode fs.FileMode) (File, error) {
	return file(r.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, mode))
}

// Open opens a file for reading, or a folder.
func (r Root) Open(name string) (File, error) { return file(r.Root.Open(name)) }

// ReadDir lists a folder.
func (r Root) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := r.Root.Open(name)
	if err != nil {
		return nil, err
	}
	list, err := f.ReadDir(-1)
	return list, errors.Join(err, f.Close())
}

// osFile adds the lock to an *os.File.
type osFile struct{ *os.File }

func file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Lock takes the lock of the file, which the kernel drops when the process dies.
func (f osFile) Lock() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

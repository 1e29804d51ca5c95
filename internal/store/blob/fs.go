package blob

import (
	"io"
	"io/fs"
	"os"
)

// FS is what Dir needs of a file system; tests put one in between that fails. Names are paths.
type FS interface {
	CreateExcl(name string) (File, error) // for writing; fails if the name exists
	Open(name string) (File, error)       // for reading, also of folders
	Link(old, name string) error          // fails with fs.ErrExist if the name exists
	Remove(name string) error
	Mkdir(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
}

// File is an open file or folder.
type File interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	Sync() error
}

// OS is the file system of the operating system.
type OS struct{}

// CreateExcl creates a file that only its owner can read.
func (OS) CreateExcl(name string) (File, error) {
	return file(os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600))
}

// Open opens a file for reading, or a folder.
func (OS) Open(name string) (File, error) { return file(os.Open(name)) }

// Link gives a file a second name.
func (OS) Link(old, name string) error { return os.Link(old, name) }

// Remove removes a name.
func (OS) Remove(name string) error { return os.Remove(name) }

// Mkdir creates a folder that only its owner can use.
func (OS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }

// ReadDir lists a folder.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// file keeps a nil *os.File from becoming a File that is not nil.
func file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

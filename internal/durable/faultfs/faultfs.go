// Package faultfs is a file system for tests that fails when it is told to (reliability.md F-03, F-04).
package faultfs

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"github.com/ravn-ap/ravn/internal/durable"
)

// Fault is what goes wrong at one operation.
type Fault struct {
	Name  string
	Err   error
	Short bool // a write stores half of its bytes first
	Stays bool // all later operations of the kind fail too, as on a full disk
}

// Faults are those that every writer of files must stand.
var Faults = []Fault{
	{Name: "EIO", Err: syscall.EIO},
	{Name: "ENOSPC", Err: syscall.ENOSPC, Stays: true},
	{Name: "short write", Err: syscall.ENOSPC, Short: true},
	{Name: "EMFILE", Err: syscall.EMFILE},
}

// FS fails at the At-th operation (1 is the first; 0: never) and notes all of them.
type FS struct {
	durable.OS
	Fault
	At int

	mu     sync.Mutex
	failed string   // the operation that failed first
	ops    []string // all of them in order
}

// Ops returns the operations so far.
func (f *FS) Ops() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Failed returns the operation that failed first, "" if none did.
func (f *FS) Failed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// Restart forgets the operations so far; the At-th from now on fails.
func (f *FS) Restart(at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.At, f.failed, f.ops = at, "", nil
}

func (f *FS) op(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, name)
	n := len(f.ops)
	if f.At == 0 || n < f.At || n > f.At && !(f.Stays && name == f.failed) {
		return nil
	}
	if f.failed == "" {
		f.failed = name
	}
	return f.Err
}

// Create creates a file.
func (f *FS) Create(name string, mode fs.FileMode) (durable.File, error) {
	if err := f.op("create"); err != nil {
		return nil, err
	}
	return f.wrap(f.OS.Create(name, mode))
}

// Open opens a file or folder.
func (f *FS) Open(name string) (durable.File, error) {
	if err := f.op("open"); err != nil {
		return nil, err
	}
	return f.wrap(f.OS.Open(name))
}

func (f *FS) wrap(inner durable.File, err error) (durable.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{inner, f}, nil
}

// Link gives a file a second name.
func (f *FS) Link(old, name string) error {
	if err := f.op("link"); err != nil {
		return err
	}
	return f.OS.Link(old, name)
}

// Rename gives a file or folder another name.
func (f *FS) Rename(old, name string) error {
	if err := f.op("rename"); err != nil {
		return err
	}
	return f.OS.Rename(old, name)
}

// Remove removes a name.
func (f *FS) Remove(name string) error {
	if err := f.op("remove"); err != nil {
		return err
	}
	return f.OS.Remove(name)
}

// Mkdir creates a folder.
func (f *FS) Mkdir(name string, mode fs.FileMode) error {
	if err := f.op("mkdir"); err != nil {
		return err
	}
	return f.OS.Mkdir(name, mode)
}

type file struct {
	durable.File
	fs *FS
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.fs.op("write"); err != nil {
		n := 0
		if f.fs.Short {
			n, _ = f.File.Write(p[:len(p)/2])
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *file) Sync() error {
	if err := f.fs.op("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *file) Close() error {
	err := f.File.Close()
	return errors.Join(f.fs.op("close"), err)
}

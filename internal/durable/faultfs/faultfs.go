// Package faultfs is a file system for tests that fails when it is told to (reliability.md F-03, F-04).
package faultfs

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
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

// FS fails at the At-th operation (1 is the first; 0: never), notes all of them, and knows what was not synced yet.
type FS struct {
	durable.OS
	Fault
	At int

	mu     sync.Mutex
	failed string   // the operation that failed first
	ops    []string // all of them in order
	names  unsynced // whose folder was not synced since they came
	bytes  unsynced // files that were not synced since they were written
}

// unsynced is a set of paths.
type unsynced map[string]bool

// move renames a path and those below it.
func (u unsynced) move(old, name string) {
	for path := range u {
		if rest, ok := strings.CutPrefix(path, old); ok && (rest == "" || rest[0] == filepath.Separator) {
			delete(u, path)
			u[name+rest] = true
		}
	}
}

// Unsynced returns what a loss of power could take of all that was written by way of f: names, and files of whose bytes
// not all may be there.
func (f *FS) Unsynced() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := maps.Clone(f.names)
	maps.Copy(all, f.bytes)
	return slices.Sorted(maps.Keys(all))
}

// note runs a change of the two sets after an operation that did not fail.
func (f *FS) note(err error, change func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil {
		f.names, f.bytes = unsynced{}, unsynced{}
	}
	if err == nil {
		change()
	}
	return err
}

// synced notes that a file or folder is on disk: its bytes, or the names in it.
func (f *FS) synced(path string) {
	delete(f.bytes, path)
	maps.DeleteFunc(f.names, func(name string, _ bool) bool { return filepath.Dir(name) == path })
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
	inner, err := f.OS.Create(name, mode)
	return f.wrap(name, inner, f.note(err, func() { f.names[name] = true }))
}

// Open opens a file or folder.
func (f *FS) Open(name string) (durable.File, error) {
	if err := f.op("open"); err != nil {
		return nil, err
	}
	inner, err := f.OS.Open(name)
	return f.wrap(name, inner, err)
}

func (f *FS) wrap(name string, inner durable.File, err error) (durable.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{inner, f, name}, nil
}

// Link gives a file a second name.
func (f *FS) Link(old, name string) error {
	if err := f.op("link"); err != nil {
		return err
	}
	return f.note(f.OS.Link(old, name), func() {
		f.names[name] = true
		if f.bytes[old] {
			f.bytes[name] = true
		}
	})
}

// Rename gives a file or folder another name.
func (f *FS) Rename(old, name string) error {
	if err := f.op("rename"); err != nil {
		return err
	}
	return f.note(f.OS.Rename(old, name), func() {
		f.bytes.move(old, name)
		f.names.move(old, name)
		f.names[name] = true
	})
}

// Remove removes a name.
func (f *FS) Remove(name string) error {
	if err := f.op("remove"); err != nil {
		return err
	}
	return f.note(f.OS.Remove(name), func() { delete(f.names, name); delete(f.bytes, name) })
}

// Mkdir creates a folder.
func (f *FS) Mkdir(name string, mode fs.FileMode) error {
	if err := f.op("mkdir"); err != nil {
		return err
	}
	return f.note(f.OS.Mkdir(name, mode), func() { f.names[name] = true })
}

type file struct {
	durable.File
	fs   *FS
	name string // under which it was opened
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.fs.op("write"); err != nil {
		n := 0
		if f.fs.Short {
			n, _ = f.File.Write(p[:len(p)/2])
		}
		return n, err
	}
	n, err := f.File.Write(p)
	return n, f.fs.note(err, func() { f.fs.bytes[f.name] = true })
}

func (f *file) Sync() error {
	if err := f.fs.op("sync"); err != nil {
		return err
	}
	return f.fs.note(f.File.Sync(), func() { f.fs.synced(f.name) })
}

func (f *file) Close() error {
	err := f.File.Close()
	return errors.Join(f.fs.op("close"), err)
}

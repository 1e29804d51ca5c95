package blob

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"
)

// fault is what goes wrong at one operation of a faultFS.
type fault struct {
	name  string
	err   error
	short bool // a write stores half of its bytes first
	stays bool // all later operations of the kind fail too, as on a full disk
}

var faults = []fault{
	{name: "EIO", err: syscall.EIO},
	{name: "ENOSPC", err: syscall.ENOSPC, stays: true},
	{name: "short write", err: syscall.ENOSPC, short: true},
	{name: "EMFILE", err: syscall.EMFILE},
}

// faultFS fails at the n-th operation (1 is the first) and counts all of them.
type faultFS struct {
	OS
	fault

	mu     sync.Mutex
	at, n  int
	failed string   // the operation that failed first
	ops    []string // all of them in order
}

func (f *faultFS) op(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	f.ops = append(f.ops, name)
	if f.at == 0 || f.n < f.at || f.n > f.at && !(f.stays && name == f.failed) {
		return nil
	}
	if f.failed == "" {
		f.failed = name
	}
	return f.err
}

func (f *faultFS) CreateExcl(name string) (File, error) {
	if err := f.op("create"); err != nil {
		return nil, err
	}
	return f.wrap(f.OS.CreateExcl(name))
}

func (f *faultFS) Open(name string) (File, error) {
	if err := f.op("open"); err != nil {
		return nil, err
	}
	return f.wrap(f.OS.Open(name))
}

func (f *faultFS) wrap(inner File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{inner, f}, nil
}

func (f *faultFS) Link(old, name string) error {
	return errors.Join(f.op("link"), f.unless(func() error { return f.OS.Link(old, name) }))
}

func (f *faultFS) Remove(name string) error {
	return errors.Join(f.op("remove"), f.unless(func() error { return f.OS.Remove(name) }))
}

func (f *faultFS) Mkdir(name string) error {
	return errors.Join(f.op("mkdir"), f.unless(func() error { return f.OS.Mkdir(name) }))
}

// unless runs do unless the operation just counted was the one to fail.
func (f *faultFS) unless(do func() error) error {
	if f.at == f.n {
		return nil
	}
	return do()
}

func (f *faultFS) ReadDir(name string) ([]fs.DirEntry, error) { return f.OS.ReadDir(name) }

type faultFile struct {
	File
	fs *faultFS
}

func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.op("write"); err != nil {
		n := 0
		if f.fs.short {
			n, _ = f.File.Write(p[:len(p)/2])
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Sync() error {
	if err := f.fs.op("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Close() error {
	err := f.File.Close()
	return errors.Join(f.fs.op("close"), err)
}

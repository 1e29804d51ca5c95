// Package alive tells which processes that work on one data folder still run. Each holds a lock on a file of its own, which
// the kernel drops when the process ends, however it ends. A process number would be a worse witness: it is used again, and
// two containers that share the folder are both number 1.
package alive

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is the presence of this process in a folder.
type Process struct {
	Name string // of its own among all processes and for all time; it says host and process number to people
	dir  string
	fd   int // no *os.File: the lock must not go when nobody refers to the Process any more
}

const suffix = ".lock"

// Enter makes this process known in dir, which is made when it is not there.
func Enter(dir string) (*Process, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	name := fmt.Sprintf("%s-%d-%s", strings.ReplaceAll(host, string(filepath.Separator), "_"), os.Getpid(), rand.Text()[:10])
	p := &Process{Name: name, dir: dir}
	if p.fd, err = syscall.Open(p.path(), syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o640); err != nil {
		return nil, &fs.PathError{Op: "open", Path: p.path(), Err: err}
	}
	if err := syscall.Flock(p.fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("alive: lock %s: %w", p.path(), err), syscall.Close(p.fd))
	}
	if _, err := syscall.Write(p.fd, []byte("since "+time.Now().UTC().Format(time.RFC3339)+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("alive: write %s: %w", p.path(), err), syscall.Close(p.fd))
	}
	return p, nil
}

func (p *Process) path() string { return filepath.Join(p.dir, p.Name+suffix) }

// Leave takes the presence back. What was done in its name must be settled before.
func (p *Process) Leave() error {
	return errors.Join(os.Remove(p.path()), syscall.Close(p.fd))
}

// Bury calls settle with the name of each process that has ended without leaving, and then forgets it. A name for which
// settle fails stays for the next call. Of two processes that bury at once each name meets one.
func (p *Process) Bury(settle func(name string) error) error {
	files, err := filepath.Glob(filepath.Join(p.dir, "*"+suffix))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		if file != p.path() {
			errs = append(errs, bury(file, settle))
		}
	}
	return errors.Join(errs...)
}

// young is how long a file without a lock may belong to a process that is just entering.
const young = 10 * time.Second

func bury(file string, settle func(name string) error) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) { // it left just now
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil // it lives
	}
	if st, err := f.Stat(); err != nil || st.Size() == 0 && time.Since(st.ModTime()) < young {
		return err
	}
	if err := settle(strings.TrimSuffix(filepath.Base(file), suffix)); err != nil {
		return err
	}
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Package alive tells which processes that work on one data folder still run. Each has a file there that says who it is, with a
// lock that the kernel drops when the process ends, however it ends. A process number would be a worse witness: it is used
// again, and two containers that share the folder are both number 1.
package alive

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Who is a process.
type Who struct {
	Name    string    `json:"name"` // its own among all processes and for all time
	Process int       `json:"process"`
	Space   string    `json:"space"` // of process numbers: each container has one of its own; "" where the system has none
	Host    string    `json:"host"`
	Server  bool      `json:"server"` // it serves; else it is a command
	Schema  int       `json:"schema"` // of the database, that its program knows
	Since   time.Time `json:"since"`
}

func (w Who) String() string {
	since := w.Since.UTC().Format(time.RFC3339)
	return fmt.Sprintf("process %d on %s since %s (schema %d)", w.Process, w.Host, since, w.Schema)
}

// Self returns who this process is. Each call gives another name.
func Self(server bool, schema int, now time.Time) Who {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	name := fmt.Sprintf("%s-%d-%s", strings.Map(plain, host), os.Getpid(), rand.Text()[:10])
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		space = ""
	}
	return Who{name, os.Getpid(), space, host, server, schema, now}
}

// Same reports whether two presences are of one process.
func (w Who) Same(o Who) bool {
	return w.Process == o.Process && w.Space == o.Space && w.Host == o.Host
}

// plain replaces what cannot stand in a file name.
func plain(r rune) rune {
	if r == filepath.Separator || r < ' ' {
		return '_'
	}
	return r
}

// Process is the presence of this process in a folder.
type Process struct {
	Who
	dir string
	fd  int // no *os.File: the lock must not go when nobody refers to the Process any more
}

const suffix = ".json"

// Enter shows in a folder, which it makes if there is none, that a process lives, until Leave or the process's end.
func Enter(dir string, who Who) (*Process, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	text, err := json.Marshal(who)
	if err != nil {
		return nil, err
	}
	p := &Process{Who: who, dir: dir}
	temp := filepath.Join(dir, who.Name+".tmp")
	if p.fd, err = syscall.Open(temp, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o600); err != nil {
		return nil, &fs.PathError{Op: "open", Path: temp, Err: err}
	}
	// Under its name it is found locked: before, nobody takes it for that of a dead one.
	err = lock(p.fd)
	if err == nil {
		_, err = syscall.Write(p.fd, append(text, '\n'))
	}
	if err == nil {
		err = os.Rename(temp, p.path())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("alive: %s: %w", temp, err), os.Remove(temp), syscall.Close(p.fd))
	}
	return p, nil
}

func lock(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) }

func (p *Process) path() string { return filepath.Join(p.dir, p.Name+suffix) }

// Leave takes the presence back. What was done in its name must be ended before.
func (p *Process) Leave() error { return errors.Join(os.Remove(p.path()), syscall.Close(p.fd)) }

// Others returns the other processes that live.
func (p *Process) Others() ([]Who, error) { return living(p.dir, p.path()) }

// Living returns the processes that live.
func Living(dir string) ([]Who, error) { return living(dir, "") }

func living(dir, but string) ([]Who, error) {
	var all []Who
	err := each(dir, but, func(file string, f *os.File, lives bool) error {
		if !lives {
			return nil
		}
		var who Who
		err := json.NewDecoder(f).Decode(&who)
		all = append(all, who)
		return err
	})
	return all, err
}

// Bury calls release with the name of each process that has ended without leaving, and then forgets it. A name for
// which release fails stays for the next call. Of two processes that bury at once each name meets one.
func (p *Process) Bury(release func(name string) error) error {
	return each(p.dir, p.path(), func(file string, _ *os.File, lives bool) error {
		if lives {
			return nil
		}
		if err := release(strings.TrimSuffix(filepath.Base(file), suffix)); err != nil {
			return err
		}
		return gone(os.Remove(file))
	})
}

// each calls do with each file in a folder but one. Of a process that does not live the lock is held meanwhile.
func each(dir, but string, do func(file string, f *os.File, lives bool) error) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		if file != but {
			errs = append(errs, look(file, do))
		}
	}
	return errors.Join(errs...)
}

func look(file string, do func(file string, f *os.File, lives bool) error) error {
	f, err := os.Open(file)
	if err != nil {
		return gone(err)
	}
	defer func() { _ = f.Close() }() // only read; and with it goes the lock
	switch err := lock(int(f.Fd())); {
	case err == nil:
		return do(file, f, false)
	case errors.Is(err, syscall.EWOULDBLOCK):
		return do(file, f, true)
	default:
		return err
	}
}

// gone passes over that a file is not there any more: its process has just left, or another buried it.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Package alive tells which of the processes that work on a data folder still run. Each has a file there that says
// who it is, and holds a lock on it, which the kernel drops when the process ends, however it ends. A process number
// would be a worse witness: it is used again, and two containers that share the folder are both number 1.
//
// A process calls Enter when it begins and Leave at its end. Others and Living tell who is there; Bury cleans up
// after those that ended without leaving.
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
	Name    string    `json:"name"` // no other process has it or ever had it
	Process int       `json:"process"`
	Space   string    `json:"space"` // of process numbers: each container has its own; "" where the system has none
	Host    string    `json:"host"`
	Server  bool      `json:"server"` // it serves; else it is a command
	Schema  int       `json:"schema"` // of the database, that its program knows
	Since   time.Time `json:"since"`
}

func (w Who) String() string {
	since := w.Since.UTC().Format(time.RFC3339)
	return fmt.Sprintf("process %d on %s since %s (schema %d)", w.Process, w.Host, since, w.Schema)
}

// Self returns who this process is, under a name that is new with each call.
func Self(server bool, schema int, now time.Time) Who {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	name := fmt.Sprintf("%s-%d-%s", strings.Map(fileNameRune, host), os.Getpid(), rand.Text()[:10])
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		space = ""
	}
	return Who{name, os.Getpid(), space, host, server, schema, now}
}

// Same reports whether w and o are one process, which may have entered more than once.
func (w Who) Same(o Who) bool {
	return w.Process == o.Process && w.Space == o.Space && w.Host == o.Host
}

// fileNameRune replaces what cannot stand in a file name.
func fileNameRune(r rune) rune {
	if r == filepath.Separator || r < ' ' {
		return '_'
	}
	return r
}

// Process is the presence of this process in a folder.
type Process struct {
	Who
	dir string
	fd  int // no *os.File, whose finalizer would drop the lock when nobody refers to the Process any more
}

const suffix = ".json"

// Enter makes the presence of a process in a folder, which it makes too if there is none. It lasts until Leave or the
// end of the process.
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
	const flags = syscall.O_RDWR | syscall.O_CREAT | syscall.O_EXCL | syscall.O_CLOEXEC
	if p.fd, err = syscall.Open(temp, flags, 0o600); err != nil {
		return nil, &fs.PathError{Op: "open", Path: temp, Err: err}
	}
	// The file gets its name only when it is locked: found without a lock, it would be buried as that of a dead
	// process.
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

// Leave ends the presence. Everything that was begun in its name must be finished before.
func (p *Process) Leave() error { return errors.Join(os.Remove(p.path()), syscall.Close(p.fd)) }

// Others returns the other processes in the folder that run.
func (p *Process) Others() ([]Who, error) { return living(p.dir, p.path()) }

// Living returns the processes in a folder that run.
func Living(dir string) ([]Who, error) { return living(dir, "") }

func living(dir, but string) ([]Who, error) {
	var all []Who
	err := eachPresence(dir, but, func(file string, f *os.File, lives bool) error {
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

// Bury calls release with the name of each process that has ended without leaving, and then removes its file. A name
// for which release fails stays for the next call. If two processes bury at the same time, each name is released by
// one of them: the other finds the lock taken.
func (p *Process) Bury(release func(name string) error) error {
	return eachPresence(p.dir, p.path(), func(file string, _ *os.File, lives bool) error {
		if lives {
			return nil
		}
		if err := release(strings.TrimSuffix(filepath.Base(file), suffix)); err != nil {
			return err
		}
		return unlessGone(os.Remove(file))
	})
}

// eachPresence calls visit for each presence in a folder but one. The lock of a process that has ended is held
// meanwhile.
func eachPresence(dir, but string, visit func(file string, f *os.File, lives bool) error) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		if file != but {
			errs = append(errs, visitPresence(file, visit))
		}
	}
	return errors.Join(errs...)
}

func visitPresence(file string, visit func(file string, f *os.File, lives bool) error) error {
	f, err := os.Open(file)
	if err != nil {
		return unlessGone(err)
	}
	defer func() { _ = f.Close() }() // it was only read; closing drops the lock
	switch err := lock(int(f.Fd())); {
	case err == nil:
		return visit(file, f, false)
	case errors.Is(err, syscall.EWOULDBLOCK):
		return visit(file, f, true)
	default:
		return err
	}
}

// unlessGone returns err unless it says that the file is not there any more: its process has just left, or another
// one has buried it.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

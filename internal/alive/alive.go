// Package alive lets processes show in a folder that they live: each has a file there that says who it is, with a lock
// that the kernel drops when the process dies, however that happens.
package alive

import (
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
	Process int       `json:"process"`
	Host    string    `json:"host"`
	Schema  int       `json:"schema"` // of the database, that its program knows
	Since   time.Time `json:"since"`
}

func (w Who) String() string {
	since := w.Since.UTC().Format(time.RFC3339)
	return fmt.Sprintf("process %d on %s since %s (schema %d)", w.Process, w.Host, since, w.Schema)
}

// Self returns who this process is.
func Self(schema int, now time.Time) Who {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return Who{os.Getpid(), host, schema, now}
}

// Sign is the file of a living process.
type Sign struct{ file *os.File }

const suffix = ".json"

// Leave shows in a folder, which it makes if there is none, that a process lives, until Close or the process's end.
func Leave(dir string, who Who) (*Sign, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := os.CreateTemp(dir, fmt.Sprintf("%d-*", who.Process))
	if err != nil {
		return nil, err
	}
	s := &Sign{f}
	// Under its name it is found locked: before, nobody takes it for that of a dead one.
	err = lock(f)
	if err == nil {
		err = json.NewEncoder(f).Encode(who)
	}
	if err == nil {
		err = os.Rename(f.Name(), s.name())
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	return s, nil
}

func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// name is that of the file under which it is found.
func (s *Sign) name() string { return s.file.Name() + suffix }

// Close takes the sign away.
func (s *Sign) Close() error { return errors.Join(os.Remove(s.name()), s.file.Close()) }

// Others returns the other processes that live.
func (s *Sign) Others() ([]Who, error) {
	return living(filepath.Dir(s.file.Name()), filepath.Base(s.name()))
}

// Living returns the processes that show in a folder that they live. What dead ones left it removes.
func Living(dir string) ([]Who, error) { return living(dir, "") }

func living(dir, but string) ([]Who, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Who
	for _, e := range entries {
		if e.Name() == but || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		who, lives, err := look(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if lives {
			all = append(all, who)
		}
	}
	return all, nil
}

// look reads one file and tells whether its process lives.
func look(name string) (who Who, lives bool, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return who, false, nil // it has ended just now
	}
	if err != nil {
		return who, false, err
	}
	defer func() { _ = f.Close() }() // only read
	switch err := lock(f); {
	case err == nil:
		return who, false, os.Remove(name)
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return who, false, err
	}
	return who, true, json.NewDecoder(f).Decode(&who)
}

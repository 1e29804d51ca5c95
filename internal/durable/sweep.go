package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// How old temporary files get that nobody holds: on a file system with locks, and on one without.
const (
	sweepAge    = time.Hour
	unlockedAge = 24 * time.Hour
)

// Sweep removes temporary files and folders whose attempt is dead: nobody has locked them, and they have not changed
// for an hour.
func Sweep(fsys FS, dir string, now time.Time) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if info, err := e.Info(); err == nil {
			errs = append(errs, sweep(fsys, filepath.Join(dir, e.Name()), now.Sub(info.ModTime())))
		}
	}
	return errors.Join(errs...)
}

// sweep removes one temporary name that has not changed for some time, unless it is held.
func sweep(fsys FS, name string, unchanged time.Duration) error {
	if unchanged < sweepAge {
		return nil
	}
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its attempt has ended just now
	}
	if err != nil {
		return err
	}
	err = f.Lock()
	switch {
	case errors.Is(err, ErrLocked), err != nil && unchanged < unlockedAge:
		return f.Close()
	}
	return errors.Join(removeAll(fsys, name), f.Close())
}

package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
)

// quarantineDir holds blobs that nobody seems to need, in a folder for each day on which some came, and the day up to
// which an operator has looked at them.
const (
	quarantineDir = "quarantine"
	acceptedName  = "accepted"
)

// Keys yields the keys of blobs that were written before a time, or of all for the zero time. It ends after the first
// error.
func (d *Dir) Keys(ctx context.Context, before time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		shards, err := d.fs.ReadDir(d.root)
		if err != nil {
			yield("", fmt.Errorf("blob: %w", err))
			return
		}
		for _, s := range shards {
			if s.IsDir() && len(s.Name()) == 2 && !d.keysIn(ctx, s.Name(), before, yield) {
				return
			}
		}
	}
}

// keysIn yields those of one folder and tells whether to go on.
func (d *Dir) keysIn(ctx context.Context, shard string, before time.Time, yield func(string, error) bool) bool {
	entries, err := d.fs.ReadDir(filepath.Join(d.root, shard))
	if err != nil {
		yield("", fmt.Errorf("blob: %w", err))
		return false
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			yield("", err)
			return false
		}
		if old(e, before) && checkKey(e.Name()) == nil && !yield(e.Name(), nil) {
			return false
		}
	}
	return true
}

// old reports whether a file was written before a time; one that has just vanished was not.
func old(e fs.DirEntry, before time.Time) bool {
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && (before.IsZero() || info.ModTime().Before(before))
}

// Quarantine takes a blob out of its place. It is kept, and Open still finds it.
func (d *Dir) Quarantine(key string, now time.Time) error {
	if err := checkKey(key); err != nil {
		return err
	}
	day := filepath.Join(d.root, quarantineDir, now.UTC().Format(time.DateOnly))
	for _, dir := range []string{filepath.Dir(day), day} {
		err := d.fs.Mkdir(dir, folderMode)
		if err == nil {
			err = d.sync(filepath.Dir(dir))
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return wrapped(err)
		}
	}
	// A link first: a blob that is in both places is none that is lost.
	if err := d.fs.Link(d.path(key), filepath.Join(day, key)); err != nil && !errors.Is(err, fs.ErrExist) {
		return wrapped(err)
	}
	if err := d.sync(day); err != nil {
		return err
	}
	return wrapped(d.fs.Remove(d.path(key)))
}

// Held is a blob in quarantine.
type Held struct {
	Key      string
	Since    time.Time // the day on which it came
	Accepted bool      // an operator knows of it

	path string
}

// Quarantined returns the blobs in quarantine, by day.
func (d *Dir) Quarantined() ([]Held, error) {
	days, err := d.fs.ReadDir(filepath.Join(d.root, quarantineDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrapped(err)
	}
	accepted, err := d.accepted()
	if err != nil {
		return nil, err
	}
	var all []Held
	for _, day := range days {
		since, err := time.Parse(time.DateOnly, day.Name())
		if err != nil {
			continue // somebody else's
		}
		dir := filepath.Join(d.root, quarantineDir, day.Name())
		entries, err := d.fs.ReadDir(dir)
		if err != nil {
			return nil, wrapped(err)
		}
		for _, e := range entries {
			if checkKey(e.Name()) == nil {
				all = append(all, Held{e.Name(), since, !since.After(accepted), filepath.Join(dir, e.Name())})
			}
		}
	}
	return all, nil
}

// Accept notes that an operator knows of the blobs that are in quarantine.
func (d *Dir) Accept(now time.Time) error {
	dir := filepath.Join(d.root, quarantineDir)
	if err := durable.MkdirAll(dir, folderMode); err != nil {
		return wrapped(err)
	}
	day := now.UTC().Format(time.DateOnly)
	return wrapped(durable.WriteFile(filepath.Join(dir, acceptedName), fileMode, durable.Bytes([]byte(day))))
}

// accepted is the last day whose blobs an operator knows of.
func (d *Dir) accepted() (time.Time, error) {
	f, err := d.fs.Open(filepath.Join(d.root, quarantineDir, acceptedName))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, wrapped(err)
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return time.Time{}, wrapped(err)
	}
	day, err := time.Parse(time.DateOnly, string(text))
	return day, wrapped(err)
}

// rescue brings a blob back from quarantine; ErrNotFound if there is none.
func (d *Dir) rescue(key string) error {
	all, err := d.Quarantined()
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.Key == key {
			return d.Release(h)
		}
	}
	if _, err := d.fs.ReadDir(filepath.Join(d.root, tempDir)); err != nil { // OpenDir made it
		return fmt.Errorf("blob: the folder of the payloads is not there: %w", err)
	}
	return fmt.Errorf("%w: %s", ErrNotFound, key)
}

// Release brings a blob back to its place, because it is needed.
func (d *Dir) Release(h Held) error {
	if err := d.makeShard(h.Key); err != nil {
		return err
	}
	err := d.fs.Link(h.path, d.path(h.Key))
	if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) { // another one may have done it
		return wrapped(err)
	}
	if err := d.sync(d.shard(h.Key)); err != nil {
		return err
	}
	if err := d.fs.Remove(h.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrapped(err)
	}
	d.rescued(h.Key)
	return nil
}

// Expel deletes a blob in quarantine for good.
func (d *Dir) Expel(h Held) error {
	if err := d.fs.Remove(h.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrapped(err)
	}
	_ = d.fs.Remove(filepath.Dir(h.path)) // only if it was the last one of its day
	return nil
}

// Sweep removes temporary files of dead processes (CP-R1 to CP-R5).
func (d *Dir) Sweep(now time.Time) error {
	return wrapped(durable.Sweep(d.fs, filepath.Join(d.root, tempDir), now))
}

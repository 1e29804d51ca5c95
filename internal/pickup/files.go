package pickup

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ravn-ap/ravn/internal/durable"
)

// files is the pick-up folder as a round uses it. No name leads out of it.
type files struct {
	durable.Root
	tap  func(op, name string) error // of a test: called before each operation, which fails if it does
	hook func(point string)          // crash points
}

func (f files) before(op, name string) error {
	if f.tap == nil {
		return nil
	}
	return f.tap(op, name)
}

// Lstat describes a file, and follows no link.
func (f files) Lstat(name string) (fs.FileInfo, error) {
	if err := f.before("lstat", name); err != nil {
		return nil, err
	}
	return f.Root.Lstat(name)
}

// OpenFile opens a file.
func (f files) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	if err := f.before("open", name); err != nil {
		return nil, err
	}
	return f.Root.OpenFile(name, flag, mode)
}

// Create creates a file.
func (f files) Create(name string, mode fs.FileMode) (durable.File, error) {
	if err := f.before("create", name); err != nil {
		return nil, err
	}
	return f.Root.Create(name, mode)
}

// Link gives a file a second name, and replaces nothing.
func (f files) Link(old, name string) error {
	if err := f.before("link", name); err != nil {
		return err
	}
	return f.Root.Link(old, name)
}

// Rename moves a file, and replaces what is there.
func (f files) Rename(old, name string) error {
	if err := f.before("rename", name); err != nil {
		return err
	}
	return f.Root.Rename(old, name)
}

// Remove removes a name.
func (f files) Remove(name string) error {
	if err := f.before("remove", name); err != nil {
		return err
	}
	return f.Root.Remove(name)
}

// list opens a folder to read what is in it.
func (f files) list(name string) (*os.File, error) {
	if err := f.before("list", name); err != nil {
		return nil, err
	}
	return f.Root.Root.Open(name)
}

// same reports whether two names are those of one file.
func (f files) same(a, b string) (bool, error) {
	one, err := f.Lstat(a)
	if err != nil {
		return false, skipGone(err)
	}
	other, err := f.Lstat(b)
	if err != nil {
		return false, skipGone(err)
	}
	return os.SameFile(one, other), nil
}

// move moves a file of ours, and fails with fs.ErrExist if something else has the name: a rename would replace it
// (OPS-041). It has its new name before it loses the old one; a crash between the two leaves it both, of which whoever
// goes on removes the old one.
func (f files) move(from, to string) error {
	err := f.Link(from, to)
	if linkless(err) || errors.Is(err, fs.ErrExist) && f.heldFor(from, to) {
		return f.moveOver(from, to)
	}
	if errors.Is(err, fs.ErrExist) {
		if same, serr := f.same(from, to); serr != nil || !same {
			return errors.Join(err, serr)
		}
		err = nil
	}
	if err == nil {
		err = durable.SyncDir(f, filepath.Dir(to))
	}
	if err != nil {
		return err
	}
	f.hook("pickup.linked")
	return f.remove(from)
}

// linkless reports whether a file can have no second name: there are file systems without, and Linux may not let us
// give one to a file of another user (fs.protected_hardlinks).
func linkless(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) ||
		errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK)
}

// moveOver is move without links: a file that nobody else can make holds the name until the rename, and says for whom.
func (f files) moveOver(from, to string) error {
	held, err := f.Create(to, 0o600)
	if errors.Is(err, fs.ErrExist) && f.heldFor(from, to) {
		err = f.Rename(from, to)
	} else if err == nil {
		_, err = io.WriteString(held, from)
		if err = errors.Join(err, held.Close()); err != nil {
			return errors.Join(err, f.remove(to))
		}
		// a network may say that a rename failed which was done
		if err = f.Rename(from, to); err != nil && f.heldFor(from, to) {
			return errors.Join(err, f.remove(to))
		}
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(f, filepath.Dir(to))
}

// heldFor reports whether moveOver has made, before a crash, a file that holds a name for another one. No document has
// its text: it is no XML. What is beside a document is its own, so an empty side file there was about to hold the name.
func (f files) heldFor(from, name string) bool {
	info, err := f.Lstat(name)
	if err != nil || info.Size() != int64(len(from)) {
		return err == nil && info.Size() == 0 && strings.HasSuffix(name, metaEnding)
	}
	text, err := f.read(name, info.Size())
	return err == nil && string(text) == from
}

func (f files) remove(name string) error { return skipGone(f.Remove(name)) }

// write makes a file appear complete, and makes it last. It replaces an earlier one.
func (f files) write(dir, name string, text []byte) error {
	t, err := durable.Create(f, dir, "pickup", 0o640)
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write(text); err != nil {
		return err
	}
	if err := t.Publish(filepath.Join(dir, name)); err != nil {
		return err
	}
	return durable.SyncDir(f, dir)
}

var errInTheWay = errors.New("another file has the name of one that belongs to a document")

// add is write for a name that is new. What is there already must be what is written, from before a crash.
func (f files) add(dir, name string, text []byte, same func(there []byte) bool) error {
	t, err := durable.Create(f, dir, "pickup", 0o640)
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write(text); err != nil {
		return err
	}
	final := filepath.Join(dir, name)
	err = t.PublishNew(final)
	if linkless(err) {
		if _, err = f.Lstat(final); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			err = t.Publish(final)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		there, rerr := f.read(final, int64(len(text))+1<<20)
		if rerr != nil || !same(there) {
			return errors.Join(errInTheWay, rerr)
		}
		err = nil
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(f, dir)
}

// read reads a file, up to a limit.
func (f files) read(name string, limit int64) ([]byte, error) {
	file, err := f.openRegular(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, limit))
	return text, errors.Join(err, file.Close())
}

var errSpecial = errors.New("it is no ordinary file")

// openRegular opens a file and follows no link.
func (f files) openRegular(name string) (*os.File, error) {
	info, err := f.Lstat(name)
	if err != nil {
		return nil, err
	}
	file, err := f.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err == nil && (!opened.Mode().IsRegular() || !os.SameFile(info, opened)) {
		err = errSpecial
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sameReceipt and sameOutcome tell what publish has written before a crash from the file of somebody else.
func sameReceipt(receipt []byte) func([]byte) bool {
	return func(there []byte) bool { return bytes.Equal(there, receipt) }
}

func sameOutcome(out *Outcome) func([]byte) bool {
	return func(there []byte) bool {
		var o Outcome
		return json.Unmarshal(there, &o) == nil && o.ID == out.ID && o.SourceFile == out.SourceFile &&
			o.Processed == out.Processed
	}
}

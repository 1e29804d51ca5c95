package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Folder delivers into a folder: one sub folder per document, named after the delivery id, with the envelope and
// metadata.json. The sub folder appears by one rename, complete and synced, so that a reader never sees half of it; a
// repeat finds it there and changes nothing (REL-012).
type Folder struct {
	Dir string

	turn  sync.Mutex // held during an fsync of Dir
	mu    sync.Mutex
	round *syncRound // the next fsync of Dir, not begun yet
}

// syncRound is one fsync of the folder, shared by all who asked for it before it began.
type syncRound struct {
	done chan struct{}
	err  error
}

// PayloadName is the file name of the envelope in a delivered folder.
const PayloadName = "document.xml"

// Name returns "folder".
func (f *Folder) Name() string { return "folder" }

// Deliver writes the document.
func (f *Folder) Deliver(_ context.Context, d Delivery) error {
	final := filepath.Join(f.Dir, d.ID)
	if _, err := os.Lstat(final); err == nil {
		return f.repeat(final, d)
	}
	tmp := filepath.Join(f.Dir, "."+d.ID+".tmp")
	err := os.Mkdir(tmp, 0o750)
	if errors.Is(err, os.ErrExist) { // what a crash left
		err = errors.Join(os.RemoveAll(tmp), os.Mkdir(tmp, 0o750))
	}
	if err != nil {
		return err
	}
	meta, err := json.MarshalIndent(d.Metadata, "", "  ")
	if err != nil {
		return err
	}
	if err := errors.Join(
		write(filepath.Join(tmp, PayloadName), func(w io.Writer) error { _, err := io.Copy(w, d.Payload); return err }),
		write(filepath.Join(tmp, "metadata.json"), func(w io.Writer) error { _, err := w.Write(append(meta, '\n')); return err }),
	); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := syncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	return f.sync()
}

// sync makes the names in the folder durable. Deliveries that end together share one fsync.
func (f *Folder) sync() error {
	f.mu.Lock()
	r := f.round
	if r != nil { // not begun yet: it will cover our rename
		f.mu.Unlock()
		<-r.done
		return r.err
	}
	r = &syncRound{done: make(chan struct{})}
	f.round = r
	f.mu.Unlock()
	f.turn.Lock() // the round before is still under way
	f.mu.Lock()
	f.round = nil
	f.mu.Unlock()
	r.err = syncDir(f.Dir)
	f.turn.Unlock()
	close(r.done)
	return r.err
}

// repeat ends the delivery of a document that was delivered before. Another content under the same id is an alarm.
func (f *Folder) repeat(final string, d Delivery) error {
	text, err := os.ReadFile(filepath.Join(final, "metadata.json"))
	if err != nil {
		return err
	}
	var m Metadata
	if err := json.Unmarshal(text, &m); err != nil {
		return &Permanent{fmt.Errorf("backend: metadata of %s: %w", d.ID, err)}
	}
	if m.SHA256 != d.Metadata.SHA256 {
		return &Permanent{fmt.Errorf("backend: %s was delivered before with other content", d.ID)}
	}
	return f.sync()
}

// write makes a file and syncs it.
func write(name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

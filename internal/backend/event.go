package backend

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/ravn-ap/ravn/internal/durable"
)

// Event is news for C1, as a CloudEvent in JSON (OPS-009). After a crash the same event may be told again, with the
// same ID: a notifier must make the repeat harmless.
type Event struct {
	ID     string // stable
	Tenant string // whose news it is
	Body   []byte
}

// Notifier tells C1 what became of its documents.
type Notifier interface {
	// Notify returns nil once C1 has the event durably.
	Notify(ctx context.Context, e Event) error
}

// EventFolder puts each event into a folder as <event id>.json. A file appears complete and synced by one rename. An
// event whose file is there has been told.
type EventFolder struct {
	Dir     string
	Tenants bool       // each tenant has a subfolder of its own
	FS      durable.FS // nil means the operating system's
}

// Notify writes the file. The folder itself must be there: one that is gone, as when its disk is not mounted, is not
// made anew.
func (f *EventFolder) Notify(_ context.Context, e Event) error {
	fsys, dir := cmp.Or[durable.FS](f.FS, durable.OS{}), f.Dir
	if f.Tenants {
		dir = filepath.Join(f.Dir, e.Tenant)
		if err := fsys.Mkdir(dir, folderMode); err == nil {
			err = durable.SyncDir(fsys, f.Dir)
			if err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	tmp, err := durable.Create(fsys, dir, e.ID, fileMode)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if _, err := tmp.Write(e.Body); err != nil {
		return err
	}
	if err := tmp.Publish(filepath.Join(dir, e.ID+".json")); err != nil {
		return err
	}
	return durable.SyncDir(fsys, dir)
}

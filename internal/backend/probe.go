package backend

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ravn-ap/ravn/internal/durable"
)

// Probe tries what a delivery needs, with a small hidden file that is removed again (OPS-007): the error names the step
// that failed. C4 sees nothing of it.
func (f *Folder) Probe() error {
	at, done, err := f.open()
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	defer done()
	tmp, err := durable.Create(at.FS, at.dir, "probe", f.fileMode())
	if err != nil {
		return fmt.Errorf("making a file: %w", err)
	}
	defer tmp.Discard()
	if _, err := tmp.WriteString("a probe of ravn: it may be removed\n"); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := tmp.Seal(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	final := filepath.Join(at.dir, ".ravn-probe-"+rand.Text()+".tmp") // what a dead process leaves is swept
	publish, step := tmp.Publish, "renaming"
	if f.Layout == LayoutFlat || f.Layout == LayoutOxalis {
		publish, step = tmp.PublishNew, "giving a second name (hard link), which the layout "+string(f.Layout)+" needs"
	}
	if err := publish(final); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if err := durable.SyncDir(at.FS, at.dir); err != nil {
		return fmt.Errorf("fsync of the folder: %w", errors.Join(err, at.Remove(final)))
	}
	if err := at.Remove(final); err != nil {
		return fmt.Errorf("removing: %w", err)
	}
	return nil
}

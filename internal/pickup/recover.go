package pickup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recover looks at what is in Pending: documents, among them those that a crash left, and what a crash left of them.
func (r *round) recover(ctx context.Context) error {
	docs := map[string]fs.FileInfo{}
	beside := map[string]bool{} // names of documents with a status or side file
	err := r.each(r.Pending, func(e fs.DirEntry) error {
		name := e.Name()
		for _, ending := range []string{statusEnding, metaEnding} {
			if of, ok := strings.CutSuffix(name, ending); ok {
				beside[of] = true
				return nil
			}
		}
		if !isDocument(name) {
			return nil
		}
		info, err := e.Info()
		if err == nil {
			docs[name] = info
		}
		return skipGone(err)
	})
	if err != nil {
		return err
	}
	for name := range beside {
		if docs[name] == nil {
			if err := r.widow(ctx, name); err != nil {
				return err
			}
		}
	}
	return r.meet(docs)
}

func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// meet brings what this process knows of Pending up to date.
func (r *round) meet(docs map[string]fs.FileInfo) error {
	for name, e := range r.open {
		if info := docs[name]; info == nil || !os.SameFile(info, e.info) {
			delete(r.open, name)
		}
	}
	for name, info := range docs {
		if r.open[name] != nil {
			continue
		}
		st, err := r.readStatus(name)
		if err != nil {
			return err
		}
		if st.Installation != "" && st.Installation != r.Installation {
			if !r.foreignersTold[name] {
				r.foreignersTold[name] = true
				r.trouble(name, errForeign)
			}
			continue
		}
		r.open[name] = &entry{name: name, info: info}
	}
	return nil
}

var errForeign = errors.New("another installation, with another database, works on a file in this folder")

// widow tidies up files in Pending whose document is not there: it was moved just before a crash, it was about to be
// taken, or somebody has taken it away.
func (r *round) widow(ctx context.Context, name string) error {
	st, err := r.readStatus(name)
	if err != nil {
		return err
	}
	if st.Target != "" {
		return r.conclude(ctx, name, st)
	}
	meta := filepath.Join(r.Pending, name+metaEnding)
	if st.State == "" { // it is only a side file, which goes back to its document
		back := sideOf(originalName(name))
		if taken, err := r.taken(".", back, ""); err != nil {
			return err
		} else if !taken {
			return skipGone(r.root.Rename(meta, back))
		}
	}
	return errors.Join(r.remove(meta), r.remove(filepath.Join(r.Pending, name+statusEnding)))
}

func (r *round) remove(name string) error { return skipGone(r.root.Remove(name)) }

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
	changed, err := r.changed()
	if err != nil || !changed {
		return err
	}
	r.last.stale = true // until all of it was done
	docs := map[string]fs.FileInfo{}
	beside := map[string]bool{} // names of documents with a status or side file
	err = r.each(r.Pending, func(e fs.DirEntry) error {
		name := e.Name()
		if strings.HasSuffix(name, takingEnding) && r.locked { // nobody takes anything now
			return r.root.remove(filepath.Join(r.Pending, name))
		}
		for _, ending := range []string{statusEnding, metaEnding} {
			if of, ok := strings.CutSuffix(name, ending); ok {
				beside[of] = true
				return nil
			}
		}
		if !isDocument(name) {
			return nil
		}
		info, err := r.root.Lstat(filepath.Join(r.Pending, name))
		if err == nil && info.Mode().IsRegular() {
			docs[name] = info
		}
		return skipGone(err)
	})
	if err != nil {
		return err
	}
	failed := false
	for name := range beside {
		if docs[name] == nil {
			if err := r.widow(ctx, name); err != nil && ctx.Err() == nil {
				failed = true
				r.trouble(originalName(name), err) // it keeps no other file waiting
			}
		}
	}
	if err := r.meet(ctx, docs); err != nil {
		return err
	}
	r.last.at, r.last.stale = r.Now(), false
	if failed {
		r.last.retry.push(r.Now(), r.Scan)
	} else {
		r.last.retry = delay{}
	}
	return nil
}

// meet brings what this process knows of Pending up to date.
func (r *round) meet(ctx context.Context, docs map[string]fs.FileInfo) error {
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
		if r.foreign(name, st) {
			continue
		}
		moved, err := r.halfMoved(ctx, name, st)
		if err != nil {
			return err
		}
		if !moved {
			r.open[name] = r.enter(name, info, st)
		}
	}
	return nil
}

// foreign reports whether a status file is another installation's, and says so once.
func (r *round) foreign(name string, st status) bool {
	if st.Installation == "" || st.Installation == r.Installation {
		return false
	}
	if !r.foreignersTold[name] {
		r.foreignersTold[name] = true
		r.trouble(name, errForeign)
	}
	return true
}

// halfMoved goes on with a document that a crash has left both its name in Pending and the one where it ends.
func (r *round) halfMoved(ctx context.Context, name string, st status) (bool, error) {
	if st.Target == "" || st.Target == deleted {
		return false, nil
	}
	at := filepath.Join(r.Pending, name)
	same, err := r.root.same(at, st.Target)
	if err != nil || !same {
		return false, err
	}
	r.mark()
	if err := r.root.remove(at); err != nil {
		return false, err
	}
	return true, r.conclude(ctx, name, st)
}

var errForeign = errors.New("another installation, with another database, works on a file in this folder")

// widow tidies up files in Pending whose document is not there: it was moved just before a crash, it was about to be
// taken, or somebody has taken it away.
func (r *round) widow(ctx context.Context, name string) error {
	// A listing may miss what another node renames meanwhile. Whoever moves a document on says so in its status first.
	if here, err := r.taken(r.Pending, name, ""); err != nil || here {
		return err
	}
	st, err := r.readStatus(name)
	if err != nil {
		return err
	}
	if r.foreign(name, st) {
		return nil
	}
	r.mark()
	if st.Target != "" {
		arrived, err := r.reached(st.Target)
		if err != nil {
			return err
		}
		if arrived {
			return r.conclude(ctx, name, st)
		}
		r.trouble(originalName(name), errVanished)
	}
	meta := filepath.Join(r.Pending, name+metaEnding)
	if st.State == "" { // it is only a side file, which goes back to its document
		busy, err := r.busy(originalName(name))
		if err != nil || busy {
			return err
		}
		if taken, err := r.taken(r.Pending, name, "", statusEnding); err != nil || taken {
			return err // another node has brought the document meanwhile
		}
		back, err := r.sideBack(originalName(name))
		if err != nil {
			return err
		}
		if back != "" {
			if err := r.root.move(meta, back); !errors.Is(err, fs.ErrExist) {
				return skipGone(err)
			}
		} // else somebody has put a newer one there
	}
	return errors.Join(r.root.remove(meta), r.root.remove(filepath.Join(r.Pending, name+statusEnding)))
}

// sideBack is the name in the folder for a side file whose document was not taken: the one that no other document may
// have. It is "" if there is a newer one.
func (r *round) sideBack(name string) (string, error) {
	side, _, err := r.sideFile(name)
	if err != nil || side == name+sideEnding {
		return "", err
	}
	if side != "" {
		shared, err := r.shared([]candidate{{name: name, side: side}})
		if err != nil || shared[side] < 2 {
			return "", err
		}
	}
	return name + sideEnding, nil
}

var errVanished = errors.New("it is neither in pending nor where it was about to be moved: somebody took it away")

// reached reports whether a document is where it was to be moved. Only then it is over.
func (r *round) reached(target string) (bool, error) {
	if target == deleted {
		return true, nil
	}
	info, err := r.root.Lstat(target)
	if err != nil {
		return false, skipGone(err)
	}
	return info.Mode().IsRegular() && info.Size() > 0, nil
}

package pickup

import (
	"crypto/rand"
	"errors"
	"io"
	"time"
)

// looked is what a node knows of the last time it looked through Pending. To do that in each round would cost a few
// operations for each document on its way, of which there may be very many; so it is done at the start, and when
// somebody else may have changed something there.
type looked struct {
	at      time.Time // the zero value: not yet
	mark    string    // in the lock file after our last round
	changed time.Time // that of Pending after our last round
	stale   bool      // something is left to do there
	retry   delay     // of what could not be done
}

// lookEvery is how often it is done at least: of changes that neither mark nor time tell of.
const lookEvery = 10 * time.Minute

// changed reports whether Pending must be looked through.
func (r *round) changed() (bool, error) {
	l, now := &r.last, r.Now()
	if !r.locked || l.stale || l.at.IsZero() || now.Sub(l.at) >= lookEvery ||
		l.retry.last > 0 && !now.Before(l.retry.until) {
		return true, nil
	}
	mark, err := r.readMark()
	if err != nil || mark != l.mark {
		return true, err
	}
	info, err := r.root.Lstat(r.Pending)
	return err != nil || !info.ModTime().Equal(l.changed), err
}

// readMark reads what is in the lock file: another text than after our last round says that another node has worked on
// Pending since.
func (r *round) readMark() (string, error) {
	b := make([]byte, 64)
	n, err := r.lockOn.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(b[:n]), err
}

// mark changes what is in the lock file before this round changes what documents are in Pending. If it cannot be
// written, others see the change by the time of Pending.
func (r *round) mark() {
	r.marked.Do(func() {
		mark := rand.Text()
		if _, err := r.lockOn.WriteAt([]byte(mark), 0); err == nil {
			r.last.mark = mark
		}
	})
}

// remember ends a round: it forgets the documents that are over, and keeps how Pending is now.
func (r *round) remember(failed error) {
	for name, e := range r.open {
		r.last.stale = r.last.stale || e.rest
		if e.over || e.rest {
			delete(r.open, name)
		}
	}
	info, err := r.root.Lstat(r.Pending)
	if err != nil || failed != nil {
		r.last.stale = true
		return
	}
	r.last.changed = info.ModTime()
}

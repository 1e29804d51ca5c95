package main

import (
	"cmp"
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/store"
)

// mostWatched is how many documents are waited for at the same time, watchEvery how often they are looked at, and
// servedEvery how often the server that sends them is.
const (
	mostWatched = 10_000
	watchEvery  = 500 * time.Millisecond
	servedEvery = 5 * time.Second
)

// watch looks at documents that a server sends until they are at an end, have to wait for another attempt, or the time
// is over.
func (w *crowd) watch(ctx context.Context, waiting <-chan sendResult) {
	var list []sendResult
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for waiting != nil || len(list) > 0 {
		in := waiting
		if len(list) >= mostWatched { // who hands in waits
			in = nil
		}
		select {
		case r, ok := <-in:
			if ok {
				list, w.moved = append(list, r), w.now()
			} else {
				waiting = nil
			}
		case <-tick.C:
			list = w.look(ctx, list)
			w.progress(false)
		}
	}
}

// look returns the documents that are still waited for.
func (w *crowd) look(ctx context.Context, list []sendResult) (rest []sendResult) {
	if len(list) == 0 {
		return nil
	}
	now := w.now()
	left := w.left(ctx, now)
	found, err := w.states(ctx, list)
	still := w.still(now, list, found)
	for _, r := range list {
		m, ok := found[r.ID]
		if !ok {
			w.result(r.unreadable(cmp.Or(err, db.ErrNotFound)))
			continue
		}
		r.State = m.State
		f := fateOf(&m)
		text := left
		if text == "" && w.until.IsZero() {
			text = waitsFor(&m, still)
		}
		switch {
		case !f.pending():
			w.result(r.met(f))
		case text != "":
			f.text = text + ": ravn queue show " + m.ID
			w.result(r.met(f))
		default:
			rest = append(rest, r)
		}
	}
	return rest
}

// left says why nothing is waited for any more, "" if it is.
func (w *crowd) left(ctx context.Context, now time.Time) string {
	switch {
	case ctx.Err() != nil || !w.until.IsZero() && now.After(w.until):
		return "it is on record, and ravn serve goes on by its plan"
	case w.deserted(now):
		return "it is on record, but no server runs on this data folder: start ravn serve, or run the same " +
			"command again"
	}
	return ""
}

// still reports whether none of the documents has moved for a while.
func (w *crowd) still(now time.Time, list []sendResult, found map[string]store.Message) bool {
	for _, r := range list {
		if m, ok := found[r.ID]; ok && (m.State != r.State || m.State == store.Sending) {
			w.moved = now
		}
	}
	return now.Sub(w.moved) > documents.Shortly
}

// waitsFor says why a message has to wait for longer than its turn takes, "" if it has not. still is set when no
// message of the run has moved for a while: then what has not begun is kept back, as when its access point is left
// alone because it failed.
func waitsFor(m *store.Message, still bool) string {
	switch {
	case !m.Held.IsZero():
		return "it is on record, and an operator holds it back"
	case m.State == store.RetryWait || m.State == store.Unknown:
		return "it is on record, and ravn serve goes on by its plan"
	case still:
		return "it is on record, but its turn does not come: its access point may be left alone for a while. " +
			"ravn serve goes on"
	}
	return ""
}

// states reads the messages of a list, of whatever tenant, by their ids.
func (w *crowd) states(ctx context.Context, list []sendResult) (map[string]store.Message, error) {
	ids := map[string][]string{}
	for _, r := range list {
		tenant := cmp.Or(r.Tenant, db.DefaultTenant)
		ids[tenant] = append(ids[tenant], r.ID)
	}
	all := make(map[string]store.Message, len(list))
	for tenant, own := range ids {
		found, err := w.n.Store.Many(context.WithoutCancel(ctx), tenant, own)
		if err != nil {
			return all, err
		}
		for id, m := range found {
			all[id] = m
		}
	}
	return all, nil
}

// deserted reports whether no server is left that sends what is waited for; it asks now and then.
func (w *crowd) deserted(now time.Time) bool {
	if now.Sub(w.asked) < servedEvery {
		return false
	}
	w.asked = now
	served, err := w.n.Served()
	return err == nil && !served // who cannot tell goes on waiting
}

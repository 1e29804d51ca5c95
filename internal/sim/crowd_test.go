package sim

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
)

// REL-025: thousands of documents wait for access points that do not answer, some of them at an unknown address; each
// document for another one is sent within a second.
func TestREL025HealthyBesideThousands(t *testing.T) {
	if golden.Race {
		t.Skip("it counts simulated time: left to the run without the race detector")
	}
	s, dir := newStock(t), t.TempDir()
	var w *world
	synctest.Test(t, func(*testing.T) {
		w = newWorld(s, 1, dir)
		w.settings = settings{
			mild: true, short: true, nodes: 1, workers: 16, perLane: 8, poll: 2 * time.Second,
			giveUp: 24 * time.Hour, inline: 64 << 10,
			faulty: 90 * time.Minute, far: 20 * time.Millisecond, down: []outage{{0, 0, 90 * time.Minute}},
		}
		var healthy []*document
		if err := w.run(func(_, _ []*host) { healthy = w.crowd(2_000) }); err != nil {
			w.violate("run", "%v", err)
		}
		if err := w.checkSoon(healthy, time.Second); err != nil {
			w.violate("run", "%v", err)
		}
	})
	if len(w.bad) > 0 {
		t.Error(w.report())
	}
}

// crowd hands in n documents for an access point that is down, and then, now and again, one for another.
func (w *world) crowd(n int) (healthy []*document) {
	name := func(i int) string { return fmt.Sprintf("0088:73000100%05d", i) }
	const dead = 3 // receivers
	for i := range dead {
		w.register[name(i)] = []entry{{0, 0, 0}}
	}
	add := func(d *document, at time.Duration) {
		w.docs = append(w.docs, d)
		w.at(at, func() { w.handIn(d) })
	}
	for i := range n {
		d := &document{name: fmt.Sprint("dead-", i), receiver: name(i % dead)}
		add(d, time.Second+time.Duration(i)*20*time.Millisecond)
	}
	for i := range 60 {
		receiver := name(dead + i%20) // new ones first, then known ones
		w.register[receiver] = []entry{{0, 1 + i%2, 0}}
		d := &document{name: fmt.Sprint("healthy-", i), receiver: receiver}
		healthy = append(healthy, d)
		add(d, 10*time.Second+time.Duration(i)*83*time.Second)
	}
	return healthy
}

// checkSoon checks that documents were sent soon after they were taken.
func (w *world) checkSoon(docs []*document, limit time.Duration) error {
	c2, err := w.look("c2.db")
	if err != nil {
		return err
	}
	for _, d := range docs {
		for _, id := range d.ids {
			m, err := c2.Get(context.Background(), db.DefaultTenant, id)
			if err != nil {
				return err
			}
			if m.State != store.Sent || m.Accepted.Sub(m.Created) > limit {
				w.violate("soon", "%s is %s after %v", d.name, m.State, m.Accepted.Sub(m.Created))
			}
		}
		if len(d.ids) != 1 {
			w.violate("soon", "%s was taken as %q", d.name, d.ids)
		}
	}
	return c2.Close()
}

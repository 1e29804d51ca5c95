package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
)

// clocked are lanes with a clock of the test.
type clocked struct {
	*Lanes
	now     time.Time
	changes []string
	wakes   int
}

func newClocked() *clocked {
	c := &clocked{now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	c.Lanes = &Lanes{Now: func() time.Time { return c.now }}
	c.Tune(Tuning{
		PerLane: 8, Expire: 24 * time.Hour, Wake: func() { c.wakes++ },
		Changed: func(name string, open time.Time) {
			what := "closed"
			if !open.IsZero() {
				what = "open for " + open.Sub(c.now).String()
			}
			c.changes = append(c.changes, name+" "+what)
		},
	})
	return c
}

// heads are lanes with work that has just become due.
func (c *clocked) heads(names ...string) (list []store.Lane) {
	for _, n := range names {
		list = append(list, store.Lane{Name: n, Due: c.now})
	}
	return list
}

// claim begins the jobs of a share, and returns how many of each lane.
func (c *clocked) claim(places int, names ...string) string {
	var out []string
	for _, p := range c.share(c.heads(names...), places) {
		out = append(out, fmt.Sprintf("%s:%d", p.Lane, p.Limit))
		for range p.Limit {
			c.enter(fmt.Sprint(len(c.jobs), p.Lane, c.now.UnixNano()), p.Lane, p.Tenant)
		}
	}
	return strings.Join(out, " ")
}

func (c *clocked) endAll() {
	for id := range c.jobs {
		c.End(id)
	}
}

// REL-025: places go to lanes in turn, at most eight each while others wait; one alone gets what it wants while it is
// quick.
func TestREL025Shares(t *testing.T) {
	c := newClocked()
	for _, step := range []struct{ what, got, want string }{
		{"two share", c.claim(16, "a", "b"), "a:8 b:8"},
		{"both are full", c.claim(16, "a", "b"), ""},
		{"another is not", c.claim(16, "a", "b", "c"), "c:8"},
	} {
		if step.got != step.want {
			t.Errorf("%s: %q, want %q", step.what, step.got, step.want)
		}
	}
	c.endAll()
	if got := c.claim(16, "a"); got != "a:16" {
		t.Errorf("one alone: %q", got)
	}
	if got := c.claim(1, "a", "b"); got != "b:1" {
		t.Errorf("the next place: %q", got)
	}
	c.endAll()
	for range 20 {
		c.Report("a", true, time.Minute)
	}
	if got := c.claim(16, "a"); got != "a:8" {
		t.Errorf("one alone that is slow: %q", got)
	}
	c.endAll()
	got := map[string]int{}
	for range 30 { // one place at a time
		got[c.claim(1, "a", "b", "c")]++
		c.endAll()
	}
	if got["a:1"] != 10 || got["b:1"] != 10 || got["c:1"] != 10 {
		t.Errorf("in turn: %v", got)
	}
	if got := c.claim(16, "", "a"); got != ":4 :4 a:8" {
		t.Errorf("beside what must be looked up: %q", got)
	}
}

// REL-025: after five failures in a row nothing goes to an access point for a minute, then one message, whose failure
// doubles the time up to a quarter of an hour, and whose success ends it.
func TestREL025Breaker(t *testing.T) {
	c := newClocked()
	fail := func() { c.Report("a", false, time.Second) }
	for range 4 {
		fail()
	}
	if got := c.claim(2, "a", "b"); got != "a:1 b:1" {
		t.Errorf("after four failures: %q", got)
	}
	fail()
	c.endAll()
	for _, pause := range []time.Duration{1, 2, 4, 8, 15, 15} {
		if got := c.claim(9, "a", "b"); got != "b:9" {
			t.Errorf("open: %q", got)
		}
		c.endAll()
		if c.now = c.now.Add(pause*time.Minute - time.Second); c.claim(1, "a") != "" {
			t.Errorf("it let one through within %d minutes", pause)
		}
		c.now = c.now.Add(time.Second)
		if got := c.claim(9, "a", "b"); got != "a:1 b:8" {
			t.Errorf("after %d minutes: %q", pause, got)
		}
		if got := c.claim(9, "a"); got != "" {
			t.Errorf("a second one beside it: %q", got)
		}
		c.endAll()
		fail()
	}
	c.now = c.now.Add(15 * time.Minute)
	c.Report("a", true, time.Second)
	if got := c.claim(16, "a", "b"); got != "a:8 b:8" {
		t.Errorf("closed: %q", got)
	}
	want := "a open for 1m0s, a open for 2m0s, a open for 4m0s, a open for 8m0s, a open for 15m0s, a open for 15m0s, " +
		"a open for 15m0s, a closed"
	if got := strings.Join(c.changes, ", "); got != want {
		t.Errorf("changes: %s", got)
	}
	for range 5 {
		fail()
	}
	c.endAll()
	old := []store.Lane{{Name: "a", Due: c.now.Add(-24 * time.Hour)}}
	if got := c.share(old, 16); len(got) != 1 || got[0].Limit != 1 {
		t.Errorf("what is to be given up: %v", got)
	}
}

// REL-025: a job whose access point is found goes there only if there is room.
func TestREL025Admit(t *testing.T) {
	c := newClocked()
	c.enter("x", "", "acme")
	c.enter("y", "", "acme")
	for i := range 7 {
		c.enter(fmt.Sprint(i), "a", "acme")
	}
	if !c.Admit("x", "a") || c.Admit("y", "a") || !c.Admit("x", "a") || !c.Admit("by hand", "a") {
		t.Error("seven and one more have room, a ninth has not; what is there stays, and an operator waits for nobody")
	}
	c.share(c.heads("a", "b"), 20) // which leaves work of a, and places
	c.End("x")
	if !c.Admit("y", "a") || c.wakes == 0 {
		t.Errorf("when one has ended, woken %d times", c.wakes)
	}
}

// REL-013, REL-025: a job whose lease ran out while it was under way is claimed again and given back. It has one place
// all the time, and none when it has ended.
func TestREL025ClaimedAgain(t *testing.T) {
	c := newClocked()
	running := func() int { return c.lane("a").running }
	c.enter("x", "", "")
	if !c.Admit("x", "a") {
		t.Fatal("there is room")
	}
	c.enter("x", "a", "")
	again := running()
	c.End("x") // given back
	under := running()
	c.End("x")
	if again != 1 || under != 1 || running() != 0 || len(c.jobs) != 0 {
		t.Errorf("claimed again: %d, given back: %d, ended: %d", again, under, running())
	}
	for range 5 {
		c.Report("a", false, time.Second)
	}
	c.now = c.now.Add(time.Minute)
	if got := c.claim(9, "a"); got != "a:1" {
		t.Errorf("after a break: %q", got)
	}
}

// REL-025: thousands of messages for an access point that does not answer hold up no message for another, wherever it
// stands among them: counted in attempts, not in time.
func TestREL025ThousandsForADeadOne(t *testing.T) {
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	enter := func(lane string, keys ...string) {
		t.Helper()
		if err := s.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
			var tasks []store.Task
			for _, k := range keys {
				tasks = append(tasks, store.Task{Kind: store.Send, Key: k, Lane: lane})
			}
			return tx.Enqueue(tasks...)
		}); err != nil {
			t.Fatal(err)
		}
	}
	var known, unknown []string // whether it is known where they go
	for i := range 3_000 {
		known = append(known, fmt.Sprintf("dead-%05d", i))
	}
	for i := range 40 {
		unknown = append(unknown, fmt.Sprintf("dead-unknown-%03d", i))
	}
	enter("dead", known...)
	enter("", slices.Insert(unknown, 20, "good-among")...)
	l := &Lanes{LaneStore: s, Now: time.Now}
	sent := make(chan string, 100)
	var failed atomic.Int64
	r := &Runner{Store: l, Limit: 16, Poll: 20 * time.Millisecond}
	l.Tune(Tuning{PerLane: 8, Expire: time.Hour, Wake: r.Wake, Changed: func(string, time.Time) {}})
	r.Work = map[store.Kind]Work{store.Send: func(ctx context.Context, job store.Job) Outcome {
		defer l.End(job.ID)
		lane, _, _ := strings.Cut(job.Key, "-")
		if !l.Admit(job.ID, lane) {
			if err := s.Redirect(context.WithoutCancel(ctx), job, lane); err != nil {
				t.Error(err)
			}
			return AlreadyEnded()
		}
		if l.Report(lane, lane == "good", time.Millisecond); lane == "good" {
			sent <- job.Key
			return Done()
		}
		failed.Add(1)
		return Retry(time.Hour, "no answer")
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	waiting := map[string]bool{"good-among": true}
	for i := range 20 {
		waiting[fmt.Sprint("good-", i)] = true
		enter("", fmt.Sprint("good-", i))
		r.Wake()
	}
	for late := time.After(4 * time.Minute); len(waiting) > 0; {
		select {
		case key := <-sent:
			delete(waiting, key)
		case <-late:
			t.Fatalf("these wait: %v", waiting)
		}
	}
	stop()
	<-ended
	if n := failed.Load(); n > breakAfter+16 {
		t.Errorf("%d attempts at the dead one", n)
	}
}

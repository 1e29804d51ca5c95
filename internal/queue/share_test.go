package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
)

// take claims one place at a time, and returns tenant, class and lane of each; jobs go on until endAll.
func (c *clocked) take(n int, heads ...store.Lane) (got []string) {
	for range n {
		for _, p := range c.share(slices.Clone(heads), 1) {
			got = append(got, strings.TrimSpace(fmt.Sprint(p.Tenant, " ", p.Class, " ", p.Lane)))
			c.enter(fmt.Sprint(len(c.jobs), p.Lane, c.now.UnixNano()), p.Lane, p.Tenant)
		}
	}
	return got
}

func count(list []string) map[string]int {
	m := map[string]int{}
	for _, s := range list {
		m[s]++
	}
	return m
}

func (c *clocked) head(tenant string, class store.Class, lane string) store.Lane {
	return store.Lane{Name: lane, Tenant: tenant, Class: class, Due: c.now}
}

// REL-025: places go to the tenant with the fewest jobs under way, whatever the number of its access points, and
// tenants that are alike take turns.
func TestREL025SharesAmongTenants(t *testing.T) {
	c := newClocked()
	var many []store.Lane // a tenant with work for many access points
	for i := range 20 {
		many = append(many, c.head("acme", store.Documents, fmt.Sprintf("ap%02d", i)))
	}
	c.take(12, many...)
	one := c.head("beta", store.Documents, "ap05")
	if got := c.take(2, append(many, one)...); got[0] != "beta 2 ap05" || got[1] != "beta 2 ap05" {
		t.Errorf("beside a tenant that has twelve: %v", got)
	}
	c.endAll()
	got := count(c.take(12, append(many, one)...))
	if got["beta 2 ap05"] != 6 {
		t.Errorf("of twelve places: %v", got)
	}
	c.endAll()
	for range 8 { // the access point is full: by one tenant
		c.enter(fmt.Sprint("full", len(c.jobs)), "ap05", "acme")
	}
	if got := c.take(1, one, many[3]); len(got) != 1 || got[0] != "acme 2 ap03" {
		t.Errorf("a full access point keeps others waiting: %v", got)
	}
}

// REL-025: the more urgent class goes first, wherever it goes to, and each eighth place to the others in turn, so that
// none waits for ever.
func TestREL025SharesAmongClasses(t *testing.T) {
	c := newClocked()
	c.PerLane = 1000
	all := []store.Lane{c.head("acme", store.Reports, "a"), c.head("acme", store.Statuses, "a")}
	for i := range 50 {
		all = append(all, c.head("acme", store.Batches, fmt.Sprint("ap", i)))
	}
	all = append(all, c.head("acme", store.Documents, "z"), c.head("acme", store.Documents, "a"))
	var classes []string
	for _, s := range c.take(48, all...) {
		classes = append(classes, strings.Fields(s)[1])
	}
	if got, want := strings.Join(classes, ""), strings.Repeat("1111111x", 6); strings.Map(func(r rune) rune {
		if r != '1' {
			return 'x'
		}
		return r
	}, got) != want {
		t.Errorf("turns: %s", got)
	}
	if got := count(classes); got["2"] != 2 || got["3"] != 2 || got["4"] != 2 {
		t.Errorf("each eighth: %v", got)
	}
	c.endAll()
	c.tenants = nil
	got := c.take(7, slices.DeleteFunc(all, func(h store.Lane) bool { return h.Class == store.Statuses })...)
	if n := count(got); n["acme 2 a"] != 4 || n["acme 2 z"] != 3 {
		t.Errorf("beside a batch for fifty access points: %v", got)
	}
}

// REL-025: an access point gets at most so many messages per second, of a second at once; the Runner is woken when the
// next may go, once.
func TestREL025Rate(t *testing.T) {
	c := newClocked()
	var wakes []string
	c.Rate, c.After = 4, func(d time.Duration, _ func()) { wakes = append(wakes, d.String()) }
	claim := func(names ...string) string { got := c.claim(16, names...); c.endAll(); return got }
	for i, step := range []struct {
		after     time.Duration
		got, wake string
	}{
		{0, "a:4 b:4", "250ms"},
		{0, "", ""}, // it is woken already
		{100 * time.Millisecond, "", ""},
		{150 * time.Millisecond, "a:1 b:1", "250ms"},
		{125 * time.Millisecond, "", ""},
		{125 * time.Millisecond, "a:1 b:1", "250ms"},
		{time.Hour, "a:4 b:4", "250ms"},
	} {
		c.now, wakes = c.now.Add(step.after), nil
		if got := claim("a", "b"); got != step.got {
			t.Errorf("step %d: %q, want %q", i, got, step.got)
		}
		if got := strings.Join(wakes, " "); got != step.wake {
			t.Errorf("step %d: woken in %q, want %q", i, got, step.wake)
		}
	}
	c.now = c.now.Add(time.Hour)
	for i, want := range []bool{true, true, true, true, false} { // those whose access point is found on the way
		id := fmt.Sprint("x", i)
		if c.enter(id, "", "acme"); c.Admit(id, "c") != want {
			t.Errorf("message %d for an access point with four places: want %t", i, want)
		}
	}
	c.endAll()
	c.now = c.now.Add(time.Hour)
	for i := range 4 { // guessed wrongly: that costs the one that was guessed nothing
		id := fmt.Sprint("y", i)
		if c.enter(id, "a", "acme"); !c.Admit(id, "c") {
			t.Errorf("message %d was not let through", i)
		}
	}
	c.endAll()
	if got := claim("a"); got != "a:4" {
		t.Errorf("after wrong guesses: %q", got)
	}
}

// REL-025: with hundreds of documents of one tenant before it, for the same access point or for a slow one, a document
// of another tenant begins as soon as one job has ended, counted in jobs. So does a single document beside a batch.
func TestREL025OneAmongHundreds(t *testing.T) {
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	enter := func(tenant, lane string, class store.Class, n int) {
		t.Helper()
		if err := s.Update(t.Context(), tenant, func(tx *store.Tx) error {
			var tasks []store.Task
			for i := range n {
				key := fmt.Sprintf("%s-%s-%d-%05d", tenant, lane, class, i)
				tasks = append(tasks, store.Task{Kind: store.Send, Key: key, Lane: lane, Class: class})
			}
			return tx.Enqueue(tasks...)
		}); err != nil {
			t.Fatal(err)
		}
	}
	enter("acme", "healthy", store.Documents, 400)
	enter("acme", "slow", store.Documents, 200)
	l := &Lanes{LaneStore: s, Now: time.Now}
	begun, end := make(chan store.Job), make(chan bool)
	r := &Runner{Store: l, Limit: 6, Poll: time.Hour, Grace: time.Millisecond}
	l.Tune(Tuning{PerLane: 8, Expire: time.Hour, Wake: r.Wake, Changed: func(string, time.Time) {}})
	r.Work = map[store.Kind]Work{store.Send: func(ctx context.Context, job store.Job) Outcome {
		defer l.End(job.ID)
		select {
		case begun <- job:
		case <-ctx.Done():
			return AlreadyEnded()
		}
		select {
		case <-end:
		case <-ctx.Done():
			return AlreadyEnded()
		}
		return Done()
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	for range 6 {
		if job := <-begun; job.Tenant != "acme" {
			t.Fatalf("%s began", job.Key)
		}
	}
	for _, x := range []struct {
		tenant, lane string
		class        store.Class
	}{
		{"beta", "healthy", store.Documents},
		{"beta", "other", store.Batches},
		{"acme", "healthy", store.Statuses},
	} {
		enter(x.tenant, x.lane, x.class, 1)
		end <- true
		if job := <-begun; job.Tenant != x.tenant && x.tenant == "beta" || job.Class != x.class {
			t.Errorf("after %v was handed in, %s began", x, job.Key)
		}
	}
	stop()
	<-ended
}

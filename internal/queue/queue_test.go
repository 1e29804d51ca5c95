package queue_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

const tenant = db.DefaultTenant

func open(t *testing.T, opts db.Options) *store.Store {
	t.Helper()
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), opts))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// enter puts n report jobs into the outbox.
func enter(t *testing.T, s *store.Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), tenant, func(tx *store.Tx) error {
		for i := range n {
			if err := tx.Enqueue(store.Task{Kind: store.Report, Key: fmt.Sprint("job-", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// start runs r in the background and returns a function that stops it and waits for its end.
func start(t *testing.T, r *queue.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func jobs(t *testing.T, s *store.Store, dead bool) []store.Job {
	t.Helper()
	all, err := s.Jobs(t.Context(), tenant, store.JobFilter{Dead: dead})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func reports(w queue.Work) map[store.Kind]queue.Work {
	return map[store.Kind]queue.Work{store.Report: w}
}

func TestEachJobOnceWithinTheLimit(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 40)
	var mu sync.Mutex
	seen := map[string]int{}
	var now, most atomic.Int64
	work := func(_ context.Context, job store.Job) queue.Outcome {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		seen[job.Key]++
		return queue.Done()
	}
	for range 2 { // two nodes
		start(t, &queue.Runner{Store: s, Work: reports(work), Limit: 3, Poll: time.Hour})
	}
	eventually(t, "all jobs done", func() bool { return len(jobs(t, s, false)) == 0 })
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s ran %d times", key, n)
		}
	}
	if len(seen) != 40 || most.Load() > 6 {
		t.Errorf("%d jobs, up to %d at once", len(seen), most.Load())
	}
}

func TestOutcomes(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 4)
	stop := start(t, &queue.Runner{
		Store: s, Poll: 10 * time.Millisecond,
		Work: reports(func(_ context.Context, job store.Job) queue.Outcome {
			switch job.Key {
			case "job-0":
				return queue.Retry(time.Hour, "busy")
			case "job-1":
				return queue.Dead("refused")
			case "job-2":
				if err := s.Release(context.Background(), job, time.Now().Add(2*time.Hour), "own doing"); err != nil {
					t.Error(err)
				}
				return queue.AlreadyEnded()
			}
			return queue.Outcome{}
		}),
	})
	eventually(t, "an end of each job", func() bool {
		open := jobs(t, s, false)
		return len(open) == 2 && open[0].Reason != "" && open[1].Reason != "" && len(jobs(t, s, true)) == 1
	})
	stop()
	left := jobs(t, s, false)
	if left[0].Reason != "busy" || time.Until(left[0].Due) < 50*time.Minute || left[1].Reason != "own doing" {
		t.Errorf("open: %+v", left)
	}
	if dead := jobs(t, s, true); dead[0].Reason != "refused" {
		t.Errorf("dead: %+v", dead)
	}
}

func TestREL067Panic(t *testing.T) {
	clock := time.Now()
	var mu sync.Mutex
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	s := open(t, db.Options{Now: now})
	m, err := s.Accept(t.Context(), tenant, store.Acceptance{Message: store.Message{C2: "PNO000111", MessageID: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int64
	reported := make(chan error, 10)
	start(t, &queue.Runner{
		Store: s, Poll: 10 * time.Millisecond, Now: now,
		OnError: func(_ store.Job, err error) { reported <- err },
		Work: map[store.Kind]queue.Work{store.Deliver: func(context.Context, store.Job) queue.Outcome {
			runs.Add(1)
			panic("poison")
		}},
	})
	eventually(t, "quarantine", func() bool {
		mu.Lock()
		clock = clock.Add(time.Second)
		mu.Unlock()
		got, err := s.Get(t.Context(), tenant, m.ID)
		return err == nil && got.State == store.Quarantined
	})
	if runs.Load() != 2 {
		t.Errorf("ran %d times", runs.Load())
	}
	for range 2 {
		if err := <-reported; !strings.Contains(err.Error(), "poison") {
			t.Errorf("reported %v", err)
		}
	}
	if err := <-reported; !errors.Is(err, queue.ErrQuarantined) {
		t.Errorf("the quarantine is silent: %v", err)
	}
	events, err := s.Timeline(t.Context(), tenant, m.ID)
	if err != nil || !slices.ContainsFunc(events,
		func(e store.Event) bool { return e.Kind == store.EventQuarantined }) {
		t.Errorf("timeline %v, %v", events, err)
	}
}

func TestREL067ProcessDiedTwice(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 1)
	for range 2 { // claimed, then the process was killed
		if _, err := s.Claim(t.Context(), store.Claim{
			Kind: store.Report, Owner: "dead", Limit: 1,
			Lease: time.Minute,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.BuryOwner(t.Context(), "dead"); err != nil {
			t.Fatal(err)
		}
	}
	start(t, &queue.Runner{
		Store: s, Poll: 10 * time.Millisecond,
		Work: reports(func(context.Context, store.Job) queue.Outcome {
			t.Error("it ran")
			return queue.Done()
		}),
	})
	eventually(t, "the job is given up", func() bool { return len(jobs(t, s, true)) == 1 })
}

// mortal is the store of a process that can die: then nothing that it says is written any more.
type mortal struct {
	*store.Store
	dead atomic.Bool
}

func (m *mortal) do(f func() error) error {
	if m.dead.Load() {
		return db.ErrClosed
	}
	return f()
}

func (m *mortal) Claim(ctx context.Context, c store.Claim) (jobs []store.Job, err error) {
	err = m.do(func() error { jobs, err = m.Store.Claim(ctx, c); return err })
	return jobs, err
}

func (m *mortal) Extend(ctx context.Context, j store.Job, d time.Duration) error {
	return m.do(func() error { return m.Store.Extend(ctx, j, d) })
}

func (m *mortal) Complete(ctx context.Context, j store.Job) error {
	return m.do(func() error { return m.Store.Complete(ctx, j) })
}

func (m *mortal) GiveBack(ctx context.Context, j store.Job, due time.Time, reason string) error {
	return m.do(func() error { return m.Store.GiveBack(ctx, j, due, reason) })
}

func (m *mortal) Quarantine(ctx context.Context, j store.Job, reason string) error {
	return m.do(func() error { return m.Store.Quarantine(ctx, j, reason) })
}

// One of eight jobs kills every process that runs it. It is found and put aside, and the seven that were under way with
// it each time are done, once, and not suspected.
func TestREL067TheOneThatKills(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 8)
	var mu sync.Mutex
	ended := map[string]int{}
	for life := 1; len(jobs(t, s, false)) > 0; life++ {
		if life > 12 {
			t.Fatalf("still open after %d lives: %+v", life, jobs(t, s, false))
		}
		m := &mortal{Store: s}
		ctx, die := context.WithCancel(t.Context())
		r := &queue.Runner{
			Store: m, Owner: fmt.Sprint("life ", life), Poll: 5 * time.Millisecond,
			Grace: time.Millisecond,
		}
		r.Work = reports(func(ctx context.Context, job store.Job) queue.Outcome {
			if job.Key == "job-3" {
				m.dead.Store(true)
				die()
			}
			select { // so long that others begin meanwhile, if they may
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			if !m.dead.Load() {
				mu.Lock()
				ended[job.Key]++
				mu.Unlock()
			}
			return queue.Done()
		})
		go func() { // a life without the killer ends when all is done
			for len(jobs(t, s, false)) > 0 && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			die()
		}()
		r.Run(ctx)
		if _, err := s.BuryOwner(t.Context(), r.Owner); err != nil {
			t.Fatal(err)
		}
	}
	given := jobs(t, s, true)
	if len(given) != 1 || given[0].Key != "job-3" {
		t.Errorf("put aside: %+v", given)
	}
	for n := range 8 {
		if key := fmt.Sprint("job-", n); n != 3 && ended[key] != 1 {
			t.Errorf("%s ended %d times", key, ended[key])
		}
	}
}

func TestREL067Timeout(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 1)
	start(t, &queue.Runner{
		Store: s, Poll: 10 * time.Millisecond, Timeout: 30 * time.Millisecond,
		Work: reports(func(ctx context.Context, _ store.Job) queue.Outcome {
			<-ctx.Done()
			return queue.Done()
		}),
	})
	eventually(t, "the job is given back", func() bool {
		open := jobs(t, s, false)
		return len(open) == 1 && strings.Contains(open[0].Reason, "too long") && open[0].LeaseEnd.IsZero()
	})
}

func TestREL063RunWaitsForItsWorkers(t *testing.T) {
	s := open(t, db.Options{})
	enter(t, s, 2)
	begun := make(chan struct{}, 2)
	var ended, cut atomic.Int64
	stop := start(t, &queue.Runner{
		Store: s, Grace: 300 * time.Millisecond,
		Work: reports(func(ctx context.Context, job store.Job) queue.Outcome {
			defer ended.Add(1)
			begun <- struct{}{}
			if job.Key == "job-0" {
				time.Sleep(100 * time.Millisecond) // finishes by itself
				return queue.Done()
			}
			<-ctx.Done() // does not
			cut.Add(1)
			return queue.Retry(0, "stopped")
		}),
	})
	<-begun
	<-begun
	stop()
	if ended.Load() != 2 || cut.Load() != 1 {
		t.Errorf("ended %d, cut off %d", ended.Load(), cut.Load())
	}
	if left := jobs(t, s, false); len(left) != 1 || left[0].Key != "job-1" || !left[0].LeaseEnd.IsZero() {
		t.Errorf("left %+v", left)
	}
}

// flaky is a store whose database is away for a while.
type flaky struct {
	*store.Store
	claims, completes atomic.Int64
}

var errAway = errors.New("database away")

func (f *flaky) Claim(ctx context.Context, c store.Claim) ([]store.Job, error) {
	if f.claims.Add(1) <= 3 {
		return nil, errAway
	}
	return f.Store.Claim(ctx, c)
}

func (f *flaky) Complete(ctx context.Context, job store.Job) error {
	if f.completes.Add(1) <= 2 {
		return errAway
	}
	return f.Store.Complete(ctx, job)
}

func TestDatabaseAway(t *testing.T) {
	f := &flaky{Store: open(t, db.Options{})}
	enter(t, f.Store, 1)
	var runs, errs atomic.Int64
	start(t, &queue.Runner{
		Store: f, Poll: 10 * time.Millisecond,
		OnError: func(_ store.Job, err error) {
			if errors.Is(err, errAway) {
				errs.Add(1)
			}
		},
		Work: reports(func(context.Context, store.Job) queue.Outcome { runs.Add(1); return queue.Done() }),
	})
	eventually(t, "the job is done", func() bool { return len(jobs(t, f.Store, false)) == 0 })
	if runs.Load() != 1 || errs.Load() != 3 {
		t.Errorf("ran %d times, %d failed claims reported", runs.Load(), errs.Load())
	}
}

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// outbox is a store of one job whose lease ends when the test says so.
type outbox struct {
	queue.Store
	mu      sync.Mutex
	job     store.Job // as the last claim got it
	free    bool      // nobody holds it, or the lease has run out
	due     time.Time
	done    bool
	unknown error    // a Claim returns the job together with this error
	log     []string // what was written, in order
}

func (o *outbox) Claim(_ context.Context, c store.Claim) ([]store.Job, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.free || o.done || time.Now().Before(o.due) || c.Limit == 0 {
		return nil, nil
	}
	o.free = false
	o.job.Token++
	job := o.job
	o.job.Unended++
	o.log = append(o.log, fmt.Sprint("claim ", job.Token))
	return []store.Job{job}, o.unknown
}

// write is every call that ends a job; then changes what else it must.
func (o *outbox) write(what string, job store.Job, due time.Time, then func()) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if job.Token != o.job.Token {
		o.log = append(o.log, fmt.Sprint("lost ", job.Token))
		return store.ErrLeaseLost
	}
	o.log = append(o.log, fmt.Sprint(what, " ", job.Token))
	o.job.Token++
	o.free, o.due = true, due
	then()
	return nil
}

func (o *outbox) GiveBack(_ context.Context, job store.Job, due time.Time, _ string) error {
	return o.write("give back", job, due, func() { o.job.Unended-- })
}

func (o *outbox) Complete(_ context.Context, job store.Job) error {
	return o.write("complete", job, time.Time{}, func() { o.done = true })
}

func (o *outbox) Release(_ context.Context, job store.Job, due time.Time, _ string) error {
	return o.write("release", job, due, func() {})
}

func (o *outbox) Quarantine(_ context.Context, job store.Job, _ string) error {
	return o.write("quarantine", job, time.Time{}, func() { o.done = true })
}

func (o *outbox) Extend(context.Context, store.Job, time.Duration) error { return nil } // the database is away

// expire lets the lease run out.
func (o *outbox) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = true
}

// leased is an outbox whose lease ends by the clock.
type leased struct {
	outbox
	until time.Time
}

func (l *leased) Claim(ctx context.Context, c store.Claim) ([]store.Job, error) {
	l.mu.Lock()
	l.free = l.free || !time.Now().Before(l.until)
	l.mu.Unlock()
	jobs, err := l.outbox.Claim(ctx, c)
	if len(jobs) > 0 {
		l.mu.Lock()
		l.until = time.Now().Add(c.Lease)
		l.mu.Unlock()
	}
	return jobs, err
}

func (l *leased) Extend(_ context.Context, job store.Job, d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if job.Token != l.job.Token {
		return store.ErrLeaseLost
	}
	l.until = time.Now().Add(d)
	return nil
}

// atOnce counts how often work runs at the same time.
type atOnce struct {
	mu        sync.Mutex
	now, most int
	starts    int
}

// enter tells which start this is.
func (a *atOnce) enter() (start int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now++
	a.starts++
	a.most = max(a.most, a.now)
	return a.starts
}

// seen returns how often work was started, and how often at once at most.
func (a *atOnce) seen() (starts, most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.starts, a.most
}

// reported collects what a Runner reports.
type reported struct {
	mu   sync.Mutex
	errs []error
}

func (r *reported) add(_ store.Job, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (a *atOnce) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now--
}

// The lease of a job that is under way ends: the machine slept, the database was away. The same process claims the job
// again, and again. It never runs it twice at once; the old work is told to stop; the claims in between are no crashes.
func TestREL013OneProcessRunsAJobOnceAtATime(t *testing.T) {
	for name, obedient := range map[string]bool{"work that stops": true, "work that does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outbox{free: true, job: store.Job{ID: "report/default/a", Kind: store.Report}}
				var count atOnce
				told := &reported{}
				work := func(ctx context.Context, _ store.Job) queue.Outcome {
					start := count.enter()
					defer count.leave()
					if start > 1 {
						return queue.Done()
					}
					if obedient {
						<-ctx.Done()
					} else {
						time.Sleep(5 * time.Minute)
					}
					return queue.Retry(time.Hour, "stopped")
				}
				r := &queue.Runner{Store: o, Work: reports(work), OnError: told.add}
				stop := start(t, r)
				for range 4 {
					time.Sleep(30 * time.Second)
					if starts, _ := count.seen(); !obedient || starts == 1 {
						o.expire()
					}
				}
				time.Sleep(10 * time.Minute)
				stop()
				if starts, most := count.seen(); most != 1 || starts != 2 {
					t.Errorf("the job ran %d times, %d at once", starts, most)
				}
				if len(o.log) == 0 || o.log[len(o.log)-1] != fmt.Sprint("complete ", o.job.Token-1) {
					t.Errorf("the end: %q", o.log)
				}
				if slices.ContainsFunc(o.log, func(s string) bool { return strings.HasPrefix(s, "quarantine") }) ||
					o.job.Unended > 3 {
					t.Errorf("counted as crashes: %d, %q", o.job.Unended, o.log)
				}
				if !slices.Contains(o.log, "give back 2") || len(told.errs) == 0 {
					t.Errorf("nobody was told: %q, %v", o.log, told.errs)
				}
			})
		})
	}
}

// Two nodes look for the same job, which takes far longer than its lease.
func TestREL013LeaseIsKeptWhileWorkRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leased{outbox: outbox{free: true, job: store.Job{ID: "report/default/a", Kind: store.Report}}}
		var count atOnce
		work := func(context.Context, store.Job) queue.Outcome {
			count.enter()
			defer count.leave()
			time.Sleep(8 * time.Minute)
			return queue.Done()
		}
		var stop [2]func()
		for i := range stop {
			stop[i] = start(t, &queue.Runner{Store: l, Work: reports(work), Lease: time.Minute})
		}
		time.Sleep(10 * time.Minute)
		stop[0]()
		stop[1]()
		if starts, _ := count.seen(); starts != 1 || !slices.Equal(l.log, []string{"claim 1", "complete 1"}) {
			t.Errorf("started %d times: %q", starts, l.log)
		}
	})
}

// Work whose lease is another's is told to stop by the next sign of life, and says nothing of the job any more.
func TestREL013LostLeaseStopsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leased{outbox: outbox{free: true, job: store.Job{ID: "report/default/a", Kind: store.Report}}}
		var told reported
		var took time.Duration
		stop := start(t, &queue.Runner{
			Store: l, Lease: time.Minute, Poll: time.Hour, OnError: told.add,
			Work: reports(func(ctx context.Context, _ store.Job) queue.Outcome {
				begun := time.Now()
				<-ctx.Done()
				took = time.Since(begun)
				return queue.Done()
			}),
		})
		synctest.Wait()
		if err := l.write("bury", l.job, time.Time{}, func() { l.done = true }); err != nil { // by an operator
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		if took != 20*time.Second || len(told.errs) != 1 || !errors.Is(told.errs[0], store.ErrLeaseLost) {
			t.Errorf("the work was stopped after %v: %v", took, told.errs)
		}
		if !slices.Equal(l.log, []string{"claim 1", "bury 1"}) {
			t.Errorf("%q", l.log)
		}
	})
}

// A Runner that is woken does not wait for its next look.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{job: store.Job{ID: "report/default/a", Kind: store.Report}}
		r := &queue.Runner{
			Store: o, Poll: time.Hour,
			Work: reports(func(context.Context, store.Job) queue.Outcome { return queue.Done() }),
		}
		defer start(t, r)()
		synctest.Wait() // it has looked once
		o.expire()
		begun := time.Now()
		r.Wake()
		synctest.Wait()
		if !o.done || time.Since(begun) != 0 {
			t.Errorf("done %v after %v", o.done, time.Since(begun))
		}
	})
}

// Work gives its job back itself, as for a target that takes no more, and another turn comes before it has returned:
// the job is run again as soon as it has, and the lease was never lost.
func TestREL013AJobThatWasGivenBackHasItsTurnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{free: true, job: store.Job{ID: "report/default/a", Kind: store.Report}}
		var count atOnce
		var again time.Time
		told := &reported{}
		r := &queue.Runner{Store: o, OnError: told.add}
		r.Work = reports(func(ctx context.Context, job store.Job) queue.Outcome {
			start := count.enter()
			defer count.leave()
			if start > 1 {
				again = time.Now()
				return queue.Done()
			}
			if err := o.Release(ctx, job, time.Time{}, "no place"); err != nil {
				t.Error(err)
			}
			r.Wake()
			time.Sleep(100 * time.Millisecond)
			if ctx.Err() != nil {
				t.Error("it was told to stop")
			}
			return queue.AlreadyEnded()
		})
		begun := time.Now()
		stop := start(t, r)
		time.Sleep(time.Minute)
		stop()
		if starts, most := count.seen(); most != 1 || starts != 2 || again.Sub(begun) != 100*time.Millisecond {
			t.Errorf("the job ran %d times, %d at once, again after %v", starts, most, again.Sub(begun))
		}
		if want := []string{"claim 1", "release 1", "claim 3", "complete 3"}; !slices.Equal(o.log, want) {
			t.Errorf("%q", o.log)
		}
		if len(told.errs) > 0 {
			t.Errorf("told of %v", told.errs)
		}
	})
}

// A job that came by Reserve and is under way is not run a second time either.
func TestREL013AJobByReserveIsNotRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{job: store.Job{ID: "report/default/a", Kind: store.Report, Token: 1}}
		var count atOnce
		work := func(ctx context.Context, _ store.Job) queue.Outcome {
			start := count.enter()
			defer count.leave()
			if start == 1 {
				<-ctx.Done()
			}
			return queue.Done()
		}
		r := &queue.Runner{Store: o, Work: reports(work)}
		stop := start(t, r)
		synctest.Wait()
		r.Reserve().Do(o.job, work)
		synctest.Wait()
		o.expire()
		time.Sleep(2 * time.Minute)
		stop()
		if starts, most := count.seen(); most != 1 || starts != 2 {
			t.Errorf("the job ran %d times, %d at once", starts, most)
		}
		if want := []string{"claim 2", "give back 2", "lost 1", "claim 4", "complete 4"}; !slices.Equal(o.log,
			want) && !slices.Equal(o.log, []string{"claim 2", "lost 1", "give back 2", "claim 4", "complete 4"}) {
			t.Errorf("%q", o.log)
		}
	})
}

// A job that came by Reserve is waited for like one that was claimed: as long as the grace lasts, and then until it has
// let go. Run takes no more of them meanwhile.
func TestREL063RunWaitsForJobsByReserve(t *testing.T) {
	for name, tc := range map[string]struct {
		takes time.Duration
		cut   bool
		want  time.Duration
	}{
		"it ends by itself": {20 * time.Second, false, 20 * time.Second},
		"it is cut off":     {time.Hour, true, 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outbox{job: store.Job{ID: "report/default/a", Kind: store.Report, Token: 1}}
				r := &queue.Runner{Store: o, Work: reports(nil), Grace: 30 * time.Second}
				stop := start(t, r)
				synctest.Wait()
				ended, cut := false, false
				r.Reserve().Do(o.job, func(ctx context.Context, _ store.Job) queue.Outcome {
					select {
					case <-ctx.Done():
						cut = true
						time.Sleep(time.Second) // what it does to let go
					case <-time.After(tc.takes):
					}
					ended = true
					return queue.Done()
				})
				begun := time.Now()
				go func() {
					time.Sleep(time.Second)
					if r.Reserve() != nil {
						t.Error("a place is given while the queue stops")
					}
				}()
				stop()
				if took := time.Since(begun); !ended || cut != tc.cut || took != tc.want {
					t.Errorf("the queue stopped after %v, the job ended: %v, was cut off: %v", took, ended, cut)
				}
				if !slices.Equal(o.log, []string{"complete 1"}) {
					t.Errorf("%q", o.log)
				}
			})
		})
	}
}

// A claim whose commit failed, or whose outcome is not known, starts nothing: its lease is not ours.
func TestREL072AClaimThatFailedStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{
			free: true, unknown: errors.Join(db.ErrOutcomeUnknown, errors.New("connection lost")),
			job: store.Job{ID: "report/default/a", Kind: store.Report},
		}
		var count atOnce
		work := func(context.Context, store.Job) queue.Outcome {
			count.enter()
			return queue.Done()
		}
		stop := start(t, &queue.Runner{Store: o, Work: reports(work)})
		time.Sleep(time.Minute)
		stop()
		if starts, _ := count.seen(); starts != 0 {
			t.Errorf("%d jobs were started", starts)
		}
	})
}

// Numbers of a configuration that are not above zero are the defaults: none of them kills the process.
func TestNegativeNumbersAreDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{free: true, job: store.Job{ID: "report/default/a", Kind: store.Report}}
		var left time.Duration
		work := func(ctx context.Context, _ store.Job) queue.Outcome {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			time.Sleep(queue.DefaultLease)
			return queue.Done()
		}
		r := &queue.Runner{
			Store: o, Work: reports(work), Limit: -1, Poll: -time.Second, Lease: -time.Minute,
			Timeout: -1, Grace: -1, MaxCrashes: -1,
		}
		stop := start(t, r)
		time.Sleep(2 * queue.DefaultLease)
		stop()
		if left != queue.DefaultTimeout || !o.done {
			t.Errorf("deadline in %v, done %v", left, o.done)
		}
		if r.Limit != queue.DefaultLimit || r.Poll != queue.DefaultPoll || r.Lease != queue.DefaultLease ||
			r.Grace != queue.DefaultGrace || r.MaxCrashes != queue.DefaultMaxCrashes {
			t.Errorf("%+v", []any{r.Limit, r.Poll, r.Lease, r.Grace, r.MaxCrashes})
		}
	})
}

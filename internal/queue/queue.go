// Package queue decides when work is done, not what: it claims due rows of the outbox, keeps their leases while a bounded
// set of workers runs, and gives each row back as its worker says. One goroutine owns the schedule; a crash of the process
// and the loss of a node are the same case, an expired lease.
package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// Store is what the queue needs of a *store.Store. Every call that ends or extends a job fails with store.ErrLeaseLost if
// another worker has it (REL-013).
type Store interface {
	Claim(ctx context.Context, c store.Claim) ([]store.Job, error)
	Extend(ctx context.Context, job store.Job, d time.Duration) error
	Complete(ctx context.Context, job store.Job) error
	Release(ctx context.Context, job store.Job, due time.Time, reason string) error
	GiveBack(ctx context.Context, job store.Job, due time.Time, reason string) error
	Crash(ctx context.Context, job store.Job, due time.Time, reason string) error
	Bury(ctx context.Context, job store.Job, reason string) error
	Quarantine(ctx context.Context, job store.Job, reason string) error
}

// Work does one job. Its context ends when the lease is lost, when the job takes too long, or some time after the Runner
// was told to stop.
type Work func(ctx context.Context, job store.Job) Outcome

// Outcome is what becomes of a job. The zero value is Done.
type Outcome struct {
	what   verdict
	after  time.Duration
	reason string
}

type verdict int

const (
	done verdict = iota
	settled
	retry
	dead
)

// Done ends the job.
func Done() Outcome { return Outcome{} }

// Settled leaves the job alone: the work has ended it or given it back already, in the transaction of its result, as
// store.FinishAttempt does.
func Settled() Outcome { return Outcome{what: settled} }

// Retry gives the job back for another try after a time, with the reason for the record.
func Retry(after time.Duration, reason string) Outcome {
	return Outcome{what: retry, after: after, reason: reason}
}

// Dead gives the job up; an operator sees it (REL-068).
func Dead(reason string) Outcome { return Outcome{what: dead, reason: reason} }

// Defaults of a Runner.
const (
	DefaultLimit      = 16
	DefaultPoll       = 2 * time.Second // REL-070: how long work waits at most when nobody wakes the Runner
	DefaultLease      = time.Minute
	DefaultTimeout    = 10 * time.Minute
	DefaultGrace      = time.Minute // REL-063
	DefaultMaxCrashes = 2           // REL-067
	DefaultMaxStarts  = 5
	crashDelay        = time.Minute
)

// Runner runs the jobs of an outbox. It never runs one job twice at once, also when its lease ran out and was claimed
// anew. Fields must not change once Run was called; fields that are not above zero mean the defaults above.
type Runner struct {
	Store Store               // required
	Work  map[store.Kind]Work // what to do, by kind; jobs of other kinds are left to others
	Owner string              // names this process in the record; required in a cluster

	Limit   int           // jobs of one kind at the same time
	Poll    time.Duration // time between looks without a Wake
	Lease   time.Duration // how long a job stays ours without a sign of life
	Timeout time.Duration // for one job; one that takes longer counts as a crash
	Grace   time.Duration // how long jobs may go on after Run's context ended

	// A job is quarantined instead of started again after so many starts without an end for which nothing else can be to
	// blame, or after so many in a row of any kind. A process that dies leaves all its jobs without an end, and they are tried
	// again one at a time, with nothing beside them, so that the one it dies of is found and no other (REL-067).
	MaxCrashes, MaxStarts int

	Now     func() time.Time               // for the due time of retries; nil means time.Now
	OnError func(job store.Job, err error) // what went wrong beside the work itself; job is zero for a failed claim; may be nil

	once   sync.Once
	wake   chan struct{}
	direct chan struct{} // places of jobs that came by Reserve

	mu      sync.Mutex
	work    context.Context               // of jobs, while Run takes new ones
	running map[string]context.CancelFunc // by the id of the job: ends its work
	single  bool                          // one job at a time, see schedule.claim
	wg      sync.WaitGroup                // jobs that came by Reserve
}

// Wake makes the Runner look for due work at once. It never blocks and may be called before Run.
func (r *Runner) Wake() {
	r.init()
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (r *Runner) init() {
	r.once.Do(func() {
		r.wake = make(chan struct{}, 1)
		r.running = map[string]context.CancelFunc{}
		def(&r.Limit, DefaultLimit)
		r.direct = make(chan struct{}, r.Limit)
		def(&r.Poll, DefaultPoll)
		def(&r.Lease, DefaultLease)
		def(&r.Timeout, DefaultTimeout)
		def(&r.Grace, DefaultGrace)
		def(&r.MaxCrashes, DefaultMaxCrashes)
		def(&r.MaxStarts, DefaultMaxStarts)
		if r.Now == nil {
			r.Now = time.Now
		}
		if r.OnError == nil {
			r.OnError = func(store.Job, error) {}
		}
	})
}

func def[T cmp.Ordered](field *T, value T) {
	var zero T
	if *field <= zero {
		*field = value
	}
}

// Run claims and runs jobs until ctx ends, then lets the running ones finish, at most for Grace, and returns after the
// last (REL-063). Leases of jobs that were cut off simply run out.
func (r *Runner) Run(ctx context.Context) {
	r.init()
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(r.Grace, stop) })
	r.admit(work)
	defer r.wg.Wait()
	defer r.dismiss()

	s := &schedule{Runner: r, busy: map[store.Kind]int{}, ended: make(chan store.Kind, r.Limit)}
	for k := range r.Work {
		s.kinds = append(s.kinds, k)
	}
	slices.Sort(s.kinds)
	s.run(ctx, work)
}

// admit sets the context of jobs that come by Reserve.
func (r *Runner) admit(work context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.work = work
}

func (r *Runner) dismiss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.work = nil
}

// Place is room for one job whose claimer brings it to the Runner himself, instead of leaving it to be claimed.
type Place struct {
	r   *Runner
	ctx context.Context // of the Run that gave it
}

// Reserve returns a place, or nil when all are taken or Run does not take jobs: then the job is left to be claimed.
// Exactly one of Do and Free must follow.
func (r *Runner) Reserve() *Place {
	r.init()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.work == nil || r.single {
		return nil
	}
	select {
	case r.direct <- struct{}{}:
		r.wg.Add(1)
		return &Place{r, r.work}
	default:
		return nil
	}
}

// Free gives the place back unused.
func (p *Place) Free() {
	<-p.r.direct
	p.r.wg.Done()
}

// Do runs a job that is held, by the given work, and returns at once.
func (p *Place) Do(job store.Job, work Work) {
	go func() {
		defer p.Free()
		p.r.do(p.ctx, job, work)
	}()
}

// schedule belongs to the goroutine of Run; workers only report to ended.
type schedule struct {
	*Runner
	kinds []store.Kind
	busy  map[store.Kind]int // workers by kind
	ended chan store.Kind
}

func (s *schedule) run(ctx, work context.Context) {
	poll := time.NewTicker(s.Poll)
	defer poll.Stop()
	more := s.claimAll(ctx, work)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-poll.C:
			more = s.claimAll(ctx, work)
		case <-s.wake:
			more = s.claimAll(ctx, work)
		case k := <-s.ended:
			s.busy[k]--
			if s.single {
				more = s.claimAll(ctx, work)
			} else if more[k] { // the last claim filled all places, so there may be work left
				more[k] = s.claim(ctx, work, k)
			}
		}
	}
	for _, n := range s.busy {
		for range n {
			<-s.ended
		}
	}
}

// claimAll looks for work of all kinds and tells of which there may be more than was taken.
func (s *schedule) claimAll(ctx, work context.Context) map[store.Kind]bool {
	more, single := map[store.Kind]bool{}, s.single
	for _, k := range s.kinds {
		more[k] = s.claim(ctx, work, k)
	}
	if single && s.idle() { // there was nothing to claim
		s.oneAtATime(false)
	}
	return more
}

// claim starts as many jobs of a kind as there are free places, and tells whether there may be more.
//
// A job that was under way when a process died, together with others, may be what it died of. Such jobs are run one at a
// time with nothing beside them, so that the next death has one suspect (REL-067). They are the longest due, so that the
// first that is none of them ends this.
func (s *schedule) claim(ctx, work context.Context, k store.Kind) bool {
	free, single := s.Limit-s.busy[k], s.single
	if single {
		free = 1
	}
	if free <= 0 || ctx.Err() != nil || single && !s.idle() {
		return true
	}
	jobs, err := s.Store.Claim(ctx, store.Claim{Kind: k, Owner: s.Owner, Lease: s.Lease, Limit: free})
	if err != nil { // then nothing is ours
		if ctx.Err() == nil {
			s.OnError(store.Job{}, fmt.Errorf("queue: claim %s: %w", k, err))
		}
		return false
	}
	for _, job := range jobs {
		suspected := job.Unended > job.Suspect && !s.underWay(job.ID)
		if suspected != single {
			s.oneAtATime(suspected)
		}
		if suspected && !single {
			s.giveBackUnbegun(ctx, job)
			continue
		}
		s.busy[k]++
		go func() {
			defer func() { s.ended <- k }()
			s.do(work, job, s.Work[k])
		}()
	}
	return len(jobs) == free
}

// underWay tells that this process runs a job, whose lease must have run out when it was claimed again.
func (s *schedule) underWay(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id] != nil
}

// idle tells that nothing is under way.
func (s *schedule) idle() bool {
	for _, n := range s.busy {
		if n > 0 {
			return false
		}
	}
	return len(s.direct) == 0
}

func (s *schedule) oneAtATime(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.single = on
}

// giveBackUnbegun leaves a job to the next claim.
func (s *schedule) giveBackUnbegun(ctx context.Context, job store.Job) {
	if err := s.Store.GiveBack(context.WithoutCancel(ctx), job, job.Due, job.Reason); err != nil {
		s.OnError(job, fmt.Errorf("queue: %s: %w", job.ID, err))
	}
}

// do runs one job from claim to end.
func (r *Runner) do(ctx context.Context, job store.Job, work Work) {
	ctx, end := r.begin(ctx, job.ID)
	var err error
	switch {
	case end == nil:
		err = r.giveBack(ctx, job)
	case job.Suspect >= r.MaxCrashes, job.Unended >= r.MaxStarts: // REL-067
		err = r.Store.Quarantine(context.WithoutCancel(ctx), job, fmt.Sprintf("started %d times without an end", job.Unended))
		if err == nil {
			err = fmt.Errorf("%w after %d starts without an end", ErrQuarantined, job.Unended)
		}
	default:
		err = r.attend(ctx, job, work)
	}
	if end != nil {
		end()
	}
	if err != nil {
		r.OnError(job, fmt.Errorf("queue: %s: %w", job.ID, err))
	}
}

// begin notes that a job is under way, until end is called. If it is under way already its lease must have run out,
// because it was claimed again: then that work is told to stop, since nothing it says will be believed (REL-013), and
// end is nil.
func (r *Runner) begin(ctx context.Context, id string) (_ context.Context, end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if stop := r.running[id]; stop != nil {
		stop()
		return ctx, nil
	}
	ctx, stop := context.WithCancel(ctx)
	r.running[id] = stop
	return ctx, func() {
		stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, id)
	}
}

// giveBack leaves a job that is under way here to a later claim. This one is no sign of a crash.
func (r *Runner) giveBack(ctx context.Context, job store.Job) error {
	const reason = "the lease ran out while the work was under way"
	err := r.Store.GiveBack(context.WithoutCancel(ctx), job, r.Now().Add(r.Lease/3), reason)
	return errors.Join(errors.New(reason), err)
}

// ErrQuarantined means that a job will not be started again before an operator says so.
var ErrQuarantined = errors.New("queue: quarantined")

// attend runs the work of a job under its lease and ends the job.
func (r *Runner) attend(ctx context.Context, job store.Job, work Work) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
	defer cancel()
	lost := r.keepLease(ctx, cancel, job)
	out, err := call(ctx, job, work)
	if err == nil && context.Cause(ctx) == errTimeout {
		err = errTimeout
	}
	cancel()
	switch {
	case out.what == settled: // then the lease has ended as well
		return nil
	case <-lost:
		return errors.Join(store.ErrLeaseLost, err)
	}
	return errors.Join(err, r.end(context.WithoutCancel(ctx), job, out, err))
}

var errTimeout = errors.New("work took too long")

// endTries is how often the end of a job is written at most, one Poll apart. A job whose end cannot be written would be
// done again and look like a crash.
const endTries = 3

// end writes the outcome of a job, or its crash.
func (r *Runner) end(ctx context.Context, job store.Job, out Outcome, crash error) error {
	for n := 1; ; n++ {
		err := r.tryEnd(ctx, job, out, crash)
		if err == nil || n == endTries || errors.Is(err, store.ErrLeaseLost) || db.IsFatal(err) {
			return err
		}
		time.Sleep(r.Poll)
	}
}

func (r *Runner) tryEnd(ctx context.Context, job store.Job, out Outcome, crash error) error {
	switch {
	case crash != nil:
		return r.Store.Crash(ctx, job, r.Now().Add(crashDelay), crash.Error())
	case out.what == retry:
		return r.Store.Release(ctx, job, r.Now().Add(out.after), out.reason)
	case out.what == dead:
		return r.Store.Bury(ctx, job, out.reason)
	}
	return r.Store.Complete(ctx, job)
}

// call runs the work; a panic in it is its error.
func call(ctx context.Context, job store.Job, work Work) (out Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return work(ctx, job), nil
}

// panicError is a panic of a work function. Its stack is for the log, not for the record.
type panicError struct {
	value any
	Stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// keepLease extends the lease of a job until ctx ends, and tells in the end whether it was lost; then it has cancelled the
// work. Other errors are left to the next round: the lease lasts for three of them.
func (r *Runner) keepLease(ctx context.Context, cancel func(), job store.Job) <-chan bool {
	lost := make(chan bool, 1)
	go func() {
		tick := time.NewTicker(r.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				lost <- false
				return
			case <-tick.C:
			}
			err := r.Store.Extend(ctx, job, r.Lease)
			if errors.Is(err, store.ErrLeaseLost) {
				cancel()
				lost <- true
				return
			}
			if err != nil && ctx.Err() == nil {
				r.OnError(job, fmt.Errorf("queue: extend %s: %w", job.ID, err))
			}
		}
	}()
	return lost
}

// Package queue decides when work is done, not what is done: it claims due rows of the outbox, keeps their leases while
// a bounded number of workers runs, and records for each row the outcome that its worker returns. One goroutine owns
// the schedule. A crash of the process and the loss of a node are the same case: an expired lease.
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

// Store is the part of *store.Store that the queue needs. Every call that ends or extends a job fails with
// store.ErrLeaseLost if another worker has it by now (REL-013).
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

// Work does one job. Its context ends when the lease is lost, when the job takes too long, or Grace after the Runner
// was told to stop.
type Work func(ctx context.Context, job store.Job) Outcome

// Outcome says what happens to a job. The zero value is Done.
type Outcome struct {
	what   verdict
	after  time.Duration
	reason string
}

type verdict int

const (
	done verdict = iota
	alreadyEnded
	retry
	dead
)

// Done ends the job.
func Done() Outcome { return Outcome{} }

// AlreadyEnded leaves the job alone: the work has already ended it or given it back, in the same transaction as its
// result, as store.FinishAttempt does.
func AlreadyEnded() Outcome { return Outcome{what: alreadyEnded} }

// Retry gives the job back for another try after a delay. The reason goes into the record.
func Retry(after time.Duration, reason string) Outcome {
	return Outcome{what: retry, after: after, reason: reason}
}

// Dead gives up the job and shows it to an operator (REL-068).
func Dead(reason string) Outcome { return Outcome{what: dead, reason: reason} }

// Defaults of a Runner.
const (
	DefaultLimit      = 16
	DefaultPoll       = 2 * time.Second // REL-070: the longest that due work waits if nobody wakes the Runner
	DefaultLease      = time.Minute
	DefaultTimeout    = 10 * time.Minute
	DefaultGrace      = time.Minute // REL-063
	DefaultMaxCrashes = 2           // REL-067
	DefaultMaxStarts  = 5
	crashDelay        = time.Minute
)

// Runner runs the jobs of an outbox. It never runs the same job twice at once, not even if its lease expired and it was
// claimed again. Fields must not change after Run has been called; zero and negative values mean the defaults above.
type Runner struct {
	Store Store               // required
	Work  map[store.Kind]Work // what to do, by kind; jobs of other kinds are left to other processes
	Owner string              // names this process in the record; required in a cluster

	Limit   int           // jobs of one kind at the same time
	Poll    time.Duration // between two looks for work without a Wake
	Lease   time.Duration // how long a job stays ours without being extended
	Timeout time.Duration // for one job; one that takes longer counts as a crash
	Grace   time.Duration // how long jobs may go on after Run's context has ended, or from Ending on

	// Ending is closed when the process is to end. If it is set, jobs that are under way when Run's context ends go on
	// until they are done or their Timeout is over, and Grace begins here. nil means that the end of the context is it.
	Ending <-chan struct{}

	// A job is quarantined instead of started again after MaxCrashes starts without an end for which nothing else can
	// be blamed, or after MaxStarts starts in a row without an end. A process that dies leaves all its jobs without an
	// end; they are then tried one at a time, with nothing else running, so that only the job that kills the process is
	// quarantined (REL-067).
	MaxCrashes, MaxStarts int

	Now     func() time.Time               // for the due time of retries; nil means time.Now
	OnError func(job store.Job, err error) // errors other than the outcome of work; job is zero for a claim; may be nil

	once   sync.Once
	wake   chan struct{}
	direct chan struct{} // places for jobs that come through Reserve

	mu      sync.Mutex
	work    context.Context // for jobs that come through Reserve; nil while Run does not accept any
	running map[string]*run // by id of the job
	single  bool            // one job at a time, see schedule.claim
	wg      sync.WaitGroup  // jobs that came through Reserve
}

// Wake makes the Runner look for due work at once. It never blocks and may be called before Run.
func (r *Runner) Wake() {
	r.init()
	select {
	case r.wake <- struct{}{}:
	default: // a wake-up is already pending
	}
}

func (r *Runner) init() {
	r.once.Do(func() {
		r.wake = make(chan struct{}, 1)
		r.running = map[string]*run{}
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

// Run claims and runs jobs until ctx ends, then gives running jobs up to Grace to finish, and returns after the last
// one (REL-063). Leases of jobs that were cut off simply expire.
func (r *Runner) Run(ctx context.Context) {
	r.init()
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx
	defer stop()
	go r.cutOff(ctx, work, stop)
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

// cutOff stops the work when Grace is over, unless it has ended before.
func (r *Runner) cutOff(ctx, work context.Context, stop func()) {
	ending := r.Ending
	if ending == nil {
		ending = ctx.Done()
	}
	select {
	case <-work.Done():
		return
	case <-ending:
	}
	grace := time.NewTimer(r.Grace)
	defer grace.Stop()
	select {
	case <-work.Done():
	case <-grace.C:
		stop()
	}
}

// admit lets jobs come through Reserve and sets their context.
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

// Place is a reservation for one job that the caller has claimed itself and hands to the Runner, instead of leaving it
// in the outbox for the Runner to claim.
type Place struct {
	r   *Runner
	ctx context.Context // of the Run that granted it
}

// Reserve returns a place, or nil if all are taken or Run does not accept jobs: then leave the job in the outbox.
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

// Free returns the place unused.
func (p *Place) Free() {
	<-p.r.direct
	p.r.wg.Done()
}

// Do starts the given work on a job that the caller holds, and returns at once.
func (p *Place) Do(job store.Job, work Work) {
	go func() {
		defer p.Free()
		p.r.runJob(p.ctx, job, work)
	}()
}

// schedule is used only by the goroutine of Run; workers do no more than report to ended. So it needs no lock.
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
			} else if more[k] { // the last claim used all free places, so there may be more work
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

// claimAll claims work of all kinds and returns of which there may be more.
func (s *schedule) claimAll(ctx, work context.Context) map[store.Kind]bool {
	more, single := map[store.Kind]bool{}, s.single
	for _, k := range s.kinds {
		more[k] = s.claim(ctx, work, k)
	}
	if single && s.idle() { // nothing was claimed, so no suspect is left
		s.oneAtATime(false)
	}
	return more
}

// claim starts as many jobs of a kind as there are free places, and reports whether there may be more.
//
// Any of the jobs that were running when a process died may have killed it. Such suspects run one at a time with
// nothing else running, so that the next crash has one suspect only (REL-067). They are claimed first because they have
// been due the longest; the first job that is not a suspect ends this mode.
func (s *schedule) claim(ctx, work context.Context, k store.Kind) bool {
	free, single := s.Limit-s.busy[k], s.single
	if single {
		free = 1
	}
	if free <= 0 || ctx.Err() != nil || single && !s.idle() {
		return true
	}
	jobs, err := s.Store.Claim(ctx, store.Claim{Kind: k, Owner: s.Owner, Lease: s.Lease, Limit: free})
	if err != nil { // then we hold no job
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
			s.runJob(work, job, s.Work[k])
		}()
	}
	return len(jobs) == free
}

// underWay reports whether this process is running the job. If so, its lease has expired and it was claimed again: it
// is no suspect.
func (s *schedule) underWay(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id] != nil
}

// idle reports whether nothing is running.
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

// giveBackUnbegun leaves a job that was not started to the next claim.
func (s *schedule) giveBackUnbegun(ctx context.Context, job store.Job) {
	if err := s.Store.GiveBack(context.WithoutCancel(ctx), job, job.Due, job.Reason); err != nil {
		s.OnError(job, fmt.Errorf("queue: %s: %w", job.ID, err))
	}
}

// runJob runs one job from claim to end.
func (r *Runner) runJob(ctx context.Context, job store.Job, work Work) {
	ctx, end := r.begin(ctx, job.ID)
	var err error
	switch {
	case end == nil:
		err = r.giveBack(ctx, job)
	case job.Suspect >= r.MaxCrashes, job.Unended >= r.MaxStarts: // REL-067
		err = r.Store.Quarantine(context.WithoutCancel(ctx), job,
			fmt.Sprintf("started %d times without an end", job.Unended))
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

// run is a job that is running here.
type run struct {
	stop  context.CancelFunc // cancels the work
	ended chan struct{}
}

// handOver is how long a job that was claimed waits for the work of an earlier claim to return, which has given it
// back.
const handOver = time.Second

// begin records that a job is running, until end is called. If it is running already and does not return soon, its
// lease has expired, because it was claimed again: then that work is cancelled, since its outcome would not be
// accepted (REL-013), and end is nil.
func (r *Runner) begin(ctx context.Context, id string) (_ context.Context, end func()) {
	late := time.NewTimer(handOver)
	defer late.Stop()
	for {
		earlier, ctx, end := r.enter(ctx, id)
		if earlier == nil {
			return ctx, end
		}
		select {
		case <-earlier.ended:
		case <-late.C:
			earlier.stop()
			return ctx, nil
		}
	}
}

// enter records that a job is running, unless it is running already.
func (r *Runner) enter(ctx context.Context, id string) (earlier *run, _ context.Context, end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if earlier := r.running[id]; earlier != nil {
		return earlier, ctx, nil
	}
	ctx, stop := context.WithCancel(ctx)
	now := &run{stop, make(chan struct{})}
	r.running[id] = now
	return nil, ctx, func() {
		stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, id)
		close(now.ended)
	}
}

// giveBack leaves a job that is still running here to a later claim. This start does not count as a crash.
func (r *Runner) giveBack(ctx context.Context, job store.Job) error {
	const reason = "the lease ran out while the work was under way"
	err := r.Store.GiveBack(context.WithoutCancel(ctx), job, r.Now().Add(r.Lease/3), reason)
	return errors.Join(errors.New(reason), err)
}

// ErrQuarantined means that a job is not started again until an operator says so.
var ErrQuarantined = errors.New("queue: quarantined")

// attend runs the work of a job while it keeps the lease, and records how the job ended.
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
	case out.what == alreadyEnded: // which released the lease as well: that it is lost is no error
		return nil
	case <-lost:
		return errors.Join(store.ErrLeaseLost, err)
	}
	return errors.Join(err, r.recordEnd(context.WithoutCancel(ctx), job, out, err))
}

var errTimeout = errors.New("work took too long")

// endTries is how often recording the end of a job is tried, one Poll apart. A job whose end is not recorded would be
// done again and look like a crash.
const endTries = 3

// recordEnd records the outcome of a job, or its crash.
func (r *Runner) recordEnd(ctx context.Context, job store.Job, out Outcome, crash error) error {
	for n := 1; ; n++ {
		err := r.tryRecordEnd(ctx, job, out, crash)
		if err == nil || n == endTries || errors.Is(err, store.ErrLeaseLost) || db.IsFatal(err) {
			return err
		}
		time.Sleep(r.Poll)
	}
}

func (r *Runner) tryRecordEnd(ctx context.Context, job store.Job, out Outcome, crash error) error {
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

// call runs the work; a panic becomes an error.
func call(ctx context.Context, job store.Job, work Work) (out Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return work(ctx, job), nil
}

// panicError is a panic in a work function. Its stack is for the log, not for the record.
type panicError struct {
	value any
	Stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// keepLease extends the lease of a job until ctx ends and finally sends whether it was lost, in which case it has
// cancelled the work. After other errors it tries again: a lease lasts for three rounds.
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

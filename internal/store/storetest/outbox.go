package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

var outboxTests = []test{
	{"REL-067 what a dead process held is free at once", testBuryOwner},
	{"REL-063 what a leaving process held is free at once", testLeaveOwner},

	{"REL-010 a lease keeps others away until it ends", testLease},
	{"REL-013 an old token ends nothing", testFencing},
	{"REL-013 what was given back is no longer the worker's", testGivenUp},
	{"REL-067 claims are counted before the work", testUnended},
	{"D-06 many workers claim each job once", testClaimRace},
	{"REL-014 the longest due first", testOrder},
	{"REL-066 leases go by the database's clock", testDatabaseClock},
	{"REL-066 leases go by the time since the start of the host", testBootClock},
	{"REL-066 a lease granted by an older program lasts", testLeaseWithoutBoot},
	{"REL-067 a claim whose work was not begun is no crash", testGiveBack},
	{"REL-028 a natural key is entered once", testNaturalKey},
	{"REL-010 the job of one message is taken before it is due", testTake},
	{"OPS-002 a turn without a route is no attempt and no crash", testNotDelivered},
	{"OPS-003 what waits goes to another lane", testReroute},
}

// report enters a job without a message.
func (b *bench) report(key string, due time.Time) {
	b.Helper()
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{Kind: store.Report, Key: key, Due: due})
	}))
}

func testLease(b *bench) {
	b.report("a", time.Time{})
	job := b.claimed(store.Report)
	want(b, "token", job.Token, 1)
	want(b, "lease end", job.LeaseEnd, b.clock.Now().Add(lease))
	want(b, "jobs under lease", len(b.claim(store.Report, 10)), 0)
	b.clock.advance(lease - time.Second)
	b.must(b.Extend(b.ctx, job, lease))
	b.clock.advance(lease - time.Second)
	want(b, "jobs under an extended lease", len(b.claim(store.Report, 10)), 0)
	b.clock.advance(time.Second)
	want(b, "jobs after it", len(b.claim(store.Report, 10)), 1)
}

func testFencing(b *bench) {
	b.report("a", time.Time{})
	old := b.claimed(store.Report)
	b.clock.advance(lease)
	job := b.claimed(store.Report)
	want(b, "larger token", job.Token > old.Token, true)
	later := b.clock.Now().Add(time.Hour)
	for what, err := range map[string]error{
		"extend":   b.Extend(b.ctx, old, lease),
		"complete": b.Complete(b.ctx, old),
		"release":  b.Release(b.ctx, old, later, ""),
		"crash":    b.Crash(b.ctx, old, later, ""),
		"bury":     b.Bury(b.ctx, old, ""),
	} {
		want(b, what+" with the old token", err, store.ErrLeaseLost)
	}
	b.must(b.Complete(b.ctx, job))
	want(b, "complete twice", b.Complete(b.ctx, job), store.ErrLeaseLost)
	b.clock.advance(lease)
	want(b, "jobs after completion", len(b.claim(store.Report, 10)), 0)
}

// However a worker lost its job, and before anybody else has claimed it: nothing that it says of the job counts any
// more.
func testGivenUp(b *bench) {
	soon, n := b.clock.Now().Add(time.Minute), 0
	for what, giveUp := range map[string]func(m store.Message, j store.Job) error{
		"released": func(_ store.Message, j store.Job) error { return b.Release(b.ctx, j, soon, "busy") },
		"crashed":  func(_ store.Message, j store.Job) error { return b.Crash(b.ctx, j, soon, "panic") },
		"unbegun":  func(_ store.Message, j store.Job) error { return b.GiveBack(b.ctx, j, soon, "busy") },
		"requeued": func(m store.Message, _ store.Job) error {
			b.move(&m, store.RetryWait)
			return b.Requeue(b.ctx, tenant, m.ID, "op", "now")
		},
		"left":   func(_ store.Message, j store.Job) error { _, err := b.LeaveOwner(b.ctx, j.Owner); return err },
		"buried": func(_ store.Message, j store.Job) error { _, err := b.BuryOwner(b.ctx, j.Owner); return err },
	} {
		n++
		m := b.submitted(n)
		old := b.claimed(store.Send)
		b.must(giveUp(m, old))
		before, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
		b.must(err)
		_, _, started := b.StartAttempt(b.ctx, old, start)
		for call, err := range map[string]error{
			"start":     started,
			"extend":    b.Extend(b.ctx, old, lease),
			"complete":  b.Complete(b.ctx, old),
			"release":   b.Release(b.ctx, old, b.clock.Now(), ""),
			"give back": b.GiveBack(b.ctx, old, b.clock.Now(), ""),
			"crash":     b.Crash(b.ctx, old, b.clock.Now(), ""),
			"bury":      b.Bury(b.ctx, old, ""),
		} {
			want(b, call+" of a job that was "+what, errors.Is(err, store.ErrLeaseLost), true)
		}
		after, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
		b.must(err)
		want(b, "the job that was "+what, fmt.Sprint(after), fmt.Sprint(before))
		b.clock.advance(time.Minute)
		b.must(b.Complete(b.ctx, b.claimed(store.Send)))
	}
}

func testUnended(b *bench) {
	b.report("a", time.Time{})
	want(b, "first claim", b.claimed(store.Report).Unended, 0)
	b.clock.advance(lease) // the process died
	job := b.claimed(store.Report)
	want(b, "second claim", job.Unended, 1)
	b.must(b.Crash(b.ctx, job, b.clock.Now(), "panic"))
	job = b.claimed(store.Report)
	want(b, "third claim", job.Unended, 2)
	want(b, "reason", job.Reason, "panic")
	b.must(b.Release(b.ctx, job, b.clock.Now(), "busy"))
	job = b.claimed(store.Report)
	want(b, "claim after a regular end", job.Unended, 0)
	want(b, "tries", job.Tries, 4)
}

func testClaimRace(b *bench) {
	const jobs, workers = 40, 8
	for i := range jobs {
		b.report(fmt.Sprint("job-", i), time.Time{})
	}
	second := b.open(db.Options{Now: b.clock.Now})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for i := range workers {
		s := []*store.Store{b.Store, second}[i%2]
		wg.Go(func() {
			for {
				got, err := s.Claim(b.ctx, store.Claim{
					Kind: store.Report, Owner: fmt.Sprint(i), Lease: lease,
					Limit: 3,
				})
				if err != nil {
					b.Error(err)
				}
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, j := range got {
					seen[j.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, n := range seen {
		want(b, id, n, 1)
	}
	// A worker may see nothing while others hold the rest, so what it passed over is claimed here.
	want(b, "jobs", len(seen)+len(b.claim(store.Report, 100)), jobs)
}

func testOrder(b *bench) {
	now := b.clock.Now()
	for i, d := range []time.Duration{3, 1, 2, 9} {
		b.report(fmt.Sprint(i), now.Add(d*time.Second))
	}
	b.clock.advance(5 * time.Second)
	var order string
	for _, j := range b.claim(store.Report, 3) {
		order += j.Key
	}
	want(b, "order", order, "120")
	backlog, err := b.Backlogs(b.ctx, tenant)
	b.must(err)
	want(b, "backlog", backlog[0], store.Backlog{Kind: store.Report, Open: 4, Waiting: 4, Oldest: now})
}

func testDatabaseClock(b *bench) {
	s := b.open(db.Options{})
	b.must(s.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{Kind: store.Report, Key: "a"})
	}))
	jobs, err := s.Claim(b.ctx, store.Claim{Kind: store.Report, Lease: lease, Limit: 1}) // at once: no clock lies ahead
	b.must(err)
	want(b, "jobs", len(jobs), 1)
	if left := time.Until(jobs[0].LeaseEnd); left < lease-10*time.Second || left > lease+10*time.Second {
		b.Fatalf("lease ends in %v", left)
	}
	b.must(s.Extend(b.ctx, jobs[0], time.Hour))
	open, err := s.Jobs(b.ctx, tenant, store.JobFilter{})
	b.must(err)
	if left := time.Until(open[0].LeaseEnd); left < time.Hour-10*time.Second {
		b.Fatalf("extended lease ends in %v", left)
	}
}

// hostClock is the time since the host was started.
type hostClock struct {
	name   string
	micros int64
}

func (h *hostClock) boot() (string, int64) { return h.name, h.micros }

// claims tries to claim one report and tells whether there was one.
func (b *bench) claims(s *store.Store) bool {
	b.Helper()
	jobs, err := s.Claim(b.ctx, store.Claim{Kind: store.Report, Lease: lease, Limit: 1})
	b.must(err)
	return len(jobs) == 1
}

func testBootClock(b *bench) {
	host := &hostClock{name: "start-1", micros: 5_000_000}
	s := b.open(db.Options{Now: b.clock.Now, Boot: host.boot})
	b.report("a", time.Time{})
	want(b, "first claim", b.claims(s), true)
	b.clock.advance(2 * time.Hour) // a correction of the wall clock
	want(b, "claimed after a step of the wall clock", b.claims(s), false)
	host.micros += (lease - time.Second).Microseconds()
	want(b, "claimed before the lease ended", b.claims(s), false)
	host.micros += time.Second.Microseconds() // or the machine was suspended: the clock went on
	want(b, "claimed after the lease", b.claims(s), true)

	host.name, host.micros = "start-2", 1 // a restart of the host
	want(b, "claimed after a restart of the host", b.claims(s), true)
	want(b, "and held again", b.claims(s), false)

	m, held, err := s.SubmitHeld(b.ctx, tenant, store.Submission{Message: store.Message{
		ID:        db.NewID(),
		MessageID: "held@x",
	}}, "w", lease)
	b.must(err)
	take := func() error {
		_, err := s.Take(b.ctx, tenant, store.Send, m.ID, "operator", lease)
		return err
	}
	b.clock.advance(48 * time.Hour)
	want(b, "taken from its submitter", errors.Is(take(), db.ErrConflict), true)
	b.must(s.Extend(b.ctx, held, time.Hour))
	host.micros += (59 * time.Minute).Microseconds()
	want(b, "taken during an extended lease", errors.Is(take(), db.ErrConflict), true)
	host.micros += time.Minute.Microseconds()
	b.must(take())
}

// Until the upgrade leases were granted by the wall clock: the row has no start of a host.
func testLeaseWithoutBoot(b *bench) {
	b.report("a", time.Time{})
	want(b, "claim by the wall clock", b.claims(b.Store), true)
	host := &hostClock{name: "start-1", micros: time.Hour.Microseconds()}
	s := b.open(db.Options{Now: b.clock.Now, Boot: host.boot})
	want(b, "claimed during the old lease", b.claims(s), false)
	b.clock.advance(lease)
	want(b, "claimed after it", b.claims(s), true)
}

func testGiveBack(b *bench) {
	b.report("a", time.Time{})
	b.clock.advance(time.Second)
	b.must(b.Crash(b.ctx, b.claimed(store.Report), b.clock.Now(), "panic"))
	job := b.claimed(store.Report)
	b.must(b.GiveBack(b.ctx, job, b.clock.Now().Add(lease), "under way"))
	want(b, "given back twice", b.GiveBack(b.ctx, job, b.clock.Now(), ""), store.ErrLeaseLost)
	want(b, "jobs before it is due", len(b.claim(store.Report, 1)), 0)
	b.clock.advance(lease)
	again := b.claimed(store.Report)
	want(b, "crashes", again.Unended, 1) // the panic
	want(b, "tries", again.Tries, 2)
	want(b, "reason", again.Reason, "under way")
	want(b, "larger token", again.Token > job.Token, true)
}

func testNaturalKey(b *bench) {
	b.report("tsr-2026-08", time.Time{})
	b.report("tsr-2026-08", time.Time{})
	job := b.claimed(store.Report)
	b.must(b.Complete(b.ctx, job))
	b.report("tsr-2026-08", time.Time{})
	want(b, "jobs after completion", len(b.claim(store.Report, 10)), 0)
}

func testTake(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	take := func() (store.Job, error) {
		return b.Take(b.ctx, tenant, store.Send, m.ID, "operator", lease)
	}
	_, err := take()
	want(b, "taken from a worker", errors.Is(err, db.ErrConflict), true)
	b.must(b.Release(b.ctx, job, b.clock.Now().Add(time.Hour), "busy"))
	taken, err := take()
	b.must(err)
	want(b, "larger token", taken.Token > job.Token, true)
	want(b, "claims that never ended", taken.Unended, 0)
	b.clock.advance(time.Hour)
	again := b.claimed(store.Send) // the operator's lease has run out
	want(b, "the operator", b.Complete(b.ctx, taken), store.ErrLeaseLost)
	b.must(b.Complete(b.ctx, again))
	_, err = take()
	want(b, "taken when done", errors.Is(err, db.ErrConflict), true)
}

func testBuryOwner(b *bench) {
	first, second := b.submitted(1), b.accepted(2)
	sending, delivering := b.claimed(store.Send), b.claimed(store.Deliver)
	for _, j := range []store.Job{sending, delivering} {
		_, _, err := b.StartAttempt(b.ctx, j, start)
		b.must(err)
	}
	other := b.submitted(3)
	jobs, err := b.Claim(b.ctx, store.Claim{Kind: store.Send, Owner: "somebody else", Lease: lease, Limit: 1})
	b.must(err)
	want(b, "the job of another", jobs[0].MessageID, other.ID)

	given, err := b.BuryOwner(b.ctx, sending.Owner)
	b.must(err)
	want(b, "given back", len(given), 2)
	want(b, "a message that was being sent", b.state(first.ID), store.Unknown)
	want(b, "a message that was being delivered", b.state(second.ID), store.DeliveryFailed)
	attempts, err := b.Attempts(b.ctx, tenant, first.ID)
	b.must(err)
	want(b, "its attempt", attempts[0].Outcome, store.OutcomeInterrupted)
	want(b, "who was dead wakes up", b.FinishAttempt(b.ctx, sending, 1, store.Result{State: store.RetryWait}),
		store.ErrLeaseLost)
	again := b.claimed(store.Send)
	want(b, "claimed again", again.MessageID, first.ID)
	want(b, "starts without an end", again.Unended, 1)
	want(b, "suspicions of one that was not alone", again.Suspect, 0)

	b.must(b.Release(b.ctx, b.claimed(store.Deliver), b.clock.Now().Add(time.Hour), ""))
	_, err = b.BuryOwner(b.ctx, again.Owner) // it held nothing else
	b.must(err)
	again = b.claimed(store.Send)
	want(b, "suspicions of one that was alone", again.Suspect, 1)
	b.must(b.Release(b.ctx, again, b.clock.Now(), ""))
	want(b, "suspicions after an end", b.claimed(store.Send).Suspect, 0)
	want(b, "the other's message", b.state(other.ID), store.Ready)
}

func testLeaveOwner(b *bench) {
	m := b.accepted(1)
	job := b.claimed(store.Deliver)
	_, _, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	_, err = b.LeaveOwner(b.ctx, job.Owner)
	b.must(err)
	want(b, "state", b.state(m.ID), store.DeliveryFailed)
	job = b.claimed(store.Deliver)
	want(b, "held against it", job.Unended+job.Suspect, 0)
	b.must(b.Crash(b.ctx, job, b.clock.Now(), "panic"))
	job = b.claimed(store.Deliver)
	want(b, "after a crash of its own", job.Unended*10+job.Suspect, 11)
}

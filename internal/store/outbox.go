package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Kind is a kind of work in the outbox (D-06).
type Kind string

// The kinds of work. Key and arguments of each are the caller's business.
const (
	Send    Kind = "send"    // a message to C3; at most one row per message
	Deliver Kind = "deliver" // a message to C4; at most one row per message
	Notify  Kind = "notify"  // an event to C1
	MLS     Kind = "mls"     // a message level status to C2
	Report  Kind = "report"  // a monthly report
)

// Task is work to be entered into the outbox.
type Task struct {
	Kind      Kind
	MessageID string    // Message.ID; "" for work without a message
	Key       string    // natural key, unique with tenant and kind (MLS-005, REL-028); "" means MessageID
	Args      []byte    // what the worker needs to know beside the message; small
	Due       time.Time // zero means now
	Lane      string    // of Send and Deliver: where it will probably go
	Class     Class     // of a message to be sent
}

// Job is a row of the outbox. A claimed one carries the lease of its worker.
type Job struct {
	ID        string // kind/tenant/key: stable, so it serves as idempotency key of the effect (REL-010)
	Tenant    string
	Kind      Kind
	Key       string
	MessageID string
	Args      []byte
	Created   time.Time
	Due       time.Time
	Owner     string    // the last claimer
	LeaseEnd  time.Time // zero when it was never claimed or was released
	Token     int64     // fencing token: larger with each claim
	Tries     int       // claims so far, this one included
	Unended   int       // claims directly before this one that no ending followed: crashes (REL-067)
	Suspect   int       // of these, those for which no other work can be to blame
	Done      time.Time // zero while open
	Dead      bool      // given up
	Reason    string    // why it was delayed or given up last
	Moving    time.Time // since when the message is held because no SMP knows its receiver; zero: it is not held
	Begun     time.Time // when its plan of attempts began: entered, or requeued by an operator
	Spent     int       // attempts of that plan so far (D-12)
	Lane      string    // of Send and Deliver: the address or backend that it last went to, "" when it is not known
	Class     Class     // of a message to be sent
	Held      Held      // by an operator
}

func jobID(tenant string, kind Kind, key string) string {
	return string(kind) + "/" + tenant + "/" + key
}

// DeliverJob is the id that the work has which delivers a message.
func DeliverJob(tenant, messageID string) string { return jobID(tenant, Deliver, messageID) }

var insertJob = db.NewInsert(`outbox (id, tenant, kind, job_key, message_id, args, created, due, owner, lease_end,
	token, tries, unended, done, dead, reason, lane, class)`,
	db.Placeholders(7)+", "+db.Clock+", '', 0, 0, 0, 0, 0, 0, '', ?, ?", " ON CONFLICT (id) DO NOTHING")

// Enqueue enters work. A task that was entered before is left as it is, open or done, so a repeat is harmless.
func (tx *Tx) Enqueue(tasks ...Task) error {
	return db.InsertRows(tx.Tx, insertJob, tasks, func(t Task) []any {
		key := cmp.Or(t.Key, t.MessageID)
		return []any{
			jobID(tx.Tenant(), t.Kind, key), tx.Tenant(), string(t.Kind), key, t.MessageID, t.Args, db.Micros(tx.Now()),
			cmp.Or(db.Micros(t.Due), tx.Clock()), t.Lane, int(cmp.Or(t.Class, Documents)),
		}
	})
}

// hold says who holds new work from the start, as if he had claimed it.
type hold struct {
	owner string
	lease time.Duration
	class Class
	lane  string
	spent int // attempts that begin with it
}

const insertHeld = `INSERT INTO outbox (id, tenant, kind, job_key, message_id, args, created, due, class, lane, owner,
	lease_end, lease_boot, lease_ticks, spent, token, tries, unended, done, dead, reason)
	VALUES (?, ?, ?, ?, ?, NULL, ?, ` + db.Clock + `, ?, ?, ?, ` + db.Clock + ` + ?, ?, ?, ?, 1, 1, 1, 0, 0, '')
	ON CONFLICT (id) DO NOTHING`

// enqueueHeld enters the work of a message that has just been created. A row that is there comes from the same write,
// tried a second time.
func (tx *Tx) enqueueHeld(kind Kind, messageID string, h hold) (Job, error) {
	j := Job{
		ID: jobID(tx.Tenant(), kind, messageID), Tenant: tx.Tenant(), Kind: kind, Key: messageID, MessageID: messageID,
		Created: tx.Now(), Begun: tx.Now(), Due: tx.Now(), Owner: h.owner, LeaseEnd: tx.Now().Add(h.lease), Token: 1,
		Tries: 1, Spent: h.spent, Class: cmp.Or(h.class, Documents), Lane: h.lane,
	}
	args := []any{
		j.ID, j.Tenant, string(kind), j.Key, messageID, db.Micros(tx.Now()), tx.Clock(), int(j.Class), h.lane,
		h.owner,
	}
	_, err := tx.Exec(insertHeld, append(append(args, tx.lease(h.lease)...), h.spent)...)
	return j, err
}

// Claim asks for due work.
type Claim struct {
	Tenant string // "" means of any tenant
	Kind   Kind
	Owner  string // names the worker in the record
	Lease  time.Duration
	Limit  int
}

const jobColumns = `id, tenant, kind, job_key, message_id, args, created, due, owner, lease_end, token, tries, unended,
	done, dead, reason, suspect, moving_since, begun, spent, lane, class, held, held_due, held_by, held_why`

func scanJob(row db.Row) (Job, error) {
	var (
		j                                            Job
		created, due, end, done, dead, moving, begun int64
		held, heldDue                                int64
	)
	err := row.Scan(&j.ID, &j.Tenant, (*string)(&j.Kind), &j.Key, &j.MessageID, &j.Args, &created, &due, &j.Owner, &end,
		&j.Token, &j.Tries, &j.Unended, &done, &dead, &j.Reason, &j.Suspect, &moving,
		&begun, &j.Spent, &j.Lane, (*int)(&j.Class), &held, &heldDue, &j.Held.By, &j.Held.Why)
	j.Held.Since, j.Held.Due = db.FromMicros(held), db.FromMicros(heldDue)
	j.Created, j.Due, j.LeaseEnd, j.Done = db.FromMicros(created), db.FromMicros(due), db.FromMicros(end),
		db.FromMicros(done)
	j.Dead, j.Moving, j.Begun = dead != 0, db.FromMicros(moving), db.FromMicros(cmp.Or(begun, created))
	return j, err
}

// Leases are granted and end by the clock of the database, which all nodes share, or by the time since the host was
// started (Engine.Boot): a jump of one node's clock ends none (REL-066). lease_end is written in both cases; people
// read it.
const (
	grant = `lease_end = ` + db.Clock + ` + ?, lease_boot = ?, lease_ticks = ?`
	isDue = `due <= (SELECT ` + db.Clock + `)` // in a SELECT it is a bound of an index, on PostgreSQL as well
	over  = `(lease_end = 0 OR CASE WHEN lease_boot = '' THEN lease_end <= ` + db.Clock + `
		ELSE lease_boot <> ? OR lease_ticks <= ? END)`
)

// lease returns the arguments of grant.
func (tx *Tx) lease(d time.Duration) []any {
	boot, ticks := tx.Boot()
	if boot != "" {
		ticks += d.Microseconds()
	}
	return []any{tx.Clock(), d.Microseconds(), boot, ticks}
}

// overNow returns the arguments of over.
func (tx *Tx) overNow() []any {
	boot, ticks := tx.Boot()
	return []any{tx.Clock(), boot, ticks}
}

// claimJobs counts the claim before any work is done with it (REL-067), and takes rows whose lease has run out like
// those never claimed: after a crash and after the loss of a node the same happens.
const claimJobs = `UPDATE outbox SET owner = ?, ` + grant + `,
	token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id IN (SELECT id FROM outbox WHERE kind = ? AND done = 0 AND ` + isDue + ` AND ` + over + `
		AND (? = '' OR tenant = ?) ORDER BY due, id LIMIT ?{skip locked})
	RETURNING ` + jobColumns

// Claim leases due work, the longest due first, and returns what it got (REL-010). With an error it got nothing: work
// whose claim may have been committed all the same is given back, so that it does not look as if its worker had
// crashed.
func (s *Store) Claim(ctx context.Context, c Claim) ([]Job, error) {
	var jobs []Job
	err := s.UpdateAny(ctx, s.in(func(tx *Tx) (err error) {
		args := append([]any{c.Owner}, tx.lease(c.Lease)...)
		args = append(append(args, string(c.Kind), tx.Clock()), tx.overNow()...)
		jobs, err = db.ChangeAll(tx.Tx, scanJob, claimJobs, append(args, c.Tenant, c.Tenant, c.Limit)...)
		return err
	}))
	return s.claimed(ctx, jobs, err)
}

// claimed returns what a claim got, in the order of its due time.
func (s *Store) claimed(ctx context.Context, jobs []Job, err error) ([]Job, error) {
	if errors.Is(err, db.ErrOutcomeUnknown) {
		err = errors.Join(err, s.unclaim(context.WithoutCancel(ctx), jobs))
	}
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		jobs[i].Unended-- // the row counts this claim as well
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.ID, b.ID)) })
	return jobs, nil
}

// unclaim gives back what of jobs was claimed after all. A commit that is still under way holds its rows until it ends,
// so that waiting for them comes first (REL-072).
func (s *Store) unclaim(ctx context.Context, jobs []Job) error {
	return s.UpdateAny(ctx, s.in(func(tx *Tx) error {
		for _, j := range jobs {
			if _, err := tx.Exec(waitForJob, j.ID); err != nil {
				return err
			}
			if _, err := tx.Exec(unclaimJob, db.Micros(j.Due), j.Reason, j.ID, j.Tenant, j.Token); err != nil {
				return err
			}
		}
		return nil
	}))
}

// held is the condition under which a worker still holds its job (REL-013).
const held = ` WHERE id = ? AND tenant = ? AND token = ? AND done = 0`

const (
	extendJob  = `UPDATE outbox SET ` + grant + held
	spendJob   = `UPDATE outbox SET ` + grant + `, spent = spent + 1, lane = ?` + held
	waitForJob = `UPDATE outbox SET token = token WHERE id = ?`
	unclaimJob = `UPDATE outbox SET due = ?, lease_end = 0, token = token + 1, tries = tries - 1,
		unended = unended - 1, reason = ?` + held
	releaseJob = `UPDATE outbox SET due = ?, lease_end = 0, token = token + 1, unended = 0, suspect = 0,
		reason = ?` + held
	crashJob = `UPDATE outbox SET due = ?, lease_end = 0, token = token + 1, suspect = suspect + 1, reason = ?` + held
	endJob   = `UPDATE outbox SET done = ?, dead = ?, lease_end = 0, token = token + 1, unended = 0, suspect = 0,
		reason = ?` + held
	movingJob = `UPDATE outbox SET moving_since = ?` + held
	foundJob  = `UPDATE outbox SET moving_since = 0, spent = 1, begun = ` + db.Clock + held
	replanJob = `UPDATE outbox SET lane = '', spent = 0, begun = ` + db.Clock + held
)

// updateHeld runs one of the statements above; ErrLeaseLost if the worker does not hold the job any more.
func (tx *Tx) updateHeld(job Job, query string, args ...any) error {
	if job.Tenant != tx.Tenant() {
		return errors.New("store: job of another tenant")
	}
	n, err := tx.Exec(query, append(args, job.ID, job.Tenant, job.Token)...)
	if err == nil && n == 0 {
		err = ErrLeaseLost
	}
	return err
}

// Extend moves the end of the lease to d from now.
func (tx *Tx) Extend(job Job, d time.Duration) error {
	return tx.updateHeld(job, extendJob, tx.lease(d)...)
}

// Complete ends the job as done.
func (tx *Tx) Complete(job Job) error { return tx.updateHeld(job, endJob, db.Micros(tx.Now()), 0, "") }

// Release gives the job back until due.
func (tx *Tx) Release(job Job, due time.Time, reason string) error {
	return tx.updateHeld(job, releaseJob, db.Micros(due), db.Remark(reason))
}

// Bury ends the job as given up; it stays visible until someone requeues its message (REL-068).
func (tx *Tx) Bury(job Job, reason string) error {
	return tx.updateHeld(job, endJob, db.Micros(tx.Now()), 1, db.Remark(reason))
}

// Extend moves the end of the lease to d from now. ErrLeaseLost means that the work should stop.
func (s *Store) Extend(ctx context.Context, job Job, d time.Duration) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error { return tx.Extend(job, d) })
}

// Complete ends a job as done; ErrLeaseLost if job is not its latest claim.
func (s *Store) Complete(ctx context.Context, job Job) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error { return tx.Complete(job) })
}

// Release gives a job back until due, with the reason for the delay.
func (s *Store) Release(ctx context.Context, job Job, due time.Time, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error { return tx.Release(job, due, reason) })
}

// GiveBack gives a job back until due whose work was not begun: the claim does not count.
func (s *Store) GiveBack(ctx context.Context, job Job, due time.Time, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error {
		return tx.updateHeld(job, unclaimJob, db.Micros(due),
			reason)
	})
}

// Crash gives a job back like Release, but the claim keeps counting as one that never ended, by nobody's fault but its
// own (REL-067).
func (s *Store) Crash(ctx context.Context, job Job, due time.Time, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error {
		return tx.updateHeld(job, crashJob, db.Micros(due),
			db.Remark(reason))
	})
}

// Bury ends a job as given up.
func (s *Store) Bury(ctx context.Context, job Job, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error { return tx.Bury(job, reason) })
}

// Quarantine ends a job that crashes its handler: the message it sends or delivers becomes QUARANTINED, with an event;
// other work is given up, with an event (REL-067). An attempt that was under way may have arrived (REL-027).
func (s *Store) Quarantine(ctx context.Context, job Job, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error {
		if err := tx.Bury(job, reason); err != nil || job.MessageID == "" {
			return err
		}
		ev := Event{Kind: EventQuarantined, Detail: string(job.Kind) + ": " + reason, Actor: job.Owner}
		if job.Kind != Send && job.Kind != Deliver {
			return tx.Note(job.MessageID, ev)
		}
		m, err := tx.Get(job.MessageID)
		if err != nil {
			return err
		}
		if working, interrupted := underWay(m.Direction); m.State == working {
			if err := tx.interrupt(&m, interrupted); err != nil {
				return err
			}
		}
		return tx.Move(&m, Quarantined, ev)
	})
}

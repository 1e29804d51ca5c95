package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Held says that an operator holds work back. The zero value means that nobody does.
type Held struct {
	Since time.Time
	Due   time.Time // when it would have been due
	By    string
	Why   string
}

// holdable are the states in which a message waits. While an attempt is under way it cannot be held; one whose worker
// has not begun yet can: the worker loses it.
var holdable = map[Direction][]State{Out: {Ready, RetryWait, Unknown}, In: {Accepted, DeliveryFailed}}

// MayHold reports whether a message can be held.
func MayHold(m *Message) bool {
	return m.Held.IsZero() && slices.Contains(holdable[m.Direction], m.State)
}

// MayRelease reports whether a message is held.
func MayRelease(m *Message) bool {
	return !m.Held.IsZero() && slices.Contains(holdable[m.Direction], m.State)
}

// never is a due time that does not come, in microseconds: the end of the year 9999.
const never = "253402300799000000"

// The first takes the job from a worker that has not begun, and then its claim does not count as a start without an end
// (REL-067). The second moves the plan of attempts by the time that the hold lasted: what was left of it is left.
const (
	holdJob = `UPDATE outbox SET held = ` + db.Clock + `, held_due = due, held_by = ?, held_why = ?,
		due = ` + never + `, lease_end = 0, token = token + 1,
		unended = unended - CASE WHEN ` + over + ` THEN 0 ELSE 1 END
		WHERE id = ? AND tenant = ? AND done = 0 AND held = 0`
	letGoJob = `UPDATE outbox SET due = CASE WHEN held_due > ` + db.Clock + ` THEN held_due ELSE ` + db.Clock + ` END,
		begun = CASE WHEN begun = 0 THEN created ELSE begun END + ` + db.Clock + ` - held,
		moving_since = CASE WHEN moving_since = 0 THEN 0 ELSE moving_since + ` + db.Clock + ` - held END,
		held = 0, held_due = 0, held_by = '', held_why = ''
		WHERE id = ? AND tenant = ? AND done = 0 AND held <> 0`
)

// Hold keeps a waiting message from being tried, and its plan of attempts from ending, until Release. The decision is
// audited.
func (s *Store) Hold(ctx context.Context, tenant, id, actor, reason string) error {
	return s.decide(ctx, tenant, id, func(tx *Tx, m *Message) error {
		if !MayHold(m) {
			return impossible(m, "held")
		}
		args := append([]any{tx.Clock(), db.Remark(actor), db.Remark(reason)}, tx.overNow()...)
		if err := tx.one(holdJob, append(args, waitingJob(m), tenant)...); err != nil {
			return err
		}
		return tx.keep(m, tx.Now(), Event{Kind: EventHeld, Detail: reason, Actor: actor})
	})
}

// Unhold ends a hold: the message is tried when it would have been without, or now if that is over, and its plan goes
// on with what was left of it. The decision is audited.
func (s *Store) Unhold(ctx context.Context, tenant, id, actor, reason string) error {
	return s.decide(ctx, tenant, id, func(tx *Tx, m *Message) error {
		if !MayRelease(m) {
			return impossible(m, "released")
		}
		now := tx.Clock()
		if err := tx.one(letGoJob, now, now, now, now, waitingJob(m), tenant); err != nil {
			return err
		}
		return tx.keep(m, time.Time{}, Event{Kind: EventReleased, Detail: reason, Actor: actor})
	})
}

// keep sets since when a message is held.
func (tx *Tx) keep(m *Message, since time.Time, ev Event) error {
	ch := change{
		set: `held = ?, version = version + 1, `, args: []any{db.Micros(since)},
		where: unmoved, key: []any{m.ID, tx.Tenant(), m.Version, string(m.State)}, missing: db.ErrConflict,
	}
	if err := tx.touch(m.ID, ch, []Event{ev}); err != nil {
		return err
	}
	m.Held, m.Version = since, m.Version+1
	return tx.Audit(db.Audit{Actor: ev.Actor, Action: ev.Kind, MessageID: m.ID, Detail: ev.Detail})
}

// waitingJob is the id of the work that a message waits for.
func waitingJob(m *Message) string {
	_, kind := requeued(m.Direction)
	return jobID(m.Tenant, kind, m.ID)
}

// one runs a statement that must find its row.
func (tx *Tx) one(query string, args ...any) error {
	n, err := tx.Exec(query, args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: there is no such open work", db.ErrConflict)
	}
	return err
}

// decide runs an operator's decision about a message in one transaction.
func (s *Store) decide(ctx context.Context, tenant, id string, do func(tx *Tx, m *Message) error) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		m, err := tx.Get(id)
		if err != nil {
			return err
		}
		return do(tx, &m)
	})
}

// impossible says that the state of a message does not allow a decision.
func impossible(m *Message, what string) error {
	if !m.Held.IsZero() {
		return fmt.Errorf("%w: a message that is held cannot be %s", db.ErrConflict, what)
	}
	return fmt.Errorf("%w: a message that is %s cannot be %s", db.ErrConflict, m.State, what)
}

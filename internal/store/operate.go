package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/db"
)

// What an operator may do with a message, by its direction and state (API-058). READY and what waits by itself is due
// without him; while an attempt is under way nothing is possible.
var (
	cancellable = map[Direction][]State{Out: {Submitted, Ready, RetryWait}}
	requeuable  = map[Direction][]State{
		Out: {RetryWait, FailedPermanent, ReceiptInvalid, RecoveryHold, Quarantined, Unknown},
		In:  {Dead, Quarantined, DeliveryFailed},
	}
	discardable = map[Direction][]State{In: {Dead, Quarantined}}
)

// MayCancel reports whether the state of a message allows Cancel. An attempt that may have arrived forbids it all the
// same.
func MayCancel(m *Message) bool { return slices.Contains(cancellable[m.Direction], m.State) }

// MayRequeue reports whether the state of a message allows Requeue. What is held is released first: who holds it has a
// reason.
func MayRequeue(m *Message) bool {
	return m.Held.IsZero() && slices.Contains(requeuable[m.Direction], m.State)
}

// MayDiscard reports whether the state of a message allows Discard.
func MayDiscard(m *Message) bool { return slices.Contains(discardable[m.Direction], m.State) }

// Cancel withdraws a message that no attempt has tried yet or whose attempts all certainly failed; it is impossible
// while one is under way or its outcome is unknown (REL-027). The decision is audited.
func (s *Store) Cancel(ctx context.Context, tenant, id, actor, reason string) error {
	return s.decide(ctx, tenant, id, func(tx *Tx, m *Message) error {
		if !MayCancel(m) {
			return impossible(m, "cancelled")
		}
		if unclear, err := tx.unclear(id, ""); err != nil || unclear {
			return cmp.Or(err, fmt.Errorf("%w: an attempt to send the message may have arrived", db.ErrConflict))
		}
		if _, err := tx.Exec(closeJob, db.Micros(tx.Now()), reason, jobID(tenant, Send, id), tenant); err != nil {
			return err
		}
		if err := tx.move(m, Cancelled, "held = 0, ", nil,
			Event{Kind: EventCancelled, Detail: reason, Actor: actor}); err != nil {
			return err
		}
		return tx.Audit(db.Audit{Actor: actor, Action: EventCancelled, MessageID: id, Detail: reason})
	})
}

// Requeue makes a message due at once that waits, or was given up, held or quarantined (REL-027, REL-068), with a new
// plan of attempts. The decision is audited.
func (s *Store) Requeue(ctx context.Context, tenant, id, actor, reason string) error {
	return s.decide(ctx, tenant, id, func(tx *Tx, m *Message) error {
		to, kind := requeued(m.Direction)
		if m.State == Unknown {
			to = Unknown // it is due now, and stays what it is: it may have arrived (REL-027)
		}
		if !MayRequeue(m) {
			return impossible(m, "requeued")
		}
		if err := tx.Enqueue(Task{Kind: kind, MessageID: id}); err != nil {
			return err
		}
		if _, err := tx.Exec(reopenJob, tx.Clock(), tx.Clock(), reason, jobID(tenant, kind, id), tenant); err != nil {
			return err
		}
		ev := Event{Kind: EventRequeued, Detail: reason, Actor: actor}
		var err error
		if m.State == to {
			err = tx.Note(m.ID, ev)
		} else {
			err = tx.Move(m, to, ev)
		}
		if err != nil {
			return err
		}
		return tx.Audit(db.Audit{Actor: actor, Action: EventRequeued, MessageID: id, Detail: reason})
	})
}

// RequeueNews makes news due at once that were given up, by their key: the one of their event (OPS-009). Their message
// stays as it is. The decision is audited.
func (s *Store) RequeueNews(ctx context.Context, tenant, key, actor, reason string) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		id, _, _ := strings.Cut(key, EventMark)
		err := tx.one(reopenJob+` AND dead = 1`, tx.Clock(), tx.Clock(), reason, jobID(tenant, Notify, key), tenant)
		if err != nil {
			return err
		}
		return tx.Audit(db.Audit{Actor: actor, Action: EventRequeued, MessageID: id, Detail: key + ": " + reason})
	})
}

// Discard gives a received message up that is dead or in quarantine (REL-068). It is kept and never delivered. The
// decision is audited.
func (s *Store) Discard(ctx context.Context, tenant, id, actor, reason string) error {
	return s.decide(ctx, tenant, id, func(tx *Tx, m *Message) error {
		if !MayDiscard(m) {
			return impossible(m, "discarded")
		}
		if err := tx.Move(m, Archived, Event{Kind: EventDiscarded, Detail: reason, Actor: actor}); err != nil {
			return err
		}
		return tx.Audit(db.Audit{Actor: actor, Action: EventDiscarded, MessageID: id, Detail: reason})
	})
}

// Both statements raise the token, so that a worker that holds the job loses it.
const (
	closeJob = `UPDATE outbox SET done = ?, lease_end = 0, token = token + 1, reason = ?, held = 0
		WHERE id = ? AND tenant = ? AND done = 0`
	reopenJob = `UPDATE outbox SET done = 0, dead = 0,
		due = ` + db.Clock + `, lease_end = 0, token = token + 1, unended = 0, suspect = 0,
		moving_since = 0, begun = ` + db.Clock + `, spent = 0, reason = ? WHERE id = ? AND tenant = ?`
)

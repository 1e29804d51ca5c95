package store

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Cancel withdraws a message that no attempt has tried yet or whose attempts all certainly failed; it is impossible while
// one is under way or its outcome is unknown (REL-027). The decision is audited.
func (s *Store) Cancel(ctx context.Context, tenant, id, actor, reason string) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		m, err := tx.Get(id)
		if err != nil {
			return err
		}
		if m.Direction != Out || !CanMove(Out, m.State, Cancelled) {
			return fmt.Errorf("%w: a message that is %s cannot be cancelled", ErrConflict, m.State)
		}
		if unclear, err := tx.unclear(id, ""); err != nil || unclear {
			return cmp.Or(err, fmt.Errorf("%w: an attempt to send the message may have arrived", ErrConflict))
		}
		if _, err := tx.exec(closeJob, micros(tx.now), reason, jobID(tenant, Send, id), tenant); err != nil {
			return err
		}
		if err := tx.Move(&m, Cancelled, Event{Kind: EventCancelled, Detail: reason, Actor: actor}); err != nil {
			return err
		}
		return tx.Audit(Audit{Actor: actor, Action: EventCancelled, MessageID: id, Detail: reason})
	})
}

// Requeue makes a message due at once that waits, or was given up, held or quarantined (REL-027, REL-068). The decision is
// audited.
func (s *Store) Requeue(ctx context.Context, tenant, id, actor, reason string) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		m, err := tx.Get(id)
		if err != nil {
			return err
		}
		to, kind := requeued(m.Direction)
		if m.State == Unknown {
			to = Unknown // it is due now, and stays what it is: it may have arrived (REL-027)
		}
		working, _ := underWay(m.Direction)
		if m.State == working || m.State != to && !CanMove(m.Direction, m.State, to) {
			return fmt.Errorf("%w: a message that is %s cannot be requeued", ErrConflict, m.State)
		}
		if err := tx.Enqueue(Task{Kind: kind, MessageID: id}); err != nil {
			return err
		}
		if _, err := tx.exec(reopenJob, tx.clock(), reason, jobID(tenant, kind, id), tenant); err != nil {
			return err
		}
		ev := Event{Kind: EventRequeued, Detail: reason, Actor: actor}
		if m.State == to {
			err = tx.Note(id, ev)
		} else {
			err = tx.Move(&m, to, ev)
		}
		if err != nil {
			return err
		}
		return tx.Audit(Audit{Actor: actor, Action: EventRequeued, MessageID: id, Detail: reason})
	})
}

// Discard gives a received message up that is dead or in quarantine (REL-068). It is kept and never delivered. The decision is
// audited.
func (s *Store) Discard(ctx context.Context, tenant, id, actor, reason string) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		m, err := tx.Get(id)
		if err != nil {
			return err
		}
		if m.Direction != In || m.State != Dead && m.State != Quarantined {
			return fmt.Errorf("%w: a message that is %s cannot be discarded", ErrConflict, m.State)
		}
		if err := tx.Move(&m, Archived, Event{Kind: EventDiscarded, Detail: reason, Actor: actor}); err != nil {
			return err
		}
		return tx.Audit(Audit{Actor: actor, Action: EventDiscarded, MessageID: id, Detail: reason})
	})
}

// Both statements raise the token, so that a worker that holds the job loses it.
const (
	closeJob = `UPDATE outbox SET done = ?, lease_end = 0, token = token + 1, reason = ?
		WHERE id = ? AND tenant = ? AND done = 0`
	reopenJob = `UPDATE outbox SET done = 0, dead = 0, due = ` + clock + `, lease_end = 0, token = token + 1, unended = 0, suspect = 0, reason = ?
		WHERE id = ? AND tenant = ?`
)

// Audit is who did what and when: decisions of operators, and authenticated messages that were refused (design.md §3).
type Audit struct {
	ID        string // set by the store
	At        time.Time
	Actor     string // a user, or the seat id of another access point
	Action    string
	Subject   string // what it was done to, when that is not a message
	MessageID string // eb:MessageId of a refused message, or Message.ID
	Code      string
	Detail    string
}

const insertAudit = `INSERT INTO audit (id, tenant, at, actor, action, subject, message_id, code, detail)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

// Audit adds a row to the audit trail.
func (tx *Tx) Audit(a Audit) error {
	if a.At.IsZero() {
		a.At = tx.now
	}
	_, err := tx.exec(insertAudit, NewID(), tx.tenant, micros(a.At), a.Actor, a.Action, a.Subject, a.MessageID, a.Code, remark(a.Detail))
	return err
}

// AppendAudit adds a row to the audit trail.
func (s *Store) AppendAudit(ctx context.Context, tenant string, a Audit) error {
	return s.Update(ctx, tenant, func(tx *Tx) error { return tx.Audit(a) })
}

// Audits returns audit rows from ≤ At < to, oldest first, at most limit. A zero to means no end.
func (s *Store) Audits(ctx context.Context, tenant string, from, to time.Time, limit int) ([]Audit, error) {
	scan := func(row scanner) (a Audit, err error) {
		var at int64
		err = row.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Subject, &a.MessageID, &a.Code, &a.Detail)
		a.At = fromMicros(at)
		return a, err
	}
	return readAll(ctx, s, "audit", scan, `SELECT id, at, actor, action, subject, message_id, code, detail FROM audit
		WHERE tenant = ? AND at >= ? AND at < ? ORDER BY at, id LIMIT ?`, tenant, micros(from), until(to), limit)
}

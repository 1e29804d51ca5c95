package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// NotDelivered ends the turn of a received message without an attempt, as when there is no route for it (OPS-002): its
// state stays, its plan begins when it has its turn, it is in the lane without a backend, and the claim counts as one
// that ended (REL-067). An attempt that
// a vanished worker left open is closed as interrupted. The reason is told once, however often it is the same.
// ErrTransition means that the message is not to be delivered.
func (s *Store) NotDelivered(ctx context.Context, job Job, due time.Time, reason string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error {
		m, err := tx.Get(job.MessageID)
		if err != nil {
			return err
		}
		told := job.Reason == db.Remark(reason)
		if m.State == Delivering {
			if err := tx.interrupt(&m, DeliveryFailed); err != nil {
				return err
			}
			told = false
		}
		if !CanMove(m.Direction, m.State, Delivering) {
			return fmt.Errorf("%w: message %s is %s", ErrTransition, m.ID, m.State)
		}
		if err := tx.updateHeld(job, replanJob, tx.Clock()); err != nil {
			return err
		}
		if err := tx.Release(job, due, reason); err != nil || told {
			return err
		}
		return tx.Note(m.ID, Event{Kind: EventNotDelivered, Detail: reason, Actor: job.Owner})
	})
}

// What waits for a reason is found by the code that the reason begins with, among deliveries without a backend: along
// outbox_deliver, so that it costs nothing by the number of those that have one.
const (
	becauseOf = `kind = 'deliver' AND done = 0 AND lane = '' AND SUBSTR(reason, 1, 9) = ?`
	hurryJobs = `UPDATE outbox SET due = ` + db.Clock + ` WHERE id IN (SELECT id FROM outbox {indexed by outbox_deliver}
		WHERE ` + becauseOf + ` AND held = 0 AND due > ` + db.Clock + `)`
	countStuck = `SELECT tenant, COUNT(*), MIN(message_id) FROM (SELECT tenant, message_id
		FROM outbox {indexed by outbox_deliver} WHERE ` + becauseOf + ` LIMIT ?) w GROUP BY tenant ORDER BY tenant`
)

// Hurry makes deliveries due now that have no backend for a reason with a code like RAVN-3106, unless an operator holds
// them.
func (s *Store) Hurry(ctx context.Context, code string) error {
	return s.UpdateAny(ctx, s.in(func(tx *Tx) error {
		_, err := tx.Exec(hurryJobs, tx.Clock(), code, tx.Clock())
		return err
	}))
}

// Stuck are deliveries of a tenant that wait for the same reason.
type Stuck struct {
	Tenant    string
	Messages  int64
	MessageID string // one of them
}

func scanStuck(row db.Row) (s Stuck, err error) {
	err = row.Scan(&s.Tenant, &s.Messages, &s.MessageID)
	return s, err
}

// StuckFor returns by tenant the deliveries that have no backend for a reason with a code, counted up to limit.
func (s *Store) StuckFor(ctx context.Context, code string, limit int) ([]Stuck, error) {
	return db.ReadAll(ctx, s.DB, "stuck", scanStuck, countStuck, code, limit)
}

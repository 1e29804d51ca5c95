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

// Parked is a delivery that waits, in the lane of a backend: what its route depends on, and where it is in its lane.
type Parked struct {
	Message Message // Tenant, ID, Domain, C2, Sender, Receiver, type and process only
	Lane    string
	job     string // its id
	class   int
	due     int64
	token   int64
}

// parked goes along outbox_deliver from the row behind one, which need not be there any more.
const parked = `SELECT o.id, o.lane, o.class, o.due, o.token, m.tenant, m.id, m.domain, m.c2, m.sender, m.receiver,
	m.doctype_scheme, m.doctype, m.process_scheme, m.process
	FROM (SELECT id, tenant, lane, class, due, token, message_id FROM outbox {indexed by outbox_deliver}
		WHERE kind = 'deliver' AND done = 0 AND (lane, tenant, class, due, id) > (?, ?, ?, ?, ?)
		ORDER BY lane, tenant, class, due, id LIMIT ?) o
	JOIN message m ON m.id = o.message_id AND m.tenant = o.tenant ORDER BY o.lane, o.tenant, o.class, o.due, o.id`

func scanParked(row db.Row) (p Parked, err error) {
	m := &p.Message
	err = row.Scan(&p.job, &p.Lane, &p.class, &p.due, &p.token, &m.Tenant, &m.ID, &m.Domain, (*string)(&m.C2),
		&m.Sender, &m.Receiver, &m.DocTypeScheme, &m.DocType, &m.ProcessScheme, &m.Process)
	return p, err
}

// Parked returns the deliveries that are not done behind one in the order of lanes, at most limit; the zero value asks
// for the first ones.
func (s *Store) Parked(ctx context.Context, behind Parked, limit int) ([]Parked, error) {
	return db.ReadAll(ctx, s.DB, "waiting deliveries", scanParked, parked, behind.Lane, behind.Message.Tenant,
		behind.class, behind.due, behind.job, limit)
}

// rerouteJob leaves alone what somebody is at, or was since. What an operator holds stays held.
const rerouteJob = `UPDATE outbox SET lane = ?, due = CASE WHEN held = 0 THEN ` + db.Clock + ` ELSE due END
	WHERE id = ? AND tenant = ? AND token = ? AND done = 0 AND lease_end = 0`

// Reroute moves waiting deliveries to the lanes of other backends, where they are due at once (OPS-003): of each
// delivery the lane says where it goes now, "" that no route is known.
func (s *Store) Reroute(ctx context.Context, list []Parked) error {
	return s.UpdateAny(ctx, s.in(func(tx *Tx) error {
		for _, p := range list {
			if _, err := tx.Exec(rerouteJob, p.Lane, tx.Clock(), p.job, p.Message.Tenant, p.token); err != nil {
				return err
			}
		}
		return nil
	}))
}

// countStuck goes along outbox_deliver, where deliveries without a backend come together: so it costs nothing by the
// number of those that have one.
const countStuck = `SELECT tenant, COUNT(*), MIN(message_id) FROM (SELECT tenant, message_id
	FROM outbox {indexed by outbox_deliver} WHERE kind = 'deliver' AND done = 0 AND lane = ''
	AND SUBSTR(reason, 1, 9) = ? LIMIT ?) w GROUP BY tenant ORDER BY tenant`

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

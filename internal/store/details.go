package store

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Undetailed is a message that an older program wrote, or changed, without the columns of API-120.
type Undetailed struct {
	Message
	Events int64 // number of its events when it was read
	Whole  bool  // it never had them; else only what events say is missing
}

const (
	undetailed = `SELECT ` + columns + `, events, detailed FROM message
		WHERE detailed <> events AND id > ? ORDER BY id LIMIT ?`
	countUndetailed = `SELECT COUNT(*) FROM message WHERE detailed <> events`
)

// Undetailed returns such messages of any tenant in the order of their ids, from the one after a given id on.
func (s *Store) Undetailed(ctx context.Context, after string, limit int) ([]Undetailed, error) {
	scan := func(row db.Row) (u Undetailed, err error) {
		var detailed int64
		u.Message, err = scanMessage(wider{row, []any{&u.Events, &detailed}})
		u.Whole = detailed == 0
		return u, err
	}
	return db.ReadAll(ctx, s.DB, "undetailed", scan, undetailed, after, limit)
}

// CountUndetailed returns the number of such messages.
func (s *Store) CountUndetailed(ctx context.Context) (int64, error) {
	return db.ReadOne(ctx, s.DB, "undetailed", db.ScanInt, countUndetailed)
}

// Details are the columns of a message that was undetailed.
type Details struct {
	Of                                 Undetailed
	DocumentNumber, Verdict, FaultCode string
	Updated                            time.Time
}

const setDetails = `UPDATE message SET document_number = ?, verdict = ?, fault_code = ?, updated = ?, detailed = events
	WHERE id = ? AND tenant = ? AND events = ?`

// SetDetails writes the details of messages of one tenant and returns how many took them: one that was changed
// meanwhile stays undetailed. It is no change that a timeline tells of.
func (s *Store) SetDetails(ctx context.Context, tenant string, list []Details) (n int64, err error) {
	err = s.Update(ctx, tenant, func(tx *Tx) error {
		n = 0
		for _, d := range list {
			k, err := tx.Exec(setDetails, d.DocumentNumber, d.Verdict, d.FaultCode, db.Micros(d.Updated), d.Of.ID,
				tenant, d.Of.Events)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n, err
}

// LastStop returns the event that stopped a message last, and its latest event. ok is false if nothing stopped it, or
// if it reached its goal since then.
func LastStop(events []Event) (stop Event, ok bool) {
	for _, e := range events {
		switch {
		case e.Stops():
			stop, ok = e, true
		case e.To == Sent, e.To == Delivered:
			ok = false
		}
	}
	return stop, ok
}

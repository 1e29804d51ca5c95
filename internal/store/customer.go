package store

import (
	"context"
	"time"
)

// CustomerEvent is a correction of the customer registry. Events are only ever added; the registry is what they come to.
type CustomerEvent struct {
	Seq     int64     `json:"seq"` // from 1, without gaps
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Kind    string    `json:"kind"`    // what Subject is: EventCustomer or EventParticipant
	Subject string    `json:"subject"` // id of the customer, or the participant in lower case
	Field   string    `json:"field"`
	Old     string    `json:"old"`
	New     string    `json:"new"`
}

// Kinds of CustomerEvent.
const (
	EventCustomer    = "customer"
	EventParticipant = "participant"
)

const (
	countCustomerEvents = `UPDATE ledger_state SET events = events + ? WHERE tenant = ? RETURNING events`
	customerEvents      = `SELECT seq, at, actor, kind, subject, field, was, becomes FROM customer_event WHERE tenant = ? AND seq <= ? ORDER BY seq`
)

var insertCustomerEvent = newInsert("customer_event (tenant, seq, at, actor, kind, subject, field, was, becomes)", marks(9), "")

// CorrectCustomers adds events if none was added since the one called last; else it returns ErrConflict. It sets Seq and At.
func (s *Store) CorrectCustomers(ctx context.Context, tenant string, last int64, events []CustomerEvent) error {
	if len(events) == 0 {
		return nil
	}
	return s.Update(ctx, tenant, func(tx *Tx) error {
		st, err := tx.lockLedger()
		if err != nil {
			return err
		}
		if st.events != last {
			return ErrConflict
		}
		if _, err := change(tx, scanInt, countCustomerEvents, len(events), tenant); err != nil {
			return err
		}
		for i := range events {
			events[i].Seq, events[i].At = last+1+int64(i), tx.now
		}
		return insertRows(tx, insertCustomerEvent, events, func(e CustomerEvent) []any {
			return []any{tenant, e.Seq, micros(e.At), e.Actor, e.Kind, e.Subject, e.Field, e.Old, e.New}
		})
	})
}

// CustomerEvents returns the events up to the one called last, or all for 0.
func (s *Store) CustomerEvents(ctx context.Context, tenant string, last int64) ([]CustomerEvent, error) {
	scan := func(row scanner) (e CustomerEvent, err error) {
		var at int64
		err = row.Scan(&e.Seq, &at, &e.Actor, &e.Kind, &e.Subject, &e.Field, &e.Old, &e.New)
		e.At = fromMicros(at)
		return e, err
	}
	if last == 0 {
		last = 1<<63 - 1
	}
	return readAll(ctx, s, "customer events", scan, customerEvents, tenant, last)
}

package ledger

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// CustomerEvent is a correction of the customer registry. Events are only ever added; the registry is what they come
// to.
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
	customerEvents      = `SELECT seq, at, actor, kind, subject, field, was, becomes FROM customer_event
		WHERE tenant = ? AND seq <= ? ORDER BY seq`
)

var insertCustomerEvent = db.NewInsert("customer_event (tenant, seq, at, actor, kind, subject, field, was, becomes)",
	db.Placeholders(9), "")

// CorrectCustomers adds events if none was added since the one called last; else it returns db.ErrConflict. It sets Seq
// and At.
func (l *Ledger) CorrectCustomers(ctx context.Context, tenant string, last int64, events []CustomerEvent) error {
	if len(events) == 0 {
		return nil
	}
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		st, err := lock(tx)
		if err != nil {
			return err
		}
		if st.events != last {
			return db.ErrConflict
		}
		if _, err := db.Change(tx, db.ScanInt, countCustomerEvents, len(events), tenant); err != nil {
			return err
		}
		for i := range events {
			events[i].Seq, events[i].At = last+1+int64(i), tx.Now()
		}
		return db.InsertRows(tx, insertCustomerEvent, events, func(e CustomerEvent) []any {
			return []any{tenant, e.Seq, db.Micros(e.At), e.Actor, e.Kind, e.Subject, e.Field, e.Old, e.New}
		})
	})
}

// CustomerEvents returns the events up to the one called last, or all for 0.
func (l *Ledger) CustomerEvents(ctx context.Context, tenant string, last int64) ([]CustomerEvent, error) {
	scan := func(row db.Row) (e CustomerEvent, err error) {
		var at int64
		err = row.Scan(&e.Seq, &at, &e.Actor, &e.Kind, &e.Subject, &e.Field, &e.Old, &e.New)
		e.At = db.FromMicros(at)
		return e, err
	}
	if last == 0 {
		last = 1<<63 - 1
	}
	return db.ReadAll(ctx, l.db, "customer events", scan, customerEvents, tenant, last)
}

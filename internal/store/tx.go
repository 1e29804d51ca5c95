package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// Tx is a transaction that may write rows of one tenant. It is valid only inside the function given to Update.
type Tx struct {
	ctx     context.Context // of the transaction, not of a caller: a write that has begun is not stopped (REL-006)
	lane    *lane
	tenant  string
	now     time.Time
	ran     bool            // a statement changed something
	learned map[term]TermID // terms that are not in the store's memory
	failed  error           // of the first statement that failed: such a transaction is never committed
}

// Tenant returns the tenant whose rows the transaction may touch.
func (tx *Tx) Tenant() string { return tx.tenant }

// Now returns the time of the transaction.
func (tx *Tx) Now() time.Time { return tx.now }

// clock is the argument of the clock expression.
func (tx *Tx) clock() int64 {
	if tx.lane.s.ownClock {
		return micros(tx.now)
	}
	return 0
}

// exec runs a statement and returns how many rows it touched.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := checkTexts(args); err != nil {
		return 0, tx.fault(err)
	}
	st, err := tx.lane.prepared(tx.ctx, query)
	if err != nil {
		return 0, tx.fault(err)
	}
	res, err := st.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.fault(err)
	}
	n, err := res.RowsAffected()
	tx.ran = tx.ran || n > 0
	return n, tx.fault(err)
}

// one reads the single row that a query returns with scan; ErrNotFound if it returns none.
func one[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) (v T, err error) {
	if err := checkTexts(args); err != nil {
		return v, tx.fault(err)
	}
	st, err := tx.lane.prepared(tx.ctx, query)
	if err == nil {
		v, err = scan(st.QueryRowContext(tx.ctx, args...))
	}
	return v, tx.fault(err)
}

// change is one for a statement that changes the row it returns.
func change[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	v, err := one(tx, scan, query, args...)
	tx.ran = tx.ran || err == nil
	return v, err
}

// scanInt reads a row of one number.
func scanInt(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// list reads the rows that a statement changed.
func list[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	st, err := tx.lane.prepared(tx.ctx, query)
	if err != nil {
		return nil, tx.fault(err)
	}
	rows, err := st.QueryContext(tx.ctx, args...)
	all, err := collect(rows, err, scan)
	tx.ran = tx.ran || len(all) > 0
	return all, tx.fault(err)
}

// fault marks the transaction as failed, unless the error is only that a row is not there. PostgreSQL answers the COMMIT
// of a failed transaction with a silent ROLLBACK. The first error is the cause of those that follow.
func (tx *Tx) fault(err error) error {
	err = tx.lane.s.fault("write", err)
	if err == nil || err == ErrNotFound {
		return err
	}
	if tx.failed == nil {
		tx.failed = err
	}
	tx.lane.check(tx.ctx, err)
	return err
}

const (
	moveMessage = `UPDATE message SET state = ?, version = version + 1, events = events + 1` + unmoved
	unmoved     = ` WHERE id = ? AND tenant = ? AND version = ? AND state = ? RETURNING events`
)

// Move brings m from its state to another, if the state table allows it, and writes ev as the event that tells of it.
// ErrConflict means that m was changed since it was read (REL §2). After success m has the new state and version.
func (tx *Tx) Move(m *Message, to State, ev Event) error {
	return tx.move(m, to, moveMessage, nil, ev)
}

// move is the only code that changes a state. update sets columns from set beside it, and counts the events, of which the
// last tells of the change.
func (tx *Tx) move(m *Message, to State, update string, set []any, events ...Event) error {
	if !CanMove(m.Direction, m.State, to) {
		return fmt.Errorf("%w: %s message %s from %s to %s", ErrTransition, m.Direction, m.ID, m.State, to)
	}
	last := &events[len(events)-1]
	last.From, last.To = m.State, to
	args := append(set, string(to), m.ID, tx.tenant, m.Version, string(m.State))
	if err := tx.touch(m.ID, ErrConflict, events, update, args...); err != nil {
		return err
	}
	m.State, m.Version = to, m.Version+1
	return nil
}

const noteMessage = `UPDATE message SET events = events + 1 WHERE id = ? AND tenant = ? RETURNING events`

// Note adds an event that changes no state.
func (tx *Tx) Note(id string, ev Event) error {
	ev.From, ev.To = "", ""
	return tx.touch(id, ErrNotFound, []Event{ev}, noteMessage, id, tx.tenant)
}

// touch runs an update of a message that counts new events and returns their number, and writes them. If the update finds
// no row it returns missing.
func (tx *Tx) touch(id string, missing error, events []Event, update string, args ...any) error {
	seq, err := change(tx, scanInt, update, args...)
	if err == ErrNotFound {
		return missing
	}
	if err != nil {
		return err
	}
	for i := range events {
		events[i].Seq = seq - int64(len(events)-1-i)
	}
	return tx.addEvents(id, events)
}

var insertEvent = newInsert("event (message_id, seq, tenant, at, kind, from_state, to_state, detail, actor)", marks(9), "")

func (tx *Tx) addEvents(id string, events []Event) error {
	return insertRows(tx, insertEvent, events, func(e Event) []any {
		if e.At.IsZero() {
			e.At = tx.now
		}
		return []any{id, e.Seq, tx.tenant, micros(e.At), e.Kind, string(e.From), string(e.To), remark(e.Detail), e.Actor}
	})
}

var insertEvidence = newInsert("evidence (message_id, kind, attempt, tenant, content_type, bytes)", marks(6),
	" ON CONFLICT (message_id, kind, attempt) DO NOTHING")

// AddEvidence keeps pieces of proof with a message. What is there under the same kind and attempt stays as it is.
func (tx *Tx) AddEvidence(id string, pieces ...Evidence) error {
	return insertRows(tx, insertEvidence, pieces, func(e Evidence) []any {
		return []any{id, e.Kind, e.Attempt, tx.tenant, remark(e.ContentType), nonNil(e.Bytes)}
	})
}

// discard closes a connection instead of giving it back to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

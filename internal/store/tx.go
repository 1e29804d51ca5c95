package store

import (
	"fmt"

	"github.com/ravn-ap/ravn/internal/db"
)

const (
	moveMessage = `UPDATE message SET state = ?, version = version + 1, events = events + 1` + unmoved
	unmoved     = ` WHERE id = ? AND tenant = ? AND version = ? AND state = ? RETURNING events`
)

// Move brings m from its state to another, if the state table allows it, and writes ev as the event that tells of it.
// db.ErrConflict means that m was changed since it was read (REL §2). After success m has the new state and version.
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
	args := append(set, string(to), m.ID, tx.Tenant(), m.Version, string(m.State))
	if err := tx.touch(m.ID, db.ErrConflict, events, update, args...); err != nil {
		return err
	}
	m.State, m.Version = to, m.Version+1
	return nil
}

const noteMessage = `UPDATE message SET events = events + 1 WHERE id = ? AND tenant = ? RETURNING events`

// Note adds an event that changes no state.
func (tx *Tx) Note(id string, ev Event) error {
	ev.From, ev.To = "", ""
	return tx.touch(id, db.ErrNotFound, []Event{ev}, noteMessage, id, tx.Tenant())
}

// touch runs an update of a message that counts new events and returns their number, and writes them. If the update finds
// no row it returns missing.
func (tx *Tx) touch(id string, missing error, events []Event, update string, args ...any) error {
	seq, err := db.Change(tx.Tx, db.ScanInt, update, args...)
	if err == db.ErrNotFound {
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

var insertEvent = db.NewInsert("event (message_id, seq, tenant, at, kind, from_state, to_state, detail, actor)", db.Placeholders(9), "")

func (tx *Tx) addEvents(id string, events []Event) error {
	return db.InsertRows(tx.Tx, insertEvent, events, func(e Event) []any {
		if e.At.IsZero() {
			e.At = tx.Now()
		}
		return []any{id, e.Seq, tx.Tenant(), db.Micros(e.At), e.Kind, string(e.From), string(e.To), db.Remark(e.Detail), e.Actor}
	})
}

var insertEvidence = db.NewInsert("evidence (message_id, kind, attempt, tenant, content_type, bytes)", db.Placeholders(6),
	" ON CONFLICT (message_id, kind, attempt) DO NOTHING")

// AddEvidence keeps pieces of proof with a message. What is there under the same kind and attempt stays as it is.
func (tx *Tx) AddEvidence(id string, pieces ...Evidence) error {
	return db.InsertRows(tx.Tx, insertEvidence, pieces, func(e Evidence) []any {
		return []any{id, e.Kind, e.Attempt, tx.Tenant(), db.Remark(e.ContentType), nonNil(e.Bytes)}
	})
}

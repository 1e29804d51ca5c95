package store

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ravn-ap/ravn/internal/db"
)

const unmoved = ` WHERE id = ? AND tenant = ? AND version = ? AND state = ? RETURNING events`

// Move brings m from its state to another, if the state table allows it, and writes ev as the event that tells of it.
// db.ErrConflict means that m was changed since it was read (REL §2). After success m has the new state and version.
func (tx *Tx) Move(m *Message, to State, ev Event) error {
	return tx.move(m, to, "", nil, ev)
}

// move is the only code that changes a state. set assigns columns beside it from args; of the events the last tells of
// the change.
func (tx *Tx) move(m *Message, to State, set string, args []any, events ...Event) error {
	if !CanMove(m.Direction, m.State, to) {
		return fmt.Errorf("%w: %s message %s from %s to %s", ErrTransition, m.Direction, m.ID, m.State, to)
	}
	last := &events[len(events)-1]
	last.From, last.To = m.State, to
	ch := change{
		set: set + `state = ?, version = version + 1, `, args: append(args, string(to)),
		where: unmoved, key: []any{m.ID, tx.Tenant(), m.Version, string(m.State)}, missing: db.ErrConflict,
	}
	if err := tx.touch(m.ID, ch, events); err != nil {
		return err
	}
	m.State, m.Version = to, m.Version+1
	return tx.tell(m, last.Seq)
}

// EventMark stands in the id of an event between the id of its message and its number.
const EventMark = "."

// tell enters the news of a state into the outbox, in the transaction of the state, so that neither is without the
// other (OPS-009, CP-S8).
func (tx *Tx) tell(m *Message, seq int64) error {
	if !tx.tells || m.Direction != Out || !slices.Contains(told, m.State) {
		return nil
	}
	return tx.Enqueue(Task{Kind: Notify, MessageID: m.ID, Key: m.ID + EventMark + strconv.FormatInt(seq, 10)})
}

// Note adds an event that changes no state.
func (tx *Tx) Note(id string, ev Event) error {
	_, err := tx.note(id, ev)
	return err
}

// note is Note, and returns the number of the event.
func (tx *Tx) note(id string, ev Event) (seq int64, err error) {
	ev.From, ev.To = "", ""
	events := []Event{ev}
	where := ` WHERE id = ? AND tenant = ? RETURNING events`
	err = tx.touch(id, change{where: where, key: []any{id, tx.Tenant()}, missing: db.ErrNotFound}, events)
	return events[0].Seq, err
}

// change is an update of a message that goes with its new events.
type change struct {
	set     string // assignments, each with a comma behind it
	args    []any  // of set
	where   string // the row, as it must be
	key     []any  // arguments of where
	missing error  // when there is no such row
}

// counted counts n new events, with what each of them says of the whole message. A row that an older program wrote
// without details stays one (API-120).
func counted(n int) string {
	return fmt.Sprintf(`updated = ?, fault_code = COALESCE(?, fault_code), events = events + %d,
		detailed = CASE WHEN detailed = events THEN events + %d ELSE detailed END`, n, n)
}

// touch changes a message and writes the events that tell of it.
func (tx *Tx) touch(id string, ch change, events []Event) error {
	args := append(ch.args, db.Micros(tx.Now()), faultOf(&events[len(events)-1]))
	query := `UPDATE message SET ` + ch.set + counted(len(events)) + ch.where
	seq, err := db.Change(tx.Tx, db.ScanInt, query, append(args, ch.key...)...)
	if err == db.ErrNotFound {
		return ch.missing
	}
	if err != nil {
		return err
	}
	for i := range events {
		events[i].Seq = seq - int64(len(events)-1-i)
	}
	return tx.addEvents(id, events)
}

// faultOf returns the fault code of a message after an event, and nil where it stays as it is.
func faultOf(ev *Event) any {
	switch {
	case ev.To == Sent, ev.To == Delivered:
		return ""
	case ev.Stops():
		return ev.Code()
	}
	return nil
}

var insertEvent = db.NewInsert("event (message_id, seq, tenant, at, kind, from_state, to_state, detail, actor)",
	db.Placeholders(9), "")

func (tx *Tx) addEvents(id string, events []Event) error {
	return db.InsertRows(tx.Tx, insertEvent, events, func(e Event) []any {
		if e.At.IsZero() {
			e.At = tx.Now()
		}
		return []any{
			id, e.Seq, tx.Tenant(), db.Micros(e.At), e.Kind, string(e.From), string(e.To), db.Remark(e.Detail),
			e.Actor,
		}
	})
}

var insertEvidence = db.NewInsert("evidence (message_id, kind, attempt, tenant, content_type, bytes)",
	db.Placeholders(6),
	" ON CONFLICT (message_id, kind, attempt) DO NOTHING")

// AddEvidence keeps pieces of proof with a message. What is there under the same kind and attempt stays as it is.
func (tx *Tx) AddEvidence(id string, pieces ...Evidence) error {
	return db.InsertRows(tx.Tx, insertEvidence, pieces, func(e Evidence) []any {
		return []any{id, e.Kind, e.Attempt, tx.Tenant(), db.Remark(e.ContentType), nonNil(e.Bytes)}
	})
}

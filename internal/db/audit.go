package db

import (
	"context"
	"time"
)

// Audit is who did what and when: decisions of operators, and authenticated messages that were refused (design.md §3).
type Audit struct {
	ID        string // set by the database
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
	_, err := tx.Exec(insertAudit, NewID(), tx.tenant, Micros(a.At), a.Actor, a.Action, a.Subject, a.MessageID, a.Code,
		Remark(a.Detail))
	return err
}

// AppendAudit adds a row to the audit trail.
func (d *DB) AppendAudit(ctx context.Context, tenant string, a Audit) error {
	return d.Update(ctx, tenant, func(tx *Tx) error { return tx.Audit(a) })
}

// Audits returns audit rows from ≤ At < to, oldest first, at most limit. A zero to means no end.
func (d *DB) Audits(ctx context.Context, tenant string, from, to time.Time, limit int) ([]Audit, error) {
	scan := func(row Row) (a Audit, err error) {
		var at int64
		err = row.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Subject, &a.MessageID, &a.Code, &a.Detail)
		a.At = FromMicros(at)
		return a, err
	}
	return ReadAll(ctx, d, "audit", scan, `SELECT id, at, actor, action, subject, message_id, code, detail FROM audit
		WHERE tenant = ? AND at >= ? AND at < ? ORDER BY at, id LIMIT ?`, tenant, Micros(from), Until(to), limit)
}

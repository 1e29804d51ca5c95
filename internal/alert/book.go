package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Book is the alerts on record.
type Book struct {
	DB         *db.DB
	CloseAfter time.Duration // how long the condition must be gone
	Channels   []Channel
	Host       string // name of the installation, for texts
}

// Change is what became of an alert.
type Change struct {
	Alert
	Became string // opened, raised or closed
}

const columns = `id, tenant, rule, alert_key, severity, opened, seen, closed, n, what, code, message_id, told, acked,
	acked_by, silenced_until, silenced_why`

func scan(row db.Row) (a Alert, err error) {
	var opened, seen, closed, told, acked, silenced int64
	err = row.Scan(&a.ID, &a.Tenant, (*string)(&a.Rule), &a.Key, (*string)(&a.Severity), &opened, &seen, &closed,
		&a.Count,
		&a.What, (*string)(&a.Code), &a.Message, &told, &acked, &a.AckedBy, &silenced, &a.SilencedWhy)
	a.Opened, a.Seen, a.Closed, a.Told = db.FromMicros(opened), db.FromMicros(seen), db.FromMicros(closed),
		db.FromMicros(told)
	a.Acked, a.Silenced = db.FromMicros(acked), db.FromMicros(silenced)
	return a, err
}

// The open row is locked by being seen again, so that of several nodes one makes a notice. It keeps its severity for
// the moment: what it was says whether it has risen.
const (
	seeAlert = `UPDATE alert SET seen = ?, n = ?, what = ?, code = ? WHERE tenant = ? AND rule = ? AND alert_key = ?
		AND closed = 0 RETURNING ` + columns
	openAlert = `INSERT INTO alert (` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 0, '', ?, ?)
		ON CONFLICT DO NOTHING`
	tellAlert   = `UPDATE alert SET severity = ?, told = ? WHERE id = ?`
	closeAlert  = `UPDATE alert SET closed = ? WHERE closed = 0 AND seen <= ?`
	lastSilence = `SELECT silenced_until, silenced_why FROM alert WHERE tenant = ? AND rule = ? AND alert_key = ?
		AND silenced_until > ? ORDER BY silenced_until DESC LIMIT 1`
)

// clock is the time that all nodes share.
func clock(tx *db.Tx) (time.Time, error) {
	micros, err := db.One(tx, db.ScanInt, "SELECT "+db.Clock, tx.Clock())
	return db.FromMicros(micros), err
}

// See records what is wrong now, and with mayClose what is not wrong any more. Notices are written with it. It returns
// what has opened, risen and closed.
func (b *Book) See(ctx context.Context, list []Condition, mayClose bool) (changes []Change, err error) {
	err = b.DB.UpdateAny(ctx, func(tx *db.Tx) error {
		changes = nil
		now, err := clock(tx)
		if err != nil {
			return err
		}
		for i := range list {
			change, err := b.see(tx, &list[i], now)
			if err != nil {
				return err
			}
			if change != nil {
				changes = append(changes, *change)
			}
		}
		if !mayClose {
			return nil
		}
		over, err := b.close(tx, list, now)
		for i := range over {
			if err = b.tell(tx, &over[i], closed, now); err != nil {
				return err
			}
			changes = append(changes, Change{over[i], string(closed)})
		}
		return err
	})
	return changes, err
}

// close closes what was not seen for a while. Where there are more documents than have an alert of their own, the rule
// does not say which of them are over.
func (b *Book) close(tx *db.Tx, list []Condition, now time.Time) ([]Alert, error) {
	query, args := closeAlert, []any{db.Micros(now), db.Micros(now.Add(-b.CloseAfter))}
	for i := range list {
		if list[i].Key == moreKey {
			query, args = query+" AND rule <> ?", append(args, string(list[i].Rule))
		}
	}
	return db.ChangeAll(tx, scan, query+" RETURNING "+columns, args...)
}

// see records one condition.
func (b *Book) see(tx *db.Tx, c *Condition, now time.Time) (*Change, error) {
	tenant := c.Tenant
	if tenant == "" {
		tenant = db.DefaultTenant
	}
	rows, err := db.ChangeAll(tx, scan, seeAlert, db.Micros(now), c.Count, c.What, string(c.Code), tenant,
		string(c.Rule), c.Key)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return b.open(tx, c, tenant, now)
	}
	a := &rows[0]
	rose := c.Severity.Above(a.Severity)
	a.Severity = c.Severity
	pause := c.Severity.repeat()
	switch {
	case rose:
		if err := b.tell(tx, a, raised, now); err != nil {
			return nil, err
		}
	case pause == 0 || now.Sub(a.Told) < pause || !a.Acked.IsZero():
		_, err := tx.Exec(tellAlert, string(a.Severity), db.Micros(a.Told), a.ID)
		return nil, err
	default:
		if err := b.tell(tx, a, repeated, now); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec(tellAlert, string(a.Severity), db.Micros(now), a.ID); err != nil || !rose {
		return nil, err
	}
	return &Change{*a, string(raised)}, nil
}

// open begins an alert. One that was silenced and comes again is silent still.
func (b *Book) open(tx *db.Tx, c *Condition, tenant string, now time.Time) (*Change, error) {
	a := Alert{
		ID: db.NewID(), Tenant: tenant, Rule: c.Rule, Key: c.Key, Severity: c.Severity, Opened: now, Seen: now,
		Count: c.Count, What: c.What, Code: c.Code, Message: c.Message, Told: now,
	}
	silence := func(row db.Row) (s struct {
		until int64
		why   string
	}, err error,
	) {
		err = row.Scan(&s.until, &s.why)
		return s, err
	}
	old, err := db.ChangeAll(tx, silence, lastSilence, tenant, string(c.Rule), c.Key, db.Micros(now))
	if err != nil {
		return nil, err
	}
	if len(old) > 0 {
		a.Silenced, a.SilencedWhy = db.FromMicros(old[0].until), old[0].why
	}
	n, err := tx.Exec(openAlert, a.ID, tenant, string(a.Rule), a.Key, string(a.Severity), db.Micros(now),
		db.Micros(now),
		a.Count, a.What, string(a.Code), a.Message, db.Micros(now), db.Micros(a.Silenced), a.SilencedWhy)
	if err != nil || n == 0 { // another node was faster
		return nil, err
	}
	return &Change{a, string(opened)}, b.tell(tx, &a, opened, now)
}

const insertNotice = `INSERT INTO alert_notice (id, tenant, channel, alert, at, severity, subject, body, event, ended,
	failed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)`

// A channel that waits for its next attempt makes one for what is new: the plan is that of each notice (API-094).
const hurryChannel = `UPDATE alert_channel SET due = spaced WHERE name = ? AND due > spaced`

// tell writes the notices of an alert, one for each channel that wants it.
func (b *Book) tell(tx *db.Tx, a *Alert, why occasion, now time.Time) error {
	if now.Before(a.Silenced) {
		return nil
	}
	for i := range b.Channels {
		c := &b.Channels[i]
		if !c.wants(a) {
			continue
		}
		n := notice(db.NewID(), a, why, b.Host, now)
		_, err := tx.Exec(insertNotice, n.ID, n.Tenant, c.Name, n.Alert, db.Micros(n.At), string(n.Severity), n.Subject,
			n.Body, n.Event)
		if err == nil && why == opened {
			_, err = tx.Exec(hurryChannel, c.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Open lists the open alerts, the longest open first.
func (b *Book) Open(ctx context.Context) ([]Alert, error) {
	return db.ReadAll(ctx, b.DB, "open alerts", scan, `SELECT `+columns+` FROM alert WHERE closed = 0
		ORDER BY opened, id`)
}

// Past lists the alerts that closed last, the newest first.
func (b *Book) Past(ctx context.Context, limit int) ([]Alert, error) {
	return db.ReadAll(ctx, b.DB, "past alerts", scan, `SELECT `+columns+` FROM alert WHERE closed <> 0
		ORDER BY closed DESC LIMIT ?`, limit)
}

// Counts returns how many alerts are open by severity; none is 0.
func (b *Book) Counts(ctx context.Context) (map[string]int, error) {
	type row struct {
		severity string
		n        int
	}
	read := func(r db.Row) (c row, err error) { err = r.Scan(&c.severity, &c.n); return c, err }
	list, err := db.ReadAll(ctx, b.DB, "counts of alerts", read, `SELECT severity, COUNT(*) FROM alert WHERE closed = 0
		GROUP BY severity`)
	counts := map[string]int{}
	for _, s := range Severities {
		counts[string(s)] = 0
	}
	for _, c := range list {
		counts[c.severity] = c.n
	}
	return counts, err
}

// Ack notes that somebody sees to an alert: its repeats stop (OPS-072). The decision is audited.
func (b *Book) Ack(ctx context.Context, id, actor string) (Alert, error) {
	return b.decide(ctx, id, db.Audit{Actor: actor, Action: "alert_acknowledged", Subject: id},
		`UPDATE alert SET acked = ?, acked_by = ? WHERE id = ? AND closed = 0 RETURNING `+columns,
		func(now time.Time) []any { return []any{db.Micros(now), actor, id} })
}

// MaxSilence is how long an alert may be silenced (OPS-072).
const MaxSilence = 30 * 24 * time.Hour

// Silence keeps an alert from being told for a while, also if it closes and comes again. The decision is audited.
func (b *Book) Silence(ctx context.Context, id, actor, reason string, span time.Duration) (Alert, error) {
	if span <= 0 || span > MaxSilence || reason == "" {
		return Alert{}, fmt.Errorf("alert: a silence needs a reason and lasts at most %s", MaxSilence)
	}
	detail := fmt.Sprintf("for %s: %s", span, reason)
	return b.decide(ctx, id, db.Audit{Actor: actor, Action: "alert_silenced", Subject: id, Detail: detail},
		`UPDATE alert SET silenced_until = ?, silenced_why = ? WHERE id = ? AND closed = 0 RETURNING `+columns,
		func(now time.Time) []any { return []any{db.Micros(now.Add(span)), db.Remark(reason), id} })
}

// decide changes an open alert; db.ErrNotFound if it is not there or closed.
func (b *Book) decide(ctx context.Context, _ string, note db.Audit, query string, args func(time.Time) []any) (
	a Alert, err error,
) {
	err = b.DB.UpdateAny(ctx, func(tx *db.Tx) error {
		now, err := clock(tx)
		if err != nil {
			return err
		}
		if a, err = db.Change(tx, scan, query, args(now)...); err != nil {
			return err
		}
		tx.SetTenant(a.Tenant)
		return tx.Audit(note)
	})
	return a, err
}

// Kept is how long closed alerts and notices that were sent stay on record.
const Kept = 30 * 24 * time.Hour

// Forget removes what is older than that.
func (b *Book) Forget(ctx context.Context) error {
	return b.DB.UpdateAny(ctx, func(tx *db.Tx) error {
		now, err := clock(tx)
		if err != nil {
			return err
		}
		before := db.Micros(now.Add(-Kept))
		if _, err := tx.Exec(`DELETE FROM alert_notice WHERE ended <> 0 AND ended < ?`, before); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM alert WHERE closed <> 0 AND closed < ?`, before)
		return err
	})
}

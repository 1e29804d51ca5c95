package ledger

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// CloseDelay is how long after its end a month stays open, for exchanges that are under way.
const CloseDelay = 10 * time.Minute

// postBatch is how many counting rows one transaction moves: few enough to keep no accept waiting.
const postBatch = 500

// Post moves the counting rows to the ledger: each gets its place and its month, which is that of its exchange, or the
// first open one if that was closed. It returns how many there were.
func (l *Ledger) Post(ctx context.Context, tenant string) (int64, error) {
	for total := int64(0); ; {
		var n int64
		err := l.db.Update(ctx, tenant, func(tx *db.Tx) error {
			st, err := lock(tx)
			if err == nil {
				n, err = post(tx, &st)
			}
			return err
		})
		total += n
		if err != nil || n < postBatch {
			return total, err
		}
	}
}

// state is the row of a tenant in ledger_state.
type state struct {
	seq    int64
	closed peppol.Month
	events int64
	summed int64
}

func scanState(row db.Row) (st state, err error) {
	err = row.Scan(&st.seq, (*int64)(&st.closed), &st.events, &st.summed)
	return st, err
}

const (
	ensureState = `INSERT INTO ledger_state (tenant, seq, closed, events, folded) VALUES (?, 0, 0, 0, 0)
		ON CONFLICT (tenant) DO NOTHING`
	lockState    = `UPDATE ledger_state SET seq = seq WHERE tenant = ? RETURNING seq, closed, events, folded`
	takeCounting = `DELETE FROM counting WHERE tenant = ? AND (direction, c2, message_id) IN
		(SELECT direction, c2, message_id FROM counting WHERE tenant = ? LIMIT ?)
		RETURNING 0, 0, direction, at, message_id, c2, c3, doctype, process, transport, country_c1, sender, receiver,
			domain`
	insertEntry = `INSERT INTO ledger (seq, month, direction, at, message_id, c2, c3, doctype, process, transport,
		country_c1, sender,
		receiver, domain, tenant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, direction,
			c2, message_id) DO NOTHING`
	advance     = `UPDATE ledger_state SET seq = ? WHERE tenant = ?`
	extendMonth = `INSERT INTO ledger_month (tenant, month, first, last, row_count, late, closed, actor) VALUES (?, ?,
		?, ?, ?, ?, 0, '')
		ON CONFLICT (tenant, month) DO UPDATE SET first = CASE WHEN ledger_month.row_count = 0
			THEN excluded.first ELSE ledger_month.first END,
		last = excluded.last, row_count = ledger_month.row_count + excluded.row_count,
			late = ledger_month.late + excluded.late`
	columns = `seq, month, direction, at, message_id, c2, c3, doctype, process, transport, country_c1, sender, ` +
		`receiver, domain`
)

// lock makes all other workers on the ledger wait until the transaction ends.
func lock(tx *db.Tx) (state, error) {
	if _, err := tx.Exec(ensureState, tx.Tenant()); err != nil {
		return state{}, err
	}
	return db.Change(tx, scanState, lockState, tx.Tenant())
}

// post moves a batch and returns how many rows it took. A row whose exchange the ledger has is dropped: it counts once.
func post(tx *db.Tx, st *state) (int64, error) {
	rows, err := db.ChangeAll(tx, scanEntry, takeCounting, tx.Tenant(), tx.Tenant(), postBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	months := map[peppol.Month]*MonthState{}
	for i := range rows {
		c := &rows[i]
		c.Seq, c.Month = st.seq+1, max(peppol.MonthOf(c.At), st.firstOpen())
		n, err := tx.Exec(insertEntry, append(c.values(), tx.Tenant())...)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			continue
		}
		st.seq++
		m := months[c.Month]
		if m == nil {
			m = &MonthState{Month: c.Month, first: c.Seq}
			months[c.Month] = m
		}
		m.last, m.Rows = c.Seq, m.Rows+1
		if c.Late() {
			m.Late++
		}
	}
	for _, m := range months {
		if _, err := tx.Exec(extendMonth, tx.Tenant(), int64(m.Month), m.first, m.last, m.Rows, m.Late); err != nil {
			return 0, err
		}
	}
	_, err = tx.Exec(advance, st.seq, tx.Tenant())
	return int64(len(rows)), err
}

// firstOpen is the first month that a row may still be counted in; 0 when none is closed.
func (st *state) firstOpen() peppol.Month {
	if st.closed == 0 {
		return 0
	}
	return st.closed.Next()
}

func (c *Entry) values() []any {
	return []any{
		c.Seq, int64(c.Month), int64(c.Direction), db.Micros(c.At), c.MessageID, int64(c.C2), int64(c.C3),
		int64(c.DocType),
		int64(c.Process), int64(c.Transport), int64(c.CountryC1), int64(c.Sender), int64(c.Receiver), int64(c.Domain),
	}
}

func scanEntry(row db.Row) (c Entry, err error) {
	var at int64
	err = row.Scan(&c.Seq, (*int64)(&c.Month), (*int64)(&c.Direction), &at, &c.MessageID, (*int64)(&c.C2),
		(*int64)(&c.C3), (*int64)(&c.DocType),
		(*int64)(&c.Process), (*int64)(&c.Transport), (*int64)(&c.CountryC1), (*int64)(&c.Sender),
		(*int64)(&c.Receiver), (*int64)(&c.Domain))
	c.At = db.FromMicros(at)
	return c, err
}

// MonthState is what the ledger knows of a month.
type MonthState struct {
	Month  peppol.Month
	Rows   int64
	Late   int64     // of Rows: exchanges of earlier months that came after those were closed
	Closed time.Time // zero while open
	Actor  string    // who closed it
	Summed bool      // the counts beside the rows have them all

	first, last int64 // places of its rows in the ledger; others lie between them
}

func scanMonth(row db.Row) (m MonthState, err error) {
	var closed int64
	err = row.Scan((*int64)(&m.Month), &m.first, &m.last, &m.Rows, &m.Late, &closed, &m.Actor)
	m.Closed = db.FromMicros(closed)
	return m, err
}

const monthColumns = `SELECT month, first, last, row_count, late, closed, actor FROM ledger_month WHERE tenant = ?`

// Months returns the months that have rows or are closed, the oldest first.
func (l *Ledger) Months(ctx context.Context, tenant string) (months []MonthState, err error) {
	err = l.db.Snapshot(ctx, "months", func(r *db.Reader) error {
		states, err := db.ReadIn(r, scanState, stateOf, tenant)
		if err != nil || len(states) == 0 {
			return err
		}
		months, err = db.ReadIn(r, scanMonth, monthColumns+` ORDER BY month`, tenant)
		for i := range months {
			months[i].Summed = months[i].last <= states[0].summed
		}
		return err
	})
	return months, err
}

// Began returns when the record began: when the database was made, or with its first row if that is older.
func (l *Ledger) Began(ctx context.Context, tenant string) (time.Time, error) {
	began, err := l.db.Created(ctx)
	if err != nil {
		return began, err
	}
	months, err := l.Months(ctx, tenant)
	for i := range months {
		if from, _ := months[i].Month.Bounds(); months[i].Rows > 0 && from.Before(began) {
			began = from
		}
	}
	return began, err
}

const (
	closeMonth = `INSERT INTO ledger_month (tenant, month, first, last, row_count, late, closed, actor) VALUES (?, ?,
		0, 0, 0, 0, ?, ?)
		ON CONFLICT (tenant, month) DO UPDATE SET closed = excluded.closed, actor = excluded.actor`
	noteClosed = `UPDATE ledger_state SET closed = ? WHERE tenant = ?`
	firstMonth = `SELECT COALESCE(MIN(month), 0) FROM ledger_month WHERE tenant = ?`
)

// CloseMonth closes a month for good, from CloseDelay after its end and not before the months that precede it. What
// comes later is counted in the first open month.
func (l *Ledger) CloseMonth(ctx context.Context, tenant string, m peppol.Month, actor string) error {
	if _, err := l.Post(ctx, tenant); err != nil {
		return err
	}
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		st, err := lock(tx)
		if err != nil {
			return err
		}
		if err := mayClose(tx, &st, m); err != nil {
			return err
		}
		for { // what came since
			if n, err := post(tx, &st); err != nil || n == 0 {
				if err != nil {
					return err
				}
				break
			}
		}
		if _, err := tx.Exec(closeMonth, tx.Tenant(), int64(m), db.Micros(tx.Now()), actor); err != nil {
			return err
		}
		_, err = tx.Exec(noteClosed, int64(m), tx.Tenant())
		return err
	})
}

func mayClose(tx *db.Tx, st *state, m peppol.Month) error {
	_, end := m.Bounds()
	next := st.firstOpen()
	if next == 0 {
		first, err := db.One(tx, db.ScanInt, firstMonth, tx.Tenant())
		if err != nil {
			return err
		}
		if next = peppol.Month(first); next == 0 || next > m {
			next = m
		}
	}
	switch {
	case tx.Now().Before(end.Add(CloseDelay)):
		return fmt.Errorf("%w: %s can be closed from %s", ErrMonthNotOver, m, end.Add(CloseDelay).Format(time.RFC3339))
	case m < next:
		return fmt.Errorf("%w: %s", ErrMonthClosed, m)
	case m > next:
		return fmt.Errorf("%w: close %s before %s", ErrEarlierOpen, next, m)
	}
	return nil
}

// Entries yields the rows that are counted in a month, in the order of the ledger. It ends after the first error. While
// it yields it holds no connection, so that the loop may read as well, and take its time.
func (l *Ledger) Entries(ctx context.Context, tenant string, m peppol.Month) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		st, err := db.ReadAll(ctx, l.db, "ledger", scanMonth, monthColumns+` AND month = ?`, tenant, int64(m))
		stopped := false
		if err == nil && len(st) > 0 {
			err = l.entriesBetween(ctx, tenant, st[0].first-1, st[0].last, func(c *Entry) bool {
				stopped = c.Month == m && !yield(*c, nil)
				return !stopped
			})
		}
		if err != nil && !stopped {
			yield(Entry{}, err)
		}
	}
}

// pageSize is how many rows of the ledger are read together.
const pageSize = 4096

const rowsBetween = `SELECT ` + columns + ` FROM ledger WHERE tenant = ? AND seq > ? AND seq <= ?
	ORDER BY seq LIMIT ?`

// entriesBetween calls fn for the rows behind one place up to another, until it returns false. Rows never change and
// come at the end only, so reading them in pieces gives what one long transaction would give, which would keep the
// database from cleaning up as long as a report takes.
func (l *Ledger) entriesBetween(ctx context.Context, tenant string, from, to int64, fn func(*Entry) bool) error {
	for {
		page, err := db.ReadAll(ctx, l.db, "ledger", scanEntry, rowsBetween, tenant, from, to, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			if from = page[i].Seq; !fn(&page[i]) {
				return nil
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// Has tells whether something of a domain is counted in a month.
func (l *Ledger) Has(ctx context.Context, tenant string, m peppol.Month, domain TermID) (bool, error) {
	n, err := db.ReadOne(ctx, l.db, "ledger domain", db.ScanInt, `SELECT COUNT(*) FROM (SELECT 1
		FROM ledger l JOIN ledger_month n
		ON n.tenant = l.tenant AND n.month = ? AND l.seq >= n.first AND l.seq <= n.last
		WHERE l.tenant = ? AND l.month = n.month AND l.domain = ? LIMIT 1) AS found`, int64(m), tenant, int64(domain))
	return n > 0, err
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"
)

// CloseDelay is how long after its end a month stays open, for exchanges that are under way.
const CloseDelay = 10 * time.Minute

// postBatch is how many counting rows one transaction moves: few enough to keep no accept waiting.
const postBatch = 500

// Post moves the counting rows to the ledger: each gets its place and its month, which is that of its exchange, or the first
// open one if that was closed. It returns how many there were.
func (s *Store) Post(ctx context.Context, tenant string) (int64, error) {
	for total := int64(0); ; {
		var n int64
		err := s.Update(ctx, tenant, func(tx *Tx) error {
			st, err := tx.lockLedger()
			if err == nil {
				n, err = tx.post(&st)
			}
			return err
		})
		total += n
		if err != nil || n < postBatch {
			return total, err
		}
	}
}

// ledgerState is the row of a tenant in ledger_state.
type ledgerState struct {
	seq    int64
	closed Month
	events int64
	folded int64
}

func scanLedgerState(row scanner) (st ledgerState, err error) {
	err = row.Scan(&st.seq, (*int64)(&st.closed), &st.events, &st.folded)
	return st, err
}

const (
	ensureLedger = `INSERT INTO ledger_state (tenant, seq, closed, events, folded) VALUES (?, 0, 0, 0, 0) ON CONFLICT (tenant) DO NOTHING`
	lockLedger   = `UPDATE ledger_state SET seq = seq WHERE tenant = ? RETURNING seq, closed, events, folded`
	takeCounting = `DELETE FROM counting WHERE tenant = ? AND (direction, c2, message_id) IN
		(SELECT direction, c2, message_id FROM counting WHERE tenant = ? LIMIT ?)
		RETURNING 0, 0, direction, at, message_id, c2, c3, doctype, process, transport, country_c1, sender, receiver, domain`
	insertLedger = `INSERT INTO ledger (seq, month, direction, at, message_id, c2, c3, doctype, process, transport, country_c1, sender,
		receiver, domain, tenant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, direction, c2, message_id) DO NOTHING`
	advanceLedger = `UPDATE ledger_state SET seq = ? WHERE tenant = ?`
	extendMonth   = `INSERT INTO ledger_month (tenant, month, first, last, row_count, late, closed, actor) VALUES (?, ?, ?, ?, ?, ?, 0, '')
		ON CONFLICT (tenant, month) DO UPDATE SET first = CASE WHEN ledger_month.row_count = 0 THEN excluded.first ELSE ledger_month.first END,
		last = excluded.last, row_count = ledger_month.row_count + excluded.row_count, late = ledger_month.late + excluded.late`
	ledgerColumns = `seq, month, direction, at, message_id, c2, c3, doctype, process, transport, country_c1, sender, receiver, domain`
)

// lockLedger makes all other workers on the ledger wait until the transaction ends.
func (tx *Tx) lockLedger() (ledgerState, error) {
	if _, err := tx.exec(ensureLedger, tx.tenant); err != nil {
		return ledgerState{}, err
	}
	return change(tx, scanLedgerState, lockLedger, tx.tenant)
}

// post moves a batch and returns how many rows it took. A row whose exchange the ledger has is dropped: it counts once.
func (tx *Tx) post(st *ledgerState) (int64, error) {
	rows, err := list(tx, scanCounted, takeCounting, tx.tenant, tx.tenant, postBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	months := map[Month]*MonthState{}
	for i := range rows {
		c := &rows[i]
		c.Seq, c.Month = st.seq+1, max(MonthOf(c.At), st.firstOpen())
		n, err := tx.exec(insertLedger, append(c.values(), tx.tenant)...)
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
		if _, err := tx.exec(extendMonth, tx.tenant, int64(m.Month), m.first, m.last, m.Rows, m.Late); err != nil {
			return 0, err
		}
	}
	_, err = tx.exec(advanceLedger, st.seq, tx.tenant)
	return int64(len(rows)), err
}

// firstOpen is the first month that a row may still be counted in; 0 when none is closed.
func (st *ledgerState) firstOpen() Month {
	if st.closed == 0 {
		return 0
	}
	return st.closed.Next()
}

func (c *Counted) values() []any {
	return []any{
		c.Seq, int64(c.Month), countedDirection(c.Direction), micros(c.At), c.MessageID, int64(c.C2), int64(c.C3), int64(c.DocType),
		int64(c.Process), int64(c.Transport), int64(c.CountryC1), int64(c.Sender), int64(c.Receiver), int64(c.Domain),
	}
}

func scanCounted(row scanner) (c Counted, err error) {
	var direction, at int64
	err = row.Scan(&c.Seq, (*int64)(&c.Month), &direction, &at, &c.MessageID, (*int64)(&c.C2), (*int64)(&c.C3), (*int64)(&c.DocType),
		(*int64)(&c.Process), (*int64)(&c.Transport), (*int64)(&c.CountryC1), (*int64)(&c.Sender), (*int64)(&c.Receiver), (*int64)(&c.Domain))
	c.Direction, c.At = directionOf(direction), fromMicros(at)
	return c, err
}

// MonthState is what the ledger knows of a month.
type MonthState struct {
	Month  Month
	Rows   int64
	Late   int64     // of Rows: exchanges of earlier months that came after those were closed
	Closed time.Time // zero while open
	Actor  string    // who closed it
	Folded bool      // the counts beside the rows have them all

	first, last int64 // places of its rows in the ledger; others lie between them
}

func scanMonth(row scanner) (m MonthState, err error) {
	var closed int64
	err = row.Scan((*int64)(&m.Month), &m.first, &m.last, &m.Rows, &m.Late, &closed, &m.Actor)
	m.Closed = fromMicros(closed)
	return m, err
}

const monthColumns = `SELECT month, first, last, row_count, late, closed, actor FROM ledger_month WHERE tenant = ?`

// Months returns the months that have rows or are closed, the oldest first.
func (s *Store) Months(ctx context.Context, tenant string) (months []MonthState, err error) {
	err = s.snapshot(ctx, "months", func(r *reader) error {
		states, err := readIn(r, scanLedgerState, foldState, tenant)
		if err != nil || len(states) == 0 {
			return err
		}
		months, err = readIn(r, scanMonth, monthColumns+` ORDER BY month`, tenant)
		for i := range months {
			months[i].Folded = months[i].last <= states[0].folded
		}
		return err
	})
	return months, err
}

const (
	closeMonth = `INSERT INTO ledger_month (tenant, month, first, last, row_count, late, closed, actor) VALUES (?, ?, 0, 0, 0, 0, ?, ?)
		ON CONFLICT (tenant, month) DO UPDATE SET closed = excluded.closed, actor = excluded.actor`
	noteClosed = `UPDATE ledger_state SET closed = ? WHERE tenant = ?`
	firstMonth = `SELECT COALESCE(MIN(month), 0) FROM ledger_month WHERE tenant = ?`
)

// CloseMonth closes a month for good, from CloseDelay after its end and not before the months that precede it. What comes
// later is counted in the first open month.
func (s *Store) CloseMonth(ctx context.Context, tenant string, m Month, actor string) error {
	if _, err := s.Post(ctx, tenant); err != nil {
		return err
	}
	return s.Update(ctx, tenant, func(tx *Tx) error {
		st, err := tx.lockLedger()
		if err != nil {
			return err
		}
		if err := tx.mayClose(&st, m); err != nil {
			return err
		}
		for { // what came since
			if n, err := tx.post(&st); err != nil || n == 0 {
				if err != nil {
					return err
				}
				break
			}
		}
		if _, err := tx.exec(closeMonth, tx.tenant, int64(m), micros(tx.now), actor); err != nil {
			return err
		}
		_, err = tx.exec(noteClosed, int64(m), tx.tenant)
		return err
	})
}

func (tx *Tx) mayClose(st *ledgerState, m Month) error {
	_, end := m.Bounds()
	next := st.firstOpen()
	if next == 0 {
		first, err := one(tx, scanInt, firstMonth, tx.tenant)
		if err != nil {
			return err
		}
		if next = Month(first); next == 0 || next > m {
			next = m
		}
	}
	switch {
	case tx.now.Before(end.Add(CloseDelay)):
		return fmt.Errorf("%w: %s can be closed from %s", ErrMonthNotOver, m, end.Add(CloseDelay).Format(time.RFC3339))
	case m < next:
		return fmt.Errorf("%w: %s", ErrMonthClosed, m)
	case m > next:
		return fmt.Errorf("%w: close %s before %s", ErrEarlierOpen, next, m)
	}
	return nil
}

// Ledger yields the rows that are counted in a month, in the order of the ledger. It ends after the first error. While
// it yields it holds no connection, so that the loop may read as well, and take its time.
func (s *Store) Ledger(ctx context.Context, tenant string, m Month) iter.Seq2[Counted, error] {
	return func(yield func(Counted, error) bool) {
		st, err := readAll(ctx, s, "ledger", scanMonth, monthColumns+` AND month = ?`, tenant, int64(m))
		stopped := false
		if err == nil && len(st) > 0 {
			err = s.ledgerRows(ctx, tenant, st[0].first-1, st[0].last, func(c *Counted) bool {
				stopped = c.Month == m && !yield(*c, nil)
				return !stopped
			})
		}
		if err != nil && !stopped {
			yield(Counted{}, err)
		}
	}
}

// ledgerPage is how many rows of the ledger are read together.
const ledgerPage = 4096

const rowsBetween = `SELECT ` + ledgerColumns + ` FROM ledger WHERE tenant = ? AND seq > ? AND seq <= ?
	ORDER BY seq LIMIT ?`

// ledgerRows calls fn for the rows behind one place up to another, until it returns false. Rows never change and come
// at the end only, so reading them in pieces gives what one long transaction would give, which would keep the database
// from cleaning up as long as a report takes.
func (s *Store) ledgerRows(ctx context.Context, tenant string, from, to int64, fn func(*Counted) bool) error {
	for {
		page, err := readAll(ctx, s, "ledger", scanCounted, rowsBetween, tenant, from, to, ledgerPage)
		if err != nil {
			return err
		}
		for i := range page {
			if from = page[i].Seq; !fn(&page[i]) {
				return nil
			}
		}
		if len(page) < ledgerPage {
			return nil
		}
	}
}

// LedgerHas tells whether something of a domain is counted in a month.
func (s *Store) LedgerHas(ctx context.Context, tenant string, m Month, domain TermID) (bool, error) {
	n, err := readOne(ctx, s, "ledger domain", scanInt, `SELECT COUNT(*) FROM (SELECT 1 FROM ledger l JOIN ledger_month n
		ON n.tenant = l.tenant AND n.month = ? AND l.seq >= n.first AND l.seq <= n.last
		WHERE l.tenant = ? AND l.month = n.month AND l.domain = ? LIMIT 1) AS found`, int64(m), tenant, int64(domain))
	return n > 0, err
}

// reader is a connection whose reads all see one state of the database.
type reader struct {
	ctx  context.Context
	s    *Store
	conn *sql.Conn
}

// snapshot runs fn with a reader. fn reads what it needs and leaves the work with it for later.
func (s *Store) snapshot(ctx context.Context, op string, fn func(*reader) error) error {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	conn, err := s.eng.Read.Conn(ctx)
	if err != nil {
		return s.readFault(ctx, op, err)
	}
	if _, err = conn.ExecContext(ctx, s.eng.Snapshot); err != nil {
		discard(conn)
		return s.readFault(ctx, op, err)
	}
	if err = fn(&reader{ctx, s, conn}); err != nil {
		discard(conn) // with the transaction in it
		return s.readFault(ctx, op, err)
	}
	if _, err = conn.ExecContext(ctx, "COMMIT"); err != nil {
		discard(conn)
		return s.readFault(ctx, op, err)
	}
	return s.readFault(ctx, op, conn.Close())
}

// readIn reads all rows of a query.
func readIn[T any](r *reader, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := r.conn.QueryContext(r.ctx, r.s.eng.text(query), args...)
	return collect(rows, err, scan)
}

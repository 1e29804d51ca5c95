package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// Tx is a transaction that may write rows of one tenant. It is valid only inside the function given to Update.
type Tx struct {
	ctx       context.Context // of the transaction, not of a caller: a write that has begun is not stopped (REL-006)
	writer    *writer
	tenant    string
	now       time.Time
	ran       bool     // a statement changed something
	committed []func() // see OnCommit
	failed    error    // of the first statement that failed: such a transaction is never committed
}

// Tenant returns the tenant whose rows the transaction may touch.
func (tx *Tx) Tenant() string { return tx.tenant }

// SetTenant makes the rows of another tenant those that the transaction may touch. It is for work of the process
// itself, which goes through all tenants.
func (tx *Tx) SetTenant(tenant string) { tx.tenant = tenant }

// OnCommit has fn called once what the transaction wrote is durable. A function that runs again starts without what it
// asked for before.
func (tx *Tx) OnCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// Boot is the clock of leases: the name of the host's start and the microseconds since, or "" and 0 where leases go by
// Clock.
func (tx *Tx) Boot() (name string, micros int64) { return tx.writer.db.boot() }

// Now returns the time of the transaction.
func (tx *Tx) Now() time.Time { return tx.now }

// Clock is the argument of the expression Clock.
func (tx *Tx) Clock() int64 {
	if tx.writer.db.ownClock {
		return Micros(tx.now)
	}
	return 0
}

// Exec runs a statement and returns how many rows it touched.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if err := checkTexts(args); err != nil {
		return 0, tx.failWith(err)
	}
	st, err := tx.writer.prepared(tx.ctx, query)
	if err != nil {
		return 0, tx.failWith(err)
	}
	res, err := st.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.failWith(err)
	}
	n, err := res.RowsAffected()
	tx.ran = tx.ran || n > 0
	return n, tx.failWith(err)
}

// One reads the single row that a query returns with scan; ErrNotFound if it returns none.
func One[T any](tx *Tx, scan func(Row) (T, error), query string, args ...any) (v T, err error) {
	if err := checkTexts(args); err != nil {
		return v, tx.failWith(err)
	}
	st, err := tx.writer.prepared(tx.ctx, query)
	if err == nil {
		v, err = scan(st.QueryRowContext(tx.ctx, args...))
	}
	return v, tx.failWith(err)
}

// Change is One for a statement that changes the row it returns.
func Change[T any](tx *Tx, scan func(Row) (T, error), query string, args ...any) (T, error) {
	v, err := One(tx, scan, query, args...)
	tx.ran = tx.ran || err == nil
	return v, err
}

// ScanInt reads a row of one number.
func ScanInt(row Row) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// ChangeAll reads the rows that a statement changed.
func ChangeAll[T any](tx *Tx, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	st, err := tx.writer.prepared(tx.ctx, query)
	if err != nil {
		return nil, tx.failWith(err)
	}
	rows, err := st.QueryContext(tx.ctx, args...)
	all, err := collect(rows, err, scan)
	tx.ran = tx.ran || len(all) > 0
	return all, tx.failWith(err)
}

// failWith marks the transaction as failed, unless the error is only that a row is not there. PostgreSQL answers the
// COMMIT of a failed transaction with a silent ROLLBACK. The first error is the cause of those that follow.
func (tx *Tx) failWith(err error) error {
	err = tx.writer.db.wrap("write", err)
	if err == nil || err == ErrNotFound {
		return err
	}
	if tx.failed == nil {
		tx.failed = err
	}
	tx.writer.check(tx.ctx, err)
	return err
}

// discard closes a connection instead of giving it back to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

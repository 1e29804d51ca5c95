package db

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// indexedBy names the index of a table for a planner that does not find it.
var indexedBy = regexp.MustCompile(`\{indexed by (\w+)\}`)

// text writes a query of the common subset in the dialect of the engine.
func (e *Engine) text(query string) string {
	query = strings.NewReplacer("{clock}", e.Clock, "{skip locked}", e.SkipLocked).Replace(query)
	query = indexedBy.ReplaceAllString(query, e.IndexedBy)
	if !e.Dollar {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

// maxRows is how many rows one INSERT takes at most.
const maxRows = 16

// Insert holds the text of a multi-row INSERT for each number of rows, so that one statement writes them all.
type Insert [maxRows + 1]string

// NewInsert makes the texts of "INSERT INTO into VALUES (row), … suffix".
func NewInsert(into, row, suffix string) *Insert {
	row = "(" + row + ")"
	var q Insert
	for n := 1; n <= maxRows; n++ {
		q[n] = "INSERT INTO " + into + " VALUES " + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") + suffix
	}
	return &q
}

// Placeholders returns n of them, separated by commas.
func Placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// Clock is the time by which leases are granted and work becomes due: the argument, or the database's clock if that is
// 0.
const Clock = "COALESCE(NULLIF(CAST(? AS BIGINT), 0), {clock})"

// InsertRows writes rows, the arguments of each made by args, in as few statements as possible.
func InsertRows[T any](tx *Tx, q *Insert, rows []T, args func(T) []any) error {
	for len(rows) > 0 {
		n := min(len(rows), maxRows)
		var all []any
		for _, r := range rows[:n] {
			all = append(all, args(r)...)
		}
		if _, err := tx.Exec(q[n], all...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// Row is a *sql.Row or a *sql.Rows.
type Row interface{ Scan(dest ...any) error }

// collect reads all rows of a result with scan.
func collect[T any](rows *sql.Rows, err error, scan func(Row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// DefaultReadLimit is how long a read may take, so that a database that has stopped answering holds nobody for ever.
const DefaultReadLimit = 2 * time.Minute

// reading returns the context of a read.
func (d *DB) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d.opts.ReadLimit, ErrTooSlow)
}

// wrapRead is wrap for a read: one that took too long says so.
func (d *DB) wrapRead(ctx context.Context, op string, err error) error {
	if err != nil && err != sql.ErrNoRows && context.Cause(ctx) == ErrTooSlow {
		return fmt.Errorf("%w: %s, %v: %w", ErrTooSlow, op, d.opts.ReadLimit, err)
	}
	return d.wrap(op, err)
}

// ReadOne reads a single row from the reading connections; ErrNotFound if there is none.
func ReadOne[T any](ctx context.Context, d *DB, op string, scan func(Row) (T, error), query string, args ...any) (T,
	error,
) {
	ctx, cancel := d.reading(ctx)
	defer cancel()
	var v T
	st, err := d.prepared(ctx, query)
	if err == nil {
		v, err = scan(st.QueryRowContext(ctx, args...))
	}
	return v, d.wrapRead(ctx, op, err)
}

// ReadAll reads all rows from the reading connections.
func ReadAll[T any](ctx context.Context, d *DB, op string, scan func(Row) (T, error), query string, args ...any) ([]T,
	error,
) {
	ctx, cancel := d.reading(ctx)
	defer cancel()
	st, err := d.prepared(ctx, query)
	if err != nil {
		return nil, d.wrapRead(ctx, op, err)
	}
	rows, err := st.QueryContext(ctx, args...)
	all, err := collect(rows, err, scan)
	return all, d.wrapRead(ctx, op, err)
}

// Reader is a connection whose reads all see one state of the database.
type Reader struct {
	ctx  context.Context
	db   *DB
	conn *sql.Conn
}

// Snapshot runs fn with a reader. fn reads what it needs and leaves the work with it for later.
func (d *DB) Snapshot(ctx context.Context, op string, fn func(*Reader) error) error {
	ctx, cancel := d.reading(ctx)
	defer cancel()
	conn, err := d.eng.Read.Conn(ctx)
	if err != nil {
		return d.wrapRead(ctx, op, err)
	}
	if _, err = conn.ExecContext(ctx, d.eng.Snapshot); err != nil {
		discard(conn)
		return d.wrapRead(ctx, op, err)
	}
	if err = fn(&Reader{ctx, d, conn}); err != nil {
		discard(conn) // with the transaction in it
		return d.wrapRead(ctx, op, err)
	}
	if _, err = conn.ExecContext(ctx, "COMMIT"); err != nil {
		discard(conn)
		return d.wrapRead(ctx, op, err)
	}
	return d.wrapRead(ctx, op, conn.Close())
}

// ReadIn reads all rows of a query.
func ReadIn[T any](r *Reader, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := r.conn.QueryContext(r.ctx, r.db.eng.text(query), args...)
	return collect(rows, err, scan)
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// text writes a query of the common subset in the dialect of the engine.
func (e *Engine) text(query string) string {
	query = strings.NewReplacer("{clock}", e.Clock, "{skip locked}", e.SkipLocked).Replace(query)
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

// insert holds the text of a multi-row INSERT for each number of rows, so that one statement writes them all.
type insert [maxRows + 1]string

// newInsert makes the texts of "INSERT INTO into VALUES (row), … suffix".
func newInsert(into, row, suffix string) *insert {
	row = "(" + row + ")"
	var q insert
	for n := 1; n <= maxRows; n++ {
		q[n] = "INSERT INTO " + into + " VALUES " + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") + suffix
	}
	return &q
}

// marks returns n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// clock is the time by which leases are granted and work becomes due: the argument, or the database's clock if that is 0.
const clock = "COALESCE(NULLIF(CAST(? AS BIGINT), 0), {clock})"

// insertRows writes rows, the arguments of each made by args, in as few statements as possible.
func insertRows[T any](tx *Tx, q *insert, rows []T, args func(T) []any) error {
	for len(rows) > 0 {
		n := min(len(rows), maxRows)
		var all []any
		for _, r := range rows[:n] {
			all = append(all, args(r)...)
		}
		if _, err := tx.exec(q[n], all...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// scanner is a *sql.Row or a *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a result with scan.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
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
func (s *Store) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.opts.ReadLimit, ErrTooSlow)
}

// readFault is fault for a read: one that took too long says so.
func (s *Store) readFault(ctx context.Context, op string, err error) error {
	if err != nil && err != sql.ErrNoRows && context.Cause(ctx) == ErrTooSlow {
		return fmt.Errorf("%w: %s, %v: %w", ErrTooSlow, op, s.opts.ReadLimit, err)
	}
	return s.fault(op, err)
}

// readOne reads a single row from the reading connections; ErrNotFound if there is none.
func readOne[T any](ctx context.Context, s *Store, op string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	var v T
	st, err := s.prepared(ctx, query)
	if err == nil {
		v, err = scan(st.QueryRowContext(ctx, args...))
	}
	return v, s.readFault(ctx, op, err)
}

// readAll reads all rows from the reading connections.
func readAll[T any](ctx context.Context, s *Store, op string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, s.readFault(ctx, op, err)
	}
	rows, err := st.QueryContext(ctx, args...)
	all, err := collect(rows, err, scan)
	return all, s.readFault(ctx, op, err)
}

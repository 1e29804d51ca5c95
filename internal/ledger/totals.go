package ledger

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// totalsBatch is how many rows of the ledger are taken together: the counts of a day of a large installation.
const totalsBatch = 200_000

// The record calls the totals tally and the last entry in them folded.
const (
	stateOf       = `SELECT seq, closed, events, folded FROM ledger_state WHERE tenant = ?`
	totalsColumns = `SELECT month, seat, direction, doctype, process, folded, version, entries FROM tally`
	partsAhead    = `SELECT month, seat, direction, doctype, process, folded, version, '' FROM tally WHERE tenant = ?
		AND folded > ?`
	partsOf      = totalsColumns + ` WHERE tenant = ? AND month = ? ORDER BY seat, direction, doctype, process`
	onePart      = totalsColumns + ofPart
	ofPart       = ` WHERE tenant = ? AND month = ? AND seat = ? AND direction = ? AND doctype = ? AND process = ?`
	insertTotals = `INSERT INTO tally (folded, version, entries, tenant, month, seat, direction, doctype, process)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, month, seat, direction, doctype, process) DO NOTHING`
	updateTotals = `UPDATE tally SET folded = ?, version = ?, entries = ?` + ofPart + ` AND folded = ?`
	noteSummed   = `UPDATE ledger_state SET folded = ? WHERE tenant = ? AND folded = ?`
)

func (k *TotalsKey) values(tenant string) []any {
	return []any{tenant, int64(k.Month), int64(k.Seat), int64(k.Direction), int64(k.DocType), int64(k.Process)}
}

// UpdateTotals advances the counts from the rows of the ledger. Each part is written by itself and knows the last row
// in it, so that nothing is counted twice whenever the process ends. db.ErrConflict means that another node is at it,
// or that a part was counted by other classes: Reclass or DropTotals the month then.
func (l *Ledger) UpdateTotals(ctx context.Context, tenant string, classes Classes) error {
	for {
		more, err := l.updateSome(ctx, tenant, &classes)
		if err != nil || !more {
			return err
		}
	}
}

// standing is where the counts of a tenant stand.
type standing struct {
	state state
	parts []packedTotals      // of a month
	ahead map[TotalsKey]int64 // parts that have rows behind state.summed, with the last one
}

// standing reads where the counts stand, and the parts of a month; none for 0.
func (l *Ledger) standing(ctx context.Context, tenant string, m peppol.Month) (c standing, err error) {
	err = l.db.Snapshot(ctx, "counts", func(r *db.Reader) error {
		states, err := db.ReadIn(r, scanState, stateOf, tenant)
		if err != nil || len(states) == 0 {
			return err
		}
		c.state = states[0]
		if m != 0 {
			if c.parts, err = db.ReadIn(r, scanTotals, partsOf, tenant, int64(m)); err != nil {
				return err
			}
		}
		ahead, err := db.ReadIn(r, scanTotals, partsAhead, tenant, c.state.summed)
		c.ahead = map[TotalsKey]int64{}
		for _, p := range ahead {
			c.ahead[p.TotalsKey] = p.summed
		}
		return err
	})
	return c, err
}

// updateSome adds one batch of entries.
func (l *Ledger) updateSome(ctx context.Context, tenant string, classes *Classes) (more bool, err error) {
	c, err := l.standing(ctx, tenant, 0)
	st := c.state
	upTo := min(st.seq, st.summed+totalsBatch)
	if err != nil || upTo == st.summed {
		return false, err
	}
	rows, err := l.sum(ctx, tenant, &c, upTo, 0, classes)
	if err != nil {
		return false, err
	}
	for key := range rows {
		since := max(st.summed, c.ahead[key])
		if err := l.addTo(ctx, tenant, rows.of(key), classes.Version, st.summed, since, upTo); err != nil {
			return false, err
		}
	}
	err = l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		n, err := tx.Exec(noteSummed, upTo, tenant, st.summed)
		if err == nil && n == 0 {
			err = db.ErrConflict
		}
		return err
	})
	return upTo < st.seq, err
}

// collect counts the rows of the ledger up to a place that are in no part yet, of one month or, for 0, of all.
func (l *Ledger) sum(ctx context.Context, tenant string, c *standing, upTo int64, m peppol.Month, classes *Classes) (
	sums, error,
) {
	rows := sums{}
	var failed error
	err := l.entriesBetween(ctx, tenant, c.state.summed, upTo, func(row *Entry) bool {
		if key, _, _ := row.Place(); row.Seq > c.ahead[key] && (m == 0 || row.Month == m) {
			failed = rows.count(row, classes)
		}
		return failed == nil
	})
	return rows, cmp.Or(failed, err)
}

// addTo adds to one part, which must not have changed since the rows behind base were collected: no row behind since is
// in it.
func (l *Ledger) addTo(ctx context.Context, tenant string, add Totals, version, base, since, upTo int64) error {
	key := add.TotalsKey
	conflict := fmt.Errorf("%w: counts of %s", db.ErrConflict, key.Month)
	have, err := db.ReadOne(ctx, l.db, "counts", scanTotals, onePart, key.values(tenant)...)
	fresh := err == db.ErrNotFound
	switch {
	case fresh:
	case err != nil:
		return err
	case have.summed > since || have.version != version:
		return conflict
	default:
		old := Totals{TotalsKey: key}
		if err := old.unpack(have.entries); err != nil {
			return err
		}
		add = old.plus(&add)
	}
	packed := add.pack()
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		if st, err := lock(tx); err != nil || st.summed != base { // DropTotals may have been here
			return cmp.Or(err, conflict)
		}
		query, args := insertTotals, append([]any{upTo, version, packed}, key.values(tenant)...)
		if !fresh {
			query, args = updateTotals, append(args, have.summed)
		}
		n, err := tx.Exec(query, args...)
		if err == nil && n == 0 {
			err = conflict
		}
		return err
	})
}

// Versions returns the versions of the classes by which parts of a month are counted.
func (l *Ledger) Versions(ctx context.Context, tenant string, m peppol.Month) ([]int64, error) {
	return db.ReadAll(ctx, l.db, "versions", db.ScanInt, `SELECT DISTINCT version FROM tally WHERE tenant = ?
		AND month = ? ORDER BY version`, tenant, int64(m))
}

// Reclass notes that a newer version of the classes says the same of all users in the parts counted by an older one.
func (l *Ledger) Reclass(ctx context.Context, tenant string, m peppol.Month, from, to int64) error {
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE tally SET version = ? WHERE tenant = ? AND month = ?
			AND version = ?`, to, tenant, int64(m), from)
		return err
	})
}

// DropTotals drops the counts of a month. The next UpdateTotals makes them of the rows again.
func (l *Ledger) DropTotals(ctx context.Context, tenant string, m peppol.Month) error {
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		if _, err := lock(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM tally WHERE tenant = ? AND month = ?`, tenant, int64(m)); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE ledger_state SET folded = CASE WHEN folded < (SELECT first FROM ledger_month
			WHERE tenant = ? AND month = ?) THEN folded
			ELSE (SELECT first FROM ledger_month WHERE tenant = ? AND month = ?) - 1 END
			WHERE tenant = ? AND EXISTS (SELECT 1 FROM ledger_month WHERE tenant = ? AND month = ? AND row_count > 0)`,
			tenant, int64(m), tenant, int64(m), tenant, tenant, int64(m))
		return err
	})
}

// Totals yields the counts of a month: the parts that are kept, and beside them the entries that are in none yet. It
// ends after the first error. While it yields, and while it asks for classes, it holds no connection.
func (l *Ledger) Totals(ctx context.Context, tenant string, m peppol.Month, classes Classes) iter.Seq2[Totals, error] {
	return func(yield func(Totals, error) bool) {
		more := true
		err := l.sums(ctx, tenant, m, &classes, func(t Totals) bool {
			more = yield(t, nil)
			return more
		})
		if err != nil && more {
			yield(Totals{}, err)
		}
	}
}

// sums calls fn for each of them until it returns false.
func (l *Ledger) sums(ctx context.Context, tenant string, m peppol.Month, classes *Classes,
	fn func(Totals) bool,
) error {
	c, err := l.standing(ctx, tenant, m)
	if err != nil {
		return err
	}
	for i := range c.parts {
		t := Totals{TotalsKey: c.parts[i].TotalsKey}
		if err := t.unpack(c.parts[i].entries); err != nil {
			return err
		}
		if !fn(t) {
			return nil
		}
	}
	rows, err := l.sum(ctx, tenant, &c, c.state.seq, m, classes)
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(rows), TotalsKey.compare) {
		if !fn(rows.of(key)) {
			return nil
		}
	}
	return nil
}

func (k TotalsKey) compare(o TotalsKey) int {
	return cmp.Or(cmp.Compare(k.Seat, o.Seat), cmp.Compare(k.Direction, o.Direction), cmp.Compare(k.DocType, o.DocType),
		cmp.Compare(k.Process, o.Process))
}

// packedTotals is a Totals as it is stored.
type packedTotals struct {
	TotalsKey
	summed  int64
	version int64
	entries []byte
}

func scanTotals(row db.Row) (p packedTotals, err error) {
	err = row.Scan((*int64)(&p.Month), (*int64)(&p.Seat), (*int64)(&p.Direction), (*int64)(&p.DocType),
		(*int64)(&p.Process), &p.summed, &p.version, &p.entries)
	return p, err
}

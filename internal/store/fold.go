package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// foldBatch is how many rows of the ledger are taken together: the counts of a day of a large installation.
const foldBatch = 200_000

const (
	foldState    = `SELECT seq, closed, events, folded FROM ledger_state WHERE tenant = ?`
	tallyColumns = `SELECT month, seat, direction, doctype, process, folded, version, entries FROM tally`
	partsAhead   = `SELECT month, seat, direction, doctype, process, folded, version, '' FROM tally WHERE tenant = ? AND folded > ?`
	partsOf      = tallyColumns + ` WHERE tenant = ? AND month = ? ORDER BY seat, direction, doctype, process`
	onePart      = tallyColumns + tallyOf
	tallyOf      = ` WHERE tenant = ? AND month = ? AND seat = ? AND direction = ? AND doctype = ? AND process = ?`
	insertTally  = `INSERT INTO tally (folded, version, entries, tenant, month, seat, direction, doctype, process) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, month, seat, direction, doctype, process) DO NOTHING`
	updateTally = `UPDATE tally SET folded = ?, version = ?, entries = ?` + tallyOf + ` AND folded = ?`
	noteFolded  = `UPDATE ledger_state SET folded = ? WHERE tenant = ? AND folded = ?`
)

func (k *TallyKey) values(tenant string) []any {
	return []any{tenant, int64(k.Month), int64(k.Seat), countedDirection(k.Direction), int64(k.DocType), int64(k.Process)}
}

// Fold advances the counts from the rows of the ledger. Each part is written by itself and knows the last row in it, so that
// nothing is counted twice whenever the process ends. ErrConflict means that another node is at it, or that a part was counted by
// other classes: Reclass or Refold the month then.
func (s *Store) Fold(ctx context.Context, tenant string, classes Classes) error {
	for {
		more, err := s.foldSome(ctx, tenant, &classes)
		if err != nil || !more {
			return err
		}
	}
}

// standing is where the counts of a tenant stand.
type standing struct {
	state ledgerState
	parts []packedTally      // of a month
	ahead map[TallyKey]int64 // parts that have rows behind state.folded, with the last one
}

// standing reads where the counts stand, and the parts of a month; none for 0.
func (s *Store) standing(ctx context.Context, tenant string, m Month) (c standing, err error) {
	err = s.snapshot(ctx, "counts", func(r *reader) error {
		states, err := readIn(r, scanLedgerState, foldState, tenant)
		if err != nil || len(states) == 0 {
			return err
		}
		c.state = states[0]
		if m != 0 {
			if c.parts, err = readIn(r, scanTally, partsOf, tenant, int64(m)); err != nil {
				return err
			}
		}
		ahead, err := readIn(r, scanTally, partsAhead, tenant, c.state.folded)
		c.ahead = map[TallyKey]int64{}
		for _, p := range ahead {
			c.ahead[p.TallyKey] = p.folded
		}
		return err
	})
	return c, err
}

// foldSome folds one batch.
func (s *Store) foldSome(ctx context.Context, tenant string, classes *Classes) (more bool, err error) {
	c, err := s.standing(ctx, tenant, 0)
	st := c.state
	upTo := min(st.seq, st.folded+foldBatch)
	if err != nil || upTo == st.folded {
		return false, err
	}
	rows, err := s.collect(ctx, tenant, &c, upTo, 0, classes)
	if err != nil {
		return false, err
	}
	for key := range rows {
		since := max(st.folded, c.ahead[key])
		if err := s.foldPart(ctx, tenant, rows.tally(key), classes.Version, st.folded, since, upTo); err != nil {
			return false, err
		}
	}
	err = s.Update(ctx, tenant, func(tx *Tx) error {
		n, err := tx.exec(noteFolded, upTo, tenant, st.folded)
		if err == nil && n == 0 {
			err = ErrConflict
		}
		return err
	})
	return upTo < st.seq, err
}

// collect counts the rows of the ledger up to a place that are in no part yet, of one month or, for 0, of all.
func (s *Store) collect(ctx context.Context, tenant string, c *standing, upTo int64, m Month, classes *Classes) (
	tallies, error,
) {
	rows := tallies{}
	var failed error
	err := s.ledgerRows(ctx, tenant, c.state.folded, upTo, func(row *Counted) bool {
		if key, _, _ := row.Tally(); row.Seq > c.ahead[key] && (m == 0 || row.Month == m) {
			failed = rows.add(row, classes)
		}
		return failed == nil
	})
	return rows, cmp.Or(failed, err)
}

// foldPart adds to one part, which must not have changed since the rows behind base were collected: no row behind since is in it.
func (s *Store) foldPart(ctx context.Context, tenant string, add Tally, version, base, since, upTo int64) error {
	key := add.TallyKey
	conflict := fmt.Errorf("%w: counts of %s", ErrConflict, key.Month)
	have, err := readOne(ctx, s, "counts", scanTally, onePart, key.values(tenant)...)
	fresh := err == ErrNotFound
	switch {
	case fresh:
	case err != nil:
		return err
	case have.folded > since || have.version != version:
		return conflict
	default:
		old := Tally{TallyKey: key}
		if err := old.unpack(have.entries); err != nil {
			return err
		}
		add = old.plus(&add)
	}
	packed := add.pack()
	return s.Update(ctx, tenant, func(tx *Tx) error {
		if st, err := tx.lockLedger(); err != nil || st.folded != base { // Refold may have been here
			return cmp.Or(err, conflict)
		}
		query, args := insertTally, append([]any{upTo, version, packed}, key.values(tenant)...)
		if !fresh {
			query, args = updateTally, append(args, have.folded)
		}
		n, err := tx.exec(query, args...)
		if err == nil && n == 0 {
			err = conflict
		}
		return err
	})
}

// Versions returns the versions of the classes by which parts of a month are counted.
func (s *Store) Versions(ctx context.Context, tenant string, m Month) ([]int64, error) {
	return readAll(ctx, s, "versions", scanInt, `SELECT DISTINCT version FROM tally WHERE tenant = ? AND month = ? ORDER BY version`, tenant, int64(m))
}

// Reclass notes that a newer version of the classes says the same of all users in the parts counted by an older one.
func (s *Store) Reclass(ctx context.Context, tenant string, m Month, from, to int64) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		_, err := tx.exec(`UPDATE tally SET version = ? WHERE tenant = ? AND month = ? AND version = ?`, to, tenant, int64(m), from)
		return err
	})
}

// Refold drops the counts of a month. The next Fold makes them of the rows again.
func (s *Store) Refold(ctx context.Context, tenant string, m Month) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		if _, err := tx.lockLedger(); err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM tally WHERE tenant = ? AND month = ?`, tenant, int64(m)); err != nil {
			return err
		}
		_, err := tx.exec(`UPDATE ledger_state SET folded = CASE WHEN folded < (SELECT first FROM ledger_month WHERE tenant = ? AND month = ?) THEN folded
			ELSE (SELECT first FROM ledger_month WHERE tenant = ? AND month = ?) - 1 END
			WHERE tenant = ? AND EXISTS (SELECT 1 FROM ledger_month WHERE tenant = ? AND month = ? AND row_count > 0)`,
			tenant, int64(m), tenant, int64(m), tenant, tenant, int64(m))
		return err
	})
}

// Tallies yields the counts of a month: the parts that are folded, and the rows of the ledger that are not. It ends after the
// first error. While it yields, and while it asks for classes, it holds no connection.
func (s *Store) Tallies(ctx context.Context, tenant string, m Month, classes Classes) iter.Seq2[Tally, error] {
	return func(yield func(Tally, error) bool) {
		more := true
		err := s.tallies(ctx, tenant, m, &classes, func(t Tally) bool {
			more = yield(t, nil)
			return more
		})
		if err != nil && more {
			yield(Tally{}, err)
		}
	}
}

// tallies calls fn for each of them until it returns false.
func (s *Store) tallies(ctx context.Context, tenant string, m Month, classes *Classes, fn func(Tally) bool) error {
	c, err := s.standing(ctx, tenant, m)
	if err != nil {
		return err
	}
	for i := range c.parts {
		t := Tally{TallyKey: c.parts[i].TallyKey}
		if err := t.unpack(c.parts[i].entries); err != nil {
			return err
		}
		if !fn(t) {
			return nil
		}
	}
	rows, err := s.collect(ctx, tenant, &c, c.state.seq, m, classes)
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(rows), TallyKey.compare) {
		if !fn(rows.tally(key)) {
			return nil
		}
	}
	return nil
}

func (k TallyKey) compare(o TallyKey) int {
	return cmp.Or(cmp.Compare(k.Seat, o.Seat), cmp.Compare(k.Direction, o.Direction), cmp.Compare(k.DocType, o.DocType), cmp.Compare(k.Process, o.Process))
}

// packedTally is a Tally as it is stored.
type packedTally struct {
	TallyKey
	folded  int64
	version int64
	entries []byte
}

func scanTally(row scanner) (p packedTally, err error) {
	var direction int64
	err = row.Scan((*int64)(&p.Month), (*int64)(&p.Seat), &direction, (*int64)(&p.DocType), (*int64)(&p.Process), &p.folded, &p.version, &p.entries)
	p.Direction = directionOf(direction)
	return p, err
}

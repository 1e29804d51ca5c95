package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// TallyKey names a part of a month's counts.
type TallyKey struct {
	Month     Month
	Seat      TermID // our own
	Direction Direction
	DocType   TermID
	Process   TermID
}

// TallyEntry is a number of exchanges that differ in nothing that is reported. The country of C4 is found by the user when a
// report is built, so that no correction makes an entry wrong.
type TallyEntry struct {
	User      TermID // our participant
	Peer      TermID // the other's seat
	Transport TermID
	CountryC1 TermID
	N         int64
}

// Tally is a part of a month's counts.
type Tally struct {
	TallyKey
	Entries []TallyEntry // sorted, no two of them differ in N alone
}

// compare orders entries by all but their number.
func (e *TallyEntry) compare(o *TallyEntry) int {
	return cmp.Or(cmp.Compare(e.User, o.User), cmp.Compare(e.Peer, o.Peer), cmp.Compare(e.Transport, o.Transport), cmp.Compare(e.CountryC1, o.CountryC1))
}

// tallies collects rows.
type tallies map[TallyKey]map[TallyEntry]int64

func (t tallies) add(c *Counted) {
	key, e := c.Tally()
	if t[key] == nil {
		t[key] = map[TallyEntry]int64{}
	}
	e.N = 0
	t[key][e]++
}

// entries returns what was collected for a key.
func (t tallies) entries(k TallyKey) []TallyEntry {
	list := make([]TallyEntry, 0, len(t[k]))
	for e, n := range t[k] {
		e.N = n
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b TallyEntry) int { return a.compare(&b) })
	return list
}

// merged joins two sorted lists.
func merged(a, b []TallyEntry) []TallyEntry {
	out := make([]TallyEntry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].compare(&b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			sum := a[0]
			sum.N += b[0].N
			out, a, b = append(out, sum), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// packedVersion is the first byte of packed entries.
const packedVersion = 1

// pack writes sorted entries: their number, then five numbers each, of which the first is the distance to the entry before.
func pack(list []TallyEntry) []byte {
	b := binary.AppendUvarint([]byte{packedVersion}, uint64(len(list)))
	last := TermID(0)
	for i := range list {
		e := &list[i]
		for _, n := range [...]int64{int64(e.User - last), int64(e.Peer), int64(e.Transport), int64(e.CountryC1), e.N} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		last = e.User
	}
	return b
}

var errPacked = errors.New("store: damaged counts")

// unpack reads what pack wrote.
func unpack(b []byte) ([]TallyEntry, error) {
	if len(b) == 0 || b[0] != packedVersion {
		return nil, errPacked
	}
	b = b[1:]
	next := func() int64 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			b = nil
			return -1
		}
		b = b[size:]
		return int64(n)
	}
	count := next()
	if count < 0 || count > int64(len(b)) {
		return nil, errPacked
	}
	list := make([]TallyEntry, count)
	last := TermID(0)
	for i := range list {
		e := &list[i]
		e.User, e.Peer, e.Transport, e.CountryC1, e.N = last+TermID(next()), TermID(next()), TermID(next()), TermID(next()), next()
		if e.N <= 0 {
			return nil, errPacked
		}
		last = e.User
	}
	if len(b) != 0 {
		return nil, errPacked
	}
	return list, nil
}

// foldBatch is how many rows of the ledger are taken together: the counts of a day of a large installation.
const foldBatch = 200_000

const (
	foldState    = `SELECT seq, closed, events, folded FROM ledger_state WHERE tenant = ?`
	tallyColumns = `SELECT month, seat, direction, doctype, process, folded, entries FROM tally`
	partsAhead   = `SELECT month, seat, direction, doctype, process, folded, '' FROM tally WHERE tenant = ? AND folded > ?`
	partsOf      = tallyColumns + ` WHERE tenant = ? AND month = ? ORDER BY seat, direction, doctype, process`
	onePart      = tallyColumns + tallyOf
	rowsBetween  = `SELECT ` + ledgerColumns + ` FROM ledger WHERE tenant = ? AND seq > ? AND seq <= ? ORDER BY seq`
	tallyOf      = ` WHERE tenant = ? AND month = ? AND seat = ? AND direction = ? AND doctype = ? AND process = ?`
	insertTally  = `INSERT INTO tally (folded, entries, tenant, month, seat, direction, doctype, process) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, month, seat, direction, doctype, process) DO NOTHING`
	updateTally = `UPDATE tally SET folded = ?, entries = ?` + tallyOf + ` AND folded = ?`
	noteFolded  = `UPDATE ledger_state SET folded = ? WHERE tenant = ? AND folded = ?`
)

func (k *TallyKey) values(tenant string) []any {
	return []any{tenant, int64(k.Month), int64(k.Seat), countedDirection(k.Direction), int64(k.DocType), int64(k.Process)}
}

// Fold advances the counts from the rows of the ledger. Each part is written by itself and knows the last row in it, so that
// nothing is counted twice whenever the process ends. ErrConflict means that another node is at it.
func (s *Store) Fold(ctx context.Context, tenant string) error {
	for {
		more, err := s.foldSome(ctx, tenant)
		if err != nil || !more {
			return err
		}
	}
}

// foldSome folds one batch.
func (s *Store) foldSome(ctx context.Context, tenant string) (more bool, err error) {
	var st ledgerState
	var upTo int64
	var ahead map[TallyKey]int64
	rows := tallies{}
	err = s.snapshot(ctx, func(r *reader) error {
		states, err := readIn(r, scanLedgerState, foldState, tenant)
		if err != nil || len(states) == 0 {
			return err
		}
		st = states[0]
		upTo = min(st.seq, st.folded+foldBatch)
		ahead, err = r.collect(tenant, st.folded, upTo, func(*Counted) bool { return true }, rows)
		return err
	})
	if err != nil || upTo == st.folded {
		return false, s.fault("fold", err)
	}
	for key := range rows {
		if err := s.foldPart(ctx, tenant, key, rows.entries(key), max(st.folded, ahead[key]), upTo); err != nil {
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

// collect adds the rows of the ledger behind one place up to another that are in no part yet. It returns the parts that are
// ahead of the first place, with theirs.
func (r *reader) collect(tenant string, from, to int64, wanted func(*Counted) bool, rows tallies) (map[TallyKey]int64, error) {
	parts, err := readIn(r, scanTally, partsAhead, tenant, from)
	if err != nil {
		return nil, err
	}
	ahead := map[TallyKey]int64{}
	for _, p := range parts {
		ahead[p.TallyKey] = p.folded
	}
	return ahead, each(r, scanCounted, func(c Counted) bool {
		if key, _ := c.Tally(); c.Seq > ahead[key] && wanted(&c) {
			rows.add(&c)
		}
		return true
	}, rowsBetween, tenant, from, to)
}

// foldPart adds entries to one part, which must not have changed since they were collected: no row behind since is in it.
func (s *Store) foldPart(ctx context.Context, tenant string, key TallyKey, add []TallyEntry, since, upTo int64) error {
	conflict := fmt.Errorf("%w: counts of %s", ErrConflict, key.Month)
	have, err := readOne(ctx, s, "counts", scanTally, onePart, key.values(tenant)...)
	fresh := err == ErrNotFound
	switch {
	case fresh:
	case err != nil:
		return err
	case have.folded > since:
		return conflict
	default:
		entries, err := unpack(have.entries)
		if err != nil {
			return err
		}
		add = merged(entries, add)
	}
	packed := pack(add)
	return s.Update(ctx, tenant, func(tx *Tx) error {
		query, args := insertTally, append([]any{upTo, packed}, key.values(tenant)...)
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

// Tallies yields the counts of a month: the parts that are folded, and the rows of the ledger that are not. It ends after the
// first error.
func (s *Store) Tallies(ctx context.Context, tenant string, m Month) iter.Seq2[Tally, error] {
	return func(yield func(Tally, error) bool) {
		err := s.snapshot(ctx, func(r *reader) error {
			states, err := readIn(r, scanLedgerState, foldState, tenant)
			if err != nil || len(states) == 0 {
				return err
			}
			var damaged error
			stopped := false
			err = each(r, scanTally, func(p packedTally) bool {
				t := Tally{TallyKey: p.TallyKey}
				if t.Entries, damaged = unpack(p.entries); damaged != nil {
					return false
				}
				stopped = !yield(t, nil)
				return !stopped
			}, partsOf, tenant, int64(m))
			if err = errors.Join(err, damaged); err != nil || stopped {
				return err
			}
			rows := tallies{}
			if _, err := r.collect(tenant, states[0].folded, states[0].seq, func(c *Counted) bool { return c.Month == m }, rows); err != nil {
				return err
			}
			for _, key := range slices.SortedFunc(maps.Keys(rows), TallyKey.compare) {
				if !yield(Tally{key, rows.entries(key)}, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(Tally{}, s.fault("counts", err))
		}
	}
}

func (k TallyKey) compare(o TallyKey) int {
	return cmp.Or(cmp.Compare(k.Seat, o.Seat), cmp.Compare(k.Direction, o.Direction), cmp.Compare(k.DocType, o.DocType), cmp.Compare(k.Process, o.Process))
}

// packedTally is a Tally as it is stored.
type packedTally struct {
	TallyKey
	folded  int64
	entries []byte
}

func scanTally(row scanner) (p packedTally, err error) {
	var direction int64
	err = row.Scan((*int64)(&p.Month), (*int64)(&p.Seat), &direction, (*int64)(&p.DocType), (*int64)(&p.Process), &p.folded, &p.entries)
	p.Direction = directionOf(direction)
	return p, err
}

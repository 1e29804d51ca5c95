// Package report keeps the monthly accounts of a node: which customers stand behind its participants, what a month comes to,
// its closing, the reports that were built of it, and what was handed over to OpenPeppol and DFØ.
package report

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/validation"
)

// Accounts answers and changes what concerns the months of a tenant.
type Accounts struct {
	Store  *store.Store
	Tenant string

	Seats   []peppol.SeatID       // ours, which report also when nothing was exchanged
	Own     string                // our own participant, the SPID for example, which sends and receives status messages; may be ""
	Country string                // our own country, that of Own
	Rules   *validation.Validator // by which reports are checked beside the rules built in
	Program string                // version of the program, for the archive
	Now     func() time.Time
}

// monthOf is the stored form of a month.
func monthOf(m reporting.Month) store.Month { return store.Month(m.Year*100 + int(m.Month)) }

// Missing is a participant of ours whose country is not known: an entry of the worklist.
type Missing struct {
	Participant string `json:"participant"`
	Customer    string `json:"customer,omitempty"` // "" when it belongs to nobody
	Exchanges   int64  `json:"exchanges"`
}

// Pair is the pair of reports of a seat.
type Pair struct {
	Seat    peppol.SeatID
	Report  *reporting.Report
	Missing []Missing // participants whose country is given as ZZ
}

// Preview makes the reports of a month as they would be now, of the counts that are kept beside the rows. Countries that are not
// known are ZZ.
func (a *Accounts) Preview(ctx context.Context, m reporting.Month) ([]Pair, error) {
	if _, err := a.Store.Post(ctx, a.Tenant); err != nil {
		return nil, err
	}
	reg, err := a.Registry(ctx, Latest)
	if err != nil {
		return nil, err
	}
	return a.pairs(ctx, m, reg, a.counts(ctx, m), true)
}

// source yields what was exchanged in a month: counts, or rows one by one.
type source = iter.Seq2[store.Tally, error]

// counts are the counts that are kept beside the rows.
func (a *Accounts) counts(ctx context.Context, m reporting.Month) source {
	return a.Store.Tallies(ctx, a.Tenant, monthOf(m))
}

// rows are the rows themselves, as counts of one each.
func (a *Accounts) rows(ctx context.Context, m reporting.Month) source {
	return func(yield func(store.Tally, error) bool) {
		one := make([]store.TallyEntry, 1)
		for c, err := range a.Store.Ledger(ctx, a.Tenant, monthOf(m)) {
			t := store.Tally{Entries: one}
			if err == nil {
				t.TallyKey, one[0] = c.Tally()
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// pairs makes the reports of all seats: ours, and those that the month has exchanges of.
func (a *Accounts) pairs(ctx context.Context, m reporting.Month, reg *Registry, src source, preview bool) ([]Pair, error) {
	w := a.worker(ctx, reg)
	if len(w.seats) == 0 {
		if err := w.findSeats(src); err != nil {
			return nil, err
		}
	}
	var out []Pair
	for i := 0; i < len(w.seats); i++ { // more are found on the way
		rep, err := w.build(reporting.Header{Month: m, Seat: w.seats[i], Preview: preview}, src)
		if err != nil {
			return nil, err
		}
		p := Pair{Seat: w.seats[i], Report: rep}
		for _, key := range slices.Sorted(maps.Keys(w.missing)) {
			p.Missing = append(p.Missing, *w.missing[key])
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pair) int { return strings.Compare(string(a.Seat), string(b.Seat)) })
	return out, nil
}

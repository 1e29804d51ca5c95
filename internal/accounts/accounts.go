// Package accounts keeps the monthly accounts of a node: which customers stand behind its participants, what a month comes to,
// its closing, the reports that were built of it, and what was handed over to OpenPeppol and DFØ.
package accounts

import (
	"context"
	"iter"
	"time"

	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/validation"
)

// Accounts answers and changes what concerns the months of a tenant.
type Accounts struct {
	Ledger *ledger.Ledger
	Tenant string

	Seats   []peppol.SeatID       // ours, which report also when nothing was exchanged
	Own     string                // our own participant, the SPID for example, which sends and receives status messages; may be ""
	Country string                // our own country, that of Own
	Rules   *validation.Validator // by which reports are checked beside the rules built in
	Program string                // version of the program, for the archive
	Now     func() time.Time
}

// Missing is a participant of ours whose country or customer is not known: an entry of the worklist.
type Missing struct {
	Participant string `json:"participant"`
	Customer    string `json:"customer,omitempty"` // "" when it belongs to nobody
	Exchanges   int64  `json:"exchanges"`
}

// Pair is the pair of reports of a seat.
type Pair struct {
	Seat    peppol.SeatID
	Report  *reporting.Report
	Missing []Missing // participants whose country is given as ZZ; with one the month cannot be closed
	Unowned []Missing // participants of no customer, which are end users of their own
}

// Preview makes the reports of a month as they would be now, of the counts that are kept beside the rows. Countries that are not
// known are ZZ.
func (a *Accounts) Preview(ctx context.Context, m peppol.Month) ([]Pair, error) {
	w, err := a.settled(ctx, m)
	if err != nil {
		return nil, err
	}
	return w.pairs(m, w.counts(m), true)
}

// UpdateTotals moves counting rows to the ledger and advances the counts beside it.
func (a *Accounts) UpdateTotals(ctx context.Context) error {
	if _, err := a.Ledger.Post(ctx, a.Tenant); err != nil {
		return err
	}
	reg, err := a.Registry(ctx, Latest)
	if err != nil {
		return err
	}
	months, err := a.Ledger.Months(ctx, a.Tenant)
	if err != nil {
		return err
	}
	w := a.worker(ctx, reg)
	for i := range months {
		if months[i].Summed {
			continue
		}
		if err := w.settle(months[i].Month); err != nil {
			return err
		}
	}
	return a.Ledger.UpdateTotals(ctx, a.Tenant, w.classes())
}

// settled returns a worker with the customers of now, by which the counts of a month are right.
func (a *Accounts) settled(ctx context.Context, m peppol.Month) (*worker, error) {
	if _, err := a.Ledger.Post(ctx, a.Tenant); err != nil {
		return nil, err
	}
	reg, err := a.Registry(ctx, Latest)
	if err != nil {
		return nil, err
	}
	w := a.worker(ctx, reg)
	return w, w.settle(m)
}

// source yields what was exchanged in a month: counts, or rows one by one. It may be asked several times.
type source = iter.Seq2[ledger.Totals, error]

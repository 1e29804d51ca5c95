// Package accounts keeps the monthly accounts of a node: the customers behind its participants, the numbers of a month,
// its closing, the reports that were built for it, and what was delivered to OpenPeppol and DFØ.
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

// Accounts reads and changes the months of a tenant.
type Accounts struct {
	Ledger *ledger.Ledger
	Tenant string

	Seats   []peppol.SeatID       // ours, which report even if nothing was exchanged
	Own     string                // our own participant (the SPID), which sends and receives status messages; may be ""
	Country string                // our own country, that of Own
	Rules   *validation.Validator // checks reports in addition to the built-in rules
	Program string                // version of the program, for the archive
	Now     func() time.Time
}

// Missing is a participant of ours whose country or customer is not known: an entry of the worklist.
type Missing struct {
	Participant string `json:"participant"`
	Customer    string `json:"customer,omitempty"` // "" if it belongs to none
	Exchanges   int64  `json:"exchanges"`
}

// Pair is the pair of reports of a seat.
type Pair struct {
	Seat    peppol.SeatID
	Report  *reporting.Report
	Missing []Missing // participants whose country is unknown (ZZ); while there are any, the month cannot be closed
	Unowned []Missing // participants without a customer; each counts as an end user of its own
}

// Preview makes the reports of a month as they would be now, from the counts that are kept in addition to the rows.
// Unknown countries are ZZ.
func (a *Accounts) Preview(ctx context.Context, m peppol.Month) ([]Pair, error) {
	w, err := a.currentWorker(ctx, m)
	if err != nil {
		return nil, err
	}
	return w.pairs(m, w.counts(m), true)
}

// UpdateTotals moves counting rows to the ledger and adds them to the counts.
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
		if err := w.refresh(months[i].Month); err != nil {
			return err
		}
	}
	return a.Ledger.UpdateTotals(ctx, a.Tenant, w.classes())
}

// currentWorker returns a worker with the present customers, after making the counts of a month agree with them.
func (a *Accounts) currentWorker(ctx context.Context, m peppol.Month) (*worker, error) {
	if _, err := a.Ledger.Post(ctx, a.Tenant); err != nil {
		return nil, err
	}
	reg, err := a.Registry(ctx, Latest)
	if err != nil {
		return nil, err
	}
	w := a.worker(ctx, reg)
	return w, w.refresh(m)
}

// source yields what was exchanged in a month: counts, or single rows. It may be ranged over several times.
type source = iter.Seq2[ledger.Totals, error]

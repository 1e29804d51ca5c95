package documents

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// asTaken reads the envelope of a document that was taken over. What the configuration allows may have changed since.
var asTaken = sbdh.Options{FullStandard: func(peppol.DocTypeID) bool { return true }}

// fillBatch is how many rows one transaction writes.
const fillBatch = 100

// Filled is what a round of Fill did.
type Filled struct {
	Rows int // that have their columns now
	// of them, and of those that were passed over: their payload cannot be read, so nobody knows their number
	Unread   int
	Passed   int // left to another node, whose folder has their payload
	LookedAt int
}

// Fill gives older documents the columns that they are found by (API-120): up to rows of them, from the one after a
// given id on. It returns where the next round goes on, "" at the end. Of a document nothing but its number is copied.
func (d *Desk) Fill(ctx context.Context, after string, rows int) (next string, done Filled, err error) {
	for done.LookedAt < rows {
		list, err := d.Store.Undetailed(ctx, after, min(fillBatch, rows-done.LookedAt))
		if err != nil || len(list) == 0 {
			return "", done, err
		}
		details := map[string][]store.Details{} // by tenant
		end := after
		for _, u := range list {
			var x store.Details
			var ok bool
			if x, ok, err = d.details(ctx, u, &done); err != nil {
				break
			}
			if end = u.ID; ok {
				details[u.Tenant] = append(details[u.Tenant], x)
			}
			done.LookedAt++
		}
		for tenant, batch := range details { // also when the time is over: the next round goes on behind them
			n, werr := d.Store.SetDetails(context.WithoutCancel(ctx), tenant, batch)
			if werr != nil {
				return after, done, werr
			}
			done.Rows += int(n)
		}
		if after = end; err != nil {
			return after, done, err
		}
	}
	return after, done, nil
}

// details reads what a row is missing. ok is false when another node has to do it.
func (d *Desk) details(ctx context.Context, u store.Undetailed, done *Filled) (x store.Details, ok bool, err error) {
	x = store.Details{Of: u, DocumentNumber: u.DocumentNumber, Verdict: u.Verdict, Updated: u.Created}
	if u.Whole {
		x.DocumentNumber, err = d.number(ctx, u.Payload)
		var wrong *sbdh.Error
		switch {
		case errors.Is(err, blob.ErrNotFound) && !d.alone(ctx):
			done.Passed++
			return x, false, nil
		case errors.Is(err, blob.ErrNotFound), errors.Is(err, blob.ErrCorrupt), errors.As(err, &wrong):
			done.Unread++
		case err != nil:
			return x, false, err
		}
	}
	events, err := d.Store.Timeline(ctx, u.Tenant, u.ID)
	if err != nil {
		return x, false, err
	}
	for _, e := range events {
		if e.At.After(x.Updated) {
			x.Updated = e.At
		}
	}
	if stop, stopped := store.LastStop(events); stopped {
		x.FaultCode = stop.Code()
	}
	evidence, err := d.Store.AllEvidence(ctx, u.Tenant, u.ID)
	if err != nil {
		return x, false, err
	}
	if e := latest(evidence, store.EvidenceValidation); e != nil {
		var report struct{ Verdict string }
		if json.Unmarshal(e.Bytes, &report) == nil {
			x.Verdict = report.Verdict
		}
	}
	return x, true, nil
}

// alone is Alone, and false when it cannot be told.
func (d *Desk) alone(ctx context.Context) bool {
	if d.Alone == nil {
		return true
	}
	yes, err := d.Alone(ctx)
	return yes && err == nil
}

// number reads the number that the document in a payload bears.
func (d *Desk) number(ctx context.Context, ref store.BlobRef) (string, error) {
	if ref.IsZero() {
		return "", nil
	}
	r, err := d.Blobs.Open(ctx, ref)
	if err != nil {
		return "", err
	}
	_, p, err := sbdh.Read(r, asTaken)
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	return p.Number, nil
}

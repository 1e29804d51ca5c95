package accounts

import (
	"context"
	"fmt"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
)

// Unsent is a report that is to be sent.
type Unsent struct {
	Seat     string
	What     string // ledger.MarkTSR or ledger.MarkEUSR
	Revision int64
	XML      []byte
}

// Unsent returns the newest reports of a month that were not sent yet, or with again all of them.
func (a *Accounts) Unsent(ctx context.Context, m peppol.Month, again bool) ([]Unsent, error) {
	list, err := a.Archive(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no report of %s was built", db.ErrNotFound, m)
	}
	marks, err := a.Ledger.ReportMarks(ctx, a.Tenant, m)
	if err != nil {
		return nil, err
	}
	var out []Unsent
	for i := range list {
		b := &list[i]
		if b.Replaced != 0 {
			continue
		}
		for _, u := range []Unsent{
			{string(b.Seat), ledger.MarkTSR, b.Revision, b.XML.TSR},
			{string(b.Seat), ledger.MarkEUSR, b.Revision, b.XML.EUSR},
		} {
			if again || !sent(marks, &u) {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

func sent(marks []ledger.ReportMark, u *Unsent) bool {
	for _, m := range marks {
		if m.Seat == u.Seat && m.What == u.What && m.Revision == u.Revision {
			return true
		}
	}
	return false
}

package accounts

import (
	"context"
	"fmt"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/reporting"
)

// Unsent is a report that is to be sent.
type Unsent struct {
	Seat     string
	What     string // store.MarkTSR or store.MarkEUSR
	Revision int64
	XML      []byte
}

// Unsent returns the newest reports of a month that were not sent, or all of them again.
func (a *Accounts) Unsent(ctx context.Context, m reporting.Month, again bool) ([]Unsent, error) {
	list, err := a.Archive(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no report of %s was built", store.ErrNotFound, m)
	}
	marks, err := a.Store.ReportMarks(ctx, a.Tenant, monthOf(m))
	if err != nil {
		return nil, err
	}
	var out []Unsent
	for i := range list {
		b := &list[i]
		if b.Replaced != 0 {
			continue
		}
		for _, u := range []Unsent{{string(b.Seat), store.MarkTSR, b.Revision, b.XML.TSR}, {string(b.Seat), store.MarkEUSR, b.Revision, b.XML.EUSR}} {
			if again || !sent(marks, &u) {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

func sent(marks []store.ReportMark, u *Unsent) bool {
	for _, m := range marks {
		if m.Seat == u.Seat && m.What == u.What && m.Revision == u.Revision {
			return true
		}
	}
	return false
}

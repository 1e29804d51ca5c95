package accounts

import (
	"context"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
)

// DueOpenPeppol is the end of the time in which OpenPeppol takes the reports of a month: day 15 of the next one, in UTC
// (RPT-4).
func DueOpenPeppol(m peppol.Month) time.Time { return due(m, 15) }

// DueDFO is the end of the time in which DFØ takes its report: day 10 (RPT-9.2).
func DueDFO(m peppol.Month) time.Time { return due(m, 10) }

// DuePayment is the same for the payments domain: day 5 (NO-j.7).
func DuePayment(m peppol.Month) time.Time { return due(m, 5) }

// due is the last moment of a day of the month after m.
func due(m peppol.Month, day int) time.Time {
	_, next := m.Bounds()
	return next.AddDate(0, 0, day).Add(-time.Second)
}

// nearDays is how many days before a deadline it counts as near.
const nearDays = 5

// Duty is a report that must be delivered.
type Duty struct {
	Month string     `json:"month"`
	What  string     `json:"what"` // tsr, eusr, dfo or dfo-payment
	Seat  string     `json:"seat,omitempty"`
	Due   time.Time  `json:"due"`
	Done  *time.Time `json:"done,omitempty"`
	State string     `json:"state"` // done, open, near or overdue
}

// States of a duty.
const (
	DutyDone    = "done"
	DutyOpen    = "open"
	DutyNear    = "near" // and not met
	DutyOverdue = "overdue"
)

// Pressing reports whether the duty is unmet, and its time near or over.
func (d *Duty) Pressing() bool { return d.State == DutyNear || d.State == DutyOverdue }

// paymentDomain is the domain that has a date of its own.
const paymentDomain = "payment"

// Status returns the duties of the months that are over: of the last one, and of earlier ones since the record began in
// which something is not done, whether or not anything was exchanged in them. A month before the record began has no
// duties of ours; what was delivered for it all the same is shown.
func (a *Accounts) Status(ctx context.Context) ([]Duty, error) {
	if _, err := a.Ledger.Post(ctx, a.Tenant); err != nil {
		return nil, err
	}
	now := a.Now().UTC() // months end in UTC, wherever the machine is
	last := peppol.MonthOf(now.AddDate(0, 0, -now.Day()))
	began, err := a.Ledger.Began(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	var out []Duty
	for m := last; m == last || m >= peppol.MonthOf(began); m = before(m) {
		list, err := a.duties(ctx, m, now)
		if err != nil {
			return nil, err
		}
		if m < peppol.MonthOf(began) {
			list = slices.DeleteFunc(list, func(d Duty) bool { return d.State != DutyDone })
		}
		if m == last || slices.ContainsFunc(list, func(d Duty) bool { return d.State != DutyDone }) {
			out = append(out, list...)
		}
	}
	return out, nil
}

// before is the month before m.
func before(m peppol.Month) peppol.Month {
	from, _ := m.Bounds()
	return peppol.MonthOf(from.AddDate(0, 0, -1))
}

// duties are those of one month.
func (a *Accounts) duties(ctx context.Context, m peppol.Month, now time.Time) ([]Duty, error) {
	marks, err := a.Ledger.ReportMarks(ctx, a.Tenant, m)
	if err != nil {
		return nil, err
	}
	var out []Duty
	add := func(what, mark, seat string, due time.Time) {
		d := Duty{Month: m.String(), What: what, Seat: seat, Due: due, State: DutyOpen}
		for i := range marks {
			if marks[i].What == mark && marks[i].Seat == seat {
				d.Done = &marks[i].At
			}
		}
		switch {
		case d.Done != nil:
			d.State = DutyDone
		case now.After(due):
			d.State = DutyOverdue
		case now.After(due.AddDate(0, 0, -nearDays)):
			d.State = DutyNear
		}
		out = append(out, d)
	}
	payments, err := a.hasDomain(ctx, m, paymentDomain)
	if err != nil {
		return nil, err
	}
	if payments {
		add("dfo-payment", ledger.MarkDFO, "", DuePayment(m))
	}
	add("dfo", ledger.MarkDFO, "", DueDFO(m))
	for _, seat := range a.Seats {
		add("tsr", ledger.MarkTSR, string(seat), DueOpenPeppol(m))
		add("eusr", ledger.MarkEUSR, string(seat), DueOpenPeppol(m))
	}
	return out, nil
}

// hasDomain reports whether something of a domain was exchanged in a month.
func (a *Accounts) hasDomain(ctx context.Context, m peppol.Month, domain string) (bool, error) {
	id, err := a.Ledger.FindTerm(ctx, a.Tenant, ledger.Term{Kind: ledger.TermDomain, Value: domain})
	if err == db.ErrNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return a.Ledger.Has(ctx, a.Tenant, m, id)
}

// Done records that a report was delivered. what is a mark of the store; revision is 0 if there is none.
func (a *Accounts) Done(ctx context.Context, m peppol.Month, seat, what string, revision int64, actor,
	detail string,
) error {
	return a.Ledger.MarkReport(ctx, a.Tenant, ledger.ReportMark{
		Month: m, Seat: seat, What: what, Revision: revision, Actor: actor, Detail: detail,
	})
}

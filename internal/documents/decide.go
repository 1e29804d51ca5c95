package documents

import (
	"context"
	"errors"
	"slices"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// Outcome is what became of an action on one document.
type Outcome struct {
	Tenant string      `json:"tenant"`
	ID     string      `json:"id"`
	Action Action      `json:"action"`
	OK     bool        `json:"ok"`
	State  store.State `json:"state,omitempty"`  // afterwards
	Reason string      `json:"reason,omitempty"` // why it was skipped
	Err    error       `json:"-"`                // set if the record could not be read or written
}

// Possible reports what an action on a document would do, without doing it.
func (d *Desk) Possible(ctx context.Context, action Action, id string) Outcome {
	doc, err := d.brief(ctx, id)
	if err != nil {
		return d.outcome(action, id, err)
	}
	o := Outcome{Tenant: d.Tenant, ID: id, Action: action, State: doc.State, OK: slices.Contains(doc.Actions, action)}
	if !o.OK {
		o.Reason = skipped(doc)
	}
	return o
}

// skipped says why nothing was done with a document.
func skipped(doc *Document) string {
	return "it is " + string(doc.State) + doc.hindrance() + "; possible: " + possible(doc.Actions)
}

func (d *Desk) outcome(action Action, id string, err error) Outcome {
	return Outcome{Tenant: d.Tenant, ID: id, Action: action, Reason: fault.Plain(err), Err: err}
}

// Do carries out a decision about a document by its id, in one transition that is audited. One whose state does not
// allow it, perhaps because it changed meanwhile, is left as it is; the outcome says why.
func (d *Desk) Do(ctx context.Context, action Action, id, actor, reason string) Outcome {
	x, err := find(action)
	if err != nil {
		return d.outcome(action, id, err)
	}
	if err = x.do(d.Store, ctx, d.Tenant, id, actor, reason); isConflict(err) {
		doc, err := d.brief(ctx, id)
		if err != nil {
			return d.outcome(action, id, err)
		}
		return Outcome{Tenant: d.Tenant, ID: id, Action: action, State: doc.State, Reason: skipped(doc)}
	}
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return d.outcome(action, id, fault.New(fault.RecordUnreadable, err, ""))
	}
	m, err := d.get(ctx, id)
	if err != nil {
		return d.outcome(action, id, err)
	}
	return Outcome{Tenant: d.Tenant, ID: id, Action: action, OK: true, State: m.State}
}

// IsNews reports whether a name is that of news in the queue (Work.Event).
func (d *Desk) IsNews(ctx context.Context, name string) (bool, error) {
	if err := checkTexts(name); err != nil {
		return false, err
	}
	_, err := d.Store.JobOf(ctx, d.Tenant, store.Notify, name)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fault.New(fault.RecordUnreadable, err, "")
	}
	return true, nil
}

// whyNot says why nothing was done with news.
const whyNot = "news can only be tried again, and only those that were given up"

// PossibleNews is Possible for news: only to tell those again that were given up.
func (d *Desk) PossibleNews(ctx context.Context, action Action, event string) Outcome {
	job, err := d.Store.JobOf(ctx, d.Tenant, store.Notify, event)
	if err != nil {
		return d.outcome(action, event, fault.New(fault.RecordUnreadable, err, ""))
	}
	o := Outcome{Tenant: d.Tenant, ID: event, Action: action, OK: action == Retry && job.Dead}
	if !o.OK {
		o.Reason = whyNot
	}
	return o
}

// DoNews is Do for news. Their document stays what it is, and is not sent (OPS-009).
func (d *Desk) DoNews(ctx context.Context, action Action, event, actor, reason string) Outcome {
	o := Outcome{Tenant: d.Tenant, ID: event, Action: action, Reason: whyNot}
	if action != Retry {
		return o
	}
	switch err := d.Store.RequeueNews(ctx, d.Tenant, event, actor, reason); {
	case isConflict(err):
		return o
	case err != nil:
		return d.outcome(action, event, fault.New(fault.RecordUnreadable, err, ""))
	}
	o.OK, o.Reason = true, ""
	return o
}

package documents

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// Work is something that waits to be done, or that was given up, with its document.
type Work struct {
	Tenant    string        `json:"tenant"`
	Kind      store.Kind    `json:"kind"`
	ID        string        `json:"id"` // of the document; "" for other work
	MessageID string        `json:"message_id,omitempty"`
	State     store.State   `json:"state,omitempty"`
	Receiver  string        `json:"receiver,omitempty"`
	Created   time.Time     `json:"created"`
	Age       time.Duration `json:"-"`
	AgeS      int64         `json:"age_s"`
	Due       time.Time     `json:"next_attempt,omitzero"` // zero while it is held, and when nothing comes by itself
	Waits     bool          `json:"waits,omitempty"`       // it is due, and waits for its turn
	Tries     int           `json:"tries"`                 // turns that it had
	Attempts  int           `json:"attempts"`              // of its plan so far
	Begun     time.Time     `json:"plan_begun,omitzero"`
	Owner     string        `json:"owner,omitempty"` // the process that is working on it
	Host      string        `json:"host,omitempty"`  // where it goes, as far as that is known
	GivenUp   bool          `json:"given_up"`
	Moving    time.Time     `json:"moving_since,omitzero"` // no SMP knows its receiver since then
	Held      *Held         `json:"held,omitempty"`        // by an operator
	Code      fault.Code    `json:"code,omitempty"`        // of what stopped it last
	Blame     fault.Blame   `json:"blame,omitempty"`
	Reason    string        `json:"reason,omitempty"` // as recorded last
	Actions   []Action      `json:"actions"`

	DocumentType string `json:"-"`
}

// WorkQuery says which work is wanted. Empty fields want all; all must hold.
type WorkQuery struct {
	Kind     string
	States   string // separated by commas
	Receiver string
	Host     string // of the access point
	Code     string
	Older    time.Duration // entered at least so long ago
	Held     bool
	GivenUp  bool // only what was given up or waits for a decision
	Limit    int  // of each part; 0 means 1000
}

// MaxWork is how much work a query finds at most, in each of its parts.
const MaxWork = 100_000

// Shortly is how long due work may lie before it is said to wait: until then it has its turn by itself.
const Shortly = 10 * time.Second

// filters are the parts of a query in the order in which they are shown: what was given up, what has ended and waits
// for a person, what is open.
func (q *WorkQuery) filters(now time.Time) ([]store.JobFilter, error) {
	f := store.JobFilter{
		Kind: store.Kind(q.Kind), Held: q.Held, Lane: q.Host, Code: q.Code, Limit: q.Limit,
	}
	if f.Limit == 0 {
		f.Limit = 1000
	}
	if f.Limit < 1 || f.Limit > MaxWork {
		return nil, fault.New(fault.BadArguments, nil, "limit: want 1 to %d", MaxWork)
	}
	if q.Older > 0 {
		f.Before = now.Add(-q.Older)
	}
	found, err := standings(q.States, "")
	if err != nil {
		return nil, err
	}
	for _, st := range found {
		f.States = append(f.States, st.State)
	}
	if q.Receiver != "" {
		id, err := peppol.ParseParticipant(q.Receiver)
		if err != nil {
			return nil, fault.New(fault.BadArguments, err, "receiver")
		}
		f.Receiver = id.Value()
	}
	if err := checkTexts(q.Kind, q.Host, q.Code); err != nil {
		return nil, err
	}
	dead, ended := f, f
	dead.Dead, ended.Ended = true, true
	if q.GivenUp {
		return []store.JobFilter{dead, ended}, nil
	}
	return []store.JobFilter{dead, ended, f}, nil
}

// Queue calls yield with the work that a query wants, until that returns an error.
func (d *Desk) Queue(ctx context.Context, q WorkQuery, yield func(Work) error) error {
	list, err := q.filters(d.Now())
	if err != nil {
		return err
	}
	for _, f := range list {
		jobs, err := d.Store.Jobs(ctx, d.Tenant, f)
		if err != nil {
			return fault.New(fault.RecordUnreadable, err, "")
		}
		for i := range jobs {
			w, err := d.work(ctx, &jobs[i])
			if err != nil {
				return err
			}
			if err := yield(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// WorkOf returns the work of a document.
func (d *Desk) WorkOf(ctx context.Context, id string) (Work, error) {
	m, err := d.get(ctx, id)
	if err != nil {
		return Work{}, err
	}
	kind := store.Deliver
	if m.Direction == store.Out {
		kind = store.Send
	}
	job, err := d.Store.JobOf(ctx, d.Tenant, kind, id)
	if errors.Is(err, db.ErrNotFound) { // one that is delivered otherwise, or not yet to be sent
		job, err = store.Job{Tenant: d.Tenant, Kind: kind, MessageID: id, Created: m.Created, Done: m.Updated}, nil
	}
	if err != nil {
		return Work{}, fault.New(fault.RecordUnreadable, err, "")
	}
	return d.work(ctx, &job)
}

func (d *Desk) work(ctx context.Context, j *store.Job) (Work, error) {
	now := d.Now()
	w := Work{
		Tenant: j.Tenant, Kind: j.Kind, ID: j.MessageID, Created: j.Created, Age: now.Sub(j.Created),
		Tries: j.Tries, Attempts: j.Spent, Begun: j.Begun, Host: j.Lane, GivenUp: j.Dead, Moving: j.Moving,
		Reason: j.Reason, Actions: []Action{},
	}
	w.AgeS = int64(w.Age / time.Second)
	if j.Done.IsZero() && j.Held.Since.IsZero() {
		w.Due = j.Due
	}
	if !j.LeaseEnd.IsZero() {
		w.Owner = j.Owner
	}
	w.Waits = !w.Due.IsZero() && w.Owner == "" && now.Sub(w.Due) > Shortly
	m, err := d.Store.Get(ctx, d.Tenant, j.MessageID)
	if errors.Is(err, db.ErrNotFound) {
		return w, nil
	}
	if err != nil {
		return w, fault.New(fault.RecordUnreadable, err, "")
	}
	doc := document(&store.Found{Message: m})
	w.MessageID, w.State, w.Receiver, w.DocumentType = m.MessageID, m.State, m.Receiver, doc.DocumentType
	w.Actions = doc.Actions
	if doc.Held != nil {
		w.Held = &Held{Since: j.Held.Since, By: j.Held.By, Reason: j.Held.Why}
	}
	if p := doc.Problem; p != nil {
		w.Code, w.Blame = p.Code, p.Blame
	}
	return w, nil
}

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
	doc, err := d.Show(ctx, id)
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
		doc, err := d.Show(ctx, id)
		if err != nil {
			return d.outcome(action, id, err)
		}
		return Outcome{Tenant: d.Tenant, ID: id, Action: action, State: doc.State, Reason: skipped(doc)}
	}
	m, gerr := d.get(ctx, id)
	if err != nil {
		return d.outcome(action, id, fault.New(fault.RecordUnreadable, err, ""))
	}
	if gerr != nil {
		return d.outcome(action, id, gerr)
	}
	return Outcome{Tenant: d.Tenant, ID: id, Action: action, OK: true, State: m.State}
}

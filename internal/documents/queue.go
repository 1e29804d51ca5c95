package documents

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
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
	Event     string        `json:"event,omitempty"` // of news: what of the document is told to C1
	ID        string        `json:"id"`              // of the document; "" for other work
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

// Name is what a decision about the work is given: news are not their document.
func (w *Work) Name() string { return cmp.Or(w.Event, w.ID) }

// WorkQuery says which work is wanted. Empty fields want all; all must hold.
type WorkQuery struct {
	Kind     string
	States   string // separated by commas
	Receiver string
	Host     string        // of the access point
	Code     string        // as Work.Code has it
	Older    time.Duration // entered at least so long ago
	Held     bool
	GivenUp  bool // only what was given up or waits for a decision
	Limit    int  // of each part; 0 means all
}

// queuePage is how many rows are read at a time.
const queuePage = 500

// kinds are those of store in the order of a list.
var kinds = []store.Kind{store.Send, store.Deliver, store.Notify, store.MLS, store.Report}

// moves reports whether work of a kind sends or delivers its document: only then is what is known of the document known
// of the work.
func moves(kind store.Kind) bool { return kind == store.Send || kind == store.Deliver }

// part is one of the parts of a query, kind by kind: so each page of it costs the same (store.Jobs).
type part struct {
	filter store.JobFilter
	kinds  []store.Kind
}

// Shortly is how long due work may lie before it is said to wait: until then it has its turn by itself.
const Shortly = 10 * time.Second

// parts are those of a query in the order in which they are shown: what was given up, what has ended and waits for a
// person, what is open.
func (q *WorkQuery) parts(now time.Time) ([]part, error) {
	f := store.JobFilter{Held: q.Held, Lane: q.Host}
	if q.Limit < 0 {
		return nil, fault.New(fault.BadArguments, nil, "limit: want 1 or more")
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
	wanted, err := q.kinds()
	if err == nil {
		f.Code, f.Uncoded, err = codeOf(q.Code)
	}
	if err = cmp.Or(err, checkTexts(q.Host)); err != nil {
		return nil, err
	}
	if f.Code != "" {
		wanted = slices.DeleteFunc(wanted, func(k store.Kind) bool { return !moves(k) })
	}
	dead, ended := f, f
	dead.Dead, ended.Ended = true, true
	list := []part{{dead, wanted}, {ended, slices.DeleteFunc(slices.Clone(wanted), notSending)}}
	if !q.GivenUp {
		list = append(list, part{f, wanted})
	}
	return list, nil
}

func notSending(k store.Kind) bool { return k != store.Send }

// kinds are those that a query wants.
func (q *WorkQuery) kinds() ([]store.Kind, error) {
	if q.Kind == "" {
		return slices.Clone(kinds), nil
	}
	k := store.Kind(strings.ToLower(q.Kind))
	if !slices.Contains(kinds, k) {
		var words []string
		for _, k := range kinds {
			words = append(words, string(k))
		}
		return nil, unknown("kind", q.Kind, words)
	}
	return []store.Kind{k}, nil
}

// otherCode is the code of another access point, known to us or not (AS4-098).
var otherCode = regexp.MustCompile(`^EBMS:\d{4}$`)

// codeOf returns a code as the record has it, and the states that have it without a record of it (see stopped).
func codeOf(name string) (code string, uncoded []store.State, err error) {
	code = strings.ToUpper(name)
	if _, ours := fault.Find(fault.Code(code)); code != "" && !ours && !otherCode.MatchString(code) {
		words := []string{"EBMS: with four digits"}
		for _, entry := range fault.Table {
			words = append(words, string(entry.Code))
		}
		return "", nil, unknown("code", name, words)
	}
	for state, c := range stopped {
		if string(c) == code {
			uncoded = append(uncoded, state)
		}
	}
	slices.Sort(uncoded)
	return code, uncoded, nil
}

// Queue calls yield with the work that a query wants, until that returns an error, and reports whether the limit left
// more. It reads page by page: work whose turn comes meanwhile may be seen twice.
func (d *Desk) Queue(ctx context.Context, q WorkQuery, yield func(Work) error) (more bool, err error) {
	list, err := q.parts(d.Now())
	if err != nil {
		return false, err
	}
	for _, p := range list {
		over, err := d.part(ctx, p, q.Limit, yield)
		if more = more || over; err != nil {
			return more, err
		}
	}
	return more, nil
}

// part is Queue for one part.
func (d *Desk) part(ctx context.Context, p part, limit int, yield func(Work) error) (more bool, err error) {
	f, n := p.filter, 0
	f.Limit = queuePage
	for _, f.Kind = range p.kinds {
		for f.After = nil; ; {
			jobs, list, err := d.page(ctx, f)
			if err != nil {
				return false, err
			}
			for i := range list {
				if n++; limit > 0 && n > limit {
					return true, nil
				}
				if err := yield(list[i]); err != nil {
					return false, err
				}
			}
			if len(jobs) < f.Limit {
				break
			}
			f.After = &jobs[len(jobs)-1]
		}
	}
	return false, nil
}

// page reads a page of the queue, with all its documents at once.
func (d *Desk) page(ctx context.Context, f store.JobFilter) (jobs []store.Job, list []Work, err error) {
	if jobs, err = d.Store.Jobs(ctx, d.Tenant, f); err != nil {
		return nil, nil, fault.New(fault.RecordUnreadable, err, "")
	}
	var ids []string
	for i := range jobs {
		if jobs[i].MessageID != "" {
			ids = append(ids, jobs[i].MessageID)
		}
	}
	found, err := d.Store.Many(ctx, d.Tenant, ids)
	if err != nil {
		return nil, nil, fault.New(fault.RecordUnreadable, err, "")
	}
	for i := range jobs {
		w := d.work(&jobs[i])
		if m, ok := found[jobs[i].MessageID]; ok {
			w.of(&jobs[i], &m)
		}
		list = append(list, w)
	}
	return jobs, list, nil
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
	w := d.work(&job)
	w.of(&job, &m)
	return w, nil
}

// work is what a row of the outbox says of work.
func (d *Desk) work(j *store.Job) Work {
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
	if j.Kind == store.Notify {
		w.Event = j.Key
	}
	return w
}

// of completes the work of a job by its document. News and statuses are work of their own: what is known of the
// document, and may be done with it, is not known of them.
func (w *Work) of(j *store.Job, m *store.Message) {
	doc := document(&store.Found{Message: *m})
	w.MessageID, w.State, w.Receiver, w.DocumentType = m.MessageID, m.State, m.Receiver, doc.DocumentType
	if !moves(j.Kind) {
		if j.Kind == store.Notify && j.Dead {
			w.Actions = []Action{Retry}
		}
		return
	}
	w.Actions = doc.Actions
	if doc.Held != nil {
		w.Held = &Held{Since: j.Held.Since, By: j.Held.By, Reason: j.Held.Why}
	}
	if p := doc.Problem; p != nil {
		w.Code, w.Blame = p.Code, p.Blame
	}
}

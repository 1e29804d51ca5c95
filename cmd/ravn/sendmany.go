package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
)

func decimal(n int) string { return strconv.Itoa(n) }

// What became of a document of many.
const (
	resultSent      = "sent"      // its receipt is verified and stored
	resultSubmitted = "submitted" // on record; with --no-wait nobody looked further
	resultWaiting   = "waiting"   // on record; ravn serve goes on by its plan
	resultFailed    = "failed"    // on record, given up or cancelled: it certainly did not arrive
	resultAttention = "attention" // on record, in need of a decision: it may have arrived
	resultRefused   = "refused"   // not on record
	resultAlready   = "already"   // handed in before, and nothing is to be done; or by another line of this run
)

// sendResult is the line of one document of many.
type sendResult struct {
	File       string      `json:"file"`
	Result     string      `json:"result"`
	ID         string      `json:"id,omitempty"`
	MessageID  string      `json:"message_id,omitempty"`
	InstanceID string      `json:"instance_id,omitempty"`
	Key        string      `json:"key,omitempty"`
	Tenant     string      `json:"tenant,omitempty"`
	Sender     string      `json:"sender,omitempty"` // as it was given, or read from the document
	Receiver   string      `json:"receiver,omitempty"`
	DocType    string      `json:"document_type,omitempty"`
	Process    string      `json:"process,omitempty"`
	Country    string      `json:"country_c1,omitempty"`
	State      store.State `json:"state,omitempty"`
	OK         bool        `json:"ok"`
	Code       fault.Code  `json:"code,omitempty"`
	Error      string      `json:"error,omitempty"`

	exit  fault.Exit
	cause error // of refused
}

// sendSummary is the last line.
type sendSummary struct {
	Summary   bool           `json:"summary"` // true
	Documents int            `json:"documents"`
	Results   map[string]int `json:"results"`
	Seconds   float64        `json:"seconds"`

	Interrupted bool `json:"interrupted,omitempty"` // not all documents were looked at
}

// sendWorkers is how many documents are handed in, and sent, at the same time: what comes together shares a commit.
const sendWorkers = 16

// crowd sends many documents.
type crowd struct {
	c     *cli
	n     *node.Node
	f     *sendFlags
	peer  as4.Peer
	own   bool // the attempts are made here
	until time.Time
	now   func() time.Time

	asked time.Time // by watch: when it was asked whether a server runs
	moved time.Time // by watch: when one of the documents did

	mu      sync.Mutex
	summary sendSummary
	failed  error                    // to write the results
	busy    map[string]chan struct{} // closed when nobody works on this content any more
	taken   map[string]bool          // messages that a line of this run is about, by id
}

// sendMany sends documents with one result line each. One that cannot be sent does not stop the others.
func (c *cli) sendMany(ctx context.Context, n *node.Node, f *sendFlags, peer as4.Peer, args []string) error {
	items, err := c.sendItems(ctx, f, args)
	if err != nil {
		return err
	}
	served, err := n.Served()
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "")
	}
	w := &crowd{
		c: c, n: n, f: f, peer: peer, own: !f.noWait && (!served || peer.URL != ""),
		summary: sendSummary{Summary: true, Results: map[string]int{}},
		now:     time.Now, busy: map[string]chan struct{}{}, taken: map[string]bool{},
	}
	begin := time.Now()
	w.asked, w.moved = begin, begin
	if f.wait > 0 {
		w.until = begin.Add(f.wait)
	}
	waiting := make(chan sendResult, sendWorkers)
	watched := make(chan struct{})
	go func() { defer close(watched); w.watch(ctx, waiting) }()
	var workers sync.WaitGroup
	for range sendWorkers {
		workers.Go(func() { w.work(ctx, items, waiting) })
	}
	workers.Wait()
	close(waiting)
	<-watched
	w.progress(true)
	if w.failed != nil {
		return w.failed
	}
	if w.summary.Interrupted {
		c.exit = fault.Unsure
	}
	return w.sum(time.Since(begin))
}

// work takes documents until there are no more, or ctx ends: standard input may be idle then.
func (w *crowd) work(ctx context.Context, items <-chan sendItem, waiting chan<- sendResult) {
	for {
		select {
		case <-ctx.Done():
			w.interrupted()
			return
		case it, more := <-items:
			if !more {
				return
			}
			r := w.one(ctx, &it)
			switch {
			case ctx.Err() != nil && r.cancelled(ctx):
				w.interrupted() // nothing is said against the document
			case r.Result != "":
				w.result(r)
			default:
				waiting <- r
			}
		}
	}
}

func (w *crowd) interrupted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.summary.Interrupted = true
}

// alone waits until no other worker has a document with the same content, and keeps them away until done is called: the
// second one then finds what became of the first.
func (w *crowd) alone(content string) (done func()) {
	mine := make(chan struct{})
	for {
		w.mu.Lock()
		theirs := w.busy[content]
		if theirs == nil {
			w.busy[content] = mine
		}
		w.mu.Unlock()
		if theirs == nil {
			break
		}
		<-theirs
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.busy, content)
		close(mine)
	}
}

// one hands a document in and, if that is done here, sends it. A result without a word is one to wait for.
func (w *crowd) one(ctx context.Context, it *sendItem) sendResult {
	r := sendResult{File: it.file, Key: it.key, Tenant: it.flags.tenant}
	if it.err != nil {
		return r.refused(it.err)
	}
	if t := it.flags.tenant; t != "" && !w.n.Config.HasTenant(t) {
		return r.refused(badArgs("tenant: %q is not in tenants of the configuration", t))
	}
	sub, err := it.flags.submission(it.file)
	if err != nil {
		return r.refused(err)
	}
	sub.Tenant, sub.Batch = it.flags.tenant, true
	defer w.alone(string(sub.Content) + sub.Tenant)()
	if sub.Key = it.key; sub.Key == "" && !it.flags.again {
		sub.Key = "file:" + hex.EncodeToString(sub.Content)
		m, found, err := w.n.HandedIn(ctx, cmp.Or(sub.Tenant, db.DefaultTenant), sub.Content)
		if err != nil {
			return r.refused(err)
		}
		if found { // by a call that set no key
			return w.again(ctx, r.of(&m), m)
		}
	}
	r.Key = sub.Key
	m, job, repeated, err := w.handIn(ctx, sub)
	if err != nil {
		return r.refused(err)
	}
	r = r.of(&m)
	if repeated {
		return w.again(ctx, r, m)
	}
	w.took(m.ID)
	switch {
	case w.own:
		_, err = w.n.Attempt(ctx, m, job, w.peer)
		return w.outcome(ctx, r, err)
	case w.f.noWait:
		return r.met(fate{word: resultSubmitted})
	}
	return r
}

// handIn records a document; if it is sent here, it is held for that.
func (w *crowd) handIn(ctx context.Context, sub ap.Submission) (m store.Message, job store.Job, repeated bool,
	err error,
) {
	if w.own {
		sub.AtOnce = &w.peer
		m, job, err = w.n.Submit(ctx, sub)
		return m, job, err == nil && job.ID == "", err
	}
	m, repeated, err = w.n.HandIn(ctx, sub)
	return m, job, repeated, err
}

// again goes on with a document that was handed in before: what waits is sent with the same bytes. The outcome of what
// this run handed in is said in the line that did.
func (w *crowd) again(ctx context.Context, r sendResult, m store.Message) sendResult {
	f := fateOf(&m)
	switch before := w.took(m.ID); {
	case f.pending() && (before || w.f.noWait):
		return r.met(fate{word: resultAlready})
	case before || f.word == resultSent:
		f.word = resultAlready
		return r.met(f)
	case !f.pending():
		return r.met(f)
	case !w.own:
		return r
	}
	_, err := w.n.Repeat(ctx, m, w.peer)
	return w.outcome(ctx, r, err)
}

// took reports whether a line of this run went on with a message before, and notes that one does.
func (w *crowd) took(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.taken[id]
	w.taken[id] = true
	return before
}

// outcome says how an attempt ended.
func (w *crowd) outcome(ctx context.Context, r sendResult, err error) sendResult {
	m, gerr := w.n.Store.Get(context.WithoutCancel(ctx), cmp.Or(r.Tenant, db.DefaultTenant), r.ID)
	if gerr != nil {
		return r.unreadable(gerr)
	}
	f := fateOf(&m)
	return r.of(&m).met(f.because(err))
}

func (r sendResult) of(m *store.Message) sendResult {
	r.ID, r.MessageID, r.InstanceID, r.State = m.ID, m.MessageID, m.InstanceID, m.State
	r.Sender, r.Receiver, r.Country = m.Sender, m.Receiver, m.CountryC1
	r.DocType, r.Process = m.DocTypeScheme+"::"+m.DocType, m.ProcessScheme+"::"+m.Process
	return r
}

func (r sendResult) refused(err error) sendResult {
	r.cause = err
	f := fate{word: resultRefused, exit: fault.ExitOf(err)}
	return r.met(f.because(err))
}

// cancelled reports whether a document was not recorded only because ctx ended.
func (r *sendResult) cancelled(ctx context.Context) bool {
	code, _ := faultCode(cancelled(ctx, r.cause))
	return r.Result == resultRefused && code == fault.Cancelled
}

// unreadable is the result of a message on record whose state is not known now.
func (r sendResult) unreadable(err error) sendResult {
	f := fate{word: resultWaiting, exit: fault.Unsure}
	return r.met(f.because(fault.New(fault.RecordUnreadable, err, "")))
}

func (r sendResult) met(f fate) sendResult {
	r.Result, r.exit, r.OK = f.word, f.exit, f.exit == fault.OK
	r.Error, r.Code = f.text, f.code
	return r
}

// result prints the line of a document.
func (w *crowd) result(r sendResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.summary.Documents++
	w.summary.Results[r.Result]++
	w.c.exit = max(w.c.exit, r.exit)
	text := fmt.Sprintf("%-9s  %s", r.Result, r.File)
	if r.ID != "" {
		text += fmt.Sprintf("  %s  %s  %s → %s  %s", r.ID, r.State, r.Sender, r.Receiver, r.DocType)
	}
	if r.Error != "" {
		text += "  " + r.Error
	}
	w.failed = cmp.Or(w.failed, w.c.print(r, "%s", text))
	if n := w.summary.Documents; n%50 == 0 {
		w.showProgress(false)
	}
}

// progress shows a line on a terminal that is not the one of the results.
func (w *crowd) progress(end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.showProgress(end)
}

func (w *crowd) showProgress(end bool) {
	if !terminal(w.c.err) || terminal(w.c.out) {
		return
	}
	fmt.Fprintf(w.c.err, "\r%d documents: %s ", w.summary.Documents, w.summary.text())
	if end {
		fmt.Fprintln(w.c.err)
	}
}

func (s *sendSummary) text() string {
	text := ""
	for _, word := range []string{
		resultSent, resultSubmitted, resultWaiting, resultAttention, resultFailed, resultRefused, resultAlready,
	} {
		if n := s.Results[word]; n > 0 || word == resultSent {
			text += fmt.Sprintf(", %d %s", n, word)
		}
	}
	return text[2:]
}

// sum prints the summary.
func (w *crowd) sum(took time.Duration) error {
	w.summary.Seconds = took.Seconds()
	if w.summary.Documents == 0 && !w.summary.Interrupted {
		return errors.Join(badArgs("there is no document"), w.failed)
	}
	again := ""
	if w.summary.Results[resultWaiting] > 0 {
		again = "; what waits is on record for ravn serve, and the same command again doubles nothing"
	}
	if w.summary.Interrupted {
		again += "; interrupted: not all documents were looked at, and the same command again goes on"
	}
	return w.c.print(w.summary, "%d documents in %v: %s%s", w.summary.Documents, took.Round(time.Millisecond),
		w.summary.text(), again)
}

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
	resultFailed    = "failed"    // on record, and given up or in need of a decision
	resultRefused   = "refused"   // not on record
	resultAlready   = "already"   // it was handed in before, and nothing was to be done
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

	exit fault.Exit
}

// sendSummary is the last line.
type sendSummary struct {
	Summary   bool           `json:"summary"` // true
	Documents int            `json:"documents"`
	Results   map[string]int `json:"results"`
	Seconds   float64        `json:"seconds"`
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

	mu      sync.Mutex
	summary sendSummary
	failed  error // to write the results
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
	}
	begin := time.Now()
	if f.wait > 0 {
		w.until = begin.Add(f.wait)
	}
	waiting := make(chan sendResult, sendWorkers)
	watched := make(chan struct{})
	go func() { defer close(watched); w.watch(ctx, waiting) }()
	var workers sync.WaitGroup
	for range sendWorkers {
		workers.Go(func() {
			for it := range items {
				if r := w.one(ctx, &it); r.Result != "" {
					w.result(r)
				} else {
					waiting <- r
				}
			}
		})
	}
	workers.Wait()
	close(waiting)
	<-watched
	w.progress(true)
	if w.failed != nil {
		return w.failed
	}
	if ctx.Err() != nil {
		c.exit = fault.Unsure
	}
	return w.sum(time.Since(begin))
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
	if !w.own {
		m, repeated, err := w.n.HandIn(ctx, sub)
		switch {
		case err != nil:
			return r.refused(err)
		case repeated:
			return w.again(ctx, r.of(&m), m)
		case w.f.noWait:
			return r.of(&m).ended(resultSubmitted)
		}
		return r.of(&m)
	}
	sub.AtOnce = &w.peer
	m, job, err := w.n.Submit(ctx, sub)
	switch {
	case err != nil:
		return r.refused(err)
	case job.ID == "":
		return w.again(ctx, r.of(&m), m)
	}
	_, err = w.n.Attempt(ctx, m, job, w.peer)
	return w.tried(ctx, r.of(&m), err)
}

// again goes on with a document that was handed in before: what waits is sent as by ravn send --resume, with the same
// bytes.
func (w *crowd) again(ctx context.Context, r sendResult, m store.Message) sendResult {
	r.State = m.State
	if _, done := ending(m.State); done || w.f.noWait {
		return r.ended(resultAlready)
	}
	if !w.own {
		return r
	}
	_, err := w.n.Send(ctx, m, w.peer)
	return w.tried(ctx, r, err)
}

// tried says how an attempt ended.
func (w *crowd) tried(ctx context.Context, r sendResult, err error) sendResult {
	m, gerr := w.n.Store.Get(context.WithoutCancel(ctx), cmp.Or(r.Tenant, db.DefaultTenant), r.ID)
	if gerr != nil {
		return r.refused(fault.New(fault.RecordUnreadable, gerr, ""))
	}
	r = r.of(&m)
	word, done := ending(m.State)
	if !done {
		word = resultWaiting
	}
	if err != nil {
		r = r.because(err)
	}
	return r.ended(word)
}

// ending is the result that a state means, if it is one.
func ending(s store.State) (string, bool) {
	switch s {
	case store.Sent, store.Closed:
		return resultSent, true
	case store.Submitted, store.Ready, store.Sending, store.RetryWait, store.Unknown:
		return "", false
	}
	return resultFailed, true
}

func (r sendResult) of(m *store.Message) sendResult {
	r.ID, r.MessageID, r.InstanceID, r.State = m.ID, m.MessageID, m.InstanceID, m.State
	r.Sender, r.Receiver, r.Country = m.Sender, m.Receiver, m.CountryC1
	r.DocType, r.Process = m.DocTypeScheme+"::"+m.DocType, m.ProcessScheme+"::"+m.Process
	return r
}

func (r sendResult) because(err error) sendResult {
	r.Error, r.exit = fault.Plain(err), fault.ExitOf(err)
	r.Code, _ = faultCode(err)
	return r
}

func (r sendResult) refused(err error) sendResult { return r.because(err).ended(resultRefused) }

func (r sendResult) ended(word string) sendResult {
	r.Result = word
	switch word {
	case resultSent, resultSubmitted:
		r.OK, r.exit, r.Error, r.Code = true, fault.OK, "", ""
	case resultWaiting:
		r.exit = fault.Unsure
	case resultFailed:
		r.exit = max(r.exit, fault.Negative)
	case resultAlready:
		end, _ := ending(r.State)
		if r.OK = end != resultFailed; !r.OK {
			r.exit = fault.Negative
		}
	}
	return r
}

// mostWatched is how many documents are waited for at the same time, and watchEvery how often they are looked at.
const (
	mostWatched = 10_000
	watchEvery  = 500 * time.Millisecond
)

// watch looks at documents that a server sends until they are at an end, have to wait for another attempt, or the time
// is over.
func (w *crowd) watch(ctx context.Context, waiting <-chan sendResult) {
	var list []sendResult
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for waiting != nil || len(list) > 0 {
		in := waiting
		if len(list) >= mostWatched { // who hands in waits
			in = nil
		}
		select {
		case r, ok := <-in:
			if ok {
				list = append(list, r)
			} else {
				waiting = nil
			}
		case <-tick.C:
			list = w.look(ctx, list)
			w.progress(false)
		}
	}
}

// look returns the documents that are still waited for.
func (w *crowd) look(ctx context.Context, list []sendResult) (rest []sendResult) {
	over := ctx.Err() != nil || !w.until.IsZero() && time.Now().After(w.until)
	for _, r := range list {
		m, err := w.n.Store.Get(context.WithoutCancel(ctx), cmp.Or(r.Tenant, db.DefaultTenant), r.ID)
		if err != nil {
			w.result(r.because(fault.New(fault.RecordUnreadable, err, "")).ended(resultWaiting))
			continue
		}
		r.State = m.State
		word, done := ending(m.State)
		later := w.until.IsZero() && (m.State == store.RetryWait || m.State == store.Unknown || !m.Held.IsZero())
		switch {
		case done:
			if word == resultFailed {
				r.Code, r.Error = fault.Code(m.FaultCode), "see: ravn documents show "+m.ID
			}
			w.result(r.ended(word))
		case over || later:
			r.Error, r.Code = "it is on record, and ravn serve goes on by its plan: ravn queue show "+m.ID,
				fault.Code(m.FaultCode)
			w.result(r.ended(resultWaiting))
		default:
			rest = append(rest, r)
		}
	}
	return rest
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
		resultSent, resultSubmitted, resultWaiting, resultFailed, resultRefused, resultAlready,
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
	if w.summary.Documents == 0 {
		return errors.Join(badArgs("there is no document"), w.failed)
	}
	again := ""
	if w.summary.Results[resultWaiting] > 0 {
		again = "; what waits is on record: ravn serve goes on, and the same command again doubles nothing"
	}
	return w.c.print(w.summary, "%d documents in %v: %s%s", w.summary.Documents, took.Round(time.Millisecond),
		w.summary.text(), again)
}

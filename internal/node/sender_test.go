package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// changing is a directory whose answer a test changes; it tells when it was asked.
type changing struct {
	mu    sync.Mutex
	peer  as4.Peer
	err   error
	asked chan struct{} // nil: nobody waits for it
}

func (c *changing) Endpoint(context.Context, peppol.ParticipantID, peppol.DocTypeID, peppol.ProcessID) (*smp.Endpoint,
	error,
) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != nil {
		c.asked <- struct{}{}
	}
	if c.err != nil {
		return nil, c.err
	}
	return &smp.Endpoint{URL: c.peer.URL, Cert: c.peer.Cert}, nil
}

func (c *changing) Forget(peppol.ParticipantID, peppol.DocTypeID) {}

func lookupError(r smp.Reason) error {
	return &smp.Error{Kind: r.Kind(), Reason: r, Msg: "a lookup of " + c4}
}

// holder is an idle node that holds messages: its clock is what the test says, and its work is done when the test says.
type holder struct {
	*Node
	dir *changing
	now time.Time
	log *logged
}

func openHolder(t *testing.T, file string, dir *changing, now time.Time) *holder {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	n, err := Open(t.Context(), cfg, Options{Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{n, dir, now, log}
	h.Outbound.Directory, h.Outbound.Now = dir, func() time.Time { return h.now }
	return h
}

// submit hands a document in and makes the first attempt.
func (h *holder) submit(t *testing.T) (store.Message, error) {
	t.Helper()
	m, job, err := h.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Attempt(t.Context(), m, job, as4.Peer{})
	return m, err
}

// turn does the work that is due, and returns how many messages that were.
func (h *holder) turn(t *testing.T) int {
	t.Helper()
	jobs, err := h.Store.Claim(t.Context(),
		store.Claim{Kind: store.Send, Owner: h.process.Name, Lease: time.Minute, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		h.sendDue(t.Context(), j)
	}
	return len(jobs)
}

// is compares state and held time of a message, and returns its work.
func (h *holder) is(t *testing.T, what, id string, state store.State, since time.Time) store.Job {
	t.Helper()
	m, err := h.Store.Get(t.Context(), db.DefaultTenant, id)
	if err != nil || m.State != state {
		t.Errorf("%s: state %s, %v; want %s", what, m.State, err, state)
	}
	j, err := h.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, id)
	if err != nil || !j.Moving.Equal(since) {
		t.Errorf("%s: held since %s, %v; want %s", what, j.Moving, err, since)
	}
	return j
}

func codeOf(err error) fault.Code {
	var f *fault.Error
	errors.As(err, &f)
	if f == nil {
		return ""
	}
	return f.Code
}

// DISC-067, REL-026: a message to a receiver whom the SML knows and no SMP is held, over a restart, and goes out once
// when the receiver has arrived at its new provider.
func TestDISC067HeldAndSent(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002")
	to.serve(t, c4, billing, process)
	file := nodeFile(t, pki, "POP900001", "")
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	since := time.Now().Add(-time.Hour).Truncate(time.Second)
	h := openHolder(t, file, dir, since)
	m, err := h.submit(t)
	if codeOf(err) != fault.ReceiverMoving ||
		!strings.Contains(err.Error(), "held until "+since.Add(24*time.Hour).UTC().Format(time.RFC3339)) {
		t.Errorf("got %v", err)
	}
	job := h.is(t, "at first", m.ID, store.RetryWait, since)
	if want := since.Add(15 * time.Minute); !job.Due.Equal(want) || !strings.Contains(job.Reason, "RAVN-2106") {
		t.Errorf("due %s, want %s: %s", job.Due, want, job.Reason)
	}

	dir.err = lookupError(smp.DNSFailure) // which says nothing
	if h.now = since.Add(16 * time.Minute); h.turn(t) != 1 {
		t.Error("it was not looked up again")
	}
	h.is(t, "after a technical failure", m.ID, store.RetryWait, since)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	h = openHolder(t, file, dir, since.Add(30*time.Minute))
	dir.err, dir.peer = nil, to.peer()
	h.is(t, "after a restart", m.ID, store.RetryWait, since)
	if n := h.turn(t); n != 1 {
		t.Errorf("%d messages had their turn", n)
	}
	h.is(t, "found", m.ID, store.Sent, time.Time{})
	if n := h.turn(t); n != 0 {
		t.Errorf("%d messages had another turn", n)
	}
	if got := to.inbox(t, 1); len(got) != 1 || got[m.MessageID] == nil {
		t.Errorf("%d documents arrived", len(got))
	}
	if got := attempts(t, &tested{Node: h.Node}, m.ID); got != to.URL()+" " {
		t.Errorf("attempts %q", got)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// DISC-067: the wait has an end, after which an operator may begin another.
func TestDISC067HoldEnds(t *testing.T) {
	_, pki := testPKI(t)
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	since := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	h := openHolder(t, nodeFile(t, pki, "POP900001", "send:\n  hold: 20m\n"), dir, since)
	defer func() { _ = h.Close() }()
	m, err := h.submit(t)
	if codeOf(err) != fault.ReceiverMoving {
		t.Fatal(err)
	}
	if h.now = since.Add(15 * time.Minute); h.turn(t) != 1 {
		t.Error("it was not looked up again")
	}
	job := h.is(t, "within the time", m.ID, store.RetryWait, since)
	if want := since.Add(20 * time.Minute); !job.Due.Equal(want) {
		t.Errorf("the last look is at %s, want %s", job.Due, want)
	}
	dir.err = lookupError(smp.Unavailable)
	h.now = since.Add(20 * time.Minute)
	h.turn(t)
	h.is(t, "no answer is no end", m.ID, store.RetryWait, since)
	dir.err = lookupError(smp.UnknownToSMP)
	h.turn(t)
	m, err = h.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || m.State != store.FailedPermanent {
		t.Errorf("at the end: %s, %v", m.State, err)
	}
	job, err = h.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, m.ID)
	for _, want := range []string{
		"RAVN-2107", "no SMP knows", since.UTC().Format(time.RFC3339), "20m",
		"Nothing was sent",
	} {
		if err != nil || !job.Dead || !strings.Contains(job.Reason, want) {
			t.Errorf("%q is missing in %q, given up %t, %v", want, job.Reason, job.Dead, err)
		}
	}
	if h.turn(t) != 0 {
		t.Error("what was given up is looked up again")
	}
	for _, want := range []string{
		`"alarm":"receiver_gone","dir":"out","tx":"` + m.ID, `"reason":"participant-unknown-to-smp"`,
		`"reason":"smp-unavailable"`,
	} {
		if !strings.Contains(h.log.text(), want) {
			t.Errorf("the log lacks %s:\n%s", want, h.log.text())
		}
	}
	if strings.Contains(h.log.text(), c4) {
		t.Errorf("the log has the participant:\n%s", h.log.text())
	}
	if err := h.Store.Requeue(t.Context(), db.DefaultTenant, m.ID, "kari", "they have moved now"); err != nil {
		t.Fatal(err)
	}
	_, err = h.Send(t.Context(), m, as4.Peer{})
	if codeOf(err) != fault.ReceiverMoving {
		t.Errorf("after an operator's decision: %v", err)
	}
	h.is(t, "held once more", m.ID, store.RetryWait, h.now)
}

// DISC-048, REL-027: what is not held.
func TestDISC067NotHeld(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002")
	for _, tc := range []struct {
		name  string
		hold  string
		first error // of the first lookup
		then  error // of the one after the first turn
		state store.State
		code  fault.Code
	}{
		{"not registered", "24h", lookupError(smp.NoParticipant), nil, store.FailedPermanent, fault.NotRegistered},
		{"no such document type", "24h", lookupError(smp.NoDocType), nil, store.FailedPermanent, fault.NotRegistered},
		{
			"not held by configuration", "0s", lookupError(smp.UnknownToSMP), nil, store.FailedPermanent,
			fault.ReceiverGone,
		},
		{
			"not registered any more, once held", "24h", lookupError(smp.UnknownToSMP), lookupError(smp.NoParticipant),
			store.FailedPermanent, fault.ReceiverMoving,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := &changing{err: tc.first}
			h := openHolder(t, nodeFile(t, pki, "POP900001", "send:\n  hold: "+tc.hold+"\n"), dir,
				time.Now().Add(-time.Hour))
			defer func() { _ = h.Close() }()
			m, err := h.submit(t)
			if codeOf(err) != tc.code {
				t.Errorf("got %v", err)
			}
			if dir.err = tc.then; tc.then != nil && h.turn(t) != 1 {
				t.Error("it was not looked up again")
			}
			if got, err := h.Store.Get(t.Context(), db.DefaultTenant, m.ID); err != nil || got.State != tc.state {
				t.Errorf("state %s, %v", got.State, err)
			}
			if h.turn(t) != 0 {
				t.Error("it is still held")
			}
		})
	}

	t.Run("what may have arrived", func(t *testing.T) {
		dir := &changing{peer: as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}}
		h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now().Add(-time.Hour))
		defer func() { _ = h.Close() }()
		m, job, err := h.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, c4),
			Open: ap.Bytes(golden.Invoice(t)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Store.StartAttempt(t.Context(), job,
			store.Start{Endpoint: "u", Lease: time.Minute}); err != nil {
			t.Fatal(err) // and then its process vanished
		}
		dir.err = lookupError(smp.UnknownToSMP)
		if _, err = h.Outbound.Attempt(t.Context(), job, as4.Peer{}); codeOf(err) != fault.ReceiverMoving ||
			strings.Contains(err.Error(), "held until") {
			t.Errorf("got %v", err)
		}
		h.is(t, "it waits for a person", m.ID, store.Unknown, time.Time{})
		dir.err, dir.peer = nil, to.peer()
		job, err = h.Store.Take(t.Context(), db.DefaultTenant, store.Send, m.ID, "due", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		h.sendDue(t.Context(), job)
		h.is(t, "it is sent to no other access point unasked", m.ID, store.Unknown, time.Time{})
	})
}

// REL-027: what an older program tried, which knows nothing of holding, is not sent elsewhere unasked.
func TestREL027HeldAndTriedByAnOlderProgram(t *testing.T) {
	_, pki := testPKI(t)
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now().Add(-time.Hour))
	defer func() { _ = h.Close() }()
	m, _ := h.submit(t)
	job, err := h.Store.Take(t.Context(), db.DefaultTenant, store.Send, m.ID, "older", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	job.Moving = time.Time{}
	_, n, err := h.Store.StartAttempt(t.Context(), job, store.Start{Endpoint: "u", Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.FinishAttempt(t.Context(), job, n,
		store.Result{State: store.Unknown, Outcome: "unknown", Retry: h.now}); err != nil {
		t.Fatal(err)
	}
	to := newNode(t, pki, "POP900002")
	dir.err, dir.peer = nil, to.peer()
	if got := h.turn(t); got != 1 {
		t.Errorf("%d messages had their turn", got)
	}
	h.is(t, "it may have arrived", m.ID, store.Unknown, time.Time{})
	if list, err := h.Store.Attempts(t.Context(), db.DefaultTenant, m.ID); err != nil || len(list) != 1 {
		t.Errorf("attempts %+v, %v", list, err)
	}
}

// REL-026: an SMP that names a time is not asked before.
func TestREL026RetryAfterOfAnSMP(t *testing.T) {
	_, pki := testPKI(t)
	dir := &changing{err: &smp.Error{Kind: smp.CannotTell, Reason: smp.HTTPStatus, RetryAfter: 7 * time.Minute}}
	h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now().Truncate(time.Second))
	defer func() { _ = h.Close() }()
	m, err := h.submit(t)
	if codeOf(err) != fault.LookupFailed {
		t.Errorf("got %v", err)
	}
	if job := h.is(t, "later", m.ID, store.RetryWait, time.Time{}); !job.Due.Equal(h.now.Add(7 * time.Minute)) {
		t.Errorf("due %s, want seven minutes after %s", job.Due, h.now)
	}
}

// DISC-067, REL-024: ravn serve looks held receivers up by itself, and sends what waits for its next attempt.
func TestREL024ServeSends(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002")
	to.serve(t, c4, billing, process)
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now().Add(-time.Hour))
	defer func() { _ = h.Close() }()
	held, _ := h.submit(t)
	dir.err = lookupError(smp.Unavailable)
	waiting, _ := h.submit(t)
	if err := h.Listen(); err != nil {
		t.Fatal(err)
	}
	dir.err, dir.peer, dir.asked = nil, to.peer(), make(chan struct{}, 10)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx) }()
	for range 2 {
		select {
		case <-dir.asked:
		case <-time.After(15 * time.Second):
			t.Error("a receiver is not looked up again")
		}
	}
	stop() // what is under way comes to its end
	if err := <-done; err != nil {
		t.Error(err)
	}
	h.is(t, "held", held.ID, store.Sent, time.Time{})
	h.is(t, "not held", waiting.ID, store.Sent, time.Time{})
	if got := to.inbox(t, 2); got[held.MessageID] == nil || got[waiting.MessageID] == nil {
		t.Errorf("arrived: %d", len(got))
	}
}

package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// planned is a node with a clock of the test, which sends to a server that answers as the test says.
type planned struct {
	*tested
	*register
	now    time.Time
	answer func(w http.ResponseWriter)
	id     string
}

func openPlanned(t *testing.T) *planned { return openPlannedWith(t, "") }

// openPlannedWith is openPlanned with more configuration. Such a node does not serve.
func openPlannedWith(t *testing.T, more string) *planned {
	t.Helper()
	_, dir := testPKI(t)
	from, to := newNodeWith(t, dir, "POP900001", more), newNode(t, dir, "POP900002")
	if more != "" {
		from.end(t)
	}
	p := &planned{tested: from, now: time.Now().Truncate(time.Second)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { p.answer(w) }))
	t.Cleanup(srv.Close)
	peer := as4.Peer{URL: srv.URL, Cert: to.peer().Cert}
	p.register = &register{first: peer, then: peer}
	from.Outbound.Directory, from.Outbound.Now = p.register, func() time.Time { return p.now }
	from.Outbound.Spread = func(d time.Duration) time.Duration { return d }
	return p
}

// attempt makes the next attempt and returns the state of the message after it, how long it waits, and the error.
func (p *planned) attempt(t *testing.T) (state store.State, wait time.Duration, err error) {
	t.Helper()
	if p.id == "" {
		m, job := p.taken(t)
		p.id = m.ID
		_, err = p.Attempt(t.Context(), m, job, as4.Peer{})
	} else {
		m, gerr := p.Store.Get(t.Context(), db.DefaultTenant, p.id)
		if gerr != nil {
			t.Fatal(gerr)
		}
		_, err = p.Send(t.Context(), m, as4.Peer{})
	}
	job, jerr := p.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, p.id)
	if jerr != nil {
		t.Fatal(jerr)
	}
	return p.state(t, p.id), job.Due.Sub(p.now), err
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// REL-023, design.md §3: what each kind of answer without ebMS does to a message, attempt after attempt.
func TestREL023Answers(t *testing.T) {
	type step struct {
		state store.State
		wait  time.Duration // 0: it does not wait
		code  fault.Code
	}
	waits := func(s store.State, code fault.Code) []step {
		return []step{{s, time.Minute, code}, {s, 2 * time.Minute, code}, {s, 5 * time.Minute, code}}
	}
	once := func(wait time.Duration) []step { return []step{{store.RetryWait, wait, fault.PeerLater}} }
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		steps  []step
	}{
		"408":                      {status(408), waits(store.RetryWait, fault.PeerLater)},
		"425":                      {status(425), waits(store.RetryWait, fault.PeerLater)},
		"429, asks for 20 minutes": {status(429, "Retry-After", "1200"), once(20 * time.Minute)},
		"503, asks for nine hours": {status(503, "Retry-After", "32400"), once(time.Hour)},
		"503, asks for a second":   {status(503, "Retry-After", "1"), once(time.Minute)},
		"500":                      {status(500), waits(store.Unknown, fault.PeerUnreachable)},
		"502":                      {status(502), waits(store.Unknown, fault.PeerUnreachable)},
		"200 without a body":       {status(200), waits(store.Unknown, fault.PeerUnreachable)},
		"202":                      {status(202), waits(store.Unknown, fault.PeerUnreachable)},
		"204":                      {status(204), waits(store.Unknown, fault.PeerUnreachable)},
		"413":                      {status(413), []step{{store.FailedPermanent, 0, fault.PeerRefused}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPlanned(t)
			p.answer = c.answer
			for i, want := range c.steps {
				state, wait, err := p.attempt(t)
				if state != want.state || want.wait != 0 && wait != want.wait || codeOf(err) != want.code {
					t.Errorf("attempt %d: %s for %s, %v; want %+v", i+1, state, wait, err, want)
				}
			}
		})
	}
	for _, code := range []int{301, 302, 307, 400, 401, 403, 404, 405, 415} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			p := openPlanned(t)
			p.answer = status(code, "Location", "https://elsewhere.example/as4")
			for i, want := range []step{
				{store.RetryWait, time.Minute, fault.PeerLater},
				{store.RetryWait, 2 * time.Minute, fault.PeerLater},
				{store.FailedPermanent, 0, fault.PeerRefused},
			} {
				state, wait, err := p.attempt(t)
				if state != want.state || want.wait != 0 && wait != want.wait || codeOf(err) != want.code {
					t.Errorf("attempt %d: %s for %s, %v; want %+v", i+1, state, wait, err, want)
				}
			}
			if p.forgotten != 3 {
				t.Errorf("the lookup was made afresh %d times", p.forgotten)
			}
		})
	}
}

// AS4-127, REL-024: the end of the plan, when nothing can have arrived and when something may have.
func TestREL024PlanOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer int
		state  store.State // while the plan runs
		code   fault.Code
	}{
		{"nothing arrived", 503, store.RetryWait, fault.GivenUp},
		{"it may have arrived", 502, store.Unknown, fault.GivenUpUnclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPlanned(t)
			p.answer = status(c.answer)
			begun := p.now
			if state, _, _ := p.attempt(t); state != c.state {
				t.Errorf("at first: %s", state)
			}
			p.now = begun.Add(24*time.Hour - 3*time.Minute)
			if state, wait, _ := p.attempt(t); state != c.state || wait != 2*time.Minute {
				t.Errorf("shortly before the end: %s for %s", state, wait)
			}
			p.now = begun.Add(24*time.Hour - time.Minute)
			state, _, err := p.attempt(t)
			if state != store.FailedPermanent || codeOf(err) != c.code {
				t.Errorf("at the end: %s, %v", state, err)
			}
			doc, err := p.Desk.Show(t.Context(), p.id)
			if err != nil || doc.Problem == nil || doc.Problem.Code != c.code ||
				!strings.Contains(doc.Timeline[len(doc.Timeline)-1].Detail, "EBMS:0301") {
				t.Fatalf("an operator sees %+v, %v", doc, err)
			}
			anew := strings.Contains(doc.Problem.Next, "send the document anew")
			if anew != (c.code == fault.GivenUp) {
				t.Errorf("the advice is %q", doc.Problem.Next)
			}
			m, err := p.Store.Get(t.Context(), db.DefaultTenant, p.id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Send(t.Context(), m, as4.Peer{}); codeOf(err) != fault.NotResumable {
				t.Errorf("sent once more: %v", err)
			}
			if err := p.Store.Requeue(t.Context(), db.DefaultTenant, p.id, "kari", "it is back"); err != nil {
				t.Fatal(err)
			}
			if state, wait, _ := p.attempt(t); state == store.FailedPermanent || wait != time.Minute {
				t.Errorf("another plan: %s for %s", state, wait)
			}
		})
	}
}

// REL-026: a register that does not answer costs no attempt, and the plan ends all the same.
func TestREL026RegisterSilent(t *testing.T) {
	p := openPlanned(t)
	p.forgotten, p.err = 1, lookupError(smp.Unavailable)
	begun := p.now
	if state, wait, err := p.attempt(t); state != store.RetryWait || wait != time.Minute ||
		codeOf(err) != fault.LookupFailed {
		t.Errorf("%s for %s, %v", state, wait, err)
	}
	p.err, p.answer = nil, status(503)
	if _, wait, _ := p.attempt(t); wait != time.Minute {
		t.Errorf("the first attempt waits for %s", wait)
	}
	p.err, p.now = lookupError(smp.Unavailable), begun.Add(24*time.Hour)
	state, _, err := p.attempt(t)
	if state != store.FailedPermanent || !errors.As(err, new(*fault.Error)) {
		t.Errorf("at the end: %s, %v", state, err)
	}
}

// REL-024: what has become older than its plan, as while no server ran or before an upgrade, is not sent unasked.
func TestREL024NothingOldIsSentUnasked(t *testing.T) {
	p := openPlanned(t)
	p.answer = func(http.ResponseWriter) { t.Error("it was sent") }
	m, job := p.taken(t)
	p.now = p.now.Add(25 * time.Hour)
	p.sendDue(t.Context(), job)
	got, err := p.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || got.State != store.FailedPermanent || got.FaultCode != string(fault.GivenUp) {
		t.Errorf("%s %s, %v", got.State, got.FaultCode, err)
	}
}

// DISC-067, REL-024: a hold is not ended by the plan of attempts, which begins when the receiver is found.
func TestREL024PlanOfAHeldMessage(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002")
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	h := openHolder(t, nodeFile(t, pki, "POP900001", "send:\n  hold: 72h\n"), dir, time.Now().Truncate(time.Second))
	defer func() { _ = h.Close() }()
	m, err := h.submit(t)
	if codeOf(err) != fault.ReceiverMoving {
		t.Fatal(err)
	}
	h.now = h.now.Add(30 * time.Hour) // longer than a plan
	dir.err, dir.peer = nil, as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}
	job, err := h.Store.Take(t.Context(), db.DefaultTenant, store.Send, m.ID, "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.sendDue(t.Context(), job)
	after := h.is(t, "the first attempt failed", m.ID, store.RetryWait, time.Time{})
	if wait := after.Due.Sub(h.now); after.Spent != 1 || wait < 48*time.Second || wait > 72*time.Second {
		t.Errorf("%d attempts, the next after %s", after.Spent, wait)
	}
}

// DISC-067, REL-024: the plan that begins when a receiver is found again counts its own attempts only.
func TestREL024PlanAfterAnotherHold(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002")
	dir := &changing{peer: as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}}
	h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now().Truncate(time.Second))
	defer func() { _ = h.Close() }()
	m, _ := h.submit(t)
	for _, what := range []string{"held", "held once more"} {
		for _, dir.err = range []error{lookupError(smp.UnknownToSMP), nil} {
			h.now = h.now.Add(2 * time.Minute)
			job, err := h.Store.Take(t.Context(), db.DefaultTenant, store.Send, m.ID, "me", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			h.sendDue(t.Context(), job)
		}
		after := h.is(t, what, m.ID, store.RetryWait, time.Time{})
		if wait := after.Due.Sub(h.now); after.Spent != 1 || wait < 48*time.Second || wait > 72*time.Second {
			t.Errorf("%s, then found: %d attempts, the next after %s", what, after.Spent, wait)
		}
	}
}

// AS4-125, DISC-067: a message that was held for longer than a plan is found, and refused: it has failed for that, and
// not because its plan were over.
func TestAS4125RefusedAfterAHold(t *testing.T) {
	_, pki := testPKI(t)
	to := newNode(t, pki, "POP900002") // which does not serve the receiver
	dir := &changing{err: lookupError(smp.UnknownToSMP)}
	h := openHolder(t, nodeFile(t, pki, "POP900001", "send:\n  hold: 72h\n"), dir, time.Now().Truncate(time.Second))
	defer func() { _ = h.Close() }()
	m, _ := h.submit(t)
	h.now = h.now.Add(30 * time.Hour)
	dir.err, dir.peer = nil, to.peer()
	job, err := h.Store.Take(t.Context(), db.DefaultTenant, store.Send, m.ID, "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.sendDue(t.Context(), job)
	if m, err = h.Store.Get(t.Context(), db.DefaultTenant, m.ID); err != nil || m.State != store.FailedPermanent ||
		m.FaultCode != string(fault.PeerRefused) {
		t.Errorf("it is %s with %s, %v", m.State, m.FaultCode, err)
	}
}

// reports are what was said of access points.
type reports []string

func (*reports) Admit(string, string) bool { return true }

func (r *reports) Report(lane string, ok bool, _ time.Duration) {
	*r = append(*r, fmt.Sprint(lane, " ", ok))
}

// REL-025: each access point answers for itself, also when a message goes to two of them in one turn (AS4-125).
func TestREL025EachAnswersForItself(t *testing.T) {
	_, dir := testPKI(t)
	from, old := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002") // which does not serve the receiver
	said := &reports{}
	dead := as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: old.peer().Cert}
	from.Outbound.Directory, from.Outbound.Lanes = &register{first: old.peer(), then: dead}, said
	m, job := from.taken(t)
	if _, err := from.Outbound.AttemptDue(t.Context(), job, m); codeOf(err) != fault.PeerNotReached {
		t.Errorf("got %v", err)
	}
	if m, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID); err != nil || m.State != store.RetryWait ||
		m.FaultCode != string(fault.PeerNotReached) { // API-055: the record keeps what stopped it
		t.Errorf("%v: %s, %q", err, m.State, m.FaultCode)
	}
	want := store.LaneOf(old.URL()) + " true, 127.0.0.1:1 false"
	if got := strings.Join(*said, ", "); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// atlas is a directory with an access point for each receiver.
type atlas map[string]as4.Peer

func (a atlas) Endpoint(_ context.Context, r peppol.ParticipantID, _ peppol.DocTypeID,
	_ peppol.ProcessID,
) (*smp.Endpoint, error) {
	p := a[r.Value()]
	return &smp.Endpoint{URL: p.URL, Cert: p.Cert}, nil
}

func (atlas) Forget(peppol.ParticipantID, peppol.DocTypeID) {}

// REL-025: with real sockets, messages for an access point that hangs up hold up none for another, and cost no more
// attempts than it takes to see that it is dead.
func TestREL025DeadAccessPoint(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	var calls atomic.Int64
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer dead.Close()
	const nobody = "0192:991825827"
	from.Outbound.Directory = atlas{c4: to.peer(), nobody: {URL: dead.URL, Cert: to.peer().Cert}}
	submit := func(receiver string) store.Message {
		t.Helper()
		m, _, err := from.Outbound.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, receiver), Open: ap.Bytes(golden.Invoice(t)),
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	var lost []store.Message
	for range 60 {
		lost = append(lost, submit(nobody))
	}
	good := submit(c4)
	for end := time.Now().Add(time.Minute); from.state(t, good.ID) != store.Sent; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is %s", from.state(t, good.ID))
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		due, held := 0, 0
		for _, m := range lost {
			job, err := from.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			if job.Spent == 0 && job.Lane == store.LaneOf(dead.URL) {
				due++
			}
			if job.Spent > 0 {
				held++
			}
		}
		if due+held == len(lost) && held >= 5 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d wait at the dead one, %d were tried", due, held)
		}
	}
	if n := calls.Load(); n < 5 || n > 5+16 {
		t.Errorf("%d attempts at the dead one", n)
	}
}

// D-12: a message has the plan of its tenant and document type, for its waits and for its end.
func TestD12PlanOfATenant(t *testing.T) {
	p := openPlanned(t)
	p.answer = status(503)
	p.Config.Send.Plans = []config.Plan{
		{Tenant: "acme", Retry: []string{"3m"}},
		{Tenant: db.DefaultTenant, DocumentType: "*::Invoice##*", Retry: []string{"7s", "9s"}},
	}
	for i, want := range []time.Duration{7 * time.Second, 9 * time.Second, time.Hour} {
		if _, wait, err := p.attempt(t); wait != want {
			t.Errorf("after attempt %d it waits for %s, want %s: %v", i+1, wait, want, err)
		}
	}
	p.Outbound.PlanFor = func(store.Message) ap.Plan { return ap.Plan{GiveUp: time.Minute} }
	p.now = p.now.Add(time.Hour)
	if state, _, err := p.attempt(t); state != store.FailedPermanent || codeOf(err) != fault.GivenUp {
		t.Errorf("at the end: %s, %v", state, err)
	}
}

// REL-025: the class of a document is on record with its work, also when its sender holds it from the start.
func TestREL025ClassOnRecord(t *testing.T) {
	p := openPlanned(t)
	s := ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t)), Batch: true}
	batch, _, err := p.Outbound.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	_, held, err := p.Node.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.Batch = false
	single, _, err := p.Outbound.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]store.Class{
		batch.ID: store.Batches, held.MessageID: store.Batches, single.ID: store.Documents,
	} {
		job, err := p.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, id)
		if err != nil || job.Class != want {
			t.Errorf("class %d, want %d: %v", job.Class, want, err)
		}
	}
}

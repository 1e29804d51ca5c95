package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// register is a directory that gives one answer until it is told to forget, and the other one after that.
type register struct {
	first, then as4.Peer
	err         error // instead of then
	forgotten   int
}

func (r *register) Endpoint(context.Context, peppol.ParticipantID, peppol.DocTypeID, peppol.ProcessID) (*smp.Endpoint,
	error,
) {
	p := r.first
	if r.forgotten > 0 {
		if p = r.then; r.err != nil {
			return nil, r.err
		}
	}
	return &smp.Endpoint{URL: p.URL, Cert: p.Cert}, nil
}

func (r *register) Forget(peppol.ParticipantID, peppol.DocTypeID) { r.forgotten++ }

func (n *tested) peer() as4.Peer { return as4.Peer{URL: n.URL(), Cert: n.Keys.Identities()[0].Cert} }

// The first access point that the register names does not serve the receiver.
func TestAS4125NotServiced(t *testing.T) {
	p, dir := testPKI(t)
	from, old, other := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002"), newNode(t, dir, "POP900003")
	serving := newNode(t, dir, "POP900004")
	serving.serve(t, c4, billing, process)
	renewed, err := p.AP.Issue(localca.Leaf{CN: "POP900002"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("no answer")
	var moved store.Message
	for _, tc := range []struct {
		name     string
		register register
		direct   as4.Peer
		state    store.State
		code     fault.Code // "" means a receipt
		attempts string     // seat that was sent to and code that came back
		due      bool       // there will be another attempt
	}{
		{
			"SBDH-009 another access point",
			register{then: serving.peer()},
			as4.Peer{},
			store.Sent, "",
			"old EBMS:0004, serving ", false,
		},
		{
			"the same endpoint",
			register{then: old.peer()},
			as4.Peer{},
			store.FailedPermanent, fault.PeerRefused,
			"old EBMS:0004", false,
		},
		{
			"the same address with another certificate",
			register{then: as4.Peer{URL: old.URL(), Cert: renewed.Cert}},
			as4.Peer{},
			store.FailedPermanent, fault.PeerRefused, "old EBMS:0004, old EBMS:0102", false,
		},
		{
			"another address for the same certificate",
			register{then: as4.Peer{URL: other.URL(), Cert: old.peer().Cert}},
			as4.Peer{},
			store.FailedPermanent, fault.PeerRefused, "old EBMS:0004, other EBMS:0004", false,
		},
		{
			"not serviced there either",
			register{then: other.peer()},
			as4.Peer{},
			store.FailedPermanent,
			fault.PeerRefused, "old EBMS:0004, other EBMS:0004", false,
		},
		{
			"registered no more",
			register{err: &smp.Error{Kind: smp.NotRegistered}},
			as4.Peer{},
			store.FailedPermanent,
			fault.NotRegistered, "old EBMS:0004", false,
		},
		{
			"the second lookup fails",
			register{err: lost},
			as4.Peer{},
			store.RetryWait, fault.LookupFailed,
			"old EBMS:0004", true,
		},
		{
			"an address given directly",
			register{then: serving.peer()},
			old.peer(), store.FailedPermanent,
			fault.PeerRefused, "old EBMS:0004", false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := tc.register
			reg.first = old.peer()
			from.Outbound.Directory = &reg
			m, job, err := from.Submit(t.Context(),
				ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t))})
			if err != nil {
				t.Fatal(err)
			}
			id := m.MessageID
			_, err = from.Attempt(t.Context(), m, job, tc.direct)
			var f *fault.Error
			if errors.As(err, &f); (err == nil) != (tc.code == "") || err != nil && (f == nil || f.Code != tc.code) {
				t.Errorf("got %v, want %s", err, tc.code)
			}
			if (reg.forgotten == 1) != (tc.direct.URL == "") {
				t.Errorf("asked to forget %d times", reg.forgotten)
			}
			if m, err = from.Store.Get(t.Context(), db.DefaultTenant, m.ID); err != nil || m.State != tc.state ||
				m.MessageID != id {
				t.Errorf("%s is %s, %v; want %s in state %s", m.MessageID, m.State, err, id, tc.state)
			}
			if m.State == store.Sent {
				moved = m
			}
			names := strings.NewReplacer(old.URL(), "old", other.URL(), "other", serving.URL(), "serving")
			if got := attempts(t, from, m.ID); names.Replace(got) != tc.attempts {
				t.Errorf("attempts %s, want %s", names.Replace(got), tc.attempts)
			}
			if due, dead := waits(t, from, m.ID, false),
				waits(t, from, m.ID, true); due != tc.due || dead != (tc.state == store.FailedPermanent) {
				t.Errorf("due again: %v, given up: %v", due, dead)
			}
		})
	}
	envelope := string(serving.inbox(t, 1)[moved.MessageID])
	if moved.InstanceID == "" || !strings.Contains(envelope, "<sh:InstanceIdentifier>"+moved.InstanceID+"<") {
		t.Errorf("SBDH-009: the envelope of %s is not the one that was submitted: %.2000s", moved.MessageID, envelope)
	}
}

// answers makes the other access point answer with an ebMS error, unsigned.
func (p *planned) answers(t *testing.T, code ebms.Code, detail string) {
	answer := strings.NewReplacer("EBMS:0101", string(code), `refToMessageInError="%[1]s"/>`,
		`refToMessageInError="%[1]s"><eb:ErrorDetail>`+detail+`</eb:ErrorDetail></eb:Error>`).Replace(refusal)
	p.answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", as4.ContentTypeSignal)
		m, err := p.Store.Get(t.Context(), db.DefaultTenant, p.id)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, answer, m.MessageID)
	}
}

// REL-023: after each code that refuses for good the receiver is looked up afresh, once, and the document goes to where
// it is now. Other errors say nothing about that.
func TestREL023FreshLookup(t *testing.T) {
	p := openPlanned(t)
	_, dir := testPKI(t)
	serving := newNode(t, dir, "POP900004")
	serving.serve(t, c4, billing, process)
	p.then = serving.peer()
	for _, c := range []struct {
		code   ebms.Code
		detail string
		state  store.State
	}{
		{"EBMS:0001", "", store.Sent},
		{"EBMS:0003", "", store.Sent},
		{"EBMS:0004", ebms.NotServicedDetail, store.Sent},
		{"EBMS:0007", "", store.Sent},
		{"EBMS:0009", "", store.Sent},
		{"EBMS:0010", "", store.Sent},
		{"EBMS:0101", "", store.Sent},
		{"EBMS:0102", "", store.Sent},
		{"EBMS:0103", "", store.Sent},
		{"EBMS:0303", "", store.Sent},
		{"EBMS:0004", "it is not valid", store.FailedPermanent},
		{"EBMS:4001", "", store.FailedPermanent},
		{"EBMS:0202", "", store.RetryWait},
	} {
		p.forgotten = 0
		m, job := p.taken(t)
		p.id = m.ID
		p.answers(t, c.code, c.detail)
		_, err := p.Attempt(t.Context(), m, job, as4.Peer{})
		if state := p.state(t, m.ID); state != c.state || (p.forgotten == 1) != (c.state == store.Sent) {
			t.Errorf("%s %s: %s, %d fresh lookups, %v", c.code, c.detail, state, p.forgotten, err)
		}
	}
	serving.inbox(t, 10)
}

// REL-023, REL-024: a refusal that nobody signed settles nothing about a message that may have arrived: it waits as its
// plan says, which counts the attempt. A clear one ends it as refused, also where the plan ends.
func TestREL023RefusalThatStands(t *testing.T) {
	p := openPlanned(t)
	p.answer = status(502)
	if state, wait, _ := p.attempt(t); state != store.Unknown || wait != time.Minute {
		t.Errorf("at first %s for %s", state, wait)
	}
	p.answers(t, ebms.CodeFailedAuthentication, "")
	if state, wait, err := p.attempt(t); state != store.Unknown || wait != 2*time.Minute || p.forgotten != 1 {
		t.Errorf("refused: %s for %s, %d fresh lookups, %v", state, wait, p.forgotten, err)
	}
	m, job := p.taken(t)
	p.id, p.now = m.ID, p.now.Add(24*time.Hour-time.Second)
	if _, err := p.Attempt(t.Context(), m, job, as4.Peer{}); codeOf(err) != fault.PeerRefused {
		t.Error(err)
	}
	m, err := p.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || m.State != store.FailedPermanent || m.FaultCode != string(fault.PeerRefused) {
		t.Errorf("at the end of its plan: %s %s, %v", m.State, m.FaultCode, err)
	}
}

// AS4-126: an access point that says it has a message already has it, if an earlier attempt may have arrived. If it
// refused each of them, it remembers what it did not take, and is asked again.
func TestAS4126DuplicateOfWhatWasRefused(t *testing.T) {
	p := openPlanned(t)
	for _, c := range []struct {
		first func()
		want  store.State
		code  fault.Code
	}{
		{func() { p.answers(t, ebms.CodeDeliveryFailure, "") }, store.Unknown, fault.PeerUnreachable},
		{func() { p.answer = status(502) }, store.UnknownAccepted, fault.ReceiptInvalid},
		{func() { p.answer = status(503) }, store.UnknownAccepted, fault.ReceiptInvalid}, // by whom?
	} {
		p.id = ""
		m, job := p.taken(t)
		p.id = m.ID
		c.first()
		if _, err := p.Attempt(t.Context(), m, job, as4.Peer{}); err == nil {
			t.Fatal("it was taken")
		}
		p.answers(t, ebms.CodeOther, "a duplicate")
		state, _, err := p.attempt(t)
		if state != c.want || codeOf(err) != c.code {
			t.Errorf("%s, %v; want %s", state, err, c.want)
		}
	}
}

// REL-027: what may have arrived at one access point goes to no other, also when the first one says later that it does
// not serve the receiver: nobody signed that. What certainly did not arrive moves on.
func TestREL027NoMoveAfterASilence(t *testing.T) {
	for first, want := range map[int]store.State{
		http.StatusBadGateway:         store.Unknown, // it may have arrived
		http.StatusServiceUnavailable: store.Sent,
	} {
		t.Run(http.StatusText(first), func(t *testing.T) {
			p := openPlanned(t)
			_, dir := testPKI(t)
			serving := newNode(t, dir, "POP900004")
			serving.serve(t, c4, billing, process)
			p.then = serving.peer()
			p.answer = status(first)
			if _, _, err := p.attempt(t); err == nil {
				t.Fatal("the first attempt got through")
			}
			p.answers(t, ebms.CodeOther, ebms.NotServicedDetail)
			state, _, err := p.attempt(t)
			if state != want || p.forgotten != 1 {
				t.Errorf("it is %s, looked up afresh %d times, %v; want %s", state, p.forgotten, err, want)
			}
			arrived := len(entries(t, serving.Config.Path(serving.Config.Deliver.Folder)))
			if want == store.Unknown && arrived != 0 {
				t.Errorf("%d documents went to the other one", arrived)
			}
			if want == store.Sent {
				serving.inbox(t, 1)
			}
		})
	}
}

// waits reports whether the job of sending a message is open, or given up, and in nobody's hands.
func waits(t *testing.T, n *tested, id string, dead bool) bool {
	t.Helper()
	jobs, err := n.Store.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Send, Dead: dead})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(jobs, func(j store.Job) bool { return j.MessageID == id && j.LeaseEnd.IsZero() })
}

func participant(t *testing.T, value string) peppol.ParticipantID {
	t.Helper()
	p, err := peppol.ParseParticipant(value)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// attempts lists where a message was sent and what came back. Each attempt that got an error has it as evidence.
func attempts(t *testing.T, n *tested, id string) string {
	t.Helper()
	list, err := n.Store.Attempts(t.Context(), db.DefaultTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := n.Store.AllEvidence(t.Context(), db.DefaultTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range list {
		out = append(out, fmt.Sprintf("%s %s", a.Endpoint, a.Code))
		answered := false
		for _, e := range kept {
			answered = answered || e.Attempt == a.N &&
				(e.Kind == store.EvidenceAnswerSOAP || e.Kind == store.EvidenceReceipt)
		}
		if !answered || a.Ended.IsZero() {
			t.Errorf("attempt %+v has no answer or no end", a)
		}
	}
	return strings.Join(out, ", ")
}

package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// silent is an access point of which only a gateway answers: what it got, nobody knows.
func silent(t *testing.T, like as4.Peer) as4.Peer {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(s.Close)
	return as4.Peer{URL: s.URL + "/as4", Cert: like.Cert}
}

// handedIn submits an invoice that can be found by its content, and makes one attempt.
func (n *tested) handedIn(t *testing.T, content string, to as4.Peer) (store.Message, error) {
	t.Helper()
	m, job, err := n.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4), Content: []byte(content), Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.Attempt(t.Context(), m, job, to)
	after, gerr := n.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if gerr != nil {
		t.Fatal(gerr)
	}
	return after, err
}

// What may have arrived at one access point, and is handed in once more, is sent to no other one: neither to the one
// that the register names by now nor to one that is given. The one where it may be gets it again.
func TestREL027ARepeatGoesToNoOtherAccessPoint(t *testing.T) {
	_, dir := testPKI(t)
	from, to, other := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002"), newNode(t, dir, "POP900003")
	to.serve(t, c4, billing, process)
	other.serve(t, c4, billing, process)
	m, err := from.handedIn(t, "a", silent(t, to.peer()))
	if m.State != store.Unknown || codeOf(err) != fault.PeerUnreachable {
		t.Fatalf("%s, %v", m.State, err)
	}
	from.Outbound.Directory = &register{first: other.peer()}
	for name, direct := range map[string]as4.Peer{"the register": {}, "the command": other.peer()} {
		if _, err := from.Repeat(t.Context(), m, direct); codeOf(err) != fault.PeerUnreachable {
			t.Errorf("%s names another access point: %v", name, err)
		}
		if state := from.state(t, m.ID); state != store.Unknown || !waits(t, from, m.ID, false) {
			t.Errorf("%s names another access point: %s", name, state)
		}
	}
	if counts, err := other.Store.Counts(t.Context(), db.DefaultTenant); err != nil || len(counts) > 0 {
		t.Errorf("at the other access point: %v, %v", counts, err)
	}
	from.Outbound.Directory = &register{first: to.peer()}
	if _, err := from.Repeat(t.Context(), m, as4.Peer{}); err != nil || from.state(t, m.ID) != store.Sent {
		t.Errorf("where it may be: %s, %v", from.state(t, m.ID), err)
	}
	if _, err := from.Repeat(t.Context(), m, as4.Peer{}); codeOf(err) != fault.NotResumable {
		t.Errorf("once it is sent: %v", err)
	}
}

// A repeat ends the plan of its message as its turn would: what is said then is what the record says. As long as it
// may have arrived, no answer of the register is the last word.
func TestREL027ARepeatSaysWhatIsKnown(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	gone := &register{forgotten: 1, err: &smp.Error{Kind: smp.NotRegistered}}
	m, _ := from.handedIn(t, "a", silent(t, to.peer()))
	from.Outbound.Directory = gone
	for name, try := range map[string]func() error{
		"repeat": func() error { _, err := from.Repeat(t.Context(), m, as4.Peer{}); return err },
		"resume": func() error { _, err := from.Send(t.Context(), m, as4.Peer{}); return err },
	} {
		if err := try(); codeOf(err) != fault.PeerUnreachable || fault.ExitOf(err) != fault.Unsure {
			t.Errorf("%s, not registered any more: %v", name, err)
		}
	}
	now := time.Now()
	from.Outbound.Now = func() time.Time { return now.Add(30 * 24 * time.Hour) }
	if _, err := from.Repeat(t.Context(), m, as4.Peer{}); codeOf(err) != fault.GivenUpUnclear {
		t.Errorf("after the end of its plan: %v", err)
	}
	if state := from.state(t, m.ID); state != store.FailedPermanent {
		t.Errorf("after the end of its plan: %s", state)
	}
}

// A document that was given up and may have arrived is found by its content, like one that arrived or waits; one that
// certainly did not arrive is not.
func TestREL027HandedInFindsWhatMayHaveArrived(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	nowhere := as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}
	sent, _ := from.handedIn(t, "sent", to.peer())
	waiting, _ := from.handedIn(t, "waiting", nowhere)
	unknown, _ := from.handedIn(t, "unknown", silent(t, to.peer()))
	cancelled, _ := from.handedIn(t, "cancelled", nowhere)
	if err := from.Store.Cancel(t.Context(), db.DefaultTenant, cancelled.ID, "me", "oops"); err != nil {
		t.Fatal(err)
	}
	from.Outbound.Plan, from.Outbound.PlanFor = ap.Plan{}, nil // one attempt
	unclear, _ := from.handedIn(t, "unclear", silent(t, to.peer()))
	never, _ := from.handedIn(t, "never", nowhere)
	if unclear.FaultCode != string(fault.GivenUpUnclear) || never.FaultCode != string(fault.GivenUp) {
		t.Fatalf("given up: %s %s, %s %s", unclear.State, unclear.FaultCode, never.State, never.FaultCode)
	}
	for content, want := range map[string]string{
		"sent": sent.ID, "waiting": waiting.ID, "unknown": unknown.ID, "unclear": unclear.ID, "cancelled": "",
		"never": "", "another": "",
	} {
		m, found, err := from.HandedIn(t.Context(), db.DefaultTenant, []byte(content))
		if err != nil || found != (want != "") || m.ID != want {
			t.Errorf("%s: found %v, %s %s, %v", content, found, m.ID, m.State, err)
		}
	}
}

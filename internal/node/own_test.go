package node

import (
	"fmt"
	"maps"
	"testing"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// A document for a receiver of our own goes to ourselves over AS4: it is on record as sent and as received, under the
// same message id, is delivered, and counts once each way with our own seat as the other one (reporting.md §4).
func TestRPT31OwnReceiver(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	n.serve(t, c4, billing, process)
	dirOf := &register{first: n.peer(), then: n.peer()}
	n.Outbound.Directory = dirOf
	m, job := n.taken(t)
	ev, err := n.Attempt(t.Context(), m, job, as4.Peer{})
	if err != nil || ev.Signer == nil {
		t.Fatal(err)
	}
	if got := n.inbox(t, 1); got[m.MessageID] == nil {
		t.Errorf("delivered: %d", len(got))
	}
	received, err := n.Store.ByMessageID(t.Context(), db.DefaultTenant, store.In, m.MessageID)
	if err != nil || len(received) != 1 || received[0].C2 != n.Seat || received[0].C3 != n.Seat ||
		received[0].ID == m.ID {
		t.Fatalf("received: %+v, %v", received, err)
	}
	if got := n.state(t, m.ID); got != store.Sent {
		t.Errorf("sent: %s", got)
	}
	if _, err := n.Store.Ledger.Post(t.Context(), db.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	month := peppol.MonthOf(received[0].Accepted)
	for e, err := range n.Store.Ledger.Entries(t.Context(), db.DefaultTenant, month) {
		if err != nil {
			t.Fatal(err)
		}
		_, _, peer := e.Own()
		way := map[ledger.Direction]string{ledger.Incoming: "in", ledger.Outgoing: "out"}[e.Direction]
		counted[fmt.Sprint(way, " same ", e.C2 == e.C3 && peer == e.C2, " ", e.MessageID == m.MessageID)]++
	}
	if !maps.Equal(counted, map[string]int{"in same true true": 1, "out same true true": 1}) {
		t.Errorf("counted %v", counted)
	}
}

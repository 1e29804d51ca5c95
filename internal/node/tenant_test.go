package node

import (
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// A document of a tenant is sent like any other, its payload small enough for the record or not, and counts in the
// books of the installation: its reports cover all tenants.
func TestD11TenantIsCountedWithAllOthers(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNodeWith(t, dir, "POP900001", "tenants: [acme]\n"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	from.Outbound.Directory = atlas{c4: to.peer()}
	m, _, err := from.Outbound.Submit(t.Context(), ap.Submission{
		Tenant: "acme", From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID); err == nil {
		t.Error("another tenant sees it")
	}
	for end := time.Now().Add(time.Minute); m.State != store.Sent; time.Sleep(20 * time.Millisecond) {
		if m, err = from.Store.Get(t.Context(), "acme", m.ID); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("it is %s", m.State)
		}
	}
	to.inbox(t, 1)
	month := peppol.MonthOf(time.Now())
	if _, err := from.Store.Ledger.Post(t.Context(), db.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	var counted []string
	for e, err := range from.Store.Ledger.Entries(t.Context(), db.DefaultTenant, month) {
		if err != nil || e.Direction != ledger.Outgoing {
			t.Fatal(err, e.Direction)
		}
		counted = append(counted, e.MessageID)
	}
	if len(counted) != 1 || counted[0] != m.MessageID {
		t.Errorf("counted %v, want %s", counted, m.MessageID)
	}
}

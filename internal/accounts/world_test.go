package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// Short names of the worked example (RPT-8).
const (
	own = "PNO000777"
	us  = "0242:000777" // our participant

	inv = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#compliant#urn:" +
		"fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	cn = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2::CreditNote##urn:cen.eu:en16931:2017#compliant#" +
		"urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	ord = "urn:oasis:names:specification:ubl:schema:xsd:Order-2::Order##urn:fdc:peppol.eu:poacc:trns:order:3::2.1"
	rem = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#compliant#urn:" +
		"fdc:peppol.eu:2017:poacc:billing:3.0#conformant#urn:fdc:anskaffelser.no:2019:ehf:reminder:3.0::2.2"
	mls = peppol.TypeMLS

	custA, custAGLN, custB, custC, custD = "0192:910000001", "0088:7080000000012", "0192:910000002", "0192:910000003",
		"0192:910000004"
	other = "0192:991825827"
)

var processes = map[string]string{
	inv: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
	cn:  "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
	ord: "urn:fdc:peppol.eu:poacc:bis:order_only:3",
	rem: "urn:fdc:anskaffelser.no:2019:ehf:postaward:g3:06:1.0",
	mls: "urn:peppol:edec:mls",
}

// world is a record with a clock, and the accounts of it.
type world struct {
	testing.TB
	*Accounts
	Store *store.Store
	file  string
	now   time.Time
	n     int
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, file: filepath.Join(t.TempDir(), "ravn.db")}
	w.set("2026-09-30T22:00:00Z")
	clock := func() time.Time { return w.now }
	s, err := store.Open(sqlite.Open(t.Context(), w.file, db.Options{Now: clock}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.Store = s
	w.Accounts = &Accounts{
		Ledger: s.Ledger, Tenant: db.DefaultTenant, Seats: []peppol.SeatID{own}, Own: us, Country: "NO",
		Rules: validation.New([]pack.Pack{core.Pack()}), Program: "test", Now: clock,
	}
	return w
}

func (w *world) set(text string) {
	w.Helper()
	at, err := time.Parse(time.RFC3339, text)
	w.must(err)
	w.now = at
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// message is one that is exchanged at a time.
func (w *world) message(at, doc, sender, receiver, c1 string) store.Message {
	w.Helper()
	w.set(at)
	w.n++
	return store.Message{
		MessageID: fmt.Sprintf("m%d@ravn.test", w.n), InstanceID: fmt.Sprint("i", w.n), Domain: "eProcurement",
		Sender: sender, Receiver: receiver,
		DocTypeScheme: peppol.SchemeBusdox, DocType: doc, ProcessScheme: peppol.SchemeProcess, Process: processes[doc],
		Transport: peppol.TransportAS4, CountryC1: c1, Payload: store.BlobRef{Key: "k", Length: 1},
	}
}

var receipt = []store.Evidence{{
	Kind: store.EvidenceReceipt, ContentType: "application/soap+xml",
	Bytes: []byte("<R/>"),
}}

// received accepts a message from another service provider.
func (w *world) received(at string, from peppol.SeatID, doc, receiver, c1 string) store.Acceptance {
	w.Helper()
	m := w.message(at, doc, other, receiver, c1)
	m.C2, m.C3 = from, own
	a := store.Acceptance{Message: m, Evidence: receipt, Count: true}
	_, err := w.Store.Accept(w.Context(), w.Tenant, a)
	w.must(err)
	return a
}

// sent sends a message, with the outcome given.
func (w *world) sent(at string, to peppol.SeatID, doc, sender, c1 string, out store.Result) {
	w.Helper()
	m := w.message(at, doc, sender, other, c1)
	m.C2, m.Transport = own, ""
	ctx := w.Context()
	_, _, err := w.Store.Submit(ctx, w.Tenant, store.Submission{Message: m})
	w.must(err)
	jobs, err := w.Store.Claim(ctx, store.Claim{Kind: store.Send, Owner: "test", Lease: time.Minute, Limit: 1})
	w.must(err)
	_, n, err := w.Store.StartAttempt(ctx, jobs[0],
		store.Start{Endpoint: "https://c3.example/as4", Lease: time.Minute, Sealed: &store.Sealed{
			Body: store.BlobRef{Key: "s", Length: 1}, ContentType: "multipart/related",
			Endpoint: "https://c3.example/as4",
			C3:       to, PeerCert: []byte("der"), Transport: peppol.TransportAS4,
		}})
	w.must(err)
	w.must(w.Store.FinishAttempt(ctx, jobs[0], n, out))
}

var (
	acknowledged = store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt, Count: true}
	refused      = store.Result{State: store.FailedPermanent, Outcome: "error", Code: "EBMS:0004"}
)

// october exchanges what the worked example does (RPT-8.1, RPT-8.2).
func (w *world) october() {
	w.Helper()
	w.sent("2026-09-30T22:30:00Z", "PNO000888", inv, custA, "NO", acknowledged) // X4: September in UTC
	w.sent("2026-10-01T06:00:00Z", "PNO000888", inv, custA, "NO", acknowledged)
	w.sent("2026-10-02T07:10:00Z", "PNO000888", inv, custAGLN, "NO", acknowledged)
	w.sent("2026-10-05T09:00:00Z", "POP000555", inv, custB, "NO", acknowledged)
	w.sent("2026-10-06T10:00:00Z", "POP000555", cn, custC, "SE", acknowledged)
	w.sent("2026-10-07T11:00:00Z", own, inv, custA, "NO", acknowledged)
	w.received("2026-10-07T11:00:00Z", own, inv, custD, "NO")
	w.received("2026-10-09T12:00:00Z", "PNO000888", ord, custB, "NO")
	repeated := w.received("2026-10-12T13:00:00Z", "POP000555", inv, custAGLN, "DE")
	w.set("2026-10-12T13:04:00Z") // X3
	if _, err := w.Store.Accept(w.Context(), w.Tenant, repeated); err == nil {
		w.Error("a repeat was accepted")
	}
	w.received("2026-10-13T14:00:00Z", "POP000555", inv, custD, "")
	w.sent("2026-10-16T09:00:00Z", "POP000555", inv, custB, "NO", refused) // X6
	w.received("2026-10-20T15:00:00Z", "PNO000888", inv, custC, "NO")
	w.received("2026-10-21T16:00:00Z", "PNO000888", mls, us, "NO")
	w.sent("2026-10-31T23:30:00Z", "PNO000888", rem, custB, "NO", acknowledged)
}

// customers are those of the worked example.
func customers() []Customer {
	return []Customer{
		{ID: "A", Name: "Alpha AS", Country: "NO", Participants: []string{custA, custAGLN}},
		{ID: "B", Name: "Beta AS", Country: "NO", Participants: []string{custB}},
		{ID: "C", Name: "Gamma AB", Country: "SE", Participants: []string{custC}},
		{ID: "D", Name: "Delta AS", Country: "NO", Participants: []string{custD}},
	}
}

// worked is a document of the worked example as package reporting makes it.
func worked(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(golden.Root(t), "reporting", "testdata", "worked", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

var recordTests = []test{
	{"texts that are none", testTexts},
	{"D-23 a move checks the table and the version", testMove},
	{"D-06 an event is written with its change or not at all", testEventAtomic},
	{"list and page", testList},
	{"SBDH-043 served, exact", testServed},
	{"DISC-020 served, wildcards", testServedWildcard},
	{"audit trail", testAudit},
	{"REL-007 what the record knows of a blob", testBlobUses},
	{"REL-007 rows that need a file", testBlobRows},
	{"REL-007 a database and its data folders", testInstallation},
	{"counts by state", testCounts},
}

// What is no text is refused alike by both engines. A text of somebody else, such as the reason of a failure, is
// mended: it never keeps an outcome out of the record.
func testTexts(b *bench) {
	m := b.accepted(1)
	for _, text := range []string{"Bj\xf8rn", "a\x00b"} {
		err := b.Ledger.CorrectCustomers(b.ctx, tenant, 0,
			[]ledger.CustomerEvent{{Kind: ledger.EventCustomer, Subject: "1", Field: "name", New: text}})
		want(b, "a name", errors.Is(err, db.ErrText), true)
		b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
			return tx.Note(m.ID, store.Event{Kind: "failed", Detail: text + strings.Repeat("x", 5000)})
		}))
	}
	list, err := b.Ledger.CustomerEvents(b.ctx, tenant, 0)
	b.must(err)
	want(b, "names", len(list), 0)
	events, err := b.Timeline(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "a reason", events[2].Detail[:7], "Bj\uFFFDrn")
	want(b, "its length", len(events[2].Detail), 4000+2)
	want(b, "a reason with NUL", events[3].Detail[:5], "a\uFFFDb")

	m = b.submitted(2)
	job := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, sealedAs("one"))
	b.must(err)
	proof := store.Evidence{Kind: store.EvidenceReceipt, ContentType: "text/xml; x=\xff", Bytes: []byte("\xff\x00")}
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.Sent, Outcome: "receipt", Detail: "\xff",
		Evidence: []store.Evidence{proof},
	}))
	got, err := b.Evidence(b.ctx, tenant, m.ID, store.EvidenceReceipt)
	b.must(err)
	want(b, "a receipt with an odd type", got.ContentType+string(got.Bytes), "text/xml; x=\uFFFD\xff\x00")
}

func testMove(b *bench) {
	m := b.accepted(1)
	twin := m
	move := func(m *store.Message, to store.State) error {
		return b.Update(b.ctx, tenant, func(tx *store.Tx) error { return tx.Move(m, to, store.Event{Kind: "test"}) })
	}
	want(b, "move off the table", errors.Is(move(&m, store.Delivered), store.ErrTransition), true)
	b.must(move(&m, store.Delivering))
	want(b, "version", m.Version, 2)
	want(b, "move of a stale copy", move(&twin, store.Delivering), db.ErrConflict)
	b.must(move(&m, store.Delivered))
	b.must(move(&m, store.Archived))
	want(b, "final", store.Final(store.In, m.State), true)
	want(b, "events", len(b.timeline(m.ID)), 5)
}

func testEventAtomic(b *bench) {
	m := b.accepted(1)
	boom := errors.New("boom")
	err := b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		copied := m
		if err := tx.Move(&copied, store.Delivering, store.Event{Kind: "never"}); err != nil {
			return err
		}
		return boom
	})
	want(b, "error", errors.Is(err, boom), true)
	want(b, "state", b.state(m.ID), store.Accepted)
	want(b, "events", len(b.timeline(m.ID)), 2)
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Note(m.ID, store.Event{Kind: "validated", Detail: "2 warnings", Actor: "worker"})
	}))
	events, err := b.Timeline(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "note", events[2], store.Event{
		Seq: 3, At: b.clock.Now(), Kind: "validated", Detail: "2 warnings",
		Actor: "worker",
	})
	err = b.Update(b.ctx, tenant, func(tx *store.Tx) error { return tx.Note("nobody", store.Event{}) })
	want(b, "note on no message", err, db.ErrNotFound)
}

// idsOf joins the ids of a page.
func idsOf(p store.Page) string {
	var ids []string
	for _, f := range p.Found {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, " ")
}

func testList(b *bench) {
	var ids []string
	for i := range 5 {
		ids = append(ids, b.accepted(i).ID)
		b.clock.advance(time.Minute)
	}
	b.submitted(1)
	page, err := b.List(b.ctx, tenant, store.Filter{Direction: store.In, Limit: 2})
	b.must(err)
	want(b, "first page", idsOf(page), ids[4]+" "+ids[3])
	accepted := []store.Standing{{Direction: store.In, State: store.Accepted}}
	page, err = b.List(b.ctx, tenant, store.Filter{Direction: store.In, Standings: accepted, Before: page.Next})
	b.must(err)
	want(b, "rest", idsOf(page), ids[2]+" "+ids[1]+" "+ids[0])
	want(b, "it is the end", page.Next == nil, true)
	page, err = b.List(b.ctx, tenant, store.Filter{From: page.Found[1].Created, To: page.Found[0].Created})
	b.must(err)
	want(b, "in a span", idsOf(page), ids[1])
	types, err := b.Types(b.ctx, tenant, page.Found[0].Created)
	b.must(err)
	want(b, "types", len(types), 2)
	want(b, "documents received and handed in", [2]int64{types[0].Count, types[1].Count}, [2]int64{4, 1})
	types, err = b.Types(b.ctx, tenant, b.clock.now.Add(time.Hour))
	b.must(err)
	want(b, "types of the future", len(types), 0)
	_, err = b.Get(b.ctx, tenant, "nobody")
	want(b, "get", err, db.ErrNotFound)
	asked := []string{ids[2], "nobody", ids[0]}
	for i := range 500 { // more than one query asks for
		asked = append(asked, fmt.Sprint("nobody-", i))
	}
	many, err := b.Many(b.ctx, tenant, append(asked, ids[1]))
	b.must(err)
	want(b, "many", fmt.Sprint(len(many), many[ids[0]].ID, many[ids[1]].ID, many[ids[2]].State),
		fmt.Sprint(3, ids[0], ids[1], store.Accepted))
	many, err = b.Many(b.ctx, "other", ids)
	b.must(err)
	want(b, "many of another tenant", len(many), 0)
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func testServed(b *bench) {
	p := must1(peppol.ParseParticipant("0192:991825827-Abc"))
	d := must1(peppol.ParseDocType("urn:x::Invoice##urn:y::2.1"))
	proc := must1(peppol.ParseProcess("urn:p"))
	serves := func(p peppol.ParticipantID, d peppol.DocTypeID, proc peppol.ProcessID) bool {
		_, ok, err := b.Serves(b.ctx, tenant, p, d, proc)
		b.must(err)
		return ok
	}
	want(b, "empty table", serves(p, d, proc), false)
	entry := store.Served{
		Participant: p, DocType: d, Process: proc, Domain: "eGov",
		Until: b.clock.Now().Add(time.Hour),
	}
	b.must(b.AddServed(b.ctx, tenant, entry))
	want(b, "other letter case", serves(must1(peppol.ParseParticipant("0192:991825827-ABC")), d, proc), true)
	want(b, "other process", serves(p, d, must1(peppol.ParseProcess("urn:P"))), false)
	want(b, "other document type", serves(p, must1(peppol.ParseDocType("urn:x::Invoice##urn:Y::2.1")), proc), false)
	want(b, "other scheme", serves(p, must1(peppol.NewDocType(peppol.SchemeWildcard, d.Value())), proc), false)
	got, _, err := b.Serves(b.ctx, tenant, p, d, proc)
	b.must(err)
	want(b, "entry", got, entry)
	_, ok, err := b.Serves(b.ctx, "other", p, d, proc)
	b.must(err)
	want(b, "other tenant", ok, false)
	b.clock.advance(time.Hour)
	want(b, "after its end", serves(p, d, proc), false)
	entry.From, entry.Until = b.clock.Now().Add(time.Hour), time.Time{}
	b.must(b.AddServed(b.ctx, tenant, entry)) // replaces
	want(b, "before its start", serves(p, d, proc), false)
	b.clock.advance(time.Hour)
	want(b, "from its start", serves(p, d, proc), true)
	list, err := b.ListServed(b.ctx, tenant, peppol.ParticipantID{})
	b.must(err)
	want(b, "list", len(list), 1)
	b.must(b.RemoveServed(b.ctx, tenant, entry))
	want(b, "removed", serves(p, d, proc), false)
	want(b, "removed twice", b.RemoveServed(b.ctx, tenant, entry), db.ErrNotFound)
	other := entry
	other.Process = must1(peppol.ParseProcess("urn:q"))
	neighbour := entry
	neighbour.Participant = must1(peppol.ParseParticipant("0192:991825827"))
	b.must(b.AddServed(b.ctx, tenant, entry, other, neighbour))
	want(b, "removed with all", must1(b.RemoveParticipant(b.ctx, tenant,
		must1(peppol.ParseParticipant("0192:991825827-ABC")))), 2)
	list, err = b.ListServed(b.ctx, tenant, peppol.ParticipantID{})
	b.must(err)
	want(b, "left", len(list), 1)
	want(b, "the neighbour is served", list[0].Participant, neighbour.Participant)
	want(b, "nothing to remove", must1(b.RemoveParticipant(b.ctx, "other", neighbour.Participant)), 0)
	if err := b.Close(); err != nil {
		b.Fatal(err)
	}
	if _, ok, err := b.Serves(b.ctx, tenant, p, d, proc); ok || err == nil {
		b.Fatal("a closed store could tell") // EBMS:0202, not NOT_SERVICED
	}
}

func testServedWildcard(b *bench) {
	p := must1(peppol.ParseParticipant("0192:991825827"))
	proc := must1(peppol.ParseProcess("urn:p"))
	registered := func(custom string) store.Served {
		d := must1(peppol.ParseRegisteredDocType(peppol.SchemeWildcard, "urn:x::Invoice##"+custom+"::2.1"))
		return store.Served{Participant: p, DocType: d, Process: proc, Domain: custom}
	}
	b.must(b.AddServed(b.ctx, tenant, registered("urn:pint*"), registered("urn:pint@no*"), registered("urn:exact")))
	for custom, domain := range map[string]string{
		"urn:pint":       "urn:pint*",
		"urn:pint@de":    "urn:pint*",
		"urn:pint@no":    "urn:pint@no*",
		"urn:pint@no@x1": "urn:pint@no*",
		"urn:exact":      "urn:exact",
		"urn:exact@no":   "",
		"urn:pint-x":     "",
	} {
		d := must1(peppol.NewDocType(peppol.SchemeWildcard, "urn:x::Invoice##"+custom+"::2.1"))
		got, ok, err := b.Serves(b.ctx, tenant, p, d, proc)
		b.must(err)
		want(b, custom, got.Domain, domain)
		want(b, custom, ok, domain != "")
	}
}

func testAudit(b *bench) {
	for i := range 3 {
		b.must(b.AppendAudit(b.ctx, tenant, db.Audit{
			Actor: "PNO000111", Action: "refused", MessageID: fmt.Sprint(i),
			Code: "EBMS:0004", Detail: "not serviced",
		}))
		b.clock.advance(time.Second)
	}
	rows, err := b.Audits(b.ctx, tenant, b.clock.Now().Add(-2*time.Second), time.Time{}, 10)
	b.must(err)
	want(b, "rows", len(rows), 2)
	want(b, "first", rows[0].MessageID+rows[0].Code, "1EBMS:0004")
	rows, err = b.Audits(b.ctx, "other", time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "rows of another tenant", len(rows), 0)
}

func testBlobUses(b *bench) {
	in := inbound(1)
	in.Message.ID = db.NewID()
	in.Message.Payload.Key = store.BlobKey(in.Message.ID, "payload")
	_, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	expected := map[string]store.BlobUse{
		in.Message.Payload.Key:                     store.BlobUsed,
		store.BlobKey(in.Message.ID, "sealed"):     store.BlobSuperseded,
		"a key that was made by something else at": store.BlobUsed,
	}
	for range 450 { // more than two queries
		expected[store.BlobKey(db.NewID(), "payload")] = store.BlobUnknown
	}
	got, err := b.BlobUses(b.ctx, slices.Collect(maps.Keys(expected)))
	b.must(err)
	want(b, "keys", len(got), len(expected))
	for key, use := range expected {
		want(b, key, got[key], use)
	}
	none, err := b.BlobUses(b.ctx, nil)
	b.must(err)
	want(b, "uses of nothing", len(none), 0)
}

func testBlobRows(b *bench) {
	var ids []string
	for i, key := range []string{"file", store.InlineMark + "inline", ""} {
		in := inbound(i)
		in.Message.ID = db.NewID()
		ids = append(ids, in.Message.ID)
		if in.Message.Payload = (store.BlobRef{}); key != "" {
			in.Message.Payload = store.BlobRef{Key: key, Length: 1}
		}
		_, err := b.Accept(b.ctx, tenant, in)
		b.must(err)
	}
	var seen []string
	for after := ""; ; {
		rows, err := b.BlobRows(b.ctx, after, 2)
		b.must(err)
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			seen = append(seen, fmt.Sprint(slices.Index(ids, r.MessageID), r.Keys))
		}
		after = rows[len(rows)-1].MessageID
	}
	want(b, "rows", strings.Join(seen, " "), "0 [file] 1 [] 2 []")
}

// folders writes the folders of a database with their marks.
func (b *bench) folders() string {
	b.Helper()
	in, err := b.Installation(b.ctx)
	b.must(err)
	var list []string
	for _, f := range in.Folders {
		list = append(list, fmt.Sprint(f.ID, "@", f.Place, "=", f.Mark))
	}
	return strings.Join(list, " ")
}

func testInstallation(b *bench) {
	in, err := b.Installation(b.ctx)
	b.must(err)
	want(b, "installation of a new database", in.ID, "")
	var ids [4]string
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = b.JoinFolder(b.ctx, db.DataFolder{ID: fmt.Sprint("f", i/2), Place: "host:/data"},
				false, db.Audit{}); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	in, err = b.Installation(b.ctx)
	b.must(err)
	for _, id := range ids {
		want(b, "installation", id, in.ID)
	}
	want(b, "folders", b.folders(), "f0@host:/data=0 f1@host:/data=0")
	for n := range int64(2) {
		mark, err := b.MarkFolder(b.ctx, "f1")
		b.must(err)
		want(b, "mark", mark, n+1)
	}
	_, err = b.MarkFolder(b.ctx, "f9")
	want(b, "mark of a stranger", err, db.ErrNotFound)
	b.clock.advance(time.Second)
	for mark, place := range map[int64]string{1: "elsewhere:/data", 7: "elsewhere:/data"} { // never lower
		_, err = b.JoinFolder(b.ctx, db.DataFolder{ID: "f1", Place: place, Mark: mark}, false, db.Audit{})
		b.must(err)
	}
	want(b, "folders", b.folders(), "f0@host:/data=0 f1@elsewhere:/data=7")
	id, err := b.JoinFolder(b.ctx, db.DataFolder{ID: "f2", Place: "p"}, true,
		db.Audit{Actor: "me", Action: "adopted", Subject: "f2"})
	b.must(err)
	want(b, "installation", id, in.ID)
	want(b, "folders", b.folders(), "f2@p=0")
	audits, err := b.Audits(b.ctx, tenant, time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "audit rows", len(audits), 1)
	want(b, "audit row", audits[0].Action+audits[0].Subject, "adoptedf2")
}

func testCounts(b *bench) {
	b.accepted(1)
	b.accepted(2)
	b.submitted(1)
	counts, err := b.Counts(b.ctx, tenant)
	b.must(err)
	want(b, "counts", fmt.Sprint(counts), "[{in ACCEPTED 2} {out READY 1}]")
}

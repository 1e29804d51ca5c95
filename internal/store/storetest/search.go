package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

var searchTests = []test{
	{"API-057 what each filter finds", testFilters},
	{"API-057 a page ends after so many rows, and the list goes on", testPages},
	{"API-055 what stopped a message, and what the rules said", testFaultCode},
	{"API-120 details of rows that were changed without them", testDetails},
}

// shelf stores five messages that differ in all that is looked for, and returns their ids: two that came in, two that
// went out, and one more that came in like the first.
func shelf(b *bench) (ids []string) {
	for i := range 5 {
		b.clock.advance(time.Minute)
		if i == 2 || i == 3 {
			sub := outbound(i)
			sub.Message.HandedIn, sub.Message.DocumentNumber = sum("file", i), fmt.Sprintf("number-%d", i)
			sub.Message.Payload.SHA256 = [32]byte(sum("payload", i))
			sub.Message.Sender = fmt.Sprintf("0192:Sender-%d", i)
			m, _, err := b.Submit(b.ctx, tenant, sub)
			b.must(err)
			ids = append(ids, m.ID)
			continue
		}
		in := inbound(i)
		in.Message.DocumentNumber, in.Message.Payload.SHA256 = fmt.Sprintf("number-%d", i%4),
			[32]byte(sum("payload", i%4))
		in.Message.InstanceID = fmt.Sprintf("instance-%d", i%4)
		in.Message.C2 = peppol.SeatID(fmt.Sprintf("PNO00033%d", i))
		in.Message.DocType = fmt.Sprintf("urn:x-%d::Invoice##urn:y::2.1", i)
		m, err := b.Accept(b.ctx, tenant, in)
		b.must(err)
		ids = append(ids, m.ID)
	}
	return ids
}

func sum(what string, i int) []byte {
	s := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, i))
	return s[:]
}

func testFilters(b *bench) {
	ids := shelf(b)
	_, err := b.Accept(b.ctx, "other", inbound(0))
	b.must(err)
	job, err := b.Take(b.ctx, tenant, store.Deliver, ids[1], "worker-1", lease)
	b.must(err)
	_, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "folder", Lease: lease})
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Delivered, Outcome: "delivered"}))
	in := func(s store.State, r store.Maybe) store.Standing {
		return store.Standing{Direction: store.In, State: s, Reached: r}
	}
	for name, tc := range map[string]struct {
		f    store.Filter
		want []int // newest first
	}{
		"all":                         {store.Filter{}, []int{4, 3, 2, 1, 0}},
		"direction":                   {store.Filter{Direction: store.Out}, []int{3, 2}},
		"sender, in any case":         {store.Filter{Sender: "0192:SENDER-3"}, []int{3}},
		"receiver":                    {store.Filter{Receiver: "0192:receiver-1"}, []int{4, 1, 0}},
		"participant of either side":  {store.Filter{Participant: "0192:991825827"}, []int{4, 3, 2, 1, 0}},
		"participant who sends":       {store.Filter{Participant: "0192:sender-2"}, []int{2}},
		"C2":                          {store.Filter{C2: "PNO000331"}, []int{1}},
		"C3":                          {store.Filter{C3: "PNO000222"}, []int{4, 1, 0}},
		"message id":                  {store.Filter{MessageID: "out-2@us.example"}, []int{2}},
		"message id of the other way": {store.Filter{MessageID: "out-2@us.example", Direction: store.In}, nil},
		"instance id":                 {store.Filter{InstanceID: "instance-0"}, []int{4, 0}},
		"document number":             {store.Filter{DocumentNumber: "number-0"}, []int{4, 0}},
		"document number and span":    {store.Filter{DocumentNumber: "number-0", From: b.clock.Now()}, []int{4}},
		"payload":                     {store.Filter{Hash: sum("payload", 0)}, []int{4, 0}},
		"file":                        {store.Filter{Hash: sum("file", 3)}, []int{3}},
		"another file":                {store.Filter{Hash: sum("file", 9)}, nil},
		"type without version":        {store.Filter{DocType: "urn:x-1::Invoice##urn:y"}, []int{1}},
		"type":                        {store.Filter{DocType: "urn:x-1::Invoice##urn:y::2.1"}, []int{1}},
		"beginning of a type":         {store.Filter{DocType: "urn:x-1::Invoice##urn"}, nil},
		"state": {store.Filter{
			Standings: []store.Standing{in(store.Accepted, store.Either)},
		}, []int{4, 0}},
		"states, one that has its goal": {store.Filter{Standings: []store.Standing{
			in(store.Accepted, store.Either),
			in(store.Delivered, store.Yes),
		}}, []int{4, 1, 0}},
		"state, not at its goal": {
			store.Filter{Standings: []store.Standing{in(store.Delivered, store.No)}},
			nil,
		},
		"state and participant": {store.Filter{
			Standings:   []store.Standing{in(store.Accepted, store.No)},
			Participant: "0192:receiver-1",
		}, []int{4, 0}},
		"crowded state and instance id": {store.Filter{
			Standings: []store.Standing{in(store.Delivered, store.Either)}, InstanceID: "instance-1",
		}, []int{1}},
		"crowded state and a participant": {store.Filter{
			Standings: []store.Standing{in(store.Delivered, store.Either)}, Sender: "0192:991825827",
		}, []int{1}},
		"a span, from inclusive":           {store.Filter{From: b.clock.Now().Add(-time.Minute)}, []int{4, 3}},
		"a span, to exclusive":             {store.Filter{To: b.clock.Now()}, []int{3, 2, 1, 0}},
		"nothing of a span that is behind": {store.Filter{From: b.clock.Now().Add(time.Minute)}, nil},
	} {
		page, err := b.List(b.ctx, tenant, tc.f)
		b.must(err)
		var want []string
		for _, i := range tc.want {
			want = append(want, ids[i])
		}
		if got := idsOf(page); got != strings.Join(want, " ") || page.Next != nil {
			b.Errorf("%s: got %s, want %s, next %v", name, got, want, page.Next)
		}
	}
	page, err := b.List(b.ctx, tenant, store.Filter{Sender: "0192:991825827", C2: "PNO000331"})
	b.must(err)
	want(b, "attempts", page.Found[0].Attempts, 1)
	want(b, "reached", page.Found[0].Reached, true)
}

// A message that is of both ways of a filter comes once, and every message comes, whatever a page may look at.
func testPages(b *bench) {
	var all []string
	for i := range 12 {
		in := inbound(i)
		if in.Message.DocType = "urn:rare::Invoice##urn:y::2.1"; i%4 > 0 {
			in.Message.DocType = "urn:common::Invoice##urn:y::2.1"
		}
		if i%3 == 0 {
			in.Message.Sender = in.Message.Receiver // of both ways
		}
		if i%2 == 0 {
			b.clock.advance(time.Minute) // two have the same time
		}
		m, err := b.Accept(b.ctx, tenant, in)
		b.must(err)
		all = append([]string{m.ID}, all...)
	}
	rare := strings.Join([]string{all[3], all[7], all[11]}, " ")
	for _, f := range []store.Filter{
		{DocType: "urn:rare::Invoice##urn:y"},
		{DocType: "urn:rare::Invoice##urn:y", Participant: "0192:Receiver-1"},
		{DocType: "urn:rare::Invoice##urn:y", Standings: []store.Standing{
			{Direction: store.In, State: store.Accepted},
			{Direction: store.In, State: store.Dead},
		}},
	} {
		for _, f.LookAt = range []int{2, 4, 6, 24, 1000} {
			for _, f.Limit = range []int{1, 2, 100} {
				var got []string
				pages := 0
				for f.Before = nil; ; pages++ {
					page, err := b.List(b.ctx, tenant, f)
					b.must(err)
					if len(page.Found) > f.Limit {
						b.Fatalf("a page of %d", len(page.Found))
					}
					for _, m := range page.Found {
						got = append(got, m.ID)
					}
					if f.Before = page.Next; page.Next == nil || pages > 100 {
						break
					}
				}
				want(b, fmt.Sprintf("looking at %d, limit %d", f.LookAt, f.Limit), strings.Join(got, " "), rare)
				want(b, fmt.Sprintf("looking at %d, limit %d: more pages than one", f.LookAt, f.Limit), pages > 0,
					f.LookAt <= 6 || f.Limit < 3)
			}
		}
	}
}

// The column of the fault tells of the last event that stopped a message.
func testFaultCode(b *bench) {
	m := b.submitted(1)
	code := func() string {
		got, err := b.Get(b.ctx, tenant, m.ID)
		b.must(err)
		want(b, "updated", got.Updated, b.clock.Now())
		return got.FaultCode
	}
	want(b, "at first", code(), "")
	b.clock.advance(time.Minute)
	job := b.claimed(store.Send)
	b.must(b.NotSent(b.ctx, job, store.NotSent{
		Retry:  b.clock.Now(),
		Reason: "RAVN-2102: the receiver could not be looked up",
	}))
	want(b, "not looked up", code(), "RAVN-2102")
	job = b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, sealedAs("one"))
	b.must(err)
	want(b, "while it is tried", code(), "RAVN-2102")
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.RetryWait, Retry: b.clock.Now(), Code: "EBMS:0202",
		Detail: "later",
	}))
	want(b, "told to wait", code(), "EBMS:0202")
	b.clock.advance(time.Minute)
	job = b.claimed(store.Send)
	_, n, err = b.StartAttempt(b.ctx, job, store.Start{Lease: lease})
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.Sent, Outcome: "receipt", Evidence: []store.Evidence{{
			Kind:  store.EvidenceReceipt,
			Bytes: []byte("r"),
		}}, Verdict: "valid",
	}))
	want(b, "sent", code(), "")
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "verdict", got.Verdict, "valid")
	rest, err := b.CountUndetailed(b.ctx)
	b.must(err)
	want(b, "rows without details", rest, 0)
}

// olderUpdate is how a program with schema 5 moves a message.
const olderUpdate = `UPDATE message SET state = 'DEAD', version = version + 1, events = events + 1 WHERE id = `

func testDetails(b *bench) {
	m, other := b.accepted(1), b.accepted(2)
	eng, err := b.db()
	b.must(err)
	defer closeEngine(b.T, eng)
	_, err = eng.Write.ExecContext(b.ctx, olderUpdate+"'"+m.ID+"'")
	b.must(err)
	list, err := b.Undetailed(b.ctx, "", 10)
	b.must(err)
	want(b, "rows", len(list), 1)
	want(b, "which", list[0].ID, m.ID)
	want(b, "it had all of them", list[0].Whole, false)

	// Whatever else happens to it, it stays one until the worker has been there.
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error { return tx.Note(m.ID, store.Event{Kind: "noted"}) }))
	details := store.Details{
		Of: list[0], DocumentNumber: "47", Verdict: "invalid", FaultCode: "RAVN-3105",
		Updated: b.clock.Now(),
	}
	n, err := b.SetDetails(b.ctx, tenant, []store.Details{details})
	b.must(err)
	want(b, "written over a change", n, 0)
	list, err = b.Undetailed(b.ctx, "", 10)
	b.must(err)
	details.Of = list[0]
	n, err = b.SetDetails(b.ctx, tenant, []store.Details{details})
	b.must(err)
	want(b, "written", n, 1)
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "details", fmt.Sprint(got.DocumentNumber, got.Verdict, got.FaultCode, got.Updated),
		fmt.Sprint("47", "invalid", "RAVN-3105", b.clock.Now()))
	want(b, "version", got.Version, list[0].Version)
	rest, err := b.CountUndetailed(b.ctx)
	b.must(err)
	want(b, "rest", rest, 0)
	after, err := b.Undetailed(b.ctx, other.ID, 10)
	b.must(err)
	want(b, "behind the last", len(after), 0)
}

// migrateDocuments opens a database of schema 5, whose rows are found as undetailed, and lets a program of that schema
// go on writing beside this one.
func migrateDocuments(t *testing.T, create Database) {
	row := func(id string) string {
		return `INSERT INTO message (id, tenant, domain, direction, state, version, events, message_id,
			conversation_id, as4_time,
			c2, c3, sender, receiver, doctype_scheme, doctype, process_scheme, process, transport, instance_id,
				creation_time,
			country_c1, mls_to, mls_type, possible_duplicate, created, accepted, payload_key, payload_length,
				payload_mime,
			sealed_key, sealed_length, sealed_type, endpoint)
				VALUES ('` + id + `', 'default', '', 'in', 'ACCEPTED', 1, 2, 'm-` + id +
			`', '', 0, 'PNO000111', 'PNO000222', '0192:Sender', '0192:receiver', '', 'd', '', 'p', '', 'i-` + id + `',
			'', 'NO', '', '',
			0, 1788264000000000, 1788264000000000, '', 0, '', '', 0, '', '')`
	}
	eng := old(t, create, 5, row("1"))
	defer closeEngine(t, eng)
	b := oldBench(t, create)
	b.Store = b.open(db.Options{Now: b.clock.Now})
	_, err := eng.Write.ExecContext(b.ctx, row("2")) // by an older program
	b.must(err)
	list, err := b.Undetailed(b.ctx, "", 10)
	b.must(err)
	want(b, "rows", len(list), 2)
	for i, u := range list {
		want(b, "row", fmt.Sprint(u.ID, u.Whole, u.Events, u.DocumentNumber, u.HandedIn == nil),
			fmt.Sprint(fmt.Sprint(i+1), true, int64(2), "", true))
	}
	page, err := b.List(b.ctx, tenant, store.Filter{InstanceID: "i-2", Participant: "0192:SENDER"})
	b.must(err)
	want(b, "found by what it has", idsOf(page), "2")
	n, err := b.SetDetails(b.ctx, tenant, []store.Details{
		{Of: list[0], DocumentNumber: "a"},
		{Of: list[1], DocumentNumber: "b"},
	})
	b.must(err)
	want(b, "written", n, 2)
	page, err = b.List(b.ctx, tenant, store.Filter{DocumentNumber: "b"})
	b.must(err)
	want(b, "found by its number", idsOf(page), "2")
	in := inbound(3)
	in.Message.HandedIn = bytes.Repeat([]byte{1}, 32)
	m, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "a new row", slices.Equal(got.HandedIn, in.Message.HandedIn), true)
	_, err = b.Get(b.ctx, tenant, "3")
	want(b, "no other", errors.Is(err, db.ErrNotFound), true)
}

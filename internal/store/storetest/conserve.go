package storetest

import (
	"fmt"

	"github.com/ravn-ap/ravn/internal/store"
)

var conserveTests = []test{
	{"REL-101 what is wrong with a message is found", testBreaches},
	{"REL-101 what goes its way is as it must be", testConserved},
	{"REL-101 a receipt whose message is gone is found", testStrays},
	{"REL-003 payloads of all messages, page by page", testPayloads},
}

// breaches are all that the record has.
func (b *bench) breaches() (list []store.Breach) {
	b.Helper()
	for after := ""; ; {
		bad, n, last, err := b.Conserved(b.ctx, after, 3)
		b.must(err)
		if n == 0 {
			return list
		}
		list, after = append(list, bad...), last
	}
}

// spoil changes the record behind its back.
func (b *bench) spoil(query string, args ...any) {
	b.Helper()
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		n, err := tx.Exec(query, args...)
		want(b, query, n, 1)
		return err
	}))
}

func testBreaches(b *bench) {
	for i, tc := range []struct {
		spoil, what string
		out         bool
	}{
		{`DELETE FROM outbox WHERE message_id = ?`, "it waits, and there is no work for it", false},
		{`DELETE FROM outbox WHERE message_id = ?`, "it waits, and there is no work for it", true},
		{`UPDATE outbox SET done = 7 WHERE message_id = ?`, "it waits, and its work has ended", true},
		{
			`UPDATE message SET state = 'DELIVERED' WHERE id = ?`,
			"nothing is to be done with it, and its work is open; its timeline ends with ACCEPTED", false,
		},
		{
			`UPDATE message SET state = 'SENT' WHERE id = ?`, "nothing is to be done with it, and its work is open; " +
				"its timeline ends with READY; it is sent, and there is no receipt", true,
		},
		{`DELETE FROM event WHERE message_id = ? AND seq = 1`, "events are missing from its timeline", true},
		{`DELETE FROM evidence WHERE message_id = ? AND kind = 'receipt'`, "there is no receipt of it", false},
		{`DELETE FROM duplicate WHERE ref = ?`, "a repeat of it would not be recognised", false},
	} {
		var m store.Message
		if tc.out {
			m = b.submitted(i)
		} else {
			m = b.accepted(i)
		}
		want(b, "before", len(b.breaches()), i)
		b.spoil(tc.spoil, m.ID)
		m, err := b.Get(b.ctx, tenant, m.ID)
		b.must(err)
		bad := b.breaches()
		want(b, "breaches", len(bad), i+1)
		want(b, tc.spoil, bad[i], store.Breach{
			MessageID: m.ID, Direction: m.Direction, State: m.State, What: tc.what,
		})
	}
}

func testConserved(b *bench) {
	in, out := b.accepted(1), b.submitted(2)
	given := b.submitted(3)
	b.must(b.Cancel(b.ctx, tenant, given.ID, "op", "not wanted"))
	dead := b.accepted(4)
	for _, job := range b.claim(store.Deliver, 10) {
		_, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "folder", Lease: lease})
		b.must(err)
		want(b, "under way", len(b.breaches()), 0)
		state := store.Delivered
		if job.MessageID == dead.ID {
			state = store.Dead
		}
		b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: state, Outcome: "x"}))
	}
	job := b.claimed(store.Send)
	body := sealed
	_, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "e", Lease: lease, Sealed: &body})
	b.must(err)
	receipt := []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("r")}}
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt}))
	want(b, "at the end", len(b.breaches()), 0)
	for id, state := range map[string]store.State{
		in.ID: store.Delivered, out.ID: store.Sent, given.ID: store.Cancelled, dead.ID: store.Dead,
	} {
		want(b, "state", b.state(id), state)
	}
	b.spoil(`UPDATE outbox SET dead = 0 WHERE message_id = ?`, dead.ID)
	bad := b.breaches()
	want(b, "given up", len(bad), 1)
	want(b, "given up", bad[0], store.Breach{
		MessageID: dead.ID, Direction: store.In, State: store.Dead, What: "it is given up, and its work is not",
	})
}

func testStrays(b *bench) {
	var gone []store.Breach
	for i := range 5 {
		m := b.accepted(i)
		if i%2 == 1 {
			b.spoil(`DELETE FROM message WHERE id = ?`, m.ID)
			gone = append(gone, store.Breach{
				MessageID: m.ID, Direction: store.In, What: "it was accepted, and it is not in the record",
			})
		}
	}
	var found []store.Breach
	keys := 0
	for after := (store.Spot{}); ; {
		bad, n, last, err := b.Strays(b.ctx, after, 2)
		b.must(err)
		if n == 0 {
			break
		}
		found, keys, after = append(found, bad...), keys+n, last
	}
	want(b, "keys", keys, 5)
	want(b, "gone", fmt.Sprint(found), fmt.Sprint(gone))
}

func testPayloads(b *bench) {
	in, out := b.accepted(1), b.submitted(2)
	job := b.claimed(store.Send)
	body := sealed
	_, _, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "e", Lease: lease, Sealed: &body})
	b.must(err)
	var all []store.Payloads
	for after := ""; ; {
		page, err := b.Payloads(b.ctx, after, 1)
		b.must(err)
		if len(page) == 0 {
			break
		}
		all, after = append(all, page...), page[0].MessageID
	}
	wanted := map[string]store.Payloads{
		in.ID:  {MessageID: in.ID, State: store.Accepted, Refs: []store.BlobRef{in.Payload}},
		out.ID: {MessageID: out.ID, State: store.Sending, Refs: []store.BlobRef{out.Payload, sealed.Body}},
	}
	want(b, "messages", len(all), len(wanted))
	for _, p := range all {
		want(b, "payloads of "+p.MessageID, fmt.Sprint(p), fmt.Sprint(wanted[p.MessageID]))
	}
}

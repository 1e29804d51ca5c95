package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

// A message without a route waits: no attempt is on record, no start without an end, one event however often it is
// looked at. When the routes have changed it is due at once, unless an operator holds it.
func testNotDelivered(b *bench) {
	const why = "RAVN-3106: no route"
	m, held := b.accepted(1), b.accepted(2)
	for range 7 { // more than a crashing job may have
		for _, job := range b.claim(store.Deliver, 10) {
			want(b, "unended", job.Unended, 0)
			want(b, "spent", job.Spent, 0)
			b.must(b.NotDelivered(b.ctx, job, b.clock.Now().Add(time.Minute), why))
		}
		b.clock.advance(time.Minute)
	}
	want(b, "state", b.state(m.ID), store.Accepted)
	want(b, "timeline", strings.Join(b.timeline(m.ID), " "), "verified accepted not_delivered")
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "attempts", len(attempts), 0)
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "code", got.FaultCode, "RAVN-3106")

	for _, job := range b.claim(store.Deliver, 10) {
		b.must(b.NotDelivered(b.ctx, job, b.clock.Now().Add(time.Hour), why))
	}
	stuck, err := b.StuckFor(b.ctx, "RAVN-3106", 10)
	b.must(err)
	want(b, "tenants", len(stuck), 1)
	want(b, "stuck", stuck[0].Messages, 2)
	b.must(b.Hold(b.ctx, tenant, held.ID, "kari", "wait"))
	list, err := b.Parked(b.ctx, store.Parked{}, 10)
	b.must(err)
	for i := range list {
		list[i].Lane = "folder"
	}
	b.must(b.Reroute(b.ctx, list))
	job := b.claimed(store.Deliver)
	want(b, "due at once", job.MessageID+" "+job.Lane, m.ID+" folder")

	// what an attempt left open is closed
	_, _, err = b.StartAttempt(b.ctx, job, store.Start{Endpoint: "folder", Lease: lease})
	b.must(err)
	b.clock.advance(lease)
	job = b.claimed(store.Deliver)
	b.must(b.NotDelivered(b.ctx, job, b.clock.Now(), why))
	want(b, "state", b.state(m.ID), store.DeliveryFailed)
	waits, err := b.JobOf(b.ctx, tenant, store.Deliver, m.ID)
	b.must(err)
	want(b, "it is in no backend's lane", waits.Lane, "")
	want(b, "OPS-005 its plan begins anew", fmt.Sprint(waits.Spent, " ", waits.Begun.Equal(b.clock.Now())), "0 true")
	want(b, "with an old claim", errors.Is(b.NotDelivered(b.ctx, job, b.clock.Now(), why), store.ErrLeaseLost), true)
	job = b.claimed(store.Deliver)
	_, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "folder", Lease: lease})
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Delivered, Outcome: "delivered"}))
	want(b, "state", b.state(m.ID), store.Delivered)
	stuck, err = b.StuckFor(b.ctx, "RAVN-3106", 10)
	b.must(err)
	want(b, "stuck when all have a backend", len(stuck), 0)
	b.must(b.Unhold(b.ctx, tenant, held.ID, "kari", "go on"))
	b.clock.advance(2 * time.Hour) // its own time has come
	want(b, "released", b.claimed(store.Deliver).Lane, "folder")
}

// Waiting deliveries are shown in pages, each once, with what a route depends on. One that is moved to the lane of
// another backend is due at once; what somebody is at, or was since it was shown, stays as it is.
func testReroute(b *bench) {
	var ids []string
	for i := range 5 {
		ids = append(ids, b.accepted(i).ID)
	}
	var all []store.Parked
	for behind := (store.Parked{}); ; {
		page, err := b.Parked(b.ctx, behind, 2)
		b.must(err)
		if len(page) == 0 {
			break
		}
		all, behind = append(all, page...), page[len(page)-1]
	}
	seen := map[string]bool{}
	for _, p := range all {
		m, err := b.Get(b.ctx, tenant, p.Message.ID)
		b.must(err)
		of := func(m *store.Message) string {
			return fmt.Sprint(m.Tenant, m.ID, m.Domain, m.C2, m.Sender, m.Receiver, m.DocTypeScheme, m.DocType,
				m.ProcessScheme, m.Process)
		}
		want(b, "message", of(&p.Message), of(&m))
		seen[p.Message.ID] = true
	}
	want(b, "shown", fmt.Sprint(len(all), " ", len(seen)), "5 5")

	jobs := map[string]store.Job{}
	for _, job := range b.claim(store.Deliver, 10) {
		jobs[job.MessageID] = job
	}
	for _, id := range ids[2:] { // the first two are under way
		b.must(b.Release(b.ctx, jobs[id], b.clock.Now().Add(time.Hour), "later"))
	}
	for i := range all {
		all[i].Lane = "old"
	}
	b.must(b.Reroute(b.ctx, all)) // as they were shown
	want(b, "due", len(b.claim(store.Deliver, 10)), 0)
	list, err := b.Parked(b.ctx, store.Parked{}, 10)
	b.must(err)
	for i := range list {
		want(b, "lane", list[i].Lane, "")
		list[i].Lane = "other"
	}
	b.must(b.Reroute(b.ctx, list))
	moved := b.claim(store.Deliver, 10)
	want(b, "moved", len(moved), 3)
	for _, job := range moved {
		want(b, "lane", job.Lane, "other")
		want(b, "was under way", job.MessageID == ids[0] || job.MessageID == ids[1], false)
	}
}

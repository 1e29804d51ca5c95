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
	b.must(b.Hurry(b.ctx, "RAVN-3105"))
	want(b, "hurried for another reason", len(b.claim(store.Deliver, 10)), 0)
	b.must(b.Hurry(b.ctx, "RAVN-3106"))
	job := b.claimed(store.Deliver)
	want(b, "hurried", job.MessageID, m.ID)

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
	want(b, "stuck", stuck[0].MessageID, held.ID)
}

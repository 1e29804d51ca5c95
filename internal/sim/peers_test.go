package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// peers is the program of C3: all access points of the world as tenants of one record.
type peers struct {
	*process
	store  *store.Store
	runner *queue.Runner
	lanes  *queue.Lanes
	aps    []*accessPoint
}

type accessPoint struct {
	receiver *as4.Receiver
	inbound  *ap.Inbound
}

func tenantOf(apn int) string { return fmt.Sprint("ap", apn) }

func (w *world) startPeers(p *process, before string) (_ program, err error) {
	n := &peers{process: p}
	if n.store, err = p.record(w.file("c3.db")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = n.store.Close() // it was never used
		}
	}()
	if before != "" && p.dice("bury").IntN(2) == 0 {
		if _, err := n.store.BuryOwner(context.Background(), before); err != nil {
			return nil, err
		}
	}
	n.lanes = &queue.Lanes{LaneStore: n.store, Now: w.wall}
	n.runner = &queue.Runner{
		Store: n.lanes, Work: map[store.Kind]queue.Work{store.Deliver: n.deliver}, Owner: p.name, Now: w.wall,
		Poll:    w.poll,
		OnError: func(job store.Job, err error) { w.note("%s: %v", p.name, err) },
	}
	n.lanes.Tune(queue.Tuning{
		PerLane: 8, Expire: w.giveUp, Wake: n.runner.Wake, Changed: func(lane string, open time.Time) {
			w.note("%s: breaker of %s: %s", p.name, lane, until(w, open))
			time.AfterFunc(open.Sub(w.wall())+time.Second, n.runner.Wake)
		},
	})
	for i := range accessPoints {
		if err := n.add(i); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	w.c3[p.name] = n
	w.mu.Unlock()
	return n, nil
}

func (n *peers) add(i int) error {
	w, tenant := n.w, tenantOf(i)
	files, err := blobs(n.store, tenant, w.file("c3"), 64<<10)
	if err != nil {
		return err
	}
	keys := certs.NewKeyring(w.aps[i][0], w.aps[i][1])
	in := &ap.Inbound{
		Core: ap.Core{
			Tenant: tenant, Store: n.store, Blobs: files, Trust: w.trust,
			Keys: func() *certs.Keyring { return keys }, Now: w.wall,
		},
		Route: (&office{w: w, p: n.process, tenant: tenant}).route, Lease: time.Minute, Queue: n.runner, Lanes: n.lanes,
	}
	rx := &as4.Receiver{
		Keys: in.Keys, Trust: w.trust, Handler: in, Seat: w.aps[i][0].Seat, Host: hostOf(i), Path: "/as4",
		Spool: w.file("c3"), Now: w.wall,
		// ids are those of messages: unique over all processes
		NewID: func() string {
			return strings.ReplaceAll(n.name, "#", "-") + "-" + tenant + "-" + hex.EncodeToString(n.fresh())
		},
	}
	n.aps = append(n.aps, &accessPoint{rx, in})
	return nil
}

// fresh returns bytes that no other call returns.
func (n *peers) fresh() []byte {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.serial++
	return fmt.Append(nil, n.w.serial)
}

func (n *peers) at(host string) *accessPoint { return n.aps[apOf(host)] }

func (n *peers) deliver(ctx context.Context, job store.Job) queue.Outcome {
	for _, a := range n.aps {
		if a.inbound.Tenant == job.Tenant {
			defer n.soon()
			return a.inbound.Forward(ctx, job)
		}
	}
	return queue.Dead("no such tenant")
}

// soon has the queue look for failed deliveries, so that it need not look every other second for a day.
func (n *peers) soon() { time.AfterFunc(90*time.Second, n.runner.Wake) }

func (n *peers) run(ctx context.Context) { n.runner.Run(ctx) }

func (n *peers) leave() {
	n.w.mu.Lock()
	delete(n.w.c3, n.name)
	n.w.mu.Unlock()
	if !n.isDead() {
		if _, err := n.store.LeaveOwner(context.Background(), n.name); err != nil {
			n.w.note("%s: leave: %v", n.name, err)
		}
	}
	if err := n.store.Close(); unexpected(err) {
		n.w.note("%s: close: %v", n.name, err)
	}
}

// peers returns one of the processes of C3 that run now, or nil.
func (w *world) peers(n int) *peers {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := slices.Sorted(maps.Keys(w.c3))
	if len(names) == 0 {
		return nil
	}
	return w.c3[names[n%len(names)]]
}

// desk is what C4 has: a backend that knows repeats by their key (REL-010).
type desk struct {
	mu     sync.Mutex
	docs   map[string]*delivered // by delivery id
	visits map[string]int
}

type delivered struct {
	tenant, doc, messageID string
	digest                 string
	times                  int
}

// office is the system of C4 as an access point sees it.
type office struct {
	w      *world
	p      *process
	tenant string
}

func (o *office) Name() string { return "office" }

// route leads to the office. For some documents nobody has thought of a route, until calm comes (OPS-002).
func (o *office) route(m *store.Message) (ap.Destination, bool) {
	forgotten := o.w.dice("route", o.tenant, m.ConversationID).IntN(12) == 0 && !o.w.isCalm()
	return ap.Destination{Route: "office", Backend: o, Plan: ap.Plan{Waits: []time.Duration{
		time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute,
	}}}, !forgotten
}

// Deliver takes a document, or fails before or after it did (F-18).
func (o *office) Deliver(ctx context.Context, d backend.Delivery) backend.Outcome {
	b, err := io.ReadAll(d.Payload)
	if err != nil {
		return backend.Ended(err)
	}
	sum := sha256.Sum256(b)
	r := o.w.dice("office", o.tenant, d.Metadata.ConversationID, o.w.visits(d.ID))
	bad := !o.w.isCalm() && r.IntN(4) == 0
	if bad && r.IntN(2) == 0 {
		return backend.Ended(errors.New("sim: the office is closed"))
	}
	select {
	case <-time.After(between(r, time.Millisecond, 5*time.Second)):
	case <-ctx.Done():
		return backend.Ended(ctx.Err())
	}
	o.p.wait()
	if o.p.isDead() {
		return backend.Ended(errDead)
	}
	times := o.take(d, hex.EncodeToString(sum[:]))
	if bad {
		return backend.Ended(errors.New("sim: the office took it, and did not say so"))
	}
	if times > 1 {
		return backend.Outcome{Class: backend.Already}
	}
	return backend.Outcome{Class: backend.Taken}
}

// visits counts how often a delivery is brought.
func (w *world) visits(id string) int {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	w.desk.visits[id]++
	return w.desk.visits[id]
}

func (o *office) take(d backend.Delivery, digest string) (times int) {
	o.w.desk.mu.Lock()
	defer o.w.desk.mu.Unlock()
	doc := d.Metadata.ConversationID
	seen := o.w.desk.docs[d.ID]
	if seen == nil {
		seen = &delivered{o.tenant, doc, d.Metadata.MessageID, digest, 0}
		o.w.desk.docs[d.ID] = seen
		o.w.note("%s: the office at %s gets %s", o.p.name, o.tenant, doc)
	}
	if seen.digest != digest || seen.doc != doc {
		const text = "delivery %s comes with %s of %s, and came with %s of %s"
		o.w.violate("I2", text, d.ID, digest, doc, seen.digest, seen.doc)
	}
	seen.times++
	return seen.times
}

// entry is where a receiver is registered from some time on.
type entry struct {
	from time.Duration
	ap   int
	cert int // first or second certificate of the access point
}

// inquiry is the register as a process asks it.
type inquiry struct{ p *process }

// Endpoint answers as the register of the world has it at that time, or not at all (F-09, F-10).
func (q *inquiry) Endpoint(ctx context.Context, r peppol.ParticipantID, _ peppol.DocTypeID, _ peppol.ProcessID) (
	*smp.Endpoint, error,
) {
	w := q.p.w
	doc, _ := ctx.Value(docKey{}).(string)
	dice := w.dice("lookup", doc, w.asks(doc))
	wait := between(dice, time.Millisecond, w.far)
	bad := !w.isCalm() && dice.Float64() < w.lookups
	if w.mood == sendersStop && !w.isCalm() && !w.mild && dice.IntN(8) == 0 { // between claim and attempt
		w.wg.Go(func() { q.p.halt(between(dice, time.Minute, 30*time.Minute)) })
		time.Sleep(time.Millisecond)
	}
	if bad && dice.IntN(3) == 0 {
		wait = between(dice, time.Second, time.Minute)
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-q.p.dead:
		return nil, errDead
	}
	q.p.wait()
	if bad {
		return nil, w.noAnswer(r.Value(), dice.IntN(100))
	}
	e := w.registered(r.Value())
	return &smp.Endpoint{
		URL: "https://" + hostOf(e.ap) + "/as4", Cert: w.aps[e.ap][e.cert].Cert, SMP: "https://smp.example",
	}, nil
}

func (w *world) noAnswer(receiver string, n int) error {
	reason := smp.DNSFailure
	switch {
	case n < 2:
		reason = smp.NoParticipant
	case n < 4:
		reason = smp.BadSignature
	case n < 20:
		reason = smp.UnknownToSMP
	case n < 60:
		reason = smp.Unavailable
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if reason.Kind() != smp.CannotTell {
		w.denied[receiver] = true
	}
	w.life["lookup "+string(reason)]++
	return &smp.Error{Kind: reason.Kind(), Reason: reason, Rule: "SIM", Msg: "not now"}
}

// Forget drops nothing, because nothing is cached.
func (q *inquiry) Forget(peppol.ParticipantID, peppol.DocTypeID) {}

// asks counts the inquiries for a document.
func (w *world) asks(doc string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inquiries[doc]++
	return w.inquiries[doc]
}

func (w *world) registered(receiver string) entry {
	list := w.register[receiver]
	i := len(list) - 1
	for i > 0 && list[i].from > w.elapsed() {
		i--
	}
	return list[i]
}

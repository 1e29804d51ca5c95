package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
)

var acceptTests = []test{
	{"REL-001 an accept stores everything at once", testAccept},
	{"SEC-070 of 64 twins one is accepted and 63 get its receipt", testDuplicateRace},
	{"SEC-070 the same id from another seat is another message", testOtherSeat},
	{"SBDH-046 an instance id that came before is flagged", testPossibleDuplicate},
	{"D-11 a counting row that exists does not stop an accept", testCountConflict},
	{"D-21 the same message in two tenants", testTenants},
	{"REL-032 a duplicate key is kept for 400 days", testForget},
	{"accept without a duplicate key is refused", testAcceptIncomplete},
	{"AS4-128 a repeat with a rebuilt header is kept beside the first", testRepeat},
	{"REL-010 an accept that is held starts its delivery", testAcceptHeld},
	{"CP-R12 a held accept whose node dies is delivered by another", testAcceptHeldLost},
}

// held accepts a message and holds its delivery; the payload is one that the record keeps.
func held(b *bench) (m store.Message, job store.Job, n int) {
	in := inbound(1)
	in.Message.ID = db.NewID()
	in.Message.Payload = store.BlobRef{
		Key: store.InlineMark + store.BlobKey(in.Message.ID, "sbd"), Length: 3,
		Inline: "abc",
	}
	m, job, n, err := b.AcceptHeld(b.ctx, tenant, in, "me", start)
	b.must(err)
	want(b, "state", m.State, store.Delivering)
	want(b, "attempt", n, 1)
	want(b, "owner", job.Owner, "me")
	return m, job, n
}

func testAcceptHeld(b *bench) {
	m, job, n := held(b)
	want(b, "free jobs", len(b.claim(store.Deliver, 10)), 0)
	kept, err := b.Evidence(b.ctx, tenant, m.ID, "sbd")
	b.must(err)
	want(b, "payload in the record", string(kept.Bytes), "abc")
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Delivered, Outcome: "delivered", Message: &m}))
	want(b, "state", b.state(m.ID), store.Delivered)
	stale := b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Delivered, Message: &m})
	want(b, "a second end", stale, store.ErrLeaseLost)
}

func testAcceptHeldLost(b *bench) {
	m, old, n := held(b)
	b.clock.advance(lease)
	job := b.claimed(store.Deliver)
	got, n2, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	want(b, "attempt", n2, 2)
	err = b.FinishAttempt(b.ctx, old, n, store.Result{State: store.Delivered, Message: &m})
	want(b, "the old node", err, store.ErrLeaseLost) // REL-013
	b.must(b.FinishAttempt(b.ctx, job, n2, store.Result{State: store.Delivered, Message: &got}))
	want(b, "state", b.state(m.ID), store.Delivered)
}

func testAccept(b *bench) {
	in := inbound(1)
	m, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	wantMessage := in.Message
	wantMessage.ID, wantMessage.Tenant, wantMessage.Direction = m.ID, tenant, store.In
	wantMessage.State, wantMessage.Version = store.Accepted, 1
	wantMessage.Created, wantMessage.Updated, wantMessage.Accepted = b.clock.Now(), b.clock.Now(), b.clock.Now()
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	for _, m := range []store.Message{m, got} {
		if !reflect.DeepEqual(m, wantMessage) {
			b.Fatalf("got  %+v\nwant %+v", m, wantMessage)
		}
	}
	prior, err := b.Known(b.ctx, tenant, "PNO000111", in.Message.MessageID)
	b.must(err)
	want(b, "prior", prior.ID+string(prior.State)+prior.ReceiptType, m.ID+"ACCEPTEDapplication/soap+xml")
	want(b, "receipt", string(prior.Receipt), "<Receipt 1/>") // REL-004
	want(b, "digests", string(prior.Digests), "cid:1=abc")
	want(b, "accepted", prior.Accepted, b.clock.Now())

	pieces, err := b.AllEvidence(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "evidence", len(pieces), 4)
	cert, err := b.Evidence(b.ctx, tenant, m.ID, store.EvidencePeerCert)
	b.must(err)
	want(b, "certificate", string(cert.Bytes), "their certificate")
	want(b, "timeline", len(b.timeline(m.ID)), 2)
	want(b, "job", b.claimed(store.Deliver).MessageID, m.ID)
	counted := b.exchanges(tenant)
	want(b, "exchanges", len(counted), 1)
	want(b, "exchange", counted[0], exchange{
		at: b.clock.Now(), month: 202609, direction: ledger.Incoming, messageID: m.MessageID, c2: string(m.C2),
		c3: string(m.C3), docType: m.DocTypeScheme + "::" + m.DocType,
		process: m.ProcessScheme + "::" + m.Process, transport: m.Transport, countryC1: m.CountryC1, sender: m.Sender,
		receiver: m.Receiver, domain: m.Domain,
	})
}

func testDuplicateRace(b *bench) {
	const callers = 64
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		winners  []string
		receipts = map[string]int{}
		priors   = map[string]int{}
	)
	second := b.open(db.Options{Now: b.clock.Now}) // a second node on the same database
	for i := range callers {
		s := b.Store
		if i%2 == 1 {
			s = second
		}
		wg.Go(func() {
			in := inbound(7)
			in.Evidence[0].Bytes = append(in.Evidence[0].Bytes, byte(i)) // each has signed a receipt of its own
			m, err := s.Accept(b.ctx, tenant, in)
			mu.Lock()
			defer mu.Unlock()
			var dup *store.Duplicate
			switch {
			case err == nil:
				winners = append(winners, m.ID)
			case errors.As(err, &dup):
				receipts[string(dup.Prior.Receipt)]++
				priors[dup.Prior.ID]++
			default:
				b.Error(err)
			}
		})
	}
	wg.Wait()
	want(b, "winners", len(winners), 1)
	want(b, "different receipts", len(receipts), 1)
	want(b, "losers that got the winner", priors[winners[0]], callers-1)
	want(b, "deliveries", len(b.claim(store.Deliver, 100)), 1)
	want(b, "counted", len(b.exchanges(tenant)), 1)
}

func testOtherSeat(b *bench) {
	b.accepted(1)
	in := inbound(1)
	in.Message.C2 = "PDE000333"
	_, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	both, err := b.ByMessageID(b.ctx, tenant, store.In, in.Message.MessageID)
	b.must(err)
	want(b, "messages", len(both), 2)
	want(b, "counted", len(b.exchanges(tenant)), 2)
}

func testPossibleDuplicate(b *bench) {
	first := b.accepted(1)
	in := inbound(2)
	in.Message.InstanceID, in.Message.Receiver = first.InstanceID, "0192:RECEIVER-1"
	second, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	want(b, "first flagged", first.PossibleDuplicate, false)
	want(b, "second flagged", second.PossibleDuplicate, true)
	if got := b.timeline(second.ID); !slices.Contains(got, store.EventPossibleDuplicate) {
		b.Fatalf("timeline %q", got)
	}
	in = inbound(3)
	in.Message.InstanceID, in.Message.Receiver = first.InstanceID, "0192:other"
	third, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	want(b, "same instance id for another receiver flagged", third.PossibleDuplicate, false)
	all, err := b.ByInstanceID(b.ctx, tenant, store.In, first.InstanceID)
	b.must(err)
	want(b, "by instance id", len(all), 3)
	want(b, "stored flag", all[0].PossibleDuplicate || !all[1].PossibleDuplicate, false)

	in = inbound(4)
	in.Message.InstanceID, in.Message.PossibleDuplicate = "", true
	fourth, err := b.Accept(b.ctx, tenant, in)
	b.must(err)
	want(b, "flagged by the caller", fourth.PossibleDuplicate, true)
}

func testCountConflict(b *bench) {
	m := b.accepted(1)
	b.clock.advance(store.DuplicateMemory)
	n, err := b.ForgetDuplicates(b.ctx, tenant, 10)
	b.must(err)
	want(b, "forgotten", n, 1)
	again := b.accepted(1)
	if m.ID == again.ID {
		b.Fatal("not accepted anew")
	}
	want(b, "counted", len(b.exchanges(tenant)), 1)

	in := inbound(2)
	in.Count = false
	_, err = b.Accept(b.ctx, tenant, in)
	b.must(err)
	want(b, "counted", len(b.exchanges(tenant)), 1)
}

func testTenants(b *bench) {
	ours := b.accepted(1)
	theirs, err := b.Accept(b.ctx, "other", inbound(1))
	b.must(err)
	_, err = b.Get(b.ctx, tenant, theirs.ID)
	want(b, "read of another tenant's message", err, db.ErrNotFound)
	_, err = b.Known(b.ctx, "third", "PNO000111", ours.MessageID)
	want(b, "known in a third tenant", err, db.ErrNotFound)
	for what, n := range map[string]func() (int, error){
		"timeline": func() (int, error) { l, err := b.Timeline(b.ctx, tenant, theirs.ID); return len(l), err },
		"evidence": func() (int, error) { l, err := b.AllEvidence(b.ctx, tenant, theirs.ID); return len(l), err },
		"list":     func() (int, error) { l, err := b.List(b.ctx, "third", store.Filter{}); return len(l.Found), err },
		"jobs":     func() (int, error) { l, err := b.Jobs(b.ctx, "third", store.JobFilter{}); return len(l), err },
	} {
		got, err := n()
		b.must(err)
		want(b, what+" of another tenant", got, 0)
	}
	err = b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Move(&theirs, store.Delivering, store.Event{Kind: "x"})
	})
	want(b, "move of another tenant's message", err, db.ErrConflict)
	if b.Update(b.ctx, "", func(*store.Tx) error { return nil }) == nil {
		b.Fatal("write without a tenant")
	}
	jobs, err := b.Claim(b.ctx, store.Claim{Tenant: "other", Kind: store.Deliver, Lease: lease, Limit: 10})
	b.must(err)
	want(b, "jobs of one tenant", len(jobs), 1)
	want(b, "its message", jobs[0].MessageID, theirs.ID)

	again := inbound(2)
	third, err := b.Accept(b.ctx, "other", again)
	b.must(err)
	want(b, "in books of its own", len(b.exchanges("other")), 0)
	counted := b.exchanges(tenant)
	want(b, "in those of the installation", len(counted), 2)
	want(b, "the second", counted[1].messageID, third.MessageID)
}

func testForget(b *bench) {
	m := b.accepted(1)
	b.clock.advance(400*24*time.Hour - time.Second)
	n, err := b.ForgetDuplicates(b.ctx, tenant, 10)
	b.must(err)
	want(b, "forgotten early", n, 0)
	prior, err := b.Known(b.ctx, tenant, string(m.C2), m.MessageID)
	b.must(err)
	if !bytes.Equal(prior.Receipt, []byte("<Receipt 1/>")) {
		b.Fatalf("receipt %q", prior.Receipt)
	}
	b.clock.advance(time.Second)
	n, err = b.ForgetDuplicates(b.ctx, tenant, 10)
	b.must(err)
	want(b, "forgotten in time", n, 1)
	_, err = b.Known(b.ctx, tenant, string(m.C2), m.MessageID)
	want(b, "known afterwards", err, db.ErrNotFound)
}

func testAcceptIncomplete(b *bench) {
	in := inbound(1)
	in.Message.C2 = ""
	if _, err := b.Accept(b.ctx, tenant, in); err == nil {
		b.Fatal("accepted")
	}
}

// testRepeat: receipts of repeats stand beside the first, which stays what a plain repeat gets; nothing is delivered or
// counted, and the same repeat again gets the receipt that is there.
func testRepeat(b *bench) {
	first := inbound(1)
	m := b.accepted(1)
	pieces := func(n int) []store.Evidence {
		return []store.Evidence{
			{
				Kind: store.EvidenceReceipt, ContentType: "application/soap+xml",
				Bytes: fmt.Appendf(nil, "<Again %d/>", n),
			},
			{
				Kind: store.EvidenceRequestSOAP, ContentType: "application/soap+xml",
				Bytes: fmt.Appendf(nil, "<Rebuilt %d/>", n),
			},
		}
	}
	repeat := func(digests string, n int) string {
		b.Helper()
		r, err := b.Repeat(b.ctx, tenant, m.ID, []byte(digests), pieces(n))
		b.must(err)
		return r.ContentType + " " + string(r.Bytes)
	}
	want(b, "receipt of a repeat", repeat("d1", 1), "application/soap+xml <Again 1/>")
	want(b, "receipt of another", repeat("d2", 2), "application/soap+xml <Again 2/>")
	want(b, "receipt of the same repeat again", repeat("d1", 3), "application/soap+xml <Again 1/>")

	prior, err := b.Known(b.ctx, tenant, string(m.C2), m.MessageID)
	b.must(err)
	want(b, "receipt of a plain repeat", string(prior.Receipt), string(first.Evidence[0].Bytes))
	all, err := b.AllEvidence(b.ctx, tenant, m.ID)
	b.must(err)
	kept := map[string]string{}
	for _, e := range all {
		kept[fmt.Sprint(e.Kind, " ", e.Attempt)] = string(e.Bytes)
	}
	events := b.timeline(m.ID)
	one, two := len(events)-1, len(events) // the numbers of the two events
	for key, text := range map[string]string{
		"receipt 0": "<Receipt 1/>", fmt.Sprint("receipt ", one): "<Again 1/>",
		fmt.Sprint("receipt ", two):      "<Again 2/>",
		fmt.Sprint("request_soap ", two): "<Rebuilt 2/>", fmt.Sprint("digests ", one): "d1",
	} {
		want(b, key, kept[key], text)
	}
	want(b, "pieces of evidence", len(all), len(first.Evidence)+6)
	want(b, "events of repeats", strings.Join(events[one-1:], " "), "repeated repeated")
	want(b, "state", b.state(m.ID), store.Accepted)
	want(b, "jobs", len(b.claim(store.Deliver, 10)), 1)
	_, err = b.Repeat(b.ctx, tenant, "nobody", []byte("d"), pieces(4))
	want(b, "a repeat of nothing", errors.Is(err, db.ErrNotFound), true)
	_, err = b.Repeat(b.ctx, "other", m.ID, []byte("d1"), pieces(5))
	want(b, "D-21 a repeat in another tenant", errors.Is(err, db.ErrNotFound), true)
}

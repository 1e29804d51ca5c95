package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

var sendTests = []test{
	{"REL-020 an idempotency key gives one message", testIdempotency},
	{"REL-022 sealed and attempted before, sent and counted after", testSend},
	{"REL-022 the attempt is durable before its outcome", testAttemptFirst},
	{"CP-S4 an attempt whose worker vanished is interrupted", testInterrupted},
	{"REL-023 unknown and failed outcomes", testOutcomes},
	{"REL-027 what may have arrived stays unknown", testUnclear},
	{"REL-027 no lookup says that it did not arrive", testNotSent},
	{"REL-026 what waits for a receiver that moves", testMoving},
	{"REL-024 the plan of attempts", testPlan},
	{"D-25 evidence belongs to the attempt that sent it", testEvidenceOfAttempts},
	{"AS4-125 an attempt that another follows at once keeps its job", testHold},
	{"REL-043 no message is SENT without a receipt", testNoReceipt},
	{"REL-027 cancelling is impossible once an attempt may have arrived", testCancel},
	{"REL-027 what is held is not tried, and its plan goes on with what was left", testHoldBack},
	{"REL-027 a worker that has not begun loses what is held; one that has keeps it", testHoldClaimed},
	{"REL-010 delivery from claim to DELIVERED", testDelivery},
	{"REL-068 a dead delivery is listed and requeued", testDead},
	{"REL-067 quarantine", testQuarantine},
	{"REL-068 a dead delivery is discarded", testDiscard},
}

func testIdempotency(b *bench) {
	sub := outbound(1)
	sub.Key, sub.Digest = "key-1", []byte("digest")
	first, repeated, err := b.Submit(b.ctx, tenant, sub)
	b.must(err)
	want(b, "repeated", repeated, false)
	want(b, "state", first.State, store.Ready)
	second, repeated, err := b.Submit(b.ctx, tenant, sub)
	b.must(err)
	want(b, "repeated", repeated, true)
	want(b, "same message", second.ID, first.ID)
	earlier, found, err := b.Submitted(b.ctx, tenant, "key-1", sub.Digest)
	b.must(err)
	want(b, "found before the submission", earlier.ID, first.ID)
	want(b, "found", found, true)
	_, found, err = b.Submitted(b.ctx, "other", "key-1", sub.Digest)
	b.must(err)
	want(b, "found by another tenant", found, false)
	_, found, err = b.Submitted(b.ctx, tenant, "key-1", []byte("DIGEST"))
	want(b, "other request found", found, false)
	want(b, "other request before the submission", errors.Is(err, store.ErrKeyReused), true)
	sub.Digest = []byte("DIGEST")
	_, _, err = b.Submit(b.ctx, tenant, sub)
	want(b, "other request", errors.Is(err, store.ErrKeyReused), true)
	sub.Message.ID = db.NewID()
	_, _, err = b.SubmitHeld(b.ctx, tenant, sub, "op", lease)
	want(b, "other request, held", errors.Is(err, store.ErrKeyReused), true)
	sub.Digest = []byte("digest")
	third, job, err := b.SubmitHeld(b.ctx, tenant, sub, "op", lease)
	b.must(err)
	want(b, "same message, held", third.ID, first.ID)
	want(b, "job of a repeat", job.ID, "")
	want(b, "jobs", len(b.claim(store.Send, 10)), 1)

	draft := outbound(2)
	draft.Draft = true
	m, _, err := b.Submit(b.ctx, tenant, draft)
	b.must(err)
	want(b, "draft", m.State, store.Submitted)
	want(b, "jobs of the draft", len(b.claim(store.Send, 10)), 0)
}

var sealed = store.Sealed{
	Body: store.BlobRef{Key: "s", Length: 99, SHA256: [32]byte{9}}, ContentType: "multipart/related",
	Endpoint: "https://c3.example/as4",
	C3:       "PDE000444", PeerCert: []byte("der"), Digests: []byte("digests"), Transport: "peppol-transport-as4-v2_0",
}

var start = store.Start{Endpoint: "https://c3.example/as4", Fingerprint: "ab:cd", Lease: lease}

func receipt() []store.Evidence {
	return []store.Evidence{{Kind: store.EvidenceReceipt, ContentType: "application/soap+xml", Bytes: []byte("<R/>")}}
}

func testSend(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	first := start
	first.Sealed = new(sealed)
	got, n, err := b.StartAttempt(b.ctx, job, first)
	b.must(err)
	want(b, "attempt", n, 1)
	want(b, "state", got.State, store.Sending)
	want(b, "sealed", got.Sealed == sealed.Body && got.SealedType == sealed.ContentType &&
		got.Endpoint == sealed.Endpoint &&
		string(got.PeerCert) == "der" && got.C3 == sealed.C3 && string(got.Digests) == "digests", true)
	b.clock.advance(time.Second)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.Sent, Outcome: "receipt", Evidence: receipt(), Count: true,
		Tasks: []store.Task{{Kind: store.Notify, MessageID: m.ID, Args: []byte("sent")}},
	}))
	got, err = b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "state", got.State, store.Sent)
	want(b, "time of the receipt", got.Accepted, b.clock.Now())
	proof, err := b.Evidence(b.ctx, tenant, m.ID, store.EvidenceReceipt)
	b.must(err)
	want(b, "receipt", string(proof.Bytes), "<R/>") // REL-044
	want(b, "its attempt", proof.Attempt, 1)
	counted := b.exchanges(tenant)
	want(b, "counted", len(counted), 1)
	want(b, "counted by the seat that was sent to", counted[0].c3, string(sealed.C3))
	want(b, "notification", string(b.claimed(store.Notify).Args), "sent")
	want(b, "timeline", strings.Join(b.timeline(m.ID), " "), "submitted ready sealed attempt receipt")
	want(b, "further jobs", len(b.claim(store.Send, 10)), 0)
	_, _, err = b.StartAttempt(b.ctx, job, first)
	want(b, "sealed after the end", err, store.ErrLeaseLost)
}

func testAttemptFirst(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	_, _, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	other := b.open(db.Options{}) // what a second process sees while the network is in use
	attempts, err := other.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "attempts", len(attempts), 1)
	want(b, "attempt", attempts[0], store.Attempt{
		N: 1, Started: b.clock.Now(), Endpoint: start.Endpoint,
		Fingerprint: start.Fingerprint,
	})
	want(b, "state", b.state(m.ID), store.Sending)
}

func testInterrupted(b *bench) {
	m := b.submitted(1)
	old := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, old, start)
	b.must(err)
	b.clock.advance(lease)
	job := b.claimed(store.Send)
	want(b, "claims that never ended", job.Unended, 1)
	_, n2, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	want(b, "attempt", n2, 2)
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "first attempt", attempts[0].Outcome, store.OutcomeInterrupted)
	want(b, "timeline", strings.Join(b.timeline(m.ID), " "), "submitted ready attempt interrupted attempt")
	err = b.FinishAttempt(b.ctx, old, n, store.Result{State: store.Sent, Evidence: receipt()}) // F-23: it wakes up late
	want(b, "the old worker", err, store.ErrLeaseLost)
	want(b, "state", b.state(m.ID), store.Sending)
	err = b.FinishAttempt(b.ctx, job, n, store.Result{State: store.RetryWait})
	want(b, "end of an attempt that is over", errors.Is(err, db.ErrConflict), true)
	b.must(b.FinishAttempt(b.ctx, job, n2, store.Result{State: store.RetryWait, Retry: b.clock.Now()}))
	want(b, "after an attempt that was not taken", b.state(m.ID), store.Unknown) // the first one may have arrived
}

func testOutcomes(b *bench) {
	m := b.submitted(1)
	for i, state := range []store.State{store.RetryWait, store.Unknown, store.ReceiptInvalid} {
		job := b.claimed(store.Send)
		want(b, "tries", job.Tries, i+1)
		_, n, err := b.StartAttempt(b.ctx, job, start)
		b.must(err)
		retry := b.clock.Now().Add(time.Hour)
		b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
			State: state, Retry: retry, Outcome: "error",
			Code: "EBMS:0202", Detail: "busy",
		}))
		want(b, "state", b.state(m.ID), state)
		want(b, "due early", len(b.claim(store.Send, 10)), 0)
		b.clock.advance(time.Hour)
	}
	want(b, "due after the end", len(b.claim(store.Send, 10)), 0)
	want(b, "counted", len(b.exchanges(tenant)), 0)

	b.submitted(2)
	job := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.FailedPermanent, Outcome: "error",
		Code: "EBMS:0202", Detail: "busy",
	}))
	dead, err := b.Jobs(b.ctx, tenant, store.JobFilter{Kind: store.Send, Dead: true})
	b.must(err)
	want(b, "given up", len(dead), 1)
	want(b, "reason", dead[0].Reason, "EBMS:0202: busy")
}

// sealedAs is a start with another body.
func sealedAs(key string) store.Start {
	s := sealed
	s.Body.Key, s.PeerCert = key, []byte("cert "+key)
	s.Evidence = []store.Evidence{
		{Kind: store.EvidenceRequestSOAP, Bytes: []byte("soap " + key)},
		{Kind: store.EvidenceOwnCert, Bytes: []byte("own " + key)},
	}
	st := start
	st.Sealed = &s
	return st
}

// try makes one attempt of the job that is due and tells the state that it left.
func (b *bench) try(id string, st store.Start, r store.Result) store.State {
	b.Helper()
	job := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, st)
	b.must(err)
	r.Retry = b.clock.Now()
	b.must(b.FinishAttempt(b.ctx, job, n, r))
	return b.state(id)
}

func testUnclear(b *bench) {
	later := store.Result{State: store.RetryWait, Outcome: "later"}
	lost := store.Result{State: store.Unknown, Outcome: "unknown"}
	refused := store.Result{State: store.FailedPermanent, Outcome: "refused"}
	signed := refused
	signed.Refused = true
	m := b.submitted(1)
	want(b, "before anything was sent", b.try(m.ID, sealedAs("one"), later), store.RetryWait)
	want(b, "no answer", b.try(m.ID, start, lost), store.Unknown)
	want(b, "later", b.try(m.ID, start, later), store.Unknown)
	want(b, "an unsigned refusal", b.try(m.ID, start, refused), store.Unknown)
	want(b, "a signed refusal of other bytes", b.try(m.ID, sealedAs("two"), signed), store.Unknown)
	want(b, "cancelled", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict), true)
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	var got []string
	for _, a := range attempts {
		text := a.Sealed + " " + a.Outcome
		if a.Unclear {
			text += " unclear"
		}
		got = append(got, text)
	}
	want(b, "attempts", strings.Join(got, ", "), "one later, one unknown unclear, one later, one refused, two refused")
	want(b, "sealed as at first", b.try(m.ID, sealedAs("one"), signed), store.FailedPermanent)

	m = b.submitted(2)
	want(b, "no answer", b.try(m.ID, sealedAs("one"), lost), store.Unknown)
	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "now, please"))
	want(b, "made due by an operator", b.state(m.ID), store.Unknown)
	want(b, "a receipt", b.try(m.ID, start, store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt()}),
		store.Sent)
}

func testNotSent(b *bench) {
	why := store.NotSent{Reason: "no answer of the register", Retry: b.clock.Now().Add(time.Minute)}
	m := b.submitted(1)
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
	want(b, "never sent, later", b.state(m.ID), store.RetryWait)
	b.clock.advance(time.Minute)
	giveUp := store.NotSent{GiveUp: true, Reason: "not registered", Retry: b.clock.Now().Add(time.Minute)}
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), giveUp))
	want(b, "never sent, given up", b.state(m.ID), store.FailedPermanent)

	for i, why := range []store.NotSent{why, giveUp} {
		m := b.submitted(i + 2)
		_, _, err := b.StartAttempt(b.ctx, b.claimed(store.Send), sealedAs("one"))
		b.must(err)
		b.clock.advance(lease) // the worker vanished
		why.Retry = b.clock.Now()
		b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
		want(b, "state", b.state(m.ID), store.Unknown)
		attempts, err := b.Attempts(b.ctx, tenant, m.ID)
		b.must(err)
		want(b, "the attempt", attempts[0].Outcome+" "+attempts[0].Ended.String(),
			store.OutcomeInterrupted+" "+b.clock.Now().String())
		want(b, "timeline", strings.Join(b.timeline(m.ID), " "), "submitted ready sealed attempt interrupted not_sent")
		want(b, "cancelled", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict), true)
		job := b.claimed(store.Send) // it is still due
		b.must(b.Release(b.ctx, job, b.clock.Now().Add(time.Hour), ""))
	}
}

// testMoving has a message that waits because no SMP knows its receiver.
func testMoving(b *bench) {
	since := b.clock.Now()
	why := store.NotSent{Reason: "no SMP knows it", Retry: since.Add(time.Minute), Moving: since}
	claim := func() []store.Job {
		jobs, err := b.Claim(b.ctx, store.Claim{
			Kind: store.Send, Owner: "seeker", Lease: lease, Limit: 10,
		})
		b.must(err)
		return jobs
	}
	moving := func() string {
		jobs, err := b.Jobs(b.ctx, tenant, store.JobFilter{Kind: store.Send})
		b.must(err)
		return jobs[0].Moving.String()
	}
	m := b.submitted(1)
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
	want(b, "state", b.state(m.ID), store.RetryWait)
	want(b, "since", moving(), since.String())
	want(b, "before its turn", len(claim()), 0)

	b.clock.advance(time.Minute)
	jobs := claim()
	want(b, "its turn", len(jobs), 1)
	want(b, "in other hands meanwhile", len(claim()), 0)
	b.must(b.NotSent(b.ctx, jobs[0], store.NotSent{Reason: "no answer", Retry: b.clock.Now()}))
	want(b, "after a failure that says nothing", moving(), since.String())

	jobs = claim()
	want(b, "still its turn", len(jobs), 1)
	_, n, err := b.StartAttempt(b.ctx, jobs[0], sealedAs("one"))
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, jobs[0], n,
		store.Result{State: store.RetryWait, Outcome: "later", Retry: b.clock.Now()}))
	want(b, "once the receiver was found", moving(), time.Time{}.String())
	found, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "its plan begins then", found.Begun, b.clock.Now())

	why.Moving, why.Retry = b.clock.Now(), b.clock.Now()
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
	want(b, "again", moving(), b.clock.Now().String())
	b.clock.advance(time.Minute)
	job := b.claimed(store.Send)
	_, n, err = b.StartAttempt(b.ctx, job, start)
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.RetryWait, Outcome: "later", Retry: b.clock.Now()}))
	found, err = b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "another plan begins", fmt.Sprint(found.Begun, found.Spent), fmt.Sprint(b.clock.Now(), 1))

	why.Moving = b.clock.Now()
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "now, please"))
	want(b, "after an operator's decision", moving(), time.Time{}.String())

	_, n, err = b.StartAttempt(b.ctx, b.claimed(store.Send), start)
	b.must(err)
	want(b, "attempt", n, 3)
	b.clock.advance(lease) // the worker vanished: it may have arrived
	why.Moving, why.Retry = b.clock.Now(), b.clock.Now()
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), why))
	want(b, "what may have arrived", b.state(m.ID), store.Unknown)
	want(b, "goes nowhere else unasked", moving(), time.Time{}.String())
}

// testPlan counts the attempts of a plan, ends it, and begins another.
func testPlan(b *bench) {
	over := func(unclear bool, last string) string { return fmt.Sprint("over, unclear ", unclear, ": ", last) }
	begun := b.clock.Now()
	m := b.submitted(1)
	job := b.claimed(store.Send)
	want(b, "at first", fmt.Sprint(job.Begun, job.Spent), fmt.Sprint(begun, 0))
	b.must(b.NotSent(b.ctx, job, store.NotSent{Reason: "no SMP", Retry: b.clock.Now()}))
	b.clock.advance(time.Minute)
	attempt := func(what string, r store.Result, spent int, state store.State) {
		job := b.claimed(store.Send)
		want(b, what+": spent before", job.Spent, spent)
		_, n, err := b.StartAttempt(b.ctx, job, sealedAs("one"))
		b.must(err)
		b.must(b.FinishAttempt(b.ctx, job, n, r))
		want(b, what, b.state(m.ID), state)
	}
	last := func() string {
		events, err := b.Timeline(b.ctx, tenant, m.ID)
		b.must(err)
		return events[len(events)-1].Detail
	}
	later := store.Result{State: store.RetryWait, Outcome: "later", Detail: "busy", Retry: b.clock.Now()}
	attempt("a first attempt", later, 0, store.RetryWait)
	lost := later
	lost.Over = over
	attempt("a last one, nothing arrived", lost, 1, store.FailedPermanent)
	want(b, "the record", last(), "over, unclear false: busy")

	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "once more"))
	again, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "another plan", fmt.Sprint(again.Begun, again.Spent), fmt.Sprint(b.clock.Now(), 0))
	lost.State = store.Unknown
	attempt("a last one that may have arrived", lost, 0, store.FailedPermanent)
	want(b, "the record", last(), "over, unclear true: busy")
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "the attempt", attempts[2].Unclear, true)

	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "once more"))
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), store.NotSent{Reason: "no SMP", Over: over}))
	want(b, "without an attempt", string(b.state(m.ID))+" "+last(), "FAILED_PERMANENT over, unclear true: no SMP")
	refused := store.Result{State: store.FailedPermanent, Outcome: "refused", Detail: "no", Over: over}
	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "once more"))
	attempt("what may have arrived and is refused without signature", refused, 0, store.FailedPermanent)
	want(b, "the record", last(), "over, unclear true: no")
}

func testEvidenceOfAttempts(b *bench) {
	m := b.submitted(1)
	later := store.Result{State: store.RetryWait, Outcome: "later"}
	first := store.BlobKey(m.ID, "one")
	b.try(m.ID, sealedAs(first), later)
	b.try(m.ID, start, later)
	b.try(m.ID, sealedAs("two"), store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt()})
	pieces, err := b.AllEvidence(b.ctx, tenant, m.ID)
	b.must(err)
	var got []string
	for _, e := range pieces {
		got = append(got, fmt.Sprintf("%d %s %s", e.Attempt, e.Kind, e.Bytes))
	}
	want(b, "evidence", strings.Join(got, ", "), "1 own_cert own "+first+", 1 request_soap soap "+first+", "+
		"3 own_cert own two, 3 receipt <R/>, 3 request_soap soap two")
	e, err := b.Evidence(b.ctx, tenant, m.ID, store.EvidenceOwnCert)
	b.must(err)
	want(b, "the certificate that signed what was answered", string(e.Bytes), "own two")
}

func testHold(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.RetryWait, Hold: 2 * lease, Outcome: "refused",
		Code: "EBMS:0004",
	}))
	want(b, "state", b.state(m.ID), store.RetryWait)
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "first attempt", attempts[0].Code, "EBMS:0004")
	b.clock.advance(lease)
	want(b, "free jobs", len(b.claim(store.Send, 10)), 0)
	_, n, err = b.StartAttempt(b.ctx, job, start)
	b.must(err)
	want(b, "attempt", n, 2)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.RetryWait, Hold: lease}))
	b.clock.advance(lease)
	want(b, "the next owner's tries", b.claimed(store.Send).Tries, 2) // a crash between the two
}

func testNoReceipt(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	if b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Sent, Count: true}) == nil {
		b.Fatal("SENT without a receipt")
	}
	want(b, "state", b.state(m.ID), store.Sending)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.ReceiptInvalid, Outcome: "receipt_invalid"}))
	want(b, "state", b.state(m.ID), store.ReceiptInvalid)
}

func testCancel(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	b.must(b.Cancel(b.ctx, tenant, m.ID, "kari", "wrong customer"))
	_, _, err := b.StartAttempt(b.ctx, job, start)
	want(b, "attempt of a cancelled message", err, store.ErrLeaseLost)
	rows, err := b.Audits(b.ctx, tenant, time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "audit rows", len(rows), 1)
	want(b, "audit", rows[0].Actor+" "+rows[0].Action+" "+rows[0].MessageID, "kari cancelled "+m.ID)

	m = b.submitted(2)
	job = b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	want(b, "cancel in flight", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict), true)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Unknown, Retry: b.clock.Now()}))
	want(b, "cancel of UNKNOWN", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict), true)

	want(b, "a receipt that does not fit", b.try(m.ID, start, store.Result{State: store.ReceiptInvalid}),
		store.ReceiptInvalid)
	b.must(b.Requeue(b.ctx, tenant, m.ID, "kari", "once more"))
	want(b, "requeued", b.state(m.ID), store.RetryWait)
	want(b, "cancel of what may have arrived", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict),
		true)
	want(b, "state", b.state(m.ID), store.RetryWait)
}

func testHoldBack(b *bench) {
	m := b.submitted(1)
	later := b.clock.Now().Add(time.Hour)
	first := b.claimed(store.Send)
	_, n, err := b.StartAttempt(b.ctx, first, start)
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, first, n, store.Result{State: store.RetryWait, Retry: later}))
	before, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)

	b.must(b.Hold(b.ctx, tenant, m.ID, "kari", "asked to wait"))
	since := b.clock.Now()
	job, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "held", job.Held, store.Held{Since: since, Due: later, By: "kari", Why: "asked to wait"})
	got, err := b.Get(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "message held since", got.Held, since)
	want(b, "state", got.State, store.RetryWait)
	b.clock.advance(30 * time.Hour) // longer than any plan
	for name, fn := range map[string]func() error{
		"claim": func() error {
			jobs, err := b.Claim(b.ctx, store.Claim{Kind: store.Send, Owner: "w", Lease: lease, Limit: 9})
			if len(jobs) == 0 {
				return db.ErrConflict
			}
			return err
		},
		"take": func() error {
			_, err := b.Take(b.ctx, tenant, store.Send, m.ID, "op", lease)
			return err
		},
		"retry":      func() error { return b.Requeue(b.ctx, tenant, m.ID, "ola", "now") },
		"hold again": func() error { return b.Hold(b.ctx, tenant, m.ID, "ola", "me, too") },
	} {
		want(b, name+" of what is held", errors.Is(fn(), db.ErrConflict), true)
	}

	b.must(b.Unhold(b.ctx, tenant, m.ID, "ola", "go on"))
	job, err = b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "held afterwards", job.Held, store.Held{})
	want(b, "due, which was over", job.Due, b.clock.Now())
	want(b, "begin of the plan", job.Begun, before.Begun.Add(30*time.Hour))
	want(b, "attempts of the plan", job.Spent, before.Spent)
	want(b, "released twice", errors.Is(b.Unhold(b.ctx, tenant, m.ID, "ola", "go on"), db.ErrConflict), true)
	b.claimed(store.Send)

	events, err := b.Timeline(b.ctx, tenant, m.ID)
	b.must(err)
	last := events[len(events)-2:]
	want(b, "events", last[0].Kind+" "+last[0].Actor+" "+last[0].Detail+"; "+last[1].Kind+" "+last[1].Actor,
		"held kari asked to wait; released ola")
	rows, err := b.Audits(b.ctx, tenant, time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "audit", rows[0].Actor+" "+rows[0].Action+", "+rows[1].Actor+" "+rows[1].Action, "kari held, ola released")

	other := b.submitted(2)
	b.must(b.Hold(b.ctx, tenant, other.ID, "kari", "wrong"))
	b.must(b.Cancel(b.ctx, tenant, other.ID, "kari", "wrong indeed"))
	got, err = b.Get(b.ctx, tenant, other.ID)
	b.must(err)
	want(b, "state of the cancelled", got.State, store.Cancelled)
	want(b, "held, and cancelled", got.Held.IsZero(), true)
	held, err := b.Jobs(b.ctx, tenant, store.JobFilter{Held: true})
	b.must(err)
	want(b, "held rows", len(held), 0)
}

func testHoldClaimed(b *bench) {
	m := b.submitted(1)
	job := b.claimed(store.Send)
	b.must(b.Hold(b.ctx, tenant, m.ID, "kari", "wait"))
	_, _, err := b.StartAttempt(b.ctx, job, start)
	want(b, "attempt of what is held", err, store.ErrLeaseLost)
	b.must(b.Unhold(b.ctx, tenant, m.ID, "kari", "go on"))
	job = b.claimed(store.Send)
	want(b, "starts without an end", job.Unended, 0) // REL-067: the worker that lost it did not crash
	_, n, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	want(b, "hold in flight", errors.Is(b.Hold(b.ctx, tenant, m.ID, "kari", "wait"), db.ErrConflict), true)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Unknown, Retry: b.clock.Now()}))
	b.must(b.Hold(b.ctx, tenant, m.ID, "kari", "wait"))
	want(b, "state", b.state(m.ID), store.Unknown)
	want(b, "cancel of what may have arrived", errors.Is(b.Cancel(b.ctx, tenant, m.ID, "kari", ""), db.ErrConflict),
		true)

	in := b.accepted(2)
	b.must(b.Hold(b.ctx, tenant, in.ID, "kari", "their system moves"))
	jobs, err := b.Claim(b.ctx, store.Claim{Kind: store.Deliver, Owner: "w", Lease: lease, Limit: 9})
	b.must(err)
	want(b, "deliveries claimed", len(jobs), 0)
	b.must(b.Unhold(b.ctx, tenant, in.ID, "kari", "it has moved"))
	want(b, "delivery", b.claimed(store.Deliver).MessageID, in.ID)
}

func testDelivery(b *bench) {
	m := b.accepted(1)
	job := b.claimed(store.Deliver)
	got, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "webhook:erp", Lease: lease})
	b.must(err)
	want(b, "state", got.State, store.Delivering)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{
		State: store.DeliveryFailed,
		Retry: b.clock.Now().Add(time.Minute), Code: "503",
	}))
	want(b, "state", b.state(m.ID), store.DeliveryFailed)
	b.clock.advance(time.Minute)
	again := b.claimed(store.Deliver)
	want(b, "the same delivery id", again.ID, job.ID)
	want(b, "larger token", again.Token > job.Token, true)
	_, n, err = b.StartAttempt(b.ctx, again, store.Start{Endpoint: "webhook:erp", Lease: lease})
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, again, n, store.Result{
		State: store.Delivered, Outcome: "delivered",
		Tasks: []store.Task{{Kind: store.MLS, MessageID: m.ID}, {Kind: store.MLS, MessageID: m.ID}},
	}))
	want(b, "state", b.state(m.ID), store.Delivered)
	want(b, "MLS-005 status messages", len(b.claim(store.MLS, 10)), 1)
	want(b, "timeline", strings.Join(b.timeline(m.ID), " "),
		"verified accepted attempt attempt_ended attempt delivered")
	attempts, err := b.Attempts(b.ctx, tenant, m.ID)
	b.must(err)
	want(b, "attempts", len(attempts), 2)
}

func testDead(b *bench) {
	m := b.accepted(1)
	job := b.claimed(store.Deliver)
	_, n, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "folder", Lease: lease})
	b.must(err)
	b.must(b.FinishAttempt(b.ctx, job, n, store.Result{State: store.Dead, Code: "422", Detail: "unknown customer"}))
	dead,
		err := b.List(b.ctx, tenant, store.Filter{
		Standings: []store.Standing{{Direction: store.In, State: store.Dead}},
	})
	b.must(err)
	want(b, "dead letters", len(dead.Found), 1)
	b.must(b.Requeue(b.ctx, tenant, m.ID, "ola", "customer created"))
	want(b, "state", b.state(m.ID), store.DeliveryFailed)
	b.must(b.Requeue(b.ctx, tenant, m.ID, "ola", "now, please"))
	again := b.claimed(store.Deliver)
	want(b, "the same delivery id", again.ID, job.ID)
	_, n, err = b.StartAttempt(b.ctx, again, store.Start{Endpoint: "folder", Lease: lease})
	b.must(err)
	want(b, "requeue under way", errors.Is(b.Requeue(b.ctx, tenant, m.ID, "ola", ""), db.ErrConflict), true)
	b.must(b.FinishAttempt(b.ctx, again, n, store.Result{State: store.Delivered}))
}

func testDiscard(b *bench) {
	m := b.accepted(1)
	want(b, "one that waits", errors.Is(b.Discard(b.ctx, tenant, m.ID, "ola", "unwanted"), db.ErrConflict), true)
	b.must(b.Quarantine(b.ctx, b.claimed(store.Deliver), "crashed twice"))
	b.must(b.Discard(b.ctx, tenant, m.ID, "ola", "unwanted"))
	want(b, "state", b.state(m.ID), store.Archived)
	rows, err := b.Audits(b.ctx, tenant, time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "audit", rows[0].Actor+" "+rows[0].Action+" "+rows[0].MessageID+" "+rows[0].Detail,
		"ola discarded "+m.ID+" unwanted")
	want(b, "work left", len(b.claim(store.Deliver, 1)), 0)
	out := b.submitted(2)
	want(b, "an outgoing one", errors.Is(b.Discard(b.ctx, tenant, out.ID, "ola", "unwanted"), db.ErrConflict), true)
}

func testQuarantine(b *bench) {
	m := b.accepted(1)
	job := b.claimed(store.Deliver)
	b.must(b.Quarantine(b.ctx, job, "crashed twice"))
	want(b, "state", b.state(m.ID), store.Quarantined)
	want(b, "event", slices.Contains(b.timeline(m.ID), store.EventQuarantined), true)
	want(b, "second quarantine", b.Quarantine(b.ctx, job, "again"), store.ErrLeaseLost)

	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{Kind: store.Notify, MessageID: m.ID},
			store.Task{Kind: store.Report, Key: "tsr-2026-09"})
	}))
	b.must(b.Quarantine(b.ctx, b.claimed(store.Notify), "crashed twice"))
	want(b, "state after a crashing notification", b.state(m.ID), store.Quarantined)
	b.must(b.Quarantine(b.ctx, b.claimed(store.Report), "crashed twice"))
	b.must(b.Requeue(b.ctx, tenant, m.ID, "ola", "fixed"))
	want(b, "claims that never ended", b.claimed(store.Deliver).Unended, 0)

	out := b.submitted(2)
	_, _, err := b.StartAttempt(b.ctx, b.claimed(store.Send), sealedAs("one"))
	b.must(err)
	b.clock.advance(lease) // the worker vanished
	b.must(b.Quarantine(b.ctx, b.claimed(store.Send), "crashed twice"))
	attempts, err := b.Attempts(b.ctx, tenant, out.ID)
	b.must(err)
	want(b, "its attempt", fmt.Sprint(attempts[0].Outcome, attempts[0].Unclear, attempts[0].Ended.IsZero()),
		fmt.Sprint(store.OutcomeInterrupted, true, false))
	b.must(b.Requeue(b.ctx, tenant, out.ID, "ola", "fixed"))
	err = b.Cancel(b.ctx, tenant, out.ID, "ola", "")
	want(b, "REL-027 what may have arrived", errors.Is(err, db.ErrConflict), true)
}

package ap

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/smp"
)

// Outbound is C2: it accepts documents from C1 and sends them to C3.
type Outbound struct {
	Core
	Sender    *as4.Sender
	Directory Directory                         // may be nil if every peer is given directly
	Seat      peppol.SeatID                     // sender of submissions that name no seat
	Check     Check                             // of documents before they are accepted
	Envelope  sbdh.Options                      // for reading envelopes that C1 made
	Country   string                            // COUNTRY_C1 of submissions without one; "" means they must have one
	Timeout   time.Duration                     // of one attempt
	Hold      time.Duration                     // how long a message waits for a receiver that no SMP knows
	Plan      Plan                              // of the attempts
	PlanFor   func(m store.Message) Plan        // that of a message; nil: Plan for all
	Spread    func(time.Duration) time.Duration // what a wait becomes, so that not all messages wait alike; required
	Lanes     Lanes                             // lets due messages through; required
	Observe   func(step, detail string)         // called at each step; may be nil
}

func (out *Outbound) observe(step, detail string) {
	if out.Observe != nil {
		out.Observe(step, detail)
	}
}

// Steps for Observe.
const (
	StepChecked     = "checked"
	StepRemark      = "remark" // something odd about the envelope
	StepLookup      = "lookup"
	StepCertificate = "certificate"
	StepSealed      = "sealed"
	StepSend        = "send"
	StepReceipt     = "receipt"
)

// sendLease is how long an attempt may hold its message.
const sendLease = 15 * time.Minute

// Attempt makes one attempt to send the message of a claimed job and records the outcome (REL-022, REL-023). If direct
// has a URL, it replaces the lookup. The error tells an operator what happened; it has already been recorded.
func (out *Outbound) Attempt(ctx context.Context, job store.Job, direct as4.Peer) (*as4.Evidence, error) {
	m, err := out.Store.Get(ctx, job.Tenant, job.MessageID)
	if err != nil {
		return nil, err
	}
	return out.AttemptMessage(ctx, job, m, direct)
}

// AttemptMessage is Attempt for a caller that already has the message. If the access point refuses it, and a new lookup
// names another one or another certificate, a second attempt follows at once (REL-023, AS4-125).
func (out *Outbound) AttemptMessage(ctx context.Context, job store.Job, m store.Message,
	direct as4.Peer,
) (*as4.Evidence, error) {
	peer, err := out.peer(ctx, m, direct)
	if err != nil {
		return nil, out.unsent(ctx, job, m, err)
	}
	return out.attemptAt(ctx, job, m, peer, direct.URL == "" && out.Directory != nil)
}

// attemptAt makes an attempt at an access point, and if elsewhere is set, and it refuses the message, one at where the
// receiver is now.
func (out *Outbound) attemptAt(ctx context.Context, job store.Job, m store.Message, peer as4.Peer,
	elsewhere bool,
) (*as4.Evidence, error) {
	ev, held, err := out.send(ctx, &job, m, peer, elsewhere)
	if !held {
		return ev, err
	}
	refusal := err
	if m, err = out.Store.Get(ctx, m.Tenant, m.ID); err != nil {
		return nil, errors.Join(refusal, err)
	}
	if peer, err = out.moved(ctx, m, peer, refusal); err == nil {
		err = onlyThere(m, peer)
	}
	if err != nil {
		return nil, out.unsent(ctx, job, m, err)
	}
	ev, _, err = out.send(ctx, &job, m, peer, false)
	return ev, err
}

// onlyThere refuses an access point other than the one that may have the message already: the document could be there
// twice (REL-027).
func onlyThere(m store.Message, peer as4.Peer) error {
	if !mayHaveArrived(m) {
		return nil
	}
	if to, _ := certs.Seat(peer.Cert); to != m.C3 {
		return fault.New(fault.PeerUnreachable, nil, "it may be at %s, and would now go to %s", m.C3, to)
	}
	return nil
}

// AttemptDue is AttemptMessage for a message whose turn has come by itself. What may have arrived at one access point
// goes to no other one unasked: the document could be there twice (REL-027).
func (out *Outbound) AttemptDue(ctx context.Context, job store.Job, m store.Message) (*as4.Evidence, error) {
	return out.AttemptAgain(ctx, job, m, as4.Peer{})
}

// AttemptAgain is AttemptDue for a message that was handed in once more. Nobody decided about the message that there
// is, so direct, which replaces the lookup if it has a URL, brings it to no other access point either.
func (out *Outbound) AttemptAgain(ctx context.Context, job store.Job, m store.Message,
	direct as4.Peer,
) (*as4.Evidence, error) {
	// what is old is not sent unasked, not even once
	if job.Moving.IsZero() && out.Now().After(out.planOf(m).ends(job)) {
		return nil, out.unsent(ctx, job, m, errors.New("its turn came after the end of its plan"))
	}
	peer, err := out.peer(ctx, m, direct)
	if err == nil {
		err = onlyThere(m, peer)
	}
	if err != nil {
		return nil, out.unsent(ctx, job, m, err)
	}
	lane := store.LaneOf(peer.URL)
	if !out.Lanes.Admit(job.ID, lane) {
		if err := out.Store.Redirect(context.WithoutCancel(ctx), job, lane); err != nil {
			return nil, fault.New(fault.RecordUnreadable, err, "")
		}
		return nil, ErrNotNow
	}
	return out.attemptAt(ctx, job, m, peer, direct.URL == "" && out.Directory != nil)
}

// Lanes keeps messages away from access points that fail or have enough (REL-025).
type Lanes interface {
	Admit(job, lane string) bool
	Report(lane string, ok bool, took time.Duration)
}

// ErrNotNow means that a message waits for its turn at its access point: nothing happened to it.
var ErrNotNow = errors.New("ap: the access point takes no further message now")

// reached reports whether an access point did its part in an attempt: it answered as an access point, even if it
// refused the message. A failure of our own proxy or record says nothing against it.
func reached(err error) bool {
	var se *as4.SendError
	if !errors.As(err, &se) || proxyFailed(err) {
		return true
	}
	switch se.Outcome {
	case as4.Later, as4.NotSent, as4.TurnedAway, as4.Unknown:
		return false
	}
	return true
}

// send makes one attempt at one access point. If that refuses the message for good and elsewhere is set, held is true:
// the caller still holds the message and may try where the receiver is now. job is what is on record of its plan
// afterwards.
func (out *Outbound) send(ctx context.Context, job *store.Job, m store.Message, peer as4.Peer,
	elsewhere bool,
) (ev *as4.Evidence, held bool, err error) {
	began := time.Now()
	sealed, err := out.seal(ctx, m, peer)
	if err != nil {
		return nil, false, out.unsent(ctx, *job, m, err)
	}
	out.step("seal", began)
	begun, n, err := out.Store.StartAttempt(ctx, *job,
		store.Start{Endpoint: peer.URL, Fingerprint: certs.Fingerprint(peer.Cert), Lease: sendLease, Sealed: sealed})
	if err != nil {
		return nil, false, out.unsent(ctx, *job, m, err)
	}
	m = begun
	if sealed != nil {
		out.observe(StepSealed, m.Sealed.Key)
	}
	out.observe(StepSend, peer.URL)
	begin := out.Now()
	began = time.Now()
	ev, sendErr := out.post(ctx, m, peer, n)
	out.step("post", began)
	out.attempted(sendErr)
	out.Lanes.Report(store.LaneOf(peer.URL), reached(sendErr), out.Now().Sub(begin))
	if job.Spent++; !job.Moving.IsZero() { // its plan began when the receiver was found
		job.Begun, job.Spent, job.Moving = begin, 1, time.Time{}
	}
	res := out.result(ctx, *job, m, ev, sendErr)
	res.Message = &m
	if held = elsewhere && mayBeElsewhere(sendErr); held {
		res.State, res.Hold, res.Over = store.RetryWait, sendLease, nil // a plan that is over ends with the answer
	}
	if err := out.Store.FinishAttempt(context.WithoutCancel(ctx), *job, n, res); err != nil {
		return ev, false, errors.Join(sendErr, err)
	}
	if sendErr != nil {
		return ev, held, out.sendFault(ctx, m, sendErr)
	}
	out.observe(StepReceipt, certs.Subject(ev.Signer))
	return ev, false, nil
}

// mayBeElsewhere reports whether the other side refused a message for good with a code after which the receiver is
// looked up afresh: it may have moved, or the certificate that was addressed has been replaced (REL-023).
func mayBeElsewhere(err error) bool {
	var se *as4.SendError
	if !errors.As(err, &se) || se.Outcome != as4.Refused || se.Signal == nil {
		return false
	}
	switch se.Signal.Code {
	case ebms.CodeValueNotRecognized, ebms.CodeValueInconsistent, ebms.CodeMimeInconsistency, ebms.CodeInvalidHeader,
		ebms.CodeProcessingModeMismatch, ebms.CodeFailedAuthentication, ebms.CodeFailedDecryption,
		ebms.CodePolicyNoncompliance, ebms.CodeDecompressionFailure:
		return true
	}
	return se.Signal.IsNotServiced()
}

// moved looks the receiver up again, bypassing the cache, after the access point that was tried refused a message. If
// the lookup names the same one with the same certificate, the refusal stands (REL-023, AS4-125).
func (out *Outbound) moved(ctx context.Context, m store.Message, tried as4.Peer, refusal error) (as4.Peer, error) {
	h, err := storedHeader(m)
	if err != nil {
		return as4.Peer{}, fault.New(fault.RecordUnreadable, err, "")
	}
	out.Directory.Forget(h.Receiver, h.DocType)
	p, err := out.peer(ctx, m, as4.Peer{})
	if err == nil && p.URL == tried.URL && p.Cert.Equal(tried.Cert) {
		err = refusal
	}
	return p, err
}

// ready returns why nothing could be sent for a seat, whoever receives it: a mistake in the configuration, which no
// repeat mends. It is asked before a submission is recorded whose sender sends at once: nobody would repeat it.
func (out *Outbound) ready(seat peppol.SeatID, direct as4.Peer) error {
	if direct.URL == "" && out.Directory == nil {
		return fault.New(fault.ConfigInvalid, nil, "discovery.zone: there is no SML zone to look the receiver up in")
	}
	if _, err := out.Keys().Current(cmp.Or(seat, out.Seat), out.Now()); err != nil {
		return fault.New(fault.KeyUntrusted, err, "")
	}
	return nil
}

// peer finds the access point to send to and verifies its certificate before it is used (AS4-140, AS4-141).
func (out *Outbound) peer(ctx context.Context, m store.Message, direct as4.Peer) (as4.Peer, error) {
	p := direct
	switch {
	case p.URL != "":
	case out.Directory == nil && m.Sealed.IsZero():
		return p, fault.New(fault.ConfigInvalid, nil, "discovery.zone: there is no SML zone to look the receiver up in")
	case out.Directory == nil: // nobody can be asked: to where it went before
		cert, err := x509.ParseCertificate(m.PeerCert)
		if err != nil {
			return p, fault.New(fault.RecordUnreadable, err, "%s", m.ID)
		}
		p = as4.Peer{URL: m.Endpoint, Cert: cert}
	default:
		e, err := out.lookup(ctx, m)
		if err != nil {
			return p, lookupFault(err)
		}
		p = as4.Peer{URL: e.URL, Cert: e.Cert}
		out.observe(StepLookup, e.SMP)
	}
	if err := out.Trust.VerifyAP(ctx, p.Cert, out.Now()); err != nil {
		if temporary, ok := isCertError(err); ok && temporary {
			return p, fault.New(fault.LookupFailed, err, "")
		}
		return p, fault.New(fault.ReceiverCert, err, "")
	}
	out.observe(StepCertificate, certs.Subject(p.Cert))
	return p, nil
}

func (out *Outbound) lookup(ctx context.Context, m store.Message) (*smp.Endpoint, error) {
	h, err := storedHeader(m)
	if err != nil {
		return nil, err
	}
	return out.Directory.Endpoint(ctx, h.Receiver, h.DocType, h.Process)
}

func lookupFault(err error) error {
	if proxyFailed(err) {
		return fault.New(fault.ProxyFailed, err, "")
	}
	var se *smp.Error
	if !errors.As(err, &se) {
		return fault.New(fault.LookupFailed, err, "")
	}
	switch se.Kind {
	case smp.NotRegistered:
		return fault.New(fault.NotRegistered, err, "")
	case smp.Moving:
		return fault.New(fault.ReceiverMoving, err, "")
	case smp.Invalid:
		return fault.New(fault.MetadataInvalid, err, "")
	}
	return fault.New(fault.LookupFailed, err, "")
}

// proxyFailed reports whether our own proxy is the reason (OPS-140).
func proxyFailed(err error) bool {
	var p *smp.ProxyError
	return errors.As(err, &p)
}

// seal makes the body that all attempts send and that is stored with the first one (D-12). It returns nil if the stored
// one can be used. The body does not depend on the address. A renewed certificate, theirs or ours, requires a new body,
// but with the same signed digests, so that the receiver recognises a repeat (REL-021).
func (out *Outbound) seal(ctx context.Context, m store.Message, peer as4.Peer) (*store.Sealed, error) {
	usable, err := out.sealedWell(ctx, m, peer)
	if err != nil || usable {
		return nil, err
	}
	id, err := out.Keys().Current(m.C2, out.Now())
	if err != nil {
		return nil, fault.New(fault.KeyUntrusted, err, "")
	}
	to, err := certs.Seat(peer.Cert)
	if err != nil {
		return nil, fault.New(fault.ReceiverCert, err, "")
	}
	ref, sealed, err := out.sealBody(ctx, m, id, peer)
	if err != nil {
		if err = storedFault(m, err); !isStoredFault(err) {
			err = fault.New(fault.RecordUnreadable, err, "")
		}
		return nil, err
	}
	return &store.Sealed{
		Body: ref, ContentType: sealed.ContentType, Endpoint: peer.URL, C3: to, PeerCert: peer.Cert.Raw,
		Digests: sealed.Digests, Transport: peppol.TransportAS4,
		Evidence: []store.Evidence{
			{Kind: store.EvidenceRequestSOAP, ContentType: as4.ContentTypeSignal, Bytes: sealed.SOAP},
			{Kind: store.EvidenceOwnCert, Bytes: id.Cert.Raw},
		},
	}, nil
}

// sealedWell reports whether the stored body can be sent to peer: it is encrypted for the peer's certificate,
// undamaged, and signed with a certificate of ours that has not expired. The receiver would refuse an expired one for
// good (EBMS:0101).
func (out *Outbound) sealedWell(ctx context.Context, m store.Message, peer as4.Peer) (bool, error) {
	if m.Sealed.IsZero() || !bytes.Equal(m.PeerCert, peer.Cert.Raw) {
		return false, nil
	}
	e, err := out.Store.Evidence(ctx, m.Tenant, m.ID, store.EvidenceOwnCert)
	if err != nil {
		return false, fault.New(fault.RecordUnreadable, err, "")
	}
	own, err := x509.ParseCertificate(e.Bytes)
	if err != nil {
		return false, fault.New(fault.RecordUnreadable, err, "")
	}
	if out.Now().After(own.NotAfter) {
		return false, nil
	}
	err = blob.Verify(ctx, out.Blobs, m.Sealed)
	if errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotFound) { // REL-003: it can be made again
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.RecordUnreadable, err, "")
	}
	return true, nil
}

func (out *Outbound) sealBody(ctx context.Context, m store.Message, by *certs.Identity, peer as4.Peer) (store.BlobRef,
	*as4.Sealed, error,
) {
	h, err := storedHeader(m)
	if err != nil {
		return store.BlobRef{}, nil, err
	}
	sbd, err := out.open(ctx, m.Payload)
	if err != nil {
		return store.BlobRef{}, nil, err
	}
	defer func() { _ = sbd.Close() }() // only read
	w, err := out.Blobs.Create(ctx, store.BlobKey(m.ID, "sealed-"+db.NewID()))
	if err != nil {
		return store.BlobRef{}, nil, err
	}
	defer w.Abort()
	sealed, err := out.Sender.Seal(by, peer, as4.Outgoing{
		ID: ebms.MessageID(m.MessageID), Ref: m.ID, Timestamp: m.Created, ConversationID: m.ConversationID, Header: h,
		SBD: sbd,
	}, w)
	if err != nil {
		return store.BlobRef{}, nil, err
	}
	ref, err := w.Commit()
	return ref, sealed, err
}

// storedHeader rebuilds those parts of a stored message's envelope that the ebMS header needs (SBDH-038).
func storedHeader(m store.Message) (h *sbdh.Header, err error) {
	h = &sbdh.Header{}
	if h.Sender, err = peppol.ParseParticipant(m.Sender); err != nil {
		return nil, err
	}
	if h.Receiver, err = peppol.ParseParticipant(m.Receiver); err != nil {
		return nil, err
	}
	if h.DocType, err = peppol.NewDocType(m.DocTypeScheme, m.DocType); err != nil {
		return nil, err
	}
	h.Process, err = peppol.NewProcess(m.ProcessScheme, m.Process)
	return h, err
}

// post sends the stored body.
func (out *Outbound) post(ctx context.Context, m store.Message, peer as4.Peer, n int) (*as4.Evidence, error) {
	body, err := out.open(ctx, m.Sealed)
	if err != nil {
		return nil, &as4.SendError{Outcome: as4.NotSent, Err: err}
	}
	defer func() { _ = body.Close() }() // only read
	if out.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, out.Timeout)
		defer cancel()
	}
	return out.Sender.Post(ctx, as4.Request{
		Peer: peer, MessageID: ebms.MessageID(m.MessageID), ContentType: m.SealedType, Body: body,
		Length: m.Sealed.Length, Digests: m.Digests, Attempt: n,
	})
}

// result turns the outcome of an attempt into the next state of the message (REL-023, design.md §3).
func (out *Outbound) result(ctx context.Context, job store.Job, m store.Message, ev *as4.Evidence,
	err error,
) store.Result {
	var se *as4.SendError
	if err == nil {
		d, derr := peppol.NewDocType(m.DocTypeScheme, m.DocType)
		return store.Result{
			State: store.Sent, Outcome: "receipt", Evidence: answerEvidence(ev, store.EvidenceReceipt),
			Count: derr == nil && out.counts(d),
		}
	}
	res := store.Result{State: store.Unknown, Outcome: "error", Detail: err.Error()}
	if !errors.As(err, &se) {
		res.Retry, res.Over = out.next(job, m, 0)
		return res
	}
	res.Retry, res.Over = out.next(job, m, se.RetryAfter)
	res.Outcome = string(se.Outcome)
	if se.Signal != nil {
		res.Code = string(se.Signal.Code)
	}
	res.Evidence = answerEvidence(se.Answer, store.EvidenceAnswerSOAP)
	switch se.Outcome {
	case as4.Refused:
		res.State, res.Refused = store.FailedPermanent, se.Answer != nil && se.Answer.Signer != nil
	case as4.Later:
		res.State = store.RetryWait
	case as4.NotSent: // no answer has a code: the record says what stopped it as the operator reads it
		res.State, res.Code = store.RetryWait, string(notSentFault(err).Code)
	case as4.TurnedAway:
		if res.State = store.RetryWait; out.turnedAway(ctx, job, m) >= mostTurnedAway {
			res.State = store.FailedPermanent
		}
	case as4.BadReceipt:
		res.State = store.ReceiptInvalid
	case as4.DuplicateThere:
		if res.State = store.UnknownAccepted; out.refusedBefore(ctx, m) {
			res.State = store.Unknown
		}
	}
	return res
}

// refusedBefore reports whether every earlier attempt of a message was answered with an ebMS error, or did not leave.
// Then none was accepted, and an access point that says it has the message remembers one that it did not take, as
// phase4 does for ten minutes: it is asked again by the plan.
func (out *Outbound) refusedBefore(ctx context.Context, m store.Message) bool {
	list, err := out.Store.Attempts(context.WithoutCancel(ctx), m.Tenant, m.ID)
	if err != nil {
		return false // then a person decides
	}
	for _, a := range list {
		if a.Ended.IsZero() {
			continue // the one that is under way
		}
		switch as4.Outcome(a.Outcome) {
		case as4.NotSent:
		case as4.Later, as4.Refused, as4.DuplicateThere:
			if !strings.HasPrefix(a.Code, "EBMS:") { // only HTTP, which may come from something before it
				return false
			}
		default:
			return false
		}
	}
	return true
}

// answerEvidence returns an answer, byte for byte, as it is stored (AS4-106, REL-044).
func answerEvidence(ev *as4.Evidence, kind string) []store.Evidence {
	if ev == nil {
		return nil
	}
	list := []store.Evidence{{Kind: kind, ContentType: ev.ContentType, Bytes: ev.Body}}
	if ev.Signer != nil {
		list = append(list, store.Evidence{Kind: store.EvidencePeerCert, Bytes: ev.Signer.Raw})
	}
	return list
}

// unsent records why nothing was sent although the message was due: it fails for good or is retried later, without
// counting an attempt (REL-026). A message that may have arrived in an earlier attempt is never given up here: a failed
// lookup does not prove that it did not arrive (REL-027).
func (out *Outbound) unsent(ctx context.Context, job store.Job, m store.Message, cause error) error {
	why := store.NotSent{Quarantine: isStoredFault(cause), Retry: out.Now().Add(out.pause(job))}
	var f *fault.Error
	if errors.As(cause, &f) && f.Code == fault.ReceiverMoving && out.neverSent(ctx, job) {
		cause = out.hold(job, f, &why)
	}
	var se *smp.Error
	if errors.As(cause, &se) {
		why.Retry = later(why.Retry, out.Now().Add(se.RetryAfter))
	}
	why.GiveUp, why.Reason = fault.ExitOf(cause) == fault.Negative, cause.Error()
	plan := out.planOf(m)
	refusal := (*as4.SendError)(nil)
	switch {
	case errors.As(cause, &refusal): // it stands: if it settles nothing, the plan goes on after this attempt
		why.Retry, why.Over = out.next(job, m, 0)
	case why.Moving.IsZero() && !why.Retry.Before(plan.ends(job)): // a hold has an end of its own
		why.Over = plan.over(job)
	}
	err := out.Store.NotSent(context.WithoutCancel(ctx), job, why)
	return errors.Join(cause, err)
}

// neverSent reports whether certainly no attempt has brought the message to an access point. Only then may it be sent
// to another one without an operator's decision.
func (out *Outbound) neverSent(ctx context.Context, job store.Job) bool {
	m, err := out.Store.Get(context.WithoutCancel(ctx), job.Tenant, job.MessageID)
	return err == nil && !mayHaveArrived(m)
}

func mayHaveArrived(m store.Message) bool {
	return m.State == store.Unknown || m.State == store.Sending
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// holdPause is the time between two lookups of the receiver of a held message. Registers change within minutes or
// hours, not seconds.
const holdPause = 15 * time.Minute

// hold lets a message wait whose receiver is registered in the SML, but not in the SMP that the SML names (DISC-067).
// While a participant changes its provider, both the old SMP and the new one may answer 404. The wait has an end.
func (out *Outbound) hold(job store.Job, moving *fault.Error, why *store.NotSent) error {
	now := out.Now()
	since := job.Moving
	if since.IsZero() {
		since = now
	}
	end := since.Add(out.Hold)
	if !now.Before(end) {
		return fault.New(fault.ReceiverGone, moving.Err, "since %s, for %s", stamp(since), out.Hold)
	}
	why.Moving, why.Retry = since, now.Add(holdPause)
	if end.Before(why.Retry) {
		why.Retry = end
	}
	return fault.New(fault.ReceiverMoving, moving.Err, "held until %s, next lookup at %s", stamp(end), stamp(why.Retry))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sendFault gives a failed attempt its error code. It says that the message was refused only if no earlier attempt may
// have arrived, because that text invites the operator to send the document again.
func (out *Outbound) sendFault(ctx context.Context, m store.Message, err error) error {
	var se *as4.SendError
	if !errors.As(err, &se) {
		return fault.New(fault.PeerUnreachable, err, "")
	}
	m, gerr := out.Store.Get(context.WithoutCancel(ctx), m.Tenant, m.ID)
	if gerr != nil || m.State == store.Unknown {
		return fault.New(fault.PeerUnreachable, errors.Join(err, gerr), "")
	}
	switch code := fault.Code(m.FaultCode); code {
	case fault.GivenUp, fault.GivenUpUnclear:
		return fault.New(code, err, "")
	}
	detail := ""
	if se.Signal != nil {
		detail = strings.Join(strings.Fields(string(se.Signal.Code)+" "+se.Signal.Short+" "+se.Signal.Text()), " ")
	}
	switch se.Outcome {
	case as4.Refused:
		return fault.New(fault.PeerRefused, err, "%s", detail)
	case as4.NotSent:
		return notSentFault(err)
	case as4.TurnedAway:
		if m.State == store.FailedPermanent {
			return fault.New(fault.PeerRefused, err, "%s", detail)
		}
		return fault.New(fault.PeerLater, err, "%s", detail)
	case as4.Later:
		return fault.New(fault.PeerLater, err, "%s", detail)
	case as4.BadReceipt:
		return fault.New(fault.ReceiptInvalid, err, "%s", detail)
	case as4.DuplicateThere:
		if m.State == store.UnknownAccepted {
			return fault.New(fault.ReceiptInvalid, err, "%s", detail)
		}
	}
	return fault.New(fault.PeerUnreachable, err, "%s", detail)
}

// notSentFault tells a guard's refusal, which is the register's fault, and a failure of our own proxy from a connection
// that failed.
func notSentFault(err error) *fault.Error {
	if proxyFailed(err) {
		return fault.New(fault.ProxyFailed, err, "")
	}
	var forbidden *smp.ForbiddenError
	if errors.As(err, &forbidden) {
		return fault.New(fault.EndpointForbidden, err, "")
	}
	return fault.New(fault.PeerNotReached, err, "")
}

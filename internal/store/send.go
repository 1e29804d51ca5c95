package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// Submission is everything that becomes durable before a submission is answered with 202.
type Submission struct {
	Message Message // Payload must be synced before; MessageID is chosen here and never again (REL-021)
	Draft   bool    // the message stays SUBMITTED, without work; the caller moves it on and enqueues Send

	Class  Class  // which messages of the tenant are sent first
	Key    string // idempotency key of the submitter, "" for messages of our own (REL-020)
	Digest []byte // of the request that carried Key

	Evidence []Evidence // kept with the message from the start
	Events   []Event    // what happened before, oldest first
	Tasks    []Task     // work beside the sending
}

// SubmitHeld is Submit for a submitter who sends at once: the job of sending is his from the start. It is zero if the
// key was used before for the same request: then m is the message of that time.
func (s *Store) SubmitHeld(ctx context.Context, tenant string, sub Submission, owner string,
	lease time.Duration,
) (m Message, job Job, err error) {
	m = sub.Message
	if m.ID == "" || m.MessageID == "" || sub.Draft {
		return m, job, errors.New("store: submit: ID and MessageID are required, a draft is not possible")
	}
	err = s.twice(ctx, tenant, func(tx *Tx) error {
		earlier, err := tx.submit(&m, &sub)
		if err != nil {
			return err
		}
		if earlier != "" && earlier != m.ID {
			m, err = tx.Get(earlier)
			return err
		}
		if job, err = tx.enqueueHeld(Send, m.ID, hold{owner: owner, lease: lease, class: sub.Class}); err != nil {
			return err
		}
		return tx.Enqueue(sub.Tasks...)
	})
	return m, job, err
}

// Submit stores a message to be sent, READY and with its outbox row, in one transaction. If the tenant's idempotency
// key was used before for the same request it returns the message of that time and repeated; for another request it
// returns ErrKeyReused (REL-020).
func (s *Store) Submit(ctx context.Context, tenant string, sub Submission) (m Message, repeated bool, err error) {
	m = sub.Message
	if m.ID == "" {
		m.ID = db.NewID()
	}
	if m.MessageID == "" {
		return m, false, errors.New("store: submit: MessageID is required")
	}
	err = s.twice(ctx, tenant, func(tx *Tx) error {
		earlier, err := tx.submit(&m, &sub)
		if err != nil || earlier == m.ID { // our own first try
			return err
		}
		if repeated = earlier != ""; repeated {
			m, err = tx.Get(earlier)
			return err
		}
		if sub.Draft {
			return tx.Enqueue(sub.Tasks...)
		}
		lane, err := tx.probableLane(m.Receiver)
		if err != nil {
			return err
		}
		return tx.Enqueue(append([]Task{{Kind: Send, MessageID: m.ID, Lane: lane, Class: sub.Class}}, sub.Tasks...)...)
	})
	return m, repeated, err
}

const (
	insertSubmission = `INSERT INTO submission (tenant, idem_key, digest, ref, created) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, idem_key) DO NOTHING`
	findSubmission = `SELECT ref, digest FROM submission WHERE tenant = ? AND idem_key = ?`
)

// Submitted returns the message that was submitted earlier under a key, if one was; ErrKeyReused if that was another
// request.
func (s *Store) Submitted(ctx context.Context, tenant, key string, digest []byte) (m Message, found bool, err error) {
	e, err := db.ReadOne(ctx, s.DB, "submitted", scanEarlier, findSubmission, tenant, key)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err == nil {
		err = e.check(digest)
	}
	if err == nil {
		m, err = s.Get(ctx, tenant, e.ref)
	}
	return m, err == nil, err
}

// submit returns the id of the message that came earlier under the same idempotency key, or "" after storing this one,
// whose work is left to the caller.
func (tx *Tx) submit(m *Message, sub *Submission) (earlier string, err error) {
	if sub.Key != "" {
		n, err := tx.Exec(insertSubmission, tx.Tenant(), sub.Key, nonNil(sub.Digest), m.ID, db.Micros(tx.Now()))
		if err != nil {
			return "", err
		}
		if n == 0 {
			return tx.earlier(sub)
		}
	}
	m.Direction, m.State = Out, Submitted
	events := append(sub.Events[:len(sub.Events):len(sub.Events)], Event{Kind: EventSubmitted, To: Submitted})
	if !sub.Draft {
		m.State = Ready
		events = append(events, Event{Kind: EventReady, From: Submitted, To: Ready})
	}
	err = tx.create(m, sub.Message.PossibleDuplicate, events)
	if err == errExists { // our own first try
		*m, err = tx.Get(m.ID)
		return "", err
	}
	if err != nil {
		return "", err
	}
	return "", tx.AddEvidence(m.ID, append(m.Payload.inline(), sub.Evidence...)...)
}

// earlier is what is kept of a submission with a key.
type earlier struct {
	ref    string // id of its message
	digest []byte
}

func scanEarlier(row db.Row) (e earlier, err error) {
	err = row.Scan(&e.ref, &e.digest)
	return e, err
}

func (e earlier) check(digest []byte) error {
	if !bytes.Equal(e.digest, digest) {
		return ErrKeyReused
	}
	return nil
}

func (tx *Tx) earlier(sub *Submission) (string, error) {
	e, err := db.One(tx.Tx, scanEarlier, findSubmission, tx.Tenant(), sub.Key)
	if err == nil {
		err = e.check(sub.Digest)
	}
	return e.ref, err
}

// Sealed is what is fixed with the first attempt and sent by every attempt (D-12).
type Sealed struct {
	Body        BlobRef // the HTTP body; synced before
	ContentType string
	Endpoint    string // URL of C3
	C3          peppol.SeatID
	PeerCert    []byte // DER: the certificate that the body is encrypted for
	Digests     []byte
	Transport   string
	Evidence    []Evidence // SOAP part and certificate
}

const setSealed = `sealed_key = ?, sealed_length = ?, sealed_sha256 = ?, sealed_type = ?, endpoint = ?,
	c3 = ?, peer_cert = ?, digests = ?, transport = ?, `

// seal begins an attempt with a new sealed body, which is kept for those that follow. Only a changed certificate calls
// for a second one, which replaces the first under a blob key of its own (D-12); the evidence of each stays with the
// attempt that was the first to send it. m has the new values afterwards.
func (tx *Tx) seal(m *Message, b *Sealed, actor string, begin Event) error {
	if m.Direction != Out {
		return fmt.Errorf("%w: message is %s", db.ErrConflict, m.State)
	}
	if err := tx.AddEvidence(m.ID, b.Body.inline()...); err != nil {
		return err
	}
	err := tx.move(m, Sending, setSealed, []any{
		b.Body.Key, b.Body.Length, b.Body.sum(), b.ContentType, b.Endpoint, string(b.C3), b.PeerCert, b.Digests,
		b.Transport,
	}, Event{Kind: EventSealed, Detail: b.Endpoint, Actor: actor}, begin)
	if err == nil {
		m.Sealed, m.SealedType, m.Endpoint, m.C3 = b.Body, b.ContentType, b.Endpoint, b.C3
		m.PeerCert, m.Digests, m.Transport = b.PeerCert, b.Digests, b.Transport
	}
	return err
}

// Start describes an attempt that is about to begin.
type Start struct {
	Endpoint    string // URL of C3, or the name of the backend
	Fingerprint string // of C3's certificate
	Lease       time.Duration
	Sealed      *Sealed // the body to be kept first, with the first attempt and for another certificate
}

// StartAttempt records an attempt before the network is touched: the message becomes SENDING (a Deliver job:
// DELIVERING), the attempt gets its row, and the lease begins anew, in one commit (REL-022). A message that an earlier
// worker left under way is first closed as interrupted (CP-S4, CP-R12).
func (s *Store) StartAttempt(ctx context.Context, job Job, st Start) (m Message, n int, err error) {
	err = s.Update(ctx, job.Tenant, func(tx *Tx) error {
		if err := tx.updateHeld(job, spendJob, append(tx.lease(st.Lease), lane(job, st))...); err != nil {
			return err
		}
		if m, err = tx.Get(job.MessageID); err != nil {
			return err
		}
		n, err = tx.start(&m, job, st)
		return err
	})
	return m, n, err
}

// lane is that of a job after its attempt began: the access point or the backend.
func lane(job Job, st Start) string {
	switch job.Kind {
	case Send:
		return LaneOf(st.Endpoint)
	case Deliver:
		return st.Endpoint
	}
	return ""
}

// start begins an attempt of a job that is held.
func (tx *Tx) start(m *Message, job Job, st Start) (n int, err error) {
	working, fallback := underWay(m.Direction)
	if m.State == working {
		if err := tx.interrupt(m, fallback); err != nil {
			return 0, err
		}
	}
	if !job.Moving.IsZero() { // the receiver was found: its plan of attempts begins with this one (DISC-067)
		if err := tx.updateHeld(job, foundJob, tx.Clock()); err != nil {
			return 0, err
		}
	}
	begin := Event{Kind: EventAttempt, Detail: st.Endpoint, Actor: job.Owner}
	switch {
	case st.Sealed != nil:
		err = tx.seal(m, st.Sealed, job.Owner, begin)
	case m.Direction == Out && st.Endpoint != m.Endpoint: // the same body, to another address
		if err = tx.move(m, working, setEndpoint, []any{st.Endpoint}, begin); err == nil {
			m.Endpoint = st.Endpoint
		}
	default:
		err = tx.Move(m, working, begin)
	}
	if err != nil {
		return 0, err
	}
	if n, err = tx.addAttempt(m, st); err != nil || st.Sealed == nil {
		return n, err
	}
	return n, tx.addEvidenceOf(m.ID, n, st.Sealed.Evidence)
}

const (
	interruptAttempts = `UPDATE attempt SET ended = ?, unclear = 1, outcome = '` + OutcomeInterrupted + `'
		WHERE message_id = ? AND tenant = ? AND ended = 0`
	insertAttempt = `INSERT INTO attempt (message_id, n, tenant, started, ended, endpoint, fingerprint, outcome, code,
		detail, sealed_key, unclear)
		SELECT CAST(? AS TEXT), COALESCE(MAX(n), 0) + 1, CAST(? AS TEXT), CAST(? AS BIGINT), 0, CAST(? AS TEXT),
			CAST(? AS TEXT), '', '', '',
			CAST(? AS TEXT), 0
		FROM attempt WHERE message_id = ? AND tenant = ? RETURNING n`
	endAttempt = `UPDATE attempt SET ended = ?, outcome = ?, code = ?, detail = ?, unclear = ?
		WHERE message_id = ? AND tenant = ? AND n = ? AND ended = 0`
	answerAttempts = `UPDATE attempt SET unclear = 0 WHERE message_id = ? AND tenant = ? AND sealed_key = ?
		AND unclear = 1`
	countUnclear = `SELECT COUNT(*) FROM attempt WHERE message_id = ? AND tenant = ? AND unclear = 1
		AND (sealed_key = '' OR sealed_key <> ?)`
)

// interrupt closes the attempt that a vanished worker left open. Its bytes may have arrived.
func (tx *Tx) interrupt(m *Message, to State) error {
	if _, err := tx.Exec(interruptAttempts, db.Micros(tx.Now()), m.ID, tx.Tenant()); err != nil {
		return err
	}
	return tx.Move(m, to, Event{Kind: EventInterrupted})
}

// addAttempt numbers the attempt; the change of state before it keeps others from doing so at the same time.
func (tx *Tx) addAttempt(m *Message, st Start) (int, error) {
	n, err := db.Change(tx.Tx, db.ScanInt, insertAttempt, m.ID, tx.Tenant(), db.Micros(tx.Now()), st.Endpoint,
		st.Fingerprint, m.Sealed.Key, m.ID, tx.Tenant())
	return int(n), err
}

// addEvidenceOf keeps pieces of proof with the attempt they belong to.
func (tx *Tx) addEvidenceOf(id string, attempt int, pieces []Evidence) error {
	own := slices.Clone(pieces)
	for i := range own {
		own[i].Attempt = attempt
	}
	return tx.AddEvidence(id, own...)
}

// stateAfter is the state in which an attempt leaves its message. What may have arrived stays UNKNOWN whatever a later
// attempt brings, except a receipt or a refusal of those bytes (REL-027).
func (tx *Tx) stateAfter(m *Message, r Result) (State, error) {
	if m.Direction != Out || r.State != RetryWait && r.State != FailedPermanent {
		return r.State, nil
	}
	answered := ""
	if r.Refused {
		answered = m.Sealed.Key
	}
	unclear, err := tx.unclear(m.ID, answered)
	if unclear {
		return Unknown, err
	}
	return r.State, err
}

// unclear tells whether an attempt may have reached C3 without an answer that settles it, beside those that sent the
// body under the key answered.
func (tx *Tx) unclear(id, answered string) (bool, error) {
	n, err := db.One(tx.Tx, db.ScanInt, countUnclear, id, tx.Tenant(), answered)
	return n > 0, err
}

// NotSent says why a message whose turn had come was not sent.
type NotSent struct {
	GiveUp     bool      // for good
	Quarantine bool      // its payload is lost or damaged: an operator decides (REL-003)
	Retry      time.Time // else: when to try again
	Moving     time.Time // not zero: the message is held, since that time, because no SMP knows its receiver
	Over       Over      // its plan of attempts is over: it is given up even if it may have arrived
	Reason     string
}

// NotSent ends the turn of a message without an attempt (REL-026): it is given up, or waits. An attempt that a vanished
// worker left open is closed as interrupted. What may have arrived stays UNKNOWN and waits, whatever the reason
// (REL-027), until its plan is over. It is not held, because it must not go to another access point unasked.
func (s *Store) NotSent(ctx context.Context, job Job, why NotSent) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error {
		m, err := tx.Get(job.MessageID)
		if err != nil {
			return err
		}
		if m.State == Sending {
			if err := tx.interrupt(&m, Unknown); err != nil {
				return err
			}
		}
		unclear, err := tx.unclear(m.ID, "")
		if err != nil {
			return err
		}
		to := RetryWait
		switch {
		case why.Quarantine:
			to, err = Quarantined, tx.Bury(job, why.Reason)
		case why.GiveUp && !unclear:
			to, err = FailedPermanent, tx.Bury(job, why.Reason)
		case why.Over != nil:
			why.Reason = why.Over(unclear, why.Reason)
			to, err = FailedPermanent, tx.Bury(job, why.Reason)
		default:
			err = tx.wait(job, why, unclear)
		}
		if err != nil {
			return err
		}
		ev := Event{Kind: EventNotSent, Detail: why.Reason, Actor: job.Owner}
		if m.State == to || m.State == Unknown && to == RetryWait {
			return tx.Note(m.ID, ev)
		}
		return tx.Move(&m, to, ev)
	})
}

// wait gives a job back until its message is due again. It stays held if why does not say anything about that, and is
// never held if an attempt may have arrived.
func (tx *Tx) wait(job Job, why NotSent, unclear bool) error {
	since := why.Moving
	switch {
	case unclear:
		since = time.Time{}
	case since.IsZero():
		since = job.Moving
	}
	if !since.IsZero() || !job.Moving.IsZero() {
		if err := tx.updateHeld(job, movingJob, db.Micros(since)); err != nil {
			return err
		}
	}
	return tx.Release(job, why.Retry, why.Reason)
}

// Over says for the record that the plan of attempts of a message is over (REL-024, design.md §3), and whether one of
// them may have arrived. last is what happened last.
type Over func(unclear bool, last string) string

// Result is how an attempt ended.
type Result struct {
	// the message's state from now on; UNKNOWN instead of RETRY_WAIT and FAILED_PERMANENT while it may have arrived
	State    State
	Refused  bool          // C3 said no under its signature: that answers every attempt with the same bytes
	Retry    time.Time     // when to try again, for RETRY_WAIT, UNKNOWN and DELIVERY_FAILED
	Over     Over          // the plan of attempts is over: FAILED_PERMANENT instead of RETRY_WAIT and UNKNOWN
	Hold     time.Duration // not 0: the worker keeps the job that long instead, because it tries again itself at once
	Outcome  string        // one word for the record, such as "receipt", "error", "timeout"
	Code     string
	Detail   string
	Evidence []Evidence // with SENT the receipt; Attempt is set by the store
	Verdict  string     // of the rules, when Evidence has their report
	Count    bool       // with SENT: write a counting row
	Tasks    []Task     // work that follows, such as a notification
	Message  *Message   // the message as the attempt began; nil: it is read again
}

// setEndpoint keeps the address of the latest attempt, which is the one that an answer came from.
const setEndpoint = `endpoint = ?, `

// FinishAttempt records the end of attempt n in one commit: state and event, attempt, evidence, counting row, and the
// fate of the job: done, due again, or given up (REL-022). ErrLeaseLost means that another worker holds the message
// now; nothing was written then (REL-013).
func (s *Store) FinishAttempt(ctx context.Context, job Job, n int, r Result) error {
	return s.UpdateLater(ctx, job.Tenant, s.in(func(tx *Tx) error {
		m, err := tx.underWay(job, r)
		if err != nil {
			return err
		}
		unclear := r.State == Unknown
		if r.State, err = tx.stateAfter(&m, r); err != nil {
			return err
		}
		reason := r.giveUp()
		if err := tx.endOrRelease(job, r, reason); err != nil {
			return err
		}
		if r.State == Sent && !hasReceipt(r.Evidence) {
			return fmt.Errorf("store: message %s cannot be SENT without a receipt", m.ID) // invariant I4
		}
		ev := Event{Kind: cmp.Or(r.Outcome, "attempt_ended"), Detail: reason, Actor: job.Owner}
		set, args := r.columns(tx.Now())
		if err := tx.move(&m, r.State, set, args, ev); err != nil {
			return err
		}
		ended, err := tx.Exec(endAttempt, db.Micros(tx.Now()), r.Outcome, db.Remark(r.Code), db.Remark(r.Detail),
			bit(unclear), m.ID, tx.Tenant(), n)
		if err != nil {
			return err
		}
		if ended == 0 {
			return fmt.Errorf("%w: attempt %d is over", db.ErrConflict, n)
		}
		return tx.afterAttempt(&m, n, r)
	}))
}

// giveUp ends a plan that is over, and returns what the record says of the outcome.
func (r *Result) giveUp() (reason string) {
	reason = joined(r.Code, r.Detail)
	if r.Over == nil || r.State != RetryWait && r.State != Unknown {
		return reason
	}
	reason, r.State = r.Over(r.State == Unknown, reason), FailedPermanent
	return reason
}

// columns are what the end of an attempt sets in its message.
func (r *Result) columns(now time.Time) (set string, args []any) {
	if r.State == Sent {
		set, args = `accepted = ?, `, append(args, db.Micros(now))
	}
	if r.Verdict != "" {
		set, args = set+`verdict = ?, `, append(args, r.Verdict)
	}
	return set, args
}

// underWay returns the message of an attempt that ends. A message that changed meanwhile is found out by Move.
func (tx *Tx) underWay(job Job, r Result) (Message, error) {
	if r.Message != nil && r.Message.ID == job.MessageID {
		return *r.Message, nil
	}
	return tx.Get(job.MessageID)
}

func (tx *Tx) afterAttempt(m *Message, n int, r Result) error {
	if err := tx.addEvidenceOf(m.ID, n, r.Evidence); err != nil {
		return err
	}
	if r.Refused {
		if _, err := tx.Exec(answerAttempts, m.ID, tx.Tenant(), m.Sealed.Key); err != nil {
			return err
		}
	}
	if r.State == Sent && r.Count {
		if err := tx.count(m); err != nil {
			return err
		}
	}
	return tx.Enqueue(r.Tasks...)
}

// endOrRelease ends the job or gives it back, as the new state of its message demands.
func (tx *Tx) endOrRelease(job Job, r Result, reason string) error {
	switch r.State {
	case RetryWait, Unknown, DeliveryFailed:
		if r.Hold > 0 {
			return tx.Extend(job, r.Hold)
		}
		return tx.Release(job, r.Retry, reason)
	case FailedPermanent, Dead, Quarantined:
		return tx.Bury(job, reason)
	}
	return tx.Complete(job)
}

func hasReceipt(pieces []Evidence) bool {
	for _, e := range pieces {
		if e.Kind == EvidenceReceipt && len(e.Bytes) > 0 {
			return true
		}
	}
	return false
}

// joined puts a code before a text.
func joined(code, detail string) string {
	if code == "" || detail == "" {
		return code + detail
	}
	return code + ": " + detail
}

// bit is the stored form of a truth.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nonNil makes sure that a column that must not be NULL gets bytes.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

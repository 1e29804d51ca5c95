package documents

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/explain"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/validation"
)

// Show returns everything that is known of the document that name stands for.
func (d *Desk) Show(ctx context.Context, name string) (*Document, error) {
	id, err := d.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	doc, _, err := d.whole(ctx, id)
	return doc, err
}

// At returns a document as an event left it, with the time of the event. What its evidence and its work would say is
// not in it.
func (d *Desk) At(ctx context.Context, id string, seq int64) (*Document, time.Time, error) {
	r, err := d.history(ctx, id)
	if err != nil {
		return nil, time.Time{}, err
	}
	n := slices.IndexFunc(r.events, func(e store.Event) bool { return e.Seq == seq })
	if n < 0 || r.events[n].To == "" {
		return nil, time.Time{}, fmt.Errorf("%w: event %d of %s", db.ErrNotFound, seq, id)
	}
	r.events, r.State = r.events[:n+1], r.events[n].To
	return r.document(), r.events[n].At, nil
}

// whole returns a document with its message.
func (d *Desk) whole(ctx context.Context, id string) (*Document, *record, error) {
	r, err := d.read(ctx, id)
	if err != nil {
		return nil, nil, fault.New(fault.RecordUnreadable, err, "")
	}
	return r.document(), r, nil
}

// document makes the shape of a record.
func (r *record) document() *Document {
	doc := document(&r.Found)
	doc.Attempts, doc.Timeline = attemptsOf(r.attempts), timeline(r.events)
	doc.Answers, doc.Certificates = answersOf(r), certificatesOf(r)
	if v := validationOf(r.evidence); v != nil {
		doc.Validation = v
	}
	doc.stop(r)
	if doc.Direction == store.In {
		doc.delivery(r)
	}
	doc.plan(r)
	if h := r.job.Held; doc.Held != nil {
		doc.Held.By, doc.Held.Reason = h.By, h.Why
	}
	doc.Next = nextStep(&doc)
	return &doc
}

// record is what the store has of a message.
type record struct {
	store.Found
	attempts []store.Attempt
	events   []store.Event
	evidence []store.Evidence
	job      store.Job // its work; zero when there is none
}

// history reads what happened to a message.
func (d *Desk) history(ctx context.Context, id string) (*record, error) {
	f, attempts, err := d.tried(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &record{Found: *f, attempts: attempts}
	r.events, err = d.Store.Timeline(ctx, d.Tenant, id)
	return r, err
}

func (d *Desk) read(ctx context.Context, id string) (r *record, err error) {
	if r, err = d.history(ctx, id); err != nil {
		return nil, err
	}
	if r.evidence, err = d.Store.AllEvidence(ctx, d.Tenant, id); err != nil {
		return r, err
	}
	r.job, err = d.jobOf(ctx, &r.Message)
	return r, err
}

// jobOf returns the work of a message; zero when there is none.
func (d *Desk) jobOf(ctx context.Context, m *store.Message) (store.Job, error) {
	kind := store.Deliver
	if m.Direction == store.Out {
		kind = store.Send
	}
	job, err := d.Store.JobOf(ctx, d.Tenant, kind, m.ID)
	if errors.Is(err, db.ErrNotFound) {
		return store.Job{}, nil
	}
	return job, err
}

// brief returns of a document what a decision depends on: its state, what is possible, who holds it.
func (d *Desk) brief(ctx context.Context, id string) (*Document, error) {
	f, attempts, err := d.tried(ctx, id)
	if errors.Is(err, db.ErrNotFound) {
		return nil, fault.New(fault.NoSuchMessage, nil, "%s", id)
	}
	if err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	doc := document(f)
	doc.Attempts = attemptsOf(attempts)
	doc.forbid(attempts)
	if doc.Held != nil {
		job, err := d.jobOf(ctx, &f.Message)
		if err != nil {
			return nil, fault.New(fault.RecordUnreadable, err, "")
		}
		doc.Held.By = job.Held.By
	}
	return &doc, nil
}

// forbid takes back an action that an attempt forbids, and reports whether one may have arrived.
func (doc *Document) forbid(attempts []store.Attempt) (unclear bool) {
	unclear = slices.ContainsFunc(attempts, func(a store.Attempt) bool { return a.Unclear })
	if unclear {
		doc.Actions = slices.DeleteFunc(doc.Actions, func(a Action) bool { return a == Cancel })
	}
	return unclear
}

// stop completes the problem by the event that tells of it.
func (doc *Document) stop(r *record) {
	unclear := doc.forbid(r.attempts)
	ev, ok := store.LastStop(r.events)
	if doc.Problem = problem(doc, ev.Code(), unclear); doc.Problem != nil && ok {
		doc.Problem.Detail, doc.Problem.At = ev.Detail, ev.At
	}
}

// delivery says when and where a received document was delivered.
func (doc *Document) delivery(r *record) {
	for _, a := range r.attempts {
		if doc.Backend = a.Endpoint; a.Outcome == outcomeDelivered {
			doc.Delivered = a.Ended
		}
	}
}

// plan says when serve goes on with a document by itself.
func (doc *Document) plan(r *record) {
	if doc.Status == Pending && doc.Held == nil && r.job.ID != "" && r.job.Done.IsZero() {
		doc.NextAttempt = r.job.Due
	}
}

func attemptsOf(list []store.Attempt) (all []Attempt) {
	for _, a := range list {
		x := Attempt{
			N: a.N, Started: a.Started, Ended: a.Ended, Endpoint: a.Endpoint, Fingerprint: a.Fingerprint,
			Outcome: a.Outcome,
			Code:    a.Code, Detail: a.Detail, Unclear: a.Unclear,
		}
		if !a.Ended.IsZero() {
			x.MS = a.Ended.Sub(a.Started).Milliseconds()
		}
		all = append(all, x)
	}
	return all
}

// texts says what kinds of events mean. The outcome of an attempt is the kind of the event that ends it.
var texts = map[string]string{
	store.EventAccepted:          "accepted; the receipt may leave",
	store.EventPossibleDuplicate: "the same envelope came before",
	store.EventSubmitted:         "handed in",
	store.EventReady:             "may be sent",
	store.EventSealed:            "signed and encrypted",
	store.EventAttempt:           "an attempt began",
	store.EventNotSent:           "its turn came, and it was not sent",
	store.EventInterrupted:       "the worker vanished during the attempt",
	store.EventQuarantined:       "put into quarantine",
	store.EventCancelled:         "withdrawn by an operator",
	store.EventRequeued:          "made due now by an operator",
	store.EventDiscarded:         "given up by an operator",
	store.EventHeld:              "held back by an operator",
	store.EventReleased:          "released by an operator",
	"verified":                   "its signature and payload are right",
	"receipt":                    "the receipt is verified and stored",
	outcomeDelivered:             "delivered",
	"failed":                     "the delivery failed",
	"refused":                    "the other access point refused it",
	"later":                      "the other access point cannot take it now",
	"unknown":                    "it is not known whether it arrived",
	"error":                      "it is not known whether it arrived",
	"bad-receipt":                "the receipt does not fit what was sent",
	"duplicate-there":            "the other access point has it already; its receipt is lost",
}

// timeline weaves the numbers of attempts into the events: each begins with an event, and ends with the next one that
// moves the document on.
func timeline(events []store.Event) (list []Item) {
	n, under := 0, false
	for _, e := range events {
		it := Item{
			Seq: e.Seq, At: e.At, Kind: e.Kind, From: e.From, To: e.To,
			Text: texts[e.Kind], Detail: e.Detail, Actor: e.Actor,
		}
		if it.Text == "" {
			it.Text = e.Kind
		}
		switch {
		case e.Kind == store.EventAttempt:
			n, under = n+1, true
			it.Attempt = n
		case under && e.To != "":
			it.Attempt, under = n, false
		}
		it.Code = fault.Code(e.Code())
		if entry, ok := fault.Find(it.Code); ok {
			it.Blame = entry.Blame
		}
		list = append(list, it)
	}
	return list
}

// kindOther is an answer that is neither receipt nor error.
const kindOther = "other"

// answersOf reads the answers that are kept.
func answersOf(r *record) (list []Answer) {
	for _, e := range r.evidence {
		if e.Kind != store.EvidenceReceipt && e.Kind != store.EvidenceAnswerSOAP {
			continue
		}
		list = append(list, answer(e))
	}
	return list
}

func answer(e store.Evidence) Answer {
	a := Answer{Attempt: e.Attempt, Kind: kindOther, ContentType: e.ContentType, Length: len(e.Bytes)}
	if e.Kind == store.EvidenceReceipt {
		a.Kind = explain.MessageReceipt // it was verified before it was kept as one
	}
	rep, err := explain.Explain(httpAnswer(e), explain.Options{})
	if err != nil {
		return a
	}
	if rep.SOAP != nil && rep.SOAP.Message != "" {
		a.Kind = rep.SOAP.Message
	}
	if rep.Signature.Signer != nil {
		a.Signer = rep.Signature.Signer.Subject
	}
	for _, x := range rep.Errors {
		a.Errors = append(a.Errors, AnswerError{
			Code: string(x.Code), Severity: x.Severity, Short: x.Short, Detail: x.Detail, Description: x.Description,
		})
	}
	return a
}

// httpAnswer is an answer as a response that can be explained. Its status is not on record.
func httpAnswer(e store.Evidence) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		e.ContentType, len(e.Bytes), e.Bytes)
}

// validationOf reads the latest report of the rules; nil when there is none.
func validationOf(list []store.Evidence) *Validation {
	e := latest(list, store.EvidenceValidation)
	var rep validation.Report
	if e == nil || json.Unmarshal(e.Bytes, &rep) != nil {
		return nil
	}
	v := &Validation{Verdict: string(rep.Verdict), Pack: rep.Pack, Version: rep.Version, Fatal: len(rep.XSD)}
	for _, f := range rep.Findings {
		if f.Flag == "warning" {
			v.Warning++
		} else {
			v.Fatal++
		}
	}
	return v
}

// latest returns the last piece of a kind, nil when there is none.
func latest(list []store.Evidence, kind string) *store.Evidence {
	for i := range slices.Backward(list) {
		if list[i].Kind == kind {
			return &list[i]
		}
	}
	return nil
}

// certificatesOf returns each certificate once.
func certificatesOf(r *record) (list []Certificate) {
	add := func(role string, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		x := Certificate{
			Role: role, Subject: certs.Subject(c), Serial: c.SerialNumber.String(),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: certs.Fingerprint(c),
		}
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	for role, kind := range roles {
		for _, e := range r.evidence {
			if e.Kind == kind {
				add(role, e.Bytes)
			}
		}
	}
	add(rolePeer, r.PeerCert)
	slices.SortStableFunc(list, func(a, b Certificate) int {
		if a.Role != b.Role && a.Role == roleOwn {
			return -1
		} else if a.Role != b.Role {
			return 1
		}
		return a.NotBefore.Compare(b.NotBefore)
	})
	return list
}

// Roles of certificates.
const (
	roleOwn  = "own"
	rolePeer = "peer"
)

// roles says which evidence holds the certificates of a role.
var roles = map[string]string{roleOwn: store.EvidenceOwnCert, rolePeer: store.EvidencePeerCert}

// ExpiredAt reports whether a certificate is not valid any more.
func (c *Certificate) ExpiredAt(now time.Time) bool { return now.After(c.NotAfter) }

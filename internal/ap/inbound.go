package ap

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
)

// Inbound is C3: it stores verified messages and delivers them to C4. It implements as4.Handler.
type Inbound struct {
	Core
	Check Check         // of documents before delivery; the receipt was sent long before (D-10)
	Lease time.Duration // of a delivery; the queue extends it while the work runs
	Queue *queue.Runner // runs Forward; accepts deliveries that start right after acceptance
	Lanes DeliverLanes  // of backends: the Store of Queue; required

	// Route says where a document goes, or that no route matches it. It is asked at acceptance and again before every
	// attempt, and must not wait for anything (OPS-003).
	Route func(*store.Message) (Destination, bool)

	Spread func(time.Duration) time.Duration // changes each wait a little, like Jitter; nil leaves them as they are

	Delivered func(store.Message, backend.Outcome) // called after each attempt; Final before DELIVERED and DEAD

	// Alone reports whether Blobs holds all payloads of the record, so that a missing one is lost. Otherwise another
	// node may have it. nil means yes.
	Alone func(ctx context.Context) (bool, error)
	Hook  func(point string) // called at "deliver.claimed" and "deliver.done"; tests end the process there
}

// DeliverLanes keeps documents away from backends that fail or have enough (OPS-006).
type DeliverLanes interface {
	Lanes
	Begin(job, lane, tenant string) bool // for a job that nobody has claimed
	End(job string)
}

// Destination is where a route leads.
type Destination struct {
	Route   string // its name
	Backend backend.Backend
	Plan    Plan          // of its attempts; a GiveUp of 0 means that there is always another one (OPS-005)
	Timeout time.Duration // for one attempt, and a second more for each MiB; 0 means DefaultDeliverTimeout
}

// DefaultDeliverTimeout is that of OPS-006.
const DefaultDeliverTimeout = time.Minute

// DeliverTimeout is the time for an attempt to deliver a document of a size.
func DeliverTimeout(timeout time.Duration, size int64) time.Duration {
	return cmp.Or(timeout, DefaultDeliverTimeout) + time.Duration(size>>20)*time.Second
}

// place is a payload being written to the blob store.
type place struct {
	*blob.Writer
	id string // that the message will have
}

// Place opens a blob for the payload. Its key contains the id that the message will have.
func (in *Inbound) Place(ctx context.Context, id string) (as4.Place, error) {
	w, err := in.Blobs.Create(ctx, store.BlobKey(id, "sbd"))
	if err != nil {
		return nil, err
	}
	return &place{w, id}, nil
}

// Known returns what the record has of a message that was accepted before (AS4-129, REL-031).
func (in *Inbound) Known(ctx context.Context, key as4.DuplicateKey) (*as4.Prior, error) {
	prior, err := in.Store.Known(ctx, in.Tenant, string(key.Sender), string(key.ID))
	switch {
	case errors.Is(err, db.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return known(prior)
}

func known(p store.Prior) (*as4.Prior, error) {
	if len(p.Receipt) == 0 {
		return nil, errors.New("ap: the receipt of an accepted message is missing")
	}
	return &as4.Prior{ID: p.ID, Digests: p.Digests, Answer: as4.Answer{ContentType: p.ReceiptType, Body: p.Receipt}},
		nil
}

// Repeat keeps the receipt for a rebuilt header, and what it is for, beside those of the message (AS4-128).
func (in *Inbound) Repeat(ctx context.Context, m *as4.Inbound, prior *as4.Prior) (*as4.Answer, error) {
	receipt, err := in.Store.Repeat(ctx, in.Tenant, prior.ID, m.Digests, evidence(m))
	if err != nil {
		return nil, err
	}
	return &as4.Answer{ContentType: receipt.ContentType, Body: receipt.Bytes}, nil
}

// Accept makes a message durable: it checks that the receiver is served, syncs the payload, and then writes record,
// duplicate key, receipt, events, counting row and outbox row in one commit (REL-001). All of it happens before the
// receipt is sent.
func (in *Inbound) Accept(ctx context.Context, m *as4.Inbound) error {
	h := m.Header
	served, ok, err := in.Store.Serves(ctx, in.Tenant, h.Receiver, h.DocType, h.Process)
	if err != nil {
		// EBMS:0202, never NOT_SERVICED (AS4-095)
		return fmt.Errorf("ap: cannot tell whether the receiver is served: %w", err)
	}
	if !ok {
		return ebms.NotServiced("The receiver is not registered here for this document type and process.") // AS4-092
	}
	p := m.Place.(*place) // made by Place
	ref, err := p.Commit()
	if err != nil {
		return err
	}
	err = in.store(ctx, in.acceptance(m, p.id, ref, served.Domain))
	var twin *store.Duplicate
	if errors.As(err, &twin) {
		if derr := in.Blobs.Delete(ctx, ref.Key); derr != nil {
			return derr
		}
		prior, perr := known(twin.Prior)
		if perr != nil {
			return perr
		}
		return &as4.Duplicate{Prior: prior}
	}
	// The blob stays: the commit may have happened despite the error, and an orphan is collected later (CP-R7).
	return err
}

// store commits an acceptance. If the queue has a place and there is a route, the same commit starts the delivery,
// which saves claiming it and then runs beside the request; otherwise the delivery waits in the outbox (D-10). A
// message without a route is accepted like any other (OPS-002).
func (in *Inbound) store(ctx context.Context, a store.Acceptance) error {
	a.Message.Tenant = in.Tenant
	to, ok := in.Route(&a.Message)
	var place *queue.Place
	id := store.DeliverJob(in.Tenant, a.Message.ID)
	if ok {
		a.Lane = to.Backend.Name()
		place = in.reserve(id, a.Lane)
	}
	if place == nil {
		_, err := in.Store.Accept(ctx, in.Tenant, a)
		return err
	}
	m, job, n, err := in.Store.AcceptHeld(ctx, in.Tenant, a, in.Queue.Owner,
		store.Start{Endpoint: a.Lane, Lease: in.Lease})
	if err != nil || job.ID == "" {
		in.Lanes.End(id)
		place.Free()
		return err
	}
	place.Do(job, func(ctx context.Context, job store.Job) queue.Outcome {
		defer in.Lanes.End(id)
		return in.finish(ctx, job, m, n, to)
	})
	return nil
}

// reserve returns a place for a delivery to a backend, or nil if the queue or the backend has none.
func (in *Inbound) reserve(id, lane string) *queue.Place {
	place := in.Queue.Reserve()
	if place != nil && !in.Lanes.Begin(id, lane, in.Tenant) {
		place.Free()
		return nil
	}
	return place
}

// acceptance returns the message as it is stored (SBDH-048, D-25).
func (in *Inbound) acceptance(m *as4.Inbound, id string, ref store.BlobRef, domain string) store.Acceptance {
	h, u := m.Header, m.Message
	if domain == "" {
		domain = defaultDomain
	}
	return store.Acceptance{
		Message: store.Message{
			ID: id, Domain: domain, MessageID: string(u.ID), ConversationID: u.ConversationID, Timestamp: u.Timestamp,
			C2: m.C2, C3: m.C3, Sender: h.Sender.Value(), Receiver: h.Receiver.Value(),
			DocTypeScheme: h.DocType.Scheme(), DocType: h.DocType.Value(), ProcessScheme: h.Process.Scheme(),
			Process:   h.Process.Value(),
			Transport: peppol.TransportAS4, InstanceID: h.InstanceID, CreationTime: h.Created, CountryC1: h.CountryC1,
			MLSTo: h.MLSTo, MLSType: h.MLSType, Payload: ref, PayloadMime: m.Payload.MimeType, PeerCert: m.Signer.Raw,
			Digests:        m.Digests,
			DocumentNumber: m.Payload.Number,
		},
		Evidence: evidence(m),
		Events:   events(m),
		Count:    in.counts(h.DocType),
	}
}

// evidence is what is kept of a message beside its payload.
func evidence(m *as4.Inbound) []store.Evidence {
	return []store.Evidence{
		{Kind: store.EvidenceReceipt, ContentType: m.Answer.ContentType, Bytes: m.Answer.Body},
		{Kind: store.EvidenceRequestSOAP, ContentType: as4.ContentTypeSignal, Bytes: m.SOAP},
		{Kind: store.EvidenceOwnCert, Bytes: m.Own.Raw},
	}
}

// events are what happened before the message is in the record. What was tolerated stays with it.
func events(m *as4.Inbound) []store.Event {
	list := []store.Event{{At: m.Received, Kind: "verified", To: store.Verified, Detail: certs.Fingerprint(m.Signer)}}
	if len(m.Tolerated) > 0 {
		list = append(list, store.Event{
			At: m.Received, Kind: store.EventTolerated,
			Detail: strings.Join(m.Tolerated, ", "),
		})
	}
	return list
}

// recordPause is the pause after the record could not be read or written.
const recordPause = time.Minute

func (in *Inbound) spread(d time.Duration) time.Duration {
	if in.Spread == nil {
		return d
	}
	return in.Spread(d)
}

// Forward delivers one accepted message to C4: it looks up its route, records an attempt, reads the payload, checking
// its hash, and records the outcome together with the end of the job in one commit (REL-010, REL-003). It is the
// queue's work for store.Deliver.
func (in *Inbound) Forward(ctx context.Context, job store.Job) queue.Outcome {
	defer in.Lanes.End(job.ID)
	m, err := in.Store.Get(ctx, job.Tenant, job.MessageID)
	if err != nil {
		return queue.Retry(recordPause, err.Error())
	}
	to, ok := in.Route(&m) // OPS-003: as the routes are now
	if !ok {
		return in.unrouted(ctx, job)
	}
	if lane := to.Backend.Name(); !in.Lanes.Admit(job.ID, lane) {
		if err := in.Store.Redirect(context.WithoutCancel(ctx), job, lane); err != nil {
			return queue.Retry(recordPause, err.Error())
		}
		return queue.AlreadyEnded()
	}
	m, n, err := in.Store.StartAttempt(ctx, job, store.Start{Endpoint: to.Backend.Name(), Lease: in.Lease})
	switch {
	case errors.Is(err, db.ErrConflict), errors.Is(err, store.ErrTransition):
		return queue.Dead(err.Error()) // the message is in a state in which it is not delivered
	case err != nil:
		return queue.Retry(recordPause, err.Error())
	}
	job.Spent++
	return in.finish(ctx, job, m, n, to)
}

// unrouted lets a message wait for which there is no route. That uses no attempt of its plan and is no crash (OPS-002).
// The server makes it due as soon as its routes have changed.
func (in *Inbound) unrouted(ctx context.Context, job store.Job) queue.Outcome {
	due := in.Now().Add(in.spread(pauseAfter(in.Now().Sub(job.Created))))
	err := in.Store.NotDelivered(ctx, job, due, fault.New(fault.NoRoute, nil, "").Error())
	switch {
	case errors.Is(err, store.ErrTransition):
		return queue.Dead(err.Error())
	case err != nil:
		return queue.Retry(recordPause, err.Error())
	}
	return queue.AlreadyEnded()
}

// finish delivers the message of attempt n and records the outcome.
func (in *Inbound) finish(ctx context.Context, job store.Job, m store.Message, n int, to Destination) queue.Outcome {
	in.hook("deliver.claimed")
	began := time.Now()
	rep, report, out := in.deliver(ctx, m, n, to)
	in.hook("deliver.done")
	in.delivered(to, began, out)
	res, out := in.result(ctx, out, job, n, to.Plan)
	res.Message, res.Evidence, res.Verdict = &m, report, verdict(rep)
	if in.Delivered != nil {
		in.Delivered(m, out)
	}
	// The delivery has happened and must be recorded even while the server stops: otherwise it would happen twice.
	if err := in.Store.FinishAttempt(context.WithoutCancel(ctx), job, n, res); err != nil {
		return queue.Retry(recordPause, err.Error())
	}
	return queue.AlreadyEnded()
}

func (in *Inbound) hook(point string) {
	if in.Hook != nil {
		in.Hook(point)
	}
}

// storedFault gives a damaged or missing payload its error code (REL-003).
func storedFault(m store.Message, err error) error {
	switch {
	case errors.Is(err, blob.ErrCorrupt):
		return fault.New(fault.PayloadDamaged, err, "message %s", m.ID)
	case errors.Is(err, blob.ErrNotFound):
		return fault.New(fault.PayloadMissing, err, "message %s", m.ID)
	}
	return err
}

// isStoredFault reports whether an error has a code of storedFault.
func isStoredFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && (f.Code == fault.PayloadDamaged || f.Code == fault.PayloadMissing)
}

// elsewhereTries is after how many attempts, about a day, a missing payload that another node may have counts as lost.
const elsewhereTries = 30

// result is what attempt n leaves in the record (OPS-004), and when the next one is (OPS-005). The outcome at the end
// of a plan becomes a final one.
func (in *Inbound) result(ctx context.Context, out backend.Outcome, job store.Job, n int, plan Plan,
) (store.Result, backend.Outcome) {
	if out.Delivered() {
		return store.Result{State: store.Delivered, Outcome: "delivered", Detail: reference(out)}, out
	}
	wait := max(in.spread(plan.wait(job.Spent)), min(out.RetryAfter, backend.MostRetryAfter))
	res := store.Result{State: store.DeliveryFailed, Outcome: "failed", Retry: in.Now().Add(wait)}
	if plan.GiveUp > 0 && res.Retry.After(plan.ends(job)) && !out.Final() {
		out.Class = backend.Permanent
		out.Err = fault.New(fault.DeliveryDead, out.Err, "%d attempts in %s", job.Spent, plan.GiveUp)
	}
	res.Detail = reason(out.Err)
	var coded *fault.Error
	if errors.As(out.Err, &coded) {
		res.Code = string(coded.Code)
		res.Detail = strings.TrimPrefix(res.Detail, res.Code+": ")
	}
	switch err := out.Err; {
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound) && (n >= elsewhereTries || in.alone(ctx)):
		res.State = store.Quarantined // REL-003: never delivered
	case out.Final():
		res.State = store.Dead // REL-011, OPS-005
	}
	return res, out
}

// reference says what C4 told of a document that it has.
func reference(out backend.Outcome) string {
	var all []string
	if out.Class == backend.Already {
		all = append(all, "it was there before")
	}
	if out.Reference != "" {
		all = append(all, "reference "+out.Reference)
	}
	return strings.Join(all, ", ")
}

// alone calls Alone; an error counts as no, because a payload must not be given up by mistake.
func (in *Inbound) alone(ctx context.Context) bool {
	if in.Alone == nil {
		return true
	}
	yes, err := in.Alone(ctx)
	return yes && err == nil
}

// deliver checks the document and hands it to C4, in attempt n, together with the findings, which never hold it up.
func (in *Inbound) deliver(ctx context.Context, m store.Message, n int, to Destination) (*validation.Report,
	[]store.Evidence, backend.Outcome,
) {
	req := validation.Request{DocType: m.DocType, Process: m.Process, On: in.Now()}
	rep, err := in.checked(ctx, &in.Check, string(store.In), req, m.Payload.Length,
		func() (io.ReadCloser, error) { return in.open(ctx, m.Payload) })
	var report []store.Evidence
	if err == nil {
		report, err = reportEvidence(rep)
	}
	if err != nil {
		return nil, nil, backend.Ended(storedFault(m, err))
	}
	meta := metadata(m)
	meta.Attempt, meta.Route = n, to.Route
	if len(report) > 0 {
		meta.Validation = report[0].Bytes
	}
	return rep, report, in.hand(ctx, m, meta, to)
}

// hand gives a document to the backend. What the payload itself lacks comes before what the backend says.
func (in *Inbound) hand(ctx context.Context, m store.Message, meta backend.Metadata, to Destination,
) backend.Outcome {
	r, err := in.open(ctx, m.Payload)
	if err != nil {
		return backend.Ended(storedFault(m, err))
	}
	defer func() { _ = r.Close() }() // it was only read
	receipt := func(ctx context.Context) ([]byte, error) { return in.receipt(ctx, m) }
	limited, cancel := context.WithTimeout(ctx, DeliverTimeout(to.Timeout, m.Payload.Length))
	defer cancel()
	began := in.Now()
	out := to.Backend.Deliver(limited, backend.Delivery{ID: m.ID, Payload: r, Metadata: meta, Receipt: receipt})
	if ctx.Err() == nil || out.Final() { // else it was cut off by us, which says nothing of the backend
		in.Lanes.Report(to.Backend.Name(), out.Final(), in.Now().Sub(began))
	}
	switch {
	case out.Delivered():
		out.Err = nil
	case out.Class == backend.Conflict:
		out.Err = fault.New(fault.DeliveryConflict, out.Err, "%s", m.ID)
	case out.Err == nil:
		out.Err = errors.New("ap: the backend says nothing about why it did not take the document")
	case ctx.Err() == nil && errors.Is(out.Err, context.DeadlineExceeded):
		const text = "the backend did not take the document in %s: %w"
		out.Err = fmt.Errorf(text, DeliverTimeout(to.Timeout, m.Payload.Length), out.Err)
	default:
		out.Err = storedFault(m, out.Err)
	}
	return out
}

// receipt returns the receipt that C2 got first. Those for repeats belong to later events.
func (in *Inbound) receipt(ctx context.Context, m store.Message) ([]byte, error) {
	pieces, err := in.Store.AllEvidence(ctx, m.Tenant, m.ID)
	if err != nil {
		return nil, err
	}
	for _, e := range pieces {
		if e.Kind == store.EvidenceReceipt && e.Attempt == 0 {
			return e.Bytes, nil
		}
	}
	return nil, errors.New("ap: the receipt of a message is missing")
}

// metadata describes a message for C4. The delivery id is the id of the message and never changes, so that C4 can
// recognise a repeat.
func metadata(m store.Message) backend.Metadata {
	return backend.Metadata{
		DeliveryID: m.ID, MessageID: m.MessageID, ConversationID: m.ConversationID, InstanceID: m.InstanceID,
		C2: string(m.C2), C3: string(m.C3), Sender: peppol.SchemeParticipant + "::" + m.Sender,
		Receiver: peppol.SchemeParticipant + "::" + m.Receiver,
		DocType:  m.DocTypeScheme + "::" + m.DocType, Process: m.ProcessScheme + "::" + m.Process,
		CountryC1: m.CountryC1, MLSTo: m.MLSTo, MLSType: m.MLSType, Accepted: m.Accepted,
		Length: m.Payload.Length, SHA256: hex.EncodeToString(m.Payload.SHA256[:]), Payload: backend.PayloadName,
		PossibleDuplicate: m.PossibleDuplicate, Tenant: m.Tenant, DocumentNumber: m.DocumentNumber, Domain: m.Domain,
	}
}

// Refused writes the audit row for a refused message from an authenticated sender (design.md §3).
func (in *Inbound) Refused(ctx context.Context, x *as4.Exchange) error {
	return in.Store.AppendAudit(ctx, in.Tenant, db.Audit{
		Actor: string(x.C2), Action: "refused", MessageID: string(x.MessageID), Code: string(x.Code),
		Subject: x.ID, Detail: string(x.Step) + ": " + reason(x.Err),
	})
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	var ee *ebms.Error
	if errors.As(err, &ee) && ee.Err != nil {
		return ee.Error() + ": " + ee.Err.Error()
	}
	return err.Error()
}

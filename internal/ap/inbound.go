package ap

import (
	"bytes"
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

// Inbound is C3: it takes verified messages into the record and brings them to C4. It implements as4.Handler.
type Inbound struct {
	Core
	Backend   backend.Backend
	Check     Check                            // of documents before they are delivered; the receipt has left long before (D-10)
	Lease     time.Duration                    // how long a delivery may go without a sign of life; the queue extends it while the work runs
	Queue     *queue.Runner                    // runs Forward; takes deliveries that begin with their acceptance
	Delivered func(m store.Message, err error) // told of each delivery; nil means nobody wants to know

	// Alone tells whether all payloads of the record lie where Blobs looks, so that one that is not there is lost. Else
	// another node may have it. nil means yes.
	Alone func(ctx context.Context) (bool, error)
	Hook  func(point string) // called at "deliver.claimed" and "deliver.done"; tests end the process there
}

// place is a payload on its way into the blob store.
type place struct {
	*blob.Writer
	id string // of the message to be
}

// Place opens a blob for the payload, whose key names the id that the message will have.
func (in *Inbound) Place(ctx context.Context, id string) (as4.Place, error) {
	w, err := in.Blobs.Create(ctx, store.BlobKey(id, "sbd"))
	if err != nil {
		return nil, err
	}
	return &place{w, id}, nil
}

// reused is the answer to a known MessageId with other content (AS4-131).
func reused() error {
	return &ebms.Error{Code: ebms.CodeValueInconsistent, Detail: "MessageId reused with different content"}
}

// Known answers a repeat from the record (AS4-129, REL-031).
func (in *Inbound) Known(ctx context.Context, key as4.DuplicateKey, digests []byte) (*as4.Answer, error) {
	prior, err := in.Store.Known(ctx, in.Tenant, string(key.Sender), string(key.ID))
	switch {
	case errors.Is(err, db.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return answer(prior, digests)
}

// answer returns the stored receipt if the content is the same.
func answer(prior store.Prior, digests []byte) (*as4.Answer, error) {
	if !bytes.Equal(prior.Digests, digests) {
		return nil, reused()
	}
	if len(prior.Receipt) == 0 {
		return nil, errors.New("ap: the receipt of an accepted message is missing")
	}
	return &as4.Answer{ID: prior.ID, ContentType: prior.ReceiptType, Body: prior.Receipt}, nil
}

// Accept makes a message durable: served at all, then the payload synced, then one commit with record, duplicate key,
// receipt, events, counting row and outbox row (REL-001). Nothing of it happens after the receipt left.
func (in *Inbound) Accept(ctx context.Context, m *as4.Inbound) error {
	h := m.Header
	served, ok, err := in.Store.Serves(ctx, in.Tenant, h.Receiver, h.DocType, h.Process)
	if err != nil {
		return fmt.Errorf("ap: cannot tell whether the receiver is served: %w", err) // EBMS:0202, never NOT_SERVICED (AS4-095)
	}
	if !ok {
		return ebms.NotServiced("The receiver is not registered here for this document type and process.") // AS4-092
	}
	p := m.Place.(*place) // Place made it
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
		stored, aerr := answer(twin.Prior, m.Digests)
		if aerr != nil {
			return aerr
		}
		return &as4.Duplicate{Answer: stored}
	}
	return err // the blob stays: whether the commit happened may be unknown, and an orphan is collected later (CP-R7)
}

// store commits an acceptance. When the queue has a place, the same commit starts the delivery, which then runs beside
// the request; else the delivery waits in the outbox (D-10).
func (in *Inbound) store(ctx context.Context, a store.Acceptance) error {
	place := in.Queue.Reserve()
	if place == nil {
		_, err := in.Store.Accept(ctx, in.Tenant, a)
		return err
	}
	m, job, n, err := in.Store.AcceptHeld(ctx, in.Tenant, a, in.Queue.Owner, store.Start{Endpoint: in.Backend.Name(), Lease: in.Lease})
	if err != nil || job.ID == "" {
		place.Free()
		return err
	}
	place.Do(job, func(ctx context.Context, job store.Job) queue.Outcome { return in.finish(ctx, job, m, n) })
	return nil
}

// acceptance describes the message for the record (SBDH-048, D-25).
func (in *Inbound) acceptance(m *as4.Inbound, id string, ref store.BlobRef, domain string) store.Acceptance {
	h, u := m.Header, m.Message
	if domain == "" {
		domain = defaultDomain
	}
	return store.Acceptance{
		Message: store.Message{
			ID: id, Domain: domain, MessageID: string(u.ID), ConversationID: u.ConversationID, Timestamp: u.Timestamp,
			C2: m.C2, C3: m.C3, Sender: h.Sender.Value(), Receiver: h.Receiver.Value(),
			DocTypeScheme: h.DocType.Scheme(), DocType: h.DocType.Value(), ProcessScheme: h.Process.Scheme(), Process: h.Process.Value(),
			Transport: peppol.TransportAS4, InstanceID: h.InstanceID, CreationTime: h.Created, CountryC1: h.CountryC1,
			MLSTo: h.MLSTo, MLSType: h.MLSType, Payload: ref, PayloadMime: m.Payload.MimeType, PeerCert: m.Signer.Raw, Digests: m.Digests,
			DocumentNumber: m.Payload.Number,
		},
		Evidence: []store.Evidence{
			{Kind: store.EvidenceReceipt, ContentType: m.Answer.ContentType, Bytes: m.Answer.Body},
			{Kind: store.EvidenceRequestSOAP, ContentType: as4.ContentTypeSignal, Bytes: m.SOAP},
			{Kind: store.EvidenceOwnCert, Bytes: m.Own.Raw},
		},
		Events: []store.Event{{At: m.Received, Kind: "verified", To: store.Verified, Detail: certs.Fingerprint(m.Signer)}},
		Count:  in.counts(h.DocType),
	}
}

// deliverBackoff is the pause after the n-th failed delivery, at most an hour.
func deliverBackoff(n int) time.Duration {
	return min(time.Minute<<min(n-1, 6), time.Hour)
}

// Forward delivers one accepted message to C4: an attempt is recorded, the payload is read with its hash checked, and the
// outcome is recorded with the fate of the job in one commit (REL-010, REL-003). It is the queue's work for store.Deliver.
func (in *Inbound) Forward(ctx context.Context, job store.Job) queue.Outcome {
	m, n, err := in.Store.StartAttempt(ctx, job, store.Start{Endpoint: in.Backend.Name(), Lease: in.Lease})
	switch {
	case errors.Is(err, db.ErrConflict), errors.Is(err, store.ErrTransition):
		return queue.Dead(err.Error()) // the message moved on without its job
	case err != nil:
		return queue.Retry(deliverBackoff(1), err.Error())
	}
	return in.finish(ctx, job, m, n)
}

// finish delivers the message of attempt n and records the outcome.
func (in *Inbound) finish(ctx context.Context, job store.Job, m store.Message, n int) queue.Outcome {
	in.hook("deliver.claimed")
	res := store.Result{State: store.Delivered, Outcome: "delivered"}
	rep, report, err := in.deliver(ctx, m)
	in.hook("deliver.done")
	if err != nil {
		err = storedFault(m, err)
		res = in.failedDelivery(ctx, err, n)
	}
	res.Message, res.Evidence, res.Verdict = &m, report, verdict(rep)
	if in.Delivered != nil {
		in.Delivered(m, err)
	}
	// What was delivered is delivered, also while the server stops.
	if err := in.Store.FinishAttempt(context.WithoutCancel(ctx), job, n, res); err != nil {
		return queue.Retry(deliverBackoff(1), err.Error())
	}
	return queue.Settled()
}

func (in *Inbound) hook(point string) {
	if in.Hook != nil {
		in.Hook(point)
	}
}

// storedFault gives its code to an error of what is stored (REL-003).
func storedFault(m store.Message, err error) error {
	switch {
	case errors.Is(err, blob.ErrCorrupt):
		return fault.New(fault.PayloadDamaged, err, "message %s", m.ID)
	case errors.Is(err, blob.ErrNotFound):
		return fault.New(fault.PayloadMissing, err, "message %s", m.ID)
	}
	return err
}

// isStoredFault tells whether an error is one that storedFault gave its code.
func isStoredFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && (f.Code == fault.PayloadDamaged || f.Code == fault.PayloadMissing)
}

// elsewhereTries is after how many attempts, a day, a payload is lost that another node may have.
const elsewhereTries = 30

func (in *Inbound) failedDelivery(ctx context.Context, err error, n int) store.Result {
	res := store.Result{
		State: store.DeliveryFailed, Outcome: "failed", Detail: err.Error(), Retry: in.Now().Add(deliverBackoff(n)),
	}
	var coded *fault.Error
	if errors.As(err, &coded) {
		res.Code = string(coded.Code)
		res.Detail = strings.TrimPrefix(res.Detail, res.Code+": ")
	}
	var permanent *backend.Permanent
	switch {
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound) && (n >= elsewhereTries || in.alone(ctx)):
		res.State = store.Quarantined // REL-003: never delivered
	case errors.As(err, &permanent):
		res.State = store.Dead // REL-011
	}
	return res
}

// alone is Alone, and false when it cannot be told.
func (in *Inbound) alone(ctx context.Context) bool {
	if in.Alone == nil {
		return true
	}
	yes, err := in.Alone(ctx)
	return yes && err == nil
}

// deliver checks the document and hands it to C4 with the findings, which never keep it back.
func (in *Inbound) deliver(ctx context.Context, m store.Message) (*validation.Report, []store.Evidence, error) {
	req := validation.Request{DocType: m.DocType, Process: m.Process, On: in.Now()}
	rep, err := in.Check.document(ctx, req, m.Payload.Length, func() (io.ReadCloser, error) { return in.open(ctx, m.Payload) })
	if err != nil {
		return nil, nil, err
	}
	report, err := reportEvidence(rep)
	if err != nil {
		return nil, nil, err
	}
	r, err := in.open(ctx, m.Payload)
	if err != nil {
		return nil, nil, err
	}
	meta := metadata(m)
	if len(report) > 0 {
		meta.Validation = report[0].Bytes
	}
	err = in.Backend.Deliver(ctx, backend.Delivery{ID: m.ID, Payload: r, Metadata: meta})
	return rep, report, errors.Join(err, r.Close())
}

// metadata describes a message for C4. The delivery id is the message's id: it never changes.
func metadata(m store.Message) backend.Metadata {
	return backend.Metadata{
		DeliveryID: m.ID, MessageID: m.MessageID, ConversationID: m.ConversationID, InstanceID: m.InstanceID,
		C2: string(m.C2), C3: string(m.C3), Sender: peppol.SchemeParticipant + "::" + m.Sender, Receiver: peppol.SchemeParticipant + "::" + m.Receiver,
		DocType: m.DocTypeScheme + "::" + m.DocType, Process: m.ProcessScheme + "::" + m.Process,
		CountryC1: m.CountryC1, MLSTo: m.MLSTo, MLSType: m.MLSType, Accepted: m.Accepted,
		Length: m.Payload.Length, SHA256: hex.EncodeToString(m.Payload.SHA256[:]), Payload: backend.PayloadName,
		PossibleDuplicate: m.PossibleDuplicate,
	}
}

// Refused writes the audit row of a message that an authenticated sender got back (design.md §3).
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

// Package gendata fills a record with one of everything (Write) and checks that a later version can read all of it back
// (Check; make test-upgrade). Both go through the same calls as a running node.
package gendata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
)

// Format is the version of what Write writes; Check knows all of them.
const Format = 1

const (
	docType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice" +
		"##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	processID   = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	participant = "0192:810418052"
	inID        = "gendata-in@example.org"
	outID       = "gendata-out@example.org"
	lease       = time.Minute
)

// sizes of the payloads: one is small enough to be kept in the record, the other lies in a file.
var sizes = []int{100, 200_000}

// payloadBytes are the bytes of a payload of this size: always the same, so that Check knows them.
func payloadBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// Write fills an empty record.
func Write(ctx context.Context, s *store.Store, blobs blob.Store) error {
	g := &generator{ctx: ctx, s: s, blobs: blobs}
	g.served()
	for i, size := range sizes {
		g.inbound(fmt.Sprintf("%d-%s", i, inID), size)
		g.outbound(fmt.Sprintf("%d-%s", i, outID), size)
	}
	g.step(func() error {
		return s.AppendAudit(ctx, db.DefaultTenant, db.Audit{
			Actor: "PNO000111", Action: "refused", Code: "EBMS:0004", Detail: "gendata",
		})
	})
	return g.err
}

// generator fills a record and stops at the first error.
type generator struct {
	ctx   context.Context
	s     *store.Store
	blobs blob.Store
	err   error
}

func (g *generator) step(f func() error) {
	if g.err == nil {
		g.err = f()
	}
}

// servedEntry is what the record serves: one participant, document type and process.
func servedEntry() (store.Served, error) {
	p, err := peppol.ParseParticipant(participant)
	if err != nil {
		return store.Served{}, err
	}
	d, err := peppol.ParseDocType(docType)
	if err != nil {
		return store.Served{}, err
	}
	proc, err := peppol.ParseProcess(processID)
	return store.Served{Participant: p, DocType: d, Process: proc, Domain: "eProcurement"}, err
}

func (g *generator) served() {
	g.step(func() error {
		e, err := servedEntry()
		if err != nil {
			return err
		}
		return g.s.AddServed(g.ctx, db.DefaultTenant, e)
	})
}

// storePayload stores a payload.
func (g *generator) storePayload(id, name string, size int) (ref store.BlobRef) {
	g.step(func() error {
		w, err := g.blobs.Create(g.ctx, store.BlobKey(id, name))
		if err != nil {
			return err
		}
		if _, err := w.Write(payloadBytes(size)); err != nil {
			w.Abort()
			return err
		}
		ref, err = w.Commit()
		return err
	})
	return ref
}

func message(id, messageID string) store.Message {
	return store.Message{
		ID: id, Domain: "eProcurement", MessageID: messageID, ConversationID: "c",
		C2: "PNO000111", C3: "PNO000222", Sender: "0192:991825827", Receiver: participant,
		DocTypeScheme: peppol.SchemeBusdox, DocType: docType[len(peppol.SchemeBusdox)+2:],
		ProcessScheme: peppol.SchemeProcess, Process: processID,
		Transport: peppol.TransportAS4, InstanceID: "i-" + messageID, CreationTime: "2026-11-21T12:00:00Z",
		CountryC1: "NO", MLSTo: "0242:000111", MLSType: "ALWAYS_SEND",
		Timestamp: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Digests: []byte("d"), PeerCert: []byte("cert"),
	}
}

func receipt() []store.Evidence {
	return []store.Evidence{
		{Kind: store.EvidenceReceipt, ContentType: "application/soap+xml", Bytes: []byte("receipt")},
	}
}

// inbound accepts and delivers a message.
func (g *generator) inbound(messageID string, size int) {
	id := db.NewID()
	m := message(id, messageID)
	m.Payload = g.storePayload(id, "sbd", size)
	g.step(func() error {
		_, err := g.s.Accept(g.ctx, db.DefaultTenant, store.Acceptance{
			Message: m, Count: true, Evidence: receipt(),
		})
		return err
	})
	g.attempt(store.Deliver, id, store.Result{State: store.Delivered, Outcome: "delivered"})
}

// outbound submits, seals and sends a message.
func (g *generator) outbound(messageID string, size int) {
	id := db.NewID()
	m := message(id, messageID)
	m.Payload = g.storePayload(id, "sbd", size)
	g.step(func() error {
		_, _, err := g.s.Submit(g.ctx, db.DefaultTenant, store.Submission{Message: m})
		return err
	})
	g.attempt(store.Send, id, store.Result{
		State: store.Sent, Outcome: "receipt", Count: true, Evidence: receipt(),
	})
}

func (g *generator) attempt(kind store.Kind, id string, res store.Result) {
	g.step(func() error {
		job, err := g.s.Take(g.ctx, db.DefaultTenant, kind, id, "gendata", lease)
		if err != nil {
			return err
		}
		_, n, err := g.s.StartAttempt(g.ctx, job, store.Start{Endpoint: "https://ap.example.org/as4", Lease: lease})
		if err != nil {
			return err
		}
		return g.s.FinishAttempt(g.ctx, job, n, res)
	})
}

// Check reads back what Write wrote, whichever version did.
func Check(ctx context.Context, s *store.Store, blobs blob.Store) error {
	var errs []error
	e, err := servedEntry()
	if err != nil {
		return err
	}
	if _, ok, err := s.Serves(ctx, db.DefaultTenant, e.Participant, e.DocType, e.Process); err != nil || !ok {
		errs = append(errs, fmt.Errorf("gendata: the served participant is gone: %w", err))
	}
	for i, size := range sizes {
		errs = append(errs,
			checkMessage(ctx, s, blobs, store.In, fmt.Sprintf("%d-%s", i, inID), store.Delivered, size),
			checkMessage(ctx, s, blobs, store.Out, fmt.Sprintf("%d-%s", i, outID), store.Sent, size))
		p, err := s.Known(ctx, db.DefaultTenant, "PNO000111", fmt.Sprintf("%d-%s", i, inID))
		if err != nil || string(p.Receipt) != "receipt" {
			errs = append(errs, fmt.Errorf("gendata: the duplicate key or its receipt is gone: %w", err))
		}
	}
	counted := int64(0)
	_, err = s.Ledger.Post(ctx, db.DefaultTenant)
	if err == nil {
		var months []ledger.MonthState
		months, err = s.Ledger.Months(ctx, db.DefaultTenant)
		for _, m := range months {
			counted += m.Rows
		}
	}
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if counted != int64(2*len(sizes)) {
		errs = append(errs, fmt.Errorf("gendata: %d counting rows, want %d", counted, 2*len(sizes)))
	}
	return errors.Join(errs...)
}

func checkMessage(ctx context.Context, s *store.Store, blobs blob.Store, d store.Direction,
	messageID string, state store.State, size int,
) error {
	list, err := s.ByMessageID(ctx, db.DefaultTenant, d, messageID)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("gendata: message %s: %d found, %w", messageID, len(list), err)
	}
	m := list[0]
	if m.State != state || m.CountryC1 != "NO" || m.MLSTo != "0242:000111" || m.Accepted.IsZero() {
		return fmt.Errorf("gendata: message %s changed: %+v", messageID, m)
	}
	events, err := s.Timeline(ctx, db.DefaultTenant, m.ID)
	if err != nil || len(events) < 3 {
		return fmt.Errorf("gendata: message %s: %d events, %w", messageID, len(events), err)
	}
	r, err := blobs.Open(ctx, m.Payload)
	if err != nil {
		return fmt.Errorf("gendata: payload of %s: %w", messageID, err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || string(b) != string(payloadBytes(size)) {
		return fmt.Errorf("gendata: payload of %s differs: %w", messageID, err)
	}
	return nil
}

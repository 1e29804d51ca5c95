package ap

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/sbdh"
)

// Submission is a document from C1. Fields that are not set are read from the document or its envelope.
type Submission struct {
	Tenant string // whose document it is; "" means Outbound.Tenant

	// Key is unique for a document of a tenant: it is accepted once, and a repeat finds the message of the first time.
	// Content must then be set. "" means that each Submit is a new document (REL-020).
	Key string

	Batch bool // it is one of many: those that are handed in one by one are sent first

	Seat         peppol.SeatID // who sends; "" means Outbound.Seat
	From, To     peppol.ParticipantID
	DocType      peppol.DocTypeID
	Process      peppol.ProcessID
	Country      string // of C1
	MimeType     string // if set, the content is wrapped as BinaryContent, or as TextContent if Text is set
	Text         bool
	Conversation string
	Defaults     Defaults
	// if set, the caller sends at once: to this access point, or after a lookup if it has no URL
	AtOnce  *as4.Peer
	Content []byte                        // digest for finding the message again; nil if nobody will look
	Open    func() (io.ReadCloser, error) // opens the document or a complete envelope; called more than once
}

// Defaults hold for a submission where neither it nor its document says anything else. An envelope needs none.
type Defaults struct {
	From, To peppol.ParticipantID
	DocType  peppol.DocTypeID
	Process  peppol.ProcessID
	Country  string // before that of Outbound
}

// Submit accepts a document: it makes or checks the envelope, syncs the payload, and then writes the message and its
// outbox row in one commit (REL-001, REL-021). The eb:MessageId is chosen here, once and for all. If the tenant's key
// was used before for the same content, repeated is true and the message is the one of that time (REL-020).
func (out *Outbound) Submit(ctx context.Context, s Submission) (m store.Message, repeated bool, err error) {
	tenant := cmp.Or(s.Tenant, out.Tenant)
	if s.Key != "" {
		m, repeated, err = out.Store.Submitted(ctx, tenant, s.Key, s.Content)
		if err != nil || repeated {
			return m, repeated, submitFault(err)
		}
	}
	sub, err := out.take(ctx, s)
	if err != nil {
		return store.Message{}, false, err
	}
	sub.Key, sub.Digest = s.Key, s.Content
	m, repeated, err = out.Store.Submit(ctx, tenant, sub)
	return m, repeated, submitFault(err)
}

func submitFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrKeyReused):
		return fault.New(fault.KeyReused, err, "")
	}
	return fault.New(fault.RecordUnreadable, err, "")
}

// SubmitHeld is Submit for a caller that sends at once: it also returns the job, already leased. The job is zero if the
// key was used before.
func (out *Outbound) SubmitHeld(ctx context.Context, s Submission, owner string) (store.Message, store.Job, error) {
	if s.Key != "" {
		m, repeated, err := out.Store.Submitted(ctx, cmp.Or(s.Tenant, out.Tenant), s.Key, s.Content)
		if err != nil || repeated {
			return m, store.Job{}, submitFault(err)
		}
	}
	sub, err := out.take(ctx, s)
	if err != nil {
		return store.Message{}, store.Job{}, err
	}
	sub.Key, sub.Digest = s.Key, s.Content
	m, job, err := out.Store.SubmitHeld(ctx, cmp.Or(s.Tenant, out.Tenant), sub, owner, sendLease)
	if err != nil {
		return store.Message{}, store.Job{}, submitFault(err)
	}
	return m, job, nil
}

// take makes or checks the envelope, checks the document, syncs the envelope and returns the message to be stored.
func (out *Outbound) take(ctx context.Context, s Submission) (store.Submission, error) {
	if err := errors.Join(db.CheckText(s.Conversation), db.CheckText(s.MimeType), db.CheckText(s.Key)); err != nil {
		return store.Submission{}, fault.New(fault.BadArguments, err, "")
	}
	e, err := out.prepare(s)
	if err != nil {
		return store.Submission{}, err
	}
	h := e.header
	report, err := out.outgoing(ctx, &s, h)
	if err != nil {
		return store.Submission{}, err
	}
	if s.AtOnce != nil {
		if err := out.ready(s.Seat, *s.AtOnce); err != nil {
			return store.Submission{}, err
		}
	}
	evidence, err := reportEvidence(report)
	if err != nil {
		return store.Submission{}, fault.New(fault.RecordUnreadable, err, "")
	}
	id := db.NewID()
	w, err := out.Blobs.Create(ctx, store.BlobKey(id, "sbd"))
	if err != nil {
		return store.Submission{}, fault.New(fault.RecordUnreadable, err, "")
	}
	defer w.Abort()
	handedIn := sha256.New()
	err = s.read(func(r io.Reader) error {
		r = io.TeeReader(r, handedIn)
		if err := e.write(w, r); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, r) // what the envelope left behind is part of the file
		return err
	})
	if err != nil {
		return store.Submission{}, envelopeFault(err)
	}
	ref, err := w.Commit()
	if err != nil {
		return store.Submission{}, fault.New(fault.RecordUnreadable, err, "")
	}
	remarks := remarks(h)
	for _, text := range remarks {
		out.observe(StepRemark, text)
	}
	m := store.Message{
		ID: id, Domain: defaultDomain, MessageID: string(out.Sender.NewMessageID()),
		ConversationID: conversation(s.Conversation),
		C2:             cmp.Or(s.Seat, out.Seat), Sender: h.Sender.Value(), Receiver: h.Receiver.Value(),
		DocTypeScheme: h.DocType.Scheme(), DocType: h.DocType.Value(), ProcessScheme: h.Process.Scheme(),
		Process:   h.Process.Value(),
		Transport: peppol.TransportAS4, InstanceID: h.InstanceID, CreationTime: h.Created, CountryC1: h.CountryC1,
		MLSTo: h.MLSTo, MLSType: h.MLSType, Payload: ref, PayloadMime: s.MimeType, Content: s.Content,
		HandedIn: handedIn.Sum(nil), DocumentNumber: e.number, Verdict: verdict(report),
	}
	return store.Submission{
		Message: m, Class: classOf(h.DocType, s.Batch), Evidence: evidence, Events: remarkEvents(remarks),
	}, nil
}

// classOf says which messages of a tenant are sent first: statuses, for which others wait, before documents, and
// reports after them.
func classOf(d peppol.DocTypeID, batch bool) store.Class {
	switch {
	case d.Scheme() == peppol.SchemeBusdox && d.Value() == peppol.TypeMLS:
		return store.Statuses
	case d.Scheme() == peppol.SchemeBusdox && (d.Value() == peppol.TypeTSR || d.Value() == peppol.TypeEUSR):
		return store.Reports
	case batch:
		return store.Batches
	}
	return store.Documents
}

// remarks says what is odd about an envelope that is sent all the same (SBDH-039, DISC-103).
func remarks(h *sbdh.Header) []string {
	const plain = "the document type has no customization (DISC-103)"
	if h.DocType.Customization() == "" && !slices.Contains(h.Warnings, plain) {
		return append(h.Warnings[:len(h.Warnings):len(h.Warnings)], plain)
	}
	return h.Warnings
}

// remarkEvents keeps the remarks with the message.
func remarkEvents(list []string) []store.Event {
	if len(list) == 0 {
		return nil
	}
	return []store.Event{{Kind: store.EventTolerated, Detail: strings.Join(list, "; ")}}
}

func conversation(given string) string {
	if given != "" {
		return given
	}
	return uuid.NewString() // AS4-044
}

// plan says how a submission becomes an envelope, or that it is one.
type plan struct {
	header *sbdh.Header
	number string                                   // of the document inside
	write  func(dst io.Writer, src io.Reader) error // of what was handed in
}

// prepare finds out what kind of submission it is.
func (out *Outbound) prepare(s Submission) (e plan, err error) {
	if s.MimeType != "" {
		if e.header, err = out.header(s, sbdh.Detected{}); err == nil {
			err = checkMedia(s.MimeType, e.header.DocType)
		}
		e.write = func(dst io.Writer, src io.Reader) error {
			if s.Text {
				return sbdh.WrapText(dst, e.header, s.MimeType, src)
			}
			return sbdh.WrapBinary(dst, e.header, s.MimeType, src)
		}
		return e, err
	}
	var seen sbdh.Detected
	err = s.read(func(r io.Reader) (err error) { seen, err = sbdh.Detect(r); return err })
	if err != nil {
		return e, documentFault(err)
	}
	if seen.Envelope {
		return s.ready(out.Envelope)
	}
	e.header, err = out.header(s, seen)
	e.number = seen.Number
	e.write = func(dst io.Writer, src io.Reader) error { return sbdh.Wrap(dst, e.header, src) }
	return e, err
}

// ready checks an envelope that the submitter made. It is sent byte for byte (SBDH-035).
func (s *Submission) ready(opt sbdh.Options) (plan, error) {
	var h *sbdh.Header
	var p *sbdh.Payload
	err := s.read(func(r io.Reader) (err error) { h, p, err = sbdh.Read(r, opt); return err })
	if err != nil {
		return plan{}, envelopeFault(err)
	}
	for _, c := range []struct {
		what  string
		given bool
		same  bool
	}{
		{"sender", !s.From.IsZero(), s.From.Equal(h.Sender)},
		{"receiver", !s.To.IsZero(), s.To.Equal(h.Receiver)},
		{"document type", !s.DocType.IsZero(), s.DocType == h.DocType},
		{"process", !s.Process.IsZero(), s.Process == h.Process},
	} {
		if c.given && !c.same {
			return plan{}, fault.New(fault.EnvelopeInvalid, nil, "the %s in the envelope is not the one that was given",
				c.what)
		}
	}
	if err := checkDigits(h); err != nil {
		return plan{}, fault.New(fault.EnvelopeInvalid, err, "")
	}
	if !peppol.KnownCountry(h.CountryC1) { // SBDH-016
		return plan{}, fault.New(fault.EnvelopeInvalid, nil, "COUNTRY_C1 is not an ISO 3166-1 code")
	}
	asItIs := func(dst io.Writer, src io.Reader) error { _, err := io.Copy(dst, src); return err }
	return plan{header: h, number: p.Number, write: asItIs}, nil
}

// header makes a new envelope header. What was given counts; what was not is read from the document, if it says it for
// certain. Nothing is guessed (SBDH-034).
func (out *Outbound) header(s Submission, seen sbdh.Detected) (*sbdh.Header, error) {
	h := &sbdh.Header{
		Sender: given(s.From, seen.Sender), Receiver: given(s.To, seen.Receiver),
		DocType: given(s.DocType, seen.DocType), Process: given(s.Process, seen.Process),
		CountryC1:  cmp.Or(s.Country, s.Defaults.Country, out.Country, seen.Country),
		InstanceID: uuid.NewString(), Created: out.Now().UTC().Format(time.RFC3339),
		Warnings: contradictions(&s, &seen),
	}
	s.Defaults.fill(h)
	switch {
	case h.Sender.IsZero() || h.Receiver.IsZero():
		return nil, unnamed(h, &seen)
	case h.DocType.IsZero() || h.Process.IsZero():
		return nil, fault.New(fault.DocumentUnknown, nil, "%s", missing(h, seen))
	case h.CountryC1 == "":
		return nil, fault.New(fault.CountryMissing, nil, "")
	}
	if _, ok := reporting.Country(h.CountryC1); !ok { // it could not be reported (SCH-EUSR-30)
		return nil, fault.New(fault.CountryMissing, nil, "%q is no country code", h.CountryC1)
	}
	if err := checkDigits(h); err != nil {
		return nil, fault.New(fault.BadArguments, err, "")
	}
	return h, nil
}

// fill sets what is still missing in a header.
func (d *Defaults) fill(h *sbdh.Header) {
	h.Sender, h.Receiver = given(h.Sender, d.From), given(h.Receiver, d.To)
	h.DocType, h.Process = given(h.DocType, d.DocType), given(h.Process, d.Process)
}

// given is what was given, or else what was read.
func given[T interface{ IsZero() bool }](told, read T) T {
	if told.IsZero() {
		return read
	}
	return told
}

// contradictions are remarks about what was given although the document says something else. It may be meant: somebody
// sends for another, a test goes elsewhere. Nobody is named, because remarks are logged.
func contradictions(s *Submission, seen *sbdh.Detected) (list []string) {
	for _, c := range []struct {
		what  string
		other bool
	}{
		{"sender", !s.From.IsZero() && !seen.Sender.IsZero() && !s.From.Equal(seen.Sender)},
		{"receiver", !s.To.IsZero() && !seen.Receiver.IsZero() && !s.To.Equal(seen.Receiver)},
		{"document type", !s.DocType.IsZero() && !seen.DocType.IsZero() && s.DocType != seen.DocType},
		{"process", !s.Process.IsZero() && !seen.Process.IsZero() && s.Process != seen.Process},
		{"country of the sender", s.Country != "" && seen.Country != "" && s.Country != seen.Country},
	} {
		if c.other {
			list = append(list, "the "+c.what+" that was given is not the one that the document names")
		}
	}
	return list
}

// unnamed says which party is missing, and why what the document says about it is none.
func unnamed(h *sbdh.Header, seen *sbdh.Detected) error {
	switch unread := seen.Unread; {
	case !h.Receiver.IsZero():
		return fault.New(fault.PartyMissing, unread.Sender, "the sender")
	case !h.Sender.IsZero():
		return fault.New(fault.PartyMissing, unread.Receiver, "the receiver")
	default:
		return fault.New(fault.PartyMissing, cmp.Or(unread.Sender, unread.Receiver), "sender and receiver")
	}
}

// missing names what a document does not say about itself.
func missing(h *sbdh.Header, seen sbdh.Detected) string {
	if seen.Root.Local == "" {
		return "content that is not XML does not name them"
	}
	customization, profile := "CustomizationID", "ProfileID"
	if seen.Root.Space == doctype.NSInvoice {
		customization, profile = "GuidelineSpecifiedDocumentContextParameter",
			"BusinessProcessSpecifiedDocumentContextParameter"
	}
	switch root := seen.Root.Local; {
	case h.DocType.IsZero() && seen.Customization == "":
		return fmt.Sprintf("the %s has no %s", root, customization)
	case h.DocType.IsZero():
		return fmt.Sprintf("the %s %q of the %s is part of no document type", customization, seen.Customization, root)
	case seen.Profile != "":
		return fmt.Sprintf("the %s %q of the %s is no process", profile, seen.Profile, root)
	default:
		return fmt.Sprintf("the %s has no %s", root, profile)
	}
}

// checkDigits refuses an organisation number with a wrong check digit, before it is looked up anywhere (DISC-007).
func checkDigits(h *sbdh.Header) error {
	return errors.Join(h.Sender.CheckNorwegian(), h.Receiver.CheckNorwegian())
}

// read opens the content, passes it to f and closes it.
func (s *Submission) read(f func(io.Reader) error) error {
	r, err := s.Open()
	if err != nil {
		return fault.New(fault.DocumentUnreadable, err, "")
	}
	return errors.Join(f(r), r.Close())
}

// Bytes returns a Submission.Open for a document in memory.
func Bytes(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func documentFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.New(fault.DocumentUnreadable, err, "")
}

func envelopeFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	var se *sbdh.Error
	if errors.As(err, &se) {
		return fault.New(fault.EnvelopeInvalid, err, "")
	}
	return fault.New(fault.RecordUnreadable, err, "")
}

package as4

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// Sender is the C2 side: it seals messages and posts sealed bodies.
type Sender struct {
	Trust *certs.Verifier  // decides about receivers' certificates and about who signed a receipt; required
	HTTP  *http.Client     // must not follow redirects (AS4-010), and sends by net/http's Transport; required
	Host  string           // right half of the message ids we make; required
	Spool string           // folder for payloads in progress that are larger than 1 MiB; required
	Agent string           // User-Agent header (AS4-009)
	Suite wssec.Suite      // zero means wssec.EDelivery1
	Now   func() time.Time // nil means time.Now
}

func (s *Sender) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Sender) suite() wssec.Suite {
	if s.Suite == (wssec.Suite{}) {
		return wssec.EDelivery1
	}
	return s.Suite
}

// Peer is the access point to send to: what the SMP says, or what an operator gave (AS4-140).
type Peer struct {
	URL  string
	Cert *x509.Certificate
}

// Outgoing is one message to be sealed. Its header values come from the envelope alone (SBDH-038).
//
// Everything that is signed is derived from these fields alone: sealing the same message again, for a renewed
// certificate of the receiver, gives the same digests (REL-021, D-12).
type Outgoing struct {
	ID             ebms.MessageID // from NewMessageID; the same in every attempt (AS4-122)
	Ref            string         // a UUID from the caller's record, from which the ids inside the message are made
	Timestamp      time.Time      // eb:Timestamp: when the message was made
	ConversationID string         // AS4-044
	Header         *sbdh.Header
	SBD            io.Reader // the whole envelope
}

// Sealed describes a sealed body: HTTP content that is stored, sent and, if necessary, sent again unchanged (AS4-122,
// D-12).
type Sealed struct {
	ContentType string
	Digests     []byte // what a receipt must repeat, see FormatDigests
	SOAP        []byte // the SOAP part, for evidence
}

// NewMessageID makes an eb:MessageId. It is chosen once per submission.
func (s *Sender) NewMessageID() ebms.MessageID { return newMessageID(s.Host) }

// Seal writes the complete HTTP body of the message to dst: compressed, signed, encrypted for the peer, packaged
// (AS4-055). The caller has verified the peer's certificate (AS4-141).
func (s *Sender) Seal(by *certs.Identity, to Peer, out Outgoing, dst io.Writer) (*Sealed, error) {
	seat, err := certs.Seat(to.Cert)
	if err != nil {
		return nil, fmt.Errorf("as4: seal: %w", err)
	}
	sealing, err := wssec.NewSealing(s.suite(), to.Cert)
	if err != nil {
		return nil, fmt.Errorf("as4: seal: %w", err)
	}
	cid := "att-" + out.Ref + "@" + s.Host
	data := &spool{dir: s.Spool}
	defer data.Close()
	if err := s.attach(sealing, cid, out.SBD, data); err != nil {
		return nil, fmt.Errorf("as4: seal: %w", err)
	}
	m := ebms.Messaging{User: s.userMessage(by.Seat, seat, cid, out)}
	elem := "msg-" + out.Ref
	soap, digests, err := sealing.Envelope(wssec.Identity{Key: by.Key, Cert: by.Cert},
		wssec.Element{ID: elem, Bytes: m.Bytes(elem)})
	if err != nil {
		return nil, fmt.Errorf("as4: seal: %w", err)
	}
	msg := mime.Message{
		Boundary: "ravn-" + uuid.NewString(), RootID: "soap-" + uuid.NewString() + "@" + s.Host, Root: soap,
		Parts: []mime.Content{{ID: cid, Body: io.NewSectionReader(data.ReaderAt(), 0, data.size)}},
	}
	if _, err := msg.WriteTo(dst); err != nil {
		return nil, fmt.Errorf("as4: seal: %w", err)
	}
	return &Sealed{ContentType: msg.ContentType(), Digests: FormatDigests(sentReferences(digests)), SOAP: soap}, nil
}

// attach compresses and encrypts the payload in one pass (AS4-057, AS4-137).
func (s *Sender) attach(sealing *wssec.Sealing, cid string, sbd io.Reader, dst io.Writer) error {
	enc, err := sealing.Attach(cid, gzipType, dst)
	if err != nil {
		return err
	}
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(enc)
	if _, err := io.Copy(z, sbd); err != nil {
		return err
	}
	return errors.Join(z.Close(), enc.Close())
}

// gzips are pooled because each holds a megabyte.
var gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func sentReferences(digests []wssec.Digest) []ebms.Reference {
	var out []ebms.Reference
	for _, d := range digests {
		out = append(out, ebms.Reference{
			URI: d.URI, Transforms: []string{d.Transform}, Method: d.Method,
			Value: d.Value,
		})
	}
	return out
}

// userMessage makes the header with the fixed values of the profile (AS4-033 to AS4-051).
func (s *Sender) userMessage(from, to peppol.SeatID, cid string, out Outgoing) *ebms.UserMessage {
	h := out.Header
	return &ebms.UserMessage{
		Timestamp: out.Timestamp, ID: out.ID,
		From: ebms.Party{
			ID:   ebms.Typed{Type: peppol.PartyType, Value: string(from)},
			Role: ebms.RoleInitiator,
		},
		To:             ebms.Party{ID: ebms.Typed{Type: peppol.PartyType, Value: string(to)}, Role: ebms.RoleResponder},
		Agreement:      peppol.AgreementRef,
		Service:        ebms.Typed{Type: h.Process.Scheme(), Value: h.Process.Value()},
		Action:         h.DocType.String(),
		ConversationID: out.ConversationID,
		Properties: []ebms.Property{
			{Name: propSender, Type: h.Sender.Scheme(), Value: h.Sender.Value()},
			{Name: propRecipient, Type: h.Receiver.Scheme(), Value: h.Receiver.Value()},
		},
		Parts: []ebms.Part{{Href: "cid:" + cid, Properties: []ebms.Property{
			{Name: propMimeType, Value: "application/xml"},
			{Name: propCharset, Value: "utf-8"},
			{Name: propCompression, Value: gzipType},
		}}},
	}
}

// Outcome is what is known after an attempt (REL-023).
type Outcome string

// Outcomes of an attempt that did not end with a valid receipt.
const (
	Refused Outcome = "refused"  // the other side said no for good
	Later   Outcome = "later"    // it said: not now; the message was not taken
	NotSent Outcome = "not-sent" // no byte left: no connection was made, or the guard refuses the address
	// an HTTP status that says that this address takes no messages from us, such as 404: few attempts make sense
	TurnedAway Outcome = "turned-away"
	// sent, or perhaps sent, without a valid answer: again with the same bytes
	Unknown    Outcome = "unknown"
	BadReceipt Outcome = "bad-receipt" // a receipt of the addressed access point with other digests (AS4-109)
	// it has the message from an earlier attempt whose receipt was lost (AS4-126)
	DuplicateThere Outcome = "duplicate-there"
)

// SendError says why an attempt did not end with a valid receipt.
type SendError struct {
	Outcome    Outcome
	HTTPStatus int         // 0 when no answer came
	Signal     *ebms.Error // the error that the other side sent, or EBMS:0301 or EBMS:0302 raised here
	RetryAfter time.Duration
	Answer     *Evidence // what came back, if anything
	Err        error
}

func (e *SendError) Error() string {
	s := "as4: send: " + string(e.Outcome)
	if e.HTTPStatus != 0 {
		s += fmt.Sprintf(", HTTP %d", e.HTTPStatus)
	}
	if e.Signal != nil {
		s += ", " + e.Signal.Error()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Permanent tells whether another attempt with the same bytes is pointless or forbidden.
func (e *SendError) Permanent() bool {
	return e.Outcome != Later && e.Outcome != NotSent && e.Outcome != TurnedAway && e.Outcome != Unknown
}

// Evidence is an answer exactly as received (AS4-106, REL-044).
type Evidence struct {
	HTTPStatus  int
	ContentType string
	Body        []byte
	SOAP        []byte            // the SOAP envelope in it, in UTF-8
	Signer      *x509.Certificate // who signed it, verified; nil for an unsigned one
	MessageID   ebms.MessageID    // of the signal
}

// Request is a sealed body on its way.
type Request struct {
	Peer        Peer
	MessageID   ebms.MessageID
	ContentType string
	Body        io.Reader
	Length      int64
	Digests     []byte // of Sealed
	Attempt     int    // 1 for the first
}

// Post sends a sealed body and returns the verified receipt, or a *SendError (AS4-107 to AS4-110, REL-040 to REL-043).
func (s *Sender) Post(ctx context.Context, r Request) (*Evidence, error) {
	body := io.NopCloser(r.Body) // the first try must not close it for the second
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Peer.URL, body)
	if err != nil {
		return nil, &SendError{Outcome: Refused, Err: err}
	}
	req.ContentLength = r.Length
	req.Header.Set("Content-Type", r.ContentType)
	req.Header.Set("User-Agent", s.Agent)
	res, unsent, err := s.do(req)
	if unsent && ctx.Err() == nil {
		res, unsent, err = s.do(req) // REL-024: one reconnect at once
	}
	if err != nil {
		e := &SendError{Outcome: Unknown, Err: err}
		if unsent {
			e.Outcome = NotSent
		}
		return nil, e
	}
	ev, err := readAnswer(res)
	if err != nil {
		return nil, s.statusError(res, ev, err)
	}
	return s.judge(ctx, r, res, ev)
}

// do sends a request. unsent tells that it failed without a connection, so that certainly no byte of it left: the guard
// refused the address, or DNS, dialling or the TLS handshake failed (REL-023).
func (s *Sender) do(req *http.Request) (res *http.Response, unsent bool, err error) {
	var got atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }}
	res, err = s.HTTP.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	return res, err != nil && !got.Load(), err
}

// maxAnswer bounds an answer (SEC-113).
const maxAnswer = 2 << 20

// readAnswer reads the whole answer, whatever the HTTP status is (AS4-119, REL-041). What was read is evidence, also
// with an error.
func readAnswer(res *http.Response) (*Evidence, error) {
	defer func() { _ = res.Body.Close() }() // read to its end, or not wanted
	ev := &Evidence{HTTPStatus: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	var src io.Reader = res.Body
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") { // some send it unasked (as4.md §15.7)
		z, err := gzip.NewReader(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return ev, err
		}
		src = z
	}
	var err error
	if ev.Body, err = io.ReadAll(io.LimitReader(src, maxAnswer+1)); err != nil {
		return ev, err
	}
	if len(ev.Body) > maxAnswer {
		ev.Body = ev.Body[:maxAnswer]
		return ev, errors.New("the answer is too large")
	}
	return ev, nil
}

// judge looks at the envelopes of an answer. A receipt that proves itself counts whatever is around it (AS4-107 in
// design.md §3); else the first signal does.
func (s *Sender) judge(ctx context.Context, r Request, res *http.Response, ev *Evidence) (*Evidence, error) {
	var told *SendError
	for _, soap := range Envelopes(res.Header["Content-Type"], ev.Body) {
		one := *ev
		one.SOAP = soap
		refusal := s.judgeEnvelope(ctx, r, res, &one)
		if refusal == nil {
			return &one, nil
		}
		if told == nil || told.Signal == nil && refusal.Signal != nil {
			told = refusal
		}
	}
	if told == nil {
		told = s.statusError(res, ev, noSignal(res.StatusCode, ev.Body))
	}
	return nil, told
}

// judgeEnvelope reads the signal of an envelope and decides; nil means that it is the receipt.
func (s *Sender) judgeEnvelope(ctx context.Context, r Request, res *http.Response, ev *Evidence) *SendError {
	unknown := func(code ebms.Code, err error) *SendError {
		return &SendError{
			Outcome: Unknown, HTTPStatus: res.StatusCode, Answer: ev, Err: err,
			Signal: &ebms.Error{Code: code},
		}
	}
	u, err := wssec.ReadSignal(ev.SOAP, s.suite())
	if err != nil {
		if res.StatusCode >= 300 {
			err = errors.Join(noSignal(res.StatusCode, ev.Body), err)
		}
		return s.statusError(res, ev, err)
	}
	unsigned := s.verifySigner(ctx, u, r.Peer, ev)
	m, err := ebms.Read(u.Claimed(), ebms.Options{LenientMessageID: true})
	if err != nil || m.Signal == nil {
		return s.statusError(res, ev, errors.Join(errors.New("no signal in the answer"), err))
	}
	sig := m.Signal
	ev.MessageID = sig.ID
	switch {
	case len(sig.Errors) > 0 && sig.Receipt != nil:
		return unknown(ebms.CodeInvalidReceipt, errors.New("receipt and error in one answer")) // REL-042
	case len(sig.Errors) > 0:
		return s.judgeErrors(r, res, ev, sig)
	case unsigned != nil: // AS4-110
		const text = "the receipt is not signed by the addressed access point: %w"
		return unknown(ebms.CodeMissingReceipt, fmt.Errorf(text, unsigned))
	case sig.RefTo != r.MessageID:
		return unknown(ebms.CodeInvalidReceipt, errors.New("the receipt is for another message"))
	}
	return s.judgeReceipt(r, res, ev, sig.Receipt)
}

// verifySigner checks that the answer was signed by a valid certificate of the access point we addressed (AS4-107,
// PKI-024), and says why it counts as unsigned.
func (s *Sender) verifySigner(ctx context.Context, u *wssec.Unverified, to Peer, ev *Evidence) error {
	if err := u.Ignored(); err != nil {
		return err
	}
	if u.Signer() == nil {
		return errors.New("it is not signed")
	}
	signed, err := u.Verify(nil) // attachments do not belong to an answer: one that is signed is not there
	if err == nil {
		_, err = signed.References()
	}
	if err != nil {
		return err
	}
	if err := s.Trust.VerifyAP(ctx, signed.Signer(), s.now()); err != nil {
		return err
	}
	got, err := certs.Seat(signed.Signer())
	if err != nil {
		return err
	}
	if want, err := certs.Seat(to.Cert); err != nil || got != want {
		return fmt.Errorf("it is signed by %s", got)
	}
	ev.Signer = signed.Signer()
	return nil
}

// judgeReceipt compares the digests (AS4-108, AS4-109). A receipt without non-repudiation information proves nothing:
// it counts as none (REL-043).
func (s *Sender) judgeReceipt(r Request, res *http.Response, ev *Evidence, receipt *ebms.Receipt) *SendError {
	failed := func(o Outcome, err error) *SendError {
		return &SendError{
			Outcome: o, HTTPStatus: res.StatusCode, Answer: ev, Err: err,
			Signal: &ebms.Error{Code: ebms.CodeInvalidReceipt},
		}
	}
	sent, err := ParseDigests(r.Digests)
	if err != nil {
		return failed(Unknown, err)
	}
	if len(receipt.References) == 0 {
		return failed(Unknown, errors.New("the receipt has no digests"))
	}
	if err := MatchReceipt(receipt, sent); err != nil {
		return failed(BadReceipt, err)
	}
	return nil
}

// MatchReceipt is ebms.MatchReceipt for references to attachments, which may be written in two ways (AS4-019, AS4-108).
func MatchReceipt(r *ebms.Receipt, sent []ebms.Reference) error {
	return ebms.MatchReceipt(&ebms.Receipt{References: oneSpelling(r.References)}, oneSpelling(sent))
}

// oneSpelling decodes cid: URLs, so that percent-encoding makes no difference.
func oneSpelling(refs []ebms.Reference) []ebms.Reference {
	out := slices.Clone(refs)
	for i := range out {
		if id, err := mime.ContentID(out[i].URI); err == nil {
			out[i].URI = "cid:" + id
		}
	}
	return out
}

// judgeErrors classifies what the other side reported (AS4-098, AS4-124 to AS4-126, REL-023). An unsigned error is
// believed as an error: it can fail a message, never mark it delivered (SEC-075).
func (s *Sender) judgeErrors(r Request, res *http.Response, ev *Evidence, sig *ebms.Signal) *SendError {
	e := &SendError{Outcome: Refused, HTTPStatus: res.StatusCode, Answer: ev, Signal: sig.Errors[0]}
	for _, one := range sig.Errors {
		if one.IsFailure() {
			e.Signal = one
			break
		}
	}
	if about := cmp.Or(sig.RefTo, e.Signal.RefTo); about != "" && about != r.MessageID {
		e.Outcome, e.Err = Unknown, errors.New("the error is for another message")
		return e
	}
	switch {
	case e.Signal.Code == ebms.CodeDuplicateDetected || r.Attempt > 1 && slices.ContainsFunc(sig.Errors, saysDuplicate):
		if r.Attempt > 1 {
			e.Outcome = DuplicateThere
		}
	case e.Signal.Code == ebms.CodeDeliveryFailure, e.Signal.Code == ebms.CodeConnectionFailure,
		e.Signal.Code == ebms.CodeDysfunctionalReliability:
		e.Outcome = Later
	case !e.Signal.IsFailure():
		e.Outcome = Unknown // a warning is no receipt
	}
	return e
}

// saysDuplicate tells whether an error says, in whichever of its two texts, that the message is there already
// (AS4-126).
func saysDuplicate(e *ebms.Error) bool {
	return e.Code == ebms.CodeDuplicateDetected ||
		strings.Contains(strings.ToLower(e.Detail+" "+e.Description), "duplicate")
}

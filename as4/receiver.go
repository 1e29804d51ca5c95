package as4

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
)

// Receiver is the C3 side: an http.Handler that answers each POST with one signed receipt or one signed error. It must not
// be copied after first use.
type Receiver struct {
	Keys    func() *certs.Keyring // our seats; asked once per message, so that a reload takes effect; required
	Trust   *certs.Verifier       // decides who may be C2; required
	Handler Handler               // the business decision; required
	Seat    peppol.SeatID         // who signs errors for a message that names no seat of ours; required
	Host    string                // right half of the message ids we make; required
	Path    string                // the one path that is served; required
	Spool   string                // folder for attachments that are longer than 1 MiB; required

	Suite       wssec.Suite       // zero means wssec.EDelivery1
	MaxBytes    int64             // whole request; 0 means DefaultMaxBytes
	MaxExpanded int64             // payload after decompression; 0 means DefaultMaxExpanded
	MaxSpool    int64             // bytes of all spool files together; 0 means ten times MaxBytes
	InFlight    int               // requests worked on at once; 0 means 64 (SEC-016)
	Pace        Pace              // how slow a client may be; zero means DefaultPace
	Lenient     bool              // accept message ids outside RFC 2822 (AS4-035)
	Standard    StandardException // nil: Standard is checked strictly (SBDH-027)

	Hook  func(point string) // called at "receive.<step>", "receive.byte" and "answer.half"; tests end the process there
	Ready func() error       // nil or nil error: new messages are admitted (REL-060)
	Done  func(*Exchange)    // called once per request after its answer; nil means nobody wants to know
	Now   func() time.Time   // nil means time.Now
	Sleep func(context.Context, time.Duration)

	once     sync.Once
	slots    chan struct{}
	spooled  atomic.Int64
	flights  flights
	failures failureMeter
}

// StandardException tells for which document types Standard may carry the full identifier (SBDH-027 in design.md §3).
type StandardException func(peppol.DocTypeID) bool

// Exchange tells what became of one request.
type Exchange struct {
	ID            string // correlation id, also in the detail of a security error
	Remote        string // address of the peer
	Status        int    // HTTP status
	Step          Step   // the last step begun
	Code          ebms.Code
	Err           error // why it was refused, for our log; nil for a receipt
	MessageID     ebms.MessageID
	C2            peppol.SeatID // "" until the signature was verified
	DocType       string
	Duplicate     bool
	Test          bool // the test service
	Bytes         int64
	Start, End    time.Time
	Authenticated bool
	Warnings      []string
}

// Step names where a request got to, in the order of security.md §1.3.
type Step string

// Steps.
const (
	StepHTTP     Step = "http"
	StepMIME     Step = "mime"
	StepSOAP     Step = "soap"
	StepTrust    Step = "trust"
	StepVerify   Step = "verify"
	StepProfile  Step = "profile"
	StepKnown    Step = "duplicate"
	StepDecrypt  Step = "decrypt"
	StepPayload  Step = "payload"
	StepEnvelope Step = "sbdh"
	StepAccept   Step = "accept"
	StepAnswer   Step = "answer"
)

func (rx *Receiver) defaults() {
	if rx.Suite == (wssec.Suite{}) {
		rx.Suite = wssec.EDelivery1
	}
	if rx.MaxBytes == 0 {
		rx.MaxBytes = DefaultMaxBytes
	}
	if rx.MaxExpanded == 0 {
		rx.MaxExpanded = DefaultMaxExpanded
	}
	if rx.MaxSpool == 0 {
		rx.MaxSpool = 10 * rx.MaxBytes
	}
	if rx.InFlight == 0 {
		rx.InFlight = 64
	}
	if rx.Pace == (Pace{}) {
		rx.Pace = DefaultPace
	}
	if rx.Now == nil {
		rx.Now = time.Now
	}
	if rx.Sleep == nil {
		rx.Sleep = sleep
	}
	if rx.Hook == nil {
		rx.Hook = func(string) {}
	}
	rx.slots = make(chan struct{}, rx.InFlight)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ServeHTTP answers one request.
func (rx *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rx.once.Do(rx.defaults)
	x := &exchange{rx: rx, w: w, r: r, info: Exchange{ID: correlation(), Remote: r.RemoteAddr, Step: StepHTTP, Start: rx.Now()}}
	defer func() {
		if p := recover(); p != nil { // SEC-037
			x.info.Err = fmt.Errorf("as4: panic: %v", p)
			x.plain(http.StatusInternalServerError, "internal error")
		}
		x.close()
		x.info.End = rx.Now()
		if rx.Done != nil {
			rx.Done(&x.info)
		}
	}()
	x.serve()
}

func correlation() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// exchange is one request under way.
type exchange struct {
	rx    *Receiver
	w     http.ResponseWriter
	r     *http.Request
	info  Exchange
	keys  *certs.Keyring
	soap  []byte
	parts []part
	ref   ebms.MessageID // for RefToMessageId: claimed until the signature was verified
	sent  bool
}

type part struct {
	cid   string
	spool *spool
}

// at begins a step.
func (x *exchange) at(step Step) {
	x.info.Step = step
	x.rx.Hook("receive." + string(step))
}

func (x *exchange) close() {
	for _, p := range x.parts {
		p.spool.Close()
	}
}

// httpError is a refusal without SOAP answer.
type httpError struct {
	status int
	msg    string
	err    error
}

func (e *httpError) Error() string { return fmt.Sprintf("as4: HTTP %d: %s", e.status, e.msg) }
func (e *httpError) Unwrap() error { return e.err }

// serve is the path of a request: admission, then the message, then one of the exits.
func (x *exchange) serve() {
	if err := x.admit(); err != nil {
		x.fail(err)
		return
	}
	defer func() { <-x.rx.slots }()
	x.keys = x.rx.Keys()
	answer, err := x.message()
	if err != nil {
		x.fail(err)
		return
	}
	x.at(StepAnswer)
	x.write(http.StatusOK, answer.ContentType, answer.Body) // AS4-116
}

// admit checks what can be checked before the body is read (SEC-010, SEC-011, SEC-013, SEC-016, SEC-101, REL-060).
func (x *exchange) admit() error {
	r := x.r
	switch {
	case r.URL.Path != x.rx.Path:
		return &httpError{status: http.StatusNotFound, msg: "not found"}
	case r.Method != http.MethodPost:
		x.w.Header().Set("Allow", http.MethodPost)
		return &httpError{status: http.StatusMethodNotAllowed, msg: "this is an AS4 endpoint: use POST"} // AS4-007
	case r.Header.Get("Upgrade") != "" || !r.ProtoAtLeast(1, 1) && len(r.TransferEncoding) > 0:
		return &httpError{status: http.StatusBadRequest, msg: "bad request"}
	case lines(r.Header) > maxHeaderLines: // SEC-012
		return &httpError{status: http.StatusRequestHeaderFieldsTooLarge, msg: "too many header lines"}
	case encoded(r.Header["Content-Encoding"]):
		return &httpError{status: http.StatusUnsupportedMediaType, msg: "no content encoding is supported"}
	case r.ContentLength > x.rx.MaxBytes:
		return &httpError{status: http.StatusRequestEntityTooLarge, msg: "the message is too large"}
	}
	if x.rx.Ready != nil {
		if err := x.rx.Ready(); err != nil {
			return &httpError{status: http.StatusServiceUnavailable, msg: "try again later", err: err}
		}
	}
	select {
	case x.rx.slots <- struct{}{}:
		return nil
	default:
		return &httpError{status: http.StatusServiceUnavailable, msg: "too many requests at once, try again later"}
	}
}

const maxHeaderLines = 100

func lines(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// encoded tells whether any Content-Encoding header says something else than identity (SEC-101).
func encoded(headers []string) bool {
	return slices.ContainsFunc(headers, func(v string) bool { return v != "" && !strings.EqualFold(v, "identity") })
}

// fail leaves by the exit that the error asks for. Security errors say nothing but their code and the correlation id
// (SEC-001, AS4-113).
func (x *exchange) fail(err error) {
	x.info.Err = err
	var he *httpError
	var ee *ebms.Error
	var me *mime.Error
	var we *wssec.Error
	switch {
	case errors.As(err, &he):
		x.plain(he.status, he.msg)
	case errors.As(err, &ee):
		x.signal(*ee)
	case errors.Is(err, mime.ErrMediaType):
		x.plain(http.StatusUnsupportedMediaType, "the media type is not supported")
	case errors.As(err, &me) && me.Part:
		x.signal(ebms.Error{Code: ebms.CodeMimeInconsistency, Detail: "A MIME part is not packaged as Peppol AS4 demands"})
	case errors.As(err, &me):
		x.plain(http.StatusBadRequest, "the message is not packaged as Peppol AS4 demands")
	case errors.As(err, &we):
		x.failSecurity(we)
	case x.info.Authenticated:
		// design.md §3: an internal error after authentication is EBMS:0202 without detail; the sender repeats.
		x.signal(ebms.Error{Code: ebms.CodeDeliveryFailure})
	default:
		x.plain(http.StatusServiceUnavailable, "try again later")
	}
}

func (x *exchange) failSecurity(e *wssec.Error) {
	switch e.Class {
	case wssec.Malformed:
		x.plain(http.StatusBadRequest, "the SOAP part is not acceptable")
	case wssec.VersionMismatch:
		x.fault("VersionMismatch")
	case wssec.MustUnderstand:
		x.fault("MustUnderstand")
	case wssec.Header:
		x.signal(ebms.Error{Code: ebms.CodeInvalidHeader, Detail: "The eb:Messaging header is missing"})
	case wssec.Authentication:
		x.signal(ebms.Error{Code: ebms.CodeFailedAuthentication})
	case wssec.Policy:
		x.signal(ebms.Error{Code: ebms.CodePolicyNoncompliance})
	case wssec.Decryption:
		x.signal(ebms.Error{Code: ebms.CodeFailedDecryption})
	default:
		x.plain(http.StatusServiceUnavailable, "try again later")
	}
}

// descriptions of the uniform security errors.
var securityText = map[ebms.Code]string{
	ebms.CodeFailedAuthentication: "The message could not be authenticated.",
	ebms.CodeFailedDecryption:     "The message could not be decrypted.",
	ebms.CodePolicyNoncompliance:  "The message does not follow the security policy of Peppol AS4.",
}

// signal answers with one signed error, HTTP 200 (AS4-111 to AS4-117).
func (x *exchange) signal(e ebms.Error) {
	if text, ok := securityText[e.Code]; ok {
		e.Description, e.Detail = text, x.info.ID
	}
	x.info.Code = e.Code
	e.RefTo = x.ref
	body, err := x.sign(&ebms.Signal{Errors: []*ebms.Error{&e}})
	if err != nil { // REL-075: without a key nothing can be promised
		x.info.Err = errors.Join(x.info.Err, err)
		x.plain(http.StatusServiceUnavailable, "try again later")
		return
	}
	x.write(http.StatusOK, ContentTypeSignal, body)
}

// sign makes the SOAP answer for an error, signed by the default seat whatever seat the message addressed.
func (x *exchange) sign(s *ebms.Signal) ([]byte, error) {
	id, err := x.keys.Current(x.rx.Seat, x.rx.Now())
	if err != nil {
		return nil, err
	}
	return signWith(x.rx.Suite, id, x.rx.Host, x.rx.Now(), x.ref, s)
}

// signWith fills the message info of a signal and signs it with an identity.
func signWith(suite wssec.Suite, id *certs.Identity, host string, now time.Time, ref ebms.MessageID, s *ebms.Signal) ([]byte, error) {
	s.ID, s.RefTo, s.Timestamp = newMessageID(host), ref, now
	m := ebms.Messaging{Signal: s}
	elem := "msg-" + uuid.NewString()
	return wssec.SignSignal(suite, wssec.Identity{Key: id.Key, Cert: id.Cert}, wssec.Element{ID: elem, Bytes: m.Bytes(elem)})
}

// newMessageID makes a message id of a random left part and our host (AS4-035).
func newMessageID(host string) ebms.MessageID {
	return ebms.MessageID(uuid.NewString() + "@" + host)
}

// fault answers with a SOAP fault, HTTP 500 (AS4-030).
func (x *exchange) fault(code string) {
	x.write(http.StatusInternalServerError, ContentTypeSignal, []byte(`<S12:Envelope xmlns:S12="http://www.w3.org/2003/05/soap-envelope"><S12:Body><S12:Fault>`+
		`<S12:Code><S12:Value>S12:`+code+`</S12:Value></S12:Code><S12:Reason><S12:Text xml:lang="en">`+code+`</S12:Text></S12:Reason></S12:Fault></S12:Body></S12:Envelope>`))
}

// plain answers with a short fixed text (AS4-118).
func (x *exchange) plain(status int, text string) {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", strconv.Itoa(10+int(x.rx.Now().UnixNano()%21))) // REL-060: with jitter
	}
	x.write(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// write sends the answer. After a refusal the connection ends (SEC-013).
func (x *exchange) write(status int, contentType string, body []byte) {
	if x.sent {
		return
	}
	x.sent = true
	h := x.w.Header()
	if status >= http.StatusBadRequest {
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.info.Status = status
	rc, now := http.NewResponseController(x.w), time.Now()
	_ = rc.SetWriteDeadline(now.Add(x.rx.Pace.Answer)) // not every ResponseWriter can
	_ = rc.SetReadDeadline(now.Add(x.rx.Pace.Grace))   // a body that was refused is not waited for longer
	x.w.WriteHeader(status)
	half := len(body) / 2
	_, err := x.w.Write(body[:half])
	x.rx.Hook("answer.half")
	if err == nil {
		_, err = x.w.Write(body[half:])
	}
	if err != nil && x.info.Err == nil {
		x.info.Err = fmt.Errorf("as4: write the answer: %w", err) // REL-005: the message stays accepted
	}
}

// body limits what is read and how slowly (SEC-011, SEC-012).
type body struct {
	x      *exchange
	rc     *http.ResponseController
	start  time.Time
	n      int64
	window time.Time // when the current window began
	had    int64     // value of n at that time
}

// Pace says how slow a client may be (SEC-012).
type Pace struct {
	Grace  time.Duration // from the start of a body until Rate counts
	Rate   int64         // bytes per second that must come, averaged over Window
	Window time.Duration // also the longest silence after the grace
	Total  time.Duration // of a whole body
	Answer time.Duration // for reading the answer
}

// DefaultPace is what SEC-012 asks for.
var DefaultPace = Pace{Grace: 10 * time.Second, Rate: 1 << 10, Window: 30 * time.Second, Total: 10 * time.Minute, Answer: time.Minute}

func newBody(x *exchange) *body {
	now := x.rx.Now()
	return &body{x: x, rc: http.NewResponseController(x.w), start: now, window: now.Add(x.rx.Pace.Grace)}
}

// slow tells whether less came than must have come by now.
func (b *body) slow() bool {
	p, now := &b.x.rx.Pace, b.x.rx.Now()
	if now.Sub(b.start) > p.Total {
		return true
	}
	took := now.Sub(b.window)
	if took < p.Window {
		return false
	}
	late := float64(b.n-b.had) < float64(p.Rate)*took.Seconds()
	b.window, b.had = now, b.n
	return late
}

// deadline bounds the wait for the next bytes.
func (b *body) deadline() time.Time {
	p := &b.x.rx.Pace
	if b.had == 0 {
		return time.Now().Add(p.Grace + p.Window)
	}
	return time.Now().Add(p.Window)
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.rc.SetReadDeadline(b.deadline()) // not every ResponseWriter can
	n, err := b.x.r.Body.Read(p)
	if b.n == 0 && n > 0 {
		b.x.rx.Hook("receive.byte")
	}
	b.n += int64(n)
	b.x.info.Bytes = b.n
	if b.n > b.x.rx.MaxBytes {
		return 0, &httpError{status: http.StatusRequestEntityTooLarge, msg: "the message is too large"}
	}
	if b.slow() || errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, &httpError{status: http.StatusRequestTimeout, msg: "the message comes too slowly", err: err}
	}
	if err == io.EOF {
		_ = b.rc.SetReadDeadline(time.Time{}) // net/http goes on reading, and takes a failure for the end of the client
	}
	if err != nil && err != io.EOF {
		return n, &httpError{status: http.StatusBadRequest, msg: "the message is incomplete", err: err}
	}
	return n, err
}

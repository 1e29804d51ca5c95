package as4

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
)

// Receiver is the C3 side: an http.Handler that answers each POST with one signed receipt or one signed error. It must
// not be copied after first use.
type Receiver struct {
	Keys    func() *certs.Keyring // our seats; called once per message, so that a reload takes effect; required
	Trust   *certs.Verifier       // decides who may be C2; required
	Handler Handler               // the business decision; required
	Seat    peppol.SeatID         // who signs errors for a message that names no seat of ours; required
	Host    string                // right half of the message ids we make; required
	Path    string                // the only path that is served; required
	Spool   string                // folder for attachments larger than 1 MiB; required

	Suite       wssec.Suite       // zero means wssec.EDelivery1
	MaxBytes    int64             // whole request; 0 means DefaultMaxBytes
	MaxExpanded int64             // payload after decompression; 0 means DefaultMaxExpanded
	Intake      *intake.Gate      // bounds the resources that requests hold; nil means one with the default limits
	InFlight    int               // messages worked on at once, while as many wait; 0 means 64 (SEC-016)
	Pace        Pace              // how slow a client may be; zero means DefaultPace
	Lenient     bool              // accept message ids outside RFC 2822 (AS4-035)
	Standard    StandardException // nil: Standard is checked strictly (SBDH-027)

	RefuseBase64 bool // payload parts in base64 are refused (SEC-025)

	// called at "receive.<step>", "receive.byte" and "answer.half"; tests end the process there
	Hook  func(point string)
	Ready func() error     // an error refuses messages, also while they are spooled; nil: always ready (REL-060)
	Done  func(*Exchange)  // called once per request after its response; may be nil
	NewID func() string    // makes the id of an Exchange; nil means 16 random hexadecimal digits
	Now   func() time.Time // nil means time.Now
	Sleep func(context.Context, time.Duration)

	once     sync.Once
	pool     pool
	flights  flights
	failures failureMeter
}

// StandardException reports whether Standard may carry the full identifier of a document type (SBDH-027 in design.md
// §3).
type StandardException func(peppol.DocTypeID) bool

// Exchange is the outcome of one request.
type Exchange struct {
	ID            string // for Handler.Place, and the detail of a security error; for a repeat, that of the first copy
	Remote        string // address of the client
	Proxy         string // the trusted proxy through which it came, "" for none
	Source        string // the address or network by which the client is counted
	Agent         string // User-Agent, as the client wrote it
	Status        int    // HTTP status
	Step          Step   // the last step begun
	Code          ebms.Code
	Err           error  // why it was refused, for our log; nil for a receipt
	Cause         string // of HTTP 429 and 503, in a few words
	Unsent        error  // why the response could not be written; an accepted message stays accepted (REL-005)
	MessageID     ebms.MessageID
	C2            peppol.SeatID // "" until the signature is verified
	DocType       string
	Duplicate     bool
	Test          bool   // the test service
	Blocked       string // "signer" or "source": this failed decryption was one too many for it (SEC-092)
	Bytes         int64
	Start, End    time.Time
	Authenticated bool
	Warnings      []string
	Tolerated     []string // names of what was tolerated: the Tolerated constants
}

// Step names how far a request got, in the order of security.md §1.3.
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
	if rx.Intake == nil {
		rx.Intake = &intake.Gate{}
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
	if rx.NewID == nil {
		rx.NewID = correlation
	}
	rx.pool = newPool(rx.InFlight)
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
	x := &exchange{rx: rx, w: w, r: r, client: rx.Intake.Client(r)}
	x.info = Exchange{
		ID: rx.NewID(), Remote: x.client.Remote, Proxy: x.client.Proxy, Source: x.client.Source.String(),
		Agent: r.UserAgent(), Step: StepHTTP, Start: rx.Now(),
	}
	defer func() {
		x.info.End = rx.Now()
		if rx.Done != nil {
			rx.Done(&x.info)
		}
	}()
	x.write(x.serve())
}

func correlation() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// exchange is one request under way.
type exchange struct {
	rx      *Receiver
	w       http.ResponseWriter
	r       *http.Request
	client  intake.Client
	info    Exchange
	hold    *intake.Body // what the request holds; nil until it is admitted
	working bool         // it has a place in the pool
	keys    *certs.Keyring
	soap    []byte
	parts   []part
	subject Subject        // the user message, for the rules of the profile
	ref     ebms.MessageID // for RefToMessageId: claimed until the signature was verified
}

// part is an attachment. Only the first one is stored: a message with more is refused whatever they contain.
type part struct {
	cid   string
	spool *spool
}

// at begins a step.
func (x *exchange) at(step Step) {
	x.info.Step = step
	x.rx.Hook("receive." + string(step))
}

// after returns a context of the request that ends after d.
func (x *exchange) after(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(x.r.Context())
	go func() { x.rx.Sleep(ctx, d); cancel() }()
	return ctx, cancel
}

// close releases everything: the place in the pool, the spool, and what the intake counts.
func (x *exchange) close() {
	x.leave()
	for _, p := range x.parts {
		p.spool.Close()
	}
	x.hold.Close()
}

// serve takes a request through admission, reading its body, waiting for a place in the pool, and the message itself.
// It has released everything when it returns the response: a client that reads slowly must not take a place from
// others.
func (x *exchange) serve() (a response) {
	defer x.close()
	defer func() {
		if p := recover(); p != nil { // SEC-037
			x.info.Err = &Panic{p, debug.Stack()}
			a = x.plain(http.StatusInternalServerError, "internal error")
		}
	}()
	partErr, err := x.take()
	if err != nil {
		return x.fail(err)
	}
	x.keys = x.rx.Keys()
	answer, err := x.message(partErr)
	if err != nil {
		return x.fail(err)
	}
	x.at(StepAnswer)
	return response{http.StatusOK, answer.ContentType, answer.Body} // AS4-116
}

// take reads the whole body and only then takes a place in the pool, so that slow clients occupy none (SEC-016).
// partErr is what is wrong with a part although the framing is intact.
func (x *exchange) take() (partErr, err error) {
	src := newBody(x)
	if err := x.admit(src.interrupt); err != nil {
		return nil, err
	}
	if partErr, err = x.split(src); err != nil {
		return nil, err
	}
	if err := x.hold.Complete(); err != nil {
		return nil, noRoom(err)
	}
	return partErr, x.enter()
}

// admit checks what can be checked before the body is read (SEC-010 to SEC-013, SEC-016, SEC-101, REL-060).
func (x *exchange) admit(interrupt func()) error {
	r := x.r
	switch {
	case r.URL.Path != x.rx.Path:
		return &httpError{status: http.StatusNotFound, msg: "not found"}
	case r.Method != http.MethodPost:
		x.w.Header().Set("Allow", http.MethodPost)
		return &httpError{status: http.StatusMethodNotAllowed, msg: "this is an AS4 endpoint: use POST"} // AS4-007
	case r.Header.Get("Upgrade") != "":
		return &httpError{status: http.StatusBadRequest, msg: "an AS4 request asks for no other protocol"}
	case !r.ProtoAtLeast(1, 1) && len(r.TransferEncoding) > 0:
		return &httpError{status: http.StatusBadRequest, msg: "HTTP/1.0 knows no transfer encoding"}
	case lines(r.Header) > maxHeaderLines: // SEC-012
		return &httpError{status: http.StatusRequestHeaderFieldsTooLarge, msg: "too many header lines"}
	case Encoded(r.Header):
		return &httpError{status: http.StatusUnsupportedMediaType, msg: "no content encoding is supported"}
	case r.ContentLength > x.rx.MaxBytes:
		return &httpError{status: http.StatusRequestEntityTooLarge, msg: "the message is too large"}
	}
	if err := x.ready(); err != nil {
		return err
	}
	if x.rx.pool.crowded() {
		return poolFull()
	}
	var err error
	if x.hold, err = x.rx.Intake.Begin(x.client, interrupt); err != nil {
		return noRoom(err)
	}
	return nil
}

// ready asks whether messages are admitted. It is asked again while one is spooled, so that many at once do not fill
// the disk.
func (x *exchange) ready() error {
	if x.rx.Ready == nil {
		return nil
	}
	if err := x.rx.Ready(); err != nil {
		return later("the server is not ready", err)
	}
	return nil
}

const maxHeaderLines = 100

func lines(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// Encoded tells whether a header has a Content-Encoding other than identity (SEC-101).
func Encoded(h http.Header) bool {
	return slices.ContainsFunc(h["Content-Encoding"],
		func(v string) bool { return v != "" && !strings.EqualFold(v, "identity") })
}

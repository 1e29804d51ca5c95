package as4

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
)

// countedKey counts private decryptions (SEC-050).
type countedKey struct {
	certs.Key
	n *atomic.Int32
}

func (k countedKey) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	k.n.Add(1)
	return k.Key.Decrypt(r, msg, opts)
}

// seats are made once: a2 is a second access point, b ours.
var seats = sync.OnceValues(func() (map[string]*certs.Identity, error) {
	p, err := localca.Shared()
	if err != nil {
		return nil, err
	}
	out := map[string]*certs.Identity{}
	for name, cn := range map[string]string{"a": "POP900001", "a2": "POP900003", "b": "POP900002"} {
		if out[name], err = p.AP.Issue(localca.Leaf{CN: cn}, time.Now()); err != nil {
			return nil, err
		}
	}
	return out, nil
})

func seat(t testing.TB, name string) *certs.Identity {
	t.Helper()
	all, err := seats()
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

// arena is a Receiver behind a socket whose every step is watched.
type arena struct {
	rx       *Receiver
	mem      *memory
	server   *httptest.Server
	addr     string
	done     chan *Exchange
	decrypts atomic.Int32
	clock    atomic.Int64 // what is added to the time of day, in nanoseconds
	trust    *certs.Verifier
}

func newArena(t testing.TB, change ...func(*Receiver)) *arena {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	b := seat(t, "b")
	a := &arena{
		mem:  &memory{accepted: map[DuplicateKey]*Inbound{}, bodies: map[DuplicateKey][]byte{}},
		done: make(chan *Exchange, 1000),
	}
	a.trust = certs.NewVerifier(p.Anchors(), certs.Unchecked{})
	ring := certs.NewKeyring(&certs.Identity{Seat: b.Seat, Cert: b.Cert, Key: countedKey{b.Key, &a.decrypts}})
	a.rx = &Receiver{
		Keys: func() *certs.Keyring { return ring }, Trust: a.trust, Handler: a.mem, Seat: "POP900002",
		Host: "b.example", Path: "/as4",
		Spool: t.TempDir(), Intake: &intake.Gate{}, Sleep: func(context.Context, time.Duration) {},
		Done: func(x *Exchange) { a.done <- x },
		Now:  func() time.Time { return time.Now().Add(time.Duration(a.clock.Load())) },
	}
	for _, f := range change {
		f(a.rx)
	}
	a.server = httptest.NewServer(a.rx)
	t.Cleanup(a.server.Close)
	a.addr = a.server.Listener.Addr().String()
	return a
}

// draft is a message that differs from a good one in what a test sets.
type draft struct {
	m         *ebms.UserMessage
	sbd       []byte
	payload   []byte // octets that are signed; nil: sbd in one gzip member
	cid       string
	mimeType  string
	by        *certs.Identity
	to        *certs.Identity
	messaging func([]byte) []byte // changes eb:Messaging before it is signed
	soap      func([]byte) []byte // changes the envelope after it was signed
	cipher    func([]byte) []byte // changes the encrypted part
	msg       func(*mime.Message)
	body      func([]byte) []byte // changes the whole body
	typ       func(string) string // changes the content type
	bare      bool                // no attachment in the security header: signed like a signal
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

func newDraft(t testing.TB) *draft {
	t.Helper()
	h := testHeader(t)
	d := &draft{
		sbd: testSBD(t, h), cid: "att-" + uuid.NewString() + "@a.example", mimeType: gzipType, by: seat(t, "a"),
		to: seat(t, "b"),
	}
	s := &Sender{Host: "a.example"}
	d.m = s.userMessage("POP900001", "POP900002", d.cid, Outgoing{
		ID: s.NewMessageID(), Header: h, Timestamp: time.Now(), ConversationID: "c@a.example",
	})
	return d
}

// build seals the draft.
func (d *draft) build(t testing.TB) (contentType string, body []byte) {
	t.Helper()
	payload := d.payload
	if payload == nil {
		payload = zip(d.sbd)
	}
	elem := "msg-" + uuid.NewString()
	messaging := (&ebms.Messaging{User: d.m}).Bytes(elem)
	if d.messaging != nil {
		messaging = d.messaging(messaging)
	}
	by, element := wssec.Identity{Key: d.by.Key, Cert: d.by.Cert}, wssec.Element{ID: elem, Bytes: messaging}
	var soap []byte
	var part bytes.Buffer
	var err error
	if d.bare {
		soap, err = wssec.SignSignal(wssec.EDelivery1, by, element)
	} else {
		soap, err = sealed(by, element, d, payload, &part)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d.soap != nil {
		soap = d.soap(soap)
	}
	enc := part.Bytes()
	if d.cipher != nil {
		enc = d.cipher(enc)
	}
	m := mime.Message{Boundary: "b-" + uuid.NewString(), RootID: "root@a.example", Root: soap}
	if !d.bare {
		m.Parts = []mime.Content{{ID: d.cid, Body: bytes.NewReader(enc)}}
	}
	if d.msg != nil {
		d.msg(&m)
	}
	contentType = m.ContentType()
	if d.typ != nil {
		contentType = d.typ(contentType)
	}
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	body = out.Bytes()
	if d.body != nil {
		body = d.body(body)
	}
	return contentType, body
}

func sealed(by wssec.Identity, element wssec.Element, d *draft, payload []byte, part io.Writer) ([]byte, error) {
	sealing, err := wssec.NewSealing(wssec.EDelivery1, d.to.Cert)
	if err != nil {
		return nil, err
	}
	w, err := sealing.Attach(d.cid, d.mimeType, part)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(payload); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	soap, _, err := sealing.Envelope(by, element)
	return soap, err
}

// replace returns a change of one piece of text, which must be there.
func replace(t testing.TB, old, text string) func([]byte) []byte {
	return func(b []byte) []byte {
		t.Helper()
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("there is no %q in the message", old)
		}
		return bytes.Replace(b, []byte(old), []byte(text), 1)
	}
}

// reply is an answer and what became of the request inside.
type reply struct {
	status int
	header http.Header
	body   []byte
	signal *ebms.Signal // nil when the answer is no signal
	signed bool         // by b
	closed bool         // the connection ends
	x      *Exchange
}

func request(contentType string, body []byte, more ...string) []byte {
	head := fmt.Sprintf("POST /as4 HTTP/1.1\r\nHost: b.example\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n",
		contentType, len(body), strings.Join(more, ""))
	return append([]byte(head), body...)
}

// send writes the raw request to a socket and reads one answer.
func (a *arena) send(t testing.TB, raw []byte) *reply {
	t.Helper()
	r := a.raw(t, raw)
	select {
	case r.x = <-a.done:
	case <-time.After(10 * time.Second):
		t.Fatal("no exchange was reported")
	}
	return r
}

// raw is send for what may not reach the Receiver at all.
func (a *arena) raw(t testing.TB, raw []byte) *reply {
	t.Helper()
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the answer was read
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = conn.Write(raw) }() // an early answer may end the connection
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reply{status: res.StatusCode, header: res.Header, closed: res.Close}
	if r.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if len(r.body) > 16<<10 {
		t.Errorf("SEC-002: an answer of %d bytes", len(r.body))
	}
	if res.Header.Get("Content-Type") == ContentTypeSignal {
		r.read(t)
	}
	return r
}

func (r *reply) read(t testing.TB) {
	t.Helper()
	u, err := wssec.ReadSignal(r.body, wssec.EDelivery1)
	if err != nil {
		return // a SOAP fault
	}
	node := u.Claimed()
	if signed, err := u.Verify(nil); err == nil {
		s, _ := certs.Seat(signed.Signer())
		node, r.signed = signed.Messaging(), s == "POP900002"
	}
	m, err := ebms.Read(node, ebms.Options{})
	if err != nil || m.Signal == nil {
		t.Errorf("the signal cannot be read: %v", err)
		return
	}
	r.signal = m.Signal
}

func (a *arena) post(t testing.TB, d *draft) *reply {
	t.Helper()
	contentType, body := d.build(t)
	return a.send(t, request(contentType, body))
}

// want is how a hostile message must be answered.
type want struct {
	code     ebms.Code // "" for a plain HTTP answer
	status   int       // 0 means 200
	step     Step      // last step begun, "" for any
	decrypts int32     // private operations
	detail   string    // exact ErrorDetail of an error that is not uniform; "*" for any
}

var correlationID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// verdict checks an answer.
func (w want) verdict(t testing.TB, r *reply) {
	t.Helper()
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	if r.status != status || w.step != "" && r.x != nil && r.x.Step != w.step {
		t.Errorf("got HTTP %d at %+v, want %d at %s", r.status, r.x, status, w.step)
	}
	if w.code == "" {
		if r.signal != nil {
			t.Errorf("got a signal %+v, want none", r.signal)
		}
		return
	}
	if r.signal == nil || len(r.signal.Errors) != 1 || r.signal.Receipt != nil || !r.signed {
		t.Fatalf("got %+v signed %v (%v), want one signed error %s", r.signal, r.signed, r.x.Err, w.code)
	}
	e := r.signal.Errors[0]
	if e.Code != w.code || e.Severity != "failure" || e.RefTo != r.signal.RefTo ||
		strings.ContainsAny(e.Detail, "\r\n") {
		t.Errorf("got %+v (%v), want %s", e, r.x.Err, w.code)
	}
	switch w.code {
	case ebms.CodeFailedAuthentication, ebms.CodeFailedDecryption, ebms.CodePolicyNoncompliance:
		if !correlationID.MatchString(e.Detail) || e.Detail != r.x.ID {
			t.Errorf("SEC-001: the detail is %q, want the correlation id", e.Detail)
		}
	case ebms.CodeDeliveryFailure:
		if e.Detail != "" {
			t.Errorf("EBMS:0202 has the detail %q", e.Detail)
		}
	default:
		if w.detail != "*" && w.detail != "" && e.Detail != w.detail {
			t.Errorf("the detail is %q, want %q", e.Detail, w.detail)
		}
	}
}

// clean checks that nothing is left over.
func (a *arena) clean(t testing.TB, accepted int) {
	t.Helper()
	a.mem.mu.Lock()
	defer a.mem.mu.Unlock()
	if len(a.mem.accepted) != accepted || a.mem.places != 0 || a.rx.Intake.Held() != (intake.Held{}) {
		t.Errorf("%d accepted (want %d), %d places open, held %+v", len(a.mem.accepted), accepted, a.mem.places,
			a.rx.Intake.Held())
	}
	left, err := os.ReadDir(a.rx.Spool)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v %v", left, err)
	}
	a.rx.flights.mu.Lock()
	defer a.rx.flights.mu.Unlock()
	if len(a.rx.flights.m) != 0 || len(a.rx.pool.places)+len(a.rx.pool.waiting) != 0 {
		t.Errorf("%d flights and %d places of work are still taken", len(a.rx.flights.m), len(a.rx.pool.places))
	}
}

// hostile is one message and its answer.
type hostile struct {
	name   string // requirement id first
	change func(*testing.T, *draft)
	want   want
}

// run sends each message to its own Receiver, then a good one, which must pass.
func run(t *testing.T, cases []hostile) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			d := newDraft(t)
			tc.change(t, d)
			r := a.post(t, d)
			tc.want.verdict(t, r)
			uniform(t, r)
			if got := a.decrypts.Load(); got != tc.want.decrypts {
				t.Errorf("SEC-050: %d private operations, want %d", got, tc.want.decrypts)
			}
			a.clean(t, 0)
		})
	}
}

// bodies are the answers of all security refusals of this test run, without what must differ (SEC-001).
var bodies struct {
	sync.Mutex
	m map[ebms.Code]map[string]string
}

var variable = []*regexp.Regexp{
	regexp.MustCompile(`(wsu:Id|Id|URI)="[^"]*"`),
	regexp.MustCompile(`<ds:(DigestValue|SignatureValue)>[^<]*`),
	regexp.MustCompile(`<eb:(Timestamp|MessageId|ErrorDetail)>[^<]*`),
	regexp.MustCompile(`<eb:RefToMessageId>[^<]*</eb:RefToMessageId>`),
	regexp.MustCompile(` refToMessageInError="[^"]*"`),
}

func uniform(t testing.TB, r *reply) {
	t.Helper()
	if r.signal == nil || len(r.signal.Errors) == 0 {
		return
	}
	code := r.signal.Errors[0].Code
	if _, ok := securityText[code]; !ok {
		return
	}
	text := r.body
	for _, re := range variable {
		text = re.ReplaceAll(text, nil)
	}
	bodies.Lock()
	defer bodies.Unlock()
	if bodies.m == nil {
		bodies.m = map[ebms.Code]map[string]string{}
	}
	if bodies.m[code] == nil {
		bodies.m[code] = map[string]string{}
	}
	bodies.m[code][string(text)] = t.Name()
	if len(bodies.m[code]) > 1 {
		t.Errorf("SEC-001: %d different answers with %s", len(bodies.m[code]), code)
	}
}

// party makes an identity of some CA.
func party(t testing.TB, ca *localca.CA, l localca.Leaf) *certs.Identity {
	t.Helper()
	id, err := ca.Issue(l, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func shared(t testing.TB) *localca.PKI {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

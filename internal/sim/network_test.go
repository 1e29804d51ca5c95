package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
)

// passage is a message on its way through the network.
type passage struct {
	n            int // of those of the document, from 1
	process      *process
	doc          string // eb:ConversationId, which the submitter gives each document
	id           string // eb:MessageId
	digest       string // of the payload, as it is signed
	host         string
	start, end   time.Duration // end is 0 while it is under way
	fault        string
	arrived      bool // the access point had all of it, and worked on it
	receipt      bool // a valid receipt was given to the sender
	permanent    bool // the answer says no for good
	turned       bool // the answer says that the address is wrong
	duplicate    bool // the answer says that it is there already
	wrong        bool // the answer is a receipt for something else
	retryAfter   time.Duration
	undisturbed  bool // the process was well when it began
	requestBytes []byte
}

// link is the network as a process of C2 sees it.
type link struct{ p *process }

var (
	wireID     = regexp.MustCompile(`<eb:MessageId>([^<]+)</eb:MessageId>`)
	wireDoc    = regexp.MustCompile(`<eb:ConversationId>([^<]+)</eb:ConversationId>`)
	wireDigest = regexp.MustCompile(`<ds:Reference URI="cid:.*?<ds:DigestValue>([^<]+)</ds:DigestValue>`)
	errReset   = fmt.Errorf("sim: %w", syscall.ECONNRESET)
)

func first(re *regexp.Regexp, b []byte) string {
	if m := re.FindSubmatch(b); m != nil {
		return string(m[1])
	}
	return ""
}

// RoundTrip carries a request to an access point, or does to it what the seed says.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	p, w := l.p, l.p.w
	p.wait()
	if p.isDead() {
		return nil, errDead
	}
	if w.refuses(req) { // before a byte of the body is read
		w.note("%s: %s refuses the connection", p.name, req.URL.Host)
		w.count("fault refused")
		return nil, fmt.Errorf("sim: %w", syscall.ECONNREFUSED)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	x := w.departs(p, req.URL.Host, body)
	kind := w.faultOf(x)
	if t := httptrace.ContextClientTrace(req.Context()); t != nil && t.GotConn != nil {
		t.GotConn(httptrace.GotConnInfo{})
	}
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	go func() {
		select {
		case <-p.dead:
			cancel()
		case <-ctx.Done():
		}
	}()
	res, err := kind.do(&trip{w: w, x: x, req: req, body: body, ctx: ctx, dice: w.dice("trip", x.doc, x.n)})
	w.meanwhile(x)
	p.wait() // a process that is stopped learns of the answer when it goes on
	if p.isDead() {
		err = errDead
	}
	w.arrives(x, kind.name, err)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// meanwhile is what happens to hosts while a message is under way.
func (w *world) meanwhile(x *passage) {
	r := w.dice("meanwhile", x.doc, x.n)
	if w.mild || w.isCalm() || r.IntN(8) > 0 {
		return
	}
	switch w.mood {
	case clocksJump:
		w.setClock(between(r, -90*time.Minute, 90*time.Minute))
		time.Sleep(between(r, time.Second, time.Minute))
	case sendersDie:
		x.process.kill("while it waits for an answer")
	}
}

// departs notes a message that enters the network, and checks what must be the same for all attempts (I7).
func (w *world) departs(p *process, host string, body []byte) *passage {
	x := &passage{
		process: p, doc: first(wireDoc, body), id: first(wireID, body), digest: first(wireDigest, body), host: host,
		start: w.elapsed(), undisturbed: p.well(), requestBytes: body,
	}
	if x.doc == "" || x.id == "" || x.digest == "" {
		w.violate("I7", "something without an id is sent: %.300q", body)
	}
	w.mu.Lock()
	earlier := w.wire
	x.n = 1
	for _, e := range earlier {
		if e.doc == x.doc {
			x.n++
		}
	}
	w.wire = append(w.wire, x)
	w.mu.Unlock()
	for _, e := range earlier {
		if e.doc != x.doc {
			continue
		}
		if e.id != x.id || e.digest != x.digest {
			const text = "%s: attempt %d has id %s and digest %s, an earlier one %s and %s"
			w.violate("I7", text, x.doc, x.n, x.id, x.digest, e.id, e.digest)
		}
		w.mu.Lock()
		end := e.end
		w.mu.Unlock()
		if end == 0 && e.undisturbed && e.process.well() && x.undisturbed {
			w.violate("once", "%s is sent by %s while %s has it under way", x.doc, p.name, e.process.name)
		}
	}
	return x
}

func (w *world) arrives(x *passage, kind string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.end, x.fault = max(w.elapsed(), 1), kind
	w.life["attempts"]++
	w.life["fault "+kind]++
	text := ""
	if err != nil {
		text = ": " + short(err)
	}
	w.noteLocked("%s: %s attempt %d to %s: %s%s", x.process.name, x.doc, x.n, x.host, kind, text)
}

// asked is what the last answer to a document said of when to come again.
func (w *world) asked(doc string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.wire) - 1; i >= 0; i-- {
		if w.wire[i].doc == doc {
			return w.wire[i].retryAfter
		}
	}
	return 0
}

// trip is a request with all that a fault needs to know.
type trip struct {
	w    *world
	x    *passage
	req  *http.Request
	body []byte
	ctx  context.Context
	dice *rand.Rand
}

// mishap is something that happens to a request after a connection was made.
type mishap struct {
	name   string
	weight int
	do     func(t *trip) (*http.Response, error)
}

// refuses draws whether a connection is made.
func (w *world) refuses(req *http.Request) bool {
	doc, _ := req.Context().Value(docKey{}).(string)
	host := req.URL.Host
	w.mu.Lock()
	w.dialled[doc]++
	r := w.dice("dial", doc, w.dialled[doc])
	w.mu.Unlock()
	switch {
	case w.isCalm():
		return false
	case w.downAt(host, w.elapsed()):
		return r.IntN(3) == 0
	}
	return r.Float64() < w.trouble/10
}

// faultOf draws what happens to an attempt (reliability.md §5, F-12 to F-16).
func (w *world) faultOf(x *passage) mishap {
	r := w.dice("fault", x.doc, x.n)
	switch {
	case w.isCalm():
		return faults[0]
	case w.downAt(x.host, x.start):
		return named([]string{"silence", "503", "reset before"}[r.IntN(3)])
	case w.trouble == 0:
		return faults[0]
	case r.Float64() >= w.trouble:
		return faults[r.IntN(2)]
	}
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := r.IntN(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	return faults[0]
}

func named(name string) mishap {
	for _, f := range faults {
		if f.name == name {
			return f
		}
	}
	panic("no fault " + name)
}

// wait lets time pass on the way, unless the sender does not wait that long.
func (t *trip) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

func (t *trip) latency() time.Duration { return between(t.dice, time.Millisecond, t.w.far) }

// through has the access point work on the message, whatever becomes of the sender meanwhile.
func (t *trip) through(after time.Duration) (*http.Response, error) {
	if err := t.wait(t.latency()); err != nil {
		return nil, err
	}
	answered := make(chan *http.Response, 1)
	node := t.dice.IntN(1000)
	t.w.wg.Go(func() { answered <- t.w.atPeer(t, node) })
	select {
	case res := <-answered:
		if err := t.wait(t.latency() + after); err != nil {
			return nil, err
		}
		if res == nil {
			return nil, errReset
		}
		return res, nil
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
}

// atPeer is what the access point does. It is nil if the program there dies meanwhile.
func (w *world) atPeer(t *trip, node int) *http.Response {
	n := w.peers(node)
	if n == nil {
		return nil
	}
	w.mu.Lock()
	t.x.arrived = true
	w.mu.Unlock()
	req := httptest.NewRequest(http.MethodPost, t.req.URL.Path, bytes.NewReader(t.body))
	req.Header, req.RemoteAddr = t.req.Header.Clone(), "192.0.2.1:4321"
	rec := httptest.NewRecorder()
	n.at(t.x.host).receiver.ServeHTTP(rec, req)
	if n.isDead() {
		return nil
	}
	res := rec.Result()
	w.promised(t.x, n, rec)
	return res
}

var isReceipt = regexp.MustCompile(`<eb:Receipt[ >]`)

// promised keeps the receipts that access points give.
func (w *world) promised(x *passage, n *peers, rec *httptest.ResponseRecorder) {
	body := rec.Body.Bytes()
	if rec.Code != http.StatusOK || !isReceipt.Match(body) {
		w.note("%s: %s is answered with HTTP %d: %s", n.name, x.doc, rec.Code, short(errors.New(string(body))))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proof[x.id+" "+x.host] = append(w.proof[x.id+" "+x.host], bytes.Clone(body))
}

// given notes that the sender gets a valid receipt.
func (t *trip) given(res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	body, rerr := io.ReadAll(res.Body)
	if rerr != nil {
		return nil, rerr
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if isReceipt.Match(body) {
		t.x.receipt = true
	}
	return res, nil
}

// status is an answer without a signal.
func (t *trip) status(code int, body string) (*http.Response, error) {
	if err := t.wait(t.latency()); err != nil {
		return nil, err
	}
	switch {
	case code == http.StatusRequestEntityTooLarge:
		t.x.permanent = true
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		t.x.retryAfter = time.Duration(t.dice.IntN(3)) * time.Duration(t.dice.IntN(3600)) * time.Second
	case code >= 300 && code < 500 && code != http.StatusRequestTimeout:
		t.x.turned = true
	}
	res := t.answer(code, "text/html", []byte(body))
	if t.x.retryAfter > 0 {
		res.Header.Set("Retry-After", strconv.Itoa(int(t.x.retryAfter/time.Second)))
	}
	return res, nil
}

func (t *trip) answer(code int, contentType string, body []byte) *http.Response {
	return &http.Response{
		StatusCode: code, Status: strconv.Itoa(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: t.req,
	}
}

// signal is an answer that we make in the name of an access point.
func (t *trip) signal(code int, by *certs.Identity, s *ebms.Signal) (*http.Response, error) {
	if err := t.wait(t.latency()); err != nil {
		return nil, err
	}
	s.ID, s.Timestamp = ebms.MessageID(fmt.Sprintf("%d.%s@peer.example", t.x.n, t.x.doc)), t.w.wall()
	if s.RefTo == "" {
		s.RefTo = ebms.MessageID(t.x.id)
	}
	for _, e := range s.Errors {
		e.RefTo = s.RefTo
	}
	elem := "msg-" + t.x.doc
	m := ebms.Messaging{Signal: s}
	body, err := wssec.SignSignal(wssec.EDelivery1, wssec.Identity{Key: by.Key, Cert: by.Cert},
		wssec.Element{ID: elem, Bytes: m.Bytes(elem)})
	if err != nil {
		panic(err)
	}
	return t.answer(code, as4.ContentTypeSignal, body), nil
}

// unsigned takes the security header out of an answer.
func unsigned(res *http.Response) *http.Response {
	body, _ := io.ReadAll(res.Body) // in memory
	body = regexp.MustCompile(`(?s)<wsse:Security.*</wsse:Security>`).ReplaceAll(body, nil)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res
}

// self is the access point that is addressed, other is another one.
func (t *trip) self() *certs.Identity  { return t.w.aps[apOf(t.x.host)][0] }
func (t *trip) other() *certs.Identity { return t.w.aps[(apOf(t.x.host)+1)%accessPoints][0] }

func apOf(host string) int {
	n, _ := strconv.Atoi(strings.Trim(host, "aple.xm")) // apN.example
	return n
}

func hostOf(ap int) string { return fmt.Sprintf("ap%d.example", ap) }

// references are what a right receipt would repeat.
func (t *trip) references() []ebms.Reference {
	refs, err := requestReferences(t.body)
	if err != nil {
		panic(err)
	}
	return refs
}

var (
	signedInfo = regexp.MustCompile(`(?s)<ds:SignedInfo.*</ds:SignedInfo>`)
	reference  = regexp.MustCompile(`(?s)<ds:Reference URI="([^"]+)">(.*?)</ds:Reference>`)
	transform  = regexp.MustCompile(`<ds:Transform Algorithm="([^"]+)"`)
	method     = regexp.MustCompile(`<ds:DigestMethod Algorithm="([^"]+)"`)
	value      = regexp.MustCompile(`<ds:DigestValue>([^<]+)</ds:DigestValue>`)
)

func requestReferences(body []byte) (list []ebms.Reference, err error) {
	for _, m := range reference.FindAllSubmatch(signedInfo.Find(body), -1) {
		digest, derr := base64Decode(first(value, m[2]))
		err = errors.Join(err, derr)
		r := ebms.Reference{URI: string(m[1]), Method: first(method, m[2]), Value: digest}
		for _, tr := range transform.FindAllSubmatch(m[2], -1) {
			r.Transforms = append(r.Transforms, string(tr[1]))
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		err = errors.New("sim: no references in a request")
	}
	return list, err
}

// accepted reports whether the access point gave a receipt for a message before.
func (w *world) accepted(x *passage) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.proof[x.id+" "+x.host]) > 0
}

// ebmsError is an error that the access point reports.
func ebmsError(e *ebms.Error, permanent, signed bool) func(t *trip) (*http.Response, error) {
	return func(t *trip) (*http.Response, error) {
		if permanent && t.w.accepted(t.x) {
			return t.given(t.through(0)) // what it has it does not refuse
		}
		t.x.permanent = permanent
		one := *e
		res, err := t.signal(http.StatusOK, t.self(), &ebms.Signal{Errors: []*ebms.Error{&one}})
		if err == nil && !signed {
			res = unsigned(res)
		}
		return res, err
	}
}

func status(code int, body string) func(t *trip) (*http.Response, error) {
	return func(t *trip) (*http.Response, error) { return t.status(code, body) }
}

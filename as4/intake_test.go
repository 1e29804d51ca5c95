package as4

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/as4/mime"
)

// held makes a request that holds nothing yet, and its gate.
func held(t *testing.T, limits intake.Limits) (*intake.Gate, *intake.Body) {
	t.Helper()
	g := &intake.Gate{All: limits}
	b, err := g.Begin(client(g, "192.0.2.1:1"), func() {})
	if err != nil {
		t.Fatal(err)
	}
	return g, b
}

// SEC-011: what an attachment takes is counted while it is held, and nothing stays counted however its spooling ended.
func TestSEC011SpoolCounts(t *testing.T) {
	readOnly := func(t *testing.T, s *spool) { // each write fails, as on a full disk
		if err := s.file.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if s.file, err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		limits intake.Limits
		dir    string // "" for one that can be used
		large  bool   // the first octets go to a file
		spoil  func(*testing.T, *spool)
		want   intake.Held // after one write more
		fails  bool
	}{
		{name: "in memory", want: intake.Held{Requests: 1, Memory: 2000}},
		{name: "in a file", large: true, want: intake.Held{Requests: 1, Files: 1, Spool: memorySpool + 1000}},
		{
			name: "memory is short", limits: intake.Limits{Memory: 3000},
			want: intake.Held{Requests: 1, Files: 1, Spool: 2000},
		},
		{name: "the write fails", large: true, spoil: readOnly, fails: true},
		{name: "the file cannot be made", dir: "/nowhere", limits: intake.Limits{Memory: 2000}, fails: true},
		{name: "the spool is full", large: true, limits: intake.Limits{Spool: memorySpool + 999}, fails: true},
		{
			name: "the file was closed already", large: true,
			spoil: func(_ *testing.T, s *spool) { _ = s.file.Close() },
			fails: true,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, hold := held(t, tc.limits)
			s := &spool{dir: tc.dir, hold: hold}
			if tc.dir == "" {
				s.dir = t.TempDir()
			}
			n := 1000
			if tc.large {
				n = memorySpool
			}
			_, err := s.Write(make([]byte, n))
			if err == nil && tc.large {
				_, err = s.Write(nil)
			}
			if tc.spoil != nil {
				if _, werr := s.Write(make([]byte, 1)); werr != nil {
					t.Fatal(werr)
				}
				tc.spoil(t, s)
			}
			if err == nil {
				_, err = s.Write(make([]byte, 1000))
			}
			if tc.fails != (err != nil) {
				t.Errorf("error %v", err)
			}
			if got := g.Held(); !tc.fails && got != tc.want {
				t.Errorf("held %+v, want %+v", got, tc.want)
			}
			s.Close()
			hold.Close()
			if got := g.Held(); got != (intake.Held{}) {
				t.Errorf("after the end: %+v", got)
			}
			if left, err := os.ReadDir(s.dir); tc.dir == "" && (err != nil || len(left) > 0) {
				t.Errorf("left in the spool: %v %v", left, err)
			}
		})
	}
}

// SEC-016: the SOAP part is counted before it takes memory.
func TestSEC016SOAPCounts(t *testing.T) {
	for size, want := range map[int]int64{0: 16 << 10, 100: 16 << 10, 16<<10 + 1: 32 << 10, maxSOAP: maxSOAP} {
		g, hold := held(t, intake.Limits{})
		x := &exchange{hold: hold}
		b, err := x.readSOAP(iotest.DataErrReader(bytes.NewReader(make([]byte, size))))
		if err != nil || len(b) != size || g.Held().Memory < int64(cap(b)) || g.Held().Memory != want {
			t.Errorf("%d octets: %d read, %v, held %+v", size, len(b), err, g.Held())
		}
		x.close()
		if g.Held() != (intake.Held{}) {
			t.Errorf("%d octets: held at the end: %+v", size, g.Held())
		}
	}
	_, hold := held(t, intake.Limits{Memory: 20 << 10})
	x := &exchange{hold: hold}
	_, err := x.readSOAP(bytes.NewReader(make([]byte, 17<<10)))
	var ie *intake.Error
	if !errors.As(err, &ie) || *ie != (intake.Error{Kind: intake.Memory}) {
		t.Errorf("without room: %v", err)
	}
}

// half sends the first half of a request and leaves the rest.
func (a *arena) half(t *testing.T, raw []byte) net.Conn {
	t.Helper()
	conn := a.dial(t)
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write(raw[:len(raw)/2]); err != nil {
		t.Fatal(err)
	}
	return conn
}

// until waits until what is held fits.
func (a *arena) until(t *testing.T, what string, fits func(intake.Held) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !fits(a.rx.Intake.Held()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: held %+v", what, a.rx.Intake.Held())
		}
	}
}

// SEC-016: bodies that do not come to their end take no place of work, however many there are.
func TestSEC016SlowBodiesTakeNoPlace(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight = 1 })
	contentType, body := newDraft(t).build(t)
	raw := request(contentType, body)
	for range 20 {
		a.half(t, raw)
	}
	a.until(t, "the slow ones did not begin", func(h intake.Held) bool { return h.Requests == 20 })
	r := a.raw(t, raw)
	if x := <-a.done; r.signal == nil || r.signal.Receipt == nil {
		t.Errorf("a good message among slow ones: HTTP %d, %v", r.status, x.Err)
	}
	a.server.CloseClientConnections()
	a.server.Close()
	a.clean(t, 1)
}

// SEC-012: a request that has to give way gets 503 with Retry-After and the cause, and the one for which it gave way
// passes.
func TestSEC012GivesWay(t *testing.T) {
	a := newArena(t, func(rx *Receiver) {
		rx.Intake = &intake.Gate{All: intake.Limits{Connections: 1}, Grace: time.Nanosecond}
	})
	contentType, body := newDraft(t).build(t)
	raw := request(contentType, body)
	conn := a.half(t, raw)
	a.until(t, "the slow one did not begin", func(h intake.Held) bool { return h.Requests == 1 })
	good := a.raw(t, raw)
	_ = conn.SetDeadline(time.Now().Add(slowLimit)) // it would be answered for its slowness in forty seconds
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(answer); !strings.HasPrefix(text, "HTTP/1.1 503 ") || !strings.Contains(text, "Retry-After: ") {
		t.Errorf("who gave way got %.100q", text)
	}
	causes := map[string]int{(<-a.done).Cause: 1}
	causes[(<-a.done).Cause]++
	if want := (&intake.Error{Kind: intake.Requests, Gave: true}).Error(); causes[want] != 1 || causes[""] != 1 {
		t.Errorf("causes: %v", causes)
	}
	if good.signal == nil || good.signal.Receipt == nil {
		t.Errorf("who took its place got HTTP %d", good.status)
	}
	a.clean(t, 1)
}

// SEC-012, SEC-016: too much of one source is told to it, and costs another nothing.
func TestSEC012OneSource(t *testing.T) {
	a := behindProxy(t)
	a.rx.Intake.Source.Connections = 1
	contentType, body := newDraft(t).build(t)
	raw := func(client string) []byte { return request(contentType, body, "X-Forwarded-For: "+client+"\r\n") }
	a.half(t, raw("192.0.2.1"))
	a.until(t, "the slow one did not begin", func(h intake.Held) bool { return h.Requests == 1 })
	r := a.send(t, raw("192.0.2.1"))
	want{status: 503, step: StepHTTP}.verdict(t, r)
	if !strings.HasPrefix(string(r.body), "too much at once from your address") || r.x.Source != "192.0.2.1" ||
		r.x.Cause != "intake: too many requests of this source" || r.x.Proxy != "127.0.0.1" {
		t.Errorf("got %q, cause %q, source %q by %q", r.body, r.x.Cause, r.x.Source, r.x.Proxy)
	}
	if r := a.send(t, raw("192.0.2.2")); r.signal == nil || r.signal.Receipt == nil {
		t.Errorf("another source got HTTP %d, %v", r.status, r.x.Err)
	}
	a.server.CloseClientConnections()
	a.server.Close()
	a.clean(t, 1)
}

// SEC-016: a complete message waits for a place of work and is sent away when none gets free; when as many wait as
// there are places, a body is not read at all.
func TestSEC016WaitsForPlace(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight = 1 })
	waiting, expire := make(chan time.Duration, 2), make(chan struct{})
	a.rx.Sleep = func(ctx context.Context, d time.Duration) {
		waiting <- d
		select {
		case <-expire:
		case <-ctx.Done():
		}
	}
	g := gated(a)
	post := func() chan *reply {
		contentType, body := newDraft(t).build(t)
		got := make(chan *reply, 1)
		go func() { got <- a.raw(t, request(contentType, body)) }()
		return got
	}
	first := post()
	<-g.entered
	second := post()
	if d := <-waiting; d != Patience {
		t.Errorf("waits %v", d)
	}
	contentType, body := newDraft(t).build(t)
	refused := a.raw(t, request(contentType, body)) // the first exchange that ends
	want{status: 503}.verdict(t, refused)
	if x := <-a.done; x.Step != StepHTTP || x.Bytes != 0 || x.Cause != "the working pool is full" {
		t.Errorf("the third one: %+v", x)
	}
	g.open <- struct{}{}
	<-g.entered // the second one got the place
	third := post()
	<-waiting
	close(expire)
	want{status: 503}.verdict(t, <-third)
	close(g.open)
	for _, got := range []chan *reply{first, second} {
		if r := <-got; r.signal == nil || r.signal.Receipt == nil {
			t.Errorf("HTTP %d", r.status)
		}
	}
	a.server.Close()
	a.clean(t, 2)
}

// AS4-130, SEC-016: a twin that waits for the first one takes no place of work meanwhile.
func TestAS4130WaitsWithoutPlace(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight = 2 })
	waiting := make(chan time.Duration, 10)
	a.rx.Sleep = func(ctx context.Context, d time.Duration) { waiting <- d; <-ctx.Done() }
	g := gated(a)
	contentType, body := newDraft(t).build(t)
	answers := make(chan *reply, 2)
	go func() { answers <- a.raw(t, request(contentType, body)) }()
	<-g.entered
	go func() { answers <- a.raw(t, request(contentType, body)) }()
	if d := <-waiting; d != twinWait {
		t.Errorf("waits %v", d)
	}
	contentType, body = newDraft(t).build(t)
	other := make(chan *reply, 1)
	go func() { other <- a.raw(t, request(contentType, body)) }()
	select {
	case <-g.entered:
	case d := <-waiting:
		t.Errorf("another message waits %v for the place of the twin", d)
	}
	close(g.open)
	for _, r := range []*reply{<-answers, <-answers, <-other} {
		if r.signal == nil || r.signal.Receipt == nil {
			t.Errorf("HTTP %d", r.status)
		}
	}
	a.server.Close()
	a.clean(t, 2)
}

// SEC-012: a client that does not take its answer holds neither a place of work nor anything else.
func TestSEC012AnswerHoldsNothing(t *testing.T) {
	a := newArena(t)
	half, taken := make(chan struct{}), make(chan struct{})
	a.rx.Hook = func(point string) {
		if point == "answer.half" {
			close(half)
			<-taken
		}
	}
	contentType, body := newDraft(t).build(t)
	got := make(chan *reply, 1)
	go func() { got <- a.raw(t, request(contentType, body)) }()
	<-half
	if h := a.rx.Intake.Held(); h != (intake.Held{}) {
		t.Errorf("it still holds %+v", h)
	}
	if n := len(a.rx.pool.places); n != 0 {
		t.Errorf("%d places of work are taken", n)
	}
	close(taken)
	<-got
	a.server.Close()
	a.clean(t, 1)
}

// SEC-037: a panic of ours is answered, told of with its stack, and leaves nothing behind, wherever it happens.
func TestSEC037PanicLeavesNothing(t *testing.T) {
	noise := make([]byte, 2<<20) // goes to a file
	_, _ = rand.Read(noise)
	for _, step := range []Step{
		StepMIME, StepSOAP, StepVerify, StepProfile, StepKnown, StepDecrypt, StepPayload, StepEnvelope, StepAccept,
	} {
		a := newArena(t)
		d := newDraft(t)
		d.sbd = bytes.Replace(d.sbd, []byte("<ID>1</ID>"), []byte("<ID>"+hex.EncodeToString(noise)+"</ID>"), 1)
		a.rx.Hook = func(point string) {
			if point == "receive."+string(step) {
				panic("a fault of ours")
			}
		}
		r := a.post(t, d)
		var p *Panic
		if !errors.As(r.x.Err, &p) || p.Error() != "as4: panic: a fault of ours" ||
			!bytes.Contains(p.Stack, []byte("intake_test.go")) {
			t.Errorf("%s: %v", step, r.x.Err)
		}
		if r.status != 500 || r.x.Step != step || !r.closed {
			t.Errorf("%s: HTTP %d at %s, closed %v", step, r.status, r.x.Step, r.closed)
		}
		a.clean(t, 0)
	}
}

// Only the first attachment is kept: a message with more is refused whatever is in them.
func TestSEC016OneAttachmentIsKept(t *testing.T) {
	a := newArena(t)
	a.rx.Hook = func(point string) {
		if point == "receive."+string(StepSOAP) {
			h := a.rx.Intake.Held()
			if h.Files != 1 || h.Spool < 2<<20 || h.Spool > 3<<20 {
				t.Errorf("held %+v", h)
			}
		}
	}
	d := newDraft(t)
	d.payload = bytes.Repeat([]byte("x"), 2<<20)
	part := func(id string) mime.Content { return mime.Content{ID: id, Body: bytes.NewReader(make([]byte, 2<<20))} }
	extra(part("p1@x"), part("p2@x"))(d)
	want{code: "EBMS:0011", step: StepProfile}.verdict(t, a.post(t, d))
	a.clean(t, 0)
}

// A client that goes away while its message waits for a place of work is told of as that, not as an error of ours.
func TestSEC016ClientGoesAway(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight = 1 })
	waiting := make(chan struct{}, 1)
	a.rx.Sleep = func(ctx context.Context, _ time.Duration) { waiting <- struct{}{}; <-ctx.Done() }
	g := gated(a)
	contentType, body := newDraft(t).build(t)
	first := make(chan *reply, 1)
	go func() { first <- a.raw(t, request(contentType, body)) }()
	<-g.entered
	conn := a.dial(t)
	contentType, body = newDraft(t).build(t)
	if _, err := conn.Write(request(contentType, body)); err != nil {
		t.Fatal(err)
	}
	<-waiting
	_ = conn.Close()
	if x := <-a.done; x.Cause != "the client went away" || !errors.Is(x.Err, context.Canceled) {
		t.Errorf("%+v", x)
	}
	close(g.open)
	<-first
	a.server.Close()
	a.clean(t, 1)
}

// SEC-012, D-13: a message of 2 GiB may come at 200 KB/s for three hours; one that comes at 1.2 KB/s has ten minutes,
// and so has one that stops being fast enough.
func TestSEC012LargeOnASlowLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		rate func(at time.Duration) int64 // bytes in the second from at
		end  time.Duration                // when it is too slow; 0 for never
	}{
		{"200 KB/s", func(time.Duration) int64 { return 200_000 }, 0},
		{"1.2 KB/s", func(time.Duration) int64 { return 1200 }, 10*time.Minute + time.Second},
		{"a good half hour, then 100 KB/s", func(at time.Duration) int64 {
			if at < 30*time.Minute {
				return 200_000
			}
			return 100_000
		}, 40*time.Minute + 10*time.Second},
		{"a second late in each minute", func(at time.Duration) int64 {
			if at%time.Minute == 0 {
				return 0
			}
			return 200_000
		}, 0},
	} {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		start := now
		x := &exchange{
			w:  httptest.NewRecorder(),
			rx: &Receiver{Pace: DefaultPace, Now: func() time.Time { return now }},
		}
		b := newBody(x)
		end := time.Duration(0)
		for b.n < 2<<30 && end == 0 {
			b.n += tc.rate(now.Sub(start))
			now = now.Add(time.Second)
			if b.slow() {
				end = now.Sub(start)
			}
		}
		if d := end - tc.end; (end == 0) != (tc.end == 0) || d < -time.Minute || d > time.Minute {
			t.Errorf("%s: too slow after %v, want %v", tc.name, end, tc.end)
		}
	}
}

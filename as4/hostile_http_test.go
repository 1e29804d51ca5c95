package as4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/ebms"
)

// SEC-010, SEC-101.
func TestHostileRequestLine(t *testing.T) {
	contentType, body := newDraft(t).build(t)
	good := string(request(contentType, body))
	change := func(old, text string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(good, old, text, 1)
	}
	typ := "Content-Type: " + contentType
	for _, tc := range []struct {
		name, raw string
		status    int
	}{
		{"SEC-010 AS4-007 GET", change("POST", "GET"), 405},
		{"SEC-010 PUT", change("POST", "PUT"), 405},
		{"SEC-010 DELETE", change("POST", "DELETE"), 405},
		{"SEC-010 an unknown method", change("POST", "XYZ"), 405},
		{"SEC-010 another path", change("/as4", "/as4/x"), 404},
		{"SEC-010 the root", change("/as4", "/"), 404},
		{"SEC-010 no type", change(typ+"\r\n", ""), 400},
		{"SEC-010 two types", change(typ, typ+"\r\n"+typ), 400},
		{"SEC-010 text/xml", change(typ, "Content-Type: text/xml"), 415},
		{"SEC-010 JSON", change(typ, "Content-Type: application/json"), 415},
		{"SEC-010 a malformed type", change(typ, "Content-Type: ;;"), 400},
		{"SEC-010 multipart of another type", change(`type="application/soap+xml"`, `type="text/xml"`), 415},
		{"SEC-010 multipart with an empty type", change(`type="application/soap+xml"`, `type=""`), 415},
		{"SEC-101 Content-Encoding", change(typ, typ+"\r\nContent-Encoding: gzip"), 415},
		{"SEC-101 a second Content-Encoding", change(typ,
			typ+"\r\nContent-Encoding: identity\r\nContent-Encoding: gzip"), 415},
		{"SEC-013 Upgrade", change(typ, typ+"\r\nConnection: Upgrade\r\nUpgrade: h2c"), 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			r := a.send(t, []byte(tc.raw))
			want{status: tc.status}.verdict(t, r)
			if tc.status == 405 && r.header.Get("Allow") != "POST" {
				t.Error("no Allow header")
			}
			if !r.closed {
				t.Error("SEC-013: the connection stays open after a refusal")
			}
			a.clean(t, 0)
		})
	}
	for name, raw := range map[string]string{
		"SEC-010 letter case of the type":   change("multipart/related", "Multipart/Related"),
		"AS4-013 an unknown parameter":      change(typ, typ+`; charset="utf-8"; action=""`),
		"SEC-101 Content-Encoding identity": change(typ, typ+"\r\nContent-Encoding: identity"),
		"AS4-022 a blank preamble": strings.Replace(change("\r\n\r\n", "\r\n\r\n\r\n"),
			fmt.Sprintf("Content-Length: %d", len(body)), fmt.Sprintf("Content-Length: %d", len(body)+2), 1),
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			if r := a.send(t, []byte(raw)); r.signal == nil || r.signal.Receipt == nil {
				t.Errorf("refused: %d %v", r.status, r.x.Err)
			}
		})
	}
}

// SEC-013: what net/http refuses before the Receiver, or leaves to it.
func TestHostileSEC013(t *testing.T) {
	for _, tc := range []struct{ name, raw string }{
		{
			"SEC-013 differing lengths",
			"POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		},
		{"SEC-013 an unknown transfer encoding", "POST /as4 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: x\r\n\r\n"},
		{
			"SEC-013 HTTP/1.0 with Transfer-Encoding",
			"POST /as4 HTTP/1.0\r\nHost: b\r\nContent-Type: application/soap+xml\r\nTransfer-Encoding: chunked\r\n" +
				"\r\n0\r\n\r\n",
		},
		{"SEC-013 a blank before the colon", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Length : 3\r\n\r\nabc"},
		{"SEC-013 two hosts", "POST /as4 HTTP/1.1\r\nHost: b\r\nHost: c\r\nContent-Length: 0\r\n\r\n"},
		{"SEC-013 a signed length", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Length: +3\r\n\r\nabc"},
		{"SEC-013 a line feed in a chunk", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: application/soap+xml\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"},
		{"SEC-013 Expect", "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: application/soap+xml\r\nExpect: tea\r\n" +
			"Content-Length: 0\r\n\r\n"},
		{"SEC-014 HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			r := a.raw(t, []byte(tc.raw))
			if r.status < 400 || r.signal != nil {
				t.Errorf("HTTP %d", r.status)
			}
			a.clean(t, 0)
		})
	}
}

func chunked(contentType string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
		contentType)
	for len(body) > 0 {
		n := min(len(body), 10_000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// SEC-011, AS4-005.
func TestHostileSEC011(t *testing.T) {
	d := newDraft(t)
	d.payload = bytes.Repeat([]byte("x"), 3<<20) // goes to a spool file; it is no gzip
	contentType, body := d.build(t)
	tooLarge := want{status: http.StatusRequestEntityTooLarge}
	for _, tc := range []struct {
		name string
		max  int
		raw  []byte
		want want
	}{
		{"SEC-011 Content-Length over the cap", len(body) - 1, request(contentType, body), tooLarge},
		{"SEC-011 chunked over the cap by one byte", len(body) - 1, chunked(contentType, body), tooLarge},
		{"SEC-011 the exact cap", len(body), request(contentType, body), want{code: ebms.CodeDecompressionFailure}},
		{
			"SEC-011 the exact cap, chunked", len(body), chunked(contentType, body),
			want{code: ebms.CodeDecompressionFailure},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t, func(rx *Receiver) { rx.MaxBytes = int64(tc.max) })
			tc.want.verdict(t, a.send(t, tc.raw))
			a.clean(t, 0)
		})
	}
	t.Run("SEC-011 the spool is full", func(t *testing.T) {
		a := newArena(t, func(rx *Receiver) { rx.Intake = &intake.Gate{All: intake.Limits{Spool: 2 << 20}} })
		r := a.send(t, request(contentType, body))
		want{status: http.StatusServiceUnavailable, step: StepMIME}.verdict(t, r)
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		a.clean(t, 0)
	})
}

// SEC-012: a body that comes too slowly, by another clock.
func TestHostileSEC012(t *testing.T) {
	contentType, body := newDraft(t).build(t)
	for name, late := range map[string]time.Duration{
		"below 1 KiB/s":           time.Minute,
		"longer than ten minutes": DefaultPace.Total + time.Second,
	} {
		t.Run("SEC-012 "+name, func(t *testing.T) {
			a := newArena(t)
			a.rx.Hook = func(point string) {
				if point == "receive.byte" {
					a.clock.Store(int64(late))
				}
			}
			want{status: http.StatusRequestTimeout, step: StepMIME}.verdict(t, a.send(t, request(contentType, body)))
			a.clean(t, 0)
		})
	}
}

// gate is a memory whose Accept waits.
type gate struct {
	*memory
	entered, open chan struct{}
}

func (g *gate) Accept(ctx context.Context, in *Inbound) error {
	g.entered <- struct{}{}
	<-g.open
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return g.memory.Accept(ctx, in)
}

func gated(a *arena) *gate {
	g := &gate{a.mem, make(chan struct{}, 10), make(chan struct{})}
	a.rx.Handler = g
	return g
}

// SEC-016, REL-060.
func TestHostileSEC016(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight = 1 })
	g := gated(a)
	first := make(chan *reply)
	contentType, body := newDraft(t).build(t)
	go func() { first <- a.raw(t, request(contentType, body)) }()
	<-g.entered
	r := a.raw(t, request(contentType, body))
	want{status: http.StatusServiceUnavailable}.verdict(t, r)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(g.open)
	if r := <-first; r.signal == nil || r.signal.Receipt == nil {
		t.Error("the first one has no receipt")
	}
	<-a.done
	<-a.done
	a.clean(t, 1)
}

// 200 invalid messages at once do not keep a good one from its receipt, when its sender obeys a 503 with Retry-After.
func TestSEC016GoodAmongInvalid(t *testing.T) {
	a := newArena(t, func(rx *Receiver) { rx.InFlight, rx.Pace = 8, hasty })
	contentType, body := newDraft(t).build(t)
	good := request(contentType, body)
	bad := slices.Clone(good)
	bad[len(bad)-len(body)/4] ^= 1 // in the encrypted payload or its frame
	forged := bytes.Replace(good, []byte("0192:991825827"), []byte("0192:991825828"), 1)
	if bytes.Equal(forged, good) {
		t.Fatal("nothing to forge")
	}
	deadline := time.Now().Add(20 * time.Second)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 200 {
		wg.Go(func() {
			<-start
			if r := a.raw(t, [][]byte{bad, forged, good[:len(good)-len(body)+10]}[i%3]); r.signal != nil &&
				r.signal.Receipt != nil {
				t.Error("a receipt for an invalid message")
			}
		})
	}
	close(start)
	for r := a.raw(t, good); r.signal == nil || r.signal.Receipt == nil; r = a.raw(t, good) {
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" ||
			time.Now().After(deadline) {
			t.Fatalf("HTTP %d for a good message", r.status)
		}
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	a.server.Close() // waits for what is under way
	a.clean(t, 1)
}

// AS4-130: a twin of a message under work waits, and is sent away after the wait.
func TestHostileAS4130(t *testing.T) {
	for _, end := range []bool{true, false} {
		t.Run(fmt.Sprintf("AS4-130 the first one ends in time: %v", end), func(t *testing.T) {
			a := newArena(t)
			waiting := make(chan time.Duration, 1)
			expire := make(chan struct{})
			a.rx.Sleep = func(ctx context.Context, d time.Duration) {
				waiting <- d
				select {
				case <-expire:
				case <-ctx.Done():
				}
			}
			g := gated(a)
			contentType, body := newDraft(t).build(t)
			answers := make(chan *reply, 2)
			go func() { answers <- a.raw(t, request(contentType, body)) }()
			<-g.entered
			go func() { answers <- a.raw(t, request(contentType, body)) }()
			select {
			case d := <-waiting:
				if d != 30*time.Second {
					t.Errorf("waits %v", d)
				}
			case <-g.entered:
				close(g.open)
				<-answers
				<-answers
				t.Fatal("both are worked on at the same time")
			}
			if end {
				close(g.open)
				one, two := <-answers, <-answers
				if one.signal == nil || one.signal.Receipt == nil || !bytes.Equal(one.body, two.body) {
					t.Error("AS4-129: the receipts differ")
				}
			} else {
				close(expire)
				r := <-answers
				want{status: http.StatusServiceUnavailable}.verdict(t, r)
				if r.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				close(g.open)
				<-answers
			}
			<-a.done
			<-a.done
			a.clean(t, 1)
			if n := a.decrypts.Load(); n != 1 {
				t.Errorf("%d private operations", n)
			}
		})
	}
}

// SEC-070: many copies at once, one is accepted, all have one receipt.
func TestHostileSEC070(t *testing.T) {
	a := newArena(t)
	a.rx.Sleep = sleep
	contentType, body := newDraft(t).build(t)
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			r := a.raw(t, request(contentType, body))
			mu.Lock()
			defer mu.Unlock()
			got[string(r.body)]++
		})
	}
	wg.Wait()
	for range 32 {
		<-a.done
	}
	if len(got) != 1 {
		t.Errorf("%d different answers", len(got))
	}
	a.clean(t, 1)
}

// AS4-129 to AS4-132.
func TestHostileDuplicates(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	contentType, body := d.build(t)

	a.mem.refuse = ebms.NotServiced("")
	r := a.send(t, request(contentType, body))
	want{code: ebms.CodeOther, detail: ebms.NotServicedDetail, step: StepAccept}.verdict(t, r)
	a.clean(t, 0)

	a.mem.refuse = nil
	first := a.send(t, request(contentType, body))
	if first.signal == nil || first.signal.Receipt == nil {
		t.Fatalf("AS4-132: not processed afresh: %v", first.x.Err)
	}
	decrypts := a.decrypts.Load()
	if again := a.send(t, request(contentType, body)); !bytes.Equal(again.body, first.body) || !again.x.Duplicate {
		t.Error("AS4-129: another receipt")
	}
	another := newDraft(t)
	another.m.ID = d.m.ID
	want{
		code: ebms.CodeValueInconsistent, step: StepKnown,
		detail: "MessageId reused with different content",
	}.verdict(t, a.post(t, another))
	if a.decrypts.Load() != decrypts || len(a.mem.repeats) != 0 {
		t.Error("SEC-092: a duplicate was decrypted, or something was kept of it")
	}
	a.clean(t, 1)

	other := newDraft(t)
	other.m.ID, other.by, other.m.From.ID.Value = d.m.ID, seat(t, "a2"), "POP900003"
	if r := a.post(t, other); r.signal == nil || r.signal.Receipt == nil {
		t.Errorf("AS4-128: the id of another sender counts as duplicate: %v", r.x.Err)
	}
	a.clean(t, 2)
}

// twin is a Handler that learns in Accept that another node was faster, with a message whose digests are changed.
type twin struct {
	*memory
	change func(digests []byte) []byte
	stored Answer
}

func (h twin) Accept(_ context.Context, in *Inbound) error {
	return &Duplicate{&Prior{ID: "first", Digests: h.change(bytes.Clone(in.Digests)), Answer: h.stored}}
}

// AS4-128 to AS4-131, SEC-070: a twin that another node stored first is a repeat like any other.
func TestHostileTwinElsewhere(t *testing.T) {
	stored := Answer{ContentType: ContentTypeSignal, Body: []byte("the stored receipt")}
	swap := func(prefix string) func([]byte) []byte {
		return func(digests []byte) []byte {
			refs, err := ParseDigests(digests)
			if err != nil {
				t.Fatal(err)
			}
			for i := range refs {
				if strings.HasPrefix(refs[i].URI, prefix) {
					refs[i].Value[0] ^= 1
				}
			}
			return FormatDigests(refs)
		}
	}
	for _, tc := range []struct {
		name    string
		change  func([]byte) []byte
		stored  bool // the answer is the stored one
		repeats int
		code    ebms.Code
	}{
		{"AS4-129 the same", func(b []byte) []byte { return b }, true, 0, ""},
		{"AS4-128 another header", swap("#"), false, 1, ""},
		{"AS4-131 another payload", swap("cid:"), false, 0, ebms.CodeValueInconsistent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			a.rx.Handler = twin{a.mem, tc.change, stored}
			contentType, body := newDraft(t).build(t)
			res, err := http.Post("http://"+a.addr+"/as4", contentType, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			x := <-a.done
			if bytes.Equal(got, stored.Body) != tc.stored || len(a.mem.repeats) != tc.repeats || x.Code != tc.code {
				t.Errorf("got %.80q, %d kept, %+v", got, len(a.mem.repeats), x)
			}
			if tc.code == "" && (!x.Duplicate || x.ID != "first") {
				t.Errorf("not told as a repeat: %+v", x)
			}
			a.clean(t, 0)
		})
	}
}

// AS4-134.
func TestHostileAS4134(t *testing.T) {
	ping := func(d *draft) {
		d.m.Service, d.m.Action, d.m.Properties = ebms.Typed{Value: ebms.TestService}, ebms.TestAction, nil
	}
	for _, tc := range []struct {
		name    string
		change  func(*draft)
		code    ebms.Code
		decrypt int32
	}{
		{"AS4-134 without payload", func(d *draft) { d.bare, d.m.Parts = true, nil }, "", 0},
		{"AS4-134 with payload", func(d *draft) { d.sbd = []byte("hello") }, "", 1},
		{
			"AS4-134 encryption is checked", func(d *draft) {
				d.cipher = func(b []byte) []byte { b[13] ^= 1; return b }
			},
			ebms.CodeFailedDecryption, 1,
		},
		{
			"AS4-134 the sender is checked", func(d *draft) { d.m.From.ID.Value = "POP900003" },
			ebms.CodeFailedAuthentication, 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			a.rx.Handler = forbidden{t}
			d := newDraft(t)
			ping(d)
			tc.change(d)
			r := a.post(t, d)
			if tc.code != "" {
				want{code: tc.code}.verdict(t, r)
			} else if r.signal == nil || r.signal.Receipt == nil || !r.x.Test {
				t.Errorf("no receipt: %v", r.x.Err)
			}
			if n := a.decrypts.Load(); n != tc.decrypt {
				t.Errorf("%d private operations", n)
			}
			a.clean(t, 0)
		})
	}
}

// REL-006: a client that goes away during Accept does not stop it.
func TestHostileREL006(t *testing.T) {
	a := newArena(t)
	g := gated(a)
	contentType, body := newDraft(t).build(t)
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(request(contentType, body)); err != nil {
		t.Fatal(err)
	}
	<-g.entered
	_ = conn.Close()
	time.Sleep(50 * time.Millisecond) // net/http notices and cancels the request's context
	close(g.open)
	<-a.done
	a.clean(t, 1)
	if r := a.send(t, request(contentType, body)); r.signal == nil || r.signal.Receipt == nil || !r.x.Duplicate {
		t.Errorf("the repeat has no receipt: %v", r.x.Err)
	}
}

// broken is a ResponseWriter whose peer is gone.
type broken struct{ h http.Header }

func (b broken) Header() http.Header       { return b.h }
func (b broken) WriteHeader(int)           {}
func (b broken) Write([]byte) (int, error) { return 0, net.ErrClosed }

// REL-005: an answer that cannot be written leaves the message accepted.
func TestHostileREL005(t *testing.T) {
	a := newArena(t)
	contentType, body := newDraft(t).build(t)
	req := httptest.NewRequest(http.MethodPost, "/as4", bytes.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	a.rx.ServeHTTP(broken{http.Header{}}, req)
	if x := <-a.done; x.Err != nil || !errors.Is(x.Unsent, net.ErrClosed) || x.Step != StepAnswer {
		t.Errorf("%+v", x)
	}
	a.clean(t, 1)
	if r := a.send(t, request(contentType, body)); r.signal == nil || r.signal.Receipt == nil || !r.x.Duplicate {
		t.Errorf("the repeat has no receipt: %v", r.x.Err)
	}
}

// panicking is a Handler with a bug.
type panicking struct{ *memory }

func (panicking) Accept(context.Context, *Inbound) error { panic("secret /path") }

// SEC-037: a panic is HTTP 500 and leaves nothing behind.
func TestHostileSEC037Panic(t *testing.T) {
	a := newArena(t)
	a.rx.Handler = panicking{a.mem}
	r := a.post(t, newDraft(t))
	want{status: http.StatusInternalServerError, step: StepAccept}.verdict(t, r)
	if strings.Contains(string(r.body), "secret") {
		t.Error("the answer tells about the panic")
	}
	a.clean(t, 0)
}

// A message that is cut off in the middle, and one whose client is gone before the end.
func TestHostileDisconnect(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	d.payload = bytes.Repeat([]byte("x"), 3<<20)
	contentType, body := d.build(t)
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	raw := request(contentType, body)
	if _, err := conn.Write(raw[:len(raw)/2]); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if x := <-a.done; x.Step != StepMIME || x.Status != http.StatusBadRequest {
		t.Errorf("%+v", x)
	}
	a.clean(t, 0)
}

// AS4-097, REL-060, REL-075: not ready, and no key of ours.
func TestHostileNotReady(t *testing.T) {
	a := newArena(t)
	a.rx.Ready = func() error { return io.ErrNoProgress }
	r := a.post(t, newDraft(t))
	want{status: http.StatusServiceUnavailable, step: StepHTTP}.verdict(t, r)
	a.rx.Ready = nil
	a.clock.Store(int64(3 * 365 * 24 * time.Hour)) // our certificate has expired as well
	want{status: http.StatusServiceUnavailable}.verdict(t, a.post(t, newDraft(t)))
	a.clean(t, 0)
}

// REL-060, SEC-011: a message whose spooling fills the disk is sent away before the disk is full.
func TestREL060WhileSpooling(t *testing.T) {
	a := newArena(t)
	full := errors.New("the disk is nearly full")
	a.rx.Ready = func() error {
		if a.rx.Intake.Held().Spool > 3<<19 {
			return full
		}
		return nil
	}
	d := newDraft(t)
	d.payload = make([]byte, 4<<20)
	r := a.post(t, d)
	want{status: http.StatusServiceUnavailable, step: StepMIME}.verdict(t, r)
	if n := r.x.Bytes; n > 2<<20 || !errors.Is(r.x.Err, full) {
		t.Errorf("%d octets were read, %v", n, r.x.Err)
	}
	a.clean(t, 0)
}

// SEC-091: a wrong key and a wrong tag take the same operations and wait the same.
func TestHostileSEC091(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *draft){
		"OAEP": rewrite(`<xenc:CipherValue>[^<]*`, `<xenc:CipherValue>eHg=`),
		"tag":  setup(func(d *draft) { d.cipher = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } }),
		"size": setup(func(d *draft) { d.cipher = func([]byte) []byte { return nil } }),
	} {
		t.Run("SEC-091 "+name, func(t *testing.T) {
			a := newArena(t)
			var slept atomic.Int64
			a.rx.Sleep = func(_ context.Context, d time.Duration) { slept.Add(int64(d)) }
			d := newDraft(t)
			change(t, d)
			badCipher.verdict(t, a.post(t, d))
			if a.decrypts.Load() != 1 || slept.Load() <= 0 {
				t.Errorf("%d private operations, floor %v", a.decrypts.Load(), time.Duration(slept.Load()))
			}
		})
	}
}

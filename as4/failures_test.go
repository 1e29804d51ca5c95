package as4

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
)

// behindProxy is an arena that believes what 127.0.0.1 says about its clients.
func behindProxy(t *testing.T) *arena {
	return newArena(t, func(rx *Receiver) { rx.Intake.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
}

// postFrom posts a draft of a client.
func (a *arena) postFrom(t *testing.T, client string, d *draft) *reply {
	t.Helper()
	contentType, body := d.build(t)
	return a.send(t, request(contentType, body, "X-Forwarded-For: "+client+"\r\n"))
}

func undecryptableDraft(t *testing.T, by string) *draft {
	d := newDraft(t)
	d.by = seat(t, by)
	d.m.From.ID.Value = string(d.by.Seat)
	d.cipher = func(b []byte) []byte { b[30] ^= 1; return b }
	return d
}

// SEC-092: after 20 failed decryptions within ten minutes the signer is refused from wherever it sends, and the source
// whoever signed, without private operation, for ten minutes. Others are not, and a repeat is still answered from the
// record.
func TestHostileSEC092(t *testing.T) {
	a := behindProxy(t)
	before := newDraft(t)
	contentType, body := before.build(t)
	first := a.send(t, request(contentType, body, "X-Forwarded-For: 192.0.2.1\r\n"))
	if first.signal == nil || first.signal.Receipt == nil {
		t.Fatal(first.x.Err)
	}
	blocked := want{status: http.StatusTooManyRequests, step: StepDecrypt}
	for i := range maxFailures + 5 {
		r := a.postFrom(t, "192.0.2.1", undecryptableDraft(t, "a"))
		if i <= maxFailures {
			badCipher.verdict(t, r)
		} else if blocked.verdict(t, r); r.header.Get("Retry-After") == "" ||
			r.x.Cause != "too many failed decryptions" {
			t.Errorf("Retry-After %q, cause %q", r.header.Get("Retry-After"), r.x.Cause)
		}
		if alarm := r.x.Blocked; (alarm == BlockedSigner) != (i == maxFailures) || i != maxFailures && alarm != "" {
			t.Errorf("failure %d: blocked %q", i, alarm)
		}
	}
	decrypts := int32(maxFailures + 2)
	if n := a.decrypts.Load(); n != decrypts {
		t.Errorf("%d private operations, want %d", n, decrypts)
	}
	good := func(by string) *draft {
		d := newDraft(t)
		d.by = seat(t, by)
		d.m.From.ID.Value = string(d.by.Seat)
		return d
	}
	blocked.verdict(t, a.postFrom(t, "192.0.2.2", good("a")))  // the signer, from elsewhere
	blocked.verdict(t, a.postFrom(t, "192.0.2.1", good("a2"))) // another one, from the same source
	if again := a.send(t, request(contentType, body,
		"X-Forwarded-For: 192.0.2.1\r\n")); string(again.body) != string(first.body) {
		t.Errorf("a repeat got HTTP %d, %v", again.status, again.x.Err)
	}
	if n := a.decrypts.Load(); n != decrypts {
		t.Errorf("%d private operations while blocked", n-decrypts)
	}
	accepted := func(client, by string) {
		t.Helper()
		if r := a.postFrom(t, client, good(by)); r.signal == nil || r.signal.Receipt == nil {
			t.Errorf("%s from %s is refused: %v", by, client, r.x.Err)
		}
	}
	accepted("192.0.2.2", "a2")
	a.clock.Store(int64(failureWindow + time.Second))
	accepted("192.0.2.1", "a")
	a.clean(t, 3)
}

// SEC-092: the source is blocked as well when its failures have many signers, and it is told of once.
func TestHostileSEC092Source(t *testing.T) {
	a := behindProxy(t)
	for i := range maxFailures + 1 {
		r := a.postFrom(t, "[2001:db8:1:2::3]", undecryptableDraft(t, []string{"a", "a2"}[i%2]))
		if badCipher.verdict(t, r); (r.x.Blocked == BlockedSource) != (i == maxFailures) {
			t.Errorf("failure %d: blocked %q", i, r.x.Blocked)
		}
	}
	// the same /64
	want{status: http.StatusTooManyRequests, step: StepDecrypt}.verdict(t,
		a.postFrom(t, "[2001:db8:1:2:ffff::4]", newDraft(t)))
	if r := a.postFrom(t, "[2001:db8:1:3::3]", newDraft(t)); r.signal == nil || r.signal.Receipt == nil {
		t.Errorf("another network is refused: %v", r.x.Err)
	}
	a.clean(t, 1)
}

// client makes a client of an address.
func client(g *intake.Gate, addr string) intake.Client {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = addr
	return g.Client(r)
}

// SEC-092: the ten minutes slide; a block is not forgotten because many others fail; what a proxy does not name is not
// counted as one source.
func TestSEC092Window(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	signer := func(n int) [sha256.Size]byte { return [sha256.Size]byte{byte(n), byte(n >> 8), 1} }
	g := &intake.Gate{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}
	from := client(g, "192.0.2.1:1")
	var f failureMeter
	for i := range 60 { // 20 in ten minutes, for long
		if b := f.countFailure(signer(0), from, start.Add(time.Duration(i)*(failureWindow/20+time.Second))); b != "" {
			t.Fatalf("failure %d blocks %s", i, b)
		}
	}
	f = failureMeter{}
	f.countFailure(signer(0), from, start)
	for i := range maxFailures - 1 { // a burst at the end of the window of the first
		f.countFailure(signer(0), from, start.Add(failureWindow-time.Duration(20-i)*time.Second))
	}
	if b := f.countFailure(signer(0), from, start.Add(failureWindow+time.Second)); b != "" {
		t.Errorf("20 in ten minutes block %s", b)
	}
	if b := f.countFailure(signer(0), from, start.Add(failureWindow+2*time.Second)); b != BlockedSigner {
		t.Errorf("21 in ten minutes across two windows: blocked %q", b)
	}
	at := start.Add(failureWindow + 3*time.Second)
	for i := 1; i <= 2*maxCounts; i++ {
		f.countFailure(signer(i), client(g, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()+":1"), at)
	}
	if !f.blocked(signer(0), client(g, "198.51.100.1:1"), at) || !f.blocked(signer(1), from, at) {
		t.Error("a block was forgotten")
	}
	if len(f.signers.m) > maxCounts || len(f.sources.m) > maxCounts {
		t.Errorf("%d signers, %d sources are remembered", len(f.signers.m), len(f.sources.m))
	}
	if f.blocked(signer(0), client(g, "198.51.100.1:1"), at.Add(failureWindow)) {
		t.Error("the block does not end")
	}
	f = failureMeter{}
	for i := range 2 * maxFailures {
		if b := f.countFailure(signer(i), client(g, "10.0.0.1:1"), start); b != "" {
			t.Fatalf("failure %d blocks %s", i, b)
		}
	}
}

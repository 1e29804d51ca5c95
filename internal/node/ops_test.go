package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/metrics"
	"github.com/ravn-ap/ravn/peppol"
)

// opsLines makes a node listen for those who watch it.
const opsLines = "ops:\n  listen: 127.0.0.1:0\n"

// ask gets a page of the listener for those who watch.
func (n *tested) ask(t testing.TB, path string) (status int, body string) {
	t.Helper()
	res, err := http.Get("http://" + n.OpsAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// failed is what /readyz says.
func (n *tested) failed(t testing.TB) (status int, failed []string) {
	t.Helper()
	status, body := n.ask(t, "/readyz")
	var a struct {
		Ready  *bool
		Failed []string
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Ready == nil || *a.Ready != (status == 200) ||
		*a.Ready != (len(a.Failed) == 0) {
		t.Errorf("HTTP %d: %s", status, body)
	}
	return status, a.Failed
}

// API-080, OPS-080: a real message, in two nodes, is seen at the listener of both; each check of readiness fails for
// its own reason; nothing else is served there, and nothing of it by the AS4 listener.
func TestAPI080Ops(t *testing.T) {
	_, pki := testPKI(t)
	free := atomic.Uint64{}
	free.Store(1 << 40)
	to := runNodeWith(t, nodeFile(t, pki, "POP900002", opsLines), Options{
		Log:       zerolog.New(nil).Level(zerolog.WarnLevel),
		DiskSpace: func(string) (uint64, uint64, error) { return free.Load(), 1 << 40, nil },
	})
	to.serve(t, c4, billing, process)
	from := newNodeWith(t, pki, "POP900001", opsLines)
	sendOne(t, from, to)
	to.inbox(t, 1)
	if err := errors.Join(from.count(t.Context()), to.count(t.Context())); err != nil {
		t.Fatal(err)
	}
	shows(t, from, `ravn_messages{direction="out",state="SENT"} 1`,
		`ravn_send_attempts_total{code="none",outcome="receipt"} 1`, `ravn_send_duration_seconds_count{step="post"} 1`,
		`ravn_send_duration_seconds_count{step="seal"} 1`, `ravn_outbox_open{kind="send"} 0`)
	shows(t, to, `ravn_messages{direction="in",state="DELIVERED"} 1`,
		`ravn_as4_requests_total{code="none",outcome="accepted"} 1`, `ravn_as4_in_flight 0`,
		`ravn_delivery_attempts_total{backend="folder",outcome="taken"} 1`,
		`ravn_delivery_age_seconds_count{status="delivered"} 1`, `ravn_ready{check="store"} 1`,
		`ravn_disk_free_bytes{volume="deliver"} 1.099511627776e+12`)

	if status, body := to.ask(t, "/healthz"); status != 200 || body != "ok" {
		t.Errorf("healthz: %d %q", status, body)
	}
	if status, list := to.failed(t); status != 200 || len(list) != 0 {
		t.Errorf("ready: %d %v", status, list)
	}
	for check, spoil := range map[string]func() (mend func()){
		checkStore: func() func() { to.eye.answers.Store(false); return func() { to.eye.answers.Store(true) } },
		checkClock: func() func() {
			to.eye.offset.Store(int64(-2 * time.Minute))
			return func() { to.eye.offset.Store(0) }
		},
		checkDisk: func() func() {
			free.Store(0)
			to.forgetDisk()
			return func() { free.Store(1 << 40); to.forgetDisk() }
		},
	} {
		mend := spoil()
		if status, list := to.failed(t); status != 503 || !slices.Equal(list, []string{check}) {
			t.Errorf("%s: %d %v", check, status, list)
		}
		shows(t, to, fmt.Sprintf(`ravn_ready{check=%q} 0`, check))
		mend()
	}
	for _, path := range []string{"/", "/debug/pprof/", "/as4", "/metrics/x"} {
		if status, _ := to.ask(t, path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if res, err := http.Post("http://"+to.OpsAddr()+"/readyz", "", nil); err != nil || res.StatusCode != 405 {
		t.Errorf("POST: %v %v", res, err)
	}
}

// forgetDisk makes the next question look at the disk again.
func (n *tested) forgetDisk() {
	n.health.mu.Lock()
	defer n.health.mu.Unlock()
	n.health.checked = time.Time{}
}

// shows demands lines of /metrics.
func shows(t *testing.T, n *tested, lines ...string) {
	t.Helper()
	_, text := n.ask(t, "/metrics")
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			var have []string
			for l := range strings.Lines(text) {
				if strings.HasPrefix(l, name) {
					have = append(have, l)
				}
			}
			t.Errorf("%s: not shown: %s\nhave: %s", n.Seat, line, have)
		}
	}
}

// REL-063: the node is not ready as soon as it stops, while the request that is under way goes on and the listener of
// those who watch still answers; what begins meanwhile is sent away.
func TestREL063NotReadyWhileDraining(t *testing.T) {
	_, pki := testPKI(t)
	from := newNodeWith(t, pki, "POP900001", "")
	entered, goOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	to := runNodeWith(t, nodeFile(t, pki, "POP900002", opsLines), Options{
		Log: zerolog.New(nil).Level(zerolog.WarnLevel),
		Hook: func(point string) {
			if point == "receive.accept" && once.CompareAndSwap(false, true) {
				close(entered)
				<-goOn
			}
		},
	})
	to.serve(t, c4, billing, process)
	sent := make(chan error, 1)
	go func() { sent <- trySend(t, from, to) }()
	<-entered
	shows(t, to, `ravn_as4_in_flight 1`)
	to.stop()
	for { // until the node has seen that it is to stop
		if status, list := to.failed(t); status == 503 {
			if !slices.Equal(list, []string{checkDraining}) {
				t.Errorf("failed: %v", list)
			}
			break
		}
	}
	if status, _ := to.ask(t, "/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	close(goOn)
	if err := <-sent; err != nil {
		t.Errorf("the message under way: %v", err)
	}
	to.end(t)
	if _, err := http.Get("http://" + to.OpsAddr() + "/healthz"); err == nil {
		t.Error("the listener is open after the end")
	}
}

// REL-060, operations.md §15: more than one slow commit in twenty within ten seconds sends messages away, until the
// commits are below 80 % of that; without commits something is tried again.
func TestREL060SlowCommits(t *testing.T) {
	now := time.Unix(1795262403, 0)
	l := &latency{}
	add := func(n int, took time.Duration) {
		for range n {
			l.add(took, now)
		}
	}
	is := func(what string, want bool) {
		t.Helper()
		if got := l.tooSlow(now); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	is("nothing", false)
	add(95, time.Millisecond)
	add(4, 3*time.Second)
	is("four of 99", false)
	add(1, slowCommit+1)
	is("five of 100", false)
	add(1, slowCommit+1)
	is("six of 101", true)
	now = now.Add(9 * time.Second)
	add(20, time.Millisecond)
	is("six of 121 is below the threshold, and not one in twenty calm", false)
	add(10, 1900*time.Millisecond)
	is("none above two seconds more", false)
	add(30, 3*time.Second)
	is("slow again", true)
	now = now.Add(10 * time.Second)
	is("nothing for ten seconds", false)
	add(10, 3*time.Second)
	is("slow", true)
	now = now.Add(9 * time.Second)
	add(100, 1900*time.Millisecond)
	is("between 80 % and the threshold", true)
	now = now.Add(9 * time.Second)
	now = now.Add(2 * time.Second)
	add(100, calmCommit)
	is("calm", false)
}

// REL-060: a node whose record is too slow sends messages away before they are read, and says so.
func TestREL060SlowRecord(t *testing.T) {
	_, pki := testPKI(t)
	n := newNodeWith(t, pki, "POP900001", opsLines)
	for range 10_000 { // of its own commits there are few
		n.eye.latency.add(3*time.Second, time.Now())
	}
	var u *unready
	if err := n.ready(); !errors.As(err, &u) || u.cause != causeSlow {
		t.Errorf("got %v", err)
	}
	if _, list := n.failed(t); !slices.Equal(list, []string{checkStore}) {
		t.Errorf("failed: %v", list)
	}
}

// OPS-080: ten thousand random requests of a thousand peers make fewer than 3,000 series, and no label has anything
// that a peer chose.
func TestOPS080SeriesOfPeers(t *testing.T) {
	_, pki := testPKI(t)
	n := newNodeWith(t, pki, "POP900001", opsLines)
	r := rand.New(rand.NewPCG(1, 2))
	statuses := []int{200, 200, 200, 400, 404, 405, 413, 415, 429, 431, 500, 503}
	const canary = "99199182582"
	for i := range 10_000 {
		x := &as4.Exchange{
			Status: statuses[r.IntN(len(statuses))], C2: peppol.SeatID(fmt.Sprintf("POP%06d", r.IntN(1000))),
			MessageID: ebms.MessageID(fmt.Sprintf("%s-%d@example.org", canary, i)), DocType: canary, Agent: canary,
			Remote: canary, Bytes: r.Int64N(1e9), Start: time.Unix(0, 0), End: time.Unix(0, r.Int64N(1e11)),
		}
		if x.Status == 200 && i%2 == 0 {
			x.Code, x.Err = ebms.Code(fmt.Sprintf("EBMS:%04d", r.IntN(400))), errors.New(canary)
		}
		if x.Status != 200 {
			x.Err = errors.New(canary)
		}
		x.Duplicate = x.Err == nil && i%7 == 0
		n.observed(x)
	}
	_, text := n.ask(t, "/metrics")
	series := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("%d series", series)
	if series >= 3000 || strings.Contains(text, canary) || strings.Contains(text, "POP0") {
		t.Errorf("%d series, or something of a peer in them", series)
	}
	for outcome, status := range map[string]int{"shed": 503, "refused": 404, "error": 500} {
		if !strings.Contains(text, fmt.Sprintf(`ravn_as4_requests_total{code="http_%d",outcome=%q}`, status, outcome)) {
			t.Errorf("no %s", outcome)
		}
	}
}

// OPS-080: a connection ends with its answer, so that those who watch leave their places to others; and when nobody can
// watch any more, the log says so.
func TestOPS080ListenerOfThoseWhoWatch(t *testing.T) {
	_, pki := testPKI(t)
	n := newNodeWith(t, pki, "POP900001", opsLines)
	res, err := http.Get("http://" + n.OpsAddr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || !res.Close {
		t.Errorf("the connection stays open: %v", err)
	}
	if err := n.ops.listener.Close(); err != nil {
		t.Fatal(err)
	}
	n.end(t)
	const text = "nobody can watch this server any more: its listener failed"
	if got := n.Log.lines(t, text); len(got) != 1 || got[0]["code"] != "RAVN-1007" {
		t.Errorf("log: %v", got)
	}
}

// OPS-080: a CA that stands among the anchors of access points and of SMPs is shown once: a scrape with two series of
// one name is none.
func TestOPS080SharedCA(t *testing.T) {
	a, b := metrics.Certificate{Use: "ca", Fingerprint: "a"}, metrics.Certificate{Use: "ca", Fingerprint: "b"}
	if got := once([]metrics.Certificate{a, b, a}); !slices.Equal(got, []metrics.Certificate{a, b}) {
		t.Errorf("%v", got)
	}
}

// OPS-080: so many connections are open at most; another one waits until one of them is closed.
func TestOpsConnectionsAreBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	bounded := &limited{Listener: l, places: make(chan struct{}, 1)}
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	first, err := bounded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { _, err := bounded.Accept(); second <- err }()
	select {
	case <-second:
		t.Error("two connections in one place")
	default:
	}
	if _, again := first.Close(), first.Close(); again == nil { // the place is given back once
		t.Error("closed twice")
	}
	if err := <-second; err != nil || len(bounded.places) != 1 {
		t.Errorf("%v, %d places taken", err, len(bounded.places))
	}
}

// trySend sends one invoice from node to node.
func trySend(t *testing.T, from, to *tested) error {
	t.Helper()
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t)),
	})
	if err == nil {
		_, err = from.Attempt(t.Context(), m, job, to.peer())
	}
	return err
}

func sendOne(t *testing.T, from, to *tested) {
	t.Helper()
	if err := trySend(t, from, to); err != nil {
		t.Fatal(err)
	}
}

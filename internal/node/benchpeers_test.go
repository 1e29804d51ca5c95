package node

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/bench"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// Numbers of messages of a measured run and of the run before it, which lets the JVMs compile.
const (
	peerWarm  = 300
	peerCount = 200
)

// TestBenchPeers sends the same invoice from phase4 to us and to phase4, and from us to both, and prints CPU per
// message of each process, all in one run (make bench-peers). Our node runs in this process, each phase4 in a JVM of
// its own.
func TestBenchPeers(t *testing.T) {
	if os.Getenv("RAVN_BENCH_PEERS") == "" {
		t.Skip("a measurement: make bench-peers runs it")
	}
	debug.SetGCPercent(400) // as ravn serve does
	p, dir := testPKI(t)
	tx, rx := startPhase4(t, p), startPhase4(t, p)
	us := newNode(t, dir, "POP900001")
	us.serve(t, c4, billing, process)
	in := filepath.Join(rx.dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	peer := rx.Call(t, "receiver.start", merge(rx.key("phase4"), interop.Fields{"dir": in}))
	url := peer["url"].(string)
	invoice := golden.Shared(t, samples[0])
	toUs := tx.to(t, us, invoice)
	toPhase4 := merge(toUs, interop.Fields{"url": url, "receiver_cert_pem": filepath.Join(rx.dir, "phase4.pem")})

	fromPhase4 := func(f interop.Fields) func(int) {
		return func(n int) {
			tx.Call(t, "send", merge(f, interop.Fields{"count": n, "concurrency": 4, "keep_alive": true}))
		}
	}
	cpus := func() [3]float64 {
		a, _ := tx.Call(t, "cpu", nil)["cpu_ms"].(float64)
		b, _ := rx.Call(t, "cpu", nil)["cpu_ms"].(float64)
		return [3]float64{a, b, bench.SelfCPU()}
	}
	measure := func(send func(int)) [3]float64 {
		send(peerWarm)
		before := cpus()
		send(peerCount)
		after := cpus()
		for i := range after {
			after[i] = (after[i] - before[i]) / peerCount
		}
		return after
	}
	id := us.Keys.Identities()[0]
	a := measure(fromPhase4(toUs))
	b := measure(fromPhase4(toPhase4))
	c := measure(ourSender(t, us, as4.Peer{URL: url, Cert: rx.id.Cert}))
	d := measure(ourSender(t, us, as4.Peer{URL: us.URL(), Cert: id.Cert}))
	t.Logf("CPU per message in ms (a 10 KiB invoice):")
	t.Logf("phase4 → Ravn:    sender %6.2f  receiver %6.2f", a[0], a[2])
	t.Logf("phase4 → phase4:  sender %6.2f  receiver %6.2f", b[0], b[1])
	t.Logf("Ravn   → phase4:  sender %6.2f  receiver %6.2f", c[2], c[1])
	t.Logf("Ravn   → Ravn:    both   %6.2f", d[2])
	t.Logf("receiving: phase4 needs %.1f times our CPU; sending: %.1f times", b[1]/a[2], b[0]/c[2])
	if b[1]/a[2] < 5 {
		t.Errorf("phase4 needs only %.1f times our CPU to receive a message, want 5", b[1]/a[2])
	}
}

// ourSender sends n invoices from our node, four at a time.
func ourSender(t *testing.T, n *tested, peer as4.Peer) func(int) {
	s := ap.Submission{Open: ap.Bytes(golden.Read(t, samples[0]))}
	var err error
	if s.From, err = peppol.ParseParticipant(c1); err != nil {
		t.Fatal(err)
	}
	if s.To, err = peppol.ParseParticipant(c4); err != nil {
		t.Fatal(err)
	}
	return func(count int) {
		work := make(chan struct{}, count)
		for range count {
			work <- struct{}{}
		}
		close(work)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range work {
					m, job, err := n.Submit(t.Context(), s)
					if err == nil {
						_, err = n.Attempt(t.Context(), m, job, peer)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

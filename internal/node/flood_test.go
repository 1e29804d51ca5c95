package node

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/golden"
)

// flood is many slow clients of a node.
type flood struct {
	addr    string
	dialed  atomic.Int64
	refused atomic.Int64 // closed before the first octets were written, or without an answer
	wg      sync.WaitGroup
	stop    context.CancelFunc
}

// client connects from an address, sends some octets and lets more trickle; when it is thrown out it comes again.
func (f *flood) client(ctx context.Context, from string, trickle bool) {
	head := "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: application/soap+xml\r\nContent-Length: 1000000\r\n\r\n"
	some, more := make([]byte, 100), make([]byte, 600)
	for ctx.Err() == nil {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
		conn, err := d.DialContext(ctx, "tcp", f.addr)
		if err != nil {
			f.refused.Add(1)
			f.pause(ctx)
			continue
		}
		f.dialed.Add(1)
		end := context.AfterFunc(ctx, func() { _ = conn.Close() }) // the test is over
		_, err = io.WriteString(conn, head+string(some))
		for err == nil && trickle && ctx.Err() == nil { // 1.2 KB a second
			select {
			case <-ctx.Done():
			case <-time.After(time.Second / 2):
			}
			_, err = conn.Write(more)
		}
		if err == nil {
			_, err = conn.Read(make([]byte, 1)) // until it is thrown out
		}
		if err != nil {
			f.refused.Add(1)
		}
		end()
		_ = conn.Close()
		f.pause(ctx)
	}
}

func (f *flood) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(500+rand.IntN(2000)) * time.Millisecond):
	}
}

// newFlood starts n slow clients from so many addresses.
func newFlood(addr string, n, sources int) *flood {
	ctx, stop := context.WithCancel(context.Background())
	f := &flood{addr: addr, stop: stop}
	for i := range n {
		f.wg.Go(func() { f.client(ctx, fmt.Sprintf("127.0.1.%d", 1+i%sources), i/sources%2 == 0) })
	}
	return f
}

// await waits until so many connections were made.
func (f *flood) await(t *testing.T, connections int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); f.dialed.Load() < connections; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections were made, want %d", f.dialed.Load(), connections)
		}
	}
}

func (f *flood) end() {
	f.stop()
	f.wg.Wait()
}

// clients is how many slow clients the limit of open files allows in one process with the nodes, at most 2,000.
func clients(t *testing.T) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(2000, (int(min(limit.Cur, 1<<20))-1000)/2)
	if n < 200 {
		t.Skipf("the limit of open files is %d", limit.Cur)
	}
	return n
}

// SEC-012, SEC-016: 2,000 slow clients from 20 addresses, which come again whenever they are thrown out, do not keep a
// good message waiting: it is receipted at once, and stays so for as long as they last.
func TestSEC012SlowClientsDelayNobody(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	n := clients(t)
	f := newFlood(to.Addr(), n, 20)
	defer f.end()
	f.await(t, int64(n))
	if held := to.gate.Held(); held.Connections < 200 {
		t.Fatalf("held %+v", held)
	}
	var took []time.Duration
	const good = 20
	for range good {
		m, job, err := from.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Read(t, samples[0])),
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := from.Attempt(t.Context(), m, job, to.peer()); err != nil {
			t.Errorf("a good message among slow ones: %v", err)
		}
		took = append(took, time.Since(start))
		from.Outbound.Sender.HTTP.CloseIdleConnections()
		f.await(t, f.dialed.Load()+int64(n/20)) // they go on meanwhile
	}
	slices.Sort(took)
	held := to.gate.Held()
	t.Logf("%d clients, %d connections made, %d thrown out; held %+v; a good message took %v, %v at most",
		n, f.dialed.Load(), f.refused.Load(), held, took[good/2], took[good-1])
	// a second is asked for; the clients keep this machine busy
	if took[good/2] > 5*time.Second || took[good-1] > 30*time.Second {
		t.Errorf("good messages took %v", took)
	}
	if held.Connections > 256 || held.Connections < 200 {
		t.Errorf("held %+v", held)
	}
	to.inbox(t, good)
}

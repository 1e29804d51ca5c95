package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
)

// largeInvoice opens an invoice with n lines that is nowhere in memory, and tells its length.
func largeInvoice(t *testing.T, n int) (open func() (io.ReadCloser, error), length int) {
	t.Helper()
	doc := golden.Invoice(t)
	i, end := bytes.Index(doc, []byte("<cac:InvoiceLine>")), []byte("</cac:InvoiceLine>")
	j := bytes.Index(doc, end) + len(end)
	return func() (io.ReadCloser, error) {
		parts := []io.Reader{bytes.NewReader(doc[:i])}
		for range n {
			parts = append(parts, bytes.NewReader(doc[i:j]))
		}
		return io.NopCloser(io.MultiReader(append(parts, bytes.NewReader(doc[j:]))...)), nil
	}, len(doc) + (n-1)*(j-i)
}

// memory is what the process holds of the machine's memory.
func memory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// growth calls do and returns by how much memory grew at most while it ran.
func growth(do func()) int64 {
	debug.FreeOSMemory()
	before, stop := memory(), make(chan struct{})
	var most atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			most.Store(max(most.Load(), memory()-before))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	do()
	close(stop)
	wg.Wait()
	return most.Load()
}

// delivered is the report that came to C4 with each document, by message.
func (n *tested) delivered(t *testing.T, want int) map[string]validation.Report {
	t.Helper()
	var list []store.Found
	for end := time.Now().Add(4 * time.Minute); len(list) < want; time.Sleep(20 * time.Millisecond) {
		page, err := n.Store.List(t.Context(), db.DefaultTenant,
			store.Filter{Standings: deliveredToC4, Limit: want + 1})
		if err != nil {
			t.Fatal(err)
		}
		list = page.Found
		if time.Now().After(end) {
			t.Fatalf("%d documents delivered, want %d", len(list), want)
		}
	}
	out := map[string]validation.Report{}
	for _, m := range list {
		text, err := os.ReadFile(filepath.Join(n.Config.Path(n.Config.Deliver.Folder), m.ID, "metadata.json"))
		var meta struct{ Validation validation.Report }
		if err == nil {
			err = json.Unmarshal(text, &meta)
		}
		if err != nil {
			t.Fatal(err)
		}
		out[m.ID] = meta.Validation
	}
	return out
}

// largeAtOnce sends so many invoices of so many lines at once to a node that checks them in a room, and returns the
// reports that were delivered with them, the length of one, and by how much the memory of both nodes grew.
func largeAtOnce(t *testing.T, count, lines int, room int64) (map[string]validation.Report, int, int64) {
	_, dir := testPKI(t)
	from := newNode(t, dir, "POP900001")
	to := newNodeWith(t, dir, "POP900002", fmt.Sprintf("validation:\n  incoming: report\n  room_bytes: %d\n", room))
	to.serve(t, c4, billing, process)
	open, length := largeInvoice(t, lines)
	var reports map[string]validation.Report
	grown := growth(func() {
		var wg sync.WaitGroup
		for range count {
			wg.Go(func() {
				s := ap.Submission{Open: open, Country: "NO"}
				var err error
				if s.From, err = peppol.ParseParticipant(c1); err == nil {
					s.To, err = peppol.ParseParticipant(c4)
				}
				if err != nil {
					t.Error(err)
					return
				}
				m, job, err := from.Submit(t.Context(), s)
				if err == nil {
					_, err = from.Attempt(t.Context(), m, job, to.peer())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		reports = to.delivered(t, count)
	})
	return reports, length, grown
}

// Ten documents of which each takes more than half of the room for checks arrive at once: all are delivered, each with
// its verdict, and memory grows by no more than twice the room.
func TestLargeDocumentsAtOnce(t *testing.T) {
	if golden.Race {
		t.Skip("measures memory: the run without the race detector does it")
	}
	const room = 32 << 20
	reports, length, grown := largeAtOnce(t, 10, 10_000, room)
	t.Logf("ten invoices of %.1f MiB: memory grew by %.1f MiB", float64(length)/(1<<20), float64(grown)/(1<<20))
	for id, rep := range reports {
		if rep.Verdict != validation.Invalid || rep.Pack == "" { // its sums do not fit its lines
			t.Errorf("%s: %s %s", id, rep.Verdict, rep.Reason)
		}
	}
	if grown > 2*room {
		t.Errorf("memory grew by %.1f MiB, want at most twice the room", float64(grown)/(1<<20))
	}
}

// A document that alone needs more than the room is delivered at once, and its report says why it was not checked.
func TestTooLargeForTheRoom(t *testing.T) {
	if golden.Race {
		t.Skip("measures memory: the run without the race detector does it")
	}
	reports, _, _ := largeAtOnce(t, 1, 15_000, 16<<20)
	for id, rep := range reports {
		if rep.Verdict != validation.NotChecked ||
			!strings.Contains(rep.Reason, "all checks together may take 16 MiB") {
			t.Errorf("%s: %s %s", id, rep.Verdict, rep.Reason)
		}
	}
}

// TestBenchChecks measures ten invoices of 57 MiB at once in a node with the default room.
func TestBenchChecks(t *testing.T) {
	if os.Getenv("RAVN_BENCH_CHECKS") == "" {
		t.Skip("a measurement: make bench-checks runs it")
	}
	begin := time.Now()
	reports, length, grown := largeAtOnce(t, 10, 100_000, validation.DefaultRoom)
	verdicts := map[validation.Verdict]int{}
	for _, rep := range reports {
		verdicts[rep.Verdict]++
	}
	t.Logf("ten invoices of %.1f MiB at once: %v, %.0f s, memory grew by %.0f MiB", float64(length)/(1<<20), verdicts,
		time.Since(begin).Seconds(), float64(grown)/(1<<20))
	if grown > 512<<20 {
		t.Error("memory grew by more than 512 MiB")
	}
}

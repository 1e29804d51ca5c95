package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
)

// TestBenchWaiting measures claims beside many waiting messages: most for an access point that does not answer, some of
// them due and some not yet, and a thousand for a hundred others. make bench-queue shows the figures.
func TestBenchWaiting(t *testing.T) {
	most, err := strconv.Atoi(os.Getenv("RAVN_BENCH_QUEUE"))
	if err != nil {
		t.Skip("a measurement: make bench-queue")
	}
	for _, rows := range []int{1000, most / 10, most} {
		t.Logf("bench: %s", waiting(t, rows))
	}
}

// waiting fills a queue with rows and says what claims cost then.
func waiting(t *testing.T, rows int) string {
	t.Helper()
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // nothing there is of value
	now := time.Now()
	var tasks []store.Task
	enter := func() {
		err := s.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error { return tx.Enqueue(tasks...) })
		if err != nil {
			t.Fatal(err)
		}
		tasks = tasks[:0]
	}
	for i := range rows {
		task := store.Task{Kind: store.Send, Key: fmt.Sprintf("%08d", i), Lane: "dead", Due: now.Add(-time.Minute)}
		switch {
		case i%2 == 0:
			task.Due = now.Add(time.Hour)
		case i < 1000:
			task.Lane, task.Due = fmt.Sprintf("ap-%02d", i%100), now.Add(time.Hour)
		}
		if tasks = append(tasks, task); len(tasks) == 1000 {
			enter()
		}
	}
	enter()
	l := &Lanes{LaneStore: s, Now: time.Now}
	l.Tune(Tuning{PerLane: 8, Expire: 24 * time.Hour, Wake: func() {}, Changed: func(string, time.Time) {}})
	for range breakAfter {
		l.Report("dead", false, time.Second)
	}
	before := resident(t)
	var took []time.Duration
	for i := range 300 {
		key := fmt.Sprintf("new-%d", i)
		tasks = append(tasks, store.Task{Kind: store.Send, Key: key, Lane: "good"})
		enter()
		begin := time.Now()
		jobs, err := l.Claim(t.Context(), store.Claim{Kind: store.Send, Owner: "w", Lease: time.Minute, Limit: 16})
		took = append(took, time.Since(begin))
		if err != nil || len(jobs) != 1 || jobs[0].Key != key {
			t.Fatalf("claimed %v, %v, want the new one", jobs, err)
		}
		if err := s.Complete(t.Context(), jobs[0]); err != nil {
			t.Fatal(err)
		}
		l.End(jobs[0].ID)
	}
	slices.Sort(took)
	after := resident(t)
	return fmt.Sprintf("%8d waiting: the new message is claimed by the next claim, which takes %.2f ms (p50), %.2f ms "+
		"(p99); memory grew by %.1f MiB to %.1f MiB", rows, ms(took[150]), ms(took[297]), after-before, after)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// resident is the resident memory of the process in MiB.
func resident(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("memory cannot be read here")
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

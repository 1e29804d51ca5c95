package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
)

// TestBenchCounting compares the processor time of accepting messages with and without counting them, in turns (make
// bench-reports).
func TestBenchCounting(t *testing.T) {
	if os.Getenv("RAVN_BENCH_REPORTS") == "" {
		t.Skip("a measurement: make bench-reports runs it")
	}
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ravn.db"), db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const turns, messages, callers = 20, 500, 16
	var cpu [2]time.Duration
	next := make(chan int64)
	go func() {
		for n := int64(0); n < 2*turns*messages; n++ {
			next <- n
		}
		close(next)
	}()
	for turn := range 2 * turns {
		counted := turn%2 == 0
		before := cpuTime()
		errs := make(chan error, callers)
		for c := range callers {
			share := messages / callers
			if c == 0 {
				share += messages % callers
			}
			go func() {
				var err error
				for range share {
					a := received(<-next)
					a.Count = counted
					if _, err = s.Accept(context.Background(), db.DefaultTenant, a); err != nil {
						break
					}
				}
				errs <- err
			}()
		}
		for range callers {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		cpu[turn%2] += cpuTime() - before
	}
	with, without := cpu[0]/(turns*messages), cpu[1]/(turns*messages)
	t.Logf("storing an accepted message: %d µs with counting, %d µs without: %.1f %% more", with.Microseconds(),
		without.Microseconds(), 100*(float64(with)/float64(without)-1))
}

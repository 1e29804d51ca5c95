package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
)

// seedsOf returns which seeds are run: RAVN_SIM_SEED names one, RAVN_SIM_SEEDS says how many, from RAVN_SIM_FIRST on.
func seedsOf(t *testing.T) (first, n uint64) {
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	if one := number("RAVN_SIM_SEED", 0); one > 0 {
		return one, 1
	}
	few := uint64(10)
	if golden.Race { // SQLite is twenty times slower then
		few = 1
	}
	return number("RAVN_SIM_FIRST", 1), number("RAVN_SIM_SEEDS", few)
}

// M3, D-19: invariants I1 to I7 hold after each run, whatever happened in it.
func TestSeeds(t *testing.T) {
	s := newStock(t)
	first, n := seedsOf(t)
	var (
		next, failed atomic.Uint64
		total        summary
	)
	next.Store(first)
	begun := time.Now()
	t.Run("all", func(t *testing.T) {
		for k := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				for failed.Load() == 0 {
					seed := next.Add(1) - 1
					if seed >= first+n {
						return
					}
					if w := runSeed(t, s, seed); !total.add(w) {
						failed.Add(1)
						t.Error(w.report())
					} else if n == 1 {
						t.Log(w.report())
					}
				}
			})
		}
	})
	t.Logf("%d runs in %v: %v", total.runs, time.Since(begun).Round(time.Second), &total)
}

// summary counts what happened in all runs.
type summary struct {
	mu   sync.Mutex
	runs int
	days float64
	life map[string]int
}

// add takes a run and reports whether all was well.
func (s *summary) add(w *world) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		s.life = map[string]int{}
	}
	s.runs++
	s.days += w.lasted.Hours() / 24
	for k, n := range w.life {
		s.life[k] += n
	}
	return len(w.bad) == 0
}

func (s *summary) String() string {
	out := fmt.Sprintf("%.0f simulated days", s.days)
	for _, k := range slices.Sorted(maps.Keys(s.life)) {
		out += fmt.Sprintf(", %s: %d", k, s.life[k])
	}
	return out
}

// runSeed makes a run in a bubble of its own.
func runSeed(t *testing.T, s *stock, seed uint64) (w *world) {
	dir, err := os.MkdirTemp("", "sim-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the test
	watchdog := time.AfterFunc(2*time.Minute, func() { panic(fmt.Sprintf("seed %d hangs", seed)) })
	defer watchdog.Stop()
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("seed %d: %v\n%s", seed, p, w.report()))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w = newWorld(s, seed, dir)
		if err := w.run(w.plan); err != nil {
			w.violate("run", "%v", err)
		}
	})
	return w
}

// run is a run from start to end. plan says what will happen in it.
func (w *world) run(plan func(senders, peers []*host)) error {
	for _, name := range []string{"c2", "c3"} {
		if err := errors.Join(os.Mkdir(w.file(name), 0o700), w.newRecord(w.file(name+".db"))); err != nil {
			return err
		}
	}
	over, finish := context.WithCancel(context.Background())
	defer w.wg.Wait()
	defer finish()
	var senders []*host
	for i := range w.nodes {
		senders = append(senders, &host{w: w, name: fmt.Sprintf("c2%c", 'a'+i), start: w.startSender})
	}
	peers := []*host{
		{w: w, name: "c3a", start: w.startPeers}, {w: w, name: "c3b", start: w.startPeers},
	}
	plan(senders, peers)
	if err := w.prepare(); err != nil {
		return err
	}
	for _, h := range append(senders, peers...) {
		w.wg.Go(func() { h.keep(over) })
	}
	time.Sleep(w.faulty)
	w.note("no more faults")
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	if w.short {
		finish()
		w.wg.Wait()
		return nil
	}
	w.drain()
	if rest := 24*time.Hour - w.elapsed(); rest > 0 {
		time.Sleep(rest)
	}
	w.lasted = w.elapsed()
	finish()
	w.wg.Wait()
	return w.check()
}

// prepare registers receivers in the record of the access points.
func (w *world) prepare() error {
	s, err := w.look("c3.db")
	if err != nil {
		return err
	}
	return errors.Join(w.serve(s), s.Close())
}

// look opens a record for us, without faults.
func (w *world) look(name string) (*store.Store, error) {
	opts := db.Options{Now: w.wall, Boot: w.boot}
	return store.Open(sqlite.Open(context.Background(), filepath.Join(w.dir, name), opts))
}

// drain waits until all work is done, as long as that may take (I5): the longest wait of the plan, an opened breaker,
// the lease of a process that was killed, and what clocks were set by.
func (w *world) drain() {
	limit := w.elapsed() + 3*time.Hour + w.moved
	elsewhere := w.faulty + w.giveUp + 2*time.Hour + w.moved
	for {
		open, err := w.open()
		if err == nil && len(open) == 0 {
			w.note("all work is done")
			return
		}
		if w.elapsed() > elsewhere || w.elapsed() > limit && err == nil && !allElsewhere(open) {
			w.violate("I5", "%v after the last fault this work is open: %v %v", w.elapsed()-w.faulty, open, err)
			return
		}
		time.Sleep(5 * time.Minute)
	}
}

// allElsewhere reports whether all work waits for a decision: a message that may be at one access point does not go to
// another one by itself, and its plan ends like any other.
func allElsewhere(open []string) bool {
	return !slices.ContainsFunc(open, func(s string) bool { return !strings.Contains(s, "it may be at") })
}

// open lists the work that is not done.
func (w *world) open() (list []string, err error) {
	n, c3 := w.aSender(0), w.peers(0)
	if n == nil || c3 == nil {
		return nil, errors.New("a program does not run")
	}
	w.mu.Lock()
	for _, d := range w.docs {
		if d.keyed && len(d.ids) == 0 {
			list = append(list, d.name+" is not handed in")
		}
	}
	w.mu.Unlock()
	add := func(s *store.Store, tenant string) {
		jobs, jerr := s.Jobs(context.Background(), tenant, store.JobFilter{})
		err = errors.Join(err, jerr)
		for _, j := range jobs {
			list = append(list, fmt.Sprintf("%s due %v lease %v by %s: %s", j.ID, j.Due, j.LeaseEnd, j.Owner, j.Reason))
		}
	}
	add(n.store, db.DefaultTenant)
	for i := range accessPoints {
		add(c3.store, tenantOf(i))
	}
	return list, err
}

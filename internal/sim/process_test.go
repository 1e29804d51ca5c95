package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// process is one run of a program on a host: what it may still do, and what happens to it.
type process struct {
	w    *world
	name string // of host and run; owner of leases
	dead chan struct{}

	mu      sync.Mutex
	killed  bool
	stopped chan struct{} // closed when it goes on; nil while it runs
	killAt  time.Duration // it does not survive the first statement from then on; 0: it survives
	killIn  string        // which has this in it
	errors  float64       // the share of statements that fail
	ill     time.Duration // when something last went wrong with it
}

func newProcess(w *world, name string) *process {
	p := &process{w: w, name: name, dead: make(chan struct{})}
	r := p.dice("fate")
	if r.IntN(3) == 0 {
		p.killAt = w.elapsed() + between(r, 0, 6*time.Hour)
		p.killIn = []string{"COMMIT", "COMMIT", "COMMIT", "outbox", "message", "attempt", "evidence", ""}[r.IntN(8)]
	}
	if r.IntN(3) == 0 {
		p.errors = []float64{0.002, 0.01, 0.05}[r.IntN(3)]
	}
	if w.mild { // nothing happens below the protocol
		p.killAt, p.errors = 0, 0
	}
	return p
}

func (p *process) dice(what ...any) *rand.Rand { return p.w.dice(append([]any{p.name}, what...)...) }

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// kill ends the process at once. What it has begun finds neither record nor network any more.
func (p *process) kill(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return
	}
	p.killed = true
	close(p.dead)
	if p.stopped != nil {
		close(p.stopped)
		p.stopped = nil
	}
	p.w.note("%s is killed %s", p.name, why)
	p.w.count("kills")
}

// halt stops the process for a while, as SIGSTOP or a suspended machine does.
func (p *process) halt(d time.Duration) {
	p.mu.Lock()
	if p.killed || p.stopped != nil {
		p.mu.Unlock()
		return
	}
	on := make(chan struct{})
	p.stopped = on
	p.mu.Unlock()
	p.w.note("%s is stopped for %v", p.name, d.Round(time.Second))
	p.w.count("stops")
	select {
	case <-time.After(d):
	case <-on:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == on {
		p.stopped = nil
		p.ill = p.w.elapsed()
		close(on)
		p.w.note("%s goes on", p.name)
	}
}

// wait returns when the process is not stopped.
func (p *process) wait() {
	for {
		p.mu.Lock()
		on := p.stopped
		p.mu.Unlock()
		if on == nil {
			return
		}
		<-on
	}
}

// well reports whether nothing has gone wrong with the process for a while, so that it has kept its leases.
func (p *process) well() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.killed && p.stopped == nil && (p.ill == 0 || p.w.elapsed()-p.ill > time.Hour)
}

// What happens to a statement.
type fate int

const (
	fine fate = iota
	failBefore
	failAfter
	killBefore
	killAfter
	stall
)

// fault draws what happens to a statement: the same to all like it at one instant, whichever comes first.
func (p *process) fault(query string, write bool) fate {
	if p.w.isCalm() {
		return fine
	}
	begin, commit, now := strings.HasPrefix(query, "BEGIN IMMEDIATE"), query == "COMMIT", p.w.elapsed()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.dice("statement", query, now)
	if p.killAt > 0 && now >= p.killAt && strings.Contains(query, p.killIn) {
		if commit && r.IntN(2) == 0 {
			return killAfter
		}
		return killBefore
	}
	share := p.errors
	if write && !begin && !commit {
		share /= 8 // there are many
	}
	if r.Float64() >= share {
		return fine
	}
	p.ill = now
	p.w.count("statements that failed")
	switch {
	case commit && r.IntN(2) == 0:
		return failAfter
	case (begin || !write) && r.IntN(2) == 0:
		return stall
	}
	return failBefore
}

// options are those of the record: the clocks are those of the world (D-19, REL-066).
func (p *process) options() db.Options {
	return db.Options{Now: p.w.wall, Boot: p.w.boot, ReadLimit: time.Hour}
}

// record opens a record.
func (p *process) record(file string) (*store.Store, error) {
	eng, err := p.engine(file)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return store.Open(db.New(ctx, eng, p.options()))
}

// blobs keeps what is longer than most in a folder, all else in the record.
func blobs(s *store.Store, tenant, dir string, most int) (blob.Store, error) {
	files, err := blob.OpenDir(dir, blob.Options{})
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context, id, name string) ([]byte, error) {
		e, err := s.Evidence(ctx, tenant, id, name)
		return e.Bytes, err
	}
	return &blob.Mixed{Large: files, Max: most, Read: read}, nil
}

// program is what a process runs.
type program interface {
	run(ctx context.Context) // until ctx ends or the process was killed
	leave()                  // gives back what it holds and closes the record
}

// host starts a program again whenever it ends.
type host struct {
	w     *world
	name  string
	start func(p *process, before string) (program, error)

	mu  sync.Mutex
	now *process // nil while none runs
}

// current returns the process that runs.
func (h *host) current() *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// keep runs the program until the run is over.
func (h *host) keep(over context.Context) {
	before := ""
	for n := 1; over.Err() == nil; n++ {
		p := newProcess(h.w, fmt.Sprint(h.name, "#", n))
		prog, err := h.start(p, before)
		if err == nil {
			h.w.note("%s is started", p.name)
			h.set(p)
			h.live(over, p, prog)
			h.set(nil)
		} else {
			h.w.note("%s cannot start: %v", p.name, err)
		}
		before = p.name
		pause := between(p.dice("down"), time.Second, 3*time.Minute)
		select {
		case <-time.After(pause):
		case <-over.Done():
		}
	}
}

func (h *host) set(p *process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = p
}

// live is the life of a process: until it is killed, told to stop, or the run is over.
func (h *host) live(over context.Context, p *process, prog program) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); prog.run(ctx) }()
	var shutdown <-chan time.Time
	r := p.dice("shutdown")
	if in := between(r, 10*time.Minute, 8*time.Hour); r.IntN(6) == 0 && h.w.elapsed()+in < h.w.faulty && !h.w.mild {
		shutdown = time.After(in)
	}
	select {
	case <-p.dead:
	case <-shutdown:
		h.w.note("%s is told to stop", p.name)
	case <-over.Done():
	}
	cancel()
	<-ended
	prog.leave()
}

func (w *world) file(name ...string) string {
	return filepath.Join(append([]string{w.dir}, name...)...)
}

// unexpected are errors that no fault explains.
func unexpected(err error) bool {
	return err != nil && !errors.Is(err, errDead) && !errors.Is(err, errBusy) && !errors.Is(err, errUnsure) &&
		!errors.Is(err, db.ErrClosed) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

package sim

import (
	"crypto/rsa"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
)

// stock is what all runs share because it is expensive: keys, and a database whose schema is up to date.
type stock struct {
	trust  *certs.Verifier
	sender *certs.Identity
	aps    [][2]*certs.Identity // of each access point the first certificate and the one that replaces it
	born   time.Time            // when the certificates were issued
	empty  []byte               // a new database
}

const accessPoints = 3

func newStock(tb testing.TB) *stock {
	tb.Helper()
	pki, err := localca.Shared()
	if err != nil {
		tb.Fatal(err)
	}
	s := &stock{
		trust: certs.NewVerifier(pki.Anchors(), certs.Unchecked{}), born: time.Now().UTC().Truncate(time.Second),
	}
	issue := func(cn string, age time.Duration, key *rsa.PrivateKey) *certs.Identity {
		id, err := pki.AP.Issue(localca.Leaf{CN: cn, NotBefore: s.born.Add(-age), Key: key}, s.born)
		if err != nil {
			tb.Fatal(err)
		}
		return id
	}
	s.sender = issue("POP900000", 48*time.Hour, nil)
	for i := range accessPoints {
		cn := fmt.Sprintf("POP90000%d", i+1)
		before := issue(cn, 48*time.Hour, nil)
		// a new key would do the same: the body is sealed for a certificate
		s.aps = append(s.aps, [2]*certs.Identity{before, issue(cn, 24*time.Hour, before.Key.(*rsa.PrivateKey))})
	}
	file := filepath.Join(tb.TempDir(), "empty.db")
	d, err := store.Open(sqlite.Open(tb.Context(), file, db.Options{}))
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	if s.empty, err = os.ReadFile(file); err != nil {
		tb.Fatal(err)
	}
	return s
}

// newRecord makes a database file.
func (s *stock) newRecord(file string) error { return os.WriteFile(file, s.empty, 0o600) }

// world is one run.
type world struct {
	*stock
	seed  uint64
	dir   string
	begun time.Time // by the clock of the bubble
	wg    sync.WaitGroup
	settings
	register map[string][]entry // by receiver; fixed before the run
	desk     desk

	mu        sync.Mutex
	shift     time.Duration // by which the wall clock was set
	moved     time.Duration // by which it was set in all, forwards and backwards
	calm      bool          // no more faults
	trace     []string
	bad       []violation
	docs      []*document
	wire      []*passage          // attempts that reached the network
	proof     map[string][][]byte // the receipts that access points gave, by message id and host
	senders   map[string]*sender  // processes that run, by name
	c3        map[string]*peers   // likewise
	claims    map[string][]claim  // by message
	serial    int
	lasted    time.Duration   // the whole run
	inquiries map[string]int  // of the register, by document
	dialled   map[string]int  // connections, by document
	denied    map[string]bool // receivers that the register called unknown
	life      map[string]int  // how often things happened, for the summary
}

// settings of a run are drawn before it.
type settings struct {
	mild    bool          // nothing happens to processes and records
	mood    mood          // what happens to hosts more often than by chance
	trouble float64       // share of attempts with which something happens
	lookups float64       // share of lookups that fail
	nodes   int           // processes of C2 at the same time
	workers int           // of each
	perLane int           // of these, for one access point
	poll    time.Duration // of the queues
	giveUp  time.Duration // end of the plan
	inline  int           // bytes up to which a blob is kept in the record
	faulty  time.Duration // how long faults happen
	short   bool          // it ends with the faults, and is not checked
	far     time.Duration // the longest way through the network, there or back
	down    []outage
}

// mood is what happens at the worst moments of a run.
type mood int

const (
	_           mood = iota
	clocksJump       // while a message is under way
	sendersDie       // likewise
	sendersStop      // between the claim and the attempt
)

// outage is a time in which an access point does not answer.
type outage struct {
	ap       int
	from, to time.Duration
}

func (w *world) downAt(host string, at time.Duration) bool {
	return slices.ContainsFunc(w.down, func(o outage) bool { return o.ap == apOf(host) && o.from <= at && at < o.to })
}

// violation is something that must not be.
type violation struct{ invariant, what string }

func newWorld(s *stock, seed uint64, dir string) *world {
	w := &world{
		stock: s, seed: seed, dir: dir, begun: time.Now(), proof: map[string][][]byte{}, life: map[string]int{},
		senders: map[string]*sender{}, inquiries: map[string]int{}, dialled: map[string]int{},
		denied: map[string]bool{}, c3: map[string]*peers{}, claims: map[string][]claim{},
		register: map[string][]entry{}, desk: desk{docs: map[string]*delivered{}, visits: map[string]int{}},
	}
	r := w.dice("settings")
	w.settings = settings{
		mild:    r.IntN(4) == 0,
		mood:    mood(r.IntN(4)),
		trouble: []float64{0.2, 0.5, 0.8, 0.95}[r.IntN(4)],
		lookups: []float64{0, 0.1, 0.4}[r.IntN(3)],
		nodes:   1 + r.IntN(2),
		workers: 2 + r.IntN(10),
		perLane: 1 + r.IntN(4),
		poll:    between(r, 2*time.Minute, 15*time.Minute),
		giveUp:  []time.Duration{4 * time.Hour, 24 * time.Hour}[r.IntN(2)],
		inline:  64 << 10,
		faulty:  between(r, 12*time.Hour, 22*time.Hour),
		far:     300 * time.Millisecond,
	}
	if r.IntN(10) == 0 {
		w.inline = 0 // files
	}
	for range r.IntN(3) {
		from := between(r, 0, w.faulty)
		w.down = append(w.down, outage{r.IntN(accessPoints), from, from + between(r, time.Minute, 5*time.Hour)})
	}
	return w
}

// dice returns random numbers that depend on the seed and on what they are for.
func (w *world) dice(what ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what...)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// between draws a duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

// elapsed is the time since the run began, which no clock can be set away from.
func (w *world) elapsed() time.Duration { return time.Since(w.begun) }

// wall is the wall clock of all hosts.
func (w *world) wall() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.born.Add(time.Hour + w.elapsed() + w.shift)
}

// boot is the time since the host was started.
func (w *world) boot() (string, int64) { return "sim", w.elapsed().Microseconds() + 1 }

// note adds a line to the trace.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(format, args...)
}

func (w *world) noteLocked(format string, args ...any) {
	d := w.elapsed()
	w.trace = append(w.trace, fmt.Sprintf("%02d:%02d:%06.3f  %s", int(d.Hours()), int(d.Minutes())%60,
		(d%time.Minute).Seconds(), fmt.Sprintf(format, args...)))
}

// violate notes that an invariant does not hold.
func (w *world) violate(invariant, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := violation{invariant, fmt.Sprintf(format, args...)}
	if len(w.bad) < 20 {
		w.bad = append(w.bad, v)
	}
	w.noteLocked("VIOLATION of %s: %s", v.invariant, v.what)
}

// count counts something for the summary.
func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life[what]++
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// at runs fn at a time of the run, beside all else.
func (w *world) at(when time.Duration, fn func()) {
	w.wg.Go(func() {
		time.Sleep(when - w.elapsed())
		fn()
	})
}

// report is what is told of a run that failed.
func (w *world) report() string {
	var b strings.Builder
	for _, v := range w.bad {
		fmt.Fprintf(&b, "VIOLATED %s: %s\n", v.invariant, v.what)
	}
	fmt.Fprintf(&b, "once more: RAVN_SIM_SEED=%d go test ./internal/sim/ -run TestSeeds -v\n", w.seed)
	list := w.trace
	const most = 400
	if len(list) > most {
		gap := []string{fmt.Sprintf("… %d lines …", len(list)-most)}
		list = slices.Concat(list[:most/4], gap, list[len(list)-most*3/4:])
	}
	return b.String() + strings.Join(list, "\n")
}

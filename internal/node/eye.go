package node

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/metrics"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// eye is what watches a node: what it counts, and what was found out lately. A scrape or a question for readiness finds
// everything there and asks nobody.
type eye struct {
	current  atomic.Pointer[Node] // that serves, or is to serve first
	metrics  *metrics.Metrics
	latency  latency
	draining atomic.Bool
	answers  atomic.Bool // the database answered when it was asked last
	offset   atomic.Int64
	counted  atomic.Pointer[counted]
	clock    clockwork
	seen     sightings
	unready  spell
	alarms   atomic.Pointer[[]string] // about rule packs
}

// spell is how long something lasts.
type spell struct {
	mu    sync.Mutex
	began time.Time
}

// since says since when it lasts, the zero time if it does not.
func (s *spell) since(lasts bool, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !lasts {
		s.began = time.Time{}
	} else if s.began.IsZero() {
		s.began = now
	}
	return s.began
}

// counted is what is counted over the whole record.
type counted struct {
	at           time.Time
	messages     map[metrics.State]int64
	work         map[store.Kind]store.Backlog
	certificates []metrics.Certificate
	alerts       map[string]int
}

// newEye begins to count.
func (n *Node) newEye() {
	n.eye.current.Store(n)
	n.eye.answers.Store(true)
	n.eye.counted.Store(&counted{})
	n.eye.clock.start(n.opts.Now())
	n.eye.metrics = metrics.New(metrics.Build{Version: n.opts.Version, Commit: n.opts.Commit, Go: runtime.Version()},
		func() metrics.Reading { return n.heir().reading() })
}

// committed is told of each commit of the record.
func (n *Node) committed(took time.Duration) {
	n.eye.metrics.Commit(took)
	n.eye.latency.add(took, time.Now())
}

// Checks of readiness (OPS-080).
const (
	checkStore    = "store"
	checkDisk     = "disk"
	checkKeys     = "keys"
	checkClock    = "clock"
	checkDraining = "draining"
)

// checks says which checks of readiness are passed.
func (n *Node) checks() map[string]bool {
	list := map[string]bool{
		checkStore: n.eye.answers.Load() && !n.eye.latency.tooSlow(time.Now()), checkDisk: true,
		checkKeys: n.keysUsable(), checkClock: n.clockUsable(), checkDraining: !n.eye.draining.Load(),
	}
	switch u := n.unready(); {
	case u == nil:
	case u.cause == causeDisk:
		list[checkDisk] = false
	default:
		list[checkStore] = false
	}
	return list
}

// failing lists the checks that are not passed.
func (n *Node) failing() (list []string) {
	all := n.checks()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !all[name] {
			list = append(list, name)
		}
	}
	return list
}

// keysUsable reports whether each of our seats has a key that is valid now.
func (n *Node) keysUsable() bool {
	now := n.opts.Now()
	for _, id := range n.Keys.Identities() {
		if _, err := n.Keys.Current(id.Seat, now); err != nil {
			return false
		}
	}
	return true
}

// reading is what a scrape shows. Nothing in it asks the database.
func (n *Node) reading() metrics.Reading {
	c, now := n.eye.counted.Load(), n.opts.Now()
	r := metrics.Reading{
		Ready: n.checks(), Messages: c.messages, Work: map[string]metrics.Work{},
		Breakers:     map[string]int{"peer": len(n.lanes.Broken()), "backend": len(n.places.Broken())},
		DiskFree:     map[string]uint64{},
		Certificates: c.certificates, Alerts: c.alerts, RulesAlarms: n.ruleAlarms(),
		ClockOffset: time.Duration(n.eye.offset.Load()),
		Differences: n.differs.byDirection(),
	}
	for kind, b := range c.work {
		r.Work[string(kind)] = metrics.Work{Open: b.Open, Oldest: b.Age(now)}
	}
	stats := n.Store.Stats()
	r.Writes, r.Commits = stats.Writes, stats.Commits
	for volume, dir := range n.volumes() {
		if free, _, err := n.opts.DiskSpace(dir); err == nil {
			r.DiskFree[volume] = free
		}
	}
	return r
}

// ruleAlarms is how many alarms about rule packs there are.
func (n *Node) ruleAlarms() int {
	if list := n.eye.alarms.Load(); list != nil {
		return len(*list)
	}
	return 0
}

// volumes are the folders whose disks may become full.
func (n *Node) volumes() map[string]string {
	all := map[string]string{"data": n.spool}
	for name, t := range n.targets {
		if n.Config.Deliver.Folder != "" {
			name = "deliver"
		} else {
			name = "backend " + name
		}
		all[name] = t.Dir
	}
	return all
}

// Counting reads an index of all messages. So it takes at most a hundredth of the time, and at least countEvery lies
// between two counts: with a million messages it is done every half a minute or so.
const (
	countEvery   = 15 * time.Second
	countPortion = 100
	countLimit   = 2 * time.Minute
)

// watchCounts counts what is on record, from time to time.
func (n *Node) watchCounts(ctx context.Context) {
	for {
		began := time.Now()
		if err := n.count(ctx); err != nil && ctx.Err() == nil {
			n.trouble("the record cannot be counted", err)
		}
		pause := time.NewTimer(max(countEvery, countPortion*time.Since(began)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

func (n *Node) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	states, err := n.Store.CountsOfAll(ctx)
	backlogs, berr := n.Store.BacklogsOfAll(ctx)
	if err = errors.Join(err, berr); err != nil {
		return err
	}
	c := &counted{
		at: n.opts.Now(), messages: map[metrics.State]int64{}, work: map[store.Kind]store.Backlog{},
		certificates: n.certificates(),
	}
	for _, s := range states {
		c.messages[metrics.State{Direction: string(s.Direction), State: string(s.State)}] = s.Messages
	}
	for _, b := range backlogs {
		c.work[b.Kind] = b
	}
	for _, kind := range []store.Kind{store.Send, store.Deliver} { // there is always such work, or might be
		if _, ok := c.work[kind]; !ok {
			c.work[kind] = store.Backlog{Kind: kind}
		}
	}
	c.alerts, err = (&alert.Book{DB: n.Store.DB}).Counts(ctx)
	n.eye.counted.Store(c)
	return err
}

// certificates are those whose end matters: all keys of ours, the TLS certificate, the CAs.
func (n *Node) certificates() (list []metrics.Certificate) {
	for _, id := range n.Keys.Identities() {
		list = append(list, metrics.Certificate{
			Use: "ap", Seat: string(id.Seat), Fingerprint: certs.Fingerprint(id.Cert)[:8], NotAfter: id.Cert.NotAfter,
		})
	}
	for _, e := range n.expiries(n.opts.Now()) {
		if e.use != useKey {
			list = append(list, metrics.Certificate{
				Use: e.use, Fingerprint: certs.Fingerprint(e.cert)[:8], NotAfter: e.cert.NotAfter,
			})
		}
	}
	return once(list)
}

// once leaves one of those that a scrape could not tell apart, as of a CA that stands in two files of anchors.
func once(list []metrics.Certificate) []metrics.Certificate {
	seen := map[[3]string]bool{}
	return slices.DeleteFunc(list, func(c metrics.Certificate) bool {
		name := [3]string{c.Use, c.Seat, c.Fingerprint}
		again := seen[name]
		seen[name] = true
		return again
	})
}

// observed counts a request at the AS4 endpoint.
func (n *Node) observed(x *as4.Exchange) {
	outcome := "accepted"
	switch {
	case x.Err == nil && x.Duplicate:
		outcome = "duplicate"
	case x.Err == nil:
	case x.Status == http.StatusServiceUnavailable || x.Status == http.StatusTooManyRequests:
		if outcome = "shed"; x.Cause == as4.CauseInternal || x.Cause == as4.CauseNoKey || x.Cause == as4.CauseSpool {
			outcome = "error"
		}
	case x.Status == http.StatusInternalServerError || x.Code == ebms.CodeDeliveryFailure:
		outcome = "error"
	default:
		outcome = "refused"
	}
	n.eye.metrics.Request(outcome, string(x.Code), x.Status, x.End.Sub(x.Start), x.Bytes)
	n.eye.seen.request(outcome, string(x.C2), n.opts.Now())
}

// ended counts a message that came to its end.
func (n *Node) ended(m *store.Message) {
	now := n.opts.Now()
	switch m.State {
	case store.Sent:
		n.eye.metrics.Ended(true, "sent", m.Accepted.Sub(m.Created))
		n.eye.seen.send(true, now)
	case store.FailedPermanent:
		n.eye.metrics.Ended(true, "failed", now.Sub(m.Created))
		n.eye.seen.send(false, now)
	}
}

// handedOver counts an attempt to deliver that was the last.
func (n *Node) handedOver(m *store.Message, out backend.Outcome) {
	age := n.opts.Now().Sub(m.Accepted)
	switch {
	case out.Delivered():
		n.eye.metrics.Ended(false, "delivered", age)
	case out.Final():
		n.eye.metrics.Ended(false, "dead", age)
	}
}

// watched counts the requests that are under way, and sends away those that begin while the server stops (REL-060).
func (n *Node) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.eye.metrics.InFlight(1)
		defer n.eye.metrics.InFlight(-1)
		if n.eye.draining.Load() {
			w.Header().Set("Retry-After", strconv.Itoa(10+rand.IntN(51)))
			w.Header().Set("Connection", "close")
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			n.eye.metrics.Request("shed", "", http.StatusServiceUnavailable, 0, 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// directory counts the lookups of receivers.
type directory struct {
	*smp.Client
	n *Node
}

// Endpoint is that of the client.
func (d directory) Endpoint(ctx context.Context, r peppol.ParticipantID, t peppol.DocTypeID,
	p peppol.ProcessID,
) (*smp.Endpoint, error) {
	began := time.Now()
	e, err := d.Client.Endpoint(ctx, r, t, p)
	m := d.n.eye.metrics
	m.Step("lookup", time.Since(began))
	result, source := "registered", "network"
	var se *smp.Error
	switch {
	case err == nil && e.Cached:
		source = "cache"
	case err == nil:
	case !errors.As(err, &se):
		result = "unknown"
	case se.Kind == smp.NotRegistered:
		result = "not_registered"
	case se.Kind == smp.Invalid:
		result = "invalid"
	default:
		result = "unknown"
	}
	m.Lookup(result, source)
	if source == "network" && ctx.Err() == nil {
		d.n.eye.seen.lookup(err == nil || se != nil && se.Kind != smp.CannotTell, d.n.opts.Now())
	}
	return e, err
}

// timed tells how long requests to SMPs take, until their answer begins.
type timed struct {
	next http.RoundTripper
	told func(time.Duration)
}

// RoundTrip implements http.RoundTripper.
func (t *timed) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	defer func() { t.told(time.Since(began)) }()
	return t.next.RoundTrip(r)
}

// built is when the program's source was committed, or the zero time if that is not known.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			at, _ := time.Parse(time.RFC3339, s.Value) // the zero time if it is none
			return at
		}
	}
	return time.Time{}
}

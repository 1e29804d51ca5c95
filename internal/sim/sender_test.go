package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// The plan of attempts, as it is configured by default (D-12).
var (
	planWaits = []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute,
	}
	timeout = 2 * time.Minute // of an attempt
)

const laterWait = time.Hour

// sender is the program of C2, wired as package node does it.
type sender struct {
	*process
	store  *store.Store
	out    *ap.Outbound
	lanes  *queue.Lanes
	watch  *watch
	runner *queue.Runner
}

// startSender starts the program on the record of C2. before names the last process of the host, which has ended.
func (w *world) startSender(p *process, before string) (_ program, err error) {
	n := &sender{process: p}
	if n.store, err = p.record(w.file("c2.db")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = n.store.Close() // it was never used
		}
	}()
	if before != "" && p.dice("bury").IntN(2) == 0 { // else its leases expire
		if _, err := n.store.BuryOwner(context.Background(), before); err != nil {
			return nil, err
		}
	}
	files, err := blobs(n.store, db.DefaultTenant, w.file("c2"), w.inline)
	if err != nil {
		return nil, err
	}
	keys := certs.NewKeyring(w.sender)
	n.out = &ap.Outbound{
		Core: ap.Core{
			Tenant: db.DefaultTenant, Store: n.store, Blobs: files, Trust: w.trust,
			Keys: func() *certs.Keyring { return keys }, Now: w.wall,
		},
		Directory: &inquiry{p}, Seat: w.sender.Seat, Country: "NO", Timeout: timeout, Hold: 6 * time.Hour,
		Plan: ap.Plan{Waits: planWaits, GiveUp: w.giveUp}, Spread: n.spread,
		Sender: &as4.Sender{
			Trust: w.trust, HTTP: &http.Client{Transport: &link{p}, CheckRedirect: noRedirect}, Host: "c2.example",
			Spool: w.file("c2"), Agent: "ravn", Now: w.wall,
		},
	}
	n.watch = &watch{Store: n.store, n: n, jobs: map[string]*placeModel{}, lanes: map[string]*laneModel{}}
	n.lanes = &queue.Lanes{LaneStore: n.watch, Now: w.wall}
	n.runner = &queue.Runner{
		Store: n.lanes, Work: map[store.Kind]queue.Work{store.Send: n.work}, Owner: p.name, Now: w.wall,
		Limit: w.workers, Poll: w.poll, Timeout: 2*timeout + time.Minute,
		OnError: func(job store.Job, err error) { w.note("%s: %v", p.name, err) },
	}
	n.lanes.Tune(queue.Tuning{
		PerLane: w.perLane, Expire: w.giveUp, Wake: n.runner.Wake, Changed: func(lane string, open time.Time) {
			w.note("%s: breaker of %s: %s", p.name, lane, until(w, open))
			time.AfterFunc(open.Sub(w.wall())+time.Second, n.runner.Wake)
		},
	})
	n.out.Lanes = n.watch
	w.mu.Lock()
	w.senders[p.name] = n
	w.mu.Unlock()
	return n, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func until(w *world, t time.Time) string {
	if t.IsZero() {
		return "closed"
	}
	return "open for " + t.Sub(w.wall()).Round(time.Second).String()
}

func (n *sender) run(ctx context.Context) { n.runner.Run(ctx) }

func (n *sender) leave() {
	if !n.isDead() {
		if _, err := n.store.LeaveOwner(context.Background(), n.name); err != nil {
			n.w.note("%s: leave: %v", n.name, err)
		}
	}
	if err := n.store.Close(); unexpected(err) {
		n.w.note("%s: close: %v", n.name, err)
	}
	n.w.mu.Lock()
	delete(n.w.senders, n.name)
	n.w.mu.Unlock()
}

// work is what package node does with a message whose turn has come.
func (n *sender) work(ctx context.Context, job store.Job) queue.Outcome {
	defer n.end(job.ID)
	doc := n.w.docOf(job.MessageID)
	ctx = context.WithValue(ctx, docKey{}, doc)
	time.Sleep(between(n.w.dice("start", doc, job.Tries), 0, 3*time.Millisecond)) // so that none begin at one instant
	m, err := n.store.Get(ctx, job.Tenant, job.MessageID)
	if err != nil {
		return queue.AlreadyEnded()
	}
	before := n.w.wall()
	_, err = n.out.AttemptDue(ctx, job, m)
	if errors.Is(err, ap.ErrNotNow) {
		return queue.AlreadyEnded()
	}
	n.told(ctx, job, m, err)
	n.checkWait(ctx, job, before)
	n.wakeAt(ctx, job)
	return queue.AlreadyEnded()
}

func (n *sender) end(id string) {
	n.watch.leave(id)
	n.lanes.End(id)
}

// wakeAt has the queue look when the next attempt is due, so that it need not look every other second for a day.
func (n *sender) wakeAt(ctx context.Context, job store.Job) {
	j, err := n.store.JobOf(context.WithoutCancel(ctx), job.Tenant, store.Send, job.MessageID)
	if err == nil && j.Done.IsZero() {
		late := between(n.w.dice("wake", n.w.docOf(job.MessageID), j.Tries), 0, 20*time.Second)
		time.AfterFunc(j.Due.Sub(n.w.wall())+late, n.runner.Wake)
	}
}

// docKey is the key in a context under which a document is named.
type docKey struct{}

// docOf names a document by the id of its message.
func (w *world) docOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.docs {
		if slices.Contains(d.ids, id) {
			return d.name
		}
	}
	return ""
}

// claim is when a process got the work of a message.
type claim struct {
	at      time.Time
	process string
}

// claimed notes that a process has the work of a message.
func (w *world) claimed(id, process string) {
	at := w.wall()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claims[id] = append(w.claims[id], claim{at, process})
}

// spread is ap.Jitter with the dice of the run.
func (n *sender) spread(d time.Duration) time.Duration {
	r := n.dice("spread", n.w.elapsed())
	return d + time.Duration((r.Float64()-0.5)*0.4*float64(d))
}

// told notes what became of an attempt.
func (n *sender) told(ctx context.Context, job store.Job, m store.Message, err error) {
	now, gerr := n.store.Get(context.WithoutCancel(ctx), m.Tenant, m.ID)
	if gerr != nil {
		return
	}
	n.w.note("%s: %s %s → %s: %s", n.name, m.ConversationID, m.State, now.State, short(err))
	n.w.checkArrived(now)
}

// cameTwice reports whether an access point may have taken one copy of a document and refused another, whose answer is
// what the sender knows: an attempt came there more than once, or it refused one after it had given no answer to an
// earlier one.
func (w *world) cameTwice(doc string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	silent := false
	for _, x := range w.wire {
		if x.doc != doc {
			continue
		}
		if x.twice || silent && x.permanent {
			return true
		}
		silent = silent || !x.receipt && !x.permanent
	}
	return false
}

// checkArrived checks that what an access point has does not count as certainly not sent: it could be cancelled, or go
// to another access point (REL-027). An operator's decision to send again what was given up makes it so.
func (w *world) checkArrived(m store.Message) {
	if m.State != store.RetryWait {
		return
	}
	w.mu.Lock()
	there := ""
	for i := range accessPoints {
		if len(w.proof[m.MessageID+" "+hostOf(i)]) > 0 {
			there = hostOf(i)
		}
	}
	again := slices.ContainsFunc(w.docs, func(d *document) bool {
		return d.name == m.ConversationID && slices.ContainsFunc(d.requeues,
			func(q requeue) bool { return q.from != store.Unknown })
	})
	w.mu.Unlock()
	if there != "" && !again && !w.cameTwice(m.ConversationID) {
		w.violate("REL-027", "%s is %s, and %s has it", m.ConversationID, m.State, there)
	}
}

func short(err error) string {
	s := fmt.Sprint(err)
	if len(s) > 160 {
		s = s[:160] + "…"
	}
	return s
}

// checkWait compares the time until the next attempt with the plan (REL-024).
func (n *sender) checkWait(ctx context.Context, job store.Job, before time.Time) {
	ctx = context.WithoutCancel(ctx)
	m, err := n.store.Get(ctx, job.Tenant, job.MessageID)
	list, err2 := n.store.Attempts(ctx, job.Tenant, job.MessageID)
	now, err3 := n.store.JobOf(ctx, job.Tenant, store.Send, job.MessageID)
	if errors.Join(err, err2, err3) != nil || len(list) == 0 || m.State != store.RetryWait && m.State != store.Unknown {
		return
	}
	last := list[len(list)-1]
	w := n.w
	if last.Ended.IsZero() || now.Token != job.Token+1 || now.Tries != job.Tries || last.Started.Before(before) {
		return // the attempt was not made, or has not ended, or somebody has changed the plan since
	}
	spent := 0
	for _, a := range list {
		if !a.Started.Before(now.Begun) {
			spent++
		}
	}
	if w.clockWasSet() {
		return // attempts seem to be older than their plan
	}
	if now.Spent != spent {
		const text = "%s: %d attempts of its plan are on record, it has spent %d"
		w.violate("plan", text, m.ConversationID, spent, now.Spent)
	}
	wait := laterWait
	if spent >= 1 && spent <= len(planWaits) {
		wait = planWaits[spent-1]
	}
	asked := min(w.asked(m.ConversationID), time.Hour)
	switch {
	case last.Outcome == string(as4.NotSent):
		asked = 0
	case last.Outcome == string(as4.Refused) && !strings.Contains(now.Reason, "send: refused"):
		return // its receiver was looked up afresh at once, in vain or for another access point
	case last.Outcome == store.OutcomeInterrupted:
		return // it is not known whether the attempt is on record
	}
	least, most := max(wait*8/10, asked), max(wait*12/10, asked)
	took := last.Ended.Sub(last.Started)
	got := now.Due.Sub(n.settled(ctx, last, job))
	if got < least-time.Minute && got < least-took || got > most+time.Second {
		const text = "%s: after attempt %d of its plan it waits %v, want %v to %v"
		w.violate("plan", text, m.ConversationID, spent, got, least, most)
	}
}

// settled is when it was known what becomes of a message after an attempt: at its end, or, if it was refused, when its
// receiver had been looked up afresh.
func (n *sender) settled(ctx context.Context, last store.Attempt, job store.Job) time.Time {
	events, err := n.store.Timeline(ctx, job.Tenant, job.MessageID)
	if err != nil || last.Outcome != string(as4.Refused) {
		return last.Ended
	}
	for _, e := range slices.Backward(events) {
		if e.Kind == store.EventNotSent && !e.At.Before(last.Ended) {
			return e.At
		}
	}
	return last.Ended
}

// watch stands between the queue and the record, and between ap.Outbound and the lanes, and checks what is let through.
type watch struct {
	*store.Store
	n *sender

	mu    sync.Mutex
	jobs  map[string]*placeModel // what is under way
	lanes map[string]*laneModel
	when  time.Duration // of the last claim
}

// laneModel is what REL-025 says of an access point, written a second time.
type laneModel struct {
	running  int
	failures int
	pause    time.Duration
	until    time.Time
}

// placeModel is a job that is under way.
type placeModel struct {
	lane   string
	claims int
}

func (v *watch) lane(name string) *laneModel {
	if v.lanes[name] == nil {
		v.lanes[name] = &laneModel{}
	}
	return v.lanes[name]
}

// may is how many more jobs of a lane may begin, if it is not the only one with work.
func (v *watch) may(name string) int {
	l, now := v.lane(name), v.n.w.wall()
	switch {
	case name == "":
		return math.MaxInt
	case now.Before(l.until):
		return 0
	case !l.until.IsZero():
		return 1 - l.running
	}
	return v.n.w.perLane - l.running
}

// ClaimLanes checks what the lanes are given (REL-025), and that nothing is begun before its time.
func (v *watch) ClaimLanes(ctx context.Context, c store.Claim, share func([]store.Lane) []store.Portion) ([]store.Job,
	error,
) {
	w := v.n.w
	jobs, err := v.Store.ClaimLanes(ctx, c, func(heads []store.Lane) []store.Portion {
		v.mu.Lock()
		defer v.mu.Unlock()
		open, old := map[string]bool{}, map[string]bool{}
		for _, h := range heads {
			old[h.Name] = old[h.Name] || w.wall().Sub(h.Due) >= w.giveUp
			if old[h.Name] || v.may(h.Name) > 0 || !w.wall().Before(v.lane(h.Name).until) {
				open[h.Name] = true
			}
		}
		list, given, free := share(heads), map[string]int{}, c.Limit
		for _, p := range list {
			given[p.Lane] += p.Limit
			free -= p.Limit
		}
		for name := range open {
			if name != "" && free > 0 && given[name] == 0 && v.may(name) > 0 {
				const text = "%s leaves %d places free, and %q, which may have %d, gets none"
				w.violate("lanes", text, v.n.name, free, name, v.may(name))
			}
		}
		for name, k := range given {
			alone := len(open) == 1 && v.lane(name).until.IsZero()
			if k > 0 && k > v.may(name) && !alone && !old[name] {
				w.violate("lanes", "%s gets %d more places at %q, %d are possible: %+v", v.n.name, k, name, v.may(name),
					*v.lane(name))
			}
		}
		return list
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.when = w.elapsed()
	for _, j := range jobs {
		w.claimed(j.MessageID, v.n.name)
		if p := v.jobs[j.ID]; p != nil { // its lease ran out while it is under way
			p.claims++
		} else {
			v.jobs[j.ID] = &placeModel{j.Lane, 1}
			v.lane(j.Lane).running++
		}
		if j.Due.After(w.wall().Add(time.Millisecond)) {
			w.violate("plan", "%s claims %s before it is due, at %v", v.n.name, j.ID, j.Due)
		}
	}
	return jobs, err
}

// Admit checks what ap.Outbound is told of an access point that it found.
func (v *watch) Admit(job, name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.jobs[job]
	may := v.may(name)
	ok := v.n.lanes.Admit(job, name)
	if p == nil || p.lane == name || !ok {
		return ok
	}
	if may <= 0 && v.when != v.n.w.elapsed() {
		v.n.w.violate("lanes", "%s lets %s through to %q: %+v", v.n.name, job, name, *v.lane(name))
	}
	v.lane(p.lane).running--
	v.lane(name).running++
	p.lane = name
	return true
}

// Report passes on how an attempt went.
func (v *watch) Report(name string, ok bool, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n.lanes.Report(name, ok, took)
	l, now := v.lane(name), v.n.w.wall()
	if ok {
		l.failures, l.pause, l.until = 0, 0, time.Time{}
		return
	}
	if l.failures++; l.failures >= 5 && !now.Before(l.until) {
		l.pause = min(max(2*l.pause, time.Minute), 15*time.Minute)
		l.until = now.Add(l.pause)
		v.n.w.count("breakers opened")
	}
}

func (v *watch) leave(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.jobs[id]
	if p == nil {
		return
	}
	if p.claims--; p.claims == 0 {
		delete(v.jobs, id)
		v.lane(p.lane).running--
	}
}

// GiveBack is for a job that was not begun.
func (v *watch) GiveBack(ctx context.Context, job store.Job, due time.Time, reason string) error {
	defer v.leave(job.ID)
	return v.Store.GiveBack(ctx, job, due, reason)
}

// Quarantine is for a job that was not begun.
func (v *watch) Quarantine(ctx context.Context, job store.Job, reason string) error {
	defer v.leave(job.ID)
	return v.Store.Quarantine(ctx, job, reason)
}

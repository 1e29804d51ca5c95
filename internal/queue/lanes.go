package queue

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

// LaneStore is the part of *store.Store that Lanes needs.
type LaneStore interface {
	Store
	ClaimLanes(ctx context.Context, c store.Claim, share func([]store.Lane) []store.Portion) ([]store.Job, error)
}

// Lanes shares the workers of a Runner among the targets of its jobs, such as access points or backends, so that a dead
// or slow one holds up nobody but itself (REL-025, OPS-006). It is the Store of that Runner. The lane of a job whose
// target is not known yet is "": its worker finds the target and then calls Admit. A job that was not claimed, because
// it comes through Reserve, asks Begin.
type Lanes struct {
	LaneStore
	Now func() time.Time // required

	After func(time.Duration, func()) // calls a function later; nil means time.AfterFunc

	mu sync.Mutex
	Tuning
	jobs    map[string]*entry // those under way here, by their ids
	lanes   map[string]*lane
	tenants map[string]*turn
	places  int64     // that were given away
	wakes   time.Time // when the Runner is woken for a token
	short   bool      // work may have been left for want of places, not of workers
}

// entry is a job that is under way.
type entry struct {
	lane, tenant string
	claims       int // more than one: its lease ran out while it was under way, and it was claimed again (REL-013)
}

// Tuning is what may be changed while the Lanes are in use, by Tune.
type Tuning struct {
	PerLane int                               // jobs of a lane at the same time while others wait; required
	Rate    int                               // messages per second to a lane; 0: any number
	Own     map[string]Limits                 // of lanes for which others than PerLane and Rate hold
	Fixed   bool                              // a lane has no more places when nobody else waits either
	Expire  time.Duration                     // what has been due that long is let through to be given up
	Wake    func()                            // makes the Runner claim again; required
	Changed func(name string, open time.Time) // a breaker opened until then, or closed (zero); required
}

// Limits are those of a lane.
type Limits struct {
	Places int // like Tuning.PerLane
	Rate   int // like Tuning.Rate
}

// limits returns those of a lane.
func (l *Lanes) limits(name string) Limits {
	if own, ok := l.Own[name]; ok {
		return own
	}
	return Limits{l.PerLane, l.Rate}
}

// Tune changes the tuning. What is known of targets stays.
func (l *Lanes) Tune(t Tuning) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Tuning = t
}

// lane is what is known of a target.
type lane struct {
	breaker
	bucket
	running int
	mean    time.Duration // of a job, lately
}

// quick is the mean time of a job up to which a lane may take all workers that nobody else wants.
const quick = 2 * time.Second

// maxLanes bounds what is remembered of targets.
const maxLanes = 10_000

// Claim claims due jobs, of all tenants and lanes in turn.
func (l *Lanes) Claim(ctx context.Context, c store.Claim) ([]store.Job, error) {
	jobs, err := l.ClaimLanes(ctx, c, func(heads []store.Lane) []store.Portion { return l.share(heads, c.Limit) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range jobs {
		l.enter(j.ID, j.Lane, j.Tenant)
	}
	return jobs, err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// allowed is how many more jobs of a lane may begin now. alone says that no other lane has due work.
func (l *Lanes) allowed(h store.Lane, alone bool, places int) int {
	st := l.lanes[h.Name]
	alone = alone && !l.Fixed
	switch {
	case st == nil && (alone || h.Name != ""):
		return min(places, max(l.limits(h.Name).Places, bit(alone)*places))
	case st == nil:
		return (places + 1) / 2
	case h.Name == "": // half of the workers look targets up, or all if there is nothing else
		if alone {
			return places
		}
		return max((places+st.running+1)/2-st.running, 0)
	case l.closed(h):
		return 0
	case !st.until.IsZero(): // one job to see, or one that is to be given up
		return 1 - min(st.running, 1)
	case alone && st.failures == 0 && st.mean < quick:
		return places
	}
	return max(l.limits(h.Name).Places-st.running, 0)
}

// closed reports whether no job of a lane may begin now.
func (l *Lanes) closed(h store.Lane) bool {
	st, now := l.lanes[h.Name], l.Now()
	return st != nil && st.open(now) && now.Sub(h.Due) < l.Expire
}

// enter counts a job that is under way in a lane, once however often it is claimed.
func (l *Lanes) enter(id, name, tenant string) {
	if l.jobs == nil {
		l.jobs = map[string]*entry{}
	}
	if e := l.jobs[id]; e != nil {
		e.claims++
		return
	}
	l.jobs[id] = &entry{name, tenant, 1}
	l.lane(name).running++
	l.tenant(tenant).running++
	l.pay(name, -1)
}

// lane returns what is known of a target.
func (l *Lanes) lane(name string) *lane {
	if l.lanes == nil {
		l.lanes = map[string]*lane{}
	}
	if l.lanes[name] == nil {
		if len(l.lanes) >= maxLanes {
			maps.DeleteFunc(l.lanes, func(_ string, s *lane) bool { return s.running == 0 && s.until.IsZero() })
		}
		l.lanes[name] = &lane{}
	}
	return l.lanes[name]
}

// Admit moves a job that is under way to the lane of the target that was found for it, and reports whether it may go
// there now. If not, its worker gives it back to that lane (store.Redirect).
func (l *Lanes) Admit(id, name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.jobs[id]
	if e == nil || e.lane == name { // an operator's own attempt is not held back
		return true
	}
	l.pay(e.lane, 1)
	if l.allowed(store.Lane{Name: name, Due: l.Now()}, false, 1) <= 0 || l.tokens(name, 1) <= 0 {
		return false
	}
	l.lane(e.lane).running--
	l.lane(name).running++
	l.pay(name, -1)
	e.lane = name
	return true
}

// Begin reports whether a job of a target that was not claimed may begin now, and counts it as under way if so: its
// worker calls End. A target that fails gets none this way: what waits for it was there before.
func (l *Lanes) Begin(id, name, tenant string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.lanes[name]
	alone := st == nil || st.running == len(l.jobs)
	if st != nil && st.failures > 0 || l.allowed(store.Lane{Name: name, Due: l.Now()}, alone, 1) <= 0 ||
		l.tokens(name, 1) <= 0 {
		return false
	}
	l.enter(id, name, tenant)
	return true
}

// Report records how a job fared at its target: ok if the target did its part, whatever it answered.
func (l *Lanes) Report(name string, ok bool, took time.Duration) {
	l.mu.Lock()
	now := l.Now()
	st := l.lane(name)
	changed := st.record(ok, now)
	st.mean += (took - st.mean) / 8
	open, tell := st.until, l.Changed
	l.mu.Unlock()
	if changed {
		tell(name, open)
	}
}

// Broken are the targets that failed and have not succeeded since, with when their breakers opened.
func (l *Lanes) Broken() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := map[string]time.Time{}
	for name, st := range l.lanes {
		if !st.opened.IsZero() {
			list[name] = st.opened
		}
	}
	return list
}

// End says that a job is not under way any more.
func (l *Lanes) End(id string) {
	l.mu.Lock()
	l.leave(id)
	short, wake := l.short, l.Wake
	l.mu.Unlock()
	if short {
		wake()
	}
}

func (l *Lanes) leave(id string) {
	e := l.jobs[id]
	if e == nil {
		return
	}
	if e.claims--; e.claims == 0 {
		delete(l.jobs, id)
		l.lanes[e.lane].running--
		l.tenants[e.tenant].running--
	}
}

// GiveBack is that of the store, for a job that was not begun.
func (l *Lanes) GiveBack(ctx context.Context, job store.Job, due time.Time, reason string) error {
	defer l.End(job.ID)
	l.mu.Lock()
	l.pay(l.jobs[job.ID].lane, 1)
	l.mu.Unlock()
	return l.LaneStore.GiveBack(ctx, job, due, reason)
}

// Quarantine is that of the store, for a job that was not begun.
func (l *Lanes) Quarantine(ctx context.Context, job store.Job, reason string) error {
	defer l.End(job.ID)
	return l.LaneStore.Quarantine(ctx, job, reason)
}

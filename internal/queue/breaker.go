package queue

import "time"

// A breaker opens after so many failures in a row, for a while that doubles each time (REL-025).
const (
	breakAfter = 5
	breakFirst = time.Minute
	breakMost  = 15 * time.Minute
)

// breaker keeps work away from a target that fails: work waits there without costing attempts. When the time is over,
// one job is let through to see.
type breaker struct {
	failures int           // in a row
	pause    time.Duration // of the last opening
	until    time.Time     // open until then; zero: closed
	opened   time.Time     // since when no job has succeeded; zero: closed
}

// open reports whether no job may go to the target now.
func (b *breaker) open(now time.Time) bool { return now.Before(b.until) }

// record takes the outcome of a job, and reports whether the breaker opened or closed with it.
func (b *breaker) record(ok bool, now time.Time) (changed bool) {
	if ok {
		changed = !b.until.IsZero()
		*b = breaker{}
		return changed
	}
	b.failures++
	if b.open(now) || b.failures < breakAfter { // one that began before it opened changes nothing
		return false
	}
	b.pause = min(max(2*b.pause, breakFirst), breakMost)
	b.until = now.Add(b.pause)
	if b.opened.IsZero() {
		b.opened = now
	}
	return true
}

package node

import (
	"sync"
	"time"
)

// Commits that take longer than slowCommit are slow. If more than one in twenty is, in the last ten seconds, no
// messages are admitted, until all but one in twenty take less than calmCommit (REL-060, operations.md §15).
const (
	slowCommit  = 2 * time.Second
	calmCommit  = slowCommit * 8 / 10
	slowSpan    = 10 // seconds
	slowPortion = 20
)

// latency watches how long commits take.
type latency struct {
	mu      sync.Mutex
	seconds [slowSpan]commits
	slow    bool
}

// commits are those of one second.
type commits struct {
	second          int64 // since the epoch
	all, slow, calm int   // calm: those that were not above calmCommit
}

// add counts a commit.
func (l *latency) add(took time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.seconds[now.Unix()%slowSpan]
	if s.second != now.Unix() {
		*s = commits{second: now.Unix()}
	}
	s.all++
	if took > slowCommit {
		s.slow++
	}
	if took <= calmCommit {
		s.calm++
	}
}

// tooSlow reports whether the record is too slow to admit messages. When nothing was committed for ten seconds it is
// not: something must be tried to see.
func (l *latency) tooSlow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum commits
	for _, s := range l.seconds {
		if now.Unix()-s.second < slowSpan {
			sum.all, sum.slow, sum.calm = sum.all+s.all, sum.slow+s.slow, sum.calm+s.calm
		}
	}
	if l.slow {
		l.slow = sum.all-sum.calm > sum.all/slowPortion
	} else {
		l.slow = sum.slow > sum.all/slowPortion
	}
	return l.slow
}

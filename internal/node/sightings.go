package node

import (
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/alert"
)

// sightings remembers what happened in the last hour, for the rules about how many of many. They are those of this
// node.
type sightings struct {
	mu      sync.Mutex
	sends   window
	all     window
	peers   map[string]*window // refusals by seat
	failing time.Time          // since when no lookup got an answer; zero: the last one did
}

// window counts by minutes.
type window [60]struct{ minute, good, bad int64 }

func (w *window) add(good bool, now time.Time) {
	m := now.Unix() / 60
	at := &w[m%int64(len(w))]
	if at.minute != m {
		at.minute, at.good, at.bad = m, 0, 0
	}
	if good {
		at.good++
	} else {
		at.bad++
	}
}

// since sums up the last minutes.
func (w *window) since(minutes int64, now time.Time) (good, bad int64) {
	m := now.Unix() / 60
	for _, at := range w {
		if m-at.minute < minutes {
			good, bad = good+at.good, bad+at.bad
		}
	}
	return good, bad
}

// maxPeers bounds the seats whose refusals are counted.
const maxPeers = 1000

// request counts a request. A seat is counted only if its signature was verified.
func (s *sightings) request(outcome, seat string, now time.Time) {
	if outcome == "shed" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	good := outcome != "refused"
	s.all.add(good, now)
	if good || seat == "" {
		return
	}
	if s.peers == nil || len(s.peers) >= maxPeers && s.peers[seat] == nil {
		s.peers = map[string]*window{}
	}
	if s.peers[seat] == nil {
		s.peers[seat] = &window{}
	}
	s.peers[seat].add(false, now)
}

// send counts a message that came to its end.
func (s *sightings) send(good bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sends.add(good, now)
}

// lookup counts a lookup that asked the network.
func (s *sightings) lookup(answered bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case answered:
		s.failing = time.Time{}
	case s.failing.IsZero():
		s.failing = now
	}
}

// Minutes that the rules look back.
const (
	sendMinutes    = 60
	refusedMinutes = 10
)

// fill says what was seen.
func (s *sightings) fill(f *alert.Facts, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	good, bad := s.sends.since(sendMinutes, now)
	f.Sends = alert.Portion{Bad: bad, All: good + bad}
	good, bad = s.all.since(refusedMinutes, now)
	f.Refused = alert.Portion{Bad: bad, All: good + bad}
	f.Refusals, f.LookupsFail = map[string]int64{}, s.failing
	for seat, w := range s.peers {
		if _, n := w.since(refusedMinutes, now); n > 0 {
			f.Refusals[seat] = n
		}
	}
}

package queue

import "time"

// leastWake is the shortest time until the Runner is woken for tokens, so that many access points with a rate do not
// make it claim all the time.
const leastWake = 20 * time.Millisecond

// bucket holds the messages that may go to a target now by its rate: at most those of a second, and at least one
// (REL-025).
type bucket struct {
	tokens float64
	filled time.Time // when tokens was right
}

// fill adds what has come in since. A clock that jumps back adds nothing.
func (b *bucket) fill(rate int, now time.Time) {
	if b.filled.IsZero() {
		b.tokens = float64(rate)
	} else if d := now.Sub(b.filled); d > 0 {
		b.tokens = min(b.tokens+d.Seconds()*float64(rate), float64(rate))
	}
	b.filled = now
}

// tokens is how many messages may go to a lane now by its rate. If fewer than wanted, the Runner is woken when the next
// one may.
func (l *Lanes) tokens(name string, wanted int) int {
	rate := l.limits(name).Rate
	if rate <= 0 || name == "" {
		return wanted
	}
	b := &l.lane(name).bucket
	b.fill(rate, l.Now())
	if n := int(b.tokens); n >= wanted {
		return wanted
	}
	whole := float64(int(max(b.tokens, 0)))
	l.wakeIn(time.Duration((whole + 1 - b.tokens) / float64(rate) * float64(time.Second)))
	return int(whole)
}

// pay takes the token of a message that is to go to a lane, or gives it back: n is -1 or 1.
func (l *Lanes) pay(name string, n float64) {
	if rate := l.limits(name).Rate; rate > 0 && name != "" {
		b := &l.lane(name).bucket
		b.fill(rate, l.Now())
		b.tokens = min(b.tokens+n, float64(rate))
	}
}

// wakeIn wakes the Runner after a while, unless that will happen anyway.
func (l *Lanes) wakeIn(d time.Duration) {
	d = max(d, leastWake)
	at := l.Now().Add(d)
	if now := l.Now(); l.wakes.After(now) && !at.Before(l.wakes.Add(-leastWake)) {
		return
	}
	l.wakes = at
	after := l.After
	if after == nil {
		after = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	after(d, l.wake)
}

func (l *Lanes) wake() {
	l.mu.Lock()
	wake := l.Wake
	l.mu.Unlock()
	wake()
}

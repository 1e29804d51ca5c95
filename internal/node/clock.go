package node

import (
	"context"
	"sync"
	"time"
)

// A clock that is wrong by more than this makes the node not ready, or raises an alarm (REL-066, OPS-070).
const (
	mostOffset  = time.Minute
	clockOffset = 2 * time.Second
	clockJump   = 5 * time.Second
)

// clockwork notices jumps of the clock: it compares it with the time that has really passed.
type clockwork struct {
	mu   sync.Mutex
	wall time.Time // by the clock alone
	mono time.Time
	jump time.Duration // the last one
	at   time.Time     // when it was seen
}

func (c *clockwork) start(now time.Time) { c.tick(now, time.Now()) }

// tick takes the time by the clock and by what has passed, and returns by how much the clock jumped since the last
// call, if it did.
func (c *clockwork) tick(wall, mono time.Time) (jump time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall = wall.Round(0) // without the reading of the monotonic clock
	if !c.wall.IsZero() {
		if d := wall.Sub(c.wall) - mono.Sub(c.mono); d.Abs() > clockJump {
			c.jump, c.at, jump = d, wall, d
		}
	}
	c.wall, c.mono = wall, mono
	return jump
}

// jumped is the last jump, if it was seen since a time.
func (c *clockwork) jumped(since time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.Before(since) {
		return 0
	}
	return c.jump
}

// clockUsable reports whether the time can be believed: the program is not from the future, and the database agrees.
func (n *Node) clockUsable() bool {
	return !n.opts.Now().Before(built()) && time.Duration(n.eye.offset.Load()).Abs() < mostOffset
}

// How often the database is asked whether it is there, and for its time, and how long it may take.
const (
	pingEvery = 2 * time.Second
	pingLimit = 2 * time.Second
)

// watchRecord asks the database whether it answers, and watches the clock.
func (n *Node) watchRecord(ctx context.Context) {
	every(ctx, pingEvery, func() {
		if d := n.eye.clock.tick(n.opts.Now(), time.Now()); d != 0 {
			n.opts.Log.Warn().Dur("by_ms", d).Msg("the clock of this machine jumped")
		}
		ask, cancel := context.WithTimeout(ctx, pingLimit)
		defer cancel()
		offset, err := n.Store.ClockOffset(ask)
		if ctx.Err() != nil {
			return
		}
		n.eye.answers.Store(err == nil)
		if err == nil {
			n.eye.offset.Store(int64(offset))
		}
	})
}

package node

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/db"
)

// health decides whether new messages are admitted.
type health struct {
	fatal atomic.Pointer[error] // the storage failed in a way after which nothing may be written (REL-002)

	told atomic.Pointer[string] // the cause that was last logged

	mu      sync.Mutex
	checked time.Time
	disk    *unready
}

// unready is why new messages are not admitted.
type unready struct {
	cause string // a fixed text
	err   error  // may be nil
}

func (u *unready) Error() string {
	if u.err == nil {
		return "node: " + u.cause
	}
	return fmt.Sprintf("node: %s: %v", u.cause, u.err)
}

func (u *unready) Unwrap() error { return u.err }

// Causes of not being ready.
const (
	causeStorage = "the storage failed"
	causeDisk    = "the disk is nearly full"
	causeSlow    = "the record is too slow"
)

// ready is called before each request (REL-060): is the storage sound, and is there space on the disk?
func (n *Node) ready() error {
	u := n.unready()
	n.health.tell(n, u)
	if u == nil {
		return nil
	}
	return u
}

func (n *Node) unready() *unready {
	if err := n.Store.Err(); err != nil {
		return &unready{causeStorage, err}
	}
	if err := n.health.fatal.Load(); err != nil {
		return &unready{causeStorage, *err}
	}
	if n.eye.latency.tooSlow(time.Now()) {
		return &unready{cause: causeSlow}
	}
	h := &n.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.checked) > time.Second {
		h.checked = now
		h.disk = n.diskRoom(2 * n.Config.AS4.MaxBytes)
	}
	return h.disk
}

// tell logs each change once: what keeps us from accepting messages, and that it is over.
func (h *health) tell(n *Node, u *unready) {
	cause := ""
	if u != nil {
		cause = u.cause
	}
	if old := h.told.Swap(&cause); old != nil && *old == cause || old == nil && cause == "" {
		return
	}
	if u == nil {
		n.opts.Log.Info().Msg("accepting messages again")
		return
	}
	if n.lines.troubles.allow("not ready", cause) { // it may come and go
		n.opts.Log.Error().Str("cause", cause).Str("error", clean(u.Error())).Msg("no messages are accepted")
	}
}

// healthEvery is how often the node checks its health if no request does.
const healthEvery = time.Second

// watchHealth notices changes while no requests arrive, and logs how many lines were suppressed.
func (n *Node) watchHealth(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = n.ready() // which logs a change
		n.lines.sweep()
	}
}

// diskRoom demands need bytes of free space, but never more than a tenth of the disk (REL-060, REL-074).
func (n *Node) diskRoom(need int64) *unready {
	free, total, err := n.opts.DiskSpace(n.spool)
	if err != nil {
		return &unready{causeStorage, err}
	}
	if free < min(uint64(need), total/10) {
		return &unready{cause: causeDisk}
	}
	return nil
}

// finished logs a request once, at its end, and records a refusal: as an audit row for an authenticated sender, as a
// log line for anybody else (design.md §3). Neither payload nor participants get into the log.
func (n *Node) finished(x *as4.Exchange) {
	defer func() {
		if p := recover(); p != nil { // a failing log must not keep the response from the sender
			n.logPanic(&as4.Panic{Value: p, Stack: debug.Stack()}, x.ID)
		}
	}()
	n.opts.Hook("receive.end")
	n.tolerated.add(x)
	n.observed(x)
	if db.IsFatal(x.Err) {
		n.health.fatal.CompareAndSwap(nil, &x.Err)
	}
	if x.Err == nil {
		n.logReceived(x)
		return
	}
	n.logRefused(x)
	if x.Authenticated {
		if err := n.Inbound.Refused(context.Background(), x); err != nil {
			n.trouble("audit row not written", err)
		}
	}
}

package node

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/db"
)

// health decides whether new messages are admitted.
type health struct {
	fatal atomic.Pointer[error] // the storage failed in a way that must not be tried again (REL-002)

	told atomic.Pointer[string] // the cause that was logged last

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
)

// ready is asked before each request (REL-060): storage sound, room on the disk.
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
	h := &n.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.checked) > time.Second {
		h.checked = now
		h.disk = n.diskRoom(2 * n.Config.AS4.MaxBytes)
	}
	return h.disk
}

// tell logs a change, once: what keeps us from accepting, and that it is over.
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

// healthEvery is how often the node looks after itself when nobody asks.
const healthEvery = time.Second

// watchHealth notices what changed while no requests come, and tells of log lines that were left out.
func (n *Node) watchHealth(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = n.ready() // it tells
		n.lines.sweep()
	}
}

// diskSpace returns what is free on the disk of a folder, and its size, in bytes.
func diskSpace(dir string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize)
	return st.Bavail * block, st.Blocks * block, nil
}

// diskRoom wants need bytes free, but never more than a tenth of the disk (REL-060, REL-074).
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

// finished logs a request once, at its end, and keeps what must be kept of a refusal: one audit row for an authenticated
// sender, a log line for anybody else (design.md §3). No payload and no participant enters the log.
func (n *Node) finished(x *as4.Exchange) {
	defer func() {
		if p := recover(); p != nil { // the answer still leaves
			n.logPanic(&as4.Panic{Value: p, Stack: debug.Stack()}, x.ID)
		}
	}()
	n.opts.Hook("receive.end")
	n.tolerated.add(x)
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

package node

import (
	"context"
	"errors"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/store"
)

// health decides whether new messages are admitted.
type health struct {
	fatal atomic.Pointer[error] // the storage failed in a way that must not be tried again (REL-002)

	mu      sync.Mutex
	checked time.Time
	disk    error
}

var errDiskFull = errors.New("node: the disk is nearly full (REL-060, REL-074)")

// ready is asked before each request (REL-060): storage sound, room on the disk.
func (n *Node) ready() error {
	if err := n.Store.Err(); err != nil {
		return err
	}
	if err := n.health.fatal.Load(); err != nil {
		return *err
	}
	n.health.mu.Lock()
	defer n.health.mu.Unlock()
	if now := time.Now(); now.Sub(n.health.checked) > time.Second {
		n.health.checked = now
		n.health.disk = diskRoom(n.spool, 2*n.Config.AS4.MaxBytes)
	}
	return n.health.disk
}

// diskRoom wants need bytes free, but never more than a tenth of the disk.
func diskRoom(dir string, need int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err
	}
	block := uint64(st.Bsize)
	if free, total := st.Bavail*block, st.Blocks*block; free < min(uint64(need), total/10) {
		return errDiskFull
	}
	return nil
}

// finished logs a request once, at its end, and keeps what must be kept of a refusal: one audit row for an authenticated
// sender, a log line for anybody else (design.md §3). No payload and no participant enters the log.
func (n *Node) finished(x *as4.Exchange) {
	n.opts.Hook("receive.end")
	if store.IsFatal(x.Err) {
		n.health.fatal.CompareAndSwap(nil, &x.Err)
	}
	ev := n.opts.Log.WithLevel(level(x)).Str("dir", "in").Str("id", x.ID).Str("message_id", string(x.MessageID)).Str("c2", string(x.C2)).
		Str("doctype", x.DocType).Str("step", string(x.Step)).Str("code", string(x.Code)).Int("status", x.Status).
		Int64("bytes", x.Bytes).Dur("ms", x.End.Sub(x.Start)).Strs("warnings", x.Warnings)
	if x.Duplicate {
		ev = ev.Bool("duplicate", true)
	}
	if x.Err == nil {
		ev.Msg("received")
		return
	}
	ev.Str("remote", x.Remote).AnErr("error", cause(x.Err)).Msg("refused")
	if x.Authenticated {
		if err := n.Inbound.Refused(context.Background(), x); err != nil {
			n.opts.Log.Error().Err(err).Str("id", x.ID).Msg("audit row not written")
		}
	}
}

// cause prefers the inner reason of an error that went out with a code.
func cause(err error) error {
	var ee *ebms.Error
	if errors.As(err, &ee) && ee.Err != nil {
		return ee.Err
	}
	return err
}

func level(x *as4.Exchange) zerolog.Level {
	switch {
	case x.Err == nil:
		return zerolog.InfoLevel
	case x.Code == ebms.CodeDeliveryFailure || x.Status >= 500:
		return zerolog.ErrorLevel
	}
	return zerolog.WarnLevel
}

// logDelivery logs the end of a delivery.
func (n *Node) logDelivery(m store.Message, err error) {
	if err != nil {
		n.failure(err).Str("dir", "in").Str("tx", m.ID).Str("message_id", m.MessageID).Msg("delivery failed")
		return
	}
	n.opts.Log.Info().Str("dir", "in").Str("tx", m.ID).Str("message_id", m.MessageID).Msg("delivered")
}

// discardLog silences net/http, whose lines say nothing that finished does not say.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

package node

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// seekPoll is how often the outbox is searched for due work; lookups of one receiver are minutes apart.
const seekPoll = 10 * time.Second

// moving is the part of the outbox whose messages are held because no SMP knows their receiver (DISC-067).
type moving struct{ *store.Store }

// Claim claims due work of that part.
func (m moving) Claim(ctx context.Context, c store.Claim) ([]store.Job, error) {
	c.Moving = true
	return m.Store.Claim(ctx, c)
}

// newSeeker makes the worker that looks up the receivers of held messages and sends these messages. It sends no other
// messages.
func (n *Node) newSeeker() *queue.Runner {
	return &queue.Runner{
		Store: moving{n.Store}, Work: map[store.Kind]queue.Work{store.Send: n.seek}, Owner: n.process.Name,
		Now:  n.opts.Now,
		Poll: seekPoll, Timeout: n.Outbound.Timeout + time.Minute, OnError: n.logJob,
	}
}

// seek looks up the receiver of a held message once more and sends the message if the receiver is found. Log lines do
// not name the participant.
func (n *Node) seek(ctx context.Context, job store.Job) queue.Outcome {
	err := n.Outbound.Seek(ctx, job)
	code, reason := fault.RecordUnreadable, ""
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		code = f.Code
	}
	if se := (*smp.Error)(nil); errors.As(err, &se) {
		reason = string(se.Reason)
	}
	line := func(ev *zerolog.Event) *zerolog.Event {
		return ev.Str("dir", "out").Str("tx", job.MessageID).Str("reason", reason)
	}
	switch {
	case err == nil:
		line(n.opts.Log.Info()).Msg("the receiver of a held message was found, and has it")
	case code == fault.ReceiverMoving, code == fault.LookupFailed, code == fault.ProxyFailed:
		line(n.opts.Log.Info()).Str("code", string(code)).Msg("a held message waits on")
	default:
		line(n.failure(fault.New(code, nil, ""))).Msg("a held message was not sent")
	}
	return queue.AlreadyEnded() // by the attempt; if that could not be recorded, the lease expires
}

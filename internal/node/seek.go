package node

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// seekPoll is how often due work is looked for: its turns are minutes apart.
const seekPoll = 10 * time.Second

// moving is the part of the outbox that waits for receivers whom no SMP knows (DISC-067).
type moving struct{ *store.Store }

// Claim leases due work of that part.
func (m moving) Claim(ctx context.Context, c store.Claim) ([]store.Job, error) {
	c.Moving = true
	return m.Store.Claim(ctx, c)
}

// newSeeker makes the worker that looks held receivers up again and sends what was held for them. It touches nothing else
// that waits to be sent.
func (n *Node) newSeeker() *queue.Runner {
	return &queue.Runner{
		Store: moving{n.Store}, Work: map[store.Kind]queue.Work{store.Send: n.seek}, Owner: n.process.Name, Now: n.opts.Now,
		Poll: seekPoll, Timeout: n.Outbound.Timeout + time.Minute, OnError: n.logJob,
	}
}

// seek has one more look at the register for a held message, and sends it if its receiver is found.
func (n *Node) seek(ctx context.Context, job store.Job) queue.Outcome {
	_, err := n.Outbound.Attempt(ctx, job, as4.Peer{})
	var f *fault.Error
	switch {
	case err == nil:
		n.opts.Log.Info().Str("dir", "out").Str("tx", job.MessageID).Msg("the receiver of a held message was found, and has it")
	case errors.As(err, &f) && (f.Code == fault.ReceiverMoving || f.Code == fault.LookupFailed):
		n.opts.Log.Info().Str("dir", "out").Str("tx", job.MessageID).Str("code", string(f.Code)).
			Str("reason", clean(err.Error())).Msg("a held message waits")
	default:
		n.failure(err).Str("dir", "out").Str("tx", job.MessageID).Msg("a held message was not sent")
	}
	return queue.Settled() // the attempt has recorded its end; if it could not, the lease ends by itself
}

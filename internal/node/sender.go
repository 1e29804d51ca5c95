package node

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// newSender makes the worker that sends due messages: those that were handed in, and those whose plan has another
// attempt (REL-024).
func (n *Node) newSender() *queue.Runner {
	lanes := n.lanes
	if lanes == nil {
		lanes = &queue.Lanes{LaneStore: n.Store, Now: n.opts.Now}
		n.lanes = lanes
	}
	send := func(ctx context.Context, job store.Job) queue.Outcome {
		defer lanes.End(job.ID)
		return n.sendDue(ctx, job)
	}
	r := &queue.Runner{
		Store: lanes, Work: map[store.Kind]queue.Work{store.Send: send}, Owner: n.process.Name, Now: n.opts.Now,
		Limit: n.Config.Send.Workers, Timeout: 2*n.Outbound.Timeout + time.Minute, // AS4-125: perhaps two access points
		OnError: n.logJob,
	}
	lanes.Tune(queue.Tuning{
		PerLane: n.Config.Send.PerAP, Rate: n.Config.Send.Rate, Expire: n.Config.LongestPlan(), Wake: r.Wake,
		Changed: n.logBreaker,
	})
	n.Outbound.Lanes = lanes
	return r
}

// planFor returns the plan of a message (D-12).
func (n *Node) planFor(m store.Message) (p ap.Plan) {
	p.Waits, p.GiveUp = n.Config.RetryPlan(m.Tenant, m.DocTypeScheme+"::"+m.DocType)
	return p
}

// logBreaker says that an access point is left alone for a while, or served again (REL-025).
func (n *Node) logBreaker(lane string, open time.Time) {
	if open.IsZero() {
		n.opts.Log.Info().Str("host", clean(lane)).Msg("an access point that failed can be reached again")
		return
	}
	n.opts.Log.Warn().Str("host", clean(lane)).Time("until", open).
		Msg("an access point failed five times in a row: its messages wait")
}

// sendDue makes the attempt that is due. What comes of it is on record when it returns; if that failed, the lease
// expires.
func (n *Node) sendDue(ctx context.Context, job store.Job) queue.Outcome {
	m, err := n.Store.Get(ctx, job.Tenant, job.MessageID)
	if err != nil {
		n.trouble("the message of a job cannot be read", err)
		return queue.AlreadyEnded()
	}
	if _, err = n.Outbound.AttemptDue(ctx, job, m); errors.Is(err, ap.ErrNotNow) {
		return queue.AlreadyEnded()
	}
	n.logSent(ctx, job, err)
	return queue.AlreadyEnded()
}

// logSent logs how an attempt ended. Lines do not name participants.
func (n *Node) logSent(ctx context.Context, job store.Job, err error) {
	ctx = context.WithoutCancel(ctx)
	m, gerr := n.Store.Get(ctx, job.Tenant, job.MessageID)
	if gerr != nil {
		n.trouble("the message of a job cannot be read", gerr)
		return
	}
	n.ended(&m)
	line := func(ev *zerolog.Event) *zerolog.Event {
		ev = ev.Str("dir", "out").Str("tx", m.ID).Str("message_id", m.MessageID).Int("attempt", job.Spent+1).
			Str("state", string(m.State)).Str("c3", string(m.C3))
		if se := (*smp.Error)(nil); errors.As(err, &se) {
			ev = ev.Str("reason", string(se.Reason))
		}
		if se := (*as4.SendError)(nil); errors.As(err, &se) {
			ev = ev.Str("outcome", string(se.Outcome)).Int("status", se.HTTPStatus)
		}
		return ev
	}
	code := fault.Code(m.FaultCode) // what the record says of a plan that is over
	if f := (*fault.Error)(nil); errors.As(err, &f) && code != fault.GivenUp && code != fault.GivenUpUnclear {
		code = f.Code
	}
	if err == nil {
		line(n.opts.Log.Info()).Msg("sent")
		return
	}
	if next, err := n.Store.JobOf(ctx, job.Tenant, store.Send, m.ID); err == nil && !next.Dead {
		line(n.opts.Log.Warn()).Str("code", string(code)).Time("next", next.Due).Msg("not sent yet")
		return
	}
	line(n.failure(fault.New(code, nil, ""))).Msg("not sent: it was given up")
}

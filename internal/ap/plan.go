package ap

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// Plan says when a message that did not get through is sent again (D-12). The zero value is one attempt only.
type Plan struct {
	Waits  []time.Duration // after the first attempt, the second …; each later wait is an hour
	GiveUp time.Duration   // how long after the message was handed in, or requeued, there are further attempts
}

// Bounds of waits.
const (
	laterWait      = time.Hour
	mostRetryAfter = time.Hour // of what another side asks for (REL-023)
	leastPause     = time.Minute
	mostPause      = 15 * time.Minute
)

// wait is the time between attempt n, counted from 1, and the next.
func (p Plan) wait(n int) time.Duration {
	if n >= 1 && n <= len(p.Waits) {
		return p.Waits[n-1]
	}
	return laterWait
}

// Jitter spreads a wait by a fifth to both sides, so that a thousand messages for an access point that was down do not
// reach it together.
func Jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.4*float64(d))
}

// planOf returns the plan of a message: that of its tenant and document type, or else the one for all (D-12).
func (out *Outbound) planOf(m store.Message) Plan {
	if out.PlanFor != nil {
		return out.PlanFor(m)
	}
	return out.Plan
}

// ends is when the plan of a job ends.
func (p Plan) ends(job store.Job) time.Time { return job.Begun.Add(p.GiveUp) }

// next is when the message of a job is sent again after an attempt, at the earliest after asked; over is set if that is
// after the end of the plan.
func (out *Outbound) next(job store.Job, m store.Message, asked time.Duration) (at time.Time, over store.Over) {
	plan := out.planOf(m)
	at = out.Now().Add(max(out.Spread(plan.wait(job.Spent)), min(asked, mostRetryAfter)))
	if at.After(plan.ends(job)) {
		over = plan.over(job)
	}
	return at, over
}

// pause is the time until the next look at a message that could not be tried, as when a register does not answer: the
// longer that lasts, the longer, because each look is an event on record and a question to the register.
func (out *Outbound) pause(job store.Job) time.Duration {
	return out.Spread(pauseAfter(out.Now().Sub(job.Begun)))
}

// pauseAfter is the pause of what could not be tried for so long.
func pauseAfter(waited time.Duration) time.Duration { return min(max(waited/8, leastPause), mostPause) }

// mostTurnedAway is how often an access point may answer with an HTTP status that says that something is wrong with the
// address, before the message has failed (REL-023).
const mostTurnedAway = 3

// turnedAway counts the attempts of a plan that ended so, the one under way included, and makes the next one look the
// receiver up afresh.
func (out *Outbound) turnedAway(ctx context.Context, job store.Job, m store.Message) (n int) {
	if h, err := storedHeader(m); err == nil && out.Directory != nil {
		out.Directory.Forget(h.Receiver, h.DocType)
	}
	list, err := out.Store.Attempts(context.WithoutCancel(ctx), m.Tenant, m.ID)
	if err != nil {
		return 1 // then it is tried once more
	}
	n = 1
	for _, a := range list {
		if a.Outcome == string(as4.TurnedAway) && !a.Started.Before(job.Begun) {
			n++
		}
	}
	return n
}

// over says that a plan has ended: EBMS:0301, raised here (AS4-127, REL-024).
func (p Plan) over(job store.Job) store.Over {
	return func(unclear bool, last string) string {
		code := fault.GivenUp
		if unclear {
			code = fault.GivenUpUnclear
		}
		return fault.New(code, errors.New(last), "%s, %d attempts in %s", ebms.CodeMissingReceipt,
			job.Spent, p.GiveUp).Error()
	}
}

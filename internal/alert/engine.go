package alert

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Engine looks at what a node knows, keeps the alerts on record, and sends what waits on the channels. Each node of an
// installation has one.
type Engine struct {
	Book       *Book
	Thresholds Thresholds
	Facts      func(ctx context.Context) (*Facts, error) // what the node knows
	Owner      string                                    // names this process in the record
	Now        func() time.Time
	Changed    func(Change)                    // told of each alert that opens, rises and closes
	Failed     func(what string, err error)    // told of what did not work
	Sent       func(channel string, err error) // told of each send; may be nil

	began   time.Time
	direct  map[string]time.Time // when what cannot be recorded was told last, by rule and key
	forgot  time.Time
	failing time.Time // since when the record cannot be written
}

// How often an Engine looks, and after which time without a record it tells without one.
const (
	Every       = 15 * time.Second
	withoutBook = 30 * time.Second
	forgetEvery = time.Hour
)

// Run looks until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		e.Turn(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Turn looks once, and sends what waits.
func (e *Engine) Turn(ctx context.Context) {
	now := e.Now()
	if e.began.IsZero() {
		e.began = now
	}
	ctx, cancel := context.WithTimeout(ctx, 2*sendLimit)
	defer cancel()
	facts, err := e.Facts(ctx)
	if facts != nil {
		err = errors.Join(err, e.see(ctx, facts, now))
	}
	if err != nil && ctx.Err() == nil {
		e.Failed("alerts", err)
	}
	e.deliver(ctx)
	if now.Sub(e.forgot) >= forgetEvery {
		e.forgot = now
		if err := e.Book.Forget(ctx); err != nil && ctx.Err() == nil {
			e.Failed("alerts: old rows", err)
		}
	}
}

// see records what is wrong. A node that has just begun closes nothing: others may have seen what it has not looked at
// yet, and after a pause of all nodes nothing was seen for a while.
func (e *Engine) see(ctx context.Context, f *Facts, now time.Time) error {
	list := e.Thresholds.Judge(f, now)
	changes, err := e.Book.See(ctx, list, now.Sub(e.began) >= e.Book.CloseAfter)
	if err != nil {
		e.tellDirectly(ctx, f, now, err)
		return err
	}
	e.failing, e.direct = time.Time{}, nil
	for _, c := range changes {
		e.Changed(c)
	}
	return nil
}

// tellDirectly sends what cannot be recorded because the record itself is what failed (REL-002). Each node does it for
// itself then.
func (e *Engine) tellDirectly(ctx context.Context, f *Facts, now time.Time, cause error) {
	if e.failing.IsZero() {
		e.failing = now
	}
	if now.Sub(e.failing) < withoutBook && !db.IsFatal(cause) {
		return
	}
	own := *f
	if own.Storage == "" {
		own.Storage = "it does not answer"
	}
	for _, c := range e.Thresholds.Judge(&own, now) {
		name := string(c.Rule) + " " + c.Key
		last, told := e.direct[name]
		if c.Rule != StoreFailed && c.Rule != NotReady && c.Rule != Disk || told &&
			now.Sub(last) < c.Severity.repeat() {
			continue
		}
		if e.direct == nil {
			e.direct = map[string]time.Time{}
		}
		e.direct[name] = now
		a := Alert{
			ID: db.NewID(), Tenant: db.DefaultTenant, Rule: c.Rule, Key: c.Key, Severity: c.Severity, Opened: e.failing,
			Seen: now, Count: c.Count, What: c.What, Code: c.Code,
		}
		e.Changed(Change{a, string(opened)})
		for i := range e.Book.Channels {
			ch := &e.Book.Channels[i]
			if !ch.wants(&a) {
				continue
			}
			limited, cancel := context.WithTimeout(ctx, sendLimit)
			err := ch.Sender.Send(limited, []Notice{notice(db.NewID(), &a, opened, e.Book.Host, now)})
			cancel()
			e.sent(ch.Name, err)
		}
	}
}

// deliver sends what waits on each channel.
func (e *Engine) deliver(ctx context.Context) {
	for i := range e.Book.Channels {
		c := &e.Book.Channels[i]
		for ctx.Err() == nil {
			sent, err := e.Book.Deliver(ctx, c, e.Owner)
			if sent || err != nil {
				e.sent(c.Name, err)
			}
			if !sent || c.Spacing > 0 {
				break
			}
		}
	}
}

func (e *Engine) sent(channel string, err error) {
	if err != nil {
		e.Failed("alert channel "+plain(channel), err)
	}
	if e.Sent != nil {
		e.Sent(channel, err)
	}
}

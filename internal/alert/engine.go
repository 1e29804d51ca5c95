package alert

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Engine looks at what a node knows, keeps the alerts on record, and sends what waits on the channels. Each node of an
// installation has one.
type Engine struct {
	Book       *Book
	Thresholds Thresholds
	Facts      func() *Facts                             // what the node knows by itself; asks nobody
	Record     func(ctx context.Context, f *Facts) error // adds what the record says
	Owner      string                                    // names this process in the record
	Now        func() time.Time
	Changed    func(Change)                 // told of each alert that opens, rises and closes
	Failed     func(what string, err error) // told of what did not work, by several goroutines

	began   time.Time
	record  patience
	forgot  time.Time
	failing time.Time // since when the record cannot be written

	mu     sync.Mutex
	direct map[string]time.Time // when what cannot be recorded was told last, by channel, rule and key
}

// How often an Engine looks, how long the record may take, and after which time without a record it tells without one.
const (
	Every       = 15 * time.Second
	recordLimit = 20 * time.Second
	withoutBook = 30 * time.Second
	forgetEvery = time.Hour
)

// Run looks, and sends what waits on each channel, until ctx ends. A channel that is slow delays no other one, and no
// look.
func (e *Engine) Run(ctx context.Context) {
	var channels sync.WaitGroup
	defer channels.Wait()
	for i := range e.Book.Channels {
		channels.Go(func() { every(ctx, func() { e.deliver(ctx, &e.Book.Channels[i]) }) })
	}
	every(ctx, func() { e.look(ctx) })
}

// every does something at once and then from time to time, until ctx ends.
func every(ctx context.Context, do func()) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// look looks once.
func (e *Engine) look(ctx context.Context) {
	now := e.Now()
	if e.began.IsZero() {
		e.began = now
	}
	facts := e.Facts()
	if err := e.see(ctx, facts, now); err != nil && ctx.Err() == nil {
		e.Failed("alerts", err)
		e.tellDirectly(ctx, facts, now, err)
		return
	}
	if now.Sub(e.forgot) < forgetEvery {
		return
	}
	e.forgot = now
	if err := e.record.do(ctx, recordLimit, e.Book.Forget); err != nil && ctx.Err() == nil {
		e.Failed("alerts: old rows", err)
	}
}

// see records what is wrong. What the record does not say is not held to be over. A node that has just begun closes
// nothing: others may have seen what it has not looked at yet, and after a pause of all nodes nothing was seen for a
// while.
func (e *Engine) see(ctx context.Context, own *Facts, now time.Time) error {
	full := *own
	read := e.record.do(ctx, recordLimit, func(ctx context.Context) error {
		f := *own
		err := e.Record(ctx, &f)
		full = f
		return err
	})
	if errors.Is(read, errSilent) {
		return read
	}
	list := e.Thresholds.Judge(&full, now)
	mayClose := read == nil && now.Sub(e.began) >= e.Book.CloseAfter
	var changes []Change
	err := e.record.do(ctx, recordLimit, func(ctx context.Context) (err error) {
		changes, err = e.Book.See(ctx, list, mayClose)
		return err
	})
	if err != nil {
		return errors.Join(read, err)
	}
	e.recovered()
	for _, c := range changes {
		e.Changed(c)
	}
	if read != nil && ctx.Err() == nil {
		e.Failed("alerts: not all could be read", read)
	}
	return nil
}

func (e *Engine) recovered() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failing, e.direct = time.Time{}, nil
}

// tellDirectly sends what cannot be recorded because the record itself is what failed (REL-002). Each node does it for
// itself then. A channel that did not take it gets it again at the next look.
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
	var sends sync.WaitGroup
	defer sends.Wait()
	for _, c := range e.Thresholds.Judge(&own, now) {
		if c.Rule != StoreFailed && c.Rule != NotReady && c.Rule != Disk {
			continue
		}
		a := Alert{
			ID: db.NewID(), Tenant: db.DefaultTenant, Rule: c.Rule, Key: c.Key, Severity: c.Severity, Opened: e.failing,
			Seen: now, Count: c.Count, What: c.What, Code: c.Code,
		}
		if e.due("", &a, now) {
			e.Changed(Change{a, string(opened)})
			e.told("", &a, now)
		}
		for i := range e.Book.Channels {
			ch := &e.Book.Channels[i]
			if ch.wants(&a) && e.due(ch.Name, &a, now) {
				sends.Go(func() { e.sendDirectly(ctx, ch, &a, now) })
			}
		}
	}
}

func (e *Engine) sendDirectly(ctx context.Context, ch *Channel, a *Alert, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := ch.Sender.Send(ctx, []Notice{notice(db.NewID(), a, opened, e.Book.Host, now)}); err != nil {
		e.failed(ch, err)
		return
	}
	e.told(ch.Name, a, now)
}

// due reports whether it is time to tell an alert on a channel, "" for the log.
func (e *Engine) due(channel string, a *Alert, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, told := e.direct[directly(channel, a)]
	return !told || now.Sub(last) >= a.Severity.repeat()
}

func (e *Engine) told(channel string, a *Alert, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.direct == nil {
		e.direct = map[string]time.Time{}
	}
	e.direct[directly(channel, a)] = now
}

func directly(channel string, a *Alert) string {
	return channel + "\x00" + string(a.Rule) + "\x00" + a.Key
}

// deliverLimit is how long the sends of a channel take together.
const deliverLimit = 2 * sendLimit

// deliver sends what waits on a channel.
func (e *Engine) deliver(ctx context.Context, c *Channel) {
	ctx, cancel := context.WithTimeout(ctx, deliverLimit)
	defer cancel()
	for ctx.Err() == nil {
		ended, err := e.Book.Deliver(ctx, c, e.Owner)
		if err != nil {
			e.failed(c, err)
		}
		if !ended || c.Spacing > 0 {
			return
		}
	}
}

func (e *Engine) failed(c *Channel, err error) { e.Failed("alert channel "+plain(c.Name), err) }

// patience is how a function is called that may hang for longer than its context, as one that waits for a disk: nobody
// waits for it, and until it has come back it is not called again.
type patience struct{ busy atomic.Bool }

var errSilent = errors.New("alert: the record does not answer")

func (p *patience) do(ctx context.Context, limit time.Duration, call func(ctx context.Context) error) error {
	if !p.busy.CompareAndSwap(false, true) {
		return errSilent
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		err := call(ctx)
		p.busy.Store(false) // before its end is known: the next call may follow at once
		done <- err
	}()
	grace := time.NewTimer(limit + time.Second) // most calls obey their context
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return errSilent
	}
}

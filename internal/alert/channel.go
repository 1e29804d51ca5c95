package alert

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Channel is a way to tell people or programs.
type Channel struct {
	Name        string
	MinSeverity Severity
	Rules       []Rule        // nil: all
	Tenants     []string      // nil: all
	Spacing     time.Duration // least time between two sends
	AtOnce      int           // notices of one send, at most
	Sender      Sender
}

// Sender sends notices together. An error means that none of them may count as sent.
type Sender interface {
	Send(ctx context.Context, list []Notice) error
}

// Later is an error of a Sender whose other side says when to try again.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap returns the cause.
func (l *Later) Unwrap() error { return l.Err }

// Refused is an error of a Sender whose other side will not take these notices, however often they are sent.
type Refused struct{ Err error }

func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the cause.
func (r *Refused) Unwrap() error { return r.Err }

func refused(err error) bool { r := (*Refused)(nil); return errors.As(err, &r) }

// wants reports whether an alert is told on the channel.
func (c *Channel) wants(a *Alert) bool {
	return !c.MinSeverity.Above(a.Severity) && (c.Rules == nil || slices.Contains(c.Rules, a.Rule)) &&
		(c.Tenants == nil || slices.Contains(c.Tenants, a.Tenant))
}

// plan has the waits after failures (API-094), each spread by a tenth. After the last one the notice is given up.
var plan = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

// sendLimit is how long a send may take, and sendLease how long nobody else sends on the channel meanwhile.
const (
	sendLimit = 30 * time.Second
	sendLease = 2 * time.Minute
)

const (
	makeChannel = `INSERT INTO alert_channel
		(name, tenant, due, spaced, lease_end, owner, token, failures, failing, reason)
		VALUES (?, '` + db.DefaultTenant + `', 0, 0, 0, '', 0, 0, 0, '') ON CONFLICT (name) DO NOTHING`
	claimChannel = `UPDATE alert_channel SET owner = ?, lease_end = ?, token = token + 1
		WHERE name = ? AND due <= ? AND spaced <= ? AND lease_end <= ? RETURNING token, failures`
	waiting = `SELECT id, tenant, alert, at, severity, subject, body, event FROM alert_notice
		WHERE channel = ? AND ended = 0 ORDER BY at, id LIMIT ?`
	endNotice   = `UPDATE alert_notice SET ended = ?, failed = ? WHERE id = ? AND ended = 0`
	freeChannel = `UPDATE alert_channel SET lease_end = 0, due = ?, spaced = ?, failures = ?, failing = ?, reason = ?
		WHERE name = ? AND token = ?`
	failingSince = `SELECT failing FROM alert_channel WHERE name = ?`
)

func scanNotice(row db.Row) (n Notice, err error) {
	var at int64
	err = row.Scan(&n.ID, &n.Tenant, &n.Alert, &at, (*string)(&n.Severity), &n.Subject, &n.Body, &n.Event)
	n.At = db.FromMicros(at)
	return n, err
}

// claim is the right to send on a channel for a while.
type claim struct {
	token    int64
	failures int
}

// Deliver sends what waits on a channel, if it is time and no other node does, and reports whether that ended
// something: it was sent, or refused. After another error the plan says when there is another attempt.
func (b *Book) Deliver(ctx context.Context, c *Channel, owner string) (ended bool, err error) {
	list, err := db.ReadAll(ctx, b.DB, "waiting notices", scanNotice, waiting, c.Name, c.AtOnce)
	if err != nil || len(list) == 0 {
		return false, err
	}
	held, err := b.claim(ctx, c, owner)
	if err != nil || held == nil {
		return false, err
	}
	// Read again: another node may have sent them before this one had the channel.
	if list, err = db.ReadAll(ctx, b.DB, "waiting notices", scanNotice, waiting, c.Name, c.AtOnce); err != nil {
		return false, err
	}
	var failure error
	if len(list) > 0 {
		limited, cancel := context.WithTimeout(ctx, sendLimit)
		defer cancel()
		failure = c.Sender.Send(limited, list)
	}
	if err := b.finish(context.WithoutCancel(ctx), c, held, list, failure); err != nil {
		return false, errors.Join(failure, err)
	}
	return len(list) > 0 && (failure == nil || refused(failure)), failure
}

// claim takes a channel; nil if it is not its time, or another node has it.
func (b *Book) claim(ctx context.Context, c *Channel, owner string) (held *claim, err error) {
	read := func(row db.Row) (k claim, err error) { err = row.Scan(&k.token, &k.failures); return k, err }
	err = b.DB.UpdateAny(ctx, func(tx *db.Tx) error {
		held = nil
		now, err := clock(tx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(makeChannel, c.Name); err != nil {
			return err
		}
		at := db.Micros(now)
		list, err := db.ChangeAll(tx, read, claimChannel, owner, db.Micros(now.Add(sendLease)), c.Name, at, at, at)
		if len(list) > 0 {
			held = &list[0]
		}
		return err
	})
	return held, err
}

// finish records what came of a send.
func (b *Book) finish(ctx context.Context, c *Channel, held *claim, list []Notice, failure error) error {
	return b.DB.UpdateAny(ctx, func(tx *db.Tx) error {
		now, err := clock(tx)
		if err != nil {
			return err
		}
		if failure == nil {
			if err := end(tx, list, now, 0); err != nil {
				return err
			}
			_, err := tx.Exec(freeChannel, db.Micros(now), db.Micros(now.Add(c.Spacing)), 0, 0, "", c.Name, held.token)
			return err
		}
		failures := held.failures + 1
		since, err := db.One(tx, db.ScanInt, failingSince, c.Name)
		if err != nil {
			return err
		}
		if since == 0 {
			since = db.Micros(now)
		}
		// what has waited for the whole plan is given up, and what is refused at once
		due := now.Add(pause(failures, failure))
		over := func(n Notice) bool { return now.Sub(n.At) >= planSpan() }
		if refused(failure) {
			over, due = func(Notice) bool { return true }, now
		}
		list = slices.DeleteFunc(slices.Clone(list), func(n Notice) bool { return !over(n) })
		if err := end(tx, list, now, 1); err != nil {
			return err
		}
		_, err = tx.Exec(freeChannel, db.Micros(due), db.Micros(now), failures, since, plain(failure.Error()), c.Name,
			held.token)
		return err
	})
}

func end(tx *db.Tx, list []Notice, now time.Time, failed int) error {
	for _, n := range list {
		if _, err := tx.Exec(endNotice, db.Micros(now), failed, n.ID); err != nil {
			return err
		}
	}
	return nil
}

// planSpan is the time from the first attempt to the last.
func planSpan() (sum time.Duration) {
	for _, d := range plan {
		sum += d
	}
	return sum
}

// pause is the wait after so many failures.
func pause(failures int, err error) time.Duration {
	d := plan[min(failures, len(plan))-1]
	d += time.Duration((rand.Float64() - 0.5) * 0.2 * float64(d))
	if l := (*Later)(nil); errors.As(err, &l) {
		d = max(d, l.After)
	}
	return d
}

// ChannelState is how a channel fares.
type ChannelState struct {
	Name     string
	Waiting  int64
	Failures int       // in a row
	Failing  time.Time // since when; zero: the last attempt succeeded
	Next     time.Time // attempt, if it fails
	Reason   string
}

// States lists the channels that were used.
func (b *Book) States(ctx context.Context) ([]ChannelState, error) {
	read := func(row db.Row) (s ChannelState, err error) {
		var failing, due int64
		err = row.Scan(&s.Name, &s.Failures, &failing, &due, &s.Reason, &s.Waiting)
		s.Failing, s.Next = db.FromMicros(failing), db.FromMicros(due)
		return s, err
	}
	return db.ReadAll(ctx, b.DB, "alert channels", read, `SELECT name, failures, failing, due, reason,
		(SELECT COUNT(*) FROM alert_notice n WHERE n.channel = c.name AND n.ended = 0)
		FROM alert_channel c ORDER BY name`)
}

// Test sends a notice on a channel at once, beside everything that waits.
func (c *Channel) Test(ctx context.Context, host string, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	a := &Alert{
		ID: db.NewID(), Tenant: db.DefaultTenant, Rule: "test", Key: c.Name, Severity: Info, Opened: now, Seen: now,
		Count: 1, What: fmt.Sprintf("a test of channel %s: nothing is wrong", c.Name),
	}
	return c.Sender.Send(ctx, []Notice{notice(db.NewID(), a, tested, host, now)})
}

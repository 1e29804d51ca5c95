package node

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// AlertBook returns the alerts of a record with the channels of a configuration.
func AlertBook(cfg *config.Config, d *db.DB, program string) (*alert.Book, error) {
	channels, err := AlertChannels(cfg, program)
	return &alert.Book{
		DB: d, CloseAfter: time.Duration(cfg.Alerts.CloseAfter), Channels: channels, Host: cfg.Host,
	}, err
}

// Mails of a channel are a minute apart, and each has at most so many notices (OPS-071).
const (
	mailSpacing = time.Minute
	mailNotices = 100
)

// AlertChannels makes the channels of a configuration that was checked. What is secret is read from its file now.
func AlertChannels(cfg *config.Config, program string) (list []alert.Channel, err error) {
	roots, err := cfg.TLSRoots()
	if err != nil {
		return nil, err
	}
	guard, err := cfg.Guard(roots)
	if err != nil {
		return nil, err
	}
	guard.Ports = []string{"8443"} // API-095
	for i := range cfg.Alerts.Channels {
		c := &cfg.Alerts.Channels[i]
		secret, err := cfg.AlertSecret(i)
		if err != nil {
			return nil, err
		}
		ch := alert.Channel{
			Name: c.Name, MinSeverity: alert.Severity(c.Least()), Tenants: c.Tenants, AtOnce: 1,
		}
		for _, r := range c.Rules {
			ch.Rules = append(ch.Rules, alert.Rule(r))
		}
		if c.Kind == config.MailChannel {
			ch.Spacing, ch.AtOnce = mailSpacing, mailNotices
			ch.Sender = &alert.Mail{
				Server: c.Server, TLS: c.Encryption(), Roots: roots, User: c.User, Password: secret, From: c.From,
				To:   c.To,
				Host: cfg.Host,
			}
		} else {
			key, err := alert.ParseSecret(secret)
			if err != nil {
				return nil, cfg.AlertFault(i, secretKey(c), err)
			}
			client := guard.Client(roots)
			if c.Internal {
				client = smp.Inside(roots)
			}
			ch.Sender = &alert.Webhook{URL: c.URL, Secret: key, HTTP: client, Agent: "Ravn/" + program, Now: time.Now}
		}
		list = append(list, ch)
	}
	return list, nil
}

// watchAlerts keeps the alerts, until ctx ends (OPS-070).
func (n *Node) watchAlerts(ctx context.Context) {
	book, err := AlertBook(n.Config, n.Store.DB, n.opts.Version)
	if err != nil { // the checks have passed, so that a file has changed since
		n.failure(err).Msg("alerts are recorded and logged, but sent on no channel")
		book.Channels = nil
	}
	e := n.alertEngine(book)
	e.Run(ctx)
}

// alertEngine makes what keeps the alerts of this node.
func (n *Node) alertEngine(book *alert.Book) *alert.Engine {
	return &alert.Engine{
		Book: book, Thresholds: thresholds(n.Config), Facts: n.facts, Record: n.recordFacts,
		Owner: n.process.Name, Now: n.opts.Now,
		Changed: n.logAlert, Failed: n.trouble,
	}
}

// thresholds are those of a configuration.
func thresholds(cfg *config.Config) alert.Thresholds {
	a := &cfg.Alerts
	t := alert.Thresholds{
		Off:           map[alert.Rule]bool{},
		NotReadyAfter: time.Duration(a.NotReady.After), DiskWarn: int64(a.Disk.Warn), DiskPage: int64(a.Disk.Page),
		FailedPercent: int64(a.SendFailed.Percent), FailedOf: int64(a.SendFailed.Of),
		SendWarn: time.Duration(a.SendDelayed.Warn), SendPage: time.Duration(a.SendDelayed.Page),
		PeerAfter: time.Duration(a.PeerDown.After), PeerWaiting: int64(a.PeerDown.Waiting),
		SMPAfter: time.Duration(a.SMPDown.After), Refusals: int64(a.ReceiveErrors.Refusals),
		RefusedPercent: int64(a.ReceiveErrors.Percent),
		DeliveryWarn:   time.Duration(a.DeliveryDelayed.Warn), DeliveryPage: time.Duration(a.DeliveryDelayed.Page),
		ClockOffset: time.Duration(a.Clock.Offset), ClockJump: time.Duration(a.Clock.Jump),
	}
	for _, rule := range a.Off {
		t.Off[alert.Rule(rule)] = true
	}
	return t
}

// logAlert logs an alert that opens, rises or closes. The level is that of its severity.
func (n *Node) logAlert(c alert.Change) {
	level := map[alert.Severity]zerolog.Level{
		alert.Info: zerolog.InfoLevel, alert.Warn: zerolog.WarnLevel, alert.Page: zerolog.ErrorLevel,
	}[c.Severity]
	if string(c.Became) == "closed" {
		level = zerolog.InfoLevel
	}
	ev := n.opts.Log.WithLevel(level).Str("state", string(c.Became)).Str("rule", string(c.Rule)).Str("key", c.Key).
		Str("severity", string(c.Severity)).Str("id", c.ID).Int64("count", c.Count).Str("text", c.What)
	if c.Code != "" {
		ev = ev.Str("code", string(c.Code))
	}
	if c.Message != "" {
		ev = ev.Str("tx", c.Message)
	}
	ev.Msg("alert")
}

// Spans that the rules look back.
const (
	failedSpan   = time.Hour
	lookBack     = 90 * 24 * time.Hour  // what got into its state before needs no alert any more
	oldest       = 400 * 24 * time.Hour // documents that were handed in or came before are not looked for
	moreThanEach = 51                   // one more than have alerts of their own
	mostWaiting  = 1000
)

// facts is what this node knows by itself, for the rules.
func (n *Node) facts() *alert.Facts {
	now := n.opts.Now()
	f := &alert.Facts{
		Node: hostName(), ClockOffset: time.Duration(n.eye.offset.Load()),
		ClockJump: n.eye.clock.jumped(now.Add(-time.Hour)), Differences: n.differences(),
	}
	n.readinessFacts(f, now)
	n.diskFacts(f)
	for _, e := range n.expiries(now) {
		step := e.step(now)
		f.Certificates = append(f.Certificates, alert.CertificateFact{
			Use: e.what, Fingerprint: certs.Fingerprint(e.cert), Left: certs.DaysLeft(e.cert, now),
			Over: step == overStep,
			Near: step != noStep,
		})
	}
	n.eye.seen.fill(f, now)
	if alarms := n.eye.alarms.Load(); alarms != nil {
		f.RuleAlarms = *alarms
	}
	return f
}

// recordFacts adds what the record says. That is the same for all nodes.
func (n *Node) recordFacts(ctx context.Context, f *alert.Facts) error {
	now := n.opts.Now()
	return errors.Join(n.backlogFacts(ctx, f, now), n.routeFacts(ctx, f), n.documentFacts(ctx, f, now))
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "?"
	}
	return name
}

// readinessFacts says what keeps the node from taking messages, and since when.
func (n *Node) readinessFacts(f *alert.Facts, now time.Time) {
	f.NotReady = slices.DeleteFunc(n.failing(), func(check string) bool { return check == checkDraining })
	f.NotReadySince = n.eye.unready.since(len(f.NotReady) > 0, now)
	if u := n.unready(); u != nil && u.cause == causeStorage {
		f.Storage = "its storage failed"
	} else if !n.eye.answers.Load() {
		f.Storage = "the database does not answer"
	}
}

func (n *Node) diskFacts(f *alert.Facts) {
	for volume, dir := range n.volumes() {
		free, total, err := n.opts.DiskSpace(dir)
		if err != nil {
			f.Disks = append(f.Disks, alert.DiskFact{Volume: volume, Silent: true})
			continue
		}
		d := alert.DiskFact{Volume: volume, Free: free, Total: total}
		if volume == "data" {
			d.Need = min(2*uint64(n.Config.AS4.MaxBytes), total/10)
		}
		f.Disks = append(f.Disks, d)
	}
}

// backlogFacts says what waits, and for whom.
func (n *Node) backlogFacts(ctx context.Context, f *alert.Facts, now time.Time) error {
	list, err := n.Store.BacklogsOfAll(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		fact := alert.Backlog{Open: b.Waiting, Oldest: b.Age(now)}
		switch b.Kind {
		case store.Send:
			f.Unsent = fact
		case store.Deliver:
			f.Undelivered = fact
		}
	}
	for lane, since := range n.lanes.Broken() {
		waits, err := n.Store.Waiting(ctx, lane, mostWaiting)
		if err != nil {
			return err
		}
		f.Peers = append(f.Peers, alert.PeerFact{Host: clean(lane), Since: since, Waiting: waits})
	}
	return nil
}

// routeFacts says what waits for a route.
func (n *Node) routeFacts(ctx context.Context, f *alert.Facts) error {
	list, err := n.Store.StuckFor(ctx, string(fault.NoRoute), mostWaiting)
	for _, s := range list {
		f.Unrouted = append(f.Unrouted, alert.Stuck{Tenant: s.Tenant, ID: s.MessageID, Documents: s.Messages})
	}
	return err
}

// documentFacts lists the documents that need somebody.
func (n *Node) documentFacts(ctx context.Context, f *alert.Facts, now time.Time) error {
	var all []error
	for _, tenant := range append([]string{db.DefaultTenant}, n.Config.Tenants...) {
		add := func(list *[]alert.Document, found []store.InState, err error) {
			all = append(all, err)
			for _, m := range found {
				*list = append(*list, alert.Document{Tenant: m.Tenant, ID: m.ID, Code: m.Code})
			}
		}
		givenUp := func(kind store.Kind, s store.State, list *[]alert.Document, span time.Duration) {
			found, err := n.Store.GivenUp(ctx, tenant, kind, s, now.Add(-span), moreThanEach)
			add(list, found, err)
		}
		in := func(d store.Direction, s store.State, list *[]alert.Document) {
			found, err := n.Store.LatestIn(ctx, tenant, d, s, now.Add(-oldest), now.Add(-lookBack), moreThanEach)
			add(list, found, err)
		}
		givenUp(store.Send, store.FailedPermanent, &f.Failed, failedSpan)
		givenUp(store.Deliver, store.Dead, &f.Dead, lookBack)
		for _, s := range []store.State{store.UnknownAccepted, store.ReceiptInvalid, store.RecoveryHold} {
			in(store.Out, s, &f.Attention)
		}
		in(store.Out, store.Quarantined, &f.Quarantined)
		in(store.In, store.Quarantined, &f.Quarantined)
	}
	return errors.Join(all...)
}

// differences is what the conservation check found lately (REL-101).
func (n *Node) differences() map[string]int64 { return map[string]int64{"record": n.Differences()} }

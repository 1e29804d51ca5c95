package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// openRules loads the rule packs, and the built-in one, when one of the directions is checked. What cannot be read is
// an alarm and no reason not to start: documents go on, checked by what is left.
func (n *Node) openRules() {
	v := n.Config.Validation
	if v.Outgoing == string(ap.CheckOff) && v.Incoming == string(ap.CheckOff) {
		return
	}
	var packs []pack.Pack
	packs, n.unreadable = LoadRules(n.Config.RulesDir())
	n.packs = append(packs, core.Pack())
	n.rules, n.room = validation.New(n.packs), &validation.Room{Bytes: v.RoomBytes}
	n.Inbound.Check = n.check(v.Incoming)
}

// LoadRules reads the rule packs of a folder and says what of it cannot be read. If one version of a pack cannot,
// another that holds until a newer one does is left out as well: the newer one may be the one that is lost, and a
// document must not be refused by rules that have ended. Documents without rules go on unchecked, as ever.
func LoadRules(dir string) (packs []pack.Pack, unreadable []error) {
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{err}
	}
	packs, err := pack.Load(dir)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		unreadable = joined.Unwrap()
	} else if err != nil {
		unreadable = []error{err}
	}
	lost := map[string]bool{}
	for _, err := range unreadable {
		var u *pack.Unreadable
		if errors.As(err, &u) {
			lost[u.Name] = true
		}
	}
	return slices.DeleteFunc(packs, func(p pack.Pack) bool { return lost[p.Name] && p.ValidTo == "" }), unreadable
}

func (n *Node) check(policy string) ap.Check {
	return ap.Check{Rules: n.rules, Policy: ap.Policy(policy), Room: n.room, Timeout: time.Duration(n.Config.Validation.Timeout)}
}

// seenSpan is how far back the traffic is looked at for alarms.
const seenSpan = 30 * 24 * time.Hour

// RuleAlarms says what an operator should know about rule packs, and about those that are unreadable, with regard to
// the traffic of the last 30 days. Alarms come also with an error.
func RuleAlarms(
	ctx context.Context, s *store.Store, packs []pack.Pack, unreadable []error, now time.Time,
) ([]validation.Alarm, error) {
	var list []validation.Alarm
	for _, err := range unreadable {
		list = append(list, unreadableAlarm(err))
	}
	types, err := s.Types(ctx, db.DefaultTenant, now.Add(-seenSpan))
	if err != nil {
		return list, fault.New(fault.DatabaseUnusable, err, "")
	}
	var seen []validation.Seen
	for _, t := range types {
		seen = append(seen, validation.Seen(t))
	}
	return append(list, validation.Alarms(packs, seen, now)...), nil
}

// unreadableAlarm is the alarm about rules that cannot be read.
func unreadableAlarm(err error) validation.Alarm {
	const text = "rules cannot be read: %v. Documents are checked without them. Install them again: ravn rules install"
	a := validation.Alarm{Kind: validation.AlarmUnreadable, Text: fmt.Sprintf(text, err)}
	var u *pack.Unreadable
	if errors.As(err, &u) {
		a.Pack, a.Version = u.Name, u.Version
		a.Text += fmt.Sprintf(", or remove them: ravn rules remove %s %s. Until then no version of %s is used that names "+
			"no last day", u.Name, u.Version, u.Name)
	}
	return a
}

// watchRules logs the alarms at the start and once a day.
func (n *Node) watchRules(ctx context.Context) {
	if n.rules == nil {
		return
	}
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		alarms, err := RuleAlarms(ctx, n.Store, n.packs, n.unreadable, n.opts.Now())
		if err != nil && ctx.Err() == nil {
			n.opts.Log.Error().Err(err).Msg("rule alarms")
		}
		for _, a := range alarms {
			n.logRuleAlarm(a)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// logRuleAlarm logs an alarm about rules; what is broken here is an error.
func (n *Node) logRuleAlarm(a validation.Alarm) {
	level := zerolog.WarnLevel
	if a.Kind == validation.AlarmUnreadable {
		level = zerolog.ErrorLevel
	}
	n.alarm(level, string(a.Kind)).Str("pack", a.Pack).Str("version", a.Version).Str("doctype", a.DocType).Msg(a.Text)
}

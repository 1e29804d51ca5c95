package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
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

// openRules loads the rule packs and the built-in one, if at least one direction is checked. An unreadable pack raises
// an alarm but does not keep the server from starting: documents are checked with the others.
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

// LoadRules reads the rule packs in a folder and returns which cannot be read. If a version of a pack is unreadable,
// other versions of it without a last day are left out as well: they may have been replaced by the unreadable one, and
// a document must not be refused by outdated rules. Documents without rules go on unchecked.
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
	return ap.Check{
		Rules: n.rules, Policy: ap.Policy(policy), NoRules: ap.NoRules(n.Config.Validation.NoRules),
		Room: n.room, Timeout: time.Duration(n.Config.Validation.Timeout), Program: n.opts.Program,
	}
}

// seenSpan is how much past traffic is considered for alarms.
const seenSpan = 30 * 24 * time.Hour

// RuleAlarms returns what an operator should know about the rule packs, including unreadable ones, given the traffic of
// the last 30 days. It may return both alarms and an error.
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
		a.Text += fmt.Sprintf(
			", or remove them: ravn rules remove %s %s. Until then no version of %s is used that names "+
				"no last day", u.Name, u.Version, u.Name)
	}
	return a
}

// watchRules logs the alarms at the start and then once a day.
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
		names := []string{}
		for _, a := range alarms {
			names = append(names, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Kind, a.Pack, a.Version)))
		}
		n.eye.alarms.Store(&names)
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

// logRuleAlarm logs an alarm about rules, at level error if a pack is broken.
func (n *Node) logRuleAlarm(a validation.Alarm) {
	level := zerolog.WarnLevel
	if a.Kind == validation.AlarmUnreadable {
		level = zerolog.ErrorLevel
	}
	n.alarm(level, string(a.Kind)).Str("pack", a.Pack).Str("version", a.Version).Str("doctype", a.DocType).Msg(a.Text)
}

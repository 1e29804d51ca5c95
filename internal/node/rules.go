package node

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// openRules loads the rule packs, and the built-in one, when one of the directions is checked. A pack that cannot be read is
// an error at the start, not a silent gap later.
func (n *Node) openRules() error {
	v := n.Config.Validation
	if v.Outgoing == string(ap.CheckOff) && v.Incoming == string(ap.CheckOff) {
		return nil
	}
	packs, err := pack.Load(n.Config.RulesDir())
	if err != nil {
		return fault.New(fault.RulesUnusable, err, "")
	}
	n.packs = append(packs, core.Pack())
	n.rules = validation.New(n.packs)
	n.Inbound.Check = n.check(v.Incoming)
	return nil
}

func (n *Node) check(policy string) ap.Check {
	return ap.Check{Rules: n.rules, Policy: ap.Policy(policy)}
}

// seenSpan is how far back the traffic is looked at for alarms.
const seenSpan = 30 * 24 * time.Hour

// RuleAlarms says what an operator should know about rule packs, with regard to the traffic of the last 30 days.
func RuleAlarms(ctx context.Context, s *store.Store, packs []pack.Pack, now time.Time) ([]validation.Alarm, error) {
	types, err := s.Types(ctx, store.DefaultTenant, now.Add(-seenSpan))
	if err != nil {
		return nil, fault.New(fault.DatabaseUnusable, err, "")
	}
	var seen []validation.Seen
	for _, t := range types {
		seen = append(seen, validation.Seen(t))
	}
	return validation.Alarms(packs, seen, now), nil
}

// watchRules logs the alarms at the start and once a day.
func (n *Node) watchRules(ctx context.Context) {
	if n.rules == nil {
		return
	}
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		alarms, err := RuleAlarms(ctx, n.Store, n.packs, n.opts.Now())
		if err != nil && ctx.Err() == nil {
			n.opts.Log.Error().Err(err).Msg("rule alarms")
		}
		for _, a := range alarms {
			n.opts.Log.Warn().Str("kind", string(a.Kind)).Str("pack", a.Pack).Str("version", a.Version).Str("doctype", a.DocType).Msg(a.Text)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

package node

import (
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
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
	n.rules = validation.New(append(packs, core.Pack()))
	n.Inbound.Check = n.check(v.Incoming)
	return nil
}

func (n *Node) check(policy string) ap.Check {
	return ap.Check{Rules: n.rules, Policy: ap.Policy(policy)}
}

package schematron

import (
	"context"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Bounds of Explain: enough for what a person reads, and little for a machine.
const (
	maxExplained = 20        // findings of one test
	explainSteps = 1_000_000 // for one finding
	allSteps     = 8_000_000 // for all findings of a result
)

// Explain says in the findings of a result what decided their tests, as far as that can be told within the budget and
// the bounds above. t is the tree of the result. It is called after all rules were evaluated, so that it cannot take
// from them what they need, and changes no finding otherwise. It returns the steps that it took.
func Explain(ctx context.Context, t *xdm.Tree, res *Result, b xpath.Budget) (work int64) {
	if len(res.Findings) == 0 || b.Steps < 0 {
		return 0
	}
	if b.Steps == 0 || b.Steps > allSteps {
		b.Steps = allSteps
	}
	ev := xpath.NewEvaluation(ctx, t, b)
	defer ev.Release()
	times := map[*Assert]int{}
	for i := range res.Findings {
		f := &res.Findings[i]
		if f.compiled == nil || times[f.Assert] == maxExplained {
			continue
		}
		times[f.Assert]++
		ev.Home(f.Node)
		facts, err := f.compiled.scope.Explain(ev, f.Assert.Test, f.Node, !f.Assert.Report, explainSteps)
		if err == nil {
			f.Why = facts
		} else if ctx.Err() != nil || ev.Spent() >= b.Steps {
			break
		}
	}
	return ev.Spent()
}

package documents

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// Action is a decision of an operator about a document (API-058).
type Action string

// The actions that there are.
const (
	Retry   Action = "retry"
	Cancel  Action = "cancel"
	Discard Action = "discard"
)

// deed says when an action is possible and who does it.
type deed struct {
	action Action
	may    func(store.Direction, store.State) bool
	do     func(s *store.Store, ctx context.Context, tenant, id, actor, reason string) error
}

var deeds = []deed{
	{Retry, store.MayRequeue, (*store.Store).Requeue},
	{Cancel, store.MayCancel, (*store.Store).Cancel},
	{Discard, store.MayDiscard, (*store.Store).Discard},
}

// actionsOf returns what is possible in a state.
func actionsOf(d store.Direction, s store.State) []Action {
	list := []Action{}
	for _, a := range deeds {
		if a.may(d, s) {
			list = append(list, a.action)
		}
	}
	return list
}

// Bounds of a reason, in characters (API-058).
const (
	reasonMin = 3
	reasonMax = 500
)

// Act carries out a decision about the document that name stands for, for an actor who says why, and returns the
// document as it is then. Both are audited. A state that does not allow it is RAVN-5010 with what is possible.
func (d *Desk) Act(ctx context.Context, action Action, name, actor, reason string) (*Document, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < reasonMin || n > reasonMax {
		return nil, fault.New(fault.BadArguments, nil, "a reason is needed, of %d to %d characters", reasonMin,
			reasonMax)
	}
	if err := checkTexts(reason); err != nil {
		return nil, err
	}
	id, err := d.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(deeds, func(x deed) bool { return x.action == action })
	if i < 0 {
		return nil, fault.New(fault.BadArguments, nil, "there is no action %q", action)
	}
	err = deeds[i].do(d.Store, ctx, d.Tenant, id, actor, reason)
	conflict := errors.Is(err, db.ErrConflict) || errors.Is(err, store.ErrTransition)
	if err != nil && !conflict {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	after, serr := d.Show(ctx, id)
	if serr != nil {
		return nil, serr
	}
	if conflict {
		return nil, fault.New(fault.ActionImpossible, nil, "%s of %s, which is %s%s; possible: %s",
			action, id, after.State, unclearly(after), possible(after.Actions))
	}
	return after, nil
}

// unclearly names the one thing beside its state that forbids to cancel a document.
func unclearly(d *Document) string {
	if slices.ContainsFunc(d.Attempts, func(a Attempt) bool { return a.Unclear }) {
		return " and may have arrived"
	}
	return ""
}

func possible(list []Action) string {
	if len(list) == 0 {
		return "nothing"
	}
	var names []string
	for _, a := range list {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

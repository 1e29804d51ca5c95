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
	Hold    Action = "hold"
	Release Action = "release"
	Discard Action = "discard"
)

// deed says when an action is possible and who does it.
type deed struct {
	action Action
	may    func(*store.Message) bool
	do     func(s *store.Store, ctx context.Context, tenant, id, actor, reason string) error
}

// deeds is the one list of actions: for the command line, the API and pages.
var deeds = []deed{
	{Retry, store.MayRequeue, (*store.Store).Requeue},
	{Cancel, store.MayCancel, (*store.Store).Cancel},
	{Hold, store.MayHold, (*store.Store).Hold},
	{Release, store.MayRelease, (*store.Store).Unhold},
	{Discard, store.MayDiscard, (*store.Store).Discard},
}

func find(action Action) (deed, error) {
	i := slices.IndexFunc(deeds, func(x deed) bool { return x.action == action })
	if i < 0 {
		return deed{}, fault.New(fault.BadArguments, nil, "there is no action %q", action)
	}
	return deeds[i], nil
}

// actionsOf returns what is possible with a message.
func actionsOf(m *store.Message) []Action {
	list := []Action{}
	for _, a := range deeds {
		if a.may(m) {
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

// CheckReason returns the reason of a decision as it is recorded, or what is wrong with it.
func CheckReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < reasonMin || n > reasonMax {
		return "", fault.New(fault.BadArguments, nil, "a reason is needed, of %d to %d characters", reasonMin,
			reasonMax)
	}
	return reason, checkTexts(reason)
}

// Act carries out a decision about the document that name stands for, for an actor who says why, and returns the
// document as it is then. Both are audited. A state that does not allow it is RAVN-5010 with what is possible.
func (d *Desk) Act(ctx context.Context, action Action, name, actor, reason string) (*Document, error) {
	reason, err := CheckReason(reason)
	if err != nil {
		return nil, err
	}
	x, err := find(action)
	if err != nil {
		return nil, err
	}
	id, err := d.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	err = x.do(d.Store, ctx, d.Tenant, id, actor, reason)
	conflict := isConflict(err)
	if err != nil && !conflict {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	after, serr := d.Show(ctx, id)
	if serr != nil {
		return nil, serr
	}
	if conflict {
		return nil, after.refusal(action)
	}
	return after, nil
}

// isConflict reports whether a decision was refused because of the state of its message, or because that changed
// meanwhile.
func isConflict(err error) bool {
	return errors.Is(err, db.ErrConflict) || errors.Is(err, store.ErrTransition)
}

// refusal says why an action is not possible.
func (d *Document) refusal(action Action) error {
	return fault.New(fault.ActionImpossible, nil, "%s of %s, which is %s%s; possible: %s", action, d.ID, d.State,
		d.hindrance(), possible(d.Actions))
}

// hindrance names what beside its state forbids something with a document.
func (d *Document) hindrance() string {
	switch {
	case d.Held != nil:
		return ", and held by " + d.Held.By
	case d.State == store.Sending || d.State == store.Delivering:
		return ": an attempt is under way"
	}
	return unclearly(d)
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

package documents

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// Status is the small stable word for programs (API-054).
type Status string

// The words.
const (
	Pending   Status = "pending"
	Sent      Status = "sent"
	Delivered Status = "delivered"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
	Discarded Status = "discarded"
	Attention Status = "attention"
)

// meaning is what a status stands for.
type meaning struct {
	status    Status
	standings []store.Standing
}

// statuses says which states a status stands for. A state that is in none does not occur on the record.
var statuses = []meaning{
	{Pending, append(
		states(store.Out, store.Submitted, store.Ready, store.Sending, store.RetryWait, store.Unknown),
		states(store.In, store.Accepted, store.Delivering, store.DeliveryFailed)...)},
	{Sent, append(
		states(store.Out, store.Sent),
		store.Standing{Direction: store.Out, State: store.Closed, Reached: store.Yes})},
	{Delivered, append(
		states(store.In, store.Delivered),
		store.Standing{Direction: store.In, State: store.Archived, Reached: store.Yes})},
	{Failed, append(
		states(store.Out, store.FailedPermanent),
		store.Standing{Direction: store.Out, State: store.Closed, Reached: store.No},
		store.Standing{Direction: store.In, State: store.Dead})},
	{Cancelled, states(store.Out, store.Cancelled)},
	{Discarded, []store.Standing{{Direction: store.In, State: store.Archived, Reached: store.No}}},
	{Attention, append(
		states(store.Out, store.Quarantined, store.UnknownAccepted, store.ReceiptInvalid, store.RecoveryHold),
		states(store.In, store.Quarantined)...)},
}

func states(d store.Direction, list ...store.State) (all []store.Standing) {
	for _, s := range list {
		all = append(all, store.Standing{Direction: d, State: s})
	}
	return all
}

// StatusOf returns the status of a state. reached tells that the next one has the document for sure.
func StatusOf(d store.Direction, s store.State, reached bool) Status {
	is := store.No
	if reached {
		is = store.Yes
	}
	for _, row := range statuses {
		for _, st := range row.standings {
			if st.Direction == d && st.State == s && (st.Reached == store.Either || st.Reached == is) {
				return row.status
			}
		}
	}
	return Attention
}

// standings returns what is looked for by names of states and statuses, separated by commas; nil when none is named.
// Both given, both must hold.
func standings(stateNames, statusNames string) ([]store.Standing, error) {
	var byState, byStatus []store.Standing
	for _, name := range split(stateNames) {
		found := false
		for _, st := range all() {
			if st.Reached = store.Either; !strings.EqualFold(string(st.State), name) {
				continue
			}
			if found = true; !slices.Contains(byState, st) {
				byState = append(byState, st)
			}
		}
		if !found {
			return nil, unknown("state", name, stateWords())
		}
	}
	for _, name := range split(statusNames) {
		i := slices.IndexFunc(statuses, func(m meaning) bool { return strings.EqualFold(string(m.status), name) })
		if i < 0 {
			return nil, unknown("status", name, StatusWords())
		}
		byStatus = append(byStatus, statuses[i].standings...)
	}
	switch {
	case stateNames == "":
		return byStatus, nil
	case statusNames == "":
		return byState, nil
	}
	both := slices.DeleteFunc(byStatus, func(st store.Standing) bool {
		st.Reached = store.Either
		return !slices.Contains(byState, st)
	})
	if len(both) == 0 {
		return nil, fault.New(fault.BadArguments, nil, "no state of %s has the status %s", stateNames, statusNames)
	}
	return both, nil
}

func unknown(what, name string, words []string) error {
	return fault.New(fault.BadArguments, nil, "there is no %s %q: want %s", what, name, strings.Join(words, ", "))
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// all returns every standing of the table.
func all() (list []store.Standing) {
	for _, row := range statuses {
		list = append(list, row.standings...)
	}
	return list
}

// stateWords returns the names of all states that a document on record may have.
func stateWords() (names []string) {
	for _, st := range all() {
		if !slices.Contains(names, string(st.State)) {
			names = append(names, string(st.State))
		}
	}
	return names
}

// StatusWords returns the names of all statuses.
func StatusWords() (names []string) {
	for _, row := range statuses {
		names = append(names, string(row.status))
	}
	return names
}

// Help says which words states and statuses may have.
func Help() string {
	return fmt.Sprintf("Statuses: %s.\nStates: %s.", strings.Join(StatusWords(), " "), strings.Join(stateWords(), " "))
}

package store

import (
	"slices"
	"strings"
	"testing"
)

// all lists the states of each direction by the names of reliability.md §2 and design.md §3.
var all = map[Direction]string{
	In: "SPOOLING VERIFIED ACCEPTED DELIVERING DELIVERY_FAILED DELIVERED ARCHIVED REFUSED QUARANTINED DEAD",
	Out: "SUBMITTED READY SENDING RETRY_WAIT UNKNOWN SENT CLOSED FAILED_PERMANENT CANCELLED RECOVERY_HOLD " +
		"UNKNOWN_ACCEPTED " +
		"RECEIPT_INVALID QUARANTINED",
}

func TestD23StateTable(t *testing.T) {
	final := map[Direction]string{In: "ARCHIVED REFUSED", Out: "CLOSED CANCELLED"}
	first := map[Direction]State{In: Spooling, Out: Submitted}
	for d, names := range all {
		reached := map[State]bool{first[d]: true}
		for todo := []State{first[d]}; len(todo) > 0; todo = todo[1:] {
			for _, s := range next[d][todo[0]] {
				if !reached[s] {
					reached[s], todo = true, append(todo, s)
				}
			}
		}
		states := strings.Fields(names)
		for _, s := range states {
			if !reached[State(s)] {
				t.Errorf("%s: %s cannot be reached", d, s)
			}
			if got, want := Final(d, State(s)), slices.Contains(strings.Fields(final[d]), s); got != want {
				t.Errorf("%s: %s final: %v, want %v", d, s, got, want)
			}
		}
		for s := range reached {
			if !slices.Contains(states, string(s)) {
				t.Errorf("%s: %s is not a state of this direction", d, s)
			}
		}
	}
}

func TestREL027NoCancelInFlight(t *testing.T) {
	for _, s := range strings.Fields(all[Out]) {
		want := s == "SUBMITTED" || s == "READY" || s == "RETRY_WAIT"
		if got := CanMove(Out, State(s), Cancelled); got != want {
			t.Errorf("%s: cancel %v, want %v", s, got, want)
		}
	}
}

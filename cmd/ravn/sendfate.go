package main

import (
	"cmp"
	"errors"

	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// fate is what the state of a message says to who handed it in.
type fate struct {
	word string
	exit fault.Exit
	code fault.Code
	text string // what is known, and what to do

	cause error // of an attempt; nil when only the state tells
}

// pending reports whether the state will change by itself.
func (f *fate) pending() bool { return f.word == resultWaiting }

// fateOf is the one place where a state becomes a word and an exit code. "failed", and exit code 1, is said only of
// what certainly did not arrive: whoever reads it sends the document anew (REL-027).
func fateOf(m *store.Message) fate {
	var f fate
	switch documents.StatusOf(m.Direction, m.State, !m.Accepted.IsZero()) {
	case documents.Sent:
		return fate{word: resultSent}
	case documents.Pending:
		return fate{
			word: resultWaiting, exit: fault.Unsure, code: fault.Code(m.FaultCode),
			text: "it is on record, and ravn serve goes on by its plan: ravn queue show " + m.ID,
		}
	case documents.Cancelled:
		f.word, f.exit, f.text = resultFailed, fault.Negative, "an operator cancelled it: ravn documents show "+m.ID
		return f
	case documents.Failed:
		f.word, f.exit = resultFailed, fault.Negative
		if fault.Code(m.FaultCode) == fault.GivenUpUnclear || m.State == store.Closed {
			f.word, f.exit = resultAttention, fault.Unsure
		}
	default:
		f.word, f.exit = resultAttention, fault.Unsure
	}
	f.text = "see: ravn documents show " + m.ID
	if p := documents.ProblemOf(m); p != nil {
		f.code, f.text = p.Code, string(p.Code)+": "+p.Title+". "+p.Next+"; "+f.text
	}
	return f
}

// because is the fate after an attempt that ended with err, which says more than the state.
func (f fate) because(err error) fate {
	if err != nil && f.exit != fault.OK {
		f.code, _ = faultCode(err)
		f.text, f.cause = fault.Plain(err), err
	}
	return f
}

// err is the error of a message without a receipt.
func (f *fate) err() error {
	return &fateError{cmp.Or(f.cause, errors.New(f.text)), f.exit}
}

// fateError is an error whose exit code the state of a message decides.
type fateError struct {
	error
	exit fault.Exit
}

// Unwrap lets what shows errors look inside, as into several.
func (e *fateError) Unwrap() []error { return []error{e.error} }

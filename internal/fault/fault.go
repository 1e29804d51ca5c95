// Package fault is the one table of errors that an operator can meet (D-24): a stable code, what happened, who is to
// blame and what to do next, in English, Bokmål and Nynorsk. Everything that shows an error to a person or a program
// (the command line, the log, later the API and the web pages) takes its words from here. Elsewhere in the program an
// error in a document is a violation, finding or defect; "fault" is kept for the entries of this table, the SOAP Fault
// and the faults that tests inject.
package fault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is a stable error code, "RAVN-1001".
type Code string

// Blame says who caused an error and can put it right.
type Blame string

// Who is to blame.
const (
	Ours      Blame = "ours"      // this installation or its operator
	Theirs    Blame = "theirs"    // the other access point
	Submitter Blame = "submitter" // who handed the document in
	Network   Blame = "network"
	Register  Blame = "register" // SML or SMP: the receiver's registration
)

// Words says who that is.
func (b Blame) Words() string {
	switch b {
	case Ours:
		return "this installation or its operator"
	case Theirs:
		return "the other access point"
	case Submitter:
		return "who handed the document in"
	case Network:
		return "nobody: the network; try again"
	case Register:
		return "the receiver's registration in SML or SMP"
	}
	return string(b)
}

// Exit is the exit code of a command that ends with the error (design.md §2).
type Exit int

// Exit codes.
const (
	OK       Exit = 0
	Negative Exit = 1 // invalid or unreadable document, not registered, refused by the other side
	Usage    Exit = 2 // bad arguments, configuration, no rules, port in use
	Unsure   Exit = 3 // network, budget exhausted, temporary
)

// Lang is a language of the texts.
type Lang string

// Languages.
const (
	English Lang = "en"
	Bokmal  Lang = "nb"
	Nynorsk Lang = "nn"
)

// Languages lists the languages of the texts.
var Languages = []Lang{English, Bokmal, Nynorsk}

// Label is a text in all languages, in the order of Languages.
type Label [3]string

// In returns the text in a language; English if there is no such language.
func (l Label) In(lang Lang) string { return l[max(0, slices.Index(Languages, lang))] }

// Text says what happened and what to do next.
type Text struct{ What, Next string }

// Entry is one row of the table.
type Entry struct {
	Code  Code
	Blame Blame
	Exit  Exit
	Texts map[Lang]Text
}

// Error is an occurrence of an entry.
type Error struct {
	Code   Code
	Detail string // which file, key, participant …; no payload, no secret
	Err    error  // cause
}

// New makes an error with a cause, which may be nil. The detail is formatted like fmt.Sprintf. Work that was cancelled
// says nothing about the file, register or record that it was busy with: its code is Cancelled, unless something may
// have been sent by then.
func New(code Code, err error, format string, args ...any) *Error {
	if errors.Is(err, context.Canceled) && !sent[code] {
		code = Cancelled
	}
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...), Err: err}
}

// sent are the codes of an attempt that has begun: what is known about the message stays true when it is cancelled.
var sent = map[Code]bool{
	PeerRefused: true, PeerUnreachable: true, ReceiptInvalid: true, PeerLater: true,
	GivenUp: true, GivenUpUnclear: true,
}

func (e *Error) Error() string { return e.In(English) }

// MayHaveSent reports whether the code is one of an attempt in which something was sent, so that it outlasts a
// cancellation.
func MayHaveSent(code Code) bool { return sent[code] }

// In returns the one line for an operator in a language: code, what happened, detail and cause, what to do next.
func (e *Error) In(lang Lang) string {
	entry, _ := Find(e.Code)
	text, ok := entry.Texts[lang]
	if !ok {
		text = entry.Texts[English]
	}
	s := string(e.Code) + ": " + text.What
	if why := e.why(); why != "" {
		s += ": " + why
	}
	return strings.TrimRight(s, ".") + ". " + text.Next
}

// why is detail and cause in plain words, nothing of it twice.
func (e *Error) why() string {
	if e.Err == nil {
		return e.Detail
	}
	cause := inner(e.Err)
	switch {
	case e.Code == Cancelled && (cause == cancelled || strings.HasSuffix(cause, ": "+cancelled)):
		return e.Detail
	case e.Detail == "" || strings.Contains(cause, e.Detail):
		return cause
	case strings.Contains(e.Detail, cause):
		return e.Detail
	}
	return e.Detail + " (" + cause + ")"
}

// inner is the text of a cause. If that is an error of this table again, its advice is left out: the outer one counts.
func inner(err error) string {
	text := err.Error()
	var nested *Error
	if errors.As(err, &nested) {
		entry, _ := Find(nested.Code)
		short := entry.Texts[English].What
		if why := nested.why(); why != "" {
			short += ": " + why
		}
		text = strings.Replace(text, nested.Error(), short, 1)
	}
	return plain(text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Find returns the entry of a code.
func Find(code Code) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(Table, code, func(e Entry, c Code) int { return cmp.Compare(e.Code, c) })
	if !ok {
		return Entry{}, false
	}
	return Table[i], true
}

// ExitOf returns the exit code for an error: that of its entry, Unsure for an error without one.
func ExitOf(err error) Exit {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		entry, _ := Find(e.Code)
		return entry.Exit
	}
	return Unsure
}

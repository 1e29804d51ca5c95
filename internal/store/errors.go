package store

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound means that the tenant has no such row.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict means that the row changed since it was read, or is not in a state that allows the call. Read again
	// and decide.
	ErrConflict = errors.New("store: changed by someone else")

	// ErrTransition means that the state table has no such transition: a mistake in the calling code.
	ErrTransition = errors.New("store: no such transition")

	// ErrLeaseLost means that the work was claimed by another worker or is over (REL-013).
	ErrLeaseLost = errors.New("store: lease lost")

	// ErrKeyReused means that an idempotency key came again with another request (REL-020).
	ErrKeyReused = errors.New("store: idempotency key used for another request")

	// ErrOutcomeUnknown means that COMMIT was asked for and no answer came: the write may or may not be there (REL-072).
	// Blobs that it refers to must stay; if it is not there, they are orphans.
	ErrOutcomeUnknown = errors.New("store: outcome of the commit unknown")

	// ErrNewerSchema means that the database was made by a program with which this one cannot share it.
	ErrNewerSchema = errors.New("store: database is newer than this program")

	// ErrInUse means that the schema cannot be changed now, because a server of another version uses the database.
	ErrInUse = errors.New("store: database is in use by another version")

	// ErrEmpty means that the database was never used, although it must have been.
	ErrEmpty = errors.New("store: database is empty")

	// ErrTooSlow means that the database did not answer a read within Options.ReadLimit.
	ErrTooSlow = errors.New("store: the database did not answer in time")

	// ErrMonthNotOver means that a month cannot be closed yet.
	ErrMonthNotOver = errors.New("store: the month is not over")

	// ErrMonthClosed means that a month was closed before. That is for good.
	ErrMonthClosed = errors.New("store: the month is closed")

	// ErrEarlierOpen means that an earlier month must be closed first.
	ErrEarlierOpen = errors.New("store: an earlier month is open")

	// ErrClosed means that the Store was closed.
	ErrClosed = errors.New("store: closed")
)

// Prior is what the record holds of a message that was accepted before, enough to answer its repeat (REL-031).
type Prior struct {
	ID          string // of the Message
	Digests     []byte
	State       State // "" when the message itself was erased; the duplicate key outlives it
	Accepted    time.Time
	Receipt     []byte // byte for byte (REL-004)
	ReceiptType string // Content-Type
}

// Duplicate is returned by Accept when a message with the same key is in the record already. Whether it is the same
// message, the caller tells by the digests.
type Duplicate struct{ Prior Prior }

func (d *Duplicate) Error() string {
	return "store: message was accepted before as " + d.Prior.ID
}

// FatalError is a failure after which the storage below cannot be trusted: an fsync that failed, a damaged file. It is
// never tried again; the node stops accepting (REL-002).
type FatalError struct {
	Op  string
	Err error
}

func (e *FatalError) Error() string { return fmt.Sprintf("store: fatal: %s: %v", e.Op, e.Err) }
func (e *FatalError) Unwrap() error { return e.Err }

// commitError is the cause of an ErrOutcomeUnknown.
type commitError struct{ err error }

func (e *commitError) Error() string        { return ErrOutcomeUnknown.Error() + ": " + e.err.Error() }
func (e *commitError) Unwrap() error        { return e.err }
func (e *commitError) Is(target error) bool { return target == ErrOutcomeUnknown }

// IsFatal tells whether err is or wraps a *FatalError.
func IsFatal(err error) bool {
	var f *FatalError
	return errors.As(err, &f)
}

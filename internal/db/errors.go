package db

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound means that the tenant has no such row.
	ErrNotFound = errors.New("db: not found")

	// ErrConflict means that the row changed since it was read, or is not in a state that allows the call. Read again
	// and decide.
	ErrConflict = errors.New("db: changed by someone else")

	// ErrOutcomeUnknown means that COMMIT was asked for and no answer came: the write may or may not be there
	// (REL-072). Blobs that it refers to must stay; if it is not there, they are orphans.
	ErrOutcomeUnknown = errors.New("db: outcome of the commit unknown")

	// ErrNewerSchema means that the database was made by a program with which this one cannot share it.
	ErrNewerSchema = errors.New("db: database is newer than this program")

	// ErrInUse means that the schema cannot be changed now, because a server of another version uses the database.
	ErrInUse = errors.New("db: database is in use by another version")

	// ErrEmpty means that the database was never used, although it must have been.
	ErrEmpty = errors.New("db: database is empty")

	// ErrTooSlow means that the database did not answer a read within Options.ReadLimit.
	ErrTooSlow = errors.New("db: the database did not answer in time")

	// ErrClosed means that the DB was closed.
	ErrClosed = errors.New("db: closed")
)

// FatalError is a failure after which the storage below cannot be trusted: an fsync that failed, a damaged file. It is
// never tried again; the node stops accepting (REL-002).
type FatalError struct {
	Op  string
	Err error
}

func (e *FatalError) Error() string { return fmt.Sprintf("db: fatal: %s: %v", e.Op, e.Err) }
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

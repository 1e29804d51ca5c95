package ledger

import "errors"

var (
	// ErrMonthNotOver means that a month cannot be closed yet.
	ErrMonthNotOver = errors.New("ledger: the month is not over")

	// ErrMonthClosed means that a month was closed before. That is for good.
	ErrMonthClosed = errors.New("ledger: the month is closed")

	// ErrEarlierOpen means that an earlier month must be closed first.
	ErrEarlierOpen = errors.New("ledger: an earlier month is open")
)

package store

import (
	"errors"
	"time"
)

var (
	// ErrTransition means that the state table has no such transition: a mistake in the calling code.
	ErrTransition = errors.New("store: no such transition")

	// ErrLeaseLost means that the work was claimed by another worker or is over (REL-013).
	ErrLeaseLost = errors.New("store: lease lost")

	// ErrKeyReused means that an idempotency key came again with another request (REL-020).
	ErrKeyReused = errors.New("store: idempotency key used for another request")
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

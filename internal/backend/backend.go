// Package backend delivers received documents to the systems of C4. This file defines what a backend is; Folder is one.
package backend

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Delivery is one document for C4. After a crash the same delivery may be repeated, with the same ID and the same
// bytes: a backend must make the repeat harmless (REL-010, REL-012).
type Delivery struct {
	ID       string // stable: the idempotency key
	Payload  io.Reader
	Metadata Metadata
}

// Metadata goes with a delivered document.
type Metadata struct {
	DeliveryID        string    `json:"delivery_id"`
	MessageID         string    `json:"message_id"` // eb:MessageId
	ConversationID    string    `json:"conversation_id"`
	InstanceID        string    `json:"instance_id"` // SBDH InstanceIdentifier
	C2                string    `json:"c2"`
	C3                string    `json:"c3"`
	Sender            string    `json:"sender"`
	Receiver          string    `json:"receiver"`
	DocType           string    `json:"document_type"`
	Process           string    `json:"process"`
	CountryC1         string    `json:"country_c1"`
	MLSTo             string    `json:"mls_to,omitempty"`
	MLSType           string    `json:"mls_type,omitempty"`
	Accepted          time.Time `json:"accepted"`
	Length            int64     `json:"length"`
	SHA256            string    `json:"sha256"`
	Payload           string    `json:"payload"` // name of the file with the whole envelope (SBD)
	PossibleDuplicate bool      `json:"possible_duplicate,omitempty"`

	// Validation is the report about the document, in the form of ravn validate --json; absent if it was not checked.
	Validation json.RawMessage `json:"validation,omitempty"`
}

// Backend accepts documents.
type Backend interface {
	// Deliver returns nil once C4 has the document durably. A *Permanent error ends the attempts.
	Deliver(ctx context.Context, d Delivery) error
	// Name is the name under which attempts are recorded.
	Name() string
}

// Permanent is a failure that no repetition can cure.
type Permanent struct{ Err error }

func (e *Permanent) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Permanent) Unwrap() error { return e.Err }

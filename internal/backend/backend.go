// Package backend delivers received documents to the systems of C4. This file defines what a backend is; Folder is one.
// Package backendtest has the tests that each must pass.
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

	// Receipt returns the receipt that C2 got, the same each time. It may be nil for a backend that does not ask.
	Receipt func(context.Context) ([]byte, error)
}

// Metadata goes with a delivered document (OPS-008). Members are added, never changed or taken away.
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
	Payload           string    `json:"payload"` // name of the file with the whole envelope (SBD); a folder sets it
	PossibleDuplicate bool      `json:"possible_duplicate,omitempty"`
	Tenant            string    `json:"tenant"`
	Route             string    `json:"route"`                     // that led here
	Attempt           int       `json:"attempt"`                   // 1 is the first; another one may have brought it before
	DocumentNumber    string    `json:"document_number,omitempty"` // as the document bears it, if it was read
	Domain            string    `json:"domain"`                    // eProcurement, eGov or payment

	// Validation is the report about the document, in the form of ravn validate --json; absent if it was not checked.
	Validation json.RawMessage `json:"validation,omitempty"`
}

// Backend accepts documents.
type Backend interface {
	// Deliver brings a document to C4. It may be called for one delivery by two workers at once, when the lease of the
	// first has run out. When ctx ends, C4 has the whole document or sees nothing of it.
	Deliver(ctx context.Context, d Delivery) Outcome
	// Name is the name under which attempts are recorded.
	Name() string
}

// Class is what an attempt to deliver came to (OPS-004, REL-011).
type Class string

// Classes. Whatever is none of them counts as Retry.
const (
	Taken     Class = "taken"     // C4 has the document durably
	Already   Class = "already"   // C4 had it before, under the same id and with the same digest
	Conflict  Class = "conflict"  // C4 has something else under this id: nothing was overwritten
	Permanent Class = "permanent" // C4 will never take it
	Retry     Class = "retry"     // C4 does not have it, or may have it: a later attempt finds out
)

// MostRetryAfter is how much of RetryAfter counts (OPS-005).
const MostRetryAfter = time.Hour

// Outcome is how an attempt to deliver ended.
type Outcome struct {
	Class      Class
	Err        error         // why C4 does not have it, in words for an operator; nil with Taken and Already
	RetryAfter time.Duration // with Retry: how long C4 asks us to wait at least, 0 if it does not
	Reference  string        // with Taken and Already: what C4 calls the document, "" if it does not say
}

// Ended returns the outcome of an attempt that ended with an error, or nil if C4 took the document.
func Ended(err error) Outcome {
	if err != nil {
		return Outcome{Class: Retry, Err: err}
	}
	return Outcome{Class: Taken}
}

// Delivered reports whether C4 has the document.
func (o Outcome) Delivered() bool { return o.Class == Taken || o.Class == Already }

// Final reports whether no further attempt follows.
func (o Outcome) Final() bool { return o.Delivered() || o.Class == Conflict || o.Class == Permanent }

// Package smp reads Peppol service metadata: it finds the SMP of a participant, fetches the signed metadata of a document
// type, verifies it, and chooses the endpoint to send to. Its answers are three-valued: found, not registered, cannot tell.
package smp

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// Endpoint is where and how to send, as verified metadata say (AS4-140).
type Endpoint struct {
	URL        string
	Cert       *x509.Certificate // of the receiving access point; not yet verified itself (AS4-141)
	Registered peppol.DocTypeID  // the identifier that matched; a wildcard registration differs from the document's
	Expires    time.Time         // ServiceExpirationDate, zero when there is none
	SMP        string            // base URL of the SMP that answered
	Signer     *x509.Certificate // who signed the metadata
}

// Kind tells what a failed lookup means (DISC-048, DISC-050, DISC-067).
type Kind string

// Kinds of failures.
const (
	NotRegistered Kind = "not-registered" // participant, document type, process or transport profile: a clear no
	CannotTell    Kind = "cannot-tell"    // DNS or SMP did not answer: try again later
	Invalid       Kind = "invalid"        // an answer that must not be believed: a fault of the register
)

// Error is a failed lookup.
type Error struct {
	Kind Kind
	Rule string
	Msg  string
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("smp: %s: %s (%s)", e.Kind, e.Msg, e.Rule)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Package smp reads Peppol service metadata. To find out where a document goes, a Client
//
//  1. asks its Locator for the base URL of the receiver's SMP;
//  2. gets the metadata of the document type, for a wildcard type under each identifier that may be registered for it;
//  3. verifies the signature, and from then on uses only the bytes that it covers;
//  4. follows one Redirect, and verifies again;
//  5. checks that participant and document type are those asked for, and chooses the endpoint.
//
// A lookup finds an endpoint, or says that there is none, that it cannot tell, or that the participant may be moving to
// another SMP; these are never mixed up. A Guard keeps connections to SMPs and endpoints away from addresses to which
// no stranger may direct us.
package smp

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// Endpoint says where and how to send, according to verified metadata (AS4-140).
type Endpoint struct {
	URL        string
	Cert       *x509.Certificate // of the receiving access point; not yet verified itself (AS4-141)
	Registered peppol.DocTypeID  // the identifier that matched; for a wildcard it differs from that of the document
	Expires    time.Time         // ServiceExpirationDate, zero if there is none
	SMP        string            // base URL of the SMP that answered
	Signer     *x509.Certificate // who signed the metadata
	Cached     bool              // the metadata were fetched for an earlier lookup
}

// Group is what an SMP lists for a participant. It is not signed: it may be shown, but nothing may depend on it
// (DISC-071).
type Group struct {
	SMP        string             // base URL of the SMP that answered
	DocTypes   []peppol.DocTypeID // as registered: a wildcard type may end in "*"
	Unreadable []string           // references that name no document type (DISC-069)
}

// Kind says what a failed lookup means (DISC-048, DISC-050, DISC-067).
type Kind string

// Kinds of failures.
const (
	NotRegistered Kind = "not-registered" // participant, document type, process or profile: a clear no
	CannotTell    Kind = "cannot-tell"    // DNS or SMP did not answer: try again later
	// the SML names an SMP that does not know the participant: try again for a day
	Moving  Kind = "moving"
	Invalid Kind = "invalid" // an answer that must not be trusted: the registration is wrong
)

// Reason names one way in which a lookup can fail (end of discovery.md §3.5).
type Reason string

// Reasons.
const (
	NoParticipant     Reason = "participant-not-registered"
	UnknownToSMP      Reason = "participant-unknown-to-smp" // the SML names an SMP that does not know the participant
	NoDocType         Reason = "doctype-not-supported"
	NoProcess         Reason = "process-or-profile-not-found"
	NotActive         Reason = "endpoint-not-active"
	DNSFailure        Reason = "dns-technical-failure"
	Unavailable       Reason = "smp-unavailable"
	HTTPStatus        Reason = "smp-http-error"
	RevocationUnknown Reason = "smp-revocation-unknown" // of the signer
	BadSMLRecord      Reason = "sml-record-invalid"
	BadResponse       Reason = "smp-response-invalid"
	BadSignature      Reason = "smp-signature-invalid"
	UntrustedSigner   Reason = "smp-certificate-untrusted"
	OtherIdentifier   Reason = "smp-identifier-mismatch"
	SecondRedirect    Reason = "redirect-limit"
	RedirectSigner    Reason = "redirect-certificate-mismatch"
	Forbidden         Reason = "endpoint-forbidden" // the Guard refuses the SMP's own address
	BadEndpoint       Reason = "endpoint-url-invalid"
	BadCertificate    Reason = "ap-certificate-invalid"
)

// Kind returns what the reason means for the sender.
func (r Reason) Kind() Kind {
	switch r {
	case NoParticipant, NoDocType, NoProcess, NotActive:
		return NotRegistered
	case UnknownToSMP:
		return Moving
	case DNSFailure, Unavailable, HTTPStatus, RevocationUnknown:
		return CannotTell
	}
	return Invalid
}

// Error is a failed lookup.
type Error struct {
	Kind   Kind
	Reason Reason
	Rule   string
	Msg    string
	Err    error

	RetryAfter time.Duration // when the SMP wants to be asked again; 0: it does not say
}

func fail(reason Reason, rule, msg string, err error) *Error {
	return &Error{Kind: reason.Kind(), Reason: reason, Rule: rule, Msg: msg, Err: err}
}

func (e *Error) Error() string {
	s := fmt.Sprintf("smp: %s: %s (%s)", e.Reason, e.Msg, e.Rule)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

package store

import (
	"regexp"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// Message is one document on its way, in either direction. It holds what is searched, counted and decided upon; large
// bytes are blobs or [Evidence].
type Message struct {
	// UUIDv7, made by db.NewID; chosen by the caller when a blob is written first, else by the store
	ID        string
	Tenant    string    // set by the store
	Domain    string    // eProcurement, eGov, payment; "" when the installation does not tell them apart
	Direction Direction // set by the store
	State     State     // set by the store
	Version   int64     // grows with each change of state; set by the store

	MessageID      string        // eb:MessageId, the same for all attempts (REL-021)
	ConversationID string        // eb:ConversationId
	Timestamp      time.Time     // eb:Timestamp as the sender wrote it; not the time that is counted
	C2, C3         peppol.SeatID // C3 of an outgoing message is known once it is sealed
	Sender         string        // C1, raw participant value
	Receiver       string        // C4, raw participant value
	DocTypeScheme  string
	DocType        string
	ProcessScheme  string
	Process        string
	Transport      string // transport profile; counted with the message

	InstanceID   string // SBDH InstanceIdentifier
	CreationTime string // SBDH CreationDateAndTime, as text
	CountryC1    string // SBDH COUNTRY_C1, "" when absent
	MLSTo        string // SBDH MLS_TO, raw; "" when absent
	MLSType      string // SBDH MLS_TYPE; "" when absent

	// same SBDH instance id as an earlier message (SBDH-046); set by the store, or before by the caller
	PossibleDuplicate bool

	Created time.Time // when the row was written; set by the store
	Updated time.Time // when its last event happened; set by the store
	// when the next access point had it for sure: our receipt committed, or C3's verified; set by the store
	Accepted time.Time

	Held time.Time // since when an operator holds it back; zero: nobody does. Set by the store

	Payload     BlobRef // the SBD
	PayloadMime string
	Sealed      BlobRef // outgoing: the HTTP body of the attempts (D-12); zero until sealed with the first attempt
	SealedType  string  // its Content-Type
	Endpoint    string  // outgoing: URL of C3, once sealed
	PeerCert    []byte  // DER, certificate of the other access point; of an outgoing message once sealed
	Content     []byte  // outgoing: SHA-256 of what C1 handed in and for whom; nil when it was not taken
	HandedIn    []byte  // outgoing: SHA-256 of the file that C1 handed in; nil for rows of schema 5 and before
	Digests     []byte  // canonical text of the signed reference digests; the store compares it with nothing

	DocumentNumber string // that the document bears, by package doctype; "" when it bears none
	Verdict        string // what the rules say, by package validation; "" when nothing was checked
	FaultCode      string // EBMS:nnnn or RAVN-nnnn of what stopped it last; "" at its goal. Set by the store
}

// BlobRef names a payload and says what its bytes must be (REL-003). The zero value means there is none.
type BlobRef struct {
	Key    string
	Length int64
	SHA256 [32]byte

	// Inline is the stored form of a small blob that has no file of its own: the record keeps it, in the transaction
	// that writes the reference (REL-001). It is set by the blob store and empty when a reference is read back.
	Inline string
}

// IsZero reports whether there is no blob.
func (r BlobRef) IsZero() bool { return r.Key == "" }

// InlineMark begins the key of a blob that the record keeps.
const InlineMark = "~"

// inline returns the piece of evidence that keeps a small blob, or nothing.
func (r *BlobRef) inline() []Evidence {
	if r.Inline == "" {
		return nil
	}
	_, name, _ := strings.Cut(r.Key, ".")
	return []Evidence{{Kind: name, Bytes: []byte(r.Inline)}}
}

// BlobKey makes the key of a blob that belongs to a message. All blob keys are made here, because BlobInUse finds the
// message by the first part of the key.
func BlobKey(messageID, name string) string { return messageID + "." + name }

// Evidence kinds (D-25).
const (
	EvidenceReceipt     = "receipt"      // the receipt as sent or received, byte for byte (REL-004, REL-044)
	EvidenceRequestSOAP = "request_soap" // SOAP part of the request
	EvidenceAnswerSOAP  = "answer_soap"  // SOAP part of the answer, where it is not the receipt itself
	EvidencePeerCert    = "peer_cert"    // DER, the other access point
	EvidenceOwnCert     = "own_cert"     // DER, ours
	EvidenceValidation  = "validation"   // what the rules say of the document, as JSON
	EvidenceDigests     = "digests"      // of a repeat with a rebuilt header: what was signed, as text
)

// Evidence is a piece of proof that is kept as it was on the wire.
type Evidence struct {
	Kind        string
	Attempt     int // number of the attempt it belongs to, or of the event of a repeat; 0 for what all share
	ContentType string
	Bytes       []byte
}

// Event is a line of a message's timeline. Rows are only ever added.
type Event struct {
	Seq      int64 // counts from 1 within the message; set by the store
	At       time.Time
	Kind     string
	From, To State // empty when the state did not change
	Detail   string
	Actor    string // who did it: a worker, a user, "" for the receiving or submitting request itself
}

// Event kinds that the store writes itself; callers add their own.
const (
	EventAccepted          = "accepted"
	EventPossibleDuplicate = "possible_duplicate"
	EventTolerated         = "tolerated" // what of design.md §3 the message needed; written by callers
	EventRepeated          = "repeated"
	EventSubmitted         = "submitted"
	EventReady             = "ready"
	EventSealed            = "sealed"
	EventAttempt           = "attempt"
	EventNotSent           = "not_sent"
	EventNotDelivered      = "not_delivered"
	EventInterrupted       = "interrupted"
	EventQuarantined       = "quarantined"
	EventCancelled         = "cancelled"
	EventRequeued          = "requeued"
	EventDiscarded         = "discarded"
	EventHeld              = "held"
	EventReleased          = "released"
)

// Stops reports whether an event kept its message from its goal, or says why it has not got there.
func (e *Event) Stops() bool {
	switch e.Kind {
	case EventNotSent, EventNotDelivered, EventInterrupted, EventQuarantined:
		return true
	case EventRequeued:
		return false
	}
	switch e.To {
	case RetryWait, Unknown, FailedPermanent, UnknownAccepted, ReceiptInvalid, RecoveryHold, DeliveryFailed, Dead,
		Quarantined:
		return true
	}
	return false
}

var faultCode = regexp.MustCompile(`^(RAVN-\d{4}|EBMS:\d{4})\b`)

// Code is the fault code that the detail of an event begins with, or "".
func (e *Event) Code() string { return faultCode.FindString(e.Detail) }

// Attempt is one try to send a message to C3 or to deliver it to C4.
type Attempt struct {
	N           int // counts from 1 within the message
	Started     time.Time
	Ended       time.Time // zero while under way
	Endpoint    string    // URL of C3, or the name of the backend
	Fingerprint string    // of C3's certificate
	Outcome     string    // "" while under way, "interrupted" when the worker vanished (CP-S4)
	Code        string    // EBMS:nnnn, HTTP status or RAVN-nnnn
	Detail      string
	Sealed      string // key of the body that was sent; "" for a delivery
	Unclear     bool   // it may have arrived, and no answer tells (REL-027)
}

// OutcomeInterrupted ends an attempt whose worker vanished.
const OutcomeInterrupted = "interrupted"

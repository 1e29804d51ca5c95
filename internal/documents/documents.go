// Package documents is the use case of who looks a document up: it lists and finds documents of both directions on the
// record, says of one what happened, whose fault it is and what to do next, hands out its evidence, and carries out an
// operator's decision. The command line and the API show its types; nothing here sends or delivers.
package documents

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
)

// Desk answers for the documents of one tenant.
type Desk struct {
	Tenant string
	Store  *store.Store
	Blobs  blob.Store // for Evidence and Fill
	Now    func() time.Time

	// Alone tells whether all payloads of the record lie where Blobs looks. Else one that is not there may lie with
	// another node, which fills its row. Only Fill asks; nil means yes.
	Alone func(ctx context.Context) (bool, error)
}

// Document is one document on its way, in either direction, with the field names of api.md §5.2. The fields from Next
// on are set by Show alone.
type Document struct {
	ID             string          `json:"id"`
	Direction      store.Direction `json:"direction"`
	State          store.State     `json:"state"`
	Status         Status          `json:"status"`
	Version        int64           `json:"version"`
	MessageID      string          `json:"message_id"`
	ConversationID string          `json:"conversation_id"`
	InstanceID     string          `json:"instance_id"`
	Number         string          `json:"document_number,omitempty"`
	Domain         string          `json:"domain,omitempty"`
	Sender         string          `json:"sender"`
	Receiver       string          `json:"receiver"`
	DocumentType   string          `json:"document_type"`
	Process        string          `json:"process"`
	CountryC1      string          `json:"country_c1,omitempty"`
	C2             peppol.SeatID   `json:"c2"`
	C3             peppol.SeatID   `json:"c3,omitempty"` // of an outgoing document once it was sealed
	Transport      string          `json:"transport"`
	Endpoint       string          `json:"endpoint,omitempty"`
	Created        time.Time       `json:"created"`
	Updated        time.Time       `json:"updated,omitzero"`
	Accepted       time.Time       `json:"accepted,omitzero"`
	AttemptCount   int             `json:"attempt_count"`
	Content        Content         `json:"content"`
	Validation     *Validation     `json:"validation,omitempty"` // nil when nothing was checked
	MLS            *MLS            `json:"mls,omitempty"`
	Duplicate      bool            `json:"possible_duplicate"`
	Problem        *Problem        `json:"problem,omitempty"` // nil at its goal, and while nothing stopped it
	Held           *Held           `json:"held,omitempty"`    // nil when nobody holds it back
	Actions        []Action        `json:"actions"`
	Next           string          `json:"next,omitempty"` // what to do, in a sentence
	// by serve itself, at the earliest; zero while it is held
	NextAttempt  time.Time     `json:"next_attempt,omitzero"`
	Backend      string        `json:"backend,omitempty"`      // of a received one
	Delivered    time.Time     `json:"delivered,omitzero"`     // to C4
	Attempts     []Attempt     `json:"attempts,omitempty"`     // oldest first
	Answers      []Answer      `json:"answers,omitempty"`      // oldest first
	Certificates []Certificate `json:"certificates,omitempty"` // ours first
	Timeline     []Item        `json:"timeline,omitempty"`
}

// Held says that an operator holds a document back. A list knows the time alone.
type Held struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// Content is what travels: the envelope, and the file that it was made of.
type Content struct {
	Length    int64  `json:"length"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"media_type"`
	HandedIn  string `json:"handed_in_sha256,omitempty"` // of the file as C1 handed it in; "" when it is not known
}

// Validation is what the rules say. A list knows the verdict alone.
type Validation struct {
	Verdict string `json:"verdict"`
	Pack    string `json:"pack,omitempty"`
	Version string `json:"version,omitempty"`
	Fatal   int    `json:"fatal"`
	Warning int    `json:"warning"`
}

// MLS is the status message that the sender asks for.
type MLS struct {
	Type string `json:"type"`
	To   string `json:"to,omitempty"`
}

// Problem says what stopped a document last (API-055).
type Problem struct {
	Code   fault.Code  `json:"code"` // RAVN-nnnn, or EBMS:nnnn as the other access point said it
	Title  string      `json:"title"`
	Blame  fault.Blame `json:"blame"`
	Next   string      `json:"next"`
	Detail string      `json:"detail,omitempty"` // as recorded
	At     time.Time   `json:"at,omitzero"`
}

// Attempt is one try to bring a document to C3 or C4 (API-056).
type Attempt struct {
	N           int       `json:"n"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended,omitzero"`
	Endpoint    string    `json:"endpoint"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Outcome     string    `json:"outcome"` // "" while it is under way
	Code        string    `json:"code,omitempty"`
	Detail      string    `json:"detail,omitempty"`
	MS          int64     `json:"ms"`
	Unclear     bool      `json:"unclear,omitempty"` // it may have arrived, and no answer tells
}

// Answer is what C3 said to an attempt, or what we said to C2.
type Answer struct {
	Attempt     int           `json:"attempt"`
	Kind        string        `json:"kind"` // receipt, error, soap fault, or other
	ContentType string        `json:"content_type"`
	Length      int           `json:"length"`
	Signer      string        `json:"signer,omitempty"` // subject of the certificate
	Errors      []AnswerError `json:"errors,omitempty"`
}

// AnswerError is one eb:Error.
type AnswerError struct {
	Code        string `json:"code"`
	Severity    string `json:"severity"`
	Short       string `json:"short,omitempty"`
	Detail      string `json:"detail,omitempty"`
	Description string `json:"description,omitempty"`
}

// Certificate is one that signed, or that a message was encrypted for.
type Certificate struct {
	Role        string    `json:"role"` // own or peer
	Subject     string    `json:"subject"`
	Serial      string    `json:"serial"` // decimal
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"fingerprint"`
}

// Item is a line of the timeline (API-056).
type Item struct {
	Seq     int64       `json:"seq"`
	At      time.Time   `json:"at"`
	Kind    string      `json:"kind"`
	From    store.State `json:"from,omitempty"`
	To      store.State `json:"to,omitempty"`
	Attempt int         `json:"attempt,omitempty"` // that it begins or ends
	Text    string      `json:"text"`
	Detail  string      `json:"detail,omitempty"`
	Actor   string      `json:"actor,omitempty"`
	Code    fault.Code  `json:"code,omitempty"`
	Blame   fault.Blame `json:"blame,omitempty"`
}

// document makes the shape of a row of the record.
func document(f *store.Found) Document {
	m := &f.Message
	d := Document{
		ID: m.ID, Direction: m.Direction, State: m.State, Status: StatusOf(m.Direction, m.State, f.Reached),
		Version:   m.Version,
		MessageID: m.MessageID, ConversationID: m.ConversationID, InstanceID: m.InstanceID, Number: m.DocumentNumber,
		Domain: m.Domain, CountryC1: m.CountryC1,
		Sender: peppol.SchemeParticipant + "::" + m.Sender, Receiver: peppol.SchemeParticipant + "::" + m.Receiver,
		DocumentType: m.DocTypeScheme + "::" + m.DocType, Process: m.ProcessScheme + "::" + m.Process,
		C2: m.C2, C3: m.C3, Transport: m.Transport, Endpoint: m.Endpoint,
		Created: m.Created, Updated: m.Updated, Accepted: m.Accepted, AttemptCount: f.Attempts,
		Content: Content{
			Length: m.Payload.Length, SHA256: hex.EncodeToString(m.Payload.SHA256[:]),
			MediaType: mediaType(m.PayloadMime), HandedIn: hex.EncodeToString(m.HandedIn),
		},
		Duplicate: m.PossibleDuplicate, Actions: actionsOf(m),
	}
	if m.Verdict != "" {
		d.Validation = &Validation{Verdict: m.Verdict}
	}
	if m.MLSType != "" || m.MLSTo != "" {
		d.MLS = &MLS{Type: m.MLSType, To: m.MLSTo}
	}
	if store.MayRelease(m) {
		d.Held = &Held{Since: m.Held}
	}
	d.Problem = problem(&d, m.FaultCode, false)
	return d
}

// mediaType is that of the business document: XML unless it was wrapped as something else.
func mediaType(wrapped string) string {
	if wrapped == "" {
		return "application/xml"
	}
	return wrapped
}

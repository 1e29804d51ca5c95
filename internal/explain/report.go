package explain

import (
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/fault"
)

// Format is the version of the JSON form of a Report. A field may be added without a new number; one that changes its
// meaning or goes away needs one (D-25).
const Format = 1

// Report is everything that can be said about a captured message, one field per layer. A layer that was not reached is
// null; a list is never null.
type Report struct {
	Format      int          `json:"format"`
	Summary     string       `json:"summary"` // one sentence
	Verdict     Verdict      `json:"verdict"`
	At          time.Time    `json:"at"` // the time that "now" means in this report
	HTTP        *HTTP        `json:"http"`
	MIME        *MIME        `json:"mime"`
	SOAP        *SOAP        `json:"soap"`
	Signature   Signature    `json:"signature"`
	Certificate *Certificate `json:"certificate"`
	Encryption  *Encryption  `json:"encryption"`
	UserMessage *UserMessage `json:"user_message"`
	Receipt     *Receipt     `json:"receipt"`
	Errors      []ErrorInfo  `json:"errors"`
	SBDH        *SBDH        `json:"sbdh"`
	Payload     *Payload     `json:"payload"`
	Problems    []Problem    `json:"problems"`
}

// Verdict is the conclusion. It is positive if the message could be read and its signature is valid, or if it is an
// unsigned error (AS4-110).
type Verdict struct {
	OK    bool        `json:"ok"`
	Code  fault.Code  `json:"code,omitempty"`
	Text  string      `json:"text"`
	Blame fault.Blame `json:"blame,omitempty"`
	Next  string      `json:"next,omitempty"`
}

// Exit returns the exit code of a command that shows the report.
func (v Verdict) Exit() fault.Exit {
	if v.OK {
		return fault.OK
	}
	return fault.Negative
}

// Layer names a layer of a message.
type Layer string

// Layers, from the outside in.
const (
	LayerHTTP        Layer = "http"
	LayerMIME        Layer = "mime"
	LayerSOAP        Layer = "soap"
	LayerSignature   Layer = "signature"
	LayerCertificate Layer = "certificate"
	LayerEncryption  Layer = "encryption"
	LayerUserMessage Layer = "user_message"
	LayerSignal      Layer = "signal"
	LayerPayload     Layer = "payload"
	LayerSBDH        Layer = "sbdh"
)

// Blame says where the cause of a problem is. A message may have been captured on either side, so these are not the
// words of package fault.
type Blame string

// Sides.
const (
	Sender  Blame = "sender"  // who made this message
	Capture Blame = "capture" // the file, or something between the two access points
	Reader  Blame = "reader"  // who reads it: a key or a trust anchor is missing
)

// Problem is one rule that the message breaks.
type Problem struct {
	Layer Layer     `json:"layer"`
	Rule  string    `json:"rule"`
	Text  string    `json:"text"`
	Code  ebms.Code `json:"code,omitempty"` // what a receiver that follows the rule answers
	Blame Blame     `json:"blame"`
	Next  string    `json:"next"`
	Stops bool      `json:"stops"` // reading could not go on behind it

	Remark bool `json:"remark,omitempty"` // it is tolerated: nothing is refused because of it
}

// Defect is the first error in the structure of a layer. In JSON it is called fault, as it always was.
type Defect struct {
	Rule string `json:"rule"`
	Text string `json:"text"`
}

// Kinds of HTTP.
const (
	KindRequest  = "request"
	KindResponse = "response"
	KindHeaders  = "headers" // header lines without a start line, as in the dumps of phase4
	KindBody     = "body"    // the file holds the body only
)

// HTTP is the outermost layer.
type HTTP struct {
	Kind      string            `json:"kind"`
	Method    string            `json:"method,omitempty"`
	Path      string            `json:"path,omitempty"`
	Status    int               `json:"status,omitempty"`
	Reason    string            `json:"reason,omitempty"` // text behind the status
	Proto     string            `json:"proto,omitempty"`
	Headers   map[string]string `json:"headers"`    // those that matter
	BodyBytes int64             `json:"body_bytes"` // without chunks, decompressed
	Notes     []string          `json:"notes"`
	Defect    *Defect           `json:"fault"`
}

// MIME is the packaging.
type MIME struct {
	Multipart bool    `json:"multipart"`
	Parts     []Part  `json:"parts"` // the first one is the SOAP part
	Complete  bool    `json:"complete"`
	Defect    *Defect `json:"fault"`
}

// Part is one MIME part, or the whole body when it is no multipart.
type Part struct {
	ContentID   string `json:"content_id"`
	ContentType string `json:"content_type"`
	Bytes       int64  `json:"bytes"`            // decoded
	Base64      bool   `json:"base64,omitempty"` // it came in base64
}

// Messages of a SOAP part.
const (
	MessageUser    = "user message"
	MessageReceipt = "receipt"
	MessageError   = "error"
	MessageFault   = "soap fault"
)

// SOAP is the envelope.
type SOAP struct {
	OK        bool       `json:"envelope_ok"`
	Bytes     int64      `json:"bytes"`
	Version   string     `json:"version"`
	Blocks    []Block    `json:"header_blocks"`
	BodyEmpty bool       `json:"body_empty"`
	Message   string     `json:"message"` // one of the Message constants, or ""
	SOAPFault *SOAPFault `json:"soap_fault"`
	Defect    *Defect    `json:"fault"`
}

// Block is one header block.
type Block struct {
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	MustUnderstand bool   `json:"must_understand"`
}

// SOAPFault is an S12:Fault in the body (AS4-115).
type SOAPFault struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Signature says whether the message is the one that was signed. Valid is about the bytes: the signature value is
// right, each digest that can be checked matches, and the signature covers Messaging, Body and every other part.
// Whether the signer can be trusted is said in Certificate.
type Signature struct {
	Signed     bool        `json:"signed"`
	Valid      bool        `json:"valid"`
	Reason     string      `json:"reason"`
	Signer     *Identity   `json:"signer"`
	References []Reference `json:"references"`
}

// Identity names a certificate.
type Identity struct {
	Subject string `json:"subject"`
	Seat    string `json:"seat"` // "" when the CN is not a seat id
	Issuer  string `json:"issuer"`
	Serial  string `json:"serial"` // decimal
	SHA256  string `json:"sha256"`
}

// Reference is one signed part.
type Reference struct {
	URI          string `json:"uri"`
	Target       string `json:"target"` // what it points to: "Messaging", "Body", "attachment"
	Transform    string `json:"transform"`
	DigestMethod string `json:"digest_method"`
	Digest       string `json:"digest"` // base64
	OK           *bool  `json:"ok"`     // null if it cannot be checked
	Reason       string `json:"reason,omitempty"`
}

// Trust says which anchors issued a certificate.
const (
	TrustGiven      = "given anchors"
	TrustProduction = "Peppol G3 production"
	TrustTest       = "Peppol G3 test"
	TrustUnknown    = "unknown"
)

// Certificate says whether the signer can be trusted.
type Certificate struct {
	Identity
	NotBefore      time.Time   `json:"not_before"`
	NotAfter       time.Time   `json:"not_after"`
	ValidNow       bool        `json:"valid_now"`        // at Report.At, by its dates
	ValidAtMessage *bool       `json:"valid_at_message"` // at the message's Timestamp; null when there is none
	Trust          string      `json:"trust"`
	Class          certs.Class `json:"class"`            // at Report.At
	ClassAtMessage certs.Class `json:"class_at_message"` // "" without Timestamp
	Reason         string      `json:"reason,omitempty"`
	Revocation     string      `json:"revocation"`
}

// Encryption describes how the payload is encrypted, and for whom.
type Encryption struct {
	Encrypted     bool       `json:"encrypted"`
	DataAlgorithm string     `json:"data_algorithm"`
	KeyTransport  string     `json:"key_transport"`
	KeyDigest     string     `json:"key_digest"`
	KeyMask       string     `json:"key_mask"`
	MimeType      string     `json:"mime_type"` // of the octets that were encrypted
	Part          string     `json:"part"`      // cid: URL
	Recipient     *Recipient `json:"recipient"`
	Decryptable   *bool      `json:"decryptable"` // null when it was not tried
	Key           string     `json:"key"`         // subject of the key that was used, ""
	Reason        string     `json:"reason"`
}

// Recipient is for whom the content key was wrapped, as far as the message says it.
type Recipient struct {
	By       string    `json:"by"` // certificate, issuer-serial, subject-key-identifier, thumbprint, ""
	Identity *Identity `json:"certificate"`
	Value    string    `json:"value,omitempty"` // of the other kinds
}

// Typed is a text with its type attribute.
type Typed struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Party is From or To.
type Party struct {
	ID   Typed  `json:"id"`
	Role string `json:"role"`
}

// Property is a message or part property.
type Property struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// PartInfo describes a payload part.
type PartInfo struct {
	Href       string     `json:"href"`
	Properties []Property `json:"properties"`
}

// UserMessage holds all values of an eb:UserMessage. When the header is not built as the schema says, only the message
// id is there and Readable is false.
type UserMessage struct {
	Verified       bool       `json:"verified"` // the signature value and the digest of Messaging fit
	Readable       bool       `json:"readable"`
	MessageID      string     `json:"message_id"`
	Timestamp      *time.Time `json:"timestamp"`
	RefToMessageID string     `json:"ref_to_message_id"`
	MPC            string     `json:"mpc"`
	From           Party      `json:"from"`
	To             Party      `json:"to"`
	Agreement      Typed      `json:"agreement"`
	PMode          string     `json:"pmode"`
	Service        Typed      `json:"service"`
	Action         string     `json:"action"`
	ConversationID string     `json:"conversation_id"`
	Properties     []Property `json:"properties"`
	Parts          []PartInfo `json:"parts"`
	Test           bool       `json:"test"` // the test service (AS4-134)
}

// Receipt holds an eb:Receipt.
type Receipt struct {
	MessageID  string          `json:"message_id"`
	Timestamp  time.Time       `json:"timestamp"`
	RefTo      string          `json:"ref_to"`
	References []ReceiptDigest `json:"references"`
	Matches    *bool           `json:"matches"` // null when no request was given
	Reason     string          `json:"reason"`
}

// ReceiptDigest is one reference that the receipt repeats.
type ReceiptDigest struct {
	URI          string   `json:"uri"`
	Transforms   []string `json:"transforms"`
	DigestMethod string   `json:"digest_method"`
	Digest       string   `json:"digest"`
}

// ErrorInfo is one eb:Error and what it means.
type ErrorInfo struct {
	Code        ebms.Code `json:"code"`
	Severity    string    `json:"severity"`
	Short       string    `json:"short"`
	Detail      string    `json:"detail"`
	Description string    `json:"description"`
	RefTo       string    `json:"ref_to"`
	NotServiced bool      `json:"not_serviced"`
	Meaning     string    `json:"meaning"`
	Blame       string    `json:"blame"`
	Next        string    `json:"next"`
}

// SBDH holds the envelope of the business document.
type SBDH struct {
	OK          bool       `json:"ok"`
	Sender      string     `json:"sender"`
	Receiver    string     `json:"receiver"`
	DocType     string     `json:"document_type"`
	Process     string     `json:"process"`
	CountryC1   string     `json:"country_c1"`
	InstanceID  string     `json:"instance_identifier"`
	Created     string     `json:"created"`
	Standard    string     `json:"standard"`
	TypeVersion string     `json:"type_version"`
	Type        string     `json:"type"`
	MLSTo       string     `json:"mls_to"`
	MLSType     string     `json:"mls_type"`
	Attributes  []Property `json:"attributes"`
	Warnings    []string   `json:"warnings"`
	Defect      *Defect    `json:"fault"`
}

// Payload describes what was inside: the StandardBusinessDocument, decrypted and decompressed.
type Payload struct {
	RootNamespace   string `json:"root_namespace"` // of the business document inside the envelope
	RootElement     string `json:"root_element"`
	Bytes           int64  `json:"bytes"`            // of the whole StandardBusinessDocument
	CompressedBytes int64  `json:"compressed_bytes"` // 0 when it was not compressed
	SHA256          string `json:"sha256"`           // of the whole StandardBusinessDocument, hex
	Wrapped         bool   `json:"wrapped"`
	MimeType        string `json:"mime_type"` // of a wrapped payload
	Complete        bool   `json:"complete"`
}

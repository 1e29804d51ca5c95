// Package as4 is the Peppol AS4 profile 2.0.3: a Sender that seals and posts a message and believes only a verified
// receipt, and a Receiver that answers each request with one signed receipt or one signed error. The rules of the
// profile stand in one list, each with its function (profile.go). The package stores nothing and logs nothing: it hands
// verified messages to its Handler and results to its callers.
package as4

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// Default size limits (D-13), in bytes.
const (
	DefaultMaxBytes    = 100 << 20 // a whole request as received
	DefaultMaxExpanded = 1 << 30   // a payload after decompression
	maxSOAP            = 2 << 20
)

// ContentTypeSignal is the content type of receipts and errors (AS4-104).
const ContentTypeSignal = "application/soap+xml;charset=UTF-8"

// Property and part property names (AS4-045, AS4-049 to AS4-051).
const (
	propSender      = "originalSender"
	propRecipient   = "finalRecipient"
	propMimeType    = "MimeType"
	propCompression = "CompressionType"
	propCharset     = "CharacterSet"
	gzipType        = "application/gzip"
)

// Handler decides about one verified message, before the receipt leaves.
type Handler interface {
	// Known returns what is stored of the message that was accepted before under the same key, nil when the key is new.
	Known(ctx context.Context, key DuplicateKey) (*Prior, error)

	// Place opens a place for the payload of a message that has not been accepted yet. id is the id of its Exchange and
	// becomes the id of the stored message. What is written there stays invisible until Accept takes it over; Abort
	// discards it.
	Place(ctx context.Context, id string) (Place, error)

	// Accept stores the message. If it returns nil, payload, record and in.Answer are durable: a receipt is a promise.
	// A *Duplicate (a twin was faster) makes the Receiver answer it as a repeat. An *ebms.Error goes to C2 as it is;
	// any other error means that nothing was stored: EBMS:0202 without detail.
	Accept(ctx context.Context, in *Inbound) error

	// Repeat keeps the receipt for a repeat whose header was rebuilt beside the first one, and delivers and counts
	// nothing. It returns the receipt that is kept: in.Answer, or that of an earlier repeat with the same digests.
	Repeat(ctx context.Context, in *Inbound, prior *Prior) (*Answer, error)
}

// Place receives a payload.
type Place interface {
	io.Writer
	Abort()
}

// DuplicateKey identifies a message, permanently (AS4-128, SEC-070). The sender is part of it so that nobody can occupy
// the message ids of somebody else.
type DuplicateKey struct {
	Sender peppol.SeatID
	ID     ebms.MessageID
}

// Answer is an HTTP response as it was or will be sent: a signed receipt.
type Answer struct {
	ContentType string
	Body        []byte
}

// Inbound is one verified message with everything about it that must be kept (D-25).
type Inbound struct {
	Message    *ebms.UserMessage
	Header     *sbdh.Header
	Payload    *sbdh.Payload
	DocType    peppol.DocTypeID
	C2, C3     peppol.SeatID
	Signer     *x509.Certificate // of C2
	Own        *x509.Certificate // ours, which signed the receipt
	References []ebms.Reference  // what C2 signed; the receipt repeats them
	Digests    []byte            // canonical text of References, see FormatDigests
	Answer     Answer            // the receipt
	SOAP       []byte            // the SOAP part as received
	Place      Place             // holds the whole payload, decompressed
	Received   time.Time
	Warnings   []string
	Tolerated  []string // names of what was tolerated: the Tolerated constants
}

// Prior is a message that was accepted before.
type Prior struct {
	ID      string // under which it is kept
	Digests []byte // what its sender signed, as FormatDigests writes it
	Answer  Answer // its receipt
}

// same compares what was signed of a repeat with the first message (AS4-128 to AS4-131): all of it the same, or the
// payload alone, because the header was rebuilt. Another payload under a MessageId that was used is an error.
func (p *Prior) same(digests []byte) (all bool, err error) {
	if bytes.Equal(p.Digests, digests) {
		return true, nil
	}
	first, err := payloadDigests(p.Digests)
	if err != nil {
		return false, err
	}
	again, err := payloadDigests(digests)
	if err != nil {
		return false, err
	}
	if len(first) == 0 || !slices.Equal(first, again) {
		return false, refuse(ebms.CodeValueInconsistent, "MessageId reused with different content")
	}
	return false, nil
}

// payloadDigests lists what was signed of the attachments, without the names that the message gives them.
func payloadDigests(digests []byte) (list []string, err error) {
	refs, err := ParseDigests(digests)
	for _, r := range refs {
		if strings.HasPrefix(r.URI, "cid:") {
			list = append(list, fmt.Sprintf("%s %s %x", formatTransforms(r.Transforms), r.Method, r.Value))
		}
	}
	slices.Sort(list)
	return list, err
}

// Duplicate is returned by Handler.Accept when a twin of the message was stored first.
type Duplicate struct{ Prior *Prior }

func (d *Duplicate) Error() string { return "as4: the message was accepted before" }

// formatTransforms joins transform algorithms; they are URIs and contain no spaces.
func formatTransforms(list []string) string { return strings.Join(list, " ") }

// FormatDigests writes references as canonical text: one line each, sorted by URI, with URI, transforms, digest method
// and value. Two messages with the same text have the same signed content: this is how a repeat is told from a reused
// id.
func FormatDigests(refs []ebms.Reference) []byte {
	lines := make([]string, 0, len(refs))
	for _, r := range refs {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\n", r.URI, formatTransforms(r.Transforms), r.Method,
			base64.StdEncoding.EncodeToString(r.Value)))
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// ParseDigests reads the text of FormatDigests.
func ParseDigests(text []byte) ([]ebms.Reference, error) {
	var out []ebms.Reference
	for line := range bytes.Lines(text) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("as4: stored digests have a line of %d fields, want 4", len(f))
		}
		v, err := base64.StdEncoding.DecodeString(f[3])
		if err != nil {
			return nil, fmt.Errorf("as4: stored digests: %w", err)
		}
		out = append(out, ebms.Reference{URI: f[0], Transforms: strings.Fields(f[1]), Method: f[2], Value: v})
	}
	return out, nil
}

// Package mime reads and writes the multipart/related packaging of AS4 as a stream. It is strict where two readers
// could disagree: line ends are CRLF, the closing delimiter must be there, headers are few, short and unique, of the
// transfer encodings only base64 is undone, and of payload parts alone (AS4-011 to AS4-024, SEC-020 to SEC-027,
// design.md §3).
package mime

import (
	"fmt"
	stdmime "mime"
	"net/url"
	"strings"
)

// Limits on a message (SEC-022, SEC-020, SEC-021).
const (
	MaxParts       = 10
	maxHeaders     = 10
	maxHeaderBytes = 4 << 10
	maxBoundary    = 70
	maxOutside     = 1 << 10 // preamble and epilogue
)

// Media types of AS4.
const (
	SOAP      = "application/soap+xml"
	Multipart = "multipart/related"
)

// Error says what is wrong with the packaging. Its text quotes nothing from the message.
type Error struct {
	Rule string
	Msg  string
	// Part is true when the framing is intact and only the content of a part's header is refused: the SOAP part can be
	// read, and an authenticated sender gets EBMS:0007 (SEC-022 to SEC-025). Otherwise the answer is HTTP 400.
	Part bool
}

func (e *Error) Error() string { return fmt.Sprintf("mime: %s (%s)", e.Msg, e.Rule) }

func framing(rule, msg string) *Error { return &Error{Rule: rule, Msg: msg} }

func inPart(rule, msg string) *Error { return &Error{Rule: rule, Msg: msg, Part: true} }

// ContentType is the Content-Type of an HTTP message with AS4 content.
type ContentType struct {
	Media    string // "multipart/related" or "application/soap+xml"
	Boundary string // multipart/related only
	Start    string // start parameter without angle brackets, "" when absent
	Untyped  bool   // multipart/related without its type parameter: the type of the root part decides
}

// ErrMediaType means that the media type is not one that AS4 uses (HTTP 415).
var ErrMediaType = framing("SEC-010",
	"the media type is neither multipart/related with type application/soap+xml nor application/soap+xml")

// ErrTruncated means that the message ends before its closing delimiter (HTTP 400).
var ErrTruncated = framing("SEC-021", "the message ends before its closing delimiter")

// ParseContentType reads the Content-Type header, of which there must be exactly one (SEC-010, SEC-020, AS4-011 to
// 013). Unknown parameters are ignored.
func ParseContentType(headers []string) (ContentType, error) {
	if len(headers) != 1 {
		return ContentType{}, framing("SEC-010", "want exactly one Content-Type header")
	}
	media, params, err := stdmime.ParseMediaType(headers[0])
	if err != nil {
		return ContentType{}, framing("SEC-020", "the Content-Type header is malformed")
	}
	if charset, ok := params["charset"]; ok && media == SOAP && !strings.EqualFold(charset, "utf-8") {
		return ContentType{}, framing("SEC-023", "the SOAP part must be in UTF-8")
	}
	typ, typed := params["type"]
	switch {
	case media == SOAP:
		return ContentType{Media: media}, nil
	case media != Multipart || typed && !strings.EqualFold(typ, SOAP):
		return ContentType{}, ErrMediaType
	}
	// Another reader may understand the extended forms of RFC 2231 differently (SEC-020).
	if low := strings.ToLower(headers[0]); strings.Contains(low, "boundary*") || strings.Contains(low, "start*") ||
		strings.Contains(low, "type*") {
		return ContentType{}, framing("SEC-020", "an extended parameter in Content-Type")
	}
	ct := ContentType{Media: media, Boundary: params["boundary"], Untyped: !typed}
	if !validBoundary(ct.Boundary) {
		return ContentType{}, framing("SEC-020", "the boundary is missing or malformed")
	}
	if start, ok := params["start"]; ok {
		if ct.Start, ok = unbracket(start); !ok {
			return ContentType{}, framing("SEC-023", "the start parameter is not a content id in angle brackets")
		}
	}
	return ct, nil
}

// validBoundary follows RFC 2046 §5.1.1.
func validBoundary(b string) bool {
	if b == "" || len(b) > maxBoundary || strings.HasSuffix(b, " ") {
		return false
	}
	for _, c := range []byte(b) {
		if !alphanumeric(c) && !strings.ContainsRune("'()+_,-./:=? ", rune(c)) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// unbracket removes one pair of angle brackets from a content id and checks what is inside (SEC-024).
func unbracket(s string) (string, bool) {
	if len(s) < 3 || s[0] != '<' || s[len(s)-1] != '>' {
		return "", false
	}
	id := s[1 : len(s)-1]
	return id, validID(id)
}

// validID reports whether id is printable ASCII without spaces and angle brackets, at most 255 bytes.
func validID(id string) bool {
	return id != "" && len(id) <= 255 && strings.IndexFunc(id,
		func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) < 0
}

// ContentID returns the content id that a cid: URL names. The URL is percent-decoded exactly once (AS4-019, SEC-024).
func ContentID(ref string) (string, error) {
	enc, ok := strings.CutPrefix(ref, "cid:")
	if !ok {
		return "", inPart("AS4-052", "a reference that is not a cid: URL")
	}
	id, err := url.PathUnescape(enc)
	if err != nil || !validID(id) {
		return "", inPart("SEC-024", "a malformed cid: URL")
	}
	return id, nil
}

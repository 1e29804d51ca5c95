// Package sbdh reads and writes the Peppol Business Message Envelope 2.0.2: a StandardBusinessDocument with its header.
// Read reads a document of any size in constant memory and checks the header and the kind of payload. Wrap puts a
// business document, or other content, into a new envelope.
package sbdh

import (
	"fmt"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces (sbdh.md §1).
const (
	NS      = doctype.NSEnvelope
	Wrapper = "http://peppol.eu/xsd/ticc/envelope/1.0"
)

// Limits of SBDH-047 and SBDH-008.
const (
	maxHeader   = 64 << 10
	maxScopes   = 64
	maxValue    = 4 << 10
	maxInstance = 255
)

// Values of MLS_TYPE (SBDH-018).
const (
	MLSFailureOnly = "FAILURE_ONLY"
	MLSAlwaysSend  = "ALWAYS_SEND"
)

// Header is the content of a StandardBusinessDocumentHeader.
type Header struct {
	Sender     peppol.ParticipantID // C1
	Receiver   peppol.ParticipantID // C4
	DocType    peppol.DocTypeID
	Process    peppol.ProcessID
	CountryC1  string // ISO 3166-1 alpha-2
	InstanceID string // globally unique per envelope
	Created    string // CreationDateAndTime as written
	MLSTo      string // participant value "0242:…", "" if absent or invalid
	MLSType    string // "" if absent or invalid, which means FAILURE_ONLY

	Standard, TypeVersion, Type string // SBDH-022 to 024; derived from DocType when an envelope is written

	Ignored    []string // names of elements that the UN/CEFACT schema allows and Peppol does not use (SBDH-039)
	Attributes []Scope  // free attributes, in order (SBDH-020)
	Warnings   []string // what was tolerated: one sentence each, no personal data
}

// Scope is a free attribute.
type Scope struct{ Type, Value, Identifier string }

// Payload describes what the envelope carries.
type Payload struct {
	Root       safe.Name // root element of the business document, or the wrapper element
	Wrapped    bool      // BinaryContent or TextContent
	MimeType   string    // of a wrapped payload
	Number     string    // that the business document bears (API-120); "" when it bears none
	Start, End int64     // position of the business document in the UTF-8 form of the envelope, in bytes

	HeaderStart, HeaderEnd int64 // place of the header, likewise
}

// Error says what is wrong with an envelope. It is answered with EBMS:0004; Keyword goes into the error detail.
type Error struct {
	Keyword string // name of the check, like "invalid-country-c1"
	Rule    string
	Msg     string
	Err     error // cause, for the log
}

func (e *Error) Error() string {
	s := fmt.Sprintf("sbdh: %s: %s (%s)", e.Keyword, e.Msg, e.Rule)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func bad(keyword, rule, format string, args ...any) *Error {
	return &Error{Keyword: keyword, Rule: rule, Msg: fmt.Sprintf(format, args...)}
}

// reserved scope types; they must not be used for anything else (SBDH-019).
var reserved = map[string]bool{
	"DOCUMENTID": true, "PROCESSID": true, "COUNTRY_C1": true, "COUNTRY_C4": true, "MLS_TO": true, "MLS_TYPE": true,
	"TECHNICAL_VALIDATION_URL": true, "TECHNICAL_VALIDATION_REQUIRED": true,
}

// white is the white space of XML.
const white = " \t\r\n"

func blank(s string) bool { return strings.Trim(s, white) == "" }

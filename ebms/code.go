package ebms

import "strings"

// Code is an error code of ebMS 3.0 Core §6.7 or AS4 §3, like "EBMS:0004". A Code is also an error, so that
// errors.Is(err, ebms.CodeOther) works.
type Code string

// Codes (as4.md §9.1).
const (
	CodeValueNotRecognized           Code = "EBMS:0001"
	CodeFeatureNotSupported          Code = "EBMS:0002"
	CodeValueInconsistent            Code = "EBMS:0003"
	CodeOther                        Code = "EBMS:0004"
	CodeConnectionFailure            Code = "EBMS:0005"
	CodeEmptyMessagePartitionChannel Code = "EBMS:0006"
	CodeMimeInconsistency            Code = "EBMS:0007"
	CodeFeatureInconsistency         Code = "EBMS:0008"
	CodeInvalidHeader                Code = "EBMS:0009"
	CodeProcessingModeMismatch       Code = "EBMS:0010"
	CodeExternalPayloadError         Code = "EBMS:0011"
	CodeFailedAuthentication         Code = "EBMS:0101"
	CodeFailedDecryption             Code = "EBMS:0102"
	CodePolicyNoncompliance          Code = "EBMS:0103"
	CodeDysfunctionalReliability     Code = "EBMS:0201"
	CodeDeliveryFailure              Code = "EBMS:0202"
	CodeMissingReceipt               Code = "EBMS:0301"
	CodeInvalidReceipt               Code = "EBMS:0302"
	CodeDecompressionFailure         Code = "EBMS:0303"
	CodeDuplicateDetected            Code = "EBMS:4001" // private to phase4; understood, never sent
)

func (c Code) Error() string { return string(c) }

// Definition is what the standards say about a code.
type Definition struct {
	Short, Category, Severity, Origin string
}

const (
	content, unpackaging, processing, communication = "Content", "Unpackaging", "Processing", "Communication"
	failure, warning                                = "failure", "warning"
)

var definitions = map[Code]Definition{
	CodeValueNotRecognized:           {"ValueNotRecognized", content, failure, "ebms"},
	CodeFeatureNotSupported:          {"FeatureNotSupported", content, warning, "ebms"},
	CodeValueInconsistent:            {"ValueInconsistent", content, failure, "ebms"},
	CodeOther:                        {"Other", content, failure, "ebms"},
	CodeConnectionFailure:            {"ConnectionFailure", communication, failure, "ebms"},
	CodeEmptyMessagePartitionChannel: {"EmptyMessagePartitionChannel", communication, warning, "ebms"},
	CodeMimeInconsistency:            {"MimeInconsistency", unpackaging, failure, "ebms"},
	CodeFeatureInconsistency:         {"FeatureNotSupported", unpackaging, failure, "ebms"},
	CodeInvalidHeader:                {"InvalidHeader", unpackaging, failure, "ebms"},
	CodeProcessingModeMismatch:       {"ProcessingModeMismatch", processing, failure, "ebms"},
	CodeExternalPayloadError:         {"ExternalPayloadError", content, failure, "ebms"},
	CodeFailedAuthentication:         {"FailedAuthentication", processing, failure, "security"},
	CodeFailedDecryption:             {"FailedDecryption", processing, failure, "security"},
	CodePolicyNoncompliance:          {"PolicyNoncompliance", processing, failure, "security"},
	CodeDysfunctionalReliability:     {"DysfunctionalReliability", processing, failure, "reliability"},
	CodeDeliveryFailure:              {"DeliveryFailure", communication, failure, "reliability"},
	CodeMissingReceipt:               {"MissingReceipt", communication, failure, "ebms"},
	CodeInvalidReceipt:               {"InvalidReceipt", communication, failure, "ebms"},
	CodeDecompressionFailure:         {"DecompressionFailure", communication, failure, "ebms"},
	CodeDuplicateDetected:            {"DuplicateDetected", content, failure, ""},
}

// Define returns what the standards say about the code; ok is false for an unknown code (AS4-098).
func (c Code) Define() (d Definition, ok bool) {
	d, ok = definitions[c]
	return d, ok
}

// NotServicedDetail is the error detail that tells a sender that the addressee is not served here (AS4-092).
const NotServicedDetail = "PEPPOL:NOT_SERVICED"

// Error is a failure that is reported to the other access point as an eb:Error, or was reported by it.
type Error struct {
	Code        Code
	Severity    string // as received; "" in an error that we write: it then comes from the table
	Short       string // shortDescription as received
	Detail      string // ErrorDetail, one line; sent to the other side: never a path, a key or why cryptography failed
	Description string // eb:Description, free text in English
	RefTo       MessageID
	Err         error // the cause, for our log only
}

func (e *Error) Error() string {
	s := "ebms: " + string(e.Code)
	if text := e.Text(); text != "" {
		s += " " + text
	}
	return s
}

// Text is what the error says in words: its detail and, where it says more, its description. Products use either, or
// both for the same (AS4-126).
func (e *Error) Text() string {
	switch {
	case e.Detail == "" || strings.Contains(e.Description, e.Detail):
		return e.Description
	case e.Description == "" || strings.Contains(e.Detail, e.Description):
		return e.Detail
	}
	return e.Detail + ": " + e.Description
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares with a Code.
func (e *Error) Is(target error) bool { c, ok := target.(Code); return ok && c == e.Code }

// IsNotServiced reports whether the error says that the addressee is not served.
func (e *Error) IsNotServiced() bool { return e.Code == CodeOther && e.Detail == NotServicedDetail }

// IsFailure reports whether the error ends the exchange; everything but a warning does (AS4-097).
func (e *Error) IsFailure() bool {
	if e.Severity == "" {
		d, _ := e.Code.Define()
		return d.Severity != warning
	}
	return !strings.EqualFold(e.Severity, warning)
}

// NotServiced makes the error for an addressee that is not served (AS4-092, AS4-093).
func NotServiced(description string) *Error {
	return &Error{Code: CodeOther, Detail: NotServicedDetail, Description: description}
}

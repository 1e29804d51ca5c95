// Package peppol holds the identifiers and fixed values of the Peppol network: participants, document types, processes,
// seats, and the constants of the AS4 profile. A value of one of its identifier types is valid, because only the Parse
// functions make one from text.
package peppol

import (
	"fmt"
	"strings"
)

// Identifier schemes (Peppol Policy for use of Identifiers 4.4.0, policies 5, 16 and 24).
const (
	SchemeParticipant = "iso6523-actorid-upis"
	SchemeBusdox      = "busdox-docid-qns"
	SchemeWildcard    = "peppol-doctype-wildcard"
	SchemeProcess     = "cenbii-procid-ubl"
)

// Fixed values of the Peppol AS4 profile 2.0.3 (§4.3, §4.5, §4.7).
const (
	TransportAS4 = "peppol-transport-as4-v2_0"
	AgreementRef = "urn:fdc:peppol.eu:2017:agreements:tia:ap_provider"
	PartyType    = "urn:fdc:peppol.eu:2017:identifiers:ap"
)

// Document types, of scheme SchemeBusdox, that reports about traffic treat apart (code lists 9.7).
const (
	TypeTSR = "urn:fdc:peppol:transaction-statistics-report:1.0::TransactionStatisticsReport" +
		"##urn:fdc:peppol.eu:edec:trns:transaction-statistics-reporting:1.0::1.0"
	TypeEUSR = "urn:fdc:peppol:end-user-statistics-report:1.1::EndUserStatisticsReport" +
		"##urn:fdc:peppol.eu:edec:trns:end-user-statistics-report:1.1::1.1"
	TypeMLS = "urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2::ApplicationResponse" +
		"##urn:peppol:edec:mls:1.0::2.1"
)

// Limits on the length of identifier values, in bytes (PFUOI 4.4.0 policies 1, 20 and 25).
const (
	maxParticipant = 130 // after the ICD prefix
	maxDocType     = 500
	maxProcess     = 200
)

// ParticipantID names a business party (C1 or C4): "iso6523-actorid-upis::0192:991825827". The original spelling of the
// value is kept for the wire; Key is what comparisons use.
type ParticipantID struct{ value string }

// ParseParticipant makes a ParticipantID from a value such as "0192:991825827" or
// "iso6523-actorid-upis::0192:991825827". It checks the form only (DISC-001, DISC-002), not the code list and not
// check digits.
func ParseParticipant(s string) (ParticipantID, error) {
	v := s
	if scheme, rest, ok := strings.Cut(s, "::"); ok {
		if scheme != SchemeParticipant {
			return ParticipantID{}, fmt.Errorf("peppol: participant %q: scheme is not %s (DISC-004)",
				s, SchemeParticipant)
		}
		v = rest
	}
	icd, id, ok := strings.Cut(v, ":")
	if !ok || len(icd) != 4 || !all(icd, isDigit) {
		return ParticipantID{}, fmt.Errorf(
			"peppol: participant %q: want four digits, a colon and a value, like 0192:991825827 (DISC-001)", s)
	}
	if id == "" || len(id) > maxParticipant || !all(id, isUnreserved) {
		return ParticipantID{}, fmt.Errorf(
			"peppol: participant %q: the part after %s: must be 1 to %d letters, digits or -._~ (DISC-002)",
			s, icd, maxParticipant)
	}
	return ParticipantID{v}, nil
}

// Scheme returns the meta scheme, which is always "iso6523-actorid-upis".
func (p ParticipantID) Scheme() string { return SchemeParticipant }

// Value returns the value as it was written: "0192:991825827".
func (p ParticipantID) Value() string { return p.value }

// Key returns the lower-cased value, the form in which participants are compared and stored (DISC-003).
func (p ParticipantID) Key() string { return strings.ToLower(p.value) }

// Equal reports whether both name the same participant; letter case does not matter (SBDH-007).
func (p ParticipantID) Equal(q ParticipantID) bool { return p.Key() == q.Key() }

// IsZero reports whether p is unset.
func (p ParticipantID) IsZero() bool { return p.value == "" }

// String returns the URI form "iso6523-actorid-upis::0192:991825827" (DISC-030), or "" for the zero value.
func (p ParticipantID) String() string {
	if p.IsZero() {
		return ""
	}
	return SchemeParticipant + "::" + p.value
}

// CheckNorwegian applies the mod-11 check of Norwegian organisation numbers to participants of scheme 0192 and of its
// removed forerunner 9908, and answers nil for all others (DISC-007).
func (p ParticipantID) CheckNorwegian() error {
	icd, num, _ := strings.Cut(p.value, ":")
	if icd != "0192" && icd != "9908" {
		return nil
	}
	if len(num) != 9 || !all(num, isDigit) {
		return fmt.Errorf("peppol: participant %s: a Norwegian organisation number has nine digits (DISC-007)", p.value)
	}
	sum := 0 // of the first eight digits by their weights; with the check digit it is a multiple of 11
	for i, w := range [8]int{3, 2, 7, 6, 5, 4, 3, 2} {
		sum += w * int(num[i]-'0')
	}
	if check := (11 - sum%11) % 11; check != int(num[8]-'0') {
		return fmt.Errorf("peppol: participant %s: the check digit of this organisation number is wrong (DISC-007)",
			p.value)
	}
	return nil
}

// DocTypeID names a document type with its scheme: "busdox-docid-qns::<syntax>##<customization>::<version>". Values are
// compared byte for byte (DISC-014).
type DocTypeID struct{ scheme, value string }

// ParseDocType makes a DocTypeID from the URI form "scheme::value". A value without a known scheme in front gets
// busdox-docid-qns (SBDH-013).
func ParseDocType(s string) (DocTypeID, error) {
	for _, scheme := range [...]string{SchemeBusdox, SchemeWildcard} {
		if v, ok := strings.CutPrefix(s, scheme+"::"); ok {
			return NewDocType(scheme, v)
		}
	}
	return NewDocType(SchemeBusdox, s)
}

// NewDocType makes a DocTypeID from scheme and value, checking DISC-010, DISC-012 and DISC-013. A wildcard indicator
// "*" is refused: it occurs in SMP registrations only (DISC-018), see ParseRegisteredDocType.
func NewDocType(scheme, value string) (DocTypeID, error) {
	d, err := newDocType(scheme, value)
	if err == nil && strings.Contains(d.Customization(), "*") {
		return DocTypeID{}, fmt.Errorf(
			"peppol: document type %q: the wildcard indicator * stands in registrations only (DISC-018)", value)
	}
	return d, err
}

// ParseRegisteredDocType makes a DocTypeID from scheme and value as found in SMP metadata, where a wildcard type may
// end its customization id with "*" (DISC-018).
func ParseRegisteredDocType(scheme, value string) (DocTypeID, error) {
	d, err := newDocType(scheme, value)
	if err != nil {
		return d, err
	}
	c := d.Customization()
	// The one * is the last character and stands behind a part of the identifier.
	i := strings.IndexByte(c, '*')
	if i >= 0 && (scheme != SchemeWildcard || i != len(c)-1 || i == 0 || c[i-1] == '@') {
		return DocTypeID{}, fmt.Errorf("peppol: document type %q: misplaced wildcard indicator * (DISC-018)", value)
	}
	return d, nil
}

func newDocType(scheme, value string) (DocTypeID, error) {
	if scheme != SchemeBusdox && scheme != SchemeWildcard {
		return DocTypeID{}, fmt.Errorf("peppol: document type scheme %q is neither %s nor %s (DISC-012)",
			scheme, SchemeBusdox, SchemeWildcard)
	}
	d := DocTypeID{scheme, value}
	if value == "" || len(value) > maxDocType || !all(value, isIdentifier) {
		return DocTypeID{}, fmt.Errorf("peppol: document type %q: want 1 to %d characters without blanks (DISC-013)",
			value, maxDocType)
	}
	// Orders and invoices of countries that had them before Peppol have no customization (DISC-103 in design.md §3).
	plain := scheme == SchemeBusdox && strings.Contains(value, "##::")
	if d.Syntax() == "" || d.Customization() == "" && !plain || d.Version() == "" {
		return DocTypeID{},
			fmt.Errorf("peppol: document type %q is not of the form syntax##customization::version (DISC-010)", value)
	}
	return d, nil
}

// Scheme returns the scheme of the document type identifier.
func (d DocTypeID) Scheme() string { return d.scheme }

// Value returns the identifier value without the scheme.
func (d DocTypeID) Value() string { return d.value }

// IsZero reports whether d is unset.
func (d DocTypeID) IsZero() bool { return d.value == "" }

// String returns "scheme::value", which is also the form of the AS4 Action (AS4-043), or "" for the zero value.
func (d DocTypeID) String() string {
	if d.IsZero() {
		return ""
	}
	return d.scheme + "::" + d.value
}

// Syntax returns the part before the first "##": for XML documents "<root namespace>::<root local name>" (DISC-010).
func (d DocTypeID) Syntax() string { s, _, _ := strings.Cut(d.value, "##"); return s }

// Customization returns the part between the first "##" and the last "::" after it, "" for a type without (DISC-103).
func (d DocTypeID) Customization() string { c, _ := d.tail(); return c }

// Version returns the part after the last "::", "2.1" in most UBL types (SBDH-024).
func (d DocTypeID) Version() string { _, v := d.tail(); return v }

// tail splits what follows the first "##" at its last "::": a customization id may itself have "::" in it.
func (d DocTypeID) tail() (customization, version string) {
	_, rest, _ := strings.Cut(d.value, "##")
	i := strings.LastIndex(rest, "::")
	if i < 0 {
		return "", ""
	}
	return rest[:i], rest[i+2:]
}

// Root returns namespace and local name of the document's root element, or ok false for types that are not XML
// (SBDH-025, SBDH-029).
func (d DocTypeID) Root() (space, local string, ok bool) {
	space, local, ok = strings.Cut(d.Syntax(), "::")
	return space, local, ok && space != "" && local != ""
}

// Candidates returns the identifiers under which a document of type d may be registered, best match first: the exact
// one, then for wildcard types each shorter prefix of parts followed by "*" (DISC-020 to DISC-024).
func (d DocTypeID) Candidates() []DocTypeID {
	out := []DocTypeID{d}
	if d.scheme != SchemeWildcard {
		return out
	}
	for p := d.Customization(); ; {
		out = append(out, DocTypeID{d.scheme, d.Syntax() + "##" + p + "*::" + d.Version()})
		i := strings.LastIndexByte(p, '@')
		if i < 0 {
			return out
		}
		p = p[:i]
	}
}

// ProcessID names a business process: "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0".
type ProcessID struct{ scheme, value string }

// ParseProcess makes a ProcessID from "scheme::value", or from a bare value, which gets cenbii-procid-ubl (SBDH-014).
func ParseProcess(s string) (ProcessID, error) {
	if v, ok := strings.CutPrefix(s, SchemeProcess+"::"); ok {
		return NewProcess(SchemeProcess, v)
	}
	return NewProcess(SchemeProcess, s)
}

// NewProcess makes a ProcessID from scheme and value (DISC-027). Schemes other than cenbii-procid-ubl are kept as they
// are; they match nothing but themselves.
func NewProcess(scheme, value string) (ProcessID, error) {
	if scheme == "" || len(scheme) > 25 || strings.Contains(scheme, "::") || !all(scheme, isIdentifier) {
		return ProcessID{}, fmt.Errorf("peppol: process scheme %q is malformed (DISC-027)", scheme)
	}
	if value == "" || len(value) > maxProcess || !all(value, isIdentifier) {
		return ProcessID{}, fmt.Errorf("peppol: process %q: want 1 to %d characters without blanks (DISC-027)",
			value, maxProcess)
	}
	return ProcessID{scheme, value}, nil
}

// Scheme returns the scheme of the process identifier.
func (p ProcessID) Scheme() string { return p.scheme }

// Value returns the identifier value without the scheme.
func (p ProcessID) Value() string { return p.value }

// IsZero reports whether p is unset.
func (p ProcessID) IsZero() bool { return p.value == "" }

// String returns "scheme::value", or "" for the zero value.
func (p ProcessID) String() string {
	if p.IsZero() {
		return ""
	}
	return p.scheme + "::" + p.value
}

// SeatID is the identity of an access point: the subject CN of its certificate and its eb:PartyId, like "PNO000123".
type SeatID string

// ParseSeat checks the form P, two capital letters, six digits (AS4 §1, DISC-009).
func ParseSeat(s string) (SeatID, error) {
	if len(s) != 9 || s[0] != 'P' || !isUpper(rune(s[1])) || !isUpper(rune(s[2])) || !all(s[3:], isDigit) {
		return "", fmt.Errorf("peppol: seat id %q is not P, two capital letters and six digits", s)
	}
	return SeatID(s), nil
}

// SPID returns the service provider identifier that belongs to the seat, "0242:000123" for PNO000123 (DISC-009).
func (s SeatID) SPID() ParticipantID { return ParticipantID{"0242:" + string(s[3:])} }

// ValidCountryForm reports whether c has the form of COUNTRY_C1, two capital letters or digits (SBDH-015).
func ValidCountryForm(c string) bool {
	return len(c) == 2 && all(c, func(r rune) bool { return isUpper(r) || isDigit(r) })
}

func all(s string, ok func(rune) bool) bool {
	for _, r := range s {
		if !ok(r) {
			return false
		}
	}
	return true
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }

func isUnreserved(r rune) bool {
	return isDigit(r) || isUpper(r) || r >= 'a' && r <= 'z' || r == '-' || r == '.' || r == '_' || r == '~'
}

// isIdentifier accepts the printable characters of ISO 8859-1 without blanks (DISC-013).
func isIdentifier(r rune) bool { return r > ' ' && r < 0x7f || r > 0xa0 && r <= 0xff }

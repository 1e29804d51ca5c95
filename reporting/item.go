package reporting

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/peppol"
)

// unknown stands for an unknown country; the TSR allows it, the EUSR does not (RPT-3.4).
const unknown = "ZZ"

// Country returns the code that is reported for a country: GR for EL, otherwise c itself. ok is false if the code lists
// of the reports do not contain it (SCH-TSR-20, SCH-EUSR-30); ZZ counts as unknown.
func Country(c string) (code string, ok bool) {
	if c == "EL" {
		return "GR", true
	}
	return c, peppol.KnownCountry(c)
}

// Check returns what is wrong with an item of a reporter, as an *ItemError.
func (it Item) Check(seat peppol.SeatID) error {
	if _, err := it.normalize(Header{Seat: seat}); err != nil {
		return err
	}
	return nil
}

// normalize checks an item and replaces its countries by the codes that are reported.
func (it *Item) normalize(h Header) (kind, *ItemError) {
	k, err := it.normalizeShared(h)
	switch {
	case err != nil:
		return k, err
	case it.EndUser == "" && k != status:
		return k, &ItemError{Field: "end_user", Reason: noEndUser}
	case it.N == 0:
		return k, &ItemError{Field: "n", Reason: "is 0"}
	}
	return k, nil
}

const noEndUser = "is empty; only a Message Level Status has no end user"

// normalizeShared is normalize for everything but the end user and the number: what many exchanges have in common.
func (it *Item) normalizeShared(h Header) (kind, *ItemError) {
	k := kindOf(it.DocType)
	if it.Direction != Outgoing && it.Direction != Incoming {
		return k, &ItemError{
			Field:  "direction",
			Reason: quoted(string(it.Direction)) + " is neither outgoing nor incoming",
		}
	}
	if err := it.checkSeats(h.Seat); err != nil {
		return k, err
	}
	if err := it.checkIdentifiers(); err != nil {
		return k, err
	}
	return k, it.resolveCountries(h.Preview)
}

// other is the seat of the other service provider, the SP key of the report (RPT-5.1).
func (it *Item) other() peppol.SeatID {
	if it.Direction == Outgoing {
		return it.C3
	}
	return it.C2
}

func (it *Item) checkSeats(seat peppol.SeatID) *ItemError {
	for _, c := range [...]struct {
		field string
		seat  peppol.SeatID
		own   bool
	}{{"c2", it.C2, it.Direction == Outgoing}, {"c3", it.C3, it.Direction == Incoming}} {
		if _, err := peppol.ParseSeat(string(c.seat)); err != nil {
			return &ItemError{Field: c.field, Reason: quoted(string(c.seat)) +
				" is not P, two capital letters and six digits"}
		}
		if c.own && c.seat != seat {
			return &ItemError{Field: c.field, Reason: fmt.Sprintf("%s is not the reporter %s, which it must be when %s",
				quoted(string(c.seat)), seat, it.Direction)}
		}
	}
	return nil
}

func (it *Item) checkIdentifiers() *ItemError {
	for _, f := range [...]struct{ field, value string }{
		{"doctype_scheme", it.DocType.Scheme},
		{"doctype", it.DocType.Value},
		{"process_scheme", it.Process.Scheme},
		{"process", it.Process.Value},
		{"transport", it.Transport},
	} {
		if why := badIdentifier(f.value); why != "" {
			return &ItemError{Field: f.field, Reason: quoted(f.value) + " " + why}
		}
	}
	return nil
}

// badIdentifier says why a text cannot be an identifier. The rules normalize spaces before they compare keys, so
// SCH-TSR-10 would take two identifiers for the same that differ only in spaces.
func badIdentifier(s string) string {
	switch {
	case s == "":
		return "is empty"
	case s[0] == ' ' || s[len(s)-1] == ' ':
		return "has a blank at an end"
	case strings.Contains(s, "  "):
		return "has two blanks in a row"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF }):
		return "has a control character"
	}
	return ""
}

// resolveCountries replaces both countries by the codes that are reported (RPT-3.4). That of our own end user must be
// known.
func (it *Item) resolveCountries(preview bool) *ItemError {
	if it.Direction == Outgoing {
		if err := resolveOwnCountry("c1_country", &it.C1Country, preview); err != nil {
			return err
		}
		if it.C4Country != "" {
			return &ItemError{
				Field: "c4_country",
				Reason: quoted(it.C4Country) +
					" stands where nothing may: the receiver's country of an outgoing exchange is not reported",
			}
		}
		return nil
	}
	code, ok := Country(it.C1Country)
	if !ok {
		code = unknown
	}
	it.C1Country = code
	return resolveOwnCountry("c4_country", &it.C4Country, preview)
}

func resolveOwnCountry(field string, country *string, preview bool) *ItemError {
	code, ok := Country(*country)
	switch {
	case ok:
		*country = code
	case preview:
		*country = unknown
	case *country == "":
		return &ItemError{field, "is empty; the country of our own end user must be known", true}
	default:
		return &ItemError{field, quoted(*country) +
			" is not a country of the code list, which has ISO 3166-1 alpha-2 in capital letters", true}
	}
	return nil
}

// place is where the end user is seen. The country is that of C1 if the end user sends, of C4 if it receives (RPT-5.2).
func (it *Item) place() placeKey {
	if it.Direction == Outgoing {
		return placeKey{it.DocType, it.Process, it.C1Country}
	}
	return placeKey{it.DocType, it.Process, it.C4Country}
}

// quoted quotes a value from outside for an error message.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

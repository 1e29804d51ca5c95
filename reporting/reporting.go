// Package reporting makes the two monthly reports of a Peppol service provider: the Transaction Statistics Report (TSR
// 1.0.2) and the End User Statistics Report (EUSR 1.1.1). It only computes: items and a header in, documents out. The
// same items, in whatever order and grouping, give the same bytes.
//
//   - Build makes both reports from a stream of items; CSV.Build from a file with one exchange per row,
//     in bounded memory.
//   - Item.Check finds what is wrong with an item, on the day when it arrives; Build checks each item again.
//   - ReadTSR and ReadEUSR read reports, Check returns the official rules SCH-TSR-nn and SCH-EUSR-nn that a
//     report breaks. Build never returns a report that breaks one.
//
// What counts (an exchange with a positive receipt, in production only) is decided by the caller that collects the
// items. Only the two reports themselves and, in the EUSR, Message Level Statuses are left out here, by their document
// type.
package reporting

import (
	"fmt"
	"iter"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
)

// Direction says which end of an exchange we were.
type Direction string

// Directions.
const (
	Outgoing Direction = "outgoing" // we were C2 and got the receipt
	Incoming Direction = "incoming" // we were C3 and gave the receipt
)

// Identifier is a document type or process: its scheme and its value, which are reported verbatim (TSR 1.0.2 §2.3). It
// is plain text because an exchange that took place is counted even if we would not write such an identifier.
type Identifier struct{ Scheme, Value string }

// Item is an exchange (RPT-2), or several between which the reports make no difference.
type Item struct {
	Direction Direction
	C2, C3    peppol.SeatID // one of them is the reporter, depending on the direction
	DocType   Identifier
	Process   Identifier
	Transport string // transport profile, peppol.TransportAS4
	C1Country string // of the sender; in an incoming item an unknown one becomes ZZ
	C4Country string // of the receiver; "" if outgoing
	EndUser   string // any id that is the same for the same customer; "" only in items that the EUSR leaves out
	N         uint64 // number of exchanges, at least 1
}

// Header says what a report is about.
type Header struct {
	Month peppol.Month
	Seat  peppol.SeatID // the reporter: subject CN of its certificate (RPT-5.3)

	// Preview lets end users without a known country pass as ZZ. The EUSR of such a report breaks SCH-EUSR-30.
	Preview bool
}

// Report is the pair of reports of a month.
type Report struct {
	TSR  *TSR
	EUSR *EUSR
}

// Check returns the rules that the two reports break.
func (r *Report) Check() []Finding { return append(r.TSR.Check(), r.EUSR.Check()...) }

// Build makes both reports from the items of a month. Its memory grows with the number of different items, not with
// their total. It refuses a bad item with an *ItemError, end users without a country with a *CountryError that lists
// all of them, and items whose reports would break a rule with a *RuleError. An error from items is returned as it is.
func Build(h Header, items iter.Seq2[Item, error]) (*Report, error) {
	b := NewBuilder(h)
	known := map[Item]Shared{}
	for it, err := range items {
		if err != nil {
			return nil, err
		}
		user, n := it.EndUser, it.N
		it.EndUser, it.N = "", 0
		s, ok := known[it]
		if !ok {
			if s, err = b.Shared(it); err != nil {
				return nil, err
			}
			known[it] = s
		}
		if err := b.Add(s, user, n); err != nil {
			return nil, err
		}
	}
	return b.Report()
}

// kind says in which reports an item counts.
type kind uint8

const (
	business kind = iota // both reports
	status               // Message Level Status: TSR only (RPT-3.1)
	report               // TSR and EUSR themselves: neither (TSR 1.0.2 §2.2, EUSR 1.1.1 §2.2)
)

// kindOf goes by scheme and value of the document type, whatever the process.
func kindOf(d Identifier) kind {
	if d.Scheme != peppol.SchemeBusdox {
		return business
	}
	switch d.Value {
	case peppol.TypeTSR, peppol.TypeEUSR:
		return report
	case peppol.TypeMLS:
		return status
	}
	return business
}

// IsReport reports whether a document type is TSR or EUSR. Their exchanges are never counted.
func (id Identifier) IsReport() bool { return kindOf(id) == report }

// ItemError says what is wrong with an item.
type ItemError struct {
	Field  string // as the column of the CSV form
	Reason string

	noCountry bool // the country of the end user is not known
}

func (e *ItemError) Error() string { return "reporting: " + e.Field + ": " + e.Reason }

// CountryError names the end users whose country is not known: the worklist before a month can be closed.
type CountryError struct{ EndUsers []string }

func (e *CountryError) Error() string {
	const most = 10
	list := e.EndUsers
	more := ""
	if len(list) > most {
		list, more = list[:most], ", …"
	}
	return fmt.Sprintf("reporting: the country is not known of: %s%s", strings.Join(list, ", "), more)
}

// RuleError lists the rules that a report would break.
type RuleError struct{ Findings []Finding }

func (e *RuleError) Error() string {
	const most = 5
	var b strings.Builder
	fmt.Fprintf(&b, "reporting: the report breaks rules (%d):", len(e.Findings))
	for _, f := range e.Findings[:min(most, len(e.Findings))] {
		fmt.Fprintf(&b, " %s at %s: %s", f.Rule, f.Location, f.Text)
	}
	return b.String()
}

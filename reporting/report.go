package reporting

import (
	"cmp"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// Process is the process, of scheme peppol.SchemeProcess, in which both reports are sent (RPT-6).
const Process = "urn:fdc:peppol.eu:edec:bis:reporting:1.0"

// Fixed texts of the reports (RPT-5.1, RPT-5.2).
const (
	nsTSR  = "urn:fdc:peppol:transaction-statistics-report:1.0"
	nsEUSR = "urn:fdc:peppol:end-user-statistics-report:1.1"

	customTSR  = "urn:fdc:peppol.eu:edec:trns:transaction-statistics-reporting:1.0"
	customEUSR = "urn:fdc:peppol.eu:edec:trns:end-user-statistics-report:1.1"
	profileID  = Process

	schemeSeat = "CertSubjectCN"
)

// Types of subtotals and subsets.
const (
	perTP       = "PerTP"
	perSPDTPR   = "PerSP-DT-PR"
	perSPDTPRCC = "PerSP-DT-PR-CC"

	perDTPR    = "PerDT-PR"
	perDTPREUC = "PerDT-PR-EUC"
	perDTEUC   = "PerDT-EUC"
	perEUC     = "PerEUC"
)

// What a key is about (metaSchemeID), and the schemes of countries.
const (
	metaTP = "TP"
	metaSP = "SP"
	metaDT = "DT"
	metaPR = "PR"
	metaCC = "CC"

	schemeTP       = "Peppol"
	schemeSender   = "SenderCountry"
	schemeReceiver = "ReceiverCountry"
	schemeEndUser  = "EndUserCountry"
)

// Top is what both reports begin with, as text: in a report that was read it may be anything.
type Top struct {
	Customization  string
	Profile        string
	Start, End     string // first and last day
	ReporterScheme string
	Reporter       string
}

// Key is one key of a subtotal or subset.
type Key struct{ Meta, Scheme, Value string }

// TSR is a Transaction Statistics Report.
type TSR struct {
	Top       Top
	Total     Counts
	Subtotals []Subtotal
}

// Subtotal is the number of exchanges that have the keys in common.
type Subtotal struct {
	Type string
	Keys []Key
	Counts
}

// Counts are numbers of exchanges.
type Counts struct{ Incoming, Outgoing uint64 }

// EUSR is an End User Statistics Report.
type EUSR struct {
	Top     Top
	FullSet Users
	Subsets []Subset
}

// Subset is the number of end users that have the keys in common.
type Subset struct {
	Type string
	Keys []Key
	Users
}

// Users are numbers of different end users; Either counts those that send or receive.
type Users struct{ Sending, Receiving, Either uint64 }

func top(h Header, customization string) Top {
	first, last := days(h.Month)
	return Top{customization, profileID, first, last, schemeSeat, string(h.Seat)}
}

// compare orders two subtotals or subsets: by type as given, then by keys, byte by byte.
func compare(types []string, at, bt string, a, b []Key) int {
	if c := cmp.Compare(slices.Index(types, at), slices.Index(types, bt)); c != 0 {
		return c
	}
	return slices.CompareFunc(a, b, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Scheme, b.Scheme), cmp.Compare(a.Value, b.Value))
	})
}

func (t *TSR) sort() {
	slices.SortFunc(t.Subtotals, func(a, b Subtotal) int {
		return compare(subtotalTypes, a.Type, b.Type, a.Keys,
			b.Keys)
	})
}

func (e *EUSR) sort() {
	slices.SortFunc(e.Subsets, func(a, b Subset) int { return compare(subsetTypes, a.Type, b.Type, a.Keys, b.Keys) })
}

var (
	subtotalTypes = []string{perTP, perSPDTPR, perSPDTPRCC}
	subsetTypes   = []string{perDTPR, perDTPREUC, perDTEUC, perEUC}
)

// days returns the first and the last day of a month as they stand in a report, without zone (SCH-TSR-40, SCH-TSR-41).
func days(m peppol.Month) (first, last string) {
	from, to := m.Bounds()
	return from.Format(time.DateOnly), to.AddDate(0, 0, -1).Format(time.DateOnly)
}

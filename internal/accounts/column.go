package accounts

import (
	"strings"

	"github.com/ravn-ap/ravn/internal/ledger"
)

// column is a column that a table can have.
type column struct {
	name     string // in templates
	label    label  // its heading
	width    float64
	customer bool                        // reveals the customer: not for DFØ
	text     func(*Export, *line) string // nil for the count
}

// nameCount is the column of the number of exchanges, which every table has.
const nameCount = "count"

// columns are all columns that a template can choose. Lines that are equal in the chosen columns are added up.
var columns = []column{
	{
		"period",
		label{"Period", "Periode", "Periode"},
		10, false,
		func(e *Export, _ *line) string { return e.Month.String() },
	},
	{
		"sp_name",
		label{"SP name", "Tjenesteleverandør", "Tenesteleverandør"},
		24, false,
		func(e *Export, _ *line) string { return e.provider() },
	},
	{"seat", label{"SeatID", "SeatID", "SeatID"}, 12, false, func(_ *Export, l *line) string { return l.seat }},
	{"direction", label{"Direction", "Retning", "Retning"}, 10, false, (*Export).direction},
	{
		"family",
		label{"Document family", "Dokumentgruppe", "Dokumentgruppe"},
		20, false,
		func(e *Export, l *line) string {
			return e.translate(familyLabels[FamilyOf(l.docType.Value)])
		},
	},
	{
		"document_type",
		label{"Document type id", "Dokumenttype-id", "Dokumenttype-id"},
		60, false,
		func(_ *Export, l *line) string { return l.docType.Value },
	},
	{
		"document_type_scheme",
		label{"Document type scheme", "Skjema for dokumenttype", "Skjema for dokumenttype"},
		20,
		false, func(_ *Export, l *line) string {
			return l.docType.Scheme
		},
	},
	{
		"process",
		label{"Process id", "Prosess-id", "Prosess-id"},
		40, false,
		func(_ *Export, l *line) string { return l.process.Value },
	},
	{
		"process_scheme",
		label{"Process scheme", "Skjema for prosess", "Skjema for prosess"},
		20, false,
		func(_ *Export, l *line) string { return l.process.Scheme },
	},
	{
		"transport",
		label{"Transport profile", "Transportprofil", "Transportprofil"},
		26, false,
		func(_ *Export, l *line) string { return l.transport },
	},
	{
		"counterpart",
		label{"Counterpart SP (SeatID)", "Motpart (SeatID)", "Motpart (SeatID)"},
		16, false,
		func(_ *Export, l *line) string { return l.counterpart },
	},
	{
		"sender_scheme",
		label{"Sender scheme", "Avsenders skjema", "Skjema for avsendar"},
		12, false,
		func(_ *Export, l *line) string { return l.senderScheme },
	},
	{
		"receiver_scheme",
		label{"Receiver scheme", "Mottakers skjema", "Skjema for mottakar"},
		12, false,
		func(_ *Export, l *line) string { return l.receiverScheme },
	},
	{
		"sender_country",
		label{"Sender country", "Avsenderland", "Avsendarland"},
		12, false,
		func(_ *Export, l *line) string { return l.senderCountry },
	},
	{
		"receiver_country",
		label{"Receiver country", "Mottakerland", "Mottakarland"},
		12, false,
		func(_ *Export, l *line) string { return l.receiverCountry },
	},
	{"domain", label{"Domain", "Domene", "Domene"}, 14, false, func(_ *Export, l *line) string { return l.domain }},
	{
		"customer_id",
		label{"Customer id", "Kundenummer", "Kundenummer"},
		14, true,
		func(_ *Export, l *line) string { return l.customerID() },
	},
	{"customer_name", label{"Customer", "Kunde", "Kunde"}, 30, true, (*Export).customerName},
	{nameCount, label{"Count", "Antall", "Tal"}, 10, false, nil},
}

// findColumn returns a column by its name in templates.
func findColumn(name string) (column, bool) {
	for _, c := range columns {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

// columnNames lists what a template can choose.
func columnNames(customers bool) string {
	var list []string
	for _, c := range columns {
		if customers || !c.customer {
			list = append(list, c.name)
		}
	}
	return strings.Join(list, ", ")
}

func (e *Export) direction(l *line) string {
	if l.direction == ledger.Incoming {
		return e.translate(textReceived)
	}
	return e.translate(textSent)
}

func (e *Export) customerName(l *line) string {
	if l.customer == nil {
		return e.translate(textNoCustomer)
	}
	return l.customer.Name
}

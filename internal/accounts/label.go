package accounts

import "github.com/ravn-ap/ravn/internal/fault"

// label is a text of exports in all languages.
type label = fault.Label

// Texts of exports.
var (
	textSent       = label{"Sent", "Sendt", "Sendt"}
	textReceived   = label{"Received", "Mottatt", "Motteke"}
	textTotal      = label{"Total", "Totalt", "Totalt"}
	textNoCustomer = label{"(no customer)", "(uten kunde)", "(utan kunde)"}
	textMissing    = label{"(missing)", "(mangler)", "(manglar)"}

	sheetSummary      = label{"Summary", "Sammendrag", "Samandrag"}
	sheetTransactions = label{"Transactions", "Transaksjoner", "Transaksjonar"}
	sheetCustomers    = label{"All customers", "Alle kunder", "Alle kundar"}
	sheetReconcile    = label{"Reconciliation", "Avstemming", "Avstemming"}

	summaryField    = label{"Field", "Felt", "Felt"}
	summaryValue    = label{"Value", "Verdi", "Verdi"}
	summaryYear     = label{"Year", "År", "År"}
	summaryMonth    = label{"Month", "Måned", "Månad"}
	summaryProvider = label{"SP name", "Navn på tjenesteleverandør", "Namn på tenesteleverandør"}
	summaryOrg      = label{"Organisation number", "Organisasjonsnummer", "Organisasjonsnummer"}
	summarySeats    = label{"SeatID", "SeatID", "SeatID"}
	summaryContact  = label{"Contact", "Kontakt", "Kontakt"}
	summaryState    = label{"Status", "Status", "Status"}
	summaryRevision = label{"revision", "revisjon", "revisjon"}

	statePreview = label{
		"preview, the month is not closed", "forhåndsvisning, måneden er ikke lukket",
		"førehandsvising, månaden er ikkje lukka",
	}
	stateClosed = label{"the month is closed", "måneden er lukket", "månaden er lukka"}

	reconcileWhat       = label{"What", "Hva", "Kva"}
	reconcileID         = label{"Id", "Id", "Id"}
	reconcileName       = label{"Name", "Navn", "Namn"}
	reconcileReport     = label{"TSR", "TSR", "TSR"}
	reconcileCounted    = label{"counted now", "talt nå", "talt no"}
	reconcileCustomer   = label{"Customer", "Kunde", "Kunde"}
	reconcileNobody     = label{"No customer", "Uten kunde", "Utan kunde"}
	reconcileOurselves  = label{"ourselves", "oss selv", "oss sjølve"}
	reconcileSum        = label{"Sum of customers and others", "Sum av kunder og andre", "Sum av kundar og andre"}
	reconcileDifference = label{"Difference from the TSR", "Avvik fra TSR", "Avvik frå TSR"}

	mailReport = label{
		"Attached is the report of transmissions in %s by %s (%s).",
		"Vedlagt er rapporten over overføringer i %s fra %s (%s).",
		"Vedlagd er rapporten over overføringar i %s frå %s (%s).",
	}
	mailOrg     = label{"organisation number", "organisasjonsnummer", "organisasjonsnummer"}
	mailRegards = label{"Kind regards", "Med vennlig hilsen", "Med venleg helsing"}
)

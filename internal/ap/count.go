package ap

import "github.com/ravn-ap/ravn/peppol"

// reports are the document types that report about traffic and are never counted themselves (RPT-3, D-11).
var reports = map[string]bool{
	"urn:fdc:peppol:transaction-statistics-report:1.0::TransactionStatisticsReport##urn:fdc:peppol.eu:edec:trns:transaction-statistics-reporting:1.0::1.0": true,
	"urn:fdc:peppol:end-user-statistics-report:1.1::EndUserStatisticsReport##urn:fdc:peppol.eu:edec:trns:end-user-statistics-report:1.1::1.1":              true,
}

// Counts tells whether documents of a type enter the counting rows.
func Counts(d peppol.DocTypeID) bool {
	return d.Scheme() != peppol.SchemeBusdox || !reports[d.Value()]
}

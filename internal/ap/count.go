package ap

import "github.com/ravn-ap/ravn/peppol"

// Counts tells whether documents of a type enter the counting rows. Reports about traffic are never counted themselves
// (RPT-3.1, D-11).
func Counts(d peppol.DocTypeID) bool {
	return d.Scheme() != peppol.SchemeBusdox || d.Value() != peppol.TypeTSR && d.Value() != peppol.TypeEUSR
}

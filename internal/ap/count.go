package ap

import "github.com/ravn-ap/ravn/peppol"

// counts tells whether documents of a type enter the counting rows. Reports about traffic are never counted themselves
// (RPT-3.1, D-11).
func (c *Core) counts(d peppol.DocTypeID) bool {
	return !c.Uncounted && (d.Scheme() != peppol.SchemeBusdox || d.Value() != peppol.TypeTSR && d.Value() != peppol.TypeEUSR)
}

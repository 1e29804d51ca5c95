package ap

import "github.com/ravn-ap/ravn/peppol"

// counts reports whether documents of a type are counted for the monthly reports. The reports themselves never are
// (RPT-3.1, D-11).
func (c *Core) counts(d peppol.DocTypeID) bool {
	return !c.Uncounted && (d.Scheme() != peppol.SchemeBusdox ||
		d.Value() != peppol.TypeTSR && d.Value() != peppol.TypeEUSR)
}

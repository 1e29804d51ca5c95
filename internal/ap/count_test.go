package ap

import (
	"testing"

	"github.com/ravn-ap/ravn/peppol"
)

// RPT-3.1: reports about traffic are no traffic, and nothing of the test network is.
func TestRPT31WhatIsCounted(t *testing.T) {
	for _, tc := range []struct {
		scheme, value string
		counts        bool
	}{
		{peppol.SchemeBusdox, "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
			"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1", true},
		{peppol.SchemeBusdox, peppol.TypeTSR, false},
		{peppol.SchemeBusdox, peppol.TypeEUSR, false},
		{peppol.SchemeWildcard, peppol.TypeTSR, true}, // another type that is called so
	} {
		d, err := peppol.NewDocType(tc.scheme, tc.value)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Core{}).counts(d); got != tc.counts {
			t.Errorf("%s: counted %v", d, got)
		}
		if (&Core{Uncounted: true}).counts(d) {
			t.Errorf("%s is counted in the test network", d)
		}
	}
}

package core

import "github.com/ravn-ap/ravn/validation/pack"

// Processes of billing. The last three are shared with self-billing.
const (
	billing     = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	selfBilling = "urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0"
	response    = "urn:peppol:bis:billing_with_response"
	regulated   = "urn:peppol:france:billing:regulated"
	unregulated = "urn:peppol:france:billing:non-regulated"
	reporting   = "urn:fdc:peppol.eu:edec:bis:reporting:1.0"
)

const (
	ublSpace  = "urn:oasis:names:specification:ubl:schema:xsd:"
	compliant = "##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:"
)

// documents says which rule files are for which document type.
func documents() []pack.Document {
	out := []pack.Document{
		{
			Title:     "Message Level Status 1.0",
			DocType:   ublSpace + "ApplicationResponse-2::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1",
			Processes: []string{"urn:peppol:edec:mls"}, Rules: []string{"mls.sch"},
		},
		{
			Title: "Transaction Statistics Report 1.0",
			DocType: "urn:fdc:peppol:transaction-statistics-report:1.0::TransactionStatisticsReport" +
				"##urn:fdc:peppol.eu:edec:trns:transaction-statistics-reporting:1.0::1.0",
			Processes: []string{reporting}, Rules: []string{"tsr.sch"},
		},
		{
			Title: "End User Statistics Report 1.1",
			DocType: "urn:fdc:peppol:end-user-statistics-report:1.1::EndUserStatisticsReport" +
				"##urn:fdc:peppol.eu:edec:trns:end-user-statistics-report:1.1::1.1",
			Processes: []string{reporting}, Rules: []string{"eusr.sch"},
		},
	}
	for _, root := range []string{"Invoice", "CreditNote"} {
		syntax := ublSpace + root + "-2::" + root + compliant
		out = append(out, pack.Document{
			Title: "Peppol BIS Billing 3, " + root, DocType: syntax + "billing:3.0::2.1",
			Processes: []string{billing, response, regulated, unregulated},
			Rules:     []string{"en16931.sch", "peppol-common.sch", "peppol-billing.sch"},
		}, pack.Document{
			Title: "Peppol BIS Self-Billing 3, " + root, DocType: syntax + "selfbilling:3.0::2.1",
			Processes: []string{selfBilling, response, regulated, unregulated},
			Rules:     []string{"en16931.sch", "peppol-common.sch", "peppol-selfbilling.sch"},
		}, pack.Document{
			Title:   "EN 16931, " + root,
			DocType: ublSpace + root + "-2::" + root + "##urn:cen.eu:en16931:2017::2.1", Rules: []string{"en16931.sch"},
		})
	}
	return append(out, letters()...)
}

// letters are the document types of letters to citizens. Some senders write the root element with a capital letter, as
// the official sample does (norway.md a.2).
func letters() []pack.Document {
	const process = "urn:fdc:digdir.no:2020:profile:egovernment:innbyggerpost:"
	const digital, print, moved = process + "digital:ver1.0", process + "utskrift:ver1.0", process + "flyttet:ver1.0"
	var out []pack.Document
	for _, t := range []struct {
		name      string
		processes []string
	}{
		{"digital", []string{digital}},
		{"utskrift", []string{print}},
		{"flyttet", []string{moved}},
		{"leveringskvittering", []string{digital, print, moved}},
		{"feil", []string{digital, print, moved}},
		{"aapningskvittering", []string{digital}},
		{"varslingfeiletkvittering", []string{digital}},
		{"mottakskvittering", []string{print}},
		{"returpostkvittering", []string{print}},
	} {
		for _, root := range []string{"innbyggerpost", "Innbyggerpost"} {
			out = append(out, pack.Document{
				Title: "Innbyggerpost, " + t.name,
				DocType: "urn:fdc:digdir.no:2020:innbyggerpost:xsd::" + root +
					"##urn:fdc:digdir.no:2020:innbyggerpost:schema:" + t.name + "::1.0",
				Processes: t.processes, Rules: []string{"innbyggerpost.sch"},
			})
		}
	}
	return out
}

package doctype

import (
	"strings"
	"testing"
)

// ubl is a document of UBL with two parties, A of Norway and B of Sweden.
func ubl(root, head, from, to string) string {
	return `<` + root + ` xmlns="` + UBL + root + `-2" xmlns:c="` + nsCBC + `">` + head + from + to + `</` + root + `>`
}

func side(name, scheme, id, country string) string {
	return `<` + name + `><Party><c:EndpointID schemeID="` + scheme + `"> ` + id + `
</c:EndpointID><PostalAddress><Country><c:IdentificationCode>` + country +
		`</c:IdentificationCode></Country></PostalAddress></Party></` + name + `>`
}

func ciiOf(kind, customization string) string {
	trade := func(name, scheme, id, country string) string {
		return `<r:` + name + `>` +
			`<r:PostalTradeAddress><r:CountryID>` + country + `</r:CountryID></r:PostalTradeAddress>` +
			`<r:URIUniversalCommunication><r:URIID schemeID="` + scheme + `">` + id + `</r:URIID>` +
			`</r:URIUniversalCommunication></r:` + name + `>`
	}
	return `<x:CrossIndustryInvoice xmlns:x="` + NSInvoice + `" xmlns:r="` + nsRAM + `"><x:ExchangedDocumentContext>` +
		`<r:GuidelineSpecifiedDocumentContextParameter><r:ID>` + customization + `</r:ID>` +
		`</r:GuidelineSpecifiedDocumentContextParameter></x:ExchangedDocumentContext>` +
		`<x:ExchangedDocument><r:TypeCode>` + kind + `</r:TypeCode></x:ExchangedDocument>` +
		`<x:SupplyChainTradeTransaction><r:ApplicableHeaderTradeAgreement>` +
		trade("SellerTradeParty", "0192", "A", "NO") + trade("BuyerTradeParty", "0007", "B", "SE") +
		`</r:ApplicableHeaderTradeAgreement><r:ApplicableHeaderTradeDelivery>` +
		trade("SellerTradeParty", "0009", "X", "FR") + `</r:ApplicableHeaderTradeDelivery>` +
		`</x:SupplyChainTradeTransaction></x:CrossIndustryInvoice>`
}

// SBDH-034. Who sends a document, and to whom, by what kind of document it is; nothing where it is not certain.
func TestSBDH034Parties(t *testing.T) {
	a, b, none := Endpoint{"0192", "A"}, Endpoint{"0007", "B"}, Endpoint{}
	one := func(name string) string { return side(name, "0192", "A", "NO") }
	two := func(name string) string { return side(name, "0007", "B", "SE") }
	kind := func(code string) string { return `<c:InvoiceTypeCode>` + code + `</c:InvoiceTypeCode>` }
	selfBill := `<c:CustomizationID>urn:peppol:pint:selfbilling-1@jp-1</c:CustomizationID>`
	profile := `<c:ProfileID>urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0</c:ProfileID>`
	for name, tc := range map[string]struct {
		doc      string
		from, to Endpoint
		country  string
	}{
		"invoice":      {ubl("Invoice", kind("380"), one(supplier), two(customer)), a, b, "NO"},
		"credit note":  {ubl("CreditNote", "", one(supplier), two(customer)), a, b, "NO"},
		"other order":  {ubl("Invoice", "", two(customer), one(supplier)), a, b, "NO"},
		"self-billing": {ubl("Invoice", selfBill+kind("389"), one(supplier), two(customer)), b, a, "SE"},
		"its profile":  {ubl("CreditNote", profile, one(supplier), two(customer)), b, a, "SE"},
		"its root":     {ubl("SelfBilledCreditNote", "", one(supplier), two(customer)), b, a, "SE"},
		"type alone":   {ubl("Invoice", kind("389"), one(supplier), two(customer)), none, none, ""},
		"order":        {ubl("Order", "", one(buyer), two(vendor)), a, b, "NO"},
		"order change": {ubl("OrderChange", "", one(buyer), two(vendor)), a, b, "NO"},
		"response":     {ubl("OrderResponse", "", two(vendor), one(buyer)), b, a, "SE"},
		"despatch":     {ubl("DespatchAdvice", "", one(despatch), two(delivery)), a, b, "NO"},
		"receipt":      {ubl("ReceiptAdvice", "", one(delivery), two(despatch)), a, b, "NO"},
		"catalogue":    {ubl("Catalogue", "", one("ProviderParty"), two("ReceiverParty")), a, b, "NO"},
		"waybill":      {ubl("Waybill", "", one("SenderParty"), two("ReceiverParty")), a, b, "NO"},
		"status": {
			ubl("ApplicationResponse", "", `<SenderParty><c:EndpointID schemeID="0192">A</c:EndpointID></SenderParty>`,
				`<ReceiverParty><c:EndpointID schemeID="0007">B</c:EndpointID></ReceiverParty>`),
			a, b, "",
		},
		"unknown kind":   {ubl("Quotation", "", one(vendor), two(buyer)), none, none, "NO"},
		"two suppliers":  {ubl("Invoice", "", one(supplier)+two(supplier), two(customer)), none, b, "NO"},
		"twice the same": {ubl("Invoice", "", one(supplier)+one(supplier), two(customer)), a, b, "NO"},
		"deeper":         {ubl("Invoice", "", `<Line>`+one(supplier)+`</Line>`, two(customer)), none, b, ""},
		"no scheme": {
			ubl("Invoice", "", side(supplier, "", "A", "NO"), two(customer)), Endpoint{"", "A"}, b, "NO",
		},
		"no UBL": {
			`<Invoice xmlns:c="` + nsCBC + `">` + one(supplier) + two(customer) + `</Invoice>`, none, none, "",
		},
		"CII":              {ciiOf("380", "c"), a, b, "NO"},
		"CII self-billing": {ciiOf("389", "urn:peppol:selfbilling"), b, a, "SE"},
		"CII type alone":   {ciiOf("389", "c"), none, none, ""},
	} {
		known := func(country string) bool { return len(country) == 2 }
		got, err := Inspect(strings.NewReader(tc.doc), known)
		if err != nil || got.Sender != tc.from || got.Receiver != tc.to || got.Country != tc.country {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got, err := Identify(strings.NewReader(tc.doc)); err != nil || got.Sender != none || got.Country != "" {
			t.Errorf("%s: Identify reads parties: %+v, %v", name, got, err)
		}
	}
}

package accounts

import "strings"

// Family is a group of document types as DFØ's statistics have them (RPT-9.2).
type Family uint8

// Families.
const (
	FamilyOther Family = iota
	FamilyInvoice
	FamilyCreditNote
	FamilyReminder
	FamilyForwardBilling
	FamilyPaymentRequest
	FamilyOrder
	FamilyOrderResponse
	FamilyCatalogue
	FamilyDespatch
	FamilyResponse // of the receiver or its service provider: no business volume
	FamilyDomains  // eGovernment, pre-award and payment
)

// byCustomization finds families by a part of the customization, in lower case; the first match counts. It lists those
// that the root element alone would put into another family.
var byCustomization = []struct {
	part   string
	family Family
}{
	{":ehf:reminder", FamilyReminder},
	{":ehf:purring", FamilyReminder},
	{":ehf:forward-billing", FamilyForwardBilling},
	{":ehf:spec:payment-request", FamilyPaymentRequest},
	{"order_agreement", FamilyOrder},
	{"catalogue_response", FamilyCatalogue},
	{":ehf:katalogbekreftelse", FamilyCatalogue},
	{"biicoretrdm057", FamilyCatalogue}, // acceptance and rejection of a catalogue, version 1
	{"biicoretrdm058", FamilyCatalogue},
	{"peppol.eu:prac:", FamilyDomains},
	{":pracc:", FamilyDomains},
	{"iso20022", FamilyDomains},
	{"iso:20022", FamilyDomains},
	{":payment:handling:", FamilyDomains},
	{":innbyggerpost:", FamilyDomains},
	{":getevidence:", FamilyDomains},
	{"eb2b:order_response", FamilyOrderResponse},
	{"eb2b:order", FamilyOrder},
	{"eb2b:despatch_advice", FamilyDespatch},
	{"eb2b:invoice", FamilyInvoice},
	{"factur-x", FamilyInvoice},
}

// byRoot finds families by the root element, or the type where there is none, in lower case.
var byRoot = map[string]Family{
	"invoice": FamilyInvoice, "crossindustryinvoice": FamilyInvoice, "selfbilledinvoice": FamilyInvoice,
	"urn:peppol:doctype:edifact:invoic": FamilyInvoice, "urn:peppol:doctype:x12:810": FamilyInvoice,
	"creditnote": FamilyCreditNote, "selfbilledcreditnote": FamilyCreditNote,
	"reminder": FamilyReminder,
	"order":    FamilyOrder, "orderchange": FamilyOrder, "ordercancellation": FamilyOrder,
	"urn:peppol:doctype:edifact:orders": FamilyOrder, "urn:peppol:doctype:x12:850": FamilyOrder,
	"orderresponse": FamilyOrderResponse, "orderresponsesimple": FamilyOrderResponse,
	"urn:peppol:doctype:edifact:ordrsp": FamilyOrderResponse, "urn:peppol:doctype:x12:855": FamilyOrderResponse,
	"catalogue":      FamilyCatalogue,
	"despatchadvice": FamilyDespatch, "receiptadvice": FamilyDespatch, "weightstatement": FamilyDespatch,
	"waybill":                FamilyDespatch,
	"transportexecutionplan": FamilyDespatch, "transportexecutionplanrequest": FamilyDespatch,
	"transportationstatus": FamilyDespatch, "transportationstatusrequest": FamilyDespatch,
	"urn:peppol:doctype:edifact:desadv": FamilyDespatch, "urn:peppol:doctype:x12:856": FamilyDespatch,
	"applicationresponse": FamilyResponse, "crossdomainacknowledgementandresponse": FamilyResponse,
	"innbyggerpost":         FamilyDomains,
	"virtualcompanydossier": FamilyDomains, "virtualcompanydossierpackage": FamilyDomains,
	"cataloguetemplate": FamilyDomains,
}

// FamilyOf returns the family of a document type by the value of its identifier: root element, or type in its place,
// and customization. Letter case makes no difference: it is spelled in more than one way in Norwegian eGovernment
// (NO-a.2).
func FamilyOf(docType string) Family {
	root, customization, _ := strings.Cut(strings.ToLower(docType), "##")
	for _, c := range byCustomization {
		if strings.Contains(customization, c.part) {
			return c.family
		}
	}
	if _, name, ok := strings.Cut(root, "::"); ok {
		root = name
	}
	return byRoot[root]
}

// familyLabels are the names of families (RPT-9.5).
var familyLabels = [...]label{
	FamilyOther:          {"Other", "Annet", "Anna"},
	FamilyInvoice:        {"Invoice", "Faktura", "Faktura"},
	FamilyCreditNote:     {"Credit note", "Kreditnota", "Kreditnota"},
	FamilyReminder:       {"Reminder", "Purring", "Purring"},
	FamilyForwardBilling: {"Forward billing", "Viderefakturering", "Vidarefakturering"},
	FamilyPaymentRequest: {"Payment request", "Betalingsanmodning", "Betalingsoppmoding"},
	FamilyOrder:          {"Order", "Ordre", "Ordre"},
	FamilyOrderResponse:  {"Order response", "Ordrebekreftelse", "Ordrestadfesting"},
	FamilyCatalogue:      {"Catalogue", "Varekatalog", "Varekatalog"},
	FamilyDespatch:       {"Despatch advice", "Pakkseddel", "Pakksetel"},
	FamilyResponse:       {"Responses", "Svar og statusmeldinger", "Svar og statusmeldingar"},
	FamilyDomains: {
		"eGovernment, pre-award and payment", "eForvaltning, konkurransegjennomføring og betaling",
		"eForvaltning, konkurransegjennomføring og betaling",
	},
}

package pack

import "strings"

// The packs that releases of the official rules become.
const (
	ofEN16931       = "en16931"
	ofPeppol        = "peppol" // billing and post-award in one release
	ofBilling       = "peppol-billing"
	ofSelfBilling   = "peppol-selfbilling"
	ofPostAward     = "peppol-postaward"
	ofLogistics     = "peppol-logistics"
	ofMLS           = "peppol-mls"
	ofEUSR          = "peppol-eusr"
	ofTSR           = "peppol-tsr"
	ofEHF           = "ehf-postaward"
	ofEHFGovernment = "ehf-egovernment"
	ofEHFPayment    = "ehf-payment"
	ofXRechnung     = "xrechnung"
	ofZUGFeRD       = "zugferd"
	ofNLCIUS        = "nlcius"
	ofItaly         = "peppol-italy"
)

// knownDocument is a document type whose rule files are known by their names.
type knownDocument struct {
	pack           string
	title          string
	root           string // local name of the root element
	customization  string // "" means that the type has none
	version        string
	processes      []string // empty means any
	rules, schemas string   // names of files without extension, in order; behind a final dash stands a version
}

// docType is the identifier of the document type.
func (k *knownDocument) docType() string {
	if k.customization == "" {
		return nsPayment + "::" + k.root
	}
	return docType(k.root, k.customization, k.version)
}

const (
	billingID     = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
	selfBillingID = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0"
	postAwardID   = "urn:fdc:peppol.eu:poacc:trns:"
	postAwardBIS  = "urn:fdc:peppol.eu:poacc:bis:"
	logisticsID   = "urn:fdc:peppol.eu:logistics:trns:"
	logisticsBIS  = "urn:fdc:peppol.eu:logistics:bis:"
	norwegian     = ":extended:urn:fdc:anskaffelser.no:2019:ehf:spec:3.0"
	ehfID         = "urn:fdc:anskaffelser.no:2019:ehf:"
	ehfProcess    = ehfID + "postaward:g3:"
	conformant    = "#conformant#" + ehfID
	evidenceID    = "urn:fdc:difi.no:2017:ehf:getevidence:1.0"
	nsPayment     = "urn:fdc:difi.no:2017:payment:extras-1"

	advancedTransport = logisticsBIS + "advanced_transport_execution_plan:1"
	advancedOrdering  = postAwardBIS + "advanced_ordering:3"
	reportingBIS      = "urn:fdc:peppol.eu:edec:bis:reporting:1.0"

	ciiSchema = "CrossIndustryInvoice_100pD16B"
)

// responding are the processes of an invoice beside the one of its own specification.
var responding = []string{
	"urn:peppol:bis:billing_with_response", "urn:peppol:france:billing:regulated",
	"urn:peppol:france:billing:non-regulated",
}

// knownDocuments is the table: document types of the Peppol code list and of the build configurations, with the rule
// files that the specifications name for them.
var knownDocuments = []knownDocument{
	{ofEN16931, "EN 16931 UBL Invoice", "Invoice", "urn:cen.eu:en16931:2017", "2.1", nil, "EN16931-UBL-validation", ""},
	{
		ofEN16931, "EN 16931 UBL Credit Note", "CreditNote", "urn:cen.eu:en16931:2017", "2.1", nil,
		"EN16931-UBL-validation", "",
	},
	{
		ofEN16931, "EN 16931 CII Invoice", "CrossIndustryInvoice", "urn:cen.eu:en16931:2017", "D16B", nil,
		"EN16931-CII-validation", ciiSchema,
	},

	{
		ofBilling, "Peppol BIS Billing UBL Invoice V3", "Invoice", billingID, "2.1",
		with(billingProcess, responding...), "CEN-EN16931-UBL PEPPOL-EN16931-UBL", "",
	},
	{
		ofBilling, "Peppol BIS Billing UBL Credit Note V3", "CreditNote", billingID, "2.1",
		with(billingProcess, responding...), "CEN-EN16931-UBL PEPPOL-EN16931-UBL", "",
	},
	{
		ofBilling, "Peppol BIS Billing CII Invoice V3", "CrossIndustryInvoice", billingID, "D16B", with(billingProcess),
		"CEN-EN16931-CII PEPPOL-EN16931-CII", ciiSchema,
	},
	{
		ofSelfBilling, "Peppol BIS Self-Billing UBL Invoice V3", "Invoice", selfBillingID, "2.1",
		with("urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0", responding...), "CEN-EN16931-UBL PEPPOL-EN16931-UBL-SB",
		"",
	},
	{
		ofSelfBilling, "Peppol BIS Self-Billing UBL Credit Note V3", "CreditNote", selfBillingID, "2.1",
		with("urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0", responding...), "CEN-EN16931-UBL PEPPOL-EN16931-UBL-SB",
		"",
	},

	{
		ofPostAward, "Peppol Order transaction 3.0", "Order", postAwardID + "order:3", "2.1",
		with(postAwardBIS+"ordering:3", postAwardBIS+"order_only:3", advancedOrdering), "PEPPOLBIS-T01", "",
	},
	{
		ofPostAward, "Peppol Despatch Advice transaction 3.0", "DespatchAdvice", postAwardID + "despatch_advice:3",
		"2.1", with(postAwardBIS + "despatch_advice:3"), "PEPPOLBIS-T16", "",
	},
	{
		ofPostAward, "Peppol Catalogue transaction 3.0", "Catalogue", postAwardID + "catalogue:3", "2.1",
		with(postAwardBIS+"catalogue_only:3", postAwardBIS+"catalogue_wo_response:3"), "PEPPOLBIS-T19", "",
	},
	{
		ofPostAward, "Peppol Catalogue Response transaction 3.0", "ApplicationResponse",
		postAwardID + "catalogue_response:3", "2.1", with(postAwardBIS + "catalogue_only:3"), "PEPPOLBIS-T58", "",
	},
	{
		ofPostAward, "Peppol Message Level Response transaction 3.0", "ApplicationResponse", postAwardID + "mlr:3",
		"2.1", with(postAwardBIS + "mlr:3"), "PEPPOLBIS-T71", "",
	},
	{
		ofPostAward, "Peppol Order Response transaction 3.0", "OrderResponse", postAwardID + "order_response:3", "2.1",
		with(postAwardBIS + "ordering:3"), "PEPPOLBIS-T76", "",
	},
	{
		ofPostAward, "Peppol Punch Out transaction 3.0", "Catalogue", postAwardID + "punch_out:3", "2.1",
		with(postAwardBIS + "punch_out:3"), "PEPPOLBIS-T77", "",
	},
	{
		ofPostAward, "Peppol Order Agreement transaction 3.0", "OrderResponse", postAwardID + "order_agreement:3",
		"2.1", with(postAwardBIS + "order_agreement:3"), "PEPPOLBIS-T110", "",
	},
	{
		ofPostAward, "Peppol Invoice Response transaction 3.0", "ApplicationResponse",
		postAwardID + "invoice_response:3", "2.1", with(postAwardBIS+"invoice_response:3", responding[1:]...),
		"PEPPOLBIS-T111", "",
	},
	{
		ofPostAward, "Peppol Order Change", "OrderChange", postAwardID + "order_change:3", "2.3",
		with(advancedOrdering), "PEPPOLBIS-T114", "",
	},
	{
		ofPostAward, "Peppol Order Cancellation", "OrderCancellation", postAwardID + "order_cancellation:3", "2.3",
		with(advancedOrdering), "PEPPOLBIS-T115", "",
	},
	{
		ofPostAward, "Peppol Order Response Advanced", "OrderResponse", postAwardID + "order_response_advanced:3",
		"2.3", with(advancedOrdering), "PEPPOLBIS-T116", "",
	},

	{
		ofLogistics, "Peppol Advanced Despatch Advice V1", "DespatchAdvice", logisticsID + "advanced_despatch_advice:1",
		"2.1", with(logisticsBIS+"despatch_advice_only:1", logisticsBIS+"despatch_advice_w_response:1",
			logisticsBIS+"despatch_advice_w_receipt_advice:1"), "PEPPOLBIS-T120", "",
	},
	{
		ofLogistics, "Peppol Weight Statement V1", "WeightStatement", logisticsID + "weight_statement:1", "2.3",
		with(logisticsBIS + "weight_statement:1"), "PEPPOLBIS-T122", "",
	},
	{
		ofLogistics, "Peppol Transport Execution Plan Request V1.2", "TransportExecutionPlanRequest",
		logisticsID + "transport_execution_plan_request:1", "2.4",
		with(logisticsBIS+"transport_execution_plan_w_request:1", advancedTransport), "PEPPOLBIS-T123", "",
	},
	{
		ofLogistics, "Peppol Transport Execution Plan V1.2", "TransportExecutionPlan",
		logisticsID + "transport_execution_plan:1", "2.4",
		with(logisticsBIS+"transport_execution_plan_only:1", advancedTransport), "PEPPOLBIS-T124", "",
	},
	{
		ofLogistics, "Peppol Waybill V1", "Waybill", logisticsID + "waybill:1", "2.3",
		with(logisticsBIS+"waybill:1", logisticsBIS+"waybill_only:1"), "PEPPOLBIS-T125", "",
	},
	{
		ofLogistics, "Peppol Transportation Status Request V1", "TransportationStatusRequest",
		logisticsID + "transportation_status_request:1", "2.3",
		with(logisticsBIS+"transportation_status_w_request:1", advancedTransport), "PEPPOLBIS-T126", "",
	},
	{
		ofLogistics, "Peppol Transportation Status V1", "TransportationStatus", logisticsID + "transportation_status:1",
		"2.3", with(logisticsBIS+"transportation_status_only:1", advancedTransport), "PEPPOLBIS-T127", "",
	},
	{
		ofLogistics, "Peppol Receipt Advice V1", "ReceiptAdvice", logisticsID + "receipt_advice:1", "2.3",
		with(logisticsBIS + "despatch_advice_w_receipt_advice:1"), "PEPPOLBIS-T128", "",
	},
	{
		ofLogistics, "Peppol Logistics Application Response V1", "ApplicationResponse",
		logisticsID + "application_response:1", "2.1", with(advancedTransport), "PEPPOLBIS-T129", "",
	},

	{
		ofMLS, "Peppol Message Level Status v1.0", "ApplicationResponse", "urn:peppol:edec:mls:1.0", "2.1",
		with("urn:peppol:edec:mls"), "peppol-mls-", "",
	},
	{
		ofEUSR, "Peppol End User Statistics Report v1.1", "EndUserStatisticsReport",
		"urn:fdc:peppol.eu:edec:trns:end-user-statistics-report:1.1", "1.1", with(reportingBIS),
		"peppol-end-user-statistics-reporting-", "peppol-end-user-statistics-reporting-",
	},
	{
		ofTSR, "Peppol Transaction Statistics Report v1.0", "TransactionStatisticsReport",
		"urn:fdc:peppol.eu:edec:trns:transaction-statistics-reporting:1.0", "1.0", with(reportingBIS),
		"peppol-transaction-statistics-reporting-", "peppol-transaction-statistics-reporting-",
	},

	{
		ofEHF, "EHF Order 3.0", "Order", postAwardID + "order:3" + norwegian, "2.2", with(ehfProcess + "02:1.0"),
		"EHF-ORDER-3.0", "",
	},
	{
		ofEHF, "EHF Order Response 3.0", "OrderResponse", postAwardID + "order_response:3" + norwegian, "2.2",
		with(ehfProcess + "02:1.0"), "EHF-ORDER-RESPONSE-3.0", "",
	},
	{
		ofEHF, "EHF Advanced Order Initiation 3.0", "Order", postAwardID + "order:3" + norwegian, "2.2",
		with(ehfProcess + "09:1.0"), "EHF-P09-3.0-ORDER-INITIATION", "",
	},
	{
		ofEHF, "EHF Advanced Order Change 3.0", "OrderChange", ehfID + "spec:adv-order-change:3.0", "2.2",
		with(ehfProcess + "09:1.0"), "EHF-P09-3.0-ORDER-CHANGE", "",
	},
	{
		ofEHF, "EHF Advanced Order Cancellation 3.0", "OrderCancellation", ehfID + "spec:adv-order-cancellation:3.0",
		"2.2", with(ehfProcess + "09:1.0"), "EHF-P09-3.0-ORDER-CANCELLATION", "",
	},
	{
		ofEHF, "EHF Advanced Order Response 3.0", "OrderResponse", postAwardID + "order_response:3" + norwegian, "2.2",
		with(ehfProcess + "09:1.0"), "EHF-P09-3.0-ORDER-RESPONSE", "",
	},
	{
		ofEHF, "EHF Catalogue 3.0", "Catalogue", postAwardID + "catalogue:3" + norwegian, "2.2",
		with(ehfProcess + "01:1.0"), "EHF-CATALOGUE-3.0", "",
	},
	{
		ofEHF, "EHF Catalogue Response 3.0", "ApplicationResponse", postAwardID + "catalogue_response:3" + norwegian,
		"2.2", with(ehfProcess + "01:1.0"), "EHF-CATALOGUE-RESPONSE-3.0", "",
	},
	{
		ofEHF, "EHF Order Agreement 3.0", "OrderResponse", postAwardID + "order_agreement:3" + norwegian, "2.2",
		with(ehfProcess + "03:1.0"), "EHF-ORDER-AGREEMENT-3.0", "",
	},
	{
		ofEHF, "EHF Punch Out 3.0", "Catalogue", postAwardID + "punch_out:3" + norwegian, "2.2",
		with(ehfProcess + "04:1.0"), "EHF-PUNCH-OUT-3.0", "",
	},
	{
		ofEHF, "EHF Despatch Advice 3.0", "DespatchAdvice", postAwardID + "despatch_advice:3" + norwegian, "2.2",
		with(ehfProcess + "05:1.0"), "EHF-DESPATCH-ADVICE-3.0", "",
	},
	{
		ofEHF, "EHF Reminder 3.0", "Invoice", billingID + conformant + "reminder:3.0", "2.2",
		with(ehfProcess + "06:1.0"), "REMINDER-CEN-EN16931-UBL REMINDER-PEPPOL-EN16931-UBL EHF-P06-3.0-REMINDER", "",
	},
	{
		ofEHF, "EHF Payment Request 3.0", "Invoice", ehfID + "spec:payment-request:3.0", "2.2",
		with(ehfProcess + "07:1.0"), "EHF-P07-3.0-PAYMENT-REQUEST-3.0", "",
	},
	{
		ofEHF, "EHF Forward Billing 3.0 (Invoice)", "Invoice", billingID + conformant + "forward-billing:3.0", "2.2",
		with(ehfProcess + "08:1.0"), "FORWARD-BILLING-CEN-EN16931-UBL FORWARD-BILLING-PEPPOL-EN16931-UBL", "",
	},
	{
		ofEHF, "EHF Forward Billing 3.0 (Credit Note)", "CreditNote", billingID + conformant + "forward-billing:3.0",
		"2.2", with(ehfProcess + "08:1.0"), "FORWARD-BILLING-CEN-EN16931-UBL FORWARD-BILLING-PEPPOL-EN16931-UBL", "",
	},

	{
		ofEHFGovernment, "Get evidence, request", "QualificationApplicationRequest", evidenceID, "2.2", nil,
		"EHF-GE-REQUEST", "",
	},
	{
		ofEHFGovernment, "Get evidence, response", "QualificationApplicationResponse", evidenceID, "2.2", nil,
		"EHF-GE-RESPONSE", "",
	},
	{
		ofEHFPayment, "Payment, reception acknowledgement", "ReceptionAcknowledgement", "", "", nil,
		"PEPPOL-SBDH PAYMENT-RA", "PaymentExtras",
	},
	{
		ofEHFPayment, "Payment, handling exception", "HandlingException", "", "", nil, "PEPPOL-SBDH PAYMENT-HE",
		"PaymentExtras",
	},
	{ofEHFPayment, "Payment, metadata", "Metadata", "", "", nil, "PEPPOL-SBDH PAYMENT-MD", "PaymentExtras"},

	// KoSIT binds no process to them: that there is one is a rule (PEPPOL-EN16931-R001).
	{ofXRechnung, "XRechnung UBL Invoice V3.0", "Invoice", xrechnungID, "2.1", nil, xrechnungUBL, ""},
	{
		ofXRechnung, "XRechnung UBL Credit Note V3.0", "CreditNote", xrechnungID, "2.1", nil,
		xrechnungUBL, "",
	},
	{
		ofXRechnung, "XRechnung CII Invoice V3.0", "CrossIndustryInvoice", xrechnungID, "D16B", nil,
		xrechnungCII, ciiSchema,
	},
	{
		ofXRechnung, "XRechnung UBL Invoice V3.0 Extension", "Invoice", xrechnungExtension, "2.1",
		nil, xrechnungUBL, "",
	},
	{
		ofXRechnung, "XRechnung UBL Credit Note V3.0 Extension", "CreditNote", xrechnungExtension, "2.1",
		nil, xrechnungUBL, "",
	},
	{
		ofXRechnung, "XRechnung CII Invoice V3.0 Extension", "CrossIndustryInvoice", xrechnungExtension, "D16B",
		nil, xrechnungCII, ciiSchema,
	},
	{
		ofXRechnung, "XRechnung UBL Invoice V3.0 CVD", "Invoice", xrechnungCVD, "2.1", nil,
		xrechnungUBL, "",
	},
	{
		ofXRechnung, "XRechnung UBL Credit Note V3.0 CVD", "CreditNote", xrechnungCVD, "2.1", nil,
		xrechnungUBL, "",
	},
	{
		ofXRechnung, "XRechnung CII Invoice V3.0 CVD", "CrossIndustryInvoice", xrechnungCVD, "D16B",
		nil, xrechnungCII, ciiSchema,
	},

	// Of each profile its own list of codes has the identifiers. The profile EN 16931 is that of EN 16931's own pack.
	{
		ofZUGFeRD, "Factur-X Minimum", "CrossIndustryInvoice", "urn:factur-x.eu:1p0:minimum", "D22B", nil,
		"FACTUR-X_MINIMUM", "FACTUR-X_MINIMUM",
	},
	{
		ofZUGFeRD, "ZUGFeRD Minimum", "CrossIndustryInvoice", "urn:zugferd.de:2p0:minimum", "D22B", nil,
		"FACTUR-X_MINIMUM", "FACTUR-X_MINIMUM",
	},
	{
		ofZUGFeRD, "Factur-X Basic WL", "CrossIndustryInvoice", "urn:factur-x.eu:1p0:basicwl", "D22B", nil,
		"FACTUR-X_BASIC-WL", "FACTUR-X_BASIC-WL",
	},
	{
		ofZUGFeRD, "ZUGFeRD Basic WL", "CrossIndustryInvoice", "urn:zugferd.de:2p0:basicwl", "D22B", nil,
		"FACTUR-X_BASIC-WL", "FACTUR-X_BASIC-WL",
	},
	{
		ofZUGFeRD, "Factur-X Basic", "CrossIndustryInvoice", cenID + "#compliant#urn:factur-x.eu:1p0:basic", "D22B",
		nil, "FACTUR-X_BASIC", "FACTUR-X_BASIC",
	},
	{
		ofZUGFeRD, "ZUGFeRD Basic", "CrossIndustryInvoice", cenID + "#compliant#urn:zugferd.de:2p0:basic", "D22B",
		nil, "FACTUR-X_BASIC", "FACTUR-X_BASIC",
	},
	{
		ofZUGFeRD, "Factur-X Extended", "CrossIndustryInvoice", cenID + "#conformant#urn:factur-x.eu:1p0:extended",
		"D22B", nil, "FACTUR-X_EXTENDED", "FACTUR-X_EXTENDED",
	},
	{
		ofZUGFeRD, "ZUGFeRD Extended", "CrossIndustryInvoice", cenID + "#conformant#urn:zugferd.de:2p0:extended",
		"D22B", nil, "FACTUR-X_EXTENDED", "FACTUR-X_EXTENDED",
	},

	{ofNLCIUS, "SI-UBL 2.0 Invoice", "Invoice", nlciusID, "2.1", with(billingProcess), "si-ubl-", ""},
	{ofNLCIUS, "SI-UBL 2.0 Credit Note", "CreditNote", nlciusID, "2.1", with(billingProcess), "si-ubl-", ""},
	{
		ofNLCIUS, "SI-UBL 2.0 G-Account Extension", "Invoice", nlciusID + "#conformant#urn:fdc:nen.nl:gaccount:v1.0",
		"2.1", with(billingProcess), "si-ubl-2.0-ext-gaccount-", "",
	},

	{
		ofItaly, "SimpleOrder_IT", "Order", postAwardID + "order:3:restrictive:urn:www.agid.gov.it:trns:ordine:3.1",
		"2.1", with(postAwardBIS+"order_only:3", postAwardBIS+"ordering:3"), "AGID-PEPPOL-T01", "",
	},
	{
		ofItaly, "OrderResponse_IT", "OrderResponse",
		postAwardID + "order_response:3:restrictive:urn:www.agid.gov.it:trns:risposta_ordine:3.0", "2.1",
		with(postAwardBIS + "ordering:3"), "AGID-PEPPOL-T76", "",
	},
	{
		ofItaly, "DespatchAdvice_IT", "DespatchAdvice",
		postAwardID + "despatch_advice:3:extended:urn:www.agid.gov.it:trns:ddt:3.1", "2.1",
		with(postAwardBIS + "despatch_advice:3"), "AGID-PEPPOL-T16", "",
	},
}

const (
	cenID              = "urn:cen.eu:en16931:2017"
	xrechnungID        = cenID + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
	xrechnungExtension = xrechnungID + "#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0"
	xrechnungCVD       = xrechnungID + "#compliant#urn:xeinkauf.de:kosit:xrechnung:cvd_0.9"
	nlciusID           = cenID + "#compliant#urn:fdc:nen.nl:nlcius:v1.0"
	xrechnungUBL       = "EN16931-UBL-validation XRechnung-UBL-validation"
	xrechnungCII       = "EN16931-CII-validation XRechnung-CII-validation"
)

// generations are the releases for which the document types of a pack are those of the table: their versions begin so.
var generations = map[string]string{ofXRechnung: "3.0.", ofZUGFeRD: "2.4", ofNLCIUS: "2.0"}

// knownLevels are rules that count otherwise than they say, as KoSIT's configurations for XRechnung 3.0 have it: what
// they call information is a warning here.
var knownLevels = []struct{ pack, root, customization, rules, flag string }{
	{ofXRechnung, "", "", "BR-CL-21 BR-CL-23", "warning"},
	{ofXRechnung, "CrossIndustryInvoice", "", "CII-SR-452 CII-SR-453 CII-SR-454", "fatal"},
	{ofXRechnung, "", xrechnungExtension, "BR-CL-10 BR-CL-11 BR-CL-24 BR-CL-25 BR-CL-26", "warning"},
	{ofXRechnung, "Invoice", xrechnungExtension, "BR-CO-16 UBL-CR-470", "warning"},
}

// levels are those of knownLevels for a document type.
func (k *knownDocument) levels() map[string]string {
	out := map[string]string{}
	for _, l := range knownLevels {
		if l.pack == k.pack && (l.root == "" || l.root == k.root) &&
			(l.customization == "" || l.customization == k.customization) {
			for _, rule := range strings.Fields(l.rules) {
				out[rule] = l.flag
			}
		}
	}
	return out
}

const billingProcess = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"

func with(process string, others ...string) []string { return append([]string{process}, others...) }

// otherNames are names by which the EHF build calls files that it takes from elsewhere.
var otherNames = map[string]string{
	"EHF-FORWARD-BILLING-3.0-CEN":    "FORWARD-BILLING-CEN-EN16931-UBL",
	"EHF-FORWARD-BILLING-3.0-PEPPOL": "FORWARD-BILLING-PEPPOL-EN16931-UBL",
	"EHF-REMINDER-3.0-CEN":           "REMINDER-CEN-EN16931-UBL",
	"EHF-REMINDER-3.0-PEPPOL":        "REMINDER-PEPPOL-EN16931-UBL",
	"EHF-REMINDER-3.0-EHF":           "EHF-P06-3.0-REMINDER",
	"EHF-SB-3.0-EN16391-PEPPOL":      "PEPPOL-EN16931-UBL-SB",
}

// knownTestSets are the configurations of official test sets that do not follow from the name of a rule file.
var knownTestSets = map[string]string{
	"tc434-ubl":                            "EN16931-UBL-validation",
	"tc434-ubl-cn":                         "EN16931-UBL-validation",
	"tc434-cii":                            "EN16931-CII-validation",
	"peppolbis-en16931-ubl":                "PEPPOL-EN16931-UBL",
	"peppolbis-en16931-cii":                "PEPPOL-EN16931-CII",
	"peppolbis-en16931-01-3.0-ubl-invoice": "CEN-EN16931-UBL PEPPOL-EN16931-UBL",
	"ehf-ge-request-1.0":                   "EHF-GE-REQUEST",
	"ehf-ge-response-1.0":                  "EHF-GE-RESPONSE",
}

type peppolDates struct{ release, billing, postAward, from string }

// peppolReleases are the releases of OpenPeppol that hold everywhere from a day on: the numbers of Billing and of
// post-award in each, and the day, as phive-rules gives them.
var peppolReleases = []peppolDates{
	{"2024.5", "3.0.17", "3.0.13", "2024-08-27"},
	{"2024.11", "3.0.18", "3.0.14", "2025-02-17"},
	{"2025.5", "3.0.19", "3.0.15", "2025-08-25"},
	{"2025.11", "3.0.20", "3.0.16", "2026-02-23"},
	{"2026.5", "3.0.21", "3.0.17", "2026-08-17"},
}

// peppolRelease finds the release of a version of a pack, under its own number or that of the pack.
func peppolRelease(pack, version string) (r peppolDates, ok bool) {
	for _, r := range peppolReleases {
		switch {
		case pack == ofPeppol && (version == r.release || version == r.billing),
			pack == ofBilling && (version == r.release || version == r.billing),
			pack == ofPostAward && (version == r.release || version == r.postAward):
			return r, true
		}
	}
	return r, false
}

// since is the first day of a release, "" when it is not known.
func since(pack, version string) string {
	r, _ := peppolRelease(pack, version)
	return r.from
}

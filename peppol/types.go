package peppol

import "strings"

// NamedType is a common document type with the process in which it is usually sent, and a short name for people.
type NamedType struct {
	Name    string
	Title   string
	DocType DocTypeID
	Process ProcessID
}

// Parts of the identifiers below.
const (
	ublNS     = "urn:oasis:names:specification:ubl:schema:xsd:"
	billing3  = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
	selfBill  = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0"
	trns      = "urn:fdc:peppol.eu:poacc:trns:"
	peppolBIS = "urn:fdc:peppol.eu:poacc:bis:"
	ehf       = "urn:fdc:anskaffelser.no:2019:ehf:"
)

// NamedTypes lists the common document types (code lists 9.7) by name.
func NamedTypes() []NamedType {
	ubl := func(root, customization, version string) DocTypeID {
		return DocTypeID{SchemeBusdox, ublNS + root + "-2::" + root + "##" + customization + "::" + version}
	}
	process := func(value string) ProcessID { return ProcessID{SchemeProcess, value} }
	billing := process("urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
	self := process("urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0")
	pint := func(root string) DocTypeID {
		return DocTypeID{SchemeWildcard, ublNS + root + "-2::" + root + "##urn:peppol:pint:billing-1@eu-1::2.1"}
	}
	const cii = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100::CrossIndustryInvoice##"
	return []NamedType{
		{"billing", "Peppol BIS Billing 3 invoice", ubl("Invoice", billing3, "2.1"), billing},
		{
			"billing-cii", "Peppol BIS Billing 3 invoice, CII",
			DocTypeID{SchemeBusdox, cii + billing3 + "::D16B"},
			billing,
		},
		{"billing-credit-note", "Peppol BIS Billing 3 credit note", ubl("CreditNote", billing3, "2.1"), billing},
		{
			"catalogue", "Peppol catalogue", ubl("Catalogue", trns+"catalogue:3", "2.1"),
			process(peppolBIS + "catalogue_only:3"),
		},
		{
			"catalogue-response", "Peppol catalogue response",
			ubl("ApplicationResponse", trns+"catalogue_response:3", "2.1"), process(peppolBIS + "catalogue_only:3"),
		},
		{
			"despatch-advice", "Peppol despatch advice", ubl("DespatchAdvice", trns+"despatch_advice:3", "2.1"),
			process(peppolBIS + "despatch_advice:3"),
		},
		{
			"ehf-forward-billing", "EHF forward billing invoice",
			ubl("Invoice", billing3+"#conformant#"+ehf+"forward-billing:3.0", "2.2"),
			process(ehf + "postaward:g3:08:1.0"),
		},
		{
			"ehf-payment-request", "EHF payment request",
			ubl("Invoice", "urn:fdc:anskaffelser.no:2019:ehf:spec:payment-request:3.0", "2.2"),
			process(ehf + "postaward:g3:07:1.0"),
		},
		{
			"ehf-reminder", "EHF reminder", ubl("Invoice", billing3+"#conformant#"+ehf+"reminder:3.0", "2.2"),
			process(ehf + "postaward:g3:06:1.0"),
		},
		{
			"invoice-response", "Peppol invoice response", ubl("ApplicationResponse", trns+"invoice_response:3", "2.1"),
			process(peppolBIS + "invoice_response:3"),
		},
		{
			"mlr", "Peppol message level response", ubl("ApplicationResponse", trns+"mlr:3", "2.1"),
			process(peppolBIS + "mlr:3"),
		},
		{"mls", "Peppol message level status", DocTypeID{SchemeBusdox, TypeMLS}, process("urn:peppol:edec:mls")},
		{"order", "Peppol order", ubl("Order", trns+"order:3", "2.1"), process(peppolBIS + "ordering:3")},
		{
			"order-agreement", "Peppol order agreement", ubl("OrderResponse", trns+"order_agreement:3", "2.1"),
			process(peppolBIS + "order_agreement:3"),
		},
		{
			"order-cancellation", "Peppol order cancellation",
			ubl("OrderCancellation", trns+"order_cancellation:3", "2.3"), process(peppolBIS + "advanced_ordering:3"),
		},
		{
			"order-change", "Peppol order change", ubl("OrderChange", trns+"order_change:3", "2.3"),
			process(peppolBIS + "advanced_ordering:3"),
		},
		{
			"order-response", "Peppol order response", ubl("OrderResponse", trns+"order_response:3", "2.1"),
			process(peppolBIS + "ordering:3"),
		},
		{"pint-credit-note", "PINT EU credit note", pint("CreditNote"), process("urn:peppol:bis:billing")},
		{"pint-invoice", "PINT EU invoice", pint("Invoice"), process("urn:peppol:bis:billing")},
		{
			"punch-out", "Peppol punch out", ubl("Catalogue", trns+"punch_out:3", "2.1"),
			process(peppolBIS + "punch_out:3"),
		},
		{"self-billing", "Peppol BIS Self-Billing 3 invoice", ubl("Invoice", selfBill, "2.1"), self},
		{
			"self-billing-credit-note", "Peppol BIS Self-Billing 3 credit note", ubl("CreditNote", selfBill, "2.1"),
			self,
		},
	}
}

// TypeNamed returns the common document type with a short name; letter case does not matter.
func TypeNamed(name string) (NamedType, bool) {
	for _, t := range NamedTypes() {
		if strings.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return NamedType{}, false
}

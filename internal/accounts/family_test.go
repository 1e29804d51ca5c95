package accounts

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
)

const ubl = "urn:oasis:names:specification:ubl:schema:xsd:"

// TestFamilyOf: the table of RPT-9.2.
func TestFamilyOf(t *testing.T) {
	for docType, want := range map[string]string{
		inv: "Invoice", cn: "Credit note", ord: "Order", rem: "Reminder", mls: "Responses",
		"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100::CrossIndustryInvoice##urn:cen.eu:en16931:" +
			"2017::D16B": "Invoice",
		"urn:peppol:doctype:pdf+xml##urn:cen.eu:en16931:" +
			"2017#conformant#urn:peppol:france:billing:Factur-X:1.0::D22B": "Invoice",
		"urn:peppol:doctype:pdf+xml##eb2b:order-x:1.0::" +
			"0": "Order",
		"urn:peppol:doctype:edifact:DESADV##eb2b::" +
			"0": "Despatch advice",
		ubl +
			"Reminder-2::Reminder##urn:www.cenbii.eu:profile:biixy:" +
			"ver1.0#urn:www.difi.no:ehf:purring:ver1::2.0": "Reminder",
		ubl + "Invoice-2::Invoice##urn:cen.eu:en16931:2017#conformant#urn:fdc:anskaffelser.no:2019:ehf:" +
			"forward-billing:3.0::2.2": "Forward billing",
		ubl + "CreditNote-2::CreditNote##urn:cen.eu:en16931:2017#conformant#urn:fdc:anskaffelser.no:2019:ehf:" +
			"forward-billing:3.0::2.2": "Forward billing",
		ubl +
			"Invoice-2::Invoice##urn:fdc:anskaffelser.no:2019:ehf:spec:payment-request:3.0::2.2": "Payment request",
		ubl +
			"OrderResponse-2::OrderResponse##urn:fdc:peppol.eu:poacc:trns:order_agreement:3::2.1": "Order",
		ubl +
			"OrderResponse-2::OrderResponse##urn:fdc:peppol.eu:poacc:trns:order_response:3::2.1": "Order response",
		ubl +
			"OrderChange-2::OrderChange##urn:fdc:peppol.eu:poacc:trns:order_change:3::2.3": "Order",
		ubl +
			"Catalogue-2::Catalogue##urn:fdc:peppol.eu:poacc:trns:punch_out:3::2.1": "Catalogue",
		ubl +
			"ApplicationResponse-2::ApplicationResponse##urn:fdc:" +
			"peppol.eu:poacc:trns:catalogue_response:3::2.1": "Catalogue",
		ubl +
			"ApplicationResponse-2::ApplicationResponse##urn:fdc:" +
			"peppol.eu:poacc:trns:invoice_response:3::2.1": "Responses",
		ubl +
			"ApplicationResponse-2::ApplicationResponse##urn:fdc:peppol.eu:poacc:trns:mlr:3::2.1": "Responses",
		ubl +
			"ApplicationResponse-2::ApplicationResponse##urn:fdc:" +
			"peppol.eu:prac:trns:t016:1.2::2.2": "eGovernment, pre-award and payment",
		"urn:fdc:digdir.no:2020:innbyggerpost:xsd::Innbyggerpost##urn:fdc:digdir.no:2020:innbyggerpost:schema:" +
			"digital::1.0": "eGovernment, pre-award and payment",
		ubl + "QualificationApplicationRequest-2::QualificationApplicationRequest##urn:fdc:difi.no:2017:ehf:" +
			"getevidence:1.0::2.2": "eGovernment, pre-award and payment",
		"urn:iso:std:iso:20022:tech:xsd:pain.001.001.03::Document##urn:iso:std:iso:20022:tech:xsd:pain.001.001.03:" +
			"restricted:urn:fdc:bits.no:2017:iso20022:1.5::03": "eGovernment, pre-award and payment",
		"urn:fdc:peppol.eu:logistics:xsd::WeightStatement##urn:fdc:" +
			"peppol.eu:logistics:trns:weight_statement:1::2.3": "Despatch advice",
		"x::y##z::1": "Other", "": "Other", "##": "Other", "::": "Other",
	} {
		if got := familyLabels[FamilyOf(docType)].In(fault.English); got != want {
			t.Errorf("%s is %s, want %s", docType, got, want)
		}
	}
	if got := familyLabels[FamilyOf(inv)].In(fault.Bokmal); got != "Faktura" {
		t.Errorf("an invoice is %s in Bokmål", got)
	}
}

// Of the types of the Peppol code list, those stay without a family that the table does not speak of.
func TestFamilyOfSharedCodeList(t *testing.T) {
	b, err := os.ReadFile(golden.Shared(t, "data/Peppol Code Lists - Document types v9.7.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Values []struct{ Value string } }
	if err := json.Unmarshal(b, &list); err != nil || len(list.Values) < 300 {
		t.Fatalf("%d types, %v", len(list.Values), err)
	}
	var other []string
	for _, v := range list.Values {
		if v.Value == peppol.TypeTSR || v.Value == peppol.TypeEUSR || FamilyOf(v.Value) != FamilyOther {
			continue
		}
		root, _, _ := strings.Cut(v.Value, "##")
		other = append(other, root[strings.LastIndex(root, ":")+1:])
	}
	slices.Sort(other)
	want := "APData Assignment EndUserReport HumanResource MaintenanceInstruction MaintenanceStatus StaffingOrder " +
		"TaxData TaxDataStatus TimeCard TransactionStatisticsReport UtilityStatement bilateral"
	if got := strings.Join(slices.Compact(other), " "); got != want {
		t.Errorf("without a family:\n%s\nwant\n%s", got, want)
	}
}

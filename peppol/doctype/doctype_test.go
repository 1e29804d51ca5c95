package doctype

import (
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/safe"
)

const (
	nsInvoice = UBL + "Invoice-2"
	nsReport  = "urn:fdc:peppol:transaction-statistics-report:1.1"
	ids       = `<c:CustomizationID>c</c:CustomizationID><c:ProfileID>p</c:ProfileID>`
	invoice   = `<Invoice xmlns="` + nsInvoice + `" xmlns:c="` + nsCBC + `"><c:UBLVersionID>2.0</c:UBLVersionID>` +
		ids +
		parties + `</Invoice>`
	parties = `<AccountingCustomerParty><Party>` + swedish + `</Party></AccountingCustomerParty>` +
		`<AccountingSupplierParty><Party><PostalAddress>` + unknown + `</PostalAddress>` +
		`<PartyLegalEntity>` + norwegian + `</PartyLegalEntity></Party></AccountingSupplierParty>`
	swedish   = `<Country><c:IdentificationCode>SE</c:IdentificationCode></Country>`
	unknown   = `<Country><c:IdentificationCode>xx</c:IdentificationCode></Country>`
	norwegian = `<Country><c:IdentificationCode> NO </c:IdentificationCode></Country>`
	report    = `<R xmlns="` + nsReport + `"><CustomizationID>c</CustomizationID><ProfileID>p</ProfileID></R>`
	scopes    = `<BusinessScope><Scope><Type>DOCUMENTID</Type><InstanceIdentifier>d</InstanceIdentifier>` +
		`<Identifier>x</Identifier></Scope>` +
		`<Scope><Type>PROCESSID</Type><InstanceIdentifier>q</InstanceIdentifier></Scope></BusinessScope>`
	cii = `<I xmlns="` + NSInvoice + `" xmlns:r="` + nsRAM + `"><Context>` +
		`<r:BusinessProcessSpecifiedDocumentContextParameter><r:ID>p</r:ID>` +
		`</r:BusinessProcessSpecifiedDocumentContextParameter>` +
		`<r:GuidelineSpecifiedDocumentContextParameter><r:ID>c</r:ID></r:GuidelineSpecifiedDocumentContextParameter>` +
		`</Context></I>`
)

func enveloped(doc string) string {
	return `<StandardBusinessDocument xmlns="` + NSEnvelope + `"><StandardBusinessDocumentHeader>` + scopes +
		`</StandardBusinessDocumentHeader>` + doc + `</StandardBusinessDocument>`
}

// The same documents for those who look for rules and for those who make an envelope.
func TestAbout(t *testing.T) {
	root := safe.Name{Space: nsInvoice, Local: "Invoice"}
	invoiceRoot := safe.Name{Space: NSInvoice, Local: "I"}
	sbd := safe.Name{Space: NSEnvelope, Local: "StandardBusinessDocument"}
	for _, tc := range []struct {
		name, doc         string
		identify, inspect About
	}{
		{
			"UBL: version and, for an envelope, the first known country of the sender", invoice,
			About{Root: root, Customization: "c", Profile: "p", Version: "2.0"},
			About{Root: root, Customization: "c", Profile: "p", Version: "2.0", Country: "NO"},
		},
		{
			"the number of a document, for those who make an envelope",
			`<Order xmlns="` + UBL + `Order-2" xmlns:c="` + nsCBC + `"><Line><c:ID>1</c:ID></Line><c:ID> A <!-- x -->47
</c:ID><ID>2</ID><Line><c:ID>3</c:ID></Line></Order>`,
			About{Root: safe.Name{Space: UBL + "Order-2", Local: "Order"}},
			About{Root: safe.Name{Space: UBL + "Order-2", Local: "Order"}, Number: "A 47"},
		},
		{
			"what is not UBL bears no number", `<a xmlns:c="` + nsCBC + `"><c:ID>1</c:ID></a>`,
			About{Root: safe.Name{Local: "a"}},
			About{Root: safe.Name{Local: "a"}},
		},
		{
			"Cross Industry Invoice", cii,
			About{Root: invoiceRoot, Customization: "c", Profile: "p"},
			About{Root: invoiceRoot, Customization: "c", Profile: "p"},
		},
		{
			"a report: identifiers in its own namespace choose rules only", report,
			About{Root: safe.Name{Space: nsReport, Local: "R"}, Customization: "c", Profile: "p"},
			About{Root: safe.Name{Space: nsReport, Local: "R"}},
		},
		{
			"an envelope: looked into for rules, else recognised only", enveloped(invoice),
			About{
				Envelope: true, Root: root, Customization: "c", Profile: "p", Version: "2.0", DocType: "d",
				Process: "q",
			},
			About{Envelope: true, Root: sbd},
		},
		{
			"Cross Industry Invoice in an envelope", enveloped(cii),
			About{Envelope: true, Root: invoiceRoot, Customization: "c", Profile: "p", DocType: "d", Process: "q"},
			About{Envelope: true, Root: sbd},
		},
		{
			"identifiers elsewhere than at the top",
			`<Invoice xmlns="` + nsInvoice + `" xmlns:c="` + nsCBC + `"><Line>` + ids + `</Line></Invoice>`,
			About{Root: root},
			About{Root: root},
		},
		{
			"identifiers of another namespace", `<Invoice xmlns="` + nsInvoice + `" xmlns:c="urn:x">` + ids +
				`</Invoice>`,
			About{Root: root},
			About{Root: root},
		},
		{
			"scopes without envelope", `<a>` + scopes + `</a>`,
			About{Root: safe.Name{Local: "a"}},
			About{Root: safe.Name{Local: "a"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := Identify(strings.NewReader(tc.doc)); err != nil || got != tc.identify {
				t.Errorf("Identify: %+v, %v, want %+v", got, err, tc.identify)
			}
			known := func(country string) bool { return country == "NO" || country == "SE" }
			if got, err := Inspect(strings.NewReader(tc.doc), known); err != nil || got != tc.inspect {
				t.Errorf("Inspect: %+v, %v, want %+v", got, err, tc.inspect)
			}
		})
	}
}

// Of a number that is too long its beginning is kept, in whole characters, and so is what is looked for.
func TestAPI120Number(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " 1 ": "1", strings.Repeat("x", 100): strings.Repeat("x", 100),
		strings.Repeat("x", 101): strings.Repeat("x", 100),
		strings.Repeat("ø", 100): strings.Repeat("ø", 100), "  " + strings.Repeat("ø", 150): strings.Repeat("ø", 100),
	} {
		if got := Number(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Identify stops where it knows enough, Inspect at the end, or at an envelope.
func TestWhereReadingStops(t *testing.T) {
	broken := strings.Replace(invoice, parties, "<&", 1)
	none := func(string) bool { return false }
	if _, err := Identify(strings.NewReader(broken)); err != nil {
		t.Errorf("Identify reads on: %v", err)
	}
	if _, err := Identify(strings.NewReader(strings.Replace(broken, "ProfileID", "Profile", 2))); err == nil {
		t.Error("Identify stops without knowing the profile")
	}
	if _, err := Inspect(strings.NewReader(broken), none); err == nil {
		t.Error("Inspect takes what is no XML")
	}
	if d, err := Inspect(strings.NewReader(enveloped("<&")), none); err != nil || !d.Envelope {
		t.Errorf("Inspect looks into an envelope: %+v, %v", d, err)
	}
}

func FuzzAbout(f *testing.F) {
	for _, doc := range []string{invoice, report, cii, enveloped(invoice)} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, b []byte) { // no panic, and an envelope is one for both
		one, errOne := Identify(strings.NewReader(string(b)))
		two, errTwo := Inspect(strings.NewReader(string(b)), func(string) bool { return true })
		if errOne == nil && errTwo == nil && one.Envelope != two.Envelope {
			t.Errorf("%+v, %+v", one, two)
		}
	})
}

package ap

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// SBDH-025: what is wrapped is not what its document type says it is not.
func TestSBDH025MediaType(t *testing.T) {
	const factur = "urn:peppol:doctype:pdf+xml##urn:cen.eu:en16931:2017#conformant#" +
		"urn:peppol:france:billing:Factur-X:1.0::D22B"
	for _, tc := range []struct{ media, docType, says string }{
		{"application/vnd.etsi.asic-e+zip", docType, ""},
		{"application/octet-stream", docType, ""},
		{"application/pdf", factur, ""},
		{"application/pdf", docType, "the root element Invoice"},
		{"text/plain; charset=utf-8", docType, "the root element Invoice"},
		{"application/xml", docType, "not wrapped"},
		{"text/xml", docType, "not wrapped"},
		{"image/svg+xml", docType, "not wrapped"},
		{"application/xml", factur, "are not XML"},
		{"pdf", docType, "not a media type"},
		{"a/b/c", docType, "not a media type"},
	} {
		d := must[peppol.DocTypeID](t)(peppol.ParseDocType(tc.docType))
		err := checkMedia(tc.media, d)
		var f *fault.Error
		if (tc.says == "") != (err == nil) || err != nil &&
			(!errors.As(err, &f) || f.Code != fault.BadArguments || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s for %s: %v, want %q", tc.media, tc.docType, err, tc.says)
		}
	}
	out := &Outbound{Core: Core{Now: time.Now}, Country: "NO"}
	h := testHeader(t, "0192:991825827", "0192:810418052")
	_, err := out.prepare(Submission{
		From: h.Sender, To: h.Receiver, DocType: h.DocType, Process: h.Process,
		MimeType: "application/pdf", Open: Bytes([]byte("%PDF")),
	})
	if err == nil || !strings.Contains(err.Error(), "SBDH-025") {
		t.Errorf("a submission: %v", err)
	}
}

// The thing that is missing is named as it is called in the document.
func TestMissingThingIsNamed(t *testing.T) {
	out := &Outbound{Core: Core{Now: time.Now}, Country: "NO"}
	h := testHeader(t, "0192:991825827", "0192:810418052")
	const ubl = `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
		`xmlns:c="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">`
	const cii = `<CrossIndustryInvoice xmlns="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"/>`
	for doc, want := range map[string]string{
		ubl + `<c:CustomizationID>urn:x</c:CustomizationID></Invoice>`: "the Invoice has no ProfileID",
		ubl + `</Invoice>`: "the Invoice has no CustomizationID",
		ubl +
			`<c:CustomizationID>a b</c:CustomizationID></Invoice>`: "the CustomizationID \"a b\" of the Invoice is " +
			"part of no document type",
		ubl +
			`<c:CustomizationID>urn:x</c:CustomizationID><c:ProfileID>a b</c:ProfileID>` +
			`</Invoice>`: "the ProfileID \"a b\" of the Invoice is no process",
		cii: "the CrossIndustryInvoice has no GuidelineSpecifiedDocumentContextParameter",
	} {
		_, err := out.prepare(Submission{From: h.Sender, To: h.Receiver, Open: Bytes([]byte(doc))})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.DocumentUnknown || f.Detail != want {
			t.Errorf("%s: %v, want %q", doc, err, want)
		}
	}
	_, err := out.prepare(Submission{
		From: h.Sender, To: h.Receiver, MimeType: "application/pdf",
		Open: Bytes([]byte("%PDF")),
	})
	if err == nil || !strings.Contains(err.Error(), "content that is not XML does not name them") {
		t.Errorf("a PDF: %v", err)
	}
}

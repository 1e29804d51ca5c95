package ap

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

const (
	docType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
		"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	process = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testHeader(t *testing.T, from, to string) *sbdh.Header {
	t.Helper()
	return &sbdh.Header{
		Sender:    must[peppol.ParticipantID](t)(peppol.ParseParticipant(from)),
		Receiver:  must[peppol.ParticipantID](t)(peppol.ParseParticipant(to)),
		DocType:   must[peppol.DocTypeID](t)(peppol.ParseDocType(docType)),
		Process:   must[peppol.ProcessID](t)(peppol.ParseProcess(process)),
		CountryC1: "NO", InstanceID: "1", Created: "2026-01-01T00:00:00Z",
	}
}

const invoice = `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`

func envelope(t *testing.T, h *sbdh.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sbdh.Wrap(&b, h, strings.NewReader(invoice)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each document gets an InstanceIdentifier of its own.
func TestSBDH009NewEnvelope(t *testing.T) {
	out := &Outbound{Core: Core{Now: time.Now}, Country: "NO"}
	h := testHeader(t, "0192:991825827", "0192:810418052")
	seen := map[string]bool{}
	for range 3 {
		p, err := out.prepare(Submission{
			From: h.Sender, To: h.Receiver, DocType: h.DocType, Process: h.Process,
			Open: Bytes([]byte(invoice)),
		})
		if err != nil || p.header.InstanceID == "" || seen[p.header.InstanceID] {
			t.Errorf("%+v, %v", p.header, err)
		}
		seen[p.header.InstanceID] = true
	}
}

// A ready envelope is checked, and sent byte for byte, odd spelling included.
func TestSBDH035Ready(t *testing.T) {
	out := &Outbound{Core: Core{Now: time.Now}}
	good := bytes.Replace(envelope(t, testHeader(t, "0192:991825827", "0192:810418052")), []byte("><sh:Sender>"),
		[]byte(">\n\t<!-- x --><sh:Sender >"), 1)
	p, err := out.prepare(Submission{Open: Bytes(good)})
	if err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if err := p.write(&sent, bytes.NewReader(good)); err != nil || !bytes.Equal(sent.Bytes(), good) {
		t.Errorf("sent %s, %v", sent.Bytes(), err)
	}
	other := must[peppol.ParticipantID](t)(peppol.ParseParticipant("0088:1"))
	for name, s := range map[string]Submission{
		"no country":           {Open: Bytes(bytes.Replace(good, []byte(">NO<"), []byte("><"), 1))},
		"a country of no list": {Open: Bytes(bytes.Replace(good, []byte(">NO<"), []byte(">ZZ<"), 1))},
		"truncated":            {Open: Bytes(good[:len(good)-5])},
		"another sender":       {From: other, Open: Bytes(good)},
		"another receiver":     {To: other, Open: Bytes(good)},
	} {
		_, err := out.prepare(s)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.EnvelopeInvalid && f.Code != fault.DocumentUnreadable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An organisation number with a wrong check digit is refused before anything is stored or looked up.
func TestDISC007Submit(t *testing.T) {
	out := &Outbound{Core: Core{Now: time.Now}, Country: "NO"}
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"0192:991825827", "0192:810418052", true},
		{"9908:991825827", "0088:1", true},
		{"0192:991825828", "0192:810418052", false},
		{"0192:991825827", "0192:810018902", false},
		{"0192:991825827", "9908:810018902", false},
		{"0192:991825827", "0192:12345678", false},
	} {
		h := testHeader(t, tc.from, tc.to)
		given := Submission{From: h.Sender, To: h.Receiver, DocType: h.DocType, Process: h.Process}
		pdf := given
		pdf.MimeType = "application/vnd.etsi.asic-e+zip"
		for name, try := range map[string]struct {
			s       Submission
			content []byte
			code    fault.Code
		}{
			"document":       {given, []byte(invoice), fault.BadArguments},
			"pdf":            {pdf, []byte("%PDF"), fault.BadArguments},
			"ready envelope": {Submission{}, envelope(t, h), fault.EnvelopeInvalid},
		} {
			try.s.Open = Bytes(try.content)
			_, err := out.prepare(try.s)
			var f *fault.Error
			if tc.ok != (err == nil) || !tc.ok &&
				(!errors.As(err, &f) || f.Code != try.code || !strings.Contains(err.Error(), "DISC-007")) {
				t.Errorf("%s from %s to %s: %v", name, tc.from, tc.to, err)
			}
		}
	}
}

// REL-025: what is sent first follows from the document type and from how the document was handed in.
func TestREL025Class(t *testing.T) {
	for _, c := range []struct {
		scheme, value string
		batch         bool
		want          store.Class
	}{
		{peppol.SchemeBusdox, peppol.TypeMLS, true, store.Statuses},
		{peppol.SchemeBusdox, peppol.TypeTSR, false, store.Reports},
		{peppol.SchemeBusdox, peppol.TypeEUSR, true, store.Reports},
		{peppol.SchemeBusdox, "urn:x::Invoice##c::2.1", true, store.Batches},
		{peppol.SchemeBusdox, "urn:x::Invoice##c::2.1", false, store.Documents},
	} {
		d, err := peppol.NewDocType(c.scheme, c.value)
		if err != nil {
			t.Fatal(err)
		}
		if got := classOf(d, c.batch); got != c.want {
			t.Errorf("%s, batch %t: class %d, want %d", c.value, c.batch, got, c.want)
		}
	}
}

// SBDH-034. Sender, receiver and the rest are read from a document that says them; what was given counts, with a remark
// if the document says something else; what neither says is refused, with what stands there instead.
func TestSBDH034ReadFromTheDocument(t *testing.T) {
	const head = `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
		`xmlns:c="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">` +
		`<c:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0` +
		`</c:CustomizationID><c:ProfileID>` + process + `</c:ProfileID>`
	side := func(name, scheme, id, country string) string {
		return `<` + name + `><Party><c:EndpointID schemeID="` + scheme + `">` + id + `</c:EndpointID>` +
			`<PostalAddress><Country><c:IdentificationCode>` + country + `</c:IdentificationCode></Country>` +
			`</PostalAddress></Party></` + name + `>`
	}
	from := side("AccountingSupplierParty", "0192", "991825827", "SE")
	to := side("AccountingCustomerParty", "0192", "810418052", "NO")
	full := head + from + to + `</Invoice>`
	out := &Outbound{Core: Core{Now: time.Now}}
	other := must[peppol.ParticipantID](t)(peppol.ParseParticipant("0088:1"))

	p, err := out.prepare(Submission{Open: Bytes([]byte(full))})
	want := testHeader(t, "0192:991825827", "0192:810418052")
	if h := p.header; err != nil || h.Sender != want.Sender || h.Receiver != want.Receiver ||
		h.DocType != want.DocType || h.Process != want.Process || h.CountryC1 != "SE" || len(h.Warnings) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	p, err = out.prepare(Submission{To: other, Country: "SE", Open: Bytes([]byte(full))})
	if h := p.header; err != nil || h.Receiver != other || len(h.Warnings) != 1 ||
		h.Warnings[0] != "the receiver that was given is not the one that the document names" {
		t.Errorf("another receiver was given: %+v, %v", h, err)
	}
	old := side("AccountingCustomerParty", "9908", "810418052", "NO")
	for name, tc := range map[string]struct {
		s       Submission
		doc     string
		want    string
		without string
	}{
		"no receiver":    {Submission{}, head + from + `</Invoice>`, "the receiver", "sender"},
		"no party":       {Submission{}, head + `</Invoice>`, "sender and receiver", "DISC"},
		"an old scheme":  {Submission{}, head + from + old + `</Invoice>`, "organisations are 0192", "sender"},
		"of the given":   {Submission{To: other}, head + old + `</Invoice>`, "the sender", "0192"},
		"two candidates": {Submission{}, head + from + to + old + `</Invoice>`, "the receiver", "DISC"},
	} {
		tc.s.Open = Bytes([]byte(tc.doc))
		_, err := out.prepare(tc.s)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.PartyMissing || !strings.Contains(f.Detail, tc.want) &&
			!strings.Contains(err.Error(), tc.want) || strings.Contains(f.Detail, tc.without) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

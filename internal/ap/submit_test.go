package ap

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

const (
	docType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
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
		h := &sbdh.Header{
			Sender: must[peppol.ParticipantID](t)(peppol.ParseParticipant(tc.from)), Receiver: must[peppol.ParticipantID](t)(peppol.ParseParticipant(tc.to)),
			DocType: must[peppol.DocTypeID](t)(peppol.ParseDocType(docType)), Process: must[peppol.ProcessID](t)(peppol.ParseProcess(process)),
			CountryC1: "NO", InstanceID: "1", Created: "2026-01-01T00:00:00Z",
		}
		document := []byte(`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`)
		var envelope bytes.Buffer
		if err := sbdh.Wrap(&envelope, h, bytes.NewReader(document)); err != nil {
			t.Fatal(err)
		}
		given := Submission{From: h.Sender, To: h.Receiver, DocType: h.DocType, Process: h.Process}
		pdf := given
		pdf.MimeType = "application/pdf"
		for name, try := range map[string]struct {
			s       Submission
			content []byte
			code    fault.Code
		}{
			"document":       {given, document, fault.BadArguments},
			"pdf":            {pdf, []byte("%PDF"), fault.BadArguments},
			"ready envelope": {Submission{}, envelope.Bytes(), fault.EnvelopeInvalid},
		} {
			try.s.Open = Bytes(try.content)
			_, _, err := out.prepare(try.s)
			var f *fault.Error
			if tc.ok != (err == nil) || !tc.ok && (!errors.As(err, &f) || f.Code != try.code || !strings.Contains(err.Error(), "DISC-007")) {
				t.Errorf("%s from %s to %s: %v", name, tc.from, tc.to, err)
			}
		}
	}
}

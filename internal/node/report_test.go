package node

import (
	"io"
	"testing"

	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// RPT-6: a report goes from the service provider itself to OpenPeppol, under its own document type, signed by the seat
// that it is about. Outside of production nobody gets one who is not named.
func TestRPT6Submission(t *testing.T) {
	n, _ := idleNode(t)
	n.Config.Country, n.Config.Reporting.Country = "NO", ""
	u := &accounts.Unsent{Seat: "POP900009", What: ledger.MarkTSR, XML: []byte("<tsr/>")}
	for _, missing := range []struct{ spid, receiver string }{{"", "9925:be0848934496"}, {"0242:900001", ""}} {
		n.Config.Reporting.SPID, n.Config.Reporting.Receiver = missing.spid, missing.receiver
		if _, err := n.ReportSubmission(u); code(err) != fault.ConfigInvalid {
			t.Errorf("from %q to %q: %v", missing.spid, missing.receiver, err)
		}
	}
	n.Config.Reporting.SPID = "0242:900001"
	for _, tc := range []struct {
		env, receiver, country, what string
		to, from, doc                string
	}{
		{"test", "0192:991825827", "", ledger.MarkTSR, "0192:991825827", "NO", peppol.TypeTSR},
		{"test", "0192:991825827", "SE", ledger.MarkEUSR, "0192:991825827", "SE", peppol.TypeEUSR},
		{"production", "", "", ledger.MarkTSR, "9925:be0848934496", "NO", peppol.TypeTSR},
		{"production", "0192:991825827", "", ledger.MarkEUSR, "0192:991825827", "NO", peppol.TypeEUSR},
	} {
		n.Config.Environment, n.Config.Reporting.Receiver, n.Config.Reporting.Country, u.What = tc.env, tc.receiver,
			tc.country, tc.what
		s, err := n.ReportSubmission(u)
		if err != nil {
			t.Fatal(err)
		}
		if s.Seat != "POP900009" || s.From.Value() != "0242:900001" || s.To.Value() != tc.to || s.Country != tc.from ||
			s.DocType.Value() != tc.doc || s.DocType.Scheme() != peppol.SchemeBusdox ||
			s.Process.Value() != reporting.Process {
			t.Errorf("%+v: %+v", tc, s)
		}
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != "<tsr/>" {
			t.Errorf("%s, %v", b, err)
		}
	}
}

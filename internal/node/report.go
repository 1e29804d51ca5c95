package node

import (
	"slices"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// openPeppol receives the reports of the production network (RPT-6).
const openPeppol = "9925:be0848934496"

// Accounts returns the monthly accounts of a record. Reports are checked with the given rule packs.
func Accounts(cfg *config.Config, s *store.Store, packs []pack.Pack, program string) (*accounts.Accounts, error) {
	keys, err := cfg.Keyring()
	if err != nil {
		return nil, err
	}
	a := &accounts.Accounts{
		Ledger: s.Ledger, Tenant: db.DefaultTenant, Own: cfg.Reporting.SPID, Country: country(cfg),
		Rules: validation.New(packs), Program: program, Now: time.Now,
	}
	for _, id := range keys.Identities() {
		if !slices.Contains(a.Seats, id.Seat) {
			a.Seats = append(a.Seats, id.Seat)
		}
	}
	return a, nil
}

// country is the country of the service provider itself.
func country(cfg *config.Config) string {
	if cfg.Reporting.Country != "" {
		return cfg.Reporting.Country
	}
	return cfg.Country
}

// ReportSubmission makes the submission of a report: from the service provider itself to OpenPeppol (RPT-6). It is
// signed by the seat that it is about.
func (n *Node) ReportSubmission(u *accounts.Unsent) (ap.Submission, error) {
	cfg := n.Config
	receiver := cfg.Reporting.Receiver
	if receiver == "" && cfg.Env() == certs.Production {
		receiver = openPeppol
	}
	if cfg.Reporting.SPID == "" || receiver == "" {
		return ap.Submission{}, fault.New(fault.ConfigInvalid, nil,
			"reporting.spid and, outside of production, reporting.receiver are needed to send reports")
	}
	docType := peppol.TypeTSR
	if u.What == ledger.MarkEUSR {
		docType = peppol.TypeEUSR
	}
	s := ap.Submission{Seat: peppol.SeatID(u.Seat), Open: ap.Bytes(u.XML), Country: country(cfg)}
	var err error
	if s.From, err = peppol.ParseParticipant(cfg.Reporting.SPID); err != nil {
		return s, err
	}
	if s.To, err = peppol.ParseParticipant(receiver); err != nil {
		return s, err
	}
	if s.DocType, err = peppol.NewDocType(peppol.SchemeBusdox, docType); err != nil {
		return s, err
	}
	s.Process, err = peppol.NewProcess(peppol.SchemeProcess, reporting.Process)
	return s, err
}

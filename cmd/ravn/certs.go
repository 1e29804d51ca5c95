package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
)

// certRow is one certificate as it is shown.
type certRow struct {
	Use         string   `json:"use"`
	Seat        string   `json:"seat,omitempty"`
	Subject     string   `json:"subject"`
	Chain       []string `json:"chain"`
	Role        string   `json:"role"`
	NotBefore   string   `json:"not_before"`
	NotAfter    string   `json:"not_after"`
	DaysLeft    int      `json:"days_left"`
	Fingerprint string   `json:"sha256"`
	Status      string   `json:"status"`
	Revocation  string   `json:"revocation"`

	term string // how long it is valid, in words
	fine bool   // nobody has to do anything about it now
}

func (c *cli) certs() *cobra.Command {
	return &cobra.Command{
		Use: "certs", Short: "Show our certificates and the trust anchors: chain, role, days left, revocation status",
		Args: cobra.NoArgs,
		Long: "Shows every configured key, whether or not it is in use, and the CAs that are trusted. ravn serve " +
			"logs what ends within\n" +
			"90 days, at its start and as the days go by.\n\n" +
			"Exit codes: 0 all are valid, or begin to be before they are needed; 1 one has expired or is not " +
			"trusted; 2 wrong usage\n" +
			"or configuration.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			rows, err := certRows(cmd.Context(), cfg, time.Now())
			if err != nil {
				return err
			}
			for _, r := range rows {
				if !r.fine {
					c.exit = fault.Negative
				}
				if err := c.print(r, "%s  %s\n  %s\n  role %s, %s (until %s), %s, revocation %s\n  sha256 %s",
					r.Use, r.Seat, r.Subject, r.Role, r.term, r.NotAfter, r.Status, r.Revocation,
					r.Fingerprint); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// newCertRow describes a certificate.
func newCertRow(use string, cert *x509.Certificate, role string, status certs.Class, now time.Time) certRow {
	return certRow{
		Use: use, Subject: certs.Subject(cert), Chain: []string{}, Role: role, DaysLeft: certs.DaysLeft(cert, now),
		NotBefore: cert.NotBefore.UTC().Format(time.RFC3339), NotAfter: cert.NotAfter.UTC().Format(time.RFC3339),
		Fingerprint: certs.Fingerprint(cert), Status: string(status), Revocation: "unchecked",
		fine: status == certs.Valid, term: strings.TrimPrefix(certs.Term(cert, now), "is "),
	}
}

// certRows lists our keys in the order of the configuration, and then the anchors.
func certRows(ctx context.Context, cfg *config.Config, now time.Time) ([]certRow, error) {
	ids, err := cfg.Identities()
	if err != nil {
		return nil, err
	}
	anchors, err := cfg.Anchors()
	if err != nil {
		return nil, err
	}
	ring, trust := certs.NewKeyring(ids...), certs.NewVerifier(anchors, certs.Unchecked{})
	var rows []certRow
	for _, id := range ids {
		r := newCertRow("own key, previous", id.Cert, "AP", certs.ClassOf(trust.VerifyAP(ctx, id.Cert, now)), now)
		r.Seat = string(id.Seat)
		current, err := ring.Current(id.Seat, now)
		switch {
		case err == nil && current == id:
			r.Use = "own key, current"
		case now.Before(id.Cert.NotBefore):
			r.Use = "own key, next"
			r.fine = err == nil && r.Status == string(certs.NotYetValid) // until then the current one does
		}
		for _, a := range anchors.AP {
			if id.Cert.CheckSignatureFrom(a.CA) == nil { // the names of a renewed CA are those of the old one
				r.Chain = append(r.Chain, certs.Subject(a.CA))
				for _, up := range a.Above {
					r.Chain = append(r.Chain, certs.Subject(up))
				}
				break
			}
		}
		rows = append(rows, r)
	}
	for _, of := range [...]struct {
		role certs.Role
		list []certs.Issuer
	}{{certs.AP, anchors.AP}, {certs.SMP, anchors.SMP}} {
		all := certs.CAs(of.list)
		for _, ca := range all {
			status := certs.Valid
			if now.After(ca.NotAfter) {
				status = certs.Expired
			}
			r := newCertRow(fmt.Sprintf("anchor for %s certificates", of.role), ca, of.role.String()+" CA", status, now)
			r.fine = r.fine || certs.Renewed(ca, all)
			rows = append(rows, r)
		}
	}
	return rows, nil
}

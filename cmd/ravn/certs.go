package main

import (
	"fmt"
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
}

func (c *cli) certs() *cobra.Command {
	return &cobra.Command{
		Use: "certs", Short: "Show our certificates and the trust anchors: chain, role, days left, revocation status", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			rows, err := certRows(cmd, cfg, time.Now())
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.Status != string(certs.Valid) {
					c.exit = fault.Negative
				}
				if err := c.print(r, "%s  %s\n  %s\n  role %s, %d days left (until %s), %s, revocation %s\n  sha256 %s", r.Use, r.Seat, r.Subject, r.Role, r.DaysLeft, r.NotAfter, r.Status, r.Revocation, r.Fingerprint); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func certRows(cmd *cobra.Command, cfg *config.Config, now time.Time) ([]certRow, error) {
	ring, err := cfg.Keyring()
	if err != nil {
		return nil, err
	}
	anchors, err := cfg.Anchors()
	if err != nil {
		return nil, err
	}
	trust := certs.NewVerifier(anchors, certs.Unchecked{})
	var rows []certRow
	for i, id := range ring.Identities() {
		r := certRow{
			Use: "own key, previous", Seat: string(id.Seat), Subject: certs.Subject(id.Cert), Role: "AP", DaysLeft: certs.DaysLeft(id.Cert, now),
			NotBefore: id.Cert.NotBefore.UTC().Format(time.RFC3339), NotAfter: id.Cert.NotAfter.UTC().Format(time.RFC3339), Fingerprint: certs.Fingerprint(id.Cert),
			Status: string(certs.ClassOf(trust.VerifyAP(cmd.Context(), id.Cert, now))), Revocation: "unchecked",
		}
		if cur, err := ring.Current(id.Seat, now); err == nil && cur == ring.Identities()[i] {
			r.Use = "own key, current"
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
	for role, list := range map[certs.Role][]certs.Issuer{certs.AP: anchors.AP, certs.SMP: anchors.SMP} {
		for _, ca := range certs.CAs(list) {
			status := certs.Valid
			if now.After(ca.NotAfter) {
				status = certs.Expired
			}
			rows = append(rows, certRow{
				Use: fmt.Sprintf("anchor for %s certificates", role), Subject: certs.Subject(ca), Role: role.String() + " CA", DaysLeft: certs.DaysLeft(ca, now),
				NotBefore: ca.NotBefore.UTC().Format(time.RFC3339), NotAfter: ca.NotAfter.UTC().Format(time.RFC3339),
				Fingerprint: certs.Fingerprint(ca), Status: string(status), Revocation: "unchecked",
			})
		}
	}
	return rows, nil
}

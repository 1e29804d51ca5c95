package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// found is what lookup shows about an endpoint.
type found struct {
	Participant  string   `json:"participant"`
	Registered   bool     `json:"registered"`
	SMP          string   `json:"smp"`
	DocTypes     []string `json:"document_types,omitempty"`
	URL          string   `json:"endpoint,omitempty"`
	Seat         string   `json:"seat,omitempty"`
	Subject      string   `json:"certificate,omitempty"`
	NotAfter     string   `json:"certificate_not_after,omitempty"`
	Status       string   `json:"certificate_status,omitempty"`
	RegisteredAs string   `json:"registered_as,omitempty"`
}

func (c *cli) lookup() *cobra.Command {
	var docType, process string
	cmd := &cobra.Command{
		Use: "lookup PARTICIPANT", Short: "Ask SML and SMP what a participant can receive, and where",
		Args: cobra.ExactArgs(1),
		Long: "Without --doctype: the document types that the participant's SMP lists.\n" +
			"With --doctype and --process: the endpoint, from verified metadata.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.runLookup(cmd.Context(), args[0], docType, process)
		},
	}
	cmd.Flags().StringVar(&docType, "doctype", "", typeFlag)
	cmd.Flags().StringVar(&process, "process", "", "process identifier")
	return cmd
}

// register is a directory that also lists what a participant can receive.
type register interface {
	ap.Directory
	Lookup(ctx context.Context, r peppol.ParticipantID) (*smp.Group, error)
}

func (c *cli) runLookup(ctx context.Context, participant, docType, process string) error {
	r, err := peppol.ParseParticipant(participant)
	if err != nil {
		return fault.New(fault.BadArguments, err, "")
	}
	d, p, err := typeFlags(docType, process)
	if err != nil {
		return err
	}
	if d.IsZero() != p.IsZero() {
		return badArgs("--doctype and --process belong together")
	}
	cfg, err := config.Load(c.config)
	if err != nil {
		return err
	}
	n, err := node.Open(ctx, cfg, node.Options{Log: zerolog.Nop(), Command: true})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }() // nothing was written
	dir, ok := n.Outbound.Directory.(register)
	if !ok {
		return fault.New(fault.ConfigInvalid, nil, "discovery.zone: local has no SML zone of its own: name one")
	}
	if d.IsZero() {
		return c.lookupGroup(ctx, n, dir, r)
	}
	e, err := dir.Endpoint(ctx, r, d, p)
	if err != nil {
		return c.lookupFailed(ctx, n, r, err)
	}
	f := found{
		Participant: r.Value(), Registered: true, SMP: e.SMP, URL: e.URL, Subject: certs.Subject(e.Cert),
		NotAfter: e.Cert.NotAfter.UTC().Format(time.RFC3339),
		Status:   string(certs.ClassOf(n.Trust.VerifyAP(ctx, e.Cert, time.Now()))), RegisteredAs: e.Registered.String(),
	}
	if seat, err := certs.Seat(e.Cert); err == nil {
		f.Seat = string(seat)
	}
	return c.print(f,
		"%s is registered\n  SMP          %s\n  endpoint     %s\n  access point %s\n  certificate  %s, %s, until %s",
		f.Participant, f.SMP, f.URL, f.Seat, f.Subject, f.Status, f.NotAfter)
}

func (c *cli) lookupGroup(ctx context.Context, n *node.Node, dir register, r peppol.ParticipantID) error {
	g, err := dir.Lookup(ctx, r)
	if err != nil {
		return c.lookupFailed(ctx, n, r, err)
	}
	f := found{Participant: r.Value(), Registered: true, SMP: g.SMP}
	text := ""
	for _, d := range g.DocTypes {
		f.DocTypes = append(f.DocTypes, d.String())
		text += "\n  " + d.String()
	}
	return c.print(f, "%s is registered at %s (this list is not signed)%s", f.Participant, f.SMP, text)
}

// lookupFailed shows a clear no as a result, and everything else as an error.
func (c *cli) lookupFailed(ctx context.Context, n *node.Node, r peppol.ParticipantID, err error) error {
	var se *smp.Error
	code := fault.LookupFailed
	if errors.As(err, &se) {
		switch se.Kind {
		case smp.NotRegistered:
			code = fault.NotRegistered
		case smp.Moving:
			code = fault.ReceiverMoving
		case smp.Invalid:
			code = fault.MetadataInvalid
		}
	}
	f := fault.New(code, err, "%s", r.Value())
	held := []string{}
	if code == fault.ReceiverMoving {
		if held, err = heldFor(ctx, n.Store, r); err != nil {
			return fault.New(fault.RecordUnreadable, err, "")
		}
		f.Detail = fmt.Sprintf("%s, for whom %s held", r.Value(), count(len(held), "message is", "messages are"))
	}
	if !c.json {
		return f
	}
	if err := c.print(map[string]any{
		"participant": r.Value(), "registered": false, "certain": code == fault.NotRegistered,
		"moving": code == fault.ReceiverMoving, "held_messages": held, "code": code, "error": f.Error(),
	}, ""); err != nil {
		return err
	}
	return &shownError{f}
}

// heldFor returns the ids of the messages to the receiver that are held because no SMP knows it.
func heldFor(ctx context.Context, s *store.Store, r peppol.ParticipantID) ([]string, error) {
	jobs, err := s.Jobs(ctx, db.DefaultTenant, store.JobFilter{Kind: store.Send, Moving: true, Limit: 10_000})
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, j := range jobs {
		m, err := s.Get(ctx, db.DefaultTenant, j.MessageID)
		if err != nil {
			return nil, err
		}
		if p, err := peppol.ParseParticipant(m.Receiver); err == nil && p.Equal(r) {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

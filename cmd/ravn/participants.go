package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

func (c *cli) participants() *cobra.Command {
	cmd := &cobra.Command{Use: "participants", Short: "Who is served: participants, document types and processes"}
	cmd.AddCommand(c.participantsAdd(), c.participantsImport(), c.participantsList(), c.participantsRemove())
	return cmd
}

// served has the flags that identify one entry.
type served struct{ participant, docType, process, domain string }

func (s *served) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.participant, "participant", "", "participant, like 0192:991825827")
	cmd.Flags().StringVar(&s.docType, "doctype", "", "document type identifier, scheme::value")
	cmd.Flags().StringVar(&s.process, "process", "", "process identifier")
	cmd.Flags().StringVar(&s.domain, "domain", "eProcurement", "domain: eProcurement, eGov or payment")
}

// parse parses the four values of an entry.
func (s *served) parse() (store.Served, error) {
	e := store.Served{Domain: s.domain}
	if s.participant == "" || s.docType == "" || s.process == "" {
		return e, errors.New("participant, document type and process are needed")
	}
	var err error
	if e.Participant, err = peppol.ParseParticipant(s.participant); err != nil {
		return e, err
	}
	if d, derr := peppol.ParseDocType(s.docType); derr == nil {
		e.DocType = d
	} else if e.DocType, err = peppol.ParseRegisteredDocType(peppol.SchemeWildcard, trimScheme(s.docType)); err != nil {
		return e, derr
	}
	e.Process, err = peppol.ParseProcess(s.process)
	return e, err
}

func trimScheme(s string) string {
	if rest, ok := strings.CutPrefix(s, peppol.SchemeWildcard+"::"); ok {
		return rest
	}
	return ""
}

// withStore opens the record alone, calls do and closes it.
func (c *cli) withStore(ctx context.Context, do func(*store.Store) error) error {
	return c.withRecord(ctx, func(_ *config.Config, s *store.Store) error { return do(s) })
}

// withRecord is withStore with the configuration.
func (c *cli) withRecord(ctx context.Context, do func(*config.Config, *store.Store) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := node.OpenStore(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(cfg, s), s.Close())
}

func (c *cli) participantsAdd() *cobra.Command {
	var s served
	cmd := &cobra.Command{
		Use: "add", Short: "Serve a participant for a document type and process", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := s.parse()
			if err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				if err := st.AddServed(cmd.Context(), db.DefaultTenant, e); err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(row(e), "%s is served for %s", e.Participant.Value(), e.DocType.Value())
			})
		},
	}
	s.flags(cmd)
	return cmd
}

func (c *cli) participantsRemove() *cobra.Command {
	var s served
	cmd := &cobra.Command{
		Use: "remove", Short: "Stop serving a participant for a document type and process", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := s.parse()
			if err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				err := st.RemoveServed(cmd.Context(), db.DefaultTenant, e)
				if errors.Is(err, db.ErrNotFound) {
					return fault.New(fault.BadArguments, nil, "there is no such entry")
				}
				if err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(row(e), "%s is no longer served for %s", e.Participant.Value(), e.DocType.Value())
			})
		},
	}
	s.flags(cmd)
	return cmd
}

// servedRow is an entry as it is shown.
type servedRow struct {
	Participant string `json:"participant"`
	DocType     string `json:"document_type"`
	Process     string `json:"process"`
	Domain      string `json:"domain"`
}

func row(e store.Served) servedRow {
	return servedRow{e.Participant.Value(), e.DocType.String(), e.Process.String(), e.Domain}
}

func (c *cli) participantsList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List who is served", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				list, err := st.ListServed(cmd.Context(), db.DefaultTenant, peppol.ParticipantID{})
				if err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				for _, e := range list {
					r := row(e)
					if err := c.print(r, "%s  %s  %s  %s", r.Participant, r.Domain, r.Process, r.DocType); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// participantsImport imports a CSV file, all of it or nothing.
func (c *cli) participantsImport() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE.csv", Short: "Serve all entries of a CSV file: participant,doctype,process[,domain], with or without that header", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := readServed(args[0])
			if err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				if err := st.AddServed(cmd.Context(), db.DefaultTenant, list...); err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(map[string]int{"imported": len(list)}, "%d entries are served", len(list))
			})
		},
	}
}

func readServed(file string) ([]store.Served, error) {
	text, err := readText(file, nil)
	if err != nil {
		return nil, fault.New(fault.BadArguments, err, "%s", file)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	var out []store.Served
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return nil, fault.New(fault.BadArguments, err, "%s", file)
		}
		if line == 1 && rec[0] == "participant" {
			continue
		}
		if len(rec) < 3 || len(rec) > 4 {
			return nil, fault.New(fault.BadArguments, nil, "%s line %d: want participant,doctype,process[,domain]", file, line)
		}
		s := served{rec[0], rec[1], rec[2], "eProcurement"}
		if len(rec) == 4 {
			s.domain = rec[3]
		}
		e, err := s.parse()
		if err != nil {
			return nil, fault.New(fault.BadArguments, err, "%s line %d", file, line)
		}
		out = append(out, e)
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
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
	cmd.Flags().StringVar(&s.docType, "doctype", "", typeFlag)
	cmd.Flags().StringVar(&s.process, "process", "", "process identifier (default: that of the short name)")
	cmd.Flags().StringVar(&s.domain, "domain", domains[0], "domain: "+strings.Join(domains, ", "))
}

// domains are the domains of the Peppol network.
var domains = []string{"eProcurement", "eGov", "payment"}

// parse parses the values of an entry.
func (s *served) parse() (store.Served, error) {
	e := store.Served{Domain: s.domain}
	var err error
	if s.participant != "" {
		if e.Participant, err = peppol.ParseParticipant(s.participant); err != nil {
			return e, err
		}
	}
	if e.DocType, err = registeredType(s.docType); err != nil {
		return e, err
	}
	if t, ok := peppol.TypeNamed(s.docType); ok {
		e.Process = t.Process
	}
	if s.process != "" {
		if e.Process, err = peppol.ParseProcess(s.process); err != nil {
			return e, err
		}
	}
	var missing []string
	for _, x := range []struct {
		what string
		gone bool
	}{{"participant", e.Participant.IsZero()}, {"document type", e.DocType.IsZero()}, {"process", e.Process.IsZero()}} {
		if x.gone {
			missing = append(missing, x.what)
		}
	}
	if len(missing) > 0 {
		return e, fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return e, nil
}

// check refuses what may not be registered: an organisation number that cannot exist, a scheme or domain that Peppol
// does not have (DISC-005, DISC-007). What is served already can be removed all the same.
func check(e store.Served, anyScheme bool) error {
	if !slices.Contains(domains, e.Domain) {
		return fmt.Errorf("there is no domain %q: want %s", e.Domain, strings.Join(domains, ", "))
	}
	if err := e.Participant.CheckScheme(); err != nil && !anyScheme {
		return err
	}
	return e.Participant.CheckNorwegian()
}

// registeredType reads a document type, a short name, or a wildcard type with its "*". "" is no type.
func registeredType(text string) (d peppol.DocTypeID, err error) {
	if t, ok := peppol.TypeNamed(text); ok || text == "" {
		return t.DocType, nil
	}
	if d, err = peppol.ParseDocType(text); err == nil {
		return d, nil
	}
	if value, ok := strings.CutPrefix(text, peppol.SchemeWildcard+"::"); ok {
		return peppol.ParseRegisteredDocType(peppol.SchemeWildcard, value)
	}
	return d, typeError(text, err)
}

// anySchemeFlag is for code lists that are newer than the program.
func anySchemeFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "any-scheme", false, "also a participant scheme that this program does not know yet")
}

// schemeHint names the way around a list that is older than a scheme.
func schemeHint(err error) error {
	if errors.Is(err, peppol.ErrScheme) {
		return fmt.Errorf("%w; if it is newer than this program: --any-scheme", err)
	}
	return err
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
	var anyScheme bool
	cmd := &cobra.Command{
		Use:   "add --participant ID --doctype TYPE [--process ID]",
		Short: "Serve a participant for a document type and process", Args: cobra.NoArgs,
		Long: "Documents of this type and process for the participant are accepted from now on.\n" +
			"Organisation numbers are checked by their check digit, schemes by the code list.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := s.parse()
			if err == nil {
				err = schemeHint(check(e, anyScheme))
			}
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
	anySchemeFlag(cmd, &anyScheme)
	return cmd
}

func (c *cli) participantsRemove() *cobra.Command {
	var s served
	var all bool
	cmd := &cobra.Command{
		Use:   "remove --participant ID (--doctype TYPE [--process ID] | --all)",
		Short: "Stop serving a participant, for one document type and process or for all", Args: cobra.NoArgs,
		Long: "Documents that were received already are not touched.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return c.removeAll(cmd.Context(), &s)
			}
			e, err := s.parse()
			if err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				err := st.RemoveServed(cmd.Context(), db.DefaultTenant, e)
				if errors.Is(err, db.ErrNotFound) {
					return badArgs("%s is not served for %s in %s", e.Participant.Value(), e.DocType.Value(),
						e.Process.Value())
				}
				if err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(row(e), "%s is no longer served for %s", e.Participant.Value(), e.DocType.Value())
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all document types and processes of the participant")
	return cmd
}

// removeAll removes all entries of a participant.
func (c *cli) removeAll(ctx context.Context, s *served) error {
	if s.participant == "" || s.docType != "" || s.process != "" {
		return badArgs("--all goes with --participant alone")
	}
	p, err := peppol.ParseParticipant(s.participant)
	if err != nil {
		return fault.New(fault.BadArguments, err, "--participant")
	}
	return c.withStore(ctx, func(st *store.Store) error {
		n, err := st.RemoveParticipant(ctx, db.DefaultTenant, p)
		if err != nil {
			return fault.New(fault.RecordUnreadable, err, "")
		}
		if n == 0 {
			return badArgs("%s is not served", p.Value())
		}
		return c.print(map[string]any{"participant": p.Value(), "removed": n},
			"%s is no longer served: %s removed", p.Value(), count(n, "entry", "entries"))
	})
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
	var anyScheme bool
	cmd := &cobra.Command{
		Use: "import FILE|-", Short: "Serve all entries of a CSV file, all or none", Args: cobra.ExactArgs(1),
		Long: "Columns: participant,doctype,process[,domain], with or without that header, in UTF-8.\n" +
			"doctype may be a short name (ravn types), then process may be empty.",
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := readServed(args[0], cmd.InOrStdin(), anyScheme)
			if err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(st *store.Store) error {
				if err := st.AddServed(cmd.Context(), db.DefaultTenant, list...); err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(map[string]int{"imported": len(list)}, "%s",
					count(len(list), "entry is served", "entries are served"))
			})
		},
	}
	anySchemeFlag(cmd, &anyScheme)
	return cmd
}

// readServed reads a CSV file of entries.
func readServed(file string, in io.Reader, anyScheme bool) ([]store.Served, error) {
	text, err := readText(file, in)
	if err != nil {
		return nil, fault.New(fault.BadArguments, err, "%s", file)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	var out []store.Served
	for first := true; ; first = false {
		rec, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.BadArguments, err, "%s", file)
		}
		if line, _ := r.FieldPos(0); !first || !strings.EqualFold(rec[0], "participant") {
			e, err := servedLine(rec, anyScheme)
			if err != nil {
				return nil, fault.New(fault.BadArguments, err, "%s line %d", file, line)
			}
			out = append(out, e)
		}
	}
}

// servedLine reads one line of the file.
func servedLine(rec []string, anyScheme bool) (store.Served, error) {
	if len(rec) < 2 || len(rec) > 4 {
		return store.Served{}, fmt.Errorf("%s, want participant,doctype,process[,domain]",
			count(len(rec), "column", "columns"))
	}
	rec = append(rec, "", "")
	for i := range rec {
		rec[i] = strings.TrimSpace(rec[i])
	}
	s := served{rec[0], rec[1], rec[2], cmp.Or(rec[3], domains[0])}
	e, err := s.parse()
	if err == nil {
		err = schemeHint(check(e, anyScheme))
	}
	return e, err
}

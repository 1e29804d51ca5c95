package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
)

const documentExits = "Exit codes: 0 ok; 1 not found; 2 wrong use, configuration, or a state that does not allow it; " +
	"3 could not tell now."

func (c *cli) documents() *cobra.Command {
	cmd := &cobra.Command{
		Use: "documents", Short: "Look documents up on the record, in both directions, and decide about them",
		Long: "Look documents up on the record, in both directions, and decide about them. It works beside a running " +
			"server and\n" +
			"without one; looking makes nothing and changes nothing.\n\n" + documentExits,
	}
	cmd.AddCommand(c.documentsList(), c.documentsShow(), c.documentsFind(), c.documentsEvidence())
	for _, d := range decisions {
		cmd.AddCommand(c.decide(d))
	}
	return cmd
}

// withDesk opens what is on record, does something and closes it.
func (c *cli) withDesk(ctx context.Context, do func(*documents.Desk) error) error {
	return c.withDeskOf(ctx, func(_ *config.Config, d *documents.Desk) error { return do(d) })
}

// withDeskOf is withDesk with the configuration.
func (c *cli) withDeskOf(ctx context.Context, do func(*config.Config, *documents.Desk) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	desk, end, err := node.OpenDesk(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(cfg, desk), end())
}

// listFlags are the flags of documents list that are not a text of the query.
type listFlags struct {
	q        documents.Query
	hash     string
	from, to string
}

func (c *cli) documentsList() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List documents, newest first", Args: cobra.NoArgs,
		Long: "Lists documents, newest first; all filters must hold. A page looks at 20000 documents at most, so " +
			"that it is never slow:\n" +
			"it may be short or empty, and says then with which --before the list goes on. With --json: one document " +
			"a line, and a\n" +
			"last line {\"next\":…} when there is more.\n\n" + documents.Help() + "\n\n" + documentExits +
			" An empty list is ok.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(cmd); err != nil {
				return err
			}
			return c.withDesk(cmd.Context(), func(d *documents.Desk) error {
				page, err := d.List(cmd.Context(), f.q)
				if err != nil {
					return err
				}
				return c.printPage(page)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.q.Statuses, "status", "",
		"statuses, separated by commas: "+strings.Join(documents.StatusWords(), ", "))
	fl.StringVar(&f.q.States, "state", "", "states, separated by commas, like DEAD,QUARANTINED")
	fl.StringVar(&f.q.Direction, "direction", "", "in or out")
	fl.StringVar(&f.q.Participant, "participant", "", "sender or receiver, like 0192:991825827")
	fl.StringVar(&f.q.Sender, "sender", "", "sender (C1)")
	fl.StringVar(&f.q.Receiver, "receiver", "", "receiver (C4)")
	fl.StringVar(&f.q.DocumentType, "document-type", "", "document type identifier, whole or without its version")
	fl.StringVar(&f.q.C2, "c2", "", "seat of the sending access point, like PNO000123")
	fl.StringVar(&f.q.C3, "c3", "", "seat of the receiving access point")
	fl.StringVar(&f.q.MessageID, "message-id", "", "eb:MessageId")
	fl.StringVar(&f.q.InstanceID, "instance-id", "", "InstanceIdentifier of the envelope")
	fl.StringVar(&f.q.Number, "document-number", "", "number that the document bears, such as that of an invoice")
	fl.StringVar(&f.hash, "hash", "", "SHA-256 in hex, or a file: the document as it was handed in, or the envelope")
	fl.StringVar(&f.from, "from", "",
		"recorded at this time or later: 2026-11-21, or 2026-11-21T12:00:00Z; a day is one of UTC")
	fl.StringVar(&f.to, "to", "", "recorded before this time; a day is included to its end")
	fl.StringVar(&f.q.Before, "before", "", "go on behind the document with this id")
	fl.IntVar(&f.q.Limit, "limit", 100, "how many documents at most, up to 1000")
	return cmd
}

// read completes the query. A filter that is given and says nothing is a mistake, such as a variable that is not set.
func (f *listFlags) read(cmd *cobra.Command) error {
	for _, name := range []string{
		"status", "state", "direction", "participant", "sender", "receiver", "document-type", "c2", "c3", "message-id",
		"instance-id", "document-number", "hash", "from", "to", "before",
	} {
		if fl := cmd.Flags().Lookup(name); fl.Changed && strings.TrimSpace(fl.Value.String()) == "" {
			return badArgs("--%s is empty", name)
		}
	}
	if f.q.Limit < 1 {
		return badArgs("--limit: want 1 to 1000")
	}
	var err error
	if f.q.From, err = moment("from", f.from, false); err != nil {
		return err
	}
	if f.q.To, err = moment("to", f.to, true); err != nil {
		return err
	}
	f.q.Hash, err = hashOf(f.hash)
	return err
}

// moment reads a time or a day; end is for one that ends a span, which includes its day.
func moment(flag, text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, badArgs("--%s %q: want a day like 2026-11-21, or a time like 2026-11-21T12:00:00Z", flag, text)
	}
	if end {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// hashOf returns the SHA-256 that a text is, or that of the file that it names.
func hashOf(text string) (string, error) {
	if sum, err := hex.DecodeString(text); text == "" || err == nil && len(sum) == sha256.Size {
		return text, nil
	}
	f, err := os.Open(text)
	if errors.Is(err, os.ErrNotExist) {
		return "", badArgs("--hash %q: want the 64 hexadecimal digits of a SHA-256, or a file", text)
	}
	if err != nil {
		return "", fault.New(fault.BadArguments, err, "--hash")
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fault.New(fault.BadArguments, err, "--hash")
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (c *cli) printPage(page documents.Page) error {
	for i := range page.Items {
		if err := c.print(&page.Items[i], "%s", page.Items[i].Line()); err != nil {
			return err
		}
	}
	if page.Next == "" {
		return nil
	}
	return c.print(map[string]string{"next": page.Next}, "There may be more: --before %s", page.Next)
}

func (c *cli) documentsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show all about a document: what happened, whose fault it is, what to do next",
		Args: cobra.ExactArgs(1),
		Long: "Shows all about the document with this id, MessageId or InstanceIdentifier: state, problem and next " +
			"step, attempts, what\n" +
			"the other access point answered, verdict of the rules, certificates, timeline. Several with the same id " +
			"are named.\n\n" + documentExits,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDesk(cmd.Context(), func(d *documents.Desk) error {
				doc, err := d.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return c.print(doc, "%s", doc.Text(d.Now()))
			})
		},
	}
}

func (c *cli) documentsFind() *cobra.Command {
	return &cobra.Command{
		Use: "find VALUE", Short: "Find documents by one exact value, whatever it is", Args: cobra.ExactArgs(1),
		Long: "Finds documents by an id, MessageId, InstanceIdentifier, document number, SHA-256 or participant, " +
			"tried in this order;\n" +
			"the first that is one of them counts. With --json: one document a line, and before them " +
			"{\"found_by\":…}.\n\n" + documentExits,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDesk(cmd.Context(), func(d *documents.Desk) error {
				by, page, err := d.Find(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := c.print(map[string]documents.By{"found_by": by}, "found by its %s:",
					strings.ReplaceAll(string(by), "_", " ")); err != nil {
					return err
				}
				return c.printPage(page)
			})
		},
	}
}

func (c *cli) documentsEvidence() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "evidence ID --out DIR|FILE.zip", Short: "Write what is kept of a document into a new folder or zip file",
		Args: cobra.ExactArgs(1),
		Long: "Writes request, answers, receipt, envelope, document, certificates, verdict, timeline and a manifest " +
			"with the SHA-256 of\n" +
			"each into a new folder, or into a zip file when the name ends so. It holds the document itself: it is " +
			"audited with your\n" +
			"name, and nothing is overwritten. What is lost or damaged is named in the manifest (exit code 1). ravn " +
			"open explains\n" +
			"request.http and answer.http of a folder.\n\n" + documentExits,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return badArgs("--out is needed: a new folder, or a file that ends in .zip")
			}
			return c.withDesk(cmd.Context(), func(d *documents.Desk) error {
				m, err := d.Evidence(cmd.Context(), args[0], out, actor())
				if err != nil {
					return err
				}
				for _, x := range m.Missing {
					c.exit = fault.Negative
					fmt.Fprintf(c.err, "missing: %s: %s\n", x.Name, x.Reason)
				}
				return c.print(m, "%d files are in %s", len(m.Files), out)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new folder, or new file that ends in .zip")
	return cmd
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// withAccounts opens the record and calls do with its accounts.
func (c *cli) withAccounts(ctx context.Context, do func(*accounts.Accounts) error) error {
	return c.withRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		a, err := c.accounts(cfg, s)
		if err != nil {
			return err
		}
		return reportFault(do(a))
	})
}

// accounts returns the accounts of a record.
func (c *cli) accounts(cfg *config.Config, s *store.Store) (*accounts.Accounts, error) {
	packs, err := c.packs("")
	if err != nil {
		return nil, err
	}
	return node.Accounts(cfg, s, packs, programVersion())
}

// reportFault gives errors of package accounts their error code.
func reportFault(err error) error {
	var work *accounts.WorklistError
	var rule *reporting.RuleError
	var customer *accounts.CustomerError
	var coded *fault.Error
	var query *accounts.QueryError
	switch {
	case errors.As(err, &coded):
		return err
	case errors.As(err, &query):
		return badArgs("--%s: %s", query.Key, query.Why)
	case errors.As(err, &work):
		return fault.New(fault.MonthRefused, err, "give each a customer: ravn customers worklist")
	case errors.As(err, &rule):
		return fault.New(fault.ReportInvalid, err, "")
	case errors.As(err, &customer):
		return fault.New(fault.CustomersInvalid, err, "")
	case errors.Is(err, accounts.ErrDrift):
		return fault.New(fault.ReportDrift, err, "")
	case errors.Is(err, accounts.ErrOpen), errors.Is(err, accounts.ErrWindow), errors.Is(err, ledger.ErrMonthNotOver),
		errors.Is(err, ledger.ErrMonthClosed), errors.Is(err, ledger.ErrEarlierOpen):
		return fault.New(fault.MonthRefused, err, "")
	case errors.Is(err, db.ErrNotFound):
		return fault.New(fault.BadArguments, err, "")
	}
	return err
}

// actor is the name under which a command writes into the record.
func actor() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// monthFlag adds --month to a command and returns the function that reads it.
func monthFlag(cmd *cobra.Command) func() (peppol.Month, error) {
	text := cmd.Flags().String("month", "", "month in UTC, YYYY-MM")
	return func() (peppol.Month, error) {
		if *text == "" {
			return 0, badArgs("--month is needed")
		}
		m, err := peppol.ParseMonth(*text)
		if err != nil {
			err = fault.New(fault.BadArguments, err, "--month")
		}
		return m, err
	}
}

// monthly makes a command that does something with a month.
func (c *cli) monthly(cmd *cobra.Command, do func(context.Context, *accounts.Accounts,
	peppol.Month) error,
) *cobra.Command {
	month := monthFlag(cmd)
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m, err := month()
		if err != nil {
			return err
		}
		return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error { return do(cmd.Context(), a, m) })
	}
	return cmd
}

func (c *cli) reportPreview() *cobra.Command {
	var out string
	cmd := c.monthly(&cobra.Command{
		Use: "preview --month YYYY-MM", Short: "Show the numbers of a month so far, on any day",
		Long: "Makes both reports from what has been counted so far. A country that is not known yet is ZZ.",
	}, func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
		pairs, err := a.Preview(ctx, m)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if err := c.printPreview(m, &p, out); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().StringVar(&out, "out", "", "folder for the reports, one folder in it for each seat")
	return cmd
}

// previewed is what report preview shows for a seat.
type previewed struct {
	Month     peppol.Month       `json:"month"`
	Seat      string             `json:"seat"`
	Incoming  uint64             `json:"incoming"`
	Outgoing  uint64             `json:"outgoing"`
	Sending   uint64             `json:"sending_end_users"`
	Receiving uint64             `json:"receiving_end_users"`
	Either    uint64             `json:"sending_or_receiving_end_users"`
	Missing   []accounts.Missing `json:"missing_countries"`
	Files     []reporting.File   `json:"files,omitempty"`
}

func (c *cli) printPreview(m peppol.Month, p *accounts.Pair, out string) error {
	total, users := p.Report.TSR.Total, p.Report.EUSR.FullSet
	v := previewed{
		Month: m, Seat: string(p.Seat), Incoming: total.Incoming, Outgoing: total.Outgoing,
		Sending: users.Sending, Receiving: users.Receiving, Either: users.Either, Missing: p.Missing,
	}
	if v.Missing == nil {
		v.Missing = []accounts.Missing{}
	}
	if out != "" {
		var err error
		if v.Files, err = p.Report.Save(filepath.Join(out, v.Seat)); err != nil {
			return fault.New(fault.FolderUnusable, err, "%s", out)
		}
	}
	text := fmt.Sprintf("%s %s: %d incoming, %d outgoing; end users: %d send, %d receive, %d do either", m, v.Seat,
		v.Incoming, v.Outgoing, v.Sending, v.Receiving, v.Either)
	for _, x := range p.Missing {
		c.exit = fault.Negative
		text += fmt.Sprintf("\n  no country: %s, %s", x.Participant, count(x.Exchanges, "exchange", "exchanges"))
	}
	return c.print(v, "%s", text)
}

func (c *cli) reportClose() *cobra.Command {
	var yes bool
	var in io.Reader
	cmd := c.monthly(&cobra.Command{
		Use: "close --month YYYY-MM", Short: "Close a month for good; later exchanges count in the next",
		Long: "Possible from ten minutes after the end of the month in UTC, once the months before it are closed and " +
			"every end user has a country.\n" +
			"Says what the month comes to and asks; with --json it does not ask, and needs --yes.\n\n" +
			"Exit codes: 0 the month is closed; 1 the answer was no; 2 it cannot be closed, or wrong usage.",
	}, func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
		pairs, err := a.Closing(ctx, m)
		if err != nil {
			return err
		}
		if !yes {
			agreed, err := c.askClose(in, m, pairs)
			if err != nil || !agreed {
				return err
			}
		}
		if err := a.Close(ctx, m, actor()); err != nil {
			return err
		}
		return c.print(map[string]any{"month": m, "closed": true},
			"%s is closed; make its reports: ravn report build --month %s", m, m)
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { in = cmd.InOrStdin() }
	return cmd
}

// askClose says what closing does, and asks whether to do it.
func (c *cli) askClose(in io.Reader, m peppol.Month, pairs []accounts.Pair) (bool, error) {
	if c.json {
		return false, badArgs("nothing was closed: add --yes")
	}
	for _, p := range pairs {
		total := p.Report.TSR.Total
		c.hint("%s %s: %d incoming, %d outgoing", m, p.Seat, total.Incoming, total.Outgoing)
	}
	fmt.Fprintf(c.out,
		"Closing %s is for good: an exchange that is recorded later counts in the next open month. Close it? [y/N] ", m)
	answer, err := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	case "":
		if err != nil { // nobody is there
			return false, badArgs("nothing was closed: add --yes")
		}
	}
	c.exit = fault.Negative
	return false, c.print(nil, "Nothing was closed.")
}

// buildRecord makes the reports of a closed month from the record.
func (c *cli) buildRecord(ctx context.Context, f *buildFlags) error {
	if f.seat != "" || f.rules != "" {
		return badArgs("--seat and --rules belong to --items; the record is built for each of its seats")
	}
	if f.month == "" {
		return badArgs("--month is needed")
	}
	m, err := peppol.ParseMonth(f.month)
	if err != nil {
		return fault.New(fault.BadArguments, err, "--month")
	}
	return c.withAccounts(ctx, func(a *accounts.Accounts) error {
		if !m.Ended(a.Now()) {
			return badArgs("--month %s is not over; see ravn report preview", m)
		}
		list, err := a.Build(ctx, m, actor())
		if err != nil {
			return err
		}
		for i := range list {
			if err := c.printBuilt(&list[i], f.out); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *cli) printBuilt(b *accounts.Built, out string) error {
	if out != "" {
		if _, err := reporting.Save(filepath.Join(out, string(b.Seat)), b.Documents()...); err != nil {
			return fault.New(fault.FolderUnusable, err, "%s", out)
		}
	}
	note := ""
	if b.Replaced > 0 {
		note = fmt.Sprintf(", replaced by revision %d", b.Replaced)
	}
	return c.print(b, "%s %s revision %d of %s by %s%s\n  tsr.xml  SHA-256 %s\n  eusr.xml SHA-256 %s\n  checked by %s",
		b.Month, b.Seat, b.Revision,
		b.At.Format(time.RFC3339), b.Actor, note, b.TSR, b.EUSR, strings.Join(b.Protocol.Rules, "; "))
}

func (c *cli) reportArchive() *cobra.Command {
	var out string
	cmd := c.monthly(&cobra.Command{
		Use:   "archive --month YYYY-MM",
		Short: "List the reports that were built for a month, and write the files of the newest",
	},
		func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
			list, err := a.Archive(ctx, m)
			if err != nil {
				return err
			}
			for i := range list {
				to := out
				if list[i].Replaced > 0 {
					to = ""
				}
				if err := c.printBuilt(&list[i], to); err != nil {
					return err
				}
			}
			return nil
		})
	cmd.Flags().StringVar(&out, "out", "", "folder for the newest reports, one folder in it for each seat")
	return cmd
}

func (c *cli) reportVerify() *cobra.Command {
	return c.monthly(&cobra.Command{
		Use: "verify --month YYYY-MM", Short: "Compute a month again from its rows, and compare",
		Long: "Recomputes the counts from the rows, and each archived report with the customers as they were then.",
	}, func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
		v, err := a.Verify(ctx, m)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s: %s, %s, all agree", m, count(v.Rows, "row", "rows"),
			count(v.Builds, "archived build", "archived builds"))
		if len(v.Wrong) > 0 {
			c.exit = fault.Negative
			text = fmt.Sprintf("%s: %s, %s agree\n  %s", m, count(v.Rows, "row", "rows"),
				count(v.Builds, "archived build", "archived builds"), strings.Join(v.Wrong, "\n  "))
		}
		return c.print(v, "%s", text)
	})
}

func (c *cli) reportDiff() *cobra.Command {
	var seat string
	var first, second int64
	cmd := c.monthly(&cobra.Command{
		Use:   "diff --month YYYY-MM --a N --b N",
		Short: "Compare two revisions of a month's reports, number by number",
	},
		func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
			if first < 1 || second < 1 {
				return badArgs("--a and --b are needed: revisions, see ravn report archive")
			}
			list, err := a.Diff(ctx, m, seat, first, second)
			if err != nil {
				return err
			}
			for _, d := range list {
				c.exit = fault.Negative
				if err := c.print(d, "%s %s\n  %2d: %s\n  %2d: %s", d.Report, d.Number, first, orNothing(d.A), second,
					orNothing(d.B)); err != nil {
					return err
				}
			}
			return nil
		})
	cmd.Flags().StringVar(&seat, "seat", "", "seat, if there are several")
	cmd.Flags().Int64Var(&first, "a", 0, "revision")
	cmd.Flags().Int64Var(&second, "b", 0, "revision")
	return cmd
}

func orNothing(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

func (c *cli) reportRows() *cobra.Command {
	var q accounts.Query
	cmd := c.monthly(&cobra.Command{
		Use: "rows --month YYYY-MM", Short: "List the messages behind a number of a report",
		Long: "Lists the exchanges with the given keys, like those of a subtotal in a report. Without keys: all of " +
			"the month. A key that\n" +
			"nothing in the record can have is an error, not an empty list.\n" +
			"It shows participants, which are personal data if they stand for a person.",
	}, func(ctx context.Context, a *accounts.Accounts, m peppol.Month) error {
		if t, ok := peppol.TypeNamed(q.DocType); ok {
			q.DocType = t.DocType.Value()
		}
		n := 0
		err := a.Rows(ctx, m, q, func(x *accounts.Exchange) error {
			n++
			return c.print(x, "%s %s %s %s → %s %s %s", x.At.Format(time.RFC3339), x.Direction, x.C2, x.Sender,
				x.Receiver, x.C3, x.MessageID)
		})
		if err != nil || c.json {
			return err
		}
		return c.print(nil, "%s", count(n, "exchange", "exchanges"))
	})
	fl := cmd.Flags()
	fl.StringVar(&q.Direction, "direction", "", "incoming or outgoing")
	fl.StringVar(&q.Seat, "seat", "", "our seat")
	fl.StringVar(&q.Provider, "sp", "", "seat of the other service provider (SP)")
	fl.StringVar(&q.DocType, "doctype", "", "document type, value (DT), or a short name (ravn types)")
	fl.StringVar(&q.Process, "process", "", "process, value (PR)")
	fl.StringVar(&q.C1Country, "sender-country", "", "country of C1 as reported (SenderCountry)")
	fl.StringVar(&q.C4Country, "receiver-country", "", "country of C4 as reported (ReceiverCountry)")
	fl.StringVar(&q.UserCountry, "end-user-country", "", "country of our end user (EndUserCountry)")
	fl.StringVar(&q.EndUser, "end-user", "", "participant, or id of a customer")
	return cmd
}

func (c *cli) reportStatus() *cobra.Command {
	var done string
	cmd := &cobra.Command{
		Use: "status", Short: "Show what must be delivered by when",
		Long: "DFØ by day 10 (payments: day 5), OpenPeppol by day 15 of the next month, in UTC; for each month since " +
			"the record began.",
		Args: cobra.NoArgs,
	}
	month := monthFlag(cmd)
	cmd.Flags().StringVar(&done, "done", "", "record that the report was delivered to DFØ: dfo, with --month")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.withAccounts(cmd.Context(), func(a *accounts.Accounts) error {
			if done != "" {
				m, err := month()
				if err != nil {
					return err
				}
				if done != ledger.MarkDFO {
					return badArgs("--done takes dfo; reports to OpenPeppol are noted when they are sent")
				}
				if err := a.Done(cmd.Context(), m, "", ledger.MarkDFO, 0, actor(), "by hand"); err != nil {
					return err
				}
			}
			list, err := a.Status(cmd.Context())
			if err != nil {
				return err
			}
			if len(list) == 0 {
				c.hint("Nothing is due: no month has ended since the record began.")
			}
			for _, d := range list {
				if d.Pressing() {
					c.exit = fault.Negative
				}
				if err := c.print(d, "%s %-11s %-9s %-7s due %s", d.Month, d.What, d.Seat, d.State,
					d.Due.Format(time.RFC3339)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func (c *cli) reportSend() *cobra.Command {
	var again bool
	cmd := &cobra.Command{
		Use: "send --month YYYY-MM", Short: "Send the newest reports of a month to OpenPeppol, in one attempt each",
		Args: cobra.NoArgs,
		Long: "Each report is a message of its own: if one fails, the other is sent all the same. A report that was " +
			"sent is not sent\n" +
			"again unless there is a newer revision, or with --again.",
	}
	month := monthFlag(cmd)
	cmd.Flags().BoolVar(&again, "again", false, "also send what was sent before")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m, err := month()
		if err != nil {
			return err
		}
		cfg, err := config.Load(c.config)
		if err != nil {
			return err
		}
		n, err := node.Open(cmd.Context(), cfg, node.Options{Log: zerolog.Nop(), Command: true})
		if err != nil {
			return err
		}
		a, err := c.accounts(cfg, n.Store)
		if err == nil {
			err = c.sendReports(cmd.Context(), n, a, m, again)
		}
		return errors.Join(err, n.Close())
	}
	return cmd
}

// sendReports sends what is unsent.
func (c *cli) sendReports(ctx context.Context, n *node.Node, a *accounts.Accounts, m peppol.Month, again bool) error {
	list, err := a.Unsent(ctx, m, again)
	if err != nil {
		return reportFault(err)
	}
	if len(list) == 0 {
		return c.print(map[string]any{"month": m, "sent": 0}, "%s: everything is sent", m)
	}
	var first error
	for _, u := range list {
		sub, err := n.ReportSubmission(&u)
		if err == nil {
			err = c.sendReport(ctx, n, a, m, u, sub)
		}
		if err != nil && first == nil {
			first = err
		} else if err != nil {
			c.warn(err)
		}
	}
	return first
}

func (c *cli) sendReport(ctx context.Context, n *node.Node, a *accounts.Accounts, m peppol.Month, u accounts.Unsent,
	sub ap.Submission,
) error {
	if err := c.print(map[string]any{"month": m, "seat": u.Seat, "report": u.What, "revision": u.Revision},
		"%s %s %s revision %d", m, u.Seat, u.What, u.Revision); err != nil {
		return err
	}
	msg, err := c.submit(ctx, n, sub, as4.Peer{})
	if err != nil {
		return err
	}
	return a.Done(ctx, m, u.Seat, u.What, u.Revision, actor(), msg.MessageID)
}

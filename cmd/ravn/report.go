package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/validation"
)

func (c *cli) report() *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Monthly reports to OpenPeppol: transaction and end user statistics " +
		"(TSR, EUSR)"}
	cmd.AddCommand(c.reportPreview(), c.reportClose(), c.reportBuild(), c.reportArchive(), c.reportVerify(),
		c.reportDiff(), c.reportRows(), c.reportExport(), c.reportSend(), c.reportStatus())
	return cmd
}

// buildFlags are the flags of report build.
type buildFlags struct{ items, month, seat, out, rules string }

func (c *cli) reportBuild() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build --month YYYY-MM [--items FILE --seat SEAT] [--out FOLDER]",
		Short: "Make both reports of a month, from the record or from a CSV file",
		Long: "Without --items: makes the reports of a closed month from the record, for each of our seats, and " +
			"archives them as a new\n" +
			"revision; --out writes them as well, one folder for each seat.\n\n" +
			"With --items: reads production exchanges that have a receipt, one per row (see docs/reporting.md), and " +
			"writes tsr.xml and eusr.xml.\n" +
			"Both are checked by the built-in official rules and by the installed rule packs. Nothing is written if " +
			"a row is bad or a\n" +
			"rule is broken. Temporary files are in the folder TMPDIR.\n\n" +
			"Exit codes: 0 the reports are written; 1 a row is bad, or a rule is broken; 2 wrong usage, or the month " +
			"is not over.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.items == "" {
				return c.buildRecord(cmd.Context(), &f)
			}
			return c.runReportBuild(cmd.Context(), &f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.items, "items", "", "CSV file with the exchanges")
	fl.StringVar(&f.month, "month", "", "month in UTC, YYYY-MM; it must be over")
	fl.StringVar(&f.seat, "seat", "", "with --items: seat id of the reporter, like PNO000001")
	fl.StringVar(&f.out, "out", "", "folder for the reports; created if necessary")
	fl.StringVar(&f.rules, "rules", "", "with --items: folder of rule packs (default: that of the configuration)")
	return cmd
}

// header reads the flags that say what the reports are about.
func (f *buildFlags) header() (h reporting.Header, err error) {
	for _, x := range [...]struct{ name, value string }{{"month", f.month}, {"seat", f.seat}, {"out", f.out}} {
		if x.value == "" {
			return h, badArgs("--%s is needed", x.name)
		}
	}
	if h.Month, err = peppol.ParseMonth(f.month); err != nil {
		return h, fault.New(fault.BadArguments, err, "--month")
	}
	if _, to := h.Month.Bounds(); !h.Month.Ended(time.Now()) {
		return h,
			badArgs(
				"--month %s is not over; its reports can be made from %s on, until then there is ravn report preview",
				h.Month, to.Format(time.RFC3339))
	}
	if h.Seat, err = peppol.ParseSeat(f.seat); err != nil {
		return h, fault.New(fault.BadArguments, err, "--seat")
	}
	return h, nil
}

// built is what report build shows.
type built struct {
	Month peppol.Month  `json:"month"`
	Seat  peppol.SeatID `json:"seat"`
	*reporting.Summary
	Incoming  uint64           `json:"incoming"`
	Outgoing  uint64           `json:"outgoing"`
	Sending   uint64           `json:"sending_end_users"`
	Receiving uint64           `json:"receiving_end_users"`
	Either    uint64           `json:"sending_or_receiving_end_users"`
	Checks    []string         `json:"checks"`
	Files     []reporting.File `json:"files"`
}

func (c *cli) runReportBuild(ctx context.Context, f *buildFlags) error {
	h, err := f.header()
	if err != nil {
		return err
	}
	packs, err := c.packs(f.rules)
	if err != nil {
		return err
	}
	items, err := os.Open(f.items)
	if err != nil {
		return fault.New(fault.BadArguments, err, "--items")
	}
	defer func() { _ = items.Close() }() // it was only read
	rep, sum, err := reporting.CSV{Header: h}.Build(ctx, items)
	if err != nil {
		return c.itemsRefused(f.items, err)
	}
	checks, err := accounts.CheckInstalled(ctx, validation.New(packs), rep, time.Now())
	if err != nil {
		return err
	}
	files, err := rep.Save(f.out)
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", f.out)
	}
	total, users := rep.TSR.Total, rep.EUSR.FullSet
	b := built{
		h.Month, h.Seat, sum, total.Incoming, total.Outgoing, users.Sending, users.Receiving, users.Either,
		checks, files,
	}
	return c.print(b, "%s", b.summary())
}

func (b *built) summary() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s\n%s: %d counted, %s, %s (never counted)", b.Month, b.Seat, count(b.Rows, "row", "rows"),
		b.Counted,
		count(b.Duplicates, "duplicate", "duplicates"), count(b.Summary.Reports, "report", "reports"))
	if len(b.Other) > 0 {
		s.WriteString("\nnot used, of other months:")
		for _, m := range b.Other {
			fmt.Fprintf(&s, " %d of %s", m.Rows, m.Month)
		}
	}
	fmt.Fprintf(&s, "\nexchanges: %d incoming, %d outgoing\nend users: %d send, %d receive, %d do either", b.Incoming,
		b.Outgoing, b.Sending, b.Receiving, b.Either)
	s.WriteString("\nchecked by: " + strings.Join(b.Checks, "; "))
	for _, f := range b.Files {
		fmt.Fprintf(&s, "\n%-8s %d bytes, SHA-256 %s", f.Name, f.Bytes, f.SHA256)
	}
	return s.String()
}

// itemsRefused shows the bad rows of a file and returns one error that says why there are no reports.
func (c *cli) itemsRefused(name string, err error) error {
	var bad *reporting.CSVError
	var rule *reporting.RuleError
	var path *fs.PathError
	switch {
	case errors.As(err, &bad):
	case errors.As(err, &rule):
		return fault.New(fault.ReportInvalid, err, "%s", name)
	case errors.As(err, &path) && path.Path == name:
		return fault.New(fault.BadArguments, err, "--items")
	case errors.As(err, &path):
		return fault.New(fault.FolderUnusable, err, "temporary files")
	default:
		return err
	}
	f := fault.New(fault.ItemsInvalid, nil, "%s: %s", name, bad.Count())
	if c.json {
		if err := c.print(map[string]any{"code": f.Code, "error": f.Error(), "bad_rows": bad.Total, "rows": bad.Rows},
			""); err != nil {
			return err
		}
		return &shownError{f}
	}
	for _, r := range bad.Rows {
		fmt.Fprintln(c.err, r)
	}
	return f
}

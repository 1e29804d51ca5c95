package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/accounts"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// exportFlags are the flags of report export.
type exportFlags struct {
	month, out, lang, template string
	accounts.ExportOptions
}

func (c *cli) reportExport() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export --month YYYY-MM --out FOLDER",
		Short: "Write the monthly report for DFØ, its mail, and the numbers for invoices",
		Long: "Writes a workbook and a CSV file for DFØ, the text of the mail to go with them, and a workbook and a " +
			"CSV file with the\n" +
			"customers. Nothing is sent. If the month is not closed, the files are a preview and say so.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.runReportExport(cmd.Context(), &f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.month, "month", "", "month in UTC, YYYY-MM")
	fl.StringVar(&f.out, "out", "", "folder for the files; created if necessary")
	fl.StringVar(&f.lang, "lang", string(fault.Bokmal), "language of headings and texts: nb, nn or en")
	fl.StringVar(&f.template, "template", "", "YAML file that chooses the columns (docs/reporting.md)")
	fl.StringVar(&f.Provider, "sp-name", "",
		"our name as service provider, for the subject of the mail (default: our seat)")
	fl.StringVar(&f.Org, "org", "", "our organisation number")
	fl.StringVar(&f.Contact, "contact", "", "contact for DFØ: name, mail, telephone")
	fl.StringVar(&f.To, "to", "", "mail address of DFØ")
	return cmd
}

// options reads the flags.
func (f *exportFlags) options() (m peppol.Month, o accounts.ExportOptions, err error) {
	for _, x := range [...]struct{ name, value string }{{"month", f.month}, {"out", f.out}} {
		if x.value == "" {
			return m, o, badArgs("--%s is needed", x.name)
		}
	}
	if m, err = peppol.ParseMonth(f.month); err != nil {
		return m, o, fault.New(fault.BadArguments, err, "--month")
	}
	o = f.ExportOptions
	o.Lang = fault.Lang(f.lang)
	if f.template == "" {
		return m, o, nil
	}
	text, err := os.ReadFile(f.template)
	if err != nil {
		return m, o, fault.New(fault.BadArguments, err, "--template")
	}
	if o.Template, err = accounts.ParseTemplate(text); err != nil {
		return m, o, fault.New(fault.BadArguments, err, "--template %s", f.template)
	}
	return m, o, nil
}

// exported is what report export shows.
type exported struct {
	Month    peppol.Month     `json:"month"`
	Preview  bool             `json:"preview"`
	Sent     int64            `json:"sent"`
	Received int64            `json:"received"`
	Missing  []string         `json:"missing,omitempty"` // flags that were not given, so that the files have gaps
	Files    []reporting.File `json:"files"`
}

func (c *cli) runReportExport(ctx context.Context, f *exportFlags) error {
	m, o, err := f.options()
	if err != nil {
		return err
	}
	return c.withAccounts(ctx, func(a *accounts.Accounts) error {
		e, err := a.Export(ctx, m, o)
		if err != nil {
			return exportRefused(err)
		}
		files, err := e.Save(f.out)
		if err != nil {
			return fault.New(fault.FolderUnusable, err, "%s", f.out)
		}
		x := exported{e.Month, e.Preview, e.Sent, e.Received, e.Missing(), files}
		return c.print(x, "%s", x.summary())
	})
}

// exportRefused gives errors about flags their error code.
func exportRefused(err error) error {
	var option *accounts.OptionError
	if errors.As(err, &option) {
		return fault.New(fault.BadArguments, err, "")
	}
	return err
}

func (x *exported) summary() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %d sent, %d received", x.Month, x.Sent, x.Received)
	if x.Preview {
		s.WriteString("\npreview: the month is not closed, the numbers can change")
	}
	if len(x.Missing) > 0 {
		s.WriteString("\nnot given, and missing in the files: --" + strings.Join(x.Missing, ", --"))
	}
	for _, f := range x.Files {
		fmt.Fprintf(&s, "\n%s, %d bytes, SHA-256 %s", f.Name, f.Bytes, f.SHA256)
	}
	return s.String()
}

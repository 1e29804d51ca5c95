package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
)

func (c *cli) data() *cobra.Command {
	cmd := &cobra.Command{Use: "data", Short: "Check that data folder and database belong together, and what the " +
		"folder contains"}
	cmd.AddCommand(c.dataCheck(), c.dataAdopt(), c.dataCollect())
	return cmd
}

// withData opens folder and database, even if they do not belong together, checks them and calls do with the result.
func (c *cli) withData(ctx context.Context, do func(*node.Data, *node.DataReport) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	d, err := node.OpenData(ctx, cfg)
	if err != nil {
		return err
	}
	r, err := d.Check(ctx, time.Now())
	if err == nil {
		err = do(d, r)
	}
	return errors.Join(err, d.Store.Close())
}

// show prints a report and its alarms. The worst alarm decides the exit code.
func (c *cli) show(r *node.DataReport) error {
	err := c.print(r, `data folder  %s
             folder %s of installation %s, mark %d
database     installation %s, data folders: %d
payloads     older than a day %d: unknown to the database %d, superseded %d; in quarantine %d
rows         %d, without their payload %d; without the columns that documents are found by %d`,
		r.Place, none(r.Identity.Folder), none(r.Identity.Installation), r.Identity.Mark,
		none(r.Database), len(r.Folders),
		r.Blobs, r.Unknown, r.Superseded, r.Quarantine, r.Rows, r.Missing, r.Undetailed)
	for _, key := range r.Examples {
		c.hint("unknown  %s", key)
	}
	for _, lost := range r.Lost {
		c.hint("missing  %s", lost)
	}
	if len(r.Folders) > 1 {
		for _, f := range r.Folders {
			c.hint("folder   %s  %s, since %s", f.ID, f.Place, f.Joined.Format(time.RFC3339))
		}
		c.hint("The database has several data folders: payloads of rows were not looked for.")
	}
	for _, a := range r.Alarms() {
		if c.exit == fault.OK {
			c.exit = fault.ExitOf(a)
		}
		c.warn(a)
	}
	return err
}

// hint prints a line for people; with --json nothing.
func (c *cli) hint(format string, args ...any) {
	if !c.json {
		fmt.Fprintf(c.out, format+"\n", args...)
	}
}

func none(id string) string {
	if id == "" {
		return "(none)"
	}
	return id
}

func (c *cli) dataCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Compare data folder and database", Args: cobra.NoArgs,
		Long: `Compares data folder and database: whether they belong together, payloads that the database does not
know, payloads in quarantine, rows whose payload is missing. It may run while the server is running.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withData(cmd.Context(), func(_ *node.Data, r *node.DataReport) error { return c.show(r) })
		},
	}
}

const adoptHelp = `Makes the configured data folder belong to the configured database.

Folder and database store each other's identity, and ravn refuses two that do not match (RAVN-1019), because payloads
that the database does not know are removed in the end, and messages without their payload cannot be delivered. If
the address of the database is wrong or a disk is not mounted, the refusal is right: correct that, and do not adopt.

Adopt if you moved payloads or database on purpose, or restored an older copy of the database because the newer one
is lost. In that case the record does not contain what happened after the copy was made, and payloads from that time
count as unknown. If there are many (more than a hundred, or at least ten and one in a hundred), none is removed
and an alarm is raised. If there are fewer, they go to quarantine after a day and are deleted a week later. Look at
them first: ravn data check.

With --only, no other data folder belongs to the database any more: use it for a folder that replaces a lost one.
The decision is written into the audit trail.`

func (c *cli) dataAdopt() *cobra.Command {
	var yes, only bool
	cmd := &cobra.Command{
		Use: "adopt", Short: "Make the data folder belong to the database, after a deliberate move or restore",
		Long: adoptHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withData(cmd.Context(), func(d *node.Data, r *node.DataReport) error {
				if !yes {
					hint := badArgs("nothing was done: add --yes if the folder is to belong to this database")
					return errors.Join(c.show(r), hint)
				}
				if err := d.Adopt(cmd.Context(), actor(), only); err != nil {
					return err
				}
				after, err := d.Check(cmd.Context(), time.Now())
				if err != nil {
					return err
				}
				return c.show(after)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	cmd.Flags().BoolVar(&only, "only", false, "no other folder belongs to the database any more")
	return cmd
}

func (c *cli) dataCollect() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "collect", Short: "Move payloads that the database does not know into quarantine, however many",
		Args: cobra.NoArgs,
		Long: `Moves payloads older than a day that the database does not know into the folder quarantine, however many
they are. The server does the same if there are only a few; if there are many it raises an alarm (RAVN-3005), because
then the database is probably the wrong one or an older copy. They are deleted after a week in quarantine; until
then, one that is needed comes back. The decision is written into the audit trail.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withData(cmd.Context(), func(d *node.Data, r *node.DataReport) error {
				if r.Stranger != "" {
					return fault.New(fault.WrongDatabase, nil, "%s", r.Stranger)
				}
				if !yes {
					return errors.Join(c.show(r), badArgs("nothing was done: add --yes if they may be removed"))
				}
				moved, err := d.CollectAll(cmd.Context(), time.Now(), actor())
				if err != nil {
					return fault.New(fault.FolderUnusable, err, "%d were moved", moved)
				}
				return c.print(map[string]int{"moved": moved}, "%s in quarantine now.",
					count(moved, "payload is", "payloads are"))
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

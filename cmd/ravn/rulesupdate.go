package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/download"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// fetcher returns the function that downloads packs, according to the configuration if there is one.
func (c *cli) fetcher(ctx context.Context) (func(string, int64) ([]byte, error), error) {
	d := &download.Client{}
	if _, err := os.Stat(c.config); c.given || !errors.Is(err, fs.ErrNotExist) {
		cfg, err := config.Load(c.config)
		if err != nil {
			return nil, err
		}
		if d.Roots, err = cfg.TLSRoots(); err != nil {
			return nil, err
		}
		if d.Guard, err = cfg.Guard(d.Roots); err != nil {
			return nil, err
		}
	}
	return func(address string, limit int64) ([]byte, error) { return d.Get(ctx, address, limit) }, nil
}

func (c *cli) rulesUpdate(dir *string) *cobra.Command {
	var from string
	var o pack.Options
	cmd := &cobra.Command{
		Use: "update --from URL", Short: "Install the new rule packs of a list", Args: cobra.NoArgs,
		Long: "Fetches a list of packs over https and installs those that are not there yet. The list is JSON:\n\n" +
			"  {\"packs\": [{\"name\": …, \"version\": …, \"url\": …, \"sha256\": …, \"valid_from\": …, " +
			"\"valid_to\": …}]}\n\n" +
			"An archive must have the SHA-256 given in the list. A pack that cannot be used is reported and not " +
			"installed.\n\n" +
			"Exit codes: 0 all are installed; 1 one is not; 2 the list cannot be used.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return badArgs("--from is needed: the address of the list")
			}
			to, err := c.rulesDir(*dir)
			if err != nil {
				return err
			}
			o.Check = validation.CheckPack
			if o.Fetch, err = c.fetcher(cmd.Context()); err != nil {
				return err
			}
			list, err := pack.Dir(to).Update(from, o)
			if err != nil {
				return fault.New(fault.RulesUnusable, err, "")
			}
			for i := range list {
				if err := c.printUpdate(&list[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "https address of the list")
	cmd.Flags().StringVar(&o.SHA256, "sha256", "", "SHA-256 that the list must have")
	return cmd
}

func (c *cli) printUpdate(u *pack.Update) error {
	text := "installed already"
	switch {
	case u.Error != "":
		c.exit, text = fault.Negative, "not installed: "+u.Error
	case u.Installed:
		text = "installed, SHA-256 " + u.SHA256
	}
	return c.print(u, "%s %s: %s", u.Name, u.Version, text)
}

func (c *cli) rulesAlarms(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "alarms", Short: "List rule packs that are missing, unreadable, no longer valid or not yet valid",
		Args: cobra.NoArgs,
		Long: "Compares the rule packs with today's date and with the document types of the last 30 days.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := c.rulesDir(*dir)
			if err != nil {
				return err
			}
			packs, unreadable := node.LoadRules(from)
			packs = append(packs, core.Pack())
			var alarms []validation.Alarm
			err = c.withStore(cmd.Context(), func(s *store.Store) (err error) {
				alarms, err = node.RuleAlarms(cmd.Context(), s, packs, unreadable, time.Now())
				return err
			})
			for i := range alarms {
				c.exit = fault.Negative
				err = errors.Join(err, c.print(&alarms[i], "%-12s %s", alarms[i].Kind, alarms[i].Text))
			}
			return err
		},
	}
}

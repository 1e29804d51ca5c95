package main

import (
	"errors"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/gendata"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/setup"
)

// gentestdata writes a node's data as this version does, or checks that this version reads what an earlier one wrote.
func (c *cli) gentestdata() *cobra.Command {
	var dir string
	var check bool
	cmd := &cobra.Command{
		Use: "gentestdata --dir DIR", Short: "Write example data of this version, or check those of another (for " +
			"make test-upgrade)", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file := dir + "/" + setup.ConfigName
			if !check {
				if _, err := setup.Write(setup.Node{Dir: dir, Environment: certs.Local}); err != nil {
					return err
				}
			}
			cfg, err := (&cli{config: file}).load()
			if err != nil {
				return err
			}
			n, err := node.Open(cmd.Context(), cfg, node.Options{Log: zerolog.Nop(), Command: true})
			if err != nil {
				return err
			}
			work := gendata.Write
			if check {
				work = gendata.Check
			}
			if err := errors.Join(work(cmd.Context(), n.Store, n.Blobs), n.Close()); err != nil {
				return fault.New(fault.RecordUnreadable, err, "%s", dir)
			}
			return c.print(map[string]any{"ok": true, "dir": dir, "format": gendata.Format}, "%s is in order", dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder of the node")
	cmd.Flags().BoolVar(&check, "check", false, "check instead of writing")
	return cmd
}

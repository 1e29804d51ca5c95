package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/testbed"
)

// newDir returns an empty folder: the given one, or a temporary one.
func newDir(name string) (string, error) {
	if name == "" {
		return os.MkdirTemp("", "ravn-*")
	}
	entries, err := os.ReadDir(name)
	switch {
	case err == nil && len(entries) > 0:
		return "", fault.New(fault.FolderNotEmpty, nil, "%s", name)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return "", fault.New(fault.FolderUnusable, err, "%s", name)
	}
	if err := os.MkdirAll(name, 0o750); err != nil {
		return "", fault.New(fault.FolderUnusable, err, "%s", name)
	}
	return filepath.Abs(name)
}

func (c *cli) demo() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "demo", Short: "Start a private Peppol network and send a real invoice through it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := newDir(out)
			if err != nil {
				return err
			}
			n := 0
			res, err := testbed.Demo(cmd.Context(), testbed.Options{Dir: dir, Log: zerolog.Nop()},
				func(s testbed.Step) {
					n++
					_ = c.print(s, "%2d. %s", n, s.Text) // a closed output must not stop the message
				})
			if err != nil {
				return err
			}
			return c.print(res, "\nDone in %.1f s: the receipt is verified and the document delivered.", res.Seconds)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new folder for the network and the evidence (default: a temporary one)")
	return cmd
}

func (c *cli) localnet() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "localnet", Short: "Start a private Peppol network and keep it running", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := newDir(out)
			if err != nil {
				return err
			}
			n, err := testbed.Start(cmd.Context(), testbed.Options{Dir: dir, Log: zerolog.Nop()})
			if err != nil {
				return err
			}
			invoice := filepath.Join(dir, "invoice.xml")
			if err := durable.WriteFile(invoice, 0o600, durable.Bytes(testbed.Invoice)); err != nil {
				return errors.Join(fault.New(fault.FolderUnusable, err, "%s", invoice), n.Close())
			}
			send := fmt.Sprintf("%s --config %s send --from %s --to %s %s", setup.Quote(os.Args[0]),
				setup.Quote(n.A.File), testbed.Sender, testbed.Receiver, setup.Quote(invoice))
			if err := c.print(map[string]any{
				"dir": dir, "sml": n.SML.Addr(), "zone": n.SML.Zone(), "smp": n.SMP.URL(), "a": n.A.URL(),
				"b":     n.B.URL(),
				"inbox": n.B.Config.Path(n.B.Config.Deliver.Folder), "send": send,
			}, "SML zone   %s at %s\nSMP        %s\nA          %s  serves %s\nB          %s  serves %s\n"+
				"inbox of B %s\n\nSend an invoice (once more: with --again):\n  %s\n\nStop with Ctrl-C.",
				n.SML.Zone(), n.SML.Addr(), n.SMP.URL(), n.A.URL(), testbed.Sender, n.B.URL(), testbed.Receiver,
				n.B.Config.Path(n.B.Config.Deliver.Folder), send); err != nil {
				return errors.Join(err, n.Close())
			}
			<-cmd.Context().Done()
			return n.Close()
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new folder for the network (default: a temporary one)")
	return cmd
}

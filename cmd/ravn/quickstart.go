package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/setup"
)

func (c *cli) quickstart() *cobra.Command {
	var n setup.Node
	var env, passwordFile string
	cmd := &cobra.Command{
		Use:   "quickstart --environment local|test|production --dir DIR",
		Short: "Write a first configuration and say what remains to do", Args: cobra.NoArgs,
		Long: "Writes configuration and keys into a new folder: for local a whole private hierarchy, unless --p12 or " +
			"--pki is given; for test and\n" +
			"production a key with a certificate request, unless --p12 is given. What is written passes ravn config " +
			"check, except that a\n" +
			"certificate that was asked for is still to come.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if n.Environment, err = certs.ParseEnvironment(env); err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			if n.Dir == "" {
				return badArgs("--dir is needed")
			}
			if passwordFile != "" {
				if n.Password, err = config.ReadPassword(passwordFile); err != nil {
					return fault.New(fault.BadArguments, err, "--p12-password-file")
				}
			} else if v, ok := os.LookupEnv("RAVN_P12_PASSWORD"); ok && n.Password == "" {
				n.Password = v
			}
			n.Outgoing, n.Incoming = string(ap.CheckReport), string(ap.CheckReport) // the built-in rules at least
			n.Program = os.Args[0]
			return c.writeNode(cmd.Context(), n)
		},
	}
	f := cmd.Flags()
	f.StringVar(&env, "environment", "local", "local, test or production")
	f.StringVar(&n.Dir, "dir", "", "new folder for configuration, keys and data")
	f.StringVar(&n.P12, "p12", "", "our key as PKCS#12 (default: a new key)")
	f.StringVar(&n.Password, "p12-password", "", "its password; prefer --p12-password-file or RAVN_P12_PASSWORD")
	f.StringVar(&passwordFile, "p12-password-file", "", "file whose first line is the password")
	f.StringVar(&n.Seat, "seat", "", "seat id for a new key")
	f.StringVar(&n.PKI, "pki", "", "local: folder with the private CAs of an earlier quickstart, to join its network")
	f.StringVar(&n.APAnchors, "ap-anchors", "", "PEM file with the CAs of access point certificates")
	f.StringVar(&n.SMPAnchors, "smp-anchors", "", "PEM file with the CAs of SMP certificates")
	f.StringVar(&n.Listen, "listen", "",
		"address of the endpoint (default 127.0.0.1:9443, or the first free port after it)")
	f.StringVar(&n.Host, "host", "", "host name for message ids; needed outside local")
	f.StringVar(&n.Revocation, "revocation", "",
		"production: unchecked, to accept that revoked certificates are trusted until revocation is checked")
	f.StringVar(&n.Country, "country", "", "country written as COUNTRY_C1")
	f.StringVar(&n.Zone, "zone", "", "SML zone, if it is not that of the environment")
	f.StringVar(&n.Resolver, "resolver", "", "DNS server, host:port")
	return cmd
}

// writeNode writes a first configuration, or nothing at all if it would not pass its own check.
func (c *cli) writeNode(ctx context.Context, n setup.Node) error {
	w, err := setup.Write(n)
	if err != nil {
		return err
	}
	if err := checkWritten(ctx, w); err != nil {
		return errors.Join(err, w.Undo())
	}
	text := "wrote " + w.Config + " for seat " + w.Seat
	if w.Seat == "" {
		text = "wrote " + w.Config + " for the seat that the certificate will name"
	}
	if err := c.print(map[string]any{"config": w.Config, "seat": w.Seat, "todo": w.Todo}, "%s", text); err != nil ||
		c.json {
		return err
	}
	for i, line := range w.Todo {
		fmt.Fprintf(c.out, "%d. %s\n", i+1, line)
	}
	return nil
}

// checkWritten is config check, without the one error that a certificate which is still to come explains.
func checkWritten(ctx context.Context, w *setup.Written) error {
	cfg, err := config.LoadAlone(w.Config)
	if err != nil {
		return err
	}
	_, err = node.Check(ctx, cfg, node.CheckOptions{Now: time.Now(), Server: true})
	list := slices.DeleteFunc(flatten(err), func(err error) bool {
		code, _ := faultCode(err)
		return w.Awaited && code == fault.KeyUnreadable && errors.Is(err, fs.ErrNotExist)
	})
	return errors.Join(list...)
}

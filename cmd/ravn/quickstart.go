package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/setup"
)

func (c *cli) quickstart() *cobra.Command {
	var n setup.Node
	var env, passwordFile string
	cmd := &cobra.Command{
		Use: "quickstart --environment local|test|production --dir DIR", Short: "Write a first configuration and say what remains to do", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var err error
			if n.Environment, err = certs.ParseEnvironment(env); err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			if n.Dir == "" {
				return badArgs("--dir is needed")
			}
			if passwordFile != "" {
				text, err := os.ReadFile(passwordFile)
				if err != nil {
					return fault.New(fault.BadArguments, err, "--p12-password-file")
				}
				n.Password, _, _ = strings.Cut(string(text), "\n")
			} else if v, ok := os.LookupEnv("RAVN_P12_PASSWORD"); ok && n.Password == "" {
				n.Password = v
			}
			n.Outgoing, n.Incoming = string(ap.CheckReport), string(ap.CheckReport) // the built-in rules at least
			w, err := setup.Write(n)
			if err != nil {
				return err
			}
			if err := c.print(map[string]any{"config": w.Config, "seat": w.Seat, "todo": w.Todo}, "wrote %s for seat %s", w.Config, w.Seat); err != nil || c.json {
				return err
			}
			for i, line := range w.Todo {
				fmt.Fprintf(c.out, "%d. %s\n", i+1, line)
			}
			return nil
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
	f.StringVar(&n.Listen, "listen", "", "address of the endpoint (default 127.0.0.1:9443)")
	f.StringVar(&n.Host, "host", "", "host name for message ids")
	f.StringVar(&n.Country, "country", "", "country written as COUNTRY_C1")
	f.StringVar(&n.Zone, "zone", "", "SML zone, if it is not that of the environment")
	f.StringVar(&n.Resolver, "resolver", "", "DNS server, host:port")
	return cmd
}

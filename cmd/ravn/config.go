package main

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
)

func (c *cli) configCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Work with the configuration"}
	cmd.AddCommand(c.configCheck(), c.configReload(), &cobra.Command{
		Use: "doc", Short: "Print the table of all keys", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.Write([]byte(config.Markdown()))
			return err
		},
	})
	return cmd
}

func (c *cli) configCheck() *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use: "check", Short: "Check everything that serve and send need, and show all errors", Args: cobra.NoArgs,
		Long: "Checks the values, our keys and certificates, the trust anchors, the TLS certificate, addresses, " +
			"folders and the form of\n" +
			"the database's address: all that would keep ravn serve or ravn send from working, by the same checks " +
			"that they begin with.\n" +
			"Nothing is created or changed. Remarks are no errors.\n\n" +
			"Exit codes: 0 in order; 2 something is not.",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.checkConfig(cmd.Context(), connect) },
	}
	cmd.Flags().BoolVar(&connect, "connect", false,
		"also try each backend with a hidden probe, and ask the database whether it belongs to the data folder "+
			"and has\na version that can be used")
	return cmd
}

func (c *cli) configReload() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Make the running server read its configuration again", Args: cobra.NoArgs,
		Long: "Checks the configuration, tells the server on its data folder to read it (SIGHUP), and waits until it " +
			"\nhas. Nothing under way is lost, and connections stay. Addresses, environment, data folder and " +
			"database need a\nrestart; the log of the server names those that have changed.\n\n" +
			"Exit codes: 0 reloaded; 2 the configuration is wrong, or there is no server; 3 not known, see its log.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(c.config)
			if err != nil {
				return err
			}
			servers, err := node.ReloadServers(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			for _, who := range servers {
				if err := c.print(who, "reloaded: %s", who); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// checked is what config check shows.
type checked struct {
	OK      bool     `json:"ok"`
	Errors  []string `json:"errors"`
	Remarks []string `json:"remarks"`
}

func (c *cli) checkConfig(ctx context.Context, connect bool) error {
	x := checked{Errors: []string{}, Remarks: []string{}}
	cfg, err := config.Load(c.config)
	if err == nil {
		var remarks []string
		remarks, err = node.Check(ctx, cfg, node.CheckOptions{Now: time.Now(), Server: true, Connect: connect})
		x.Remarks = append(x.Remarks, remarks...)
	}
	for _, e := range flatten(err) {
		x.Errors = append(x.Errors, e.Error())
	}
	if x.OK = err == nil; c.json {
		if perr := c.print(x, ""); perr != nil || err == nil {
			return perr
		}
		return &shownError{err}
	}
	for _, r := range x.Remarks {
		c.hint("remark: %s", r)
	}
	if err != nil {
		return err
	}
	return c.print(nil, "%s is in order", c.config)
}

// flatten lists joined errors.
func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// faultCode returns the code of an error.
func faultCode(err error) (fault.Code, bool) {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code, true
	}
	return "", false
}

func (c *cli) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
			}{programVersion(), runtime.Version()}
			return c.print(v, "ravn %s (%s)", v.Version, v.Go)
		},
	}
}

// programName is the program with its version, as reports name it.
func programName() string { return "ravn " + programVersion() }

// programVersion is the version from which the program was built.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

// programCommit is the commit from which the program was built, "" if that is not known.
func programCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for i := range info.Settings {
		if info.Settings[i].Key == "vcs.revision" {
			return info.Settings[i].Value
		}
	}
	return ""
}

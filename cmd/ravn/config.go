package main

import (
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
)

func (c *cli) configCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Work with the configuration"}
	cmd.AddCommand(&cobra.Command{
		Use: "check", Short: "Check the configuration with its keys, anchors and folders, and show all errors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.checkConfig() },
	}, &cobra.Command{
		Use: "doc", Short: "Print the table of all keys", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.Write([]byte(config.Markdown()))
			return err
		},
	})
	return cmd
}

func (c *cli) checkConfig() error {
	cfg, err := config.Load(c.config)
	if err != nil {
		return err
	}
	_, kerr := cfg.Keyring()
	_, aerr := cfg.Anchors()
	_, _, _, _, ferr := cfg.Folders()
	all := errors.Join(cfg.Check(), kerr, aerr, ferr)
	if all == nil {
		return c.print(map[string]bool{"ok": true}, "%s is in order", c.config)
	}
	if c.json {
		var lines []string
		for _, e := range flatten(all) {
			lines = append(lines, e.Error())
		}
		if err := c.print(map[string]any{"ok": false, "errors": lines}, ""); err != nil {
			return err
		}
		return &shownError{all}
	}
	return all
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

// programVersion is the version from which the program was built.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

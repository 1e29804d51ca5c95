// Command ravn is a Peppol AS4 access point. Its subcommands turn flags into calls; the work is done by other packages.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
)

func main() { os.Exit(program()) }

// program runs the command line of the process until it ends or a signal asks it to.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run executes the command line and returns the exit code (design.md §2).
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &cli{in: os.Stdin, out: stdout, err: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(c.exit)
	}
	var coded *fault.Error
	if !c.ran && !errors.As(err, &coded) { // cobra refused the command line
		err = fault.New(fault.BadArguments, err, "")
		c.json = c.json || asksJSON(args)
	}
	err = cancelled(ctx, err)
	var shown *shownError
	if !errors.As(err, &shown) {
		c.fail(err)
	}
	if f := (*fateError)(nil); errors.As(err, &f) {
		return int(f.exit)
	}
	return int(fault.ExitOf(err))
}

// asksJSON reports whether a command line that could not be read asks for JSON.
func asksJSON(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--json" || a == "--json=true" })
}

// cancelled gives work that ended because ctx did the code for that. What it was busy with does not matter, unless
// something may have been sent.
func cancelled(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	switch code, ok := faultCode(err); {
	case !ok, code == fault.RecordUnreadable, code == fault.DatabaseUnusable, code == fault.LookupFailed:
		return fault.New(fault.Cancelled, nil, "")
	}
	return err
}

// shownError is an error that the output already contains.
type shownError struct{ error }

func (e *shownError) Unwrap() error { return e.error }

// cli is one call of the program.
type cli struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	config   string
	given    bool // --config was given
	exit     fault.Exit
	ran      bool // a command was found and its flags are in order
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "ravn", Short: "Peppol AS4 access point", SilenceUsage: true, SilenceErrors: true,
		Long: "Ravn sends and receives Peppol business documents over AS4.\n\n" +
			"Exit codes: 0 ok, 1 negative result, 2 wrong usage or configuration, 3 temporary failure, or the " +
			"outcome is not known.",
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		c.ran, c.given = true,
			cmd.Flags().Changed("config")
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fault.New(fault.BadArguments, err, "") })
	root.PersistentFlags().BoolVar(&c.json, "json", false, "machine-readable output: one JSON object, or one per line")
	root.PersistentFlags().StringVar(&c.config, "config", "ravn.yaml", "configuration file")
	for _, add := range []func() *cobra.Command{
		c.serve, c.send, c.documents, c.types, c.queue, c.open, c.participants, c.certs, c.configCmd, c.quickstart,
		c.version, c.lookup, c.demo, c.localnet, c.bench, c.validate, c.rules, c.report, c.customers, c.data, c.verify,
		c.alerts, c.routes, c.backends,
		c.gentestdata,
	} {
		root.AddCommand(add())
	}
	root.SetHelpCommand(c.help(root))
	for _, sub := range root.Commands() {
		usageErrors(sub)
	}
	addExitCodes(root)
	return root
}

// usageErrors gives errors about arguments their error code and exit code. A group of commands shows its help, and
// refuses a command that it does not have.
func usageErrors(cmd *cobra.Command) {
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badArgs("there is no command %q in %s", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fault.New(fault.BadArguments, err, "")
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}

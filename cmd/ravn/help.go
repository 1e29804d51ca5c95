package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/manual"
)

// idForm is how error codes and requirements look.
var idForm = regexp.MustCompile(`^[A-Za-z0-9]+-[0-9]+$`)

// help is ravn help: about a command, or about an id that a text of the program names.
func (c *cli) help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND|ID]", Short: "Explain a command, an error code or a requirement",
		Long: "Explains a command (ravn help send), an error code (ravn help RAVN-2105) or a requirement (ravn help " +
			"SEC-111).\n\n" +
			"Exit codes: 0; 2 there is no such command or id.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && idForm.MatchString(args[0]) {
				p, ok := manual.Find(args[0])
				if !ok {
					return badArgs("there is no page about %s", args[0])
				}
				return c.print(p, "%s", p)
			}
			cmd, rest, err := root.Find(args)
			if err != nil || cmd == nil || len(rest) > 0 {
				return badArgs("there is no command %q", strings.Join(args, " "))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

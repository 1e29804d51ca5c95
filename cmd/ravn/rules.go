package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/validation"
)

func (c *cli) rules() *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Try rule files on documents"}
	cmd.AddCommand(c.rulesRun())
	return cmd
}

func (c *cli) rulesRun() *cobra.Command {
	var sch, phase string
	cmd := &cobra.Command{
		Use: "run --sch FILE DOCUMENT...", Short: "Run one Schematron file on documents and test sets",
		Long: "Runs one rule file, a Schematron schema or one compiled to XSLT, on each document, and on each document of a test set.\n" +
			"With --json one line per document: file, index, sch, fired, firedRules, and error if something could not be evaluated.\n\n" +
			"Exit codes: 0 no fatal assert failed; 1 one did, or a document cannot be read; 2 the rule file cannot be used.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if sch == "" {
				return badArgs("--sch is needed: the rule file")
			}
			rules, err := validation.LoadRuleFile(sch, phase)
			if err != nil {
				return fault.New(fault.RulesUnusable, err, "")
			}
			for _, name := range args {
				doc, err := os.ReadFile(name)
				if err != nil {
					c.exit = fault.Negative
					if err := c.printRun(&validation.RuleRun{File: name, Sch: sch, Fired: []validation.Fired{}, Error: err.Error()}); err != nil {
						return err
					}
					continue
				}
				runs, err := rules.Run(cmd.Context(), name, doc)
				if err != nil {
					return err
				}
				for i := range runs {
					if err := c.printRun(&runs[i]); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&sch, "sch", "", "the rule file")
	cmd.Flags().StringVar(&phase, "phase", "", "phase to run instead of the file's default")
	return cmd
}

// printRun writes the result of one document.
func (c *cli) printRun(r *validation.RuleRun) error {
	if r.Fatal() {
		c.exit = fault.Negative
	}
	if c.json {
		return c.print(r, "")
	}
	if err := c.print(nil, "%s [%d]: %d asserts failed, %d rules fired", r.File, r.Index, len(r.Fired), r.FiredRules); err != nil {
		return err
	}
	for _, f := range r.Fired {
		if err := c.print(nil, "  %-8s %s %s", f.Flag, f.ID, f.Location); err != nil {
			return err
		}
	}
	if r.Error != "" {
		return c.print(nil, "  error    %s", r.Error)
	}
	return nil
}

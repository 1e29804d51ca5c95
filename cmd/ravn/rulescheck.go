package main

import (
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
)

// packCheck is what is wrong with a rule pack.
type packCheck struct {
	Name     string   `json:"name,omitempty"` // "" for one whose manifest cannot be read
	Version  string   `json:"version,omitempty"`
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"`
}

func (c *cli) rulesCheck(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Load and compile all rule packs, and list what cannot be used",
		Long: "Loads and compiles every schema and rule file of every pack, and lists everything that cannot be " +
			"used, with file and line.\n\n" +
			"Exit codes: 0 all can be used; 2 something cannot.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			packs, broken, err := c.stored(*dir)
			if err != nil {
				return err
			}
			var results []packCheck
			for _, p := range append(packs, core.Pack()) {
				results = append(results, packCheck{
					Name: p.Name, Version: p.Version,
					Problems: sentences(validation.PackProblems(&p)),
				})
			}
			for _, why := range broken {
				results = append(results, packCheck{Problems: []string{why.Error()}})
			}
			for i := range results {
				if err := c.printCheck(&results[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (c *cli) printCheck(r *packCheck) error {
	r.OK = len(r.Problems) == 0
	name, text := r.Name+" "+r.Version, "ok"
	if r.Name == "" {
		name = "a pack"
	}
	if !r.OK {
		c.exit, text = fault.Usage, "cannot be used"+lines(r.Problems)
	}
	return c.print(r, "%s: %s", name, text)
}

func sentences(list []error) []string {
	var out []string
	for _, err := range list {
		out = append(out, err.Error())
	}
	return out
}

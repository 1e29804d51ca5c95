package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

func (c *cli) rules() *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Install, list, check and remove rule packs, and try rule files on " +
		"documents"}
	var dir string
	cmd.PersistentFlags().StringVar(&dir, "rules", "", "folder of rule packs (default: that of the configuration)")
	cmd.AddCommand(c.rulesInstall(&dir), c.rulesList(&dir), c.rulesCore(), c.rulesCheck(&dir), c.rulesRemove(&dir),
		c.rulesUpdate(&dir), c.rulesAlarms(&dir), c.rulesRun(), c.rulesXSD())
	return cmd
}

func (c *cli) rulesInstall(dir *string) *cobra.Command {
	var o pack.Options
	cmd := &cobra.Command{
		Use: "install FOLDER|ZIP|JAR|URL", Short: "Install a rule pack, after loading and compiling it as a check",
		Long: "Installs a pack, or what OpenPeppol, CEN, EHF, KoSIT or phive-rules publish, after loading and " +
			"compiling it. Its release and first day are read where they are written, contents before names, and " +
			"printed with where that is; --release and --valid-from give what is written nowhere.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := c.rulesDir(*dir)
			if err != nil {
				return err
			}
			o.Check = validation.CheckPack
			if o.Fetch, err = c.fetcher(cmd.Context()); err != nil {
				return err
			}
			in, err := pack.Dir(to).Install(args[0], o)
			if err != nil {
				return fault.New(fault.RulesUnusable, err, "")
			}
			return c.printInstalled(in)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&o.Name, "name", "", "name for the pack instead of its own, or which of several packs")
	fl.StringVar(&o.Version, "release", "",
		"version of the pack if it does not say so itself, or which of several versions")
	fl.StringVar(&o.ValidFrom, "valid-from", "", "first day, YYYY-MM-DD")
	fl.StringVar(&o.ValidTo, "valid-to", "", "last day, YYYY-MM-DD")
	fl.StringVar(&o.SHA256, "sha256", "", "SHA-256 that the archive must have")
	return cmd
}

// printInstalled lists what was installed and what was not.
func (c *cli) printInstalled(in *pack.Installation) error {
	for _, m := range in.Packs {
		bare := 0
		for i := range m.Documents {
			if m.Documents[i].XSD == "" {
				bare++
			}
		}
		with := ""
		if m.With != "" {
			with = ", with the rules of " + m.With
		}
		if err := c.print(m, "installed %s %s: %s, %d of them without an XML Schema%s%s%s", m.Name, m.Version,
			count(len(m.Documents), "document type", "document types"), bare, with, lines(origin(m)),
			hashLine(m)); err != nil {
			return err
		}
	}
	for _, l := range in.LeftOut {
		if err := c.print(struct {
			LeftOut pack.LeftOut `json:"left_out"`
		}{l}, "left out %s %s: %s", l.Name, strings.Join(l.Versions, ", "), l.Why); err != nil {
			return err
		}
	}
	return nil
}

// origin says from where the release and the days of a pack are known.
func origin(m *pack.Manifest) []string {
	var out []string
	if m.ReleaseFrom != "" {
		out = append(out, "release "+m.Version+": "+m.ReleaseFrom)
	}
	switch {
	case m.ValidFrom+m.ValidTo == "":
		out = append(out, "days: holds always, as nothing says since when")
	case m.DaysFrom != "":
		out = append(out, "days: "+days(m)+", by "+m.DaysFrom)
	default:
		out = append(out, "days: "+days(m))
	}
	return append(out, m.Remarks...)
}

// days are those on which a pack holds.
func days(m *pack.Manifest) string { return strings.TrimSpace(m.ValidFrom + " – " + m.ValidTo) }

func hashLine(m *pack.Manifest) string {
	if m.SHA256 == "" {
		return ""
	}
	return "\nSHA-256 " + m.SHA256
}

func (c *cli) rulesList(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the rule packs", Args: cobra.NoArgs,
		Long: "Lists the rule packs with their releases and days, where they came from, and for how many of their " +
			"document types they apply to documents of today. Of packs for the same type the day of the check " +
			"decides: the one that began to hold last applies.\n\n" +
			"With --json one line per pack: its manifest, and today, the number of those document types.",
		RunE: func(*cobra.Command, []string) error {
			packs, err := c.packs(*dir)
			if err != nil {
				return err
			}
			own, err := core.Rules()
			if err != nil {
				return err
			}
			today := validation.Applying(packs, time.Now())
			for i := range packs {
				m := &packs[i].Manifest
				line := struct {
					*pack.Manifest
					Today int `json:"today"`           // document types for which it applies
					Rules int `json:"rules,omitempty"` // of the built-in pack
				}{Manifest: m, Today: today[i]}
				note := ""
				if m.Name == core.Name {
					line.Rules = core.Count(own)
					note = ", " + count(line.Rules, "basic rule", "basic rules")
				}
				if m.With != "" {
					note += ", with " + m.With
				}
				if m.Source != "" {
					note += ", from " + m.Source
				}
				if err := c.print(line, "%-24s %-16s %10s – %-10s  %s, %s today%s%s", m.Name, m.Version, m.ValidFrom,
					m.ValidTo, count(len(m.Documents), "document type", "document types"), applies(today[i]), note,
					lines(m.Remarks)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// applies says for how many document types a pack applies.
func applies(n int) string {
	if n == 0 {
		return "none"
	}
	return "applies to " + strconv.Itoa(n)
}

func (c *cli) rulesCore() *cobra.Command {
	return &cobra.Command{
		Use: "core", Short: "List the rules of the built-in pack", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := core.Rules()
			if err != nil {
				return err
			}
			for i := range list {
				r := &list[i]
				if err := c.print(r, "%-20s %-8s %-24s %s", r.ID, r.Flag, r.File, r.Sentence); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (c *cli) rulesRemove(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME VERSION", Short: "Remove a version of a rule pack", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			from, err := c.rulesDir(*dir)
			if err != nil {
				return err
			}
			if err := pack.Dir(from).Remove(args[0], args[1]); err != nil {
				return fault.New(fault.RulesUnusable, err, "")
			}
			return c.print(map[string]string{"name": args[0], "version": args[1]}, "removed %s %s", args[0], args[1])
		},
	}
}

func (c *cli) rulesXSD() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "xsd --xsd FILE DOCUMENT...", Short: "Check documents against one XML Schema",
		Long: "Checks each document against one schema. With --json one line per document: file, xsd, valid, " +
			"errors.\n\n" +
			"Exit codes: 0 all are valid; 1 one is not, or cannot be read; 2 the schema cannot be used.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if file == "" {
				return badArgs("--xsd is needed: the schema")
			}
			schema, err := validation.LoadSchemaFile(file)
			if err != nil {
				return fault.New(fault.RulesUnusable, err, "")
			}
			for _, name := range args {
				run := schema.Run(name)
				for i, text := range run.Errors {
					run.Errors[i] = fault.PlainText(text)
				}
				text := "valid"
				if !run.Valid {
					c.exit, text = fault.Negative, "invalid"+lines(run.Errors)
				}
				if err := c.print(run, "%s: %s", name, text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "xsd", "", "the schema")
	return cmd
}

func (c *cli) rulesRun() *cobra.Command {
	var sch, phase string
	cmd := &cobra.Command{
		Use: "run --sch FILE DOCUMENT...", Short: "Run one Schematron file on documents and test sets",
		Long: "Runs one rule file, a Schematron schema or one compiled to XSLT, on each document, and on each " +
			"document of a test set.\n" +
			"With --json one line per document: file, index, sch, fired, firedRules, and error if something could " +
			"not be evaluated.\n\n" +
			"Exit codes: 0 no fatal assert failed; 1 one did, or a document cannot be read; 2 the rule file cannot " +
			"be used.",
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
					if err := c.printRun(&validation.RuleRun{
						File: name, Sch: sch, Fired: []validation.Fired{},
						Error: fault.Plain(err),
					}); err != nil {
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
	if err := c.print(nil, "%s [%d]: %s failed, %s fired", r.File, r.Index, count(len(r.Fired), "assert", "asserts"),
		count(r.FiredRules, "rule", "rules")); err != nil {
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

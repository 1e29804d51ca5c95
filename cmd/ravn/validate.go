package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// validateFlags are the flags of validate.
type validateFlags struct {
	doctype, process, rules, on, format, lang string
	testset                                   bool
}

func (c *cli) validate() *cobra.Command {
	var f validateFlags
	cmd := &cobra.Command{
		Use: "validate FILE...", Short: "Check documents against the rules of their type",
		Long: "Checks each document against the schema and rules of its document type and process, which are read " +
			"from the document or its\n" +
			"envelope unless they are given. FILE - is standard input. Without installed rules the built-in pack is " +
			"used, which contains\n" +
			"only the essentials; the verdict then says \"basic rules only\".\n\n" +
			"The report says what each rule found and which values decided; html shows the document beside it.\n\n" +
			"Exit codes: 0 valid; 1 invalid, or XML that cannot be read; 2 there are no rules for it, or there is no " +
			"XML document; 3 checking\n" +
			"it took too much time or memory. With several files: the highest.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.runValidate(cmd, &f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.doctype, "doctype", "",
		"document type identifier without its scheme, or a short name like billing (ravn types)")
	fl.StringVar(&f.process, "process", "", "process identifier, without its scheme")
	fl.StringVar(&f.rules, "rules", "",
		"folder of rule packs, or of one pack as published (default: that of the configuration)")
	fl.StringVar(&f.on, "on", "", "day whose rules apply, YYYY-MM-DD (default: today)")
	fl.BoolVar(&f.testset, "testset", false,
		"run official test sets, and documents with the expected result in a comment")
	fl.StringVar(&f.format, "format", "text", "text, json, svrl (one document) or html")
	fl.StringVar(&f.lang, "lang", string(fault.English), "language of text and html: nb, nn or en")
	return cmd
}

func (c *cli) runValidate(cmd *cobra.Command, f *validateFlags, files []string) error {
	if c.json {
		f.format = "json"
	}
	switch f.format {
	case "text", "json", "html":
	case "svrl":
		if len(files) > 1 {
			return badArgs("--format svrl is for one document")
		}
	default:
		return badArgs("--format: text, json, svrl or html")
	}
	lang := fault.Lang(f.lang)
	if !slices.Contains([]fault.Lang{fault.English, fault.Bokmal, fault.Nynorsk}, lang) {
		return badArgs("--lang: want nb, nn or en, have %q", f.lang)
	}
	on := time.Now()
	if f.on != "" {
		var err error
		if on, err = time.Parse(time.DateOnly, f.on); err != nil {
			return badArgs("--on: want a day like 2026-05-31")
		}
	}
	if t, ok := peppol.TypeNamed(f.doctype); ok {
		f.doctype = t.DocType.Value() // the document says which of its processes it is in
	}
	packs, err := c.packs(f.rules)
	if err != nil {
		return err
	}
	v := validation.New(packs)
	if f.testset {
		return c.runTests(cmd, v, files, on)
	}
	var reports []*validation.Report
	for _, name := range files {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		rep, err := c.validateFile(cmd, v, validation.Request{
			Name: name, DocType: f.doctype, Process: f.process, On: on, Trace: f.format == "svrl",
			View: f.format == "html", Program: programName(),
		})
		if err != nil {
			return err
		}
		c.exit = max(c.exit, exitOf(rep.Verdict))
		if f.format == "html" {
			reports = append(reports, rep)
			continue
		}
		if err := c.printReport(f.format, rep, lang); err != nil {
			return err
		}
	}
	if f.format == "html" {
		return validation.WriteHTML(c.out, reports, lang)
	}
	return nil
}

// validateFile reads and checks a file. Nothing can be said about what is no XML document.
func (c *cli) validateFile(cmd *cobra.Command, v *validation.Validator, r validation.Request) (*validation.Report,
	error,
) {
	in := cmd.InOrStdin()
	if r.Name != "-" {
		f, err := os.Open(r.Name)
		if err != nil {
			return validation.NoFile(r, plainly{err}), nil
		}
		defer func() { _ = f.Close() }() // only read
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return validation.NoFile(r, validation.ErrFolder), nil
		}
		in = f
	}
	const most = validation.DefaultBytes / 2 // the rest is for its tree and the values of rules
	var err error
	if r.Body, err = io.ReadAll(io.LimitReader(in, most+1)); err != nil {
		return validation.NoFile(r, plainly{err}), nil
	}
	if len(r.Body) > most {
		r.Body = nil
		return validation.NoVerdict(r, validation.NotChecked,
			fmt.Sprintf("the document is larger than %d MiB", most>>20)), nil
	}
	if rep := validation.Foreign(r); rep != nil {
		return rep, nil
	}
	return v.Validate(cmd.Context(), r)
}

// plainly is an error in plain words.
type plainly struct{ error }

func (e plainly) Error() string { return fault.Plain(e.error) }

// Unwrap returns the error.
func (e plainly) Unwrap() error { return e.error }

func (c *cli) printReport(format string, rep *validation.Report, lang fault.Lang) error {
	switch format {
	case "json":
		c.json = true
		return c.print(rep, "")
	case "svrl":
		if rep.Reason != "" || len(rep.XSD) > 0 { // SVRL says only what rules found
			if err := rep.WriteText(c.err, lang); err != nil {
				return err
			}
		}
		return rep.WriteSVRL(c.out)
	}
	return rep.WriteText(c.out, lang)
}

// exitOf is the exit code of a verdict.
func exitOf(v validation.Verdict) fault.Exit {
	switch v {
	case validation.Valid:
		return 0
	case validation.Invalid:
		return fault.Negative
	case validation.Error:
		return fault.Usage
	}
	return fault.Unsure
}

// rulesDir is the folder of rule packs: the given one, or that of the configuration.
func (c *cli) rulesDir(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	cfg, err := config.Load(c.config)
	if errors.Is(err, fs.ErrNotExist) {
		return "", badArgs("there is no configuration %s; name the folder of the rules with --rules", c.config)
	}
	if err != nil {
		return "", err
	}
	return cfg.RulesDir(), nil
}

// packs loads the rule packs of a folder and the built-in one.
func (c *cli) packs(given string) ([]pack.Pack, error) {
	list, err := c.installed(given)
	return append(list, core.Pack()), err
}

// installed loads the rule packs of a folder. If no folder is given, there may be none, and no configuration either.
// Unreadable packs are reported and left out.
func (c *cli) installed(given string) ([]pack.Pack, error) {
	list, broken, err := c.stored(given)
	if err != nil {
		return nil, err
	}
	for _, why := range broken {
		c.warn(fault.New(fault.RulesUnusable, why, ""))
	}
	return list, nil
}

// stored is installed, but returns the reasons why packs cannot be read.
func (c *cli) stored(given string) (list []pack.Pack, broken []error, err error) {
	if _, err := os.Stat(c.config); given == "" && !c.given && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	dir, err := c.rulesDir(given)
	if err != nil {
		return nil, nil, err
	}
	list, err = pack.Load(dir)
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(list) > 0 {
		broken = joined.Unwrap()
	} else if err != nil {
		return nil, nil, fault.New(fault.RulesUnusable, err, "")
	}
	if len(list) == 0 && given != "" {
		return nil, nil, fault.New(fault.RulesUnusable, nil,
			"there is no rule pack in %s; install one: ravn rules install", dir)
	}
	return list, broken, nil
}

// runTests runs test sets; a test that fails or cannot be run gives a negative result.
func (c *cli) runTests(cmd *cobra.Command, v *validation.Validator, files []string, on time.Time) error {
	for _, name := range files {
		doc, err := os.ReadFile(name)
		results := []validation.TestResult{{File: name, TestSet: "error", Problems: []string{plainOf(err)}}}
		if err == nil {
			if results, err = v.RunTests(cmd.Context(), name, doc, on); err != nil {
				return err
			}
		}
		for i := range results {
			r := &results[i]
			if r.TestSet != "pass" {
				c.exit = fault.Negative
			}
			if err := c.print(r, "%s [%d]: %s%s", r.File, r.Index, r.TestSet, lines(r.Problems)); err != nil {
				return err
			}
		}
	}
	return nil
}

// plainOf is the text of an error, "" for none.
func plainOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Plain(err)
}

// lines puts each text on a line of its own.
func lines(list []string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString("\n  " + s)
	}
	return b.String()
}

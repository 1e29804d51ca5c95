package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// typeRow is a common document type as it is shown.
type typeRow struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	DocType string `json:"document_type"`
	Process string `json:"process"`
}

func (c *cli) types() *cobra.Command {
	return &cobra.Command{
		Use: "types", Short: "List common document types with the short names that --doctype takes", Args: cobra.NoArgs,
		Long: "A short name stands for a document type and, where no --process is given, for its usual process:\n" +
			"ravn participants add --participant 0192:991825827 --doctype billing",
		RunE: func(*cobra.Command, []string) error {
			for _, t := range peppol.NamedTypes() {
				r := typeRow{t.Name, t.Title, t.DocType.String(), t.Process.String()}
				if err := c.print(r, "%-24s %s\n    %s\n    %s", r.Name, r.Title, r.DocType, r.Process); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// typeFlag is the help of flags that take a document type.
const typeFlag = "document type identifier, or a short name like billing (ravn types)"

// typeFlags reads --doctype and --process, of which the first may be a short name that implies the second. Values that
// are not given stay zero.
func typeFlags(docType, process string) (d peppol.DocTypeID, p peppol.ProcessID, err error) {
	if t, ok := peppol.TypeNamed(docType); ok {
		d, p = t.DocType, t.Process
	} else if docType != "" {
		if d, err = peppol.ParseDocType(docType); err != nil {
			return d, p, fault.New(fault.BadArguments, typeError(docType, err), "--doctype")
		}
	}
	if process != "" {
		if p, err = peppol.ParseProcess(process); err != nil {
			return d, p, fault.New(fault.BadArguments, err, "--process")
		}
	}
	return d, p, nil
}

// typeError says that a word is no short name, where somebody seems to have meant one.
func typeError(docType string, err error) error {
	if shortName.MatchString(docType) {
		return fmt.Errorf("%q is neither a document type identifier nor a short name: ravn types", docType)
	}
	return err
}

// shortName is the form of short names.
var shortName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

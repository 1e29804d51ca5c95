package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/validation"
)

// builtInRules are the rules by which every report is checked when it is made. They contain the code lists.
const builtInRules = "SCH-TSR 1.0.5 and SCH-EUSR 1.1.5, built in"

// CheckInstalled has both reports checked by schema and rules of the packs for them, and names by what they were. What
// gives no verdict because it is too much work does not stop them: the same rules are built in.
func CheckInstalled(ctx context.Context, v *validation.Validator, rep *reporting.Report, on time.Time) ([]string,
	error,
) {
	checks := []string{builtInRules}
	for _, d := range [...]struct {
		name, docType string
		xml           func() []byte
	}{{reporting.FileTSR, peppol.TypeTSR, rep.TSR.XML}, {reporting.FileEUSR, peppol.TypeEUSR, rep.EUSR.XML}} {
		res, err := v.Validate(ctx, validation.Request{
			Name: d.name, DocType: d.docType, Process: reporting.Process,
			On: on, Body: d.xml(),
		})
		if err != nil {
			return nil, err
		}
		by := fmt.Sprintf("%s by %s %s", d.name, res.Pack, res.Version)
		switch res.Verdict {
		case validation.Invalid:
			return nil, fault.New(fault.ReportInvalid, nil, "%s: %s", by, firstReason(res))
		case validation.Error:
			return nil, fault.New(fault.RulesUnusable, nil, "%s: %s", by, res.Reason)
		case validation.NotChecked:
			by += ", no verdict: " + res.Reason
		}
		checks = append(checks, by)
	}
	return checks, nil
}

// firstReason is the first thing that a report says against a document.
func firstReason(r *validation.Report) string {
	switch {
	case len(r.XSD) > 0:
		return fmt.Sprintf("%s: %s", r.XSD[0].Location, r.XSD[0].Text)
	case len(r.Findings) > 0:
		return fmt.Sprintf("%s %s: %s", r.Findings[0].Rule, r.Findings[0].Location, r.Findings[0].Text)
	}
	return r.Reason
}

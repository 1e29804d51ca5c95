package ap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/validation"
)

// Policy says what follows from the verdict on a document.
type Policy string

// Policies. Nothing is rejected but what is invalid: a document without rules, or one that was too much work, goes on and its
// report says so.
const (
	CheckOff    Policy = "off"
	CheckReport Policy = "report" // the report is kept with the message
	CheckReject Policy = "reject" // an invalid document is not taken over
)

// Check checks the documents of one direction. Its zero value checks nothing.
type Check struct {
	Rules  *validation.Validator
	Policy Policy
}

// maxChecked is the largest document that is checked; what is longer is reported as not checked.
const maxChecked = 64 << 20

// document checks one document, nil when there is nothing to say. size is its length, 0 when it is not known. A fault of the
// checker itself is a verdict, too: it never keeps a message back.
func (c *Check) document(ctx context.Context, req validation.Request, size int64, open func() (io.ReadCloser, error)) (rep *validation.Report, err error) {
	if c.Rules == nil || c.Policy == "" || c.Policy == CheckOff {
		return nil, nil
	}
	if size <= maxChecked {
		if req.Body, err = readAll(open); err != nil {
			return nil, err
		}
	}
	if size > maxChecked || len(req.Body) > maxChecked {
		return validation.NoVerdict(req, validation.NotChecked, fmt.Sprintf("the document is larger than %d MiB", maxChecked>>20)), nil
	}
	defer func() {
		if p := recover(); p != nil {
			rep, err = validation.NoVerdict(req, validation.Error, fmt.Sprintf("the checker failed: %v", p)), nil
		}
	}()
	return c.Rules.Validate(ctx, req)
}

// readAll reads a document, or one byte more than is checked.
func readAll(open func() (io.ReadCloser, error)) ([]byte, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxChecked+1))
	return b, errors.Join(err, r.Close())
}

// reportEvidence keeps a report with its message.
func reportEvidence(rep *validation.Report) ([]store.Evidence, error) {
	if rep == nil {
		return nil, nil
	}
	b, err := json.Marshal(rep)
	if err != nil {
		return nil, err
	}
	return []store.Evidence{{Kind: store.EvidenceValidation, ContentType: "application/json", Bytes: b}}, nil
}

// outgoing checks a submission before anything of it is stored. Content that is not XML is not checked.
func (out *Outbound) outgoing(ctx context.Context, s *Submission, h *sbdh.Header) ([]store.Evidence, error) {
	if s.MimeType != "" {
		return nil, nil
	}
	req := validation.Request{DocType: h.DocType.Value(), Process: h.Process.Value(), On: out.Now()}
	rep, err := out.Check.document(ctx, req, 0, s.Open)
	if err != nil {
		return nil, fault.New(fault.DocumentUnreadable, err, "")
	}
	if rep != nil {
		out.observe(StepChecked, rep.Summary())
	}
	if rep != nil && rep.Verdict == validation.Invalid && out.Check.Policy == CheckReject {
		return nil, fault.New(fault.DocumentInvalid, nil, "%s", summary(rep))
	}
	return reportEvidence(rep)
}

// shownFindings is how many findings an error message names.
const shownFindings = 3

// summary names the first faults of a document.
func summary(rep *validation.Report) string {
	var list []string
	for _, e := range rep.XSD {
		list = append(list, fmt.Sprintf("line %d: %s", e.Line, e.Text))
	}
	for _, f := range rep.Findings {
		if f.Flag != "warning" {
			list = append(list, fmt.Sprintf("line %d: %s %s", f.Line, f.Rule, f.Text))
		}
	}
	more := ""
	if n := len(list) - shownFindings; n > 0 {
		list, more = list[:shownFindings], fmt.Sprintf("; and %d more", n)
	}
	if len(list) == 0 {
		return rep.Reason
	}
	return strings.TrimSuffix(strings.Join(list, "; "), ".") + more
}

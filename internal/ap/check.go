package ap

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/validation"
)

// Policy says what happens after a document was checked.
type Policy string

// Policies. They are about invalid documents; NoRules is about those that could not be checked.
const (
	CheckOff    Policy = "off"
	CheckReport Policy = "report" // the report is kept with the message
	CheckReject Policy = "reject" // an invalid document is not accepted
)

// NoRules says what happens to a submission that is to be checked, but for which there are no rules, or whose check
// took too much time or memory.
type NoRules string

// Values of NoRules.
const (
	NoRulesAccept NoRules = "accept" // it goes on, and its report says so
	NoRulesReject NoRules = "reject"
)

// Check checks the documents of one direction. Its zero value checks nothing.
type Check struct {
	Rules   *validation.Validator
	Policy  Policy
	NoRules NoRules
	Room    *validation.Room // memory that all checks of the node share; nil means the default size for each check
	Timeout time.Duration    // for waiting for memory and checking; 0 means DefaultCheckTimeout
	Program string           // name and version of the program, for the reports
}

// DefaultCheckTimeout is far shorter than the time that the queue allows for a delivery.
const DefaultCheckTimeout = 5 * time.Minute

// document checks one document and returns nil if checking is off. size is its length, 0 if unknown. A document that
// would take too much time or memory is reported as not checked, and a failure of the checker itself is a verdict, too:
// none of that may hold up a message (design.md §3).
func (c *Check) document(ctx context.Context, req validation.Request, size int64,
	open func() (io.ReadCloser, error),
) (*validation.Report, error) {
	if c.Rules == nil || c.Policy == "" || c.Policy == CheckOff {
		return nil, nil
	}
	req.Program = c.Program
	limit := c.timeout(ctx)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rep, err := c.inRoom(limited, req, size, open)
	var large *validation.TooLarge
	switch {
	case errors.As(err, &large):
		return validation.NoVerdict(req, validation.NotChecked, large.Error()), nil
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		const busy = "other documents were being checked, and no memory became free for this one within %v"
		return validation.NoVerdict(req, validation.NotChecked, fmt.Sprintf(busy, limit)), nil
	}
	return rep, err
}

// timeout is how long waiting and checking may take: at most half of what ctx allows, so that time is left for the
// delivery.
func (c *Check) timeout(ctx context.Context) time.Duration {
	limit := cmp.Or(c.Timeout, DefaultCheckTimeout)
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	return limit
}

// inRoom finds out how much memory the document needs, waits until that is free, and only then reads it into memory.
func (c *Check) inRoom(ctx context.Context, req validation.Request, size int64,
	open func() (io.ReadCloser, error),
) (*validation.Report, error) {
	room := c.Room
	if room == nil {
		room = &validation.Room{Bytes: validation.DefaultRoom}
	}
	if least := validation.LeastNeed(size); least > room.Bytes {
		return nil, &validation.TooLarge{Need: least, Room: room.Bytes}
	}
	var need validation.Need
	err := reading(open, func(r io.Reader) (err error) { need, err = validation.ReadNeed(r, room.Bytes); return err })
	if err != nil {
		return nil, err
	}
	place, err := room.Take(ctx, need)
	if err != nil {
		return nil, err
	}
	defer place.Free()
	req.Budget, req.Body = place.Budget(), make([]byte, need.Document)
	err = reading(open, func(r io.Reader) error { _, err := io.ReadFull(r, req.Body); return err })
	if err != nil {
		return nil, err
	}
	return c.evaluate(ctx, req)
}

// evaluate checks a document that is in memory.
func (c *Check) evaluate(ctx context.Context, req validation.Request) (rep *validation.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			rep, err = validation.NoVerdict(req, validation.Error, fmt.Sprintf("the checker failed: %v", p)), nil
		}
	}()
	return c.Rules.Validate(ctx, req)
}

// reading opens a document, passes it to read and closes it.
func reading(open func() (io.ReadCloser, error), read func(io.Reader) error) error {
	r, err := open()
	if err != nil {
		return err
	}
	return errors.Join(read(r), r.Close())
}

// reportEvidence returns a report in the form in which it is kept with its message.
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

// verdict is what a report comes to, "" without one.
func verdict(rep *validation.Report) string {
	if rep == nil {
		return ""
	}
	return string(rep.Verdict)
}

// outgoing checks a submission before anything is stored. Content that is not XML is not checked.
func (out *Outbound) outgoing(ctx context.Context, s *Submission, h *sbdh.Header) (*validation.Report, error) {
	if s.MimeType != "" {
		return nil, nil
	}
	req := validation.Request{DocType: h.DocType.Value(), Process: h.Process.Value(), On: out.Now()}
	rep, err := out.checked(ctx, &out.Check, string(store.Out), req, 0, s.Open)
	if err != nil {
		return nil, fault.New(fault.DocumentUnreadable, err, "")
	}
	if rep != nil {
		out.observe(StepChecked, rep.Summary())
	}
	if rep != nil && rep.Verdict == validation.Invalid && out.Check.Policy == CheckReject {
		return nil, fault.New(fault.DocumentInvalid, nil, "%s", summary(rep))
	}
	if rep != nil && (rep.Verdict == validation.Error || rep.Verdict == validation.NotChecked) &&
		out.Check.NoRules == NoRulesReject {
		return nil, fault.New(fault.DocumentUnchecked, nil, "%s", cmp.Or(rep.Reason, string(rep.Verdict)))
	}
	return rep, nil
}

// shownFindings is how many findings an error message names.
const shownFindings = 3

// summary lists the first errors in a document.
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

package ap

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/validation"
)

// Meter is told what was done and how long it took (OPS-080). It must return at once.
type Meter interface {
	Step(step string, took time.Duration)                     // of sending: seal or post
	Attempt(outcome, code string, status int)                 // to send
	Delivery(backend, outcome string, took time.Duration)     // an attempt to deliver
	Validation(direction, verdict string, took time.Duration) // a check of a document
}

// step tells the meter how long a step of sending took that began at the given time.
func (c *Core) step(name string, began time.Time) {
	if c.Meter != nil {
		c.Meter.Step(name, time.Since(began))
	}
}

// attempted tells the meter how an attempt to send ended.
func (c *Core) attempted(err error) {
	if c.Meter == nil {
		return
	}
	if err == nil {
		c.Meter.Attempt("receipt", "", 0)
		return
	}
	outcome, code, status := "error", "", 0
	if se := (*as4.SendError)(nil); errors.As(err, &se) {
		outcome, status = string(se.Outcome), se.HTTPStatus
		if se.Signal != nil {
			code = string(se.Signal.Code)
		}
	}
	c.Meter.Attempt(outcome, code, status)
}

// delivered tells the meter how an attempt to deliver ended: with one of the classes of OPS-004.
func (in *Inbound) delivered(to Destination, began time.Time, out backend.Outcome) {
	if in.Meter == nil {
		return
	}
	class := out.Class
	if !out.Final() {
		class = backend.Retry
	}
	in.Meter.Delivery(to.Backend.Name(), string(class), time.Since(began))
}

// checked is Check.document, of which the meter is told.
func (c *Core) checked(ctx context.Context, check *Check, direction string, req validation.Request, size int64,
	open func() (io.ReadCloser, error),
) (*validation.Report, error) {
	began := time.Now()
	rep, err := check.document(ctx, req, size, open)
	if rep != nil && c.Meter != nil {
		c.Meter.Validation(direction, string(rep.Verdict), time.Since(began))
	}
	return rep, err
}

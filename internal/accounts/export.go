package accounts

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// ExportOptions say how an export looks, and who we are.
type ExportOptions struct {
	Lang     fault.Lang // of headings and texts; "" means Bokmål
	Template *Template  // nil means the built-in one

	Provider string // our name as service provider; "" means our seats
	Org      string // our organisation number; this and the next ones are reported as missing if they are ""
	Contact  string
	To       string // mail address of DFØ
}

// Export is what is exported of a month: for DFØ, and for those who write invoices.
type Export struct {
	Month    peppol.Month
	Preview  bool         // the month is not closed
	Totals   []SeatTotals // by seat
	Sent     int64
	Received int64

	opts  ExportOptions
	own   string  // our own participant
	built []Built // newest builds, by seat
	lines []line  // by customer
}

// SeatTotals are the totals of a seat.
type SeatTotals struct {
	Seat     peppol.SeatID
	Revision int64 // of the build from which they are; 0: as the TSR would be now
	Sent     int64
	Received int64
}

// OptionError says which option of an export is wrong.
type OptionError struct {
	Option string // its name on the command line
	Reason string
}

func (e *OptionError) Error() string { return "--" + e.Option + ": " + e.Reason }

// about lists the options about us and DFØ, with their names on the command line.
func (o *ExportOptions) about() [4]struct{ name, value string } {
	return [...]struct{ name, value string }{
		{"sp-name", o.Provider},
		{"org", o.Org},
		{"contact", o.Contact},
		{"to", o.To},
	}
}

// complete fills in defaults and returns what is wrong.
func (o *ExportOptions) complete() error {
	if o.Lang == "" {
		o.Lang = fault.Bokmal
	}
	if !slices.Contains(fault.Languages, o.Lang) {
		return &OptionError{"lang", fmt.Sprintf("want nb, nn or en, have %q", o.Lang)}
	}
	for _, f := range o.about() {
		if strings.ContainsFunc(f.value, unicode.IsControl) {
			return &OptionError{f.name, "has a line end or another control character"}
		}
	}
	if o.To != "" {
		if _, err := mail.ParseAddress(o.To); err != nil {
			return &OptionError{"to", fmt.Sprintf("%q is no mail address", o.To)}
		}
	}
	if o.Template == nil {
		o.Template = new(builtIn)
	}
	return nil
}

// Export counts a month for DFØ and for invoices. The numbers are those of the TSR: of the newest build if there is
// one, with the countries that customers had then. If the rows of a closed month add up to something else, it returns
// ErrDrift.
func (a *Accounts) Export(ctx context.Context, m peppol.Month, o ExportOptions) (*Export, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	latest, err := a.currentWorker(ctx, m)
	if err != nil {
		return nil, err
	}
	st, err := a.state(ctx, m)
	if err != nil {
		return nil, err
	}
	e := &Export{Month: m, Preview: st.Closed.IsZero(), opts: o, own: a.Own}
	reported, err := e.totals(ctx, a, latest)
	if err != nil {
		return nil, err
	}
	if err := e.gather(a.worker(ctx, reported), latest.reg); err != nil {
		return nil, err
	}
	if !e.Preview && !e.agrees() {
		return nil, fmt.Errorf("report: export of %s: %w", m, ErrDrift)
	}
	return e, nil
}

// totals reads the totals of the TSR, and returns the customers that it was made with.
func (e *Export) totals(ctx context.Context, a *Accounts, latest *worker) (*Registry, error) {
	list, err := a.Archive(ctx, e.Month)
	if err != nil {
		return nil, err
	}
	e.built = slices.DeleteFunc(list, func(b Built) bool { return b.Replaced != 0 })
	if len(e.built) == 0 {
		pairs, err := latest.pairs(e.Month, latest.counts(e.Month), true)
		for _, p := range pairs {
			e.addTotals(p.Seat, 0, p.Report.TSR)
		}
		return latest.reg, err
	}
	for i := range e.built {
		tsr, err := reporting.ReadTSR(e.built[i].XML.TSR)
		if err != nil {
			return nil, err
		}
		e.addTotals(e.built[i].Seat, e.built[i].Revision, tsr)
	}
	return a.Registry(ctx, e.built[0].Events) // the same for all seats: Build makes them together
}

func (e *Export) addTotals(seat peppol.SeatID, revision int64, tsr *reporting.TSR) {
	e.Totals = append(e.Totals, SeatTotals{seat, revision, int64(tsr.Total.Outgoing), int64(tsr.Total.Incoming)})
}

// agrees reports whether the lines add up to the totals of each seat.
func (e *Export) agrees() bool {
	rest := map[string][2]int64{}
	for _, t := range e.Totals {
		rest[string(t.Seat)] = [2]int64{t.Sent, t.Received}
	}
	for i := range e.lines {
		l := &e.lines[i]
		r := rest[l.seat]
		r[0], r[1] = r[0]-l.sent(), r[1]-l.received()
		rest[l.seat] = r
	}
	for _, r := range rest {
		if r != [2]int64{} {
			return false
		}
	}
	return true
}

// seats lists all seats.
func (e *Export) seats() string {
	var list []string
	for _, t := range e.Totals {
		list = append(list, string(t.Seat))
	}
	return strings.Join(list, ", ")
}

// provider is our name.
func (e *Export) provider() string {
	if e.opts.Provider == "" {
		return e.seats()
	}
	return e.opts.Provider
}

// Missing lists the options that are missing for a complete export, by their names on the command line.
func (e *Export) Missing() []string {
	var list []string
	for _, f := range e.opts.about() {
		if f.value == "" {
			list = append(list, f.name)
		}
	}
	return list
}

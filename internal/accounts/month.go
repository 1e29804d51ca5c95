package accounts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// Errors of months.
var (
	// ErrOpen means that reports are built for closed months only; a preview is possible on any day.
	ErrOpen = errors.New("the month is not closed")

	// ErrWindow means that the last day is over on which OpenPeppol takes corrections (RPT-4).
	ErrWindow = errors.New("OpenPeppol does not process corrections after the 15th")

	// ErrDrift means that counts, rows and reports do not agree: a bug in this program or of its database.
	ErrDrift = errors.New("the counts do not equal the rows")
)

// WorklistError says why a month cannot be closed: customers whose country is not known.
type WorklistError struct{ Missing []Missing }

func (e *WorklistError) Error() string {
	const shown = 5
	var list []string
	for i, m := range e.Missing {
		if i == shown {
			list = append(list, fmt.Sprintf("and %d more", len(e.Missing)-shown))
			break
		}
		list = append(list, m.Participant)
	}
	return fmt.Sprintf("no customer with a country has: %s", strings.Join(list, ", "))
}

// Closing returns what a month comes to if it may be closed: it is over, every end user has a country, and the reports
// are fit to be sent.
func (a *Accounts) Closing(ctx context.Context, m peppol.Month) ([]Pair, error) {
	if _, end := m.Bounds(); a.Now().Before(end) {
		return nil, fmt.Errorf("%w: %s can be closed from %s", ledger.ErrMonthNotOver, m,
			end.Add(ledger.CloseDelay).Format(time.RFC3339))
	}
	pairs, err := a.Preview(ctx, m)
	if err != nil {
		return nil, err
	}
	var missing []Missing
	for _, p := range pairs {
		missing = append(missing, p.Missing...)
	}
	if len(missing) > 0 {
		return nil, &WorklistError{missing}
	}
	for _, p := range pairs {
		if list := p.Report.Check(); len(list) > 0 {
			return nil, &reporting.RuleError{Findings: list}
		}
	}
	return pairs, nil
}

// Close closes a month for good, if Closing allows it: later exchanges count in the next one.
func (a *Accounts) Close(ctx context.Context, m peppol.Month, actor string) error {
	if _, err := a.Closing(ctx, m); err != nil {
		return err
	}
	return a.Ledger.CloseMonth(ctx, a.Tenant, m, actor)
}

// Built is an entry of the archive.
type Built struct {
	Month    string        `json:"month"`
	Seat     peppol.SeatID `json:"seat"`
	Revision int64         `json:"revision"`
	At       time.Time     `json:"at"`
	Actor    string        `json:"actor"`
	Events   int64         `json:"events"` // last change of the customer registry that was used
	TSR      string        `json:"tsr_sha256"`
	EUSR     string        `json:"eusr_sha256"`
	Protocol Protocol      `json:"protocol"`
	Replaced int64         `json:"superseded_by,omitempty"` // the revision that replaces it

	XML reports `json:"-"`
}

// reports are the reports of a build.
type reports struct{ TSR, EUSR []byte }

// Documents returns the reports with the names of their files.
func (b *Built) Documents() []reporting.Document {
	content := func(xml []byte) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := w.Write(xml)
			return err
		}
	}
	return []reporting.Document{
		{Name: reporting.FileTSR, Write: content(b.XML.TSR)},
		{Name: reporting.FileEUSR, Write: content(b.XML.EUSR)},
	}
}

// Protocol says with which programs and rules a pair of reports was checked.
type Protocol struct {
	Program string   `json:"program"`
	Rules   []string `json:"rules"` // none of them is broken
}

// Build makes the reports of a closed month and archives them as a new revision for each seat. They are made from the
// rows and must equal those made from the counts: two independent ways to the same numbers.
func (a *Accounts) Build(ctx context.Context, m peppol.Month, actor string) ([]Built, error) {
	if err := a.mayBuild(ctx, m); err != nil {
		return nil, err
	}
	w, err := a.currentWorker(ctx, m)
	if err != nil {
		return nil, err
	}
	pairs, err := w.pairs(m, w.rows(m), false)
	if err != nil {
		return nil, err
	}
	counted, err := w.pairs(m, w.counts(m), false)
	if err != nil {
		return nil, err
	}
	if !equal(pairs, counted) {
		return nil, fmt.Errorf("report: %s: %w", m, ErrDrift)
	}
	var out []Built
	for _, p := range pairs {
		checks, err := CheckInstalled(ctx, a.Rules, p.Report, a.Now())
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(Protocol{a.Program, checks})
		if err != nil {
			return nil, err
		}
		b := ledger.ReportBuild{
			Month: m, Seat: string(p.Seat), Actor: actor, Events: w.reg.Events,
			TSR: p.Report.TSR.XML(), EUSR: p.Report.EUSR.XML(), Protocol: string(text),
		}
		if err := a.Ledger.ArchiveReport(ctx, a.Tenant, &b); err != nil {
			return nil, err
		}
		e, err := entry(&b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// mayBuild refuses open months, and corrections that come too late to be processed.
func (a *Accounts) mayBuild(ctx context.Context, m peppol.Month) error {
	st, err := a.state(ctx, m)
	if err != nil {
		return err
	}
	if st.Closed.IsZero() {
		return fmt.Errorf("%w: %s", ErrOpen, m)
	}
	earlier, err := a.Ledger.ReportBuilds(ctx, a.Tenant, m)
	if err == nil && len(earlier) > 0 && a.Now().After(DueOpenPeppol(m)) {
		err = fmt.Errorf("%w: revision %d of %s counts", ErrWindow, earlier[len(earlier)-1].Revision, m)
	}
	return err
}

// state is what the record knows about a month; zero if it knows nothing.
func (a *Accounts) state(ctx context.Context, m peppol.Month) (ledger.MonthState, error) {
	list, err := a.Ledger.Months(ctx, a.Tenant)
	for _, st := range list {
		if st.Month == m {
			return st, err
		}
	}
	return ledger.MonthState{Month: m}, err
}

func equal(a, b []Pair) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Seat != b[i].Seat || !bytes.Equal(a[i].Report.TSR.XML(), b[i].Report.TSR.XML()) ||
			!bytes.Equal(a[i].Report.EUSR.XML(), b[i].Report.EUSR.XML()) {
			return false
		}
	}
	return true
}

// entry describes a build of the archive.
func entry(b *ledger.ReportBuild) (Built, error) {
	e := Built{
		Month: b.Month.String(), Seat: peppol.SeatID(b.Seat), Revision: b.Revision, At: b.At, Actor: b.Actor,
		Events: b.Events,
		TSR:    hash(b.TSR), EUSR: hash(b.EUSR), XML: reports{b.TSR, b.EUSR},
	}
	return e, json.Unmarshal([]byte(b.Protocol), &e.Protocol)
}

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Archive returns the builds of a month by seat, the oldest first.
func (a *Accounts) Archive(ctx context.Context, m peppol.Month) ([]Built, error) {
	list, err := a.Ledger.ReportBuilds(ctx, a.Tenant, m)
	if err != nil {
		return nil, err
	}
	var out []Built
	newest := map[string]int64{}
	for i := range list {
		newest[list[i].Seat] = list[i].Revision
	}
	for i := range list {
		e, err := entry(&list[i])
		if err != nil {
			return nil, err
		}
		if n := newest[list[i].Seat]; n != e.Revision {
			e.Replaced = n
		}
		out = append(out, e)
	}
	return out, nil
}

// Verified is the outcome of a verification.
type Verified struct {
	Month  string   `json:"month"`
	Rows   int64    `json:"rows"`
	Builds int      `json:"builds"` // archived builds that were made again with the same result
	Wrong  []string `json:"wrong"`  // empty if everything agrees
}

// Verify recomputes a month from its rows: the counts, and each archived report with the customers as they were then.
func (a *Accounts) Verify(ctx context.Context, m peppol.Month) (*Verified, error) {
	w, err := a.currentWorker(ctx, m)
	if err != nil {
		return nil, err
	}
	v := &Verified{Month: m.String(), Wrong: []string{}}
	if err := w.recount(m, v); err != nil {
		return nil, err
	}
	list, err := a.Archive(ctx, m)
	if err != nil {
		return nil, err
	}
	rebuilt := map[int64][]Pair{} // by the last correction
	for i := range list {
		b := &list[i]
		pairs, ok := rebuilt[b.Events]
		if !ok {
			reg, err := a.Registry(ctx, b.Events)
			if err != nil {
				return nil, err
			}
			then := a.worker(ctx, reg)
			if pairs, err = then.pairs(m, then.rows(m), true); err != nil {
				return nil, err
			}
			rebuilt[b.Events] = pairs
		}
		v.compare(b, pairs)
	}
	return v, nil
}

// compare compares a build with the reports that were made again for its seat.
func (v *Verified) compare(b *Built, pairs []Pair) {
	for _, p := range pairs {
		if p.Seat != b.Seat {
			continue
		}
		switch {
		case !bytes.Equal(p.Report.TSR.XML(), b.XML.TSR):
			v.wrong(reporting.FileTSR, b)
		case !bytes.Equal(p.Report.EUSR.XML(), b.XML.EUSR):
			v.wrong(reporting.FileEUSR, b)
		default:
			v.Builds++
		}
		return
	}
	v.Wrong = append(v.Wrong, fmt.Sprintf("the rows have nothing of %s, of which there is revision %d", b.Seat,
		b.Revision))
}

func (v *Verified) wrong(file string, b *Built) {
	v.Wrong = append(v.Wrong,
		fmt.Sprintf("%s of %s, revision %d, has another content when it is made of the rows again", file, b.Seat,
			b.Revision))
}

// recount compares the counts with the rows. For both it adds up hashes of everything that is counted, so that it needs
// no memory for them; different rows practically never give the same sum.
func (w *worker) recount(m peppol.Month, v *Verified) error {
	kept, counted, err := added(w.counts(m))
	if err != nil {
		return err
	}
	made, rows, err := added(w.rows(m))
	v.Rows = rows
	if kept != made {
		v.Wrong = append(v.Wrong, fmt.Sprintf("the counts are of %d exchanges and do not equal the %d rows", counted,
			rows))
	}
	return err
}

// seed makes the hashes of one process.
var seed = maphash.MakeSeed()

// added adds up the hashes of everything that is counted, each times its count.
func added(src source) (sum [2]uint64, rows int64, err error) {
	type user struct {
		ledger.TotalsKey
		ledger.UserTotal
	}
	type peer struct {
		ledger.TotalsKey
		ledger.PeerTotal
	}
	for t, err := range src {
		if err != nil {
			return sum, 0, err
		}
		for _, u := range t.Users {
			n := u.N
			u.N = 0
			sum[0] += maphash.Comparable(seed, user{t.TotalsKey, u}) * uint64(n)
			rows += n
		}
		for _, p := range t.Peers {
			n := p.N
			p.N = 0
			sum[1] += maphash.Comparable(seed, peer{t.TotalsKey, p}) * uint64(n)
		}
	}
	return sum, rows, nil
}

package accounts

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

var october = peppol.Month(202610)

// The worked example of RPT-8, exchanged by a record, comes out to the byte; the month closes only with a customer for
// each participant, and only when it is over.
func TestWorkedExampleRPT8(t *testing.T) {
	w := newWorld(t)
	w.october()
	ctx := t.Context()
	pairs, err := w.Preview(ctx, october)
	w.must(err)
	if len(pairs) != 1 || pairs[0].Report.TSR.Total != (reporting.Counts{Incoming: 6, Outgoing: 6}) {
		t.Fatalf("%+v", pairs)
	}
	if got := fmt.Sprint(
		pairs[0].Missing); got != "[{0088:7080000000012  1} {0192:910000002  1} "+
		"{0192:910000003  1} {0192:910000004  2}]" {
		t.Errorf("worklist %s", got) // senders have the country of their envelopes, and our own participant has ours
	}
	if got := fmt.Sprint(
		pairs[0].Unowned); got != "[{0088:7080000000012  2} {0192:910000001  2} {0192:910000002  3} {0192:910000003  "+
		"2} {0192:910000004  2}]" {
		t.Errorf("of no customer %s", got)
	}
	if err := w.Close(ctx, october, "op"); !errors.Is(err, ledger.ErrMonthNotOver) {
		t.Errorf("closed before its end: %v", err)
	}
	if _, err := w.Build(ctx, october, "op"); !errors.Is(err, ErrOpen) {
		t.Errorf("built while open: %v", err)
	}
	w.set("2026-11-01T00:10:00Z")
	w.must(w.Close(ctx, peppol.Month(202609), "op")) // nothing incoming in it
	var missing *WorklistError
	if err := w.Close(ctx, october, "op"); !errors.As(err, &missing) || len(missing.Missing) != 4 ||
		!strings.Contains(err.Error(), custD) {
		t.Errorf("closed without customers: %v", err)
	}
	if n, err := w.Change(ctx, "op", customers()); err != nil || n != 13 {
		t.Fatalf("%d corrections, %v", n, err)
	}
	w.must(w.Close(ctx, october, "op"))
	built, err := w.Build(ctx, october, "op")
	w.must(err)
	if len(built) != 1 || built[0].Revision != 1 || built[0].Events != 13 ||
		!strings.Contains(fmt.Sprint(built[0].Protocol), "ravn-core") {
		t.Fatalf("%+v", built)
	}
	if x := built[0].XML; !bytes.Equal(x.TSR, worked(t, reporting.FileTSR)) ||
		!bytes.Equal(x.EUSR, worked(t, reporting.FileEUSR)) {
		t.Errorf("others than those of the worked example:\n%s\n%s", x.TSR, x.EUSR)
	}
	w.must(w.UpdateTotals(ctx))
	pairs, err = w.Preview(ctx, october)
	w.must(err)
	if len(pairs[0].Missing) != 0 || len(pairs[0].Unowned) != 0 ||
		!bytes.Equal(pairs[0].Report.EUSR.XML(), worked(t, "eusr.xml")) {
		t.Error("the preview differs when all is counted and known")
	}
	v, err := w.Verify(ctx, october)
	w.must(err)
	if v.Rows != 12 || v.Builds != 1 || len(v.Wrong) != 0 {
		t.Errorf("%+v", v)
	}
}

// closedOctober is a world with the worked example, in November.
func closedOctober(t *testing.T) *world {
	w := newWorld(t)
	w.october()
	_, err := w.Change(t.Context(), "op", customers())
	w.must(err)
	w.set("2026-11-02T08:00:00Z")
	w.must(w.Close(t.Context(), peppol.Month(202609), "op"))
	w.must(w.Close(t.Context(), october, "op"))
	return w
}

// TestRevisions: a correction gives a new revision until the 15th, the older one can be made again, and the difference
// is named.
func TestRevisions(t *testing.T) {
	w := closedOctober(t)
	ctx := t.Context()
	_, err := w.Build(ctx, october, "op")
	w.must(err)
	_, err = w.Change(ctx, "op", []Customer{{ID: "D", Name: "Delta AS", Country: "SE"}})
	w.must(err)
	_, err = w.Build(ctx, october, "op")
	w.must(err)
	diff, err := w.Diff(ctx, october, own, 1, 2)
	w.must(err)
	var text strings.Builder
	for _, d := range diff {
		fmt.Fprintf(&text, "%s %s: %q %q\n", d.Report,
			strings.NewReplacer(inv, "INV", processes[inv], "PR").Replace(d.Number), d.A, d.B)
	}
	if want := `eusr PerEUC EndUserCountry=SE: "sending 1, receiving 1, either 1" ` +
		`"sending 1, receiving 2, either 2"`; !strings.Contains(text.String(), want) {
		t.Errorf("the difference lacks %s:\n%s", want, &text)
	}
	list, err := w.Archive(ctx, october)
	w.must(err)
	if len(list) != 2 || list[0].Replaced != 2 || list[1].Replaced != 0 || list[0].TSR == list[1].TSR {
		t.Errorf("archive %+v", list)
	}
	v, err := w.Verify(ctx, october)
	w.must(err)
	if v.Builds != 2 || len(v.Wrong) != 0 {
		t.Errorf("%+v", v)
	}
	w.set("2026-11-15T23:59:58Z")
	_, err = w.Build(ctx, october, "op")
	w.must(err)
	w.set("2026-11-16T00:00:00Z")
	if _, err := w.Build(ctx, october, "op"); !errors.Is(err, ErrWindow) {
		t.Errorf("a correction on the 16th: %v", err)
	}
	if _, err := w.Diff(ctx, october, own, 1, 9); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("a revision that is not there: %v", err)
	}
}

// The counts advance also when a month was closed before all of its rows were in them, and the customers have changed
// since.
func TestTotalsAfterClose(t *testing.T) {
	w := newWorld(t)
	w.october()
	ctx := t.Context()
	_, err := w.Change(ctx, "op", customers())
	w.must(err)
	w.must(w.UpdateTotals(ctx))
	w.received("2026-10-31T23:59:00Z", "PNO000888", inv, custD, "NO")
	w.set("2026-11-01T00:10:00Z")
	w.must(w.Close(ctx, peppol.Month(202609), "op"))
	w.must(w.Close(ctx, october, "op"))
	_, err = w.Change(ctx, "op", []Customer{{ID: "D", Name: "Delta AS", Country: "SE"}})
	w.must(err)
	w.received("2026-11-02T00:00:00Z", "PNO000888", inv, custD, "NO")
	w.must(w.UpdateTotals(ctx))
	months, err := w.Ledger.Months(ctx, w.Tenant)
	w.must(err)
	for _, m := range months {
		if !m.Summed {
			t.Errorf("%s has no totals", m.Month)
		}
	}
	v, err := w.Verify(ctx, october)
	w.must(err)
	if v.Rows != 13 || len(v.Wrong) != 0 {
		t.Errorf("%+v", v)
	}
}

// An empty month has reports, too.
func TestEmptyMonth(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.set("2026-11-02T00:00:00Z")
	w.must(w.Close(ctx, october, "op"))
	built, err := w.Build(ctx, october, "op")
	w.must(err)
	if len(built) != 1 || strings.Contains(string(built[0].XML.TSR), "Subtotal") || built[0].Seat != own {
		t.Errorf("%+v %s", built, built[0].XML.TSR)
	}
}

// TestVerifyFinds: a record that was tampered with does not verify.
func TestVerifyFinds(t *testing.T) {
	w := closedOctober(t)
	ctx := t.Context()
	w.must(w.Ledger.ArchiveReport(ctx, w.Tenant, &ledger.ReportBuild{
		Month: 202610, Seat: own, TSR: []byte("<forged/>"), EUSR: worked(t, "eusr.xml"), Events: 13, Protocol: "{}",
	}))
	w.must(w.Ledger.ArchiveReport(ctx, w.Tenant,
		&ledger.ReportBuild{Month: 202610, Seat: "PNO000999", TSR: []byte{}, EUSR: []byte{}, Protocol: "{}"}))
	v, err := w.Verify(ctx, october)
	w.must(err)
	if len(v.Wrong) != 2 || !strings.Contains(v.Wrong[0], "tsr.xml of PNO000777, revision 1") ||
		!strings.Contains(v.Wrong[1], "PNO000999") {
		t.Errorf("%+v", v)
	}

	w.must(w.UpdateTotals(ctx))
	db, err := sql.Open("sqlite", w.file)
	w.must(err)
	defer func() { _ = db.Close() }()
	_, err = db.Exec("DELETE FROM ledger WHERE seq = 5") // a row is lost
	w.must(err)
	if v, err = w.Verify(ctx, october); err != nil || v.Rows != 11 ||
		!strings.Contains(v.Wrong[0], "counts are of 12 exchanges and do not equal the 11 rows") {
		t.Errorf("%+v %v", v, err)
	}
	if _, err := w.Build(ctx, october, "op"); !errors.Is(err, ErrDrift) {
		t.Errorf("built of rows that the counts do not equal: %v", err)
	}
}

// TestExplain lists the messages behind a number of the worked example.
func TestExplain(t *testing.T) {
	w := newWorld(t)
	w.october()
	_, err := w.Change(t.Context(), "op", customers())
	w.must(err)
	for _, tc := range []struct {
		name string
		q    Query
		want int
	}{
		{"all", Query{}, 12},
		{"PerSP-DT-PR POP000555 INV", Query{Provider: "POP000555", DocType: inv, Process: processes[inv]}, 3},
		{"of them incoming", Query{Direction: "incoming", Provider: "POP000555", DocType: inv}, 2},
		{"PerSP-DT-PR-CC ZZ", Query{Direction: "incoming", C1Country: "ZZ"}, 1},
		{"PerEUC SE", Query{UserCountry: "SE"}, 2},
		{"by the GLN of A", Query{EndUser: custAGLN}, 2},
		{"customer A", Query{EndUser: "A"}, 4},
		{"no exchange", Query{Direction: "outgoing", Provider: "POP000555", UserCountry: "DK"}, 0},
		{"sent by us to us", Query{Provider: own, C4Country: "NO"}, 1},
	} {
		n := 0
		err := w.Accounts.Rows(t.Context(), october, tc.q, func(x *Exchange) error {
			n++
			if x.MessageID == "" || x.Customer == "" && x.DocType != mls {
				t.Errorf("%s: %+v", tc.name, x)
			}
			return nil
		})
		if err != nil || n != tc.want {
			t.Errorf("%s: %d exchanges, want %d; %v", tc.name, n, tc.want, err)
		}
	}
}

// A filter that nothing in the record can have is an error that names it, not an empty list.
func TestExplainRefusesUnknownFilters(t *testing.T) {
	w := newWorld(t)
	w.october()
	_, err := w.Change(t.Context(), "op", customers())
	w.must(err)
	for key, q := range map[string]Query{
		"direction":        {Direction: "in"},
		"seat":             {Seat: "POP999999"},
		"sp":               {Provider: "POP999999"},
		"doctype":          {DocType: inv + "x"},
		"process":          {Process: "urn:fdc:peppol.eu:2017:poacc:billing:01:9.9"},
		"sender-country":   {C1Country: "XX"},
		"receiver-country": {C4Country: "no"},
		"end-user-country": {UserCountry: "Norway"},
		"end-user":         {EndUser: "nobody"},
	} {
		err := w.Accounts.Rows(t.Context(), october, q,
			func(x *Exchange) error { t.Errorf("%s: %+v", key, x); return nil })
		var bad *QueryError
		if !errors.As(err, &bad) || bad.Key != key {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

// TestStatus: what is due when (RPT-4, RPT-9.2, NO-j.7), with a fake clock.
func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.october()
	ctx := t.Context()
	show := func(at string) string {
		w.set(at)
		list, err := w.Status(ctx)
		w.must(err)
		var out []string
		for _, d := range list {
			out = append(out, fmt.Sprintf("%s %s %s", d.Month[5:], d.What, d.State))
		}
		return strings.Join(out, ", ")
	}
	for at, want := range map[string]string{
		"2026-11-01T00:00:00Z": "10 dfo open, 10 tsr open, 10 eusr open, 09 dfo overdue, 09 tsr overdue, 09 eusr " +
			"overdue",
		"2026-11-06T00:00:00Z": "10 dfo near, 10 tsr open, 10 eusr open, 09 dfo overdue, 09 tsr overdue, 09 eusr " +
			"overdue",
		"2026-11-10T23:59:59Z": "10 dfo near, 10 tsr open, 10 eusr open, 09 dfo overdue, 09 tsr overdue, 09 eusr " +
			"overdue",
		"2026-11-11T00:00:00Z": "10 dfo overdue, 10 tsr near, 10 eusr near, 09 dfo overdue, 09 tsr overdue, 09 eusr " +
			"overdue",
		"2026-11-16T00:00:00Z": "10 dfo overdue, 10 tsr overdue, 10 eusr overdue, 09 dfo overdue, 09 tsr overdue, 09 " +
			"eusr overdue",
	} {
		if got := show(at); got != want {
			t.Errorf("%s:\n got %s\nwant %s", at, got, want)
		}
	}
	september := peppol.Month(202609)
	for _, what := range []string{ledger.MarkTSR, ledger.MarkEUSR} {
		w.must(w.Done(ctx, september, own, what, 1, "op", "message"))
	}
	w.must(w.Done(ctx, september, "", ledger.MarkDFO, 0, "op", "mail"))
	w.must(w.Done(ctx, october, own, ledger.MarkTSR, 1, "op", "message"))
	if got, want := show("2026-11-12T00:00:00Z"), "10 dfo overdue, 10 tsr done, 10 eusr near"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m := w.message("2026-10-05T00:00:00Z", inv, other, custA, "NO")
	m.C2, m.C3, m.Domain = "PNO000888", own, "payment"
	_, err := w.Store.Accept(ctx, w.Tenant, store.Acceptance{Message: m, Evidence: receipt, Count: true})
	w.must(err)
	if got, want := show("2026-11-04T00:00:00Z"),
		"10 dfo-payment near, 10 dfo open, 10 tsr done, 10 eusr open"; got != want {
		t.Errorf("with payments: got %s, want %s", got, want)
	}
}

// TestRegistry: customers, branches, and what is refused.
func TestRegistry(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.Change(ctx, "op", customers())
	w.must(err)
	if n, err := w.Change(ctx, "op", customers()); err != nil || n != 0 {
		t.Errorf("the same again: %d corrections, %v", n, err)
	}
	_, err = w.Change(ctx, "op", []Customer{{
		ID: "A2", Name: "Alpha branch", CountsAs: "A",
		Participants: []string{"0192:910000009"},
	}})
	w.must(err)
	r, err := w.Registry(ctx, Latest)
	w.must(err)
	for p, want := range map[string]string{
		custA: "customer A NO", custAGLN: "customer A NO", "0192:910000009": "customer A NO", custC: "customer C SE",
		"0192:Nobody": "0192:nobody ",
	} {
		if id, country := r.EndUser(p); id+" "+country != want {
			t.Errorf("%s: %s %s, want %s", p, id, country, want)
		}
	}
	for name, tc := range map[string]struct {
		list []Customer
		want string
	}{
		"no id":         {[]Customer{{Name: "x"}}, "no id"},
		"country":       {[]Customer{{ID: "X", Country: "XX"}}, `"XX" is not a country`},
		"small letters": {[]Customer{{ID: "X", Country: "no"}}, `"no" is not a country`},
		"participant":   {[]Customer{{ID: "X", Participants: []string{"nonsense"}}}, "nonsense"},
		"participant twice": {[]Customer{
			{ID: "X", Participants: []string{other}},
			{ID: "Y", Participants: []string{other}},
		}, `given to customer "X" as well`},
		"twice":             {[]Customer{{ID: "X"}, {ID: "Y"}, {ID: "X"}}, `"X": stands in the list twice`},
		"of another":        {[]Customer{{ID: "X", Participants: []string{custC}}}, `belongs to another customer, "C"`},
		"Windows-1252":      {[]Customer{{ID: "X", Name: "Bj\xf8rn"}}, `not UTF-8`},
		"nobody":            {[]Customer{{ID: "X", CountsAs: "nobody"}}, "does not exist"},
		"itself":            {[]Customer{{ID: "A", Country: "NO", CountsAs: "A2"}}, "A → A2 → A"},
		"cycle in one call": {[]Customer{{ID: "X", CountsAs: "Y"}, {ID: "Y", CountsAs: "X"}}, "counts as itself"},
	} {
		if _, err := w.Change(ctx, "op", tc.list); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := w.Registry(ctx, Latest)
	w.must(err)
	if after.Events != r.Events || len(after.Customers()) != 5 {
		t.Error("a refused change left something")
	}
	if _, err := w.Release(ctx, "op", []string{other}); err == nil {
		t.Error("a participant of nobody was released")
	}
	_, err = w.Replace(ctx, "op", []Customer{
		{ID: "X", Name: "first"},
		{ID: "X", Name: "second", Participants: []string{custC}},
	})
	w.must(err)
	if after, err = w.Registry(ctx, Latest); err != nil || after.Customer(custC).Name != "second" {
		t.Errorf("who replaces gets %+v, %v", after.Customer(custC), err)
	}
	_, err = w.Replace(ctx, "op", []Customer{{ID: "C", Name: "Gamma", Country: "SE", Participants: []string{custC}}})
	w.must(err)
	_, err = w.Release(ctx, "op", []string{custAGLN})
	w.must(err)
	if after, err = w.Registry(ctx, Latest); err != nil || after.Customer(custAGLN) != nil {
		t.Error("a participant stays with its customer", err)
	}
	before, err := w.Registry(ctx, r.Events)
	w.must(err)
	if c := before.Customer(custAGLN); c == nil || c.ID != "A" {
		t.Error("the registry as it was is another one")
	}
}

// Two seats report on their own; one that is not ours any more is found in the rows.
func TestSeats(t *testing.T) {
	w := newWorld(t)
	w.october()
	w.Seats = []peppol.SeatID{"PNO000001"}
	pairs, err := w.Preview(t.Context(), october)
	w.must(err)
	if len(pairs) != 2 || pairs[0].Report.TSR.Total != (reporting.Counts{}) || pairs[1].Seat != own ||
		pairs[1].Report.TSR.Total.Incoming != 6 {
		t.Errorf("%+v", pairs)
	}
	w.Seats = nil
	if pairs, err = w.Preview(t.Context(), october); err != nil || len(pairs) != 1 {
		t.Errorf("%+v %v", pairs, err)
	}
}

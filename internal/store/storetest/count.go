package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

var countTests = []test{
	{"D-11 counting rows of a month", testMonth},
	{"D-11 a row counts once", testCountedOnce},
	{"D-11 a term of a write that failed is not believed", testTermUndone},
	{"RPT-4 closing a month", testCloseMonth},
	{"RPT-4 what comes while a month is closed is in it", testCloseMonthMeanwhile},
	{"RPT-4 a row of a closed month counts in the first open one", testLateRow},
	{"D-11 counts equal the rows", testTotals},
	{"D-11 an update of the totals that is interrupted", testTotalsInterrupted},
	{"D-11 totals updated by two nodes", testTotalsTwice},
	{"D-11 classes that change", testClassesChange},
	{"D-11 a month is dropped while another node adds to it", testDropMeanwhile},
	{"D-11 a loop that ends with its context", testStopped},
	{"D-11 loops that read while they loop", testNestedReads},
	{"REL-072 a read ends when the database does not answer", testReadLimit},
	{"corrections of the customer registry", testCustomerEvents},
	{"archive of reports", testArchive},
}

// exchange is a counting row in texts.
type exchange struct {
	at                time.Time
	month             peppol.Month
	direction         ledger.Direction
	messageID, c2, c3 string
	docType, process  string // scheme::value
	transport         string
	countryC1         string
	sender, receiver  string
	domain            string
}

// ledger reads the rows of all months.
func (b *bench) ledger(tenant string) []ledger.Entry {
	b.Helper()
	_, err := b.Ledger.Post(b.ctx, tenant)
	b.must(err)
	months, err := b.Ledger.Months(b.ctx, tenant)
	b.must(err)
	var all []ledger.Entry
	for _, m := range months {
		rows := int64(0)
		for c, err := range b.Ledger.Entries(b.ctx, tenant, m.Month) {
			b.must(err)
			all = append(all, c)
			rows++
		}
		want(b, "rows of "+m.Month.String(), rows, m.Rows)
	}
	return all
}

// exchanges reads all counting rows in texts.
func (b *bench) exchanges(tenant string) []exchange {
	b.Helper()
	g := b.Ledger.Glossary(tenant)
	text := func(id ledger.TermID) string {
		t, err := g.Term(b.ctx, id)
		b.must(err)
		if t.Scheme != "" {
			return t.Scheme + "::" + t.Value
		}
		return t.Value
	}
	var all []exchange
	for _, c := range b.ledger(tenant) {
		all = append(all, exchange{
			c.At, c.Month, c.Direction, c.MessageID, text(c.C2), text(c.C3), text(c.DocType), text(c.Process),
			text(c.Transport),
			text(c.CountryC1), text(c.Sender), text(c.Receiver), text(c.Domain),
		})
	}
	return all
}

func testMonth(b *bench) {
	times := []string{
		"2026-08-31T23:59:59.999999Z", "2026-09-01T00:00:00Z", "2026-09-30T23:59:59.999999Z",
		"2026-10-01T00:00:00Z",
	}
	for i, at := range times {
		b.clock.set(at)
		b.accepted(i)
	}
	n, err := b.Ledger.Post(b.ctx, tenant)
	b.must(err)
	want(b, "moved", n, 4)
	var got []string
	for c, err := range b.Ledger.Entries(b.ctx, tenant, 202609) {
		b.must(err)
		got = append(got, c.At.Format(time.RFC3339Nano))
	}
	want(b, "rows", fmt.Sprint(got), fmt.Sprint(times[1:3]))
	for range b.Ledger.Entries(b.ctx, tenant, 202609) {
		break // giving up early must free the connection
	}
	n, err = b.Ledger.Post(b.ctx, tenant)
	b.must(err)
	want(b, "moved again", n, 0)
	for range b.Ledger.Entries(b.ctx, tenant, 202612) {
		b.Error("a row of a month without rows")
	}
}

func testCountedOnce(b *bench) {
	b.accepted(1)
	want(b, "rows", len(b.ledger(tenant)), 1)
	b.clock.advance(store.DuplicateMemory)
	_, err := b.ForgetDuplicates(b.ctx, tenant, 10)
	b.must(err)
	b.accepted(1) // the ledger remembers longer than the duplicate keys
	want(b, "rows", len(b.ledger(tenant)), 1)
	b.accepted(2)
	want(b, "rows", len(b.ledger(tenant)), 2)
	months, err := b.Ledger.Months(b.ctx, tenant)
	b.must(err)
	want(b, "places", b.ledger(tenant)[1].Seq, 2)
	want(b, "months", len(months), 2)
}

// handingIn tells when a write is about to be handed in.
type handingIn struct {
	context.Context
	told chan struct{}
}

func (h handingIn) Done() <-chan struct{} {
	select {
	case h.told <- struct{}{}:
	default:
	}
	return h.Context.Done()
}

// A write that fails after it has counted shares its commit with one that does not. What it counted by is undone with
// it, and is entered again by the next one that needs it: else a row would count something that nobody can name.
func testTermUndone(b *bench) {
	in := inbound(1)
	in.Message.DocType = "a type that is new"
	ctx := handingIn{b.ctx, make(chan struct{}, 2)}
	var s *store.Store
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	s = b.open(db.Options{Now: b.clock.Now, Hook: func(string) {
		once.Do(func() { // while the first one commits, the other two come
			wg.Go(func() { _, failed = s.Accept(ctx, tenant, in) })
			wg.Go(func() { b.must(s.AppendAudit(ctx, tenant, db.Audit{Action: "second"})) })
			<-ctx.told
			<-ctx.told
		})
	}})
	b.exec("ALTER TABLE outbox RENAME TO outbox_gone") // where an accept ends
	b.must(s.AppendAudit(b.ctx, tenant, db.Audit{Action: "first"}))
	wg.Wait()
	want(b, "the accept failed", failed != nil, true)
	b.exec("ALTER TABLE outbox_gone RENAME TO outbox")
	_, err := s.Accept(b.ctx, tenant, in)
	b.must(err)
	rows := b.ledger(tenant)
	want(b, "rows", len(rows), 1)
	t, err := b.Ledger.Glossary(tenant).Term(b.ctx, rows[0].DocType)
	b.must(err)
	want(b, "counted by", t.Value, in.Message.DocType)
}

func testCloseMonth(b *bench) {
	b.clock.set("2026-08-15T00:00:00Z")
	b.accepted(1)
	b.clock.set("2026-10-01T00:09:59Z")
	b.accepted(2)
	for _, tc := range []struct {
		month peppol.Month
		err   error
	}{
		{202609, ledger.ErrMonthNotOver},
		{202610, ledger.ErrMonthNotOver},
		{202608, nil},
		{202608, ledger.ErrMonthClosed},
		{202607, ledger.ErrMonthClosed},
	} {
		if err := b.Ledger.CloseMonth(b.ctx, tenant, tc.month, "op"); !errors.Is(err, tc.err) ||
			err != nil && !strings.Contains(err.Error(), tc.month.String()) {
			b.Errorf("%s: %v, want %v", tc.month, err, tc.err)
		}
	}
	b.clock.set("2026-12-01T00:10:00Z")
	want(b, "closed before an earlier one", errors.Is(b.Ledger.CloseMonth(b.ctx, tenant, 202610, "op"),
		ledger.ErrEarlierOpen), true)
	b.must(b.Ledger.CloseMonth(b.ctx, tenant, 202609, "op")) // an empty month
	b.must(b.Ledger.CloseMonth(b.ctx, tenant, 202610, "op"))
	months, err := b.Ledger.Months(b.ctx, tenant)
	b.must(err)
	want(b, "months", len(months), 3)
	for i, rows := range []int64{1, 0, 1} {
		want(b, "rows", months[i].Rows, rows)
		want(b, "by", months[i].Actor, "op")
	}
	want(b, "closed", months[2].Closed, b.clock.Now())
	want(b, "of another tenant", b.Ledger.CloseMonth(b.ctx, "other", 202611, "op"), nil)
}

// An exchange of the month that enters the record between the posting of rows and the closing is not a late one.
func testCloseMonthMeanwhile(b *bench) {
	b.clock.set("2026-09-20T00:00:00Z")
	b.accepted(1)
	b.clock.set("2026-10-01T00:10:00Z")
	came := false
	s := b.open(db.Options{Now: b.clock.Now, Hook: func(point string) {
		if point == "db.committed" && !came {
			came = true
			b.clock.set("2026-09-30T23:59:59Z")
			b.accepted(2)
			b.clock.set("2026-10-01T00:10:00Z")
		}
	}})
	b.must(s.Ledger.CloseMonth(b.ctx, tenant, 202609, "op"))
	rows := b.ledger(tenant)
	want(b, "rows", len(rows), 2)
	for _, row := range rows {
		want(b, "counted in", row.Month, 202609)
		want(b, "late", row.Late(), false)
	}
}

func testLateRow(b *bench) {
	b.clock.set("2026-09-20T00:00:00Z")
	b.accepted(1)
	b.clock.set("2026-10-01T00:10:00Z")
	b.must(b.Ledger.CloseMonth(b.ctx, tenant, 202609, "op"))
	b.clock.set("2026-09-30T23:59:59Z") // the clock steps back
	b.accepted(2)
	b.clock.set("2026-10-02T00:00:00Z")
	b.accepted(3)
	rows := b.ledger(tenant)
	want(b, "rows", len(rows), 3)
	for i, late := range []bool{false, true, false} {
		want(b, "late", rows[i].Late(), late)
	}
	want(b, "counted in", rows[1].Month, 202610)
	months, err := b.Ledger.Months(b.ctx, tenant)
	b.must(err)
	want(b, "rows of the closed month", months[0].Rows, 1)
	want(b, "late rows", months[1].Late, 1)
	b.clock.set("2026-11-01T00:10:00Z")
	b.must(b.Ledger.CloseMonth(b.ctx, tenant, 202610, "op"))
	b.clock.set("2026-09-30T23:59:59Z")
	b.accepted(4)
	want(b, "counted in", b.ledger(tenant)[3].Month, 202611)
}

// randomly accepts n messages that differ in what is counted.
func (b *bench) randomly(rnd *rand.Rand, from, n int) {
	b.Helper()
	for i := from; i < from+n; i++ {
		in := inbound(i)
		m := &in.Message
		m.Sender, m.Receiver = fmt.Sprintf("0192:%d", rnd.IntN(5)), fmt.Sprintf("0192:%d", rnd.IntN(7))
		m.DocType, m.CountryC1 = fmt.Sprintf("type%d", rnd.IntN(3)), []string{"NO", "SE", ""}[rnd.IntN(3)]
		b.clock.advance(time.Duration(rnd.IntN(20*24)) * time.Hour)
		_, err := b.Accept(b.ctx, tenant, in)
		b.must(err)
	}
}

// classes divides participants by their last letter, in a way that a later version changes.
func (b *bench) classes(version int64) ledger.Classes {
	g := b.Ledger.Glossary(tenant)
	return ledger.Classes{Version: version, Of: func(id ledger.TermID) (string, error) {
		t, err := g.Term(b.ctx, id)
		return strings.Repeat("x", int(version)) + t.Value[len(t.Value)-1:], err
	}}
}

// recount compares the counts of all months with the rows.
func (b *bench) recount(s *store.Store, version int64) {
	b.Helper()
	type user struct {
		ledger.TotalsKey
		ledger.UserTotal
	}
	type peer struct {
		ledger.TotalsKey
		ledger.PeerTotal
	}
	classes := b.classes(version)
	rows, counts := map[any]int64{}, map[any]int64{}
	months := map[peppol.Month]bool{}
	for _, c := range b.ledger(tenant) {
		k, u, p := c.Place()
		months[c.Month], u.N, p.N = true, 0, 0
		p.Class = must1(classes.Of(u.User))
		rows[user{k, u}]++
		rows[peer{k, p}]++
	}
	for m := range months {
		for t, err := range s.Ledger.Totals(b.ctx, tenant, m, classes) {
			b.must(err)
			for _, u := range t.Users {
				n := u.N
				u.N = 0
				counts[user{t.TotalsKey, u}] += n
			}
			for _, p := range t.Peers {
				n := p.N
				p.N = 0
				counts[peer{t.TotalsKey, p}] += n
			}
		}
	}
	if len(rows) == 0 || !maps.Equal(rows, counts) {
		b.Fatalf("%d different rows, %d different counts", len(rows), len(counts))
	}
}

func testTotals(b *bench) {
	seed := rand.Uint64()
	b.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	b.clock.set("2026-01-01T00:00:00Z")
	for i := range 12 {
		b.randomly(rnd, 10*i, 10)
		if rnd.IntN(3) > 0 {
			b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1))) // what is posted; the rest stays behind
		}
		b.recount(b.Store, 1)
	}
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	b.recount(b.Store, 1)
	for range b.Ledger.Totals(b.ctx, tenant, b.ledger(tenant)[0].Month, b.classes(1)) {
		break // giving up early must free the connection
	}
}

func testTotalsInterrupted(b *bench) {
	rnd := rand.New(rand.NewPCG(3, 4))
	b.clock.set("2026-01-01T00:00:00Z")
	for i := range 10 {
		b.randomly(rnd, 20*i, 20)
		b.ledger(tenant)
		ctx, cancel := context.WithCancel(b.ctx)
		left := rnd.IntN(6)
		s := b.open(db.Options{Hook: func(point string) {
			if point == "db.committed" {
				if left--; left < 0 {
					cancel()
				}
			}
		}})
		if err := s.Ledger.UpdateTotals(ctx, tenant, b.classes(1)); err != nil && !errors.Is(err, context.Canceled) {
			b.Fatal(err)
		}
		cancel()
		b.must(s.Close())
		b.recount(b.Store, 1)
	}
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	b.recount(b.Store, 1)
}

func testTotalsTwice(b *bench) {
	rnd := rand.New(rand.NewPCG(5, 6))
	other := b.open(db.Options{Now: b.clock.Now})
	for i := range 5 {
		b.randomly(rnd, 30*i, 30)
		b.ledger(tenant)
		errs := make(chan error, 2)
		for _, s := range []*store.Store{b.Store, other} {
			go func() { errs <- s.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)) }()
		}
		for range 2 {
			if err := <-errs; err != nil && !errors.Is(err, db.ErrConflict) {
				b.Fatal(err)
			}
		}
		b.recount(other, 1)
	}
}

// A loop may end at the moment in which its context does; it is then told of nothing more.
func testStopped(b *bench) {
	b.accepted(1)
	b.ledger(tenant)
	tallies := func(ctx context.Context, end func()) {
		for range b.Ledger.Totals(ctx, tenant, 202609, b.classes(1)) {
			end()
			break
		}
	}
	for _, loop := range []func(ctx context.Context, end func()){
		func(ctx context.Context, end func()) {
			for range b.Ledger.Entries(ctx, tenant, 202609) {
				end()
				break
			}
		},
		tallies,
		func(ctx context.Context, end func()) {
			b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
			tallies(ctx, end)
		},
	} {
		ctx, cancel := context.WithCancel(b.ctx)
		loop(ctx, cancel)
		cancel()
	}
	want(b, "rows", len(b.ledger(tenant)), 1) // no connection is lost
}

// pooled opens the test's database once more and returns its pool of reading connections, too.
func (b *bench) pooled(opts db.Options) (*store.Store, *sql.DB) {
	b.Helper()
	eng, err := b.db()
	b.must(err)
	s, err := store.Open(db.New(b.ctx, eng, opts))
	b.must(err)
	b.Cleanup(func() { _ = s.Close() })
	return s, eng.Read
}

// testNestedReads has many loops over the ledger and the counts at the same point, each of which reads something else
// there. None of them may hold what another waits for.
func testNestedReads(b *bench) {
	for i := range 3 {
		b.accepted(i)
	}
	b.ledger(tenant)
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	b.accepted(9)
	b.ledger(tenant)
	s, pool := b.pooled(db.Options{Now: b.clock.Now, ReadLimit: 20 * time.Second})
	const loops = 40 // more than there are connections
	var inside, end sync.WaitGroup
	inside.Add(loops)
	read := func(once *sync.Once, id ledger.TermID) error {
		once.Do(func() { inside.Done(); inside.Wait() })
		_, err := s.Ledger.Glossary(tenant).Term(b.ctx, id)
		return err
	}
	for i := range loops {
		end.Go(func() {
			var once sync.Once
			if i%2 == 0 {
				for c, err := range s.Ledger.Entries(b.ctx, tenant, 202609) {
					if err := errors.Join(err, read(&once, c.Sender)); err != nil {
						b.Error(err)
					}
				}
				return
			}
			classes := ledger.Classes{Version: 1, Of: func(id ledger.TermID) (string, error) {
				return "NO",
					read(&once, id)
			}}
			for t, err := range s.Ledger.Totals(b.ctx, tenant, 202609, classes) {
				if err == nil {
					err = read(&once, t.Seat)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	end.Wait()
	for range s.Ledger.Entries(b.ctx, tenant, 202609) { // however long a loop takes, it keeps no transaction open
		want(b, "connections held in a loop", pool.Stats().InUse, 0)
	}
	for range s.Ledger.Totals(b.ctx, tenant, 202609, b.classes(1)) {
		want(b, "connections held in a loop", pool.Stats().InUse, 0)
	}
}

// testReadLimit takes all connections away.
func testReadLimit(b *bench) {
	m := b.accepted(1)
	s, pool := b.pooled(db.Options{ReadLimit: 500 * time.Millisecond}) // enough for a read on a busy machine
	reads := map[string]func() error{
		"one":      func() error { _, err := s.Get(b.ctx, tenant, m.ID); return err },
		"all":      func() error { _, err := s.List(b.ctx, tenant, store.Filter{}); return err },
		"snapshot": func() error { _, err := s.Ledger.Months(b.ctx, tenant); return err },
		"ping":     func() error { return s.Ping(b.ctx) },
		"first use of a query, while others wait for theirs": func() error {
			_,
				err := s.Counts(b.ctx, tenant)
			return err
		},
	}
	var held []*sql.Conn
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(b.ctx)
		b.must(err)
		held = append(held, conn)
	}
	var wg sync.WaitGroup
	for name, read := range reads {
		wg.Go(func() {
			if err := read(); !errors.Is(err, db.ErrTooSlow) || !errors.Is(err, context.DeadlineExceeded) {
				b.Errorf("%s: got %v", name, err)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, err := s.Get(ctx, tenant, m.ID)
	want(b, "a caller that went away", errors.Is(err, context.Canceled) && !errors.Is(err, db.ErrTooSlow), true)
	for _, conn := range held {
		b.must(conn.Close())
	}
	for name, read := range reads {
		if err := read(); err != nil {
			b.Errorf("%s, with connections: %v", name, err)
		}
	}
}

func testClassesChange(b *bench) {
	rnd := rand.New(rand.NewPCG(7, 8))
	b.clock.set("2026-01-01T00:00:00Z")
	for i := range 3 {
		b.randomly(rnd, 20*i, 20)
		b.ledger(tenant)
		b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	}
	months, err := b.Ledger.Months(b.ctx, tenant)
	b.must(err)
	b.randomly(rnd, 100, 5)
	b.ledger(tenant)
	if err := b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(2)); !errors.Is(err, db.ErrConflict) {
		b.Fatalf("counts by another version: %v", err)
	}
	for i, m := range months { // one after the other, as months are needed
		b.must(b.Ledger.DropTotals(b.ctx, tenant, m.Month))
		if i+1 < len(months) {
			continue
		}
		b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(2)))
	}
	b.recount(b.Store, 2)
	b.must(b.Ledger.DropTotals(b.ctx, tenant, months[len(months)/2].Month))
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(2)))
	b.recount(b.Store, 2)
	versions, err := b.Ledger.Versions(b.ctx, tenant, months[0].Month)
	b.must(err)
	want(b, "versions", fmt.Sprint(versions), "[2]")
	b.must(b.Ledger.Reclass(b.ctx, tenant, months[0].Month, 2, 3))
	versions, err = b.Ledger.Versions(b.ctx, tenant, months[0].Month)
	b.must(err)
	want(b, "versions", fmt.Sprint(versions), "[3]")
	b.must(b.Ledger.DropTotals(b.ctx, tenant, 202001)) // nothing there
}

// What an update under way has collected of a month is not written after another node has dropped the counts of that
// month: the part would look as if it held the rows before.
func testDropMeanwhile(b *bench) {
	b.accepted(1)
	b.accepted(2)
	month := b.ledger(tenant)[0].Month
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	b.accepted(3)
	b.ledger(tenant)
	classes, other := b.classes(1), b.open(db.Options{Now: b.clock.Now})
	of, dropped := classes.Of, false
	classes.Of = func(id ledger.TermID) (string, error) {
		if !dropped {
			dropped = true
			b.must(other.Ledger.DropTotals(b.ctx, tenant, month))
		}
		return of(id)
	}
	want(b, "the update that came too late",
		errors.Is(b.Ledger.UpdateTotals(b.ctx, tenant, classes), db.ErrConflict) && dropped, true)
	b.recount(b.Store, 1)
	b.must(b.Ledger.UpdateTotals(b.ctx, tenant, b.classes(1)))
	b.recount(b.Store, 1)
}

func testCustomerEvents(b *bench) {
	events := []ledger.CustomerEvent{
		{Actor: "op", Kind: ledger.EventCustomer, Subject: "7", Field: "country", New: "NO"},
		{Actor: "op", Kind: ledger.EventParticipant, Subject: "0192:991825827", Field: "customer", New: "7"},
	}
	b.must(b.Ledger.CorrectCustomers(b.ctx, tenant, 0, events))
	want(b, "from another state", b.Ledger.CorrectCustomers(b.ctx, tenant, 0, []ledger.CustomerEvent{{Kind: "x"}}),
		db.ErrConflict)
	b.clock.advance(time.Hour)
	b.must(b.Ledger.CorrectCustomers(b.ctx, tenant, 2,
		[]ledger.CustomerEvent{{
			Actor: "op", Kind: ledger.EventCustomer, Subject: "7", Field: "country", Old: "NO",
			New: "SE",
		}}))
	all, err := b.Ledger.CustomerEvents(b.ctx, tenant, 0)
	b.must(err)
	want(b, "events", len(all), 3)
	events[1].Seq, events[1].At = 2, b.clock.Now().Add(-time.Hour)
	want(b, "second", all[1], events[1])
	want(b, "third", all[2].Seq, 3)
	some, err := b.Ledger.CustomerEvents(b.ctx, tenant, 2)
	b.must(err)
	want(b, "events up to the second", slices.Equal(some, all[:2]), true)
	none, err := b.Ledger.CustomerEvents(b.ctx, "other", 0)
	b.must(err)
	want(b, "events of another tenant", len(none), 0)
}

func testArchive(b *bench) {
	for i := range 3 {
		r := ledger.ReportBuild{
			Month: 202609, Seat: "PNO000222", Actor: "op", Events: int64(i), TSR: []byte{byte(i)},
			EUSR: []byte("e"), Protocol: "{}",
		}
		b.must(b.Ledger.ArchiveReport(b.ctx, tenant, &r))
		want(b, "revision", r.Revision, int64(i+1))
	}
	r := ledger.ReportBuild{Month: 202609, Seat: "PNO000111", TSR: []byte{}, EUSR: []byte{}}
	b.must(b.Ledger.ArchiveReport(b.ctx, tenant, &r))
	want(b, "revision of another seat", r.Revision, 1)
	all, err := b.Ledger.ReportBuilds(b.ctx, tenant, 202609)
	b.must(err)
	want(b, "builds", len(all), 4)
	want(b, "third of the second seat", fmt.Sprint(all[3].Seat, all[3].Revision, all[3].TSR,
		all[3].At.Equal(b.clock.Now())), "PNO0002223 [2] true")
	b.must(b.Ledger.MarkReport(b.ctx, tenant,
		ledger.ReportMark{
			Month: 202609, Seat: "PNO000222", What: ledger.MarkTSR, Revision: 3, Actor: "op",
			Detail: "id",
		}))
	marks, err := b.Ledger.ReportMarks(b.ctx, tenant, 202609)
	b.must(err)
	want(b, "mark", marks[0], ledger.ReportMark{
		Month: 202609, Seat: "PNO000222", What: ledger.MarkTSR, Revision: 3,
		At: b.clock.Now(), Actor: "op", Detail: "id",
	})
}

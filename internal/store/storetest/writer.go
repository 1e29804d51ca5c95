package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

var schemaTests = []test{
	{"REL-065 migration of an empty database by many at once", testMigrateRace},
	{"REL-064 a database of a newer program is refused", testNewer},
	{"REL-007 an empty database that must not be empty is left untouched", testEmpty},
}

var writerTests = []test{
	{"D-03 accepts that arrive together share commits", testGroupCommit},
	{"D-03 one failing write of a batch hurts no other", testSavepoint},
	{"REL-072 a failed statement that is passed over fails the write", testPassedOver},
	{"REL-006 a caller that goes away does not stop its write", testCancelledCaller},
	{"REL-001 what was committed survives a crash", testCrash},
	{"a panic in a write is an error", testPanic},
	{"a closed store refuses", testClosed},
	{"REL-072 COMMIT answered, or not asked for: hooks", testHooks},
}

func testMigrateRace(b *bench) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := b.tryOpen(db.Options{})
			if err != nil {
				b.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.accepted(1)
}

// exec changes the database behind the store's back.
func (b *bench) exec(query string) {
	b.Helper()
	eng, err := b.db()
	b.must(err)
	_, err = eng.Write.ExecContext(b.ctx, query)
	b.must(err)
	b.must(eng.Write.Close())
	if eng.Read != eng.Write {
		b.must(eng.Read.Close())
	}
}

func testNewer(b *bench) {
	b.exec("INSERT INTO schema_migration (version, name, oldest, applied) VALUES (98, '0098_wide.sql', 1, 0)")
	b.open(db.Options{}) // an expanded schema is still ours
	b.exec("INSERT INTO schema_migration (version, name, oldest, applied) VALUES (99, '0099_narrow.sql', 98, 0)")
	_, err := b.tryOpen(db.Options{})
	if !errors.Is(err, db.ErrNewerSchema) || !strings.Contains(err.Error(), "install the newer program") {
		b.Fatalf("got %v", err)
	}
}

func testEmpty(b *bench) {
	b.must(b.Close())
	b.open(db.Options{Used: true}) // it has been used
	for _, table := range []string{"message", "schema_migration"} {
		b.exec("ALTER TABLE " + table + " RENAME TO " + table + "_gone")
	}
	_, err := b.tryOpen(db.Options{Used: true})
	want(b, "refused", errors.Is(err, db.ErrEmpty), true)
	b.exec("ALTER TABLE schema_migration_gone RENAME TO schema_migration") // nobody made another
}

func testGroupCommit(b *bench) {
	const callers = 32
	gate := make(chan struct{})
	s := b.open(db.Options{Hook: func(point string) {
		if point == "db.before_commit" {
			<-gate // the disk is slow
		}
	}})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			if _, err := s.Accept(b.ctx, tenant, inbound(i)); err != nil {
				b.Error(err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // let them queue behind the first
	close(gate)
	wg.Wait()
	st := s.Stats()
	want(b, "writes", st.Writes, callers)
	if s.Engine() == "postgres" {
		want(b, "commits, which the server flushes together", st.Commits, callers)
		return
	}
	if st.Commits > 4 {
		b.Fatalf("%d accepts took %d commits", callers, st.Commits)
	}
}

func testSavepoint(b *bench) {
	b.accepted(0)
	gate := make(chan struct{})
	var once sync.Once
	s := b.open(db.Options{Now: b.clock.Now, Hook: func(string) { once.Do(func() { <-gate }) }})
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() {
			if i%3 == 2 {
				errs[i] = s.Update(b.ctx, tenant, func(tx *store.Tx) error {
					return errors.Join(tx.Enqueue(store.Task{Kind: store.Report, Key: "undone"}), errors.New("no"))
				})
				return
			}
			_, errs[i] = s.Accept(b.ctx, tenant, inbound(i))
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(gate)
	wg.Wait()
	for i, err := range errs {
		want(b, "failed", err != nil, i%3 == 2 || i == 0) // 0 is a duplicate
	}
	want(b, "deliveries", len(b.claim(store.Deliver, 100)), 8)
	want(b, "undone work", len(b.claim(store.Report, 100)), 0)
}

func testPassedOver(b *bench) {
	b.exec("ALTER TABLE audit RENAME TO audit_gone")
	var cause error
	err := b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		b.must(tx.Enqueue(store.Task{Kind: store.Report, Key: "before"}))
		cause = tx.Audit(db.Audit{Action: "x"})
		_ = tx.Enqueue(store.Task{Kind: store.Report, Key: "after"})
		return nil
	})
	want(b, "a statement failed", cause != nil, true)
	want(b, "the cause is told", errors.Is(err, cause), true)
	want(b, "jobs", len(b.claim(store.Report, 10)), 0)
}

func testCancelledCaller(b *bench) {
	ctx, cancel := context.WithCancel(b.ctx)
	s := b.open(db.Options{Hook: func(string) { cancel() }}) // while the commit runs
	m, err := s.Accept(ctx, tenant, inbound(1))
	b.must(err)
	want(b, "state", b.state(m.ID), store.Accepted)
	_, err = s.Accept(ctx, tenant, inbound(2))
	want(b, "a write that was never handed in", errors.Is(err, context.Canceled), true)
}

func testCrash(b *bench) {
	m := b.accepted(1)
	out := b.submitted(1)
	job := b.claimed(store.Send)
	_, _, err := b.StartAttempt(b.ctx, job, start)
	b.must(err)
	// The first store is not closed: its process is thought to have died. Another takes over.
	s := b.open(db.Options{Now: func() time.Time { return b.clock.Now().Add(lease) }})
	prior, err := s.Known(b.ctx, tenant, string(m.C2), m.MessageID)
	b.must(err)
	want(b, "receipt", string(prior.Receipt), "<Receipt 1/>")
	for kind, id := range map[store.Kind]string{store.Deliver: m.ID, store.Send: out.ID} {
		jobs, err := s.Claim(b.ctx, store.Claim{Kind: kind, Owner: "worker-2", Lease: lease, Limit: 10})
		b.must(err)
		want(b, "jobs", len(jobs), 1)
		want(b, "message", jobs[0].MessageID, id)
	}
	want(b, "the dead worker", b.Complete(b.ctx, job), store.ErrLeaseLost)
}

func testPanic(b *bench) {
	err := b.Update(b.ctx, tenant, func(*store.Tx) error { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "oh") {
		b.Fatalf("got %v", err)
	}
	b.accepted(1)
}

func testClosed(b *bench) {
	b.must(b.Store.Ping(b.ctx))
	b.must(b.Close())
	b.must(b.Close())
	_, err := b.Accept(b.ctx, tenant, inbound(1))
	want(b, "accept", err, db.ErrClosed)
}

func testHooks(b *bench) {
	var points []string
	s := b.open(db.Options{Hook: func(p string) { points = append(points, p) }})
	_, err := s.Accept(b.ctx, tenant, inbound(1))
	b.must(err)
	_ = s.Update(b.ctx, tenant, func(*store.Tx) error { return errors.New("nothing to commit") })
	b.must(s.Close())
	want(b, "points", strings.Join(points, " "), "db.before_commit db.committed")
}

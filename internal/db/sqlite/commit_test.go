package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// commitFault is a database whose next COMMIT fails, before or after it takes effect.
type commitFault struct {
	driver.Connector
	before, after error
}

func (f *commitFault) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	return &faultyConn{c, f}, err
}

type faultyConn struct {
	driver.Conn
	fault *commitFault
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err == nil && query == "COMMIT" {
		return &faultyCommit{st, c.fault}, nil
	}
	return st, err
}

type faultyCommit struct {
	driver.Stmt
	fault *commitFault
}

func (s *faultyCommit) Exec(args []driver.Value) (driver.Result, error) {
	before, after := s.fault.before, s.fault.after
	s.fault.before, s.fault.after = nil, nil
	if before != nil {
		return nil, before
	}
	//lint:ignore SA1019 the plain form is what the wrapped statement has
	res, err := s.Stmt.Exec(args)
	return res, errors.Join(err, after)
}

var errDisk, errLine = errors.New("disk failed"), errors.New("connection lost")

// openFaulty opens a store whose commits fail on request; errDisk counts as a failure of the disk.
func openFaulty(t *testing.T) (*store.Store, *commitFault) {
	path := filepath.Join(t.TempDir(), "test.db")
	eng, err := Engine(path)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := sqlite.NewConnector(dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	fault := &commitFault{Connector: connector}
	if err := eng.Write.Close(); err != nil {
		t.Fatal(err)
	}
	eng.Write = sql.OpenDB(fault)
	eng.Write.SetMaxOpenConns(1)
	eng.Fatal = func(err error) bool { return errors.Is(err, errDisk) }
	s, err := store.Open(db.New(t.Context(), eng, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, fault
}

func accept(s *store.Store, id string) (store.Message, error) {
	return s.Accept(context.Background(), db.DefaultTenant, store.Acceptance{
		Message:  store.Message{C2: "PNO000111", MessageID: id},
		Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("r")}},
	})
}

func TestREL072CommitWithoutAnswer(t *testing.T) {
	s, fault := openFaulty(t)
	for i, flag := range []*error{&fault.before, &fault.after} { // not carried out, carried out
		*flag = errLine
		m, err := accept(s, fmt.Sprint("in-", i))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.Get(t.Context(), db.DefaultTenant, m.ID)
		if err != nil || !reflect.DeepEqual(stored, m) {
			t.Fatal(stored.Accepted, m.Accepted, err)
		}
		for _, key := range []string{"", fmt.Sprint("key-", i)} {
			*flag = errLine
			sub := store.Submission{Message: store.Message{MessageID: "out"}, Key: key, Digest: []byte("d")}
			m, repeated, err := s.Submit(t.Context(), db.DefaultTenant, sub)
			if err != nil || repeated || m.State != store.Ready {
				t.Fatal(m.State, repeated, err)
			}
			if key == "" {
				continue
			}
			if again, repeated, err := s.Submit(t.Context(), db.DefaultTenant, sub); err != nil || !repeated ||
				again.ID != m.ID {
				t.Fatal(again.ID, repeated, err)
			}
		}
	}
	jobs, err := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{})
	if err != nil || len(jobs) != 6 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	fault.after = errLine
	if err := s.AppendAudit(t.Context(), db.DefaultTenant, db.Audit{}); !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Fatalf("got %v", err)
	}
}

// A claim without an answer is nobody's, and no sign of a crash (REL-067).
func TestREL072ClaimWithoutAnswer(t *testing.T) {
	s, fault := openFaulty(t)
	enqueue := func(tx *store.Tx) error { return tx.Enqueue(store.Task{Kind: store.Report, Key: "a"}) }
	if err := s.Update(t.Context(), db.DefaultTenant, enqueue); err != nil {
		t.Fatal(err)
	}
	claim := func() ([]store.Job, error) {
		return s.Claim(t.Context(), store.Claim{Kind: store.Report, Owner: "w", Lease: time.Hour, Limit: 5})
	}
	for _, flag := range []*error{&fault.before, &fault.after} { // not carried out, carried out
		*flag = errLine
		if jobs, err := claim(); !errors.Is(err, db.ErrOutcomeUnknown) || len(jobs) != 0 {
			t.Errorf("%v, %v", jobs, err)
		}
	}
	jobs, err := claim()
	if err != nil || len(jobs) != 1 || jobs[0].Unended != 0 || jobs[0].Tries != 1 {
		t.Errorf("the next claim: %+v, %v", jobs, err)
	}
}

func TestREL002FailedCommitStopsWriting(t *testing.T) {
	s, fault := openFaulty(t)
	if _, err := accept(s, "first"); err != nil {
		t.Fatal(err)
	}
	fault.before = errDisk
	if _, err := accept(s, "second"); !db.IsFatal(err) || !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Fatalf("got %v", err)
	}
	if _, err := accept(s, "third"); !db.IsFatal(err) {
		t.Fatalf("written after a failed fsync: %v", err)
	}
	if !db.IsFatal(s.Err()) {
		t.Fatal(s.Err())
	}
	if _, err := s.Known(t.Context(), db.DefaultTenant, "PNO000111", "first"); err != nil {
		t.Fatalf("reading must go on: %v", err) // REL-074: duplicates are still answered
	}
}

// REL-066: the clock of leases is the kernel's, one for all processes of the host.
func TestREL066BootClock(t *testing.T) {
	one, err := bootClock()
	if err != nil {
		t.Fatal(err)
	}
	two, err := bootClock()
	if err != nil {
		t.Fatal(err)
	}
	name, at := one()
	name2, later := two()
	if name == "" || name != name2 || at <= 0 || later < at || later-at > time.Minute.Microseconds() {
		t.Errorf("%q at %d, %q at %d", name, at, name2, later)
	}
	eng, err := Engine(filepath.Join(t.TempDir(), "r.db"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(db.New(t.Context(), eng, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	m, job, err := s.SubmitHeld(t.Context(), db.DefaultTenant,
		store.Submission{Message: store.Message{ID: db.NewID(), MessageID: "m@x"}}, "w", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var boot string
	var ticks int64
	row := eng.Read.QueryRowContext(t.Context(), "SELECT lease_boot, lease_ticks FROM outbox WHERE message_id = ?",
		m.ID)
	if err := row.Scan(&boot, &ticks); err != nil {
		t.Fatal(err)
	}
	if _, now := one(); boot != name || ticks < now+(59*time.Minute).Microseconds() ||
		ticks > now+time.Hour.Microseconds() {
		t.Errorf("lease of %s: %q until %d", job.ID, boot, ticks)
	}
}

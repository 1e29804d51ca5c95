package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
)

// migrateTests start with a database that an older program made.
var migrateTests = []struct {
	name string
	run  func(*testing.T, Database)
}{
	{"D-11 counting rows of schema 1", migrateCounting},
	{"REL-066 leases of schema 2", migrateLeases},
	{"API-120 rows of schema 5", migrateDocuments},
	{"REL-065 no command changes the schema below a server", migrateInUse},
	{"REL-064 servers are upgraded one after the other", migrateRolling},
}

// old makes a database as a program with schema n left it, with rows.
func old(t *testing.T, create Database, n int, rows ...string) db.Engine {
	t.Helper()
	eng, err := create()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(golden.Root(t) + "/internal/db/migrations/*.sql")
	if err != nil || len(files) < n {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	stmts := []string{`CREATE TABLE schema_migration (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL,
		oldest BIGINT NOT NULL, applied BIGINT NOT NULL)`}
	for i, file := range files[:n] {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for line := range strings.Lines(string(script)) {
			before, _, _ := strings.Cut(line, "--")
			code.WriteString(before + "\n")
		}
		text := strings.NewReplacer(" BYTES", " "+eng.Bytes, " CLUSTERED", eng.Clustered, " SERIAL",
			" "+eng.Serial).Replace(code.String())
		stmts = append(append(stmts, strings.Split(text, ";")...),
			fmt.Sprintf(`INSERT INTO schema_migration VALUES (%d, '%s', %d, 0)`, i+1, filepath.Base(file), i+1))
	}
	for _, stmt := range append(stmts, rows...) {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := eng.Write.ExecContext(t.Context(), stmt); err != nil {
			t.Fatalf("%v: %s", err, stmt)
		}
	}
	return eng
}

// closeEngine gives the connections back.
func closeEngine(t *testing.T, eng db.Engine) {
	t.Helper()
	err := eng.Write.Close()
	if eng.Read != eng.Write {
		err = errors.Join(err, eng.Read.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// oldBench is a bench whose database is not open yet.
func oldBench(t *testing.T, create Database) *bench {
	return &bench{T: t, db: create, ctx: t.Context(), clock: &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}}
}

// migrateCounting opens a database of schema 1, whose counting rows are texts.
func migrateCounting(t *testing.T, create Database) {
	var rows []string
	for _, id := range []string{"1", "2"} {
		for _, direction := range []string{"in", "out"} {
			rows = append(rows, `INSERT INTO exchange (tenant, direction, c2, message_id, at, c3, doctype_scheme,
				doctype,
				process_scheme, process, transport, country_c1, sender, receiver)
				VALUES ('default', '`+direction+`', 'PNO000111', '`+id+`', 1788264000000000, 'PNO000222', 'ds',
				'd`+id+`',
				'ps', 'p', 't', 'NO', '0192:Sender', '0192:receiver')`)
		}
	}
	closeEngine(t, old(t, create, 1, rows...))
	b := oldBench(t, create)
	b.Store = b.open(db.Options{Now: b.clock.Now})
	list := b.exchanges(tenant)
	want(b, "rows", len(list), 4)
	for _, r := range list {
		want(b, "row", r, exchange{
			time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), 202609, r.direction, r.messageID, "PNO000111", "PNO000222",
			"ds::d" + r.messageID, "ps::p", "t", "NO", "0192:Sender", "0192:receiver", "",
		})
	}
	b.accepted(1)
	want(b, "rows", len(b.exchanges(tenant)), 5)
}

// migrateLeases opens a database of schema 2 in which a worker holds a job by the wall clock.
func migrateLeases(t *testing.T, create Database) {
	b := oldBench(t, create)
	end := b.clock.Now().Add(lease)
	closeEngine(t, old(t, create, 2, fmt.Sprintf(`INSERT INTO outbox (id, tenant, kind, job_key, message_id, created,
		due, owner,
		lease_end, token, tries, unended, done, dead, reason)
		VALUES ('report/default/a', 'default', 'report', 'a', '', 1, 1, 'older program', %d, 1, 1, 1, 0, 0, '')`,
		end.UnixMicro())))
	host := &hostClock{name: "start-1", micros: time.Hour.Microseconds()}
	b.Store = b.open(db.Options{Now: b.clock.Now, Boot: host.boot})
	want(b, "claimed during the old lease", b.claims(b.Store), false)
	b.clock.advance(lease)
	want(b, "claimed after it", b.claims(b.Store), true)
	in, err := b.Installation(b.ctx)
	b.must(err)
	want(b, "installation", in.ID, "")
}

// sign shows that a server of another process uses the database of an engine, until the returned function is called.
func sign(t *testing.T, eng db.Engine) (end func()) {
	t.Helper()
	if eng.Sign != "" {
		conn, err := eng.Write.Conn(t.Context())
		if err == nil {
			_, err = conn.ExecContext(t.Context(), "SET application_name = 'another process'; "+eng.Sign)
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := conn.ExecContext(context.Background(),
				"SELECT pg_terminate_backend(pg_backend_pid())"); err == nil {
				t.Error("the session lives on")
			}
			_ = conn.Close()
		}
	}
	var seq int
	var name, file string
	if err := eng.Read.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	other := alive.Who{Name: "other", Process: 4711, Host: "other", Server: true}
	s, err := alive.Enter(filepath.Join(filepath.Dir(file), "processes"), other)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := s.Leave(); err != nil {
			t.Error(err)
		}
	}
}

// migrateInUse opens databases of older schemas while a server of their age runs.
func migrateInUse(t *testing.T, create Database) {
	eng := old(t, create, 1)
	defer closeEngine(t, eng)
	b := oldBench(t, create)
	schema := func() (n int) {
		b.must(eng.Read.QueryRowContext(b.ctx, "SELECT MAX(version) FROM schema_migration").Scan(&n))
		return n
	}
	end := sign(t, eng)
	for _, server := range []bool{false, true} { // an older server cannot share schema 2
		_, err := b.tryOpen(db.Options{Server: server})
		if !errors.Is(err, db.ErrInUse) || !strings.Contains(err.Error(), "process") {
			t.Errorf("server %v: %v", server, err)
		}
		want(b, "schema", schema(), 1)
	}
	end()
	b.must(b.open(db.Options{Server: true}).Close()) // its process has died
	known, err := db.Schema()
	b.must(err)
	want(b, "schema", schema(), known)

	end = sign(t, eng)
	b.must(b.open(db.Options{}).Close()) // nothing to change
	end()
}

// migrateRolling upgrades one of two servers whose programs can share the database.
func migrateRolling(t *testing.T, create Database) {
	eng := old(t, create, 2)
	defer closeEngine(t, eng)
	b := oldBench(t, create)
	defer sign(t, eng)()
	_, err := b.tryOpen(db.Options{})
	want(b, "a command is refused", errors.Is(err, db.ErrInUse), true)
	s := b.open(db.Options{Server: true})
	users := func() int {
		tx, err := eng.Write.BeginTx(b.ctx, nil)
		b.must(err)
		defer func() { _ = tx.Rollback() }()
		list, err := eng.Users(b.ctx, tx)
		b.must(err)
		return len(list)
	}
	if eng.Sign == "" { // servers on a file show themselves elsewhere
		return
	}
	want(b, "servers", users(), 2)
	b.must(s.Close())
	// The database ends a session a little later.
	for end := time.Now().Add(10 * time.Second); users() != 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("a server that was stopped is still there")
		}
	}
}

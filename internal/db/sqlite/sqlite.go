// Package sqlite opens a database in an SQLite file, the record of a single node (design.md D-03). One connection
// writes, in WAL mode with an fsync at each commit; others only read and are never blocked by it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
)

// gather is far below what a sender notices, and halves the number of commits at a hundred messages per second.
const gather = 10 * time.Millisecond

// readers is how many connections read at the same time at most.
const readers = 8

// Open opens the database in the file path, creating it if there is none.
func Open(ctx context.Context, path string, opts db.Options) (*db.DB, error) {
	eng, err := Engine(path)
	if err != nil {
		return nil, err
	}
	return db.New(ctx, eng, opts)
}

// Engine returns the engine of the file path, which db.New takes over.
func Engine(path string) (db.Engine, error) {
	if err := create(path); err != nil {
		return db.Engine{}, err
	}
	boot, err := bootClock()
	if err != nil {
		return db.Engine{}, err
	}
	write, err := sql.Open("sqlite", dsn(path, "wal_autocheckpoint(4000)", "cache_size(-16384)"))
	if err != nil {
		return db.Engine{}, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return db.Engine{}, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return db.Engine{
		Name: "sqlite", Write: write, Read: read, Writers: 1, Batch: 64, Gather: gather,
		Begin: "BEGIN IMMEDIATE", Bytes: "BLOB", Clustered: " WITHOUT ROWID", Serial: "INTEGER PRIMARY KEY",
		Snapshot: "BEGIN", IndexedBy: "INDEXED BY $1",
		// The clock has milliseconds only; the next one is never too early for work entered in this one.
		Clock:     "(CAST(unixepoch('subsec') * 1000000 AS INTEGER) + 1000)",
		Boot:      boot,
		InTx:      inTx,
		Users:     func(context.Context, *sql.Tx) ([]string, error) { return servers(filepath.Dir(path)) },
		Fatal:     fatal,
		Transient: func(error) bool { return false },
	}, nil
}

// Look reads what the database in a file says about itself and changes nothing; a file that is not there was never
// used.
func Look(ctx context.Context, path string) (seen db.Seen, err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return seen, nil
	}
	u := url.URL{
		Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: "mode=rw&_pragma=busy_timeout(10000)&_pragma=query_only(1)",
	}
	conn, err := sql.Open("sqlite", u.String())
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return db.Look(ctx, conn, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_migration'")
}

// dsn names the file with the settings of every connection. synchronous=FULL is the fsync of each commit (REL-001).
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)",
	}, pragmas...)}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// create makes an empty file that only its owner can read, and makes its name durable. WAL and index get the same
// rights from SQLite.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), durable.SyncDir(durable.OS{}, filepath.Dir(path)))
}

// ProcessesDir is the folder beside the file in which processes show that they live (package alive), before they open
// it.
const ProcessesDir = "processes"

// servers names the other processes that are servers on the file.
func servers(dir string) (list []string, err error) {
	all, err := alive.Living(filepath.Join(dir, ProcessesDir))
	self := alive.Self(true, 0, time.Time{})
	for _, who := range all {
		if who.Server && !who.Same(self) {
			list = append(list, who.String())
		}
	}
	return list, err
}

// inTx asks for a second transaction, which SQLite refuses inside the first. When it cannot be told there is none: then
// nothing more runs on the connection.
func inTx(ctx context.Context, conn *sql.Conn) bool {
	_, err := conn.ExecContext(ctx, "BEGIN")
	if err == nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK") // the connection is given up in any case
		return false
	}
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_ERROR
}

// fatal reports whether the file or the disk below it failed (REL-002). A full disk is not fatal: it heals (REL-074).
func fatal(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

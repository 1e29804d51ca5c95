package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	sqlite "modernc.org/sqlite"
	"modernc.org/sqlite/vfs"
)

// unreadable is a disk whose files are there and cannot be read.
type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	f, err := u.MapFS.Open(name)
	return struct{ fs.File }{f}, err // without Seek
}

// REL-002: a file or disk that fails ends all writing. What only this statement did wrong does not, and neither does a
// full disk.
func TestREL002WhatIsFatal(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	exec := func(dsn, query string) error {
		t.Helper()
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), query)
		return errors.Join(err, db.Close())
	}
	const rows = `CREATE TABLE t (a PRIMARY KEY); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
		WHERE i < 99) INSERT INTO t SELECT i || hex(randomblob(500)) FROM n`
	if err := exec(good, rows); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := bytes.Clone(content)
	copy(spoiled[4096:], bytes.Repeat([]byte{0xff}, 8192))
	for name, b := range map[string][]byte{"corrupt.db": spoiled, "none.db": bytes.Repeat([]byte("x"), 8192)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disk, closeDisk, err := vfs.New(unreadable{fstest.MapFS{"good.db": &fstest.MapFile{Data: content}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeDisk.Close() }() // it was only read
	for name, tc := range map[string]struct {
		dsn, query string
		fatal      bool
	}{
		"a disk that fails":           {"file:good.db?vfs=" + disk, "SELECT COUNT(*) FROM t", true},
		"a damaged file":              {filepath.Join(dir, "corrupt.db"), "SELECT MAX(a) FROM t", true},
		"something else in its place": {filepath.Join(dir, "none.db"), "SELECT * FROM t", true},
		"a full disk": {
			good, "PRAGMA max_page_count = 1; INSERT INTO t VALUES (randomblob(99999))",
			false,
		},
		"a key that is there":       {good, "INSERT INTO t VALUES ('a'); INSERT INTO t VALUES ('a')", false},
		"a table that is not there": {good, "SELECT * FROM nothing", false},
	} {
		var e *sqlite.Error
		if err := exec(tc.dsn, tc.query); !errors.As(err, &e) || fatal(err) != tc.fatal {
			t.Errorf("%s: fatal %v, %v", name, fatal(err), err)
		}
	}
}

package db

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one numbered file, applied once in a transaction of its own (REL-065).
type migration struct {
	version int
	name    string
	oldest  int // the oldest program, by schema version, that can share the database from now on (REL-064)
	text    string
}

// migrations reads the embedded files in order. The first line of each is "-- oldest: n".
func migrations() ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, f := range files {
		b, err := migrationFiles.ReadFile(f)
		if err != nil {
			return nil, err
		}
		m := migration{name: strings.TrimPrefix(f, "migrations/"), text: string(b)}
		if _, err := fmt.Sscanf(m.name, "%04d_", &m.version); err != nil {
			return nil, fmt.Errorf("db: migration %s: no number: %w", m.name, err)
		}
		if _, err := fmt.Sscanf(m.text, "-- oldest: %d", &m.oldest); err != nil {
			return nil, fmt.Errorf("db: migration %s: first line: %w", m.name, err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	return all, nil
}

const createMigrations = `CREATE TABLE IF NOT EXISTS schema_migration (
	version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, oldest BIGINT NOT NULL, applied BIGINT NOT NULL)`

// migrate applies what is missing. A node that comes while another migrates waits for its transaction and then finds
// nothing to do; a kill between two migrations leaves the first applied (CP-S11).
func migrate(ctx context.Context, eng Engine, server bool, now func() time.Time) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	create := func(tx *sql.Tx) error { _, err := tx.ExecContext(ctx, createMigrations); return err }
	if inTx(ctx, eng, create) != nil { // PostgreSQL lets one of two that create the same table fail: look again
		if err := inTx(ctx, eng, create); err != nil {
			return fmt.Errorf("db: schema_migration: %w", err)
		}
	}
	known := all[len(all)-1].version
	for _, m := range all {
		err := inTx(ctx, eng, func(tx *sql.Tx) error { return apply(ctx, tx, eng, m, known, server, now()) })
		if err != nil {
			return fmt.Errorf("db: migration %s: %w", m.name, err)
		}
	}
	return nil
}

// apply runs one migration unless the database has it, and refuses a database that has left this program behind.
func apply(ctx context.Context, tx *sql.Tx, eng Engine, m migration, known int, server bool, now time.Time) error {
	if eng.LockSchema != "" {
		if _, err := tx.ExecContext(ctx, eng.LockSchema); err != nil {
			return err
		}
	}
	var have, oldest int
	row := tx.QueryRowContext(ctx, schemaVersions)
	if err := row.Scan(&have, &oldest); err != nil {
		return err
	}
	if oldest > known {
		return fmt.Errorf("%w: it has schema %d, which needs a program with schema %d or later, and this program has "+
			"schema %d; install the newer program",
			ErrNewerSchema, have, oldest, known)
	}
	if m.version <= have {
		return nil
	}
	if err := mayMigrate(ctx, tx, eng, m, have, server); err != nil {
		return err
	}
	text := strings.NewReplacer(" BYTES", " "+eng.Bytes, " CLUSTERED", eng.Clustered, " SERIAL",
		" "+eng.Serial).Replace(stripComments(m.text))
	for _, stmt := range strings.Split(text, ";") {
		if stmt = strings.TrimSpace(stmt); stmt == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	_,
		err := tx.ExecContext(ctx,
		eng.text("INSERT INTO schema_migration (version, name, oldest, applied) VALUES (?, ?, ?, ?)"),
		m.version, m.name, m.oldest, Micros(now))
	return err
}

// mayMigrate refuses to change the schema below a running server of another version. A server may do so beside others
// if those can share the new schema, so that nodes are upgraded one after the other (REL-064); a command never.
func mayMigrate(ctx context.Context, tx *sql.Tx, eng Engine, m migration, have int, server bool) error {
	if have == 0 {
		return nil
	}
	users, err := eng.Users(ctx, tx)
	if err != nil || len(users) == 0 || server && m.oldest <= have {
		return err
	}
	return fmt.Errorf("%w: it has schema %d, this program would make it %d; stop the server or use its own program: %s",
		ErrInUse, have, m.version, strings.Join(users, ", "))
}

// Schema is the version of the schema that this program knows.
func Schema() (int, error) {
	all, err := migrations()
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].version, nil
}

// Created returns when the database was made.
func (d *DB) Created(ctx context.Context) (time.Time, error) {
	at, err := ReadOne(ctx, d, "created", ScanInt, "SELECT COALESCE(MIN(applied), 0) FROM schema_migration")
	return FromMicros(at), err
}

// stripComments drops "-- …" to the end of each line, so that a semicolon always ends a statement.
func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "--")
		b.WriteString(strings.TrimRight(code, "\n") + "\n")
	}
	return b.String()
}

// inTx runs fn in a transaction of the writing pool.
func inTx(ctx context.Context, eng Engine, fn func(*sql.Tx) error) error {
	tx, err := eng.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

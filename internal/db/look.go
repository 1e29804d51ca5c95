package db

import (
	"context"
	"database/sql"
	"fmt"
)

// Seen is what Look finds in a database.
type Seen struct {
	Schema       int          // its version; 0 if the database was never used
	Oldest       int          // the oldest program, by schema version, that can use it
	Installation Installation // who it is, if it has the schema of this program
}

// Look reads what a database says about itself and changes nothing. used is the query that counts the tables with the
// name schema_migration.
func Look(ctx context.Context, conn *sql.DB, used string) (s Seen, err error) {
	var tables int
	if err := conn.QueryRowContext(ctx, used).Scan(&tables); err != nil || tables == 0 {
		return s, err
	}
	if err := conn.QueryRowContext(ctx, schemaVersions).Scan(&s.Schema, &s.Oldest); err != nil {
		return s, fmt.Errorf("db: schema_migration: %w", err)
	}
	if known, err := Schema(); err != nil || s.Schema != known {
		return s, err // an older one is brought up to date first
	}
	s.Installation, err = lookInstallation(ctx, conn)
	return s, err
}

// schemaVersions reads the version of a schema, and the oldest program that can use it.
const schemaVersions = "SELECT COALESCE(MAX(version), 0), COALESCE(MAX(oldest), 0) FROM schema_migration"

// lookInstallation is DB.Installation for a database that is not open.
func lookInstallation(ctx context.Context, conn *sql.DB) (in Installation, err error) {
	switch in.ID, err = ScanText(conn.QueryRowContext(ctx, installationID)); err {
	case nil:
	case sql.ErrNoRows:
		return in, nil
	default:
		return in, fmt.Errorf("db: installation: %w", err)
	}
	rows, err := conn.QueryContext(ctx, installationFolders)
	if err != nil {
		return in, fmt.Errorf("db: data folders: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		f, err := scanFolder(rows)
		if err != nil {
			return in, fmt.Errorf("db: data folders: %w", err)
		}
		in.Folders = append(in.Folders, f)
	}
	return in, rows.Err()
}

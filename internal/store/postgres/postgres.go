// Package postgres opens a store in a PostgreSQL database, the record of a cluster (design.md D-03). Several connections
// write, each transaction carries one write, and the server groups their flushes; a batch of writes in one transaction
// would only hold its locks for longer.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ravn-ap/ravn/internal/store"
)

const (
	writers = 16 // connections that write at the same time
	readers = 8  // connections that read at the same time, at most

	limit = 30 * time.Second // of a transaction
)

// Open opens the store in the database that dsn names, in the first schema of its search path. dsn is a PostgreSQL URL
// or keyword string.
func Open(ctx context.Context, dsn string, opts store.Options) (*store.Store, error) {
	eng, err := Engine(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return store.New(ctx, eng, opts)
}

// Engine returns the engine of a database, which store.New takes over.
func Engine(ctx context.Context, dsn string) (store.Engine, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return store.Engine{}, fmt.Errorf("postgres: %w", err)
	}
	// A receipt is a promise: the server must have flushed before COMMIT returns (REL-001, REL-072).
	switch cfg.RuntimeParams["synchronous_commit"] {
	case "":
		cfg.RuntimeParams["synchronous_commit"] = "on"
	case "off", "local":
		return store.Engine{}, errors.New("postgres: synchronous_commit must not be off or local: a committed write could be lost (REL-072)")
	}
	// A write that waits for a lock longer than this fails and is answered as a temporary error (F-08).
	if cfg.RuntimeParams["lock_timeout"] == "" {
		cfg.RuntimeParams["lock_timeout"] = "10s"
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(writers + readers)
	db.SetMaxIdleConns(writers + readers)
	if err := db.PingContext(ctx); err != nil {
		return store.Engine{}, errors.Join(fmt.Errorf("postgres: %w", err), db.Close())
	}
	return store.Engine{
		Name: "postgres", Write: db, Read: db, Writers: writers, Batch: 1, Limit: limit,
		Begin: "BEGIN", Bytes: "BYTEA",
		Clock:      "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
		SkipLocked: " FOR UPDATE SKIP LOCKED",
		LockSchema: "SET LOCAL lock_timeout = 0; LOCK TABLE schema_migration IN ACCESS EXCLUSIVE MODE",
		Dollar:     true,
		Fatal:      fatal,
		Transient:  transient,
	}, nil
}

// fatal tells whether the server reports damaged data or an input/output error (REL-002).
func fatal(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "58030" || strings.HasPrefix(e.Code, "XX") && e.Code != "XX000")
}

// transient tells whether a write lost to another only by the order of their locks (REL-072).
func transient(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

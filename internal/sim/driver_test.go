package sim

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
)

// Errors of the layer below database/sql.
var (
	errDead   = errors.New("sim: the process was killed")
	errBusy   = errors.New("sim: database is locked (5) (SQLITE_BUSY)")
	errUnsure = errors.New("sim: the connection was lost while the commit was under way")
)

// engine is that of SQLite with our layer between it and the driver. A process that is killed loses nothing that the
// system has taken, so that commits need no fsync here.
func (p *process) engine(file string) (db.Engine, error) {
	eng, err := sqlite.Engine(file)
	if err != nil {
		return eng, err
	}
	below := eng.Write.Driver()
	if err := errors.Join(eng.Write.Close(), eng.Read.Close()); err != nil {
		return eng, err
	}
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(OFF)", "temp_store(MEMORY)"}
	open := func(write bool, more string) *sql.DB {
		q := url.Values{"_txlock": {"immediate"}, "_pragma": append(pragmas[:4:4], more)}
		return sql.OpenDB(&connector{p, below, "file:" + file + "?" + q.Encode(), write})
	}
	eng.Write, eng.Read = open(true, "wal_autocheckpoint(4000)"), open(false, "query_only(1)")
	eng.Write.SetMaxOpenConns(1)
	eng.Read.SetMaxOpenConns(8)
	eng.Read.SetMaxIdleConns(8)
	return eng, nil
}

type connector struct {
	p     *process
	below driver.Driver
	dsn   string
	write bool
}

func (c *connector) Driver() driver.Driver { return c.below }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if c.p.isDead() {
		return nil, errDead
	}
	inner, err := c.below.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &conn{fullConn: inner.(fullConn), p: c.p, write: c.write}, nil
}

// fullConn is what a connection of the driver can do.
type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn passes on what its process may still do.
type conn struct {
	fullConn
	p     *process
	write bool
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.p.isDead() {
		return nil, errDead
	}
	inner, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &stmt{inner.(fullStmt), c, query}, nil
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return run(c, query, func() (driver.Result, error) { return c.fullConn.ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return run(c, query, func() (driver.Rows, error) { return c.fullConn.QueryContext(ctx, query, args) })
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	fullStmt
	c     *conn
	query string
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return run(s.c, s.query, func() (driver.Result, error) { return s.fullStmt.ExecContext(ctx, args) })
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return run(s.c, s.query, func() (driver.Rows, error) { return s.fullStmt.QueryContext(ctx, args) })
}

// run executes a statement, or what a fault makes of it. A process stops and starts between transactions only: one that
// is stopped in the middle of one would keep all others from the file, as SQLite does.
func run[T any](c *conn, query string, do func() (T, error)) (T, error) {
	var none T
	begin, commit := strings.HasPrefix(query, "BEGIN IMMEDIATE"), query == "COMMIT"
	if begin || !c.write {
		c.p.wait()
	}
	if begin { // the disk takes its time; meanwhile others read
		time.Sleep(between(c.p.dice("disk", c.p.w.elapsed()), 200*time.Microsecond, 3*time.Millisecond))
	}
	if c.p.isDead() {
		return none, errDead
	}
	switch c.p.fault(query, c.write) {
	case killBefore:
		c.p.kill("before " + brief(query))
		return none, errDead
	case killAfter:
		_, _ = do()
		c.p.kill("after " + brief(query))
		return none, errDead
	case failBefore:
		if commit {
			return none, errUnsure
		}
		return none, errBusy
	case failAfter:
		_, _ = do()
		return none, errUnsure
	case stall:
		time.Sleep(between(c.p.dice("stall", c.p.w.elapsed()), time.Second, 90*time.Second))
	}
	return do()
}

// brief names a statement.
func brief(query string) string {
	words := strings.Fields(query)
	return strings.Join(words[:min(len(words), 3)], " ")
}

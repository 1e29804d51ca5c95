package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Engine is what differs between databases. Packages sqlite and postgres fill it in; all else is one set of queries.
type Engine struct {
	Name    string
	Write   *sql.DB // connections that write
	Read    *sql.DB // connections that only read; may be the same as Write
	Writers int     // how many connections write at the same time
	Batch   int     // how many writes may share one commit

	// Gather is the least time between two commits under load, so that more writes share one; 0 for a server, which
	// groups the flushes of its clients itself.
	Gather time.Duration

	// Limit is how long a transaction may take, so that a server that has vanished holds no writer for ever; 0 for a
	// local file.
	Limit time.Duration

	// Boot is the clock by which leases are granted and end when the database has none but the host's: the time since
	// the host was started, a suspended machine included, in microseconds, and the name of that start. No correction of
	// the clock touches it, and a lease of another start is over (REL-066). nil: leases go by Clock.
	Boot func() (name string, micros int64)

	Begin      string // statement that starts a transaction
	Bytes      string // type of a column of bytes
	Clustered  string // clause of a table whose rows lie in their primary key
	Serial     string // type of a primary key that numbers the rows
	Snapshot   string // statement that starts a transaction of reads which all see one state
	Clock      string // expression: the database's clock in microseconds
	SkipLocked string // clause that makes a claim pass over rows that another claim holds
	IndexedBy  string // clause that makes a query go along the index $1; "" leaves it to the planner
	LockSchema string // statement that keeps other nodes from migrating at the same time; may be empty
	Sign       string // statement by which a connection shows that its server lives; "" when that shows elsewhere
	Dollar     bool   // placeholders are $1, $2 … instead of ?

	// Users names the servers that use the database now, and keeps new ones away until the transaction ends.
	Users func(ctx context.Context, tx *sql.Tx) ([]string, error)

	// InTx asks a connection whether a transaction is open on it. nil: the database never ends one by itself and goes
	// on without.
	InTx func(ctx context.Context, conn *sql.Conn) bool

	Fatal     func(error) bool // the storage itself failed (REL-002)
	Transient func(error) bool // a write that failed with this may be run again: deadlock, serialization
}

// deadline returns the context of a transaction.
func (e *Engine) deadline() (context.Context, context.CancelFunc) {
	if e.Limit == 0 {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), e.Limit)
}

// Options are the parts of a DB that the caller may replace. The zero value is right for production.
type Options struct {
	Now       func() time.Time                   // nil means time.Now, and the database's clock for due times (REL-066)
	Boot      func() (name string, micros int64) // nil means that of the Engine for leases, or Now if that is set
	ReadLimit time.Duration                      // of one read; 0 means DefaultReadLimit

	// Committed is told how long each transaction took, from its begin to the answer to its COMMIT, also if it failed.
	// It must return at once; nil: nobody asks.
	Committed func(took time.Duration)

	Server bool               // of a server: while it is open no command of another version changes the schema
	Used   bool               // the database must have been used before: an empty one is left alone, ErrEmpty
	Hook   func(point string) // called at "db.before_commit" and "db.committed"; tests end the process there
}

// Stats counts what a DB did since it was opened.
type Stats struct {
	Writes  int64 // write functions that were committed
	Commits int64 // transactions that carried them
}

// DB is an open database. Its methods may be called from any goroutine.
type DB struct {
	eng      Engine
	opts     Options
	ownClock bool // Options.Now was set: it decides what is due

	mu      sync.RWMutex // held for reading while a write is handed in, for writing to close
	closed  bool
	writes  chan *write
	writers sync.WaitGroup

	readMu sync.RWMutex
	stmts  map[string]*sql.Stmt // prepared on eng.Read

	broken  atomic.Pointer[FatalError]
	done    atomic.Int64
	commits atomic.Int64
}

// New brings the schema of the database up to date and starts the writers. It owns the two pools of eng from then on,
// also when it fails.
func New(ctx context.Context, eng Engine, opts Options) (*DB, error) {
	ownClock := opts.Now != nil
	if !ownClock {
		opts.Now = time.Now
	}
	if opts.Hook == nil {
		opts.Hook = func(string) {}
	}
	if opts.ReadLimit <= 0 {
		opts.ReadLimit = DefaultReadLimit
	}
	if opts.Committed == nil {
		opts.Committed = func(time.Duration) {}
	}
	d := &DB{
		eng: eng, opts: opts, ownClock: ownClock,
		writes: make(chan *write, eng.Writers*eng.Batch),
		stmts:  map[string]*sql.Stmt{},
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.closePools())
	}
	for range eng.Writers {
		d.writers.Go((&writer{db: d, delay: delay{gap: eng.Gather}}).run)
	}
	if err := d.show(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// show has the sign of a server in the database before anything depends on the schema: what changed before it was
// there, is seen by looking again.
func (d *DB) show(ctx context.Context) error {
	if !d.opts.Server || d.eng.Sign == "" {
		return nil
	}
	if err := d.update(ctx, &write{fn: func(*Tx) error { return nil }}); err != nil {
		return err
	}
	return d.prepare(ctx)
}

// prepare brings the schema up to date.
func (d *DB) prepare(ctx context.Context) error {
	if d.opts.Used {
		if _, err := d.eng.Read.ExecContext(ctx, "SELECT COUNT(*) FROM schema_migration"); err != nil {
			return fmt.Errorf("%w: %w", ErrEmpty, err)
		}
	}
	return migrate(ctx, d.eng, d.opts.Server, d.opts.Now)
}

// Close waits for the writes that were handed in and closes the database. Nothing depends on it: a process that is
// killed instead loses no committed write.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	close(d.writes)
	d.mu.Unlock()
	d.writers.Wait()
	d.readMu.Lock()
	defer d.readMu.Unlock()
	var errs []error
	for _, st := range d.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, d.closePools())...)
}

func (d *DB) closePools() error {
	err := d.eng.Write.Close()
	if d.eng.Read != d.eng.Write {
		err = errors.Join(err, d.eng.Read.Close())
	}
	return err
}

// boot is the clock of leases; without a name it is the clock of due times.
func (d *DB) boot() (name string, micros int64) {
	switch {
	case d.opts.Boot != nil:
		return d.opts.Boot()
	case d.ownClock || d.eng.Boot == nil:
		return "", 0
	}
	return d.eng.Boot()
}

// Err returns the *FatalError that stopped all writing, or nil. It stays until the database is opened anew (REL-002).
func (d *DB) Err() error {
	if f := d.broken.Load(); f != nil {
		return f
	}
	return nil
}

// Stats returns the counters.
func (d *DB) Stats() Stats { return Stats{Writes: d.done.Load(), Commits: d.commits.Load()} }

// Engine returns the name of the database in use.
func (d *DB) Engine() string { return d.eng.Name }

// Now returns the time by which rows are stamped.
func (d *DB) Now() time.Time { return d.opts.Now() }

// Ping tells whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	ctx, cancel := d.reading(ctx)
	defer cancel()
	return d.wrapRead(ctx, "ping", d.eng.Read.PingContext(ctx))
}

// wrap gives an error of the database its place and, if the storage itself failed, its mark.
func (d *DB) wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case d.eng.Fatal(err):
		f := &FatalError{Op: op, Err: err}
		d.broken.CompareAndSwap(nil, f)
		return f
	}
	return fmt.Errorf("db: %s: %w", op, err)
}

// prepared returns the statement of a reading query, preparing it at first use.
func (d *DB) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	d.readMu.RLock()
	st := d.stmts[query]
	d.readMu.RUnlock()
	if st != nil {
		return st, nil
	}
	d.readMu.Lock()
	defer d.readMu.Unlock()
	if st = d.stmts[query]; st != nil {
		return st, nil
	}
	st, err := d.eng.Read.PrepareContext(ctx, d.eng.text(query))
	if err == nil {
		d.stmts[query] = st
	}
	return st, err
}

// ClockOffset is by how much the clock of this process is ahead of that of the database. What the question itself took
// is left out.
func (d *DB) ClockOffset(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	theirs, err := ReadOne(ctx, d, "clock", ScanInt, "SELECT {clock}")
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	offset := began.Add(took / 2).Sub(FromMicros(theirs))
	if offset.Abs() <= took/2+2*time.Millisecond {
		return 0, nil
	}
	return offset, nil
}

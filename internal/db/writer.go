package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// reruns is how often a write that lost a deadlock or a serialization race is tried again (REL-072).
const reruns = 5

// write is a function that waits for a transaction to run in.
type write struct {
	tenant    string
	fn        func(*Tx) error
	patient   bool     // nobody outside waits for it
	committed []func() // see Tx.OnCommit
	err       error
	done      chan struct{} // closed once err is final
}

// Update runs fn in a transaction and returns when it is committed. What arrives while another transaction commits is
// carried by the next one together (D-03); each function has a savepoint, so that its error undoes nothing but its own
// work. fn may run more than once and must have no effect outside its Tx that a second run does not replace.
//
// Once ctx has let the write in, it goes on to its end whatever becomes of ctx (REL-006), and Update waits for it.
func (d *DB) Update(ctx context.Context, tenant string, fn func(*Tx) error) error {
	return d.updateOf(ctx, &write{tenant: tenant, fn: fn})
}

// UpdateLater is Update for a write that nobody outside waits for: under load it may wait a little longer for company.
func (d *DB) UpdateLater(ctx context.Context, tenant string, fn func(*Tx) error) error {
	return d.updateOf(ctx, &write{tenant: tenant, fn: fn, patient: true})
}

// UpdateAny is Update for work of the process itself, which belongs to no tenant or to all.
func (d *DB) UpdateAny(ctx context.Context, fn func(*Tx) error) error {
	return d.update(ctx, &write{fn: fn})
}

func (d *DB) updateOf(ctx context.Context, w *write) error {
	if w.tenant == "" {
		return errors.New("db: write without a tenant")
	}
	return d.update(ctx, w)
}

func (d *DB) update(ctx context.Context, w *write) error {
	w.done = make(chan struct{})
	if err := d.handIn(ctx, w); err != nil {
		return err
	}
	<-w.done
	return w.err
}

func (d *DB) handIn(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return ErrClosed
	}
	select {
	case d.writes <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer is one connection that writes, and the goroutine that owns it.
type writer struct {
	db    *DB
	conn  *sql.Conn            // nil after a failure, until the next write
	stmts map[string]*sql.Stmt // prepared on conn, by the query before its placeholders were rewritten
	ended error                // why the database has ended the transaction by itself; nothing more may run in it
	delay delay
}

// run serves writes until the DB is closed and none waits.
func (wr *writer) run() {
	defer wr.drop()
	for w := range wr.db.writes {
		wr.serve(wr.gather(w))
		wr.delay.served(time.Now())
	}
}

// gather returns first and the writes that came meanwhile, and under load those that come a little later.
func (wr *writer) gather(first *write) []*write {
	batch, urgent := []*write{first}, !first.patient
	for len(batch) < wr.db.eng.Batch {
		w := wr.next(wr.delay.wait(time.Now(), urgent))
		if w == nil {
			break
		}
		batch, urgent = append(batch, w), urgent || !w.patient
	}
	wr.delay.gathered(len(batch))
	return batch
}

// next returns a write that is there or comes within d, or nil.
func (wr *writer) next(d time.Duration) *write {
	select {
	case w := <-wr.db.writes:
		return w // nil when closed
	default:
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case w := <-wr.db.writes:
		return w
	case <-timer.C:
		return nil
	}
}

// serve commits a batch, gives the losers of a deadlock a turn of their own, and answers everybody.
func (wr *writer) serve(batch []*write) {
	wr.commit(batch)
	for _, w := range batch {
		for n := 0; n < reruns && w.err != nil && wr.db.eng.Transient(w.err); n++ {
			wr.commit([]*write{w})
		}
		close(w.done)
	}
}

// commit runs the functions of a batch in one transaction. An error of the transaction itself is everybody's error,
// also of those whose function had failed by itself: they may have seen what others of the batch wrote.
//
// Savepoints cost time and are rarely of use, so they are taken only after a function failed with half of its work
// done.
func (wr *writer) commit(batch []*write) {
	err := wr.tryCommit(batch, false)
	if err == errHalfDone {
		err = wr.tryCommit(batch, true)
	}
	if err != nil {
		for _, w := range batch {
			w.err = err
		}
		wr.drop()
	}
}

// errHalfDone means that a batch was rolled back because a failed function left rows behind.
var errHalfDone = errors.New("db: failed write left rows behind")

func (wr *writer) tryCommit(batch []*write, savepoints bool) error {
	if err := wr.db.Err(); err != nil {
		return err
	}
	began := time.Now()
	defer func() { wr.db.opts.Committed(time.Since(began)) }()
	ctx, cancel := wr.db.eng.deadline()
	defer cancel()
	if err := wr.begin(ctx); err != nil {
		return wr.db.wrap("begin", err)
	}
	good := int64(0)
	for _, w := range batch {
		halfDone, err := wr.one(ctx, w, savepoints)
		if err != nil {
			return err
		}
		if halfDone && !savepoints && len(batch) > 1 {
			return cmp.Or(wr.exec(ctx, "ROLLBACK"), errHalfDone)
		}
		if w.err == nil {
			good++
		}
	}
	if good == 0 {
		if err := wr.exec(ctx,
			"ROLLBACK"); err != nil { // each has its own error; the transaction goes with its connection
			_ = wr.db.wrap("rollback", err)
			wr.drop()
		}
		return nil
	}
	wr.db.opts.Hook("db.before_commit")
	if err := wr.exec(ctx, "COMMIT"); err != nil {
		return &commitError{wr.db.wrap("commit", err)}
	}
	wr.db.opts.Hook("db.committed")
	for _, w := range batch {
		if w.err == nil {
			for _, fn := range w.committed {
				fn()
			}
		}
	}
	wr.db.commits.Add(1)
	wr.db.done.Add(good)
	return nil
}

// one runs the function of w. The error it returns is one of the transaction: nothing more may run in it.
func (wr *writer) one(ctx context.Context, w *write, savepoint bool) (halfDone bool, err error) {
	if savepoint {
		err = wr.guarded(ctx, w)
	} else {
		halfDone = wr.call(ctx, w)
	}
	if wr.ended != nil {
		return halfDone, wr.ended
	}
	return halfDone, wr.db.wrap("savepoint", err)
}

// check asks, after a statement failed, whether the transaction is still there. SQLite ends it by itself when the disk
// is full or fails, and what came after would then be durable at once, each statement for itself.
func (wr *writer) check(ctx context.Context, cause error) {
	if wr.ended == nil && wr.db.eng.InTx != nil && !wr.db.eng.InTx(ctx, wr.conn) {
		wr.ended = cause
	}
}

// guarded runs the function of w and undoes its work if it fails. The error it returns is one of the transaction.
func (wr *writer) guarded(ctx context.Context, w *write) error {
	if err := wr.exec(ctx, "SAVEPOINT w"); err != nil {
		return err
	}
	wr.call(ctx, w)
	if wr.ended != nil {
		return wr.ended
	}
	if w.err != nil {
		if err := wr.exec(ctx, "ROLLBACK TO SAVEPOINT w"); err != nil {
			return errors.Join(w.err, err)
		}
	}
	return wr.exec(ctx, "RELEASE SAVEPOINT w")
}

// call runs the function of w, stores its error in w, and tells whether it failed with half of its work done. A panic
// in it is an error of this write and no other.
func (wr *writer) call(ctx context.Context, w *write) (halfDone bool) {
	tx := &Tx{ctx: ctx, writer: wr, tenant: w.tenant, now: wr.db.opts.Now().UTC().Truncate(time.Microsecond)}
	defer func() {
		if p := recover(); p != nil {
			w.err = fmt.Errorf("db: panic in a write: %v\n%s", p, debug.Stack())
		}
		halfDone, w.committed = w.err != nil && tx.ran, tx.committed
	}()
	w.err = w.fn(tx)
	if tx.failed != nil && !errors.Is(w.err, tx.failed) {
		w.err = errors.Join(tx.failed, w.err)
	}
	return false
}

// begin starts a transaction, on a new connection if the old one has gone.
func (wr *writer) begin(ctx context.Context) error {
	wr.ended = nil
	if wr.conn != nil {
		if wr.exec(ctx, wr.db.eng.Begin) == nil {
			return nil
		}
		wr.drop()
	}
	conn, err := wr.db.eng.Write.Conn(ctx)
	if err != nil {
		return err
	}
	wr.conn, wr.stmts = conn, map[string]*sql.Stmt{}
	if wr.db.opts.Server && wr.db.eng.Sign != "" {
		if _, err := conn.ExecContext(ctx, wr.db.eng.Sign); err != nil {
			return err
		}
	}
	// so that a failing COMMIT is never a failing preparation of it
	if _, err := wr.prepared(ctx, "COMMIT"); err != nil {
		return err
	}
	return wr.exec(ctx, wr.db.eng.Begin)
}

// drop gives up the connection, and with it a transaction that may still be open. The pool must not hand it out again.
func (wr *writer) drop() {
	if wr.conn == nil {
		return
	}
	for _, st := range wr.stmts {
		_ = st.Close()
	}
	discard(wr.conn)
	wr.conn, wr.stmts = nil, nil
}

func (wr *writer) exec(ctx context.Context, query string) error {
	st, err := wr.prepared(ctx, query)
	if err == nil {
		_, err = st.ExecContext(ctx)
	}
	return err
}

func (wr *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if wr.ended != nil {
		return nil, wr.ended
	}
	if st := wr.stmts[query]; st != nil {
		return st, nil
	}
	st, err := wr.conn.PrepareContext(ctx, wr.db.eng.text(query))
	if err == nil {
		wr.stmts[query] = st
	}
	return st, err
}

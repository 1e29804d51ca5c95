package store

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
	tenant  string
	fn      func(*Tx) error
	patient bool            // nobody outside waits for it
	learned map[term]TermID // terms that the function met; they are sure after the commit
	err     error
	done    chan struct{} // closed once err is final
}

// Update runs fn in a transaction and returns when it is committed. What arrives while another transaction commits is
// carried by the next one together (D-03); each function has a savepoint, so that its error undoes nothing but its own
// work. fn may run more than once and must have no effect outside its Tx that a second run does not replace.
//
// Once ctx has let the write in, it goes on to its end whatever becomes of ctx (REL-006), and Update waits for it.
func (s *Store) Update(ctx context.Context, tenant string, fn func(*Tx) error) error {
	return s.updateOf(ctx, &write{tenant: tenant, fn: fn})
}

func (s *Store) updateOf(ctx context.Context, w *write) error {
	if w.tenant == "" {
		return errors.New("store: write without a tenant")
	}
	return s.update(ctx, w)
}

func (s *Store) update(ctx context.Context, w *write) error {
	w.done = make(chan struct{})
	if err := s.handIn(ctx, w); err != nil {
		return err
	}
	<-w.done
	return w.err
}

func (s *Store) handIn(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.writes <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lane is one connection that writes, and the goroutine that owns it.
type lane struct {
	s     *Store
	conn  *sql.Conn            // nil after a failure, until the next write
	stmts map[string]*sql.Stmt // prepared on conn, by the query before its placeholders were rewritten
	ended error                // why the database has ended the transaction by itself; nothing more may run in it
	pace  pace
}

func newLane(s *Store) *lane { return &lane{s: s, pace: pace{gap: s.eng.Gather}} }

// run serves writes until the Store is closed and none waits.
func (l *lane) run() {
	defer l.drop()
	for w := range l.s.writes {
		l.serve(l.gather(w))
		l.pace.served(time.Now())
	}
}

// gather returns first and the writes that came meanwhile, and under load those that come a little later.
func (l *lane) gather(first *write) []*write {
	batch, urgent := []*write{first}, !first.patient
	for len(batch) < l.s.eng.Batch {
		w := l.next(l.pace.wait(time.Now(), urgent))
		if w == nil {
			break
		}
		batch, urgent = append(batch, w), urgent || !w.patient
	}
	l.pace.gathered(len(batch))
	return batch
}

// next returns a write that is there or comes within d, or nil.
func (l *lane) next(d time.Duration) *write {
	select {
	case w := <-l.s.writes:
		return w // nil when closed
	default:
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case w := <-l.s.writes:
		return w
	case <-timer.C:
		return nil
	}
}

// serve commits a batch, gives the losers of a deadlock a turn of their own, and answers everybody.
func (l *lane) serve(batch []*write) {
	l.commit(batch)
	for _, w := range batch {
		for n := 0; n < reruns && w.err != nil && l.s.eng.Transient(w.err); n++ {
			l.commit([]*write{w})
		}
		close(w.done)
	}
}

// commit runs the functions of a batch in one transaction. An error of the transaction itself is everybody's error,
// also of those whose function had failed by itself: they may have seen what others of the batch wrote.
//
// Savepoints cost time and are rarely of use, so they are taken only after a function failed with half of its work
// done.
func (l *lane) commit(batch []*write) {
	err := l.tryCommit(batch, false)
	if err == errHalfDone {
		err = l.tryCommit(batch, true)
	}
	if err != nil {
		for _, w := range batch {
			w.err = err
		}
		l.drop()
	}
}

// errHalfDone means that a batch was rolled back because a failed function left rows behind.
var errHalfDone = errors.New("store: failed write left rows behind")

func (l *lane) tryCommit(batch []*write, savepoints bool) error {
	if err := l.s.Err(); err != nil {
		return err
	}
	ctx, cancel := l.s.eng.deadline()
	defer cancel()
	if err := l.begin(ctx); err != nil {
		return l.s.fault("begin", err)
	}
	good := int64(0)
	for _, w := range batch {
		halfDone, err := l.one(ctx, w, savepoints)
		if err != nil {
			return err
		}
		if halfDone && !savepoints && len(batch) > 1 {
			return cmp.Or(l.exec(ctx, "ROLLBACK"), errHalfDone)
		}
		if w.err == nil {
			good++
		}
	}
	if good == 0 {
		if err := l.exec(ctx,
			"ROLLBACK"); err != nil { // each has its own error; the transaction goes with its connection
			_ = l.s.fault("rollback", err)
			l.drop()
		}
		return nil
	}
	l.s.opts.Hook("store.before_commit")
	if err := l.exec(ctx, "COMMIT"); err != nil {
		return &commitError{l.s.fault("commit", err)}
	}
	l.s.opts.Hook("store.committed")
	for _, w := range batch {
		if w.err == nil {
			l.s.terms.learn(w.learned)
		}
	}
	l.s.commits.Add(1)
	l.s.done.Add(good)
	return nil
}

// one runs the function of w. The error it returns is one of the transaction: nothing more may run in it.
func (l *lane) one(ctx context.Context, w *write, savepoint bool) (halfDone bool, err error) {
	if savepoint {
		err = l.guarded(ctx, w)
	} else {
		halfDone = l.call(ctx, w)
	}
	if l.ended != nil {
		return halfDone, l.ended
	}
	return halfDone, l.s.fault("savepoint", err)
}

// check asks, after a statement failed, whether the transaction is still there. SQLite ends it by itself when the disk
// is full or fails, and what came after would then be durable at once, each statement for itself.
func (l *lane) check(ctx context.Context, cause error) {
	if l.ended == nil && l.s.eng.InTx != nil && !l.s.eng.InTx(ctx, l.conn) {
		l.ended = cause
	}
}

// guarded runs the function of w and undoes its work if it fails. The error it returns is one of the transaction.
func (l *lane) guarded(ctx context.Context, w *write) error {
	if err := l.exec(ctx, "SAVEPOINT w"); err != nil {
		return err
	}
	l.call(ctx, w)
	if l.ended != nil {
		return l.ended
	}
	if w.err != nil {
		if err := l.exec(ctx, "ROLLBACK TO SAVEPOINT w"); err != nil {
			return errors.Join(w.err, err)
		}
	}
	return l.exec(ctx, "RELEASE SAVEPOINT w")
}

// call runs the function of w, stores its error in w, and tells whether it failed with half of its work done. A panic in
// it is an error of this write and no other.
func (l *lane) call(ctx context.Context, w *write) (halfDone bool) {
	tx := &Tx{ctx: ctx, lane: l, tenant: w.tenant, now: l.s.opts.Now().UTC().Truncate(time.Microsecond)}
	defer func() {
		if p := recover(); p != nil {
			w.err = fmt.Errorf("store: panic in a write: %v\n%s", p, debug.Stack())
		}
		halfDone, w.learned = w.err != nil && tx.ran, tx.learned
	}()
	w.err = w.fn(tx)
	if tx.failed != nil && !errors.Is(w.err, tx.failed) {
		w.err = errors.Join(tx.failed, w.err)
	}
	return false
}

// begin starts a transaction, on a new connection if the old one has gone.
func (l *lane) begin(ctx context.Context) error {
	l.ended = nil
	if l.conn != nil {
		if l.exec(ctx, l.s.eng.Begin) == nil {
			return nil
		}
		l.drop()
	}
	conn, err := l.s.eng.Write.Conn(ctx)
	if err != nil {
		return err
	}
	l.conn, l.stmts = conn, map[string]*sql.Stmt{}
	if l.s.opts.Server && l.s.eng.Sign != "" {
		if _, err := conn.ExecContext(ctx, l.s.eng.Sign); err != nil {
			return err
		}
	}
	if _, err := l.prepared(ctx, "COMMIT"); err != nil { // so that a failing COMMIT is never a failing preparation of it
		return err
	}
	return l.exec(ctx, l.s.eng.Begin)
}

// drop gives up the connection, and with it a transaction that may still be open. The pool must not hand it out again.
func (l *lane) drop() {
	if l.conn == nil {
		return
	}
	for _, st := range l.stmts {
		_ = st.Close()
	}
	discard(l.conn)
	l.conn, l.stmts = nil, nil
}

func (l *lane) exec(ctx context.Context, query string) error {
	st, err := l.prepared(ctx, query)
	if err == nil {
		_, err = st.ExecContext(ctx)
	}
	return err
}

func (l *lane) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if l.ended != nil {
		return nil, l.ended
	}
	if st := l.stmts[query]; st != nil {
		return st, nil
	}
	st, err := l.conn.PrepareContext(ctx, l.s.eng.text(query))
	if err == nil {
		l.stmts[query] = st
	}
	return st, err
}

package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// isFull reports whether an error is that of a full disk.
func isFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// enqueue is a write of one row with some bytes.
func enqueue(key string, size int) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{Kind: store.Report, Key: key, Args: make([]byte, size)})
	}
}

// small is a store whose writing connection has room for 1.6 MB. A later connection has none of this limit: the disk
// has room again. The first commit waits for open.
func small(t *testing.T) (s *store.Store, open func()) {
	t.Helper()
	eng, err := Engine(filepath.Join(t.TempDir(), "r.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eng.Write.Exec("PRAGMA max_page_count=400"); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	var once sync.Once
	s, err = store.Open(db.New(t.Context(), eng, db.Options{Hook: func(point string) {
		if point == "db.before_commit" {
			once.Do(func() { <-gate })
		}
	}}))
	if err != nil {
		t.Fatal(err)
	}
	return s, func() { close(gate) }
}

// rows are the keys of the jobs in a store.
func rows(t *testing.T, s *store.Store) (keys []string) {
	t.Helper()
	jobs, err := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		keys = append(keys, j.Key)
	}
	slices.Sort(keys)
	return keys
}

// REL-074: the disk is full in the middle of a batch. SQLite ends the transaction by itself; nothing of the batch may
// stay, and every caller learns why.
func TestREL074DiskFullInABatch(t *testing.T) {
	errHalf := errors.New("the caller gives up")
	writes := map[string]func(*store.Tx) error{
		"before": enqueue("before", 10),
		"after":  enqueue("after", 10),
		"full":   enqueue("full", 4<<20),
		"half":   func(tx *store.Tx) error { return errors.Join(enqueue("half", 10)(tx), errHalf) },
		"empty":  func(*store.Tx) error { return nil },
		"passed over": func(tx *store.Tx) error {
			for _, size := range []int{10, 4 << 20, 10} {
				_ = enqueue(fmt.Sprint("passed over ", size), size)(tx)
			}
			return nil
		},
	}
	for _, batch := range []string{
		"full", "before, full", "full, after", "before, full, after", "before, full, half, after",
		"half, before, full, after",
		"passed over", "before, passed over, after", "half, passed over, after", "before, full, full, empty",
	} {
		t.Run(batch, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, open := small(t)
				defer func() { _ = s.Close() }()
				var mu sync.Mutex
				errs := map[string]error{}
				run := func(name string, fn func(*store.Tx) error) {
					go func() {
						err := s.Update(context.Background(), db.DefaultTenant, fn)
						mu.Lock()
						defer mu.Unlock()
						errs[name] = errors.Join(errs[name], err)
					}()
					synctest.Wait() // it is handed in
				}
				run("first", enqueue("first", 10)) // holds the lane in its commit
				for name := range strings.SplitSeq(batch, ", ") {
					run(name, writes[name])
				}
				open()
				time.Sleep(time.Second) // the lane waits a little for company
				synctest.Wait()
				for name, err := range errs {
					if name == "first" != (err == nil) || err != nil &&
						(!isFull(err) || errors.Is(err, db.ErrOutcomeUnknown) ||
							strings.Contains(err.Error(), "transaction")) {
						t.Errorf("%s: %v", name, err)
					}
				}
				if got := rows(t, s); !slices.Equal(got, []string{"first"}) {
					t.Errorf("rows %q", got)
				}
				if err := s.Err(); err != nil {
					t.Errorf("a full disk heals: %v", err)
				}
				if err := s.Update(t.Context(), db.DefaultTenant, enqueue("later", 10)); err != nil {
					t.Errorf("with room again: %v", err)
				}
			})
		})
	}
}

// The sender of a message that came while the disk was full repeats it: it is accepted whole, and never called a
// duplicate of something that has no receipt.
func TestREL074NoHalfMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, open := small(t)
		defer func() { _ = s.Close() }()
		inbound := func(size int) store.Acceptance {
			return store.Acceptance{
				Message:  store.Message{ID: db.NewID(), MessageID: "m-1@c2.example", C2: "POP000001"},
				Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: bytes.Repeat([]byte("r"), size)}},
			}
		}
		accepted := errors.New("not yet")
		for _, fn := range []func(){
			func() { _ = s.Update(context.Background(), db.DefaultTenant, enqueue("first", 10)) },
			func() { _ = s.Update(context.Background(), db.DefaultTenant, enqueue("full", 4<<20)) },
			func() { _, accepted = s.Accept(context.Background(), db.DefaultTenant, inbound(2<<20)) },
		} {
			go fn()
			synctest.Wait()
		}
		open()
		time.Sleep(time.Second)
		synctest.Wait()
		if !isFull(accepted) {
			t.Errorf("while the disk is full: %v", accepted)
		}
		if p, err := s.Known(t.Context(), db.DefaultTenant, "POP000001", "m-1@c2.example"); !errors.Is(err,
			db.ErrNotFound) {
			t.Errorf("known: %+v, %v", p, err)
		}
		again := inbound(1000)
		if _, err := s.Accept(t.Context(), db.DefaultTenant, again); err != nil {
			t.Fatalf("the repeat: %v", err)
		}
		p, err := s.Known(t.Context(), db.DefaultTenant, "POP000001", "m-1@c2.example")
		jobs, jerr := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Deliver})
		if err := errors.Join(err, jerr); err != nil || p.ID != again.Message.ID || len(p.Receipt) != 1000 ||
			len(jobs) != 1 {
			t.Errorf("%s with a receipt of %d bytes and %d deliveries, %v", p.ID, len(p.Receipt), len(jobs), err)
		}
	})
}

// The connection is asked, not guessed at from the error.
func TestREL074StateOfAConnection(t *testing.T) {
	eng, err := Engine(filepath.Join(t.TempDir(), "r.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(eng.Write.Close(), eng.Read.Close()) }()
	conn, err := eng.Write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string) error { _, err := conn.ExecContext(t.Context(), query); return err }
	want := func(when string, open bool) {
		t.Helper()
		for range 2 { // asking changes nothing
			if eng.InTx(t.Context(), conn) != open {
				t.Errorf("%s: in a transaction: %v", when, !open)
			}
		}
	}
	want("at first", false)
	if err := errors.Join(exec("PRAGMA max_page_count=50"), exec("CREATE TABLE a (b UNIQUE)"),
		exec("BEGIN IMMEDIATE"), exec("INSERT INTO a VALUES (1)")); err != nil {
		t.Fatal(err)
	}
	want("after BEGIN", true)
	if exec("INSERT INTO a VALUES (1)") == nil {
		t.Fatal("no error")
	}
	want("after an error that ends nothing", true)
	if err := exec("INSERT INTO a VALUES (zeroblob(1000000))"); !isFull(err) {
		t.Fatal(err)
	}
	want("after SQLite ended it", false)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	want("a connection that has gone", false)
}

// smallDisk mounts a file system of 48 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("ravn-test", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("a full disk: mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// F-04: a disk that is really full, many writers. Each write is there whole or not at all, and its caller knows which.
func TestREL074RealDisk(t *testing.T) {
	root := smallDisk(t)
	for round := range 3 {
		dir := filepath.Join(root, fmt.Sprint(round))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(Open(t.Context(), filepath.Join(dir, "r.db"), db.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		outcome := map[string]error{} // by key of a pair, or by MessageId
		note := func(key string, err error) {
			mu.Lock()
			defer mu.Unlock()
			outcome[key] = err
		}
		var wg sync.WaitGroup
		for w := range 48 {
			wg.Go(func() {
				for n := range 8 {
					key := fmt.Sprint(w, "-", n)
					size := []int{900 << 10, 2000, 300 << 10, 60 << 10, 8000}[(w*7+n*3+round)%5]
					if w%2 == 0 {
						note(key, s.Update(context.Background(), db.DefaultTenant, func(tx *store.Tx) error {
							if err := enqueue(key+"/a", 500)(tx); err != nil {
								return err
							}
							return enqueue(key+"/b", size)(tx)
						}))
						continue
					}
					_, err := s.Accept(context.Background(), db.DefaultTenant, store.Acceptance{
						Message: store.Message{MessageID: key, C2: "POP1"},
						Evidence: []store.Evidence{
							{Kind: store.EvidenceRequestSOAP, Bytes: make([]byte, size)},
							{Kind: store.EvidenceReceipt, Bytes: []byte("r")},
						},
					})
					note(key, err)
				}
			})
		}
		wg.Wait()
		checkRound(t, s, outcome)
		if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRound compares what callers were told with what is there.
func checkRound(t *testing.T, s *store.Store, outcome map[string]error) {
	t.Helper()
	there := map[string]int{}
	for _, key := range rows(t, s) {
		key, _, _ = strings.Cut(key, "/")
		there[key]++
	}
	full := 0
	for key, err := range outcome {
		p, kerr := s.Known(t.Context(), db.DefaultTenant, "POP1", key)
		if kerr == nil {
			if there[key] = 2; len(p.Receipt) == 0 || p.State != store.Accepted {
				t.Errorf("%s is in the record without its receipt, state %q", key, p.State)
			}
		} else if !errors.Is(kerr, db.ErrNotFound) {
			t.Error(kerr)
		}
		switch n := there[key]; {
		case err == nil && n != 2, n == 1:
			t.Errorf("%s: %v, and %d of 2 rows are there", key, err, n)
		case err != nil && n == 2 && !errors.Is(err, db.ErrOutcomeUnknown):
			t.Errorf("%s is there, its caller got %v", key, err)
		case err != nil && !isFull(err):
			t.Errorf("%s: the cause is lost: %v", key, err)
		case err != nil:
			full++
		}
	}
	if full == 0 || full == len(outcome) {
		t.Fatalf("%d of %d writes found a full disk", full, len(outcome))
	}
}

package postgres_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/store"
)

// cutter stands between a store and its server and cuts connections.
type cutter struct {
	listener net.Listener
	server   string
	request  atomic.Bool // cut before the next bytes to the server
	answer   atomic.Bool // cut after the next bytes from the server, which nobody gets to see
}

// newCutter returns a cutter and the address that leads through it.
func newCutter(t *testing.T, addr string) (*cutter, string) {
	u, err := url.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{listener: l, server: u.Host}
	go c.serve()
	u.Host = l.Addr().String()
	return c, u.String()
}

func (c *cutter) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		go pipe(server, client, &c.request)
		go pipe(client, server, &c.answer)
	}
}

// pipe copies until it is told to cut, which is a flag for one time.
func pipe(to, from net.Conn, cut *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && cut.CompareAndSwap(true, false) {
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// cutAtCommit opens a store through a cutter. A flag of the cutter that is put into arm is raised before the next
// COMMIT.
func cutAtCommit(t *testing.T) (c *cutter, s *store.Store, arm *atomic.Pointer[atomic.Bool]) {
	t.Helper()
	c, addr := newCutter(t, schema(t))
	arm = new(atomic.Pointer[atomic.Bool])
	s, err := store.Open(postgres.Open(t.Context(), addr, db.Options{Hook: func(point string) {
		if flag := arm.Swap(nil); flag != nil && point == "db.before_commit" {
			flag.Store(true)
		}
	}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return c, s, arm
}

// TestREL072ConnectionCutAtCommit cuts the connection while COMMIT is on its way there, and while its answer is on its
// way back, many times (F-08).
func TestREL072ConnectionCutAtCommit(t *testing.T) {
	c, s, arm := cutAtCommit(t)
	accept := func(id string) (store.Message, error) {
		return s.Accept(t.Context(), db.DefaultTenant,
			store.Acceptance{Message: store.Message{C2: "PNO000111", MessageID: id}})
	}
	for i := range 40 {
		id := db.NewID()
		arm.Store([]*atomic.Bool{&c.request, &c.answer}[i%2])
		m, err := accept(id)
		if err != nil {
			t.Fatal(err)
		}
		if prior, err := s.Known(t.Context(), db.DefaultTenant, "PNO000111", id); err != nil || prior.ID != m.ID {
			t.Fatal(prior, err)
		}
	}
	if c.request.Load() || c.answer.Load() {
		t.Error("a connection was not cut")
	}
	if jobs, err := s.Claim(t.Context(), store.Claim{
		Kind: store.Deliver, Lease: time.Minute,
		Limit: 100,
	}); err != nil || len(jobs) != 40 {
		t.Errorf("%d deliveries, %v", len(jobs), err)
	}
}

// A claim whose answer was lost is nobody's, and no sign of a crash, whether it was committed or not (REL-067).
func TestREL072ConnectionCutAtAClaim(t *testing.T) {
	c, s, arm := cutAtCommit(t)
	if err := s.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{Kind: store.Report, Key: "a"})
	}); err != nil {
		t.Fatal(err)
	}
	claim := func() ([]store.Job, error) {
		return s.Claim(t.Context(), store.Claim{Kind: store.Report, Owner: "w", Lease: time.Hour, Limit: 5})
	}
	for i := range 10 {
		arm.Store([]*atomic.Bool{&c.request, &c.answer}[i%2])
		if jobs, err := claim(); !errors.Is(err, db.ErrOutcomeUnknown) || len(jobs) != 0 {
			t.Fatalf("claim %d: %v, %v", i, jobs, err)
		}
	}
	jobs, err := claim()
	if err != nil || len(jobs) != 1 || jobs[0].Unended != 0 || jobs[0].Tries != 1 {
		t.Errorf("the next claim: %+v, %v", jobs, err)
	}
}

// The connection is lost in the middle of a write whose function passes over the error: what follows runs on no other
// connection, nothing stays, and the caller learns the first cause (REL-072).
func TestREL072ConnectionCutInTheMiddle(t *testing.T) {
	c, addr := newCutter(t, schema(t))
	s, err := store.Open(postgres.Open(t.Context(), addr, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	enqueue := func(tx *store.Tx, key string) error { return tx.Enqueue(store.Task{Kind: store.Report, Key: key}) }
	if err := s.Update(t.Context(), db.DefaultTenant,
		func(tx *store.Tx) error { return enqueue(tx, "before") }); err != nil {
		t.Fatal(err)
	}
	for i, flag := range []*atomic.Bool{&c.request, &c.answer} {
		var steps []error
		err := s.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
			steps = []error{enqueue(tx, fmt.Sprint("a", i))}
			flag.Store(true)
			for _, key := range []string{"b", "c", "d"} {
				steps = append(steps, enqueue(tx, fmt.Sprint(key, i)))
			}
			return nil
		})
		if len(steps) != 4 || steps[0] != nil || steps[1] == nil || steps[2] == nil || steps[3] == nil {
			t.Errorf("the steps: %v", steps)
		}
		if err == nil || !errors.Is(err, steps[1]) {
			t.Errorf("the caller got %v, the cause is %v", err, steps[1])
		}
	}
	jobs, err := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{})
	if err != nil || len(jobs) != 1 || jobs[0].Key != "before" {
		t.Errorf("%+v, %v", jobs, err)
	}
}

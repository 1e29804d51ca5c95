package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
)

// idleNode is a node that runs nothing by itself, and its log.
func idleNode(t *testing.T) (*Node, *bytes.Buffer) {
	t.Helper()
	_, dir := testPKI(t)
	w, err := setup.Write(setup.Node{
		Dir: filepath.Join(t.TempDir(), "n"), Environment: certs.Local,
		Listen: "127.0.0.1:0", PKI: dir, Seat: "POP900001",
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	return openIdle(t, w.Config, zerolog.New(log)), log
}

// openIdle opens the node of a configuration.
func openIdle(t *testing.T, file string, log zerolog.Logger) *Node {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), cfg, Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// received stores a message of 100 kB for C4, and returns it with the file of its payload.
func received(t *testing.T, n *Node) (store.Message, string) {
	t.Helper()
	return receivedAs(t, n, db.NewID())
}

// receivedAs is received for an id that is known before.
func receivedAs(t *testing.T, n *Node, id string) (store.Message, string) {
	t.Helper()
	w, err := n.Blobs.Create(t.Context(), store.BlobKey(id, "sbd"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("content "), 12_500)); err != nil {
		t.Fatal(err)
	}
	ref, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Store.Accept(t.Context(), db.DefaultTenant, store.Acceptance{
		Message: store.Message{
			ID: id, C2: "POP1", MessageID: id, Payload: ref, Domain: "eGov", DocumentNumber: "4711",
		},
		Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("r")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(n.data.dir, "blobs", "??", ref.Key))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return m, files[0]
}

// tryDelivery makes one attempt to deliver a message, and returns its state and the code of the attempt.
func tryDelivery(t *testing.T, n *Node, m store.Message) (store.State, string) {
	t.Helper()
	job, err := n.Store.Take(t.Context(), db.DefaultTenant, store.Deliver, m.ID, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if out := n.Inbound.Forward(t.Context(), job); out != queue.AlreadyEnded() {
		t.Errorf("outcome %+v", out)
	}
	m, err = n.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	attempts, aerr := n.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
	if err := errors.Join(err, aerr); err != nil {
		t.Fatal(err)
	}
	return m.State, attempts[len(attempts)-1].Code
}

// What no repetition mends ends the attempts, with an alarm: a payload that is missing or damaged, something else in
// the place of the document.
func TestREL003Undelivered(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(n *Node, m store.Message, file string) error
		state store.State
		code  string
		alarm string
	}{
		"missing": {
			func(_ *Node, _ store.Message, file string) error { return os.Remove(file) }, store.Quarantined,
			"RAVN-3004", "payload_missing",
		},
		"damaged": {func(_ *Node, _ store.Message, file string) error {
			text, err := os.ReadFile(file)
			return errors.Join(err, os.WriteFile(file, bytes.ToUpper(text), 0o600))
		}, store.Quarantined, "RAVN-3003", "payload_damaged"},
		"REL-012 something else there": {func(n *Node, m store.Message, _ string) error {
			dir := filepath.Join(n.targets["folder"].Dir, m.ID)
			return errors.Join(os.Mkdir(dir, 0o700),
				os.WriteFile(filepath.Join(dir, "document.xml"), []byte("half"), 0o600))
		}, store.Dead, "RAVN-3105", "delivery_conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			n, log := idleNode(t)
			m, file := received(t, n)
			if err := tc.spoil(n, m, file); err != nil {
				t.Fatal(err)
			}
			if state, code := tryDelivery(t, n, m); state != tc.state || code != tc.code {
				t.Errorf("%s, %s", state, code)
			}
			if got := raised(t, log); !slices.Equal(got, []string{tc.alarm}) {
				t.Errorf("alarms %q", got)
			}
			if jobs, err := n.Store.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Dead: true}); err != nil ||
				len(jobs) != 1 || strings.Count(jobs[0].Reason, tc.code) != 1 {
				t.Errorf("given up: %+v, %v", jobs, err)
			}
		})
	}
}

// A folder that has gone, as a disk that is not mounted, makes no payload a lost one.
func TestREL003FolderGone(t *testing.T) {
	n, _ := idleNode(t)
	m, _ := received(t, n)
	blobs := filepath.Join(n.data.dir, "blobs")
	if err := os.Rename(blobs, blobs+".away"); err != nil {
		t.Fatal(err)
	}
	if state, _ := tryDelivery(t, n, m); state != store.DeliveryFailed {
		t.Error(state)
	}
	if err := os.Rename(blobs+".away", blobs); err != nil {
		t.Fatal(err)
	}
	if state, _ := tryDelivery(t, n, m); state != store.Delivered {
		t.Error(state)
	}
}

// Where nodes have folders of their own, a payload that is not here may be there: not for ever.
func TestREL003PayloadOfAnotherNode(t *testing.T) {
	n, log := idleNode(t)
	if _, err := n.Store.JoinFolder(t.Context(), db.DataFolder{ID: "another"}, false, db.Audit{}); err != nil {
		t.Fatal(err)
	}
	m, file := received(t, n)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for try := 1; try <= 30; try++ {
		want := store.DeliveryFailed
		if try == 30 {
			want = store.Quarantined
		}
		if state, code := tryDelivery(t, n, m); state != want || code != "RAVN-3004" {
			t.Fatalf("attempt %d: %s, %s", try, state, code)
		}
	}
	if got := raised(t, log); len(got) != 30 || slices.ContainsFunc(got,
		func(s string) bool { return s != "payload_missing" }) {
		t.Errorf("alarms %q", got)
	}
}

// answers is a backend that answers the same each time, and reads what it gets.
type answers struct {
	out  backend.Outcome
	last backend.Metadata
}

func (a *answers) Name() string { return "answers" }

func (a *answers) Deliver(_ context.Context, d backend.Delivery) backend.Outcome {
	a.last = d.Metadata
	if _, err := io.Copy(io.Discard, d.Payload); err != nil {
		return backend.Ended(err)
	}
	return a.out
}

// REL-011: what each class of outcome makes of a message. One that nobody knows is no success.
func TestOPS004Classes(t *testing.T) {
	no := errors.New("the office says no")
	of := func(c backend.Class, err error, after time.Duration) backend.Outcome {
		return backend.Outcome{Class: c, Err: err, RetryAfter: after}
	}
	for name, tc := range map[string]struct {
		out   backend.Outcome
		state store.State
		code  string
		wait  time.Duration // at least, and at most a minute more
	}{
		"taken":      {of(backend.Taken, nil, 0), store.Delivered, "", 0},
		"already":    {of(backend.Already, nil, 0), store.Delivered, "", 0},
		"conflict":   {of(backend.Conflict, no, 0), store.Dead, "RAVN-3105", 0},
		"permanent":  {of(backend.Permanent, no, 0), store.Dead, "", 0},
		"retry":      {of(backend.Retry, no, 0), store.DeliveryFailed, "", 30 * time.Second},
		"unknown":    {of("maybe", no, 0), store.DeliveryFailed, "", 30 * time.Second},
		"silent":     {of("", nil, 0), store.DeliveryFailed, "", 30 * time.Second},
		"later":      {of(backend.Retry, no, 20*time.Minute), store.DeliveryFailed, "", 20 * time.Minute},
		"much later": {of(backend.Retry, no, 5*time.Hour), store.DeliveryFailed, "", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := idleNode(t)
			m, _ := received(t, n)
			office := &answers{out: tc.out}
			n.Inbound.Route = func(*store.Message) (ap.Destination, bool) {
				return ap.Destination{Route: "all", Backend: office, Plan: ap.Plan{Waits: []time.Duration{
					time.Minute, 2 * time.Minute,
				}}}, true
			}
			before := n.opts.Now()
			if state, code := tryDelivery(t, n, m); state != tc.state || code != tc.code {
				t.Errorf("%s, %s", state, code)
			}
			jobs, err := n.Store.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if tc.state == store.DeliveryFailed && (len(jobs) != 1 || jobs[0].Due.Sub(before) < tc.wait-time.Second ||
				jobs[0].Due.Sub(before) > tc.wait+time.Minute) {
				t.Errorf("due: %+v", jobs)
			}
			// OPS-008
			if got := office.last; got.Tenant != db.DefaultTenant || got.Attempt != 1 || got.Route != "all" ||
				got.Domain != "eGov" || got.DocumentNumber != "4711" {
				t.Errorf("metadata %+v", got)
			}
		})
	}
}

// OPS-005: the waits of a backend's plan, then an hour each, until its end; after that the message is DEAD with
// RAVN-3008 and what happened last. Without an end there is always another attempt.
func TestOPS005Plan(t *testing.T) {
	for _, giveUp := range []time.Duration{3 * time.Hour, 0} {
		n, _ := idleNode(t)
		m, _ := received(t, n)
		now := time.Now()
		n.Inbound.Now, n.Inbound.Spread = func() time.Time { return now }, nil
		final := false
		n.Inbound.Delivered = func(_ store.Message, out backend.Outcome) { final = out.Final() }
		office := &answers{out: backend.Outcome{Class: backend.Retry, Err: errors.New("the office is closed")}}
		n.Inbound.Route = func(*store.Message) (ap.Destination, bool) {
			plan := ap.Plan{Waits: []time.Duration{time.Minute, 7 * time.Minute}, GiveUp: giveUp}
			return ap.Destination{Backend: office, Plan: plan}, true
		}
		for i, want := range []time.Duration{time.Minute, 7 * time.Minute, time.Hour, time.Hour} {
			if state, _ := tryDelivery(t, n, m); state != store.DeliveryFailed || final {
				t.Fatalf("attempt %d: %s, told as the last: %t", i+1, state, final)
			}
			job, err := n.Store.JobOf(t.Context(), db.DefaultTenant, store.Deliver, m.ID)
			if wait := job.Due.Sub(now).Round(time.Second); err != nil || wait != want {
				t.Errorf("attempt %d: the next one is in %v, %v, want %v", i+1, wait, err, want)
			}
			now = job.Due
		}
		state, code := tryDelivery(t, n, m)
		if giveUp == 0 {
			if state != store.DeliveryFailed || final {
				t.Errorf("without an end: %s, %s", state, code)
			}
			continue
		}
		got, err := n.Store.Get(t.Context(), db.DefaultTenant, m.ID)
		attempts, aerr := n.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
		if err := errors.Join(err, aerr); err != nil {
			t.Fatal(err)
		}
		if last := attempts[len(attempts)-1].Detail; state != store.Dead || code != "RAVN-3008" ||
			got.FaultCode != "RAVN-3008" || !strings.Contains(last, "5 attempts in 3h0m0s") ||
			!strings.Contains(last, "the office is closed") || !final {
			t.Errorf("%s, %s, %s, told as the last: %t", state, code, last, final)
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for range 3000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not come to that")
}

// slow is a backend that takes nothing until it may.
type slow struct {
	may       chan struct{}
	now, most atomic.Int64
}

func (*slow) Name() string { return "slow" }

func (s *slow) Deliver(ctx context.Context, _ backend.Delivery) backend.Outcome {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	select {
	case <-s.may:
		return backend.Outcome{Class: backend.Taken}
	case <-ctx.Done():
		return backend.Ended(ctx.Err())
	}
}

// OPS-006: documents for a backend that takes none for a long time have as many places as they may, and one for another
// backend is delivered at once.
func TestOPS006ASlowBackendHoldsUpNobody(t *testing.T) {
	n, _ := idleNode(t)
	n.Inbound.Delivered = nil // its log is for one at a time
	lazy, quick := &slow{may: make(chan struct{})}, &answers{out: backend.Outcome{Class: backend.Taken}}
	var urgent atomic.Value
	n.Inbound.Route = func(m *store.Message) (ap.Destination, bool) {
		if m.ID == urgent.Load() {
			return ap.Destination{Backend: quick}, true
		}
		return ap.Destination{Backend: lazy, Timeout: time.Hour}, true
	}
	n.places.Own["slow"] = queue.Limits{Places: 3}
	var all []store.Message
	for range 40 {
		m, _ := received(t, n)
		all = append(all, m)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { n.runner.Run(ctx) })
	eventually(t, func() bool { return lazy.now.Load() == 3 })
	id := db.NewID()
	urgent.Store(id)
	last, _ := receivedAs(t, n, id)
	n.runner.Wake()
	state := func(m store.Message) store.State {
		m, err := n.Store.Get(t.Context(), m.Tenant, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		return m.State
	}
	eventually(t, func() bool { return state(last) == store.Delivered })
	close(lazy.may)
	eventually(t, func() bool {
		n.runner.Wake()
		return !slices.ContainsFunc(all, func(m store.Message) bool { return state(m) != store.Delivered })
	})
	stop()
	wg.Wait()
	if most := lazy.most.Load(); most != 3 {
		t.Errorf("%d at the same time", most)
	}
	for _, m := range all { // waiting for a place is no attempt and no crash
		job, err := n.Store.JobOf(t.Context(), m.Tenant, store.Deliver, m.ID)
		if err != nil || job.Spent != 1 || job.Unended != 0 || job.Lane != "slow" {
			t.Errorf("%+v, %v", job, err)
		}
	}
}

// OPS-005: a backend that fails five times in a row is left alone for a minute. What waits for it uses no attempt, and
// a document that is damaged here counts neither way.
func TestOPS005BreakerOfABackend(t *testing.T) {
	n, log := idleNode(t)
	now := time.Now()
	n.opts.Now = func() time.Time { return now }
	n.places.Now, n.Inbound.Check = n.opts.Now, ap.Check{} // which reads the payload before the backend does
	office := &answers{out: backend.Outcome{Class: backend.Retry, Err: errors.New("the office is closed")}}
	n.Inbound.Route = func(*store.Message) (ap.Destination, bool) {
		return ap.Destination{Backend: office, Plan: ap.Plan{Waits: []time.Duration{time.Minute}}}, true
	}
	claim := func() (list []store.Job) {
		c := store.Claim{Kind: store.Deliver, Owner: "test", Lease: time.Hour, Limit: 100}
		list, err := n.places.Claim(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for i := range 9 {
		if _, file := received(t, n); i == 4 { // what is damaged here says nothing of the backend
			if err := os.WriteFile(file, bytes.Repeat([]byte("damaged "), 12_500), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	spent := 0
	for _, job := range claim() { // their backend is not known yet
		if out := n.Inbound.Forward(t.Context(), job); out != queue.AlreadyEnded() {
			t.Errorf("%+v", out)
		}
		job, err := n.Store.JobOf(t.Context(), job.Tenant, store.Deliver, job.MessageID)
		if err != nil || job.Lane != office.Name() {
			t.Errorf("%+v, %v", job, err)
		}
		spent += job.Spent
	}
	if spent != 6 || !strings.Contains(log.String(), "failed five times in a row") {
		t.Errorf("%d attempts: %s", spent, log.String())
	}
	if list := claim(); len(list) != 0 {
		t.Errorf("%d are claimed for a backend that is left alone", len(list))
	}
	now = now.Add(61 * time.Second)
	if list := claim(); len(list) != 1 {
		t.Errorf("%d are let through to see", len(list))
	}
}

// hangs is a backend that takes nothing until its time is over.
type hangs struct{ answers }

func (hangs) Deliver(ctx context.Context, _ backend.Delivery) backend.Outcome {
	select {
	case <-ctx.Done():
		return backend.Ended(ctx.Err())
	case <-time.After(5 * time.Second):
		return backend.Ended(nil)
	}
}

// OPS-005: an attempt ends when its time is over, and there is another one.
func TestOPS005Timeout(t *testing.T) {
	n, _ := idleNode(t)
	m, _ := received(t, n)
	n.Inbound.Route = func(*store.Message) (ap.Destination, bool) {
		return ap.Destination{Backend: &hangs{}, Timeout: 50 * time.Millisecond}, true
	}
	if state, _ := tryDelivery(t, n, m); state != store.DeliveryFailed {
		t.Error(state)
	}
	attempts, err := n.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || len(attempts) != 1 || !strings.Contains(attempts[0].Detail, "did not take the document in 50ms") {
		t.Errorf("%+v, %v", attempts, err)
	}
	if got := ap.DeliverTimeout(0, 100<<20); got != 160*time.Second {
		t.Errorf("100 MiB have %v", got)
	}
}

package pickup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// outbox is a record that accepts what is handed in, and in which a test says what becomes of it.
type outbox struct {
	mu       sync.Mutex
	subs     []ap.Submission // as they were accepted
	texts    []string        // the documents
	byKey    map[string]string
	messages map[string]store.Message
	refuse   error
	attempts []store.Attempt
	events   []store.Event
}

func newOutbox() *outbox {
	return &outbox{byKey: map[string]string{}, messages: map[string]store.Message{}}
}

func (o *outbox) submit(_ context.Context, s ap.Submission) (m store.Message, repeated bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		return m, false, o.refuse
	}
	if id, ok := o.byKey[s.Tenant+" "+s.Key]; ok {
		return o.messages[id], true, nil
	}
	r, err := s.Open()
	if err != nil {
		return m, false, fault.New(fault.DocumentUnreadable, err, "")
	}
	text, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return m, false, fault.New(fault.DocumentUnreadable, err, "")
	}
	id := fmt.Sprintf("id-%d", len(o.subs)+1)
	m = store.Message{
		Tenant: s.Tenant, ID: id, MessageID: id + "@ap", InstanceID: "i-" + id, State: store.Ready,
		Created: time.Now(),
	}
	o.subs, o.texts = append(o.subs, s), append(o.texts, string(text))
	o.byKey[s.Tenant+" "+s.Key], o.messages[id] = id, m
	return m, false, nil
}

func (o *outbox) Many(_ context.Context, tenant string, ids []string) (map[string]store.Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[string]store.Message{}
	for _, id := range ids {
		if m, ok := o.messages[id]; ok && m.Tenant == tenant {
			found[id] = m
		}
	}
	return found, nil
}

func (o *outbox) Attempts(context.Context, string, string) ([]store.Attempt, error) {
	return o.attempts, nil
}

func (o *outbox) Timeline(context.Context, string, string) ([]store.Event, error) {
	return o.events, nil
}

func (o *outbox) Evidence(_ context.Context, _, id, kind string) (store.Evidence, error) {
	if kind != store.EvidenceReceipt {
		return store.Evidence{}, db.ErrNotFound
	}
	return store.Evidence{Bytes: []byte("receipt of " + id)}, nil
}

// becomes changes the state of a message.
func (o *outbox) becomes(id string, state store.State, code string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := o.messages[id]
	m.State, m.FaultCode = state, code
	o.messages[id] = m
}

// bench is a pick-up folder whose clock a test turns.
type bench struct {
	*testing.T
	*Folder
	out   *outbox
	now   time.Time
	notes []Note
	mu    sync.Mutex
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		T: t, now: time.Now(), out: newOutbox(),
	}
	dir := t.TempDir()
	for _, part := range []string{"pending", "done", "failed"} {
		if err := os.Mkdir(filepath.Join(dir, part), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.Folder = b.node(dir)
	return b
}

// node is one more node on the same folder and record.
func (b *bench) node(dir string) *Folder {
	f := &Folder{
		Dir: dir, Pending: "pending", Done: "done", Failed: "failed", Tenant: "default", Scan: 2 * time.Second,
		Settle: 2 * time.Second, Keep: time.Hour, MaxBytes: 1000, Installation: "here",
		Ours: func(s peppol.SeatID) bool { return s == "POP900001" }, Submit: b.out.submit, Record: b.out,
		Now: func() time.Time { return b.now },
		Tell: func(n Note) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.notes = append(b.notes, n)
		},
	}
	f.init()
	return f
}

// put makes a file appear in the folder.
func (b *bench) put(name, text string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// turn makes one round, and lets time pass before it.
func (b *bench) turn(pass time.Duration) {
	b.Helper()
	b.now = b.now.Add(pass)
	if _, err := b.round(b.Context()); err != nil {
		b.Error(err)
	}
}

// sent hands in what is in the folder.
func (b *bench) settled() {
	b.Helper()
	b.turn(0)
	b.turn(b.Settle)
}

// files lists what is in the folder, by path.
func (b *bench) files() map[string]string {
	b.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(b.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == lockName || strings.HasPrefix(d.Name(), ".ravn-") {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, b.Dir+"/")] = string(text)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// has compares the names in the folder.
func (b *bench) has(what string, want ...string) map[string]string {
	b.Helper()
	all := b.files()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		b.Errorf("%s: there are %q, want %q", what, got, want)
	}
	return all
}

func outcomeIn(t *testing.T, text string) (out Outcome) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return out
}

package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/verify"
)

// conserved demands that a record is as it must be (I6).
func conserved(t testing.TB, n *Node) {
	t.Helper()
	v := n.data.Verifier(func(f verify.Finding) error { t.Errorf("I6: %s", f); return nil })
	_, _, err := v.Record(context.Background(), "", 0)
	if err == nil {
		_, _, err = v.Keys(context.Background(), store.Spot{}, 0)
	}
	if err != nil {
		t.Errorf("I6: %v", err)
	}
}

// REL-101: a server finds within a round what is wrong with a message that came lately, raises an alarm, and keeps it
// for who asks.
func TestREL101ConservationIsWatched(t *testing.T) {
	n, log := watched(t)
	key, _ := accepted(t, n.data, 0)
	id, _, _ := strings.Cut(key, ".")
	if err := n.conserve(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := raised(t, log); len(got) != 0 || n.Differences() != 0 {
		t.Fatalf("raised %v, %d differences", got, n.Differences())
	}
	err := n.Store.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM outbox WHERE message_id = ?`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one pass ends, the next one begins
		if err := n.conserve(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := raised(t, log); !slices.Contains(got, conservation) || n.Differences() == 0 {
		t.Errorf("raised %v, %d differences", got, n.Differences())
	}
	u, err := n.data.Upkeep()
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Finding{
		MessageID: id, Direction: store.In, State: store.Accepted, What: "it waits, and there is no work for it",
	}
	if !slices.Contains(u.Record.Findings, want) {
		t.Errorf("kept %v, want %v", u.Record.Findings, want)
	}
}

// OPS-080: what is wrong with the record is a metric, by direction.
func TestOPS080Differences(t *testing.T) {
	n, _ := watched(t)
	key, _ := accepted(t, n.data, 0)
	in, _, _ := strings.Cut(key, ".")
	var ids []any
	for i := range 2 {
		m, _, err := n.Store.Submit(t.Context(), db.DefaultTenant, store.Submission{Message: store.Message{
			ID: db.NewID(), MessageID: fmt.Sprint(i, "@x"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	err := n.Store.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM outbox WHERE message_id IN (?, ?, ?)`, append(ids, in)...)
		return err
	})
	if err == nil {
		err = n.conserve(t.Context(), time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := n.differs.byDirection(); !maps.Equal(got, map[string]int64{"in": 1, "out": 2}) || n.Differences() != 3 {
		t.Errorf("%v, in all %d", got, n.Differences())
	}
}

// REL-101: what a round found is kept also when it is cut short.
func TestREL101CutShort(t *testing.T) {
	n, _ := watched(t)
	key, _ := accepted(t, n.data, 0)
	id, _, _ := strings.Cut(key, ".")
	err := n.Store.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM outbox WHERE message_id = ?`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	n.opts.Log = n.opts.Log.Hook(zerolog.HookFunc(func(_ *zerolog.Event, level zerolog.Level, _ string) {
		if level == zerolog.ErrorLevel {
			if told++; told == 2 { // the first one is told by the look at what came lately
				cancel()
			}
		}
	}))
	if err := n.conserve(ctx, time.Now()); err == nil {
		t.Fatal("the round was not cut short")
	}
	u, err := n.data.Upkeep()
	if err != nil || u.RecentWrong != 1 || u.Record.Wrong != 1 || !u.Record.Ended.IsZero() || n.Differences() != 1 {
		t.Errorf("kept %+v, %d differences, %v", u, n.Differences(), err)
	}
}

// REL-003: a payload that the disk does not give is a finding, and the next ones are read. When none can be read any
// more the round ends with an error, and the next round goes on behind them.
func TestREL003Unreadable(t *testing.T) {
	n, log := watched(t)
	const bad = 12
	for i := range bad + 1 {
		_, file := accepted(t, n.data, 0)
		if i == 1 { // one among those that cannot be read
			continue
		}
		if err := errors.Join(os.Remove(file), os.Symlink(file, file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.scrub(t.Context()); err == nil || !strings.Contains(err.Error(), "10 payloads in a row") {
		t.Errorf("a store that gives nothing: %v", err)
	}
	if err := n.scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	u, err := n.data.Upkeep()
	if p := u.Payloads; err != nil || p.Ended.IsZero() || p.Wrong != bad || p.Read.Payloads != 1 {
		t.Errorf("%+v %v", p, err)
	}
	if f := u.Payloads.Findings[0]; !strings.HasPrefix(f.What, "the payload cannot be read: ") {
		t.Errorf("found %q", f.What)
	}
	if got := raised(t, log); !slices.Contains(got, "payload_damaged") {
		t.Errorf("raised %v", got)
	}
}

// REL-003: all payloads are read within a pass that goes on where it stopped; a damaged one is found, one that is
// missing is left to who looks for those every hour, and the pass begins anew a week later.
func TestREL003Scrub(t *testing.T) {
	n, log := watched(t)
	_, damaged := accepted(t, n.data, 0)
	_, missing := accepted(t, n.data, 0)
	_, _ = accepted(t, n.data, 0)
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(missing); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	n.opts.Now = func() time.Time { return now }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.scrub(ended); err != nil { // no time at all: it begins, and reads nothing
		t.Fatal(err)
	}
	if u, err := n.data.Upkeep(); err != nil || u.Payloads.Began.IsZero() || !u.Payloads.Ended.IsZero() {
		t.Errorf("begun without time: %+v %v", u.Payloads, err)
	}
	for range 2 { // the second one finds nothing to do
		if err := n.scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	u, err := n.data.Upkeep()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range u.Payloads.Findings {
		found = append(found, filepath.Base(f.Key)+" "+f.What)
	}
	want := []string{filepath.Base(damaged) + " the payload is damaged: its SHA-256 is not the one on record"}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
	if p := u.Payloads; p.Read.Messages != 3 || p.Read.Payloads != 1 || p.Ended.IsZero() {
		t.Errorf("%+v", p)
	}
	if got := raised(t, log); !slices.Equal(got, []string{"payload_damaged"}) {
		t.Errorf("raised %v", got)
	}
	now = now.Add(scrubEvery)
	if err := n.scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := n.data.Upkeep(); err != nil || !again.Payloads.Began.Equal(now) || again.Payloads.LastWrong != 1 {
		t.Errorf("a week later: %+v %v", again.Payloads, err)
	}
}

// REL-101: after traffic in both directions the record is as it must be, on both sides.
func TestREL101AfterTraffic(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	if _, err := from.postEnvelope(t, to.peer(), ebms.MessageID("m@a.example"), "instance"); err != nil {
		t.Fatal(err)
	}
	to.inbox(t, 1)
	conserved(t, to.Node)
}

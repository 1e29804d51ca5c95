package alert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
)

// world is a record under a clock of its own, and nodes that share it.
type world struct {
	mu  sync.Mutex
	at  time.Time
	dsn string // of PostgreSQL, or a file
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// eachDatabase runs a test on SQLite, and on PostgreSQL where that is.
func eachDatabase(t *testing.T, do func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { do(t, newWorld(filepath.Join(t.TempDir(), "ravn.db"))) })
	if base := os.Getenv("RAVN_TEST_POSTGRES"); base != "" {
		t.Run("postgres", func(t *testing.T) { do(t, newWorld(schema(t, base))) })
	}
}

func newWorld(dsn string) *world {
	return &world{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), dsn: dsn}
}

// schema makes an empty schema for one test.
func schema(t *testing.T, base string) string {
	t.Helper()
	name := strings.ReplaceAll("alert_"+db.NewID(), "-", "")
	admin := func(query string) {
		conn, err := pgx.Connect(context.Background(), base)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(context.Background(), query); err != nil {
			t.Error(err)
		}
	}
	admin("CREATE SCHEMA " + name)
	t.Cleanup(func() { admin("DROP SCHEMA " + name + " CASCADE") })
	return base + map[bool]string{true: "&", false: "?"}[strings.Contains(base, "?")] + "search_path=" + name
}

// open opens the record once more, as another node does.
func (w *world) open(t *testing.T) *db.DB {
	t.Helper()
	opts := db.Options{Now: w.now}
	var d *db.DB
	var err error
	if strings.HasPrefix(w.dsn, "postgres") {
		d, err = postgres.Open(t.Context(), w.dsn, opts)
	} else {
		d, err = sqlite.Open(t.Context(), w.dsn, opts)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// outbox is a Sender that keeps what it is given, and fails on request.
type outbox struct {
	mu   sync.Mutex
	sent []string // subjects; those of one send are joined with " + "
	ids  []string
	all  []Notice
	fail error
}

func (o *outbox) Send(_ context.Context, list []Notice) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	var subjects []string
	for _, n := range list {
		subjects, o.ids, o.all = append(subjects, n.Subject), append(o.ids, n.ID), append(o.all, n)
	}
	o.sent = append(o.sent, strings.Join(subjects, " + "))
	return nil
}

// take returns what was sent since the last call.
func (o *outbox) take() (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, o.sent = o.sent, nil
	return list
}

// node is an Engine whose facts the test sets.
type node struct {
	*Engine
	facts   Facts
	record  error // to read the rest of them
	changes []string
	failed  []string
}

// defaults are the thresholds of the documentation.
func defaults() Thresholds {
	return Thresholds{
		NotReadyAfter: 2 * time.Minute, DiskWarn: 75, DiskPage: 90, FailedPercent: 5, FailedOf: 50,
		SendWarn: 15 * time.Minute, SendPage: time.Hour, PeerAfter: 15 * time.Minute, PeerWaiting: 5,
		SMPAfter: 10 * time.Minute, Refusals: 20, RefusedPercent: 20, DeliveryWarn: 15 * time.Minute,
		DeliveryPage: time.Hour, ClockOffset: 2 * time.Second, ClockJump: 5 * time.Second,
	}
}

func (w *world) node(t *testing.T, name string, channels ...Channel) *node {
	t.Helper()
	n := &node{facts: Facts{Node: name}}
	n.Engine = &Engine{
		Book:       &Book{DB: w.open(t), CloseAfter: 5 * time.Minute, Channels: channels, Host: "ap.example.org"},
		Thresholds: defaults(), Owner: name, Now: w.now,
		Facts:   func() *Facts { f := n.facts; return &f },
		Record:  func(context.Context, *Facts) error { return n.record },
		Changed: func(c Change) { n.changes = append(n.changes, fmt.Sprint(c.Became, " ", c.Rule, " ", c.Severity)) },
		Failed:  func(what string, err error) { n.failed = append(n.failed, what+": "+err.Error()) },
	}
	return n
}

// Turn looks once and sends what waits.
func (n *node) Turn(ctx context.Context) {
	n.look(ctx)
	for i := range n.Book.Channels {
		n.deliver(ctx, &n.Book.Channels[i])
	}
}

// takeChanges returns what was logged since the last call.
func (n *node) takeChanges() (list []string) {
	list, n.changes = n.changes, nil
	slices.Sort(list)
	return list
}

func channel(o *outbox) Channel {
	return Channel{Name: "test", MinSeverity: Info, AtOnce: 1, Sender: o}
}

var errDown = errors.New("it is down")

package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// dataConfig is the configuration of a data folder without a server.
func dataConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte("data: data\ndeliver:\n  folder: inbox\n"), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func dataOf(t *testing.T, cfg *config.Config) *Data {
	t.Helper()
	d, err := openData(t.Context(), cfg, db.Options{}, blob.Options{}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Store.Close() })
	return d
}

// code is the RAVN code of an error.
func code(err error) fault.Code {
	var coded *fault.Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return ""
}

// plant puts a payload of some age into the folder and returns its file.
func plant(t *testing.T, d *Data, key string, age time.Duration) string {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	file := filepath.Join(d.dir, "blobs", fmt.Sprintf("%x", sum[:1]), key)
	err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700),
		os.WriteFile(file, []byte("a document with a receipt"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	return file
}

// accepted stores a message whose payload is a file of some age, and returns the file.
func accepted(t *testing.T, d *Data, age time.Duration) (key, file string) {
	t.Helper()
	id := db.NewID()
	w, err := d.Files.Create(t.Context(), store.BlobKey(id, "sbd"))
	if err == nil {
		_, err = w.Write([]byte("document " + id))
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := w.Commit()
	if err == nil {
		_, err = d.Store.Accept(t.Context(), db.DefaultTenant, store.Acceptance{
			Message:  store.Message{ID: id, C2: "POP1", MessageID: id, Payload: ref},
			Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("r")}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(d.dir, "blobs", "*", ref.Key))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(found[0], at, at); err != nil {
		t.Fatal(err)
	}
	return ref.Key, found[0]
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// copyFile copies a database that nobody has open.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// listing names everything in a folder.
func listing(t *testing.T, dir string) (list []string) {
	t.Helper()
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// config check --connect: a database that cannot be read or reached is named with its key, and is not changed.
func TestConnect(t *testing.T) {
	cfg := dataConfig(t)
	file := filepath.Join(cfg.Path(cfg.Data), "ravn.db")
	const text = "this is no database, but it is long enough to be looked at as one: it has more than 100 bytes in " +
		"all, see above"
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t.Context(), cfg); code(err) != fault.DatabaseUnusable {
		t.Errorf("a file that is no database: %v", err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != text {
		t.Errorf("it was changed: %v", err)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close() // nobody listens there now
	remote, err := config.Parse([]byte("data: data\ndatabase: postgres://u:geheim@"+nobody.Addr().String()+"/x\n"),
		t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = connect(t.Context(), remote)
	if code(err) != fault.DatabaseUnusable || !strings.Contains(err.Error(), "database (line 2)") ||
		strings.Contains(err.Error(), "geheim") {
		t.Errorf("a server that is not there: %v", err)
	}
}

// A database that is not the folder's own is refused, and nothing in the folder changes.
func TestREL007WrongDatabaseIsRefused(t *testing.T) {
	other := dataConfig(t)
	if err := dataOf(t, other).Store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, record, older string)
		want  string
	}{
		"another installation": {
			func(t *testing.T, record, _ string) {
				copyFile(t, filepath.Join(other.Path(other.Data), "ravn.db"), record)
			},
			"the database is installation",
		},
		"no database":   {func(t *testing.T, record, _ string) { _ = os.Remove(record) }, "the database is empty"},
		"an empty file": {func(t *testing.T, record, _ string) { _ = os.Truncate(record, 0) }, "the database is empty"},
		"an older copy": {
			func(t *testing.T, record, older string) { copyFile(t, older, record) },
			"older than what the folder has seen",
		},
		"a copy from before it joined": {func(t *testing.T, record, _ string) {
			d, err := OpenData(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			var mine Identity
			text, err := os.ReadFile(filepath.Join(filepath.Dir(record), identityName))
			if err == nil {
				err = json.Unmarshal(text, &mine)
			}
			theirs, ierr := d.Store.Installation(t.Context())
			mine.Installation = theirs.ID
			if err := errors.Join(err, ierr, (&Data{dir: filepath.Dir(record)}).save(mine),
				d.Store.Close()); err != nil {
				t.Fatal(err)
			}
			copyFile(t, filepath.Join(other.Path(other.Data), "ravn.db"), record)
		}, "does not know the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dataConfig(t)
			d := dataOf(t, cfg)
			_, file := accepted(t, d, 48*time.Hour)
			record, older := filepath.Join(d.dir, "ravn.db"), filepath.Join(t.TempDir(), "older.db")
			if err := d.Store.Close(); err != nil {
				t.Fatal(err)
			}
			copyFile(t, record, older)
			if d = dataOf(t, cfg); d.mark(t.Context()) != nil || d.Store.Close() != nil {
				t.Fatal("not marked")
			}
			if _, err := connect(t.Context(), cfg); err != nil {
				t.Errorf("config check --connect before: %v", err)
			}
			tc.spoil(t, record, older)
			was, before := exists(record), listing(t, d.dir)
			if _, err := connect(t.Context(), cfg); code(err) != fault.WrongDatabase {
				t.Errorf("config check --connect got %v", err)
			}
			if after := listing(t, d.dir); !slices.Equal(before, after) {
				t.Errorf("config check --connect: before %q, after %q", before, after)
			}
			_, err := openData(t.Context(), cfg, db.Options{}, blob.Options{}, true)
			if code(err) != fault.WrongDatabase || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
			if _, err := OpenStore(t.Context(), cfg); code(err) != fault.WrongDatabase {
				t.Errorf("a command got %v", err)
			}
			if !exists(file) || exists(record) != was {
				t.Errorf("the payload is there: %v, a database was made: %v", exists(file), exists(record) != was)
			}
		})
	}
}

// An installation of before has no identity; it takes one, but not together with a database that does not know its
// payloads.
func TestREL007FirstStart(t *testing.T) {
	strip := func(t *testing.T, d *Data) { // as an older program left it
		t.Helper()
		if err := errors.Join(os.Remove(filepath.Join(d.dir, identityName)), d.Store.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		known, unknown int
		want           fault.Code
	}{
		"new":                   {0, 0, ""},
		"its own payloads":      {5, 0, ""},
		"few that a crash left": {5, 2, ""},
		"none is known":         {0, 2, fault.WrongDatabase},
		"too many are unknown":  {5, 10, fault.WrongDatabase},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dataConfig(t)
			d := dataOf(t, cfg)
			for range tc.known {
				accepted(t, d, time.Hour)
			}
			for range tc.unknown {
				plant(t, d, store.BlobKey(db.NewID(), "sbd"), time.Hour)
			}
			strip(t, d)
			again, err := openData(t.Context(), cfg, db.Options{}, blob.Options{}, true)
			if code(err) != tc.want {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				if exists(filepath.Join(d.dir, identityName)) {
					t.Error("it took an identity")
				}
				return
			}
			defer func() { _ = again.Store.Close() }()
			id, err := again.identity()
			in, ierr := again.Store.Installation(t.Context())
			if err := errors.Join(err, ierr); err != nil || id.Installation != in.ID || id.strangerTo(&in) != "" {
				t.Errorf("%+v, %+v, %v", id, in, err)
			}
		})
	}
}

// A command that needs the record alone, from any folder, makes that folder no part of the installation.
func TestREL007RecordAlone(t *testing.T) {
	cfg := dataConfig(t)
	s, err := OpenStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if in, err := s.Installation(t.Context()); err != nil || in.ID != "" ||
		exists(filepath.Join(cfg.Path(cfg.Data), identityName)) {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestREL007TwoFirstStartsAtOnce(t *testing.T) {
	cfg := dataConfig(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d, err := openData(t.Context(), cfg, db.Options{}, blob.Options{}, true)
			if err != nil {
				t.Error(err)
				return
			}
			_ = d.Store.Close()
		})
	}
	wg.Wait()
	d := dataOf(t, cfg)
	if in, err := d.Store.Installation(t.Context()); err != nil || len(in.Folders) != 1 {
		t.Errorf("%+v, %v", in, err)
	}
}

// A deliberate move: adopt, which is audited.
func TestREL007Adopt(t *testing.T) {
	cfg, other := dataConfig(t), dataConfig(t)
	if err := dataOf(t, other).Store.Close(); err != nil {
		t.Fatal(err)
	}
	d := dataOf(t, cfg)
	if err := errors.Join(d.mark(t.Context()), d.Store.Close()); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(other.Path(other.Data), "ravn.db"), filepath.Join(d.dir, "ravn.db"))
	s, err := OpenData(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Check(t.Context(), time.Now())
	if err != nil || r.Stranger == "" || len(r.Alarms()) != 1 || r.Alarms()[0].Code != fault.WrongDatabase {
		t.Errorf("before: %+v, %v", r, err)
	}
	if err := s.Adopt(t.Context(), "me", true); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Check(t.Context(), time.Now()); err != nil || r.Stranger != "" || len(r.Alarms()) != 0 ||
		len(r.Folders) != 1 {
		t.Errorf("after: %+v, %v", r, err)
	}
	audits, err := s.Store.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 10)
	if err != nil || len(audits) != 1 || audits[0].Action != "data_adopted" || audits[0].Actor != "me" ||
		!strings.Contains(audits[0].Detail, d.identityOf(t).Folder) {
		t.Errorf("%+v, %v", audits, err)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if d = dataOf(t, cfg); d.mark(t.Context()) != nil {
		t.Error("not marked")
	}
}

func (d *Data) identityOf(t *testing.T) Identity {
	t.Helper()
	id, err := d.identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestREL007TooMany(t *testing.T) {
	for _, tc := range []struct {
		unknown, of int
		want        bool
	}{
		{0, 0, false},
		{9, 9, false},
		{10, 10, true},
		{10, 1000, true},
		{10, 1001, false},
		{100, 100_000, false},
		{101, 1_000_000, true},
	} {
		if got := tooMany(tc.unknown, tc.of); got != tc.want {
			t.Errorf("%d of %d: %v", tc.unknown, tc.of, got)
		}
	}
}

// The life of a payload without a row: a day in its place, a week in quarantine.
func TestREL007Collector(t *testing.T) {
	d := dataOf(t, dataConfig(t))
	now := time.Now()
	_, used := accepted(t, d, 48*time.Hour)
	young := plant(t, d, store.BlobKey(db.NewID(), "sbd"), 23*time.Hour)
	foreign := plant(t, d, "foreign", 48*time.Hour)
	key := store.BlobKey(db.NewID(), "sbd")
	orphan := plant(t, d, key, 25*time.Hour)
	collect := func(at time.Time) {
		t.Helper()
		if err := d.collect(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if !exists(used) || !exists(foreign) {
			t.Fatal("a payload that is needed, or somebody else's file, has gone")
		}
	}
	collect(now)
	held, err := d.Files.Quarantined()
	if err != nil || len(held) != 1 || held[0].Key != key || exists(orphan) || !exists(young) {
		t.Fatalf("%+v, %v; in its place: %v, young one: %v", held, err, exists(orphan), exists(young))
	}
	if err := os.Remove(young); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{1, 5, 7} {
		collect(now.AddDate(0, 0, days))
		if held, err = d.Files.Quarantined(); err != nil || len(held) != 1 {
			t.Fatalf("after %d days: %+v, %v", days, held, err)
		}
	}
	collect(now.AddDate(0, 0, 9))
	if held, err = d.Files.Quarantined(); err != nil || len(held) != 0 {
		t.Errorf("after the week: %+v, %v", held, err)
	}
}

// So many unknown payloads mean that the database is wrong: nothing is touched, neither in its place nor in quarantine.
func TestREL007CollectorStops(t *testing.T) {
	d := dataOf(t, dataConfig(t))
	now := time.Now()
	var orphans []string
	for range 9 {
		orphans = append(orphans, plant(t, d, store.BlobKey(db.NewID(), "sbd"), 25*time.Hour))
	}
	if err := d.collect(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	tenth := plant(t, d, store.BlobKey(db.NewID(), "sbd"), 25*time.Hour)
	for _, days := range []int{0, 30} { // those in quarantine count as well, and are not deleted
		if err := d.collect(t.Context(), now.AddDate(0, 0, days)); code(err) != fault.PayloadsUnknown ||
			!strings.Contains(err.Error(), "10 of 10") {
			t.Errorf("after %d days: %v", days, err)
		}
	}
	held, err := d.Files.Quarantined()
	if err != nil || len(held) != 9 || !exists(tenth) || slices.ContainsFunc(orphans, exists) {
		t.Fatalf("%d in quarantine, %v, the tenth in its place: %v", len(held), err, exists(tenth))
	}
	r, err := d.Check(t.Context(), now)
	if err != nil || len(r.Alarms()) != 1 || r.Alarms()[0].Code != fault.PayloadsUnknown || r.Quarantine != 9 ||
		r.Unknown != 10 || len(r.Examples) != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	moved, err := d.CollectAll(t.Context(), now, "me")
	if err != nil || moved != 1 || exists(tenth) {
		t.Errorf("an operator's decision: %d, %v", moved, err)
	}
	if r, err = d.Check(t.Context(), now); err != nil || len(r.Alarms()) != 0 || r.Quarantine != 10 || r.Unknown != 0 {
		t.Errorf("after it: %+v, %v", r, err)
	}
	if err := d.collect(t.Context(), now.AddDate(0, 0, 9)); err != nil {
		t.Error(err)
	}
	if held, err = d.Files.Quarantined(); err != nil || len(held) != 0 {
		t.Errorf("%+v, %v", held, err)
	}
}

// watched is a node of nothing but its data and its log.
func watched(t *testing.T) (*Node, *bytes.Buffer) {
	t.Helper()
	cfg, log := dataConfig(t), &bytes.Buffer{}
	opts := Options{Log: zerolog.New(log).Level(zerolog.WarnLevel), Now: time.Now, Hook: func(string) {}}
	n := &Node{lasting: &lasting{}, Config: cfg, opts: opts}
	n.eye.current.Store(n)
	if err := n.openRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Store.Close() })
	n.targets = targets(cfg)
	return n, log
}

// raised returns the alarms in a log, and empties it.
func raised(t *testing.T, log *bytes.Buffer) (names []string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var l struct{ Level, Alarm, Code string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Level != "error" || l.Alarm == "" || l.Code == "" {
			t.Errorf("log: %s", line)
		}
		names = append(names, l.Alarm)
	}
	log.Reset()
	return names
}

// A payload in quarantine that turns out to be needed is back in its place, with an alarm: whether it is read or the
// collector finds it.
func TestREL007NeededInQuarantine(t *testing.T) {
	n, log := watched(t)
	key, file := accepted(t, n.data, 48*time.Hour)
	for what, find := range map[string]func(){
		"the collector": func() { n.tidy(t.Context()) },
		"a reader": func() {
			if ok, err := n.data.Files.Has(key); !ok || err != nil {
				t.Error(ok, err)
			}
		},
	} {
		if err := n.data.Files.Quarantine(key, time.Now()); err != nil || exists(file) {
			t.Fatal(err)
		}
		if r, err := n.data.Check(t.Context(), time.Now()); err != nil || r.Needed != 1 || len(r.Alarms()) != 1 ||
			r.Alarms()[0].Code != fault.PayloadRescued {
			t.Errorf("check: %+v, %v", r, err)
		}
		log.Reset()
		if err := n.data.Files.Quarantine(key, time.Now()); err != nil || exists(file) { // the check brought it back
			t.Fatal(err)
		}
		find()
		if got := raised(t, log); !slices.Equal(got, []string{"payload_rescued"}) || !exists(file) {
			t.Errorf("%s: %q, in its place: %v", what, got, exists(file))
		}
	}
}

// Rows without a file raise an alarm (must never happen), some rows looked at in each round.
func TestREL007RowsWithoutAFile(t *testing.T) {
	n, log := watched(t)
	var files []string
	for range 3 {
		_, file := accepted(t, n.data, time.Minute)
		files = append(files, file)
	}
	n.tidy(t.Context())
	if got := raised(t, log); len(got) != 0 {
		t.Errorf("all are there: %q", got)
	}
	if err := errors.Join(os.Remove(files[0]), os.Remove(files[2])); err != nil {
		t.Fatal(err)
	}
	n.tidy(t.Context())
	if got := raised(t, log); !slices.Equal(got, []string{"payload_missing", "payload_missing"}) {
		t.Errorf("two are missing: %q", got)
	}
	r, err := n.data.Check(t.Context(), time.Now())
	if err != nil || r.Rows != 3 || r.Missing != 2 || len(r.Lost) != 2 || len(r.Alarms()) != 1 ||
		r.Alarms()[0].Code != fault.PayloadMissing {
		t.Errorf("%+v, %v", r, err)
	}
	var seen []string
	next, rows, err := n.data.lost(t.Context(), "", 1, func(id, _ string) error { seen = append(seen, id); return nil })
	if err != nil || rows != 3 || next == "" { // a page is looked at as a whole
		t.Errorf("%q, %d, %v", next, rows, err)
	}
	if next, rows, err = n.data.lost(t.Context(), next, 1, nil); next != "" || rows != 0 || err != nil {
		t.Errorf("at the end: %q, %d, %v", next, rows, err)
	}
	// In a database with another folder a payload may lie there.
	if _, err := n.Store.JoinFolder(t.Context(), db.DataFolder{ID: "another"}, false, db.Audit{}); err != nil {
		t.Fatal(err)
	}
	n.tidy(t.Context())
	if got := raised(t, log); len(got) != 0 {
		t.Errorf("with two folders: %q", got)
	}
}

// The database is exchanged for an older copy, or another, while the server runs: nothing is removed.
func TestREL007DatabaseExchangedWhileRunning(t *testing.T) {
	n, log := watched(t)
	orphan := plant(t, n.data, store.BlobKey(db.NewID(), "sbd"), 48*time.Hour)
	id := n.data.identityOf(t)
	id.Mark = 7
	for _, spoil := range []func() error{
		func() error { return n.data.save(id) },
		func() error {
			_, err := n.Store.JoinFolder(t.Context(), db.DataFolder{ID: "another"}, true, db.Audit{})
			return err
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		n.tidy(t.Context())
		if got := raised(t, log); !slices.Equal(got, []string{"wrong_database"}) || !exists(orphan) {
			t.Errorf("%q, payload in its place: %v", got, exists(orphan))
		}
	}
}

// Nothing is looked at in the first hour after the start.
func TestREL007NotInTheFirstHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start, at := time.Now(), []time.Duration(nil)
		go every(ctx, tidyEvery, func() { at = append(at, time.Since(start)) })
		time.Sleep(150 * time.Minute)
		cancel()
		synctest.Wait()
		if want := []time.Duration{time.Hour, 2 * time.Hour}; !slices.Equal(at, want) {
			t.Errorf("looked at %v", at)
		}
	})
}

// schema makes an empty schema of the test server and returns the address that leads into it, and what counts its
// tables.
func schema(t *testing.T) (addr string, tables func() int) {
	t.Helper()
	base := os.Getenv("RAVN_TEST_POSTGRES")
	if base == "" {
		t.Skip("PostgreSQL: RAVN_TEST_POSTGRES is not set")
	}
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll("test_"+db.NewID(), "-", "")
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "DROP SCHEMA "+name+" CASCADE")
		if err := errors.Join(err, conn.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return base + "&search_path=" + name, func() (n int) {
		if err := conn.QueryRow(context.Background(), "SELECT COUNT(*) FROM pg_tables WHERE schemaname = $1",
			name).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
}

// The address of an empty database, or of another installation's: refused, and no table is made there. Two nodes of one
// database each have their own folder.
func TestREL007WrongAddress(t *testing.T) {
	right, _ := schema(t)
	empty, tables := schema(t)
	others, _ := schema(t)
	open := func(cfg *config.Config, addr string) error {
		cfg.Database = addr
		d, err := openData(t.Context(), cfg, db.Options{}, blob.Options{}, true)
		if err == nil {
			err = d.Store.Close()
		}
		return err
	}
	a, b, stranger := dataConfig(t), dataConfig(t), dataConfig(t)
	if err := errors.Join(open(a, right), open(b, right), open(stranger, others)); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []*config.Config{a, b} {
		for _, addr := range []string{empty, others} {
			if err := open(cfg, addr); code(err) != fault.WrongDatabase {
				t.Errorf("got %v", err)
			}
		}
		if err := open(cfg, right); err != nil {
			t.Errorf("its own: %v", err)
		}
	}
	if n := tables(); n != 0 {
		t.Errorf("%d tables were made in the empty database", n)
	}
}

// A start is noted on both sides, so that a copy of the database from before it is told from the present one.
func TestREL007AStartIsNoted(t *testing.T) {
	n, log := watched(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.keepData(ctx) }()
	for n.data.identityOf(t).Mark == 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	in, err := n.Store.Installation(t.Context())
	if f, _ := in.Folder(n.data.identityOf(t).Folder); err != nil || f.Mark != 1 || log.Len() != 0 {
		t.Errorf("%+v, %v, %s", in, err, log)
	}
}

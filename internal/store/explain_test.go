package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/golden"
)

// planOf says how a statement is done.
type planOf func(t *testing.T, query string, args ...any) string

// fill writes rows, nearly all delivered, so that a plan is about many.
func fill(t *testing.T, s *Store, then ...string) {
	const rows = `INSERT INTO message (id, tenant, domain, direction, state, version, events, detailed, message_id,
		conversation_id,
		as4_time, c2, c3, sender, receiver, doctype_scheme, doctype, process_scheme, process, transport, instance_id,
			creation_time,
		country_c1, mls_to, mls_type, possible_duplicate, created, accepted, payload_key, payload_length, payload_mime,
			sealed_key,
		sealed_length, sealed_type, endpoint, document_number)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		SELECT 'id' || i, 'default', '', CASE WHEN i % 2 = 0 THEN 'in' ELSE 'out' END, CASE WHEN i % 100 = 0
			THEN 'DEAD' ELSE 'DELIVERED' END,
		1, 2, CASE WHEN i % 500 = 0 THEN 0 ELSE 2 END, 'm' || i, '', 0, 'c2', 'c3', 's' || (i % 97), 'r' || (i % 89),
			'', 'd' || (i % 7),
		'', 'p', '', 'i' || i, '', 'NO', '', '', 0, i, i, '', 0, '', '', 0, '', '', 'n' || i FROM n`
	err := s.Update(t.Context(), db.DefaultTenant, func(tx *Tx) error {
		for _, stmt := range append([]string{rows}, then...) {
			if _, err := tx.Exec(stmt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func onSQLite(t *testing.T, more ...string) planOf {
	file := filepath.Join(t.TempDir(), "ravn.db")
	s, err := Open(sqlite.Open(t.Context(), file, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, more...)
	t.Cleanup(func() { _ = s.Close() })
	return func(t *testing.T, query string, args ...any) string {
		scan := func(row db.Row) (line string, err error) {
			var a, b, c int
			err = row.Scan(&a, &b, &c, &line)
			return line, err
		}
		lines, err := db.ReadAll(t.Context(), s.DB, "explain", scan, "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatalf("%v: %s", err, query)
		}
		return strings.Join(lines, "\n")
	}
}

func onPostgres(t *testing.T, more ...string) planOf {
	dsn := os.Getenv("RAVN_TEST_POSTGRES")
	if dsn == "" {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "PostgreSQL is not installed", "RAVN_TEST_POSTGRES is not set")
	}
	eng, err := postgres.Engine(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll("test_"+db.NewID(), "-", "")
	admin := func(query string) {
		if _, err := eng.Write.Exec(query); err != nil {
			t.Error(err)
		}
	}
	admin("CREATE SCHEMA " + name)
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	// few rows are read faster without an index
	s, err := Open(postgres.Open(t.Context(), dsn+sep+"enable_seqscan=off&search_path="+name, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, append(more, "ANALYZE message", "ANALYZE outbox")...) // the server does so by itself from time to time
	t.Cleanup(func() { _ = s.Close(); admin("DROP SCHEMA " + name + " CASCADE"); _ = eng.Write.Close() })
	return func(t *testing.T, query string, args ...any) string {
		scan := func(row db.Row) (line string, err error) { err = row.Scan(&line); return line, err }
		lines, err := db.ReadAll(t.Context(), s.DB, "explain", scan, "EXPLAIN "+query, args...)
		if err != nil {
			t.Fatalf("%v: %s", err, query)
		}
		return strings.Join(lines, "\n")
	}
}

// Each way of a list goes along its index, and so does the search of the worker for rows without details.
func TestAPI057EachWayHasItsIndex(t *testing.T) {
	for name, open := range map[string]func(*testing.T, ...string) planOf{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			plan := open(t)
			for index, f := range map[string]Filter{
				"message_message_id": {MessageID: "m"},
				"message_instance":   {InstanceID: "i", Direction: In},
				"message_number":     {DocumentNumber: "n", Participant: "p"},
				"message_payload":    {Hash: []byte{1}},
				"message_handed_in":  {Hash: []byte{1}},
				"message_sender":     {Participant: "p", Standings: []Standing{{In, Delivered, Yes}}},
				"message_receiver":   {Participant: "p"},
				"message_state":      {Standings: []Standing{{In, Dead, Either}}, Participant: "p"},
				"message_created":    {DocType: "d"},
			} {
				f.Before = &Message{ID: "x", Created: db.FromMicros(4000)}
				var plans []string
				for _, b := range f.branches() {
					query, args := f.query("default", b, LookAt)
					plans = append(plans, plan(t, query, args...))
				}
				found := false
				for _, p := range plans {
					found = found || strings.Contains(p, index+" ")
					if strings.Contains(p, "SCAN message\n") || strings.Contains(p, "Seq Scan") {
						t.Errorf("%s: the whole table is read:\n%s", index, p)
					}
				}
				if !found {
					t.Errorf("%s is not used:\n%s", index, fmt.Sprint(plans))
				}
			}
			if p := plan(t, undetailed, "", 1); !strings.Contains(p, "message_stale") {
				t.Errorf("message_stale is not used:\n%s", p)
			}
			if p := plan(t, countUndetailed); !strings.Contains(p, "message_stale") {
				t.Errorf("message_stale is not used for counting:\n%s", p)
			}
		})
	}
}

// REL-025: what is claimed is found by its lane, tenant and class, so that the number of waiting rows does not count.
func TestREL025ClaimsGoAlongTheirLane(t *testing.T) {
	for name, open := range map[string]func(*testing.T, ...string) planOf{"sqlite": onSQLite, "postgres": onPostgres} {
		for kind, index := range map[Kind]string{Send: "outbox_turn", Deliver: "outbox_deliver"} {
			t.Run(name+"/"+string(kind), func(t *testing.T) { alongTheirLane(t, open(t), kind, index) })
		}
	}
}

func alongTheirLane(t *testing.T, plan planOf, kind Kind, index string) {
	over := []any{0, "", 0}
	claim := append(append([]any{"me", 0, 0, "", 0, "lane", "acme", 2, 0}, over...), 10)
	for what, p := range map[string]string{
		"lanes":  plan(t, turns[kind].due, append(append([]any{0}, over...), 10)...),
		"claim":  plan(t, turns[kind].claim, claim...),
		"newest": plan(t, turns[kind].newest, claim...),
	} {
		if !strings.Contains(p, index) || strings.Contains(p, "outbox_due") ||
			strings.Contains(p, "SCAN outbox\n") ||
			strings.Contains(p, "SCAN o\n") || strings.Contains(p, "Seq Scan on outbox") ||
			strings.Contains(p, "TEMP B-TREE FOR ORDER BY") || strings.Contains(p, "Sort  (") ||
			strings.Contains(p, "Filter: ((kind = '"+string(kind)+"'::text) AND (done = 0) AND (due") {
			t.Errorf("%s:\n%s", what, p)
		}
	}
}

// workRows are rows of the outbox, half of them open, half given up.
const workRows = `INSERT INTO outbox (id, tenant, kind, job_key, message_id, created, due, owner, lease_end, token,
	tries, unended, done, dead, reason)
	WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
	SELECT 'send/default/id' || i, 'default', CASE WHEN i % 5 = 0 THEN 'notify' ELSE 'send' END, 'id' || i, 'id' || i,
		i, i, '', 0, 0, 0, 0, CASE WHEN i % 2 = 0 THEN 0 ELSE i END, i % 2, '' FROM n`

// API-058: a page of the queue goes along an index in the order of the list, so that it costs the same wherever it
// lies. OPS-070: what was given up lately is found by when that was.
func TestAPI058PagesGoAlongAnIndex(t *testing.T) {
	for name, open := range map[string]func(*testing.T, ...string) planOf{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			plan := open(t, workRows)
			after := &Job{ID: "send/default/x", Due: db.FromMicros(1), Done: db.FromMicros(1)}
			check := func(what, index, p string) {
				// of so few rows PostgreSQL may sort those that the index gives
				if !strings.Contains(p, index) || strings.Contains(p, "SCAN outbox\n") ||
					strings.Contains(p, "Seq Scan") || strings.Contains(p, "TEMP B-TREE FOR ORDER BY") {
					t.Errorf("%s:\n%s", what, p)
				}
			}
			for what, f := range map[string]JobFilter{
				"outbox_due":  {},
				"outbox_dead": {Dead: true},
			} {
				for _, f.Kind = range []Kind{Send, Notify} {
					for _, f.Code = range []string{"", "RAVN-2204"} {
						f.Uncoded, f.After = []State{RetryWait}, after
						query, args := f.query("default")
						if f.Code == "" || name == "sqlite" { // so few messages PostgreSQL would rather join
							check(what+" "+string(f.Kind)+" "+f.Code, what, plan(t, query, args...))
						}
					}
				}
			}
			check("given up", "outbox_dead", plan(t, givenUp, "default", "send", 1, "FAILED_PERMANENT", 51))
			check("waiting", "outbox_turn", plan(t, waiting, "as4.example", 1000))
			check("stuck", "outbox_deliver", plan(t, countStuck, "RAVN-3106", 1000))
			check("parked", "outbox_deliver", plan(t, parked, "erp", "acme", 2, 1, "deliver/acme/1", 1000))
			if p := plan(t, latestIn, "default", "out", "DEAD", 1, 1, 51); !strings.Contains(p, "message_state") {
				t.Errorf("latest:\n%s", p)
			}
		})
	}
}

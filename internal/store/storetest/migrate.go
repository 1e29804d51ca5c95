package storetest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
)

// migrateCounting opens a database of schema 1, whose counting rows are texts.
func migrateCounting(t *testing.T, db Database) {
	eng, err := db()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(golden.Root(t) + "/internal/store/migrations/0001_records.sql")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for line := range strings.Lines(string(script)) {
		before, _, _ := strings.Cut(line, "--")
		code.WriteString(before + "\n")
	}
	old := strings.NewReplacer(" BYTES", " "+eng.Bytes, " CLUSTERED", eng.Clustered).Replace(code.String()) +
		`; CREATE TABLE schema_migration (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, oldest BIGINT NOT NULL, applied BIGINT NOT NULL)` +
		`; INSERT INTO schema_migration VALUES (1, '0001_records.sql', 1, 0)`
	for _, id := range []string{"1", "2"} {
		for _, direction := range []string{"in", "out"} {
			old += `; INSERT INTO exchange (tenant, direction, c2, message_id, at, c3, doctype_scheme, doctype, process_scheme, process, transport, country_c1, sender, receiver)
				VALUES ('default', '` + direction + `', 'PNO000111', '` + id + `', 1788264000000000, 'PNO000222', 'ds', 'd` + id + `', 'ps', 'p', 't', 'NO', '0192:Sender', '0192:receiver')`
		}
	}
	for _, stmt := range strings.Split(old, ";") {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := eng.Write.ExecContext(t.Context(), stmt); err != nil {
			t.Fatalf("%v: %s", err, stmt)
		}
	}
	_ = eng.Write.Close()
	_ = eng.Read.Close()

	b := &bench{T: t, db: db, ctx: t.Context(), clock: &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}}
	b.Store = b.open(store.Options{Now: b.clock.Now})
	rows := b.exchanges(tenant)
	want(b, "rows", len(rows), 4)
	for _, r := range rows {
		want(b, "row", r, exchange{
			time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), 202609, r.direction, r.messageID, "PNO000111", "PNO000222",
			"ds::d" + r.messageID, "ps::p", "t", "NO", "0192:Sender", "0192:receiver", "",
		})
	}
	b.accepted(1)
	want(b, "rows", len(b.exchanges(tenant)), 5)
}

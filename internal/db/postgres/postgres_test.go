package postgres_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store/storetest"
)

// dsn returns the address of the test server; testserver.sh beside this file starts one.
func dsn(t testing.TB) string {
	s := os.Getenv("RAVN_TEST_POSTGRES")
	if s == "" {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "PostgreSQL is not installed", "RAVN_TEST_POSTGRES is not set")
	}
	return s
}

// schema makes an empty schema for one test and returns the address that leads into it.
func schema(t testing.TB) string {
	base := dsn(t)
	name := strings.ReplaceAll("test_"+db.NewID(), "-", "")
	admin := func(query string) {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, base)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, query); err != nil {
			t.Error(err)
		}
	}
	admin("CREATE SCHEMA " + name)
	t.Cleanup(func() { admin("DROP SCHEMA " + name + " CASCADE") })
	sep := "?"
	if strings.Contains(base, "?") {
		sep = "&"
	}
	return base + sep + "search_path=" + name
}

func TestStore(t *testing.T) {
	dsn(t)
	storetest.Run(t, func(t *testing.T) storetest.Database {
		addr := schema(t)
		return func() (db.Engine, error) { return postgres.Engine(t.Context(), addr) }
	})
}

func TestREL072SynchronousCommit(t *testing.T) {
	for _, off := range []string{"off", "local"} {
		if _, err := postgres.Engine(t.Context(), "postgres://u@127.0.0.1:1/x?synchronous_commit="+off); err == nil ||
			!strings.Contains(err.Error(), "REL-072") {
			t.Errorf("%s: got %v", off, err)
		}
	}
}

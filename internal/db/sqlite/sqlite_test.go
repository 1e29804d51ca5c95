package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		path := filepath.Join(t.TempDir(), "a file with ? and # and %20.db")
		return func() (db.Engine, error) { return sqlite.Engine(path) }
	})
}

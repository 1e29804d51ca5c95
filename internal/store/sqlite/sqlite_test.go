package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/sqlite"
	"github.com/ravn-ap/ravn/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		path := filepath.Join(t.TempDir(), "a file with ? and # and %20.db")
		return func() (store.Engine, error) { return sqlite.Engine(path) }
	})
}

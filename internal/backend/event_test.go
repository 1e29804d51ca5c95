package backend

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// OPS-009: each event becomes one file, of its tenant, however often it is told, and a folder that is gone is not made.
func TestOPS009EventFolder(t *testing.T) {
	dir := t.TempDir()
	e := Event{ID: "id.7", Tenant: "acme", Body: []byte("{}\n")}
	for _, tenants := range []bool{true, true, false} {
		f := &EventFolder{Dir: dir, Tenants: tenants}
		if err := f.Notify(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int{dir: 2, filepath.Join(dir, "acme"): 1} {
		list, err := os.ReadDir(path)
		if err != nil || len(list) != want {
			t.Errorf("%s has %v, want %d: %v", path, list, want, err)
		}
	}
	for _, name := range []string{"acme/id.7.json", "id.7.json"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != "{}\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for _, tenants := range []bool{true, false} {
		gone := &EventFolder{Dir: filepath.Join(dir, "gone"), Tenants: tenants}
		if err := gone.Notify(context.Background(), e); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a folder that is gone: %v", err)
		}
		if _, err := os.Stat(gone.Dir); err == nil {
			t.Error("it was made")
		}
	}
}

// Package golden helps tests: it finds the shared specifications and captures, and compares with files beside the test.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Equal compares got with testdata/name; with -update it rewrites the file.
func Equal(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and review the change\ngot:\n%s", path, got)
	}
}

// Shared returns the path of a file or folder of the shared specifications: RAVN_SHARED, or ../shared beside the
// project. Where it is missing the test is skipped, or fails when RAVN_REQUIRE_SHARED is 1.
func Shared(t testing.TB, name string) string {
	t.Helper()
	base := os.Getenv("RAVN_SHARED")
	if base == "" {
		base = filepath.Join(filepath.Dir(Root(t)), "shared")
	}
	path := filepath.Join(base, name)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "RAVN_REQUIRE_SHARED", "the folder of specifications is not beside the project", name)
	}
	return path
}

// Missing skips the test because something that it needs is not there, or fails it when the environment variable is 1.
// why is said alike by all tests that miss the same, detail by this one alone.
func Missing(t testing.TB, require, why, detail string) {
	t.Helper()
	if os.Getenv(require) == "1" {
		t.Fatalf("%s (%s), and %s=1 demands it", why, detail, require)
	}
	t.Skipf("%s (%s)", why, detail)
}

// Read returns the content of a shared file.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(Shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Invoice returns the invoice of the project's own that the demo sends: valid by all rules.
func Invoice(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(t), "testbed", "invoice.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Root returns the project's root folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

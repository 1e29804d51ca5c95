package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

func none(string) (string, bool) { return "", false }

func TestParse(t *testing.T) {
	c, err := Parse([]byte("environment: local\nas4:\n  listen: 127.0.0.1:1\n  plain: true\nsend:\n  timeout: 30s\n"), "/dir", none)
	if err != nil {
		t.Fatal(err)
	}
	if c.AS4.Path != "/as4" || c.AS4.MaxBytes != 100<<20 || c.Log.Level != "info" || c.Send.Timeout.String() != "30s" {
		t.Errorf("defaults: %+v", c)
	}
	if c.Path("data") != "/dir/data" || c.Path("/x") != "/x" || c.Path("") != "" {
		t.Error("paths are not relative to the file's folder")
	}
}

// D-16: every key can come from the environment.
func TestEnvironment(t *testing.T) {
	env := map[string]string{"RAVN_AS4_LISTEN": "127.0.0.1:7", "RAVN_AS4_PLAIN": "true", "RAVN_AS4_MAX_BYTES": "2097152", "RAVN_DELIVER_LEASE": "5s", "RAVN_HOST": "h"}
	c, err := Parse([]byte("host: other\n"), "/", func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	if c.AS4.Listen != "127.0.0.1:7" || !c.AS4.Plain || c.AS4.MaxBytes != 2<<20 || c.Deliver.Lease.String() != "5s" || c.Host != "h" {
		t.Errorf("%+v", c)
	}
	for k, v := range map[string]string{"RAVN_AS4_PLAIN": "maybe", "RAVN_AS4_MAX_BYTES": "many", "RAVN_SEND_TIMEOUT": "soon"} {
		if _, err := Parse(nil, "/", func(name string) (string, bool) { return v, name == k }); err == nil {
			t.Errorf("%s=%s is accepted", k, v)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	_, err := Parse([]byte("environment: local\nas4:\n  lissen: x\n"), "/", none)
	if err == nil || !strings.Contains(err.Error(), "3") || !strings.Contains(err.Error(), "lissen") {
		t.Errorf("%v", err)
	}
}

// docs/configuration.md is what make docs writes.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(golden.Root(t), "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(b), Markdown()) {
		t.Error("docs/configuration.md is not up to date: run make docs")
	}
}

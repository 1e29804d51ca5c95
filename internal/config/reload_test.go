package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse([]byte(text), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// OPS-122: the audit row of a reload names each key that changed; what is secret, or a list of several things, as a
// hash.
func TestOPS122Changes(t *testing.T) {
	old := parsed(t, "host: a\nnetwork:\n  proxy_password: alt\nkeys:\n- p12: a.p12\n")
	next := parsed(t, "host: b\nnetwork:\n  proxy_password: geheim\nkeys:\n- p12: a.p12\n  password: geheim\n"+
		"database: postgres://u:geheim@h/d\nsend:\n  retry: [2m]\n  workers: 3\n")
	got := next.Changes(old)
	var keys []string
	for _, text := range got {
		key, value, _ := strings.Cut(text, "=")
		keys = append(keys, key)
		if hashed := strings.HasPrefix(value, "#") && len(value) == 9; hashed != slices.Contains(
			[]string{"database", "keys", "network.proxy_password"}, key) {
			t.Errorf("%s", text)
		}
	}
	if want := []string{
		"database", "host", "keys", "network.proxy_password", "send.retry", "send.workers",
	}; !slices.Equal(keys, want) {
		t.Errorf("changed: %v, want %v", keys, want)
	}
	if all := strings.Join(got, " "); strings.Contains(all, "geheim") || !strings.Contains(all, "send.workers=3") {
		t.Error(all)
	}
	if again := next.Changes(next); len(again) != 0 {
		t.Errorf("nothing changed: %v", again)
	}
}

// OPS-122: keys that need a restart keep the values they have.
func TestOPS122Keep(t *testing.T) {
	old := parsed(t, "environment: test\ndata: a\nhost: a\nas4:\n  listen: 127.0.0.1:1\n")
	next := parsed(t, "environment: production\ndata: a\nhost: b\nas4:\n  listen: 127.0.0.1:2\n")
	if got, want := next.Keep(old), []string{"environment", "as4.listen"}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if next.Environment != "test" || next.AS4.Listen != "127.0.0.1:1" || next.Host != "b" {
		t.Errorf("%s %s %s", next.Environment, next.AS4.Listen, next.Host)
	}
}

// OPS-122: a reload makes the folders that are new. One that the server had is not made again: if it is gone, its disk
// may not be mounted.
func TestOPS122MakeNew(t *testing.T) {
	dir := t.TempDir()
	read := func(deliver, notify, dialect string) *Config {
		c, err := Parse([]byte("deliver:\n  folder: "+deliver+"\nnotify:\n  folder: "+notify+
			"\nsubmit:\n  folders:\n  - folder: out\n    dialect: "+dialect+"\n"), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	there := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.IsDir()
	}
	first := read("in", "news", DialectRavn)
	if err := first.MakeNew(&Config{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in", "news", "out/pending", "out/done", "out/failed"} {
		if !there(name) {
			t.Errorf("%s was not made at the start", name)
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := read("in", "news", DialectRavn).MakeNew(first); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in", "news", "out/pending", "out/done", "out/failed"} {
		if there(name) {
			t.Errorf("%s was made again", name)
		}
	}
	next := read("in2", "news2", DialectPhoss)
	if err := next.MakeNew(first); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in2", "news2", "out/success"} {
		if !there(name) {
			t.Errorf("%s is new and was not made", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := read("file", "news", DialectRavn).MakeNew(first)
	if err == nil || !strings.Contains(err.Error(), "RAVN-1006") ||
		!strings.Contains(err.Error(), "deliver.folder (line 2)") {
		t.Errorf("a file in place of a folder: %v", err)
	}
}

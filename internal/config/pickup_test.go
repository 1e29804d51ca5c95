package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// OPS-040: what a pick-up folder is when nothing is said, and what can be said.
func TestOPS040Pickups(t *testing.T) {
	c, bad := checked(t, withMore(inOrder+"tenants: [acme]\nsubmit:\n  folder: out\n  folders:\n"+
		"  - {folder: /acme/out, tenant: acme, scan: 1s, settle: 500ms, dialect: phoss, keep: 0,"+
		" defaults: {sender: '0192:991825827', country_c1: SE}}\n"), nil)
	if bad != "" {
		t.Fatal(bad)
	}
	var got []string
	for _, p := range c.Pickups() {
		got = append(got, fmt.Sprint(p.Key, p.Dir, p.Tenant, p.Scan, p.Settle, p.Keep, p.Done, p.Failed,
			p.Sender.Value(), p.Country))
	}
	want := []string{
		fmt.Sprint("submit.folder", "/out", "default", 2*time.Second, 2*time.Second, 30*24*time.Hour, "done",
			"failed", "", ""),
		fmt.Sprint("submit.folders[0]", "/acme/out", "acme", time.Second, 500*time.Millisecond, time.Duration(0),
			"success", "error", "0192:991825827", "SE"),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	if c, _ := checked(t, withMore(inOrder), map[string]string{"RAVN_SUBMIT_FOLDER": "/x"}); len(c.Pickups()) != 1 {
		t.Errorf("from the environment: %+v", c.Pickups())
	}
}

// OPS-040: what could not work, or could send a document twice, is refused with its line.
func TestOPS040PickupsAreChecked(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ submit, want string }{
		{"folder: out\n  folders:\n  - {folder: b}", "submit.folders[0] (line 14): the tenant default has a pick-up " +
			"folder already: submit.folder (line 12)"},
		{"folders: [{folder: a, tenant: who}]", `submit.folders[0].tenant (line 12): there is no tenant "who"`},
		{"folders: [{tenant: default}]", "submit.folders[0] (line 12): a folder is needed"},
		{
			"folders:\n  - folder: a\n    settle: -1s",
			`submit.folders[0].settle (line 14): want 100ms to 1h, have "-1s"`,
		},
		{"folders: [{folder: a, scan: 0s}]", `submit.folders[0].scan (line 12): want 100ms to 1h, have "0s"`},
		{"folders: [{folder: a, scan: soon}]", `submit.folders[0].scan (line 12): want 100ms to 1h, have "soon"`},
		{"folders: [{folder: a, keep: -3d}]", `submit.folders[0].keep (line 12): want 0s to 87600h, have "-3d"`},
		{"folders: [{folder: a, dialect: oxalis}]", "submit.folders[0].dialect (line 12): want ravn or phoss"},
		{"folders: [{folder: a, defaults: {sender: nobody}}]", "submit.folders[0].defaults.sender (line 12): "},
		{"folders: [{folder: a, defaults: {country_c1: xx}}]", "submit.folders[0].defaults.country_c1 (line 12): "},
		{
			"folders: [{folder: a, defaults: {document_type: x}}]",
			"submit.folders[0].defaults.document_type (line 12): ",
		},
		{"folders: [{folder: a, defaults: {process: a b}}]", "submit.folders[0].defaults.process (line 12): "},
		{"folder: d/x", "submit.folder (line 12): /d/x and data (line 3), /d, must not lie in each other"},
		{"folder: /", "submit.folder (line 12): / and data (line 3), /d, must not lie in each other"},
		{"folder: f", "submit.folder (line 12): /f and deliver.folder (line 10), /f, must not lie in each other"},
		{
			"folder: " + dir + "/x\n  folders: [{folder: " + dir + "/link/x, tenant: acme}]",
			dir + "/link/x and submit.folder (line 12), " + dir + "/x, must not lie in each other",
		},
		{
			"folder: a\nnotify: {folder: a/news}",
			"submit.folder (line 12): /a and notify.folder (line 13), /a/news, must not lie in each other",
		},
		{
			"folder: news/out\nnotify: {folder: news}",
			"submit.folder (line 12): /news/out and notify.folder (line 13), /news, must not lie in each other",
		},
		{"folder: f/x", "submit.folder (line 12): /f/x and deliver.folder (line 10), /f, must not lie in each other"},
		{"folder: a\n  folders: [{folder: a/b, tenant: acme}]", "submit.folders[0] (line 13): /a/b and submit.folder " +
			"(line 12), /a, must not lie in each other"},
	} {
		_, bad := checked(t, withMore(inOrder+"submit:\n  "+tc.submit+"\ntenants: [acme]\n"), nil)
		if !strings.Contains(bad, tc.want) || !strings.Contains(bad, "RAVN-1001") {
			t.Errorf("%s: got %q, want %q", tc.submit, bad, tc.want)
		}
	}
	_, err := Parse([]byte(withMore(inOrder+"submit:\n  folders:\n  - {folder: a, scna: 2s}\n")), "/", nil)
	if err == nil || !strings.Contains(err.Error(), "line 13") || !strings.Contains(err.Error(), "scna") {
		t.Errorf("an unknown key: %v", err)
	}
}

// OPS-040: folders between which files cannot be moved are refused before anything is taken from them.
func TestOPS040PickupFoldersAreChecked(t *testing.T) {
	dir := t.TempDir()
	text := withMore(inOrder + "submit:\n  folder: " + dir + "/out\n")
	c, bad := checked(t, text, nil)
	if err := c.CheckPickups(); bad != "" || err != nil {
		t.Fatalf("one that will be made: %s, %v", bad, err)
	}
	if _, err := os.Stat(dir + "/out"); err == nil {
		t.Error("the check has made it")
	}
	if err := c.MakeNew(&Config{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{".", "pending", "done", "failed"} {
		entries, err := os.ReadDir(filepath.Join(dir, "out", part))
		if want := map[string]int{".": 3}[part]; err != nil || len(entries) != want {
			t.Errorf("%s has %v, %v", part, entries, err)
		}
	}
	done := filepath.Join(dir, "out", "done")
	for what, spoil := range map[string]func() error{
		"not a folder": func() error { return os.WriteFile(done, nil, 0o600) },
		"a link":       func() error { return os.Symlink(dir, done) },
	} {
		if err := os.Remove(done); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{c.CheckPickups(), c.MakeNew(&Config{})} {
			if err == nil || !strings.Contains(err.Error(), "RAVN-1006") ||
				!strings.Contains(err.Error(), "submit.folder (line 12)") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	proc, err := os.Stat("/proc")
	if err != nil {
		t.Skip("no second file system to compare with")
	}
	p := c.Pickups()[0]
	if err := p.partUsable("pending", proc); err == nil || !strings.Contains(err.Error(), "on another file system") {
		t.Errorf("another file system: %v", err)
	}
	if os.Getuid() == 0 {
		return // may do everything
	}
	if err := os.Chmod(dir+"/out", 0o500); err != nil {
		t.Fatal(err)
	}
	if err := c.CheckPickups(); err == nil || !strings.Contains(err.Error(), "RAVN-1006") {
		t.Errorf("not writable: %v", err)
	}
	_ = os.Chmod(dir+"/out", 0o700)
}

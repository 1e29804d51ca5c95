package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/testbed"
)

// What an operator does with a document, beside a running server and without one: looking changes nothing on disk.
func TestAPI056ShowAndEvidence(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	s := serveProcess(t, to)
	out, code := ravn(t, nil, "--config", from, "--json", "send", "--from", testbed.Sender, "--to", testbed.Receiver,
		"--endpoint", s.url, "--endpoint-cert", cert, invoice)
	var sent sendLine
	if err := json.Unmarshal([]byte(out[:strings.IndexByte(out, '\n')]), &sent); err != nil || code != 0 {
		t.Fatal(out, err)
	}
	id := delivered(t, to, 1)[0]
	look := func() {
		t.Helper()
		for config, want := range map[string]documents.Document{
			from: {ID: sent.ID, Direction: store.Out, State: store.Sent, Status: documents.Sent},
			to:   {ID: id, Direction: store.In, State: store.Delivered, Status: documents.Delivered},
		} {
			before := tree(t, filepath.Dir(config))
			out, errs, code := call(t, "--config", config, "--json", "documents", "show", sent.MessageID)
			var d documents.Document
			if err := json.Unmarshal([]byte(out), &d); err != nil || code != 0 || strings.Count(out, "\n") != 1 {
				t.Fatalf("exit %d: %s%s %v", code, out, errs, err)
			}
			if d.ID != want.ID || d.Direction != want.Direction || d.State != want.State || d.Status != want.Status ||
				d.Number != "DEMO-1" || len(d.Attempts) != 1 || len(d.Answers) != 1 || len(d.Certificates) != 2 ||
				len(d.Timeline) < 4 || d.Next != "Nothing" {
				t.Errorf("%+v", d)
			}
			if out, errs, code := call(t, "--config", config, "documents", "list", "--hash",
				d.Content.SHA256); code != 0 || !strings.HasPrefix(out, d.ID) {
				t.Errorf("by the hash of the envelope: exit %d: %s%s", code, out, errs)
			}
			if after := tree(t, filepath.Dir(config)); !slices.Equal(before, after) {
				t.Errorf("looking left something behind:\n%q\n%q", before, after)
			}
		}
	}
	look()
	s.kill()
	look()

	dir := t.TempDir()
	for _, name := range []string{"folder", "file.zip"} {
		if out, errs, code := call(t, "--config", from, "documents", "evidence", sent.ID, "--out",
			filepath.Join(dir, name)); code != 0 || !strings.Contains(out, "files are in") {
			t.Fatalf("exit %d: %s%s", code, out, errs)
		}
		if _, errs, code := call(t, "--config", from, "documents", "evidence", sent.ID, "--out",
			filepath.Join(dir, name)); code != 2 || !strings.Contains(errs, "RAVN-1013") {
			t.Errorf("over what is there: exit %d: %s", code, errs)
		}
	}
	capture := filepath.Join(dir, "folder", "answer.http")
	if out, errs, code := call(t, "open", capture, "--request",
		filepath.Join(dir, "folder", "request.http")); code != 0 || !strings.Contains(out, "receipt") {
		t.Errorf("ravn open: exit %d: %s%s", code, out, errs)
	}
	if out, errs, code := call(t, "--config", to, "documents", "evidence", id, "--out",
		filepath.Join(dir, "received")); code != 0 {
		t.Errorf("of a received one: exit %d: %s%s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "received", "request-soap.xml")); err != nil {
		t.Error(err)
	}

	// Both names of the decisions are the same one.
	for _, group := range []string{"queue", "documents"} {
		for _, action := range []string{"retry", "cancel", "discard"} {
			if _, errs, code := call(t, "--config", from, group, action, sent.ID, "--reason", "because"); code != 2 ||
				!strings.Contains(errs, "RAVN-5010") || !strings.Contains(errs, "possible: nothing") {
				t.Errorf("%s %s: exit %d: %s", group, action, code, errs)
			}
			if _, errs, code := call(t, "--config", from, group, action, sent.ID); code != 2 ||
				!strings.Contains(errs, "--reason is needed") {
				t.Errorf("%s %s: exit %d: %s", group, action, code, errs)
			}
		}
	}
}

// tree lists the files below a folder, but not those that SQLite has while it is open and those of processes.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !strings.Contains(path, "ravn.db-") && !strings.Contains(path, "/processes/") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

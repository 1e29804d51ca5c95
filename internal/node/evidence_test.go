package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
)

// The evidence folder appears whole or not at all, and replaces nothing (REL-012, D-25).
func TestREL012EvidenceFolder(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	cert, err := certs.LoadPEM(filepath.Join(to.Dir, "cert.pem"), filepath.Join(to.Dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Read(t, documents[0])),
	})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	names := func() (list []string) {
		entries, err := os.ReadDir(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if err := from.WriteEvidence(t.Context(), m.ID, filepath.Join(out, "early")); err == nil || len(names()) != 0 {
		t.Errorf("evidence of a message that was not sent: %v, left %q", err, names())
	}
	if _, err := from.Attempt(t.Context(), m, job, as4.Peer{URL: to.URL(), Cert: cert.Cert}); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(out, "evidence")
	if err := from.WriteEvidence(t.Context(), m.ID, whole); err != nil {
		t.Fatal(err)
	}
	var parts []string
	if err := filepath.WalkDir(whole, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			parts = append(parts, e.Name())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{
		"README.txt", "answer.http", "document.xml", "envelope.xml", "own-cert.pem", "peer-cert.pem",
		"receipt.xml", "request.http", "sbdh.xml",
	}; !slices.Equal(parts, want) {
		t.Errorf("files %q", parts)
	}
	if err := os.WriteFile(filepath.Join(whole, "note.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var coded *fault.Error
	if err := from.WriteEvidence(t.Context(), m.ID, whole); !errors.As(err, &coded) ||
		coded.Code != fault.FolderNotEmpty {
		t.Errorf("into a folder that holds something: %v", err)
	}
	if _, err := os.Stat(filepath.Join(whole, "note.txt")); err != nil || !slices.Equal(names(), []string{"evidence"}) {
		t.Errorf("after a refusal: %v, %q", err, names())
	}
}

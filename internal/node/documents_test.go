package node

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
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
		Open: ap.Bytes(golden.Read(t, samples[0])),
	})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	early, err := from.Desk.Evidence(t.Context(), m.ID, filepath.Join(out, "early"), "kari")
	if err != nil || len(early.Missing) > 0 {
		t.Fatal(early, err)
	}
	ready := []string{"README.txt", "document.xml", "envelope.xml", "manifest.json", "sbdh.xml", "timeline.json"}
	if got := files(t, filepath.Join(out, "early")); !slices.Equal(got, ready) {
		t.Errorf("before it was sent: %q", got)
	}
	if _, err := from.Attempt(t.Context(), m, job, as4.Peer{URL: to.URL(), Cert: cert.Cert}); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(out, "evidence")
	manifest, err := from.Desk.Evidence(t.Context(), m.MessageID, whole, "kari")
	if err != nil {
		t.Fatal(err)
	}
	sent := []string{
		"README.txt", "answer.http", "document.xml", "envelope.xml", "manifest.json", "own-cert.pem", "peer-cert.pem",
		"receipt.xml", "request.http", "sbdh.xml", "timeline.json",
	}
	if got := files(t, whole); !slices.Equal(got, sent) {
		t.Errorf("files %q", got)
	}
	for _, f := range manifest.Files {
		b, err := os.ReadFile(filepath.Join(whole, f.Name))
		sum := sha256.Sum256(b)
		if f.Name != "manifest.json" && (err != nil || f.SHA256 != hex.EncodeToString(sum[:]) ||
			f.Length != int64(len(b))) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	handedIn := golden.Read(t, samples[0])
	document, err := os.ReadFile(filepath.Join(whole, "document.xml"))
	if err != nil || !bytes.HasSuffix(bytes.TrimSpace(handedIn), document) {
		t.Errorf("the document is not the one that was handed in: %v\n%s", err, document)
	}
	if err := os.WriteFile(filepath.Join(whole, "note.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var coded *fault.Error
	if _, err := from.Desk.Evidence(t.Context(), m.ID, whole, "kari"); !errors.As(err, &coded) ||
		coded.Code != fault.FolderNotEmpty {
		t.Errorf("into a folder that holds something: %v", err)
	}
	if _, err := os.Stat(filepath.Join(whole, "note.txt")); err != nil ||
		!slices.Equal(files(t, out), []string{"early", "evidence"}) {
		t.Errorf("after a refusal: %v, %q", err, files(t, out))
	}
	zipped := filepath.Join(out, "evidence.zip")
	if _, err := from.Desk.Evidence(t.Context(), m.InstanceID, zipped, "kari"); err != nil {
		t.Fatal(err)
	}
	if got := inZip(t, zipped, whole); !slices.Equal(got, sent) {
		t.Errorf("in the zip file: %q", got)
	}
	if _, err := from.Desk.Evidence(t.Context(), m.InstanceID, zipped, "kari"); !errors.As(err, &coded) ||
		coded.Code != fault.FolderNotEmpty {
		t.Errorf("over a zip file: %v", err)
	}
	audits, err := from.Store.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 10)
	if err != nil || len(audits) != 5 || audits[0].Actor != "kari" || audits[0].Action != "evidence_exported" ||
		audits[0].MessageID != m.ID {
		t.Errorf("audit: %+v, %v", audits, err)
	}
}

// files lists a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// inZip lists a zip file, whose files are stored as they are and hold what those of a folder do, but for the time.
func inZip(t *testing.T, name, same string) (list []string) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		want, werr := os.ReadFile(filepath.Join(same, f.Name))
		if err != nil || werr != nil || f.Method != zip.Store || f.Name != "manifest.json" && !bytes.Equal(got, want) {
			t.Errorf("%s: %v %v", f.Name, err, werr)
		}
		list = append(list, f.Name)
	}
	slices.Sort(list)
	return list
}

// Both sides find the same document by all that it is known by, and say the same of it.
func TestAPI057BothSidesFindADocument(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	cert, err := certs.LoadPEM(filepath.Join(to.Dir, "cert.pem"), filepath.Join(to.Dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	file := golden.Read(t, samples[0])
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(file),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Attempt(t.Context(), m, job, as4.Peer{URL: to.URL(), Cert: cert.Cert}); err != nil {
		t.Fatal(err)
	}
	to.inbox(t, 1)
	sum := sha256.Sum256(file)
	for name, n := range map[string]*tested{"sender": from, "receiver": to} {
		for by, value := range map[documents.By]string{
			documents.ByMessageID: m.MessageID, documents.ByInstanceID: m.InstanceID, documents.ByNumber: "Snippet1",
			documents.ByHash: hex.EncodeToString(m.Payload.SHA256[:]), documents.ByParticipant: c4,
		} {
			got, page, err := n.Desk.Find(t.Context(), value)
			if err != nil || got != by || len(page.Items) != 1 || page.Items[0].MessageID != m.MessageID ||
				page.Items[0].Number != "Snippet1" {
				t.Errorf("%s by %s: %s %+v %v", name, by, got, page, err)
			}
		}
		doc, err := n.Desk.Show(t.Context(), m.MessageID)
		if err != nil || len(doc.Certificates) != 2 || len(doc.Answers) != 1 || doc.Answers[0].Kind != "receipt" ||
			doc.Problem != nil || doc.AttemptCount != 1 {
			t.Errorf("%s: %+v %v", name, doc, err)
		}
		if want := map[string]documents.Status{
			"sender":   documents.Sent,
			"receiver": documents.Delivered,
		}[name]; doc.Status != want {
			t.Errorf("%s: status %s, want %s", name, doc.Status, want)
		}
	}
	if by, page, err := from.Desk.Find(t.Context(), hex.EncodeToString(sum[:])); err != nil || by != documents.ByHash ||
		page.Items[0].ID != m.ID {
		t.Errorf("by the file that was handed in: %s %+v %v", by, page, err)
	}
}

// failing is a payload store whose disk does not answer.
type failing struct{ blob.Store }

func (failing) Open(context.Context, store.BlobRef) (io.ReadCloser, error) {
	return nil, errors.New("the disk does not answer")
}

// What an older program wrote gets its columns from the server, which says so; when it cannot there is an alarm, and
// the next round begins where this one failed. A command says how many rows wait.
func TestAPI120ServerFillsRowsOfBefore(t *testing.T) {
	_, dir := testPKI(t)
	n := runNodeWith(t, nodeFile(t, dir, "POP900001", ""), Options{Log: zerolog.New(nil).Level(zerolog.InfoLevel)})
	m, _, err := n.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Read(t, samples[0])),
	})
	if err != nil {
		t.Fatal(err)
	}
	n.end(t)
	eng, err := sqlite.Engine(filepath.Join(n.Config.Path(n.Config.Data), databaseName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = eng.Write.ExecContext(t.Context(), `UPDATE message SET detailed = 0, document_number = '', updated = 0`)
	if err = errors.Join(err, eng.Write.Close(), eng.Read.Close()); err != nil {
		t.Fatal(err)
	}
	waiting := func() int64 {
		r, err := n.data.Check(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return r.Undetailed
	}
	if got := waiting(); got != 1 {
		t.Errorf("%d rows wait", got)
	}
	blobs := n.Desk.Blobs
	n.Desk.Blobs = failing{blobs}
	n.fillDocuments(t.Context())
	if l := n.await(t, "older documents", 1)[0]; l["alarm"] != "columns_missing" || l["level"] != "error" ||
		l["code"] != "RAVN-3009" {
		t.Errorf("alarm: %v", l)
	}
	n.Desk.Blobs = blobs
	n.fillDocuments(t.Context())
	if l := n.await(t, "older documents got their columns", 1)[0]; l["level"] != "info" || number(l, "rows") != 1 ||
		number(l, "unread") != 0 {
		t.Errorf("line: %v", l)
	}
	if got := waiting(); got != 0 {
		t.Errorf("%d rows wait still", got)
	}
	if by, page, err := n.Desk.Find(t.Context(), "Snippet1"); err != nil || by != documents.ByNumber ||
		page.Items[0].ID != m.ID {
		t.Errorf("%s %+v %v", by, page, err)
	}
	n.fillDocuments(t.Context())
	if lines := n.Log.lines(t, "older documents got their columns"); len(lines) != 1 {
		t.Errorf("a round without work speaks: %v", lines)
	}
}

// The digest is that of the file as C1 handed it in, whatever becomes of it.
func TestAPI057HandedIn(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	latin := []byte("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n" +
		strings.Replace(string(golden.Read(t, samples[0])), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "", 1) +
		"\n<!-- after -->\n\n")
	ready := func() []byte {
		m, _, err := n.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, c4),
			Open: ap.Bytes(golden.Read(t, samples[0])),
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := n.Blobs.Open(t.Context(), m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		return append(b, "\n<!-- after -->\n"...)
	}()
	doc, derr := peppol.ParseDocType(billing)
	proc, perr := peppol.ParseProcess(process)
	if err := errors.Join(derr, perr); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]ap.Submission{
		"a document in another encoding": {From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(latin)},
		"a ready envelope":               {Open: ap.Bytes(ready)},
		"content that is not XML": {
			From: participant(t, c1), To: participant(t, c4), DocType: doc,
			Process: proc, MimeType: "application/octet-stream", Open: ap.Bytes([]byte("%PDF \x00\n\n")),
		},
	} {
		m, _, err := n.Submit(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(r)
		sum := sha256.Sum256(file)
		page, lerr := n.Desk.List(t.Context(), documents.Query{Hash: hex.EncodeToString(sum[:])})
		if err != nil || lerr != nil || len(page.Items) != 1 || page.Items[0].ID != m.ID ||
			(page.Items[0].Number != "") != (s.MimeType == "") {
			t.Errorf("%s: %+v %v %v", name, page, err, lerr)
		}
	}
}

package documents

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/sbdh"
)

// EvidenceFormat is the version of the layout of evidence (D-25, API-059).
const EvidenceFormat = 2

// Manifest is manifest.json: what the evidence is about, what is in it, and what should be and is not.
type Manifest struct {
	Format     int             `json:"format"`
	ID         string          `json:"id"`
	Direction  store.Direction `json:"direction"`
	MessageID  string          `json:"message_id"`
	InstanceID string          `json:"instance_id"`
	State      store.State     `json:"state"`
	Status     Status          `json:"status"`
	Written    time.Time       `json:"written"`
	Files      []File          `json:"files"`
	Missing    []Missing       `json:"missing"`
}

// File is one file of the evidence.
type File struct {
	Name   string `json:"name"`
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

// Missing is a file that cannot be written, because what it would hold is lost or damaged.
type Missing struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Names of files of the evidence.
const (
	fileRequest  = "request.http"
	fileSOAP     = "request-soap.xml"
	fileEnvelope = "envelope.xml"
	fileDocument = "document.xml"
	fileHeader   = "sbdh.xml"
	fileManifest = "manifest.json"
	fileReadme   = "README.txt"
)

// Evidence writes what is kept of the document that name stands for into a new folder, or into a zip file if out ends
// so. It appears when it is complete and replaces nothing. That the document was handed out is audited, before it is.
func (d *Desk) Evidence(ctx context.Context, name, out, actor string) (*Manifest, error) {
	id, err := d.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	doc, r, err := d.whole(ctx, id)
	if err != nil {
		return nil, err
	}
	entry := db.Audit{Actor: actor, Action: "evidence_exported", MessageID: id}
	if err := d.Store.AppendAudit(ctx, d.Tenant, entry); err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	to, err := newBundle(out)
	if err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", filepath.Dir(out))
	}
	defer to.discard()
	w := &writer{ctx: ctx, desk: d, doc: doc, r: r, to: to, manifest: Manifest{
		Format: EvidenceFormat, ID: id, Direction: doc.Direction, MessageID: doc.MessageID, InstanceID: doc.InstanceID,
		State: doc.State, Status: doc.Status, Written: d.Now().UTC(), Files: []File{}, Missing: []Missing{},
	}}
	if err := w.all(); err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	switch err := to.publish(out); {
	case errors.Is(err, fs.ErrExist):
		return nil, fault.New(fault.FolderNotEmpty, nil, "%s", out)
	case err != nil:
		return nil, fault.New(fault.FolderUnusable, err, "%s", out)
	}
	return &w.manifest, nil
}

// bundle is a folder or a zip file under way.
type bundle interface {
	write(name string, fill func(io.Writer) error) error
	publish(out string) error
	discard()
}

func newBundle(out string) (bundle, error) {
	around := filepath.Dir(out)
	if err := durable.MkdirAll(around, 0o750); err != nil {
		return nil, err
	}
	if !strings.EqualFold(filepath.Ext(out), ".zip") {
		f, err := durable.CreateFolder(durable.OS{}, around, filepath.Base(out), 0o750)
		return &folder{f}, err
	}
	t, err := durable.Create(durable.OS{}, around, filepath.Base(out), 0o640)
	if err != nil {
		return nil, err
	}
	return &zipFile{t, zip.NewWriter(t)}, nil
}

type folder struct{ *durable.Folder }

func (f *folder) write(name string, fill func(io.Writer) error) error {
	return f.Write(name, 0o640, fill)
}
func (f *folder) discard() { f.Discard() }
func (f *folder) publish(out string) error {
	return errors.Join(f.Publish(out), durable.SyncDir(durable.OS{}, filepath.Dir(out)))
}

// zipFile keeps its files as they are: most of them do not get smaller.
type zipFile struct {
	t *durable.Temp
	z *zip.Writer
}

func (f *zipFile) write(name string, fill func(io.Writer) error) error {
	w, err := f.z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	return fill(w)
}

func (f *zipFile) discard() { f.t.Discard() }

func (f *zipFile) publish(out string) error {
	if err := f.z.Close(); err != nil {
		return err
	}
	return errors.Join(f.t.PublishNew(out), durable.SyncDir(durable.OS{}, filepath.Dir(out)))
}

// writer writes the files of one document; the first error stops it.
type writer struct {
	ctx      context.Context
	desk     *Desk
	doc      *Document
	r        *record
	to       bundle
	manifest Manifest
	err      error
}

func (w *writer) all() error {
	w.request()
	w.answers()
	w.payload()
	w.certificates()
	if e := latest(w.r.evidence, store.EvidenceValidation); e != nil {
		w.bytes("validation.json", e.Bytes)
	}
	w.json("timeline.json", w.doc)
	w.bytes(fileReadme, w.readme())
	w.json(fileManifest, &w.manifest)
	return w.err
}

// meter notes what is written.
type meter struct {
	io.Writer
	sum hash.Hash
	n   int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Writer.Write(p)
	m.sum.Write(p[:n])
	m.n += int64(n)
	return n, err
}

func (w *writer) file(name string, fill func(io.Writer) error) {
	if w.err != nil {
		return
	}
	m := &meter{sum: sha256.New()}
	w.err = w.to.write(name, func(to io.Writer) error { m.Writer = to; return fill(m) })
	w.manifest.Files = append(w.manifest.Files, File{name, m.n, hex.EncodeToString(m.sum.Sum(nil))})
}

func (w *writer) bytes(name string, b []byte) { w.file(name, durable.Bytes(b)) }

func (w *writer) json(name string, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil && w.err == nil {
		w.err = err
	}
	w.bytes(name, b.Bytes())
}

// whole reports whether a payload is there and undamaged, and notes its files as missing if not.
func (w *writer) whole(ref store.BlobRef, names ...string) bool {
	if w.err != nil {
		return false
	}
	err := blob.Verify(w.ctx, w.desk.Blobs, ref)
	reason := ""
	switch {
	case err == nil:
		return true
	case errors.Is(err, blob.ErrNotFound):
		reason = "the stored payload is missing"
	case errors.Is(err, blob.ErrCorrupt):
		reason = "the stored payload is damaged"
	default:
		w.err = err
		return false
	}
	for _, name := range names {
		w.manifest.Missing = append(w.manifest.Missing, Missing{name, reason})
	}
	return false
}

// copy writes a part of a payload.
func (w *writer) copy(name string, ref store.BlobRef, from, to int64, head string) {
	w.file(name, func(dst io.Writer) error {
		r, err := w.desk.Blobs.Open(w.ctx, ref)
		if err != nil {
			return err
		}
		if _, err = io.WriteString(dst, head); err == nil {
			_, err = io.CopyN(io.Discard, r, from)
		}
		if err == nil {
			_, err = io.CopyN(dst, r, to-from)
		}
		return errors.Join(err, r.Close())
	})
}

// request writes what was sent, as it was sent; of a received document what is kept of it.
func (w *writer) request() {
	m := &w.r.Message
	if !m.Sealed.IsZero() && w.whole(m.Sealed, fileRequest) {
		u, err := url.Parse(m.Endpoint)
		if err != nil {
			w.err = err
			return
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
			u.RequestURI(), u.Host, m.SealedType, m.Sealed.Length)
		w.copy(fileRequest, m.Sealed, 0, m.Sealed.Length, head)
		return
	}
	if e := latest(w.r.evidence, store.EvidenceRequestSOAP); e != nil {
		w.bytes(fileSOAP, e.Bytes)
	}
}

// answers writes the receipt, or else what came instead.
func (w *writer) answers() {
	if e := latest(w.r.evidence, store.EvidenceReceipt); e != nil {
		w.bytes("answer.http", httpAnswer(*e))
		w.bytes("receipt.xml", receiptOf(*e))
	}
	for _, e := range w.r.evidence {
		if e.Kind == store.EvidenceAnswerSOAP {
			w.bytes(fmt.Sprintf("answer-%d.xml", e.Attempt), e.Bytes)
		}
	}
}

// receiptOf returns the envelope of a receipt, which may have come in any wrapping (AS4-107).
func receiptOf(e store.Evidence) []byte {
	if bytes.HasPrefix(e.Bytes, []byte("<")) {
		return e.Bytes
	}
	for _, soap := range as4.Envelopes([]string{e.ContentType}, e.Bytes) {
		if bytes.Contains(soap, []byte("NonRepudiationInformation")) {
			return soap
		}
	}
	return e.Bytes
}

func (w *writer) payload() {
	ref := w.r.Payload
	if ref.IsZero() || !w.whole(ref, fileEnvelope, fileHeader, fileDocument) {
		return
	}
	w.copy(fileEnvelope, ref, 0, ref.Length, "")
	r, err := w.desk.Blobs.Open(w.ctx, ref)
	if err != nil {
		w.err = err
		return
	}
	_, p, err := sbdh.Read(r, asTaken)
	if err = errors.Join(err, r.Close()); err != nil {
		w.manifest.Missing = append(w.manifest.Missing, Missing{fileHeader, err.Error()},
			Missing{fileDocument, err.Error()})
		return
	}
	w.copy(fileDocument, ref, p.Start, p.End, "")
	w.copy(fileHeader, ref, p.HeaderStart, p.HeaderEnd, "")
}

func (w *writer) certificates() {
	if e := latest(w.r.evidence, store.EvidenceOwnCert); e != nil {
		w.bytes("own-cert.pem", certs.EncodePEM(e.Bytes))
	}
	if len(w.r.PeerCert) > 0 {
		w.bytes("peer-cert.pem", certs.EncodePEM(w.r.PeerCert))
	}
}

// meanings says what the files are, in the order of the readme.
var meanings = []struct{ name, text string }{
	{fileRequest, "the request as it was sent, HTTP headers included"},
	{fileSOAP, "the SOAP part of the request"},
	{"answer.http", "the answer with the receipt, HTTP headers included"},
	{"receipt.xml", "the signed receipt (SOAP): proof of the access point that has the message"},
	{"answer-", "answer-N.xml: what came instead of a receipt, to attempt N"},
	{fileEnvelope, "the envelope (StandardBusinessDocument), decrypted and decompressed"},
	{fileHeader, "the header of the envelope alone"},
	{fileDocument, "the business document alone"},
	{"own-cert.pem", "our certificate"},
	{"peer-cert.pem", "the certificate of the other access point"},
	{"validation.json", "what the rules say of the document"},
	{"timeline.json", "the document as the record has it: attempts, answers, certificates, timeline"},
	{fileManifest, "length and SHA-256 of each file, and what is missing"},
}

func (w *writer) readme() []byte {
	var b bytes.Buffer
	m := &w.r.Message
	fmt.Fprintf(&b, `Evidence of one Peppol AS4 message (layout %d)

id            %s
message id    %s
state         %s
sender        access point %s
receiver      access point %s

`, EvidenceFormat, m.ID, m.MessageID, m.State, m.C2, m.C3)
	for _, x := range meanings {
		if x.name == fileManifest || w.has(x.name) {
			fmt.Fprintf(&b, "%-16s %s\n", x.name, x.text)
		}
	}
	for _, x := range w.manifest.Missing {
		fmt.Fprintf(&b, "%-16s missing: %s\n", x.Name, x.Reason)
	}
	b.WriteString(`
ravn open explains request.http and answer.http layer by layer; xmlsec1 or any other software for XML signatures can
verify them as well.
`)
	return b.Bytes()
}

func (w *writer) has(name string) bool {
	for _, f := range w.manifest.Files {
		if f.Name == name || strings.HasSuffix(name, "-") && strings.HasPrefix(f.Name, name) {
			return true
		}
	}
	return false
}

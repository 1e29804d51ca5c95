package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// EvidenceFormat is the version of the evidence folder's layout (D-25).
const EvidenceFormat = 1

const evidenceReadme = `Evidence of one Peppol AS4 message (layout %d)

message id    %s
state         %s
sender        access point %s
receiver      access point %s

request.http  the request as it was sent, HTTP headers included
answer.http   the answer as it was received
receipt.xml   the signed receipt (SOAP): the other access point's proof that it has the message
envelope.xml  the envelope (StandardBusinessDocument) that was sent, decrypted and decompressed
sbdh.xml      the header of the envelope alone
document.xml  the business document alone
own-cert.pem, peer-cert.pem   the certificates that signed request and receipt

ravn open explains request.http and answer.http layer by layer; xmlsec1 or any other software for XML signatures can
verify them as well.
`

// WriteEvidence writes everything that is kept about a sent message into a new folder, which appears once it is
// complete.
func (n *Node) WriteEvidence(ctx context.Context, id, dir string) error {
	m, err := n.Store.Get(ctx, db.DefaultTenant, id)
	if err != nil {
		return err
	}
	around := filepath.Dir(dir)
	if err := durable.MkdirAll(around, 0o750); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", around)
	}
	folder, err := durable.CreateFolder(durable.OS{}, around, filepath.Base(dir), 0o750)
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", around)
	}
	defer folder.Discard()
	e := &evidence{n: n, m: m, folder: folder}
	e.request(ctx)
	e.answer(ctx)
	e.payload(ctx)
	e.certs(ctx)
	e.file("README.txt", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, evidenceReadme, EvidenceFormat, m.MessageID, m.State, m.C2, m.C3)
		return err
	})
	if e.err != nil {
		return e.err
	}
	switch err := folder.Publish(dir); {
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.FolderNotEmpty, nil, "%s", dir)
	case err != nil:
		return fault.New(fault.FolderUnusable, err, "%s", dir)
	}
	return durable.SyncDir(durable.OS{}, around)
}

// evidence is one folder being written; after the first error nothing more is written.
type evidence struct {
	n      *Node
	m      store.Message
	folder *durable.Folder
	err    error
}

func (e *evidence) file(name string, fill func(io.Writer) error) {
	if e.err == nil {
		e.err = e.folder.Write(name, 0o640, fill)
	}
}

// blob copies a stored blob.
func (e *evidence) blob(ctx context.Context, ref store.BlobRef, w io.Writer) error {
	r, err := e.n.Blobs.Open(ctx, ref)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}

func (e *evidence) request(ctx context.Context) {
	u, err := url.Parse(e.m.Endpoint)
	if err != nil {
		e.err = err
		return
	}
	e.file("request.http", func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), u.Host, e.m.SealedType, e.m.Sealed.Length); err != nil {
			return err
		}
		return e.blob(ctx, e.m.Sealed, w)
	})
}

func (e *evidence) answer(ctx context.Context) {
	if e.err != nil {
		return
	}
	r, err := e.n.Store.Evidence(ctx, db.DefaultTenant, e.m.ID, store.EvidenceReceipt)
	if err != nil {
		e.err = err
		return
	}
	e.file("answer.http", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", r.ContentType, len(r.Bytes), r.Bytes)
		return err
	})
	e.file("receipt.xml", func(w io.Writer) error { _, err := w.Write(r.Bytes); return err })
}

func (e *evidence) payload(ctx context.Context) {
	e.file("envelope.xml", func(w io.Writer) error { return e.blob(ctx, e.m.Payload, w) })
	if e.err != nil {
		return
	}
	f, err := os.Open(filepath.Join(e.folder.Path(), "envelope.xml"))
	if err != nil {
		e.err = err
		return
	}
	defer func() { _ = f.Close() }() // only read
	// It was taken over; what the configuration allows may have changed since.
	_, p, err := sbdh.Read(f, sbdh.Options{FullStandard: func(peppol.DocTypeID) bool { return true }})
	if err != nil {
		e.err = err
		return
	}
	e.file("document.xml", func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, p.Start, p.End-p.Start))
		return err
	})
	e.file("sbdh.xml", func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, p.HeaderStart, p.HeaderEnd-p.HeaderStart))
		return err
	})
}

func (e *evidence) certs(ctx context.Context) {
	if e.err != nil {
		return
	}
	own, err := e.n.Store.Evidence(ctx, db.DefaultTenant, e.m.ID, store.EvidenceOwnCert)
	if err != nil {
		e.err = err
		return
	}
	for name, der := range map[string][]byte{"own-cert.pem": own.Bytes, "peer-cert.pem": e.m.PeerCert} {
		e.file(name, func(w io.Writer) error { _, err := w.Write(certs.EncodePEM(der)); return err })
	}
}

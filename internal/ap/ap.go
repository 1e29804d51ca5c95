// Package ap is the one room that knows the whole path of a message, out and in: it joins envelope, discovery, protocol,
// record, payload store and backend, and decides nothing that one of them can decide.
package ap

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/smp"
)

// Directory finds the endpoint of a receiver; *smp.Client is one. Its errors are *smp.Error.
type Directory interface {
	Endpoint(ctx context.Context, r peppol.ParticipantID, d peppol.DocTypeID, p peppol.ProcessID) (*smp.Endpoint, error)

	// Forget drops what is remembered about a receiver and a document type, so that the next Endpoint asks anew.
	Forget(r peppol.ParticipantID, d peppol.DocTypeID)
}

// Core is what both directions share.
type Core struct {
	Tenant string // db.DefaultTenant in a single installation
	Store  *store.Store
	Blobs  blob.Store
	Trust  *certs.Verifier
	Keys   func() *certs.Keyring
	Now    func() time.Time

	Uncounted bool // nothing enters the counting rows: the test network is not reported (RPT-3.1)
}

// open reads a blob; one that was just made and that the record keeps is at hand.
func (c *Core) open(ctx context.Context, ref store.BlobRef) (io.ReadCloser, error) {
	if ref.Inline != "" {
		return blob.Inline(ref)
	}
	return c.Blobs.Open(ctx, ref)
}

// isCertError tells whether err is about a certificate, and whether it may pass.
func isCertError(err error) (temporary, ok bool) {
	var ce *certs.Error
	if !errors.As(err, &ce) {
		return false, false
	}
	return ce.Temporary(), true
}

// domain tells the domain of a process that a submission or registration does not name: the Norwegian payment and
// eGovernment processes are told by their identifiers, all else is procurement (D-21).
const defaultDomain = "eProcurement"

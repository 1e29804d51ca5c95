// Package ap knows the whole path of a message, outbound and inbound. It connects envelope, discovery, protocol,
// record, payload store and backend, and leaves every decision to them that they can make.
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

// Directory finds the endpoint of a receiver; *smp.Client implements it. Its errors are *smp.Error.
type Directory interface {
	Endpoint(ctx context.Context, r peppol.ParticipantID, d peppol.DocTypeID, p peppol.ProcessID) (*smp.Endpoint, error)

	// Forget drops what is cached for a receiver and a document type, so that the next Endpoint asks again.
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
	Meter  Meter // may be nil

	Uncounted bool // write no counting rows: the test network is not reported (RPT-3.1)
}

// open opens a blob. A small one that was just written is still in memory.
func (c *Core) open(ctx context.Context, ref store.BlobRef) (io.ReadCloser, error) {
	if ref.Inline != "" {
		return blob.Inline(ref)
	}
	return c.Blobs.Open(ctx, ref)
}

// isCertError reports whether err is about a certificate, and whether it may be temporary.
func isCertError(err error) (temporary, ok bool) {
	var ce *certs.Error
	if !errors.As(err, &ce) {
		return false, false
	}
	return ce.Temporary(), true
}

// defaultDomain is the domain of a message if nothing else names one (D-21).
const defaultDomain = "eProcurement"

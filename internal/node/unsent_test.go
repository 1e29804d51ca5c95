package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// revocation answers with a class.
type revocation certs.Class

func (r revocation) Check(context.Context, *x509.Certificate, *x509.Certificate, time.Time) certs.Class {
	return certs.Class(r)
}

// Nothing is sent while the register gives no answer or a certificate that must not be used.
func TestUnsent(t *testing.T) {
	p, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	trust := from.Outbound.Trust
	issue := func(ca *localca.CA, l localca.Leaf) *x509.Certificate {
		l.CN = "POP900002"
		id, err := ca.Issue(l, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return id.Cert
	}
	good := to.peer().Cert
	for _, tc := range []struct {
		name  string
		cert  *x509.Certificate
		class certs.Class // what the revocation check says
		err   error       // of the lookup
		state store.State
		code  fault.Code
	}{
		{
			"AS4-141 issued by the CA of SMPs", issue(p.SMP, localca.Leaf{}), certs.Valid, nil, store.FailedPermanent,
			fault.ReceiverCert,
		},
		{
			"AS4-141 issued by a TLS CA", issue(p.TLS, localca.Leaf{}), certs.Valid, nil, store.FailedPermanent,
			fault.ReceiverCert,
		},
		{
			"AS4-141 expired", issue(p.AP, localca.Leaf{NotBefore: time.Now().Add(-721 * 24 * time.Hour)}), certs.Valid,
			nil, store.FailedPermanent, fault.ReceiverCert,
		},
		{"AS4-141 revoked", good, certs.Revoked, nil, store.FailedPermanent, fault.ReceiverCert},
		{"AS4-141 revocation unknown", good, certs.RevocationUnknown, nil, store.RetryWait, fault.LookupFailed},
		{
			"REL-026 the SMP does not answer", good, certs.Valid,
			&smp.Error{Kind: smp.Unavailable.Kind(), Reason: smp.Unavailable}, store.RetryWait, fault.LookupFailed,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from.Outbound.Trust = certs.NewVerifier(trust.Anchors(), revocation(tc.class))
			from.Outbound.Directory = &register{forgotten: 1, then: as4.Peer{URL: to.URL(), Cert: tc.cert}, err: tc.err}
			m, job, err := from.Submit(t.Context(),
				ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t))})
			if err != nil {
				t.Fatal(err)
			}
			_, err = from.Attempt(t.Context(), m, job, as4.Peer{})
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
			m, err = from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
			if err != nil || m.State != tc.state || !m.Sealed.IsZero() {
				t.Errorf("state %s, sealed %v, %v", m.State, !m.Sealed.IsZero(), err)
			}
			if got := attempts(t, from, m.ID); got != "" {
				t.Errorf("an attempt was made: %s", got)
			}
			if due := waits(t, from, m.ID, false); due != (tc.state == store.RetryWait) {
				t.Errorf("due again: %v", due)
			}
		})
	}
	if page, err := to.Store.List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.In}); err != nil ||
		len(page.Found) > 0 {
		t.Errorf("%d messages arrived, %v", len(page.Found), err)
	}
}

// The same receipt, byte for byte, is evidence at both ends.
func TestAS4106Evidence(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := from.Attempt(t.Context(), m, job, to.peer())
	if err != nil {
		t.Fatal(err)
	}
	got, err := from.Store.Evidence(t.Context(), db.DefaultTenant, m.ID, store.EvidenceReceipt)
	if err != nil {
		t.Fatal(err)
	}
	list, err := to.Store.ByMessageID(t.Context(), db.DefaultTenant, store.In, m.MessageID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	sent, err := to.Store.Evidence(t.Context(), db.DefaultTenant, list[0].ID, store.EvidenceReceipt)
	if err != nil {
		t.Fatal(err)
	}
	if len(sent.Bytes) == 0 || !bytes.Equal(sent.Bytes, got.Bytes) || !bytes.Equal(got.Bytes, ev.Body) {
		t.Errorf("%d bytes sent, %d kept", len(sent.Bytes), len(got.Bytes))
	}
	if list[0].InstanceID != m.InstanceID || !strings.Contains(string(to.inbox(t, 1)[m.MessageID]), m.InstanceID) {
		t.Error("another InstanceIdentifier")
	}
}

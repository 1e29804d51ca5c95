package node

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// front stands before an access point and keeps the bodies that are posted to it.
type front struct {
	*httptest.Server
	bodies [][]byte
	lose   func(w http.ResponseWriter) bool // answers instead of the access point
}

func before(t *testing.T, n *tested) *front {
	t.Helper()
	to, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL = to }}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.bodies = append(f.bodies, append([]byte(r.Header.Get("Content-Type")+"\n"), body...))
		if f.lose != nil && f.lose(w) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// badGateway is the answer of a machine in between when the one behind it does not answer.
func badGateway(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusBadGateway)
	return true
}

// A message is sealed once. Each attempt sends the same bytes, so that a receiver that has them knows the repeat
// (D-12), and the record keeps one sealed body with one set of evidence.
func TestREL021EachAttemptSendsTheSameBytes(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	between := before(t, to)
	between.lose = badGateway
	peer := as4.Peer{URL: between.URL, Cert: to.peer().Cert}
	m, job := from.taken(t)
	if _, err := from.Attempt(t.Context(), m, job, peer); err == nil {
		t.Fatal("an answer that was lost is a receipt")
	}
	first, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || first.State != store.Unknown {
		t.Fatalf("%s, %v", first.State, err)
	}
	if _, err := from.Send(t.Context(), first, peer); err == nil {
		t.Fatal("an answer that was lost is a receipt")
	}
	between.lose = nil
	if _, err := from.Send(t.Context(), first, peer); err != nil {
		t.Fatal(err)
	}
	if len(between.bodies) != 3 || !bytes.Equal(between.bodies[0], between.bodies[1]) ||
		!bytes.Equal(between.bodies[0], between.bodies[2]) {
		t.Errorf("%d attempts, which sent different bytes", len(between.bodies))
	}
	last, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || last.State != store.Sent || last.Sealed != first.Sealed {
		t.Errorf("%s, sealed %s and then %s, %v", last.State, first.Sealed.Key, last.Sealed.Key, err)
	}
	pieces, err := from.Store.AllEvidence(t.Context(), db.DefaultTenant, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range pieces {
		if e.Kind == store.EvidenceRequestSOAP && e.Attempt != 1 {
			t.Errorf("attempt %d has evidence of a body of its own", e.Attempt)
		}
	}
}

// post seals an envelope under a message id and sends it, past the record of the sender.
func (n *tested) postEnvelope(t *testing.T, to as4.Peer, id ebms.MessageID, instance string) (*as4.Evidence, error) {
	t.Helper()
	h := &sbdh.Header{
		Sender: participant(t, c1), Receiver: participant(t, c4), CountryC1: "NO", InstanceID: instance,
		Created: "2026-01-01T00:00:00Z",
	}
	var err, perr error
	h.DocType, err = peppol.ParseDocType(billing)
	h.Process, perr = peppol.ParseProcess(process)
	var sbd, body bytes.Buffer
	if err := errors.Join(err, perr, sbdh.Wrap(&sbd, h, bytes.NewReader(golden.Invoice(t)))); err != nil {
		t.Fatal(err)
	}
	out := as4.Outgoing{ID: id, Ref: db.NewID(), Timestamp: time.Now(), ConversationID: "c", Header: h, SBD: &sbd}
	sealed, err := n.Outbound.Sender.Seal(n.Keys.Identities()[0], to, out, &body)
	if err != nil {
		t.Fatal(err)
	}
	return n.Outbound.Sender.Post(t.Context(), as4.Request{
		Peer: to, MessageID: id, ContentType: sealed.ContentType, Length: int64(body.Len()), Body: &body,
		Digests: sealed.Digests, Attempt: 1,
	})
}

// A MessageId that comes again with another content is refused, and is no repeat: the sender must not take the receipt
// of the first for one of the second (AS4-131).
func TestREL031ReusedMessageID(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	id := from.Outbound.Sender.NewMessageID()
	if _, err := from.postEnvelope(t, to.peer(), id, "first"); err != nil {
		t.Fatal(err)
	}
	_, err := from.postEnvelope(t, to.peer(), id, "second")
	var se *as4.SendError
	if !errors.As(err, &se) || se.Outcome != as4.Refused || se.Signal == nil ||
		se.Signal.Code != ebms.CodeValueInconsistent || se.Answer.Signer == nil {
		t.Errorf("got %v", err)
	}
	got := to.inbox(t, 1)
	if envelope := string(got[string(id)]); len(got) != 1 || !strings.Contains(envelope, ">first<") {
		t.Errorf("delivered: %d, %.500s", len(got), envelope)
	}
	list, err := to.Store.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 10)
	if err != nil || len(list) != 1 || list[0].Action != "refused" || list[0].MessageID != string(id) ||
		list[0].Code != string(ebms.CodeValueInconsistent) {
		t.Errorf("audit %+v, %v", list, err)
	}
}

// While it cannot be told whether a receiver is served the sender is asked to come again. NOT_SERVICED would make it
// give the message up.
func TestAS4095CannotTellIsNotNotServiced(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	db, err := sql.Open("sqlite", filepath.Join(to.data.dir, "ravn.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only a second door
	rename := func(old, name string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(),
			"PRAGMA busy_timeout = 10000; ALTER TABLE "+old+" RENAME TO "+name); err != nil {
			t.Fatal(err)
		}
	}
	rename("served", "served_away")
	m, job := from.taken(t)
	_, err = from.Attempt(t.Context(), m, job, to.peer())
	var se *as4.SendError
	if !errors.As(err, &se) || se.Outcome != as4.Later || se.Signal == nil ||
		se.Signal.Code != ebms.CodeDeliveryFailure || se.Signal.IsNotServiced() {
		t.Fatalf("got %v", err)
	}
	if state := from.state(t, m.ID); state != store.RetryWait {
		t.Errorf("the sender has it as %s", state)
	}
	rename("served_away", "served")
	if _, err := from.Send(t.Context(), m, to.peer()); err != nil {
		t.Errorf("after the record was back: %v", err)
	}
	if got := to.inbox(t, 1); len(got[m.MessageID]) == 0 {
		t.Errorf("delivered %d", len(got))
	}
}

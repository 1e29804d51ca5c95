package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// taken submits an invoice from one node for the receiver at another.
func (n *tested) taken(t *testing.T) (store.Message, store.Job) {
	t.Helper()
	m, job, err := n.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, job
}

func (n *tested) state(t *testing.T, id string) store.State {
	t.Helper()
	m, err := n.Store.Get(t.Context(), db.DefaultTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return m.State
}

// An attempt was under way when its process died: it may have arrived. The next turn does not get as far as the
// network.
func TestREL027UnclearWhenTheTurnEndsBeforeTheNetwork(t *testing.T) {
	_, dir := testPKI(t)
	from := newNode(t, dir, "POP900001")
	for name, lookup := range map[string]error{
		"the register does not answer": &smp.Error{Kind: smp.Unavailable.Kind(), Reason: smp.Unavailable},
		"not registered any more":      &smp.Error{Kind: smp.NotRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			m, job := from.taken(t)
			// a lease of no time
			if _, _, err := from.Store.StartAttempt(t.Context(), job, store.Start{Endpoint: "https://c3"}); err != nil {
				t.Fatal(err)
			}
			from.Outbound.Directory = &register{forgotten: 1, err: lookup}
			if _, err := from.Send(t.Context(), m, as4.Peer{}); err == nil {
				t.Error("no error")
			}
			if state := from.state(t, m.ID); state != store.Unknown {
				t.Errorf("state %s, although attempt 1 may have arrived", state)
			}
			if list, err := from.Store.Attempts(t.Context(), db.DefaultTenant, m.ID); err != nil || len(list) != 1 ||
				list[0].Outcome != store.OutcomeInterrupted {
				t.Errorf("attempts %+v %v", list, err)
			}
			if err := from.Store.Cancel(t.Context(), db.DefaultTenant, m.ID, "me", "oops"); !errors.Is(err,
				db.ErrConflict) {
				t.Errorf("an operator could cancel it: %v", err)
			}
			if !waits(t, from, m.ID, false) {
				t.Error("it is not due again")
			}
		})
	}
}

// refusal is an unsigned error of some machine in front of the access point.
const refusal = `<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope" ` +
	`xmlns:eb="http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/">` +
	`<S:Header><eb:Messaging S:mustUnderstand="true"><eb:SignalMessage><eb:MessageInfo><eb:Timestamp>` +
	`2026-11-30T08:00:00Z</eb:Timestamp>` +
	`<eb:MessageId>e@c3.example</eb:MessageId><eb:RefToMessageId>%s</eb:RefToMessageId></eb:MessageInfo>` +
	`<eb:Error errorCode="EBMS:0101" severity="failure" category="Processing" ` +
	`refToMessageInError="%[1]s"/></eb:SignalMessage></eb:Messaging></S:Header><S:Body/></S:Envelope>`

// After an answer was lost, an error that nobody signed settles nothing; one that the access point signs for the same
// bytes does.
func TestREL027UnclearUntilASignedRefusal(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002") // which serves nobody
	m, job := from.taken(t)
	answer := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r)
	}))
	defer front.Close()
	behind := as4.Peer{URL: front.URL + "/as4", Cert: to.peer().Cert}

	if _, err := from.Attempt(t.Context(), m, job, behind); err == nil || from.state(t, m.ID) != store.Unknown {
		t.Fatalf("after a lost answer: %s, %v", from.state(t, m.ID), err)
	}
	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", as4.ContentTypeSignal)
		_, _ = fmt.Fprintf(w, refusal, m.MessageID)
	}
	_, err := from.Send(t.Context(), m, behind)
	var f *fault.Error
	if state := from.state(t, m.ID); state != store.Unknown || !errors.As(err, &f) || f.Code != fault.PeerUnreachable {
		t.Errorf("after an unsigned error: %s, %v", state, err)
	}
	list, err := from.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || len(list) != 2 || list[1].Code != "EBMS:0101" {
		t.Errorf("attempts %+v %v", list, err)
	}
	_, err = from.Send(t.Context(), m, to.peer())
	if state := from.state(t, m.ID); state != store.FailedPermanent || !errors.As(err, &f) ||
		f.Code != fault.PeerRefused {
		t.Errorf("after a signed refusal: %s, %v", state, err)
	}
}

// The certificate that sealed a message runs out before the next attempt: the message is sealed anew by the one that
// took over, with the same signed digests, and the evidence of each attempt is its own (PKI-025, REL-021, D-25).
func TestREL021SealedAnewByOurRenewedKey(t *testing.T) {
	p, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	issue := func(l localca.Leaf) *certs.Identity {
		l.CN = "POP900001"
		id, err := p.AP.Issue(l, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	old := issue(localca.Leaf{NotBefore: time.Now().Add(-20 * time.Hour), Valid: 19 * time.Hour})
	renewed := issue(localca.Leaf{NotBefore: time.Now().Add(-6 * time.Hour)})
	from.Outbound.Keys = func() *certs.Keyring { return certs.NewKeyring(old, renewed) }
	from.Outbound.Now = func() time.Time { return time.Now().Add(-12 * time.Hour) }
	m, job := from.taken(t)
	nowhere := as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}
	if _, err := from.Attempt(t.Context(), m, job, nowhere); err == nil {
		t.Fatal("sent to nowhere")
	}
	first, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || first.Sealed.IsZero() {
		t.Fatal(first, err)
	}
	from.Outbound.Now = time.Now
	if _, err := from.Send(t.Context(), m, to.peer()); err != nil {
		t.Fatal(err)
	}
	second, err := from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || second.State != store.Sent || second.Sealed.Key == first.Sealed.Key ||
		!bytes.Equal(second.Digests, first.Digests) {
		t.Errorf("%s, sealed %s then %s, digests\n%s\n%s, %v", second.State, first.Sealed.Key, second.Sealed.Key,
			first.Digests, second.Digests, err)
	}
	if second.Endpoint != to.URL() {
		t.Errorf("the address of the message that was answered is %s", second.Endpoint)
	}
	pieces, err := from.Store.AllEvidence(t.Context(), db.DefaultTenant, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	signed := map[int]*certs.Identity{1: old, 2: renewed}
	soap := map[int][]byte{}
	for _, e := range pieces {
		switch e.Kind {
		case store.EvidenceOwnCert:
			if id := signed[e.Attempt]; id == nil || !bytes.Equal(e.Bytes, id.Cert.Raw) {
				t.Errorf("attempt %d: another certificate is kept than signed it", e.Attempt)
			}
			delete(signed, e.Attempt)
		case store.EvidenceRequestSOAP:
			soap[e.Attempt] = e.Bytes
		}
	}
	if len(signed) > 0 || len(soap) != 2 || bytes.Equal(soap[1], soap[2]) {
		t.Errorf("evidence is missing: certificates %v, %d SOAP parts", signed, len(soap))
	}
}

// PKI-031: a key of another environment is refused at the start, also when another one signs today.
func TestPKI031ForeignKeyInTheKeyring(t *testing.T) {
	p, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	foreign, err := p.SMP.Issue(localca.Leaf{CN: "POP900001", NotBefore: time.Now().Add(-48 * time.Hour)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := localca.EncodeKey(foreign.Key)
	if err != nil {
		t.Fatal(err)
	}
	file := n.Dir + "/foreign.pem"
	if err := os.WriteFile(file, append(localca.EncodeCerts(foreign.Cert), key...), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := *n.Node.Config
	cfg.Keys = append(cfg.Keys[:len(cfg.Keys):len(cfg.Keys)], cfg.Keys[0])
	cfg.Keys[1].Cert, cfg.Keys[1].Key = file, file
	_, err = Open(context.Background(), &cfg, Options{})
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.KeyUntrusted ||
		!strings.Contains(err.Error(), certs.Fingerprint(foreign.Cert)) {
		t.Errorf("got %v", err)
	}
}

// REL-003: a sealed body that was lost or damaged is made again, with the same signed digests; a payload that was is
// not sent, and the message waits for an operator.
func TestREL003OutgoingPayloads(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	noise := make([]byte, 200_000) // a body that the record does not keep itself
	for i := range noise {
		noise[i] = "0123456789abcdef"[rand.IntN(16)]
	}
	large := bytes.Replace(golden.Invoice(t), []byte("<cbc:ID>DEMO-1"),
		fmt.Appendf(nil, "<!-- %s --><cbc:ID>DEMO-1", noise), 1)
	nowhere := as4.Peer{URL: "http://127.0.0.1:1/as4", Cert: to.peer().Cert}
	damage := func(key string, do func(string) error) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(from.Config.Path(from.Config.Data), "blobs", "??", key))
		if err != nil || len(files) != 1 {
			t.Fatal(key, files, err)
		}
		if err := do(files[0]); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(file string) error { return os.Truncate(file, 100_000) }
	for _, tc := range []struct {
		name string
		key  func(store.Message) string
		do   func(string) error
	}{
		{"body removed", func(m store.Message) string { return m.Sealed.Key }, os.Remove},
		{"body cut", func(m store.Message) string { return m.Sealed.Key }, cut},
		{"payload cut, body whole", func(m store.Message) string { return m.Payload.Key }, cut},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(large)}
			m, job, err := from.Submit(t.Context(), s)
			if err == nil {
				_, err = from.Attempt(t.Context(), m, job, nowhere)
			}
			if err == nil {
				t.Fatal("sent to nowhere")
			}
			m, err = from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			damage(tc.key(m), tc.do)
			_, err = from.Send(t.Context(), m, to.peer())
			after, gerr := from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
			if err != nil || gerr != nil || after.State != store.Sent || !bytes.Equal(after.Digests, m.Digests) {
				t.Errorf("%s, %v %v", after.State, err, gerr)
			}
		})
	}
	for name, tc := range map[string]struct {
		do   func(string) error
		code fault.Code
	}{"payload removed": {os.Remove, fault.PayloadMissing}, "payload cut": {cut, fault.PayloadDamaged}} {
		t.Run(name, func(t *testing.T) {
			m, job, err := from.Submit(t.Context(),
				ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(large)})
			if err != nil {
				t.Fatal(err)
			}
			damage(m.Payload.Key, tc.do)
			_, err = from.Attempt(t.Context(), m, job, to.peer())
			var f *fault.Error
			if state := from.state(t, m.ID); state != store.Quarantined || !errors.As(err, &f) || f.Code != tc.code {
				t.Errorf("%s, %v", state, err)
			}
			if got := attempts(t, from, m.ID); got != "" {
				t.Errorf("an attempt was made: %s", got)
			}
		})
	}
}

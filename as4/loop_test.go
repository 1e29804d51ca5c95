package as4

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// memory is a Handler that keeps everything in memory.
type memory struct {
	mu       sync.Mutex
	accepted map[DuplicateKey]*Inbound
	bodies   map[DuplicateKey][]byte
	places   int // places that are open
	refuse   error
	repeats  []*Inbound // with a rebuilt header
}

type memoryPlace struct {
	bytes.Buffer
	m *memory
}

func (p *memoryPlace) Abort() {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.places--
}

func (m *memory) Known(_ context.Context, key DuplicateKey) (*Prior, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.accepted[key]
	if in == nil {
		return nil, nil
	}
	return &Prior{ID: "first", Digests: in.Digests, Answer: in.Answer}, nil
}

func (m *memory) Repeat(_ context.Context, in *Inbound, prior *Prior) (*Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.repeats = append(m.repeats, in)
	return &in.Answer, nil
}

func (m *memory) Place(context.Context, string) (Place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.places++
	return &memoryPlace{m: m}, nil
}

func (m *memory) Accept(_ context.Context, in *Inbound) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return m.refuse
	}
	key := DuplicateKey{in.C2, in.Message.ID}
	m.accepted[key] = in
	m.bodies[key] = in.Place.(*memoryPlace).Bytes()
	m.places--
	return nil
}

// pair is a sender and a receiver with a socket between them.
type pair struct {
	*Sender
	rx     *Receiver
	mem    *memory
	pki    *localca.PKI
	own    *certs.Identity // of the sender
	peer   Peer
	server *httptest.Server
	done   chan *Exchange
}

const (
	testDocType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:" +
		"en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	testProcess = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
)

func newPair(t testing.TB) *pair {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	a, err := p.AP.Issue(localca.Leaf{CN: "POP900001"}, now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.AP.Issue(localca.Leaf{CN: "POP900002"}, now)
	if err != nil {
		t.Fatal(err)
	}
	trust := certs.NewVerifier(p.Anchors(), certs.Unchecked{})
	mem := &memory{accepted: map[DuplicateKey]*Inbound{}, bodies: map[DuplicateKey][]byte{}}
	ring := certs.NewKeyring(b)
	done := make(chan *Exchange, 100)
	rx := &Receiver{
		Keys: func() *certs.Keyring { return ring }, Trust: trust, Handler: mem, Seat: "POP900002", Host: "b.example",
		Path:  "/as4",
		Spool: t.TempDir(), Done: func(x *Exchange) { done <- x }, Sleep: func(context.Context, time.Duration) {},
	}
	srv := httptest.NewServer(rx)
	t.Cleanup(srv.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &pair{
		Sender: &Sender{Trust: trust, HTTP: client, Host: "a.example", Spool: t.TempDir(), Agent: "test"},
		rx:     rx, mem: mem, pki: p, own: a, peer: Peer{URL: srv.URL + "/as4", Cert: b.Cert}, server: srv, done: done,
	}
}

func testHeader(t testing.TB) *sbdh.Header {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &sbdh.Header{CountryC1: "NO", InstanceID: uuid.NewString(), Created: time.Now().UTC().Format(time.RFC3339)}
	var err error
	h.Sender, err = peppol.ParseParticipant("0192:991825827")
	must(err)
	h.Receiver, err = peppol.ParseParticipant("0192:810418052")
	must(err)
	h.DocType, err = peppol.ParseDocType(testDocType)
	must(err)
	h.Process, err = peppol.ParseProcess(testProcess)
	must(err)
	return h
}

func testSBD(t testing.TB, h *sbdh.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	body := `<?xml version="1.0"?>` + "\n" +
		`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID>1</ID></Invoice>`
	if err := sbdh.Wrap(&b, h, strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seal makes a request for a fresh message.
func (p *pair) seal(t testing.TB, out Outgoing) (Request, []byte) {
	t.Helper()
	if out.Ref == "" {
		out.Ref, out.Timestamp, out.ConversationID = uuid.NewString(), time.Now(), "c@a.example"
	}
	var body bytes.Buffer
	sealed, err := p.Seal(p.own, p.peer, out, &body)
	if err != nil {
		t.Fatal(err)
	}
	return Request{
			Peer: p.peer, MessageID: out.ID, ContentType: sealed.ContentType,
			Body: bytes.NewReader(body.Bytes()), Length: int64(body.Len()), Digests: sealed.Digests, Attempt: 1,
		},
		body.Bytes()
}

func (p *pair) exchange(t testing.TB) *Exchange {
	t.Helper()
	select {
	case x := <-p.done:
		return x
	case <-time.After(10 * time.Second):
		t.Fatal("no exchange was reported")
		return nil
	}
}

func TestSendAndReceive(t *testing.T) {
	p := newPair(t)
	h := testHeader(t)
	sbd := testSBD(t, h)
	req, body := p.seal(t, Outgoing{ID: p.NewMessageID(), Header: h, SBD: bytes.NewReader(sbd)})
	ev, err := p.Post(t.Context(), req)
	x := p.exchange(t)
	if err != nil {
		t.Fatalf("%v; receiver: %v at %s", err, x.Err, x.Step)
	}
	key := DuplicateKey{"POP900001", req.MessageID}
	if !bytes.Equal(p.mem.bodies[key], sbd) {
		t.Error("the payload differs")
	}
	if !bytes.Equal(p.mem.accepted[key].Answer.Body, ev.Body) {
		t.Error("the receipt differs from the stored one")
	}
	if seat, _ := certs.Seat(ev.Signer); seat != "POP900002" {
		t.Errorf("the receipt is signed by %s", seat)
	}

	t.Run("AS4-129 a repeat gets the identical receipt", func(t *testing.T) {
		req.Body = bytes.NewReader(body)
		again, err := p.Post(t.Context(), req)
		if err != nil || !bytes.Equal(again.Body, ev.Body) {
			t.Errorf("another answer, %v", err)
		}
		if x := p.exchange(t); !x.Duplicate || x.Step != StepAnswer {
			t.Errorf("%+v", x)
		}
	})
	t.Run("AS4-131 another content under the same id is refused", func(t *testing.T) {
		other := bytes.Replace(sbd, []byte("<ID>1<"), []byte("<ID>2<"), 1)
		req2, _ := p.seal(t, Outgoing{ID: req.MessageID, Header: h, SBD: bytes.NewReader(other)})
		_, err := p.Post(t.Context(), req2)
		wantCode(t, err, ebms.CodeValueInconsistent)
		p.exchange(t)
	})
	if p.mem.places != 0 {
		t.Errorf("%d places left open", p.mem.places)
	}
}

func wantCode(t *testing.T, err error, code ebms.Code) {
	t.Helper()
	se, ok := err.(*SendError)
	if !ok || se.Signal == nil || se.Signal.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

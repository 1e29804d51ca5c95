// Package storetest holds the contract of a store as tests. Each database runs the whole of it:
//
//	storetest.Run(t, func(t *testing.T) storetest.Database { … })
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// Database is an empty database of one test. Each call of it makes another engine for the same database, as a second
// process would.
type Database func() (db.Engine, error)

// Run runs the suite. create makes a new empty database that lives as long as t.
func Run(t *testing.T, create func(t *testing.T) Database) {
	for _, tc := range migrateTests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, create(t))
		})
	}
	for _, group := range [][]test{
		schemaTests, acceptTests, sendTests, outboxTests, laneTests, recordTests, searchTests, conserveTests,
		countTests, writerTests, queueTests,
	} {
		for _, tc := range group {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				tc.run(newBench(t, create(t)))
			})
		}
	}
}

// test is one clause of the contract; requirement ids stand first in its name.
type test struct {
	name string
	run  func(*bench)
}

// bench is what a test works with: a database, a store in it, and a clock that only the test moves.
type bench struct {
	*testing.T
	*store.Store
	db    Database
	ctx   context.Context
	clock *clock
}

func newBench(t *testing.T, create Database) *bench {
	b := &bench{T: t, db: create, ctx: t.Context(), clock: &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}}
	b.Store = b.open(db.Options{Now: b.clock.Now})
	return b
}

// open opens the test's database once more.
func (b *bench) open(opts db.Options) *store.Store {
	b.Helper()
	s, err := b.tryOpen(opts)
	b.must(err)
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func (b *bench) tryOpen(opts db.Options) (*store.Store, error) {
	eng, err := b.db()
	if err != nil {
		return nil, err
	}
	return store.Open(db.New(b.ctx, eng, opts))
}

// must ends the test at an error.
func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// want ends the test unless got is want.
func want[T comparable](b *bench, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(text string) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const tenant = db.DefaultTenant

// inbound makes message n as a peer might have sent it.
func inbound(n int) store.Acceptance {
	return store.Acceptance{
		Message: store.Message{
			Domain: "eProcurement", MessageID: fmt.Sprintf("msg-%d@sender.example", n), ConversationID: "conv-1",
			Timestamp: time.Date(2026, 9, 1, 11, 59, 58, 123456000, time.UTC),
			C2:        "PNO000111", C3: "PNO000222", Sender: "0192:991825827", Receiver: "0192:Receiver-1",
			DocTypeScheme: peppol.SchemeBusdox, DocType: "urn:x::Invoice##urn:y::2.1",
			ProcessScheme: peppol.SchemeProcess, Process: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
			Transport: peppol.TransportAS4, InstanceID: fmt.Sprintf("instance-%d", n),
			CreationTime: "2026-09-01T13:59:57+02:00", CountryC1: "NO", MLSTo: "0242:000111", MLSType: "ALWAYS_SEND",
			Payload:     store.BlobRef{Key: fmt.Sprintf("key-%d", n), Length: 1234, SHA256: [32]byte{1, 2, byte(n)}},
			PayloadMime: "application/xml", PeerCert: []byte("their certificate"), Digests: []byte("cid:1=abc"),
		},
		Evidence: []store.Evidence{
			{
				Kind: store.EvidenceReceipt, ContentType: "application/soap+xml",
				Bytes: fmt.Appendf(nil, "<Receipt %d/>", n),
			},
			{Kind: store.EvidenceRequestSOAP, ContentType: "application/soap+xml", Bytes: []byte("<Envelope/>")},
			{Kind: store.EvidencePeerCert, Bytes: []byte("their certificate")},
			{Kind: store.EvidenceOwnCert, Bytes: []byte("our certificate")},
		},
		Events: []store.Event{{Kind: "verified", To: store.Verified}},
		Count:  true,
	}
}

// outbound makes submission n.
func outbound(n int) store.Submission {
	return store.Submission{Message: store.Message{
		MessageID: fmt.Sprintf("out-%d@us.example", n), ConversationID: "conv-2", C2: "PNO000222",
		Sender: "0192:Receiver-1", Receiver: "0192:991825827", DocTypeScheme: peppol.SchemeBusdox,
		DocType:       "urn:x::Invoice##urn:y::2.1",
		ProcessScheme: peppol.SchemeProcess, Process: "urn:p", InstanceID: fmt.Sprintf("out-instance-%d", n),
		CountryC1: "NO",
		Payload:   store.BlobRef{Key: "k", Length: 1},
	}}
}

// accepted stores message n.
func (b *bench) accepted(n int) store.Message {
	b.Helper()
	m, err := b.Accept(b.ctx, tenant, inbound(n))
	b.must(err)
	return m
}

// submitted stores submission n.
func (b *bench) submitted(n int) store.Message {
	b.Helper()
	m, _, err := b.Submit(b.ctx, tenant, outbound(n))
	b.must(err)
	return m
}

// claimed claims the one due job of a kind.
func (b *bench) claimed(k store.Kind) store.Job {
	b.Helper()
	jobs := b.claim(k, 10)
	want(b, "claimed jobs", len(jobs), 1)
	return jobs[0]
}

const lease = time.Minute

func (b *bench) claim(k store.Kind, limit int) []store.Job {
	b.Helper()
	jobs, err := b.Claim(b.ctx, store.Claim{Kind: k, Owner: "worker-1", Lease: lease, Limit: limit})
	b.must(err)
	return jobs
}

// state reads the state of a message.
func (b *bench) state(id string) store.State {
	b.Helper()
	m, err := b.Get(b.ctx, tenant, id)
	b.must(err)
	return m.State
}

// move brings a message into another state.
func (b *bench) move(m *store.Message, to store.State) {
	b.Helper()
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error { return tx.Move(m, to, store.Event{Kind: "test"}) }))
}

// timeline reads the kinds of a message's events.
func (b *bench) timeline(id string) []string {
	b.Helper()
	events, err := b.Timeline(b.ctx, tenant, id)
	b.must(err)
	var kinds []string
	for i, e := range events {
		want(b, "event number", e.Seq, int64(i+1))
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

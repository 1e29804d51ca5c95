package node

import (
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/bench"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// BenchmarkPath sends an invoice from one node to another in the same process, eight at a time: the whole path with
// durable commits. ravn bench measures the same with two processes.
func BenchmarkPath(b *testing.B) {
	_, dir := testPKI(b)
	from, to := newNode(b, dir, "POP900001"), newNode(b, dir, "POP900002")
	to.serve(b, c4, billing, process)
	id := to.Keys.Identities()[0]
	peer := as4.Peer{URL: to.URL(), Cert: id.Cert}
	s := ap.Submission{Open: ap.Bytes(golden.Invoice(b))}
	var err error
	if s.From, err = peppol.ParseParticipant(c1); err != nil {
		b.Fatal(err)
	}
	if s.To, err = peppol.ParseParticipant(c4); err != nil {
		b.Fatal(err)
	}
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range work {
				m, job, err := from.Submit(b.Context(), s)
				if err == nil {
					_, err = from.Attempt(b.Context(), m, job, peer)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	before := bench.SelfCPU()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric((bench.SelfCPU()-before)/float64(b.N), "cpu-ms/op")
}

// BenchmarkQueue hands invoices in and lets the queue of the node send them to another in the same process.
func BenchmarkQueue(b *testing.B) {
	_, dir := testPKI(b)
	from, to := newNode(b, dir, "POP900001"), newNode(b, dir, "POP900002")
	to.serve(b, c4, billing, process)
	from.Outbound.Directory = atlas{c4: to.peer()}
	s := ap.Submission{Open: ap.Bytes(golden.Invoice(b))}
	var err error
	if s.From, err = peppol.ParseParticipant(c1); err != nil {
		b.Fatal(err)
	}
	if s.To, err = peppol.ParseParticipant(c4); err != nil {
		b.Fatal(err)
	}
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range work {
				if _, _, err := from.Outbound.Submit(b.Context(), s); err != nil {
					b.Error(err)
				}
			}
		})
	}
	before := bench.SelfCPU()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	for {
		open, err := from.Store.Jobs(b.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Send, Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		if len(open) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportMetric((bench.SelfCPU()-before)/float64(b.N), "cpu-ms/op")
}

package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// BenchmarkAccept measures the record of one received message with evidence of real size: "record" without its payload,
// "payload" with a blob of 20 kB on the same disk. All fsyncs are real.
func BenchmarkAccept(b *testing.B) {
	for _, payload := range []bool{false, true} {
		name := map[bool]string{false: "record", true: "payload"}[payload]
		for _, parallel := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, parallel),
				func(b *testing.B) { benchmarkAccept(b, payload, parallel) })
		}
	}
}

func benchmarkAccept(b *testing.B, payload bool, parallel int) {
	dir := b.TempDir()
	s, err := store.Open(sqlite.Open(b.Context(), filepath.Join(dir, "bench.db"), db.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	blobs, err := blob.OpenDir(dir, blob.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	work := func() {
		a := received(n.Add(1))
		if payload {
			if a.Message.Payload, err = put(blobs, store.BlobKey(a.Message.ID, "payload")); err != nil {
				b.Error(err)
			}
		}
		if _, err := s.Accept(context.Background(), db.DefaultTenant, a); err != nil {
			b.Error(err)
		}
	}
	before, cpu := s.Stats(), cpuTime()
	b.ResetTimer()
	if parallel == 1 {
		for b.Loop() {
			work()
		}
	} else {
		b.SetParallelism(parallel / 2)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				work()
			}
		})
	}
	b.StopTimer()
	b.ReportMetric(float64(s.Stats().Commits-before.Commits)/float64(b.N), "commits/op")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
}

func put(d *blob.Dir, key string) (store.BlobRef, error) {
	w, err := d.Create(context.Background(), key)
	if err != nil {
		return store.BlobRef{}, err
	}
	if _, err := w.Write(document); err != nil {
		return store.BlobRef{}, err
	}
	return w.Commit()
}

var (
	document = bytes.Repeat([]byte("<Invoice/>"), 2000)
	soap     = bytes.Repeat([]byte("<soap/>.."), 1000)
	cert     = bytes.Repeat([]byte("x"), 1500)
)

// received is a message of a made-up peer with the sizes of a real one.
func received(n int64) store.Acceptance {
	return store.Acceptance{
		Message: store.Message{
			ID: db.NewID(), Domain: "eProcurement",
			MessageID:      fmt.Sprintf("%08x-5b1c-4f0b-9a55-0c8c0f6a9d11@ap.example", uint32(n)*2654435761),
			ConversationID: "conv", Timestamp: time.Now(), C2: "PNO000111", C3: "PNO000222", Sender: "0192:991825827",
			Receiver:      "0192:810418052",
			DocTypeScheme: "busdox-docid-qns", DocType: "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::" +
				"Invoice##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1",
			ProcessScheme: "cenbii-procid-ubl", Process: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
			Transport:  "peppol-transport-as4-v2_0",
			InstanceID: fmt.Sprintf("%08x-7d1e-4f0b-9a55-0c8c0f6a9d11", uint32(n)*2246822519), CountryC1: "NO",
			PayloadMime: "application/xml",
			Digests: []byte("#body=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n" +
				"cid:p1=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"),
		},
		Evidence: []store.Evidence{
			{Kind: store.EvidenceReceipt, ContentType: "application/soap+xml", Bytes: soap[:7000]},
			{Kind: store.EvidenceRequestSOAP, ContentType: "application/soap+xml", Bytes: soap},
			{Kind: store.EvidencePeerCert, Bytes: cert},
			{Kind: store.EvidenceOwnCert, Bytes: cert},
		},
		Events: []store.Event{
			{Kind: "received", To: store.Spooling},
			{Kind: "verified", From: store.Spooling, To: store.Verified},
		},
		Count: true,
	}
}

// cpuTime is the processor time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

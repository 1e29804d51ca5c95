package reporting

import (
	"bytes"
	"io"
	"runtime"
	"strconv"
	"testing"

	"github.com/ravn-ap/ravn/peppol"
)

// traffic is a file of the CSV form that is made as it is read: n rows of a provider with 200 others, five document
// types, and as many end users as it is told.
type traffic struct {
	n, users int
	done     int
	header   bool
	quotes   bool
	left     []byte
	block    [64 << 10]byte
	peak     uint64 // heap in use, sampled
	collect  bool   // samples without what is not used any more
	reads    int
}

func (g *traffic) Read(p []byte) (int, error) {
	if len(g.left) == 0 {
		b := g.block[:0]
		if !g.header {
			b, g.header = append(b, header+"\n"...), true
		}
		for g.done < g.n && len(b) < len(g.block)-1024 {
			b = g.row(b, g.done)
			g.done++
		}
		if len(b) == 0 {
			return 0, io.EOF
		}
		g.left = b
		g.sample()
	}
	n := copy(p, g.left)
	g.left = g.left[n:]
	return n, nil
}

// sample looks at the heap now and then.
func (g *traffic) sample() {
	if g.reads++; g.reads%64 == 0 {
		if g.collect {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.peak = max(g.peak, m.HeapAlloc)
	}
}

var benchTypes = [...]Identifier{inv, cn, ord, rem, inv}

// row appends row i. Numbers are spread by a multiplication, so that neighbours differ.
func (g *traffic) row(b []byte, i int) []byte {
	h := uint64(i) * 0x9E3779B97F4A7C15
	doc := benchTypes[h>>60%5]
	incoming := h>>59&1 == 1
	field := func(s string) {
		if g.quotes {
			b = append(append(append(b, '"'), s...), '"', ',')
		} else {
			b = append(append(b, s...), ',')
		}
	}
	other := "PNO0" + strconv.Itoa(10000+int(h>>40%200))
	b = append(b, "2026-10-"...)
	b = append(b, '0'+byte(h>>30%3), '1'+byte(h>>33%8), 'T', '1', '0'+byte(h>>36%10))
	b = append(b, ":15:30.123Z,"...)
	c2, c3, c1, c4 := string(own), other, "NO", ""
	if incoming {
		c2, c3, c1, c4 = other, string(own), "SE", "NO"
		field("incoming")
	} else {
		field("outgoing")
	}
	for _, s := range [...]string{
		c2, c3, doc.Scheme, doc.Value, processes[doc].Scheme, processes[doc].Value,
		peppol.TransportAS4, c1, c4,
	} {
		field(s)
	}
	field("0192:" + strconv.FormatUint(900000000+h>>8%uint64(g.users), 10))
	b = append(b, "b7d4e2a0-5c1f-4e6b-9f3a-"...)
	b = strconv.AppendUint(b, 100000000000+uint64(i), 10)
	return append(b, "@ap.example.com\n"...)
}

func BenchmarkCSV(b *testing.B) {
	for _, bc := range []struct {
		name     string
		n, users int
		quotes   bool
	}{
		{"1M rows, 20k users", 1_000_000, 20_000, false},
		{"1M rows, quoted", 1_000_000, 20_000, true},
		{"1M rows, 1M users", 1_000_000, 1 << 40, false},
		{"10M rows, 20k users", 10_000_000, 20_000, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var made bytes.Buffer
			if bc.n <= 1_000_000 { // a longer file is made as it is read, which costs time of its own
				_, _ = io.Copy(&made, &traffic{n: bc.n, users: bc.users, quotes: bc.quotes})
			}
			b.ReportAllocs()
			b.ResetTimer()
			peak := uint64(0)
			for range b.N {
				var src io.Reader = bytes.NewReader(made.Bytes())
				g := &traffic{n: bc.n, users: bc.users, quotes: bc.quotes}
				if bc.n > 1_000_000 {
					src = g
				}
				rep, sum, err := CSV{Header: october, Temp: b.TempDir()}.Build(b.Context(), src)
				if err != nil || sum.Counted != int64(bc.n) ||
					rep.TSR.Total.Incoming+rep.TSR.Total.Outgoing != uint64(bc.n) {
					b.Fatal(err, sum)
				}
				peak = max(peak, g.peak)
			}
			b.ReportMetric(float64(bc.n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			if peak > 0 {
				b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
			}
		})
	}
}

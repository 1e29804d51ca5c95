package validation

import (
	"bytes"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/pack"
)

const (
	baseExample = "rules/peppol-billing/examples/base-example.xml"
	catalogue   = "rules/ehf/postaward-g3/usecase/catalogue-3.0/usecase4.xml"
)

// measuring skips a test that measures unless make bench-validation runs it.
func measuring(t *testing.T) {
	t.Helper()
	if os.Getenv("RAVN_BENCH_VALIDATION") == "" {
		t.Skip("a measurement: make bench-validation runs it")
	}
}

func sharedPacks(t testing.TB) []pack.Pack {
	t.Helper()
	packs, err := pack.Load(golden.Shared(t, "rules"))
	if err != nil {
		t.Fatal(err)
	}
	return packs
}

// heap returns the bytes that are in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

// checked validates a document, which must be valid.
func checked(t testing.TB, v *Validator, doc []byte) {
	t.Helper()
	rep, err := v.Validate(t.Context(), Request{Body: doc, On: time.Now()})
	if err != nil || rep.Verdict != Valid {
		t.Fatal(rep, err)
	}
}

// loadAll loads and compiles everything in a pack, to keep it.
func loadAll(t testing.TB, v *Validator, p *pack.Pack) {
	t.Helper()
	all := append(slices.Clone(p.Documents), pack.Document{Rules: p.Envelope})
	for _, files := range p.Configurations {
		all = append(all, pack.Document{Rules: files})
	}
	for i := range all {
		if _, _, err := v.load(p, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBenchPacks measures what rule packs cost: to load all of them, to keep them, and at the first use of one.
func TestBenchPacks(t *testing.T) {
	measuring(t)
	packs, doc := sharedPacks(t), golden.Read(t, baseExample)
	before := heap()
	start := time.Now()
	v := New(packs)
	for i := range packs {
		loadAll(t, v, &packs[i])
	}
	all := time.Since(start)
	t.Logf("all packs: loaded and compiled in %d ms, %.0f MiB resident", all.Milliseconds(), mib(heap()-before))
	runtime.KeepAlive(v)

	start = time.Now()
	v = New(packs)
	checked(t, v, doc)
	t.Logf("first use of one pack: %d ms", time.Since(start).Milliseconds())
	allocs := testing.AllocsPerRun(100, func() { checked(t, v, doc) })
	t.Logf("a warm validation of the base example, schema and report included: %.0f allocations", allocs)
}

// TestBenchThreads compares what a second thread brings to validation with what it brings to mere computing.
func TestBenchThreads(t *testing.T) {
	measuring(t)
	v, doc := New(sharedPacks(t)), golden.Read(t, baseExample)
	checked(t, v, doc)
	block := make([]byte, 1<<16)
	rate := func(threads int, work func()) float64 {
		var wg sync.WaitGroup
		var n [2]int
		end := time.Now().Add(2 * time.Second)
		for i := range threads {
			wg.Go(func() {
				for time.Now().Before(end) {
					work()
					n[i]++
				}
			})
		}
		wg.Wait()
		return float64(n[0] + n[1])
	}
	var pure, ours float64
	const rounds = 3 // alternating, as the machine changes its pace
	for range rounds {
		sum := func() { sha256.Sum256(block) }
		check := func() { checked(t, v, doc) }
		pure += rate(2, sum) / rate(1, sum) / rounds
		ours += rate(2, check) / rate(1, check) / rounds
	}
	t.Logf("two threads: mere computing %.2f times as much, validation %.2f times: %.2f of it", pure, ours, ours/pure)
}

// TestBenchCatalogue measures the memory for a catalogue of 100 MB, in a process of its own.
func TestBenchCatalogue(t *testing.T) {
	measuring(t)
	if file := os.Getenv("RAVN_BENCH_DOCUMENT"); file != "" {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checked(t, New(sharedPacks(t)), doc)
		return
	}
	doc := golden.Read(t, catalogue)
	const start, end = "<cac:CatalogueLine>", "</cac:CatalogueLine>"
	i, j := bytes.Index(doc, []byte(start)), bytes.Index(doc, []byte(end))
	if i < 0 || j < 0 {
		t.Fatal("the catalogue has no line")
	}
	line := string(doc[i : j+len(end)])
	file := filepath.Join(t.TempDir(), "catalogue.xml")
	large := string(doc[:i]) + strings.Repeat(line, 100_000_000/len(line)) + string(doc[j+len(end):])
	if err := os.WriteFile(file, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestBenchCatalogue$")
	cmd.Env = append(os.Environ(), "RAVN_BENCH_DOCUMENT="+file)
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	t.Logf("a catalogue of %d MB: %.1f s, %.0f MiB at most", len(large)/1_000_000, time.Since(begin).Seconds(),
		mib(uint64(peak)))
}

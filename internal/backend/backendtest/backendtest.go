// Package backendtest is the suite that every backend passes (OPS-004, REL-010, REL-012, REL-013): the outcome of each
// case, what C4 sees meanwhile and afterwards, and what a crash at any step leaves.
package backendtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/backend"
)

// C4 is an empty place for documents, as the test of a backend knows it.
type C4 interface {
	// Backend returns a backend that delivers to this place: each call another worker's.
	Backend() backend.Backend
	// Dying returns a worker whose process dies at its n-th step, counted from 1, of those that leave something behind:
	// from then on each step fails. died says whether it came to that.
	Dying(n int) (b backend.Backend, died func() bool)
	// Got reads back each document that C4 sees, whole or not, by its delivery id. What C4 is not to look at, such as
	// a file with a temporary name, is none.
	Got(t testing.TB) map[string]Got
}

// Got is a document as C4 has it.
type Got struct {
	Length int64
	SHA256 string
}

// Read describes what r yields.
func Read(t testing.TB, r io.Reader) Got {
	t.Helper()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		t.Fatal(err)
	}
	return Got{n, hex.EncodeToString(sum.Sum(nil))}
}

// Run runs the suite. Each call of open makes another place.
func Run(t *testing.T, open func(t testing.TB) C4) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, c C4)
	}{
		{"OPS-004 taken, then already, then a conflict", classes},
		{"OPS-004 two documents", twoDocuments},
		{"REL-012 two workers, one delivery", twoWorkers},
		{"REL-012 two workers, two documents, one id", twoContents},
		{"REL-003 a payload that is not what its metadata say", damaged},
		{"REL-013 cancelled at any byte", cancelled},
		{"OPS-004 2 GiB in little memory", large},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, open(t)) })
	}
	t.Run("REL-012 crash at each step", func(t *testing.T) { crash(t, open) })
}

// id is that of a delivery, in the form of the ids of messages.
func id(n int) string { return "019b2f6e-0000-7000-8000-" + strconv.Itoa(100_000_000_000+n) }

var whole = strings.Repeat("content ", 100_000)

// Of describes a payload as the record does.
func Of(id, content string) backend.Metadata {
	sum := sha256.Sum256([]byte(content))
	return describe(id, int64(len(content)), hex.EncodeToString(sum[:]))
}

func describe(id string, length int64, sum string) backend.Metadata {
	return backend.Metadata{
		DeliveryID: id, MessageID: id + "@ap.example.org", InstanceID: "instance of " + id,
		Sender: "iso6523-actorid-upis::0192:991825827", Receiver: "iso6523-actorid-upis::0192:810418052",
		DocType: "busdox-docid-qns::urn:example::Invoice##urn:example:1::2.1",
		Process: "cenbii-procid-ubl::urn:example:process", C2: "POP000001", C3: "POP000002",
		Accepted: time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC), Length: length, SHA256: sum,
		Payload: backend.PayloadName, Tenant: "default", Attempt: 1, Domain: "eProcurement",
	}
}

// delivery is one whose receipt is its own.
func delivery(id string, payload io.Reader, m backend.Metadata) backend.Delivery {
	return backend.Delivery{
		ID: id, Payload: payload, Metadata: m,
		Receipt: func(context.Context) ([]byte, error) { return []byte("receipt of " + id), nil },
	}
}

func deliver(ctx context.Context, b backend.Backend, id, content string) backend.Outcome {
	return b.Deliver(ctx, delivery(id, strings.NewReader(content), Of(id, content)))
}

// want fails unless an outcome has the class, and an error only if C4 does not have the document.
func want(t testing.TB, o backend.Outcome, class backend.Class) {
	t.Helper()
	if o.Class != class || (o.Err == nil) != o.Delivered() {
		t.Errorf("outcome %q, %v, want %q", o.Class, o.Err, class)
	}
}

// wantGot fails unless C4 has exactly these documents, by id.
func wantGot(t testing.TB, c C4, docs map[string]string) {
	t.Helper()
	got := c.Got(t)
	for id, content := range docs {
		if g, w := got[id], Read(t, strings.NewReader(content)); g != w {
			t.Errorf("of %s C4 has %+v, want %+v", id, g, w)
		}
	}
	if len(got) != len(docs) {
		t.Errorf("C4 has %d documents, want %d: %v", len(got), len(docs), got)
	}
}

func classes(t *testing.T, c C4) {
	want(t, deliver(t.Context(), c.Backend(), id(1), whole), backend.Taken)
	wantGot(t, c, map[string]string{id(1): whole})
	want(t, deliver(t.Context(), c.Backend(), id(1), whole), backend.Already)
	for _, other := range []string{"other", strings.ToUpper(whole), whole + "x", ""} {
		want(t, deliver(t.Context(), c.Backend(), id(1), other), backend.Conflict)
	}
	wantGot(t, c, map[string]string{id(1): whole})
}

// Documents that differ in nothing but their ids are two documents.
func twoDocuments(t *testing.T, c C4) {
	for n := range 3 {
		want(t, deliver(t.Context(), c.Backend(), id(n), whole), backend.Taken)
	}
	wantGot(t, c, map[string]string{id(0): whole, id(1): whole, id(2): whole})
}

// meet makes both readers wait, before they yield their last bytes, until the other one is there, too: none of two
// deliveries is over before both are under way.
func meet(contents [2]string) (readers [2]io.Reader) {
	var met [2]chan struct{}
	for i := range met {
		met[i] = make(chan struct{})
	}
	for i, content := range contents {
		half := len(content) / 2
		readers[i] = io.MultiReader(strings.NewReader(content[:half]), &gate{mine: met[i], other: met[1-i]},
			strings.NewReader(content[half:]))
	}
	return readers
}

type gate struct{ mine, other chan struct{} }

func (g *gate) Read([]byte) (int, error) {
	close(g.mine)
	select {
	case <-g.other:
	case <-time.After(10 * time.Second): // the other one was refused before it read so far
	}
	return 0, io.EOF
}

// A lease ends while its worker is still writing: another one has the delivery now. C4 sees one document.
func twoWorkers(t *testing.T, c C4) {
	outs := atOnce(t, c, [2]string{whole, whole})
	for i, o := range outs {
		if !o.Delivered() {
			t.Errorf("worker %d: %+v", i, o)
		}
	}
	if outs[0].Class == backend.Taken && outs[1].Class == backend.Taken {
		t.Error("both say that it was not there before")
	}
	wantGot(t, c, map[string]string{id(1): whole})
}

// Two documents must never have one id. If they do, one is there, and the other is a conflict.
func twoContents(t *testing.T, c C4) {
	contents := [2]string{whole, strings.ToUpper(whole)}
	outs := atOnce(t, c, contents)
	first := 0
	if outs[1].Class == backend.Taken {
		first = 1
	}
	want(t, outs[first], backend.Taken)
	want(t, outs[1-first], backend.Conflict)
	wantGot(t, c, map[string]string{id(1): contents[first]})
}

func atOnce(t *testing.T, c C4, contents [2]string) (outs [2]backend.Outcome) {
	readers := meet(contents)
	var done [2]chan backend.Outcome
	for i := range done {
		b := c.Backend()
		done[i] = make(chan backend.Outcome, 1)
		go func() {
			done[i] <- b.Deliver(t.Context(), delivery(id(1), readers[i], Of(id(1), contents[i])))
		}()
	}
	for i := range done {
		outs[i] = <-done[i]
	}
	return outs
}

// failing stops in the middle.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Length and digest are checked on the way: nothing of a payload that is not whole appears.
func damaged(t *testing.T, c C4) {
	broken := errors.New("damaged")
	for name, payload := range map[string]io.Reader{
		"read error":   io.MultiReader(strings.NewReader(whole[:5000]), failing{broken}),
		"too short":    strings.NewReader(whole[:5000]),
		"too long":     strings.NewReader(whole + "x"),
		"other bytes":  strings.NewReader(strings.ToUpper(whole)),
		"nothing":      strings.NewReader(""),
		"late failure": io.MultiReader(strings.NewReader(whole), failing{broken}),
	} {
		o := c.Backend().Deliver(t.Context(), delivery(id(1), payload, Of(id(1), whole)))
		if want(t, o, backend.Retry); strings.Contains(name, "fail") && !errors.Is(o.Err, broken) {
			t.Errorf("%s: %v", name, o.Err)
		}
		wantGot(t, c, nil)
	}
	want(t, deliver(t.Context(), c.Backend(), id(1), whole), backend.Taken)
	wantGot(t, c, map[string]string{id(1): whole})
}

// cancelAt ends a context when so many bytes were read.
type cancelAt struct {
	io.Reader
	left   int
	cancel func()
}

func (c *cancelAt) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p[:min(len(p), 1000)])
	if c.left -= n; c.left <= 0 {
		c.cancel()
	}
	return n, err
}

// The lease was lost or the server stops: nothing appears, and the next attempt delivers it.
func cancelled(t *testing.T, c C4) {
	for n, after := range []int{0, 1, 5000, len(whole) / 2, len(whole)} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &cancelAt{strings.NewReader(whole), after, cancel}
		if after == 0 {
			cancel()
		}
		o := c.Backend().Deliver(ctx, delivery(id(n), src, Of(id(n), whole)))
		cancel()
		if want(t, o, backend.Retry); !errors.Is(o.Err, context.Canceled) {
			t.Errorf("after %d bytes: %v", after, o.Err)
		}
		if src.left < -2000 {
			t.Errorf("after %d bytes the copy went on for %d", after, -src.left)
		}
		wantGot(t, c, nil)
	}
	want(t, deliver(t.Context(), c.Backend(), id(1), whole), backend.Taken)
}

// Whatever a dead process left, C4 sees the whole document or nothing of it, and the next attempt ends the delivery.
// What C4 saw is never taken away.
func crash(t *testing.T, open func(t testing.TB) C4) {
	for n := 1; ; n++ {
		c := open(t)
		b, died := c.Dying(n)
		o := deliver(t.Context(), b, id(1), whole)
		if !died() {
			if want(t, o, backend.Taken); n < 5 {
				t.Errorf("a delivery has %d steps", n-1)
			}
			return
		}
		seen := c.Got(t)
		if len(seen) > 0 || o.Delivered() {
			wantGot(t, c, map[string]string{id(1): whole})
		}
		after := deliver(t.Context(), c.Backend(), id(1), whole)
		if !after.Delivered() || len(seen) > 0 && after.Class != backend.Already {
			t.Errorf("dead at step %d, C4 saw %d: the next attempt is %q, %v", n, len(seen), after.Class, after.Err)
		}
		wantGot(t, c, map[string]string{id(1): whole})
		want(t, deliver(t.Context(), c.Backend(), id(1), "other"), backend.Conflict)
	}
}

// Memory that a delivery may take, whatever its size (OPS-004, T-OPS-1).
const (
	mostHeap  = 64 << 20
	largeSize = 2 << 30
	someSize  = 96 << 20 // beyond mostHeap
)

// large delivers a document of 96 MiB; with RAVN_LARGE set, of 2 GiB.
func large(t *testing.T, c C4) {
	if testing.Short() {
		t.Skip("a large document")
	}
	size := int64(someSize)
	if os.Getenv("RAVN_LARGE") != "" {
		size = largeSize
	}
	sum := Read(t, zeros(size))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	src := io.TeeReader(zeros(size), &watch{most: &most})
	for _, class := range []backend.Class{backend.Taken, backend.Already} {
		o := c.Backend().Deliver(t.Context(), delivery(id(1), src, describe(id(1), size, sum.SHA256)))
		want(t, o, class)
	}
	if got := c.Got(t)[id(1)]; got != sum {
		t.Errorf("C4 has %+v, want %+v", got, sum)
	}
	if grown := int64(most.Load()) - int64(before.HeapInuse); grown > mostHeap {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func zeros(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// watch notes the most of the heap that was in use, every 16 MiB.
type watch struct {
	since int64
	most  *atomic.Uint64
}

func (w *watch) Write(p []byte) (int, error) {
	if w.since += int64(len(p)); w.since >= 16<<20 {
		w.since = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most.Store(max(w.most.Load(), m.HeapInuse))
	}
	return len(p), nil
}

package validation

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Budget limits the check of one document. A field that is 0 means the default for a check that has the machine to
// itself, which is enough for an invoice of 60,000 lines.
type Budget struct {
	Bytes int64 // of memory: the document, its tree, and the values of expressions
	Steps int64 // of evaluating rules: a measure of work that does not depend on the machine
}

// Defaults of a Budget.
const (
	DefaultBytes = 1 << 30
	DefaultSteps = 4_000_000_000
)

func (b Budget) orDefault() Budget {
	if b.Bytes == 0 {
		b.Bytes = DefaultBytes
	}
	if b.Steps == 0 {
		b.Steps = DefaultSteps
	}
	return b
}

// Parts of what a document needs.
const (
	minValues    = 1 << 20 // least memory for the values of expressions; otherwise as many bytes as the document has
	stepsPerByte = 16      // per byte of Need: the rules of all known packs take at most two per byte of the document
)

// Need is what the check of a document needs. It is found by one pass over the document in constant memory, before
// anything is kept.
type Need struct {
	Document int64 // bytes of the document itself
	Bytes    int64 // of memory, at most
}

// LeastNeed is the least that a document of a given length needs, whatever it contains.
func LeastNeed(length int64) int64 { return length + max(minValues, length) }

// ReadNeed reads a document to find out what it needs. It stops as soon as that exceeds limit.
func ReadNeed(r io.Reader, limit int64) (Need, error) {
	size, err := xdm.ReadSize(r, limit)
	return needOf(size), err
}

func needOf(size xdm.Size) Need {
	return Need{size.Bytes, LeastNeed(size.Bytes) + size.Tree()}
}

// Room is the memory that all checks of a node share. Checks wait for their share in order of arrival, with nothing
// of their documents in memory.
type Room struct {
	Bytes int64 // for all checks at once

	mu    sync.Mutex
	taken int64
	queue []*waiting
}

// DefaultRoom is the default size of the Room of a node.
const DefaultRoom = 256 << 20

// waiting is a check that waits.
type waiting struct {
	need  int64
	ready chan struct{} // closed when it has its place
}

// TooLarge says that a document needs more than the whole Room.
type TooLarge struct{ Need, Room int64 }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("the document needs %d MiB of memory to be checked, all checks together may take %d MiB",
		e.Need>>20, e.Room>>20)
}

// Place is the share of a Room that a check has. Free returns it.
type Place struct {
	room *Room
	mine int64
}

// Take waits until there is enough memory. What could never fit is refused at once with a *TooLarge; other errors are
// those of ctx.
func (r *Room) Take(ctx context.Context, need Need) (*Place, error) {
	if need.Bytes > r.Bytes {
		return nil, &TooLarge{need.Bytes, r.Bytes}
	}
	w := &waiting{need.Bytes, make(chan struct{})}
	r.mu.Lock()
	r.queue = append(r.queue, w)
	r.admit()
	r.mu.Unlock()
	p := &Place{r, need.Bytes}
	select {
	case <-w.ready:
		return p, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	i := slices.Index(r.queue, w)
	if i >= 0 {
		r.queue = slices.Delete(r.queue, i, i+1)
		r.admit() // the next in line may fit
	}
	r.mu.Unlock()
	if i < 0 { // it got its place meanwhile
		p.Free()
	}
	return nil, ctx.Err()
}

// admit gives places to waiting checks, strictly in order, so that a large document is not overtaken for ever. The
// caller holds the lock.
func (r *Room) admit() {
	for len(r.queue) > 0 && r.taken+r.queue[0].need <= r.Bytes {
		r.taken += r.queue[0].need
		close(r.queue[0].ready)
		r.queue = slices.Delete(r.queue, 0, 1)
	}
}

// Budget is what a check with this place may use: its memory, and the same proportion of the work.
func (p *Place) Budget() Budget { return Budget{Bytes: p.mine, Steps: p.mine * stepsPerByte} }

// muchMemory is the size from which on Free runs the garbage collector: the next check may take the memory at once,
// and both documents would be there until the collector comes by itself.
const muchMemory = 16 << 20

// Free returns the place.
func (p *Place) Free() {
	if p.mine >= muchMemory {
		runtime.GC()
	}
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.room.taken -= p.mine
	p.mine = 0
	p.room.admit()
}

package xpath

import (
	"strings"
	"unsafe"
)

// Budget is what an evaluation may spend; 0 means the default. Steps do not depend on the machine, so that the same
// document gets the same verdict everywhere.
type Budget struct {
	Steps int64 // nodes touched, values made and compared, stretches of text read
	Bytes int64 // of the values in progress and of those that are kept
}

// Defaults of a Budget: far above what rules need for the largest documents, and too little to keep a processor busy
// for many minutes or to fill a machine.
const (
	DefaultSteps = 4_000_000_000
	DefaultBytes = 384 << 20
)

func (b Budget) orDefault() Budget {
	if b.Steps == 0 {
		b.Steps = DefaultSteps
	}
	if b.Bytes == 0 {
		b.Bytes = DefaultBytes
	}
	return b
}

const (
	itemBytes  = int64(unsafe.Sizeof(Item{}))
	entryBytes = 64 // of an entry in a map, its string not counted
	textStep   = 6  // as a shift: 64 bytes of text are one step
)

// spend takes n steps off the budget. It asks the context only when a multiple of 2^14 steps is passed: asking at
// each step would cost more than the step.
func (f *Evaluation) spend(n int) {
	before := f.left
	f.left -= int64(n)
	if f.left < 0 {
		fail(codeBudget, "the evaluation takes too many steps")
	}
	if before>>14 != f.left>>14 && f.ctx.Err() != nil {
		fail(codeCancelled, "the evaluation was cancelled")
	}
}

// read charges for reading a text, and returns it.
func (f *Evaluation) read(s string) string {
	if n := len(s) >> textStep; n > 0 {
		f.spend(n)
	}
	return s
}

// made charges for a text that was made, and returns it. Its memory counts until the running entry ends, because nobody
// knows how long it is in use. A text below 64 bytes is not counted: it takes about as much as the item that holds it.
func (f *Evaluation) made(s string) string {
	if n := len(s) >> textStep; n > 0 {
		f.spend(n)
		f.alloc(int64(len(s)))
	}
	return s
}

// alloc counts memory until the running entry (an exported function) ends: reset sets it back.
func (f *Evaluation) alloc(n int64) {
	f.passing += n
	f.checkBytes(0)
}

// keep counts memory until the evaluation ends: that of lets, memos and keys.
func (f *Evaluation) keep(n int64) {
	f.kept += n
	f.checkBytes(0)
}

// checkBytes ends the evaluation if so many more bytes would be too many.
func (f *Evaluation) checkBytes(more int64) {
	if int64(cap(f.st))*itemBytes+f.kept+f.passing+more > f.bytes {
		fail(codeMemory, "the evaluation takes too much memory")
	}
}

func (f *Evaluation) push(i Item) {
	if len(f.st) == cap(f.st) {
		f.grow(1)
	}
	f.st = append(f.st, i)
}

// pushItems appends a copy of items.
func (f *Evaluation) pushItems(items []Item) {
	f.spend(len(items))
	if len(f.st)+len(items) > cap(f.st) {
		f.grow(len(items))
	}
	f.st = append(f.st, items...)
}

// grow makes room for n more items. It asks for the new stack in full, since the old one is still there while it is
// copied.
func (f *Evaluation) grow(n int) {
	size := max(len(f.st)+n, 64, cap(f.st)+cap(f.st)/2)
	f.checkBytes(int64(size) * itemBytes)
	st := make([]Item, len(f.st), size)
	copy(st, f.st)
	f.st = st
}

// joinedText joins texts. The result is charged for before it is made.
func (f *Evaluation) joinedText(parts []string, sep string) string {
	n := 0
	for _, s := range parts {
		n += len(s) + len(sep)
	}
	f.spend(len(parts) + n>>textStep)
	f.alloc(int64(n))
	return strings.Join(parts, sep)
}

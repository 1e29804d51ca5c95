package xpath

import (
	"math/bits"
	"strings"
	"unsafe"
)

// Budget is what an evaluation may spend. A field that is 0 means its default.
type Budget struct {
	Steps int64 // nodes touched, values made and compared, stretches of text read
	Bytes int64 // of the values in progress and of those that are kept
}

// Defaults of a Budget: far above what rules need for the largest documents, and far below what keeps a processor busy for many
// minutes or fills a machine.
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
	entryBytes = 64 // of a value in a map, its string not counted
	textStep   = 6  // so many bits: the bytes of text that are one step
)

// spend takes n steps off the budget, and now and then looks whether the caller has cancelled.
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

// read counts a text that is read.
func (f *Evaluation) read(s string) string {
	if n := len(s) >> textStep; n > 0 {
		f.spend(n)
	}
	return s
}

// made counts a text that was made, until the running entry ends: whether it is still in use is not known. A short one is not
// longer than the item that has it.
func (f *Evaluation) made(s string) string {
	if n := len(s) >> textStep; n > 0 {
		f.spend(n)
		f.alloc(int64(len(s)))
	}
	return s
}

// alloc takes memory until the running entry ends.
func (f *Evaluation) alloc(n int64) {
	f.passing += n
	f.checkBytes(0)
}

// keep takes memory that is kept until the evaluation ends.
func (f *Evaluation) keep(n int64) {
	f.kept += n
	f.checkBytes(0)
}

// checkBytes gives up if so many bytes more would be too many.
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

// grow makes room for n more items. While they are copied the old ones are there as well.
func (f *Evaluation) grow(n int) {
	size := max(len(f.st)+n, 64, cap(f.st)+cap(f.st)/2)
	f.checkBytes(int64(size) * itemBytes)
	st := make([]Item, len(f.st), size)
	copy(st, f.st)
	f.st = st
}

// sorting is the number of steps for sorting n values.
func sorting(n int) int { return n * bits.Len(uint(n)) }

// joinedText joins texts, which are counted before they are there.
func (f *Evaluation) joinedText(parts []string, sep string) string {
	n := 0
	for _, s := range parts {
		n += len(s) + len(sep)
	}
	f.spend(len(parts) + n>>textStep)
	f.alloc(int64(n))
	return strings.Join(parts, sep)
}

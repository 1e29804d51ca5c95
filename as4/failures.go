package as4

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
)

// A signer or a source with more failed decryptions than this within the window is blocked for another window
// (SEC-092).
const (
	maxFailures   = 20
	failureWindow = 10 * time.Minute
)

// What a failed decryption may block.
const (
	BlockedSigner = "signer"
	BlockedSource = "source"
)

// failureMeter counts failed decryptions per signing certificate and per source (SEC-092).
type failureMeter struct {
	mu      sync.Mutex
	signers failureCounts[[sha256.Size]byte]
	sources failureCounts[intake.Source]
}

// countFailure counts a failure and returns what is newly blocked because of it, "" for nothing. A client that a proxy
// does not name is not counted by its source, which is that of the proxy.
func (f *failureMeter) countFailure(signer [sha256.Size]byte, from intake.Client, now time.Time) (blocked string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from.Known() && f.sources.countFailure(from.Source, now) {
		blocked = BlockedSource
	}
	if f.signers.countFailure(signer, now) {
		blocked = BlockedSigner
	}
	return blocked
}

func (f *failureMeter) blocked(signer [sha256.Size]byte, from intake.Client, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signers.blocked(signer, now) || from.Known() && f.sources.blocked(from.Source, now)
}

// failureCounts are the last failures by key.
type failureCounts[K comparable] struct{ m map[K]*failures }

// failures are the times of the last failures of one key.
type failures struct {
	at    [maxFailures]time.Time // a ring
	n     int                    // how many since it was remembered
	last  time.Time
	until time.Time // the end of the block
}

// maxCounts bounds the memory of failureCounts.
const maxCounts = 10_000

// countFailure counts a failure and reports whether a block begins with it.
func (c *failureCounts[K]) countFailure(key K, now time.Time) bool {
	f := c.m[key]
	if f == nil {
		f = &failures{}
		c.room(now)
		c.m[key] = f
	}
	before := f.at[f.n%maxFailures] // maxFailures ago
	f.at[f.n%maxFailures], f.last = now, now
	if f.n++; f.n <= maxFailures || now.Sub(before) > failureWindow || now.Before(f.until) {
		return false
	}
	f.until = now.Add(failureWindow)
	return true
}

func (c *failureCounts[K]) blocked(key K, now time.Time) bool {
	f := c.m[key]
	return f != nil && now.Before(f.until)
}

// room makes room for a key: it forgets failures that no longer count and, if that is not enough, a tenth of the keys:
// those that failed longest ago, and blocked ones last.
func (c *failureCounts[K]) room(now time.Time) {
	if c.m == nil {
		c.m = map[K]*failures{}
	}
	if len(c.m) < maxCounts {
		return
	}
	maps.DeleteFunc(c.m, func(_ K, f *failures) bool { return !now.Before(f.until) && now.Sub(f.last) > failureWindow })
	if len(c.m) < maxCounts {
		return
	}
	keys := slices.SortedFunc(maps.Keys(c.m), func(x, y K) int {
		a, b := c.m[x], c.m[y]
		return cmp.Or(a.until.Compare(b.until), a.last.Compare(b.last)) // no block: zero
	})
	for _, key := range keys[:maxCounts/10] {
		delete(c.m, key)
	}
}

package node

import (
	"maps"
	"sync"

	"github.com/ravn-ap/ravn/as4"
)

// tolerances counts what partners need to be tolerated (design.md §3), by the names that the log line of a message has
// under as4.tolerated. A message that is stored has them in its timeline as well.
type tolerances struct {
	mu sync.Mutex
	n  map[string]int64
}

// add counts what a message of a known sender needed.
func (t *tolerances) add(x *as4.Exchange) {
	if !x.Authenticated || len(x.Tolerated) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int64{}
	}
	for _, name := range x.Tolerated {
		t.n[name]++
	}
}

// Tolerated tells how many messages needed which tolerance since the node was opened.
func (n *Node) Tolerated() map[string]int64 {
	n.tolerated.mu.Lock()
	defer n.tolerated.mu.Unlock()
	return maps.Clone(n.tolerated.n)
}

// logTolerated says at the end what was tolerated.
func (n *Node) logTolerated() {
	if counts := n.Tolerated(); len(counts) > 0 {
		n.opts.Log.Info().Any("as4.tolerated", counts).Msg("tolerated since the start")
	}
}

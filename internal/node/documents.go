package node

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
)

// Older documents get the columns that they are found by (API-120): at once after the start, and then from time to
// time, because a node of an older program may still write beside this one.
const (
	fillEvery = time.Minute
	fillRows  = 5000             // rows in one round
	fillLimit = 20 * time.Second // of one round
)

// keepDocuments gives older documents their columns.
func (n *Node) keepDocuments(ctx context.Context) {
	n.fillDocuments(ctx)
	every(ctx, fillEvery, func() { n.fillDocuments(ctx) })
}

// fillDocuments does one round, which goes on where the last one ended.
func (n *Node) fillDocuments(ctx context.Context) {
	start := n.opts.Now()
	round, cancel := context.WithTimeout(ctx, fillLimit)
	defer cancel()
	next, done, err := n.Desk.Fill(round, n.filled, fillRows)
	n.filled = next
	if done.Rows > 0 {
		n.opts.Log.Info().Int("rows", done.Rows).Int("unread", done.Unread).Int("passed", done.Passed).
			Dur("ms", n.opts.Now().Sub(start)).Msg("older documents got their columns")
	}
	late := round.Err() != nil && done.LookedAt > 0 // the next round goes on
	if err != nil && !late && ctx.Err() == nil {
		n.failure(fault.New(fault.ColumnsMissing, err, "")).Msg("older documents")
	}
}

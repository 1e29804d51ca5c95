package node

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// How often counting rows are moved to the ledger, and after how many moves at least the counts are advanced.
const (
	postEvery = 10 * time.Second
	foldEvery = 60
	foldRows  = 1000 // or earlier, when so many were moved
)

// keepAccounts moves counting rows and advances the counts, far from the path of a message (D-11).
func (n *Node) keepAccounts(ctx context.Context) {
	tick := time.NewTicker(postEvery)
	defer tick.Stop()
	accounts, err := Accounts(n.Config, n.Store, nil, "")
	if err != nil {
		n.opts.Log.Error().Err(err).Msg("accounts")
		return
	}
	waiting, moves := int64(0), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		moved, err := n.Store.Ledger.Post(ctx, db.DefaultTenant)
		if waiting, moves = waiting+moved, moves+1; err == nil && waiting > 0 && (waiting >= foldRows || moves >= foldEvery) {
			err = accounts.UpdateTotals(ctx)
			waiting, moves = 0, 0
		}
		if err != nil && !errors.Is(err, db.ErrConflict) && ctx.Err() == nil { // a conflict: another node is at it
			n.opts.Log.Error().Err(err).Msg("accounts")
		}
	}
}

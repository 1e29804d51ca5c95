package node

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// How often counting rows are moved to the ledger, and after how many moves the counts are advanced.
const (
	postEvery = 10 * time.Second
	foldEvery = 60
	foldRows  = 1000 // or as soon as so many were moved
)

// keepAccounts moves counting rows and advances the counts, in the background so that no message waits for it (D-11).
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
		if waiting, moves = waiting+moved, moves+1; err == nil && waiting > 0 &&
			(waiting >= foldRows || moves >= foldEvery) {
			err = accounts.UpdateTotals(ctx)
			waiting, moves = 0, 0
		}
		if err != nil && !errors.Is(err, db.ErrConflict) && ctx.Err() == nil { // conflict: another node does it
			n.opts.Log.Error().Err(err).Msg("accounts")
		}
	}
}

package node

import (
	"context"

	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/notify"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// tellers is how many events are told at the same time.
const tellers = 4

// newTeller makes the worker that tells C1 what became of its documents (OPS-009); nil if nobody is told. News of the
// time before stays in the outbox.
func (n *Node) newTeller() *queue.Runner {
	dir := n.Config.Path(n.Config.Notify.Folder)
	n.Store.TellC1(dir != "")
	if dir == "" {
		return nil
	}
	w := &notify.Worker{
		Desk: func(tenant string) *documents.Desk {
			d := *n.Desk
			d.Tenant = tenant
			return &d
		},
		To:     &backend.EventFolder{Dir: dir, Tenants: len(n.Config.Tenants) > 0},
		Failed: func(err error) { n.trouble("C1 is not told what became of a document; it is tried again", err) },
	}
	return &queue.Runner{
		Store: n.Store, Work: map[store.Kind]queue.Work{store.Notify: w.Notify}, Owner: n.process.Name, Now: n.opts.Now,
		Limit: tellers, OnError: n.logJob,
	}
}

// tell tells C1 until ctx ends.
func (n *Node) tell(ctx context.Context) {
	if n.teller != nil {
		n.teller.Run(ctx)
	}
}

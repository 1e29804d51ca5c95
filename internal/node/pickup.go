package node

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/pickup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// openPickups makes the pick-up folders of a server (OPS-040).
func (n *Node) openPickups(ctx context.Context) error {
	list := n.Config.Pickups()
	if len(list) == 0 {
		return nil
	}
	who, err := n.Store.Installation(ctx)
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	for _, p := range list {
		n.pickups = append(n.pickups, &pickup.Folder{
			Dir: p.Dir, Pending: config.PendingFolder, Done: p.Done, Failed: p.Failed, Tenant: p.Tenant,
			Defaults: ap.Defaults{
				From: p.Sender, To: p.Receiver, DocType: p.DocType, Process: p.Process, Country: p.Country,
			},
			Scan: p.Scan, Settle: p.Settle, Keep: p.Keep, MaxBytes: n.Config.AS4.MaxSize, Installation: who.ID,
			Ours: n.ownSeat, Submit: n.submitAndWake, Record: n.Store, Now: n.opts.Now, Hook: n.opts.Hook,
			Tell: func(note pickup.Note) { n.logPickup(&p, note) },
		})
	}
	return nil
}

// ownSeat reports whether a seat is one of our own.
func (n *Node) ownSeat(seat peppol.SeatID) bool {
	for _, id := range n.Keys.Identities() {
		if id.Seat == seat {
			return true
		}
	}
	return false
}

// submitAndWake hands a document in and has it sent at once.
func (n *Node) submitAndWake(ctx context.Context, s ap.Submission) (store.Message, bool, error) {
	m, again, err := n.Outbound.Submit(ctx, s)
	if err == nil && !again {
		n.sender.Wake()
	}
	return m, again, err
}

// logPickup logs a step of a document from a pick-up folder. Lines name neither participants nor documents.
func (n *Node) logPickup(p *config.Pickup, note pickup.Note) {
	var coded *fault.Error
	code := note.Message.FaultCode
	if errors.As(note.Err, &coded) {
		code = string(coded.Code)
	}
	about := func(ev *zerolog.Event) *zerolog.Event {
		ev = ev.Str("dir", "out").Str("folder", p.Dir).Str("tenant", p.Tenant).Str("step", note.What)
		if m := &note.Message; m.ID != "" {
			ev = ev.Str("tx", m.ID).Str("message_id", m.MessageID).Str("state", string(m.State))
		}
		if note.File != "" {
			ev = ev.Str("file", clean(note.File))
		}
		return ev
	}
	switch note.What {
	case pickup.HandedIn:
		about(n.opts.Log.Info()).Bool("again", note.Again).Msg("a document of the pick-up folder was handed in")
	case pickup.Done:
		about(n.opts.Log.Info()).Msg("a document of the pick-up folder was sent")
	case pickup.Failed:
		about(n.opts.Log.Warn()).Str("code", code).Msg("a document of the pick-up folder was not sent")
	case pickup.Attention:
		about(n.opts.Log.Error()).Str("code", code).
			Msg("a document of the pick-up folder waits for an operator's decision: ravn documents show")
	case pickup.Trouble:
		if n.lines.troubles.allow("pick-up "+p.Dir+note.Key, code) {
			about(n.failure(note.Err)).Msg("trouble with a pick-up folder: it is tried again")
		}
	}
}

package node

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// FindOutgoing returns an outgoing message by its id or by its eb:MessageId.
func (n *Node) FindOutgoing(ctx context.Context, id string) (store.Message, error) {
	m, err := n.Store.Get(ctx, db.DefaultTenant, id)
	if err == nil && m.Direction == store.Out {
		return m, nil
	}
	list, err := n.Store.ByMessageID(ctx, db.DefaultTenant, store.Out, id)
	if err != nil {
		return store.Message{}, fault.New(fault.RecordUnreadable, err, "")
	}
	if len(list) == 0 {
		return store.Message{}, fault.New(fault.NoSuchMessage, nil, "%s", id)
	}
	return list[0], nil
}

// takeLease is how long a message is held for an operator's attempt.
const takeLease = 20 * time.Minute

// Submit accepts a document and holds it for Attempt.
func (n *Node) Submit(ctx context.Context, s ap.Submission) (store.Message, store.Job, error) {
	return n.Outbound.SubmitHeld(ctx, s, n.process.Name)
}

// HandIn accepts a document that ravn serve sends. repeated says that its key was used before.
func (n *Node) HandIn(ctx context.Context, s ap.Submission) (m store.Message, repeated bool, err error) {
	return n.Outbound.Submit(ctx, s)
}

// Served reports whether a server of this data folder is alive, which sends what is handed in.
func (n *Node) Served() (bool, error) {
	others, err := n.process.Others()
	for _, who := range others {
		if who.Server {
			return true, err
		}
	}
	return false, err
}

// Attempt makes the first attempt to send a message from Submit. If direct has a URL, it replaces the lookup.
func (n *Node) Attempt(ctx context.Context, m store.Message, job store.Job, direct as4.Peer) (*as4.Evidence, error) {
	return n.Outbound.AttemptMessage(ctx, job, m, direct)
}

// Send makes one attempt to send a message now, whether or not it is due. If direct has a URL, it replaces the lookup.
func (n *Node) Send(ctx context.Context, m store.Message, direct as4.Peer) (*as4.Evidence, error) {
	job, err := n.take(ctx, m)
	if err != nil {
		return nil, err
	}
	ev, err := n.Outbound.Attempt(ctx, job, direct)
	return ev, n.known(ctx, m, err)
}

// Repeat is Send for a message that was handed in once more. Nobody decided about the one that there is, so what holds
// for due ones holds for it: what may have arrived at one access point goes to no other one (REL-027), and its plan is
// respected.
func (n *Node) Repeat(ctx context.Context, m store.Message, direct as4.Peer) (*as4.Evidence, error) {
	job, err := n.take(ctx, m)
	if err != nil {
		return nil, err
	}
	if m, err = n.Store.Get(ctx, m.Tenant, m.ID); err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	ev, err := n.Outbound.AttemptAgain(ctx, job, m, direct) // REL-027
	return ev, n.known(ctx, m, err)
}

// known gives the error of an attempt the code of what is known of the message, where that is more than the attempt
// itself says: that it was given up, or that an earlier one may have arrived (REL-027).
func (n *Node) known(ctx context.Context, m store.Message, err error) error {
	if errors.Is(err, ap.ErrNotNow) {
		return fault.New(fault.PeerLater, err, "")
	}
	after, gerr := n.Store.Get(context.WithoutCancel(ctx), m.Tenant, m.ID)
	if err == nil || gerr != nil {
		return err
	}
	code := fault.Code("")
	switch over := fault.Code(after.FaultCode); {
	case after.State == store.FailedPermanent && (over == fault.GivenUp || over == fault.GivenUpUnclear):
		code = over
	case after.State == store.Unknown && fault.ExitOf(err) == fault.Negative:
		code = fault.PeerUnreachable
	}
	if f := (*fault.Error)(nil); code == "" || errors.As(err, &f) && f.Code == code {
		return err
	}
	return fault.New(code, err, "")
}

// take leases the job of a message, or says why it cannot be sent now.
func (n *Node) take(ctx context.Context, m store.Message) (store.Job, error) {
	job, err := n.Store.Take(ctx, m.Tenant, store.Send, m.ID, n.process.Name, takeLease)
	if errors.Is(err, db.ErrConflict) {
		return job, n.notNow(ctx, m)
	}
	if err != nil {
		return job, fault.New(fault.RecordUnreadable, err, "")
	}
	return job, nil
}

// notNow says why a message cannot be sent now: another live process is working on it, or there is nothing to do. It is
// not held by a dead process, because their jobs were given back when the node was opened.
func (n *Node) notNow(ctx context.Context, m store.Message) error {
	job, err := n.Store.JobOf(ctx, m.Tenant, store.Send, m.ID)
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	if h := job.Held; !h.Since.IsZero() {
		return fault.New(fault.OnHold, nil, "%s, by %s since %s: %s", m.ID, h.By,
			h.Since.UTC().Format(time.RFC3339), h.Why)
	}
	if job.Done.IsZero() {
		return fault.New(fault.MessageHeld, nil, "%s, by %s until %s", m.MessageID, job.Owner,
			job.LeaseEnd.UTC().Format(time.RFC3339))
	}
	return fault.New(fault.NotResumable, nil, "%s is %s", m.MessageID, m.State)
}

// HandedIn returns the outgoing message of a tenant with the same content, if there is one that arrived, may have
// arrived, or is still to be sent: it is not to be sent a second time. A caller that was interrupted before it learned
// the id can find its message with it (REL-020).
func (n *Node) HandedIn(ctx context.Context, tenant string, content []byte) (m store.Message, found bool, err error) {
	list, err := n.Store.ByContent(ctx, tenant, content)
	if err != nil {
		return m, false, fault.New(fault.RecordUnreadable, err, "")
	}
	for _, m := range list {
		certainlyNot := m.State == store.Cancelled ||
			m.State == store.FailedPermanent && m.FaultCode != string(fault.GivenUpUnclear) // REL-027
		if !certainlyNot {
			return m, true, nil
		}
	}
	return store.Message{}, false, nil
}

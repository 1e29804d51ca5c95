package documents

import (
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// stopped says of each state in which something is wrong what that is, when no code of the record does.
var stopped = map[store.State]fault.Code{
	store.RetryWait:       fault.PeerLater,
	store.Unknown:         fault.PeerUnreachable,
	store.RecoveryHold:    fault.PeerUnreachable,
	store.FailedPermanent: fault.PeerRefused,
	store.UnknownAccepted: fault.ReceiptLost,
	store.ReceiptInvalid:  fault.ReceiptInvalid,
	store.DeliveryFailed:  fault.DeliveryFailed,
	store.Dead:            fault.DeliveryDead,
	store.Quarantined:     fault.Quarantined,
}

// byState are the states whose next step depends on nothing else. In all of them a message is still to be sent, or may
// have arrived, so that whoever handed it in again would send it twice (REL-027).
var byState = map[store.State]bool{
	store.RetryWait: true, store.Unknown: true, store.RecoveryHold: true, store.UnknownAccepted: true,
	store.ReceiptInvalid: true,
}

// problem says what stopped a document, by the code that the record has of it (API-055). unclear tells of an attempt
// that may have arrived.
func problem(d *Document, code string, unclear bool) *Problem {
	switch d.Status {
	case Sent, Delivered, Cancelled, Discarded:
		return nil
	}
	fallback := stopped[d.State]
	if code == "" && fallback == "" {
		return nil
	}
	if fallback == "" { // it is under way again
		if fallback = fault.PeerLater; d.Direction == store.In {
			fallback = fault.DeliveryFailed
		}
	}
	own, _ := fault.Find(fallback)
	entry, known := fault.Find(fault.Code(code))
	if !known {
		entry = own
	}
	p := &Problem{Code: fault.Code(code), Title: entry.Texts[fault.English].What, Blame: entry.Blame}
	if code == "" {
		p.Code = fallback
	}
	switch {
	// held: serve looks the receiver up (DISC-067)
	case d.Direction == store.In, fault.Code(code) == fault.ReceiverMoving:
	case byState[d.State], d.Status == Pending:
		entry = own
	case unclear:
		entry, _ = fault.Find(fault.NotResumable)
	}
	p.Next = strings.ReplaceAll(entry.Texts[fault.English].Next, " ID", " "+d.ID) // a command that can be pasted
	return p
}

// ProblemOf says what stopped a message, nil if nothing did; it asks the record for nothing more.
func ProblemOf(m *store.Message) *Problem {
	d := document(&store.Found{Message: *m, Reached: !m.Accepted.IsZero()})
	return d.Problem
}

// nextStep says what to do about a document that nothing stopped.
func nextStep(d *Document) string {
	switch {
	case d.Held != nil:
		return "Nothing happens until it is released: ravn queue release " + d.ID + " --reason TEXT"
	case d.Problem != nil:
		return d.Problem.Next
	case d.Direction == store.Out && (d.State == store.Submitted || d.State == store.Ready):
		return "Nothing: ravn serve sends it; at once: ravn send --resume " + d.ID
	case d.State == store.Sending:
		return "An attempt is under way; wait for its end"
	case d.Status == Pending:
		return "Nothing: ravn serve delivers it"
	}
	return "Nothing"
}

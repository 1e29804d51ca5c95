package store

import "slices"

// Direction tells which way a message travels.
type Direction string

// In is C2 → us (we are C3), Out is us (we are C2) → C3.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// State is the state of a message, by the names of reliability.md §2 (D-23).
type State string

// Inbound states.
const (
	Spooling       State = "SPOOLING"        // the body is being read; not in the record yet
	Verified       State = "VERIFIED"        // signature and payload are right; not in the record yet
	Accepted       State = "ACCEPTED"        // durable; the receipt may leave
	Delivering     State = "DELIVERING"      // a worker is handing it to C4
	DeliveryFailed State = "DELIVERY_FAILED" // waits for the next delivery
	Delivered      State = "DELIVERED"       // C4 has it
	Archived       State = "ARCHIVED"        // nothing more will happen
	Refused        State = "REFUSED"         // answered with an error; audit row only
	Dead           State = "DEAD"            // delivery given up, visible to the operator (REL-068)
)

// Quarantined holds a message of either direction that crashed its handler or whose payload is damaged (REL-003,
// REL-067).
const Quarantined State = "QUARANTINED"

// Outbound states.
const (
	Submitted       State = "SUBMITTED"        // taken over from C1
	Ready           State = "READY"            // ids and payload fixed, may be sent
	Sending         State = "SENDING"          // an attempt is under way
	RetryWait       State = "RETRY_WAIT"       // waits for the next attempt
	Unknown         State = "UNKNOWN"          // sent, outcome not known: again, with the same bytes
	Sent            State = "SENT"             // a valid receipt is archived
	Closed          State = "CLOSED"           // nothing more will happen
	FailedPermanent State = "FAILED_PERMANENT" // given up, C1 is told
	Cancelled       State = "CANCELLED"        // withdrawn before any attempt
	RecoveryHold    State = "RECOVERY_HOLD"    // found under way after a restore (REL-092)
	UnknownAccepted State = "UNKNOWN_ACCEPTED" // the peer calls it a duplicate, its receipt was lost (REL-023)
	ReceiptInvalid  State = "RECEIPT_INVALID"  // right signer and reference, other digests (design.md §3)
)

// next holds the transitions of each direction. A state without a row is final.
var next = map[Direction]map[State][]State{
	In: {
		Spooling:       {Verified, Refused, Quarantined},
		Verified:       {Accepted, Refused, Quarantined},
		Accepted:       {Delivering, Archived, Quarantined}, // archived at once: a suppressed repeat (AS4-133)
		Delivering:     {Delivered, DeliveryFailed, Dead, Quarantined},
		DeliveryFailed: {Delivering, Dead, Quarantined},
		Delivered:      {Archived},
		Dead:           {DeliveryFailed, Archived}, // requeued or discarded by an operator (REL-068)
		Quarantined:    {DeliveryFailed, Archived},
	},
	Out: {
		Submitted: {Ready, FailedPermanent, Cancelled},
		// retry without attempt: no SMP answer (REL-026)
		Ready: {Sending, RetryWait, FailedPermanent, Cancelled, Quarantined},
		Sending: {
			Sent, RetryWait, Unknown, FailedPermanent, UnknownAccepted, ReceiptInvalid, RecoveryHold,
			Quarantined,
		},
		RetryWait:       {Sending, FailedPermanent, Cancelled, Quarantined},
		Unknown:         {Sending, FailedPermanent, RecoveryHold, Quarantined}, // never cancelled (REL-027)
		Sent:            {Closed},
		FailedPermanent: {RetryWait, Sent, Closed}, // a late receipt or MLS moves it (design.md §3)
		UnknownAccepted: {Sent, Closed, FailedPermanent},
		ReceiptInvalid:  {RetryWait, Closed, FailedPermanent},
		RecoveryHold:    {RetryWait, Closed, FailedPermanent},
		Quarantined:     {RetryWait, FailedPermanent},
	},
}

// told are the states of an outgoing message that C1 is told of: its ends, and those that need a person.
var told = []State{Sent, FailedPermanent, Cancelled, UnknownAccepted, ReceiptInvalid, RecoveryHold, Quarantined}

// CanMove tells whether a message of direction d may go from one state to the other.
func CanMove(d Direction, from, to State) bool { return slices.Contains(next[d][from], to) }

// Final tells whether a message of direction d stays in state s for good.
func Final(d Direction, s State) bool { return len(next[d][s]) == 0 }

// underWay returns the state of a message that a worker holds, and the one to which it falls back when the worker
// vanished: an expired lease counts as an unknown outcome.
func underWay(d Direction) (working, interrupted State) {
	if d == In {
		return Delivering, DeliveryFailed
	}
	return Sending, Unknown
}

// requeued returns the state in which a message waits for work again after an operator's decision, and that work.
func requeued(d Direction) (State, Kind) {
	if d == In {
		return DeliveryFailed, Deliver
	}
	return RetryWait, Send
}

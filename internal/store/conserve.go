package store

import (
	"context"
	"strings"

	"github.com/ravn-ap/ravn/internal/db"
)

// Breach is something in the record that must not be (REL-101): a message that nobody works on although it waits, or
// one that is said to have been accepted without a sign of it.
type Breach struct {
	MessageID string // Message.ID
	Direction Direction
	State     State  // "" when there is no such message
	What      string // in plain words
}

// standing is what the record holds of a message, each part from a table of its own.
type standing struct {
	id               string
	direction        Direction
	state            State
	events, counted  int64 // as the message says, and as there are
	last             State // of the events
	work, open, dead bool  // its job of sending or delivering
	receipt, key     bool  // evidence of the receipt; the duplicate key
}

// The parts come from one statement, so from one moment, and belong together by transactions only.
const standings = `SELECT m.id, m.direction, m.state, m.events,
	(SELECT COUNT(*) FROM event e WHERE e.message_id = m.id AND e.tenant = m.tenant),
	COALESCE((SELECT e.to_state FROM event e WHERE e.message_id = m.id AND e.to_state <> ''
		ORDER BY e.seq DESC LIMIT 1), ''),
	COALESCE(o.done, -1), COALESCE(o.dead, 0),
	(SELECT COUNT(*) FROM evidence v WHERE v.message_id = m.id AND v.kind = '` + EvidenceReceipt + `'),
	(SELECT COUNT(*) FROM duplicate d WHERE d.tenant = m.tenant AND d.seat = m.c2 AND d.message_id = m.message_id
		AND d.ref = m.id)
	FROM message m LEFT JOIN outbox o
		ON o.id = CASE m.direction WHEN 'in' THEN 'deliver' ELSE 'send' END || '/' || m.tenant || '/' || m.id
	WHERE m.id > ? ORDER BY m.id LIMIT ?`

func scanStanding(row db.Row) (s standing, err error) {
	var done, dead, receipts, keys int64
	err = row.Scan(&s.id, (*string)(&s.direction), (*string)(&s.state), &s.events, &s.counted, (*string)(&s.last),
		&done, &dead, &receipts, &keys)
	s.work, s.open, s.dead, s.receipt, s.key = done >= 0, done == 0, dead != 0, receipts > 0, keys > 0
	return s, err
}

// Conserved looks at the messages of all tenants that follow one in the order of their ids, at most so many, and
// returns what is wrong with them (REL-101), how many there were, and the last one.
func (s *Store) Conserved(ctx context.Context, after string, limit int) (
	bad []Breach, rows int, last string, err error,
) {
	list, err := db.ReadAll(ctx, s.DB, "conservation", scanStanding, standings, after, limit)
	for i := range list {
		if what := list[i].breaches(); what != nil {
			bad = append(bad, Breach{list[i].id, list[i].direction, list[i].state, strings.Join(what, "; ")})
		}
		last = list[i].id
	}
	return bad, len(list), last, err
}

// breaches says what is wrong with a message.
func (s *standing) breaches() (what []string) {
	complain := func(bad bool, text string) {
		if bad {
			what = append(what, text)
		}
	}
	waits := s.waits()
	complain(waits && !s.work, "it waits, and there is no work for it")
	complain(waits && s.work && !s.open, "it waits, and its work has ended")
	complain(!waits && s.open, "nothing is to be done with it, and its work is open")
	complain(s.state == Dead && s.work && !s.dead, "it is given up, and its work is not")
	complain(s.events != s.counted, "events are missing from its timeline")
	complain(s.last != s.state, "its timeline ends with "+string(s.last))
	if s.direction == In {
		complain(!s.receipt, "there is no receipt of it")
		complain(!s.key, "a repeat of it would not be recognised")
	} else {
		complain(s.state == Sent && !s.receipt, "it is sent, and there is no receipt")
	}
	return what
}

// waits reports whether there must be open work for the message.
func (s *standing) waits() bool {
	switch s.state {
	case Accepted, Delivering, DeliveryFailed, Ready, Sending, RetryWait, Unknown:
		return true
	}
	return false
}

// Spot is a place among the duplicate keys.
type Spot struct{ Tenant, Seat, MessageID string }

const strays = `SELECT d.tenant, d.seat, d.message_id, d.ref, COALESCE(m.id, '') FROM duplicate d
	LEFT JOIN message m ON m.id = d.ref
	WHERE (d.tenant, d.seat, d.message_id) > (?, ?, ?) ORDER BY d.tenant, d.seat, d.message_id LIMIT ?`

// Strays looks at the duplicate keys that follow a place, at most so many, and returns those whose message is gone:
// somebody has a receipt for it. It returns how many keys there were, and the last place.
func (s *Store) Strays(ctx context.Context, after Spot, limit int) (bad []Breach, rows int, last Spot, err error) {
	type key struct {
		Spot
		ref, found string
	}
	scan := func(row db.Row) (k key, err error) {
		err = row.Scan(&k.Tenant, &k.Seat, &k.MessageID, &k.ref, &k.found)
		return k, err
	}
	list, err := db.ReadAll(ctx, s.DB, "strays", scan, strays, after.Tenant, after.Seat, after.MessageID, limit)
	for _, k := range list {
		if last = k.Spot; k.found == "" {
			bad = append(bad, Breach{k.ref, In, "", "it was accepted, and it is not in the record"})
		}
	}
	return bad, len(list), last, err
}

// Payloads are the blobs of a message.
type Payloads struct {
	MessageID string
	State     State
	Refs      []BlobRef
}

// Payloads returns the messages of all tenants that follow one in the order of their ids, at most so many, with their
// blobs.
func (s *Store) Payloads(ctx context.Context, after string, limit int) ([]Payloads, error) {
	scan := func(row db.Row) (p Payloads, err error) {
		var payload, sealed BlobRef
		var sum, sealedSum []byte
		err = row.Scan(&p.MessageID, (*string)(&p.State), &payload.Key, &payload.Length, &sum, &sealed.Key,
			&sealed.Length, &sealedSum)
		copy(payload.SHA256[:], sum)
		copy(sealed.SHA256[:], sealedSum)
		for _, ref := range []BlobRef{payload, sealed} {
			if !ref.IsZero() {
				p.Refs = append(p.Refs, ref)
			}
		}
		return p, err
	}
	return db.ReadAll(ctx, s.DB, "payloads", scan, `SELECT id, state, payload_key, payload_length, payload_sha256,
		sealed_key, sealed_length, sealed_sha256 FROM message WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
}

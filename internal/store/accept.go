package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
)

// DuplicateMemory is how long the key of an accepted message is kept (REL-032).
const DuplicateMemory = 400 * 24 * time.Hour

// Acceptance is everything that becomes durable before the receipt of a received message leaves.
type Acceptance struct {
	Message  Message    // as read; the store sets what its comments say. Payload must be synced before (REL-001)
	Evidence []Evidence // EvidenceReceipt is required
	Events   []Event    // what happened before, such as the end of reading and of verification; oldest first
	Count    bool       // write a counting row; false for reports about traffic (TSR, EUSR), which are never counted
	Tasks    []Task     // work beside the delivery
	Lane     string     // of the delivery: the backend, "" if there is no route
}

// Accept stores a received message in one transaction: record, duplicate key, evidence, events, counting row and the
// outbox row for its delivery (REL-001). It returns the message as stored. A *Duplicate means that a message with the
// same key was faster, or came long ago; exactly one of many concurrent calls wins (SEC-070).
func (s *Store) Accept(ctx context.Context, tenant string, a Acceptance) (Message, error) {
	m := a.Message
	if m.ID == "" {
		m.ID = db.NewID()
	}
	if m.C2 == "" || m.MessageID == "" {
		return m, errors.New("store: accept: no duplicate key: C2 and MessageID are required")
	}
	err := s.twice(ctx, tenant, func(tx *Tx) error {
		err := tx.accept(&m, &a, Accepted)
		var dup *Duplicate
		if errors.As(err, &dup) && dup.Prior.ID == m.ID { // our own first try
			m, err = tx.Get(m.ID)
		}
		if err != nil {
			return err
		}
		return tx.Enqueue(append([]Task{{Kind: Deliver, MessageID: m.ID, Lane: a.Lane}}, a.Tasks...)...)
	})
	return m, err
}

// twice is Update for a write that is harmless to repeat. If COMMIT gets no answer it writes again: a commit that is
// still under way holds its keys until it ends, so that the second try knows for sure, which mere reading would not
// (REL-072).
func (s *Store) twice(ctx context.Context, tenant string, fn func(*Tx) error) error {
	err := s.Update(ctx, tenant, fn)
	if !errors.Is(err, db.ErrOutcomeUnknown) {
		return err
	}
	again := s.Update(context.WithoutCancel(ctx), tenant, fn)
	var dup *Duplicate
	if again == nil || errors.As(again, &dup) || errors.Is(again, ErrKeyReused) {
		return again
	}
	return errors.Join(err, again)
}

// AcceptHeld is Accept for a node that delivers at once: the same commit starts the first attempt, whose job is the
// node's from the start. A crash ends it with the lease, like any other. A job without ID means that the message is
// stored but not held.
func (s *Store) AcceptHeld(ctx context.Context, tenant string, a Acceptance, owner string, st Start) (m Message,
	job Job, n int, err error,
) {
	m = a.Message
	if m.ID == "" || m.C2 == "" || m.MessageID == "" {
		return m, job, 0, errors.New("store: accept: ID, C2 and MessageID are required")
	}
	err = s.twice(ctx, tenant, func(tx *Tx) error {
		err := tx.accept(&m, &a, Delivering, Event{
			Kind: EventAttempt, From: Accepted, To: Delivering,
			Detail: st.Endpoint, Actor: owner,
		})
		var dup *Duplicate
		if errors.As(err, &dup) && dup.Prior.ID == m.ID { // our own first try, whose lease is lost to us
			m, err = tx.Get(m.ID)
			return err
		}
		if err != nil {
			return err
		}
		h := hold{owner: owner, lease: st.Lease, lane: a.Lane, spent: 1}
		if job, err = tx.enqueueHeld(Deliver, m.ID, h); err != nil {
			return err
		}
		if n, err = tx.addAttempt(&m, st); err != nil {
			return err
		}
		return tx.Enqueue(a.Tasks...)
	})
	return m, job, n, err
}

const insertDuplicate = `INSERT INTO duplicate (tenant, seat, message_id, digests, ref, accepted, kept_until)
	VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, seat, message_id) DO NOTHING`

// accept inserts the duplicate key first: of two that hold the same key one waits here for the other's commit, and then
// inserts nothing (SEC-070, REL-031). The message enters the record in state, which the events more lead to.
func (tx *Tx) accept(m *Message, a *Acceptance, state State, more ...Event) error {
	n, err := tx.Exec(insertDuplicate, tx.Tenant(), string(m.C2), m.MessageID, m.Digests, m.ID,
		db.Micros(tx.Now()), db.Micros(tx.Now().Add(DuplicateMemory)))
	if err != nil {
		return err
	}
	if n == 0 {
		prior, err := db.One(tx.Tx, scanPrior, knownQuery, tx.Tenant(), string(m.C2), m.MessageID)
		if err != nil {
			return err
		}
		return &Duplicate{prior}
	}
	m.Direction, m.State, m.Accepted = In, state, tx.Now()
	events := append(a.Events[:len(a.Events):len(a.Events)], Event{Kind: EventAccepted, From: Verified, To: Accepted})
	if err := tx.create(m, a.Message.PossibleDuplicate, append(events, more...)); err != nil {
		return err
	}
	if err := tx.AddEvidence(m.ID, append(m.Payload.inline(), a.Evidence...)...); err != nil {
		return err
	}
	if a.Count {
		return tx.count(m)
	}
	return nil
}

// count has the ledger count a message whose receipt this transaction makes durable (D-11).
func (tx *Tx) count(m *Message) error {
	direction := ledger.Incoming
	if m.Direction == Out {
		direction = ledger.Outgoing
	}
	return tx.ledger.Count(tx.Tx, ledger.Exchange{
		Direction: direction, MessageID: m.MessageID, C2: m.C2, C3: m.C3, DocTypeScheme: m.DocTypeScheme,
		DocType:       m.DocType,
		ProcessScheme: m.ProcessScheme, Process: m.Process, Transport: m.Transport, CountryC1: m.CountryC1,
		Sender: m.Sender, Receiver: m.Receiver, Domain: m.Domain,
	})
}

// insertMessage flags a message whose SBDH instance id came before between the same two parties (SBDH-046, AS4-133).
var insertMessage = `INSERT INTO message (` + columns + `, events, detailed)
	VALUES (` + db.Placeholders(strings.Count(columns, ",")) + `,
		CASE WHEN ? = 1 OR EXISTS (SELECT 1 FROM message WHERE tenant = ? AND instance_id = ? AND instance_id <> ''
			AND direction = ? AND LOWER(sender) = LOWER(?) AND LOWER(receiver) = LOWER(?)) THEN 1 ELSE 0 END, ?, ?)
	ON CONFLICT (id) DO NOTHING RETURNING possible_duplicate`

var errExists = errors.New("store: a message with this id exists")

const countEvents = `UPDATE message SET events = ?, detailed = ? WHERE id = ? AND tenant = ?`

// create inserts a message with its first events. flagged says that the caller knows it to be a possible duplicate. An
// id that is there already is errExists.
func (tx *Tx) create(m *Message, flagged bool, events []Event) error {
	m.Tenant, m.Version, m.Created, m.Updated, m.FaultCode = tx.Tenant(), 1, tx.Now(), tx.Now(), ""
	args := append(m.values(), bit(flagged), tx.Tenant(), m.InstanceID, string(m.Direction), m.Sender, m.Receiver,
		len(events), len(events))
	flag, err := db.Change(tx.Tx, db.ScanInt, insertMessage, args...)
	if err == db.ErrNotFound {
		return errExists
	}
	if err != nil {
		return err
	}
	if m.PossibleDuplicate = flag == 1; m.PossibleDuplicate {
		events = append(events, Event{Kind: EventPossibleDuplicate})
		if _, err := tx.Exec(countEvents, len(events), len(events), m.ID, tx.Tenant()); err != nil {
			return err
		}
	}
	for i := range events {
		events[i].Seq = int64(i + 1)
	}
	return tx.addEvents(m.ID, events)
}

const knownQuery = `SELECT d.ref, d.digests, d.accepted, COALESCE(m.state, ''), COALESCE(e.content_type, ''), e.bytes
	FROM duplicate d
	LEFT JOIN message m ON m.id = d.ref AND m.tenant = d.tenant
	LEFT JOIN evidence e ON e.message_id = d.ref AND e.tenant = d.tenant
		AND e.kind = '` + EvidenceReceipt + `' AND e.attempt = 0
	WHERE d.tenant = ? AND d.seat = ? AND d.message_id = ?`

func scanPrior(row db.Row) (Prior, error) {
	var p Prior
	var accepted int64
	err := row.Scan(&p.ID, &p.Digests, &accepted, (*string)(&p.State), &p.ReceiptType, &p.Receipt)
	p.Accepted = db.FromMicros(accepted)
	return p, err
}

// Known returns what is stored of an accepted message by its duplicate key, or db.ErrNotFound. The receipt in it is the
// answer to a repeat (REL-031, AS4-129).
func (s *Store) Known(ctx context.Context, tenant string, seat string, messageID string) (Prior, error) {
	return db.ReadOne(ctx, s.DB, "known", scanPrior, knownQuery, tenant, seat, messageID)
}

const findRepeat = `SELECT r.kind, r.attempt, r.content_type, r.bytes FROM evidence d
	JOIN evidence r ON r.message_id = d.message_id AND r.tenant = d.tenant AND r.attempt = d.attempt
		AND r.kind = '` + EvidenceReceipt + `'
	WHERE d.message_id = ? AND d.tenant = ? AND d.kind = '` + EvidenceDigests + `' AND d.bytes = ?
	ORDER BY r.attempt LIMIT 1`

// Repeat keeps pieces of proof of a message that came again with a rebuilt header beside those of the first, the
// receipt among them, and returns the receipt that is kept: that of an earlier repeat with the same digests if there is
// one. The pieces bear the number of the event that tells of the repeat. Nothing is delivered or counted (AS4-128).
func (s *Store) Repeat(ctx context.Context, tenant, id string, digests []byte, pieces []Evidence) (receipt Evidence,
	err error,
) {
	err = s.twice(ctx, tenant, func(tx *Tx) error {
		receipt, err = db.One(tx.Tx, scanEvidence, findRepeat, id, tx.Tenant(), nonNil(digests))
		if err != db.ErrNotFound {
			return err
		}
		seq, err := tx.note(id, Event{
			Kind:   EventRepeated,
			Detail: "with a rebuilt header; a receipt of its own is kept",
		})
		if err != nil {
			return err
		}
		kept := append(pieces[:len(pieces):len(pieces)], Evidence{Kind: EvidenceDigests, Bytes: digests})
		for i := range kept {
			kept[i].Attempt = int(seq)
			if kept[i].Kind == EvidenceReceipt {
				receipt = kept[i]
			}
		}
		return tx.AddEvidence(id, kept...)
	})
	return receipt, err
}

// ForgetDuplicates deletes up to limit duplicate keys that were kept long enough, and returns how many. It is for the
// retention job and nobody else (REL-032).
func (s *Store) ForgetDuplicates(ctx context.Context, tenant string, limit int) (int64, error) {
	var n int64
	err := s.Update(ctx, tenant, func(tx *Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM duplicate WHERE tenant = ? AND message_id IN (SELECT message_id FROM duplicate
			WHERE tenant = ? AND kept_until <= ? LIMIT ?) AND kept_until <= ?`,
			tenant, tenant, db.Micros(tx.Now()), limit, db.Micros(tx.Now()))
		return err
	})
	return n, err
}

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

const getMessage = `SELECT ` + columns + ` FROM message WHERE id = ? AND tenant = ?`

// Get returns a message by its id, or db.ErrNotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (Message, error) {
	return db.ReadOne(ctx, s.DB, "get", scanMessage, getMessage, id, tenant)
}

// manyBatch is how many messages one query of Many looks for.
const manyBatch = 200

var getMany = `SELECT ` + columns + ` FROM message WHERE tenant = ? AND id IN (` + db.Placeholders(manyBatch) + `)`

// Many returns those messages of a tenant that there are, by their ids.
func (s *Store) Many(ctx context.Context, tenant string, ids []string) (map[string]Message, error) {
	found := make(map[string]Message, len(ids))
	for batch := range slices.Chunk(ids, manyBatch) {
		args := make([]any, 1, manyBatch+1)
		args[0] = tenant
		for i := range manyBatch { // a short batch looks for its last one again
			args = append(args, batch[min(i, len(batch)-1)])
		}
		list, err := db.ReadAll(ctx, s.DB, "many", scanMessage, getMany, args...)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			found[m.ID] = m
		}
	}
	return found, nil
}

// Get returns a message as the transaction sees it.
func (tx *Tx) Get(id string) (Message, error) {
	return db.One(tx.Tx, scanMessage, getMessage, id, tx.Tenant())
}

// ByMessageID returns the messages with an eb:MessageId, newest first. There may be several inbound ones: the id is
// unique per sender only.
func (s *Store) ByMessageID(ctx context.Context, tenant string, d Direction, messageID string) ([]Message, error) {
	return db.ReadAll(ctx, s.DB, "by message id", scanMessage, `SELECT `+columns+` FROM message
		WHERE tenant = ? AND direction = ? AND message_id = ? ORDER BY created DESC, id DESC`,
		tenant, string(d), messageID)
}

// ByContent returns the outgoing messages with the same Content, newest first.
func (s *Store) ByContent(ctx context.Context, tenant string, content []byte) ([]Message, error) {
	return db.ReadAll(ctx, s.DB, "by content", scanMessage, `SELECT `+columns+` FROM message
		WHERE tenant = ? AND content = ? AND direction = '`+string(Out)+`' ORDER BY created DESC, id DESC`,
		tenant, content)
}

// ByInstanceID returns the messages with an SBDH InstanceIdentifier, oldest first. A status message names its document
// by it (MLS-024).
func (s *Store) ByInstanceID(ctx context.Context, tenant string, d Direction, instanceID string) ([]Message, error) {
	return db.ReadAll(ctx, s.DB, "by instance id", scanMessage, `SELECT `+columns+` FROM message
		WHERE tenant = ? AND instance_id = ? AND direction = ? ORDER BY created, id`, tenant, instanceID, string(d))
}

// Timeline returns the events of a message in order (REL-102).
func (s *Store) Timeline(ctx context.Context, tenant, id string) ([]Event, error) {
	scan := func(row db.Row) (e Event, err error) {
		var at int64
		err = row.Scan(&e.Seq, &at, &e.Kind, (*string)(&e.From), (*string)(&e.To), &e.Detail, &e.Actor)
		e.At = db.FromMicros(at)
		return e, err
	}
	return db.ReadAll(ctx, s.DB, "timeline", scan, `SELECT seq, at, kind, from_state, to_state, detail, actor FROM event
		WHERE message_id = ? AND tenant = ? ORDER BY seq`, id, tenant)
}

// Attempts returns the attempts of a message in order.
func (s *Store) Attempts(ctx context.Context, tenant, id string) ([]Attempt, error) {
	scan := func(row db.Row) (a Attempt, err error) {
		var started, ended, unclear int64
		err = row.Scan(&a.N, &started, &ended, &a.Endpoint, &a.Fingerprint, &a.Outcome, &a.Code, &a.Detail, &a.Sealed,
			&unclear)
		a.Unclear = unclear != 0
		a.Started, a.Ended = db.FromMicros(started), db.FromMicros(ended)
		return a, err
	}
	return db.ReadAll(ctx, s.DB, "attempts", scan, `SELECT n, started, ended, endpoint, fingerprint, outcome, code,
		detail,
		sealed_key, unclear FROM attempt WHERE message_id = ? AND tenant = ? ORDER BY n`, id, tenant)
}

const evidenceOf = `SELECT kind, attempt, content_type, bytes FROM evidence WHERE message_id = ? AND tenant = ?`

func scanEvidence(row db.Row) (e Evidence, err error) {
	err = row.Scan(&e.Kind, &e.Attempt, &e.ContentType, &e.Bytes)
	return e, err
}

// Evidence returns the piece of a kind that belongs to the latest attempt which has one, or db.ErrNotFound.
func (s *Store) Evidence(ctx context.Context, tenant, id, kind string) (Evidence, error) {
	return db.ReadOne(ctx, s.DB, "evidence", scanEvidence, evidenceOf+` AND kind = ? ORDER BY attempt DESC LIMIT 1`, id,
		tenant, kind)
}

// Inline returns a payload that the record keeps itself, of whichever tenant its message is, or db.ErrNotFound.
func (s *Store) Inline(ctx context.Context, messageID, name string) ([]byte, error) {
	e, err := db.ReadOne(ctx, s.DB, "inline payload", scanEvidence, `SELECT kind, attempt, content_type, bytes
		FROM evidence WHERE message_id = ? AND kind = ? ORDER BY attempt DESC LIMIT 1`, messageID, name)
	return e.Bytes, err
}

// AllEvidence returns all pieces of a message, in the order of attempts.
func (s *Store) AllEvidence(ctx context.Context, tenant, id string) ([]Evidence, error) {
	return db.ReadAll(ctx, s.DB, "evidence", scanEvidence, evidenceOf+` ORDER BY attempt, kind`, id, tenant)
}

// StateCount is how many messages of a direction are in a state.
type StateCount struct {
	Direction Direction
	State     State
	Messages  int64
}

// Counts returns the number of messages by direction and state (REL-100, REL-101).
func (s *Store) Counts(ctx context.Context, tenant string) ([]StateCount, error) {
	scan := func(row db.Row) (c StateCount, err error) {
		err = row.Scan((*string)(&c.Direction), (*string)(&c.State), &c.Messages)
		return c, err
	}
	return db.ReadAll(ctx, s.DB, "counts", scan, `SELECT direction, state, COUNT(*) FROM message WHERE tenant = ?
		GROUP BY direction, state ORDER BY direction, state`, tenant)
}

// JobFilter selects rows of the outbox. Zero fields select all; of the fields about messages, only work of a message is
// selected.
type JobFilter struct {
	Kind   Kind
	Dead   bool   // given up; else the open ones
	Ended  bool   // only work that has ended with a message that waits for a person (endedOpen)
	Moving bool   // only messages whose receiver no SMP knows
	Held   bool   // only what an operator holds back
	Lane   string // the host it goes to
	Limit  int    // 0 means 100

	States   []State // of the message
	Receiver string  // in any case
	Code     string  // of what stopped the message of Send or Deliver work last
	Uncoded  []State // in these that is Code, if the record has none
	Before   time.Time
	After    *Job // only what comes after it in the same list
}

// endedOpen are the states of outgoing messages whose work has ended and that are not at an end.
var endedOpen = []State{ReceiptInvalid, UnknownAccepted, RecoveryHold}

// decided are the states of messages whose given up sending or delivery needs no decision any more.
var decided = []State{Closed, Archived, Cancelled, Sent, Delivered}

// Jobs returns rows of the outbox, the longest due first; of what was given up, the longest ago first. With a kind a
// page costs what is in it, wherever in the list it is.
func (s *Store) Jobs(ctx context.Context, tenant string, f JobFilter) ([]Job, error) {
	query, args := f.query(tenant)
	return db.ReadAll(ctx, s.DB, "jobs", scanJob, query, args...)
}

func (f *JobFilter) query(tenant string) (query string, args []any) {
	order, where := "due", ""
	if f.Dead {
		order = "done"
	}
	where, args = f.conditions(tenant)
	if f.After != nil {
		at := db.Micros(f.After.Due)
		if f.Dead {
			at = db.Micros(f.After.Done)
		}
		where += " AND " + order + " >= ? AND (" + order + " > ? OR id > ?)"
		args = append(args, at, at, f.After.ID)
	}
	return `SELECT ` + jobColumns + ` FROM outbox WHERE ` + where + ` ORDER BY ` + order + `, id LIMIT ?`,
		append(args, cmp.Or(f.Limit, 100))
}

func (f *JobFilter) conditions(tenant string) (where string, args []any) {
	and := func(cond string, a ...any) { where, args = where+" AND "+cond, append(args, a...) }
	where, args = "tenant = ?", []any{tenant}
	switch {
	case f.Ended:
		and(`id IN (SELECT 'send/' || e.tenant || '/' || e.id FROM message e WHERE e.tenant = ? AND e.direction = 'out'
			AND e.state IN (`+db.Placeholders(len(endedOpen))+`)) AND done <> 0`,
			append([]any{tenant}, texts(endedOpen)...)...)
	case f.Dead: // news of what was sent or cancelled are still to be told
		and(`dead = 1 AND NOT (kind IN ('send', 'deliver') AND EXISTS (SELECT 1 FROM message m
			WHERE m.id = outbox.message_id AND m.tenant = outbox.tenant
				AND m.state IN (`+db.Placeholders(len(decided))+`)))`, texts(decided)...)
	default:
		and("done = 0")
	}
	if f.Kind != "" {
		and("kind = ?", string(f.Kind))
	}
	if f.Code != "" && f.Kind != Send && f.Kind != Deliver {
		and("kind IN ('send', 'deliver')")
	}
	if f.Moving {
		and("moving_since <> 0")
	}
	if f.Held {
		and("held <> 0")
	}
	if f.Lane != "" {
		and("lane = ?", strings.ToLower(f.Lane))
	}
	if !f.Before.IsZero() {
		and("created < ?", db.Micros(f.Before))
	}
	if cond, more := f.ofMessage(); cond != "" {
		and(`EXISTS (SELECT 1 FROM message m WHERE m.id = outbox.message_id AND m.tenant = outbox.tenant`+cond+
			`)`, more...)
	}
	return where, args
}

// ofMessage is what a filter says of the message m of a row.
func (f *JobFilter) ofMessage() (cond string, args []any) {
	and := func(c string, a ...any) { cond, args = cond+" AND "+c, append(args, a...) }
	if len(f.States) > 0 {
		and("m.state IN ("+db.Placeholders(len(f.States))+")", texts(f.States)...)
	}
	if f.Receiver != "" {
		and("LOWER(m.receiver) = ?", strings.ToLower(f.Receiver))
	}
	switch {
	case f.Code != "" && len(f.Uncoded) > 0:
		and("(m.fault_code = ? OR m.fault_code = '' AND m.state IN ("+db.Placeholders(len(f.Uncoded))+"))",
			append([]any{f.Code}, texts(f.Uncoded)...)...)
	case f.Code != "":
		and("m.fault_code = ?", f.Code)
	}
	return cond, args
}

func texts(states []State) (list []any) {
	for _, s := range states {
		list = append(list, string(s))
	}
	return list
}

// Backlog is the open work of a kind.
type Backlog struct {
	Kind    Kind
	Open    int64
	Waiting int64     // of these, what is not kept back: by an operator, or because no SMP knows the receiver
	Oldest  time.Time // when the oldest of Waiting was entered (REL-100); zero when there is none
}

// Age is how old the oldest waiting work is, 0 when there is none.
func (b Backlog) Age(now time.Time) time.Duration {
	if b.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(b.Oldest))
}

// backlogOf is what is counted of open work. What is kept back on purpose is not late.
const (
	backlogOf = `SELECT kind, COUNT(*), COUNT(CASE WHEN ` + notKept + ` THEN 1 END),
		COALESCE(MIN(CASE WHEN ` + notKept + ` THEN created END), 0) FROM outbox `
	notKept = `held = 0 AND moving_since = 0`
)

func scanBacklog(row db.Row) (b Backlog, err error) {
	var oldest int64
	err = row.Scan((*string)(&b.Kind), &b.Open, &b.Waiting, &oldest)
	b.Oldest = db.FromMicros(oldest)
	return b, err
}

// Backlogs returns the open work by kind.
func (s *Store) Backlogs(ctx context.Context, tenant string) ([]Backlog, error) {
	return db.ReadAll(ctx, s.DB, "backlogs", scanBacklog, backlogOf+`WHERE tenant = ? AND done = 0
		GROUP BY kind ORDER BY kind`, tenant)
}

// BlobUse says what the record knows of a blob.
type BlobUse int

// What the record may know of a blob.
const (
	BlobUnknown    BlobUse = iota // there is no message that it could belong to
	BlobSuperseded                // there is the message, which refers to others
	BlobUsed
)

// blobBatch is how many keys one query looks for.
const blobBatch = 200

var messagesOf = `SELECT id, payload_key, sealed_key FROM message WHERE id IN (` + db.Placeholders(blobBatch) + `)`

// BlobUses tells what messages of any tenant know of blob keys that BlobKey made (REL-007). Keys of other making count
// as used, so that nobody collects them.
func (s *Store) BlobUses(ctx context.Context, keys []string) (map[string]BlobUse, error) {
	uses := make(map[string]BlobUse, len(keys))
	for batch := range slices.Chunk(keys, blobBatch) {
		ids := make([]any, blobBatch)
		for i := range ids { // a short batch looks for its last one again
			ids[i], _, _ = cutKey(batch[min(i, len(batch)-1)])
		}
		known, err := db.ReadAll(ctx, s.DB, "blob uses", scanBlobKeys, messagesOf, ids...)
		if err != nil {
			return nil, err
		}
		of := map[string]blobKeys{}
		for _, k := range known {
			of[k.id] = k
		}
		for _, key := range batch {
			id, _, ours := cutKey(key)
			k, found := of[id]
			switch {
			case !ours || found && (k.payload == key || k.sealed == key):
				uses[key] = BlobUsed
			case found:
				uses[key] = BlobSuperseded
			default:
				uses[key] = BlobUnknown
			}
		}
	}
	return uses, nil
}

// cutKey takes a key apart that BlobKey made.
func cutKey(key string) (messageID, name string, ours bool) {
	return strings.Cut(strings.TrimPrefix(key, InlineMark), ".")
}

// blobKeys are the keys that a message refers to.
type blobKeys struct{ id, payload, sealed string }

func scanBlobKeys(row db.Row) (k blobKeys, err error) {
	err = row.Scan(&k.id, &k.payload, &k.sealed)
	return k, err
}

// BlobRow is a message with the keys of its blobs that are not kept in the record.
type BlobRow struct {
	MessageID string
	Keys      []string
}

// BlobRows returns messages of any tenant in the order of their ids, from the one after a given id on. Those without a
// blob of their own are among them, so that the last one says where to go on.
func (s *Store) BlobRows(ctx context.Context, after string, limit int) ([]BlobRow, error) {
	list, err := db.ReadAll(ctx, s.DB, "blob rows", scanBlobKeys,
		`SELECT id, payload_key, sealed_key FROM message WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	rows := make([]BlobRow, len(list))
	for i, k := range list {
		rows[i].MessageID = k.id
		for _, key := range []string{k.payload, k.sealed} {
			if key != "" && !strings.HasPrefix(key, InlineMark) {
				rows[i].Keys = append(rows[i].Keys, key)
			}
		}
	}
	return rows, err
}

// TypeCount is how many documents of a type came by.
type TypeCount struct {
	DocType, Process string
	Count            int64
}

// Types returns the document types of the messages since a time with their processes, sorted. It reads all of these
// messages.
func (s *Store) Types(ctx context.Context, tenant string, since time.Time) ([]TypeCount, error) {
	scan := func(row db.Row) (c TypeCount, err error) {
		err = row.Scan(&c.DocType, &c.Process, &c.Count)
		return c, err
	}
	return db.ReadAll(ctx, s.DB, "types", scan, `SELECT doctype, process, COUNT(*) FROM message
		WHERE tenant = ? AND created >= ? GROUP BY doctype, process ORDER BY doctype,
			process`, tenant, db.Micros(since))
}

package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/db"
)

// LookAt is how many rows a page of a list looks at (API-057).
const LookAt = 20_000

// Standing is a state in which messages are looked for.
type Standing struct {
	Direction Direction
	State     State
	Reached   Maybe // beside it, whether the message reached its goal: for states in which it ended either way
}

// Maybe is a condition on a truth.
type Maybe int

// Values of Maybe.
const (
	Either Maybe = iota
	Yes
	No
)

// Filter selects messages. Zero fields select all.
type Filter struct {
	Direction                     Direction
	Standings                     []Standing // one of them
	Participant, Sender, Receiver string     // in any case; Participant is one of the two
	DocType                       string     // the whole value, or without its version
	C2, C3                        string
	MessageID, InstanceID         string
	DocumentNumber                string
	Hash                          []byte    // SHA-256 of the payload, or of the file that was handed in
	From, To                      time.Time // From ≤ Created < To
	Before                        *Message  // continue a list after this message: Page.Next
	Limit                         int       // 0 means 100
	LookAt                        int       // rows that a page looks at; 0 means LookAt
}

// Found is a message of a list.
type Found struct {
	Message
	Attempts int
	Reached  bool // the next one has it for sure: C3 by its receipt, C4 by a delivery
}

// Page is a part of a list.
type Page struct {
	Found []Found
	Next  *Message // of which ID and Created are set: where the list goes on; nil at its end
}

// branch is one way along one index, and its condition.
type branch struct {
	where string
	args  []any
}

// wayMessageID and the others are ways that need more than one value.
const (
	wayMessageID = "direction = ? AND message_id = ?"
	wayNumber    = "document_number = ? AND document_number <> ''"
	wayState     = "direction = ? AND state = ?"
)

// branches returns the ways to the messages of a filter: the ids first, because few messages have the same, then the
// states in which few messages are, then the participants.
func (f *Filter) branches() (list []branch) {
	way := func(where string, args ...any) { list = append(list, branch{where, args}) }
	switch {
	case f.MessageID != "":
		for _, d := range []Direction{In, Out} {
			way(wayMessageID, string(d), f.MessageID)
		}
	case f.InstanceID != "":
		way("instance_id = ?", f.InstanceID)
	case f.DocumentNumber != "":
		way(wayNumber, f.DocumentNumber)
	case f.Hash != nil:
		way("payload_sha256 = ?", f.Hash)
		way("handed_in = ?", f.Hash)
	case len(f.Standings) > 0 && !slices.ContainsFunc(f.Standings, crowded):
		f.states(way)
	case f.Sender != "":
		way("LOWER(sender) = ?", strings.ToLower(f.Sender))
	case f.Receiver != "":
		way("LOWER(receiver) = ?", strings.ToLower(f.Receiver))
	case f.Participant != "":
		way("LOWER(sender) = ?", strings.ToLower(f.Participant))
		way("LOWER(receiver) = ?", strings.ToLower(f.Participant))
	case len(f.Standings) > 0:
		f.states(way)
	default:
		way("1 = 1")
	}
	return list
}

// states goes along each state once.
func (f *Filter) states(way func(string, ...any)) {
	seen := map[Standing]bool{}
	for _, s := range f.Standings {
		if s.Reached = Either; !seen[s] {
			way(wayState, string(s.Direction), string(s.State))
		}
		seen[s] = true
	}
}

// crowded reports whether nearly all messages end up in a state.
func crowded(s Standing) bool {
	return s.State == Sent || s.State == Closed || s.State == Delivered || s.State == Archived
}

// reached is Found.Reached.
const reached = `CASE WHEN m.direction = '` + string(Out) + `' THEN m.accepted <> 0 ELSE EXISTS (SELECT 1 FROM attempt a
	WHERE a.message_id = m.id AND a.tenant = m.tenant AND a.outcome = 'delivered') END`

// conditions returns the whole condition of a filter, for the rows m that were looked at.
func (f *Filter) conditions() (where string, args []any) {
	var all []string
	and := func(cond string, a ...any) { all, args = append(all, cond), append(args, a...) }
	equal := func(column, value string) {
		if value != "" {
			and(column+" = ?", value)
		}
	}
	equal("m.direction", string(f.Direction))
	equal("LOWER(m.sender)", strings.ToLower(f.Sender))
	equal("LOWER(m.receiver)", strings.ToLower(f.Receiver))
	equal("m.c2", f.C2)
	equal("m.c3", f.C3)
	equal("m.message_id", f.MessageID)
	equal("m.instance_id", f.InstanceID)
	equal("m.document_number", f.DocumentNumber)
	if f.Participant != "" {
		p := strings.ToLower(f.Participant)
		and("(LOWER(m.sender) = ? OR LOWER(m.receiver) = ?)", p, p)
	}
	if f.Hash != nil {
		and("(m.payload_sha256 = ? OR m.handed_in = ?)", f.Hash, f.Hash)
	}
	if f.DocType != "" {
		prefix := f.DocType + "::"
		and("(m.doctype = ? OR SUBSTR(m.doctype, 1, CAST(? AS INTEGER)) = ?)", f.DocType,
			utf8.RuneCountInString(prefix), prefix)
	}
	if len(f.Standings) > 0 {
		var either []string
		for _, s := range f.Standings {
			cond := "m.direction = ? AND m.state = ?"
			switch s.Reached {
			case Yes:
				cond += " AND " + reached
			case No:
				cond += " AND NOT " + reached
			}
			either, args = append(either, cond), append(args, string(s.Direction), string(s.State))
		}
		all = append(all, "("+strings.Join(either, " OR ")+")")
	}
	return strings.Join(append(all, "1 = 1"), " AND "), args
}

// window returns the condition of a way within the time of a filter.
func (f *Filter) window(tenant string, b branch) (where string, args []any) {
	where, args = "tenant = ? AND "+b.where, append([]any{tenant}, b.args...)
	and := func(cond string, a ...any) { where, args = where+" AND "+cond, append(args, a...) }
	if !f.From.IsZero() {
		and("created >= ?", db.Micros(f.From))
	}
	to := int64(math.MaxInt64)
	if !f.To.IsZero() {
		to = db.Micros(f.To)
		and("created < ?", to)
	}
	if f.Before != nil {
		if at := db.Micros(f.Before.Created); at < to { // one bound that the index knows
			and("created <= ?", at)
			and("(created < ? OR id < ?)", at, f.Before.ID)
		}
	}
	return where, args
}

const newestFirst = ` ORDER BY created DESC, id DESC`

// List returns messages, newest first. A page looks at LookAt rows at most and ends then, even short or empty, so that
// no list is slow, whatever it asks (API-057). All ways are read in one state of the database.
func (s *Store) List(ctx context.Context, tenant string, f Filter) (Page, error) {
	var all []Found
	var cut *Message // everything before it was looked at
	ways := f.branches()
	err := s.Snapshot(ctx, "list", func(r *db.Reader) error {
		for _, b := range ways {
			part, end, err := f.along(r, tenant, b, cmp.Or(f.LookAt, LookAt)/len(ways))
			if err != nil {
				return err
			}
			all = append(all, part...)
			if end != nil && (cut == nil || order(end, cut) < 0) {
				cut = end
			}
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(all, func(a, b Found) int { return order(&a.Message, &b.Message) })
	all = slices.CompactFunc(all, func(a, b Found) bool { return a.ID == b.ID })
	if cut != nil {
		all = slices.DeleteFunc(all, func(m Found) bool { return order(&m.Message, cut) > 0 })
	}
	if limit := f.limit(); len(all) > limit {
		all = all[:limit]
		cut = &all[limit-1].Message
	}
	return Page{Found: all, Next: place(cut)}, nil
}

func (f *Filter) limit() int { return cmp.Or(f.Limit, 100) }

// order compares places in a list, newest first.
func order(a, b *Message) int {
	return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID))
}

func place(m *Message) *Message {
	if m == nil {
		return nil
	}
	return &Message{ID: m.ID, Created: m.Created}
}

// query returns the statement that looks at rows on one way.
func (f *Filter) query(tenant string, b branch, rows int) (string, []any) {
	window, args := f.window(tenant, b)
	where, more := f.conditions()
	query := `SELECT ` + columns + `, (SELECT COUNT(*) FROM attempt a
			WHERE a.message_id = m.id AND a.tenant = m.tenant),
		CASE WHEN ` + reached + ` THEN 1 ELSE 0 END
		FROM (SELECT id AS seen FROM message WHERE ` + window + newestFirst + ` LIMIT ?) w CROSS JOIN message m
		WHERE m.id = w.seen AND ` + where + newestFirst + ` LIMIT ?`
	return query, append(append(append(args, rows), more...), f.limit()+1)
}

// along looks at rows on one way, returns those that the filter wants, and where it stopped, nil at the end of the way.
func (f *Filter) along(r *db.Reader, tenant string, b branch, rows int) (list []Found, end *Message, err error) {
	query, args := f.query(tenant, b, rows)
	if list, err = db.ReadIn(r, scanFound, query, args...); err != nil {
		return nil, nil, err
	}
	if len(list) > f.limit() {
		return list, &list[len(list)-1].Message, nil
	}
	window, args := f.window(tenant, b)
	last, err := db.ReadIn(r, scanPlace, `SELECT id, created FROM message WHERE `+window+newestFirst+
		` LIMIT 2 OFFSET ?`, append(args, rows-1)...)
	if err != nil || len(last) < 2 { // there is none behind the last that was looked at
		return list, nil, err
	}
	return list, &last[0], nil
}

func scanPlace(row db.Row) (m Message, err error) {
	var created int64
	err = row.Scan(&m.ID, &created)
	m.Created = db.FromMicros(created)
	return m, err
}

func scanFound(row db.Row) (f Found, err error) {
	var reached int64
	f.Message, err = scanMessage(wider{row, []any{&f.Attempts, &reached}})
	f.Reached = reached != 0
	return f, err
}

// wider is a row with more columns behind those that are scanned.
type wider struct {
	db.Row
	more []any
}

func (w wider) Scan(dest ...any) error { return w.Row.Scan(append(dest, w.more...)...) }

package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Class says which messages of a tenant are sent first. The zero value means Documents.
type Class int

// The classes, the most urgent first.
const (
	Statuses  Class = 1 + iota // message level statuses: others wait for them
	Documents                  // handed in one by one
	Batches                    // handed in many at a time
	Reports                    // of the month, which has days for them
)

// Lane is a target with due work of a tenant and a class.
type Lane struct {
	Name   string // the address or the backend; "" for work whose target is not known
	Tenant string
	Class  Class
	Due    time.Time // of the work that has been due longest
}

// LaneOf returns the lane of an address: its host, so that all paths of an access point count together.
func LaneOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint
	}
	return strings.ToLower(u.Host)
}

// Portion is how much due work of a lane, tenant and class is claimed.
type Portion struct {
	Lane   string
	Tenant string
	Class  Class
	Limit  int
	Newest bool // that which was due last instead of that which has been due longest
}

// maxHeads bounds how many lanes, tenants and classes are looked at in a claim.
const maxHeads = 10_000

// laneQueries are the statements for a kind of work that has lanes. Kind and index stand in their text: the index has
// the rows of that kind only.
type laneQueries struct{ due, claim, newest string }

// turns are the kinds that have lanes, each with its index.
var turns = map[Kind]laneQueries{
	Send: laneQueriesOf(Send, "outbox_turn"), Deliver: laneQueriesOf(Deliver, "outbox_deliver"),
}

func laneQueriesOf(kind Kind, index string) laneQueries {
	of := strings.NewReplacer("<kind>", "'"+string(kind)+"'", "<turn>", index)
	return laneQueries{
		due: of.Replace(dueLanes), claim: of.Replace(claimLane + "due, id LIMIT ?" + claimed),
		newest: of.Replace(claimLane + "due DESC, id DESC LIMIT ?" + claimed),
	}
}

// dueLanes goes along the index from lane to lane and from tenant to tenant, and there, in each class, to the first row
// that nobody holds: its cost is the number of lanes and tenants, not that of rows.
// Left to itself SQLite looks for the next lane in all rows of outbox_due.
const dueLanes = `WITH RECURSIVE lanes(lane) AS (
		SELECT MIN(lane) FROM outbox {indexed by <turn>} WHERE kind = <kind> AND done = 0
		UNION ALL
		SELECT (SELECT MIN(o.lane) FROM outbox o {indexed by <turn>}
			WHERE o.kind = <kind> AND o.done = 0 AND o.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL),
	turns(lane, tenant) AS (
		SELECT lane, (SELECT MIN(o.tenant) FROM outbox o {indexed by <turn>}
			WHERE o.kind = <kind> AND o.done = 0 AND o.lane = lanes.lane) FROM lanes WHERE lane IS NOT NULL
		UNION ALL
		SELECT lane, (SELECT MIN(o.tenant) FROM outbox o {indexed by <turn>}
			WHERE o.kind = <kind> AND o.done = 0 AND o.lane = turns.lane AND o.tenant > turns.tenant)
			FROM turns WHERE turns.tenant IS NOT NULL),
	classes(class) AS (VALUES (1), (2), (3), (4)),
	heads(lane, tenant, class, due) AS (SELECT lane, tenant, class, (SELECT due FROM outbox o
		WHERE o.kind = <kind> AND o.done = 0 AND o.lane = turns.lane AND o.tenant = turns.tenant
			AND o.class = classes.class AND ` + isDue + ` AND ` + over + `
		ORDER BY due, id LIMIT 1) FROM turns CROSS JOIN classes WHERE tenant IS NOT NULL)
	SELECT lane, tenant, class, due FROM heads WHERE due IS NOT NULL LIMIT ?`

const (
	claimLane = `UPDATE outbox SET owner = ?, ` + grant + `,
	token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id IN (SELECT id FROM outbox WHERE kind = <kind> AND lane = ? AND tenant = ?
		AND class = ? AND done = 0 AND ` + isDue + ` AND ` + over + ` ORDER BY `
	claimed     = `{skip locked}) RETURNING ` + jobColumns
	redirectJob = `UPDATE outbox SET lane = ?, lease_end = 0, token = token + 1, tries = tries - 1,
		unended = unended - 1` + held
)

// ClaimLanes is Claim for a kind of work that has lanes, Send or Deliver: share is told which lanes have due work, of
// which tenants and classes, and says how much of each is claimed. It must not call the store.
func (s *Store) ClaimLanes(ctx context.Context, c Claim, share func([]Lane) []Portion) ([]Job, error) {
	var jobs []Job
	q, ok := turns[c.Kind]
	if !ok {
		return nil, fmt.Errorf("store: %s has no lanes", c.Kind)
	}
	err := s.UpdateAny(ctx, s.in(func(tx *Tx) error {
		jobs = nil
		lanes, err := db.ChangeAll(tx.Tx, scanLane, q.due,
			append(append([]any{tx.Clock()}, tx.overNow()...), maxHeads)...)
		if err != nil {
			return err
		}
		for _, p := range share(lanes) {
			query := q.claim
			if p.Newest {
				query = q.newest
			}
			args := append([]any{c.Owner}, tx.lease(c.Lease)...)
			args = append(append(args, p.Lane, p.Tenant, int(p.Class), tx.Clock()), tx.overNow()...)
			some, err := db.ChangeAll(tx.Tx, scanJob, query, append(args, p.Limit)...)
			if err != nil {
				return err
			}
			jobs = append(jobs, some...)
		}
		return nil
	}))
	return s.claimed(ctx, jobs, err)
}

func scanLane(row db.Row) (l Lane, err error) {
	var due int64
	err = row.Scan(&l.Name, &l.Tenant, (*int)(&l.Class), &due)
	l.Due = db.FromMicros(due)
	return l, err
}

// latestEndpoint looks at the latest messages of a receiver only: for one that we serve ourselves there may be many
// that came in.
const latestEndpoint = `SELECT endpoint FROM (SELECT endpoint, direction FROM message
		WHERE tenant = ? AND LOWER(receiver) = ? ORDER BY created DESC LIMIT 20) latest
	WHERE direction = 'out' AND endpoint <> '' LIMIT 1`

// probableLane is that of the last message to the receiver: so a new one need not be looked up to wait for an access
// point that fails. A lookup decides where it goes.
func (tx *Tx) probableLane(receiver string) (string, error) {
	scan := func(row db.Row) (s string, err error) { err = row.Scan(&s); return s, err }
	endpoint, err := db.One(tx.Tx, scan, latestEndpoint, tx.Tenant(), strings.ToLower(receiver))
	if errors.Is(err, db.ErrNotFound) {
		return "", nil
	}
	return LaneOf(endpoint), err
}

// Redirect gives a job back whose work was not begun, because its target, which is known now, takes no more. The claim
// does not count.
func (s *Store) Redirect(ctx context.Context, job Job, lane string) error {
	return s.Update(ctx, job.Tenant, func(tx *Tx) error { return tx.updateHeld(job, redirectJob, lane) })
}

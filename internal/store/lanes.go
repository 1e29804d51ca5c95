package store

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// Lane is a target with due work.
type Lane struct {
	Name string    // the address; "" for work whose target is not known
	Due  time.Time // of the work that has been due longest
}

// LaneOf returns the lane of an address: its host, so that all paths of an access point count together.
func LaneOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint
	}
	return strings.ToLower(u.Host)
}

// Portion is how much due work of a lane is claimed.
type Portion struct {
	Lane   string
	Limit  int
	Newest bool // that which was due last instead of that which has been due longest
}

// maxLanes bounds how many lanes are looked at in a claim.
const maxLanes = 10_000

// dueLanes goes from lane to lane along outbox_lane, and in each to the first row that nobody holds: its cost is the
// number of lanes, not that of rows. Left to itself SQLite looks for the next lane in all rows of outbox_due.
const dueLanes = `WITH RECURSIVE lanes(lane) AS (
		SELECT MIN(lane) FROM outbox {indexed by outbox_lane} WHERE kind = 'send' AND done = 0
		UNION ALL
		SELECT (SELECT MIN(o.lane) FROM outbox o {indexed by outbox_lane}
			WHERE o.kind = 'send' AND o.done = 0 AND o.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL),
	heads(lane, due) AS (SELECT lane, (SELECT due FROM outbox o
		WHERE o.kind = 'send' AND o.done = 0 AND o.lane = lanes.lane AND ` + isDue + ` AND ` + over + `
		ORDER BY due, id LIMIT 1) FROM lanes WHERE lane IS NOT NULL)
	SELECT lane, due FROM heads WHERE due IS NOT NULL LIMIT ?`

const (
	claimLane = `UPDATE outbox SET owner = ?, ` + grant + `,
	token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id IN (SELECT id FROM outbox WHERE kind = 'send' AND lane = ? AND done = 0 AND ` + isDue + `
		AND ` + over + ` ORDER BY due, id LIMIT ?{skip locked})
	RETURNING ` + jobColumns
	claimNewest = `UPDATE outbox SET owner = ?, ` + grant + `,
	token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id IN (SELECT id FROM outbox WHERE kind = 'send' AND lane = ? AND done = 0 AND ` + isDue + `
		AND ` + over + ` ORDER BY due DESC, id DESC LIMIT ?{skip locked})
	RETURNING ` + jobColumns
	redirectJob = `UPDATE outbox SET lane = ?, lease_end = 0, token = token + 1, tries = tries - 1,
		unended = unended - 1` + held
)

// ClaimLanes is Claim for messages to be sent: share is told which lanes have due work, and says how much of each is
// claimed. It must not call the store.
func (s *Store) ClaimLanes(ctx context.Context, c Claim, share func([]Lane) []Portion) ([]Job, error) {
	var jobs []Job
	err := s.UpdateAny(ctx, s.in(func(tx *Tx) error {
		jobs = nil
		lanes, err := db.ChangeAll(tx.Tx, scanLane, dueLanes,
			append(append([]any{tx.Clock()}, tx.overNow()...), maxLanes)...)
		if err != nil {
			return err
		}
		for _, p := range share(lanes) {
			query := claimLane
			if p.Newest {
				query = claimNewest
			}
			args := append([]any{c.Owner}, tx.lease(c.Lease)...)
			args = append(append(args, p.Lane, tx.Clock()), tx.overNow()...)
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
	err = row.Scan(&l.Name, &due)
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

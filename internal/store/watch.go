package store

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

// What follows is for watching a whole installation: it counts over all tenants. Both counts read one index from end to
// end, so their callers keep the results for a while.

// CountsOfAll is Counts over all tenants.
func (s *Store) CountsOfAll(ctx context.Context) ([]StateCount, error) {
	scan := func(row db.Row) (c StateCount, err error) {
		err = row.Scan((*string)(&c.Direction), (*string)(&c.State), &c.Messages)
		return c, err
	}
	list, err := db.ReadAll(ctx, s.DB, "counts of all", scan, `SELECT direction, state, COUNT(*) FROM message
		GROUP BY tenant, direction, state`)
	return sumStates(list), err
}

// sumStates adds the rows of tenants.
func sumStates(list []StateCount) (all []StateCount) {
	at := map[StateCount]int{}
	for _, c := range list {
		key := StateCount{c.Direction, c.State, 0}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key], all = i, append(all, key)
		}
		all[i].Messages += c.Messages
	}
	return all
}

// BacklogsOfAll is Backlogs over all tenants.
func (s *Store) BacklogsOfAll(ctx context.Context) ([]Backlog, error) {
	return db.ReadAll(ctx, s.DB, "backlogs of all", scanBacklog, backlogOf+`WHERE done = 0 GROUP BY kind`)
}

// InState is a message for a list of what needs a look.
type InState struct {
	Tenant, ID, Code string
	Updated          time.Time
}

func scanInState(row db.Row) (m InState, err error) {
	var at int64
	err = row.Scan(&m.Tenant, &m.ID, &m.Code, &at)
	m.Updated = db.FromMicros(at)
	return m, err
}

// latestIn goes along message_state. The bound of created is what it costs at most.
const latestIn = `SELECT tenant, id, fault_code, updated FROM message
	WHERE tenant = ? AND direction = ? AND state = ? AND created >= ? AND updated >= ?
	ORDER BY created DESC, id DESC LIMIT ?`

// LatestIn returns the newest messages that are in a state, at most limit, of those that were handed in or accepted
// since a time, and changed last since another one.
func (s *Store) LatestIn(ctx context.Context, tenant string, d Direction, state State, since, changed time.Time,
	limit int,
) ([]InState, error) {
	return db.ReadAll(ctx, s.DB, "latest in a state", scanInState, latestIn, tenant, string(d), string(state),
		db.Micros(since), db.Micros(changed), limit)
}

// givenUp goes along outbox_dead, so that it costs what was given up in the time, however long it was under way.
const givenUp = `SELECT m.tenant, m.id, m.fault_code, m.updated FROM outbox o {indexed by outbox_dead}
	JOIN message m ON m.id = o.message_id AND m.tenant = o.tenant
	WHERE o.tenant = ? AND o.kind = ? AND o.dead = 1 AND o.done >= ? AND m.state = ?
	ORDER BY o.done DESC, o.id DESC LIMIT ?`

// GivenUp returns the messages whose sending or delivery was given up since a time and that are still in a state, at
// most limit, the last one first. It does not matter when they were handed in or accepted.
func (s *Store) GivenUp(ctx context.Context, tenant string, kind Kind, state State, since time.Time, limit int) (
	[]InState, error,
) {
	return db.ReadAll(ctx, s.DB, "given up", scanInState, givenUp, tenant, string(kind), db.Micros(since),
		string(state), limit)
}

// waiting leaves out what an operator holds along outbox_turn: that is never due.
const waiting = `SELECT COUNT(*) FROM (SELECT 1 FROM outbox {indexed by outbox_turn}
	WHERE kind = 'send' AND done = 0 AND lane = ? AND due < ` + never + ` AND moving_since = 0 LIMIT ?) w`

// Waiting is how many messages wait for a lane and are not kept back, counted up to limit.
func (s *Store) Waiting(ctx context.Context, lane string, limit int) (int64, error) {
	return db.ReadOne(ctx, s.DB, "waiting for a lane", db.ScanInt, waiting, lane, limit)
}

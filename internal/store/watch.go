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
	scan := func(row db.Row) (b Backlog, err error) {
		var oldest int64
		err = row.Scan((*string)(&b.Kind), &b.Open, &oldest)
		b.Oldest = db.FromMicros(oldest)
		return b, err
	}
	return db.ReadAll(ctx, s.DB, "backlogs of all", scan, `SELECT kind, COUNT(*), MIN(created) FROM outbox
		WHERE done = 0 GROUP BY kind`)
}

// InState is a message for a list of what needs a look.
type InState struct {
	Tenant, ID, Code string
	Updated          time.Time
}

// LatestIn returns the newest messages that are in a state, at most limit, of those that were handed in or accepted
// since a time.
func (s *Store) LatestIn(ctx context.Context, tenant string, d Direction, state State, since time.Time, limit int) (
	[]InState, error,
) {
	scan := func(row db.Row) (m InState, err error) {
		var at int64
		err = row.Scan(&m.Tenant, &m.ID, &m.Code, &at)
		m.Updated = db.FromMicros(at)
		return m, err
	}
	return db.ReadAll(ctx, s.DB, "latest in a state", scan, `SELECT tenant, id, fault_code, updated FROM message
		WHERE tenant = ? AND direction = ? AND state = ? AND created >= ? ORDER BY created DESC, id DESC LIMIT ?`,
		tenant, string(d), string(state), db.Micros(since), limit)
}

// Waiting is how many messages wait for a lane, counted up to limit.
func (s *Store) Waiting(ctx context.Context, lane string, limit int) (int64, error) {
	return db.ReadOne(ctx, s.DB, "waiting for a lane", db.ScanInt, `SELECT COUNT(*) FROM (SELECT 1 FROM outbox
		WHERE kind = 'send' AND done = 0 AND lane = ? LIMIT ?) w`, lane, limit)
}

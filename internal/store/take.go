package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
)

const takeJob = `UPDATE outbox SET owner = ?, ` + grant + `, token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id = ? AND tenant = ? AND done = 0 AND held = 0 AND ` + over + `
	RETURNING ` + jobColumns

// Take leases the job of one message, due or not, for an operator who wants it done now. db.ErrConflict means that it
// is done, given up, held by a worker, or held back by an operator.
func (s *Store) Take(ctx context.Context, tenant string, kind Kind, messageID, owner string, lease time.Duration) (Job,
	error,
) {
	var job Job
	err := s.Update(ctx, tenant, func(tx *Tx) (err error) {
		job, err = tx.take(kind, messageID, owner, lease)
		return err
	})
	return job, err
}

func (tx *Tx) take(kind Kind, messageID, owner string, lease time.Duration) (Job, error) {
	args := append([]any{owner}, tx.lease(lease)...)
	args = append(append(args, jobID(tx.Tenant(), kind, messageID), tx.Tenant()), tx.overNow()...)
	job, err := db.Change(tx.Tx, scanJob, takeJob, args...)
	if errors.Is(err, db.ErrNotFound) {
		err = fmt.Errorf("%w: no open work of kind %s for the message", db.ErrConflict, kind)
	}
	job.Unended-- // the row counts this claim as well
	return job, err
}
